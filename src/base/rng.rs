//! The run's one source of chance: SplitMix64, frozen, forked by name.
//!
//! A generator is forked per name (`link:app->db:request`, `client:alice`), so that a client added
//! to a scenario shifts nobody else's draws. The algorithm and the way names are mixed in are part
//! of the trace format: a change to either is a new major version.
//!
//! Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (OOPSLA 2014).
//! Logarithms and roots come from `libm`, so that the same seed draws the same bits on any machine.
//!
//! A generator may be *tracked* ([`super::Tape`]): what each of its forks draws is then written down, or
//! taken from a list. One that is not pays a test that the processor foresees.

use super::tape::{Tape, Track};

/// A small seeded generator. Not for secrets.
///
/// ```
/// use looplab::base::Rng;
/// let root = Rng::new(7);
/// assert_eq!(root.fork("client:alice").next_u64(), root.fork("client:alice").next_u64());
/// assert_ne!(root.fork("client:alice").next_u64(), root.fork("client:bob").next_u64());
/// ```
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
    track: Option<Box<Track>>,
}

impl Rng {
    /// A generator whose draws are a function of `seed` alone.
    #[must_use]
    pub fn new(seed: u64) -> Rng {
        Rng { state: mix(seed ^ 0x6c6f_6f70_6c61_6231), track: None }
    }

    /// The same for a run whose draws are kept or decided by `tape`.
    #[must_use]
    pub fn tracked(seed: u64, tape: &Tape) -> Rng {
        Rng { track: Some(Box::new(Track::root(tape.clone()))), ..Rng::new(seed) }
    }

    /// A generator of its own for `name`: independent of how many draws were made from this one
    /// only if forked before them, so fork from a root that nobody draws from.
    #[must_use]
    pub fn fork(&self, name: &str) -> Rng {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let track = self.track.as_ref().map(|track| Box::new(track.fork(name)));
        Rng { state: mix(self.state ^ mix(hash)), track }
    }

    /// A generator of its own that is like no other, for a part of the work that draws as much as it likes.
    #[must_use]
    pub fn split(&mut self) -> Rng {
        let track = self.track.as_mut().map(|track| Box::new(track.split()));
        Rng { track, ..Rng::new(self.own()) }
    }

    /// One that makes the next draw of this one, which counts as made.
    #[must_use]
    pub fn ahead(&mut self) -> Rng {
        let track = self.track.as_ref().map(|track| Box::new(track.silent()));
        let ahead = Rng { state: self.state, track };
        self.next_u64();
        ahead
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let own = self.own();
        match &mut self.track {
            None => own,
            Some(track) => track.draw(own),
        }
    }

    /// The next 64 bits of the generator itself.
    fn own(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number in `[0, 1)`, a multiple of 2^-53.
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let bits = (self.next_u64() >> 11) as f64;
        bits * (1.0 / 9_007_199_254_740_992.0)
    }

    /// A number in `[0, bound)`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A draw from the exponential distribution of the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -libm::log(1.0 - self.unit()) * mean
    }

    /// A draw from the standard normal distribution (Box and Muller; two uniform draws each).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_frozen() {
        // SplitMix64's published first outputs from state 0.
        let mut rng = Rng { state: 0, track: None };
        assert_eq!(rng.next_u64(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(rng.next_u64(), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(rng.next_u64(), 0x06c4_5d18_8009_454f);
    }

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        let mut rng = Rng::new(1);
        let draws: Vec<u64> = (0..1000).map(|_| rng.below(4)).collect();
        assert!((0..4).all(|n| draws.contains(&n)));
        assert!(draws.iter().all(|&n| n < 4));
    }

    #[test]
    fn the_distributions_have_their_means() {
        let mut rng = Rng::new(2);
        let n = 20_000;
        let mean = |draws: Vec<f64>| draws.iter().sum::<f64>() / f64::from(n);
        let exponential = mean((0..n).map(|_| rng.exponential(5.0)).collect());
        assert!((exponential - 5.0).abs() < 0.2, "{exponential}");
        let normal = mean((0..n).map(|_| rng.normal()).collect());
        assert!(normal.abs() < 0.05, "{normal}");
    }
}
