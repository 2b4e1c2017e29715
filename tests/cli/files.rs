//! Scenarios as files: `check` and `new`, and what is wrong with either.

use super::bench::{BAD, Bench, GOOD, shipped};

const WRONG: &str = "looplab: 1\nsevers: {}\nclients:\n  alice:\n    steps:\n      - get: apj/x\n";

#[test]
fn check_tells_what_is_in_a_scenario_and_runs_nothing() {
    let bench = Bench::new(&[("good.yaml", GOOD), ("bad.yaml", BAD)]);
    let ran = bench.looplab("check good.yaml bad.yaml").exits(0).without_complaint();
    assert_eq!(
        ran.out,
        "ok good.yaml: 1 server, 1 client, 1 check\nok bad.yaml: 1 server, 1 client, 1 check\n"
    );
    assert!(!bench.path("runs").exists());
}

#[test]
fn check_tells_all_that_is_wrong_at_its_place() {
    let bench = Bench::new(&[("good.yaml", GOOD), ("wrong.yaml", WRONG)]);
    let ran = bench.looplab("check wrong.yaml good.yaml").exits(2);
    let ran = ran.complains(&["wrong.yaml:2:1", "did you mean `servers`?", "in wrong.yaml"]);
    ran.says(&["ok good.yaml"]);
}

#[test]
fn a_file_that_is_not_there_is_exit_code_2() {
    let bench = Bench::new(&[]);
    for command in
        ["check none.yaml", "run none.yaml", "up none.yaml", "show none", "export none --to svg"]
    {
        bench.looplab(command).exits(2).complains(&["error: cannot read none", "no such file"]);
    }
    bench.looplab("check .").exits(2).complains(&["is a directory"]);
}

#[test]
fn every_shipped_scenario_passes_check() {
    let bench = Bench::new(&[]);
    let folder = std::fs::read_dir(shipped("scenarios")).unwrap();
    let files = folder.map(|entry| entry.unwrap().path().display().to_string());
    let files: Vec<String> = files.filter(|file| file.ends_with(".yaml")).collect();
    bench.looplab(&format!("check {}", files.join(" "))).exits(0).without_complaint();
}

#[test]
fn a_new_scenario_passes_check_and_holds_in_both_worlds() {
    let bench = Bench::new(&[]);
    bench.looplab("new hello").exits(0).says(&["wrote hello.yaml", "looplab run hello.yaml"]);
    bench.looplab("check hello.yaml").exits(0);
    for world in ["real", "virtual"] {
        bench.looplab(&format!("run hello.yaml --clock {world}")).exits(0).says(&["all holds"]);
    }
}

#[test]
fn new_overwrites_nothing_and_takes_no_odd_names() {
    let bench = Bench::new(&[("mine.yaml", "precious")]);
    bench.looplab("new mine").exits(2).complains(&["cannot write mine.yaml", "file exists"]);
    bench.looplab("new mine.yaml").exits(2);
    assert_eq!(bench.read("mine.yaml"), "precious");
    bench.looplab("new deep/down/here").exits(0);
    assert!(bench.read("deep/down/here.yaml").contains("name: here"));
    for odd in ["a.b", "a:b", ".", "/"] {
        bench.looplab(&format!("new {odd}")).exits(2).complains(&["not a name"]);
    }
}
