//! The scenario language as a library user meets it: texts in, typed scenarios or errors out.

use std::time::Duration;

use looplab::plan::{Overrides, Plan};
use looplab::scenario::ReadError;
use looplab::scenario::model::{
    Action, Body, CheckKind, LoadKind, OpValue, RouteAction, Scenario, ServerKind, Setting, World,
};

/// Every word of the language in one file.
const EVERYTHING: &str = include_str!("language/everything.yaml");

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

#[test]
fn the_reference_of_the_book_is_the_one_that_the_program_writes() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenario-reference.md");
    let written = looplab::scenario::reference();
    let update = std::env::var_os("LOOPLAB_UPDATE").is_some() && std::env::var_os("CI").is_none();
    if update {
        std::fs::write(&path, &written).expect("the reference");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == written, "docs/scenario-reference.md differs: LOOPLAB_UPDATE=1 writes it anew");
}

#[test]
fn the_whole_language_makes_a_plan() {
    let plan = Plan::new(everything(), Overrides::default()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(plan.nodes.len(), 5 + 1 + 3 + 1);
    assert_eq!(plan.nodes_named("bob").len(), 3);
    assert_eq!(plan.node_name(plan.nodes_named("bob.2")[0]), "bob.2");
    assert_eq!(plan.server_named("bob"), None);
    let addresses = |_: &str| None;
    assert_eq!(plan.variables(&addresses).unwrap()["item"], 42);
}

#[test]
fn a_file_of_any_size_is_refused_after_its_first_mebibyte() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(100 * 1024 * 1024 * 1024).unwrap();
    let Err(ReadError::Wrong(error)) = Scenario::read(file.path()) else { panic!("accepted") };
    assert_eq!(error.found[0].message, "the scenario is larger than 1 MiB");
}

#[test]
fn a_file_that_is_not_there_is_told_apart_from_one_that_is_wrong() {
    let error = Scenario::read(std::path::Path::new("/nowhere/x.yaml")).unwrap_err();
    assert!(matches!(error, ReadError::Io { .. }), "{error}");
}

#[test]
fn depth_in_any_form_ends_in_an_error() {
    for (open, count) in [("[", 100_000), ("{a: ", 100_000), ("- ", 100_000), ("? ", 100_000)] {
        let text = format!("looplab: 1\nvars:\n  x: {}", open.repeat(count));
        assert!(Scenario::parse("x.yaml", text.as_bytes(), None).is_err(), "{open}");
        let text = open.repeat(count);
        assert!(Scenario::parse("x.yaml", text.as_bytes(), None).is_err(), "{open}");
    }
    let block: String =
        (0..5_000).map(|depth| format!("{}a:\n", " ".repeat(depth % 200))).collect();
    assert!(Scenario::parse("x.yaml", block.as_bytes(), None).is_err());
    let anchored: String = (1..200).fold("a0: &a0 1\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [[[[*a{}]]]]\n", n - 1)
    });
    let error = Scenario::parse("x.yaml", anchored.as_bytes(), None).unwrap_err();
    assert!(error.to_string().contains("nested more than 64 deep"), "{error}");
}

#[test]
fn a_text_that_aliases_repeat_counts_each_time() {
    let long = "x".repeat(500_000);
    let aliases = "*a, ".repeat(20);
    let text = format!("looplab: 1\nvars: {{ a: &a {long}, b: [{aliases}] }}\n");
    let error = Scenario::parse("x.yaml", text.as_bytes(), None).unwrap_err();
    assert!(error.to_string().contains("more than 4 MiB of text"), "{error}");
}

#[test]
fn a_flow_that_doubles_at_every_level_is_counted_and_not_followed() {
    let flows: String = (1..32)
        .map(|n| format!("  f{n}:\n    - use: f{}\n    - use: f{}\n", n - 1, n - 1))
        .collect();
    let text = format!(
        "looplab: 1\nflows:\n  f0:\n    - wait: 1ms\n{flows}clients:\n  a:\n    steps:\n      - use: f31\n"
    );
    let scenario = Scenario::parse("x.yaml", text.as_bytes(), None).unwrap();
    let error = Plan::new(scenario, Overrides::default()).unwrap_err();
    assert!(error.to_string().contains("more than 200,000 steps"), "{error}");
}

#[test]
fn bodies_come_from_files_beside_the_scenario_and_links_out_of_it_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(folder.path().join("in.txt"), "inside").unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("out.txt")).unwrap();
    let read = |name: &str| {
        let text = format!(
            "looplab: 1\nservers:\n  app:\n    type: http\n    routes:\n      - {{ on: GET /, respond: {{ file: {name} }} }}\n"
        );
        Scenario::parse("x.yaml", text.as_bytes(), Some(folder.path()))
    };
    let scenario = read("in.txt").unwrap();
    let ServerKind::Http(http) = &scenario.servers[0].kind else { panic!("not http") };
    let RouteAction::Respond(respond) = &http.routes[0].action else { panic!("not respond") };
    assert!(matches!(&respond.body, Body::Bytes(bytes) if bytes == "inside"));
    let error = read("out.txt").unwrap_err();
    assert!(error.to_string().contains("outside of the scenario's folder"), "{error}");
}
