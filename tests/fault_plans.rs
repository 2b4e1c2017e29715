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

// ---- faults that are asked for, and what they are told as ---------------------------------

/// A plan with somebody for every fault to meet.
fn lab() -> Plan {
    const LAB: &str = r#"looplab: 1
vars: { item: 42 }
servers:
  app:
    type: http
    durable: true
    routes:
      - { on: "GET /", redis: { call: "db GET x", respond: { text: "${reply}" } } }
  db: { type: redis, durable: true }
  echo: { type: echo, mode: line }
  cache: { type: redis }
clients:
  alice: { steps: [{ get: app }, { connect: echo }, { redis: db PING }, { redis: cache PING }] }
"#;
    Plan::parse("lab.yaml", LAB.as_bytes(), None, Overrides::default())
        .unwrap_or_else(|e| panic!("{e}"))
}

fn nobody(_: &str) -> bool {
    false
}

/// What a fault does, without the places where that is written.
fn meaning(fault: &Fault) -> String {
    let told = format!("{:?} {:?}", fault.kind, fault.lasts);
    let mut out = String::new();
    let mut rest = told.as_str();
    while let Some((before, behind)) = rest.split_once("Span { start: ") {
        out.push_str(before);
        rest = behind.split_once('}').map_or("", |(_, rest)| rest);
    }
    out + rest
}

#[test]
fn a_fault_is_read_from_a_line_and_bound_as_those_of_the_file() {
    let plan = lab();
    let fault = plan.fault("{ drop: response, from: app, to: db, for: 2s }", &nobody).unwrap();
    assert_eq!((fault.name.as_str(), fault.span), ("drop.1", None));
    assert_eq!(fault.lasts, Some(Duration::from_secs(2)));
    assert_eq!(fault.text, "{ drop: response, from: app, to: db, for: 2s }");
    let block = plan.fault("crash: db\nname: gone", &nobody).unwrap();
    assert_eq!((block.name.as_str(), block.text.as_str()), ("gone", "{ crash: db, name: gone }"));
    let third = plan.fault("{ drop: request }", &|name| name != "drop.3").unwrap();
    assert_eq!(third.name, "drop.3");
    let error = plan.fault("{ name: gone, drop: request }", &|name| name == "gone").unwrap_err();
    assert!(error.to_string().contains("a fault is called `gone` already"), "{error}");
}

#[test]
fn what_is_wrong_with_a_line_is_told_at_its_place_in_the_line() {
    let plan = lab();
    for (line, wrong, place) in [
        ("{ drop: request, to: dbb }", "no server is called `dbb`", "dbb"),
        ("{ crash: alice }", "no server is called `alice`", "alice"),
        ("{ drop: request, probability: 130% }", "`130%` is more than the whole", "130%"),
        ("{ latency: 5 }", "`5` is not a duration", "5"),
        ("{ drop: request, from: cache, to: app }", "`cache` never connects to `app`", "app"),
        ("{ drop: response, to: db, status: 500 }", "no message to `db` has a status", "500"),
        ("{ replace: { text: x }, to: db }", "not one request to `db`", "replace: { text: x }"),
        ("{ edit: { path: \"${x}/\" }, to: app }", "`${x}` has no value here", "${x}"),
        ("{ disk_full: cache }", "`cache` keeps nothing that needs a disk", "cache"),
        ("{ drop: request", "this `{` is never closed", ""),
        ("", "", ""),
        ("drop", "expected a fault", "drop"),
        ("{ replace: { file: /etc/passwd }, to: db }", "", "/etc/passwd"),
    ] {
        let error = plan.fault(line, &nobody).expect_err(line);
        assert_eq!(error.source.text(), line);
        let first = &error.found[0];
        assert!(first.message.contains(wrong), "{line}: {error}");
        let span = first.span.unwrap_or_default();
        let shown = &line[span.start as usize..span.end as usize];
        assert!(shown == place || place.is_empty(), "{line}: {error}");
        assert!(first.related.as_deref().is_none_or(|(span, _)| span.end as usize <= line.len()));
    }
}

#[test]
fn a_fault_can_be_typed_in_short_and_what_is_wrong_is_told_at_its_place() {
    let plan = lab();
    let fault =
        plan.typed_fault("alice->db drop=response match=\"SET *\" for=2s", &nobody).unwrap();
    assert_eq!(fault.text, "{ drop: response, from: alice, to: db, match: SET *, for: 2s }");
    let same = plan.typed_fault("{ drop: request, to: db }", &nobody).unwrap();
    assert_eq!(same.text, "{ drop: request, to: db }");
    for (line, wrong, place) in [
        ("alice->bd drop", "no server is called `bd`", "bd"),
        ("alice->db drop probability=130%", "more than the whole", "130%"),
        ("alice->db latency=5", "`5` is not a duration", "5"),
        ("alice->db latncy=5ms", "unknown key `latncy`", "latncy"),
        ("alice->db latency", "neither `A->B` nor `key=value`", "latency"),
        ("cache->app drop", "`cache` never connects to `app`", "app"),
    ] {
        let error = plan.typed_fault(line, &nobody).expect_err(line);
        let span = error.found[0].span.unwrap();
        assert!(error.found[0].message.contains(wrong), "{error}");
        assert_eq!(&line[span.start as usize..span.end as usize], place, "{error}");
    }
}

#[test]
fn what_is_done_can_be_said_in_a_line_too() {
    let plan = lab();
    let known = |name: &str| name == "drop.1";
    assert!(matches!(plan.act_of("{ heal: all }", &known), Ok(Act::Heal(None))));
    assert!(matches!(plan.act_of("{ release: drop.1 }", &known), Ok(Act::Release(Some(_)))));
    assert!(
        matches!(plan.act_of("{ restart: db }", &known), Ok(Act::Restart(nodes)) if nodes == [DB])
    );
    assert!(matches!(plan.act_of("{ resume: [app, alice] }", &known), Ok(Act::Resume(_))));
    let Ok(Act::Start(fault)) = plan.act_of("{ fault: { drop: request }, for: 1s }", &known) else {
        panic!("no fault");
    };
    assert_eq!(
        (fault.name.as_str(), fault.text.as_str()),
        ("drop.2", "{ drop: request, for: 1s }")
    );
    for (line, wrong) in [
        ("{ heal: drop.2 }", "no fault is called `drop.2`"),
        ("{ restart: bd }", "did you mean `db`?"),
        ("{ heal: all, restart: db }", "both `heal` and `restart`"),
        ("{ chaos: { rate: 1/s } }", "needs one of"),
    ] {
        let error = plan.act_of(line, &known).expect_err(line).to_string();
        assert!(error.contains(wrong), "{line}: {error}");
    }
}

const VERBS: [&str; 40] = [
    "latency: 200ms",
    "latency: { dist: normal, mean: 10ms, sd: 2ms }, jitter: 50ms",
    "bandwidth: 64KiB/s",
    "bandwidth: 0",
    "slice: 10",
    "slice: { size: 10, variation: 5, delay: 1.5ms }",
    "corrupt: 0.1%",
    "corrupt: { offset: 3, bits: 0xff }",
    "limit: 1_000B",
    "slow_close: 1s",
    "reset: true",
    "reset: 2s",
    "blackhole: true",
    "blackhole: { close_after: 5s }",
    "refuse: true",
    "slow_connect: { dist: uniform, min: 1ms, max: 2ms }",
    "half_close: request",
    "drop: request",
    "drop: response",
    "drop: true",
    "duplicate: both, times: 3, replies: all",
    "delay: 500ms",
    "reorder: 2, within: 5ms",
    "truncate: 10, then: hang",
    "replace: { text: \"*1\\r\\n$4\\r\\nPING\\r\\n\" }",
    "edit: { status: 503, headers: { retry-after: \"1\", x: null }, body: { json: { a: [1, null, \"${item}\"] } } }",
    "edit: { words: [SET, \"item:42\", \"# no, 'comment'\", \"\"] }",
    "hold: request",
    "partition: [app, db]",
    "partition: [app, [db, cache]], traffic: lose, flap: { every: 200ms, open: 50% }",
    "partition: { from: app, to: db }",
    "partition: majority, of: [app, db, alice]",
    "partition: ring, of: [app, db, echo, alice]",
    "isolate: db",
    "crash: [db, cache]",
    "pause: [db, alice]",
    "slow: db, times: 2.5, plus: 1ms",
    "skew: db, behind: 10s, rate: 0.5",
    "skew: alice, ahead: 1h",
    "disk_full: db",
];

const MODIFIERS: [&str; 18] = [
    "from: alice",
    "from: [alice, app]",
    "to: db",
    "to: [db, app]",
    "direction: both",
    "match: \"SET *\"",
    "match: \"* ü: [x], {y} # z\"",
    "method: { in: [GET, SET], not: { starts_with: P } }",
    "path: { matches: '^/items/\\d+$' }",
    "status: { gte: 500 }",
    "nth: 3",
    "every: 10, first: 2",
    "probability: 12.5%",
    "after: { message: { from: alice, to: app, match: \"GET *\", nth: 2 } }",
    "while: { crashed: db }",
    "for: 1500us",
    "name: given.7",
    "client: alice",
];

#[test]
fn a_fault_is_told_in_words_that_mean_the_same() {
    let plan = lab();
    let mut read = 0;
    for verb in VERBS {
        let alone = plan.fault(&format!("{{ {verb} }}"), &nobody);
        let modified = MODIFIERS.iter().enumerate().flat_map(|(at, first)| {
            MODIFIERS[at..].iter().map(move |second| match at {
                0 => format!("{first}, {verb}"),
                _ if first == second => format!("{verb}, {first}"),
                _ => format!("{first}, {verb}, {second}"),
            })
        });
        let faults = modified.filter_map(|line| plan.fault(&format!("{{ {line} }}"), &nobody).ok());
        for fault in alone.into_iter().chain(faults) {
            let again = plan.fault(&fault.text, &nobody).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(again.text, fault.text);
            assert_eq!(meaning(&again), meaning(&fault), "{}", fault.text);
            assert!(!fault.text.contains('\n'));
            read += 1;
        }
    }
    assert!(read > 1_500, "only {read} faults could be read");
}

#[test]
fn every_fault_of_a_file_is_told_in_words_that_mean_the_same() {
    let text = include_str!("language/everything.yaml");
    let plan = Plan::parse("x.yaml", text.as_bytes(), None, Overrides::default()).unwrap();
    assert!(plan.faults.len() > 40);
    for fault in &plan.faults {
        // One that is about the message that let it loose is not told how.
        if matches!(&fault.kind, FaultKind::Link(rule) if rule.only_cause) {
            continue;
        }
        let again =
            plan.fault(&fault.text, &nobody).unwrap_or_else(|e| panic!("{}: {e}", fault.name));
        let named = Fault { lasts: fault.lasts, ..again.clone() };
        assert!(again.lasts == fault.lasts || fault.name == "latency.1", "{}", fault.text);
        let drawn = fault.text.contains("majority");
        assert!(drawn || meaning(&named) == meaning(fault), "{}", fault.text);
    }
}

// ---- chaos --------------------------------------------------------------------------------

const CHAOS: &str = "- chaos: { rate: 20/s, from: 1s, until: 10s, lasts: 300ms, kinds: [latency, bandwidth, \
     slice, corrupt, limit, slow_close, reset, blackhole, refuse, slow_connect, half_close, drop, duplicate, \
     delay, reorder, truncate, partition, isolate, crash, pause, slow] }";

fn starts(plan: &Plan) -> Vec<(Duration, std::sync::Arc<Fault>)> {
    let of_chaos = plan.timeline.iter().filter_map(|moment| match (&moment.when, &moment.act) {
        (When::At(at), Act::Start(fault)) if fault.name.starts_with("chaos.") => {
            Some((*at, fault.clone()))
        }
        _ => None,
    });
    of_chaos.collect()
}

fn told(plan: &Plan) -> Vec<String> {
    let told = |(at, fault): (Duration, std::sync::Arc<Fault>)| {
        format!("{at:?} {} {} {}", fault.name, fault.text, meaning(&fault))
    };
    starts(plan).into_iter().map(told).collect()
}

#[test]
fn chaos_is_drawn_from_the_seed_and_stays_within_its_time() {
    let first = plan(CHAOS);
    let drawn = starts(&first);
    // 20 a second for nine seconds: 180, give or take.
    assert!((120..240).contains(&drawn.len()), "{}", drawn.len());
    for pair in drawn.windows(2) {
        assert!(pair[0].0 < pair[1].0);
    }
    for (number, (at, fault)) in drawn.iter().enumerate() {
        assert_eq!(fault.name, format!("chaos.{}", number + 1));
        let end = *at + fault.lasts.expect("it ends");
        assert!(*at >= Duration::from_secs(1) && end <= Duration::from_secs(10), "{}", fault.text);
        assert!(fault.span.is_some());
    }
    assert_eq!(told(&first), told(&plan(CHAOS)));
    assert_eq!(told(&first), told(&first.with_seed(first.seed)));
    assert_ne!(told(&first), told(&first.with_seed(first.seed + 1)));
}

#[test]
fn chaos_draws_every_kind_that_it_is_given_and_no_other() {
    let first = plan(CHAOS);
    let kinds = |plan: &Plan| -> std::collections::BTreeSet<String> {
        let verb = |text: &str| text["{ ".len()..].split(':').next().map(str::to_owned);
        starts(plan).iter().filter_map(|(_, fault)| verb(&fault.text)).collect()
    };
    let all: std::collections::BTreeSet<String> =
        (0..5).flat_map(|seed| kinds(&first.with_seed(seed))).collect();
    assert_eq!(all.len(), 21, "{all:?}");
    let few = plan("- chaos: { rate: 20/s, until: 10s, kinds: [crash, drop] }");
    assert_eq!(kinds(&few), ["crash", "drop"].map(str::to_owned).into());
}

#[test]
fn what_chaos_has_drawn_can_be_read_again_as_it_is() {
    let plan = plan(CHAOS);
    for seed in 0..3 {
        for (_, fault) in starts(&plan.with_seed(seed)) {
            let again = plan.fault(&fault.text, &nobody).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(meaning(&again), meaning(&fault));
        }
    }
}

#[test]
fn chaos_meets_only_whom_it_may() {
    let plan = plan(
        "- chaos: { rate: 50/s, until: 10s, kinds: [crash, pause, isolate, drop], nodes: [db, alice] }",
    );
    for (_, fault) in starts(&plan) {
        let fits = match &fault.kind {
            FaultKind::Node { nodes, .. } => nodes == &[DB] || nodes == &ALICE,
            FaultKind::Cut(_) => fault.text.contains("db") || fault.text.contains("alice"),
            FaultKind::Link(rule) => rule.to.0 == [DB] || rule.from.0 == ALICE,
        };
        assert!(fits, "{}", fault.text);
    }
}
