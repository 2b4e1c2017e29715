//! The scenario language as a library user meets it: texts in, typed scenarios or errors out.

use std::time::Duration;

use looplab::scenario::model::{
    Action, Body, CheckKind, LoadKind, OpValue, RouteAction, Scenario, ServerKind, Setting, World,
};

/// Every word of the language in one file.
const EVERYTHING: &str = r##"
looplab: 1
name: everything
about: |
  Every word once.
clock: virtual
seed: 7
timeout: 30s
vars: { item: 42, pause: 20ms }
trace: { bytes: 64KiB }
servers:
  db: { type: redis, data: { "item:42": 10, tags: [a, b], user: { name: Ann } }, password: s3cret }
  echo: { type: echo, mode: line, delay: 5ms, bug: one_read, serial: true, port: 7777, connections: 5 }
  nobody: { type: closed }
  hole: { type: silent, about: never answers }
  app:
    type: http
    serial: true
    state: { hits: 0 }
    routes:
      - on: GET /items/{id}
        when: { query.full: "1", headers.X-Key: { exists: true }, "$.a[0]['b c']": 5 }
        delay: { dist: uniform, min: 1ms, max: 2ms }
        set: { last: "${params.id}" }
        add: { hits: 1 }
        respond: { status: 201, headers: { x-id: "${params.id}", set-cookie: [a=1, b=2] }, json: { hits: "${hits}" } }
      - on: GET /flaky
        sequence:
          - { times: 2, respond: { status: 503, then: close } }
          - respond: { hex: "00 ff", content_length: 5 }
      - { on: "* /items", collection: items, data: [{ id: 1 }] }
      - { on: "* /api/{rest...}", proxy_to: app, path: "/${params.rest}", timeout: 1s }
links:
  - { from: "*", to: app, latency: 5ms }
  - from: [alice, app]
    to: db
    latency: { dist: lognormal, median: 2ms, sigma: 0.4 }
flows:
  browse:
    - get: app
clients:
  alice:
    timeout: 2s
    vars: { mine: "${item}" }
    steps:
      - put: app/items/${item}?x=1
        name: wrote
        query: { full: 1 }
        headers: { x-key: k }
        json: { qty: 9 }
        timeout: 500ms
        op: { f: write, key: "${item}", value: 9 }
        expect: { status: 200, took: { lt: 1.5ms } }
        capture: { q: $.qty }
      - get: app/items/${item}
        retry: { every: 100ms, for: 3s, backoff: 2, jitter: true }
        op: { f: read, value: $.qty }
        expect: { status: { in: [200, 304] }, $.qty: "${q}" }
      - redis: db SET item:${item} "two words"
      - redis: [db, GET, "item:${item}"]
        expect: { reply: { type: string, length: 9, matches: "^two" } }
      - connect: echo
        as: raw
      - send: { hex: "68 0a" }
        on: raw
      - send: hello
        on: raw
      - receive: { until: "\r\n" }
        on: raw
      - receive: line
        on: raw
        expect: { text: "h\n" }
      - close: true
        on: raw
      - wait: ${pause}
      - repeat: 3
        steps:
          - log: round ${iteration}
      - for_each: { color: [red, green] }
        steps:
          - set: { c: "${color}" }
      - parallel:
          - [{ get: app }]
          - [{ wait: 1ms }, { use: browse, with: { a: 1 } }]
      - expect: { vars.q: 9 }
  bob:
    count: 3
    after: [alice.wrote, alice]
    load: { rate: 500/s, for: 10s, arrivals: even, in_flight: 10, mix: { browse: 1 } }
  carol:
    load: { users: 10, iterations: 5, think: { dist: exponential, mean: 1ms } }
    steps:
      - get: app
checks:
  - calls: { from: alice, to: db, match: "SET *", count: { lte: 1 } }
    expect: violated
  - latency: { client: alice, p95: { lt: 250ms }, max: { lt: 1s } }
  - never: { from: alice, status: { gte: 500 } }
"##;

fn everything() -> Scenario {
    Scenario::parse("dir/all.yaml", EVERYTHING.as_bytes(), None).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn every_word_of_the_language_is_read_into_its_type() {
    let scenario = everything();
    assert_eq!(scenario.name, "everything");
    assert_eq!(scenario.clock, Some(World::Virtual));
    assert_eq!(scenario.trace.bytes_max, 65536);
    assert_eq!(scenario.servers.len(), 5);
    let ServerKind::Http(http) = &scenario.servers[4].kind else { panic!("not http") };
    assert_eq!(http.routes.len(), 4);
    let RouteAction::Respond(respond) = &http.routes[0].action else { panic!("not respond") };
    assert_eq!((respond.status, respond.headers.len()), (201, 3));
    assert!(matches!(&http.routes[3].action, RouteAction::Proxy(proxy)
        if proxy.timeout == Duration::from_secs(1)));
    assert!(scenario.links[0].from.is_empty());
    assert_eq!(scenario.links[1].from.len(), 2);
    assert!(matches!(scenario.checks[1].kind, CheckKind::Latency { ref bounds, .. }
        if bounds.len() == 2));
    assert!(scenario.checks[0].violated);
}

#[test]
fn steps_are_read_with_all_that_stands_beside_them() {
    let scenario = everything();
    let steps = &scenario.clients[0].steps;
    let Action::Http(put) = &steps[0].action else { panic!("not http") };
    assert_eq!((put.method, put.server.value.as_str()), ("PUT", "app"));
    assert!(matches!(put.body, Body::Json(_)));
    let scope = |name: &str| (name == "item").then(|| 42.into());
    assert_eq!(put.path.resolve_string(&scope).unwrap(), "/items/42?x=1");
    assert_eq!(steps[0].timeout, Some(Setting::Fixed(Duration::from_millis(500))));
    assert!(matches!(steps[0].op.as_ref().unwrap().value, Some(OpValue::Given(_))));
    assert!(matches!(steps[1].op.as_ref().unwrap().value, Some(OpValue::Result(_))));
    let Action::Redis(set) = &steps[2].action else { panic!("not redis") };
    let words: Vec<_> = set.words.iter().map(|word| word.resolve_string(&scope).unwrap()).collect();
    assert_eq!(words, ["SET", "item:42", "two words"]);
    assert!(matches!(steps[10].action, Action::Wait(Setting::Text(_))));
    assert!(matches!(
        scenario.clients[1].load.as_ref().unwrap().kind,
        LoadKind::Open { poisson: false, in_flight_max: 10, .. }
    ));
}

#[test]
fn places_are_exact_in_a_text_with_wide_characters() {
    let text = "# ü\nlooplab: 1\nabout: 'é ü'\nclients:\n  ann:\n    steps: [{ get: \"äpp/é${x}/${y}\" }]\n";
    let error = Scenario::parse("x.yaml", text.as_bytes(), None).unwrap_err();
    let [found] = error.found.as_slice() else { panic!("{error}") };
    let span = found.span.unwrap();
    assert_eq!(&text[span.start as usize..span.end as usize], "äpp");
}
