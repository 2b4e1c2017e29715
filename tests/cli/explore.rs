//! `looplab explore`, `looplab replay` and `looplab diff`.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::bench::{BAD, Bench, GOOD, LONG, Ran, shipped};

/// The examples of the page on searching, in a folder of their own.
fn with_example(name: &str) -> Bench {
    let text = std::fs::read_to_string(shipped(&format!("docs/examples/explore/{name}.yaml")));
    Bench::new(&[("it.yaml", &text.unwrap())])
}

/// The smallest of the examples, searched; its repro is `it.repro-1.yaml`.
fn searched() -> Bench {
    let bench = with_example("stale-price");
    bench.looplab("explore it.yaml --runs 60 --strategy random,pct --repros 1").exits(1);
    bench
}

/// What a repro says under `expected:` after a word.
fn said(bench: &Bench, file: &str, word: &str) -> String {
    let text = bench.read(file);
    let expected = &text[text.find("\nexpected:").unwrap()..];
    let line = expected.lines().find(|line| line.trim_start().starts_with(&format!("{word}:")));
    line.unwrap().split_once(": ").unwrap().1.to_owned()
}

#[test]
fn a_race_is_found_made_small_and_replayed_byte_for_byte() {
    for (name, most, what) in [
        ("stale-price", 14, "step of late"),
        ("lease", 16, "step of worker"),
        ("double-payment", 10, "check 1 (calls)"),
    ] {
        let bench = with_example(name);
        bench.looplab("run it.yaml --quiet").exits(0);
        let ran = bench.looplab("explore it.yaml --runs 60 --repros 1").exits(1);
        let ran = ran.says(&[
            "60 runs, seed 1",
            &format!("1. {what}: "),
            "looplab replay it.repro-1.yaml",
        ]);
        assert!(ran.err.contains("runs a second"), "{}", ran.err);
        let messages: u64 = said(&bench, "it.repro-1.yaml", "messages").parse().unwrap();
        assert!(messages <= most, "{name}: {messages}\n{}", bench.read("it.repro-1.yaml"));
        // Two processes, and one that is none of the search's.
        for _ in 0..2 {
            let replayed = bench.looplab("replay it.repro-1.yaml").exits(0).without_complaint();
            replayed.says(&["replayed: the same as when it was found, byte for byte"]);
        }
        bench.looplab("run it.repro-1.yaml --verify-determinism").exits(1).says(&["✗"]);
        bench.looplab("check it.repro-1.yaml").exits(0);
    }
}

#[test]
fn what_is_found_is_the_same_with_any_number_of_jobs_and_of_shards() {
    let bench = with_example("stale-price");
    let found = |line: &str| {
        let ran = bench.looplab(&format!("explore {line}")).exits(1);
        (ran.out, bench.read("it.repro-1.yaml"))
    };
    let whole = found("it.yaml --runs 90 --jobs 1 --repros 1");
    for jobs in [2, 3] {
        assert_eq!(found(&format!("it.yaml --runs 90 --jobs {jobs} --repros 1")), whole);
    }
    for shard in ["1/4", "2/4", "3/4", "0/4"] {
        let ran = bench.looplab(&format!("explore it.yaml --runs 90 --shard {shard} --out parts"));
        assert!(ran.code < 2, "{}", ran.err);
    }
    for _ in 0..2 {
        assert_eq!(found("--merge parts --repros 1"), whole);
    }
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    let bench = with_example("stale-price");
    let explore = |line: &str| bench.looplab(&format!("explore {line}"));
    explore("it.yaml --runs 8 --shard 1/2 --out a");
    explore("--merge a").exits(2).complains(&["parts are missing: 2/2"]);
    explore("it.yaml --runs 9 --shard 2/2 --out a");
    explore("--merge a").exits(2).complains(&["is a part of another search"]);
    explore("it.yaml --runs 8 --shard 2/2 --out a");
    assert!(explore("--merge a").code < 2);
    let text = bench.read("it.yaml");
    std::fs::write(bench.path("it.yaml"), text.replace("40ms", "41ms")).unwrap();
    explore("--merge a").exits(2).complains(&["is not what these shards were made of"]);
    std::fs::write(bench.path("no.shard-1-of-1.json"), "{}").unwrap();
    explore("--merge no.shard-1-of-1.json").exits(2).complains(&["is not the result of a shard"]);
    explore("--merge .").exits(2);
    explore("--merge nowhere").exits(2).complains(&["cannot read nowhere"]);
    explore("it.yaml --shard 3/2").exits(2).complains(&["there is no part 3 of 2"]);
}

#[test]
fn a_search_that_finds_nothing_says_what_it_covered() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let line = "explore good.yaml --runs 30 --strategy random,pct";
    let ran = bench.looplab(line).exits(0);
    ran.says(&["good: 30 runs, seed 1", "60, 2 a run", "random 15, pct 14", "nothing failed"]);
    bench.looplab(&format!("{line} --expect-failure")).exits(1);
    assert!(!bench.path("good.repro-1.yaml").exists());
    let json = bench.looplab(&format!("{line} --json")).exits(0);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        (json["runs"].as_u64(), json["failures"].as_array().map(Vec::len)),
        (Some(30), Some(0))
    );
}

#[test]
fn a_scenario_that_fails_as_it_is_fails_in_run_0() {
    let bench = Bench::new(&[("bad.yaml", BAD)]);
    let ran = bench.looplab("explore bad.yaml --runs 20 --strategy random --until-found").exits(1);
    ran.says(&[
        "bad: 1 run, seed 1",
        "run 0: the scenario as it is",
        "1. check 1 (calls)",
        "2. step of alice",
    ]);
    bench
        .looplab("explore bad.yaml --runs 2 --check step --repros 0")
        .exits(1)
        .says(&["1. step of alice"]);
    bench
        .looplab("explore bad.yaml --runs 2 --check run,crash")
        .exits(0)
        .says(&["of what was looked for"]);
    for word in ["never", "2", "0", "histroy"] {
        let ran = bench.looplab(&format!("explore bad.yaml --runs 2 --check {word}")).exits(2);
        ran.complains(&["the scenario has no such check; there are 1 (calls), step, run, crash"]);
    }
    bench.looplab("explore bad.yaml --runs 2 --repros 0 --expect-failure").exits(0);
}

#[test]
fn until_found_goes_on_until_something_is_found() {
    let rare = "looplab: 1\nservers: { store: { type: redis } }\nclients:\n  alice:\n    steps:\n\
                \x20     - draw: { n: { int: [1, 1000] } }\n      - redis: store SET n ${n}\n\
                \x20     - redis: store GET n\n        expect: { reply: { not: \"500\" } }\n";
    let bench = Bench::new(&[("rare.yaml", rare)]);
    let line = "explore rare.yaml --strategy random --repros 0";
    bench.looplab(line).exits(0).says(&["rare: 1,000 runs", "nothing failed"]);
    bench.looplab(&format!("{line} --until-found")).exits(1).says(&["rare: 2,502 runs, seed 1"]);
}

#[test]
fn a_check_that_is_expected_to_be_violated_counts_as_violated() {
    let violated = BAD.replace("count: 7 }", "count: 7 }\n    expect: violated");
    let violated = violated.replace("        expect: { status: 404 }\n", "");
    let bench = Bench::new(&[("bad.yaml", &violated)]);
    bench.looplab("run bad.yaml --quiet").exits(0);
    bench.looplab("explore bad.yaml --runs 2 --until-found").exits(1).says(&["1. check 1 (calls)"]);
}

#[test]
fn decisions_decide_and_the_seed_does_not() {
    let bench = searched();
    let repro = bench.read("it.repro-1.yaml");
    for seed in ["seed: 77\n", "seed: 18446744073709551615\n"] {
        std::fs::write(bench.path("seed.yaml"), format!("{seed}{repro}")).unwrap();
        bench.looplab("replay seed.yaml").exits(0).says(&["byte for byte"]);
    }
    // A comment moves every place in the file.
    std::fs::write(bench.path("words.yaml"), format!("# Words.\n\n{repro}")).unwrap();
    bench.looplab("replay words.yaml").exits(0).says(&["byte for byte"]);
}

#[test]
fn a_repro_of_long_ago_still_shows_its_failure() {
    let file = shipped("docs/examples/explore/stale-price.repro-1.yaml");
    let ran = Bench::new(&[]).looplab(&format!("replay {file}")).exits(0);
    ran.says(&["replayed: the same", "SET price:1 1"]);
}

#[test]
fn a_replay_that_differs_says_how() {
    let bench = searched();
    let repro = bench.read("it.repro-1.yaml");
    let digest = said(&bench, "it.repro-1.yaml", "digest");
    let replay = |text: String| {
        std::fs::write(bench.path("other.yaml"), text).unwrap();
        bench.looplab("replay other.yaml")
    };
    let changed = repro.replace(&digest, "\"0000000000000000\"");
    let ran = replay(changed.clone()).exits(0);
    ran.says(&["the same fails (step of late), but not byte for byte", "the file was changed"]);
    let messages = said(&bench, "it.repro-1.yaml", "messages");
    let ran = replay(repro.replace(&format!("messages: {messages}"), "messages: 99")).exits(0);
    ran.says(&[
        "but not byte for byte",
        "it says  99 messages",
        &format!("now      {messages} messages"),
    ]);
    let ran = replay(changed.replace("looplab: 0.1.0", "looplab: 0.0.9")).exits(0);
    ran.says(&["looplab 0.0.9 wrote it, and this is looplab 0.1.0"]);
    let at = repro.find("\nschedule:").unwrap();
    let to = repro.find("\nexpected:").unwrap();
    let calm = format!("{}\nschedule: {{}}\n{}", &repro[..at], &repro[to..]);
    let ran = replay(calm).exits(1);
    ran.says(&["not replayed: step of late is not what fails now", "everything holds"]);
    bench.looplab("replay other.yaml --quiet").exits(1).says(&["not replayed"]);
    assert_eq!(bench.looplab("replay it.repro-1.yaml --quiet").exits(0).out, "");
    let newer = repro.replace("repro: 1", "repro: 2").replace("looplab: 0.1.0", "looplab: 9.1.0");
    let ran = replay(newer).exits(2);
    ran.complains(&[
        "this repro is written in version 2 of the form",
        "replay it with looplab 9.1.0",
    ]);
    bench.looplab("replay it.yaml").exits(2).complains(&["it.yaml is no repro"]);
}

#[test]
fn no_search_writes_over_what_another_one_found() {
    let bench = searched();
    let found = bench.read("it.repro-1.yaml");
    let search = "explore it.yaml --runs 60 --strategy random,pct --repros 1";
    bench.looplab(search).exits(1).says(&["looplab replay it.repro-1.yaml"]);
    assert!(!bench.path("it.repro-2.yaml").exists(), "the same is written once");
    let edited = format!("{found}# to be shown on Monday\n");
    std::fs::write(bench.path("it.repro-1.yaml"), &edited).unwrap();
    bench.looplab(search).exits(1).says(&["looplab replay it.repro-2.yaml"]);
    assert_eq!(bench.read("it.repro-1.yaml"), edited);
    assert_eq!(
        bench.read("it.repro-2.yaml").replace("repro-2", "repro-1"),
        found,
        "the same under another name"
    );
    bench.looplab("replay it.repro-2.yaml").exits(0).says(&["byte for byte"]);
}

#[test]
fn a_replay_up_to_a_message_says_what_is_under_way() {
    let bench = searched();
    let ran = bench.looplab("replay it.repro-1.yaml --until 1 --out part").exits(0);
    let ran = ran.says(&["until message 1, ", "under way  #1 "]);
    assert!(!ran.out.contains("late: redis"), "{}", ran.out);
    let trace = bench.read("part/trace.jsonl");
    assert!(trace.lines().count() > 3);
    bench.looplab("show part --as list").exits(0);
    let last: u64 = said(&bench, "it.repro-1.yaml", "messages").parse().unwrap();
    let line = format!("replay it.repro-1.yaml --until {last}");
    bench.looplab(&line).exits(0).says(&[
        "── #1 ",
        "◄─ #3 ",
        "the last one",
        "nothing is under way",
    ]);
    let line = format!("replay it.repro-1.yaml --until {}", last + 1);
    bench.looplab(&line).exits(2).complains(&["and no number"]);
    bench.looplab("replay it.repro-1.yaml --step").exits(2).complains(&["--step needs a terminal"]);
}

#[test]
fn it_was_lost_when_no_future_holds() {
    let bench = searched();
    let last = said(&bench, "it.repro-1.yaml", "messages");
    let explore = |line: &str| bench.looplab(&format!("explore it.repro-1.yaml {line}"));
    let ran = explore(&format!("--from {last} --runs 40")).exits(1);
    ran.says(&[&format!("of 40 futures from message {last}, 40 fail: it was lost by then")]);
    let first = explore("--from 0 --runs 40 --jobs 1");
    first.says_this("it was not lost yet");
    assert_eq!(explore("--from 0 --runs 40 --jobs 3").out, first.out);
    let ran = explore("--point-of-no-return --runs 40").exits(0);
    ran.says(&["the point of no return is message ", "of 40 futures from message"]);
    let json = explore("--point-of-no-return --runs 40 --json").exits(0);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["futures"]["lost"], true);
    assert_eq!(json["before"]["lost"], false);
    explore("--from 99").exits(2).complains(&["and no number 99"]);
    bench.looplab("explore it.yaml --from 1").exits(2).complains(&["has no `schedule:`"]);
}

#[test]
fn a_search_needs_the_virtual_world_alone() {
    let program = "looplab: 1\nservers:\n  p: { type: process, command: sleep 1 }\n";
    let bench = Bench::new(&[("p.yaml", program)]);
    let ran = bench.looplab("explore p.yaml").exits(2);
    ran.complains(&[
        "p.yaml:3:",
        "the virtual world has no room for a program",
        "a search makes runs",
    ]);
}

#[test]
fn an_interrupt_keeps_and_tells_what_was_found() {
    let bench = with_example("stale-price");
    let line = "explore it.yaml --time 1h --repros 1 --json";
    let mut command = bench.command(line.split(' '));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut complaints = BufReader::new(child.stderr.take().unwrap());
    complaints.read_line(&mut said).unwrap();
    assert!(said.starts_with("searching, "), "{said}");
    while !said.contains(" failed, best: ") {
        assert!(complaints.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["over"], "stopped");
    assert_eq!(json["failures"][0]["repro"]["file"], "it.repro-1.yaml", "{json}");
    bench.looplab("replay it.repro-1.yaml --quiet").exits(0);
}

#[test]
fn two_traces_are_compared_from_their_first_difference() {
    let bench = Bench::new(&[("good.yaml", GOOD), ("bad.yaml", BAD), ("long.yaml", LONG)]);
    for (file, seed, out) in
        [("good", 1, "a"), ("good", 1, "b"), ("good", 2, "c"), ("bad", 1, "d"), ("long", 1, "e")]
    {
        let line = format!("run {file}.yaml --clock virtual --seed {seed} --out {out} --quiet");
        assert!(bench.looplab(&line).code < 2);
    }
    bench.looplab("diff a b").exits(0).without_complaint().says(&["the same: "]);
    let ran = bench.looplab("diff a/trace.jsonl c").exits(1);
    ran.says(&["good, virtual clock, seed 1", "good, virtual clock, seed 2", " ~ "]);
    let ran = bench.looplab("diff a d --lines 2 --color never").exits(1);
    ran.says(&["the scenarios are not the same text", "more events; --lines shows more"]);
    bench.looplab("diff a nowhere").exits(2).complains(&["nowhere"]);
    bench.looplab("diff a good.yaml").exits(2).complains(&["this is not a looplab trace"]);
    bench.looplab("diff a b --lines 0").exits(2);
}

trait Says {
    fn says_this(&self, text: &str);
}

impl Says for Ran {
    fn says_this(&self, text: &str) {
        assert!(self.out.contains(text), "{text}\n{}", self.out);
    }
}
