//! Events of the run that something waits for: `on:` and `after:`.

use super::super::super::form::{
    Entry, Fields, Record, Select, Variant, Variants, integer, name_of, record,
};
use super::super::super::model::{Filter, Trigger, TriggerEvent};
use super::super::super::outline::Role;
use super::super::check::filter;
use super::super::target::AFTER;
use super::FAULT_NAME;
use crate::base::{Diagnostic, Located};

impl Variants for Trigger {
    const ENTRY: Entry = Entry {
        name: "event",
        doc: "Something that happens in the run. Exactly one key says what.",
        example: "on: { message: { from: app, to: cache, match: \"DEL *\" }, nth: 3 }\n\
                  on: { connect: { to: db }, every: 10 }\non: { step: alice.wrote }\non: { crash: db }",
    };
    const SELECT: Select = Select::Key;

    fn variants() -> &'static [Variant<Trigger>] {
        &EVENTS
    }
}

const fn event(
    keys: &'static [&'static str],
    name: &'static str,
    doc: &'static str,
    fields: fn(&mut Fields<'_, '_>, &'static str) -> Option<Trigger>,
) -> Variant<Trigger> {
    Variant { keys, last: false, entry: Entry { name, doc, example: "" }, fields }
}

static EVENTS: [Variant<Trigger>; 8] = [
    event(&["message"], "message event", "A message is sent.", message),
    event(&["connect"], "connect event", "A connection is asked for.", connect),
    event(
        &["step"],
        "step event",
        "A client's step of that name is done, or all its steps.",
        |f, key| {
            let step = f.required(key, "`alice.wrote`, or `alice` for all her steps.", AFTER);
            trigger(f, key, step.map(TriggerEvent::Step))
        },
    ),
    event(&["crash"], "crash event", "A server goes down.", |f, key| {
        node(f, key, Role::Server, TriggerEvent::Crash)
    }),
    event(&["restart"], "restart event", "A server that was down is back.", |f, key| {
        node(f, key, Role::Server, TriggerEvent::Restart)
    }),
    event(&["pause"], "pause event", "A node stands still.", |f, key| {
        node(f, key, Role::Node, TriggerEvent::Pause)
    }),
    event(&["resume"], "resume event", "A node that stood still goes on.", |f, key| {
        node(f, key, Role::Node, TriggerEvent::Resume)
    }),
    event(&["fault"], "fault event", "A fault is let loose.", |f, key| {
        let name = f.required(key, "Its name.", FAULT_NAME);
        trigger(f, key, name.map(TriggerEvent::Fault))
    }),
];

/// The keys that say which time is meant.
fn times(f: &mut Fields<'_, '_>) -> (Option<u64>, Option<u64>) {
    let doc = "Only this time, counted from 1; otherwise each time, but for `after`, which is met by \
               the first.";
    let nth = f.optional("nth", doc, integer(1..=u64::MAX));
    let every = f.optional("every", "Each so-many-th time.", integer(1..=u64::MAX));
    f.at_most_one(&["nth", "every"]);
    (nth, every)
}

fn trigger(
    f: &mut Fields<'_, '_>,
    key: &'static str,
    event: Option<TriggerEvent>,
) -> Option<Trigger> {
    let (nth, every) = times(f);
    Some(Trigger { span: f.entry(key), event: event?, nth, every })
}

fn node(
    f: &mut Fields<'_, '_>,
    key: &'static str,
    role: Role,
    make: fn(Located<String>) -> TriggerEvent,
) -> Option<Trigger> {
    let doc = if role == Role::Server { "The server." } else { "The client or server." };
    let name = f.required(key, doc, name_of(role));
    trigger(f, key, name.map(make))
}

fn message(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Trigger> {
    let message = f.required(key, "Which messages.", record::<Sent>());
    let (nth, every) = times(f);
    let Sent { filter, nth: inner, every: each } = message?;
    if (nth.is_some() || every.is_some()) && (inner.is_some() || each.is_some()) {
        let what = "which time is meant is said twice";
        f.error(Diagnostic::new(what, f.value(if nth.is_some() { "nth" } else { "every" })));
        return None;
    }
    let event = TriggerEvent::Message(Box::new(filter));
    Some(Trigger { span: f.entry(key), event, nth: nth.or(inner), every: every.or(each) })
}

/// Which messages are meant.
struct Sent {
    filter: Filter,
    nth: Option<u64>,
    every: Option<u64>,
}

impl Record for Sent {
    const ENTRY: Entry = Entry {
        name: "sent message",
        doc: "Messages that are sent; all of what is given must fit. Here `from` is the sender and \
              `to` the receiver, as in checks.",
        example: "on: { message: { from: app, to: cache, match: \"DEL *\", nth: 1 } }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Sent> {
        let filter = filter(f, Role::Node);
        let (nth, every) = times(f);
        Some(Sent { filter, nth, every })
    }
}

/// `connect:`.
struct Asked {
    from: Option<Located<String>>,
    to: Option<Located<String>>,
}

impl Record for Asked {
    const ENTRY: Entry =
        Entry { name: "asked connection", doc: "Connections that are asked for.", example: "" };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Asked> {
        let from = f.optional("from", "Who asks; anybody by default.", name_of(Role::Node));
        let to = f.optional("to", "Whom; anybody by default.", name_of(Role::Server));
        Some(Asked { from, to })
    }
}

fn connect(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Trigger> {
    let asked = f.required(key, "Which ones.", record::<Asked>());
    trigger(f, key, asked.map(|Asked { from, to }| TriggerEvent::Connect { from, to }))
}
