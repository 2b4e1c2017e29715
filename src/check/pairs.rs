//! Requests and their replies, paired as they go by.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::base::{ConnId, Seq, Time};
use crate::trace::Message;

/// The most requests that may wait for their reply; of more, the oldest counts as never answered.
pub(super) const WAITING_MAX: usize = 250_000;

/// The most replies that are kept because they came before the end of their request, as an error
/// does that a server sends without reading a long body.
const EARLY_MAX: usize = 1_000;

/// A request that waits for its reply.
pub(super) struct Waiting {
    pub(super) conn: ConnId,
    pub(super) sent: Time,
    /// The judges who want to see the reply, by their position.
    pub(super) judges: Vec<u32>,
}

/// All that wait.
#[derive(Default)]
pub(super) struct Pairs {
    waiting: BTreeMap<Seq, Waiting>,
    early: BTreeMap<Seq, (Time, Box<Message>)>,
}

impl Pairs {
    /// A request was delivered. Returns its reply if that came before, and otherwise the request
    /// that is given up because too many wait.
    pub(super) fn ask(&mut self, seq: Seq, waiting: Waiting) -> Asked {
        if let Some((_, (at, reply))) = self.early.remove_entry(&seq)
            && reply.conn == waiting.conn
        {
            return Asked::Answered(waiting, at, reply);
        }
        self.waiting.insert(seq, waiting);
        if self.waiting.len() > WAITING_MAX
            && let Some((_, oldest)) = self.waiting.pop_first()
        {
            return Asked::GivenUp(oldest);
        }
        Asked::Waits
    }

    /// A message that has a cause came along the way of replies: the request it answers, if it does
    /// answer one. What only was triggered by it, on another connection, is no reply.
    pub(super) fn answer(&mut self, reply: &Message, at: Time) -> Option<Waiting> {
        let cause = reply.cause?;
        let Some(waiting) = self.waiting.get(&cause) else {
            let kept = Message { bytes: Bytes::new(), ..reply.clone() };
            self.early.insert(cause, (at, Box::new(kept)));
            if self.early.len() > EARLY_MAX {
                self.early.pop_first();
            }
            return None;
        };
        if waiting.conn == reply.conn { self.waiting.remove(&cause) } else { None }
    }

    /// How many wait that judge number `judge` wants to see the reply of.
    pub(super) fn waiting_for(&self, judge: u32) -> u64 {
        self.waiting.values().map(|one| u64::from(one.judges.contains(&judge))).sum()
    }
}

/// What [`Pairs::ask`] made of a request.
pub(super) enum Asked {
    /// It waits for its reply.
    Waits,
    /// Its reply was there before it.
    Answered(Waiting, Time, Box<Message>),
    /// It waits, and this one, the oldest, does no longer.
    GivenUp(Waiting),
}
