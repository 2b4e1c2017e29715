//! Transactions: what a serial order, or a snapshot, can explain, by trying all of them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::oracle::{in_session, in_time};
use super::*;
use crate::scenario::model::{Anomaly, Isolation, Level};

const CASES: u32 = 1_500;

type Lists = BTreeMap<String, Vec<Value>>;

fn txn(client: u32, parts: Value, from: u32, to: u32) -> Draft {
    Draft { key: Value::Null, ..op(client, "txn", parts, from, to) }
}

fn judged(model: ModelKind, level: Level, drafts: &[Draft]) -> Judgement {
    let mut question = Question::new(Criterion::Transactions, model);
    question.isolation = Isolation::of(level);
    judge(&question, &history(drafts))
}

/// Whether the reads of a transaction are those of `lists`, with its own appends; what it appends.
fn fits(draft: &Draft, lists: &Lists) -> Option<Lists> {
    let mut own = lists.clone();
    for part in draft.result.as_array()? {
        let list = own.entry(part[1].to_string()).or_default();
        if part[0] == "append" {
            list.push(part[2].clone());
        } else if *part[2].as_array()? != *list {
            return None;
        }
    }
    Some(own)
}

/// Some order of the transactions that keeps to `before` explains all reads.
fn is_serial(left: &[&Draft], lists: &Lists, before: &dyn Fn(&Draft, &Draft) -> bool) -> bool {
    left.is_empty()
        || (0..left.len()).any(|at| {
            let rest: Vec<&Draft> =
                left.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, one)| *one).collect();
            !rest.iter().any(|other| before(other, left[at]))
                && fits(left[at], lists).is_some_and(|lists| is_serial(&rest, &lists, before))
        })
}

/// A transaction under way: its appends, and who wrote since it began.
#[derive(Clone)]
struct UnderWay<'a> {
    draft: &'a Draft,
    conflicts: bool,
}

fn keys_written(draft: &Draft) -> Vec<String> {
    let parts = draft.result.as_array().unwrap();
    parts.iter().filter(|part| part[0] == "append").map(|part| part[1].to_string()).collect()
}

/// Some order of beginnings and commits explains all reads, each from the state at the beginning, and of two
/// at once that write one list only one commits.
fn is_snapshot(waiting: &[&Draft], under_way: &[UnderWay<'_>], lists: &Lists) -> bool {
    if waiting.is_empty() && under_way.is_empty() {
        return true;
    }
    for at in 0..waiting.len() {
        if fits(waiting[at], lists).is_none() {
            continue;
        }
        let mut rest = waiting.to_vec();
        let draft = rest.remove(at);
        let mut more = under_way.to_vec();
        more.push(UnderWay { draft, conflicts: false });
        if is_snapshot(&rest, &more, lists) {
            return true;
        }
    }
    for at in 0..under_way.len() {
        if under_way[at].conflicts {
            continue;
        }
        let mut rest = under_way.to_vec();
        let done = rest.remove(at);
        let written = keys_written(done.draft);
        let mut lists = lists.clone();
        for part in done.draft.result.as_array().unwrap() {
            if part[0] == "append" {
                lists.entry(part[1].to_string()).or_default().push(part[2].clone());
            }
        }
        for other in &mut rest {
            other.conflicts |= keys_written(other.draft).iter().any(|key| written.contains(key));
        }
        if is_snapshot(waiting, &rest, &lists) {
            return true;
        }
    }
    false
}

#[derive(Debug, Clone)]
struct Dice {
    client: u32,
    parts: Vec<(bool, u8, prop::sample::Index)>,
    pause: u32,
    takes: u32,
}

/// Transactions over two lists. Reads see some beginning of the list as it ends up, with the own appends
/// behind it where they stand right there; and one more reads everything in the end.
fn drawn(count: usize, serial: bool) -> impl Strategy<Value = Vec<Draft>> {
    let part = (any::<bool>(), 0..2_u8, any::<prop::sample::Index>());
    let dice = (0..3_u32, proptest::collection::vec(part, 1..4), 1..5_u32, 1..12_u32);
    let dice = dice.prop_map(|(client, parts, pause, takes)| Dice { client, parts, pause, takes });
    proptest::collection::vec(dice, 1..=count).prop_map(move |dice| laid_out(&dice, serial))
}

fn laid_out(dice: &[Dice], serial: bool) -> Vec<Draft> {
    let mut lists: Lists = Lists::new();
    let mut free = [0; 5];
    let mut element = 0;
    let mut written: Vec<Vec<Value>> = Vec::new();
    for die in dice {
        let parts = die.parts.iter().map(|(append, key, _)| {
            let key = json!(["x", "y"][usize::from(*key)]);
            if !append {
                return json!(["r", key, null]);
            }
            element += 1;
            lists.entry(key.to_string()).or_default().push(json!(element));
            json!(["append", key, element])
        });
        written.push(parts.collect());
    }
    let mut now = Lists::new();
    let mut drafts = Vec::new();
    for (die, mut parts) in dice.iter().zip(written) {
        // Where the transaction's view of each list ends, without its own.
        let mut seen: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (part, (_, _, index)) in parts.iter_mut().zip(&die.parts) {
            let key = part[1].to_string();
            let whole = lists.get(&key).cloned().unwrap_or_default();
            let current = now.get(&key).cloned().unwrap_or_default();
            let list = seen.entry(key).or_insert_with(|| match serial {
                true => current,
                false => whole[..index.index(whole.len() + 1)].to_vec(),
            });
            if part[0] == "append" {
                if !list.contains(&part[2]) {
                    list.push(part[2].clone());
                }
            } else {
                part[2] = json!(list);
            }
        }
        for part in parts.iter().filter(|part| part[0] == "append") {
            now.entry(part[1].to_string()).or_default().push(part[2].clone());
        }
        let from = free[die.client as usize] + die.pause;
        let to = from + die.takes;
        free[die.client as usize] = to;
        drafts.push(txn(die.client, json!(parts), from, to));
    }
    let all = |key: &str| lists.get(&json!(key).to_string()).cloned().unwrap_or_default();
    drafts.push(txn(4, json!([["r", "x", all("x")], ["r", "y", all("y")]]), 900, 901));
    drafts
}

/// Reads and writes as transactions of one part.
fn as_txns(drafts: &[Draft]) -> Vec<Draft> {
    let one = |draft: &Draft| {
        let (part, value) = match draft.f {
            "read" => ("r", &draft.result),
            _ => ("w", &draft.given),
        };
        let parts = json!([[part, draft.key, value]]);
        Draft { phase: draft.phase, ..txn(draft.client, parts, draft.from, draft.to) }
    };
    drafts.iter().map(one).collect()
}

type Registers = BTreeMap<String, Value>;

/// Some order of the transactions that keeps to `before` explains all reads of registers.
fn is_serial_of_registers(
    left: &[&Draft],
    registers: &Registers,
    before: &dyn Fn(&Draft, &Draft) -> bool,
) -> bool {
    let fits = |draft: &Draft| -> Option<Registers> {
        let mut own = registers.clone();
        for part in draft.result.as_array()? {
            let register = own.entry(part[1].to_string()).or_insert(Value::Null);
            if part[0] == "w" {
                *register = part[2].clone();
            } else if part[2] != *register {
                return None;
            }
        }
        Some(own)
    };
    left.is_empty()
        || (0..left.len()).any(|at| {
            let rest: Vec<&Draft> =
                left.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, one)| *one).collect();
            !rest.iter().any(|other| before(other, left[at]))
                && fits(left[at]).is_some_and(|own| is_serial_of_registers(&rest, &own, before))
        })
}

/// Transactions over two registers; reads see what stood there at first or what somebody writes.
fn drawn_registers(count: usize) -> impl Strategy<Value = Vec<Draft>> {
    let part = (any::<bool>(), 0..2_u8, any::<prop::sample::Index>());
    let dice = (0..3_u32, proptest::collection::vec(part, 1..4), 1..5_u32, 1..12_u32);
    proptest::collection::vec(dice, 1..=count).prop_map(|dice| {
        let mut values: BTreeMap<u8, Vec<Value>> = BTreeMap::new();
        let mut next = 0;
        for (_, parts, _, _) in &dice {
            for (_, key, _) in parts.iter().filter(|(writes, _, _)| *writes) {
                next += 1;
                values.entry(*key).or_insert_with(|| vec![Value::Null]).push(json!(next));
            }
        }
        let mut free = [0; 3];
        let mut next = 0;
        let mut drafts = Vec::new();
        for (client, parts, pause, takes) in &dice {
            let mut own: BTreeMap<u8, Value> = BTreeMap::new();
            let parts = parts.iter().map(|(writes, key, index)| {
                let name = ["x", "y"][usize::from(*key)];
                if *writes {
                    next += 1;
                    own.insert(*key, json!(next));
                    return json!(["w", name, next]);
                }
                let some = values.get(key).cloned().unwrap_or_else(|| vec![Value::Null]);
                let seen = own.entry(*key).or_insert_with(|| some[index.index(some.len())].clone());
                json!(["r", name, seen.clone()])
            });
            let parts: Vec<Value> = parts.collect();
            let from = free[*client as usize] + pause;
            free[*client as usize] = from + takes;
            drafts.push(txn(*client, json!(parts), from, from + takes));
        }
        drafts
    })
}

fn outcome(holds: bool) -> Outcome {
    if holds { Outcome::Ok } else { Outcome::Failed }
}

fn never(_: &Draft, _: &Draft) -> bool {
    false
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn serializable_is_what_some_order_explains(drafts in drawn(4, false)) {
        let left: Vec<&Draft> = drafts.iter().collect();
        let judgement = judged(ModelKind::ListAppend, Level::Serializable, &drafts);
        let expected = is_serial(&left, &Lists::new(), &never);
        prop_assert_eq!(judgement.outcome, outcome(expected), "{}", judgement.text);
    }

    #[test]
    fn strict_serializable_is_what_some_order_in_real_time_explains(drafts in drawn(4, false)) {
        let left: Vec<&Draft> = drafts.iter().collect();
        let judgement = judged(ModelKind::ListAppend, Level::StrictSerializable, &drafts);
        let expected = is_serial(&left, &Lists::new(), &in_time);
        prop_assert_eq!(judgement.outcome, outcome(expected), "{}", judgement.text);
    }

    #[test]
    fn snapshot_isolation_is_what_some_snapshots_explain(drafts in drawn(3, false)) {
        let waiting: Vec<&Draft> = drafts.iter().collect();
        let judgement = judged(ModelKind::ListAppend, Level::SnapshotIsolation, &drafts);
        let expected = is_snapshot(&waiting, &[], &Lists::new());
        prop_assert_eq!(judgement.outcome, outcome(expected), "{}", judgement.text);
    }

    #[test]
    fn single_reads_and_writes_are_strictly_serializable_where_they_are_linearizable(
        drafts in super::draw::drawn(ModelKind::Register, 9, true, true),
    ) {
        // Parts of one operation each, on registers whose written values are all different.
        let expected = super::oracle::has_order(ModelKind::Register, &drafts, &in_time);
        let judgement = judged(ModelKind::RwRegister, Level::StrictSerializable, &as_txns(&drafts));
        prop_assert_eq!(judgement.outcome, outcome(expected), "{} {:?}", judgement.text, drafts);
    }

    #[test]
    fn what_sessions_explain_breaks_no_session_level(
        drafts in super::draw::drawn(ModelKind::Register, 9, true, true),
    ) {
        let expected = super::oracle::has_order(ModelKind::Register, &drafts, &in_session);
        let level = Level::StrongSessionSerializable;
        let judgement = judged(ModelKind::RwRegister, level, &as_txns(&drafts));
        // What no order of the versions explains is wrong; not all of that can be told from what is known of it.
        prop_assert!(judgement.outcome == Outcome::Ok || !expected, "{} {:?}", judgement.text, drafts);
    }

    #[test]
    fn of_one_client_a_session_is_real_time(
        drafts in super::draw::drawn_of(1, ModelKind::Register, 9, true, true),
    ) {
        let expected = super::oracle::has_order(ModelKind::Register, &drafts, &in_session);
        let level = Level::StrongSessionSerializable;
        let judgement = judged(ModelKind::RwRegister, level, &as_txns(&drafts));
        prop_assert_eq!(judgement.outcome, outcome(expected), "{} {:?}", judgement.text, drafts);
    }

    #[test]
    fn registers_that_some_order_explains_break_no_level(drafts in drawn_registers(4)) {
        let left: Vec<&Draft> = drafts.iter().collect();
        for (level, before) in [
            (Level::Serializable, &never as &dyn Fn(&Draft, &Draft) -> bool),
            (Level::StrongSessionSerializable, &in_session),
            (Level::StrictSerializable, &in_time),
        ] {
            let judgement = judged(ModelKind::RwRegister, level, &drafts);
            let expected = is_serial_of_registers(&left, &BTreeMap::new(), before);
            prop_assert!(judgement.outcome == Outcome::Ok || !expected, "{}", judgement.text);
        }
    }

    #[test]
    fn what_was_done_in_order_is_serializable(drafts in drawn(12, true)) {
        let judgement = judged(ModelKind::ListAppend, Level::Serializable, &drafts);
        prop_assert_eq!(judgement.outcome, Outcome::Ok, "{}", judgement.text);
    }
}

// ---- the anomalies, one by one ------------------------------------------------------------

/// The anomaly that is found, and whether the next weaker level lets it pass.
fn anomaly(model: ModelKind, drafts: &[Draft], broken: Level, kept: Level) -> String {
    let judgement = judged(model, broken, drafts);
    assert_eq!(judgement.outcome, Outcome::Failed, "{}", judgement.text);
    let weaker = judged(model, kept, drafts);
    assert_eq!(weaker.outcome, Outcome::Ok, "{}", weaker.text);
    judgement.cause.rsplit(": ").next().unwrap_or_default().to_owned()
}

#[test]
fn write_skew_breaks_serializability_and_no_snapshot() {
    let drafts = [
        txn(0, json!([["r", "x", []], ["append", "y", 1]]), 1, 5),
        txn(1, json!([["r", "y", []], ["append", "x", 2]]), 2, 6),
        txn(2, json!([["r", "x", [2]], ["r", "y", [1]]]), 7, 8),
    ];
    let found =
        anomaly(ModelKind::ListAppend, &drafts, Level::Serializable, Level::SnapshotIsolation);
    assert_eq!(found, "G2 of rw rw");
}

#[test]
fn a_long_fork_breaks_snapshots_though_no_update_is_lost() {
    let drafts = [
        txn(0, json!([["append", "x", 1]]), 1, 2),
        txn(1, json!([["append", "y", 1]]), 1, 2),
        txn(2, json!([["r", "x", [1]], ["r", "y", []]]), 3, 4),
        txn(3, json!([["r", "x", []], ["r", "y", [1]]]), 3, 4),
        txn(4, json!([["r", "x", [1]], ["r", "y", [1]]]), 5, 6),
    ];
    let found =
        anomaly(ModelKind::ListAppend, &drafts, Level::SnapshotIsolation, Level::ReadCommitted);
    assert_eq!(found, "G-nonadjacent of rw wr rw wr");
}

#[test]
fn read_skew_is_g_single() {
    let drafts = [
        txn(0, json!([["append", "x", 1], ["append", "y", 1]]), 1, 2),
        txn(1, json!([["r", "x", []], ["r", "y", [1]]]), 1, 3),
        txn(2, json!([["r", "x", [1]]]), 4, 5),
    ];
    let judgement = judged(ModelKind::ListAppend, Level::Serializable, &drafts);
    assert_eq!(
        judgement.text,
        "G-single, which breaks serializable: T2 read x as empty, without the 1 that T1 appended; T2 read \
         y with the 1 of T1 at its end; T2 is of bob (0.001ms to 0.003ms), T1 is of ann (0.001ms to \
         0.002ms)"
    );
    assert_eq!(judgement.ops, [2, 1]);
    let found =
        anomaly(ModelKind::ListAppend, &drafts, Level::SnapshotIsolation, Level::ReadCommitted);
    assert_eq!(found, "G-single of rw wr");
}

#[test]
fn a_circle_of_reads_is_g1c() {
    let drafts = [
        txn(0, json!([["append", "x", 1], ["r", "y", [2]]]), 1, 4),
        txn(1, json!([["append", "y", 2], ["r", "x", [1]]]), 1, 4),
    ];
    let found =
        anomaly(ModelKind::ListAppend, &drafts, Level::ReadCommitted, Level::ReadUncommitted);
    assert_eq!(found, "G1c of wr wr");
}

#[test]
fn a_circle_of_writes_is_g0() {
    let drafts = [
        txn(0, json!([["append", "x", 1], ["append", "y", 2]]), 1, 4),
        txn(1, json!([["append", "x", 3], ["append", "y", 4]]), 1, 4),
        txn(2, json!([["r", "x", [1, 3]], ["r", "y", [4, 2]]]), 5, 6),
    ];
    let judgement = judged(ModelKind::ListAppend, Level::ReadUncommitted, &drafts);
    assert_eq!(judgement.cause, "transactions list-append: G0 of ww ww");
    assert_eq!(judgement.ops, [2, 1]);
}

#[test]
fn a_read_of_what_did_not_happen_is_g1a_and_one_in_the_midst_of_it_g1b() {
    let failed = [
        txn(0, json!([["append", "x", 1]]), 1, 2).failed(),
        txn(1, json!([["r", "x", [1]]]), 3, 4),
    ];
    let found =
        anomaly(ModelKind::ListAppend, &failed, Level::ReadCommitted, Level::ReadUncommitted);
    assert_eq!(found, "G1a");
    let midst = [
        txn(0, json!([["append", "x", 1], ["append", "x", 2]]), 1, 4),
        txn(1, json!([["r", "x", [1]]]), 2, 3),
        txn(1, json!([["r", "x", [1, 2]]]), 5, 6),
    ];
    let found =
        anomaly(ModelKind::ListAppend, &midst, Level::ReadCommitted, Level::ReadUncommitted);
    assert_eq!(found, "G1b");
}

#[test]
fn a_lost_update_is_told_as_one() {
    let lists = [
        txn(0, json!([["r", "x", []], ["append", "x", 1]]), 1, 4),
        txn(1, json!([["r", "x", []], ["append", "x", 2]]), 2, 5),
        txn(2, json!([["r", "x", [1, 2]]]), 6, 7),
    ];
    let found =
        anomaly(ModelKind::ListAppend, &lists, Level::SnapshotIsolation, Level::ReadCommitted);
    assert_eq!(found, "lost-update");
    let registers = [
        txn(0, json!([["r", "x", null], ["w", "x", 1]]), 1, 4),
        txn(1, json!([["r", "x", null], ["w", "x", 2]]), 2, 5),
    ];
    let found =
        anomaly(ModelKind::RwRegister, &registers, Level::SnapshotIsolation, Level::ReadCommitted);
    assert_eq!(found, "lost-update");
}

#[test]
fn registers_show_what_their_reads_tell() {
    let skew = [
        txn(0, json!([["r", "x", null], ["w", "y", 1]]), 1, 5),
        txn(1, json!([["r", "y", null], ["w", "x", 2]]), 2, 6),
    ];
    let found =
        anomaly(ModelKind::RwRegister, &skew, Level::Serializable, Level::SnapshotIsolation);
    assert_eq!(found, "G2 of rw rw");
    let circle = [
        txn(0, json!([["w", "x", 1], ["r", "y", 2]]), 1, 4),
        txn(1, json!([["w", "y", 2], ["r", "x", 1]]), 1, 4),
    ];
    let found =
        anomaly(ModelKind::RwRegister, &circle, Level::ReadCommitted, Level::ReadUncommitted);
    assert_eq!(found, "G1c of wr wr");
    let own = [txn(0, json!([["w", "x", 1], ["r", "x", 3]]), 1, 4)];
    let judgement = judged(ModelKind::RwRegister, Level::Serializable, &own);
    assert_eq!(judgement.cause, "transactions rw-register: internal");
}

#[test]
fn a_stale_read_is_serializable_and_not_strictly_so() {
    let drafts = [
        txn(0, json!([["append", "x", 1]]), 1, 2),
        txn(1, json!([["r", "x", []]]), 3, 4),
        txn(1, json!([["r", "x", [1]]]), 5, 6),
    ];
    let found = anomaly(
        ModelKind::ListAppend,
        &drafts,
        Level::StrictSerializable,
        Level::StrongSessionSerializable,
    );
    assert_eq!(found, "G-single of realtime rw");
}

#[test]
fn a_stale_read_of_a_register_is_serializable_and_not_strictly_so() {
    let drafts = [
        txn(0, json!([["w", "x", 2]]), 1, 2),
        txn(0, json!([["w", "x", 1]]), 3, 4),
        txn(0, json!([["r", "x", 2]]), 5, 6),
    ];
    for (level, kind) in [
        (Level::StrictSerializable, "G-single of realtime rw"),
        (Level::StrongSessionSerializable, "G-single of rw session"),
    ] {
        assert_eq!(anomaly(ModelKind::RwRegister, &drafts, level, Level::Serializable), kind);
    }
    // What was seen tells the order of versions, too, where they were written at once.
    let drafts = [
        txn(0, json!([["w", "x", 1]]), 1, 9),
        txn(1, json!([["w", "x", 2]]), 1, 9),
        txn(2, json!([["r", "x", 1]]), 2, 3),
        txn(2, json!([["r", "x", 2]]), 4, 5),
        txn(2, json!([["r", "x", 1]]), 6, 7),
    ];
    let found = anomaly(
        ModelKind::RwRegister,
        &drafts,
        Level::StrongSessionSerializable,
        Level::Serializable,
    );
    assert_eq!(found, "G-single of rw wr session");
}

#[test]
fn where_reads_may_be_old_they_tell_nothing_of_the_order_of_writes() {
    // x: 1, 2 and y: 1, 2, with one old read.
    let drafts = [
        txn(0, json!([["w", "x", 1], ["w", "y", 1]]), 1, 9),
        txn(1, json!([["w", "x", 2], ["w", "y", 2]]), 1, 9),
        txn(2, json!([["r", "y", 1]]), 10, 11),
        txn(2, json!([["r", "y", 2]]), 12, 13),
        txn(2, json!([["r", "x", 2]]), 14, 15),
        txn(2, json!([["r", "x", 1]]), 16, 17),
    ];
    let mut question = Question::new(Criterion::Transactions, ModelKind::RwRegister);
    question.isolation = Isolation::of(Level::StrictSerializable);
    assert_eq!(judge(&question, &history(&drafts)).outcome, Outcome::Failed);
    question.isolation.prohibited = vec![Anomaly::G0, Anomaly::G1c];
    assert_eq!(judge(&question, &history(&drafts)).outcome, Outcome::Ok);
}

#[test]
fn many_first_writes_hide_no_stale_read() {
    // Far more writes without a read than were once looked at; the last one is the one that was missed.
    let mut drafts: Vec<Draft> =
        (0..300).map(|n| txn(n, json!([["w", "x", n], ["w", format!("y{n}"), n]]), 1, 2)).collect();
    drafts.push(txn(400, json!([["r", "x", null], ["r", "y299", 299]]), 3, 4));
    let found =
        anomaly(ModelKind::RwRegister, &drafts, Level::RepeatableRead, Level::ReadCommitted);
    assert_eq!(found, "G-single of rw wr");
}

#[test]
fn a_list_in_two_orders_and_an_element_of_nobody_are_wrong_at_every_level() {
    let orders = [
        txn(0, json!([["append", "x", 1]]), 1, 2),
        txn(1, json!([["append", "x", 2]]), 1, 2),
        txn(2, json!([["r", "x", [1, 2]]]), 3, 4),
        txn(3, json!([["r", "x", [2, 1]]]), 3, 4),
    ];
    let nobody = [txn(0, json!([["r", "x", [7]]]), 1, 2)];
    let twice =
        [txn(0, json!([["append", "x", 1]]), 1, 2), txn(1, json!([["r", "x", [1, 1]]]), 3, 4)];
    let kinds = [(&orders[..], "incompatible-order"), (&nobody, "garbage"), (&twice, "duplicate")];
    for (drafts, kind) in kinds {
        let judgement = judged(ModelKind::ListAppend, Level::ReadUncommitted, drafts);
        assert_eq!(judgement.cause, format!("transactions list-append: {kind}"));
    }
}
