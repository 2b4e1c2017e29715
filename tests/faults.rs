//! Every fault, one scenario each, the same body in both worlds: what it does to a message, what it counts,
//! and the picture that the page on faults shows of it.

mod common;

use std::path::{Path, PathBuf};

use common::{Ran, complaint, golden, plan_of, run_file};
use looplab::render::{Format, export};
use looplab::scenario::model::World;
use looplab::trace::{EventKind, Fate, FaultPhase, Message, Outcome, Reader};

/// What a fault's example shows: the fault's name, how many it touches, and the messages whose fate it
/// decides, each by its summary as it was sent.
struct Shown {
    file: &'static str,
    fault: &'static str,
    touched: u64,
    messages: &'static [(&'static str, Fate)],
}

const fn shown(
    file: &'static str,
    fault: &'static str,
    touched: u64,
    messages: &'static [(&'static str, Fate)],
) -> Shown {
    Shown { file, fault, touched, messages }
}

const EXAMPLES: [Shown; 31] = [
    // On bytes: of each direction, each piece that it meets.
    shown("latency", "latency.1", 1, &[("\"hello", Fate::Delayed)]),
    shown("bandwidth", "bandwidth.1", 1, &[("200 OK", Fate::Delayed)]),
    shown("slice", "slice.1", 1, &[("12 bytes", Fate::Delayed)]),
    shown("corrupt", "corrupt.1", 1, &[("\"hello", Fate::Corrupted)]),
    shown("limit", "limit.1", 1, &[("12 bytes", Fate::Truncated)]),
    shown("slow-close", "slow_close.1", 1, &[]),
    shown("reset", "reset.1", 1, &[]),
    shown("blackhole", "blackhole.1", 1, &[("GET /", Fate::Dropped)]),
    shown("refuse", "refuse.1", 1, &[]),
    shown("slow-connect", "slow_connect.1", 1, &[]),
    shown("half-close", "half_close.1", 1, &[("\"are you there?", Fate::Dropped)]),
    // On messages.
    shown("drop", "drop.1", 1, &[("200 OK", Fate::Dropped)]),
    shown(
        "duplicate",
        "duplicate.1",
        1,
        &[("POST /book", Fate::Duplicated), ("200 OK", Fate::Dropped)],
    ),
    shown("delay", "delay.1", 1, &[("\"one", Fate::Delayed), ("\"two", Fate::Delayed)]),
    shown("reorder", "reorder.1", 1, &[("\"one", Fate::Delayed)]),
    shown("truncate", "truncate.1", 1, &[("200 OK", Fate::Truncated)]),
    shown("replace", "replace.1", 1, &[("\"hello", Fate::Edited)]),
    shown("edit", "edit.1", 1, &[("200 OK", Fate::Edited)]),
    shown("hold", "kept", 1, &[("GET /", Fate::Delayed)]),
    // On nodes.
    shown("crash", "crash.1", 1, &[]),
    shown("pause", "pause.1", 1, &[]),
    shown("slow", "slow.1", 1, &[]),
    shown("skew", "skew.1", 1, &[]),
    shown("disk-full", "disk_full.1", 1, &[]),
    // On the network.
    shown("partition", "partition.1", 1, &[("GET /", Fate::Delayed)]),
    shown("one-way", "partition.1", 1, &[("200 OK", Fate::Dropped)]),
    shown("isolate", "isolate.1", 1, &[]),
    shown("majority", "partition.1", 3, &[]),
    shown("ring", "partition.1", 1, &[]),
    shown("heal", "cable", 1, &[("GET /", Fate::Delayed)]),
    shown("flap", "loose-cable", 2, &[("GET /", Fate::Delayed), ("GET /", Fate::Delayed)]),
];

fn example(name: &str) -> PathBuf {
    root().join(format!("docs/examples/faults/{name}.yaml"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// How many the fault says at its end that it has touched.
fn touched(ran: &Ran, name: &str) -> Option<u64> {
    ran.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::Fault(fault) if fault.name == name && fault.phase == FaultPhase::End => {
            Some(fault.touched)
        }
        _ => None,
    })
}

/// The messages whose fate the fault decided.
fn decided<'r>(ran: &'r Ran, name: &str) -> Vec<&'r Message> {
    let messages = ran.events.iter().filter_map(|event| match &event.kind {
        EventKind::Message(message) => Some(&**message),
        _ => None,
    });
    messages.filter(|message| message.fault.as_deref() == Some(name)).collect()
}

fn holds_in(world: World) {
    let mut wrong = String::new();
    for Shown { file, fault, touched: count, messages } in EXAMPLES {
        let ran = run_file(&example(file), world, 1);
        let mut say = |what: String| wrong.push_str(&format!("{file}: {what}\n"));
        if ran.outcome != Outcome::Ok {
            say(complaint(&ran));
        }
        if touched(&ran, fault) != Some(count) {
            say(format!("{fault} touched {:?}, expected {count}", touched(&ran, fault)));
        }
        let decided = decided(&ran, fault);
        let as_shown = decided.len() == messages.len()
            && decided.iter().zip(messages).all(|(message, (summary, fate))| {
                message.summary.starts_with(summary) && message.fate == *fate
            });
        if !as_shown {
            let told: Vec<_> = decided.iter().map(|m| (&m.summary, m.fate)).collect();
            say(format!("{fault} decided {told:?}, expected {messages:?}"));
        }
    }
    assert!(wrong.is_empty(), "in {world:?}:\n{wrong}");
}

#[test]
fn every_fault_does_what_its_example_says_in_virtual_time() {
    holds_in(World::Virtual);
}

#[test]
fn every_fault_does_what_its_example_says_on_real_sockets() {
    holds_in(World::Real);
}

#[test]
fn every_example_is_shown_and_every_picture_is_what_the_program_draws() {
    let folder = std::fs::read_dir(root().join("docs/examples/faults")).expect("they are there");
    let mut files: Vec<String> = folder
        .map(|entry| entry.expect("readable").path())
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    files.sort();
    let mut listed: Vec<&str> = EXAMPLES.iter().map(|shown| shown.file).collect();
    listed.sort_unstable();
    assert_eq!(files, listed);
    let page = std::fs::read_to_string(root().join("docs/faults.md")).expect("the page is there");
    for name in files {
        assert!(page.contains(&format!("(pictures/faults/{name}.svg)")), "no picture of {name}");
        let ran = run_file(&example(&name), World::Virtual, 1);
        let mut reader = Reader::new(ran.trace.as_bytes()).expect("a trace");
        let header = reader.header().clone();
        let events: Vec<_> = reader.by_ref().collect::<Result<_, _>>().expect("whole");
        let mut picture = Vec::new();
        export(Format::Svg, &header, events.into_iter(), &mut picture).expect("memory");
        let picture = String::from_utf8(picture).expect("text");
        golden(&root().join(format!("docs/pictures/faults/{name}.svg")), &picture);
    }
}

/// Everybody whom the page names, and whom they ask.
const EVERYBODY: &str = r#"looplab: 1
servers:
  app:
    type: http
    durable: true
    routes:
      - { on: GET /items, redis: { call: "db GET x", respond: { text: hi } } }
      - { on: GET /old, redis: { call: "cache GET x", respond: { text: hi } } }
  db: { type: redis, durable: true }
  cache: { type: redis }
  lines: { type: echo, mode: line }
  north: { type: redis }
  south: { type: redis }
  across: { type: redis }
  n1: { type: redis }
  n2: { type: redis }
  n3: { type: redis }
  n4: { type: redis }
"#;

/// The servers that alice asks where the page does not say it.
const ASKED: &str = "clients:
  alice:
    steps:
      - get: app/items
      - connect: lines
      - parallel: [ [ { redis: north PING } ], [ { redis: south PING } ], [ { redis: across PING } ] ]
      - parallel: [ [ { redis: n1 PING } ], [ { redis: n2 PING } ], [ { redis: n3 PING } ], [ { redis: n4 PING } ] ]
";

#[test]
fn whatever_the_page_says_can_be_said() {
    let page = std::fs::read_to_string(root().join("docs/faults.md")).expect("the page is there");
    let fragments =
        page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(""));
    let mut count = 0;
    for fragment in fragments {
        count += 1;
        let own_clients = fragment.starts_with("clients:");
        let text = match fragment.strip_prefix("- ") {
            None => fragment.to_owned(),
            Some(act) if act.starts_with("heal:") => {
                format!(
                    "timeline:\n  - {{ at: 1s, fault: {{ name: cable, pause: app }} }}\n  - at: 2s\n    {act}"
                )
            }
            Some(fault) => format!("timeline:\n  - at: 1s\n    fault: {fault}"),
        };
        let clients = if own_clients { "" } else { ASKED };
        plan_of(&format!("{EVERYBODY}{text}\n{clients}"), World::Virtual, 1);
    }
    assert!(count >= 35, "{count} of them were found");
}
