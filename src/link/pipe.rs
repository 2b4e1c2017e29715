//! One direction of one connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::base::{ConnId, Direction, Distribution, NodeId, Rng, Time};
use crate::net::{Conduit, Parcel};
use crate::protocol::{Protocol, Seen, Tap};
use crate::trace::{EventKind, Fate, Message, Recorder};

/// What the two directions of a connection share.
pub(super) struct Wire {
    pub(super) conn: ConnId,
    /// Who asked for the connection.
    pub(super) from: NodeId,
    /// Who accepts it.
    pub(super) to: NodeId,
    pub(super) protocol: Protocol,
    pub(super) tap: Mutex<Tap>,
    pub(super) recorder: Recorder,
    pub(super) span: tracing::Span,
    pub(super) names: Arc<[String]>,
    /// Dropped with the last of the connection, so that the end of a run can wait for it.
    pub(super) _token: TaskTrackerToken,
}

impl Wire {
    fn tap(&self) -> MutexGuard<'_, Tap> {
        self.tap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sender(&self, direction: Direction) -> NodeId {
        match direction {
            Direction::Request => self.from,
            Direction::Response => self.to,
        }
    }

    fn name(&self, node: NodeId) -> &str {
        self.names.get(node.index()).map_or("outside", String::as_str)
    }
}

/// What a segment, and each further message in it, counts besides its bytes: about the memory that it
/// takes. Somebody who sends byte by byte to one who never reads fills the window by what is kept of
/// it, as a kernel's buffers are filled by the room of the packets.
const SEGMENT_BYTES: usize = 256;

/// One direction of a connection: latency, first in, first out, every message recorded.
pub(super) struct Pipe {
    wire: Arc<Wire>,
    direction: Direction,
    latency: Distribution,
    rng: Rng,
    queue: VecDeque<Segment>,
    /// When the last segment is delivered; no later one may overtake it.
    last: Time,
    /// What all of the queue takes.
    held: usize,
}

/// What was written at once, and the messages that end in it.
struct Segment {
    at: Time,
    sent: Time,
    parcel: Parcel,
    first: Option<Seen>,
    more: Vec<Seen>,
}

impl Segment {
    fn size(&self) -> usize {
        match &self.parcel {
            Parcel::Bytes(bytes) => bytes.len() + SEGMENT_BYTES * (1 + self.more.len()),
            Parcel::End | Parcel::Reset => 0,
        }
    }
}

impl Pipe {
    pub(super) fn new(
        wire: Arc<Wire>,
        direction: Direction,
        latency: Distribution,
        rng: Rng,
    ) -> Pipe {
        Pipe { wire, direction, latency, rng, queue: VecDeque::new(), last: Time::ZERO, held: 0 }
    }

    /// When what is sent now arrives.
    fn arrival(&mut self, now: Time) -> Time {
        let at = now + self.latency.sample(&mut self.rng);
        self.last = self.last.max(at);
        self.last
    }

    fn record(&self, at: Time, sent: Time, seen: Seen, fate: Fate) {
        let from = self.wire.sender(self.direction);
        let to = self.wire.sender(self.direction.reverse());
        let protocol = self.wire.protocol.as_str();
        tracing::info!(
            target: "looplab::message",
            parent: &self.wire.span,
            seq = seen.seq.0,
            from = self.wire.name(from),
            to = self.wire.name(to),
            protocol,
            summary = %seen.summary,
            fate = fate.as_str(),
            length = seen.length,
        );
        let message = Message {
            seq: seen.seq,
            sent,
            conn: self.wire.conn,
            direction: self.direction,
            from,
            to,
            protocol: protocol.into(),
            summary: seen.summary,
            fate,
            fault: None,
            cause: seen.cause,
            length: seen.length,
            bytes: seen.bytes,
            arrived: None,
        };
        self.wire.recorder.record(at, EventKind::Message(Box::new(message)));
    }
}

impl Conduit for Pipe {
    fn push(&mut self, now: Time, bytes: Bytes) {
        let at = self.arrival(now);
        let (mut first, mut more) = (None, Vec::new());
        let recorder = &self.wire.recorder;
        self.wire.tap().push(self.direction, &bytes, &|| recorder.next_seq(), &mut |seen| {
            match &first {
                None => first = Some(seen),
                Some(_) => more.push(seen),
            }
        });
        let segment = Segment { at, sent: now, parcel: Parcel::Bytes(bytes), first, more };
        self.held += segment.size();
        self.queue.push_back(segment);
    }

    fn end(&mut self, now: Time, reset: bool) {
        let at = self.arrival(now);
        let mut first = None;
        let recorder = &self.wire.recorder;
        self.wire
            .tap()
            .end(self.direction, &|| recorder.next_seq(), &mut |seen| first = Some(seen));
        let parcel = if reset { Parcel::Reset } else { Parcel::End };
        self.queue.push_back(Segment { at, sent: now, parcel, first, more: Vec::new() });
    }

    fn next(&mut self, now: Time) -> Option<Parcel> {
        if self.queue.front()?.at > now {
            return None;
        }
        let segment = self.queue.pop_front()?;
        self.held -= segment.size();
        for seen in segment.first.into_iter().chain(segment.more) {
            self.record(now, segment.sent, seen, Fate::Delivered);
        }
        let (conn, by) = (self.wire.conn, self.wire.sender(self.direction));
        match &segment.parcel {
            Parcel::Bytes(_) => {}
            Parcel::End => {
                tracing::debug!(target: "looplab::connection", parent: &self.wire.span, by = self.wire.name(by), "close");
                self.wire.recorder.record(now, EventKind::Close { conn, by });
            }
            Parcel::Reset => {
                tracing::debug!(target: "looplab::connection", parent: &self.wire.span, by = self.wire.name(by), "reset");
                self.wire.recorder.record(now, EventKind::Reset { conn, by });
            }
        }
        Some(segment.parcel)
    }

    fn deadline(&self) -> Option<Time> {
        self.queue.front().map(|segment| segment.at)
    }

    fn in_flight(&self) -> usize {
        self.held
    }

    fn accepted(&mut self, now: Time) {
        let (conn, node) = (self.wire.conn, self.wire.to);
        tracing::debug!(target: "looplab::connection", parent: &self.wire.span, node = self.wire.name(node), "accept");
        self.wire.recorder.record(now, EventKind::Accept { conn, node });
    }
}

impl Drop for Pipe {
    /// What is still under way when the connection or the run ends is lost, and the trace says so.
    fn drop(&mut self) {
        let queue = std::mem::take(&mut self.queue);
        for segment in queue {
            for seen in segment.first.into_iter().chain(segment.more) {
                self.record(segment.at, segment.sent, seen, Fate::Lost);
            }
        }
    }
}
