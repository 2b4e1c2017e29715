//! One direction of one connection.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::faults::{Lane, PIECE_BYTES, UnderWay};
use super::pace::Paced;
use super::wire::{Fared, Wire};
use crate::base::{Direction, Distribution, Rng, Time};
use crate::net::{Conduit, Nudge, Parcel};
use crate::protocol::{Protocol, Seen};
use crate::trace::{EventKind, Fate};

/// How much of a protocol with messages is taken at once: they may be as small as a byte, and something is kept
/// beside each.
const APPETITE_BYTES: usize = 16 * 1024;

/// One direction of a connection: latency, first in, first out, every message recorded. While faults
/// meet it, a [`Lane`] does its work.
pub(super) struct Pipe {
    wire: Arc<Wire>,
    direction: Direction,
    latency: Distribution,
    rng: Rng,
    /// Who decides how long messages are under way, if not chance.
    paced: Option<Box<Paced>>,
    queue: VecDeque<Segment>,
    /// When the last segment is delivered; no later one may overtake it.
    last: Time,
    /// What all of the queue takes.
    held: usize,
    /// How many bytes of a message that is not whole have arrived.
    within: u64,
    /// The sender has ended the direction.
    ended: bool,
    lane: Option<Box<Lane>>,
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
            Parcel::Bytes(bytes) => bytes.len() + PIECE_BYTES * (1 + self.more.len()),
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
        paced: Option<Box<Paced>>,
    ) -> Pipe {
        Pipe {
            wire,
            direction,
            latency,
            rng,
            paced,
            queue: VecDeque::new(),
            last: Time::ZERO,
            held: 0,
            within: 0,
            ended: false,
            lane: None,
        }
    }

    /// When what is sent now arrives.
    fn arrival(&mut self, now: Time) -> Time {
        let drawn = self.latency.sample(&mut self.rng);
        let delay = match &mut self.paced {
            None => drawn,
            Some(paced) => paced.delay(now, self.wire.recorder.numbered(), self.latency, drawn),
        };
        self.last = self.last.max(now + delay);
        self.last
    }

    /// When the end of the direction arrives, that is sent now: it is no message, and takes what is typical
    /// if not chance decides.
    fn arrival_of_end(&mut self, now: Time) -> Time {
        let drawn = self.latency.sample(&mut self.rng);
        let delay = if self.paced.is_some() { self.latency.typical() } else { drawn };
        self.last = self.last.max(now + delay);
        self.last
    }

    /// Takes note of the messages that end in what was sent.
    fn sent(&mut self) {
        if let Some(paced) = &mut self.paced {
            paced.sent(&self.wire.tap(), self.direction);
        }
    }

    /// Looks at the faults if they have changed.
    fn look(&mut self, now: Time) {
        if !self.wire.take_stale(self.direction) {
            return;
        }
        if self.lane.is_none()
            && !self.ended_for_good()
            && Lane::is_needed(&self.wire, self.direction)
        {
            self.make_lane();
        }
        if let Some(lane) = &mut self.lane {
            lane.look(now);
        }
        self.leave_lane();
    }

    /// True if nothing will ever come here again.
    fn ended_for_good(&self) -> bool {
        self.ended && self.queue.is_empty() && self.wire.is_over()
    }

    fn make_lane(&mut self) {
        let mut lane = Lane::new(self.wire.clone(), self.direction, self.within);
        for segment in std::mem::take(&mut self.queue) {
            let Segment { at, sent, parcel, first, more } = segment;
            let seen = first.into_iter().chain(more).collect();
            lane.take_over(UnderWay { at, sent, parcel, seen });
        }
        if self.ended {
            lane.set_ended();
        }
        self.held = 0;
        self.lane = Some(Box::new(lane));
    }

    /// Goes on by itself if no fault meets it any more.
    fn leave_lane(&mut self) {
        if let Some(within) = self.lane.as_ref().and_then(|lane| lane.leaves()) {
            self.within = within;
            self.lane = None;
        }
    }
}

impl Conduit for Pipe {
    fn attach(&mut self, nudge: Nudge) {
        let stale = self.wire.is_stale(self.direction);
        self.wire.attach(self.direction, nudge);
        if stale {
            self.wire.nudge(self.direction);
        }
    }

    fn push(&mut self, now: Time, bytes: Bytes) {
        self.look(now);
        let at = self.arrival(now);
        if let Some(lane) = &mut self.lane {
            lane.push(now, at, &bytes);
            return self.sent();
        }
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
        self.sent();
    }

    fn end(&mut self, now: Time, reset: bool) {
        self.look(now);
        self.ended = true;
        let at = self.arrival_of_end(now);
        if let Some(lane) = &mut self.lane {
            return lane.end(now, at, reset);
        }
        let mut first = None;
        let recorder = &self.wire.recorder;
        self.wire
            .tap()
            .end(self.direction, &|| recorder.next_seq(), &mut |seen| first = Some(seen));
        let parcel = if reset { Parcel::Reset } else { Parcel::End };
        self.queue.push_back(Segment { at, sent: now, parcel, first, more: Vec::new() });
    }

    fn appetite(&self) -> usize {
        if self.wire.protocol == Protocol::Raw { usize::MAX } else { APPETITE_BYTES }
    }

    fn next(&mut self, now: Time) -> Option<Parcel> {
        self.look(now);
        if let Some(lane) = &mut self.lane {
            let next = lane.next(now);
            if next.is_none() {
                self.leave_lane();
            }
            return next;
        }
        if self.queue.front()?.at > now {
            return None;
        }
        let segment = self.queue.pop_front()?;
        self.held -= segment.size();
        let last_end = segment.more.last().or(segment.first.as_ref()).map(|seen| seen.end);
        for seen in segment.first.into_iter().chain(segment.more) {
            let fared = Fared::plainly(segment.sent, Fate::Delivered);
            self.wire.record(now, self.direction, seen, fared);
        }
        match &segment.parcel {
            Parcel::Bytes(bytes) => {
                self.within = match last_end {
                    Some(end) => bytes.len().saturating_sub(end) as u64,
                    None => self.within + bytes.len() as u64,
                };
            }
            ending => {
                self.wire.record_end(now, self.direction, *ending == Parcel::Reset);
                self.wire.ended(self.direction);
            }
        }
        Some(segment.parcel)
    }

    fn deadline(&self) -> Option<Time> {
        match &self.lane {
            Some(lane) => lane.deadline(),
            None => self.queue.front().map(|segment| segment.at),
        }
    }

    fn in_flight(&self) -> usize {
        self.lane.as_ref().map_or(self.held, |lane| lane.in_flight())
    }

    fn holds(&self) -> bool {
        self.lane.as_ref().is_some_and(|lane| !lane.is_drained())
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
        if let Some(lane) = &mut self.lane {
            lane.abandon();
        }
        let queue = std::mem::take(&mut self.queue);
        for segment in queue {
            for seen in segment.first.into_iter().chain(segment.more) {
                let fared = Fared::plainly(segment.sent, Fate::Lost);
                self.wire.record(segment.at, self.direction, seen, fared);
            }
        }
    }
}
