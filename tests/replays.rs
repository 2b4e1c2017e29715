//! A run's faults as a timeline: what comes out of a trace makes the same run again.

mod common;

use common::{Ran, run_text};
use looplab::render::{Format, export};
use looplab::scenario::model::World;
use looplab::trace::{EventKind, Reader};

/// A scenario of which the timeline, and what else lets faults loose, is left open.
const LAB: &str = r#"looplab: 1
clock: virtual
timeout: 60s
vars: { item: 42 }
servers:
  app:
    type: http
    state: { hits: 0 }
    durable: true
    routes:
      - { on: "GET /", add: { hits: 1 }, redis: { call: "db INCR x", respond: { text: "${reply}" }, timeout: 200ms } }
  db: { type: redis, durable: true }
  cache: { type: redis }
links:
  - { from: app, to: db, latency: 2ms LINK }
clients:
  alice:
    count: 2
    timeout: 150ms
    steps:
      - repeat: 60
        steps:
          - get: app
            expect: { error: { not: none } }
          - redis: cache SET k${index} ${iteration}
            expect: { error: { not: none } }
          - wait: 10ms STEP
checks:
  - calls: { to: app, count: { gte: 0 } }
"#;

fn scenario(timeline: &str, link: &str, step: &str) -> String {
    LAB.replace(" LINK", link).replace(" STEP", step) + timeline
}

fn exported(ran: &Ran) -> String {
    let mut reader = Reader::new(ran.trace.as_bytes()).expect("a trace");
    let header = reader.header().clone();
    let events: Vec<_> = reader.by_ref().collect::<Result<_, _>>().expect("events");
    let mut out = Vec::new();
    export(Format::Timeline, &header, events.into_iter(), &mut out).expect("memory is written to");
    String::from_utf8(out).expect("text")
}

/// What happened, without where it stands in the file, and without the verdicts.
fn story(ran: &Ran) -> Vec<String> {
    let told = ran.events.iter().filter_map(|event| {
        let what = match &event.kind {
            EventKind::Fault(fault) if fault.touched == 0 => return None,
            EventKind::Fault(fault) => format!("{} {:?}", fault.name, fault.phase),
            EventKind::Step(step) => {
                format!("{} {:?} {:?}", step.summary, step.outcome, step.error)
            }
            EventKind::Check { .. } | EventKind::End { .. } => return None,
            other => format!("{other:?}"),
        };
        Some(format!("{:?} {what}", event.at))
    });
    told.collect()
}

/// The run, and the one that its timeline makes.
fn both(text: &str, plain: &str, seed: u64) -> (Ran, Ran, String) {
    let first = run_text(text, World::Virtual, seed);
    let timeline = exported(&first);
    let again = run_text(&format!("{plain}{timeline}"), World::Virtual, seed);
    (first, again, timeline)
}

fn same(first: &Ran, again: &Ran, timeline: &str) {
    let (before, after) = (story(first), story(again));
    let differs = before.iter().zip(&after).find(|(one, other)| one != other);
    assert!(differs.is_none(), "{differs:#?}\n{timeline}");
    assert_eq!(before.len(), after.len(), "{timeline}");
}

#[test]
fn a_chaotic_run_is_replayed_as_a_plain_timeline() {
    let plain = scenario("", "", "");
    for kinds in [
        "latency, drop, delay, reorder, duplicate, truncate",
        "partition, isolate, crash, pause, slow",
        "bandwidth, slice, corrupt, limit, slow_close, reset, blackhole, refuse, slow_connect, half_close",
    ] {
        let chaos = format!(
            "timeline:\n  - chaos: {{ rate: 15/s, from: 10ms, until: 2s, lasts: 100ms, kinds: [{kinds}] }}\n"
        );
        for seed in 1..3 {
            let (first, again, timeline) = both(&scenario(&chaos, "", ""), &plain, seed);
            assert!(timeline.matches("chaos.").count() > 10, "{timeline}");
            assert!(!timeline.contains("chaos:"), "{timeline}");
            same(&first, &again, &timeline);
        }
    }
}

#[test]
fn faults_of_links_of_steps_and_by_events_are_told_as_moments() {
    let timeline = "timeline:\n  \
        - { at: [100ms, 300ms], fault: { latency: 30ms, name: slow, to: app }, for: 50ms }\n  \
        - { at: 400ms, fault: { hold: response, to: cache, name: kept } }\n  \
        - { at: 450ms, heal: kept }\n  \
        - { at: 600ms, fault: { crash: db } }\n  \
        - { on: { crash: db }, wait: 20ms, restart: db }\n  \
        - { at: 700ms, fault: { pause: cache } }\n  \
        - { at: 750ms, resume: cache }\n  \
        - { on: { connect: { to: db }, nth: 2 }, fault: { reset: true, from: app, name: cut }, for: 5ms }\n";
    let link = ", faults: [{ delay: 5ms, start: 50ms, end: 90ms }]";
    let text = scenario(timeline, link, "");
    let (first, _, timeline) = both(&text, &scenario("", "", ""), 1);
    let expected = "timeline:
  - at: 50ms
    fault: { name: delay.1, delay: 5ms, from: app, to: db }
  - at: 90ms
    heal: delay.1
  - at: [100ms, 300ms]
    fault: { name: slow, latency: 30ms, to: app, for: 50ms }
  - at: 400ms
    fault: { name: kept, hold: response, to: cache }
  - at: 450ms
    heal: kept
  - at: 600ms
    fault: { name: crash.1, crash: db }
  - at: 620ms
    restart: db
  - at: 700ms
    fault: { name: pause.1, pause: cache }
  - at: 750ms
    resume: cache
";
    let (_, connect) =
        timeline.split_once("    fault: { name: cut, ").expect("the connection was met");
    assert!(connect.starts_with("reset: true, from: app, for: 5ms }\n"), "{timeline}");
    let without: String = {
        let lines: Vec<&str> = timeline.lines().collect();
        let at = lines.iter().position(|line| line.contains("name: cut")).unwrap();
        let kept = lines.iter().enumerate().filter(|(n, _)| *n != at && *n + 1 != at);
        kept.map(|(_, line)| format!("{line}\n")).collect()
    };
    assert_eq!(without, expected);
    assert!(first.events.iter().any(|event| matches!(event.kind, EventKind::Restart { .. })));
}

#[test]
fn a_fault_about_the_message_that_let_it_loose_stands_at_that_message() {
    let plain = scenario("", "", "");
    let timeline = "timeline:\n  \
        - { on: { message: { from: app, to: db, match: \"INCR *\" }, nth: 3 }, fault: { drop: request } }\n  \
        - { on: { message: { from: alice, to: cache, match: \"SET k1 *\", every: 20 } }, fault: { delay: 7ms, name: late } }\n  \
        - { on: { message: { from: db, to: app, nth: 9 } }, fault: { drop: response, name: lost } }\n";
    let (first, again, timeline) = both(&scenario(timeline, "", ""), &plain, 3);
    assert_eq!(timeline.matches("on: { message: { ").count(), 5, "{timeline}");
    assert!(timeline.contains("- on: { message: { from: app, to: db, match: INCR x, nth: 3 } }\n    fault: { name: drop.1, drop: request }\n"), "{timeline}");
    assert!(timeline.contains("- on: { message: { from: alice, to: cache, match: SET k1 20, nth: 1 } }\n    fault: { name: late, delay: 7ms }\n"), "{timeline}");
    assert!(timeline.contains("    fault: { delay: 7ms }\n"), "{timeline}");
    // But for the names of those that cannot have it twice.
    let renamed = |ran: &Ran| -> Vec<String> {
        let told =
            story(ran).into_iter().filter(|line| !line.contains("Start") && !line.contains("End"));
        told.map(|line| line.replace("delay.1", "late").replace("delay.2", "late")).collect()
    };
    assert_eq!(renamed(&first), renamed(&again), "{timeline}");
}

#[test]
fn a_run_without_faults_has_an_empty_timeline() {
    let ran = run_text(&scenario("", "", ""), World::Virtual, 1);
    assert_eq!(exported(&ran), "timeline: []\n");
}
