//! A repro run again: whether it shows what it says.

use std::sync::Arc;

use crate::plan::Plan;
use crate::run::{RunError, Steering};
use crate::scenario::model::Expected;
use crate::trace::Observer;

use super::digest::Digest;
use super::failure::{Failure, Weight};
use super::trial::{self, Trial};

/// How a replay compares with what the repro says.
#[derive(Debug, Clone, PartialEq)]
pub enum Replayed {
    /// The same happened, byte for byte.
    Identical,
    /// The same failed, but not everything happened as before.
    SameFailure {
        /// How many messages there were.
        messages: u64,
        /// The digest.
        digest: String,
        /// The sentence now.
        says: String,
    },
    /// What failed does not fail any more.
    Other {
        /// What fails instead, in words; nothing if all holds.
        failures: Vec<String>,
    },
}

/// Runs a repro and compares it with what it says.
///
/// # Errors
/// If the run cannot begin.
pub fn replay(plan: &Arc<Plan>, expected: &Expected) -> Result<Replayed, RunError> {
    let digest = Digest::new(plan);
    let watches: Vec<Box<dyn Observer>> = vec![Box::new(digest.clone())];
    let trial = trial::run(plan, Steering::default(), None, watches)?;
    let digest = digest.text();
    let is_same = digest == expected.digest && trial.messages == expected.messages;
    Ok(match shown(&trial, expected) {
        Some(_) if is_same => Replayed::Identical,
        Some(failure) => {
            Replayed::SameFailure { messages: trial.messages, digest, says: failure.says.clone() }
        }
        None => {
            let failures = trial.failures.iter();
            let told = failures.map(|failure| format!("{}: {}", failure.what, failure.says));
            Replayed::Other { failures: told.collect() }
        }
    })
}

/// What a repro expects, as a failure that others are compared with.
pub(super) fn wanted(expected: &Expected) -> Failure {
    let number = expected.fails.strip_prefix("check ").and_then(|rest| rest.split(' ').next());
    let check = number.and_then(|number| number.parse::<usize>().ok()?.checked_sub(1));
    Failure {
        what: expected.fails.clone(),
        cause: expected.cause.clone(),
        says: expected.says.clone(),
        operations: expected.operations.clone(),
        check,
        weight: Weight::Check,
    }
}

fn shown<'t>(trial: &'t Trial, expected: &Expected) -> Option<&'t Failure> {
    let found = trial.like(&wanted(expected))?;
    (found.what == expected.fails).then_some(found)
}
