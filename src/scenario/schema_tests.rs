//! The schema and the program say the same, as far as a schema can say it.

use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use proptest::prelude::*;

use super::model::Scenario;
use super::schema;
use super::yaml;
use crate::base::Value;

/// Golden diagnostics that no schema can express, with the reason.
const BEYOND_A_SCHEMA: [(&str, &str); 39] = [
    ("bad-file", "whether a file is there and inside of the folder"),
    ("bad-path", "the grammar inside of a path"),
    ("edits-of-another-protocol", "what is spoken where"),
    ("fault-names-of-a-whole-file", "names of other places"),
    ("faults-of-unknown-nodes", "names of other places"),
    ("faults-that-never-meet-anything", "who connects to whom, and what is spoken there"),
    ("history-functions", "which model knows which function"),
    ("huge-regex", "how much memory a regular expression takes"),
    ("limits-of-the-plan", "sums and products over the whole file"),
    ("nobody-is-called-outside", "a name that means something else"),
    ("partitions-of-too-many", "sums and products over the whole file"),
    ("programs-and-what-they-are-told", "variables and where they have a value"),
    ("proxies-in-a-circle", "where requests go"),
    ("raw-connection-not-open", "the order of steps"),
    ("recursive-flows", "what flows use"),
    ("redis-data", "what redis holds: a value may hold a variable of any type"),
    ("reserved-variables", "names that only the run gives are names like any other"),
    ("replacements-that-are-no-message", "what a message of a protocol is"),
    ("same-name-twice", "names are compared over the whole file"),
    ("schedules", "names of other places"),
    ("script-env-without-script", "which key needs which"),
    ("script-that-is-missing", "whether a file is there"),
    ("script-that-nobody-uses", "names of other places"),
    ("script-with-an-error-of-syntax", "the grammar of Lua"),
    ("unclosed-variable", "the grammar inside of a text"),
    ("unknown-flow", "names of other places"),
    ("unknown-server", "names of other places"),
    ("unknown-server-in-checks-and-routes", "names of other places"),
    ("unknown-step", "names of other places"),
    ("unknown-variable", "variables and where they have a value"),
    ("variable-before-its-time", "variables and where they have a value"),
    ("variable-of-a-route", "variables and where they have a value"),
    ("variables-of-other-alternatives", "variables and where they have a value"),
    ("waiting-for-a-choice", "the order of steps"),
    ("waiting-for-each-other", "the order of steps"),
    ("waiting-for-oneself", "the order of steps"),
    ("waiting-in-a-circle", "the order of steps"),
    ("wide-characters", "variables and where they have a value"),
    ("yaml-numbers", "a schema sees the number only after it was rounded"),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn files(name: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder(name)) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    files.sort();
    files
}

struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn new() -> Validator {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.add_resource("looplab.json", schema()).expect("a resource");
        let index = compiler.compile("looplab.json", &mut schemas).expect("a schema");
        Validator { schemas, index }
    }

    /// What the schema has against a file; nothing if the file is no YAML document at all.
    fn refusal(&self, path: &Path) -> Option<String> {
        let document = yaml::read("x.yaml", &fs::read(path).expect("a file"));
        self.against(&document.root?.to_value())
    }

    fn against(&self, value: &Value) -> Option<String> {
        self.schemas.validate(value, self.index).err().map(|error| error.to_string())
    }
}

#[test]
fn every_shipped_scenario_fits_the_schema() {
    let validator = Validator::new();
    for path in files("scenarios").into_iter().chain(files("tests/language")) {
        let refusal = validator.refusal(&path);
        assert!(refusal.is_none(), "{}: {}", path.display(), refusal.unwrap_or_default());
    }
}

#[test]
fn the_schema_refuses_every_golden_case_that_a_schema_can_express() {
    let validator = Validator::new();
    let mut wrong = Vec::new();
    for path in files("tests/diagnostics") {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let beyond = BEYOND_A_SCHEMA.iter().any(|(case, _)| *case == name);
        let document = yaml::read("x.yaml", &fs::read(&path).expect("a file"));
        // Not a document, or one that says a thing twice or in a way that JSON has no word for.
        if (document.root.is_none() || !document.found.is_empty()) && !beyond {
            continue;
        }
        match (validator.refusal(&path).is_some(), beyond) {
            (true, true) => wrong.push(format!("{name}: the schema does refuse it")),
            (false, false) => wrong.push(format!("{name}: the schema accepts it")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Values that may stand where another one stood.
const VALUES: [&str; 24] = [
    "5",
    "0",
    "-1",
    "1.5",
    "true",
    "null",
    "text",
    "\"\"",
    "5ms",
    "0.5s",
    "64KiB",
    "500/s",
    "[]",
    "{}",
    "[a, b]",
    "{ a: 1 }",
    "\"*\"",
    "${x}",
    "\"${x}\"",
    "app",
    "app/items",
    "alice.wrote",
    "GET /",
    "\"00 ff\"",
];

/// The file with the value behind the `number`th colon replaced, up to the next comma, bracket or end
/// of line.
fn replaced(text: &str, number: usize, value: &str) -> String {
    let colons: Vec<usize> = text.match_indices(": ").map(|(at, _)| at + 2).collect();
    let start = colons[number % colons.len()];
    let rest = &text[start..];
    let end = rest.find([',', '}', ']', '\n']).map_or(text.len(), |length| start + length);
    format!("{}{value} {}", &text[..start], &text[end..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_the_program_accepts_the_schema_accepts(
        changes in proptest::collection::vec((any::<usize>(), 0..VALUES.len()), 1..3),
        removed in proptest::option::of(any::<usize>()),
    ) {
        let path = folder("tests/language/everything.yaml");
        let mut text = fs::read_to_string(path).expect("the whole language");
        for (number, value) in changes {
            text = replaced(&text, number, VALUES[value]);
        }
        if let Some(at) = removed {
            let mut lines: Vec<&str> = text.lines().collect();
            lines.remove(at % lines.len());
            text = lines.join("\n");
        }
        if Scenario::parse("x.yaml", text.as_bytes(), None).is_ok() {
            let root = yaml::read("x.yaml", text.as_bytes()).root.expect("a document");
            let refusal = VALIDATOR.with(|validator| validator.against(&root.to_value()));
            prop_assert!(refusal.is_none(), "{}\n{text}", refusal.unwrap_or_default());
        }
    }
}

thread_local! {
    static VALIDATOR: Validator = Validator::new();
}
