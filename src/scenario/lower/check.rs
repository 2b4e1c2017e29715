//! `checks:`.

use super::super::form::{
    Entry, Fields, Record, STRING, Select, Variant, Variants, located, name_of, record, variants,
    word,
};
use super::super::model::{Check, CheckKind, Filter, Metric, Predicate, StateCheck, Statistic};
use super::super::outline::Role;
use super::history;
use super::holds;
use super::predicate::{DURATION_PREDICATE, PREDICATE};
use crate::base::{Diagnostic, Located, Span};

impl Variants for Check {
    const ENTRY: Entry = Entry {
        name: "check",
        doc: "What must hold of the whole run, decided from its trace. Exactly one key says what.",
        example: "",
    };
    const SELECT: Select = Select::Key;

    fn variants() -> &'static [Variant<Check>] {
        &[
            Variant {
                keys: &["calls"],
                last: false,
                entry: Entry {
                    name: "calls check",
                    doc: "How many requests there were.",
                    example: "checks:\n  - calls: { to: db, match: \"SET *\", count: { lte: 1 } }",
                },
                fields: calls,
            },
            Variant {
                keys: &["latency"],
                last: false,
                entry: Entry {
                    name: "latency check",
                    doc: "How long requests took, from the request's sending to its reply's delivery.",
                    example: "checks:\n  - latency: { client: reader, p95: { lt: 250ms } }",
                },
                fields: latency,
            },
            Variant {
                keys: &["metric"],
                last: false,
                entry: Entry {
                    name: "metric check",
                    doc: "A figure of the whole run. Where there is nothing to measure (no operation to \
                          divide by, none that ended `ok`, no step) it is undecided.",
                    example: "checks:\n  - metric: { messages_per_operation: { lte: 6 }, between: servers }\n  \
                              - metric: { operation_latency: { p99: { lt: 250ms } }, f: read }\n  \
                              - metric: { amplification: { lte: 2 }, to: db }\n  \
                              - metric: { retries: { lte: 3 }, client: alice }",
                },
                fields: metric,
            },
            Variant {
                keys: &["never"],
                last: false,
                entry: Entry {
                    name: "never check",
                    doc: "There was no such message; or a predicate in Lua never held.",
                    example: "checks:\n  - never: { from: app, status: 500 }\n  \
                              - never: { lua: \"nodes.n1.role == 'leader' and nodes.n2.role == 'leader'\" }",
                },
                fields: never,
            },
            Variant {
                keys: &["always", "eventually"],
                last: false,
                entry: Entry {
                    name: "predicate check",
                    doc: "A predicate in Lua over what nodes have exposed holds each time it is asked (`always`), \
                          or at least once (`eventually`).",
                    example: "checks:\n  - always: { about: n1 follows, lua: \"nodes.n1.role ~= 'leader'\" }\n  \
                              - eventually: { about: n2 leads, lua: \"nodes.n2.role == 'leader'\", within: 2s }",
                },
                fields: holds::holds,
            },
            Variant {
                keys: &["history"],
                last: false,
                entry: history::ENTRY,
                fields: history::fields,
            },
        ]
    }

    fn elsewhere(word: &str) -> Option<String> {
        history::meant(word)
    }

    fn reserved() -> &'static [(&'static str, &'static str)] {
        &[
            ("single_leader", "write it as a predicate: `always: { lua: … }`"),
            ("unused_faults", "it stands at the top of the file"),
        ]
    }
}

pub(super) fn violated(f: &mut Fields<'_, '_>) -> bool {
    let doc = "`violated`: the check is met by failing, for a demonstration of a bug.";
    f.or("expect", doc, word(&[("holds", false), ("violated", true)]), "holds", false)
}

fn calls(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Check> {
    let inner = f.required(key, "Which requests, and how many.", record::<Calls>());
    let violated = violated(f);
    let Calls { filter, count } = inner?;
    Some(Check { span: f.entry(key), kind: CheckKind::Calls { filter, count }, violated })
}

fn latency(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Check> {
    let inner = f.required(key, "Which requests, and how long they may take.", record::<Latency>());
    let violated = violated(f);
    let Latency { filter, bounds } = inner?;
    Some(Check { span: f.entry(key), kind: CheckKind::Latency { filter, bounds }, violated })
}

fn never(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Check> {
    let inner = f.required(key, "What there must not be.", record::<Never>());
    let violated = violated(f);
    let kind = match inner? {
        Never::Message(filter) => CheckKind::Never { filter },
        Never::Predicate(wish) => CheckKind::Holds(Box::new(wish)),
    };
    Some(Check { span: f.entry(key), kind, violated })
}

fn metric(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Check> {
    let metric = f.required(key, "Which figure, and what must hold of it.", variants::<Metric>());
    let violated = violated(f);
    Some(Check { span: f.entry(key), kind: CheckKind::Metric(Box::new(metric?)), violated })
}

/// The keys that say which messages are meant; `to` is what they may be sent to.
pub(super) fn filter(f: &mut Fields<'_, '_>, to: Role) -> Filter {
    let from = f.optional("from", "Who sent the request.", name_of(Role::Node));
    let to = f.optional("to", "The server it was sent to.", name_of(to));
    let client = f.optional("client", "The same as `from`, but a client.", name_of(Role::Client));
    f.at_most_one(&["from", "client"]);
    let doc = "A pattern that the message's one-line summary fits: `*` is any text, `?` any \
               character, `[ab]` one of these.";
    let summary = f.optional("match", doc, located(STRING));
    let method = f.optional("method", "The HTTP method, or the Redis command.", PREDICATE);
    let path = f.optional("path", "The HTTP path, without the query.", PREDICATE);
    let status = f.optional("status", "The status of the HTTP reply.", PREDICATE);
    Filter { from, to, client, summary, method, path, status }
}

struct Calls {
    filter: Filter,
    count: Predicate,
}

impl Record for Calls {
    const ENTRY: Entry =
        Entry { name: "call count", doc: "Requests and their number.", example: "" };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Calls> {
        let filter = filter(f, Role::Server);
        let count = f.required("count", "How many there are.", PREDICATE);
        Some(Calls { filter, count: count? })
    }
}

struct Latency {
    filter: Filter,
    bounds: Vec<(Located<Statistic>, Predicate)>,
}

const STATISTICS: [(&str, &str, Statistic); 8] = [
    ("min", "The shortest.", Statistic::Min),
    ("mean", "The mean.", Statistic::Mean),
    ("max", "The longest.", Statistic::Max),
    ("p50", "The median: half are not longer.", Statistic::Percentile(50.0)),
    ("p90", "90% are not longer.", Statistic::Percentile(90.0)),
    ("p95", "95% are not longer.", Statistic::Percentile(95.0)),
    ("p99", "99% are not longer.", Statistic::Percentile(99.0)),
    ("p999", "99.9% are not longer.", Statistic::Percentile(99.9)),
];

impl Record for Latency {
    const ENTRY: Entry = Entry {
        name: "latency bound",
        doc: "Requests and how long they may take. At least one statistic is needed.",
        example: "",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Latency> {
        let filter = filter(f, Role::Server);
        Some(Latency { filter, bounds: bounds(f) })
    }
}

/// The keys that say how long something may take.
pub(super) fn bounds(f: &mut Fields<'_, '_>) -> Vec<(Located<Statistic>, Predicate)> {
    let mut bounds: Vec<(Located<Statistic>, Predicate)> = Vec::new();
    for (key, doc, statistic) in STATISTICS {
        if let Some(bound) = f.optional(key, doc, DURATION_PREDICATE) {
            bounds.push((Located::new(statistic, f.key(key)), bound));
        }
    }
    bounds.sort_by_key(|(statistic, _)| -> Span { statistic.span });
    let keys: Vec<&'static str> = STATISTICS.iter().map(|(key, ..)| *key).collect();
    f.at_least_one(&keys, "as in `p95: { lt: 250ms }`");
    bounds
}

enum Never {
    Message(Filter),
    Predicate(StateCheck),
}

impl Record for Never {
    const ENTRY: Entry = Entry {
        name: "message filter",
        doc: "Which messages are meant; all of what is given must fit. Or, with `lua`, what must never hold.",
        example: "",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Never> {
        let filter = filter(f, Role::Node);
        let wish = holds::never(f);
        let Some(wish) = wish else { return Some(Never::Message(filter)) };
        let keys = ["from", "to", "client", "match", "method", "path", "status"];
        if let Some(key) = keys.into_iter().find(|key| f.has(key)) {
            let error = Diagnostic::new("a check is about messages or a predicate", f.key(key));
            f.error(error.help("leave out this key, or `lua`"));
        }
        Some(Never::Predicate(wish))
    }
}
