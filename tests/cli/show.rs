//! `looplab show` and `looplab export`.

use super::bench::{BAD, Bench, GOOD, shipped};

/// A folder with the trace of a scenario.
fn traced(scenario: &str) -> Bench {
    let bench = Bench::new(&[("it.yaml", scenario)]);
    let ran = bench.looplab("run it.yaml --clock virtual --seed 7 --out run");
    assert!(ran.code < 2, "{}", ran.err);
    bench
}

#[test]
fn a_stored_trace_is_drawn_as_the_run_was() {
    for scenario in [GOOD, BAD] {
        let bench = Bench::new(&[("it.yaml", scenario)]);
        let ran = bench.looplab("run it.yaml --clock virtual --out run");
        let shown = bench.looplab("show run").exits(0).without_complaint();
        let picture = |text: &str| {
            let from = text.find("            alice").unwrap();
            text[from..text.find("  trace ").unwrap_or(text.len())].to_owned()
        };
        assert_eq!(picture(&ran.out), picture(&shown.out));
        assert_eq!(shown.out, bench.looplab("show run/trace.jsonl").exits(0).out);
    }
}

#[test]
fn a_list_has_everything_and_a_summary_the_figures() {
    let bench = traced(GOOD);
    let list = bench.looplab("show run --as list").exits(0).says(&[
        "listens at 127.0.0.1:",
        "c1   alice → greeter",
        "connect from :",
        "accepts c1",
        "c1   alice ← greeter",
        r#"200 OK {"msg":"hi"}"#,
        "✓ get greeter/hello",
        "✓ calls: 1 call to greeter",
        "✓ end: ok",
    ]);
    assert!(!list.out.contains("messages,"), "{}", list.out);
    let summary = bench.looplab("show run --as summary").exits(0);
    assert!(!summary.out.contains("GET /hello"), "{}", summary.out);
    summary.says(&["2 messages", "virtual clock, seed 7", "alice → greeter", "all holds"]);
}

#[test]
fn messages_have_their_numbers_on_request() {
    let bench = traced(GOOD);
    let plain = bench.looplab("show run").exits(0);
    assert!(!plain.out.contains("─ #1 "), "{}", plain.out);
    let numbered = bench.looplab("show run --numbers").exits(0).says(&["── #1 ", "◄─ #2 "]);
    assert_eq!(numbered.out.matches("─ #1 ").count(), 1, "{}", numbered.out);
    bench.looplab("show run --numbers --as list").exits(0).says(&[" #1 ", " #2 "]);
}

#[test]
fn a_choice_shows_what_was_asked_for() {
    let bench = Bench::new(&[]);
    let file = shipped("scenarios/07-retries.yaml");
    bench.looplab(&format!("run {file} --clock virtual --out run")).exits(0);
    let all = bench.looplab("show run").exits(0).out;
    assert!(all.contains("counter") && all.contains("register"));
    let node = bench.looplab("show run --node register").exits(0).out;
    assert!(node.contains("PUT /value") && !node.contains("POST /increment"), "{node}");
    assert!(!node.contains("counter"), "who takes no part has no lifeline:\n{node}");
    let link = bench.looplab("show run --link alice->counter --as list").exits(0).out;
    assert!(link.contains("POST /increment") && !link.contains("/value {"), "{link}");
    let grep = bench.looplab("show run --grep increment --as list").exits(0).out;
    assert_eq!(grep.lines().filter(|line| line.contains("alice → counter")).count(), 2, "{grep}");
    let early = bench.looplab("show run --to 100ms --as list").exits(0).out;
    let posts = early.lines().filter(|line| line.contains("→ counter") && line.contains("POST"));
    assert_eq!(posts.count(), 1, "{early}");
    let late = bench.looplab("show run --from 100ms --as list").exits(0).out;
    assert!(!late.contains("listens") && late.contains("200 OK"), "{late}");
    let none = bench.looplab("show run --grep nowhere-to-be-found").exits(0).out;
    assert_eq!(none, "");
}

#[test]
fn names_that_are_not_there_are_mistakes() {
    let bench = traced(GOOD);
    let ran = bench.looplab("show run --node greter").exits(2);
    ran.complains(&["no node called `greter`", "did you mean `greeter`?"]);
    bench
        .looplab("show run --link alice->nobody")
        .exits(2)
        .complains(&["its nodes are greeter, alice"]);
    bench.looplab("show run --node outside").exits(0);
}

#[test]
fn what_is_not_a_trace_is_told() {
    let bench = Bench::new(&[("it.yaml", GOOD), ("empty", "")]);
    for file in ["it.yaml", "empty"] {
        for command in ["show", "export --to svg"] {
            bench
                .looplab(&format!("{command} {file}"))
                .exits(2)
                .complains(&["not a looplab trace"]);
        }
    }
}

#[test]
fn a_trace_that_was_cut_short_is_shown_up_to_its_last_whole_line() {
    let bench = traced(GOOD);
    let whole = bench.read("run/trace.jsonl");
    let cut = whole.find("\"event\":\"step\"").unwrap();
    std::fs::write(bench.path("cut.jsonl"), &whole[..cut]).unwrap();
    let ran = bench.looplab("show cut.jsonl").exits(0).without_complaint();
    ran.says(&["200 OK", "cut short", "the last line has no end"]);
    std::fs::write(bench.path("bad.jsonl"), format!("{}nonsense\n", &whole[..cut])).unwrap();
    bench
        .looplab("show bad.jsonl --as list")
        .exits(2)
        .complains(&["is not an event"])
        .says(&["200 OK"]);
}

#[test]
fn nobody_needs_to_read_to_the_end() {
    let bench = traced(GOOD);
    for command in ["show run", "show run --as list", "export run --to json", "schema", "--help"] {
        let (code, complaint) = bench.spawn(command).stop_reading().end();
        assert_eq!((code, complaint.as_str()), (0, ""), "{command}");
    }
}

#[test]
fn a_trace_is_exported_to_documents() {
    let bench = traced(GOOD);
    bench.looplab("export run --to mermaid").exits(0).says(&["sequenceDiagram", "GET /hello"]);
    bench.looplab("export run --to svg").exits(0).says(&["<svg", "GET /hello"]);
    let json = bench.looplab("export run --to json").exits(0).without_complaint().out;
    serde_json::from_str::<serde_json::Value>(&json).unwrap();
    let ran = bench.looplab("export run --to json -o run.json").exits(0);
    assert_eq!((ran.out.as_str(), bench.read("run.json")), ("", json));
    bench
        .looplab("export run --to svg -o no/such/folder.svg")
        .exits(2)
        .complains(&["cannot write"]);
}
