//! The receiver's end of a direction that faults meet: what arrives, and what became of each message.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::item::{Item, Mark, Note, Passing, What};
use crate::base::{Direction, Time};
use crate::link::wire::{Ask, Fared, Wire};
use crate::net::Parcel;
use crate::protocol::summarize;
use crate::trace::{Arrived, Fate};

/// Settles messages, piece by piece.
#[derive(Default)]
pub(super) struct Outlet {
    /// How many bytes of the message had arrived before faults met this direction.
    before: u64,
    /// What has arrived of it since: how much, and its first bytes.
    length: u64,
    kept: Vec<Bytes>,
    kept_bytes: usize,
    mark: Option<Mark>,
    gone: Option<Arc<str>>,
    /// A fault has ended the direction.
    shut: Option<Shut>,
    /// Its end has been handed over.
    ended: bool,
    /// That it was broken off has been handed over.
    reset: bool,
    /// The receiver has crashed, by that fault.
    down: Option<Option<Arc<str>>>,
    /// What is to come between two messages.
    inserts: VecDeque<Bytes>,
}

/// How a fault has ended a direction.
struct Shut {
    by: Arc<str>,
    /// Who writes all the same is told by a reset: the whole connection is closed.
    answers: bool,
}

impl Outlet {
    /// An outlet for a direction in which `before` bytes of a message have arrived.
    pub(super) fn new(before: u64) -> Outlet {
        Outlet { before, ..Outlet::default() }
    }

    /// How many bytes of a message that is not whole have arrived.
    pub(super) fn within(&self) -> u64 {
        self.before + self.length
    }

    pub(super) fn receiver_is_down(&mut self, by: &Option<Arc<str>>) {
        if self.down.is_none() {
            self.down = Some(by.clone());
        }
    }

    pub(super) fn insert(&mut self, bytes: Bytes) {
        self.inserts.push_back(bytes);
    }

    /// What is to come between two messages, if this is between two.
    pub(super) fn inserted(&mut self) -> Option<Bytes> {
        if self.has_insert() { self.inserts.pop_front() } else { None }
    }

    pub(super) fn has_insert(&self) -> bool {
        !self.inserts.is_empty() && self.within() == 0 && !self.ended && self.shut.is_none()
    }

    /// True if nothing of what comes from now on arrives.
    pub(super) fn is_closed(&self) -> bool {
        self.ended || self.shut.is_some()
    }

    /// Ends the direction on behalf of a fault; false if it was over before.
    pub(super) fn shut(&mut self, by: &Arc<str>, answers: bool) -> bool {
        if self.ended {
            return false;
        }
        match &mut self.shut {
            Some(shut) => {
                shut.answers |= answers;
                false
            }
            none => {
                *none = Some(Shut { by: by.clone(), answers });
                true
            }
        }
    }

    /// What the receiver gets of a piece, if it gets anything.
    pub(super) fn deliver(
        &mut self,
        mut item: Item,
        now: Time,
        wire: &Wire,
        direction: Direction,
    ) -> Option<Parcel> {
        if let Some(shut) = &mut self.shut
            && item.len() > 0
        {
            if std::mem::take(&mut shut.answers) {
                wire.ask(direction.reverse(), Ask::Answer(shut.by.clone()));
                wire.ask(direction, Ask::Answer(shut.by.clone()));
            }
            item.vanish(&shut.by);
        }
        match item.what {
            What::Bytes(bytes) => {
                let mut from = 0;
                for (at, note) in item.notes {
                    self.came(&bytes.slice(from..at), wire);
                    from = at;
                    self.noted(note, now, wire, direction);
                }
                self.came(&bytes.slice(from..), wire);
                let comes = self.down.is_none() && !self.ended && !self.reset;
                (!bytes.is_empty() && comes).then_some(Parcel::Bytes(bytes))
            }
            What::End if self.is_closed() => None,
            What::End => self.end(false, now, wire, direction),
            What::Reset if self.reset => None,
            What::Reset => self.end(true, now, wire, direction),
            What::Shut { by, both } => {
                if both {
                    wire.ask(direction.reverse(), Ask::Close(by.clone()));
                }
                if self.shut(&by, both) { self.end_shut(now, wire, direction) } else { None }
            }
        }
    }

    fn end(&mut self, reset: bool, now: Time, wire: &Wire, direction: Direction) -> Option<Parcel> {
        self.ended = true;
        self.reset |= reset;
        wire.record_end(now, direction, reset);
        wire.ended(direction);
        Some(if reset { Parcel::Reset } else { Parcel::End })
    }

    /// The end that a fault made: a reset may still follow it.
    pub(super) fn end_shut(
        &mut self,
        now: Time,
        wire: &Wire,
        direction: Direction,
    ) -> Option<Parcel> {
        wire.record_end(now, direction, false);
        wire.ended(direction);
        Some(Parcel::End)
    }

    /// Bytes of the message came.
    fn came(&mut self, bytes: &Bytes, wire: &Wire) {
        if bytes.is_empty() {
            return;
        }
        self.length += bytes.len() as u64;
        let room = (wire.bytes_max as usize).saturating_sub(self.kept_bytes);
        if room > 0 {
            let kept = bytes.slice(..bytes.len().min(room));
            self.kept_bytes += kept.len();
            self.kept.push(kept);
        }
    }

    fn noted(&mut self, note: Note, now: Time, wire: &Wire, direction: Direction) {
        match note {
            Note::Mark(mark) => mark.over(&mut self.mark),
            Note::Gone(by) => self.gone = Some(by),
            Note::Besides => self.forget(),
            Note::End(passing) => self.settle(passing, now, wire, direction),
        }
    }

    fn forget(&mut self) {
        (self.before, self.length, self.kept_bytes) = (0, 0, 0);
        self.kept.clear();
        (self.mark, self.gone) = (None, None);
    }

    /// A message has come to its end: what became of it.
    fn settle(&mut self, passing: Box<Passing>, now: Time, wire: &Wire, direction: Direction) {
        let Passing { seen, sent, mut mark, becomes, only } = *passing;
        if let Some(later) = self.mark.take() {
            later.over(&mut mark);
        }
        if let Some(by) = self.gone.take() {
            let fate = if self.within() == 0 { Fate::Dropped } else { Fate::Truncated };
            Mark { fate, by }.over(&mut mark);
        }
        let (mut fate, mut fault) = match mark {
            Some(Mark { fate, by }) => (fate, Some(by)),
            None => (Fate::Delivered, None),
        };
        if let Some(by) = &self.down
            && fate != Fate::Dropped
        {
            (fate, fault) = (Fate::Lost, by.clone());
        }
        let changed = matches!(fate, Fate::Corrupted | Fate::Edited | Fate::Truncated);
        let arrived = changed.then(|| {
            let length = self.within();
            let bytes = self.arrived(&seen.bytes, wire);
            let summary = match becomes {
                Some(summary) if fate == Fate::Edited => summary,
                _ => summarize(wire.protocol, direction, seen.bodiless, &bytes, length),
            };
            Box::new(Arrived { summary, length, bytes })
        });
        self.forget();
        if fate == Fate::Dropped && direction == Direction::Request {
            wire.tap().forget(seen.seq);
        }
        wire.record(now, direction, seen, Fared { sent, fate, fault, arrived });
        wire.settled(&only);
    }

    /// The first bytes of what arrived.
    fn arrived(&self, sent: &Bytes, wire: &Wire) -> Bytes {
        let before = usize::try_from(self.before).unwrap_or(usize::MAX).min(sent.len());
        if before == 0
            && let [one] = self.kept.as_slice()
        {
            return one.clone();
        }
        let mut bytes = BytesMut::with_capacity(before + self.kept_bytes);
        bytes.extend_from_slice(&sent[..before]);
        self.kept.iter().for_each(|part| bytes.extend_from_slice(part));
        bytes.truncate(wire.bytes_max as usize);
        bytes.freeze()
    }
}
