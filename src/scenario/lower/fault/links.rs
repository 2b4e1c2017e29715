//! Harm to bytes and connections.

use std::time::Duration;

use serde_json::json;

use super::super::super::form::{
    BANDWIDTH, Book, DURATION, Entry, Fields, Form, Reading, Record, SHARE, Shape, bytes, integer,
    record, word,
};
use super::super::super::model::{Corruption, Directions, FaultKind, Harm, LinkFault};
use super::super::super::tree::Node;
use super::super::distribution::DISTRIBUTION;
use super::choice::{Whom, whom};
use super::{Common, Stated, own_times};
use crate::base::{Diagnostic, Distribution, Located};

/// The most bytes that a size or an offset of a fault can be.
const BYTES_MAX: u64 = 1_000_000_000_000;

/// The largest piece that `slice` cuts, in bytes.
const PIECE_MAX: u64 = 1024 * 1024 * 1024;

/// A fault on links: `harm` and the keys that all of them have. The verb may have said which way, at the
/// given place.
pub(super) fn link(
    f: &mut Fields<'_, '_>,
    verb: &'static str,
    way: Option<Directions>,
    harm: Option<Harm>,
) -> Option<Stated> {
    let Whom { from, to, direction, choice } = whom(f);
    let common = Common::read(f);
    let [start, end] = own_times(f);
    if let (Some(_), Some(said)) = (way, direction) {
        let error = Diagnostic::new("which way is meant is said twice", said.span);
        f.error(error.related(f.value(verb), "here too"));
    }
    let direction = way.or(direction.map(|said: Located<Directions>| said.value));
    let link = LinkFault { harm: harm?, from, to, direction, choice };
    let fault = common.fault(f, verb, FaultKind::Link(Box::new(link)));
    Some(Stated { fault, start, end })
}

/// A fault on bytes that cannot choose among messages; `instead` are verbs that can.
fn of_connections(
    f: &mut Fields<'_, '_>,
    verb: &'static str,
    harm: Option<Harm>,
    instead: &str,
) -> Option<Stated> {
    for key in ["match", "method", "path", "status"] {
        if f.has(key) {
            let what = format!("`{verb}` acts on connections, whatever is sent on them");
            let error = Diagnostic::new(what, f.entry(key)).label("this is about messages");
            f.error(error.help(format!("{instead} can choose among messages")));
        }
    }
    link(f, verb, None, harm)
}

pub(super) fn latency(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let by = f.required(key, "How much longer each piece takes.", DISTRIBUTION);
    let doc =
        "Each piece takes up to so much longer, or shorter, than that; drawn from the run's seed.";
    let jitter = f.or("jitter", doc, DURATION, "0", Duration::ZERO);
    if by.as_ref().is_some_and(Distribution::is_zero) && jitter.is_zero() {
        f.error(Diagnostic::new("this delays nothing", f.value(key)));
    }
    link(f, key, None, by.map(|by| Harm::Latency { by, jitter }))
}

pub(super) fn bandwidth(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let doc = "How much passes; at `0` nothing does.";
    let rate = f.required(key, doc, BANDWIDTH);
    let harm = rate.map(|bytes_per_s| Harm::Bandwidth { bytes_per_s });
    of_connections(f, key, harm, "`latency` and `delay`")
}

pub(super) fn slice(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let slice = f.required(key, "The size of a piece.", SLICE);
    let harm = slice.map(|Slice { size, variation, delay }| Harm::Slice { size, variation, delay });
    link(f, key, None, harm)
}

pub(super) fn corrupt(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let doc = "How many of all bits are flipped; or which ones.";
    let corruption = f.required(key, doc, CORRUPTION);
    if matches!(corruption, Some(Corruption::Rate(rate)) if rate <= 0.0) {
        f.error(Diagnostic::new("this flips nothing", f.value(key)));
    }
    link(f, key, None, corruption.map(Harm::Corrupt))
}

pub(super) fn limit(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let limit = f.required(key, "How many.", bytes(BYTES_MAX));
    of_connections(f, key, limit.map(|bytes| Harm::Limit { bytes }), "`truncate` and `reset`")
}

pub(super) fn slow_close(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let by = f.required(key, "How much later.", DURATION);
    of_connections(f, key, by.map(|by| Harm::SlowClose { by }), "`latency` and `delay`")
}

pub(super) fn reset(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let doc = "`true`, or how long after the fault meets it.";
    let after = f.required(key, doc, TrueOr(DURATION, Duration::ZERO));
    link(f, key, None, after.map(|after| Harm::Reset { after }))
}

pub(super) fn blackhole(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let doc = "`true`, or when it ends.";
    let hole = f.required(key, doc, TrueOr(record::<Hole>(), Hole::default()));
    link(f, key, None, hole.map(|Hole { close_after }| Harm::Blackhole { close_after }))
}

pub(super) fn refuse(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let refuse = f.required(key, "Always `true`.", word(&[("true", ())]));
    of_connections(f, key, refuse.map(|()| Harm::Refuse), "`reset` and `drop`")
}

pub(super) fn slow_connect(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let by = f.required(key, "How much longer.", DISTRIBUTION);
    of_connections(f, key, by.map(Harm::SlowConnect), "`latency` and `delay`")
}

pub(super) fn half_close(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let way = f.required(key, "`true`, or the direction that ends.", word(WAYS));
    link(f, key, way.flatten(), way.map(|_| Harm::HalfClose))
}

/// What verbs of messages, and `half_close`, say: only the verb, or which way besides.
pub(super) const WAYS: &[(&str, Option<Directions>)] = &[
    ("request", Some(Directions::Request)),
    ("response", Some(Directions::Response)),
    ("both", Some(Directions::Both)),
    ("true", None),
];

/// `slice:`.
struct Slice {
    size: u32,
    variation: u32,
    delay: Duration,
}

/// A size, or more besides.
struct SliceForm;
const SLICE: SliceForm = SliceForm;

impl Form for SliceForm {
    type Value = Slice;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Slice> {
        if node.entries().is_some() {
            return record::<Slice>().read(node, reading);
        }
        let size = u32::try_from(bytes(PIECE_MAX).read(node, reading)?).ok()?;
        if size == 0 {
            let error = Diagnostic::new("a piece has at least one byte", reading.head(node.span));
            reading.error(error);
            return None;
        }
        Some(Slice { size, variation: 0, delay: Duration::ZERO })
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let size = bytes(PIECE_MAX).shape(book);
        let slice = book.record::<Slice>();
        let schema = json!({ "anyOf": [size.schema, slice.schema] });
        Shape::new(schema, format!("{}, or a {}", size.label, slice.label))
    }
}

impl Record for Slice {
    const ENTRY: Entry =
        Entry { name: "slice", doc: "How what is sent at once is cut into pieces.", example: "" };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Slice> {
        let size = f.required("size", "The size of a piece.", bytes(PIECE_MAX));
        let doc = "Each piece is up to so much larger or smaller.";
        let variation = f.or("variation", doc, bytes(PIECE_MAX), "0", 0);
        let delay = f.or("delay", "The pause between pieces.", DURATION, "0", Duration::ZERO);
        let size = size?;
        if size == 0 {
            f.error(Diagnostic::new("a piece has at least one byte", f.value("size")));
        } else if variation >= size {
            let error = Diagnostic::new("a piece would have no byte at all", f.value("variation"));
            f.error(error.related(f.value("size"), "no less than this"));
        }
        let (size, variation) = (u32::try_from(size).ok()?, u32::try_from(variation).ok()?);
        Some(Slice { size, variation, delay })
    }
}

/// `corrupt:`.
struct CorruptionForm;
const CORRUPTION: CorruptionForm = CorruptionForm;

impl Form for CorruptionForm {
    type Value = Corruption;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Corruption> {
        if node.entries().is_some() {
            return record::<Flipped>().read(node, reading).map(|flipped| flipped.0);
        }
        SHARE.read(node, reading).map(Corruption::Rate)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let share = SHARE.shape(book);
        let flipped = book.record::<Flipped>();
        let schema = json!({ "anyOf": [share.schema, flipped.schema] });
        Shape::new(schema, format!("{} of all bits, or {}", share.label, flipped.label))
    }
}

struct Flipped(Corruption);

impl Record for Flipped {
    const ENTRY: Entry = Entry { name: "flipped bits", doc: "Bits of one byte.", example: "" };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Flipped> {
        let doc = "The byte, counted from 0: of each message if the fault chooses among them, else of \
                   the direction of a connection.";
        let offset = f.required("offset", doc, integer(0..=BYTES_MAX));
        let bits = f.or("bits", "Which of its bits.", integer(1..=u8::MAX), "1", 1);
        Some(Flipped(Corruption::At { offset: offset?, bits }))
    }
}

/// `blackhole:`.
#[derive(Clone, Copy, Default)]
struct Hole {
    close_after: Option<Duration>,
}

impl Record for Hole {
    const ENTRY: Entry = Entry { name: "blackhole", doc: "When a blackhole ends.", example: "" };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Hole> {
        let doc = "A connection is closed after so long without a byte.";
        let close_after = f.optional("close_after", doc, DURATION);
        Some(Hole { close_after })
    }
}

/// `true` for some value, or a form.
struct TrueOr<F: Form>(F, F::Value);

impl<F: Form> Form for TrueOr<F>
where
    F::Value: Copy,
{
    type Value = F::Value;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<F::Value> {
        match node.scalar() {
            Some(scalar) if scalar.value == true => Some(self.1),
            _ => self.0.read(node, reading),
        }
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let inner = self.0.shape(book);
        let schema = json!({ "anyOf": [{ "const": true }, inner.schema] });
        Shape::new(schema, format!("`true`, or a {}", inner.label))
    }
}
