//! Every shipped scenario: right in both worlds, the same in both, and the same again byte for byte.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use common::{complaint, golden, run_file, run_text, scenarios};
use looplab::base::{ConnId, NodeId};
use looplab::scenario::model::World;
use looplab::trace::{Event, EventKind, Outcome};

#[test]
fn every_scenario_holds_in_virtual_time_for_many_seeds() {
    for path in scenarios() {
        for seed in 1..=25 {
            let ran = run_file(&path, World::Virtual, seed);
            let why = complaint(&ran);
            assert_eq!(ran.outcome, Outcome::Ok, "{} --seed {seed}:\n{why}", path.display());
        }
    }
}

#[test]
fn every_scenario_has_its_golden_trace() {
    for path in scenarios() {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let golden_path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.trace"));
        golden(&golden_path, &run_file(&path, World::Virtual, 1).trace);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_in_one_process() {
    for path in scenarios() {
        let first = run_file(&path, World::Virtual, 7).trace;
        for _ in 0..3 {
            assert!(run_file(&path, World::Virtual, 7).trace == first, "{}", path.display());
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_in_other_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in scenarios() {
        let here = run_file(&path, World::Virtual, 7).trace;
        for round in 0..2 {
            let out = folder.path().join(round.to_string());
            let status = Command::new(env!("CARGO_BIN_EXE_looplab"))
                .args(["run", "--clock", "virtual", "--seed", "7", "--quiet", "--out"])
                .arg(&out)
                .arg(&path)
                .status()
                .expect("it starts");
            assert!(status.success(), "{}", path.display());
            let there = std::fs::read_to_string(out.join("trace.jsonl")).expect("a trace");
            assert!(there == here, "{}: another process, another trace", path.display());
        }
    }
}

#[test]
fn different_seeds_give_different_interleavings() {
    let text = "looplab: 1\nservers: { s: { type: echo } }\nclients:\n  c:\n    count: 5\n    steps:\n      - connect: s\n      - send: x\n      - receive: { bytes: 1 }\n";
    let order = |seed| -> Vec<String> {
        let ran = run_text(text, World::Virtual, seed);
        messages(&ran.events).map(|(conn, text)| format!("{conn} {text}")).collect()
    };
    let orders: std::collections::BTreeSet<_> = (1..=20).map(order).collect();
    assert!(orders.len() > 10, "{} of 20 seeds differ", orders.len());
}

/// Scenarios whose servers are overloaded, have clients that race, send by timers of their own, or are struck by a fault
/// wherever they are just then: which request waits and for how long, who is first, how many heartbeats there are, and
/// what was sent before the fault, is decided by microseconds. They hold in both worlds, message for message they are not
/// the same.
const DECIDED_BY_MICROSECONDS: [&str; 6] = [
    "09-retry-storm.yaml",
    "10-lost-update.yaml",
    "13-broadcast.yaml",
    "14-split-brain.yaml",
    "15-consensus.yaml",
    "story-retry-storm.yaml",
];

#[test]
fn every_scenario_holds_on_real_sockets_and_each_connection_tells_the_same_story() {
    for path in scenarios() {
        let real = run_file(&path, World::Real, 1);
        assert_eq!(real.outcome, Outcome::Ok, "{}:\n{}", path.display(), complaint(&real));
        let name = path.file_name().expect("a name").to_string_lossy();
        if DECIDED_BY_MICROSECONDS.contains(&&*name) {
            continue;
        }
        let virtual_run = run_file(&path, World::Virtual, 1);
        let (real, virt) = (stories(&real.events), stories(&virtual_run.events));
        let connections: BTreeSet<_> = real.keys().chain(virt.keys()).collect();
        for connection in connections {
            let (real, virt) = (real.get(connection), virt.get(connection));
            assert_eq!(
                real, virt,
                "{name}: {connection:?}: real (left) and virtual (right) differ"
            );
        }
    }
}

/// The messages of each connection in order. A connection is known by who made it to whom, and as
/// which of their connections.
fn stories(events: &[Event]) -> BTreeMap<(NodeId, NodeId, usize), Vec<String>> {
    let mut names: BTreeMap<ConnId, (NodeId, NodeId, usize)> = BTreeMap::new();
    let mut stories: BTreeMap<(NodeId, NodeId, usize), Vec<String>> = BTreeMap::new();
    for event in events {
        if let EventKind::Connect { conn, from, to, .. } = &event.kind {
            let nth = names.values().filter(|(f, t, _)| f == from && t == to).count();
            names.insert(*conn, (*from, *to, nth));
            stories.insert((*from, *to, nth), Vec::new());
        }
    }
    for (conn, text) in messages(events) {
        stories.get_mut(&names[&conn]).expect("connected").push(text);
    }
    stories
}

fn messages(events: &[Event]) -> impl Iterator<Item = (ConnId, String)> {
    events.iter().filter_map(|event| match &event.kind {
        EventKind::Message(message) => {
            let text = format!("{} {}", message.direction.as_str(), message.summary);
            Some((message.conn, text))
        }
        _ => None,
    })
}
