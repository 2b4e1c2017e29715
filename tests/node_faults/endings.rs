//! Runs that end while a node is down or stands still.

use std::time::Duration;

use looplab::run::{self, Ended, Hooks, Mode};
use looplab::scenario::model::World;
use looplab::trace::{Collector, Event, EventKind, Recorder};

use crate::common::plan_of;
use crate::lab::{both, told};

const WEB: &str = r#"looplab: 1
links: [ { from: "*", to: "*", latency: 1ms } ]
servers:
  app: { type: http, routes: [ { on: GET /, respond: { text: hi } } ] }
"#;

#[test]
fn a_run_ends_while_a_server_is_down() {
    let text = format!(
        "{WEB}
clients:
  alice: {{ steps: [ {{ get: app/ }}, {{ fault: {{ crash: app, for: 60s }} }} ] }}
"
    );
    both(&text, |told| {
        assert_eq!(told.lines(), ["start crash.1", "crash app by crash.1", "end crash.1 1"]);
        assert!(told.ran.events.last().expect("the end").at.as_millis() < 20_000);
    });
}

#[test]
fn a_run_ends_at_once_while_a_server_stands_still_and_nothing_more_is_done() {
    let text = format!(
        "{WEB}
clients:
  alice:
    steps:
      - {{ get: app/ }}
      - {{ fault: {{ pause: app }} }}
      - {{ get: app/, timeout: 100ms, name: last, expect: {{ error: timeout }} }}
"
    );
    both(&text, |told| {
        assert_eq!(told.lines(), ["start pause.1", "pause app", "end pause.1 1"]);
        let (_, last) = told.step("last");
        let end = told.ran.events.last().expect("the end").at;
        assert!(end.since(last) < Duration::from_millis(900), "{end:?} {last:?}");
        assert_eq!(told.count(|kind| matches!(kind, EventKind::Log { .. })), 1, "one answer only");
    });
}

#[test]
fn the_timeout_of_a_run_counts_while_a_client_stands_still() {
    let text = format!(
        "{WEB}
timeout: 300ms
timeline: [ {{ at: 50ms, fault: {{ pause: alice }} }} ]
clients:
  alice: {{ steps: [ {{ wait: 100ms }}, {{ get: app/ }} ] }}
  bob: {{ steps: [ {{ wait: 1h }} ] }}
"
    );
    for world in [World::Virtual, World::Real] {
        let told = told(&text, world);
        let end = told.ran.events.iter().find_map(|event| match &event.kind {
            EventKind::End { text, .. } => Some(text.clone()),
            _ => None,
        });
        let end = end.expect("the end");
        assert!(end.contains("longer than its timeout"), "{world:?}: {end}");
    }
}

#[test]
fn a_client_that_stands_still_for_good_is_a_deadlock_in_virtual_time() {
    let text = format!(
        "{WEB}
clients: {{ alice: {{ steps: [ {{ fault: {{ pause: alice }} }}, {{ get: app/ }} ] }} }}
"
    );
    let told = told(&text, World::Virtual);
    let end = told.ran.events.last().map(|event| event.kind.clone());
    assert!(
        matches!(&end, Some(EventKind::End { text, .. }) if text.contains("deadlock")),
        "{end:?}"
    );
}

#[test]
fn an_interrupt_ends_a_run_in_which_everybody_stands_still() {
    for mode in [Mode::Run, Mode::Up] {
        let text = format!(
            "{WEB}
timeline: [ {{ at: 0s, fault: {{ pause: [app, alice] }} }} ]
clients: {{ alice: {{ steps: [ {{ get: app/ }} ] }} }}
"
        );
        let (ended, events) = interrupted(&text, mode);
        assert_eq!((ended.failure, ended.interrupted), (None, true), "{mode:?}");
        let paused = |event: &&Event| matches!(event.kind, EventKind::Pause { .. });
        assert_eq!(events.iter().filter(paused).count(), 2, "{mode:?}");
    }
}

/// Runs `text` on real sockets, interrupted as soon as everything is up.
fn interrupted(text: &str, mode: Mode) -> (Ended, Vec<Event>) {
    let (plan, collector) = (plan_of(text, World::Real, 1), Collector::new());
    let recorder = Recorder::new(vec![Box::new(collector.clone())]);
    let (tell, told) = tokio::sync::oneshot::channel();
    let hooks = Hooks {
        mode,
        ready: Some(Box::new(move |_| tell.send(()).expect("somebody waits"))),
        interrupt: Some(Box::pin(async move {
            let _ = told.await;
        })),
        ..Hooks::default()
    };
    let ended = run::run(&plan, &recorder, hooks).expect("the machine agrees");
    (ended, collector.take())
}
