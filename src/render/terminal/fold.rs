//! Is this worth a line, or is it one more of the same?
//!
//! Of the first [`DRAWN_MAX`] lines of a run all are drawn, but no more than [`ALIKE_FIRST`] that are alike.
//! After that a line is drawn only if nothing like it was drawn [`ALIKE_LATER`] times before. All others are
//! counted in *bundles*, which are told in a line each (`997 more like this`) before the next thing that is
//! drawn, and at the end. With at most [`SHAPES_MAX`] shapes told apart, a run of any length is told in a
//! few hundred lines.

use std::collections::BTreeMap;
use std::time::Duration;

use super::latencies::Latencies;
use super::teller::Folding;
use crate::base::Time;

/// How many lines are drawn before anything is folded.
const DRAWN_MAX: u32 = 200;

/// How many of them may be alike.
const ALIKE_FIRST: u32 = 20;

/// How often something alike is drawn after that.
const ALIKE_LATER: u32 = 2;

/// How many shapes are told apart; what comes later counts as known.
const SHAPES_MAX: usize = 64;

/// How many bundles are kept apart; the rest is one.
const BUNDLES_MAX: usize = 64;

/// While a session is told that may last for days: how many lines a second are given back.
const RENEWED_PER_S: u32 = 2;

/// How many must have been given back before drawing begins again.
const RENEWED_MIN: u32 = 20;

/// How often such a session tells what it has folded, if nothing else is drawn.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Decides what is drawn, and keeps count of what is not.
#[derive(Debug)]
pub(super) struct Fold {
    folding: Folding,
    left: u32,
    resting: bool,
    renewed: Time,
    told: Time,
    shapes: BTreeMap<u64, u32>,
    bundles: BTreeMap<(u64, u64), Bundle>,
    begun: u64,
}

/// Lines that were not drawn because they are alike.
#[derive(Debug, Clone, Default)]
pub(super) struct Bundle {
    order: u64,
    /// What all of them are: `alice → app  GET /items/* → 200 OK`.
    pub(super) gist: String,
    /// How many.
    pub(super) count: u64,
    /// From request to answer.
    pub(super) latencies: Latencies,
    /// Whether they are requests that may yet be answered.
    waiting: bool,
}

impl Fold {
    pub(super) fn new(folding: Folding) -> Fold {
        Fold {
            folding,
            left: DRAWN_MAX,
            resting: false,
            renewed: Time::ZERO,
            told: Time::ZERO,
            shapes: BTreeMap::new(),
            bundles: BTreeMap::new(),
            begun: 0,
        }
    }

    /// True if a line of this shape is to be drawn.
    pub(super) fn draws(&mut self, at: Time, shape: u64) -> bool {
        if self.folding == Folding::Never {
            return true;
        }
        self.renew(at);
        if self.resting {
            return self.is_fewer(shape, ALIKE_LATER);
        }
        // A session without an end is calm when little happens, however alike it is.
        let alike = if self.folding == Folding::Renewing { u32::MAX } else { ALIKE_FIRST };
        let draws = self.is_fewer(shape, alike) || self.shapes.len() >= SHAPES_MAX;
        self.left -= u32::from(draws);
        self.resting = self.left == 0;
        draws
    }

    /// True if nothing of this shape was drawn before: an answer of a new kind is drawn even if its
    /// request was not.
    pub(super) fn draws_novel(&mut self, shape: u64) -> bool {
        self.folding == Folding::Never || self.is_fewer(shape, ALIKE_LATER)
    }

    /// True if fewer than `most` of this shape were drawn before this one.
    fn is_fewer(&mut self, shape: u64, most: u32) -> bool {
        let full = self.shapes.len() >= SHAPES_MAX;
        match self.shapes.get_mut(&shape) {
            Some(seen) if *seen >= most => false,
            Some(seen) => {
                *seen += 1;
                true
            }
            None if full => false,
            None => {
                self.shapes.insert(shape, 1);
                true
            }
        }
    }

    fn renew(&mut self, at: Time) {
        if self.folding != Folding::Renewing {
            return;
        }
        let seconds = at.since(self.renewed).as_secs();
        if seconds > 0 {
            self.renewed = at;
            let more = u32::try_from(seconds).unwrap_or(u32::MAX).saturating_mul(RENEWED_PER_S);
            self.left = self.left.saturating_add(more).min(DRAWN_MAX);
            self.resting &= self.left < RENEWED_MIN;
        }
    }

    /// Counts a line that is not drawn. `key` is its shape and that of what it answers.
    pub(super) fn count(&mut self, key: (u64, u64), waiting: bool, gist: impl FnOnce() -> String) {
        self.bundle(key, waiting, gist).count += 1;
    }

    /// Counts the answer to a request that was counted: the two become one.
    pub(super) fn answer(
        &mut self,
        key: (u64, u64),
        took: Duration,
        gist: impl FnOnce(&str) -> String,
    ) {
        let asked = self.settle(key.0).unwrap_or_default();
        let bundle = self.bundle(key, false, || gist(&asked));
        bundle.count += 1;
        bundle.latencies.add(took);
    }

    /// A request of that shape which was counted has its answer, and waits no more. Returns what all
    /// of them are.
    pub(super) fn settle(&mut self, request: u64) -> Option<String> {
        let bundle = self.bundles.get_mut(&(request, 0))?;
        bundle.count = bundle.count.saturating_sub(1);
        let gist = bundle.gist.clone();
        if bundle.count == 0 {
            self.bundles.remove(&(request, 0));
        }
        Some(gist)
    }

    fn bundle(
        &mut self,
        key: (u64, u64),
        waiting: bool,
        gist: impl FnOnce() -> String,
    ) -> &mut Bundle {
        let full = self.bundles.len() >= BUNDLES_MAX && !self.bundles.contains_key(&key);
        let key = if full { (0, 0) } else { key };
        let begun = &mut self.begun;
        self.bundles.entry(key).or_insert_with(|| {
            *begun += 1;
            let gist = if full { "of other kinds".to_owned() } else { gist() };
            Bundle { order: *begun, gist, waiting: waiting && !full, ..Bundle::default() }
        })
    }

    /// True if something was folded and is not told yet, or would be if it came now.
    pub(super) fn is_folding(&self) -> bool {
        self.resting || !self.bundles.is_empty()
    }

    /// True if what was folded should be told although nothing else is drawn.
    pub(super) fn due(&self, at: Time) -> bool {
        self.folding == Folding::Renewing
            && !self.bundles.is_empty()
            && at.since(self.told) >= TOLD_EVERY
    }

    /// Takes the bundles, in the order in which they began; those that wait for an answer stay, unless
    /// this is the end.
    pub(super) fn take(&mut self, at: Time, end: bool) -> Vec<Bundle> {
        self.told = at;
        if self.bundles.is_empty() {
            return Vec::new();
        }
        let (waiting, mut told): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.bundles).into_iter().partition(|(_, b)| b.waiting && !end);
        self.bundles = waiting.into_iter().collect();
        told.sort_by_key(|(_, bundle)| bundle.order);
        told.into_iter().map(|(_, bundle)| bundle).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_run_of_any_length_is_told_in_a_bounded_number_of_lines() {
        let mut fold = Fold::new(Folding::Bounded);
        let drawn = (0..100_000).filter(|n| fold.draws(at(*n), *n)).count();
        let most = DRAWN_MAX as usize + SHAPES_MAX * ALIKE_LATER as usize;
        assert!(drawn <= most, "{drawn}");
        let mut fold = Fold::new(Folding::Bounded);
        let drawn = (0..100_000).filter(|_| fold.draws(at(0), 7)).count();
        assert_eq!(drawn, ALIKE_FIRST as usize);
        assert!(fold.draws(at(0), 8), "something new is always drawn");
    }

    #[test]
    fn a_request_and_its_answer_are_told_as_one() {
        let mut fold = Fold::new(Folding::Bounded);
        for _ in 0..3 {
            fold.count((1, 0), true, || "GET".into());
        }
        assert!(fold.take(at(0), false).is_empty(), "they may yet be answered");
        for _ in 0..2 {
            fold.answer((1, 2), Duration::from_millis(1), |asked| format!("{asked} 200"));
        }
        let told = fold.take(at(0), false);
        assert_eq!((told.len(), told[0].count, told[0].gist.as_str()), (1, 2, "GET 200"));
        let rest = fold.take(at(0), true);
        assert_eq!((rest.len(), rest[0].count, rest[0].gist.as_str()), (1, 1, "GET"));
    }

    #[test]
    fn bundles_are_bounded_and_nothing_goes_uncounted() {
        let mut fold = Fold::new(Folding::Bounded);
        for shape in 1..=1_000 {
            fold.count((shape, 0), false, String::new);
        }
        let told = fold.take(at(0), true);
        assert!(told.len() <= BUNDLES_MAX + 1);
        assert_eq!(told.iter().map(|bundle| bundle.count).sum::<u64>(), 1_000);
    }

    #[test]
    fn a_session_that_calms_down_is_drawn_again() {
        let mut fold = Fold::new(Folding::Renewing);
        let drawn = (0..10_000).filter(|_| fold.draws(at(0), 7)).count();
        assert_eq!(drawn, DRAWN_MAX as usize);
        assert!(!fold.draws(at(5), 7));
        assert!(fold.draws(at(60), 7));
    }
}
