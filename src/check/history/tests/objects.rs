//! Linearizability, model by model.

use proptest::prelude::*;

use super::draw::{drawn, drawn_of};
use super::oracle::{has_order, in_time};
use super::*;
use crate::check::history::along_time::along_time;
use crate::check::history::budget::Budget;
use crate::check::history::models::{Entry, Model, Register};
use crate::check::history::search::{Found, search};
use crate::check::history::values::{NULL, Values};

/// How many histories of each kind are drawn.
const CASES: u32 = 1_500;

/// Compares the checker with brute force; and a contradiction must be one by itself.
fn agrees(model: ModelKind, drafts: &[Draft]) -> Result<(), TestCaseError> {
    let judgement = linearizable(model, drafts);
    let expected = if has_order(model, drafts, &in_time) { Outcome::Ok } else { Outcome::Failed };
    prop_assert_eq!(judgement.outcome, expected, "{}", judgement.text);
    if expected == Outcome::Failed {
        prop_assert!(!judgement.ops.is_empty() && !judgement.cause.is_empty());
        let place = |id: &u64| usize::try_from(*id - 1).unwrap();
        let named: Vec<Draft> = judgement.ops.iter().map(|id| drafts[place(id)].clone()).collect();
        // Of lists only what matters is compared, so a part of them is not a history of its own.
        if ![ModelKind::Set, ModelKind::AppendLog].contains(&model) {
            prop_assert!(!has_order(model, &named, &in_time), "{}", judgement.text);
        }
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

/// What the search alone finds, and what is found along time.
fn both_ways(drafts: &[Draft]) -> [Option<Found>; 2] {
    let history = history(drafts);
    let mut values = Values::new();
    let mut model = Register::new(&Value::Null, &mut values);
    let mut entries = Vec::new();
    for (number, op) in (0..).zip(history.operations()).filter(|(_, op)| !op.is_failed()) {
        let function = ModelKind::Register.function(&op.f).unwrap();
        if let Some(act) = model.compile(function, op, &mut values).unwrap() {
            entries.push(Entry { op: number, call: op.call, back: op.back, act });
        }
    }
    model.prepare(&mut entries);
    let mut budget = Budget::new(1_000_000_000);
    let along = along_time(&entries, NULL, &mut budget);
    [Some(search(&mut model, &entries, &mut budget)), along]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_register_along_time_is_what_the_search_finds(
        drafts in drawn_of(5, ModelKind::Register, 40, false, false)
    ) {
        let [searched, along] = both_ways(&drafts);
        prop_assert_eq!(searched, along);
    }
}
