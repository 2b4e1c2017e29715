//! Histories: what clients did and saw, held against what an object, or a store, promises.
//!
//! ```text
//! op events -> History -> operations: from when to when, what was given, what came of it
//! Question (criterion, model, which operations) + History -> judge -> Judgement
//!                                                             holds | violated, by these | unknown
//! ```
//!
//! # What an operation is taken for
//! - `ok`: it happened, at some moment between its beginning and its end.
//! - `fail`: it did not happen. Who sees what it would have done has seen something that is not there.
//! - `unknown`, and one without an end: it may have happened at any moment after its beginning, or never; so
//!   what its client does next may come before it. A read of which nothing is known says nothing.
//! - The order in time is that of the trace's events; that of a client is the same, among its own.
//!
//! # Which criterion asks what
//! | file | holds if |
//! |---|---|
//! | `linearizable` | one order of the operations on each key, that keeps to real time, explains all results |
//! | `sequential` | one order of all operations, that keeps to each client's own, does |
//! | `session` | each client sees its own writes, never goes back, and what is written keeps its order |
//! | `causal` | whatever may have led to a write is seen by who sees the write |
//! | `set_full`, `counter`, `unique_ids`, `kafka_log` | nothing added is lost, counted wrong, given out twice, passed over |
//! | `transactions` | no cycle of dependencies of the kinds that an isolation level prohibits |
//!
//! # What a verdict is
//! A pure function of the trace. A search that would take too long ends after so many *steps*, not after so
//! much time, and then nothing is known: neither that the criterion holds nor that it is violated. A
//! violation names as few operations as make it, says in a sentence why they contradict each other, and has
//! a *cause* by which the same fault of another run is recognised.

mod along_time;
mod budget;
mod case;
mod causal;
mod counter;
mod cycle;
mod explain;
mod facts;
#[expect(clippy::module_inception, reason = "a history is what this folder is about")]
mod history;
mod kafka_log;
mod linearizable;
mod minimal;
mod models;
mod rule;
mod search;
mod seen;
mod sequential;
mod session;
mod set_full;
mod tell;
mod transactions;
mod unique_ids;
mod values;
mod zones;

pub use case::{Judgement, NAMED_MAX, Question, judge};
pub use history::{History, OPEN, OPERATIONS_MAX, Operation, VALUES_MAX};
pub(super) use rule::{HistoryRule, Kept};
pub use tell::moment;

#[cfg(test)]
mod tests;
