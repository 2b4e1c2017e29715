//! How long things took: all of them while they are few, a histogram when they are many.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Up to so many durations are kept as they are; beyond, three significant digits of each.
const EXACT_MAX: usize = 128;

/// The longest that is told apart, in nanoseconds: ten hours.
const LONGEST_NS: u64 = 36_000_000_000_000;

/// Durations, for their percentiles.
#[derive(Debug, Clone)]
pub(super) struct Latencies(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Few(Vec<u64>),
    Many(Box<Histogram<u64>>),
}

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies(Kind::Few(Vec::new()))
    }
}

impl Latencies {
    /// Counts one.
    pub(super) fn add(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).min(LONGEST_NS);
        match &mut self.0 {
            Kind::Few(all) if all.len() < EXACT_MAX => all.push(nanos),
            Kind::Few(all) => {
                let mut histogram = Histogram::new_with_bounds(1, LONGEST_NS, 2)
                    .expect("the bounds are in order and two digits are possible");
                for known in all.iter().chain([&nanos]) {
                    histogram.saturating_record(*known);
                }
                self.0 = Kind::Many(Box::new(histogram));
            }
            Kind::Many(histogram) => histogram.saturating_record(nanos),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        match &self.0 {
            Kind::Few(all) => all.len() as u64,
            Kind::Many(histogram) => histogram.len(),
        }
    }

    /// The smallest duration that at least `percent` of all do not exceed; `None` without any.
    pub(super) fn percentile(&self, percent: f64) -> Option<Duration> {
        let nanos = match &self.0 {
            Kind::Few(all) => {
                let mut sorted = all.clone();
                sorted.sort_unstable();
                sorted.get(rank(percent, sorted.len()))?.to_owned()
            }
            Kind::Many(histogram) => histogram.value_at_percentile(percent),
        };
        Some(Duration::from_nanos(nanos))
    }

    /// The longest.
    pub(super) fn max(&self) -> Option<Duration> {
        self.percentile(100.0)
    }
}

/// The index of a percentile among `count` in order, by nearest rank.
fn rank(percent: f64, count: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "at most EXACT_MAX"
    )]
    let rank = (percent / 100.0 * count as f64).ceil() as usize;
    rank.clamp(1, count.max(1)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_exact_and_many_are_close() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(50.0), None);
        for micros in 1..=100 {
            latencies.add(Duration::from_micros(micros));
        }
        assert_eq!(latencies.percentile(50.0), Some(Duration::from_micros(50)));
        assert_eq!(latencies.percentile(99.0), Some(Duration::from_micros(99)));
        assert_eq!(latencies.max(), Some(Duration::from_micros(100)));
        for micros in 101..=10_000 {
            latencies.add(Duration::from_micros(micros));
        }
        assert_eq!(latencies.len(), 10_000);
        let median = latencies.percentile(50.0).unwrap().as_micros();
        assert!((4_950..=5_050).contains(&median), "{median}");
    }

    #[test]
    fn the_first_that_is_too_many_is_not_lost() {
        let mut latencies = Latencies::default();
        for _ in 0..=EXACT_MAX {
            latencies.add(Duration::from_hours(100));
        }
        assert_eq!(latencies.len(), EXACT_MAX as u64 + 1);
    }
}
