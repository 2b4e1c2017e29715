//! Sets, counters, ids and logs.

use super::*;

fn judged(criterion: Criterion, drafts: &[Draft]) -> Judgement {
    verdict(criterion, criterion.models()[0], drafts)
}

fn is_violated(criterion: Criterion, drafts: &[Draft], ops: &[u64], cause: &str) {
    let judgement = judged(criterion, drafts);
    assert_eq!(judgement.outcome, Outcome::Failed, "{}", judgement.text);
    assert_eq!((judgement.ops.as_slice(), judgement.cause.as_str()), (ops, cause));
}

fn holds(criterion: Criterion, drafts: &[Draft]) {
    let judgement = judged(criterion, drafts);
    assert_eq!(judgement.outcome, Outcome::Ok, "{}", judgement.text);
}

#[test]
fn an_element_that_the_last_read_misses_is_lost() {
    let lost = [
        op(0, "add", json!(1), 1, 2),
        op(0, "add", json!(2), 3, 4),
        op(1, "read", json!([1, 2]), 5, 6),
        op(1, "read", json!([1]), 7, 8),
    ];
    let cause = "set-full: an element that had been read is lost";
    is_violated(Criterion::SetFull, &lost, &[4, 2, 3], cause);
    let text = judged(Criterion::SetFull, &lost).text;
    assert_eq!(
        text,
        "1 element is lost on x: 2: ann added 2 (0.003ms to 0.004ms), then bob read it (0.005ms to \
         0.006ms), then bob read without 2 (0.007ms to 0.008ms)"
    );
    let never = [op(0, "add", json!(1), 1, 2), op(1, "read", json!([]), 3, 4)];
    let cause = "set-full: an element that had been added was never read";
    is_violated(Criterion::SetFull, &never, &[2, 1], cause);
}

#[test]
fn an_element_may_be_late_or_never_have_been_added() {
    let stale = [
        op(0, "add", json!(1), 1, 2),
        op(1, "read", json!([]), 3, 4),
        op(1, "read", json!([1]), 5, 6),
    ];
    holds(Criterion::SetFull, &stale);
    assert!(judged(Criterion::SetFull, &stale).text.contains("1 was missing"));
    let unknown = [
        op(0, "add", json!(1), 1, 2).unknown(),
        op(0, "add", json!(2), 1, 2),
        op(1, "read", json!([2]), 3, 4),
    ];
    holds(Criterion::SetFull, &unknown);
    let nobody = [op(0, "add", json!(1), 1, 2), op(1, "read", json!([1, 9]), 3, 4)];
    let cause = "set-full: a read has an element that nobody added";
    is_violated(Criterion::SetFull, &nobody, &[2], cause);
    let twice = [op(0, "add", json!(1), 1, 2), op(1, "read", json!([1, 1]), 3, 4)];
    is_violated(Criterion::SetFull, &twice, &[2, 1], "set-full: a read has an element twice");
    let unread = [op(0, "add", json!(1), 1, 2)];
    assert_eq!(judged(Criterion::SetFull, &unread).outcome, Outcome::Unknown);
}

#[test]
fn a_counters_read_is_a_sum_of_what_may_have_been_added() {
    let drafts = |read| {
        [
            op(0, "add", json!(2), 1, 2),
            op(0, "add", json!(5), 3, 9),
            op(2, "add", json!(-1), 4, 5).unknown(),
            op(2, "add", json!(100), 4, 5).failed(),
            op(1, "read", json!(read), 6, 7),
        ]
    };
    for read in [1, 2, 6, 7] {
        holds(Criterion::Counter, &drafts(read));
    }
    for (read, kind) in [
        (0, "a read is less than what had been added"),
        (8, "a read is more than what can have been added"),
        (5, "a read is no sum of the additions"),
    ] {
        let cause = format!("counter: {kind}");
        is_violated(Criterion::Counter, &drafts(read), &[5, 1, 2, 3], &cause);
    }
}

#[test]
fn only_final_reads_count_if_that_is_what_is_asked() {
    let drafts = [
        op(0, "add", json!(2), 1, 2),
        op(1, "read", json!(0), 3, 4),
        op(0, "add", json!(1), 5, 6),
        op(1, "read", json!(3), 7, 8),
    ];
    assert_eq!(judged(Criterion::Counter, &drafts).outcome, Outcome::Failed);
    let mut question = Question::new(Criterion::Counter, ModelKind::Counter);
    question.only_final_reads = true;
    assert_eq!(judge(&question, &history(&drafts)).outcome, Outcome::Ok);
    assert_eq!(judge(&question, &history(&drafts[..3])).outcome, Outcome::Unknown);
}

#[test]
fn an_id_that_comes_twice_is_told_with_both_who_got_it() {
    let drafts = [
        op(0, "generate", json!("a-1"), 1, 2),
        op(1, "generate", json!("b-1"), 1, 2),
        op(1, "generate", json!("a-1"), 3, 4),
    ];
    is_violated(Criterion::UniqueIds, &drafts, &[3, 1], "unique-ids: two clients got one id");
    holds(Criterion::UniqueIds, &drafts[..2]);
}

#[test]
fn what_is_wrong_with_a_log_is_told_by_its_name() {
    let send = |offset, message: &str, at| op(0, "send", json!([offset, message]), at, at + 1);
    let poll = |client, pairs: Value, at| {
        let all = op(client, "poll", json!({ "x": pairs }), at, at + 1);
        Draft { key: Value::Null, ..all }
    };
    let log = [send(0, "a", 1), send(1, "b", 3), send(2, "c", 5)];
    let with = |more: &[Draft]| [&log[..], more].concat();
    holds(
        Criterion::KafkaLog,
        &with(&[poll(1, json!([[0, "a"], [1, "b"]]), 7), poll(1, json!([[2, "c"]]), 9)]),
    );
    for (drafts, ops, kind) in [
        (with(&[poll(1, json!([[0, "a"], [2, "c"]]), 7)]), &[4, 2][..], "lost write"),
        (with(&[poll(1, json!([[0, "z"]]), 7)]), &[4, 1], "inconsistent offset"),
        (with(&[poll(1, json!([[7, "a"]]), 7)]), &[4, 1], "duplicate"),
        (
            with(&[
                poll(2, json!([[0, "a"], [1, "b"]]), 7),
                poll(1, json!([[0, "a"], [2, "c"]]), 9),
            ]),
            &[5, 2],
            "poll skip",
        ),
        (
            with(&[poll(1, json!([[0, "a"], [1, "b"]]), 7), poll(1, json!([[1, "b"]]), 9)]),
            &[5, 4],
            "nonmonotonic poll",
        ),
    ] {
        is_violated(Criterion::KafkaLog, &drafts, ops, &format!("kafka-log: {kind}"));
    }
    let sought = with(&[
        poll(1, json!([[0, "a"], [1, "b"]]), 7),
        op(1, "assign", Value::Null, 9, 10),
        poll(1, json!([[0, "a"]]), 11),
    ]);
    holds(Criterion::KafkaLog, &sought);
    let swapped = [send(1, "b", 1), send(0, "a", 3), poll(1, json!([[0, "a"], [1, "b"]]), 5)];
    is_violated(Criterion::KafkaLog, &swapped, &[2, 1], "kafka-log: nonmonotonic send");
}

#[test]
fn what_does_not_fit_the_model_is_unknown_and_says_so() {
    for (model, draft, text) in [
        (
            ModelKind::Register,
            op(0, "buy", json!(1), 1, 2),
            "the model `register` knows no `buy` (operation 1 of ann): it knows read (get), write (set, \
             put), delete (del); `f:` or `key:` in the check says what it is about",
        ),
        (
            ModelKind::AppendLog,
            op(1, "read", json!(7), 1, 2),
            "the `read` of bob (operation 1) does not fit the model `append-log`: its value 7 is no list",
        ),
        (
            ModelKind::CasRegister,
            op(1, "cas", json!(7), 1, 2),
            "the `cas` of bob (operation 1) does not fit the model `cas-register`: its value 7 is no \
             pair of what there was and what there shall be",
        ),
    ] {
        let judgement = linearizable(model, &[draft]);
        assert_eq!(judgement.outcome, Outcome::Unknown);
        assert_eq!(judgement.text, text);
    }
    let none = linearizable(ModelKind::Register, &[]);
    assert_eq!(none.outcome, Outcome::Unknown);
    assert_eq!(none.text, "there are no operations to judge: a step becomes one by `op:`");
}
