//! Forms that are a number with a unit: durations, sizes, rates.

use std::time::Duration;

use serde_json::json;

use super::super::tree::{Node, shortened};
use super::{Book, Entry, Form, Reading, Shape, a};
use crate::base::Diagnostic;
use crate::base::units::{self, BadUnit};

/// A quantity with its unit.
pub(crate) struct Quantity<T> {
    parse: fn(&str) -> Result<T, BadUnit>,
    entry: Entry,
    units: &'static str,
    zero: bool,
}

/// `5ms`, `1.5s`, `2m`.
pub(crate) const DURATION: Quantity<Duration> = Quantity {
    parse: units::duration,
    entry: Entry {
        name: "duration",
        doc: "A number with its unit: `ns`, `us` (or `µs`), `ms`, `s`, `m` or `h`. Only `0` may \
              stand without one.",
        example: "wait: 250us\ntimeout: 1.5s",
    },
    units: "ns|us|µs|ms|s|m|h",
    zero: true,
};

/// `512B`, `64KiB`, `1MB`.
pub(crate) const SIZE: Quantity<u64> = Quantity {
    parse: units::size,
    entry: Entry {
        name: "size",
        doc: "A number of bytes with its unit: `B`, `KB`, `MB`, `GB` (powers of 1,000) or `KiB`, \
              `MiB`, `GiB` (powers of 1,024).",
        example: "trace: { bytes: 64KiB }",
    },
    units: "B|KB|MB|GB|KiB|MiB|GiB",
    zero: true,
};

/// `500/s`, `30/m`.
pub(crate) const RATE: Quantity<f64> = Quantity {
    parse: units::rate,
    entry: Entry {
        name: "rate",
        doc: "How often something happens: a number a second (`/s`), minute (`/m`) or hour (`/h`).",
        example: "load: { rate: 500/s, for: 10s }",
    },
    units: "/s|/m|/h",
    zero: false,
};

impl<T> Form for Quantity<T> {
    type Value = T;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<T> {
        let Some(scalar) = node.scalar().filter(|scalar| !scalar.value.is_null()) else {
            return reading.expected(&a(self.entry.name), node);
        };
        match (self.parse)(&scalar.text) {
            Ok(value) => Some(value),
            Err(BadUnit(clause)) => {
                let span = reading.head(node.span);
                let what = format!("`{}` is not {}", shortened(&scalar.text), a(self.entry.name));
                reading.error(Diagnostic::new(what, span).label(clause));
                None
            }
        }
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(self.entry, |_| {
            let pattern = format!("^[0-9_]*\\.?[0-9_]+ ?({})$", self.units);
            let text = json!({ "type": "string", "pattern": pattern });
            if self.zero { json!({ "anyOf": [text, { "enum": [0, "0"] }] }) } else { text }
        })
    }
}
