//! What the plan must not refuse: scenarios near to its errors that are right.

use std::time::Duration;

use looplab::base::Distribution;
use looplab::plan::{Overrides, Plan};
use looplab::scenario::model::{Scenario, World};

fn plan(text: &str) -> Plan {
    let scenario = Scenario::parse("x.yaml", text.as_bytes(), None);
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}\n{text}"));
    Plan::new(scenario, Overrides::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A scenario with a server `app`, a raw server `echo` and these clients and flows.
fn with_clients(clients: &str) -> Plan {
    let head = "looplab: 1\nservers:\n  app: { type: http }\n  echo: { type: echo }\n";
    plan(&format!("{head}{clients}"))
}

/// A scenario with these servers.
fn with_servers(servers: &str) -> Plan {
    plan(&format!("looplab: 1\nservers:\n{servers}"))
}

#[test]
fn clients_may_wait_for_each_other_in_turns() {
    with_clients(
        "clients:
  ann:
    steps:
      - { get: app/1, name: first }
      - { get: app/3, name: third, after: bob.second }
  bob:
    steps:
      - { get: app/2, name: second, after: ann.first }
      - { get: app/4, after: ann }
",
    );
}

#[test]
fn a_client_with_a_count_may_wait_for_its_own_earlier_step_as_a_barrier() {
    with_clients(
        "clients:
  crowd:
    count: 5
    steps:
      - { get: app, name: arrived }
      - { get: app, after: crowd.arrived }
",
    );
}

#[test]
fn branches_of_a_parallel_step_may_wait_for_each_other() {
    with_clients(
        "clients:
  ann:
    steps:
      - parallel:
          - [{ get: app, name: left, after: ann.right }]
          - [{ get: app, name: right }]
",
    );
}

#[test]
fn a_step_inside_of_a_repetition_or_a_flow_can_be_waited_for() {
    with_clients(
        "flows:
  sign_in:
    - { post: app/login, name: signed_in, capture: { token: $.token } }
clients:
  ann:
    steps:
      - repeat: 3
        steps:
          - { use: sign_in }
          - { get: \"app/me?token=${token}\", name: seen }
  bob:
    after: [ann.signed_in, ann.seen]
    steps: [{ get: app }]
",
    );
}

#[test]
fn what_a_flow_or_a_branch_sets_is_known_afterwards() {
    with_clients(
        "vars: { base: items }
flows:
  make:
    - { post: \"app/${base}/${name}\", capture: { id: $.id } }
  open:
    - { connect: echo, as: raw }
clients:
  ann:
    vars: { me: \"${client}-${index}\" }
    steps:
      - { use: make, with: { name: nail } }
      - parallel:
          - [{ set: { a: 1 } }]
          - [{ set: { b: 2 } }, { use: open }]
      - { log: \"${id} ${a} ${b} ${me} ${app.url} ${id.part} $${x}\" }
      - { send: hello, on: raw }
      - { expect: { vars.a: 1, vars.id.part: { exists: false } } }
      - for_each: { color: [red] }
        steps: [{ log: \"${color} ${iteration}\" }]
",
    );
}

#[test]
fn a_load_knows_its_iteration_and_runs_flows_of_its_mix() {
    with_clients(
        "flows:
  browse: [{ get: \"app/${iteration}\" }]
clients:
  crowd: { load: { users: 2, iterations: 3, mix: { browse: 1 } } }
",
    );
}

#[test]
fn proxies_that_come_to_an_end_are_no_circle() {
    with_servers(
        "  gateway:
    type: http
    routes:
      - { on: GET /health, respond: {} }
      - { on: \"* /api/{rest...}\", proxy_to: api, path: \"/${params.rest}\" }
  api:
    type: http
    routes:
      - { on: \"* /api/{rest...}\", proxy_to: gateway, path: \"/${params.rest}\" }
      - { on: GET /ready, proxy_to: gateway, path: /health }
      - { on: GET /again, when: { headers.x-tried: { exists: false } }, proxy_to: api }
      - { on: POST /x, proxy_to: gateway, path: /y }
      - { on: GET /api, proxy_to: gateway, path: /api/x }
",
    );
}

#[test]
fn routes_know_their_request_their_state_and_the_scenario() {
    plan(
        "looplab: 1
vars: { greeting: hi }
servers:
  db: { type: redis, data: { k: \"${greeting}\", n: 1, h: { f: 1.5 }, l: [a, 2] } }
  app:
    type: http
    state: { hits: 0, start: \"${greeting}\" }
    routes:
      - on: \"* /{a}/{rest...}\"
        when: { vars.hits: { lt: 5 }, params.a: \"${greeting}\", query.q: x, method: GET }
        add: { hits: 1 }
        set: { start: \"${params.rest}\" }
        respond:
          headers: { x: \"${headers.host} ${method} ${path}\" }
          text: \"${query.q} ${body} ${$.a[0]} ${json.b} ${hits} ${vars.hits} ${db.address}\"
      - on: GET /files/*
        redis:
          call: db GET ${params.rest}
          respond: { text: \"${reply}\" }
",
    );
}

#[test]
fn scenarios_with_windows_line_ends_or_a_byte_order_mark_are_read() {
    let text = "\u{feff}looplab: 1\r\nabout: |\r\n  two\r\n  lines\r\nservers:\r\n  app: { type: http }\r\n";
    let plan = plan(text);
    assert_eq!(plan.about.as_deref(), Some("two\nlines\n"));
}

#[test]
fn anchors_and_aliases_share_steps() {
    let plan = with_clients(
        "clients:
  ann:
    steps: &steps
      - { get: app, name: once }
  bob:
    steps: *steps
",
    );
    assert_eq!(plan.clients[1].steps.len(), 1);
}

#[test]
fn the_last_link_that_fits_counts_and_the_command_line_goes_over_the_file() {
    let text = "looplab: 1
clock: real
seed: 5
servers:
  app: { type: http }
  db: { type: redis }
links:
  - { latency: 1ms }
  - { from: [bob, app], latency: 2ms }
  - { from: app, to: db, latency: 3ms }
  - { to: db }
clients:
  ann: { steps: [{ get: app }] }
  bob: { count: 2, steps: [{ get: app }] }
";
    let plan = plan(text);
    let id = |name: &str| plan.nodes_named(name)[0];
    let latency = |from: &str, to: &str| plan.latency(id(from), id(to));
    let ms = |n| Distribution::Constant(Duration::from_millis(n));
    assert_eq!(latency("ann", "app"), ms(1));
    assert_eq!(latency("bob.2", "app"), ms(2));
    assert_eq!(latency("app", "db"), ms(3));
    let scenario = Scenario::parse("x.yaml", text.as_bytes(), None).unwrap();
    let over = Overrides { clock: Some(World::Virtual), seed: Some(9), ..Overrides::default() };
    let plan = Plan::new(scenario, over).unwrap();
    assert_eq!((plan.clock, plan.seed), (World::Virtual, 9));
}

#[test]
fn variables_may_use_those_before_them_and_addresses() {
    let plan = plan(
        "looplab: 1
vars: { a: [1], b: \"${a}\", c: \"${a}-${app.port}\" }
servers:
  app: { type: http }
",
    );
    let addresses = |name: &str| (name == "app.port").then(|| 80.into());
    let values = plan.variables(&addresses).unwrap();
    assert_eq!(
        (values["b"].to_string(), values["c"].to_string()),
        ("[1]".into(), "\"[1]-80\"".into())
    );
}
