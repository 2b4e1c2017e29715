//! The whole file.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::super::form::{
    Book, DURATION, DYNAMIC, Entry, Fields, Form, Keys, PROSE, Reading, Record, SIZE, Shape, a,
    bad_name, integer, kept, named, pairs, record, variants, word,
};
use super::super::model::{
    Check, Client, Flow, Link, Scenario, Schedule, Server, TraceOptions, UnusedFaults, World,
};
use super::super::outline::Section;
use super::super::tree::Node;
use super::fault::moments;
use super::schedule::ExpectedForm;
use super::script;
use super::step::steps;
use crate::base::{Diagnostic, Source};

/// The most bytes of a message that a trace can be asked to keep.
pub(super) const TRACE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The longest that a run may be told to take, on its own clock.
const RUN_MAX: Duration = Duration::from_secs(24 * 3600);

/// Lowers the root of a file. Everything wrong with it is in `reading`, and all names; if anything is
/// wrong, the scenario has only those entries that nothing is wrong with.
pub(in super::super) fn lower(root: &Node, reading: &mut Reading<'_>) -> Option<Scenario> {
    if root.entries().is_none() {
        return reading.expected(&a(Scenario::ENTRY.name), root);
    }
    let mut fields = Fields::reading(root, Scenario::ENTRY.name, reading);
    let scenario = Scenario::fields(&mut fields);
    let doubtful = SECTIONS.map(|key| fields.is_doubtful(key));
    fields.finish();
    declared(root, doubtful, reading);
    scenario
}

/// The parts of a file that declare names.
const SECTIONS: [&str; 4] = ["servers", "clients", "flows", "vars"];

/// Notes the names that the file declares. A section is whole if nothing in it, and nothing elsewhere,
/// may declare more; one that is not there has no names.
fn declared(root: &Node, doubtful: [bool; 4], reading: &mut Reading<'_>) {
    let names = |key: &str| root.get(key).and_then(Node::entries).unwrap_or_default();
    let misplaced = |key: &str| {
        SECTIONS.iter().any(|other| names(other).iter().any(|(name, _)| name.value == key))
    };
    let strays = &reading.outline.strays;
    let section = |at: usize| {
        let key = SECTIONS[at];
        let read = match root.get(key) {
            Some(node) => {
                let sound = names(key).iter().all(|(name, _)| bad_name(&name.value).is_none());
                sound && node.entries().is_some() && node.refused().is_empty()
            }
            None => !misplaced(key),
        };
        let names = names(key).iter().map(|(name, _)| name.clone()).collect();
        Section { names, whole: read && !doubtful[at] && !strays.contains(key) }
    };
    let sections = [0, 1, 2, 3].map(section);
    let outline = &mut reading.outline;
    [outline.servers, outline.clients, outline.flows, outline.vars] = sections;
}

impl Record for Scenario {
    const ENTRY: Entry = Entry {
        name: "scenario",
        doc: "A whole file: servers, the links to them, the clients and what must hold.",
        example: "looplab: 1\nservers:\n  greeter:\n    type: http\n    routes:\n      \
                  - { on: GET /hello, respond: { json: { msg: hi } } }\nclients:\n  alice:\n    steps:\n      \
                  - get: greeter/hello\n        expect: { status: 200, $.msg: hi }\nchecks:\n  \
                  - calls: { to: greeter, count: 1 }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Scenario> {
        let version = f.required("looplab", "The version of the language: `looplab: 1`.", VERSION);
        let doc = "Its name, also of the folder of its runs; by default that of the file.";
        let name = f.optional("name", doc, SCENARIO_NAME);
        let about = f.optional("about", "What it shows.", PROSE);
        let clock = f.optional("clock", "The world it runs in; `real` by default.", word(WORLDS));
        let doc = "The seed of all chance; 1 by default.";
        let seed = f.optional("seed", doc, integer(0..=u64::MAX));
        let doc = "How long the whole run may take, on its own clock; 60s by default, at most 24h.";
        let timeout = f.optional("timeout", doc, DURATION);
        if timeout.is_some_and(|timeout| timeout.is_zero() || timeout > RUN_MAX) {
            let what = "the `timeout` of a run is more than 0 and at most 24h";
            f.error(Diagnostic::new(what, f.value("timeout")));
        }
        let doc = "Variables, read as `${name}` everywhere.";
        let vars = f.optional("vars", doc, pairs(Keys::Names, DYNAMIC)).unwrap_or_default();
        let form = named(variants::<Server>(), |name, server| Server { name, ..server });
        let servers = f.optional("servers", "What listens.", form).unwrap_or_default();
        let doc = "How messages travel.";
        let links = f.optional("links", doc, kept(record::<Link>())).unwrap_or_default();
        let timeline = f.optional("timeline", "What goes wrong, and when.", moments());
        let doc = "What a fault that touched nothing means: it is told (`warn`), it fails the run \
                   (`error`), or nothing (`ignore`).";
        let words = word(UNUSED_FAULTS);
        let unused_faults = f.or("unused_faults", doc, words, "warn", UnusedFaults::Warn);
        let doc = "Lists of steps that `use` and `mix` refer to by name.";
        let form = named(steps(), |name, steps| Flow { name, steps });
        let flows = f.optional("flows", doc, form).unwrap_or_default();
        let form = named(record::<Client>(), |name, client| Client { name, ..client });
        let clients = f.optional("clients", "Who does things.", form).unwrap_or_default();
        let doc = "What must hold of the run.";
        let checks = f.optional("checks", doc, kept(variants::<Check>())).unwrap_or_default();
        let doc = "What the trace keeps.";
        let trace = f.optional("trace", doc, record::<TraceOptions>()).unwrap_or_default();
        let doc = "Decisions in place of chance.";
        let schedule = f.optional("schedule", doc, record::<Schedule>());
        let expected = f.optional("expected", "What a repro shows.", ExpectedForm);
        let inline = script::inline(f);
        let scripts = f.scripts(|reading| script::gather(&inline, reading));
        if f.has("looplab") {
            // Another version may mean anything.
            version?;
        }
        Some(Scenario {
            source: Source::new("", ""),
            name: name.unwrap_or_default(),
            about,
            clock,
            seed,
            timeout,
            vars,
            servers,
            links,
            timeline: timeline.unwrap_or_default(),
            unused_faults,
            flows,
            clients,
            checks,
            scripts,
            trace,
            schedule,
            expected,
        })
    }
}

const UNUSED_FAULTS: &[(&str, UnusedFaults)] = &[
    ("warn", UnusedFaults::Warn),
    ("error", UnusedFaults::Error),
    ("ignore", UnusedFaults::Ignore),
];

const WORLDS: &[(&str, World)] = &[("real", World::Real), ("virtual", World::Virtual)];

impl Record for TraceOptions {
    const ENTRY: Entry =
        Entry { name: "trace", doc: "What the trace keeps.", example: "trace: { bytes: 64KiB }" };

    fn fields(f: &mut Fields<'_, '_>) -> Option<TraceOptions> {
        let doc = "The most bytes of one message that are kept; at most 16MiB. The rest is only \
                   counted.";
        let default = TraceOptions::default();
        let bytes = f.or("bytes", doc, SIZE, "16KiB", u64::from(default.bytes_max));
        if bytes > TRACE_BYTES_MAX {
            let what = "a trace keeps at most 16MiB of a message";
            f.error(Diagnostic::new(what, f.value("bytes")));
        }
        Some(TraceOptions { bytes_max: u32::try_from(bytes).ok()? })
    }
}

/// `looplab: 1`.
struct VersionForm;
const VERSION: VersionForm = VersionForm;

impl Form for VersionForm {
    type Value = ();

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<()> {
        let number = node.scalar().and_then(|scalar| scalar.value.as_u64());
        match number {
            Some(1) => Some(()),
            Some(other) => {
                let span = reading.head(node.span);
                let what = format!("the scenario is written in version {other} of the language");
                reading.error(Diagnostic::new(what, span).label("this program reads version 1"));
                None
            }
            None => reading.expected("the version of the language, `1`", node),
        }
    }

    fn shape(&self, _: &mut Book) -> Shape {
        Shape::new(json!({ "const": 1 }), "`1`")
    }
}

/// A name that can be a folder's.
struct ScenarioName;
const SCENARIO_NAME: ScenarioName = ScenarioName;

const SCENARIO_NAME_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$";

fn is_scenario_name(text: &str) -> bool {
    text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

impl Form for ScenarioName {
    type Value = String;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<String> {
        let Some(text) = node.string() else { return reading.expected("a name", node) };
        if !is_scenario_name(text) {
            let what = "this cannot be the name of a scenario";
            reading.error(
                Diagnostic::new(what, reading.head(node.span))
                    .help("it names a folder: letters, digits, `.`, `_` and `-`, at most 100"),
            );
            return None;
        }
        Some(text.to_owned())
    }

    fn shape(&self, _: &mut Book) -> Shape {
        let schema = json!({ "type": "string", "pattern": SCENARIO_NAME_PATTERN });
        Shape::new(schema, "letters, digits, `.`, `_` and `-`")
    }
}

/// The name of a scenario that gives itself none: its file's stem, made fit for a folder.
pub(in super::super) fn name_from(path: &str) -> String {
    let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let fit = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' };
    let name: String = stem.chars().map(fit).take(100).collect();
    let name = name.trim_start_matches(['.', '_', '-']);
    if name.is_empty() { "scenario".to_owned() } else { name.to_owned() }
}
