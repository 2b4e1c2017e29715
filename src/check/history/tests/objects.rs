//! Linearizability, model by model.

use proptest::prelude::*;

use super::draw::drawn;
use super::oracle::{has_order, in_time};
use super::*;

/// How many histories of each kind are drawn.
const CASES: u32 = 1_500;

/// Compares the checker with brute force; and a contradiction must be one by itself.
fn agrees(model: ModelKind, drafts: &[Draft]) -> Result<(), TestCaseError> {
    let judgement = linearizable(model, drafts);
    let expected = if has_order(model, drafts, &in_time) { Outcome::Ok } else { Outcome::Failed };
    prop_assert_eq!(judgement.outcome, expected, "{}", judgement.text);
    if expected == Outcome::Failed {
        prop_assert!(!judgement.ops.is_empty() && !judgement.cause.is_empty());
        prop_assert!(judgement.ops.iter().all(|id| (1..=drafts.len() as u64).contains(id)));
    }
    Ok(())
}

macro_rules! models {
    ($($name:ident: $model:expr, $ops:expr, $distinct:expr, $keys:expr;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]
            $(
                #[test]
                fn $name(drafts in drawn($model, $ops, $distinct, $keys)) {
                    // No operations at all are told apart by another test.
                    agrees($model, &drafts)?;
                }
            )*
        }
    };
}

models! {
    a_register_is_judged_as_by_trying_every_order: ModelKind::Register, 7, false, false;
    a_register_of_distinct_values_is_judged_as_by_trying_every_order: ModelKind::Register, 8, true, false;
    two_registers_are_judged_as_by_trying_every_order: ModelKind::Register, 8, false, true;
    a_cas_register_is_judged_as_by_trying_every_order: ModelKind::CasRegister, 7, false, false;
    a_counter_is_judged_as_by_trying_every_order: ModelKind::Counter, 7, false, false;
    a_queue_is_judged_as_by_trying_every_order: ModelKind::Queue, 7, false, false;
    a_queue_of_distinct_values_is_judged_as_by_trying_every_order: ModelKind::Queue, 7, true, false;
    a_set_is_judged_as_by_trying_every_order: ModelKind::Set, 7, false, false;
    a_lock_is_judged_as_by_trying_every_order: ModelKind::Lock, 7, false, false;
    a_log_is_judged_as_by_trying_every_order: ModelKind::AppendLog, 7, false, false;
    a_log_of_distinct_values_is_judged_as_by_trying_every_order: ModelKind::AppendLog, 7, true, false;
}
