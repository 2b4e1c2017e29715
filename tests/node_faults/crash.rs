//! Crashes, and what comes back.

use std::time::Duration;

use looplab::trace::{EventKind, Outcome};

use crate::lab::both;

const WEB: &str = r#"looplab: 1
links: [ { from: "*", to: "*", latency: 1ms } ]
unused_faults: error
servers:
  app:
    type: http
    routes:
      - { on: GET /, respond: { text: hi } }
      - { on: GET /slow, delay: 60s, respond: { text: late } }
"#;

#[test]
fn a_crash_is_a_reset_then_nobody_listens_then_the_server_is_back() {
    let text = format!(
        "{WEB}
timeline:
  - {{ at: 100ms, fault: {{ crash: app, name: down, for: 300ms }} }}
clients:
  alice:
    steps:
      - {{ get: app/slow, name: lost, expect: {{ error: reset }} }}
      - {{ get: app/, name: refused, expect: {{ error: refused }} }}
      - {{ get: app/, name: back, retry: {{ every: 10ms, for: 10s }}, expect: {{ body: hi }} }}
"
    );
    both(&text, |told| {
        assert_eq!(
            told.lines(),
            ["start down", "crash app by down", "end down 1", "restart app"],
            "{:?}",
            told.world
        );
        told.is_about(told.between("crash app by down", "restart app"), ms(300));
        let (_, lost) = told.step("lost");
        told.is_about(lost.since(told.at("crash app by down")), Duration::ZERO);
        let (back, _) = told.step("back");
        assert!(back.attempts > 1);
        let listens: Vec<_> = told
            .ran
            .events
            .iter()
            .filter_map(|event| match event.kind {
                EventKind::Listen { address, .. } => Some(address),
                _ => None,
            })
            .collect();
        assert_eq!(listens.len(), 2, "it listens again");
        assert_eq!(listens[0], listens[1], "at the same port");
        let resets = told.count(|kind| matches!(kind, EventKind::Reset { .. }));
        assert_eq!(resets, 1, "the one connection that was open is reset once");
    });
}

#[test]
fn an_idle_connection_is_reset_and_the_next_request_finds_nobody() {
    let text = format!(
        "{WEB}
clients:
  alice:
    steps:
      - {{ get: app/ }}
      - {{ fault: {{ crash: app }} }}
      - {{ wait: 20ms }}
      - {{ get: app/, expect: {{ error: refused }} }}
      - {{ restart: app }}
      - {{ get: app/, expect: {{ body: hi }} }}
"
    );
    both(&text, |told| {
        assert_eq!(
            told.lines(),
            ["start crash.1", "crash app by crash.1", "end crash.1 1", "restart app"]
        );
        assert_eq!(told.count(|kind| matches!(kind, EventKind::Reset { .. })), 1);
        assert_eq!(told.count(|kind| matches!(kind, EventKind::Refused { .. })), 1);
    });
}

#[test]
fn who_crashes_what_is_down_already_touches_nothing() {
    let text = format!(
        "{WEB}
timeline:
  - {{ at: 50ms, fault: {{ crash: app, name: first, for: 100ms }} }}
  - {{ at: 100ms, fault: {{ crash: app, name: second, for: 300ms }} }}
clients:
  alice: {{ steps: [ {{ wait: 500ms }}, {{ get: app/, expect: {{ body: hi }} }} ] }}
"
    )
    .replace("unused_faults: error\n", "");
    both(&text, |told| {
        assert_eq!(
            told.lines(),
            [
                "start first",
                "crash app by first",
                "start second",
                "end first 1",
                "restart app",
                "end second 0"
            ]
        );
    });
}

#[test]
fn a_crash_that_begins_anew_while_it_lasts_ends_later() {
    let text = format!(
        "{WEB}
timeline:
  - {{ at: [50ms, 150ms], fault: {{ crash: app, name: down, for: 200ms }} }}
clients:
  alice: {{ steps: [ {{ wait: 600ms }}, {{ get: app/, expect: {{ body: hi }} }} ] }}
"
    );
    both(&text, |told| {
        told.is_told_at("crash app by down", ms(50));
        told.is_told_at("restart app", ms(350));
    });
}

const PAIR: &str = r#"looplab: 1
links: [ { from: "*", to: "*", latency: 1ms } ]
unused_faults: error
servers:
  app:
    type: http
    routes: [ { on: GET /, proxy_to: back, timeout: 20s } ]
  back:
    type: http
    routes: [ { on: GET /, delay: 300ms, respond: { text: from behind } } ]
"#;

#[test]
fn a_server_behind_a_proxy_that_crashes_is_a_bad_gateway_in_flight_and_afterwards() {
    let text = format!(
        "{PAIR}
timeline:
  - {{ at: 100ms, fault: {{ crash: back, for: 400ms }} }}
clients:
  alice:
    steps:
      - {{ get: app/, name: in-flight, expect: {{ status: 502 }} }}
      - {{ get: app/, expect: {{ status: 502 }} }}
      - {{ wait: 600ms }}
      - {{ get: app/, expect: {{ status: 200, body: from behind }} }}
"
    );
    both(&text, |told| {
        assert!(told.took("in-flight") >= ms(100));
        assert!(told.took("in-flight") < ms(2_000));
    });
}

#[test]
fn a_proxy_that_crashes_resets_both_its_connections() {
    let text = format!(
        "{PAIR}
timeline:
  - {{ at: 100ms, fault: {{ crash: app, for: 50ms }} }}
clients:
  alice:
    steps:
      - {{ get: app/, expect: {{ error: reset }} }}
      - {{ get: app/, retry: {{ every: 10ms, for: 10s }}, expect: {{ body: from behind }} }}
"
    );
    both(&text, |told| {
        assert_eq!(told.count(|kind| matches!(kind, EventKind::Reset { .. })), 2);
    });
}

#[test]
fn who_waits_in_the_backlog_is_reset_too() {
    let text = r#"looplab: 1
links: [ { from: "*", to: "*", latency: 1ms } ]
servers: { one: { type: echo, serial: true } }
timeline: [ { at: 200ms, fault: { crash: one } } ]
clients:
  first:
    steps:
      - { connect: one }
      - { send: a }
      - { receive: { bytes: 1 }, expect: { text: a } }
      - { receive: { bytes: 1 }, name: first, expect: { error: reset } }
  second:
    steps:
      - { wait: 100ms }
      - { connect: one }
      - { receive: { bytes: 1 }, name: second, expect: { error: reset } }
"#;
    both(text, |told| {
        for name in ["first", "second"] {
            assert_eq!(told.step(name).0.outcome, Outcome::Ok);
            assert!(told.took(name) < ms(2_000), "{name}");
        }
    });
}

#[test]
fn what_crashes_at_the_start_is_not_there_for_the_first_request() {
    let text = format!(
        "{WEB}
timeline: [ {{ at: 0s, fault: {{ crash: app }} }} ]
clients:
  alice: {{ steps: [ {{ get: app/, expect: {{ error: refused }} }} ] }}
"
    );
    both(&text, |told| {
        assert_eq!(told.lines(), ["start crash.1", "crash app by crash.1", "end crash.1 1"]);
    });
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
