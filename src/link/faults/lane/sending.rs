//! The sender's end of a lane: messages are made whole, or bytes flow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};

use super::{CONTINUE, GATHERED_BYTES_MAX, Lane, MESSAGE_BYTES_MAX, end_note};
use crate::base::{Rng, Time};
use crate::link::faults::item::{Item, Note, Until, Wait, What};
use crate::link::faults::loose::Loose;
use crate::link::wire::Ask;
use crate::protocol::Seen;

/// A message that is not whole.
pub(super) struct Gather {
    bytes: BytesMut,
    first: Option<Bytes>,
    /// How many bytes wait so in all connections.
    total: Arc<AtomicUsize>,
    /// It is too long to wait for.
    passes: bool,
}

impl Gather {
    pub(super) fn new(total: &Arc<AtomicUsize>) -> Gather {
        Gather { bytes: BytesMut::new(), first: None, total: total.clone(), passes: false }
    }

    fn add(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.total.fetch_add(bytes.len(), Ordering::Relaxed);
        match self.first.take() {
            None if self.bytes.is_empty() => self.first = Some(bytes),
            None => self.bytes.extend_from_slice(&bytes),
            Some(first) => {
                self.bytes.reserve(first.len() + bytes.len());
                self.bytes.extend_from_slice(&first);
                self.bytes.extend_from_slice(&bytes);
            }
        }
    }

    /// The message ends with these bytes; `None` if what came before has gone on already.
    fn ends_with(&mut self, last: Bytes) -> Option<Bytes> {
        if std::mem::take(&mut self.passes) {
            return None;
        }
        self.add(last);
        Some(self.take())
    }

    fn len(&self) -> usize {
        self.bytes.len() + self.first.as_ref().map_or(0, Bytes::len)
    }

    /// Why it cannot be waited for, if it cannot.
    fn too_much(&self) -> Option<String> {
        if self.len() > MESSAGE_BYTES_MAX {
            return Some(format!("is longer than {} MiB", MESSAGE_BYTES_MAX >> 20));
        }
        let is_full = self.total.load(Ordering::Relaxed) > GATHERED_BYTES_MAX;
        is_full.then(|| {
            format!("comes while {} MiB of others wait to be whole", GATHERED_BYTES_MAX >> 20)
        })
    }

    pub(super) fn take(&mut self) -> Bytes {
        self.passes = false;
        self.total.fetch_sub(self.len(), Ordering::Relaxed);
        self.first.take().unwrap_or_else(|| self.bytes.split().freeze())
    }
}

impl Drop for Gather {
    fn drop(&mut self) {
        self.total.fetch_sub(self.len(), Ordering::Relaxed);
    }
}

impl Lane {
    pub(in crate::link) fn push(&mut self, now: Time, at: Time, bytes: &Bytes) {
        self.last = at;
        let direction = self.place.direction;
        let mut seen = Vec::new();
        let waits = {
            let (mut tap, recorder) = (self.wire.tap(), &self.wire.recorder);
            tap.push(direction, bytes, &|| recorder.next_seq(), &mut |one| seen.push(one));
            tap.waits(direction)
        };
        if let Some(by) = self.lost_to() {
            for seen in seen {
                self.record_lost(now, seen, now, by.clone(), &[]);
            }
            return;
        }
        let rest = self.messages(now, at, bytes, seen);
        if let Some(gather) = self.gather.as_mut().filter(|gather| !gather.passes) {
            gather.add(rest);
            if let Some(why) = gather.too_much() {
                self.let_pass(now, at, &why);
            } else if waits {
                let insert = Ask::Insert(Bytes::from_static(CONTINUE));
                self.wire.set_harmed();
                self.wire.ask(direction.reverse(), insert);
            }
        } else {
            self.flow(now, at, rest, Vec::new());
        }
        if std::mem::take(&mut self.unsettled) {
            self.settle(now);
        }
    }

    /// Sends the messages on their way that end in `bytes`, and returns what is left behind the last of
    /// them that did not flow.
    fn messages(&mut self, now: Time, at: Time, bytes: &Bytes, seen: Vec<Seen>) -> Bytes {
        let mut from = 0;
        let mut flowing = Vec::new();
        let mut copies = seen.iter().filter(|seen| seen.copy.is_some()).count();
        for seen in seen {
            copies -= usize::from(seen.copy.is_some());
            let end = seen.end.clamp(from, bytes.len());
            let piece = bytes.slice(from..end);
            match self.gather.as_mut().map(|gather| gather.ends_with(piece.clone())) {
                Some(Some(whole)) => self.whole(now, at, whole, seen),
                Some(None) => self.flow(now, at, piece, vec![(end - from, end_note(seen, now))]),
                None => {
                    let kept = seen.bytes.clone();
                    self.watch(&seen, &kept, now);
                    flowing.push((end - from, end_note(seen, now)));
                }
            }
            // This is a border: bytes may begin to flow, or to wait.
            let wants_whole = self.wants_whole() || copies > 0;
            let turns = wants_whole != self.gather.is_some();
            if turns && !flowing.is_empty() {
                self.flow(now, at, bytes.slice(from..end), std::mem::take(&mut flowing));
            }
            if flowing.is_empty() {
                from = end;
            }
            if turns {
                self.gather = wants_whole.then(|| Gather::new(self.wire.faults.gathered()));
            }
        }
        if flowing.is_empty() {
            return bytes.slice(from..);
        }
        self.flow(now, at, bytes.slice(from..), flowing);
        Bytes::new()
    }

    pub(in crate::link) fn end(&mut self, now: Time, at: Time, reset: bool) {
        let reset = reset || self.view.sender_down.is_some();
        if self.broken.is_some() || self.reset || self.ended && !reset {
            return;
        }
        self.ended = true;
        self.reset = reset;
        self.last = self.last.max(at);
        let at = self.last;
        let mut rest = None;
        let (wire, direction) = (self.wire.clone(), self.place.direction);
        wire.tap().end(direction, &|| wire.recorder.next_seq(), &mut |seen| rest = Some(seen));
        let gathered = self.gather.as_mut().filter(|gather| !gather.passes).map(Gather::take);
        match (rest, gathered) {
            (Some(seen), Some(bytes)) => self.whole(now, at, bytes, seen),
            (Some(seen), None) => {
                self.flow(now, at, Bytes::new(), vec![(0, end_note(seen, now))]);
            }
            (None, Some(bytes)) if !bytes.is_empty() => self.flow(now, at, bytes, Vec::new()),
            (None, _) => {}
        }
        let what = if reset { What::Reset } else { What::End };
        self.enqueue(Item::new(at, what, self.ordinal, self.view.newest), now);
        if std::mem::take(&mut self.unsettled) {
            self.settle(now);
        }
    }

    /// True if messages have to be whole before they go on.
    pub(super) fn wants_whole(&self) -> bool {
        self.view.whole || self.copies
    }

    /// A message is too long to wait for: it flows.
    fn let_pass(&mut self, now: Time, at: Time, why: &str) {
        let Some(gather) = &mut self.gather else { return };
        let bytes = gather.take();
        gather.passes = true;
        self.flow(now, at, bytes, Vec::new());
        if !std::mem::replace(&mut self.warned, true) {
            let (from, to) = (self.place.sender(), self.place.receiver());
            let text = format!(
                "a message from {} to {} {why}: faults on messages leave it alone",
                self.wire.name(from),
                self.wire.name(to)
            );
            self.wire.faults.warn(text);
        }
    }

    pub(super) fn flow(&mut self, now: Time, at: Time, bytes: Bytes, notes: Vec<(usize, Note)>) {
        if bytes.is_empty() && notes.is_empty() {
            return;
        }
        let mut item = Item::new(at, What::Bytes(bytes), self.ordinal, self.view.newest);
        item.notes = notes;
        self.ordinal += item.ends();
        self.enqueue(item, now);
    }

    /// Puts something on its way; what is cut off waits until the network is whole.
    pub(in crate::link::faults) fn enqueue(&mut self, mut item: Item, now: Time) {
        let (sender, receiver) = (self.place.sender(), self.place.receiver());
        for loose in self.view.cuts.iter() {
            if loose.blocks(sender, receiver, now) {
                (0..item.ends()).for_each(|_| loose.touch());
                let wait = Wait { by: loose.clone(), until: Until::Healed };
                item.waits.insert(0, wait);
            }
        }
        self.queue.push(item);
    }

    /// Numbers of a fault's own for this direction.
    pub(in crate::link::faults) fn draws_of(&mut self, loose: &Loose) -> &mut Rng {
        let (wire, direction) = (&self.wire, self.place.direction);
        self.draws
            .entry(loose.number())
            .or_insert_with(|| loose.draws_of(&wire.rng, &wire.link_name(direction.as_str())))
    }

    /// Why what is sent now goes nowhere, if it does not.
    fn lost_to(&self) -> Option<Option<Arc<str>>> {
        match &self.broken {
            Some(by) => Some(Some(by.clone())),
            None if self.ended => Some(self.view.sender_down.clone().flatten()),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_counts_in_all_connections_until_it_goes() {
        let total = Arc::new(AtomicUsize::new(GATHERED_BYTES_MAX - 5));
        let waiting = || total.load(Ordering::Relaxed) + 5 - GATHERED_BYTES_MAX;
        let (mut one, mut other) = (Gather::new(&total), Gather::new(&total));
        one.add(Bytes::from_static(b"abc"));
        assert_eq!((waiting(), one.too_much()), (3, None));
        other.add(Bytes::from_static(b"de"));
        other.add(Bytes::from_static(b"f"));
        let why = other.too_much().expect("it is too much");
        assert_eq!((waiting(), why.contains("256 MiB of others")), (6, true));
        assert_eq!(other.ends_with(Bytes::from_static(b"g")).expect("whole"), "defg");
        assert_eq!((waiting(), one.too_much()), (3, None));
        drop(one);
        assert_eq!(waiting(), 0);
    }
}
