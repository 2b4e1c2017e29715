//! What is under way in a direction that faults meet: pieces with notes on them.
//!
//! A note stands behind a byte of its piece: a message ends here, these bytes were harmed. Pieces can be
//! cut and emptied, and their notes find their way to the receiver's end all the same, where it is
//! settled what became of each message.

use std::sync::Arc;

use bytes::Bytes;

use super::loose::Loose;
use crate::base::{Seq, Time};
use crate::protocol::Seen;
use crate::trace::Fate;

/// One piece of what is under way.
pub(super) struct Item {
    /// When it may go on.
    pub(super) at: Time,
    pub(super) what: What,
    /// In order; each behind so many bytes.
    pub(super) notes: Vec<(usize, Note)>,
    /// The number, in this direction, of the message that the first byte belongs to.
    pub(super) ordinal: u64,
    /// The newest fault when it was sent; later ones leave it alone.
    pub(super) born: u64,
    /// What holds it up before its bytes travel.
    pub(super) waits: Vec<Wait>,
    /// It lets others by.
    pub(super) yields: Option<Yields>,
    /// The faults on bytes that have chosen this message.
    pub(super) chosen: Vec<u64>,
}

/// What a piece is.
pub(super) enum What {
    /// Bytes; none if they are lost on the way.
    Bytes(Bytes),
    /// The sender has ended the direction.
    End,
    /// The sender has broken the connection off.
    Reset,
    /// A fault ends the direction, and (`both`) the other too.
    Shut {
        /// The fault.
        by: Arc<str>,
        /// The whole connection.
        both: bool,
    },
}

/// What stands behind a byte.
pub(super) enum Note {
    /// A message ends.
    End(Box<Passing>),
    /// A fault did something to bytes of the message.
    Mark(Mark),
    /// Bytes of the message are gone.
    Gone(Arc<str>),
    /// What came since the last message is no message of its own.
    Besides,
}

/// A message on its way.
pub(super) struct Passing {
    pub(super) seen: Seen,
    pub(super) sent: Time,
    pub(super) mark: Option<Mark>,
    /// What it has become, on one line, if a fault put something else in its place.
    pub(super) becomes: Option<String>,
    /// The faults that are about this message only, or what it answers: they end when its fate is settled.
    pub(super) only: Vec<(Arc<Loose>, Seq)>,
}

/// What a fault did to a message.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) fate: Fate,
    pub(super) by: Arc<str>,
}

/// What holds a message up.
pub(super) struct Wait {
    pub(super) by: Arc<Loose>,
    pub(super) until: Until,
}

/// How long.
pub(super) enum Until {
    /// So much longer.
    Passed(std::time::Duration),
    /// Until the fault has let go of it once more than it had.
    Released(u64),
    /// Until the network is whole.
    Healed,
}

/// A message that others overtake.
#[derive(Clone)]
pub(super) struct Yields {
    pub(super) by: Arc<Loose>,
    pub(super) behind: u32,
    pub(super) within: std::time::Duration,
}

impl Mark {
    /// The rank of a fate: what was taken, what was changed, what came twice, what came late.
    fn rank(fate: Fate) -> u8 {
        match fate {
            Fate::Delivered => 0,
            Fate::Delayed => 1,
            Fate::Duplicated => 2,
            Fate::Corrupted | Fate::Edited | Fate::Truncated => 3,
            Fate::Dropped | Fate::Held | Fate::Lost => 4,
        }
    }

    /// Of two marks, the one that decides: the later, unless the earlier weighs more.
    pub(super) fn over(self, earlier: &mut Option<Mark>) {
        let wins = earlier.as_ref().is_none_or(|one| Mark::rank(self.fate) >= Mark::rank(one.fate));
        if wins {
            *earlier = Some(self);
        }
    }
}

impl Item {
    pub(super) fn new(at: Time, what: What, ordinal: u64, born: u64) -> Item {
        let (notes, waits, chosen) = (Vec::new(), Vec::new(), Vec::new());
        Item { at, what, notes, ordinal, born, waits, yields: None, chosen }
    }

    pub(super) fn len(&self) -> usize {
        match &self.what {
            What::Bytes(bytes) => bytes.len(),
            What::End | What::Reset | What::Shut { .. } => 0,
        }
    }

    pub(super) fn is_bytes(&self) -> bool {
        matches!(self.what, What::Bytes(_))
    }

    /// How many messages end in it.
    pub(super) fn ends(&self) -> u64 {
        self.notes.iter().filter(|(_, note)| matches!(note, Note::End(_))).count() as u64
    }

    /// The numbers of the messages that have bytes in it.
    pub(super) fn ordinals(&self) -> std::ops::Range<u64> {
        let last_end = self.notes.iter().rev().find(|(_, note)| matches!(note, Note::End(_)));
        let goes_on = last_end.is_none_or(|(at, _)| *at < self.len());
        self.ordinal..self.ordinal + self.ends() + u64::from(goes_on && self.len() > 0)
    }

    /// Notes something behind the first `at` bytes, before what is noted there already.
    pub(super) fn note(&mut self, at: usize, note: Note) {
        let place = self.notes.partition_point(|(other, _)| *other < at);
        self.notes.insert(place, (at, note));
    }

    /// Marks every message that has bytes in it.
    pub(super) fn mark(&mut self, mark: &Mark) {
        let mut marked = Vec::with_capacity(self.notes.len() + 1);
        let (mut last, length) = (0, self.len());
        for (at, note) in self.notes.drain(..) {
            if matches!(note, Note::End(_)) {
                marked.push((at, Note::Mark(mark.clone())));
                last = at;
            }
            marked.push((at, note));
        }
        if last < length {
            marked.push((length, Note::Mark(mark.clone())));
        }
        self.notes = marked;
    }

    /// Cuts it behind the first `at` bytes; what is noted there stays with the first part, which is
    /// returned.
    pub(super) fn split(&mut self, at: usize) -> Item {
        let What::Bytes(bytes) = &mut self.what else {
            return Item::new(self.at, What::Bytes(Bytes::new()), self.ordinal, self.born);
        };
        let at = at.min(bytes.len());
        let first = bytes.split_to(at);
        let cut = self.notes.partition_point(|(place, _)| *place <= at);
        let rest = self.notes.split_off(cut);
        let notes = std::mem::replace(&mut self.notes, rest);
        self.notes.iter_mut().for_each(|(place, _)| *place -= at);
        let mut first = Item::new(self.at, What::Bytes(first), self.ordinal, self.born);
        first.notes = notes;
        first.chosen.clone_from(&self.chosen);
        self.ordinal += first.ends();
        first
    }

    /// Takes its bytes away.
    pub(super) fn vanish(&mut self, by: &Arc<str>) {
        let length = self.len();
        let mut notes = Vec::with_capacity(2 * self.notes.len() + 1);
        let mut last = 0;
        for (at, note) in self.notes.drain(..) {
            if matches!(note, Note::End(_)) {
                if at > last {
                    notes.push((0, Note::Gone(by.clone())));
                }
                last = at;
            }
            notes.push((0, note));
        }
        if length > last {
            notes.push((0, Note::Gone(by.clone())));
        }
        self.notes = notes;
        self.what = What::Bytes(Bytes::new());
    }

    /// The messages that end in it.
    pub(super) fn into_messages(self) -> impl Iterator<Item = Box<Passing>> {
        self.notes.into_iter().filter_map(|(_, note)| match note {
            Note::End(passing) => Some(passing),
            Note::Mark(_) | Note::Gone(_) | Note::Besides => None,
        })
    }
}
