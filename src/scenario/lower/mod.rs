//! The located tree lowered to the typed scenario: every word of the language, declared.
//!
//! Each file declares some of the words, as [`super::form::Record`]s and
//! [`super::form::Variants`] with the sentences that the reference shows. Names are not bound here.

mod body;
mod chance;
mod check;
mod client;
mod distribution;
mod fault;
mod field;
mod history;
mod holds;
mod http;
mod link;
mod load;
mod metric;
mod node;
mod pattern;
mod predicate;
mod process;
mod redis;
mod scenario;
mod schedule;
mod script;
mod server;
mod socket;
mod step;
mod target;

pub(super) use fault::{FAULT, doing};
pub(super) use field::field_tables;
pub(super) use scenario::{lower, name_from};
