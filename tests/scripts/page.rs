//! `docs/scripts.md` is true: its scenarios and scripts are the examples, its consoles are what the program
//! prints, its names are those of the sandbox, its figures those of the source.

use std::fs;
use std::path::Path;

use looplab::plan::{Overrides, Plan};
use looplab::script::{Script, Scripts};

use super::*;
use common::{files, golden, run_plan};

const PAGE: &str = "docs/scripts.md";

const FOLDER: &str = "docs/examples/scripts";

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The texts of the examples with that extension.
fn examples(extension: &str) -> Vec<String> {
    let paths = files(FOLDER, extension).into_iter();
    paths.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_scenario_of_the_page_holds_in_both_worlds() {
    let (page, known) = (read(PAGE), examples("yaml"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let scenarios = console::texts(&page, "yaml");
    assert!(scenarios.len() >= 4);
    for text in scenarios {
        assert!(text.contains("\nscripts:\n") || known.contains(&text), "in no file:\n{text}");
        for clock in [World::Virtual, World::Real] {
            let overrides = Overrides { clock: Some(clock), ..Overrides::default() };
            let plan = Plan::parse("page.yaml", text.as_bytes(), Some(&folder), overrides);
            let ran = run_plan(std::sync::Arc::new(plan.unwrap()));
            assert_eq!(ran.outcome, Outcome::Ok, "{}\n{text}", complaint(&ran));
            assert_eq!(ran.script_errors(), [""; 0], "{text}");
        }
    }
}

#[test]
fn every_script_of_the_page_is_an_example_or_loads_in_a_server() {
    let (page, known) = (read(PAGE), examples("lua"));
    let scripts = console::texts(&page, "lua");
    assert!(scripts.len() >= 4);
    for text in scripts {
        let script = Script { name: "page.lua".into(), text: text.clone() };
        assert_eq!(Scripts::new([script]).check(), [], "{text}");
        if !known.contains(&text) {
            holds(
                "servers:\n  app: { type: http, script: page.lua }\n  db: { type: redis, data: { \"item:1\": 7 } }\n\
                 clients:\n  alice: { steps: [ { get: app/stubborn/1, expect: { text: \"7\" } }, { get: app/stubborn/2, expect: { status: 404 } } ] }\n",
                &[("page.lua", &text)],
            );
        }
    }
}

#[test]
fn every_console_of_the_page_is_what_the_program_prints() {
    let desk = tempfile::tempdir().unwrap();
    console::copy_files(FOLDER, desk.path());
    let (anew, consoles) = console::anew(&read(PAGE), desk.path());
    assert!(consoles >= 1);
    golden(&Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE), &anew);
}

/// The names behind `prefix` in the text, such as `sleep` behind `ctx.`.
fn names<'t>(text: &'t str, prefix: &str) -> Vec<&'t str> {
    let mut names: Vec<&str> = text
        .split(prefix)
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap())
        .filter(|name| !name.is_empty())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn every_name_of_the_page_is_there_and_every_name_that_is_there_is_on_the_page() {
    let page = read(PAGE);
    let tables = page.split("## All that a script sees").nth(1).unwrap();
    let tables = tables.split("## What goes wrong").next().unwrap();
    // The servers of the examples.
    let servers = ["cache", "app", "db", "n2", "n1", "store", "stoer"];
    let mut check = String::from("local missing = {}\n");
    for table in ["ctx", "redis", "json", "http"] {
        for name in names(tables, &format!("{table}.")) {
            if table == "ctx" && servers.contains(&name) || name == "lua" {
                continue;
            }
            check.push_str(&format!(
                "if rawget({table}, '{name}') == nil then missing[#missing + 1] = '{table}.{name}' end\n"
            ));
        }
    }
    check.push_str(
        "function on.check() return { type = 'ok', missing = table.concat(missing, ' ') } end\n",
    );
    holds(
        "servers:\n  n1: { type: node, script: n1.lua }\n\
         clients:\n  alice: { steps: [ { call: n1, json: { type: check }, expect: { $.missing: \"\" } } ] }\n",
        &[("n1.lua", &check)],
    );
    let source = read("src/script/ctx.lua");
    for name in names(&source, "function ctx.") {
        assert!(tables.contains(&format!("ctx.{name}")), "ctx.{name} is not on the page");
    }
    for name in names(&source, "function redis.") {
        assert!(tables.contains(&format!("redis.{name}")), "redis.{name} is not on the page");
    }
}

/// The figures: the file, the constant, how the page says it, and in what the page counts.
const FIGURES: [(&str, &str, &str, u64); 21] = [
    ("src/script/mod.rs", "memory_bytes: ", "| memory of a script | {} MiB |", 1 << 20),
    ("src/script/mod.rs", "instructions: ", "| instructions between two waits | {},", 1),
    ("src/script/scripts.rs", "SCRIPT_MAX: usize = ", "| a script | {} MiB |", 1 << 20),
    ("src/script/scripts.rs", "SCRIPTS_MAX: usize = ", "| scripts of a scenario | {} |", 1),
    (
        "src/server/script/outgoing.rs",
        "REPLY_BYTES_MAX: usize = ",
        "| a reply of a redis server, a body of a response | {} MiB |",
        1 << 20,
    ),
    ("src/server/http/limits.rs", "BODY_MAX: usize = ", "| a request's body | {} MiB |", 1 << 20),
    (
        "src/protocol/json.rs",
        "JSON_LINE_MAX: usize = ",
        "| a message between nodes | {} MiB |",
        1 << 20,
    ),
    (
        "src/server/script/declared.rs",
        "DECLARED_MAX: usize = ",
        "| routes, and commands, of a script | {} |",
        1,
    ),
    ("src/script/ctx.lua", "TRANSACTION_MAX = ", "| commands of a transaction | {} |", 1),
    (
        "src/server/script/outgoing.rs",
        "OPEN_MAX: usize = ",
        "| connections to one server at once; further calls wait | {} |",
        1,
    ),
    ("src/server/idle.rs", "IDLE_MAX: usize = ", "| idle connections to one server | {} |", 1),
    ("src/server/script/acts.rs", "TIMERS_MAX: usize = ", "| timers | {} |", 1),
    ("src/script/ctx.lua", "TASKS_MAX = ", "| tasks of a script at once | {} |", 1),
    (
        "src/server/script/peer.rs",
        "WAITING_MAX: usize = ",
        "| messages that wait to be sent to one node | {}, and 64 MiB;",
        1,
    ),
    ("src/script/mod.rs", "exposed_bytes: ", "| a value that is exposed | {} MiB |", 1 << 20),
    ("src/script/mod.rs", "log_bytes: ", "| a line of the log | {} KiB;", 1 << 10),
    ("src/script/meter.rs", "PATIENCE: Duration = ", "own clock | {} s,", 1),
    ("src/script/json.rs", "DEPTH_MAX: usize = ", "| depth of JSON | {} |", 1),
    (
        "src/server/script/engine.rs",
        "ERRORS_TOLD: u32 = ",
        "| errors of one script that are told | {} |",
        1,
    ),
    ("src/server/script/engine.rs", "CALL_TIMEOUT: Duration = ", "by default {} seconds", 1),
    ("src/script/ctx.lua", "SLACK_MS = ", "they ask for, and {} seconds more", 1000),
];

#[test]
fn the_figures_of_the_page_are_those_of_the_source() {
    let page = read(PAGE);
    for (file, name, said, unit) in FIGURES {
        let source = read(file);
        let value = source.split(name).filter_map(value).next();
        let value = value.unwrap_or_else(|| panic!("{file} has no {name}"));
        let said = said.replace("{}", &(value / unit).to_string());
        assert!(page.contains(&said), "the page does not say: {said}");
    }
}

/// The number that a text begins with: digits, factors and shifts, or whole seconds.
fn value(text: &str) -> Option<u64> {
    let text = text.trim_start_matches("Duration::from_secs(");
    let end = text.find([';', ',', ')', '\n', '}']).unwrap_or(text.len());
    let number = |text: &str| text.trim().replace('_', "").parse::<u64>().ok();
    match text[..end].split_once("<<") {
        Some((base, shift)) => Some(number(base)? << number(shift)?),
        None => text[..end].split('*').map(number).product(),
    }
}
