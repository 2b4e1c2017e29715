//! A fault that is in force.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::{ConnId, Direction, NodeId, Rng, Seq, Time};
use crate::plan::fault::{Cut, Fault, FaultKind, Harm, Rule, Unit};

/// What is counted of a fault over all the times that it is let loose.
#[derive(Debug, Default)]
pub(in crate::link) struct Tally {
    pub(super) touched: AtomicU64,
    /// The message that brought about what it waits for; that one it does not meet yet.
    pub(super) awaited: AtomicU64,
}

/// A fault from one start to its end.
#[derive(Debug)]
pub(in crate::link) struct Loose {
    /// Later ones have greater numbers: the order in which faults act.
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) fault: Arc<Fault>,
    pub(super) since: Time,
    /// How often it was let loose before.
    pub(super) earlier: u64,
    pub(super) tally: Arc<Tally>,
    /// How many of what it chooses among have come.
    pub(super) come: AtomicU64,
    /// How often what it holds was let go.
    pub(super) released: AtomicU64,
    /// It has been told that it could not do something.
    pub(super) warned: AtomicBool,
    /// If it is only about the messages that let it loose: these, until they are met.
    pub(super) causes: Option<Mutex<Vec<Cause>>>,
}

/// A message that let a fault loose which is about that message only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::link) struct Cause {
    pub(super) conn: ConnId,
    pub(super) seq: Seq,
    /// It has been met, and its fate is not settled yet.
    pub(super) claimed: bool,
}

impl Loose {
    /// What it does to what travels, if it does something to it.
    pub(super) fn rule(&self) -> Option<&Rule> {
        match &self.fault.kind {
            FaultKind::Link(rule) => Some(rule),
            FaultKind::Cut(_) | FaultKind::Node { .. } => None,
        }
    }

    pub(super) fn cut(&self) -> Option<&Cut> {
        match &self.fault.kind {
            FaultKind::Cut(cut) => Some(cut),
            FaultKind::Link(_) | FaultKind::Node { .. } => None,
        }
    }

    /// Counts one more thing that it touched.
    pub(in crate::link) fn touch(&self) {
        self.tally.touched.fetch_add(1, Ordering::Relaxed);
    }

    /// True if it chooses message by message.
    pub(super) fn is_by_message(&self) -> bool {
        self.causes.is_some() || self.rule().is_some_and(|rule| rule.unit == Unit::Message)
    }

    /// True if a message must be whole before it is known what becomes of it.
    pub(super) fn needs_whole(&self) -> bool {
        self.is_by_message() || self.rule().is_some_and(|rule| rule.harm.is_on_messages())
    }

    /// True if it is about that direction. What breaks a connection off is about both, whichever is named.
    pub(super) fn is_about(&self, direction: Direction) -> bool {
        let Some(rule) = self.rule() else { return false };
        if matches!(rule.harm, Harm::Reset { .. }) && !self.is_by_message() {
            return true;
        }
        match direction {
            Direction::Request => rule.request,
            Direction::Response => rule.response,
        }
    }

    /// True if the connection between these two is one that it is about.
    pub(super) fn meets(&self, conn: ConnId, from: NodeId, to: NodeId) -> bool {
        let met = match &self.fault.kind {
            FaultKind::Link(rule) => {
                rule.from.has(from) && rule.to.has(to) && rule.choice.client.has(from)
            }
            FaultKind::Cut(cut) => cut.blocks(from, to) || cut.blocks(to, from),
            FaultKind::Node { nodes, .. } => nodes.contains(&from) || nodes.contains(&to),
        };
        met && self.causes().is_none_or(|causes| causes.iter().any(|one| one.conn == conn))
    }

    pub(super) fn causes(&self) -> Option<MutexGuard<'_, Vec<Cause>>> {
        let causes = self.causes.as_ref()?;
        Some(causes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(in crate::link) fn number(&self) -> u64 {
        self.id
    }

    /// Numbers of its own for one direction of one connection, `link:a->b:request:1`.
    pub(in crate::link) fn draws_of(&self, root: &Rng, link: &str) -> Rng {
        match self.earlier {
            0 => root.fork(&format!("fault:{}:{link}", self.name)),
            earlier => root.fork(&format!("fault:{}:{link}#{}", self.name, earlier + 1)),
        }
    }

    /// The next of what it chooses among has come, and fits: whether it is one of those that are meant.
    /// `draw` gives a number in `[0, 1)`.
    pub(super) fn counts_in(&self, draw: impl FnOnce() -> f64) -> bool {
        let Some(rule) = self.rule() else { return false };
        let number = self.come.fetch_add(1, Ordering::Relaxed) + 1;
        let choice = &rule.choice;
        choice.nth.is_none_or(|nth| number == nth)
            && choice.every.is_none_or(|every| every > 0 && number.is_multiple_of(every))
            && choice.first.is_none_or(|first| number <= first)
            && choice.probability.is_none_or(|probability| draw() < probability)
    }

    /// Whether the connection that it meets now is one of those that are meant.
    pub(in crate::link) fn chooses_connection(&self, draw: impl FnOnce() -> f64) -> bool {
        self.is_by_message() || self.counts_in(draw)
    }

    /// True if it is about connecting, not about what travels.
    pub(super) fn is_on_connects(&self) -> bool {
        self.rule().is_some_and(|rule| rule.harm.is_on_connects())
    }

    pub(super) fn harm(&self) -> Option<&Harm> {
        self.rule().map(|rule| &rule.harm)
    }
}

/// When a cut that comes and goes lets something through: rounds begin cut, with the start of the fault.
pub(super) fn opens_at(cut: &Cut, since: Time, from: Time) -> Option<Time> {
    let flap = cut.flap?;
    let every = u64::try_from(flap.every.as_nanos()).unwrap_or(u64::MAX).max(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a part of a round, rounded to nanoseconds"
    )]
    let cut_for = (every as f64 * (1.0 - flap.open.clamp(0.0, 1.0))) as u64;
    let passed = u64::try_from(from.since(since).as_nanos()).unwrap_or(u64::MAX);
    let within = passed % every;
    let wait = cut_for.saturating_sub(within);
    // A round that is cut from end to end never opens.
    if cut_for >= every { None } else { Some(from + std::time::Duration::from_nanos(wait)) }
}

impl Loose {
    /// True if nothing that is sent at `now` passes from `sender` to `receiver`.
    pub(super) fn blocks(&self, sender: NodeId, receiver: NodeId, now: Time) -> bool {
        self.cut().is_some_and(|cut| {
            cut.blocks(sender, receiver)
                && opens_at(cut, self.since, now).is_none_or(|opens| opens > now)
        })
    }

    /// From `from` on, when the cut lets something through; `None` is not before it is healed.
    pub(super) fn opens_at(&self, from: Time) -> Option<Time> {
        self.cut().and_then(|cut| opens_at(cut, self.since, from))
    }
}
