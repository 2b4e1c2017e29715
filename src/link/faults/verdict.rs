//! What becomes of a message, decided when it is whole.
//!
//! The faults are asked in the order in which they were let loose; each looks at what was sent, not at what
//! another has made of it. Who drops the message has the last word.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::corrupt::Flips;
use super::edit;
use super::item::{Item, Mark, Note, Passing, Until, Wait, What, Yields};
use super::lane::Lane;
use super::looks::Sight;
use super::loose::Loose;
use crate::base::{Direction, Seq, Time};
use crate::link::wire::{Ask, Fared};
use crate::plan::fault::{Harm, Rule};
use crate::protocol::Seen;
use crate::trace::Fate;

/// The most copies of one message.
const COPIES_MAX: u32 = 1000;

/// What is to happen to a message.
struct Verdict {
    bytes: Bytes,
    passing: Box<Passing>,
    copies: u32,
    waits: Vec<Wait>,
    yields: Option<Yields>,
    chosen: Vec<u64>,
    /// The direction, or the connection, ends behind it.
    shut: Option<(Arc<str>, bool)>,
    /// It goes nowhere.
    dropped: Option<Arc<str>>,
}

impl Lane {
    /// A message is whole, and has not gone on: `at` is when the last of it is through the link itself.
    pub(super) fn whole(&mut self, now: Time, at: Time, bytes: Bytes, seen: Seen) {
        if seen.copy.is_some() {
            return self.take_copy(now, seen);
        }
        self.watch(&seen, &bytes, now);
        let passing =
            Box::new(Passing { seen, sent: now, mark: None, becomes: None, only: Vec::new() });
        let mut verdict = Verdict {
            bytes,
            passing,
            copies: 0,
            waits: Vec::new(),
            yields: None,
            chosen: Vec::new(),
            shut: None,
            dropped: None,
        };
        self.cut_off(now, &mut verdict);
        let rules = self.view.rules.clone();
        for loose in rules.iter().filter(|loose| loose.needs_whole()) {
            if verdict.dropped.is_some() {
                break;
            }
            if self.chooses(loose, &mut verdict, now) {
                self.harm(loose, &mut verdict, now);
            }
        }
        self.carry_out(now, at, verdict);
    }

    /// A reply to a copy of a request, which the fault that made the copy takes.
    fn take_copy(&mut self, now: Time, mut seen: Seen) {
        let fault = seen.copy.take();
        let fared = Fared { fault, ..Fared::plainly(now, Fate::Dropped) };
        self.wire.record(now, self.place.direction, seen, fared);
        let more = self.wire.tap().has_copies();
        self.wire.joint().copies = more;
        self.copies = more;
    }

    /// Who waits for messages sees this one.
    pub(super) fn watch(&mut self, seen: &Seen, bytes: &[u8], now: Time) {
        if !self.view.watched {
            return;
        }
        let (protocol, direction) = (self.wire.protocol, self.place.direction);
        let sight = Sight { protocol, direction, seen, bytes };
        self.wire.faults.sent(&self.place, &sight);
        if self.wire.take_stale(direction) {
            self.refresh(now);
            self.unsettled = true;
        }
    }

    /// A cut that loses what is sent meanwhile takes it.
    fn cut_off(&mut self, now: Time, verdict: &mut Verdict) {
        let (sender, receiver) = (self.place.sender(), self.place.receiver());
        let loses = |loose: &&Arc<Loose>| {
            loose.cut().is_some_and(|cut| cut.lose) && loose.blocks(sender, receiver, now)
        };
        if let Some(loose) = self.view.cuts.iter().find(loses) {
            loose.touch();
            verdict.dropped = Some(loose.name.clone());
        }
    }

    /// Whether a fault has chosen this message.
    fn chooses(&mut self, loose: &Arc<Loose>, verdict: &mut Verdict, now: Time) -> bool {
        let Some(rule) = loose.rule() else { return false };
        let seen = &verdict.passing.seen;
        let looks = &rule.choice.looks;
        let awaited = loose.tally.awaited.load(Ordering::Relaxed);
        if rule.choice.after.is_some() && awaited == seen.seq.0
            || seen.interim && looks.status.is_none()
        {
            return false;
        }
        if !looks.is_empty() {
            let (protocol, direction) = (self.wire.protocol, self.place.direction);
            let sight = Sight { protocol, direction, seen, bytes: &verdict.bytes };
            if !sight.fits(looks, self.wire.faults.scope().as_ref()) {
                return false;
            }
        }
        if loose.causes.is_some() {
            return self.claims(loose, verdict);
        }
        if loose.is_by_message() {
            let number = loose.number();
            let rng = &mut self.draws;
            let (wire, direction) = (&self.wire, self.place.direction);
            return loose.counts_in(|| {
                let rng = rng.entry(number).or_insert_with(|| {
                    loose.draws_of(&wire.rng, &wire.link_name(direction.as_str()))
                });
                rng.unit()
            });
        }
        self.wire.met(loose, now).chosen
    }

    /// True if the message, or what it answers, let the fault loose, which is about nothing else.
    fn claims(&self, loose: &Arc<Loose>, verdict: &mut Verdict) -> bool {
        let Some(mut causes) = loose.causes() else { return false };
        let seen = &verdict.passing.seen;
        let cause = causes.iter_mut().find(|cause| {
            let is_it = cause.seq == seen.seq
                || self.place.direction == Direction::Response && seen.cause == Some(cause.seq);
            is_it && cause.conn == self.place.conn && !cause.claimed
        });
        let Some(cause) = cause else { return false };
        cause.claimed = true;
        verdict.passing.only.push((loose.clone(), cause.seq));
        true
    }

    /// Does what the fault does to the message.
    fn harm(&mut self, loose: &Arc<Loose>, verdict: &mut Verdict, now: Time) {
        let Some(Rule { harm, .. }) = loose.rule() else { return };
        let name = &loose.name;
        let mark = |fate| Mark { fate, by: name.clone() };
        match harm {
            Harm::Drop => verdict.dropped = Some(name.clone()),
            Harm::Duplicate { times, replies } => {
                let times = (*times).min(COPIES_MAX.saturating_sub(verdict.copies));
                verdict.copies += times;
                mark(Fate::Duplicated).over(&mut verdict.passing.mark);
                if self.place.direction == Direction::Request {
                    self.expect_replies(
                        verdict.passing.seen.seq,
                        times,
                        (!replies).then_some(name),
                    );
                }
            }
            Harm::Delay(by) => {
                let by = by.sample(self.draws_of(loose));
                let until = Until::Passed(by);
                verdict.waits.push(Wait { by: loose.clone(), until });
            }
            Harm::Hold => {
                let until = Until::Released(loose.released.load(Ordering::Relaxed));
                verdict.waits.push(Wait { by: loose.clone(), until });
            }
            Harm::Reorder { behind, within } => {
                let (behind, within) = ((*behind).max(1), *within);
                verdict.yields = Some(Yields { by: loose.clone(), behind, within });
            }
            Harm::Truncate { bytes, .. } | Harm::Limit { bytes } => {
                if !verdict.truncate(*bytes, mark(Fate::Truncated)) {
                    return;
                }
                if !matches!(harm, Harm::Truncate { close: false, .. }) {
                    verdict.shut = Some((name.clone(), true));
                }
            }
            Harm::Change(change) => {
                if !self.change(loose, change, verdict) {
                    return;
                }
            }
            Harm::Corrupt(corruption) => {
                let rng = self.draws_of(loose);
                let flipped = Flips::new(*corruption, rng).flip(&verdict.bytes, rng);
                let Some((bytes, _)) = flipped else { return };
                verdict.bytes = bytes;
                mark(Fate::Corrupted).over(&mut verdict.passing.mark);
            }
            Harm::Reset { after } => {
                let at = now + *after;
                self.break_at(at, loose);
                self.wire.ask(self.place.direction.reverse(), Ask::Reset(at, loose.clone()));
            }
            Harm::HalfClose => verdict.shut = Some((name.clone(), false)),
            Harm::Latency { .. }
            | Harm::Bandwidth { .. }
            | Harm::Slice { .. }
            | Harm::Blackhole { .. } => verdict.chosen.push(loose.number()),
            Harm::SlowClose { .. } | Harm::Refuse | Harm::SlowConnect(_) => return,
        }
        loose.touch();
    }

    /// A request comes more than once: so do the replies.
    fn expect_replies(&mut self, seq: Seq, times: u32, taken: Option<&Arc<str>>) {
        let copies = {
            let mut tap = self.wire.tap();
            tap.sent_again(seq, times, taken);
            tap.has_copies()
        };
        if copies {
            self.wire.joint().copies = true;
            self.wire.set_harmed();
            self.wire.look(Direction::Response);
        }
    }

    /// Puts something else in the place of the message; false if it stays as it is.
    fn change(
        &mut self,
        loose: &Arc<Loose>,
        change: &crate::plan::fault::Change,
        verdict: &mut Verdict,
    ) -> bool {
        let scope = self.wire.faults.scope();
        let seen = &verdict.passing.seen;
        let (protocol, direction) = (self.wire.protocol, self.place.direction);
        let message = edit::Message { protocol, direction, seen, bytes: &verdict.bytes };
        let changed = match edit::apply(change, &message, scope.as_ref()) {
            Ok(None) => return false,
            Ok(Some(changed)) => changed,
            Err(why) => {
                if !loose.warned.swap(true, Ordering::Relaxed) {
                    let text = format!("{} leaves `{}` as it is: {why}", loose.name, seen.summary);
                    self.wire.faults.warn(text);
                }
                return false;
            }
        };
        let length = changed.len() as u64;
        let becomes =
            crate::protocol::summarize(protocol, direction, seen.bodiless, &changed, length);
        if direction == Direction::Request {
            self.wire.tap().changed(seen.seq, &changed);
        }
        verdict.passing.becomes = Some(becomes);
        verdict.bytes = changed;
        let mark = Mark { fate: Fate::Edited, by: loose.name.clone() };
        mark.over(&mut verdict.passing.mark);
        true
    }

    /// Sends the message on its way, or not.
    fn carry_out(&mut self, now: Time, at: Time, verdict: Verdict) {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        let Verdict { bytes, passing, copies, waits, yields, chosen, shut, dropped } = verdict;
        if let Some(by) = dropped {
            let Passing { seen, sent, only, .. } = *passing;
            if self.place.direction == Direction::Request {
                self.wire.tap().forget(seen.seq);
            }
            let fared = Fared { fault: Some(by), ..Fared::plainly(sent, Fate::Dropped) };
            self.wire.record(now, self.place.direction, seen, fared);
            self.wire.settled(&only);
            return;
        }
        let born = self.view.newest;
        let mut item = Item::new(at, What::Bytes(bytes.clone()), ordinal, born);
        item.notes.push((bytes.len(), Note::End(passing)));
        (item.waits, item.yields) = (waits, yields);
        item.chosen.clone_from(&chosen);
        self.enqueue(item, now);
        for _ in 0..copies {
            let mut copy = Item::new(at, What::Bytes(bytes.clone()), ordinal, born);
            copy.notes.push((bytes.len(), Note::Besides));
            copy.chosen.clone_from(&chosen);
            self.enqueue(copy, now);
        }
        if let Some((by, both)) = shut {
            self.enqueue(Item::new(at, What::Shut { by, both }, ordinal, born), now);
        }
    }
}

impl Verdict {
    /// Leaves the first bytes; false if there are no more.
    fn truncate(&mut self, bytes: u64, mark: Mark) -> bool {
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        if length >= self.bytes.len() {
            return false;
        }
        self.bytes.truncate(length);
        mark.over(&mut self.passing.mark);
        true
    }
}
