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
