//! The smallest part of a history that has no order either.
//!
//! Operations are left out, half of them, then quarters, then one by one, as long as what remains still has
//! no order. The model says what may be left out ([`Model::along`]): whatever remains is such that, if the
//! whole history had an order, it would have one too. So the contradiction that is shown is one of the
//! history itself, and not of having looked at a part of it.

use std::collections::BTreeSet;
use std::ops::Range;

use super::budget::Budget;
use super::history::OPEN;
use super::models::{Entry, Model};
use super::search::{Found, order};

/// The most steps that all searches of a reduction take together.
const STEPS_MAX: u64 = 5_000_000;

/// The most steps of one of them: one that takes longer counts as having an order.
const SEARCH_MAX: u64 = 500_000;

/// Reduces `entries`, which have no order, and of which everything up to the end of `culprit` has none.
pub(super) fn reduce<M: Model>(
    model: &mut M,
    entries: &[Entry<M::Act>],
    culprit: usize,
) -> Vec<Entry<M::Act>> {
    let mut reduction = Reduction { model, left: STEPS_MAX, dropped: Vec::new() };
    let mut kept = until_end_of(reduction.model, entries, culprit);
    loop {
        let before = kept.len();
        kept = reduction.operations(kept);
        let reduced = reduction.elements(kept);
        if reduced.len() == before {
            return reduced;
        }
        kept = reduced;
    }
}

/// What had begun when an entry ended; what had not ended then is open.
fn until_end_of<M: Model>(
    _model: &M,
    entries: &[Entry<M::Act>],
    culprit: usize,
) -> Vec<Entry<M::Act>> {
    let end = entries[culprit].back;
    let began = entries.iter().filter(|entry| entry.call < end);
    let cut =
        began.map(|entry| if entry.back > end { Entry { back: OPEN, ..*entry } } else { *entry });
    cut.filter(|entry| !(entry.is_open() && M::is_read(entry.act))).collect()
}

/// Whether the entries certainly have no order, as far as so many steps tell; and whose end it is that
/// cannot be reached.
pub(super) fn contradiction<M: Model>(
    model: &mut M,
    entries: &[Entry<M::Act>],
    budget: &mut Budget,
) -> Option<(Vec<Entry<M::Act>>, usize)> {
    let mut prepared = entries.to_vec();
    model.prepare(&mut prepared);
    match order(model, &prepared, budget) {
        Found::None(culprit) => Some((prepared, culprit)),
        _ => None,
    }
}

/// Some entries.
type Entries<M> = Vec<Entry<<M as Model>::Act>>;

struct Reduction<'a, M: Model> {
    model: &'a mut M,
    left: u64,
    /// What was left out so far.
    dropped: Entries<M>,
}

impl<M: Model> Reduction<'_, M> {
    /// Whether there is no order; the entries that are left of them then.
    fn has_none(&mut self, entries: &[Entry<M::Act>]) -> Option<Vec<Entry<M::Act>>> {
        let limit = SEARCH_MAX.min(self.left);
        let mut budget = Budget::new(limit);
        let found = contradiction(self.model, entries, &mut budget);
        // What preparing costs counts as well.
        self.left = self.left.saturating_sub(limit - budget.left() + entries.len() as u64);
        found.map(|(prepared, culprit)| until_end_of(self.model, &prepared, culprit))
    }

    fn operations(&mut self, mut kept: Vec<Entry<M::Act>>) -> Vec<Entry<M::Act>> {
        let mut size = kept.len().div_ceil(2);
        while size > 0 && self.left > 0 {
            let mut start = 0;
            while start < kept.len() && self.left > 0 {
                let (rest, dropped) = self.without(&kept, start..start + size);
                let reduced = if dropped.is_empty() { None } else { self.has_none(&rest) };
                match reduced {
                    Some(reduced) => {
                        kept = reduced;
                        self.dropped.extend(dropped);
                    }
                    None => start += size,
                }
            }
            size = if size == 1 { 0 } else { size.min(kept.len()).div_ceil(2) };
        }
        kept
    }

    /// What is left without these entries and those that go along, and what went. Whatever was dropped
    /// before counts as gone: that something else stays may have been the reason why it could go.
    fn without(&self, kept: &[Entry<M::Act>], range: Range<usize>) -> (Entries<M>, Entries<M>) {
        let now = kept.iter().enumerate().map(|(at, entry)| (*entry, range.contains(&at), true));
        let before = self.dropped.iter().map(|entry| (*entry, true, false));
        let mut all: Vec<(Entry<M::Act>, bool, bool)> = now.chain(before).collect();
        all.sort_by_key(|(entry, ..)| entry.call);
        let entries: Vec<Entry<M::Act>> = all.iter().map(|(entry, ..)| *entry).collect();
        let mut gone: Vec<bool> = all.iter().map(|(_, gone, _)| *gone).collect();
        self.model.along(&entries, &mut gone);
        let (mut rest, mut dropped) = (Vec::new(), Vec::new());
        for ((entry, ..), gone) in all.iter().zip(gone).filter(|((.., kept), _)| *kept) {
            if gone { dropped.push(*entry) } else { rest.push(*entry) }
        }
        (rest, dropped)
    }

    fn elements(&mut self, mut kept: Vec<Entry<M::Act>>) -> Vec<Entry<M::Act>> {
        let mut elements = self.model.elements(&kept);
        let mut size = elements.len().div_ceil(2);
        while size > 0 && self.left > 0 {
            let mut start = 0;
            while start < elements.len() && self.left > 0 {
                let end = (start + size).min(elements.len());
                let gone: BTreeSet<_> = elements[start..end].iter().copied().collect();
                let rest = self.model.without(&kept, &gone);
                match self.has_none(&rest) {
                    Some(reduced) => {
                        kept = reduced;
                        elements.drain(start..end);
                    }
                    None => start += size,
                }
            }
            size = if size == 1 { 0 } else { size.min(elements.len()).div_ceil(2) };
        }
        kept
    }
}
