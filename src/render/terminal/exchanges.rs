//! Which answer belongs to which request.

use std::collections::BTreeMap;

use crate::base::{Direction, Seq, Time};
use crate::trace::Message;

/// The most requests that wait for their answer in memory; the oldest is forgotten first.
const WAITING_MAX: usize = 65_536;

/// A request that has not been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// When it was sent.
    pub(super) sent: Time,
    /// What it is like; see [`super::shape`].
    pub(super) shape: u64,
    /// Whether it was counted instead of drawn.
    pub(super) folded: bool,
}

/// The requests that wait for their answer.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    waiting: BTreeMap<Seq, Asked>,
}

impl Exchanges {
    /// The request that a message answers, which is then forgotten.
    pub(super) fn answered_by(&mut self, message: &Message) -> Option<Asked> {
        self.waiting.remove(&message.cause?)
    }

    /// Remembers a request.
    pub(super) fn ask(&mut self, message: &Message, shape: u64, folded: bool) {
        if message.direction != Direction::Request {
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_first();
        }
        self.waiting.insert(message.seq, Asked { sent: message.sent, shape, folded });
    }
}
