//! A stored trace is enough: it is judged again, and exported, without running anything.

mod common;

use common::{Ran, run_file, run_text, scenarios};
use looplab::base::Value;
use looplab::check::{CheckVerdict, verdict_of};
use looplab::plan::{Overrides, Plan};
use looplab::render::{Format, export};
use looplab::scenario::model::World;
use looplab::trace::{Event, EventKind, Header, Outcome, Reader};

/// A trace read from its text, with the plan of the scenario that it holds.
fn stored(trace: &str) -> (Header, Plan, Vec<Event>) {
    let mut reader = Reader::new(trace.as_bytes()).expect("a trace");
    let events = reader.by_ref().collect::<Result<_, _>>().expect("whole lines");
    let header = reader.header().clone();
    let plan = Plan::parse_kept(
        &header.file,
        header.text.as_bytes(),
        &header.scripts,
        Overrides::default(),
    );
    (header, plan.unwrap_or_else(|errors| panic!("{errors}")), events)
}

fn assert_same_verdict(ran: &Ran) {
    let (_, plan, events) = stored(&ran.trace);
    let verdict = verdict_of(&plan, &events);
    let recorded: Vec<_> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Check { check, span, outcome, text, violated, ops, cause, broke } => {
                let told = (text.clone(), *violated, ops.clone(), cause.clone(), *broke);
                Some((check.to_string(), *span, *outcome, told))
            }
            _ => None,
        })
        .collect();
    let again: Vec<_> = verdict
        .checks
        .into_iter()
        .map(|found| {
            let CheckVerdict { check, span, outcome, text, violated, ops, cause, broke } = found;
            (check.to_owned(), span, outcome, (text, violated, ops, cause, broke))
        })
        .collect();
    assert_eq!(again, recorded);
    assert_eq!(verdict.outcome, ran.outcome);
    let end = ran.events.iter().find_map(|event| match &event.kind {
        EventKind::End { text, .. } => Some(text),
        _ => None,
    });
    assert_eq!(Some(&verdict.text), end);
}

#[test]
fn every_scenario_gets_the_same_verdict_from_its_stored_trace() {
    for path in scenarios() {
        assert_same_verdict(&run_file(&path, World::Virtual, 1));
    }
}

const WRONG: &str = "
looplab: 1
servers:
  app: { type: http, routes: [ { on: GET /, respond: { status: 503 } } ] }
  db: { type: redis }
links:
  - { from: alice, to: app, latency: 10ms }
clients:
  alice:
    steps:
      - repeat: 3
        steps: [ { get: app/ } ]
      - redis: db SET item 9
checks:
  - calls: { client: alice, to: app, status: 503, count: 1 }
  - never: { from: app, status: { gte: 500 } }
  - latency: { to: app, p95: { lt: 5ms }, max: { gte: 20ms } }
  - latency: { to: app, status: 200, p50: { lt: 5ms } }
  - { calls: { to: db, match: \"GET *\", count: { gte: 1 } }, expect: violated }
";

#[test]
fn what_is_wrong_is_told_with_its_figures() {
    let ran = run_text(WRONG, World::Virtual, 1);
    assert_same_verdict(&ran);
    assert_eq!(ran.outcome, Outcome::Failed);
    let told: Vec<(Outcome, &str)> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Check { outcome, text, .. } => Some((*outcome, text.as_str())),
            _ => None,
        })
        .collect();
    let replies =
        "#2 503 Service Unavailable, #4 503 Service Unavailable, #6 503 Service Unavailable";
    assert_eq!(
        told,
        [
            (
                Outcome::Failed,
                format!(
                    "3 calls by alice to app were answered with status 503, expected 1 ({replies})"
                )
                .as_str()
            ),
            (
                Outcome::Failed,
                format!("3 replies from app have status at least 500, expected none ({replies})")
                    .as_str()
            ),
            (Outcome::Failed, "p95 is 20ms, expected less than 5ms (3 calls to app, 20ms to 20ms)"),
            (
                Outcome::Unknown,
                "no call to app answered with status 200: there is nothing to measure"
            ),
            (
                Outcome::Ok,
                "violated as expected: no call to db matches \"GET *\", expected at least 1"
            ),
        ]
    );
}

const UNUSED: &str = "
looplab: 1
servers: { db: { type: redis } }
clients: { alice: { steps: [ { redis: db SET item 9 } ] } }
timeline:
  - { at: 0ms, fault: { name: lost-del, drop: request, to: db, match: 'DEL *' } }
  - { at: 9s, fault: { pause: db } }
";

#[test]
fn a_fault_that_touched_nothing_fails_a_run_that_wants_it_and_its_stored_trace() {
    for (policy, outcome) in [
        ("", Outcome::Ok),
        ("ignore", Outcome::Ok),
        ("warn", Outcome::Ok),
        ("error", Outcome::Failed),
    ] {
        let line = if policy.is_empty() { "" } else { &format!("unused_faults: {policy}\n") };
        let ran = run_text(&format!("{UNUSED}{line}"), World::Virtual, 1);
        assert_same_verdict(&ran);
        assert_eq!(ran.outcome, outcome, "{policy}");
        let Some(EventKind::End { text, .. }) = ran.events.last().map(|event| &event.kind) else {
            panic!("the trace has no end")
        };
        match outcome {
            Outcome::Failed => {
                assert!(
                    text.starts_with("fault `lost-del` touched nothing: no message fitted `{ drop")
                );
                assert!(text.ends_with("; nor did `pause.1`"), "{text}");
            }
            _ => assert_eq!(text, ""),
        }
    }
}

#[test]
fn every_scenario_is_exported_as_a_picture_and_as_json() {
    for path in scenarios() {
        let ran = run_file(&path, World::Virtual, 1);
        let (header, _, events) = stored(&ran.trace);
        let messages = events.iter().filter(|event| matches!(event.kind, EventKind::Message(_)));
        let messages = messages.count();
        // `tests/exports` holds the others to those who read them.
        for format in [Format::Json, Format::Mermaid, Format::Svg] {
            let name = format.as_str();
            let mut out = Vec::new();
            export(format, &header, events.iter().cloned(), &mut out).expect("memory takes all");
            let text = String::from_utf8(out).expect("text");
            match format {
                Format::Json => {
                    let document: Value = serde_json::from_str(&text).expect("JSON");
                    assert_eq!(document["messages"].as_array().map(Vec::len), Some(messages));
                }
                Format::Mermaid => assert!(text.contains("\nsequenceDiagram\n"), "{name}"),
                _ => assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n")),
            }
        }
    }
}
