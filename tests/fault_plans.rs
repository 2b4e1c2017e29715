//! Faults from the file to the plan: names, nodes, times, and chance.

use std::time::Duration;

use looplab::base::{NodeId, Span};
use looplab::plan::fault::{Act, Cut, Fault, FaultKind, Rule, TriggerEvent, Unit, When};
use looplab::plan::{Overrides, Plan};

const SCENARIO: &str = r#"looplab: 1
servers:
  app:
    type: http
    routes:
      - { on: "GET /", redis: { call: "cache GET x", respond: { text: "${reply}" } } }
  db: { type: redis, durable: true }
  cache: { type: redis }
flows:
  poke:
    - redis: db GET x
    - fault: { drop: response, to: db }
links:
  - from: app
    to: [cache, db]
    faults:
      - { latency: 20ms, start: 1s, end: 3s }
      - { name: flaky, reset: true, probability: 30%, for: 5s }
timeline:
TIMELINE
clients:
  alice:
    count: 2
    steps:
      - get: app
      - use: poke
      - fault: { crash: db }
        for: 2s
      - repeat: 2
        steps:
          - heal: [flaky, drop.1]
      - restart: db
"#;

fn plan(timeline: &str) -> Plan {
    let moments: String =
        timeline.trim().lines().map(|line| format!("  {}\n", line.trim())).collect();
    let text = SCENARIO.replace("TIMELINE\n", &moments);
    Plan::parse("x.yaml", text.as_bytes(), None, Overrides::default())
        .unwrap_or_else(|e| panic!("{e}"))
}

fn named<'a>(plan: &'a Plan, name: &str) -> &'a Fault {
    plan.faults.iter().find(|fault| fault.name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn rule<'a>(plan: &'a Plan, name: &str) -> &'a Rule {
    match &named(plan, name).kind {
        FaultKind::Link(rule) => rule,
        other => panic!("{other:?}"),
    }
}

fn cut<'a>(plan: &'a Plan, name: &str) -> &'a Cut {
    match &named(plan, name).kind {
        FaultKind::Cut(cut) => cut,
        other => panic!("{other:?}"),
    }
}

const APP: NodeId = NodeId(0);
const DB: NodeId = NodeId(1);
const CACHE: NodeId = NodeId(2);
const ALICE: [NodeId; 2] = [NodeId(3), NodeId(4)];

#[test]
fn faults_are_named_by_verb_and_number_in_the_order_of_the_file() {
    let plan =
        plan("- { at: 1s, fault: { drop: request } }\n- { at: 2s, fault: { latency: 1ms } }");
    let names: Vec<&str> = plan.faults.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(names, ["drop.1", "latency.1", "flaky", "drop.2", "latency.2", "crash.1"]);
}

#[test]
fn a_links_own_faults_meet_its_nodes_from_their_start_to_their_end() {
    let plan = plan("- { at: 1s, fault: { drop: request } }");
    let [latency, flaky] = ["latency.1", "flaky"].map(|name| named(&plan, name));
    assert_eq!(latency.lasts, Some(Duration::from_secs(2)));
    assert_eq!(flaky.lasts, Some(Duration::from_secs(5)));
    assert_eq!(latency.text, "{ latency: 20ms, from: app, to: [cache, db] }");
    let rule = rule(&plan, "flaky");
    assert_eq!((&*rule.from.0, &*rule.to.0), (&[APP][..], &[DB, CACHE][..]));
    assert_eq!((rule.request, rule.response, rule.unit), (true, true, Unit::Connection));
    assert_eq!(rule.choice.probability, Some(0.3));
    let starts: Vec<_> = plan.timeline.iter().map(|moment| (&moment.when, &moment.act)).collect();
    assert!(matches!(starts[0], (When::At(at), Act::Start(fault))
        if *at == Duration::from_secs(1) && fault.name == "latency.1"));
    assert!(
        matches!(starts[1], (When::At(Duration::ZERO), Act::Start(fault)) if fault.name == "flaky")
    );
    assert_eq!(starts.len(), 3);
}

#[test]
fn times_that_repeat_are_moments_of_one_fault() {
    let plan = plan(
        "- { at: [2s, 1s], fault: { drop: request, to: app } }\n\
         - { at: { from: 1s, to: 2s, every: 300ms }, heal: drop.1 }\n\
         - { on: { crash: db }, wait: 50ms, restart: db }",
    );
    let at: Vec<Duration> = plan.timeline[2..]
        .iter()
        .filter_map(|moment| match moment.when {
            When::At(at) => Some(at),
            When::On { .. } => None,
        })
        .collect();
    assert_eq!(at, [1000, 2000, 1000, 1300, 1600, 1900].map(Duration::from_millis));
    let last = plan.timeline.last().expect("the restart");
    assert!(matches!(&last.act, Act::Restart(nodes) if *nodes == [DB]));
    assert!(matches!(&last.when, When::On { trigger, wait }
        if *wait == Duration::from_millis(50) && matches!(trigger.event, TriggerEvent::Crash(DB))));
}

#[test]
fn what_steps_do_is_found_by_their_place_also_in_flows_and_repetitions() {
    let plan = plan("- { at: 1s, heal: all }");
    let place = |text: &str| {
        let start = plan.source.text().find(text).expect("it is there");
        Span::new(start, start + 1)
    };
    assert!(matches!(plan.act(place("fault: { crash")), Some(Act::Start(fault))
        if fault.lasts == Some(Duration::from_secs(2)) && fault.text == "{ crash: db, for: 2s }"));
    assert!(
        matches!(plan.act(place("fault: { drop")), Some(Act::Start(fault)) if fault.name == "drop.1")
    );
    assert!(
        matches!(plan.act(place("heal: [flaky")), Some(Act::Heal(Some(names))) if names.len() == 2)
    );
    assert!(matches!(plan.act(place("restart: db")), Some(Act::Restart(_))));
    assert!(plan.act(place("get: app")).is_none());
}

#[test]
fn a_fault_that_says_nothing_of_whom_it_meets_is_about_the_message_that_let_it_loose() {
    let plan = plan(
        "- { on: { message: { from: app, to: cache, nth: 1 } }, fault: { drop: request, name: a } }\n\
         - { on: { message: { from: cache, to: app } }, fault: { drop: true, name: b } }\n\
         - { on: { message: { to: cache }, nth: 3 }, fault: { drop: response, name: c } }\n\
         - { on: { message: { to: cache } }, fault: { drop: true, to: cache, name: d } }\n\
         - { on: { message: { to: cache } }, wait: 1ms, fault: { drop: true, name: e } }\n\
         - { on: { message: { to: cache } }, fault: { latency: 1s, name: f } }\n\
         - { on: { crash: db }, fault: { drop: true, name: g } }",
    );
    let told = ["a", "b", "c", "d", "e", "f", "g"].map(|name| {
        let rule = rule(&plan, name);
        (rule.only_cause, rule.request, rule.response)
    });
    let (cause, request, response) = (true, true, true);
    assert_eq!(
        told,
        [
            (cause, request, !response),
            (cause, !request, response),
            (cause, !request, response),
            (!cause, request, !response),
            (!cause, request, !response),
            (!cause, request, response),
            (!cause, request, !response),
        ]
    );
}

#[test]
fn the_direction_of_a_harm_on_messages_follows_from_what_it_is_about() {
    let plan = plan(
        "- { at: 1s, fault: { delay: 1ms, name: plain } }\n\
         - { at: 1s, fault: { delay: 1ms, status: 500, to: app, name: status } }\n\
         - { at: 1s, fault: { edit: { status: 503 }, to: app, name: edited } }\n\
         - { at: 1s, fault: { edit: { value: 5 }, to: db, name: value } }\n\
         - { at: 1s, fault: { edit: { words: [PING] }, to: db, name: words } }\n\
         - { at: 1s, fault: { delay: 1ms, direction: both, name: both } }",
    );
    let ways = ["plain", "status", "edited", "value", "words", "both"].map(|name| {
        let rule = rule(&plan, name);
        (rule.request, rule.response)
    });
    let (request, response) = ((true, false), (false, true));
    assert_eq!(ways, [request, response, response, response, request, (true, true)]);
}

#[test]
fn harm_on_bytes_chooses_connections_unless_it_is_about_messages() {
    let plan = plan(
        "- { at: 1s, fault: { reset: true, nth: 3, name: a } }\n\
         - { at: 1s, fault: { reset: true, match: \"SET *\", name: b } }\n\
         - { at: 1s, fault: { drop: true, name: c } }",
    );
    let units = ["a", "b", "c"].map(|name| rule(&plan, name).unit);
    assert_eq!(units, [Unit::Connection, Unit::Message, Unit::Message]);
}

#[test]
fn partitions_of_every_shape_cut_whom_they_say() {
    let plan = plan(
        "- { at: 1s, fault: { partition: [app, [db, alice]], name: sides } }\n\
         - { at: 1s, fault: { partition: { from: app, to: cache }, name: way } }\n\
         - { at: 1s, fault: { isolate: db, name: alone } }\n\
         - { at: 1s, fault: { partition: ring, of: [app, db, cache, alice], name: ring } }",
    );
    let [a, b] = ALICE;
    let both = |pairs: &[(NodeId, NodeId)]| {
        let mut all: Vec<_> = pairs.iter().flat_map(|(x, y)| [(*x, *y), (*y, *x)]).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(cut(&plan, "sides").blocked, both(&[(APP, DB), (APP, a), (APP, b)]));
    assert_eq!(cut(&plan, "way").blocked, [(APP, CACHE)]);
    let outside = NodeId::OUTSIDE;
    let others = [APP, CACHE, a, b, outside].map(|other| (DB, other));
    assert_eq!(cut(&plan, "alone").blocked, both(&others));
    assert_eq!(cut(&plan, "ring").blocked, both(&[(APP, CACHE), (DB, a), (DB, b)]));
}

#[test]
fn a_majority_is_drawn_from_the_seed_and_the_same_seed_draws_the_same() {
    let first = plan("- { at: 1s, fault: { partition: majority, of: [app, db, cache], name: m } }");
    let drawn = |seed| cut(&first.with_seed(seed), "m").blocked.clone();
    for seed in 0..20 {
        let blocked = drawn(seed);
        // One is cut off from the two others.
        assert_eq!(blocked.len(), 4, "{blocked:?}");
        let alone = [APP, DB, CACHE]
            .into_iter()
            .filter(|node| blocked.iter().filter(|(from, _)| from == node).count() == 2);
        assert_eq!(alone.count(), 1, "{blocked:?}");
        assert_eq!(blocked, drawn(seed));
    }
    let different: std::collections::BTreeSet<_> = (0..20).map(drawn).collect();
    assert_eq!(different.len(), 3);
    assert_eq!(cut(&first, "m").blocked, drawn(first.seed));
}
