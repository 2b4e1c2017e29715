//! `chaos:`, faults at random.

use std::time::Duration;

use serde_json::json;

use super::super::super::form::{
    Book, DURATION, Entry, Fields, Form, RATE, Reading, Record, Shape, list, located,
};
use super::super::super::model::Chaos;
use super::super::super::outline::Role;
use super::super::super::tree::{Node, shortened};
use super::super::distribution::DISTRIBUTION;
use super::is_verb;
use super::nodes::some;
use crate::base::{Diagnostic, Distribution, Located};

/// The verbs that chaos can draw: those that need nothing to be said.
const CHAOS_KINDS: [&str; 21] = [
    "latency",
    "bandwidth",
    "slice",
    "corrupt",
    "limit",
    "slow_close",
    "reset",
    "blackhole",
    "refuse",
    "slow_connect",
    "half_close",
    "drop",
    "duplicate",
    "delay",
    "reorder",
    "truncate",
    "partition",
    "isolate",
    "crash",
    "pause",
    "slow",
];

/// How long the faults of chaos last unless it is said.
const LASTS_DEFAULT: Distribution = Distribution::Exponential { mean: Duration::from_millis(500) };

impl Record for Chaos {
    const ENTRY: Entry = Entry {
        name: "chaos",
        doc: "Faults at random. They are drawn from the run's seed before it begins, so the same seed \
              draws the same; the trace tells each of them as it would stand in the timeline.",
        example: "timeline:\n  - chaos: { rate: 2/s, kinds: [partition, crash, latency, drop], from: 1s, \
                  until: 10s, lasts: 300ms }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Chaos> {
        let rate = f.required("rate", "How many faults begin, at random times.", RATE);
        let doc = "The verbs that are drawn from, all alike; a verb that stands twice is drawn twice as \
                   often.";
        let kinds = f.required("kinds", doc, list(KIND));
        let from = f.or("from", "When it begins.", DURATION, "0", Duration::ZERO);
        let doc = "When it is over; no fault of it lasts longer.";
        let until = f.required("until", doc, located(DURATION));
        let doc = "How long each fault lasts; by default exponential with a mean of 500ms.";
        let lasts = f.optional("lasts", doc, DISTRIBUTION).unwrap_or(LASTS_DEFAULT);
        let doc = "Whom it may meet; all servers by default.";
        let nodes = f.optional("nodes", doc, some(Role::Node)).unwrap_or_default();
        if kinds.as_ref().is_some_and(Vec::is_empty) {
            let error = Diagnostic::new("there is nothing to draw from", f.value("kinds"));
            f.error(error.help("as in `kinds: [partition, crash, latency]`"));
        }
        let until = until?;
        if until.value <= from {
            let error = Diagnostic::new("this is over before it begins", until.span);
            f.error(if f.has("from") {
                error.related(f.value("from"), "it begins here")
            } else {
                error
            });
        }
        Some(Chaos { rate_per_s: rate?, kinds: kinds?, from, until, lasts, nodes })
    }
}

/// A verb that chaos can draw.
struct KindForm;
const KIND: KindForm = KindForm;

impl Form for KindForm {
    type Value = Located<String>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Located<String>> {
        let Some(text) = node.string() else {
            return reading.expected("the verb of a fault", node);
        };
        let span = reading.head(node.span);
        if CHAOS_KINDS.contains(&text) {
            return Some(Located::new(text.to_owned(), span));
        }
        let known = is_verb(text);
        reading.error(if known {
            let error = Diagnostic::new(format!("chaos does not draw `{text}`"), span);
            error.help("it needs more to be said; put it into the timeline")
        } else {
            let shown = shortened(text);
            let error = Diagnostic::new(format!("no fault has the verb `{shown}`"), span);
            let error = error.nearest(text, CHAOS_KINDS);
            match error.label {
                Some(_) => error,
                None => error.help(format!("chaos draws {}", CHAOS_KINDS.join(", "))),
            }
        });
        None
    }

    fn shape(&self, _: &mut Book) -> Shape {
        Shape::new(json!({ "enum": CHAOS_KINDS }), "a fault's verb")
    }
}
