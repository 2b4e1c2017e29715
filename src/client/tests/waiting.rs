//! `after:`.

use super::*;

#[test]
fn two_clients_wait_for_each_others_named_steps_in_order() {
    let yaml = "
clients:
  alice:
    steps:
      - { wait: 3ms, name: first }
      - { wait: 1ms, after: bob.second, name: third }
  bob:
    steps:
      - { wait: 1ms, after: alice.first, name: second }
      - { wait: 1ms, after: alice.third, name: fourth }
";
    let ran = run(yaml, []);
    ran.went_well();
    let names: Vec<&str> = ran.steps().map(|(_, step)| step.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["first", "second", "third", "fourth"]);
    let ends: Vec<Time> = ran.steps().map(|(at, _)| at).collect();
    assert_eq!(ends, [3, 4, 5, 6].map(|n| Time::ZERO + n * MS));
}

#[test]
fn what_waits_begins_when_it_need_not_wait_any_longer() {
    let yaml = "
clients:
  alice: { steps: [{ wait: 5ms, name: done }] }
  bob: { after: alice.done, steps: [{ wait: 1ms }] }
  carol: { steps: [{ wait: 1ms, after: [alice, bob] }] }
";
    let ran = run(yaml, []);
    ran.went_well();
    let began: Vec<Time> = ran.steps().map(|(_, step)| step.began).collect();
    assert_eq!(began, [0, 5, 6].map(|n| Time::ZERO + n * MS));
}

#[test]
fn a_client_with_a_count_is_awaited_with_all_its_instances() {
    let yaml = "
clients:
  reader:
    count: 3
    steps:
      - repeat: \"${index}\"
        steps: [{ wait: 10ms, name: read }]
      - { wait: \"${index}0ms\" }
  after-one: { after: reader.read, steps: [{ wait: 1ms }] }
  after-all: { after: reader, steps: [{ wait: 1ms }] }
";
    let ran = run(yaml, []);
    ran.went_well();
    let began = |name| {
        let step = ran.steps().find(|(_, step)| ran.plan.node_name(step.client) == name);
        step.unwrap().1.began
    };
    // A step inside a repetition is done when it was done once.
    assert_eq!(began("after-one"), Time::ZERO + 10 * MS);
    assert_eq!(began("after-all"), Time::ZERO + 60 * MS);
}

#[test]
fn those_who_wait_are_woken_in_the_order_of_waiting() {
    let mut yaml = "clients:\n  alice: { steps: [{ wait: 5ms, name: done }] }\n".to_owned();
    for n in (0..20).rev() {
        yaml += &format!("  w{n}: {{ steps: [{{ set: {{ x: {n} }}, after: alice.done }}] }}\n");
    }
    let told = run(&yaml, []).told();
    let wanted: Vec<String> = (0..20).rev().map(|n| format!("w{n}: set x")).collect();
    assert_eq!(told[1..], wanted);
}

#[test]
fn whoever_waits_for_a_step_that_will_never_be_done_fails_and_says_so() {
    let yaml = "
servers: { app: { type: http } }
clients:
  alice: { steps: [{ wait: 1ms }, { get: app/ }, { wait: 1ms, name: wrote }] }
  bob: { steps: [{ log: hi, after: alice.wrote }, { wait: 1ms }] }
  carol: { after: alice, steps: [{ wait: 1ms }, { wait: 2ms }] }
  dave: { after: carol, steps: [{ wait: 1ms }] }
";
    let ran = run(yaml, []);
    let told = [
        "alice: wait 1ms",
        "! alice: get app/",
        "! bob: log hi",
        "! carol: after alice",
        "! dave: after carol",
    ];
    assert_eq!(ran.told(), told);
    let failures = [
        "app: refused: nothing listens at the server's address",
        "alice.wrote: `alice` ended without doing `wrote`",
        "alice: `alice` did not get through its steps",
        "carol: `carol` did not get through its steps",
    ];
    assert_eq!(ran.failures(), failures);
    assert!(ran.ends.iter().all(|end| end.outcome == Outcome::Failed));
    assert_eq!(ran.ends[2].skipped, 2);
}

#[test]
fn instances_of_one_client_can_wait_for_each_other() {
    let yaml = "
clients:
  racer:
    count: 3
    steps:
      - { wait: \"${index}ms\", name: ready }
      - { wait: 1ms, after: racer.ready }
";
    let ran = run(yaml, []);
    ran.went_well();
    let began: Vec<Time> = ran.steps().skip(3).map(|(_, step)| step.began).collect();
    assert_eq!(began, [Time::ZERO + 3 * MS; 3]);
}
