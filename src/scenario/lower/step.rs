//! Steps: what they have in common, and the ones that only arrange others.

use std::time::Duration;

use super::super::form::{
    BOOLEAN, DURATION, DYNAMIC, Entry, Fields, Form, Keys, NAME, Record, Select, TEXT, Variant,
    Variants, decimal, integer, list, name_of, one_or_many, pairs, record, setting, variants,
};
use super::super::model::{
    Action, After, Expectation, Field, HttpCall, Op, OpValue, Retry, Setting, Step,
};
use super::super::outline::Role;
use super::body::{HEADERS, body};
use super::fault::{doing_step, is_verb};
use super::field::{FieldForm, FieldSet, HTTP_REPLY, VARIABLES};
use super::predicate::ExpectationsForm;
use super::target::{AFTER, TARGET};
use super::{chance, node, redis, socket};
use crate::base::{Diagnostic, Located, Span};

/// A list of steps.
pub(super) fn steps() -> impl Form<Value = Vec<Step>> {
    list(variants::<Step>())
}

impl Variants for Step {
    const ENTRY: Entry = Entry {
        name: "step",
        doc: "One thing a client does. Exactly one key says what; the others modify it. Steps of \
              one client run in order.",
        example: "",
    };
    const SELECT: Select = Select::Key;

    fn variants() -> &'static [Variant<Step>] {
        &STEPS
    }

    fn elsewhere(word: &str) -> Option<String> {
        is_verb(word).then(|| format!("it is a fault: `- fault: {{ {word}: … }}`"))
    }
}

const fn variant(
    keys: &'static [&'static str],
    entry: Entry,
    fields: fn(&mut Fields<'_, '_>, &'static str) -> Option<Step>,
) -> Variant<Step> {
    Variant { keys, last: false, entry, fields }
}

const METHODS: &[&str] = &["get", "post", "put", "patch", "delete", "head", "options"];

static STEPS: [Variant<Step>; 22] = [
    variant(
        METHODS,
        Entry {
            name: "http step",
            doc: "Sends an HTTP request and waits for the reply. The connection is kept and used \
                  again by the client's next request to the same server.",
            example: "- post: app/items\n  json: { qty: 9 }\n  expect: { status: 201, $.qty: 9 }\n  \
                      capture: { id: $.id }\n- get: app/items/${id}\n  retry: { every: 100ms, for: 3s }\n  \
                      expect: { status: 200 }",
        },
        http,
    ),
    variant(
        &["redis"],
        Entry {
            name: "redis step",
            doc: "Sends a Redis command and waits for the reply.",
            example: "- redis: cache SET item:42 9 EX 10\n  expect: { reply: OK }\n\
                      - redis: [cache, GET, \"item:42\"]\n  capture: { qty: reply }",
        },
        redis::redis,
    ),
    variant(
        &["call"],
        Entry {
            name: "call step",
            doc: "Sends a JSON message to a node and waits for the reply. Of several nodes the first one is \
                  asked by the client's first instance, the second by its second, and so on; after a failure \
                  the next attempt and the next step turn to the next node. A reply of `type: error` is an error.",
            example: "- call: n1\n  json: { type: write, key: x, value: 1 }\n  op: { f: write, key: x, value: 1 }\n\
                      - call: [n1, n2, n3]\n  json: { type: read, key: x }\n  retry: { every: 10ms, times: 5 }\n  \
                      expect: { type: read_ok }\n  capture: { x: $.value }",
        },
        node::call,
    ),
    variant(
        &["connect"],
        Entry {
            name: "connect step",
            doc: "Opens a raw connection.",
            example: "- connect: echo\n- connect: echo\n  as: second\n\
                      - connect: nobody\n  expect: { error: refused }",
        },
        socket::connect,
    ),
    variant(
        &["send"],
        Entry {
            name: "send step",
            doc: "Sends bytes on a raw connection. They may arrive in pieces: TCP is a stream.",
            example: "- send: \"hello\\n\"\n- send: { hex: \"00 ff\" }\n  on: second",
        },
        socket::send,
    ),
    variant(
        &["receive"],
        Entry {
            name: "receive step",
            doc: "Waits for bytes on a raw connection.",
            example: "- receive: line\n  expect: { text: \"hello\\n\" }\n- receive: { bytes: 5 }\n\
                      - receive: end",
        },
        socket::receive,
    ),
    variant(
        &["close"],
        Entry {
            name: "close step",
            doc: "Ends a raw connection.",
            example: "- close: true\n- close: reset\n  on: second",
        },
        socket::close,
    ),
    variant(
        &["wait"],
        Entry {
            name: "wait step",
            doc: "Lets time pass.",
            example: "- wait: 20ms\n- wait: ${pause}",
        },
        wait,
    ),
    variant(
        &["repeat"],
        Entry {
            name: "repeat step",
            doc: "Runs its steps again and again; `${iteration}` counts from 1.",
            example: "- repeat: 3\n  steps:\n    - get: app/items/${iteration}",
        },
        repeat,
    ),
    variant(
        &["for_each"],
        Entry {
            name: "for_each step",
            doc: "Runs its steps once for each element of a list; `${iteration}` counts from 1.",
            example: "- for_each: { color: [red, green] }\n  steps:\n    - get: app/colors/${color}",
        },
        for_each,
    ),
    variant(
        &["parallel"],
        Entry {
            name: "parallel step",
            doc: "Runs lists of steps at once and is done when all are. Each list starts with the \
                  variables as they are and does not see what the others set; afterwards all of \
                  it is there, a later list's over an earlier one's.",
            example: "- parallel:\n    - [{ get: app/slow }]\n    - [{ get: app/fast }, { wait: 5ms }]",
        },
        parallel,
    ),
    variant(
        &["use"],
        Entry {
            name: "use step",
            doc: "Runs the steps of a flow, one of the scenario's `flows`.",
            example: "- use: checkout\n  with: { item: 42 }",
        },
        use_flow,
    ),
    variant(
        &["choose"],
        Entry {
            name: "choose step",
            doc: "Runs one of its alternatives, drawn by their weights. Which one is a function of \
                  the run's seed and of the steps that the client has run before. Nobody can wait \
                  for a step inside of it, which may never come.",
            example: "- choose:\n    - weight: 3\n      steps: [{ get: app/items/1 }]\n    \
                      - steps: [{ delete: app/items/1 }]",
        },
        chance::choose,
    ),
    variant(
        &["draw"],
        Entry {
            name: "draw step",
            doc: "Sets variables of the client to values that are left to chance. They are a \
                  function of the run's seed and of the steps that the client has run before, but \
                  for `unique`, which is counted over the whole run.",
            example: "- draw: { key: [x, y, z], value: { int: [0, 4] }, share: { float: [0, 1] }, id: unique }",
        },
        chance::draw,
    ),
    variant(
        &["set"],
        Entry {
            name: "set step",
            doc: "Sets variables of the client.",
            example: "- set: { item: 42, name: \"item-${item}\" }",
        },
        set,
    ),
    variant(
        &["log"],
        Entry {
            name: "log step",
            doc: "Writes a line into the trace, shown in the diagram.",
            example: "- log: the token is ${token}",
        },
        log,
    ),
    variant(
        &["fault"],
        Entry {
            name: "fault step",
            doc: "Lets a fault loose, at once: what is sent after this step meets it.",
            example: "- fault: { drop: response, to: app, first: 1 }\n- fault: { partition: [app, db] }\n  for: 100ms",
        },
        doing_step,
    ),
    variant(
        &["heal"],
        Entry {
            name: "heal step",
            doc: "Ends faults.",
            example: "- heal: all\n- heal: [drop.1, slow-db]",
        },
        doing_step,
    ),
    variant(
        &["release"],
        Entry {
            name: "release step",
            doc: "Lets go what faults hold, while they go on.",
            example: "- release: hold.1",
        },
        doing_step,
    ),
    variant(
        &["restart"],
        Entry {
            name: "restart step",
            doc: "Brings servers back that are down, on the same port.",
            example: "- restart: db",
        },
        doing_step,
    ),
    variant(
        &["resume"],
        Entry {
            name: "resume step",
            doc: "Lets nodes go on that stand still.",
            example: "- resume: [app, db]",
        },
        doing_step,
    ),
    Variant {
        keys: &["expect"],
        last: true,
        entry: Entry {
            name: "expect step",
            doc: "Only expects something of the client's variables.",
            example: "- expect: { vars.total: 10 }",
        },
        fields: check,
    },
];

/// What stands beside the key that says what a step does.
#[derive(Default)]
pub(super) struct Common {
    name: Option<Located<String>>,
    after: Vec<Located<After>>,
    may_fail: Option<bool>,
    timeout: Option<Setting<Duration>>,
    expect: Vec<Expectation>,
    capture: Vec<(Located<String>, Located<Field>)>,
    retry: Option<Retry>,
    op: Option<Op>,
}

impl Common {
    /// The keys that every step has.
    pub(super) fn plain(f: &mut Fields<'_, '_>) -> Common {
        let name = f.optional("name", "Its name, for `after` and for the diagram.", NAME);
        let after = f.optional("after", "What it waits for before it begins.", one_or_many(AFTER));
        let doc = "Whether it ends nothing if it fails: the failure is told, it counts neither \
                   against the client nor against the run, nothing is captured, and the next step \
                   comes. Said of a step that holds others it counts for those; by default what the \
                   step around it says counts, or the client.";
        let may_fail = f.optional("may_fail", doc, BOOLEAN);
        Common { name, after: after.unwrap_or_default(), may_fail, ..Common::default() }
    }

    /// The keys of steps that have a result with the fields of `set`.
    pub(super) fn operation(f: &mut Fields<'_, '_>, set: &'static FieldSet) -> Common {
        let mut common = Common::plain(f);
        let doc = "How long it may take; the client's `timeout` by default. A step that takes \
                   longer has the error `timeout`.";
        common.timeout = f.optional("timeout", doc, setting(DURATION));
        let doc = "What must hold of the result. Without it, an `error` fails the step.";
        common.expect = f.optional("expect", doc, ExpectationsForm(set)).unwrap_or_default();
        let doc = "Variables that are set from the result.";
        let form = pairs(Keys::Names, FieldForm(set));
        common.capture = f.optional("capture", doc, form).unwrap_or_default();
        let doc = "Tries again until what is expected holds.";
        common.retry = f.optional("retry", doc, record::<Retry>());
        common.op = f.optional("op", "The operation it stands for in a history.", OpForm(set));
        common
    }

    /// The step of all this.
    #[expect(clippy::unnecessary_wraps, reason = "every caller is a function of an Option")]
    pub(super) fn step(self, action: Action, span: Span) -> Option<Step> {
        Some(Step {
            span,
            name: self.name,
            action,
            after: self.after,
            may_fail: self.may_fail,
            timeout: self.timeout,
            expect: self.expect,
            capture: self.capture,
            retry: self.retry,
            op: self.op,
        })
    }
}

fn http(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let target = f.required(key, "The server and the path.", TARGET);
    let doc = "Parameters that are added to the path, percent-encoded.";
    let query = f.optional("query", doc, pairs(Keys::Any, TEXT)).unwrap_or_default();
    let headers = f.optional("headers", "Headers.", HEADERS).unwrap_or_default();
    let body = body(f, true);
    let common = Common::operation(f, &HTTP_REPLY);
    let (server, path) = target?;
    let method = match key {
        "get" => "GET",
        "post" => "POST",
        "put" => "PUT",
        "patch" => "PATCH",
        "delete" => "DELETE",
        "head" => "HEAD",
        _ => "OPTIONS",
    };
    let call = HttpCall { method, server, path, query, headers, body };
    common.step(Action::Http(call), f.entry(key))
}

fn wait(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let duration = f.required(key, "How long.", setting(DURATION));
    let common = Common::plain(f);
    common.step(Action::Wait(duration?), f.entry(key))
}

fn repeat(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let times = f.required(key, "How often.", setting(integer(0..=u64::MAX)));
    let steps = f.required("steps", "What is repeated.", steps());
    let common = Common::plain(f);
    common.step(Action::Repeat(times?, steps?), f.entry(key))
}

fn for_each(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let doc = "One variable, and the list it runs over (or a `${x}` that holds one).";
    let over = f.required(key, doc, pairs(Keys::Names, DYNAMIC));
    let steps = f.required("steps", "What is done with each element.", steps());
    let common = Common::plain(f);
    let mut over = over?.into_iter();
    let (Some((var, items)), None) = (over.next(), over.next()) else {
        let error = Diagnostic::new("`for_each` has exactly one variable", f.value(key));
        f.error(error.help("as in `for_each: { item: [1, 2, 3] }`"));
        return None;
    };
    common.step(Action::ForEach { var, items, steps: steps? }, f.entry(key))
}

fn parallel(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let branches = f.required(key, "Lists of steps.", list(steps()));
    let common = Common::plain(f);
    common.step(Action::Parallel(branches?), f.entry(key))
}

fn use_flow(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let flow = f.required(key, "The flow's name.", name_of(Role::Flow));
    let doc = "Variables for it; afterwards they are as before.";
    let with = f.optional("with", doc, pairs(Keys::Names, DYNAMIC)).unwrap_or_default();
    let common = Common::plain(f);
    common.step(Action::Use { flow: flow?, with }, f.entry(key))
}

fn set(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let vars = f.required(key, "The variables and their values.", pairs(Keys::Names, DYNAMIC));
    let common = Common::plain(f);
    common.step(Action::Set(vars?), f.entry(key))
}

fn log(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let text = f.required(key, "The line.", TEXT);
    let common = Common::plain(f);
    common.step(Action::Log(text?), f.entry(key))
}

fn check(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let doc = "What must hold of the variables.";
    let expect = f.required(key, doc, ExpectationsForm(&VARIABLES));
    let mut common = Common::plain(f);
    common.expect = expect?;
    common.step(Action::Check, f.entry(key))
}

impl Record for Retry {
    const ENTRY: Entry = Entry {
        name: "retry",
        doc: "Tries a step again until what it expects holds, with a pause between. At least one \
              of `for` and `times` says when to give up.",
        example: "retry: { every: 100ms, for: 3s, backoff: 2, jitter: true }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Retry> {
        let doc = "The pause between the end of one attempt and the beginning of the next.";
        let every = f.required("every", doc, DURATION);
        let doc = "No attempt begins later than this after the first one.";
        let within = f.optional("for", doc, DURATION);
        let doc = "The most attempts after the first one.";
        let times = f.optional("times", doc, integer(0..=1_000_000_u32));
        let doc = "The factor by which the pause grows each time.";
        let backoff = f.or("backoff", doc, decimal(1.0..=100.0), "1", 1.0);
        let doc = "Draws each pause between 0 and its full length.";
        let jitter = f.or("jitter", doc, BOOLEAN, "false", false);
        let help = "otherwise it would never give up: `retry: { every: 100ms, for: 3s }`";
        f.at_least_one(&["for", "times"], help);
        Some(Retry { every: every?, within, times, backoff, jitter })
    }
}

/// `op:`, whose `value` may be a field of the result.
struct OpForm(&'static FieldSet);

impl Form for OpForm {
    type Value = Op;

    fn read(
        &self,
        node: &super::super::tree::Node,
        reading: &mut super::super::form::Reading<'_>,
    ) -> Option<Op> {
        let mut op = record::<Op>().read(node, reading)?;
        let Some(value) = node.get("value") else { return Some(op) };
        let Some(text) = value.string() else { return Some(op) };
        let path = text == "$" || text.starts_with("$.") || text.starts_with("$[");
        let words = self.0.words.iter().any(|(word, _)| *word == text);
        let dotted = text
            .split_once('.')
            .is_some_and(|(prefix, _)| self.0.prefixes.iter().any(|(known, _)| *known == prefix));
        if path || words || dotted {
            op.value = Some(OpValue::Result(FieldForm(self.0).read(value, reading)?));
        }
        Some(op)
    }

    fn shape(&self, book: &mut super::super::form::Book) -> super::super::form::Shape {
        record::<Op>().shape(book)
    }
}

impl Record for Op {
    const ENTRY: Entry = Entry {
        name: "op",
        doc: "The operation that a step stands for, recorded in the trace with its beginning, its \
              end and how it ended: `ok`, `failed`, or `unknown` if nobody can say, as after a \
              timeout.",
        example: "op: { f: write, key: x, value: 9 }\nop: { f: read, key: x, value: $.qty }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Op> {
        let name = f.required("f", "The function, such as `read` or `write`.", NAME);
        let key = f.optional("key", "What it was done to.", DYNAMIC);
        let doc = "What was written; or a [field](#field) of the result, such as `$.qty`: what \
                   was read.";
        let value = f.optional("value", doc, DYNAMIC);
        Some(Op { f: name?, key, value: value.map(OpValue::Given) })
    }
}
