//! The protocols in `scenarios/protocols/`: right where they say so, wrong where they say so, in both worlds; and
//! their pages in `docs/protocols/` (and that of the course) print what the program prints.
#![expect(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod common;
#[path = "docs/console.rs"]
mod console;

use std::fs;
use std::path::{Path, PathBuf};

use common::{complaint, files, golden, run_file, run_text};
use looplab::scenario::model::World;
use looplab::trace::Outcome;

/// Those that are to be searched: the run as it is shows nothing, and may show something all the same.
const FOR_SEARCH: [&str; 3] = ["raft-commit-old-term", "raft-forget-vote", "raft-vote-blind"];

/// How many seeds of each are run.
const SEEDS: u64 = 10;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn protocols() -> impl Iterator<Item = PathBuf> {
    let paths = files("scenarios/protocols", "yaml");
    assert!(paths.len() >= 8, "the protocols are there");
    paths.into_iter().filter(|path| !FOR_SEARCH.contains(&&*stem(path)))
}

#[test]
fn every_protocol_does_what_it_says_in_virtual_time_for_many_seeds_and_twice_alike() {
    for path in protocols() {
        for seed in 1..=SEEDS {
            let ran = run_file(&path, World::Virtual, seed);
            let why = complaint(&ran);
            assert_eq!(ran.outcome, Outcome::Ok, "{} --seed {seed}:\n{why}", path.display());
            if seed == 1 {
                let again = run_file(&path, World::Virtual, seed);
                assert!(again.trace == ran.trace, "{}", path.display());
            }
        }
    }
}

#[test]
fn every_protocol_does_what_it_says_on_real_sockets() {
    for path in protocols() {
        let ran = run_file(&path, World::Real, 1);
        assert_eq!(ran.outcome, Outcome::Ok, "{}:\n{}", path.display(), complaint(&ran));
    }
}

#[test]
fn every_console_of_the_course_and_of_a_protocols_page_is_what_the_program_prints() {
    let course = root().join("docs/course.md");
    for page in files("docs/protocols", "md").into_iter().chain([course]) {
        let text = fs::read_to_string(&page).unwrap();
        let folder = console::workplace();
        let (anew, consoles) = console::anew(&text, folder.path());
        assert!(consoles >= 1, "{} has no console", page.display());
        golden(&page, &anew);
    }
}

#[test]
fn every_protocol_has_a_page_that_names_its_scenarios() {
    let pages: String = files("docs/protocols", "md")
        .iter()
        .map(|page| fs::read_to_string(page).unwrap())
        .collect();
    for path in files("scenarios/protocols", "yaml") {
        let name = stem(&path);
        assert!(pages.contains(&format!("scenarios/protocols/{name}.yaml")), "no page on {name}");
    }
}

/// A node that is asked by alice, whose script is `script`; what it must answer.
fn one_node(script: &str, expected: &str) -> String {
    let script = script.lines().map(|line| format!("    {line}\n")).collect::<String>();
    format!(
        "looplab: 1\nclock: virtual\nservers:\n  n1: &node {{ type: node, script: a.lua }}\n  n2: *node\n\
         clients:\n  alice:\n    steps:\n      - call: n1\n        json: {{ type: go }}\n        \
         expect: {{ $.said: {expected} }}\nscripts:\n  a.lua: |\n{script}"
    )
}

#[test]
fn a_quorum_asks_its_own_node_without_a_message() {
    let script = r#"
local quorum = require "quorum"
function on.ping(msg, from) return { type = "pong", to = from } end
function on.go()
  local replies = quorum.call(ctx.nodes, { type = "ping" }, { need = 2 })
  return { type = "go_ok", said = replies.n1.to .. replies.n2.to }
end"#;
    let ran = run_text(&one_node(script, "n1n1"), World::Virtual, 1);
    assert_eq!(ran.outcome, Outcome::Ok, "{}", complaint(&ran));
    assert_eq!(ran.trace.matches("\"summary\":\"ping\"").count(), 1);
}

#[test]
fn a_quorum_that_is_not_reached_says_how_many_answered() {
    let script = r#"
local quorum = require "quorum"
function on.ping()
  if ctx.name == "n2" then return ctx.error("abort", "no") end
  return { type = "pong" }
end
function on.go()
  local _, err = quorum.call(ctx.nodes, { type = "ping" })
  return { type = "go_ok", said = err.text }
end"#;
    let ran = run_text(&one_node(script, "\"1 of 2 answered, 2 are needed\""), World::Virtual, 1);
    assert_eq!(ran.outcome, Outcome::Ok, "{}", complaint(&ran));
}

#[test]
fn a_lease_that_is_granted_again_has_a_new_token_and_one_that_is_renewed_has_not() {
    let script = r#"
local lease = require("lease")({})
function on.go()
  local first, again = lease:acquire("ann", 10), lease:acquire("ann", 10)
  local old, renewed = lease:renew("ann", first, 10), lease:renew("ann", again, 10)
  local refused, holder = lease:acquire("bob", 10)
  ctx.sleep(20)
  local said = { first, again, tostring(old), renewed, tostring(refused), holder, lease:acquire("bob", 10) }
  return { type = "go_ok", said = table.concat(said, " ") }
end"#;
    let ran = run_text(&one_node(script, "1 2 nil 2 nil ann 3"), World::Virtual, 1);
    assert_eq!(ran.outcome, Outcome::Ok, "{}", complaint(&ran));
}
