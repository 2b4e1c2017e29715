//! The search for an order of the operations on one object that keeps to real time.
//!
//! ```text
//! a  |--write 1--|                       the list of events that are left, in the order of time:
//! b       |--read 1--|                   a( b( a) c( b) c)
//! c                |--write 2--|         whatever is called before the first end may come first
//! ```
//!
//! Wing and Gong's search as Lowe improved it: an operation that may come first, and whose result the state
//! explains, is taken out of the list, and the search goes on with what is left; if nothing that may come
//! first fits, the last one taken is put back and the next one is tried. Which operations were taken,
//! together with the state, says all that matters for what is left, so no such pair is looked into twice.
//!
//! What makes it fast on long histories:
//! - What was taken is kept as the number of the first operation that was not, and bits for those behind it:
//!   clients are few, so the bits are few.
//! - A read that may come first and fits is taken at once, and nothing else is tried in its place: what could
//!   come before it can as well come behind it. (Not so a write of what is there already, which may be
//!   needed later on.)
//! - Of two that do the same, the one that ends first is taken first.
//! - An operation without an end is taken only where it changes something, and of several alike the first.
//!
//! # Sources
//! Wing and Gong, "Testing and Verifying Concurrent Objects" (1993); Lowe, "Testing for linearizability"
//! (2017); Horn and Kroening, "Faster linearizability checking via P-compositionality" (2015).

use super::along_time::along_time;
use super::budget::Budget;
use super::history::OPEN;
use super::models::{Entry, Model};
use super::seen::{Insert, Seen};
use super::values::ValueId;

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// There is one.
    Order,
    /// There is none. Everything that began before this entry's end has none already, and everything that
    /// ended before it has one.
    None(usize),
    /// The budget was too small.
    OutOfSteps,
    /// Too many states were met to remember them all.
    OutOfMemory,
}

/// No entry, or no event.
const NIL: usize = usize::MAX;

/// Looks for an order of `entries`, which stand in the order of their calls and were prepared by the model.
pub(super) fn search<M: Model>(
    model: &mut M,
    entries: &[Entry<M::Act>],
    budget: &mut Budget,
) -> Found {
    Search::new(model, entries).run(budget)
}

/// Looks for an order in the way that is best for these entries.
pub(super) fn order<M: Model>(
    model: &mut M,
    entries: &[Entry<M::Act>],
    budget: &mut Budget,
) -> Found {
    let Some(plain) = M::as_register(entries) else { return search(model, entries, budget) };
    // Where there is an order, the first that is tried is often right.
    let most = (GLANCE * entries.len() as u64).min(budget.left());
    let mut glance = Budget::new(most);
    let found = search(model, entries, &mut glance);
    budget.take(most - glance.left());
    if let Found::Order | Found::None(_) = found {
        return found;
    }
    let initial = ValueId::try_from(model.initial()).unwrap_or_default();
    along_time(plain, initial, budget).unwrap_or_else(|| search(model, entries, budget))
}

/// How many steps an operation the search for an order of a register takes before it is judged along time.
const GLANCE: u64 = 30;

struct Search<'a, M: Model> {
    model: &'a mut M,
    entries: &'a [Entry<M::Act>],
    events: Events,
    state: u64,
    taken: Taken,
    /// How many operations with an end are left.
    left: usize,
    trail: Vec<Step>,
    seen: Seen,
    /// The latest end that the search did not get beyond.
    furthest: usize,
    key: Vec<u64>,
}

/// One operation that was taken.
struct Step {
    entry: usize,
    /// The state before it.
    state: u64,
    /// Whether nothing else need be tried in its place.
    forced: bool,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a mut M, entries: &'a [Entry<M::Act>]) -> Search<'a, M> {
        let left = entries.iter().filter(|entry| !entry.is_open()).count();
        Search {
            state: model.initial(),
            model,
            entries,
            events: Events::new(entries),
            taken: Taken::new(entries),
            left,
            trail: Vec::new(),
            seen: Seen::new(),
            furthest: NIL,
            key: Vec::new(),
        }
    }

    fn run(mut self, budget: &mut Budget) -> Found {
        if !self.take_what_fits(budget) {
            return Found::OutOfSteps;
        }
        let mut at = self.events.first();
        loop {
            if self.left == 0 {
                return Found::Order;
            }
            let Some(entry) = self.events.call(at) else {
                self.stuck(at);
                match self.back() {
                    Some(next) => at = next,
                    None => return Found::None(self.furthest),
                }
                continue;
            };
            if !budget.step() {
                return Found::OutOfSteps;
            }
            let Some(state) = self.try_one(entry, budget) else {
                at = self.events.next(at);
                continue;
            };
            self.take(entry, state, false);
            if !self.take_what_fits(budget) {
                return Found::OutOfSteps;
            }
            self.taken.key(self.state, &mut self.key);
            match self.seen.insert(&self.key) {
                Insert::New => at = self.events.first(),
                Insert::Known => match self.back() {
                    Some(next) => at = next,
                    None => return Found::None(self.furthest),
                },
                Insert::Full => return Found::OutOfMemory,
            }
        }
    }

    /// The state after `entry`, if it is worth trying here.
    fn try_one(&mut self, entry: usize, budget: &mut Budget) -> Option<u64> {
        let one = self.entries[entry];
        let state = self.model.step(self.state, one.act)?;
        if one.is_open() {
            let before = self.taken.alike[entry];
            let is_next = before == NIL || self.taken.is_taken(before);
            return (state != self.state && is_next).then_some(state);
        }
        // Another that does the same and ends before: its turn is first.
        let mut at = self.events.first();
        while let Some(other) = self.events.call(at) {
            let rival = self.entries[other];
            if other != entry && rival.back < one.back && rival.act == one.act {
                return None;
            }
            // If that was the last one, the next step says so.
            budget.step();
            at = self.events.next(at);
        }
        Some(state)
    }

    /// Takes all reads that may come first and fit. False if the budget is spent.
    fn take_what_fits(&mut self, budget: &mut Budget) -> bool {
        let mut at = self.events.first();
        while let Some(entry) = self.events.call(at) {
            if !budget.step() {
                return false;
            }
            let one = self.entries[entry];
            let next = self.events.next(at);
            if M::is_read(one.act) && self.model.step(self.state, one.act).is_some() {
                self.take(entry, self.state, true);
                // Its own end may have stood right behind it.
                at = if next == self.events.end_of(entry) {
                    self.events.next_of(next)
                } else {
                    next
                };
            } else {
                at = next;
            }
        }
        true
    }

    fn take(&mut self, entry: usize, state: u64, forced: bool) {
        self.trail.push(Step { entry, state: self.state, forced });
        self.events.take(entry, self.entries[entry].is_open());
        self.taken.set(entry);
        self.left -= usize::from(!self.entries[entry].is_open());
        self.state = state;
    }

    /// Puts back what was taken last, and all that followed from it; the event to go on with.
    fn back(&mut self) -> Option<usize> {
        while let Some(step) = self.trail.pop() {
            let is_open = self.entries[step.entry].is_open();
            self.events.put_back(step.entry, is_open);
            self.taken.unset(step.entry);
            self.left += usize::from(!is_open);
            self.state = step.state;
            if !step.forced {
                return Some(self.events.next(step.entry));
            }
        }
        None
    }

    /// Nothing more can come before the end at event `at`.
    fn stuck(&mut self, at: usize) {
        let Some(entry) = self.events.end(at) else { return };
        let later = |other: usize| self.entries[other].back < self.entries[entry].back;
        if self.furthest == NIL || later(self.furthest) {
            self.furthest = entry;
        }
    }
}

/// The events that are left, as a list whose links are indices. The call of entry `e` is event `e`, its end
/// is event `count + e`, and event `2 * count` stands before the first.
struct Events {
    next: Vec<usize>,
    before: Vec<usize>,
    count: usize,
}

impl Events {
    fn new<A>(entries: &[Entry<A>]) -> Events {
        let count = entries.len();
        let calls = entries.iter().enumerate().map(|(n, entry)| (entry.call, n));
        let ends = entries.iter().enumerate().filter(|(_, entry)| entry.back != OPEN);
        let ends = ends.map(|(n, entry)| (entry.back, count + n));
        let mut order: Vec<(u32, usize)> = calls.chain(ends).collect();
        order.sort_unstable();
        let mut events =
            Events { next: vec![NIL; 2 * count + 1], before: vec![NIL; 2 * count + 1], count };
        let mut last = 2 * count;
        for (_, event) in order {
            events.next[last] = event;
            events.before[event] = last;
            last = event;
        }
        events
    }

    fn first(&self) -> usize {
        self.next[2 * self.count]
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        self.next[at]
    }

    /// The event behind `at`, which has just been taken out of the list.
    fn next_of(&self, at: usize) -> usize {
        if at == NIL { NIL } else { self.next[at] }
    }

    fn end_of(&self, entry: usize) -> usize {
        self.count + entry
    }

    /// The entry whose call stands at `at`; none if it is an end, or behind the last event.
    #[inline]
    fn call(&self, at: usize) -> Option<usize> {
        (at < self.count).then_some(at)
    }

    /// The entry whose end stands at `at`.
    fn end(&self, at: usize) -> Option<usize> {
        if at == NIL { None } else { at.checked_sub(self.count) }
    }

    fn unlink(&mut self, at: usize) {
        let (before, next) = (self.before[at], self.next[at]);
        self.next[before] = next;
        if next != NIL {
            self.before[next] = before;
        }
    }

    fn link(&mut self, at: usize) {
        let (before, next) = (self.before[at], self.next[at]);
        self.next[before] = at;
        if next != NIL {
            self.before[next] = at;
        }
    }

    fn take(&mut self, entry: usize, is_open: bool) {
        self.unlink(entry);
        if !is_open {
            self.unlink(self.count + entry);
        }
    }

    fn put_back(&mut self, entry: usize, is_open: bool) {
        if !is_open {
            self.link(self.count + entry);
        }
        self.link(entry);
    }
}

/// Which entries were taken: those with an end as bits from the first that was not on, the open ones as
/// bits of their own.
struct Taken {
    /// The bit of each entry, in `closed` or in `open`.
    bits: Vec<usize>,
    is_open: Vec<bool>,
    closed: Vec<u64>,
    open: Vec<u64>,
    /// Words before this one are full.
    full: usize,
    /// Words from this one on are empty.
    empty: usize,
    /// Of an open entry, the one before it that does the same.
    alike: Vec<usize>,
}

impl Taken {
    fn new<A: Copy + PartialEq>(entries: &[Entry<A>]) -> Taken {
        let (mut closed, mut open) = (0, 0);
        let mut bits = Vec::with_capacity(entries.len());
        for entry in entries {
            let count = if entry.is_open() { &mut open } else { &mut closed };
            bits.push(*count);
            *count += 1;
        }
        let mut alike = vec![NIL; entries.len()];
        let all: Vec<usize> = (0..entries.len()).filter(|at| entries[*at].is_open()).collect();
        for (n, at) in all.iter().enumerate() {
            let nearest = all[n.saturating_sub(ALIKE_MAX)..n].iter().rev();
            let same = nearest.copied().find(|before| entries[*before].act == entries[*at].act);
            alike[*at] = same.unwrap_or(NIL);
        }
        Taken {
            bits,
            is_open: entries.iter().map(Entry::is_open).collect(),
            closed: vec![0; closed / 64 + 1],
            open: vec![0; open.div_ceil(64)],
            full: 0,
            empty: 0,
            alike,
        }
    }

    fn is_taken(&self, entry: usize) -> bool {
        let words = if self.is_open[entry] { &self.open } else { &self.closed };
        let bit = self.bits[entry];
        words[bit / 64] >> (bit % 64) & 1 == 1
    }

    fn set(&mut self, entry: usize) {
        let bit = self.bits[entry];
        let mask = 1 << (bit % 64);
        if self.is_open[entry] {
            self.open[bit / 64] |= mask;
            return;
        }
        self.closed[bit / 64] |= mask;
        self.empty = self.empty.max(bit / 64 + 1);
        while self.closed.get(self.full) == Some(&u64::MAX) {
            self.full += 1;
        }
    }

    fn unset(&mut self, entry: usize) {
        let bit = self.bits[entry];
        let mask = !(1 << (bit % 64));
        if self.is_open[entry] {
            self.open[bit / 64] &= mask;
            return;
        }
        self.closed[bit / 64] &= mask;
        self.full = self.full.min(bit / 64);
        while self.empty > 0 && self.closed[self.empty - 1] == 0 {
            self.empty -= 1;
        }
    }

    /// Writes down what was taken, and the state.
    fn key(&self, state: u64, key: &mut Vec<u64>) {
        key.clear();
        key.push(state);
        key.push(self.full as u64);
        key.extend_from_slice(&self.closed[self.full.min(self.empty)..self.empty]);
        // There are always as many of these, so nobody takes the others for them.
        key.extend_from_slice(&self.open);
    }
}

/// Among how many open entries before it one that does the same is looked for.
const ALIKE_MAX: usize = 64;
