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

/// `64KiB/s`, `0`.
pub(crate) const BANDWIDTH: Quantity<f64> = Quantity {
    parse: bandwidth,
    entry: Entry {
        name: "bandwidth",
        doc: "How much passes: a [size](#size) a second, such as `64KiB/s`. Only `0` may stand \
              without its unit.",
        example: "",
    },
    units: "(B|KB|MB|GB|KiB|MiB|GiB)/s",
    zero: true,
};

#[expect(clippy::cast_precision_loss, reason = "at most a terabyte, which fits 53 bits")]
fn bandwidth(text: &str) -> Result<f64, BadUnit> {
    let size = match text.trim().strip_suffix("/s") {
        Some(size) if size.ends_with('B') => size,
        None if text == "0" => text,
        _ => return Err(BadUnit("a bandwidth is a size a second: 64KiB/s, 1MB/s".into())),
    };
    units::size(size).map(|bytes| bytes as f64)
}

/// A number of bytes: `10`, `64KiB`.
pub(crate) struct BytesForm {
    most: u64,
}

/// A number of bytes, with or without a unit, at most `most`.
pub(crate) const fn bytes(most: u64) -> BytesForm {
    BytesForm { most }
}

impl Form for BytesForm {
    type Value = u64;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<u64> {
        let bare = node.scalar().and_then(|scalar| scalar.value.as_u64());
        let bytes = match bare {
            Some(bytes) => bytes,
            None if node.string().is_none() => {
                return reading.expected("a number of bytes, such as `10` or `64KiB`", node);
            }
            None => SIZE.read(node, reading)?,
        };
        if bytes > self.most {
            let what = format!("this is more than {} bytes", units::grouped(self.most));
            reading.error(Diagnostic::new(what, reading.head(node.span)));
            return None;
        }
        Some(bytes)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let size = SIZE.shape(book);
        let bare = json!({ "type": "integer", "minimum": 0, "maximum": self.most });
        let schema = json!({ "anyOf": [bare, size.schema] });
        Shape::new(schema, format!("a number of bytes, or a {}", size.label))
    }
}

/// `0.3`, `30%`: a part of the whole.
pub(crate) struct ShareForm;
/// The form [`ShareForm`].
pub(crate) const SHARE: ShareForm = ShareForm;

const SHARE_ENTRY: Entry = Entry {
    name: "share",
    doc: "A part of the whole: a number from 0 to 1, or a percentage from `0%` to `100%`.",
    example: "",
};

impl Form for ShareForm {
    type Value = f64;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<f64> {
        let expected = "a number from 0 to 1, or a percentage such as `30%`";
        let Some(scalar) = node.scalar().filter(|scalar| !scalar.value.is_null()) else {
            return reading.expected(expected, node);
        };
        let percent = scalar.text.strip_suffix('%');
        let share = match percent {
            Some(digits) if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
                digits.parse::<f64>().ok().map(|percent| percent / 100.0)
            }
            Some(_) => None,
            None => scalar.value.as_f64(),
        };
        let Some(share) = share.filter(|share| *share >= 0.0) else {
            return reading.expected(expected, node);
        };
        if share > 1.0 {
            let what = format!("`{}` is more than the whole", shortened(&scalar.text));
            let error = Diagnostic::new(what, reading.head(node.span));
            reading.error(match percent {
                Some(_) => error.label("at most 100%"),
                None if share <= 100.0 => error.label(format!("did you mean `{share}%`?")),
                None => error.label("at most 1, or 100%"),
            });
            return None;
        }
        Some(share)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(SHARE_ENTRY, |_| {
            let percent = "^[0-9.]([0-9.]|[eE][+-]?[0-9])*%$";
            json!({ "anyOf": [
                { "type": "number", "minimum": 0, "maximum": 1 },
                { "type": "string", "pattern": percent },
            ] })
        })
    }
}

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
