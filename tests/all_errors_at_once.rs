//! All errors of a file are told at once, and none that is only the consequence of another: a right
//! scenario is broken in one place after the other, and nothing but that place may be complained of.

use looplab::base::{Diagnostic, Diagnostics};
use looplab::plan::{Overrides, Plan};
use looplab::scenario::model::Scenario;

const EVERYTHING: &str = include_str!("language/everything.yaml");

/// A scenario in which much depends on something that stands elsewhere.
const ENTANGLED: &str = r#"looplab: 1
vars: { item: 42, path: "items/${item}" }
servers:
  app:
    type: http
    state: { hits: 0 }
    routes:
      - { on: "GET /{id}", add: { hits: 1 }, respond: { text: "${hits} ${params.id} ${path}" } }
      - { on: "* /db", redis: { call: "db GET ${item}", respond: { text: "${reply}" } } }
      - { on: "* /api/{rest...}", proxy_to: api }
  api: { type: http, port: 8080 }
  db: { type: redis, port: 8081 }
  echo: { type: echo }
links:
  - { from: [alice, app], to: db, latency: 5ms }
flows:
  login:
    - post: app/token
      name: logged-in
      capture: { token: $.token }
    - connect: echo
      as: raw
  shop:
    - use: login
    - get: app/${token}
clients:
  alice:
    vars: { mine: "${app.url}" }
    steps:
      - put: app/${path}
        name: wrote
        capture: { q: $.qty }
      - set: { sum: "${q}" }
      - use: shop
      - send: "${token} ${mine}"
        on: raw
      - for_each: { color: [red, green] }
        steps:
          - log: "${color} ${iteration} ${sum}"
  bob:
    count: 2
    after: alice.wrote
    steps:
      - use: login
        after: alice.logged-in
      - redis: db SET ${item} ${token} ${db.port}
      - expect: { vars.token: { exists: true } }
  carol:
    after: [bob.logged-in, alice]
    load: { users: 2, iterations: 3, mix: { shop: 1, login: 2 } }
checks:
  - calls: { from: alice, to: app, count: "${item}" }
  - never: { client: bob, to: db }
"#;

/// What a value is replaced with: things that some words of the language take and others do not.
const VALUES: [&str; 5] = ["5", "{}", "\"${\"", "[[x]]", "*nothing"];

/// What a key is replaced with: a misspelling, and a word that is like none.
const KEYS: [fn(&str) -> String; 2] = [|key| format!("{key}x"), |_| "qqqq".to_owned()];

/// `text` with one key that is another.
fn with_other_keys(text: &str) -> Vec<String> {
    let keys = text.match_indices(':').map(|(end, _)| {
        let start = text[..end].rfind([' ', '\n', '{']).map_or(0, |before| before + 1);
        (start, end)
    });
    let change = |(start, end): (usize, usize)| {
        KEYS.map(|other| format!("{}{}{}", &text[..start], other(&text[start..end]), &text[end..]))
    };
    keys.flat_map(change).collect()
}

/// `text` with one value that is another.
fn with_other_values(text: &str) -> Vec<String> {
    let change = |(at, _)| {
        let value: &str = &text[at..];
        let rest = value.find([',', '}', ']', '\n']).map_or("", |end| &value[end..]);
        VALUES.map(|other| format!("{}: {other}{rest}", &text[..at]))
    };
    text.match_indices(": ").flat_map(change).collect()
}

/// `text` with one entry that means nothing behind another one, or one that is there twice.
fn with_more_entries(text: &str, added: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        let indent = line.len() - line.trim_start_matches([' ', '-']).len();
        for entry in added.iter().copied().chain([&line[indent..]]) {
            let entry = format!("{}{}\n", " ".repeat(indent), entry.trim_end());
            out.push(format!("{}{entry}{}", &text[..end], &text[end..]));
        }
    }
    out
}

fn scenario_of(text: &str) -> Result<Scenario, Diagnostics> {
    Scenario::parse("x.yaml", text.as_bytes(), None)
}

fn plan_of(text: &str) -> Result<Plan, Diagnostics> {
    Plan::parse("x.yaml", text.as_bytes(), None, Overrides::default())
}

#[test]
fn a_mistake_of_form_brings_along_no_other() {
    let mut refused = 0;
    for text in [EVERYTHING, ENTANGLED] {
        plan_of(text).unwrap_or_else(|wrong| panic!("{wrong}"));
        let added = ["qqqq: 1", "<<: { qqqq: 1 }", "[qqqq]: 1"];
        let broken =
            [with_other_keys(text), with_other_values(text), with_more_entries(text, &added)];
        for text in broken.into_iter().flatten() {
            let Err(alone) = scenario_of(&text) else { continue };
            let all = plan_of(&text).expect_err("it is not even a scenario");
            let new = |error: &&Diagnostic| !alone.found.contains(error);
            let brought: Vec<&str> =
                all.found.iter().filter(new).map(|error| error.message.as_str()).collect();
            assert!(brought.is_empty(), "{alone}brought along {brought:?}\n{text}");
            refused += 1;
        }
    }
    assert!(refused > 1_500, "only {refused} broken scenarios");
}

#[test]
fn an_unknown_key_hides_no_unknown_name_in_any_other_place() {
    const WRONG: &str =
        "\nclients:\n  zoe: { after: nobody, steps: [{ get: none/x }, { use: no }] }\n";
    let mut refused = 0;
    for text in [EVERYTHING, ENTANGLED] {
        let text = text.replacen("\nclients:\n", WRONG, 1);
        for text in with_more_entries(&text, &["qqqq: 1"]) {
            let Err(alone) = scenario_of(&text) else { continue };
            if !alone.found.iter().any(|error| error.message.starts_with("unknown key `qqqq`")) {
                continue;
            }
            let all = plan_of(&text).expect_err("it is not even a scenario");
            for what in
                ["client is called `nobody`", "server is called `none`", "flow is called `no`"]
            {
                assert!(all.found.iter().any(|error| error.message.contains(what)), "{all}{text}");
            }
            refused += 1;
        }
    }
    assert!(refused > 50, "only {refused} broken scenarios");
}
