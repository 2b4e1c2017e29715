//! Nodes that stand still: nothing read, nothing written, no timer heard.

use std::time::Duration;

use looplab::trace::EventKind;

use crate::lab::both;

const WEB: &str = r#"looplab: 1
links: [ { from: "*", to: "*", latency: 1ms } ]
unused_faults: error
servers:
  app:
    type: http
    routes:
      - { on: GET /, respond: { text: hi } }
      - { on: GET /slow, delay: 200ms, respond: { text: late } }
"#;

#[test]
fn a_request_to_a_server_that_stands_still_waits_exactly_that_long() {
    let text = format!(
        "{WEB}
clients:
  alice:
    steps:
      - {{ get: app/ }}
      - {{ fault: {{ pause: app, for: 400ms }}, name: gc }}
      - {{ get: app/, name: waited, expect: {{ body: hi }} }}
"
    );
    both(&text, |told| {
        assert_eq!(told.lines(), ["start pause.1", "pause app", "end pause.1 1", "resume app"]);
        told.is_about(told.between("pause app", "resume app"), ms(400));
        // And one way back.
        told.is_about(told.took("waited"), ms(401));
    });
}

#[test]
fn a_new_connection_is_made_meanwhile_and_accepted_afterwards() {
    let text = format!(
        "{WEB}
timeline: [ {{ at: 0s, fault: {{ pause: app, for: 300ms }} }} ]
clients:
  alice: {{ steps: [ {{ get: app/, name: waited, expect: {{ body: hi }} }} ] }}
"
    );
    both(&text, |told| {
        let accepted =
            told.ran.events.iter().find_map(|event| {
                matches!(event.kind, EventKind::Accept { .. }).then_some(event.at)
            });
        let accepted = accepted.expect("it is accepted");
        assert!(accepted >= told.at("resume app"), "{accepted:?}");
        assert_eq!(told.count(|kind| matches!(kind, EventKind::Refused { .. })), 0);
        assert!(told.step("waited").1 >= told.at("resume app"));
    });
}

#[test]
fn a_timer_that_runs_out_meanwhile_is_heard_when_the_server_goes_on() {
    let text = format!(
        "{WEB}
timeline: [ {{ at: 100ms, fault: {{ pause: app, for: 400ms }} }} ]
clients:
  alice: {{ steps: [ {{ get: app/slow, name: late, expect: {{ body: late }} }} ] }}
"
    );
    // The answer was due at 200 ms or a little later, and leaves at 500 ms.
    both(&text, |told| told.is_about(told.step("late").1.since(told.at("resume app")), ms(1)));
}

#[test]
fn a_client_stands_still_with_its_timers_and_a_reply_that_came_meanwhile_is_in_time() {
    let text = format!(
        "{WEB}
timeline: [ {{ at: 100ms, fault: {{ pause: alice, for: 500ms }} }} ]
clients:
  alice:
    steps:
      - {{ get: app/slow, timeout: 300ms, name: late, expect: {{ body: late }} }}
"
    );
    both(&text, |told| {
        assert_eq!(told.lines(), ["start pause.1", "pause alice", "end pause.1 1", "resume alice"]);
        told.is_about(told.step("late").1.since(told.at("resume alice")), Duration::ZERO);
    });
}

#[test]
fn a_load_stands_still_with_its_client() {
    let text = format!(
        "{WEB}
timeline: [ {{ at: 100ms, fault: {{ pause: many, for: 300ms }} }} ]
clients:
  many:
    load: {{ users: 4, think: 5ms, for: 600ms }}
    steps: [ {{ get: app/ }} ]
"
    );
    both(&text, |told| {
        let (from, to) = (told.at("pause many") + ms(20), told.at("resume many"));
        let sent = |event: &looplab::trace::Event| match &event.kind {
            EventKind::Message(message) if told.ran.plan.node_name(message.from) == "many" => {
                Some(message.sent)
            }
            _ => None,
        };
        let sent: Vec<_> = told.ran.events.iter().filter_map(sent).collect();
        assert!(sent.iter().any(|at| *at < from) && sent.iter().any(|at| *at > to));
        assert_eq!(sent.iter().filter(|at| **at > from && **at < to).count(), 0);
    });
}

#[test]
fn a_node_that_stands_still_for_two_reasons_goes_on_after_the_second() {
    let text = format!(
        "{WEB}
timeline:
  - {{ at: 50ms, fault: {{ pause: app, name: a, for: 200ms }} }}
  - {{ at: 150ms, fault: {{ pause: app, name: b, for: 300ms }} }}
clients:
  alice: {{ steps: [ {{ wait: 100ms }}, {{ get: app/, expect: {{ body: hi }} }} ] }}
"
    );
    both(&text, |told| {
        let lines = ["start a", "pause app", "start b", "end a 1", "end b 1", "resume app"];
        assert_eq!(told.lines(), lines);
        told.is_told_at("pause app", ms(50));
        told.is_told_at("resume app", ms(450));
    });
}

#[test]
fn resume_ends_every_pause_of_the_node() {
    let text = format!(
        "{WEB}
clients:
  alice:
    steps:
      - {{ fault: {{ pause: app, name: a }} }}
      - {{ fault: {{ pause: app, name: b, for: 60s }} }}
      - {{ resume: app }}
      - {{ get: app/, timeout: 10s, expect: {{ body: hi }} }}
"
    );
    both(&text, |told| {
        let lines = ["start a", "pause app", "start b", "end a 1", "end b 1", "resume app"];
        assert_eq!(told.lines(), lines);
    });
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
