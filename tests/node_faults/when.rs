//! When faults are let loose: by the clock, by events, by steps.

use std::time::Duration;

use looplab::scenario::model::World;
use looplab::trace::EventKind;

use crate::lab::both;

const WEB: &str = r#"looplab: 1
links: [ { from: "*", to: "*", latency: 1ms } ]
servers:
  app: { type: http, routes: [ { on: GET /, respond: { text: hi } } ] }
  db: { type: redis }
"#;

#[test]
fn the_timeline_goes_by_the_clock() {
    let text = format!(
        "{WEB}
timeline:
  - {{ at: 300ms, resume: app }}
  - {{ at: 100ms, fault: {{ pause: app, name: gc }} }}
  - {{ at: {{ from: 400ms, to: 1200ms, every: 400ms }}, fault: {{ skew: db, name: jump, ahead: 1s, for: 10ms }} }}
clients:
  alice: {{ steps: [ {{ wait: 1400ms }} ] }}
"
    );
    both(&text, |told| {
        let jumps =
            ["start jump", "end jump 1", "start jump", "end jump 2", "start jump", "end jump 3"];
        let mut lines = vec!["start gc", "pause app", "end gc 1", "resume app"];
        lines.extend(jumps);
        assert_eq!(told.lines(), lines);
        told.is_told_at("pause app", ms(100));
        told.is_told_at("resume app", ms(300));
        told.is_told_at("start jump", ms(400));
    });
}

#[test]
fn one_crash_leads_to_another_and_to_its_end() {
    let text = format!(
        "{WEB}
timeline:
  - {{ at: 50ms, fault: {{ crash: db, name: first }} }}
  - {{ on: {{ crash: db }}, wait: 100ms, fault: {{ crash: app, name: second }} }}
  - {{ on: {{ crash: app }}, wait: 100ms, restart: db }}
  - {{ on: {{ restart: db }}, heal: second }}
clients:
  alice:
    steps:
      - {{ wait: 60ms }}
      - {{ get: app/, retry: {{ every: 10ms, for: 10s }}, name: app, expect: {{ body: hi }} }}
      - {{ wait: 300ms }}
      - {{ get: app/, expect: {{ body: hi }} }}
"
    );
    both(&text, |told| {
        let lines = [
            "start first",
            "crash db by first",
            "start second",
            "crash app by second",
            "end first 1",
            "restart db",
            "end second 1",
            "restart app",
        ];
        assert_eq!(told.lines(), lines);
        told.is_about(told.between("crash db by first", "crash app by second"), ms(100));
        told.is_about(told.between("crash app by second", "restart db"), ms(100));
    });
}

#[test]
fn what_causes_itself_for_ever_is_let_loose_no_more_after_a_while() {
    let cycles = [
        "- { at: 1ms, fault: { crash: db } }
  - { on: { crash: db }, restart: db }
  - { on: { restart: db }, fault: { crash: db } }",
        "- { at: 1ms, fault: { name: p, pause: db, for: 1us } }
  - { on: { resume: db }, fault: { name: q, pause: db, for: 1us } }",
        "- { at: 1ms, fault: { name: p, pause: db } }
  - { on: { pause: db }, resume: db }
  - { on: { resume: db }, fault: { name: q, pause: db } }",
    ];
    for cycle in cycles {
        let text = format!(
            "{WEB}\ntimeout: 60s\ntimeline:\n  {cycle}\nclients:\n  alice: {{ steps: [ {{ wait: 1500ms }}, {{ get: app/ }} ] }}\n"
        );
        both(&text, |told| {
            let warned = |kind: &EventKind| match kind {
                EventKind::Log { text, .. } => text.contains("has been let loose 10000 times"),
                _ => false,
            };
            // On a machine that is busy the real clock may not come as far.
            let warned = told.count(warned);
            assert!(warned == 1 || (warned == 0 && told.world == World::Real), "{cycle}");
            // The clients had their turn all the while.
            assert_eq!(told.count(|kind| matches!(kind, EventKind::Message(_))), 2);
        });
    }
}

#[test]
fn a_message_lets_a_fault_on_a_node_loose() {
    let text = format!(
        "{WEB}
timeline:
  - {{ on: {{ message: {{ to: db, match: \"SET *\" }}, nth: 2 }}, fault: {{ crash: app, for: 400ms }} }}
clients:
  alice:
    steps:
      - {{ redis: db SET a 1 }}
      - {{ get: app/, expect: {{ body: hi }} }}
      - {{ redis: db SET a 2, name: second }}
      - {{ wait: 20ms }}
      - {{ get: app/, expect: {{ error: refused }} }}
      - {{ get: app/, retry: {{ every: 10ms, for: 10s }}, expect: {{ body: hi }} }}
"
    );
    both(&text, |told| {
        let (second, done) = told.step("second");
        let crashed = told.at("crash app by crash.1");
        assert!(crashed >= second.began, "it is what was sent that counts");
        // On real sockets the director is another thread, and a reply may be faster.
        assert!(crashed < done || told.world == World::Real);
    });
}

#[test]
fn a_server_that_a_message_lets_crash_never_gets_it_while_it_is_under_way() {
    let text = r#"looplab: 1
links: [ { from: "*", to: "*", latency: 50ms } ]
servers: { db: { type: redis, durable: true } }
timeline:
  - { on: { message: { to: db, match: "SET *" }, nth: 2 }, fault: { crash: db, for: 300ms } }
clients:
  alice:
    steps:
      - { redis: db SET a 1 }
      - { redis: db SET a 2, expect: { error: reset } }
      - { redis: db GET a, retry: { every: 20ms, for: 10s }, expect: { reply: "1" } }
"#;
    both(text, |told| assert!(told.lines().contains(&"restart db")));
}

#[test]
fn steps_that_are_done_let_faults_loose_before_anybody_who_waits_for_them_goes_on() {
    let text = format!(
        "{WEB}
timeline:
  - {{ on: {{ step: alice.wrote }}, fault: {{ crash: app, name: down }} }}
  - {{ on: {{ step: alice }}, restart: app }}
clients:
  alice:
    steps:
      - {{ redis: db SET a 1, name: wrote }}
      - {{ wait: 100ms }}
  bob:
    after: alice.wrote
    steps:
      - {{ wait: 10ms }}
      - {{ get: app/, expect: {{ error: refused }} }}
      - {{ get: app/, retry: {{ every: 10ms, for: 10s }}, expect: {{ body: hi }} }}
"
    );
    both(&text, |told| {
        let lines = ["start down", "crash app by down", "end down 1", "restart app"];
        assert_eq!(told.lines(), lines);
        let wrote = told.step("wrote").1;
        told.is_about(told.at("crash app by down").since(wrote), Duration::ZERO);
        told.is_about(told.at("restart app").since(wrote), ms(100));
    });
}

#[test]
fn what_a_step_does_has_happened_when_the_next_step_begins() {
    let text = format!(
        "{WEB}
clients:
  alice:
    steps:
      - repeat: 20
        steps:
          - {{ fault: {{ crash: [app, db] }} }}
          - {{ get: app/, expect: {{ error: refused }} }}
          - {{ redis: db PING, expect: {{ error: refused }} }}
          - {{ restart: [app, db] }}
          - {{ get: app/, expect: {{ body: hi }} }}
          - {{ redis: db PING, expect: {{ reply: PONG }} }}
"
    );
    both(&text, |told| {
        assert_eq!(told.lines().iter().filter(|line| line.starts_with("crash ")).count(), 40);
        assert!(told.lines().contains(&"end crash.1 40"));
    });
}

#[test]
fn a_run_that_waits_for_a_moment_to_come_is_not_stuck() {
    let text = format!(
        "{WEB}
timeout: 3h
timeline: [ {{ at: 1h, resume: app }} ]
clients:
  alice:
    steps:
      - {{ fault: {{ pause: app }} }}
      - {{ get: app/, timeout: 2h, name: waited, expect: {{ body: hi }} }}
"
    );
    let told = crate::lab::told(&text, World::Virtual);
    assert_eq!(told.lines(), ["start pause.1", "pause app", "end pause.1 1", "resume app"]);
    assert_eq!(told.at("resume app").as_millis(), 3_600_000);
}

#[test]
fn a_run_is_not_kept_alive_by_its_timeline() {
    let text = format!(
        "{WEB}
timeline: [ {{ at: 50s, fault: {{ crash: app }} }} ]
clients: {{ alice: {{ steps: [ {{ get: app/ }} ] }} }}
"
    );
    both(&text, |told| {
        assert_eq!(told.lines(), ["end crash.1 0"], "it never came to that, and the trace says so");
        assert!(told.ran.events.last().expect("the end").at.as_millis() < 40_000);
    });
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn the_same_seed_tells_the_same_story_of_every_fault_on_nodes() {
    let text = r#"looplab: 1
servers:
  app:
    type: http
    state: { n: 0 }
    durable: true
    routes:
      - { on: GET /, delay: { dist: uniform, min: 1ms, max: 9ms }, add: { n: 1 }, respond: { text: "${n}" } }
      - { on: GET /db, proxy_to: back }
  back: { type: http, routes: [ { on: GET /db, respond: { text: hi } } ] }
  db: { type: redis, durable: true }
timeline:
  - { at: { from: 20ms, to: 500ms, every: 90ms }, fault: { crash: [app, db], for: 30ms } }
  - { at: { from: 50ms, to: 500ms, every: 70ms }, fault: { pause: [back, many], for: 20ms } }
  - { at: 100ms, fault: { slow: app, times: 3, for: 200ms } }
  - { at: 150ms, fault: { skew: [app, many], rate: 0.5, ahead: 1s, for: 200ms } }
  - { at: 200ms, fault: { disk_full: [app, db], for: 100ms } }
  - { on: { message: { to: db, match: "INCR *" }, every: 5 }, fault: { crash: back, for: 10ms } }
clients:
  many:
    count: 4
    steps:
      - repeat: 30
        steps:
          - { get: app, timeout: 50ms, retry: { times: 30, every: 7ms } }
          - { get: app/db, timeout: 50ms, retry: { times: 30, every: 7ms } }
          - { redis: db INCR x, timeout: 50ms, retry: { times: 30, every: 7ms } }
"#;
    let trace = |seed| {
        let plan = crate::common::plan_of(text, World::Virtual, seed);
        crate::common::run_plan(plan).trace
    };
    for seed in 1..=3 {
        let first = trace(seed);
        assert!(first.contains("\"event\":\"restart\"") && first.contains("\"event\":\"resume\""));
        assert_eq!(first, trace(seed), "seed {seed}");
    }
    assert_ne!(trace(1), trace(2));
}
