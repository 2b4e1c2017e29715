//! `metric:`, figures of the whole run.

use serde_json::json;

use super::super::form::{
    Book, Entry, Fields, Form, NAME, Reading, Record, SIZE, STRING, Select, Shape, Variant,
    Variants, located, name_of, record, word,
};
use super::super::model::{
    Between, Dynamic, DynamicKind, Filter, Metric, MetricKind, Predicate, Statistic, Test,
};
use super::super::outline::Role;
use super::super::tree::Node;
use super::check::bounds;
use super::predicate::PREDICATE;
use crate::base::{Diagnostic, Located, Value};

impl Variants for Metric {
    const ENTRY: Entry = Entry {
        name: "metric",
        doc: "A figure of the whole run and what must hold of it. Exactly one key says which.",
        example: "",
    };
    const SELECT: Select = Select::Key;

    fn variants() -> &'static [Variant<Metric>] {
        &VARIANTS
    }
}

type Read = fn(&mut Fields<'_, '_>, &'static str) -> Option<Metric>;

const fn variant(keys: &'static [&'static str], entry: Entry, fields: Read) -> Variant<Metric> {
    Variant { keys, last: false, entry, fields }
}

static VARIANTS: [Variant<Metric>; 7] = [
    variant(
        &["messages"],
        Entry {
            name: "messages metric",
            doc: "How many messages were sent, requests and replies, whatever became of them.",
            example: "checks:\n  - metric: { messages: { lte: 400 }, between: servers, match: \"*gossip*\" }",
        },
        messages,
    ),
    variant(
        &["bytes"],
        Entry {
            name: "bytes metric",
            doc: "How many bytes those messages had.",
            example: "checks:\n  - metric: { bytes: { lt: 64KiB }, from: app }",
        },
        bytes,
    ),
    variant(
        &["messages_per_operation"],
        Entry {
            name: "messages per operation metric",
            doc: "The messages that were sent, by the operations (steps with `op`) that were begun, \
                  however those ended. With `between: servers` only those that servers send each \
                  other count: what an operation costs the cluster. With `between: clients` only those \
                  from and to clients: at least 2 (a request and its reply), and more where they try \
                  again. Without it, both.",
            example: "checks:\n  - metric: { messages_per_operation: { lt: 30 }, between: servers }",
        },
        messages_per_operation,
    ),
    variant(
        &["amplification"],
        Entry {
            name: "amplification metric",
            doc: "The requests that arrived at a server, by the operations (steps with `op`) that were \
                  begun: what retries, fan-out and storms make of an operation by the time it gets there.",
            example: "checks:\n  - metric: { amplification: { lte: 1.5 }, to: db, match: \"SET *\" }",
        },
        amplification,
    ),
    variant(
        &["operations"],
        Entry {
            name: "operations metric",
            doc: "How many operations (steps with `op`) ended `ok`.",
            example: "checks:\n  - metric: { operations: { gte: 100 }, f: write }",
        },
        operations,
    ),
    variant(
        &["operation_latency"],
        Entry {
            name: "operation latency metric",
            doc: "How long operations (steps with `op`) that ended `ok` took, from their beginning to \
                  their end. Each attempt of a step that tries again is an operation.",
            example: "checks:\n  - metric: { operation_latency: { p99: { lt: 250ms } }, client: reader, f: read }",
        },
        operation_latency,
    ),
    variant(
        &["retries"],
        Entry {
            name: "retries metric",
            doc: "How many attempts steps made after their first. The steps of a `load` are not told one \
                  by one, and do not count.",
            example: "checks:\n  - metric: { retries: { lte: 3 }, client: alice }",
        },
        retries,
    ),
];

const BETWEEN: &[(&str, Between)] =
    &[("all", Between::All), ("servers", Between::Servers), ("clients", Between::Clients)];

/// The keys that say which messages count.
fn which(f: &mut Fields<'_, '_>, kind: Option<MetricKind>) -> Option<Metric> {
    let from = f.optional("from", "Who sent the message.", name_of(Role::Node));
    let to = f.optional("to", "Whom it was sent to.", name_of(Role::Node));
    let doc = "A pattern that the message's one-line summary fits: `*` is any text, `?` any character, \
               `[ab]` one of these.";
    let summary = f.optional("match", doc, located(STRING));
    let doc = "`servers`: messages with a server at both ends; `clients`: messages with a client (or a \
               stranger) at one end.";
    let between = f.or("between", doc, word(BETWEEN), "all", Between::All);
    let filter = Filter { from, to, summary, ..Filter::default() };
    Some(Metric { kind: kind?, filter, between, f: None })
}

fn messages(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Metric> {
    let bound = f.required(key, "How many.", PREDICATE);
    which(f, bound.map(MetricKind::Messages))
}

fn bytes(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Metric> {
    let bound = f.required(key, "How many.", SizePredicateForm);
    which(f, bound.map(MetricKind::Bytes))
}

fn messages_per_operation(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Metric> {
    let bound = f.required(key, "How many.", PREDICATE);
    which(f, bound.map(MetricKind::MessagesPerOperation))
}

fn amplification(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Metric> {
    let bound = f.required(key, "How many requests an operation.", PREDICATE);
    let to = f.required("to", "The server.", name_of(Role::Server));
    let from = f.optional("from", "Who sent the request.", name_of(Role::Node));
    let doc = "A pattern that the request's one-line summary fits.";
    let summary = f.optional("match", doc, located(STRING));
    let method = f.optional("method", "The HTTP method.", PREDICATE);
    let path = f.optional("path", "The HTTP path, without the query.", PREDICATE);
    let filter = Filter { from, to: Some(to?), summary, method, path, ..Filter::default() };
    let kind = MetricKind::Amplification(bound?);
    Some(Metric { kind, filter, between: Between::All, f: None })
}

/// The keys that say which operations count.
fn of_operations(f: &mut Fields<'_, '_>, kind: Option<MetricKind>) -> Option<Metric> {
    let client = f.optional("client", "Whose.", name_of(Role::Client));
    let function = f.optional("f", "Of which function, such as `read`.", NAME);
    let filter = Filter { client, ..Filter::default() };
    Some(Metric { kind: kind?, filter, between: Between::All, f: function })
}

fn operations(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Metric> {
    let bound = f.required(key, "How many.", PREDICATE);
    of_operations(f, bound.map(MetricKind::Operations))
}

fn operation_latency(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Metric> {
    let bounds = f.required(key, "How long.", record::<LatencyBounds>());
    of_operations(f, bounds.map(|bounds| MetricKind::OperationLatency(bounds.0)))
}

fn retries(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Metric> {
    let bound = f.required(key, "How many.", PREDICATE);
    let client = f.optional("client", "Whose steps.", name_of(Role::Client));
    let filter = Filter { client, ..Filter::default() };
    Some(Metric { kind: MetricKind::Retries(bound?), filter, between: Between::All, f: None })
}

struct LatencyBounds(Vec<(Located<Statistic>, Predicate)>);

impl Record for LatencyBounds {
    const ENTRY: Entry = Entry {
        name: "operation latency bound",
        doc: "How long something may take. At least one statistic is needed.",
        example: "",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<LatencyBounds> {
        Some(LatencyBounds(bounds(f)))
    }
}

/// Tests of a number of bytes, with sizes as operands.
struct SizePredicateForm;

impl Form for SizePredicateForm {
    type Value = Predicate;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Predicate> {
        let span = reading.head(node.span);
        if node.entries().is_none() {
            let tests = vec![Test::Equals(BytesForm.read(node, reading)?)];
            return Some(Predicate { tests, span });
        }
        let SizeTests(tests) = record::<SizeTests>().read(node, reading)?;
        if tests.is_empty() {
            reading.error(Diagnostic::new("this mapping holds no test", span));
            return None;
        }
        Some(Predicate { tests, span })
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let entry = Entry {
            name: "size predicate",
            doc: "Tests of a number of bytes, with [sizes](#size) as operands.",
            example: "checks:\n  - metric: { bytes: { gte: 1KiB, lt: 64KiB } }",
        };
        book.plain(entry, |book| {
            let tests = book.record::<SizeTests>().schema;
            let bare = SIZE.shape(book).schema;
            json!({ "anyOf": [tests, bare] })
        })
    }
}

struct SizeTests(Vec<Test>);

impl Record for SizeTests {
    const ENTRY: Entry = Entry {
        name: "size tests",
        doc: "The tests of a [size predicate](#size-predicate).",
        example: "",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<SizeTests> {
        let mut tests = Vec::new();
        for (key, doc, make) in [
            ("gt", "More than this.", Test::Gt as fn(Dynamic) -> Test),
            ("gte", "At least this.", Test::Gte),
            ("lt", "Less than this.", Test::Lt),
            ("lte", "At most this.", Test::Lte),
            ("equals", "Exactly this.", Test::Equals),
        ] {
            tests.extend(f.optional(key, doc, BytesForm).map(make));
        }
        Some(SizeTests(tests))
    }
}

/// A size as a number of bytes.
struct BytesForm;

impl Form for BytesForm {
    type Value = Dynamic;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Dynamic> {
        let kind = DynamicKind::Scalar(Value::from(SIZE.read(node, reading)?));
        Some(Dynamic { kind, span: reading.head(node.span) })
    }

    fn shape(&self, book: &mut Book) -> Shape {
        SIZE.shape(book)
    }
}
