//! Steps that hold other steps.

use super::*;

const APP: &str = "servers: { app: { type: http } }\n";

fn client(steps: &str) -> String {
    format!("{APP}clients:\n  alice:\n    steps:\n{steps}")
}

/// Answers with the path, after so many milliseconds as its last part says.
fn slow() -> Server {
    Server::http(|_, request| {
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let pause = path.rsplit('/').next().and_then(|last| last.parse().ok()).unwrap_or(0);
        Answer::Later(pause * MS, response("200 OK", &path))
    })
}

#[test]
fn a_repetition_counts_from_one_and_brings_back_the_outer_count() {
    let steps = "
      - set: { n: 2 }
      - repeat: 2
        steps:
          - { repeat: \"${n}\", steps: [{ get: \"app/${iteration}\" }] }
          - { get: \"app/outer-${iteration}\" }
      - for_each: { color: [red, green] }
        steps:
          - { get: \"app/${color}-${iteration}\" }";
    let ran = run(&client(steps), [("app", slow())]);
    ran.went_well();
    let told = [
        "set n",
        "get app/1",
        "get app/2",
        "get app/outer-1",
        "get app/1",
        "get app/2",
        "get app/outer-2",
        "get app/red-1",
        "get app/green-2",
    ];
    assert_eq!(ran.told(), told.map(|line| format!("alice: {line}")));
}

#[test]
fn a_count_that_is_no_number_and_a_list_that_is_none_fail_at_their_place() {
    let ran = run(&client("      - set: { n: x }\n      - { repeat: \"${n}\", steps: [] }"), []);
    assert_eq!(ran.failures(), ["\"${n}\": `repeat` wants a whole number, not \"x\""]);
    let steps = "      - set: { n: x }\n      - { for_each: { a: \"${n}\" }, steps: [] }";
    let ran = run(&client(steps), []);
    assert_eq!(ran.failures(), ["\"${n}\": `for_each` wants a list, not \"x\""]);
}

#[test]
fn branches_run_at_once_and_what_they_set_is_there_afterwards_in_their_order() {
    let steps = "
      - set: { a: 0, b: 0, c: 0 }
      - parallel:
          - - { get: app/a/30, capture: { a: body } }
            - { set: { c: first } }
          - - { get: app/b/10, capture: { b: body } }
            - { expect: { vars.a: 0 } }
            - { set: { c: second } }
          - - { wait: 20ms }
      - expect: { vars.a: /a/30, vars.b: /b/10, vars.c: second }";
    let ran = run(&client(steps), [("app", slow())]);
    ran.went_well();
    let told = [
        "set a, b, c",
        "get app/b/10",
        "expect vars.a",
        "set c",
        "wait 20ms",
        "get app/a/30",
        "set c",
        "expect vars.a, vars.b, vars.c",
    ];
    assert_eq!(ran.told(), told.map(|line| format!("alice: {line}")));
    assert_eq!(ran.events.last().unwrap().at, Time::ZERO + DIAL + 30 * MS);
}

#[test]
fn branches_do_not_share_a_connection_while_they_use_it_but_leave_it_to_others() {
    let connections = Arc::new(Mutex::new(0));
    let (count, inner) = (connections.clone(), slow());
    let server = Server::new(move |stream, clock| {
        *count.lock().unwrap() += 1;
        inner.0(stream, clock)
    });
    let steps = "
      - { get: app/0 }
      - parallel:
          - [{ get: app/5 }, { get: app/5 }]
          - [{ get: app/5 }]
      - { get: app/0 }";
    run(&client(steps), [("app", server)]).went_well();
    assert_eq!(*connections.lock().unwrap(), 2);
}

#[test]
fn a_branch_that_fails_lets_the_others_finish_and_then_ends_the_client() {
    let steps = "
      - parallel:
          - [{ get: app/1, expect: { status: 500 } }, { get: app/never }]
          - [{ get: app/9 }]
      - { get: app/never }";
    let ran = run(&client(steps), [("app", slow())]);
    assert_eq!(ran.told(), ["! alice: get app/1", "alice: get app/9"]);
    assert_eq!(ran.logs(), [(Level::Warn, "2 later steps were not run")]);
}

#[test]
fn a_flow_has_its_own_variables_for_a_while_and_keeps_what_it_captures() {
    let yaml = format!(
        "{APP}
flows:
  buy:
    - {{ get: \"app/${{item}}\", capture: {{ bought: body }} }}
    - {{ set: {{ item: changed }} }}
clients:
  alice:
    steps:
      - set: {{ item: pear }}
      - {{ use: buy, with: {{ item: \"my-${{item}}\" }} }}
      - {{ expect: {{ vars.item: pear, vars.bought: /my-pear }} }}
"
    );
    run(&yaml, [("app", slow())]).went_well();
}

#[test]
fn a_loop_that_never_waits_does_not_stop_the_clock() {
    let yaml = "
clients:
  alice: { steps: [{ repeat: 100000, steps: [{ repeat: 1, steps: [] }] }] }
  bob: { load: { users: 1, for: 1ms }, steps: [{ set: { x: 1 } }] }
  carol: { steps: [{ wait: 5us }, { log: on time }] }
";
    let ran = run(yaml, []);
    ran.went_well();
    let on_time = ran
        .events
        .iter()
        .find(|event| matches!(&event.kind, EventKind::Log { text, .. } if text == "on time"));
    assert_eq!(on_time.unwrap().at, Time::ZERO + Duration::from_micros(5));
    assert!(ran.events.last().unwrap().at >= Time::ZERO + Duration::from_millis(1));
}

#[test]
fn a_count_from_a_variable_has_the_limit_of_one_in_the_file() {
    let steps = "      - set: { n: 1000000001 }\n      - { repeat: \"${n}\", steps: [] }";
    let ran = run(&client(steps), []);
    let why = "1000000001 times is more than the 1000000000 of a run";
    assert_eq!(ran.failures(), [format!("\"${{n}}\": {why}")]);
}
