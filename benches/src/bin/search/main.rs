//! A search of Raft in Lua: `scenarios/protocols/raft.yaml`, with three nodes, five clients, a hundred operations, two
//! predicates and a linearizable history, all strategies of the search.
//!
//! Beside it a log that is replicated on turmoil: the same nodes, clients, operations, latencies and JSON lines,
//! written in Rust, with a leader that is given, no faults, nothing recorded and nothing judged. What looplab does
//! besides, it does in the difference.
//!
//! Both run in turn, on one thread, and the ratio of their processor times is taken pair by pair. Then looplab alone:
//! runs a second on the wall with one thread and with two, and the resident memory as the search goes on.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml --bin search [RUNS]`, from the project's folder; by default
//! the memory is watched over 20,000 runs.

mod peer;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use looplab::explore::{Findings, Options, Search};
use looplab::plan::{Overrides, Plan};
use looplab_benches::{median, processor_seconds};
use rustix::time::ClockId;
use tokio_util::sync::CancellationToken;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PAIRS: u64 = 9;

/// Runs of looplab in each pair, and of turmoil.
const TIMES: u64 = 100;

fn main() {
    let runs: u64 = std::env::args().nth(1).map_or(20_000, |runs| runs.parse().expect("a number"));
    let overrides = Overrides { searches: true, ..Overrides::default() };
    let file = Path::new("scenarios/protocols/raft.yaml");
    let plan = Arc::new(Plan::read(file, overrides).unwrap_or_else(|error| panic!("{error}")));
    beside_turmoil(&plan);
    let [one, two] = [1, 2].map(|jobs| {
        let began = Instant::now();
        search(&plan, 1, 2_000, jobs);
        2_000.0 / began.elapsed().as_secs_f64()
    });
    println!(
        "on the wall: {one:.0} runs/s with one thread, {two:.0} with two, {:.2} times (target 1.8)",
        two / one
    );
    memory(&plan, runs);
}

fn beside_turmoil(plan: &Arc<Plan>) {
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut messages, mut their_messages) = (0, 0);
    for pair in 0..PAIRS {
        let a = processor_seconds(ClockId::ProcessCPUTime, || {
            messages = search(plan, pair, TIMES, 1).messages / TIMES
        });
        let b = processor_seconds(ClockId::ProcessCPUTime, || {
            their_messages = (0..TIMES).map(|n| peer::run(pair * TIMES + n)).sum::<u64>() / TIMES
        });
        ours.push(TIMES as f64 / a);
        theirs.push(TIMES as f64 / b);
        ratios.push(b / a);
    }
    println!(
        "by processor time: looplab {:.0} runs/s of {messages} messages, searched and judged (target 200); \
         turmoil {:.0} runs/s of {their_messages} messages, in Rust and not judged; ratio {:.2}",
        median(ours),
        median(theirs),
        median(ratios)
    );
}

/// A search in which nothing must fail.
fn search(plan: &Arc<Plan>, seed: u64, runs: u64, jobs: usize) -> Findings {
    let plan = plan.with_seed(seed);
    let options = Options { runs: Some(runs), jobs, ..Options::default() };
    let search =
        Search::new(&plan, &options.strategies, CancellationToken::new()).expect("a first run");
    let (findings, _) = search.run(&options, |_| {}).expect("runs");
    assert_eq!((findings.runs, findings.failed), (runs, 0));
    findings
}

/// What the process takes after a twentieth of the runs, and after all of them.
fn memory(plan: &Arc<Plan>, runs: u64) {
    let options = Options { runs: Some(runs), jobs: 2, ..Options::default() };
    let search =
        Search::new(plan, &options.strategies, CancellationToken::new()).expect("a first run");
    let mut early = 0.0;
    let watch = |findings: &Findings| {
        if findings.runs == runs / 20 {
            early = resident_mb();
        }
    };
    search.run(&options, watch).expect("runs");
    println!(
        "resident after {} and {runs} runs: {early:.1} and {:.1} MB",
        runs / 20,
        resident_mb()
    );
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1000.0
}
