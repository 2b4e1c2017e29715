//! Faults: the verbs, and what may stand beside them.
//!
//! ```text
//! { drop: response, from: app, to: db, match: "SET *", nth: 3 }
//!   ^ the verb       ^ whom it meets   ^ which of that it harms
//! ```
//!
//! One set of verbs serves the timeline, the steps of clients and a link's own `faults:`.

mod chaos;
mod choice;
mod edit;
mod links;
mod messages;
mod nodes;
mod timeline;
mod trigger;
mod verbs;

pub(in super::super) use timeline::doing;
pub(super) use timeline::{add, doing_step, moments};

use std::time::Duration;

use super::super::flow;
use super::super::form::{
    Book, DURATION, Entry, Fields, Form, Reading, Select, Shape, Variant, Variants, bad_name,
    located, variants,
};
use super::super::model::{Fault, FaultKind, LinkMoment};
use super::super::tree::{Node, shortened};
use crate::base::{Diagnostic, Located};

/// A fault as it stands in the file.
pub(super) struct Stated {
    fault: Fault,
    /// `start:`, `end:`, which only a link's own faults have.
    start: Option<Located<Duration>>,
    end: Option<Located<Duration>>,
}

/// What other tools call some faults.
const OTHER_WORDS: [(&[&str], &str); 10] = [
    (&["loss", "packet_loss"], "drop: request, probability: 10%"),
    (&["timeout", "black_hole"], "blackhole: { close_after: 1s }"),
    (&["limit_data"], "limit: 1KiB"),
    (&["reset_peer", "rst"], "reset: 1s"),
    (&["throttle", "bandwith"], "bandwidth: 64KiB/s"),
    (&["lag", "netem"], "latency: 200ms, jitter: 50ms"),
    (&["kill", "stop", "down"], "crash: NAME, for: 1s"),
    (&["freeze", "gc", "sigstop"], "pause: NAME, for: 1s"),
    (&["block", "iptables", "cut"], "partition: [NAME, NAME]"),
    (&["clock", "time"], "skew: NAME, ahead: 1s"),
];

impl Variants for Stated {
    const ENTRY: Entry = Entry {
        name: "fault",
        doc: "Something that goes wrong. Exactly one key, the verb, says what; the others say whom it \
              meets, and how long it lasts. A verb of links acts on bytes and connections, or on whole \
              messages of the protocol: then the framing stays sound. Faults on the same link act in \
              the order in which they were let loose. Each counts what it touches.",
        example: "timeline:\n  - at: 500ms\n    fault: { partition: [app, cache], for: 100ms }\n  \
                  - at: 1s\n    fault: { latency: 200ms, jitter: 50ms, from: app, to: db, \
                  direction: response, probability: 30% }\n  - at: 2s\n    fault: { crash: db, for: 2s }",
    };
    const SELECT: Select = Select::Key;

    fn elsewhere(word: &str) -> Option<String> {
        let found = OTHER_WORDS.iter().find(|(words, _)| words.contains(&word));
        found.map(|(_, ours)| format!("here that is `{ours}`"))
    }

    fn variants() -> &'static [Variant<Stated>] {
        &verbs::VERBS
    }
}

/// True for the verb of a fault.
pub(super) fn is_verb(word: &str) -> bool {
    verbs::VERBS.iter().any(|verb| verb.keys.contains(&word))
}

/// The keys that every fault has.
struct Common {
    name: Option<Located<String>>,
    lasts: Option<Duration>,
}

impl Common {
    fn read(f: &mut Fields<'_, '_>) -> Common {
        let doc = "Its name, for `heal`, `release`, `while` and the trace; by default its verb and its \
                   number among those of that verb: `drop.1`.";
        let name = f.optional("name", doc, FAULT_NAME);
        let doc = "How long it lasts; by default until it is healed, or the run ends.";
        let lasts = f.optional("for", doc, DURATION);
        if lasts.is_some_and(|lasts| lasts.is_zero()) {
            let error = Diagnostic::new("a fault lasts longer than nothing", f.value("for"));
            f.error(error.help("without `for` it lasts until it is healed"));
        }
        Common { name, lasts }
    }

    fn fault(self, f: &Fields<'_, '_>, verb: &'static str, kind: FaultKind) -> Fault {
        let text = flow::mapping(f.written(&[verb], &["start", "end"]).into_iter());
        Fault { span: f.entry(verb), name: self.name, kind, lasts: self.lasts, text }
    }
}

/// The name of a fault: a name, or one as faults get it by default.
pub(super) struct FaultName;
/// The form [`FaultName`].
pub(super) const FAULT_NAME: FaultName = FaultName;

/// The longest name of a fault, in bytes.
const NAME_MAX: usize = 100;

const NAME_RULE: &str =
    "behind a dot are letters, digits, `_` and `-`; at most 100 characters in all";

const FAULT_NAME_ENTRY: Entry = Entry {
    name: "fault name",
    doc: "A [name](#name), or several with dots between, as faults have it by default: `drop.1`.",
    example: "",
};

impl Form for FaultName {
    type Value = Located<String>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Located<String>> {
        let Some(text) = node.string() else { return reading.expected("a name", node) };
        let span = reading.head(node.span);
        let mut parts = text.split('.');
        let name = parts.next().unwrap_or_default();
        let fits = |part: &str| {
            let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
            !part.is_empty() && part.bytes().all(letter)
        };
        let behind = (text.len() > NAME_MAX || !parts.all(fits)).then_some(NAME_RULE);
        let error = |what: String| Diagnostic::new(what, span);
        if let Some(rule) = bad_name(name).or(behind) {
            reading.error(error(format!("`{}` is not a name", shortened(text))).help(rule));
            return None;
        }
        if text == "all" {
            reading
                .error(error("a fault cannot be called `all`".into()).label("that is all of them"));
            return None;
        }
        Some(Located::new(text.to_owned(), span))
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(FAULT_NAME_ENTRY, |_| {
            let pattern = "^[A-Za-z][A-Za-z0-9_-]{0,63}(\\.[A-Za-z0-9_-]+)*$";
            serde_json::json!({ "type": "string", "pattern": pattern, "maxLength": NAME_MAX })
        })
    }
}

/// A fault of the timeline or of a step.
pub(in super::super) struct FaultForm;
/// The form [`FaultForm`].
pub(in super::super) const FAULT: FaultForm = FaultForm;

impl Form for FaultForm {
    type Value = Fault;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Fault> {
        let Stated { fault, start, end } = variants::<Stated>().read(node, reading)?;
        let mut sound = true;
        for (key, at) in [("start", start), ("end", end)] {
            let Some(at) = at else { continue };
            let what = format!("`{key}` is for a link's own faults");
            let error = Diagnostic::new(what, at.span);
            let help = "here `at: 1s`, `on` or the step says when, and `for: 2s` how long";
            reading.error(error.help(help));
            sound = false;
        }
        sound.then_some(fault)
    }

    fn noun(&self) -> &'static str {
        Stated::ENTRY.name
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.variants::<Stated>()
    }
}

/// A fault of a link's own.
pub(super) struct OwnFaultForm;
/// The form [`OwnFaultForm`].
pub(super) const OWN_FAULT: OwnFaultForm = OwnFaultForm;

impl Form for OwnFaultForm {
    type Value = LinkMoment;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<LinkMoment> {
        let Stated { fault, start, end } = variants::<Stated>().read(node, reading)?;
        if !matches!(fault.kind, FaultKind::Link(_)) {
            let what = "this fault is not one of links";
            let error = Diagnostic::new(what, fault.span).help("put it into the `timeline`");
            reading.error(error);
            return None;
        }
        let mut sound = true;
        for key in ["from", "to", "client"] {
            let Some((key, _)) = node.entries()?.iter().find(|(name, _)| name.value == key) else {
                continue;
            };
            let what = format!("a link's own fault has no `{}`", key.value);
            reading.error(Diagnostic::new(what, key.span).label("the link says it"));
            sound = false;
        }
        if let (Some(lasts), Some(end)) = (fault.lasts, end) {
            let told = crate::base::units::show_duration(lasts);
            let error = Diagnostic::new("a fault has an `end` or a `for`, not both", end.span);
            reading.error(error.label(format!("it already lasts {told}")));
            sound = false;
        }
        let begin = start.map_or(Duration::ZERO, |start| start.value);
        if let Some(end) = end.filter(|end| end.value <= begin) {
            let error = Diagnostic::new("this fault ends before it starts", end.span);
            reading.error(match start {
                Some(start) => error.related(start.span, "it starts here"),
                None => error,
            });
            sound = false;
        }
        sound.then_some(LinkMoment { fault, start, end })
    }

    fn noun(&self) -> &'static str {
        Stated::ENTRY.name
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.variants::<Stated>()
    }
}

/// `start:` and `end:`.
fn own_times(f: &mut Fields<'_, '_>) -> [Option<Located<Duration>>; 2] {
    let doc = "When it begins, after the start of the run; only among a link's own `faults`.";
    let start = f.optional("start", doc, located(DURATION));
    let doc = "When it ends; only among a link's own `faults`.";
    let end = f.optional("end", doc, located(DURATION));
    [start, end]
}
