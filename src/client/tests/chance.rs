//! What is left to chance: `draw:` and `choose:`.

use super::*;
use crate::plan::chance::of_client;
use crate::plan::unroll::{Done, Unrolled, What, unroll};

const APP: &str = "servers: { app: { type: http }, gone: { type: closed } }\n";

fn client(steps: &str) -> String {
    format!("{APP}clients:\n  alice:\n    steps:\n{steps}")
}

fn app() -> Server {
    Server::http(|_, request| {
        Answer::Send(response("200 OK", request.split(' ').nth(1).unwrap_or_default()))
    })
}

/// The tree of a client's steps, as the run's own generator makes it.
fn unrolled<'p>(ran: &'p Ran, name: &str) -> Unrolled<'p> {
    let node = ran.plan.nodes.iter().find(|node| node.name == name).unwrap().id;
    let instance = ran.plan.instances.iter().find(|instance| instance.node == node).unwrap();
    unroll(&ran.plan, instance, &of_client(ran.plan.seed, name), 10_000)
}

/// What a leaf tells, as far as it is known: its place, and what is drawn.
fn leaf(done: &Done<'_>) -> (u32, Option<String>) {
    let told = match &done.what {
        What::Drawn(values) => {
            let one = |(name, value): &(&str, Option<Value>)| match value {
                Some(Value::String(text)) => format!("{name} = {text}"),
                Some(value) => format!("{name} = {value}"),
                None => format!("{name} = ?"),
            };
            Some(format!("draw {}", values.iter().map(one).collect::<Vec<_>>().join(", ")))
        }
        _ => None,
    };
    (done.step.span.start, told)
}

fn leaves(unrolled: &Unrolled<'_>) -> Vec<(u32, Option<String>)> {
    let mut all = Vec::new();
    unrolled.each_leaf(&mut |done| all.push(leaf(done)));
    all
}

/// The same of the steps that were run; draws of unique numbers are made unknown again.
fn ran_leaves(ran: &Ran, name: &str) -> Vec<(u32, Option<String>)> {
    let own = ran.steps().filter(|(_, step)| ran.plan.node_name(step.client) == name);
    own.map(|(_, step)| {
        let told = step.summary.starts_with("draw ").then(|| {
            let summary = step.summary.split(", ").map(|part| match part.split_once("id = ") {
                Some((before, _)) => format!("{before}id = ?"),
                None => part.to_owned(),
            });
            summary.collect::<Vec<_>>().join(", ")
        });
        (step.span.start, told)
    })
    .collect()
}

const HUNT: &str = "
      - repeat: 40
        steps:
          - draw: { key: [x, y, z], value: { int: [0, 4] }, id: unique, n: { int: [0, 2] } }
          - choose:
              - weight: 3
                steps: [{ get: \"app/${key}\", expect: { status: 200 }, retry: { every: 1ms, times: 2, jitter: true } }]
              - steps:
                  - repeat: \"${n}\"
                    steps: [{ draw: { share: { float: [0, 1] } } }]
                  - use: pair
                    with: { one: \"${key}\" }
              - steps: [{ get: gone/, may_fail: true }]
          - for_each: { color: [red, \"${key}\"] }
            steps: [{ draw: { shade: [light, \"dark ${color}\"] } }]
flows:
  pair: [{ get: \"app/${one}\", capture: { got: body } }, { draw: { key: [\"${one}!\", plain] } }]
";

#[test]
fn the_steps_that_are_run_are_those_that_the_generator_alone_tells() {
    let ran = run(&client(HUNT), [("app", app())]);
    assert_eq!(ran.ends[0].outcome, Outcome::Ok);
    let tree = unrolled(&ran, "alice");
    let told = leaves(&tree);
    assert!(!tree.cut && told.len() > 100, "{told:?}");
    assert_eq!(ran_leaves(&ran, "alice"), told);
    // All alternatives were chosen, and all values drawn.
    let summaries: Vec<&str> = ran.steps().map(|(_, step)| step.summary.as_str()).collect();
    for wanted in ["get app/x", "get gone/", "draw share", "draw key = plain", "draw key = x!"] {
        assert!(
            summaries.iter().any(|summary| summary.starts_with(wanted)),
            "{wanted}: {summaries:?}"
        );
    }
}

#[test]
fn each_client_draws_for_itself_and_unique_numbers_are_so_in_the_whole_run() {
    let yaml = format!(
        "{APP}clients:\n  user:\n    count: 4\n    steps:\n      - repeat: 10\n        steps:\n          \
         - draw: {{ n: {{ int: [0, 1000000] }}, id: unique }}\n          - wait: 1ms\n"
    );
    let ran = run(&yaml, []);
    ran.went_well();
    let mut ids = Vec::new();
    let mut numbers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (_, step) in ran.steps() {
        let Some(drawn) = step.summary.strip_prefix("draw n = ") else { continue };
        let (number, id) = drawn.split_once(", id = ").unwrap();
        ids.push(id.parse::<u64>().unwrap());
        numbers.entry(ran.plan.node_name(step.client)).or_default().push(number);
    }
    assert_eq!(ids, (1..=40).collect::<Vec<_>>(), "in the order of the run");
    let numbers: Vec<_> = numbers.into_values().collect();
    assert_eq!(numbers.len(), 4);
    assert!(numbers.windows(2).all(|two| two[0] != two[1]), "{numbers:?}");
    for name in ["user.1", "user.2", "user.3", "user.4"] {
        assert_eq!(ran_leaves(&ran, name), leaves(&unrolled(&ran, name)));
    }
}

#[test]
fn what_the_world_does_has_no_say_in_what_is_drawn() {
    let calm = run(&client(HUNT), [("app", app())]);
    // Every second answer is an error, so that pauses with jitter are drawn, and time passes otherwise.
    let rough = Server::http(|number, request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let status = if number % 2 == 0 { "500 Internal Server Error" } else { "200 OK" };
        Answer::Later(3 * MS, response(status, path))
    });
    let yaml = client(HUNT).replace("- repeat: 40", "- may_fail: true\n        repeat: 40");
    let rough = run(&yaml, [("app", rough)]);
    assert!(rough.steps().any(|(_, step)| step.attempts > 1));
    let drawn = |ran: &Ran| -> Vec<Option<String>> {
        ran_leaves(ran, "alice").into_iter().map(|(_, drawn)| drawn).collect()
    };
    assert_eq!(drawn(&calm), drawn(&rough));
}

#[test]
fn branches_draw_from_generators_of_their_own() {
    let steps = "
      - parallel:
          - - { repeat: 5, steps: [{ draw: { a: { int: [0, 1000] } } }, { wait: 2ms }] }
          - - { repeat: 5, steps: [{ draw: { b: { int: [0, 1000] } } }, { wait: 3ms }] }
      - draw: { c: { int: [0, 1000] } }
      - draw: { d: [\"${a}\", \"${b}\"] }";
    let ran = run(&client(steps), []);
    ran.went_well();
    let mut told = leaves(&unrolled(&ran, "alice"));
    let mut done = ran_leaves(&ran, "alice");
    assert_eq!(told[20..], done[20..], "what comes afterwards");
    let order: fn(&(u32, Option<String>)) -> u32 = |leaf| leaf.0;
    told.sort_by_key(order);
    done.sort_by_key(order);
    assert_eq!(told, done, "and each branch by itself");
}

#[test]
fn what_depends_on_replies_is_not_known_before() {
    let steps = "
      - { get: app/3, capture: { path: body } }
      - { set: { n: \"${path}\" } }
      - { draw: { before: [1, 2], of: \"${path}\" }, may_fail: true }
      - { repeat: \"${n}\", may_fail: true, steps: [{ log: hi }] }
      - { draw: { still: { int: [0, 9] } } }
      - { for_each: { one: \"${n}\" }, may_fail: true, steps: [{ draw: { x: unique } }] }
      - { draw: { lost: { int: [0, 9] } } }
      - { choose: [{ steps: [{ log: a }] }, { steps: [{ log: b }] }] }";
    let ran = run(&client(steps), [("app", app())]);
    assert_eq!(ran.ends[0].outcome, Outcome::Ok);
    let tree = unrolled(&ran, "alice");
    let values = |at: usize| match &tree.steps[at].what {
        What::Drawn(values) => values.iter().map(|(_, value)| value.is_some()).collect(),
        _ => Vec::new(),
    };
    assert_eq!(values(2), [true, false], "a list that is not known takes its draw all the same");
    assert_eq!(tree.steps[3].what, What::Unknown);
    assert_eq!(values(4), [true], "nothing in the repetition draws");
    assert_eq!(tree.steps[5].what, What::Unknown);
    assert_eq!(values(6), [false], "nobody knows how often was drawn before");
    assert_eq!(tree.steps[7].what, What::Unknown);
    let drawn = &leaves(&tree)[3];
    assert!(ran_leaves(&ran, "alice").contains(drawn), "{drawn:?}");
}

#[test]
fn a_tree_that_is_too_large_is_cut() {
    let steps = "      - { repeat: 1000000000, steps: [] }\n      - { log: never }";
    let plan = plan(&client(steps));
    let tree = unroll(&plan, &plan.instances[0], &of_client(1, "alice"), 50);
    assert!(tree.cut);
    assert_eq!(tree.steps.len(), 1);
}

#[test]
fn a_failed_draw_sets_nothing_and_draws_all_the_same() {
    let steps = "
      - { set: { none: [], a: 0, b: 0 } }
      - { draw: { a: [1, 2], b: \"${none}\" }, may_fail: true }
      - { expect: { vars.a: 0, vars.b: 0 } }
      - { draw: { c: { int: [0, 1000000] } } }";
    let ran = run(&client(steps), []);
    let told = ["alice: set none, a, b", "~ alice: draw a, b", "alice: expect vars.a, vars.b"];
    assert_eq!(ran.told()[..3], told);
    assert_eq!(ran.failures(), ["\"${none}\": an empty list has nothing to draw"]);
    let three = Rng::new(1).fork("client:alice").fork("draw");
    let mut draws = three;
    let (_, _, third) = (draws.next_u64(), draws.next_u64(), draws.below(1_000_001));
    assert_eq!(ran.told()[3], format!("alice: draw c = {third}"));
}

#[test]
fn a_step_that_fails_in_an_alternative_ends_the_client_and_a_choice_counts_once() {
    let steps = "
      - choose: [{ steps: [{ get: gone/ }, { log: b }] }]
      - choose: [{ steps: [{ log: c }, { log: d }] }, { steps: [{ log: e }] }]";
    let ran = run(&client(steps), []);
    assert_eq!(ran.told(), ["! alice: get gone/"]);
    assert_eq!(ran.logs(), [(Level::Warn, "2 later steps were not run")]);
}

#[test]
fn iterations_of_a_load_draw_each_for_itself() {
    let yaml = format!(
        "{APP}clients:\n  users:\n    load: {{ users: 2, iterations: 20 }}\n    steps:\n      \
         - draw: {{ n: {{ int: [0, 1000000] }}, id: unique }}\n      - {{ get: \"app/${{n}}\" }}\n"
    );
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    let server = Server::http(move |_, request| {
        noted.lock().unwrap().push(request.split(' ').nth(1).unwrap_or_default().to_owned());
        ok("")
    });
    let ran = run(&yaml, [("app", server)]);
    ran.went_well();
    let mut paths = seen.lock().unwrap().clone();
    assert_eq!(paths.len(), 40);
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 40, "none drew the same");
}
