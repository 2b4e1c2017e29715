//! The draws of a run, written down or decided: a list of fractions for each stream.
//!
//! ```text
//! stream   the names of the forks, joined: `server:db/delay`, `client:alice/steps`
//! draw     a fraction in [0, 1); as 64 bits it is the fraction times 2^64
//! ```
//!
//! A tape that *decides* answers every draw from its lists, and with one half after the end of a list. All
//! draws of [`super::Rng`] grow with the 64 bits, so that a fraction can be read: 0 is the least, one half is
//! the middle. The streams that only name things (ports) are left alone by whoever makes them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The most draws that a tape keeps, over all streams; later ones are only counted.
pub const DRAWS_MAX: usize = 1_000_000;

/// What a stream draws when its list has ended: one half.
const MIDDLE: u64 = 1 << 63;

/// Draws by stream, as 64 bits each.
pub type Draws = BTreeMap<String, Vec<u64>>;

/// Keeps the draws of a run, and may decide them. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// What is drawn, if that is decided.
    decided: Option<Arc<Draws>>,
    /// From now on chance decides after all.
    free: AtomicBool,
    kept: Option<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    draws: Draws,
    count: usize,
}

impl Tape {
    /// A tape that keeps what chance draws.
    #[must_use]
    pub fn recording() -> Tape {
        Tape::of(None, true)
    }

    /// A tape that decides all draws, and keeps those that were asked for if `keeps`.
    #[must_use]
    pub fn deciding(draws: Arc<Draws>, keeps: bool) -> Tape {
        Tape::of(Some(draws), keeps)
    }

    fn of(decided: Option<Arc<Draws>>, keeps: bool) -> Tape {
        let kept = keeps.then(Mutex::default);
        Tape { shared: Arc::new(Shared { decided, free: AtomicBool::new(false), kept }) }
    }

    /// Lets chance decide from now on.
    pub fn set_free(&self) {
        self.shared.free.store(true, Ordering::Relaxed);
    }

    /// What was drawn so far.
    #[must_use]
    pub fn draws(&self) -> Draws {
        let Some(kept) = &self.shared.kept else { return Draws::new() };
        kept.lock().unwrap_or_else(PoisonError::into_inner).draws.clone()
    }

    fn keep(&self, stream: &str, drawn: u64) {
        let Some(kept) = &self.shared.kept else { return };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.count += 1;
        if kept.count > DRAWS_MAX {
            return;
        }
        match kept.draws.get_mut(stream) {
            Some(draws) => draws.push(drawn),
            None => {
                kept.draws.insert(stream.to_owned(), vec![drawn]);
            }
        }
    }
}

/// The place of one generator on a tape.
#[derive(Debug, Clone)]
pub(super) struct Track {
    tape: Tape,
    /// The stream; empty for the root, which nobody draws from.
    name: String,
    /// How much was drawn.
    at: usize,
    /// How many parts were split off.
    parts: usize,
    /// What it draws is kept by somebody else.
    silent: bool,
}

impl Track {
    pub(super) fn root(tape: Tape) -> Track {
        Track { tape, name: String::new(), at: 0, parts: 0, silent: false }
    }

    /// The same place, whose draws another one keeps.
    pub(super) fn silent(&self) -> Track {
        Track { silent: true, ..self.clone() }
    }

    pub(super) fn fork(&self, name: &str) -> Track {
        let name = match self.name.as_str() {
            "" => name.to_owned(),
            parent => format!("{parent}/{name}"),
        };
        Track { tape: self.tape.clone(), name, at: 0, parts: 0, silent: false }
    }

    pub(super) fn split(&mut self) -> Track {
        self.parts += 1;
        self.fork(&self.parts.to_string())
    }

    /// What is drawn where the generator itself would draw `own`.
    pub(super) fn draw(&mut self, own: u64) -> u64 {
        let shared = &self.tape.shared;
        let drawn = match &shared.decided {
            Some(decided) if !shared.free.load(Ordering::Relaxed) => {
                let listed = decided.get(&self.name).and_then(|draws| draws.get(self.at));
                listed.copied().unwrap_or(MIDDLE)
            }
            _ => own,
        };
        self.at += 1;
        if !self.silent {
            self.tape.keep(&self.name, drawn);
        }
        drawn
    }
}

/// A draw as the fraction that stands for it: a multiple of 2^-53, the bits below it left out.
///
/// ```
/// use looplab::base::tape::{bits, fraction};
/// assert_eq!(fraction(1 << 63), 0.5);
/// assert_eq!(bits(0.25), 1 << 62);
/// ```
#[must_use]
pub fn fraction(bits: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let high = (bits >> 11) as f64;
    high * (1.0 / 9_007_199_254_740_992.0)
}

/// The draw that a fraction in `[0, 1)` stands for; what lies outside is brought to its ends.
#[must_use]
pub fn bits(fraction: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of floats saturates, and that is what is meant"
    )]
    let bits = (fraction * 18_446_744_073_709_551_616.0) as u64;
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Rng;
    use super::*;

    #[test]
    fn what_was_drawn_can_be_drawn_again_from_another_seed() {
        let tape = Tape::recording();
        let root = Rng::tracked(7, &tape);
        let mut alice = root.fork("client:alice").fork("steps");
        let first: Vec<f64> = (0..3).map(|_| alice.unit()).collect();
        assert_eq!(
            first[0].to_bits(),
            Rng::new(7).fork("client:alice").fork("steps").unit().to_bits()
        );
        let mut part = alice.split();
        let parted = part.below(1000);
        let draws = tape.draws();
        assert_eq!(
            draws.keys().collect::<Vec<_>>(),
            ["client:alice/steps", "client:alice/steps/1"]
        );

        let again = Tape::deciding(Arc::new(draws), false);
        let mut alice = Rng::tracked(8, &again).fork("client:alice").fork("steps");
        let second: Vec<f64> = (0..4).map(|_| alice.unit()).collect();
        assert_eq!(second[..3], first);
        assert_eq!(second[3].to_bits(), 0.5f64.to_bits(), "after the list: one half");
        assert_eq!(alice.split().below(1000), parted);
    }

    #[test]
    fn a_draw_that_is_made_ahead_is_made_once() {
        let tape = Tape::recording();
        let mut rng = Rng::tracked(5, &tape).fork("x");
        let ahead = rng.ahead().next_u64();
        let second = rng.next_u64();
        assert_eq!(tape.draws()["x"], [ahead, second]);
        let mut own = Rng::new(5).fork("x");
        assert_eq!((own.ahead().next_u64(), own.next_u64()), (ahead, second));
    }

    #[test]
    fn a_tape_set_free_leaves_the_rest_to_chance() {
        let tape = Tape::deciding(Arc::default(), false);
        let mut rng = Rng::tracked(3, &tape).fork("x");
        let mut own = Rng::new(3).fork("x");
        assert_eq!((rng.next_u64(), own.next_u64() != MIDDLE), (MIDDLE, true));
        tape.set_free();
        assert_eq!(rng.next_u64(), own.next_u64());
    }

    proptest! {
        #[test]
        fn a_fraction_is_told_and_read_without_loss(drawn in any::<u64>()) {
            let text = fraction(drawn).to_string();
            let read: f64 = text.parse().unwrap();
            prop_assert_eq!(fraction(bits(read)).to_bits(), fraction(drawn).to_bits());
            prop_assert_eq!(bits(read), drawn >> 11 << 11);
        }

        #[test]
        fn a_greater_fraction_is_a_greater_draw(one in 0.0f64..1.0, other in 0.0f64..1.0) {
            prop_assert_eq!(one < other && bits(one) > bits(other), false);
            prop_assert!((fraction(bits(one)) - one).abs() < 1e-15);
        }
    }
}
