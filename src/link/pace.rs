//! How long messages are under way, decided one by one.
//!
//! ```text
//! no pace         a link's latency, drawn for each segment from the link's own generator
//! a Pace          asked for each message, when its first byte is sent, and for each attempt to connect
//! Scheduled       the pace of a plan with a `schedule:`: what it lists, and else what is typical
//! ```
//!
//! Messages are numbered by sender and receiver, over all their connections, in the order of sending. All
//! segments of a message take its delay, and a segment with several messages that of the first. First in,
//! first out stays: nothing overtakes what stands before it in its connection and direction.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::{Direction, Distribution, NodeId, Rng, Tape, Time};
use crate::plan::{Plan, Schedule};
use crate::protocol::Tap;

/// A message that is sent, or an attempt to connect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sending {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// Which of all from one to the other, from 1.
    pub nth: u64,
    /// How many messages of the run were numbered before.
    pub before: u64,
    /// When.
    pub now: Time,
    /// What the link is like.
    pub latency: Distribution,
    /// What chance would say.
    pub drawn: Duration,
}

/// Decides how long messages are under way. It is asked in the order of sending, and what it says must be a
/// function of what it was asked.
pub trait Pace: Send + Sync {
    /// How long a message is under way.
    fn message(&self, sending: &Sending) -> Duration;

    /// How long the two halves of connecting take; `back` is what chance would say of the second.
    fn connect(&self, sending: &Sending, back: Duration) -> [Duration; 2] {
        [sending.drawn, back]
    }
}

/// The pace of a plan with a schedule.
pub struct Scheduled(pub Arc<Schedule>);

impl Pace for Scheduled {
    fn message(&self, sending: &Sending) -> Duration {
        let listed = self.0.delay(sending.from, sending.to, sending.nth);
        listed.unwrap_or_else(|| sending.latency.typical())
    }

    fn connect(&self, sending: &Sending, _back: Duration) -> [Duration; 2] {
        let listed = self.0.connect(sending.from, sending.to, sending.nth);
        listed.map(|half| half.unwrap_or_else(|| sending.latency.typical()))
    }
}

/// A pace, and the numbers of messages so far.
pub(super) struct Pacing {
    pace: Arc<dyn Pace>,
    counts: Mutex<BTreeMap<(NodeId, NodeId), u64>>,
}

impl Pacing {
    pub(super) fn new(pace: Arc<dyn Pace>) -> Pacing {
        Pacing { pace, counts: Mutex::default() }
    }

    /// The pace of a plan that has one of its own.
    pub(super) fn of(plan: &Plan) -> Option<Arc<dyn Pace>> {
        let schedule = plan.schedule.as_ref()?;
        Some(Arc::new(Scheduled(schedule.clone())))
    }

    fn number(&self, from: NodeId, to: NodeId) -> u64 {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((from, to)).or_default();
        *count += 1;
        *count
    }

    pub(super) fn connect(&self, sending: &Sending, back: Duration) -> [Duration; 2] {
        self.pace.connect(sending, back)
    }
}

/// The pace of one direction of a connection.
pub(super) struct Paced {
    pacing: Arc<Pacing>,
    from: NodeId,
    to: NodeId,
    /// The message that has begun, and its delay.
    begun: Option<(u64, Duration)>,
    /// How many messages have ended.
    ended: u64,
}

impl Paced {
    pub(super) fn new(pacing: &Arc<Pacing>, from: NodeId, to: NodeId) -> Box<Paced> {
        Box::new(Paced { pacing: pacing.clone(), from, to, begun: None, ended: 0 })
    }

    /// How long what is sent now is under way.
    pub(super) fn delay(
        &mut self,
        now: Time,
        before: u64,
        latency: Distribution,
        drawn: Duration,
    ) -> Duration {
        if let Some((_, delay)) = self.begun {
            return delay;
        }
        let (from, to) = (self.from, self.to);
        let nth = self.pacing.number(from, to);
        let delay =
            self.pacing.pace.message(&Sending { from, to, nth, before, now, latency, drawn });
        self.begun = Some((nth, delay));
        delay
    }

    /// Takes note of where messages end in what was sent.
    pub(super) fn sent(&mut self, tap: &Tap, direction: Direction) {
        let ended = tap.count(direction);
        let more = ended - std::mem::replace(&mut self.ended, ended);
        if more > 0 {
            let last = self.begun.take();
            (1..more).for_each(|_| {
                self.pacing.number(self.from, self.to);
            });
            // What has begun behind them travels as they do, for it was sent with them.
            if let (true, Some((_, delay))) = (tap.is_within(direction), last) {
                self.begun = Some((self.pacing.number(self.from, self.to), delay));
            }
        }
    }
}

/// What decides in a run in place of chance.
#[derive(Clone, Default)]
pub struct Steering {
    /// How long messages are under way.
    pub pace: Option<Arc<dyn Pace>>,
    /// What all else draws.
    pub tape: Option<Tape>,
    /// The seed of what the tape leaves to chance; by default the plan's.
    pub seed: Option<u64>,
}

/// The seed of a run in which a schedule decides: whatever seed its plan has changes nothing.
const DECIDED: u64 = 0;

impl Steering {
    /// The same, with what the plan's own schedule decides where nobody else does.
    #[must_use]
    pub fn of(self, plan: &Plan) -> Steering {
        let Some(schedule) = &plan.schedule else { return self };
        let own = || Tape::deciding(schedule.draws().clone(), false);
        let tape = Some(self.tape.unwrap_or_else(own));
        Steering { pace: self.pace.or_else(|| Pacing::of(plan)), tape, seed: self.seed }
    }

    /// The root of all chance but that of latencies.
    #[must_use]
    pub fn chance(&self, plan: &Plan) -> Rng {
        let seed = self.seed.unwrap_or_else(|| seed_of(plan));
        match &self.tape {
            Some(tape) => Rng::tracked(seed, tape),
            None => Rng::new(seed),
        }
    }
}

/// The seed of latencies and ports.
#[must_use]
pub fn seed_of(plan: &Plan) -> u64 {
    if plan.schedule.is_some() { DECIDED } else { plan.seed }
}
