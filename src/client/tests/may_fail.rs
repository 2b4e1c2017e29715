//! Steps that may fail.

use super::*;
use crate::trace::LoadEvent;

const APP: &str = "servers: { app: { type: http }, gone: { type: closed } }\n";

fn client(head: &str, steps: &str) -> String {
    format!("{APP}clients:\n  alice:\n    {head}\n    steps:\n{steps}")
}

/// Answers each request with its number; every second one with 500.
fn every_second() -> Server {
    Server::http(|number, _| {
        let status = if number % 2 == 0 { "500 Internal Server Error" } else { "200 OK" };
        Answer::Send(response(status, &number.to_string()))
    })
}

#[test]
fn a_step_that_may_fail_is_told_and_the_next_one_comes() {
    let steps = "
      - get: app/
        capture: { seen: body }
      - get: app/
        may_fail: true
        expect: { status: 200 }
        capture: { seen: body }
      - { get: gone/, may_fail: true }
      - { expect: { vars.seen: \"1\" } }";
    let ran = run(&client("about: patient", steps), [("app", every_second())]);
    let told =
        ["alice: get app/", "~ alice: get app/", "~ alice: get gone/", "alice: expect vars.seen"];
    assert_eq!(ran.told(), told);
    assert_eq!(ran.failures()[0], "200: expected 200, got 500");
    let errors: Vec<_> = ran.steps().map(|(_, step)| step.error.as_deref()).collect();
    assert_eq!(errors, [None, None, Some("refused"), None]);
    assert_eq!(ran.ends, [ClientEnd { outcome: Outcome::Ok, skipped: 0, load_failed: 0 }]);
    assert!(ran.logs().is_empty(), "nothing was skipped");
}

#[test]
fn nothing_is_captured_of_a_result_that_lacks_a_part_of_it() {
    let steps = "
      - { set: { a: 0 } }
      - { get: app/, may_fail: true, capture: { a: body, b: $.none } }
      - { expect: { vars.a: 0 } }";
    let ran = run(&client("about: patient", steps), [("app", every_second())]);
    assert_eq!(ran.told(), ["alice: set a", "~ alice: get app/", "alice: expect vars.a"]);
}

#[test]
fn a_client_and_containers_say_it_for_what_is_in_them_and_the_innermost_counts() {
    let steps = "
      - repeat: 2
        may_fail: false
        steps:
          - { get: app/ }
          - parallel:
              - - { get: gone/b, may_fail: true }
              - - { get: app/ }
          - { use: both, may_fail: true }
      - { get: gone/c }
      - { get: gone/d, may_fail: false }
      - { get: gone/e }";
    let flows = "flows:\n  both: [{ get: gone/f }, { expect: { vars.client: bob } }]\n";
    let yaml = format!("{}\n{flows}", client("may_fail: true", steps));
    let ran = run(&yaml, [("app", every_second())]);
    let round = [
        "alice: get app/",
        // Its connection is there already.
        "alice: get app/",
        "~ alice: get gone/b",
        "~ alice: get gone/f",
        "~ alice: expect vars.client",
    ];
    let after = ["~ alice: get gone/c", "! alice: get gone/d"];
    let told: Vec<&str> = round.iter().chain(&round).chain(&after).copied().collect();
    assert_eq!(ran.told(), told);
    assert_eq!(ran.ends, [ClientEnd { outcome: Outcome::Failed, skipped: 1, load_failed: 0 }]);
}

#[test]
fn a_container_that_cannot_begin_is_passed_over() {
    let steps = "
      - { set: { n: many } }
      - { repeat: \"${n}\", steps: [{ get: app/ }] }
      - { for_each: { one: \"${n}\" }, steps: [{ get: app/ }] }
      - { log: further }";
    let ran = run(&client("may_fail: true", steps), [("app", every_second())]);
    let told = ["alice: set n", "~ alice: repeat", "~ alice: for each one", "alice: log further"];
    assert_eq!(ran.told(), told);
    assert_eq!(ran.ends[0].outcome, Outcome::Ok);
}

#[test]
fn a_history_is_told_as_if_nothing_were_forgiven() {
    let steps = "
      - { get: app/, timeout: 5ms, op: { f: read, value: body } }
      - { get: gone/, op: { f: read, value: body } }";
    let hang = Server::http(|_, _| Answer::Hang);
    let ran = run(&client("may_fail: true", steps), [("app", hang)]);
    assert_eq!(
        ran.ops(),
        ["read=null invoke", "read=null unknown", "read=null invoke", "read=null fail"]
    );
    assert_eq!(ran.ends[0].outcome, Outcome::Ok);
}

#[test]
fn who_waits_for_a_step_that_was_forgiven_goes_on() {
    let steps = "
      - { get: gone/, name: tried, may_fail: true }
      - { wait: 5ms }
  bob:
    steps:
      - { log: now, after: alice.tried }";
    let ran = run(&client("about: patient", steps), []);
    assert_eq!(ran.told(), ["~ alice: get gone/", "bob: log now", "alice: wait 5ms"]);
}

#[test]
fn a_step_that_waits_for_what_never_comes_may_fail_too() {
    let steps = "
      - { log: go, after: bob.done, may_fail: true }
      - { log: on }
  bob:
    steps:
      - { get: gone/ }
      - { log: never, name: done }";
    let ran = run(&client("about: patient", steps), []);
    assert_eq!(ran.told(), ["! bob: get gone/", "~ alice: log go", "alice: log on"]);
    assert_eq!(ran.ends[0].outcome, Outcome::Ok);
}

#[test]
fn a_load_goes_on_and_counts_what_it_forgives_apart() {
    let head = "load: { users: 1, iterations: 150 }\n    may_fail: true";
    let steps = "      - { get: gone/ }\n      - { log: x, may_fail: false }";
    let ran = run(&client(head, steps), []);
    let load = ran.events.iter().find_map(|event| match &event.kind {
        EventKind::Load(load) => Some((**load).clone()),
        _ => None,
    });
    let LoadEvent { started, done, failed, forgiven, .. } = load.expect("a load event");
    assert_eq!((started, done, failed, forgiven), (150, 150, 0, 150));
    let told = ran.steps().filter(|(_, step)| step.forgiven).count() as u64;
    assert_eq!(told, super::super::FAILURES_TOLD);
    assert_eq!(ran.ends[0].outcome, Outcome::Ok);
}
