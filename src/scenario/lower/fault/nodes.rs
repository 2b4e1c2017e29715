//! Harm to the network between nodes, and to nodes.

use std::time::Duration;

use serde_json::json;

use super::super::super::form::{
    Book, DURATION, Entry, Fields, Form, NAME, Reading, Record, SHARE, Shape, decimal, list,
    name_of, one_or_many, record, word,
};
use super::super::super::model::{FaultKind, Flap, NodeFault, NodeHarm, Partition, Shape as Cut};
use super::super::super::outline::Role;
use super::super::super::tree::{Content, Node};
use super::{Common, Stated};
use crate::base::{Diagnostic, Located};

/// The most that a node is slowed down by.
const SLOW_MAX: f64 = 1_000_000.0;

/// The slowest and the fastest clock.
const RATES: std::ops::RangeInclusive<f64> = 0.001..=1_000.0;

type Names = Vec<Located<String>>;

fn stated(
    f: &Fields<'_, '_>,
    common: Common,
    verb: &'static str,
    kind: FaultKind,
) -> Option<Stated> {
    Some(Stated { fault: common.fault(f, verb, kind), start: None, end: None })
}

// ---- the network --------------------------------------------------------------------------

pub(super) fn partition(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let sides = f.required(key, "Who is cut off from whom.", SIDES);
    let doc = "The nodes of a `majority` or a `ring`.";
    let of = f.optional("of", doc, list(name_of(Role::Node)));
    let shape = match (sides, &of) {
        (Some(Sides::Cut(cut)), None) => Some(cut),
        (Some(Sides::Majority), Some(of)) => at_least(f, of, 3, "a majority").map(Cut::Majority),
        (Some(Sides::Ring), Some(of)) => at_least(f, of, 4, "a ring").map(Cut::Ring),
        (Some(Sides::Cut(_)), Some(_)) => {
            let error = Diagnostic::new("this partition names its sides itself", f.entry("of"));
            f.error(error.related(f.value(key), "here"));
            None
        }
        (Some(_), None) if !f.has("of") => {
            let error = Diagnostic::new("the nodes are missing", f.entry(key));
            f.error(error.help("as in `partition: majority, of: [n1, n2, n3]`"));
            None
        }
        _ => None,
    };
    cut(f, key, shape)
}

/// The nodes of `of:`, if there are enough of them.
fn at_least(f: &mut Fields<'_, '_>, of: &Names, least: usize, what: &str) -> Option<Names> {
    let mut names: Vec<&str> = of.iter().map(|name| name.value.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() < of.len() {
        f.error(Diagnostic::new("a node is named twice", f.value("of")));
        return None;
    }
    if of.len() < least {
        let what = format!("{what} has at least {least} nodes");
        f.error(Diagnostic::new(what, f.value("of")));
        return None;
    }
    Some(of.clone())
}

pub(super) fn isolate(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let nodes = f.required(key, "The nodes.", some(Role::Node));
    cut(f, key, nodes.map(Cut::Isolate))
}

/// The keys that every partition has.
fn cut(f: &mut Fields<'_, '_>, verb: &'static str, shape: Option<Cut>) -> Option<Stated> {
    let doc = "What becomes of what is sent meanwhile: `hold` keeps it, as TCP does with what is not \
               acknowledged, and it arrives after healing; `lose` loses it, message by message.";
    let lose = f.or("traffic", doc, word(&[("hold", false), ("lose", true)]), "hold", false);
    let flap = f.optional("flap", "It comes and goes.", record::<Flap>());
    let common = Common::read(f);
    let partition = Partition { shape: shape?, lose, flap };
    stated(f, common, verb, FaultKind::Partition(partition))
}

impl Record for Flap {
    const ENTRY: Entry = Entry {
        name: "flap",
        doc: "A partition that comes and goes, in rounds that begin cut.",
        example: "fault: { partition: [app, db], flap: { every: 200ms, open: 50% } }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Flap> {
        let every = f.required("every", "The length of a round.", DURATION);
        let doc = "The part of a round in which the network is whole.";
        let open = f.or("open", doc, SHARE, "0.5", 0.5);
        if every.is_some_and(|every| every < Duration::from_micros(1)) {
            f.error(Diagnostic::new("a round takes at least a microsecond", f.value("every")));
        }
        if open >= 1.0 {
            let error = Diagnostic::new("the network would always be whole", f.value("open"));
            f.error(error.label("less than 100%"));
        }
        Some(Flap { every: every?, open })
    }
}

/// What stands behind `partition:`.
enum Sides {
    Cut(Cut),
    Majority,
    Ring,
}

struct SidesForm;
const SIDES: SidesForm = SidesForm;

const SIDES_ENTRY: Entry = Entry {
    name: "sides",
    doc: "Who is cut off from whom. A list of sides, each a node or a list of nodes: nothing passes \
          between them. A mapping of `from` and `to`: nothing passes that way. `majority`: a majority of \
          the nodes `of`, drawn from the run's seed, and the rest. `ring`: each of the nodes `of` sees \
          only its two neighbours.",
    example: "fault: { partition: [app, [db, cache]] }",
};

impl Form for SidesForm {
    type Value = Sides;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Sides> {
        match node.content() {
            Content::Mapping { .. } => record::<OneWay>().read(node, reading).map(|way| {
                let OneWay { from, to } = way;
                Sides::Cut(Cut::OneWay { from, to })
            }),
            Content::Sequence(sides) => {
                if sides.len() < 2 {
                    let what = "a partition has at least two sides";
                    let error = Diagnostic::new(what, reading.head(node.span));
                    reading.error(
                        error.help(
                            "as in `[app, [db, cache]]`; `isolate: app` cuts it off from all",
                        ),
                    );
                    return None;
                }
                let sides = list(some(Role::Caller)).read(node, reading)?;
                Some(Sides::Cut(Cut::Sides(sides)))
            }
            _ => {
                let words = word(&[("majority", true), ("ring", false)]);
                let majority = match node.string() {
                    Some("majority" | "ring") => words.read(node, reading)?,
                    _ => return reading.expected("a list of sides, `majority` or `ring`", node),
                };
                Some(if majority { Sides::Majority } else { Sides::Ring })
            }
        }
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(SIDES_ENTRY, |book| {
            let side = some(Role::Node).shape(book).schema;
            let way = book.record::<OneWay>().schema;
            json!({ "anyOf": [
                { "type": "array", "minItems": 2, "items": side },
                way,
                { "enum": ["majority", "ring"] },
            ] })
        })
    }
}

struct OneWay {
    from: Names,
    to: Names,
}

impl Record for OneWay {
    const ENTRY: Entry =
        Entry { name: "one way", doc: "The direction in which nothing passes.", example: "" };

    fn fields(f: &mut Fields<'_, '_>) -> Option<OneWay> {
        let from = f.required("from", "From these.", some(Role::Caller));
        let to = f.required("to", "To those.", some(Role::Caller));
        Some(OneWay { from: from?, to: to? })
    }
}

/// One name or a list of at least one.
pub(super) struct SomeNames(Role);

pub(super) const fn some(role: Role) -> SomeNames {
    SomeNames(role)
}

impl Form for SomeNames {
    type Value = Names;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Names> {
        let names = one_or_many(name_of(self.0)).read(node, reading)?;
        if names.is_empty() {
            let error = Diagnostic::new("this list names nobody", reading.head(node.span));
            reading.error(error);
            return None;
        }
        Some(names)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let name = NAME.shape(book);
        let many = json!({ "type": "array", "minItems": 1, "items": name.schema });
        let schema = json!({ "anyOf": [name.schema, many] });
        Shape::new(schema, format!("{}, or a list", name.label))
    }
}

// ---- nodes --------------------------------------------------------------------------------

fn node(
    f: &mut Fields<'_, '_>,
    verb: &'static str,
    nodes: Option<Names>,
    harm: Option<NodeHarm>,
) -> Option<Stated> {
    let common = Common::read(f);
    let fault = NodeFault { nodes: nodes?, harm: harm? };
    stated(f, common, verb, FaultKind::Node(fault))
}

const SERVERS: &str = "The servers.";
const NODES: &str = "The servers or clients.";

pub(super) fn crash(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let nodes = f.required(key, SERVERS, some(Role::Server));
    node(f, key, nodes, Some(NodeHarm::Crash))
}

pub(super) fn pause(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let nodes = f.required(key, NODES, some(Role::Node));
    node(f, key, nodes, Some(NodeHarm::Pause))
}

pub(super) fn disk_full(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let nodes = f.required(key, SERVERS, some(Role::Server));
    node(f, key, nodes, Some(NodeHarm::DiskFull))
}

pub(super) fn slow(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let nodes = f.required(key, SERVERS, some(Role::Server));
    let times = f.optional("times", "How many times as long.", decimal(1.0..=SLOW_MAX));
    let plus = f.optional("plus", "And each request so much longer.", DURATION);
    f.at_least_one(&["times", "plus"], "as in `slow: db, times: 10`");
    if times == Some(1.0) {
        let error = Diagnostic::new("this would slow nothing", f.entry("times"));
        f.error(error.label("more than 1"));
    }
    let plus = plus.unwrap_or_default();
    node(f, key, nodes, Some(NodeHarm::Slow { times: times.unwrap_or(1.0), plus }))
}

pub(super) fn skew(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let nodes = f.required(key, NODES, some(Role::Node));
    let ahead = f.optional("ahead", "How far its clock is ahead.", DURATION);
    let behind = f.optional("behind", "How far its clock is behind.", DURATION);
    let doc = "How fast its clock goes; 1 is right.";
    let rate = f.or("rate", doc, decimal(RATES), "1", 1.0);
    f.at_most_one(&["ahead", "behind"]);
    f.at_least_one(&["ahead", "behind", "rate"], "as in `skew: db, ahead: 10s`");
    if ahead.or(behind).is_some_and(|by| by.is_zero()) && !f.has("rate") {
        f.error(Diagnostic::new("this clock would be right", f.entry(key)));
    }
    let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    let ahead_ns = ahead.map(nanos).or(behind.map(|behind| -nanos(behind))).unwrap_or(0);
    node(f, key, nodes, Some(NodeHarm::Skew { ahead_ns, rate }))
}
