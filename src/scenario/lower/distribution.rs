//! `latency:`, `delay:`, `think:`: a duration, or a distribution of durations.

use std::time::Duration;

use serde_json::json;

use super::super::form::{
    Book, DURATION, Entry, Fields, Form, Reading, Select, Shape, Variant, Variants, decimal,
    variants,
};
use super::super::tree::Node;
use crate::base::{Diagnostic, Distribution};

/// The longest duration of a distribution.
const LONGEST: Duration = Duration::from_secs(3600);

/// A duration or a distribution.
pub(super) struct DistributionForm;
/// The form [`DistributionForm`].
pub(super) const DISTRIBUTION: DistributionForm = DistributionForm;

const ENTRY: Entry = Entry {
    name: "delay",
    doc: "How long something takes: a [duration](#duration), always the same, or a \
          [distribution](#distribution) that is drawn from each time. At most an hour.",
    example: "latency: 5ms\ndelay: { dist: lognormal, median: 2ms, sigma: 0.4 }",
};

impl Form for DistributionForm {
    type Value = Distribution;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Distribution> {
        if node.entries().is_some() {
            return variants::<Distribution>().read(node, reading);
        }
        let constant = DURATION.read(node, reading)?;
        if constant > LONGEST {
            let span = reading.head(node.span);
            reading.error(too_long(span));
            return None;
        }
        Some(Distribution::Constant(constant))
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(ENTRY, |book| {
            let constant = DURATION.shape(book).schema;
            let drawn = book.variants::<Distribution>().schema;
            json!({ "anyOf": [constant, drawn] })
        })
    }
}

/// A duration that a message may be under way.
pub(super) fn at_most_an_hour(
    f: &mut Fields<'_, '_>,
    key: &str,
    duration: Option<Duration>,
) -> Option<Duration> {
    if duration.is_some_and(|duration| duration > LONGEST) {
        let span = f.value(key);
        f.error(too_long(span));
        return None;
    }
    duration
}

fn too_long(span: crate::base::Span) -> Diagnostic {
    Diagnostic::new("a delay is at most an hour", span)
}

impl Variants for Distribution {
    const ENTRY: Entry = Entry {
        name: "distribution",
        doc: "Durations by chance, drawn from the run's seed. Draws below zero are zero, draws \
              above an hour are an hour.",
        example: "",
    };
    const SELECT: Select = Select::Word("dist");

    fn variants() -> &'static [Variant<Distribution>] {
        &[
            Variant {
                keys: &["uniform"],
                last: false,
                entry: Entry {
                    name: "uniform distribution",
                    doc: "Anything between two durations, all alike.",
                    example: "latency: { dist: uniform, min: 2ms, max: 4ms }",
                },
                fields: uniform,
            },
            Variant {
                keys: &["normal"],
                last: false,
                entry: Entry {
                    name: "normal distribution",
                    doc: "The bell curve.",
                    example: "latency: { dist: normal, mean: 10ms, sd: 2ms }",
                },
                fields: normal,
            },
            Variant {
                keys: &["lognormal"],
                last: false,
                entry: Entry {
                    name: "lognormal distribution",
                    doc: "A median with a long tail, as networks have it.",
                    example: "latency: { dist: lognormal, median: 2ms, sigma: 0.4 }",
                },
                fields: lognormal,
            },
            Variant {
                keys: &["exponential"],
                last: false,
                entry: Entry {
                    name: "exponential distribution",
                    doc: "Memoryless, as the gaps between unrelated arrivals are.",
                    example: "think: { dist: exponential, mean: 100ms }",
                },
                fields: exponential,
            },
        ]
    }
}

fn uniform(f: &mut Fields<'_, '_>, _: &'static str) -> Option<Distribution> {
    let min = f.required("min", "The shortest.", DURATION);
    let max = f.required("max", "The longest.", DURATION);
    let (min, max) = (min?, max?);
    if min > max {
        let error = Diagnostic::new("`max` is less than `min`", f.value("max"));
        f.error(error.related(f.value("min"), "more than that"));
    }
    bounded(f, "max", max);
    Some(Distribution::Uniform { min, max })
}

fn normal(f: &mut Fields<'_, '_>, _: &'static str) -> Option<Distribution> {
    let mean = f.required("mean", "The mean.", DURATION);
    let sd = f.required("sd", "The standard deviation.", DURATION);
    let (mean, sd) = (mean?, sd?);
    bounded(f, "mean", mean);
    bounded(f, "sd", sd);
    Some(Distribution::Normal { mean, sd })
}

fn lognormal(f: &mut Fields<'_, '_>, _: &'static str) -> Option<Distribution> {
    let median = f.required("median", "Half of all draws are shorter.", DURATION);
    let sigma = f.required(
        "sigma",
        "The standard deviation of the logarithm: 0.4 is a calm network, 1.0 a bad day.",
        decimal(0.0..=5.0),
    );
    let (median, sigma) = (median?, sigma?);
    bounded(f, "median", median);
    Some(Distribution::LogNormal { median, sigma })
}

fn exponential(f: &mut Fields<'_, '_>, _: &'static str) -> Option<Distribution> {
    let mean = f.required("mean", "The mean.", DURATION)?;
    bounded(f, "mean", mean);
    Some(Distribution::Exponential { mean })
}

fn bounded(f: &mut Fields<'_, '_>, key: &str, duration: Duration) {
    if duration > LONGEST {
        f.error(too_long(f.value(key)));
    }
}
