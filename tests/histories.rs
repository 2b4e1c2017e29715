//! `docs/histories.md` is true: its scenarios are files that run, its consoles are what the program prints;
//! and a history says the same of a stored trace, in words that do not depend on the seed.

mod common;
#[path = "docs/console.rs"]
mod console;

use std::fs;
use std::path::{Path, PathBuf};

use common::{complaint, files, golden, run_file, run_text};
use looplab::check::history::{NAMED_MAX, OPERATIONS_MAX, Question, VALUES_MAX};
use looplab::check::verdict_of;
use looplab::plan::{Overrides, Plan};
use looplab::scenario::model::{Anomaly, Criterion, Level, ModelKind, World};
use looplab::trace::{EventKind, Outcome};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(root().join("docs/histories.md")).expect("the page is there")
}

fn examples() -> Vec<PathBuf> {
    files("docs/examples/histories", "yaml")
}

#[test]
fn every_scenario_of_the_page_is_an_example_that_ends_as_it_should() {
    let texts: Vec<String> =
        examples().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let page = page();
    let shown = console::texts(&page, "yaml");
    assert_eq!(shown.len(), texts.len());
    for block in shown {
        assert!(texts.contains(&block), "this is in no example:\n{block}");
    }
    for path in examples() {
        for seed in 1..=5 {
            let ran = run_file(&path, World::Virtual, seed);
            assert_eq!(ran.outcome, Outcome::Ok, "{}", complaint(&ran));
        }
    }
}

#[test]
fn every_console_of_the_page_is_what_the_program_prints() {
    let (anew, consoles) = console::anew(&page(), console::workplace().path());
    assert!(consoles >= 2);
    golden(&root().join("docs/histories.md"), &anew);
}

#[test]
fn the_limits_on_the_page_are_those_of_the_program() {
    let page = page();
    let grouped = |number: usize| {
        let digits = number.to_string();
        let (head, tail) = digits.split_at(digits.len() - 3);
        format!("{head},{tail}")
    };
    for words in [
        format!("at most {} operations and {} MiB", grouped(OPERATIONS_MAX), VALUES_MAX >> 20),
        format!("At most {NAMED_MAX} operations are named"),
        "`budget:` steps (20,000,000 by default".to_owned(),
    ] {
        assert!(page.contains(&words), "{words}");
    }
    let question = Question::new(Criterion::Linearizable, ModelKind::Register);
    assert_eq!(question.budget, 20_000_000);
    for (word, criterion) in Criterion::ALL {
        assert!(page.contains(&format!("| `{word}` |")), "{word}");
        for model in criterion.models().iter().filter(|model| **model != ModelKind::Ids) {
            let word = model.as_str();
            assert!(page.contains(&format!("`{word}`")), "{word}");
        }
    }
    for (word, _) in Level::ALL {
        assert!(page.contains(&format!("`{word}`")), "{word}");
    }
    for (word, _) in Anomaly::ALL {
        assert!(page.contains(&format!("`{word}`")), "{word}");
    }
}

/// The causes of a run's violations.
fn causes(path: &Path, seed: u64) -> Vec<String> {
    let ran = run_file(path, World::Virtual, seed);
    let cause = |kind: &EventKind| match kind {
        EventKind::Check { violated: true, cause, ops, .. } => {
            assert!(!ops.is_empty());
            Some(cause.clone())
        }
        _ => None,
    };
    ran.events.iter().filter_map(|event| cause(&event.kind)).collect()
}

#[test]
fn the_cause_of_a_violation_is_the_same_for_every_seed_and_differs_from_another() {
    let [lease, replicas] = examples().try_into().expect("two examples");
    for (path, cause) in [
        (&lease, "linearizable lock: acquire nothing, acquire nothing; 1<2"),
        (
            &replicas,
            "linearizable register: a read saw a value that had been overwritten before it began",
        ),
    ] {
        for seed in 1..=5 {
            assert_eq!(causes(path, seed), [cause], "seed {seed}");
        }
    }
}

const FILTERED: &str = "
looplab: 1
servers: { db: { type: redis } }
clients:
  ann:
    steps:
      - { redis: db SET x 1, op: { f: write, key: x, value: 1 } }
      - { redis: db GET x, op: { f: read, key: x, value: 5 } }
      - { redis: db SET y 1, op: { f: write, key: y, value: 1 } }
      - { redis: db GET y, op: { f: read, key: y, value: reply } }
  bob:
    steps:
      - { redis: db GET z, op: { f: look, key: z, value: reply } }
checks:
  - { history: linearizable, model: register, f: [read, write], expect: violated }
  - { history: linearizable, model: register, client: ann, key: y }
  - { history: linearizable, model: register, client: ann, f: write }
";

#[test]
fn a_check_is_about_the_operations_that_it_names() {
    let ran = run_text(FILTERED, World::Virtual, 1);
    assert_eq!(ran.outcome, Outcome::Ok, "{}", complaint(&ran));
    let plan = Plan::parse("filtered.yaml", FILTERED.as_bytes(), None, Overrides::default());
    let verdict = verdict_of(&plan.unwrap(), &ran.events);
    let violated: Vec<bool> = verdict.checks.iter().map(|check| check.violated).collect();
    assert_eq!(violated, [true, false, false]);
    let text = &verdict.checks[0].text;
    let first = "violated as expected: linearizable: nothing on x explains that ann read 5 (";
    assert!(text.starts_with(first), "{text}");
    assert!(text.ends_with("): nobody wrote that, and at first it was null"), "{text}");
}

/// What clients and checks come to where a node answers with what it is given.
fn holds(clients_and_checks: &str) {
    let node = r#"looplab: 1
servers: { n: { type: node, script: n.lua } }
scripts: { n.lua: "function on.t(m) return { type = 't_ok', v = m.v } end" }
"#;
    let ran = run_text(&format!("{node}{clients_and_checks}"), World::Virtual, 1);
    assert_eq!(ran.outcome, Outcome::Ok, "{}", complaint(&ran));
}

#[test]
fn a_counter_does_not_stop_at_the_largest_number() {
    holds(
        "clients:
  ann:
    steps:
      - { call: n, json: { type: t }, op: { f: add, key: k, value: 9223372036854775807 } }
      - { call: n, json: { type: t }, op: { f: add, key: k, value: 1 } }
      - { call: n, json: { type: t, v: 9223372036854775807 }, op: { f: read, key: k, value: $.v } }
checks:
  - { history: counter, expect: violated }
  - { history: linearizable, model: counter, expect: violated }
",
    );
}

#[test]
fn two_messages_at_one_offset_are_wrong_though_nobody_polls() {
    holds(
        "clients:
  ann: { steps: [ { call: n, json: { type: t, v: [0, m0] }, op: { f: send, key: k, value: $.v } } ] }
  bob: { steps: [ { call: n, json: { type: t, v: [0, m1] }, op: { f: send, key: k, value: $.v } } ] }
checks:
  - { history: kafka-log, expect: violated }
",
    );
}
