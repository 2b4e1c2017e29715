//! Transactions: what their reads and writes say about the order they happened in, and whether there is one.
//!
//! ```text
//! txn [["append", x, 1], ["r", y, [2]]]      a list of micro-operations: r, append, w
//!
//! ww  T1 wrote a version of a key, T2 the next one         T1 before T2
//! wr  T2 read what T1 wrote                                T1 before T2
//! rw  T1 read a version, T2 wrote the next one             T1 before T2
//! ```
//!
//! Of lists that are only appended to, a read tells the whole order of versions before it; so most of the
//! order is known without being told by the store. Of registers less is known, see `versions`. A circle of dependencies is an
//! anomaly, and which isolation level prohibits it depends on what it is made of:
//!
//! | anomaly | a circle of |
//! |---|---|
//! | G0 | ww |
//! | G1c | ww and wr |
//! | G-single | ww and wr, and one rw |
//! | G-nonadjacent | the same with several rw, no two of them neighbours |
//! | G2 | the same with several rw |
//!
//! # Source
//! Adya, Liskov and O'Neil, "Generalized Isolation Level Definitions" (2000); Kingsbury and Alvaro, "Elle:
//! Inferring Isolation Anomalies from Experimental Observations" (2020).

mod cycles;
mod list_append;
mod order;
mod rw_register;
mod txn;
mod versions;

use crate::scenario::model::{Anomaly, ModelKind};

use super::case::{Case, Judgement};
use super::history::Operation;
use super::tell::counted;
use txn::{Txns, name};

/// An anomaly that was found.
pub(super) struct Found<'a> {
    anomaly: Anomaly,
    /// What happened, in a clause.
    text: String,
    /// What more there is to say of its kind: `rw wr`.
    kind: String,
    culprit: &'a Operation,
    others: Vec<&'a Operation>,
}

impl<'a> Found<'a> {
    /// One that is no circle.
    fn plain(
        anomaly: Anomaly,
        text: String,
        culprit: &'a Operation,
        others: Vec<&'a Operation>,
    ) -> Found<'a> {
        Found { anomaly, text, kind: String::new(), culprit, others }
    }
}

/// What is always wrong, for nothing can be known of orders where it is.
const ALWAYS: [Anomaly; 3] = [Anomaly::Garbage, Anomaly::Duplicate, Anomaly::IncompatibleOrder];

pub(super) fn judge(case: &Case<'_>) -> Judgement {
    let txns = match Txns::of(case) {
        Ok(txns) => txns,
        Err(judgement) => return judgement,
    };
    let isolation = &case.question.isolation;
    let is_prohibited =
        |anomaly: Anomaly| ALWAYS.contains(&anomaly) || isolation.prohibited.contains(&anomaly);
    let told = match case.question.model {
        ModelKind::RwRegister => rw_register::look(case, &txns),
        _ => list_append::look(case, &txns),
    };
    let told = match told {
        Ok(told) => told,
        Err(judgement) => return judgement,
    };
    let (found, deps) = told;
    let mut found: Vec<Found<'_>> =
        found.into_iter().filter(|found| is_prohibited(found.anomaly)).collect();
    let mut decided = true;
    if !found.iter().any(|found| ALWAYS.contains(&found.anomaly)) {
        let circles = cycles::look(case, &txns, &deps, &is_prohibited);
        decided = circles.decided && !deps.cut;
        found.extend(circles.found);
    }
    found.sort_by_key(|found| (!ALWAYS.contains(&found.anomaly), found.anomaly));
    let level = if isolation.level.is_empty() { "what is prohibited" } else { isolation.level };
    let Some(first) = found.first() else {
        let count = counted(txns.all.len() as u64, "transaction", "transactions");
        return if decided {
            Judgement::holds(format!("{count} show no anomaly that breaks {level}"))
        } else {
            Judgement::unknown(format!(
                "the search for circles among {count} took its steps (`budget:` gives it more): \
                 this may be {level} or not"
            ))
        };
    };
    let mut others: Vec<&str> = found[1..].iter().map(|found| found.anomaly.as_str()).collect();
    others.retain(|other| *other != first.anomaly.as_str());
    others.dedup();
    let also = match others.as_slice() {
        [] => String::new(),
        others => format!(" (there is also {})", others.join(", ")),
    };
    let text = format!("{}, which breaks {level}: {}{also}", first.anomaly.as_str(), first.text);
    let mut cause =
        format!("transactions {}: {}", case.question.model.as_str(), first.anomaly.as_str());
    if !first.kind.is_empty() {
        cause += &format!(" of {}", first.kind);
    }
    Judgement::violated(text, cause, first.culprit, first.others.iter().copied())
}
