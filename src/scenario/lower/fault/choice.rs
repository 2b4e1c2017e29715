//! Whom a fault on links meets, and which of that it harms.

use super::super::super::form::{
    Entry, Fields, Form, SHARE, STRING, Select, Variant, Variants, integer, located, name_of,
    variants, word,
};
use super::super::super::model::{Choice, Condition, Directions, Trigger};
use super::super::super::outline::Role;
use super::super::link::NodesForm;
use super::super::predicate::PREDICATE;
use super::FAULT_NAME;
use crate::base::{Diagnostic, Located};

/// Whom a fault meets.
pub(super) struct Whom {
    pub(super) from: Vec<Located<String>>,
    pub(super) to: Vec<Located<String>>,
    pub(super) direction: Option<Located<Directions>>,
    pub(super) choice: Choice,
}

pub(super) const DIRECTIONS: &[(&str, Directions)] = &[
    ("request", Directions::Request),
    ("response", Directions::Response),
    ("both", Directions::Both),
];

/// The keys that say whom a fault on links meets.
pub(super) fn whom(f: &mut Fields<'_, '_>) -> Whom {
    let doc = "Who connects; all by default. `outside` is whoever comes from outside.";
    let from = f.or("from", doc, NodesForm(Role::Caller), "\"*\"", Vec::new());
    let doc = "What is connected to; all by default.";
    let to = f.or("to", doc, NodesForm(Role::Server), "\"*\"", Vec::new());
    let doc = "`request` is what the connecting side sends, `response` what comes back. By default \
               `both` for bytes and connections; for messages requests, or responses if that is what \
               `status` or the edit is about.";
    let direction = f.optional("direction", doc, located(word(DIRECTIONS)));
    let choice = choice(f);
    f.at_most_one(&["from", "client"]);
    Whom { from, to, direction, choice }
}

fn choice(f: &mut Fields<'_, '_>) -> Choice {
    let client = f.optional("client", "The same as `from`, but a client.", name_of(Role::Client));
    let doc = "A pattern that the message's one-line summary fits, or that of what it answers: `*` is \
               any text, `?` any character, `[ab]` one of these.";
    let summary = f.optional("match", doc, located(STRING));
    let doc = "The HTTP method, or the Redis command; of a reply, that of what it answers.";
    let method = f.optional("method", doc, PREDICATE);
    let doc = "The HTTP path, without the query; of a reply, that of what it answers.";
    let path = f.optional("path", doc, PREDICATE);
    let status = f.optional("status", "The status of the HTTP reply.", PREDICATE);
    let doc = "Only this one of those that fit, counted from 1 when the fault is let loose.";
    let nth = f.optional("nth", doc, integer(1..=u64::MAX));
    let every = f.optional("every", "Each so-many-th of them.", integer(1..=u64::MAX));
    let first = f.optional("first", "No more than so many of them.", integer(1..=u64::MAX));
    let doc = "How likely each of them is harmed; drawn from the run's seed.";
    let probability = f.optional("probability", doc, SHARE);
    let after = f.optional("after", "Not before this has happened.", variants::<Trigger>());
    let during = f.optional("while", "Only while this is so.", variants::<Condition>());
    if summary.as_ref().is_some_and(|summary| summary.value.is_empty()) {
        let error = Diagnostic::new("no summary is empty", f.value("match"));
        f.error(error.help("`*` fits all, and so does a fault without `match`"));
    }
    if probability == Some(0.0) {
        f.error(Diagnostic::new("this harms nothing", f.value("probability")));
    }
    never_both(f, [nth, every, first]);
    Choice { client, summary, method, path, status, nth, every, first, probability, after, during }
}

/// Reports numbers of which one takes what the other leaves.
fn never_both(f: &mut Fields<'_, '_>, [nth, every, first]: [Option<u64>; 3]) {
    let pairs = [
        ("nth", "every", nth.zip(every).is_some_and(|(nth, every)| !nth.is_multiple_of(every))),
        ("nth", "first", nth.zip(first).is_some_and(|(nth, first)| nth > first)),
        ("every", "first", every.zip(first).is_some_and(|(every, first)| every > first)),
    ];
    for (one, other, never) in pairs {
        if never {
            let what = format!("nothing fits both this `{one}` and this `{other}`");
            let error = Diagnostic::new(what, f.entry(one)).related(f.entry(other), "the other");
            f.error(error.help("they count the same messages or connections, and both must hold"));
            return;
        }
    }
}

impl Variants for Condition {
    const ENTRY: Entry = Entry {
        name: "condition",
        doc: "What is so for a while.",
        example: "fault: { latency: 1s, to: cache, while: { crashed: db } }",
    };
    const SELECT: Select = Select::Key;

    fn variants() -> &'static [Variant<Condition>] {
        &[
            Variant {
                keys: &["crashed"],
                last: false,
                entry: Entry { name: "crashed condition", doc: "A server is down.", example: "" },
                fields: |f, key| {
                    condition(f, key, "The server.", name_of(Role::Server), Condition::Crashed)
                },
            },
            Variant {
                keys: &["paused"],
                last: false,
                entry: Entry { name: "paused condition", doc: "A node stands still.", example: "" },
                fields: |f, key| {
                    condition(f, key, "The node.", name_of(Role::Node), Condition::Paused)
                },
            },
            Variant {
                keys: &["fault"],
                last: false,
                entry: Entry {
                    name: "fault condition",
                    doc: "Another fault is in force.",
                    example: "",
                },
                fields: |f, key| condition(f, key, "Its name.", FAULT_NAME, Condition::Fault),
            },
        ]
    }
}

fn condition(
    f: &mut Fields<'_, '_>,
    key: &'static str,
    doc: &'static str,
    form: impl Form<Value = Located<String>>,
    make: fn(Located<String>) -> Condition,
) -> Option<Condition> {
    f.required(key, doc, form).map(make)
}
