//! Histories of one register judged for linearizability, beside the `todc-utils` crate on the same histories.
//!
//! Ten clients read and write one register, each operation for a while, so that about as many overlap as there
//! are clients. Three kinds: every write has a value of its own, few values are written again and again, and
//! nearly all operations are writes. Each is judged as it came about, and with two more operations at its
//! end, a write and then a read of what was written by others before: then there is no order, and all that
//! could be one has to be tried. Who takes more than a minute is not waited for.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml --bin linearizable [alone]`; with `alone` the peer
//! is left out.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use looplab::base::{NodeId, Rng, Time, Value};
use looplab::check::history::{History, Question, judge};
use looplab::scenario::model::{Criterion, ModelKind};
use looplab::trace::{OpEvent, OpPhase, Outcome};
use todc_utils::specifications::register::{RegisterOperation, RegisterSpecification};
use todc_utils::{Action, History as PeerHistory, WGLChecker};

const CLIENTS: u32 = 10;
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);

/// One end of an operation.
#[derive(Clone, Copy)]
struct End {
    client: u32,
    id: u64,
    is_write: bool,
    value: u64,
    is_call: bool,
}

fn main() {
    println!(
        "{:<9} {:<15} {:<8} {:>12} {:>12} {:>8}",
        "operations", "values", "", "looplab", "todc-utils", "ratio"
    );
    for operations in [1_000, 10_000] {
        for (words, values, writes) in
            [("distinct", 0, 50), ("5 of them", 5, 50), ("5, most writes", 5, 90)]
        {
            for valid in [true, false] {
                compare(operations, (words, values, writes), valid);
            }
        }
    }
    println!("\n100,000 operations, {CLIENTS} clients, 5 values, looplab alone");
    for valid in [true, false] {
        let ends = history(100_000, 5, 50, valid);
        println!("{:<8} {:>10.1} ms", word(valid), millis(ours(&ends, valid)));
    }
}

fn compare(operations: u64, (words, values, writes): (&str, u64, u64), valid: bool) {
    let ends = history(operations, values, writes, valid);
    let ours = (0..ROUNDS).map(|_| ours(&ends, valid)).min().unwrap_or_default();
    let alone = std::env::args().nth(1).is_some_and(|word| word == "alone");
    let peer = if alone { None } else { peer(&ends, valid) };
    let (told, ratio) = match peer {
        Some(peer) => (
            format!("{:.1} ms", millis(peer)),
            format!("{:.0}", peer.as_secs_f64() / ours.as_secs_f64()),
        ),
        None if alone => ("-".to_owned(), "-".to_owned()),
        None => {
            ("> 60 s".to_owned(), format!("> {:.0}", PATIENCE.as_secs_f64() / ours.as_secs_f64()))
        }
    };
    println!(
        "{operations:<10} {words:<15} {:<8} {:>9.2} ms {told:>12} {ratio:>8}",
        word(valid),
        millis(ours)
    );
}

fn word(valid: bool) -> &'static str {
    if valid { "valid" } else { "invalid" }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Clients do one operation after another; each takes effect somewhere between its ends.
fn history(operations: u64, values: u64, writes: u64, valid: bool) -> Vec<End> {
    let mut rng = Rng::new(7);
    let mut free = vec![0; CLIENTS as usize];
    let mut all = Vec::new();
    for id in 1..=operations {
        let client = u32::try_from(rng.below(u64::from(CLIENTS))).unwrap_or(0);
        let from = free[client as usize] + 1 + rng.below(20);
        let to = from + 1 + rng.below(100);
        free[client as usize] = to;
        let value = if values == 0 { id } else { 1 + rng.below(values) };
        let point = from + rng.below(to - from + 1);
        all.push((point, id, client, from, to, rng.below(100) < writes, value));
    }
    all.sort_unstable();
    let mut held = 0;
    let mut ends = Vec::new();
    for (_, id, client, from, to, is_write, value) in all {
        if is_write {
            held = value;
        }
        let end =
            End { client, id, is_write, value: if is_write { value } else { held }, is_call: true };
        ends.push((from, false, end));
        ends.push((to, true, End { is_call: false, ..end }));
    }
    ends.sort_unstable_by_key(|(at, is_end, end)| (*at, *is_end, end.id));
    let mut ends: Vec<End> = ends.into_iter().map(|(_, _, end)| end).collect();
    if !valid {
        let first = ends.iter().find(|end| end.is_write).map_or(0, |end| end.value);
        // Where every write has a value of its own, so has the last one.
        let last = if values == 0 { operations + 1 } else { first % values + 1 };
        for (id, is_write, value) in [(operations + 1, true, last), (operations + 2, false, first)]
        {
            let end = End { client: 0, id, is_write, value, is_call: true };
            ends.extend([end, End { is_call: false, ..end }]);
        }
    }
    ends
}

fn ours(ends: &[End], valid: bool) -> Duration {
    let mut history = History::new((0..CLIENTS).map(|n| format!("c{n}")).collect());
    for (at, end) in (0..).zip(ends) {
        let known = end.is_write || !end.is_call;
        let event = OpEvent {
            client: NodeId(end.client),
            id: end.id,
            phase: if end.is_call { OpPhase::Invoke } else { OpPhase::Ok },
            f: if end.is_write { "write" } else { "read" }.to_owned(),
            key: Value::Null,
            value: if known { Value::from(end.value) } else { Value::Null },
        };
        history.event(&event, Time::from_nanos(at));
    }
    let mut question = Question::new(Criterion::Linearizable, ModelKind::Register);
    question.initial = Value::from(0);
    let start = Instant::now();
    let judgement = judge(&question, &history);
    let took = start.elapsed();
    let expected = if valid { Outcome::Ok } else { Outcome::Failed };
    assert_eq!(judgement.outcome, expected, "{}", judgement.text);
    took
}

/// The peer, on a thread of its own: who takes too long is left behind.
fn peer(ends: &[End], valid: bool) -> Option<Duration> {
    let ends = ends.to_vec();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let actions = ends.iter().map(|end| {
            let operation = |value| match end.is_write {
                true => RegisterOperation::Write(end.value),
                false => RegisterOperation::Read(value),
            };
            let action = match end.is_call {
                true => Action::Call(operation(None)),
                false => Action::Response(operation(Some(end.value))),
            };
            (end.client as usize, action)
        });
        let history = PeerHistory::from_actions(actions.collect());
        let start = Instant::now();
        let found = WGLChecker::<RegisterSpecification<u64>>::is_linearizable(history);
        assert_eq!(found, valid);
        let _ = tell.send(start.elapsed());
    });
    told.recv_timeout(PATIENCE).ok()
}
