//! What is expected, captured, tried again, and told.

use super::*;

const APP: &str = "servers: { app: { type: http } }\n";

fn client(steps: &str) -> String {
    format!("{APP}clients:\n  alice:\n    steps:\n{steps}")
}

/// Answers each request with its number.
fn counting() -> Server {
    Server::http(|number, _| ok(&number.to_string()))
}

#[test]
fn a_step_that_does_not_hold_points_at_the_expectation_and_ends_the_client() {
    let steps = "
      - get: app/
        expect: { status: 404, body: \"1\", bytes: { gt: 5 } }
      - get: app/2
      - repeat: 3
        steps:
          - get: app/3
          - wait: 1ms";
    let ran = run(&client(steps), [("app", counting())]);
    assert_eq!(ran.told(), ["! alice: get app/"]);
    let failures = ran.failures();
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert_eq!(failures[0], "404: expected 404, got 200");
    assert!(failures[1].ends_with("expected more than 5, got 1"), "{failures:?}");
    assert_eq!(ran.logs(), [(Level::Warn, "3 later steps were not run")]);
    let end = ClientEnd { outcome: Outcome::Failed, skipped: 3, load_failed: 0 };
    assert_eq!(ran.ends, [end]);
}

#[test]
fn an_error_that_was_not_expected_fails_the_step_and_points_at_the_server() {
    let ran = run(&client("      - { get: app/, expect: { status: 200 } }"), []);
    let why = "app: refused: nothing listens at the server's address";
    assert_eq!(ran.failures(), [why]);
    assert_eq!(ran.logs(), []);
}

#[test]
fn an_error_that_was_expected_and_did_not_come_fails_the_step() {
    let ran =
        run(&client("      - { get: app/, expect: { error: refused } }"), [("app", counting())]);
    assert_eq!(ran.failures(), ["refused: expected \"refused\", but there is no value"]);
}

#[test]
fn what_is_not_there_cannot_be_captured() {
    let steps = "      - { get: app/, capture: { id: $.id, n: body } }";
    let ran = run(&client(steps), [("app", counting())]);
    assert_eq!(ran.failures(), ["$.id: there is no `$.id` to capture"]);
}

#[test]
fn variables_come_from_captures_sets_the_client_and_the_scenario_in_that_order() {
    let yaml = format!(
        "{APP}
vars: {{ a: scenario, b: scenario, c: scenario, user: {{ name: ada }} }}
clients:
  bob:
    count: 2
    vars: {{ b: \"client ${{a}}\", c: client, n: 7 }}
    steps:
      - set: {{ c: \"step ${{b}}\", n: \"${{n}}\" }}
      - expect: {{ vars.a: scenario, vars.b: client scenario, vars.c: step client scenario, vars.n: 7 }}
      - log: \"${{client}} ${{index}} ${{user.name}} ${{app.address}}\"
"
    );
    let ran = run(&yaml, [("app", counting())]);
    ran.went_well();
    let logs = ran.logs();
    assert!(logs[0].1.starts_with("bob.1 1 ada 127.0.0.1:"), "{logs:?}");
    assert!(logs[1].1.starts_with("bob.2 2 ada 127.0.0.1:"), "{logs:?}");
}

#[test]
fn a_retry_ends_when_the_expectation_holds_and_its_attempts_are_counted() {
    let steps = "
      - get: app/
        retry: { every: 10ms, for: 1s }
        expect: { body: \"4\" }
        op: { f: read, value: body }
        capture: { n: body }";
    let ran = run(&client(steps), [("app", counting())]);
    ran.went_well();
    let (at, step) = ran.steps().next().unwrap();
    assert_eq!(step.attempts, 4);
    assert_eq!(at.since(step.began), DIAL + 30 * MS);
    let ends: Vec<String> = ran.ops().into_iter().filter(|op| op.ends_with("ok")).collect();
    let values: Vec<String> = (1..=4).map(|n| format!("read=\"{n}\" ok")).collect();
    assert_eq!(ends, values);
}

#[test]
fn a_retry_gives_up_after_its_times_and_tells_the_last_attempts_failures() {
    let steps = "      - { get: app/, retry: { every: 10ms, times: 2 }, expect: { body: \"9\" } }";
    let ran = run(&client(steps), [("app", counting())]);
    assert_eq!(ran.steps().next().unwrap().1.attempts, 3);
    assert_eq!(ran.failures(), ["\"9\": expected \"9\", got \"3\""]);
}

#[test]
fn no_attempt_begins_after_the_time_for_them() {
    let steps = "      - { get: app/, retry: { every: 10ms, for: 35ms }, expect: { body: \"9\" } }";
    let ran = run(&client(steps), [("app", counting())]);
    // At 0 (with 1 ms to connect), 11, 21 and 31 ms.
    assert_eq!(ran.steps().next().unwrap().1.attempts, 4);
}

#[test]
fn pauses_grow_by_the_factor_and_jitter_shortens_them() {
    let took = |jitter: bool| {
        let retry = format!("{{ every: 10ms, times: 3, backoff: 2, jitter: {jitter} }}");
        let steps = format!("      - {{ get: app/, retry: {retry}, expect: {{ body: \"4\" }} }}");
        let ran = run(&client(&steps), [("app", counting())]);
        ran.went_well();
        ran.steps().next().unwrap().0.since(Time::ZERO) - DIAL
    };
    assert_eq!(took(false), (10 + 20 + 40) * MS);
    assert!(took(true) < 70 * MS);
    assert_eq!(took(true), took(true));
}

#[test]
fn a_refused_connection_can_be_tried_until_it_is_taken() {
    let steps = "      - { get: app/, retry: { every: 10ms, times: 2 } }";
    let ran = run(&client(steps), []);
    let (_, step) = ran.steps().next().unwrap();
    assert_eq!((step.attempts, step.error.as_deref()), (3, Some("refused")));
}

#[test]
fn a_step_that_cannot_be_understood_is_not_tried_again() {
    let steps = "
      - set: { pause: soon }
      - { wait: \"${pause}\" }";
    let ran = run(&client(steps), []);
    let failures = ran.failures();
    assert_eq!(failures.len(), 1);
    assert!(
        failures[0].starts_with("\"${pause}\": a duration is a number with its unit"),
        "{failures:?}"
    );
}

#[test]
fn a_timeout_may_come_from_a_variable() {
    let steps = "
      - set: { limit: 30ms }
      - { get: app/, timeout: \"${limit}\", expect: { error: timeout, took: 30ms } }";
    run(&client(steps), [("app", Server::http(|_, _| Answer::Hang))]).went_well();
}

#[test]
fn a_step_is_told_in_one_line_as_a_person_would_write_it() {
    let steps = "
      - set: { item: 9, who: you }
      - { get: \"app/${item}\" }
      - { wait: 20ms }
      - { log: \"hello ${who}\" }
      - { expect: { vars.who: you } }
      - { name: named, delete: \"app/${item}\", query: { a: \"1\" } }";
    let ran = run(&client(steps), [("app", counting())]);
    let told = [
        "set item, who",
        "get app/9",
        "wait 20ms",
        "log hello you",
        "expect vars.who",
        "delete app/9?a=1",
    ];
    assert_eq!(ran.told(), told.map(|line| format!("alice: {line}")));
    assert_eq!(ran.steps().last().unwrap().1.name.as_deref(), Some("named"));
}

#[test]
fn an_operation_begins_before_and_ends_before_its_step_is_told() {
    let steps = "      - { put: app/x, op: { f: write, key: x, value: 9 } }";
    let ran = run(&client(steps), [("app", counting())]);
    let kinds: Vec<(Time, bool)> =
        ran.events.iter().map(|event| (event.at, matches!(event.kind, EventKind::Op(_)))).collect();
    let after = Time::ZERO + DIAL;
    assert_eq!(kinds, [(Time::ZERO, true), (after, true), (after, false)]);
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let yaml = format!(
        "{APP}
clients:
  many:
    count: 5
    steps:
      - get: app/
        retry: {{ every: 10ms, times: 9, jitter: true }}
        expect: {{ body: \"17\" }}
"
    );
    let told = || {
        let ran = run(&yaml, [("app", counting())]);
        ran.events.iter().map(|event| format!("{event:?}")).collect::<Vec<_>>()
    };
    assert_eq!(told(), told());
}
