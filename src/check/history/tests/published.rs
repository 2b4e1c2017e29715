//! Histories that others have described, and the words that are found for them.

use super::*;

fn violated(judgement: &Judgement, ops: &[u64], cause: &str, text: &str) {
    assert_eq!(judgement.outcome, Outcome::Failed, "{}", judgement.text);
    assert_eq!(judgement.text, text);
    assert_eq!(judgement.cause, cause);
    assert_eq!(judgement.ops, ops);
}

#[test]
fn a_stale_read_is_told_with_what_overwrote_it() {
    let judgement = linearizable(
        ModelKind::Register,
        &[
            op(0, "write", json!(9), 1_000, 2_000),
            op(0, "write", json!(3), 2_100, 2_500),
            op(1, "write", json!(10), 3_000, 4_000),
            op(2, "read", json!(10), 4_500, 4_700),
            op(2, "read", json!(9), 5_000, 6_000),
        ],
    );
    violated(
        &judgement,
        &[5, 1, 3],
        "linearizable register: a read saw a value that had been overwritten before it began",
        "no order of these 3 operations on x explains that cid read 9 (5ms to 6ms): bob wrote 10 (3ms \
         to 4ms), after ann wrote 9 (1ms to 2ms), and that had ended before the read began",
    );
}

#[test]
fn of_the_queues_of_herlihy_and_wing_the_first_has_an_order_and_the_second_has_none() {
    // Two elements put in at the same time may come out in either order.
    let first = [
        op(0, "enqueue", json!("x"), 1, 10),
        op(1, "enqueue", json!("y"), 2, 4),
        op(1, "dequeue", json!("x"), 11, 20),
        op(0, "dequeue", json!("y"), 12, 22),
    ];
    assert_eq!(linearizable(ModelKind::Queue, &first).outcome, Outcome::Ok);
    // One after the other they may not.
    let second = [
        op(0, "enqueue", json!("x"), 1_000, 2_000),
        op(1, "enqueue", json!("y"), 3_000, 4_000),
        op(0, "dequeue", json!("y"), 5_000, 6_000),
        op(2, "enqueue", json!("z"), 5_000, 6_000),
    ];
    violated(
        &linearizable(ModelKind::Queue, &second),
        &[3, 1, 2],
        "linearizable queue: enqueue a, enqueue b, dequeue b; 1<2 2<3",
        "no order of these 3 operations on x explains that ann dequeued y (5ms to 6ms): not if ann \
         enqueued x (1ms to 2ms), bob enqueued y (3ms to 4ms)",
    );
    // And one element is taken once.
    let third = [
        op(0, "enqueue", json!("y"), 1, 10),
        op(1, "dequeue", json!("y"), 2, 12),
        op(2, "dequeue", json!("y"), 3, 11),
    ];
    assert_eq!(linearizable(ModelKind::Queue, &third).ops.len(), 3);
}

#[test]
fn a_read_that_goes_back_behind_another_is_told_with_it() {
    let judgement = linearizable(
        ModelKind::Register,
        &[
            op(0, "write", json!(1), 1_000, 2_000),
            op(0, "write", json!(2), 3_000, 9_000),
            op(1, "read", json!(2), 4_000, 5_000),
            op(2, "read", json!(1), 6_000, 7_000),
        ],
    );
    violated(
        &judgement,
        &[4, 1, 2, 3],
        "linearizable register: a read saw an older value than a read that had ended before it began",
        "no order of these 4 operations on x explains that cid read 1 (6ms to 7ms): bob read 2 (4ms to \
         5ms) before that, after ann wrote 1 (1ms to 2ms) and ann wrote 2 (3ms to 9ms), and a register \
         does not go back",
    );
}

#[test]
fn a_read_of_the_future_of_nothing_and_of_what_failed_is_told_as_such() {
    let future = [op(0, "read", json!(7), 1_000, 2_000), op(1, "write", json!(7), 3_000, 4_000)];
    violated(
        &linearizable(ModelKind::Register, &future),
        &[1],
        "linearizable register: a read saw a value before it was written",
        "nothing on x explains that ann read 7 (1ms to 2ms): the first to write that was bob, who began \
         only at 3ms",
    );
    let failed =
        [op(1, "write", json!(7), 1_000, 2_000).failed(), op(0, "read", json!(7), 3_000, 4_000)];
    violated(
        &linearizable(ModelKind::Register, &failed),
        &[2],
        "linearizable register: a read saw the value of a write that failed",
        "nothing on x explains that ann read 7 (3ms to 4ms): bob wrote 7 (1ms to 2ms), and that failed",
    );
    let unknown = [
        op(1, "write", json!(7), 1, 2).unknown(),
        op(1, "read", Value::Null, 3, 4),
        op(0, "read", json!(7), 5, 6),
    ];
    assert_eq!(linearizable(ModelKind::Register, &unknown).outcome, Outcome::Ok);
}

#[test]
fn two_who_compare_and_set_one_value_cannot_both_have_done_it() {
    let drafts = [
        op(0, "write", json!(0), 1_000, 2_000),
        op(1, "cas", json!([0, 1]), 3_000, 6_000),
        op(2, "cas", json!([0, 2]), 4_000, 5_000),
    ];
    let judgement = linearizable(ModelKind::CasRegister, &drafts);
    assert_eq!(
        judgement.cause,
        "linearizable cas-register: write a, cas [a b], cas [a c]; 1<2 1<3"
    );
    let unknown = [drafts[0].clone(), drafts[1].clone().unknown(), drafts[2].clone()];
    assert_eq!(linearizable(ModelKind::CasRegister, &unknown).outcome, Outcome::Ok);
}

#[test]
fn two_stories_that_are_fine_by_themselves_need_not_fit_together() {
    // Lamport's example of processors that each miss the other's write.
    let drafts = [
        op(0, "write", json!(1), 1, 2).on("a"),
        op(0, "read", json!(0), 3, 4).on("b"),
        op(1, "write", json!(1), 1, 2).on("b"),
        op(1, "read", json!(0), 3, 4).on("a"),
    ];
    let mut question = Question::new(Criterion::Sequential, ModelKind::Register);
    question.initial = json!(0);
    let judgement = judge(&question, &history(&drafts));
    violated(
        &judgement,
        &[4, 1, 3, 2],
        "sequential register: 4 operations of 2 clients (2+2) on 2 objects",
        "no order of these 4 operations tells all of it: ann wrote 1 on a, then read 0 on b; bob wrote 1 \
         on b, then read 0 on a",
    );
    for key in ["a", "b"] {
        question.keys = vec![key.to_owned()];
        assert_eq!(judge(&question, &history(&drafts)).outcome, Outcome::Ok);
    }
    // No one of them is the cause of another, so causally nothing is wrong.
    question.keys.clear();
    question.criterion = Criterion::Causal;
    assert_eq!(judge(&question, &history(&drafts)).outcome, Outcome::Ok);
}

#[test]
fn a_question_seen_without_what_it_answers_breaks_causality() {
    let drafts = [
        op(0, "write", json!("lost"), 1_000, 2_000).on("post"),
        op(0, "write", json!("found"), 3_000, 4_000).on("post"),
        op(1, "read", json!("found"), 5_000, 6_000).on("post"),
        op(1, "write", json!("glad"), 7_000, 8_000).on("comment"),
        op(2, "read", json!("glad"), 9_000, 10_000).on("comment"),
        op(2, "read", json!("lost"), 11_000, 12_000).on("post"),
    ];
    violated(
        &verdict(Criterion::Causal, ModelKind::Register, &drafts),
        &[6, 1, 2, 3, 4, 5],
        "causal: a read saw a value that a write in its past had overwritten (WriteCORead)",
        "cid read lost on post (11ms to 12ms), which had been overwritten before, as far as its own past \
         goes: ann wrote lost on post → ann wrote found on post → bob read found on post → bob wrote glad \
         on comment → cid read glad on comment → cid read lost on post",
    );
    let judgement = verdict(Criterion::WritesFollowReads, ModelKind::Register, &drafts);
    assert_eq!(judgement.outcome, Outcome::Failed, "{}", judgement.text);
    let judgement = verdict(Criterion::MonotonicReads, ModelKind::Register, &drafts);
    assert_eq!(judgement.outcome, Outcome::Ok, "{}", judgement.text);
}

#[test]
fn a_client_that_does_not_read_its_own_write_is_told_so() {
    let drafts = [
        op(0, "write", json!(1), 1_000, 2_000),
        op(0, "write", json!(2), 3_000, 4_000),
        op(0, "read", json!(1), 5_000, 6_000),
    ];
    violated(
        &verdict(Criterion::ReadYourWrites, ModelKind::Register, &drafts),
        &[3, 1, 2],
        "read-your-writes: read after own write, write after write",
        "ann wrote 2 on x (3ms to 4ms), and then ann read 1 on x (5ms to 6ms), but ann wrote 1 on x (1ms \
         to 2ms), and then ann wrote 2 on x (3ms to 4ms)",
    );
    let first = [drafts[0].clone(), op(0, "read", Value::Null, 3_000, 4_000)];
    violated(
        &verdict(Criterion::ReadYourWrites, ModelKind::Register, &first),
        &[2, 1],
        "read-your-writes: read after own write, write after write, of the initial value",
        "ann wrote 1 on x (1ms to 2ms), and then ann read null on x (3ms to 4ms), and that is what was \
         there at first",
    );
    let same = [
        op(0, "write", json!(1), 1, 2),
        op(1, "write", json!(1), 3, 4),
        op(2, "read", json!(1), 5, 6),
    ];
    let judgement = verdict(Criterion::MonotonicReads, ModelKind::Register, &same);
    assert_eq!(judgement.outcome, Outcome::Unknown);
    assert_eq!(
        judgement.text,
        "ann and bob both wrote 1 on x, so which of them cid saw is not known: let every write have a \
         value of its own"
    );
}

// ---- large ones ---------------------------------------------------------------------------

/// Clients that do one operation after another, each at its own pace; what is read is what is there at the
/// end of the read.
fn long(operations: u32, clients: u32, value: impl Fn(u32) -> u32) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let mut held = Value::Null;
    for n in 0..operations {
        let (from, to) = (n * 10, n * 10 + 9 + 10 * (clients - 1));
        let client = n % clients;
        if n.is_multiple_of(3) {
            held = json!(value(n));
            drafts.push(op(client, "write", held.clone(), from, to));
        } else {
            drafts.push(op(client, "read", held.clone(), from, to));
        }
    }
    drafts
}

#[test]
fn a_hundred_thousand_operations_are_judged() {
    for drafts in [long(100_000, 5, |n| n), long(100_000, 5, |n| n % 4)] {
        let judgement = linearizable(ModelKind::Register, &drafts);
        assert_eq!(judgement.outcome, Outcome::Ok, "{}", judgement.text);
    }
}

#[test]
fn more_operations_than_are_kept_are_not_judged_and_it_is_said_why() {
    let count = u32::try_from(OPERATIONS_MAX).unwrap() + 1;
    let judgement = linearizable(ModelKind::Register, &long(count, 5, |n| n));
    assert_eq!(judgement.outcome, Outcome::Unknown);
    assert_eq!(
        judgement.text,
        "the run has more operations than a history keeps (200,000, and 256 MiB of values): a shorter \
         run can be judged"
    );
}

#[test]
fn a_search_that_would_take_too_long_knows_nothing() {
    // Twenty writes at once and a read of none of them: every order would have to be tried.
    let mut drafts: Vec<Draft> =
        (0..20).map(|n| op(n % 5, "cas", json!([n % 3, (n + 1) % 3]), 1, 1_000)).collect();
    drafts.push(op(0, "read", json!(7), 2_000, 3_000));
    let mut question = Question::new(Criterion::Linearizable, ModelKind::CasRegister);
    question.initial = json!(0);
    question.budget = 100;
    let judgement = judge(&question, &history(&drafts));
    assert_eq!(judgement.outcome, Outcome::Unknown);
    assert_eq!(
        judgement.text,
        "the search took its 100 steps (`budget:` gives it more), and the 21 operations on x were not all \
         put in order: this may be linearizable or not"
    );
}
