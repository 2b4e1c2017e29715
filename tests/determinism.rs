//! Virtual runs are the same every time: every scenario that is shipped, and many seeds of three of them.
#![allow(
    clippy::unwrap_used,
    reason = "what goes wrong with the bench fails the test, as it should"
)]

#[path = "cli/bench.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod bench;
mod common;

use std::path::Path;

use bench::Bench;
use common::{files, plan, run_plan, scenarios};
use looplab::scenario::model::World;

/// How many seeds of each are run twice.
const SEEDS: u64 = 200;

/// Many clients at once, faults on messages and on nodes, retries with draws of their own, servers in Lua.
const DRAWN: [&str; 3] = ["07-retries", "13-broadcast", "protocols/raft"];

#[test]
fn every_scenario_runs_twice_alike() {
    let bench = Bench::new(&[]);
    let others =
        [files("docs/examples/faults", "yaml"), files("scenarios/protocols", "yaml")].concat();
    for file in scenarios().into_iter().chain(others) {
        let file = file.display();
        let line = format!("run {file} --clock virtual --verify-determinism --out out");
        bench.looplab(&line).exits(0).says(&["verified  a second run has the same trace"]);
    }
}

#[test]
fn two_hundred_seeds_of_three_scenarios_run_twice_alike() {
    for name in DRAWN {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.yaml"));
        for seed in 1..=SEEDS {
            let [first, second] =
                [(); 2].map(|()| run_plan(plan(&file, World::Virtual, seed)).trace);
            assert!(first == second, "{name} with seed {seed}");
        }
    }
}

#[test]
fn the_real_world_has_nothing_to_verify() {
    let bench = Bench::new(&[("a.yaml", "looplab: 1\nservers: { a: { type: echo } }\n")]);
    let ran = bench.looplab("run a.yaml --clock real --verify-determinism").exits(2);
    ran.complains(&["no two runs on real sockets are the same", "--clock virtual"]);
}
