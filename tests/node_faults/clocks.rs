//! Clocks that are wrong, and machines that are slow.

use std::time::Duration;

use looplab::base::Time;
use looplab::trace::EventKind;

use crate::lab::{LATE, both};

#[test]
fn a_clock_that_jumps_ahead_expires_keys_and_one_that_is_right_again_does_not_bring_them_back() {
    let text = r#"looplab: 1
unused_faults: error
servers: { db: { type: redis } }
clients:
  alice:
    steps:
      - { redis: "db SET brief 1 EX 600" }
      - { redis: "db SET long 1 EX 7200" }
      - { fault: { skew: db, ahead: 1h } }
      - { redis: "db GET brief", expect: { reply: null } }
      - { redis: "db TTL long", expect: { reply: { gt: 3500, lte: 3600 } } }
      - { heal: all }
      - { redis: "db GET brief", expect: { reply: null } }
      - { redis: "db TTL long", expect: { reply: { gt: 7100, lte: 7200 } } }
"#;
    both(text, |told| assert_eq!(told.lines(), ["start skew.1", "end skew.1 1"]));
}

#[test]
fn a_clock_that_is_behind_from_the_start_keeps_going() {
    let text = r#"looplab: 1
servers: { db: { type: redis } }
timeline: [ { at: 0s, fault: { skew: db, behind: 1h } } ]
clients:
  alice:
    steps:
      - { redis: "db SET brief 1 PX 100" }
      - { redis: "db TIME", expect: { "reply.0": "1767221999" } }
      - { wait: 200ms }
      - { redis: "db GET brief", expect: { reply: null } }
"#;
    let text = text.replace(", expect: { \"reply.0\": \"1767221999\" }", "");
    both(&text, |told| assert_eq!(told.lines(), ["start skew.1", "end skew.1 1"]));
}

#[test]
fn a_clock_at_half_the_rate_makes_everything_last_twice_as_long() {
    let text = r#"looplab: 1
links: [ { from: "*", to: "*", latency: 1ms } ]
servers:
  app: { type: http, routes: [ { on: GET /, delay: 200ms, respond: { text: hi } } ] }
timeline: [ { at: 0s, fault: { skew: app, rate: 0.5 } } ]
clients:
  alice: { steps: [ { get: app/, name: late, expect: { body: hi } } ] }
"#;
    // To and fro to connect, there and back.
    both(text, |told| told.is_about(told.took("late"), ms(404)));
}

#[test]
fn a_jump_ends_a_timeout_that_is_waited_for() {
    let text = r#"looplab: 1
links: [ { from: "*", to: "*", latency: 1ms } ]
servers: { quiet: { type: silent } }
timeline: [ { at: 100ms, fault: { skew: alice, ahead: 1m } } ]
clients:
  alice:
    steps: [ { get: quiet/, timeout: 50s, name: gave-up, expect: { error: timeout } } ]
"#;
    both(text, |told| {
        let (_, at) = told.step("gave-up");
        told.is_about(at.since(told.at("start skew.1")), Duration::ZERO);
    });
}

#[test]
fn a_slow_server_takes_its_service_time_so_often_and_more_for_each_request() {
    let text = r#"looplab: 1
links: [ { from: "*", to: "*", latency: 1ms } ]
unused_faults: error
servers:
  app:
    type: http
    routes:
      - { on: GET /slow, delay: 50ms, respond: { text: hi } }
      - { on: GET /, respond: { text: hi } }
  db: { type: redis, data: { a: 1 } }
  echo: { type: echo }
clients:
  alice:
    steps:
      - { get: app/ }
      - { redis: db PING }
      - { fault: { slow: app, name: app, times: 3, plus: 20ms } }
      - { fault: { slow: [db, echo], name: others, times: 2, plus: 30ms } }
      - { get: app/slow, name: slow, expect: { body: hi } }
      - { get: app/, name: plain, expect: { body: hi } }
      - { redis: db GET a, name: db, expect: { reply: "1" } }
      - { connect: echo }
      - { send: x }
      - { receive: { bytes: 1 }, name: echo, expect: { text: x } }
      - { heal: app }
      - { get: app/slow, name: right, expect: { body: hi } }
"#;
    both(text, |told| {
        told.is_about(told.took("slow"), ms(172));
        told.is_about(told.took("plain"), ms(22));
        told.is_about(told.took("db"), ms(32));
        told.is_about(told.took("echo"), ms(32));
        told.is_about(told.took("right"), ms(52));
        assert_eq!(told.lines(), ["start app", "start others", "end app 2", "end others 2"]);
    });
}

#[test]
fn a_slowness_that_is_over_holds_up_nothing_that_is_under_way() {
    let text = r#"looplab: 1
unused_faults: error
servers:
  app: { type: http, routes: [ { on: GET /, delay: 10ms, respond: { text: hi } } ] }
  db: { type: redis }
  echo: { type: echo }
timeline:
  - { at: 0s, fault: { slow: app, name: times, times: 1e6, for: 100ms } }
  - { at: 0s, fault: { slow: [db, echo], name: plus, plus: 1h, for: 100ms } }
clients:
  alice: { steps: [ { get: app/, expect: { body: hi } } ] }
  bob: { steps: [ { redis: db PING } ] }
  carol: { steps: [ { connect: echo }, { send: x }, { receive: { bytes: 1 } } ] }
"#;
    both(text, |told| {
        assert_eq!(told.lines(), ["start times", "start plus", "end times 1", "end plus 2"]);
        told.is_told_at("end plus 2", ms(100));
        let done = told.ran.events.last().map(|event| event.at.since(Time::ZERO));
        let done = done.expect("it has ended");
        assert!(done >= ms(100) && done < ms(100) + LATE, "{done:?}");
    });
}

#[test]
fn what_takes_no_time_is_not_slowed_down_and_the_run_says_so() {
    let text = r#"looplab: 1
servers:
  app: { type: http, routes: [ { on: GET /, respond: { text: hi } } ] }
timeline: [ { at: 0s, fault: { slow: app, times: 10 } } ]
clients: { alice: { steps: [ { get: app/ } ] } }
"#;
    both(text, |told| assert_eq!(told.lines(), ["start slow.1", "end slow.1 0"]));
}

#[test]
fn what_is_told_has_the_time_of_the_run_whatever_a_clock_says() {
    let text = r#"looplab: 1
servers:
  app: { type: http, routes: [ { on: GET /, respond: { text: hi } } ] }
timeline: [ { at: 0s, fault: { skew: [app, alice], ahead: 1h } } ]
clients: { alice: { steps: [ { get: app/ }, { log: here }, { wait: 10ms } ] } }
"#;
    both(text, |told| {
        for event in &told.ran.events {
            assert!(event.at.as_millis() < 60_000, "{event:?}");
            if let EventKind::Step(step) = &event.kind {
                assert!(step.began <= event.at);
            }
        }
    });
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
