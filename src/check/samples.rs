//! Samples of how long something took, and what is asked of their statistics.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::base::units::show_duration;
use crate::base::{Diagnostic, Located, Value};
use crate::scenario::model::{Predicate, Statistic};
use crate::scenario::{Lookup, Mismatch};

use super::words::{show, wish};

/// Up to so many samples, percentiles are exact; of more, they are within 0.1 percent.
const EXACT_MAX: usize = 10_000;

/// What must hold of statistics: `p95: { lt: 250ms }`.
pub(super) type Bounds = Vec<(Located<Statistic>, Predicate)>;

/// Whether all bounds hold of the figures, and what was measured: only what does not hold if anything
/// does not.
pub(super) fn measured(
    bounds: &Bounds,
    figures: &Figures<'_>,
    scope: &dyn Lookup,
) -> Result<(bool, String), Diagnostic> {
    let (mut held, mut missed) = (Vec::new(), Vec::new());
    for (statistic, predicate) in bounds {
        let actual = figures.of(statistic.value);
        let measured = format!("{} is {}", name(statistic.value), show_duration(actual));
        match predicate.test(Some(&micros(actual)), scope) {
            Ok(()) => held.push(measured),
            Err(Mismatch::Differs(_)) => {
                let expected = wish(predicate, scope, &show_micros)?;
                missed.push(format!("{measured}, expected {expected}"));
            }
            Err(Mismatch::Unresolved(diagnostic)) => return Err(diagnostic),
        }
    }
    let told = if missed.is_empty() { &held } else { &missed };
    Ok((missed.is_empty(), told.join("; ")))
}

/// `p95`, `p999`, `mean`.
fn name(statistic: Statistic) -> String {
    match statistic {
        Statistic::Min => "min".into(),
        Statistic::Mean => "mean".into(),
        Statistic::Max => "max".into(),
        Statistic::Percentile(percent) => format!("p{percent}").replace('.', ""),
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 104 days of nanoseconds")]
fn micros(duration: Duration) -> Value {
    Value::from(duration.as_nanos() as f64 / 1e3)
}

fn show_micros(value: &Value) -> String {
    let duration = value.as_f64().and_then(|us| Duration::try_from_secs_f64(us / 1e6).ok());
    duration.map_or_else(|| show(value), show_duration)
}

/// Latencies in nanoseconds, exact while they are few.
#[derive(Default)]
pub(super) struct Samples {
    pub(super) count: u64,
    sum: u128,
    min: Option<u64>,
    max: u64,
    exact: Vec<u64>,
    many: Option<Histogram<u64>>,
}

impl Samples {
    pub(super) fn add(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.count += 1;
        self.sum += u128::from(nanos);
        self.min = Some(self.min.map_or(nanos, |min| min.min(nanos)));
        self.max = self.max.max(nanos);
        if self.many.is_none() && self.exact.len() < EXACT_MAX {
            self.exact.push(nanos);
            return;
        }
        if self.many.is_none() {
            self.many = histogram();
            for sample in std::mem::take(&mut self.exact) {
                self.record(sample);
            }
        }
        self.record(nanos);
    }

    fn record(&mut self, nanos: u64) {
        if let Some(many) = &mut self.many {
            many.saturating_record(nanos);
        }
    }

    /// `None` if there is no sample.
    pub(super) fn figures(&self) -> Option<Figures<'_>> {
        let min = self.min?;
        let mut sorted = self.exact.clone();
        sorted.sort_unstable();
        let mean = u64::try_from(self.sum / u128::from(self.count)).unwrap_or(u64::MAX);
        Some(Figures { min, mean, max: self.max, sorted, many: self.many.as_ref() })
    }
}

/// An hour and 3 digits: about 300 KiB.
fn histogram() -> Option<Histogram<u64>> {
    Histogram::new_with_bounds(1, 3_600_000_000_000, 3).ok()
}

pub(super) struct Figures<'a> {
    min: u64,
    mean: u64,
    max: u64,
    sorted: Vec<u64>,
    many: Option<&'a Histogram<u64>>,
}

impl Figures<'_> {
    pub(super) fn of(&self, statistic: Statistic) -> Duration {
        Duration::from_nanos(match statistic {
            Statistic::Min => self.min,
            Statistic::Mean => self.mean,
            Statistic::Max => self.max,
            Statistic::Percentile(percent) => self.percentile(percent),
        })
    }

    /// The smallest sample that at least `percent` of all samples do not exceed.
    fn percentile(&self, percent: f64) -> u64 {
        if let Some(many) = self.many {
            // A bucket stands for its upper end, which no sample need have reached.
            return many.value_at_quantile(percent / 100.0).clamp(self.min, self.max);
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most EXACT_MAX samples, and clamped below"
        )]
        let rank = (percent / 100.0 * self.sorted.len() as f64 - 1e-9).ceil() as usize;
        self.sorted.get(rank.clamp(1, self.sorted.len()) - 1).copied().unwrap_or(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact_while_samples_are_few_and_close_when_they_are_many() {
        let mut samples = Samples::default();
        assert!(samples.figures().is_none());
        for ms in 1..=100 {
            samples.add(Duration::from_millis(ms));
        }
        let figures = samples.figures().unwrap();
        for (statistic, ms) in [
            (Statistic::Min, 1.0),
            (Statistic::Percentile(50.0), 50.0),
            (Statistic::Percentile(95.0), 95.0),
            (Statistic::Percentile(99.9), 100.0),
            (Statistic::Mean, 50.5),
            (Statistic::Max, 100.0),
        ] {
            assert_eq!(figures.of(statistic), Duration::from_secs_f64(ms / 1e3), "{statistic:?}");
        }

        let mut many = Samples::default();
        for us in 1..=100_000 {
            many.add(Duration::from_micros(us));
        }
        assert!(many.exact.is_empty());
        let p95 = many.figures().unwrap().of(Statistic::Percentile(95.0)).as_secs_f64();
        assert!((p95 / 0.095 - 1.0).abs() < 0.001, "{p95}");
    }

    #[test]
    fn equal_samples_have_that_value_as_every_statistic_however_many_they_are() {
        for count in [1, EXACT_MAX, EXACT_MAX + 1, 3 * EXACT_MAX] {
            let mut samples = Samples::default();
            (0..count).for_each(|_| samples.add(Duration::from_millis(10)));
            let figures = samples.figures().unwrap();
            for statistic in [Statistic::Percentile(99.0), Statistic::Mean, Statistic::Min] {
                assert_eq!(figures.of(statistic), Duration::from_millis(10), "{count}");
            }
        }
    }

    #[test]
    fn statistics_are_named_as_the_scenario_names_them() {
        let names = [50.0, 99.0, 99.9].map(|percent| name(Statistic::Percentile(percent)));
        assert_eq!(names, ["p50", "p99", "p999"]);
    }
}
