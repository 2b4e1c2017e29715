//! Registers that are only read and written, judged along time: also where values are written again.
//!
//! ```text
//! w1  |--- write 1 ----------------|       at the end of r the register must have held 2: so w2 takes effect
//! w2     |--- write 2 -------|             now, if it has not before; at the end of w1 nothing need be done,
//! r          |-- read 2 --|                for w1 may have come right before w2, unseen
//! ```
//!
//! The search of `search.rs` tries every order in which overlapping writes may follow each other. Most of
//! them differ in nothing that anybody sees. So here writes take effect only when they have to:
//! - A read takes place as soon as the register holds its value. If it has not when it ends, a write of that
//!   value takes effect now: of several the one that ends first.
//! - A write that has not taken effect when it ends takes effect now; unless another one has since it began,
//!   for then it may have come right before that one, unseen, and nothing need be done. Both are tried.
//! - Before a write takes effect, others may that reads under way are waiting for. All choices are tried.
//!
//! What matters of the past is the value, which operations under way have taken place, and when a write took
//! effect last (the later the better). There are few of these at any time, however long the history is.

use std::collections::BTreeMap;

use super::budget::Budget;
use super::history::OPEN;
use super::models::{Entry, RegisterAct as Act};
use super::search::Found;
use super::values::ValueId;

/// The most operations that may be under way at once.
const SLOTS: usize = 64;

/// What matters of the past: the value, and the slots of operations under way that have taken place. For each
/// the place among the events at which a write took effect last.
type Pasts = BTreeMap<(ValueId, u64), u32>;

/// Judges entries in the order of their calls; `None` if too many are under way at once.
pub(super) fn along_time(
    entries: &[Entry<Act>],
    initial: ValueId,
    budget: &mut Budget,
) -> Option<Found> {
    let mut events: Vec<(u32, usize, bool)> = Vec::with_capacity(2 * entries.len());
    for (number, entry) in entries.iter().enumerate() {
        events.push((entry.call, number, false));
        if entry.back != OPEN {
            events.push((entry.back, number, true));
        }
    }
    events.sort_unstable();
    let mut now = Now { entries, slots: [None; SLOTS], used: Vec::new() };
    let mut slot_of = vec![0; entries.len()];
    let mut pasts = Pasts::from([((initial, 0), 0)]);
    for (at, number, is_end) in events {
        if !budget.take(pasts.len() as u64) {
            return Some(Found::OutOfSteps);
        }
        if !is_end {
            let slot = now.slots.iter().position(Option::is_none)?;
            now.slots[slot] = Some(number);
            now.used.push(slot);
            slot_of[number] = slot;
            if let Act::Read(value) = entries[number].act {
                pasts = pasts
                    .into_iter()
                    .map(|((held, done), last)| {
                        ((held, if held == value { done | 1 << slot } else { done }), last)
                    })
                    .collect();
            }
            continue;
        }
        let slot = slot_of[number];
        let mut next = Pasts::new();
        for ((held, done), last) in pasts {
            let keep = |next: &mut Pasts, held: ValueId, done: u64, last: u32| {
                let known = next.entry((held, done & !(1 << slot))).or_insert(last);
                *known = (*known).max(last);
            };
            if done >> slot & 1 == 1 {
                keep(&mut next, held, done, last);
                continue;
            }
            let wanted = match entries[number].act {
                Act::Read(value) => Some(value),
                _ => None,
            };
            if wanted.is_none() && last > entries[number].call {
                keep(&mut next, held, done, last);
            }
            for (held, done) in now.before_one(held, done) {
                if !budget.step() {
                    return Some(Found::OutOfSteps);
                }
                let write = match wanted {
                    Some(value) => now.write_of(value, done),
                    None => (done >> slot & 1 == 0).then_some(slot),
                };
                match write {
                    Some(write) => {
                        let (held, done) = now.take(write, done);
                        keep(&mut next, held, done, at);
                    }
                    // It has been done on the way there.
                    None if done >> slot & 1 == 1 => keep(&mut next, held, done, at),
                    None => {}
                }
            }
        }
        now.slots[slot] = None;
        now.used.retain(|used| *used != slot);
        if next.is_empty() {
            return Some(Found::None(number));
        }
        pasts = next;
    }
    Some(Found::Order)
}

/// The operations under way.
struct Now<'a> {
    entries: &'a [Entry<Act>],
    slots: [Option<usize>; SLOTS],
    /// The slots that are not free.
    used: Vec<usize>,
}

impl Now<'_> {
    fn entry(&self, slot: usize) -> Option<&Entry<Act>> {
        self.slots[slot].map(|number| &self.entries[number])
    }

    /// A write of `value` that has not taken place: of several the one that ends first.
    fn write_of(&self, value: ValueId, done: u64) -> Option<usize> {
        let left = self.used.iter().copied().filter(|slot| done >> slot & 1 == 0);
        left.filter(|slot| self.entry(*slot).is_some_and(|one| one.act == Act::Write(value)))
            .min_by_key(|slot| self.entry(*slot).map(|one| one.back))
    }

    /// A write takes effect, and all reads that wait for its value take place.
    fn take(&self, write: usize, done: u64) -> (ValueId, u64) {
        let value = self.entry(write).and_then(|one| one.act.leaves()).unwrap_or_default();
        let waits = |slot: &usize| self.entry(*slot).is_some_and(|one| one.act == Act::Read(value));
        let reads =
            self.used.iter().copied().filter(waits).fold(0, |reads, slot| reads | 1 << slot);
        (value, done | 1 << write | reads)
    }

    /// All pasts that writes can lead to, none or some of them, for which reads under way wait.
    fn before_one(&self, held: ValueId, done: u64) -> Vec<(ValueId, u64)> {
        let mut all = vec![(held, done)];
        let left = self.used.iter().copied().filter(|slot| done >> slot & 1 == 0);
        let mut wanted: Vec<ValueId> =
            left.filter_map(|slot| self.entry(slot)?.act.sees()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        for value in wanted {
            // Whichever comes last is overwritten at once: their order does not matter.
            for at in 0..all.len() {
                let (_, done) = all[at];
                if let Some(write) = self.write_of(value, done) {
                    all.push(self.take(write, done));
                }
            }
        }
        all
    }
}
