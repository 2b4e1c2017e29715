//! The pages are true: their scenarios are files that run in both worlds, their consoles are what the
//! program prints, their figures are those of the source, their links lead somewhere.
//!
//! ```text
//! ```yaml      a scenario, or the servers of one      parsed and planned
//! ```console   `$ command`, then what it prints       run, and compared byte for byte
//! ```text      what the clock on the wall has a say in                     not compared
//! ```
//!
//! `LOOPLAB_UPDATE=1` writes anew what the program prints, but never in CI.
#![expect(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod common;
#[path = "docs/console.rs"]
mod console;

use std::fs;
use std::path::{Path, PathBuf};

use common::{complaint, golden, run_file};
use console::{blocks, workplace};
use looplab::plan::{Overrides, Plan};
use looplab::protocol::resp;
use looplab::render::{Format, export};
use looplab::scenario::model::{Scenario, World};
use looplab::server::redis::limits;
use looplab::trace::{Outcome, Reader};

/// The pages that this file looks after.
const PAGES: [&str; 18] = [
    "README.md",
    "docs/README.md",
    "docs/tutorial.md",
    "docs/servers.md",
    "docs/exports.md",
    "docs/histories.md",
    "docs/explore.md",
    "docs/own-programs.md",
    "docs/scripts.md",
    "docs/course.md",
    "docs/protocols/crdt-counter.md",
    "docs/protocols/gossip.md",
    "docs/protocols/lease-lock.md",
    "docs/protocols/primary-backup.md",
    "docs/protocols/quorum-register.md",
    "docs/protocols/raft.md",
    "docs/protocols/saga.md",
    "docs/protocols/two-phase-commit.md",
];

/// The examples that are wrong on purpose: what comes of them, whichever clock they run by.
const WRONG: [(&str, Outcome); 2] = [("hello-wrong", Outcome::Failed), ("twice", Outcome::Failed)];

/// The example that is no scenario.
const TYPO: &str = "hello-typo";

/// The examples whose outcome is a matter of the seed, or of the machine.
const BY_CHANCE: [&str; 2] = ["slow-network", "load-open"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn examples() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("docs/examples")).expect("the examples are there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    assert!(paths.len() >= 8);
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

#[test]
fn every_scenario_on_a_page_can_be_run() {
    let scripts = root().join("docs/examples/scripts");
    for name in PAGES {
        let folder = (name == "docs/scripts.md").then_some(scripts.as_path());
        for block in blocks(&page(name)).iter().filter(|block| block.language == "yaml") {
            let text = match block.text.starts_with("looplab:") {
                true => block.text.clone(),
                false => format!("looplab: 1\n{}", block.text),
            };
            let scenario = Scenario::parse("page.yaml", text.as_bytes(), folder)
                .unwrap_or_else(|errors| panic!("{name}: {errors}"));
            if let Err(errors) = Plan::new(scenario, Overrides::default()) {
                panic!("{name}: {errors}");
            }
        }
    }
}

#[test]
fn every_scenario_of_the_tutorial_is_an_example_and_every_example_is_in_the_tutorial() {
    let tutorial = page("docs/tutorial.md");
    let examples = examples();
    let texts: Vec<String> =
        examples.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for block in blocks(&tutorial).iter().filter(|block| block.language == "yaml") {
        assert!(texts.contains(&block.text), "this is in no example:\n{}", block.text);
    }
    for path in examples {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(tutorial.contains(&format!("docs/examples/{name}")), "not a word on {name}");
    }
}

#[test]
fn every_example_ends_in_both_worlds_as_it_should() {
    for path in examples() {
        let name = stem(&path);
        if name == TYPO {
            assert!(Scenario::read(&path).is_err());
            continue;
        }
        let wrong = WRONG.iter().find(|(wrong, _)| *wrong == name);
        let expected = wrong.map_or(Outcome::Ok, |(_, outcome)| *outcome);
        for world in [World::Virtual, World::Real] {
            let ran = run_file(&path, world, 1);
            if BY_CHANCE.contains(&name.as_str()) {
                assert_ne!(ran.outcome, Outcome::Unknown, "{name}: {}", complaint(&ran));
            } else {
                assert_eq!(ran.outcome, expected, "{name}: {}", complaint(&ran));
            }
        }
    }
}

#[test]
fn every_console_of_the_tutorial_is_what_the_program_prints() {
    let folder = workplace();
    let (anew, consoles) = console::anew(&page("docs/tutorial.md"), folder.path());
    assert!(consoles >= 8, "the page has {consoles} consoles");
    golden(&root().join("docs/tutorial.md"), &anew);
}

#[test]
fn the_picture_is_what_the_program_draws() {
    let ran = run_file(&root().join("scenarios/07-retries.yaml"), World::Virtual, 1);
    let mut reader = Reader::new(ran.trace.as_bytes()).unwrap();
    let header = reader.header().clone();
    let events: Vec<_> = reader.by_ref().collect::<Result<_, _>>().unwrap();
    let mut picture = Vec::new();
    export(Format::Svg, &header, events.into_iter(), &mut picture).unwrap();
    let picture = String::from_utf8(picture).unwrap();
    golden(&root().join("docs/pictures/retries.svg"), &picture);
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    for name in PAGES {
        let text = page(name);
        let folder = root().join(name).parent().unwrap().to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            if path.starts_with("http") {
                continue;
            }
            let file = if path.is_empty() { root().join(name) } else { folder.join(path) };
            assert!(file.exists(), "{name} leads to {target}");
            if !anchor.is_empty() {
                let there = fs::read_to_string(&file).unwrap();
                assert!(anchors(&there).contains(&anchor.to_owned()), "{name} leads to {target}");
            }
        }
    }
}

/// The anchors of a page's headings, as code-hosting sites make them.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let slug = |line: &str| {
        let text = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    headings.map(slug).collect()
}

#[test]
fn the_readme_begins_with_the_two_commands_and_is_short() {
    let readme = page("README.md");
    assert!(readme.lines().count() < 150);
    let consoles = blocks(&readme);
    let first = consoles.iter().find(|block| block.language == "console").unwrap();
    let commands: Vec<&str> = first.text.lines().collect();
    assert_eq!(
        commands,
        ["$ cargo run --release -- run scenarios/01-hello-loopback.yaml", "$ cargo test"]
    );
}

/// The figures of `docs/servers.md` that no other crate can name: the constant, and what the page says.
const HIDDEN: [(&str, &str, &str); 22] = [
    ("src/server/http/limits.rs", "HEAD_MAX", "| head of a request | {} |"),
    ("src/server/http/limits.rs", "HEAD_MAX", "| 431 | a head over {},"),
    ("src/server/http/limits.rs", "TARGET_MAX", "| target | {} |"),
    ("src/server/http/limits.rs", "TARGET_MAX", "| 414 | a target over {} |"),
    ("src/server/http/limits.rs", "HEADERS_MAX", "| headers | {} |"),
    ("src/server/http/limits.rs", "BODY_MAX", "| body that the server reads | {} |"),
    ("src/server/http/limits.rs", "BODY_MAX", "| 413 | a body over {};"),
    ("src/server/http/limits.rs", "JSON_MAX", "| body that is looked into as JSON | {};"),
    ("src/server/http/limits.rs", "JSON_MAX", "413 to an item over {},"),
    ("src/server/http/limits.rs", "CHUNK_LINE_MAX", "| line that announces a chunk | {} |"),
    ("src/server/http/limits.rs", "TRAILERS_MAX", "| trailers | {} |"),
    ("src/server/http/limits.rs", "REQUEST_TIMEOUT", "| head, or a pause in a body | {} |"),
    ("src/server/http/limits.rs", "LINGER", "| listening on after the last answer | {} |"),
    (
        "src/server/http/limits.rs",
        "STOP_GRACE",
        "| an answer that nobody takes, when stopping | {} |",
    ),
    ("src/server/http/limits.rs", "ITEMS_MAX", "| items of a collection | {} |"),
    ("src/server/http/limits.rs", "ITEMS_BYTES_MAX", "| bytes of all items | {} |"),
    ("src/server/idle.rs", "IDLE_MAX", "| idle connections of a proxy | {} |"),
    ("src/server/http/limits.rs", "HOPS_MAX", "| passes through the same proxy | {} |"),
    ("src/server/echo.rs", "LINE_MAX", "A line longer than {} closes"),
    ("src/server/input.rs", "READ_MAX", "answers each read, at most {},"),
    ("src/run/world.rs", "GRACE", "They have {} for that."),
    ("src/net/real/mod.rs", "BACKLOG", "the backlog, which holds {},"),
];

/// Those that are public.
const PUBLIC: [(usize, &str); 10] = [
    (resp::BULK_BYTES_MAX, "| a string, sent or made | {} ("),
    (resp::ELEMENTS_MAX, "| elements of a command | {#} |"),
    (resp::FRAME_BYTES_MAX, "| a whole command | {} |"),
    (resp::LINE_BYTES_MAX, "| an inline command | {} |"),
    (limits::REPLY_BYTES_MAX, "| a reply | {} |"),
    (limits::MAILBOX_BYTES_MAX, "| lying ready for one client | {} |"),
    (limits::QUEUED_BYTES_MAX, "| commands between `MULTI` and `EXEC` | {} |"),
    (limits::SUBSCRIPTIONS_MAX, "keys it watches | {#} |"),
    (limits::MEMORY_BYTES_MAX, "| all data | {} |"),
    (limits::BATCH_COMMANDS, "others have their turn | {#} |"),
];

/// The value of a constant of the source: factors, shifts and whole seconds.
fn constant(file: &str, name: &str) -> u64 {
    let source = page(file);
    let start = source.find(&format!("const {name}: ")).unwrap_or_else(|| panic!("{file}: {name}"));
    let value = source[start..].split(';').next().unwrap().split(" = ").nth(1).unwrap();
    let value = value.trim_start_matches("Duration::from_secs(").trim_end_matches(')');
    let number = |text: &str| {
        text.trim()
            .replace('_', "")
            .parse::<u64>()
            .unwrap_or_else(|_| panic!("{file} {name}: {text}"))
    };
    match value.split_once("<<") {
        Some((base, shift)) => number(base) << number(shift),
        None => value.split('*').map(number).product(),
    }
}

/// A figure as the page writes it: seconds, bytes or a number.
fn figure(file: &str, name: &str) -> String {
    let value = constant(file, name);
    let counts = ["HEADERS_MAX", "ITEMS_MAX", "IDLE_MAX", "HOPS_MAX", "BACKLOG"];
    match page(file).contains(&format!("const {name}: Duration")) {
        true => format!("{value} s"),
        false if counts.contains(&name) => thousands(value),
        false => bytes_of(value),
    }
}

fn bytes_of(value: u64) -> String {
    match value {
        0x4000_0000.. => format!("{} GiB", value >> 30),
        0x10_0000.. => format!("{} MiB", value >> 20),
        1024.. => format!("{} KiB", value >> 10),
        _ => format!("{value} B"),
    }
}

fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[test]
fn the_limits_on_the_page_are_those_of_the_source() {
    let text = page("docs/servers.md").replace('\n', " ");
    for (file, name, phrase) in HIDDEN {
        let expected = phrase.replace("{}", &figure(file, name));
        assert!(text.contains(&expected), "{file} {name}: the page does not say `{expected}`");
    }
    for (value, phrase) in PUBLIC {
        let value = value as u64;
        let expected = phrase.replace("{}", &bytes_of(value)).replace("{#}", &thousands(value));
        assert!(text.contains(&expected), "the page does not say `{expected}`");
    }
}

#[test]
fn the_commands_on_the_page_are_those_of_the_redis_server() {
    use looplab::base::{Rng, Time};
    use looplab::protocol::resp::OwnedWords;
    use looplab::server::redis::{Engine, Settings};

    let mut engine = Engine::new(Settings::default(), Rng::new(1));
    let client = engine.connect(Time::ZERO, "127.0.0.1:1".into());
    let (words, mut out) = (OwnedWords::from_iter(["COMMAND", "LIST"]), bytes::BytesMut::new());
    engine.execute(client, Time::ZERO, words.as_words(), &mut out);
    let reply = String::from_utf8(out.to_vec()).unwrap();
    let names = reply.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    let mut names: Vec<String> = names.map(str::to_uppercase).collect();
    names.sort();
    assert!(names.len() > 150);
    let text = page("docs/servers.md");
    let start = text.find("<!-- commands -->\n").expect("the list begins there") + 18;
    let end = text.find("<!-- end of commands -->").expect("the list ends there");
    let told = format!("`{}`.\n", names.join("` `"));
    golden(&root().join("docs/servers.md"), &format!("{}{told}{}", &text[..start], &text[end..]));
}
