use std::collections::BTreeSet;

use super::super::Format;
use super::super::sample::{ALICE, APP, Run, export_of, exported, exported_faulty};
use super::*;

fn events(text: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(text).unwrap();
    document["traceEvents"].as_array().unwrap().clone()
}

/// The events of a phase, by name: thread, start and end.
fn slices(events: &[Value]) -> Vec<(&str, u64, f64, f64)> {
    let slices = events.iter().filter(|event| event["ph"] == "X");
    let of = |event: &'_ Value| {
        let start = event["ts"].as_f64().unwrap();
        (event["tid"].as_u64().unwrap(), start, start + event["dur"].as_f64().unwrap())
    };
    slices
        .map(|event| {
            let (thread, start, end) = of(event);
            (event["name"].as_str().unwrap(), thread, start, end)
        })
        .collect()
}

#[test]
fn a_request_is_a_slice_at_both_ends_with_its_messages_between_them() {
    let mut run = Run::default();
    run.message((100, 200), 1, (ALICE, APP), "GET /a", None);
    run.message((500, 650), 1, (APP, ALICE), "200 OK", Some(1));
    let events = events(&export_of(Format::Perfetto, run.events));
    let slices = slices(&events);
    assert_eq!(slices[0], ("GET /a", 1, 100.0, 650.0), "what alice waited");
    assert_eq!(slices[1], ("GET /a", 2, 200.0, 500.0), "what app took");
    let flows: Vec<(&str, u64, f64, u64)> = events
        .iter()
        .filter(|event| event["cat"] == "message")
        .map(|event| {
            let id = event["id"].as_u64().unwrap();
            let phase = event["ph"].as_str().unwrap();
            (phase, id, event["ts"].as_f64().unwrap(), event["tid"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(
        flows,
        [("s", 1, 100.0, 1), ("f", 1, 200.0, 2), ("s", 2, 499.999, 2), ("f", 2, 649.999, 1)]
    );
}

#[test]
fn what_overlaps_is_on_threads_of_its_own() {
    let mut run = Run::default();
    for n in 0..3 {
        run.message((n, n + 10), 1, (ALICE, APP), "GET /", None);
    }
    for n in 0..3 {
        run.message((n + 20, n + 30), 1, (APP, ALICE), "200 OK", Some(n + 1));
    }
    run.message((100, 110), 1, (ALICE, APP), "GET /", None);
    run.message((120, 130), 1, (APP, ALICE), "200 OK", Some(7));
    let events = events(&export_of(Format::Perfetto, run.events));
    let threads: Vec<u64> = slices(&events).iter().map(|slice| slice.1).collect();
    assert_eq!(threads, [1, 2, 3, 4, 5, 6, 1, 2]);
}

#[test]
fn a_request_that_nobody_answers_waits_until_its_connection_ends() {
    let mut run = Run::default();
    run.message((100, 200), 1, (ALICE, APP), "GET /a", None);
    run.message((100, 200), 2, (ALICE, APP), "GET /b", None);
    run.event(700, EventKind::Close { conn: ConnId(1), by: ALICE });
    run.event(900, EventKind::Close { conn: ConnId(1), by: APP });
    run.event(1000, EventKind::Pause { node: APP });
    let events = events(&export_of(Format::Perfetto, run.events));
    let ends: Vec<(&str, f64)> = slices(&events).iter().map(|slice| (slice.0, slice.3)).collect();
    assert_eq!(
        ends,
        [("GET /a", 900.0), ("GET /a", 900.0), ("GET /b", 1000.0), ("GET /b", 1000.0)]
    );
}

#[test]
fn the_reply_to_a_copy_is_not_the_reply() {
    let mut run = Run::default();
    run.message((0, 10), 1, (ALICE, APP), "GET /", None).fate = Fate::Duplicated;
    run.message((20, 20), 1, (APP, ALICE), "500 Oh", Some(1)).fate = Fate::Dropped;
    run.message((20, 30), 1, (APP, ALICE), "200 OK", Some(1));
    let events = events(&export_of(Format::Perfetto, run.events));
    let request = events.iter().find(|event| event["cat"] == "request").unwrap();
    assert_eq!(request["args"]["reply"], "200 OK");
    assert_eq!(request["dur"], 30);
}

#[test]
fn faults_and_what_they_do_are_instants() {
    let events = events(&exported_faulty(Format::Perfetto));
    let instants: Vec<&str> = events
        .iter()
        .filter(|event| event["ph"] == "i")
        .map(|event| event["name"].as_str().unwrap())
        .collect();
    for name in [
        "fault gc",
        "fault gc is over",
        "pause",
        "resume",
        "crash",
        "restart",
        "resets c2",
        "role = leader",
    ] {
        assert!(instants.contains(&name), "{name} {instants:?}");
    }
    assert!(instants.iter().any(|name| name.contains("[dropped by ")), "{instants:?}");
}

#[test]
fn a_step_that_was_forgiven_says_so() {
    let events = events(&exported_faulty(Format::Perfetto));
    let step = events.iter().find(|event| event["cat"] == "step").expect("a step");
    assert_eq!(step["name"], "get app/items/8");
    assert_eq!(
        (&step["args"]["outcome"], &step["args"]["forgiven"]),
        (&json!("failed"), &json!(true))
    );
}

#[test]
fn every_document_is_well_formed() {
    for text in [exported(Format::Perfetto), exported_faulty(Format::Perfetto)] {
        let events = events(&text);
        let mut named = BTreeSet::new();
        for event in events.iter().filter(|event| event["ph"] == "M") {
            let (pid, tid) = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
            named.insert((pid, tid, event["name"].as_str().unwrap()));
        }
        for event in events.iter().filter(|event| event["ph"] != "M") {
            let (pid, tid) = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
            assert!(event["ts"].is_number(), "{event}");
            if event["ph"] != "i" {
                assert!(named.contains(&(pid, 0, "process_name")), "{event}");
                assert!(named.contains(&(pid, tid, "thread_name")), "{event}");
            }
        }
    }
}
