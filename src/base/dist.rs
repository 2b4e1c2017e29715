//! How long something takes: a constant, or a draw from a distribution.

use std::time::Duration;

use super::Rng;

/// A distribution of durations. Draws below zero are zero; draws above an hour are an hour.
///
/// ```
/// use looplab::base::{Distribution, Rng};
/// use std::time::Duration;
/// let ms = Duration::from_millis;
/// let latency = Distribution::Uniform { min: ms(2), max: ms(4) };
/// let drawn = latency.sample(&mut Rng::new(1));
/// assert!(drawn >= ms(2) && drawn <= ms(4));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Constant(Duration),
    /// Any duration from `min` to `max`, all alike.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// The bell curve around `mean`.
    Normal {
        /// The mean.
        mean: Duration,
        /// The standard deviation.
        sd: Duration,
    },
    /// A median with a long tail to the right: the logarithm is normal.
    LogNormal {
        /// Half of all draws are shorter.
        median: Duration,
        /// The standard deviation of the logarithm (0.4 is a calm network, 1.0 a bad day).
        sigma: f64,
    },
    /// Memoryless, as the gaps between unrelated arrivals are.
    Exponential {
        /// The mean.
        mean: Duration,
    },
}

/// The longest draw.
const LONGEST_NS: f64 = 3_600e9;

impl Distribution {
    /// Zero, always.
    pub const ZERO: Distribution = Distribution::Constant(Duration::ZERO);

    /// One draw.
    pub fn sample(&self, rng: &mut Rng) -> Duration {
        let nanos = match *self {
            Distribution::Constant(constant) => return constant,
            Distribution::Uniform { min, max } => {
                let width = u64::try_from(max.saturating_sub(min).as_nanos()).unwrap_or(u64::MAX);
                return min + Duration::from_nanos(rng.below(width.saturating_add(1)));
            }
            Distribution::Normal { mean, sd } => nanos(mean) + nanos(sd) * rng.normal(),
            Distribution::LogNormal { median, sigma } => {
                nanos(median) * libm::exp(sigma * rng.normal())
            }
            Distribution::Exponential { mean } => rng.exponential(nanos(mean)),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the range of an hour"
        )]
        Duration::from_nanos(nanos.clamp(0.0, LONGEST_NS) as u64)
    }

    /// What stands for all of its draws where chance is to decide nothing: the constant itself, the middle of
    /// a uniform distribution, the mean of a normal or exponential one, the median of a lognormal one.
    #[must_use]
    pub fn typical(&self) -> Duration {
        match *self {
            Distribution::Constant(constant) => constant,
            Distribution::Uniform { min, max } => min + max.saturating_sub(min) / 2,
            Distribution::Normal { mean, .. } | Distribution::Exponential { mean } => mean,
            Distribution::LogNormal { median, .. } => median,
        }
    }

    /// True if its draws differ.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        match *self {
            Distribution::Constant(_) => false,
            Distribution::Uniform { min, max } => min < max,
            Distribution::Normal { sd, .. } => !sd.is_zero(),
            Distribution::LogNormal { median, sigma } => !median.is_zero() && sigma > 0.0,
            Distribution::Exponential { mean } => !mean.is_zero(),
        }
    }

    /// True if every draw is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Distribution::ZERO
    }
}

#[expect(clippy::cast_precision_loss, reason = "an hour of nanoseconds fits 53 bits")]
fn nanos(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}
