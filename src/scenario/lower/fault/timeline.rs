//! When faults are let loose, and what else is done then: `timeline:`, and the steps that do the same.

use std::time::Duration;

use serde_json::json;

use super::super::super::flow;
use super::super::super::form::{
    Book, DURATION, Entry, Fields, Form, Reading, Record, Shape, kept, located, one_or_many,
    record, variants,
};
use super::super::super::model::{Action, Chaos, Doing, Fault, Moment, Named, Step, Trigger, When};
use super::super::super::outline::Role;
use super::super::super::tree::Node;
use super::super::step::Common as StepCommon;
use super::nodes::some;
use super::{FAULT, FAULT_NAME, verbs};
use crate::base::{Diagnostic, Located};

/// The most moments that one entry of the timeline is expanded into.
const MOMENTS_MAX: u128 = 10_000;

/// The keys of what is done.
const DOINGS: [&str; 6] = ["fault", "heal", "release", "restart", "resume", "chaos"];

impl Record for Moment {
    const ENTRY: Entry = Entry {
        name: "moment",
        doc: "One entry of the timeline: when, and what is done.",
        example: "timeline:\n  - at: [1s, 2s]\n    fault: { reset: true, to: db }\n  \
                  - at: { from: 1s, to: 5s, every: 500ms }\n    fault: { latency: 100ms }\n    for: 50ms\n  \
                  - on: { message: { from: app, to: cache, match: \"DEL *\" }, nth: 3 }\n    \
                  fault: { drop: request }\n  \
                  - on: { crash: db }\n    wait: 50ms\n    restart: db\n  - at: 6s\n    heal: all",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Moment> {
        let doc = "The time, or times, after the start of the run.";
        let at = f.optional("at", doc, AT);
        let doc = "An event: it is done each time that it happens, or the `nth`.";
        let on = f.optional("on", doc, variants::<Trigger>());
        let wait = f.optional("wait", "The pause after the event.", DURATION);
        let fault = fault(f, "fault", false);
        let heal = f.optional("heal", HEAL, FAULTS);
        let release = f.optional("release", RELEASE, FAULTS);
        let restart = f.optional("restart", RESTART, some(Role::Server));
        let resume = f.optional("resume", RESUME, some(Role::Node));
        let doc = "Faults at random, from the run's seed.";
        let chaos = f.optional("chaos", doc, record::<Chaos>());
        f.exactly_one(&["at", "on", "chaos"]);
        if !misplaced(f) {
            f.exactly_one(&DOINGS);
        }
        if f.has("wait") && f.has("at") {
            let error = Diagnostic::new("a pause needs something to wait for", f.entry("wait"));
            f.error(error.related(f.entry("at"), "this says exactly when"));
        }
        let doing = fault
            .map(|fault| Doing::Fault(Box::new(fault)))
            .or(heal.map(Doing::Heal))
            .or(release.map(Doing::Release))
            .or(restart.map(Doing::Restart))
            .or(resume.map(Doing::Resume));
        let (doing, when) = match chaos {
            Some(chaos) => {
                let at = Located::new(chaos.from, f.key("chaos"));
                (Doing::Chaos(chaos), When::At(vec![at]))
            }
            None => (doing?, when(at, on, wait)?),
        };
        let span = DOINGS.iter().find(|key| f.has(key)).map_or(f.lead(), |key| f.entry(key));
        Some(Moment { span, when, doing })
    }
}

/// Reports a fault's verb that stands beside `at` and not in `fault:`.
fn misplaced(f: &mut Fields<'_, '_>) -> bool {
    let verbs = verbs::VERBS.iter().flat_map(|verb| verb.keys);
    let Some(verb) = verbs.copied().find(|verb| f.has(verb)) else { return false };
    let error = Diagnostic::new(format!("unknown key `{verb}` in a moment"), f.key(verb));
    f.wrong(verb, error.help(format!("it is a fault: `fault: {{ {verb}: … }}`")));
    true
}

const HEAL: &str = "Faults that end: their names, or `all` that are in force.";
const RELEASE: &str = "Faults whose held messages are let go, while the faults go on: their names, or \
                       `all`.";
const RESTART: &str = "Servers that are down and come back, on the same port.";
const RESUME: &str = "Nodes that stand still and go on.";

fn when(
    at: Option<Vec<Located<Duration>>>,
    on: Option<Trigger>,
    wait: Option<Duration>,
) -> Option<When> {
    match (at, on) {
        (Some(at), _) => Some(When::At(at)),
        (None, Some(trigger)) => Some(When::On { trigger, wait: wait.unwrap_or_default() }),
        (None, None) => None,
    }
}

/// `fault:`, with the `for:` that may stand beside it.
fn fault(f: &mut Fields<'_, '_>, key: &'static str, required: bool) -> Option<Fault> {
    let doc = "What goes wrong.";
    let fault = match required {
        true => f.required(key, doc, FAULT),
        false => f.optional(key, doc, FAULT),
    };
    let doc = "How long the fault lasts; it may stand inside of it as well.";
    let lasts = f.optional("for", doc, located(DURATION));
    let Some(lasts) = lasts else { return fault };
    if !f.has(key) {
        let error = Diagnostic::new("`for` says how long a fault lasts", f.entry("for"));
        f.error(error.label("there is none here"));
    }
    if lasts.value.is_zero() {
        let error = Diagnostic::new("a fault lasts longer than nothing", lasts.span);
        f.error(error.help("without `for` it lasts until it is healed"));
    }
    let mut fault = fault?;
    if fault.lasts.is_some() {
        let error = Diagnostic::new("how long the fault lasts is said twice", f.entry("for"));
        f.error(error.related(fault.span, "here too"));
    }
    fault.lasts = Some(lasts.value);
    let entry = f.written(&["for"], &[]).into_iter().next()?;
    add(&mut fault.text, &[entry]);
    Some(fault)
}

/// Adds entries to a mapping that is written on one line and has some already.
pub(in super::super) fn add(text: &mut String, entries: &[String]) {
    let Some(inner) = text.strip_prefix("{ ").and_then(|text| text.strip_suffix(" }")) else {
        return;
    };
    let entries = std::iter::once(inner.to_owned()).chain(entries.iter().cloned());
    *text = flow::mapping(entries);
}

/// A step that does what a moment of the timeline does.
pub(in super::super) fn doing_step(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let doing = doing_of(f, key);
    let common = StepCommon::plain(f);
    common.step(Action::Fault(Box::new(doing?)), f.entry(key))
}

/// What the key `key` says is done.
fn doing_of(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Doing> {
    match key {
        "fault" => fault(f, key, true).map(|fault| Doing::Fault(Box::new(fault))),
        "heal" => f.required(key, HEAL, FAULTS).map(Doing::Heal),
        "release" => f.required(key, RELEASE, FAULTS).map(Doing::Release),
        "restart" => f.required(key, RESTART, some(Role::Server)).map(Doing::Restart),
        _ => f.required(key, RESUME, some(Role::Node)).map(Doing::Resume),
    }
}

/// What is done, without any time.
struct Done(Doing);

impl Record for Done {
    const ENTRY: Entry = Entry { name: "act", doc: "What is done.", example: "" };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Done> {
        let doings = &DOINGS[..5];
        f.exactly_one(doings);
        let key = doings.iter().find(|key| f.has(key))?;
        doing_of(f, key).map(Done)
    }
}

/// A mapping with a key that says what is done.
pub(in super::super::super) fn doing() -> impl Form<Value = Doing> {
    DoneForm
}

struct DoneForm;

impl Form for DoneForm {
    type Value = Doing;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Doing> {
        record::<Done>().read(node, reading).map(|done| done.0)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        record::<Done>().shape(book)
    }
}

/// `timeline:`, of which those moments are kept that could be read.
pub(in super::super) fn moments() -> impl Form<Value = Vec<Moment>> {
    kept(record::<Moment>())
}

/// The names of faults, or all.
struct FaultsForm;
const FAULTS: FaultsForm = FaultsForm;

impl Form for FaultsForm {
    type Value = Named;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Named> {
        if node.string() == Some("all") {
            return Some(Named::All);
        }
        let names = one_or_many(FAULT_NAME).read(node, reading)?;
        if names.is_empty() {
            let error = Diagnostic::new("this list names no fault", reading.head(node.span));
            reading.error(error.help("`all` means all that are in force"));
            return None;
        }
        Some(Named::These(names))
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let name = FAULT_NAME.shape(book);
        let many = json!({ "type": "array", "minItems": 1, "items": name.schema });
        let schema = json!({ "anyOf": [{ "const": "all" }, name.schema, many] });
        Shape::new(schema, format!("{}, a list of them, or `all`", name.label))
    }
}

/// `at:`.
struct AtForm;
const AT: AtForm = AtForm;

const AT_ENTRY: Entry = Entry {
    name: "times",
    doc: "When: a [duration](#duration) after the start of the run, a list of them, or a mapping of \
          [`from`, `to` and `every`](#time-range).",
    example: "at: 500ms\nat: [1s, 2s]\nat: { from: 1s, to: 5s, every: 500ms }",
};

impl Form for AtForm {
    type Value = Vec<Located<Duration>>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Self::Value> {
        if node.entries().is_some() {
            let TimeRange(times) = record::<TimeRange>().read(node, reading)?;
            let span = reading.head(node.span);
            return Some(times.into_iter().map(|time| Located::new(time, span)).collect());
        }
        let mut times = one_or_many(located(DURATION)).read(node, reading)?;
        if times.is_empty() {
            let error = Diagnostic::new("this list holds no time", reading.head(node.span));
            reading.error(error);
            return None;
        }
        times.sort_by_key(|time| time.value);
        Some(times)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(AT_ENTRY, |book| {
            let time = DURATION.shape(book).schema;
            let range = book.record::<TimeRange>().schema;
            let many = json!({ "type": "array", "minItems": 1, "items": time });
            json!({ "anyOf": [time, many, range] })
        })
    }
}

struct TimeRange(Vec<Duration>);

impl Record for TimeRange {
    const ENTRY: Entry = Entry {
        name: "time range",
        doc: "Times that repeat; the first and, if it is met, the last are among them.",
        example: "",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<TimeRange> {
        let from = f.or("from", "The first.", DURATION, "0", Duration::ZERO);
        let to = f.required("to", "None is later.", DURATION);
        let every = f.required("every", "The time between them.", DURATION);
        let (to, every) = (to?, every?);
        if every.is_zero() {
            f.error(Diagnostic::new("times are apart from each other", f.value("every")));
            return None;
        }
        if to < from {
            let error = Diagnostic::new("`to` is before `from`", f.value("to"));
            f.error(error.related(f.value("from"), "this is later"));
            return None;
        }
        let count = (to - from).as_nanos() / every.as_nanos() + 1;
        if count > MOMENTS_MAX {
            let most = crate::base::units::grouped(u64::try_from(MOMENTS_MAX).unwrap_or(u64::MAX));
            let what = format!("these are more than {most} times");
            f.error(Diagnostic::new(what, f.value("every")));
            return None;
        }
        let count = u32::try_from(count).ok()?;
        Some(TimeRange((0..count).map(|n| from + every * n).collect()))
    }
}
