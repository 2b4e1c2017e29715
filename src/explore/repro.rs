//! A repro: one file that shows a failure whenever it is run, and says what it must show.

use std::sync::Arc;

use crate::base::Diagnostics;
use crate::plan::{Overrides, Plan};
use crate::run::{RunError, Steering};
use crate::scenario::Tree;
use crate::scenario::model::{REPRO_VERSION, World};
use crate::trace::Observer;

use super::digest::Digest;
use super::failure::Failure;
use super::shrink::{Origin, Shrunk};
use super::trial;

/// The text of the repro of a failure that was made small.
///
/// # Errors
/// If it cannot be read back or run, which would be a mistake of this program.
pub fn repro(shrunk: &Shrunk, origin: &Origin) -> Result<String, ReproError> {
    let mut tree = shrunk.scenario.clone();
    let text = tree.to_yaml();
    let overrides =
        Overrides { clock: Some(World::Virtual), searches: true, ..Overrides::default() };
    let plan = Plan::parse(&origin.name, text.as_bytes(), origin.folder.as_deref(), overrides);
    let plan = Arc::new(plan.map_err(ReproError::Wrong)?);
    let digest = Digest::new(&plan);
    let watches: Vec<Box<dyn Observer>> = vec![Box::new(digest.clone())];
    let trial = trial::run(&plan, Steering::default(), None, watches)
        .map_err(|error| ReproError::Run(Box::new(error)))?;
    let failure = trial.like(&shrunk.failure).unwrap_or(&shrunk.failure);
    tree.set("expected", expected(failure, trial.messages, &digest.text()));
    Ok(tree.to_yaml())
}

/// Why a repro could not be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReproError {
    /// It is no scenario.
    Wrong(Diagnostics),
    /// It cannot be run.
    Run(Box<RunError>),
}

fn expected(failure: &Failure, messages: u64, digest: &str) -> Tree {
    let mut expected = Tree::Map(Vec::new());
    expected.set("repro", Tree::number(REPRO_VERSION));
    expected.set("looplab", Tree::text(env!("CARGO_PKG_VERSION")));
    expected.set("fails", Tree::text(failure.what.clone()));
    if !failure.cause.is_empty() {
        expected.set("cause", Tree::text(failure.cause.clone()));
    }
    expected.set("says", Tree::text(failure.says.clone()));
    if !failure.operations.is_empty() {
        let operations = failure.operations.iter().map(|one| Tree::number(*one));
        expected.set("operations", Tree::List(operations.collect()));
    }
    expected.set("messages", Tree::number(messages));
    expected.set("digest", Tree::text(digest));
    expected
}
