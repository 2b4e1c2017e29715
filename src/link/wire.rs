//! What the two directions of a connection share, and how each has the other looked at.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio_util::task::task_tracker::TaskTrackerToken;

use super::faults::{Faults, Loose};
use crate::base::{ConnId, Direction, NodeId, Rng, Seq, Time};
use crate::net::Nudge;
use crate::protocol::{Protocol, Seen, Tap};
use crate::trace::{Arrived, EventKind, Fate, Message, Recorder};

/// What the two directions of a connection share.
pub(super) struct Wire {
    pub(super) conn: ConnId,
    /// Who asked for the connection.
    pub(super) from: NodeId,
    /// Who accepts it.
    pub(super) to: NodeId,
    /// Its number among those of these two, from 1.
    pub(super) number: u64,
    pub(super) protocol: Protocol,
    pub(super) bytes_max: u32,
    pub(super) tap: Mutex<Tap>,
    pub(super) recorder: Recorder,
    pub(super) span: tracing::Span,
    pub(super) names: Arc<[String]>,
    pub(super) rng: Rng,
    pub(super) faults: Faults,
    pub(super) lanes: [Lanes; 2],
    pub(super) joint: Mutex<Joint>,
    /// The fault that has broken it off.
    pub(super) broken_by: OnceLock<Arc<str>>,
    /// How often its two ends had crashed when it was made.
    pub(super) crashes: [u64; 2],
}

/// What others may do to one direction.
#[derive(Default)]
pub(super) struct Lanes {
    /// Faults, or the other direction, have changed something that it has not looked at.
    stale: AtomicBool,
    nudge: OnceLock<Nudge>,
}

/// What both directions write and read.
#[derive(Default)]
pub(super) struct Joint {
    /// What each direction is asked to do.
    asked: [Vec<Ask>; 2],
    /// The faults that choose among connections and have met this one.
    met: BTreeMap<u64, Met>,
    /// Which directions are over.
    ended: [bool; 2],
    /// A fault met this connection.
    harmed: bool,
    /// Replies to copies of requests are still to come, and are to be taken.
    pub(super) copies: bool,
    /// Dropped with the last of the connection, so that the end of a run can wait for it.
    token: Option<TaskTrackerToken>,
}

/// What one direction asks of the other.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    /// To end: a fault closes the connection.
    Close(Arc<str>),
    /// To break off, at that time, while the fault is in force.
    Reset(Time, Arc<Loose>),
    /// To break off now: the connection is closed, and somebody still writes.
    Answer(Arc<str>),
    /// To put these bytes between two messages.
    Insert(bytes::Bytes),
}

/// A fault met a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met {
    pub(super) chosen: bool,
    pub(super) at: Time,
    counted: bool,
}

/// What a line of the trace says of a message besides what the tap saw.
pub(super) struct Fared {
    pub(super) sent: Time,
    pub(super) fate: Fate,
    pub(super) fault: Option<Arc<str>>,
    pub(super) arrived: Option<Box<Arrived>>,
}

impl Joint {
    /// What nobody has written or read yet.
    pub(super) fn new(token: TaskTrackerToken) -> Joint {
        Joint { token: Some(token), ..Joint::default() }
    }
}

impl Fared {
    /// Nothing special.
    pub(super) fn plainly(sent: Time, fate: Fate) -> Fared {
        Fared { sent, fate, fault: None, arrived: None }
    }
}

fn index(direction: Direction) -> usize {
    match direction {
        Direction::Request => 0,
        Direction::Response => 1,
    }
}

impl Wire {
    pub(super) fn tap(&self) -> MutexGuard<'_, Tap> {
        self.tap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn joint(&self) -> MutexGuard<'_, Joint> {
        self.joint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn sender(&self, direction: Direction) -> NodeId {
        match direction {
            Direction::Request => self.from,
            Direction::Response => self.to,
        }
    }

    pub(super) fn receiver(&self, direction: Direction) -> NodeId {
        self.sender(direction.reverse())
    }

    pub(super) fn name(&self, node: NodeId) -> &str {
        self.names.get(node.index()).map_or("outside", String::as_str)
    }

    /// The name of what stands in one direction: `link:app->db:request:1`.
    pub(super) fn link_name(&self, direction: &str) -> String {
        let (from, to) = (self.name(self.from), self.name(self.to));
        format!("link:{from}->{to}:{direction}:{}", self.number)
    }

    /// Has a direction look at the faults when it is next used.
    pub(super) fn make_stale(&self, direction: Direction) {
        self.lanes[index(direction)].stale.store(true, Ordering::Release);
    }

    /// True, once, if the direction has to look at the faults.
    pub(super) fn take_stale(&self, direction: Direction) -> bool {
        let stale = &self.lanes[index(direction)].stale;
        stale.load(Ordering::Relaxed) && stale.swap(false, Ordering::AcqRel)
    }

    pub(super) fn is_stale(&self, direction: Direction) -> bool {
        self.lanes[index(direction)].stale.load(Ordering::Relaxed)
    }

    pub(super) fn attach(&self, direction: Direction, nudge: Nudge) {
        let _ = self.lanes[index(direction)].nudge.set(nudge);
    }

    /// Has a direction looked at soon.
    pub(super) fn nudge(&self, direction: Direction) {
        if let Some(nudge) = self.lanes[index(direction)].nudge.get() {
            nudge.nudge();
        }
    }

    /// Has a direction look at the faults, soon.
    pub(super) fn look(&self, direction: Direction) {
        self.make_stale(direction);
        self.nudge(direction);
    }

    /// Asks something of a direction.
    pub(super) fn ask(&self, direction: Direction, ask: Ask) {
        self.joint().asked[index(direction)].push(ask);
        self.look(direction);
    }

    /// What a direction is asked.
    pub(super) fn asked(&self, direction: Direction) -> Vec<Ask> {
        std::mem::take(&mut self.joint().asked[index(direction)])
    }

    /// Whether a fault that chooses among connections means this one, and since when; the first time this
    /// is asked decides.
    pub(super) fn met(&self, loose: &Loose, now: Time) -> Met {
        let mut joint = self.joint();
        if let Some(met) = joint.met.get(&loose.number()) {
            return *met;
        }
        joint.harmed = true;
        let chosen = loose
            .chooses_connection(|| loose.draws_of(&self.rng, &self.link_name("connection")).unit());
        let met = Met { chosen, at: now, counted: false };
        joint.met.insert(loose.number(), met);
        met
    }

    /// Counts the connection among what a fault touched, once.
    pub(super) fn count(&self, loose: &Loose) {
        if let Some(met) = self.joint().met.get_mut(&loose.number())
            && !std::mem::replace(&mut met.counted, true)
        {
            loose.touch();
        }
    }

    /// True if a direction is asked something, or has to watch for replies to copies.
    pub(super) fn is_asked(&self, direction: Direction) -> bool {
        let joint = self.joint();
        let copies = direction == Direction::Response && joint.copies;
        copies || !joint.asked[index(direction)].is_empty()
    }

    /// A direction is over. When both are, nobody need wait for the connection any more.
    pub(super) fn ended(&self, direction: Direction) {
        let token = {
            let mut joint = self.joint();
            joint.ended[index(direction)] = true;
            let over = joint.ended == [true, true] && joint.harmed;
            if over { joint.token.take() } else { None }
        };
        if token.is_some() {
            drop(token);
            self.look(direction.reverse());
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.joint().ended == [true, true]
    }

    pub(super) fn set_harmed(&self) {
        self.joint().harmed = true;
    }

    /// The fate of a message is settled: the faults that were about nothing else are over.
    pub(super) fn settled(&self, only: &[(Arc<Loose>, Seq)]) {
        for (loose, cause) in only {
            self.faults.met_cause(loose, self.conn, *cause);
        }
    }

    pub(super) fn record(&self, at: Time, direction: Direction, seen: Seen, fared: Fared) {
        let (from, to) = (self.sender(direction), self.receiver(direction));
        let protocol = self.protocol.as_str();
        tracing::info!(
            target: "looplab::message",
            parent: &self.span,
            seq = seen.seq.0,
            from = self.name(from),
            to = self.name(to),
            protocol,
            summary = %seen.summary,
            fate = fared.fate.as_str(),
            length = seen.length,
        );
        let message = Message {
            seq: seen.seq,
            sent: fared.sent,
            conn: self.conn,
            direction,
            from,
            to,
            protocol: protocol.into(),
            summary: seen.summary,
            fate: fared.fate,
            fault: fared.fault.as_deref().map(str::to_owned),
            cause: seen.cause,
            length: seen.length,
            bytes: seen.bytes,
            arrived: fared.arrived,
        };
        self.recorder.record(at, EventKind::Message(Box::new(message)));
    }

    /// One direction has ended, in order or not.
    pub(super) fn record_end(&self, at: Time, direction: Direction, reset: bool) {
        let (conn, by) = (self.conn, self.sender(direction));
        let name = self.name(by);
        if reset {
            tracing::debug!(target: "looplab::connection", parent: &self.span, by = name, "reset");
            let fault = self.broken_by.get().map(|fault| fault.to_string());
            self.recorder.record(at, EventKind::Reset { conn, by, fault });
        } else {
            tracing::debug!(target: "looplab::connection", parent: &self.span, by = name, "close");
            self.recorder.record(at, EventKind::Close { conn, by });
        }
    }
}
