//! Was it lost already? A repro up to one of its messages, and from there on whatever chance likes.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::base::{Rng, Tape};
use crate::plan::Plan;
use crate::run::{Pace, RunError, Sending, Steering};
use crate::scenario::model::UnusedFaults;

use super::pace::Wild;
use super::replay::wanted;
use super::search::interrupt;
use super::trial;
use super::workers;

/// What came of the futures of one message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Futures {
    /// The message up to which all is decided; 0 for none.
    pub from: u64,
    /// How many futures there were.
    pub runs: u64,
    /// How many of them fail as the repro does.
    pub failed: u64,
}

impl Futures {
    /// True if none of them was saved.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.runs > 0 && self.failed == self.runs
    }
}

/// How futures are made.
#[derive(Debug, Clone)]
pub struct Asked {
    /// How many.
    pub runs: u64,
    /// The threads.
    pub jobs: usize,
    /// What they are drawn from.
    pub seed: u64,
    /// Ends it early.
    pub stop: CancellationToken,
}

/// Makes the futures of message `from` of a repro: its schedule decides until the next message is sent.
///
/// # Errors
/// If a run cannot begin.
pub fn futures(
    plan: &Plan,
    from: u64,
    asked: &Asked,
    mut tell: impl FnMut(&Futures),
) -> Result<Futures, RunError> {
    let mut plan = plan.clone();
    plan.unused_faults = UnusedFaults::Ignore;
    let plan = Arc::new(plan);
    let wanted = plan.expected.as_ref().map(wanted);
    let mut found = Futures { from, ..Futures::default() };
    let mut error = None;
    let one = |number: u64| {
        let seed = Rng::new(asked.seed).fork(&format!("future:{number}")).next_u64();
        trial::run(&plan, steering(&plan, from, seed), Some(interrupt(&asked.stop)), Vec::new())
    };
    workers::in_order(asked.jobs, asked.runs, one, |_, trial| match trial {
        Ok(trial) if trial.interrupted || asked.stop.is_cancelled() => false,
        Ok(trial) => {
            let fails = match &wanted {
                Some(wanted) => trial.like(wanted).is_some(),
                None => !trial.failures.is_empty(),
            };
            found.runs += 1;
            found.failed += u64::from(fails);
            tell(&found);
            true
        }
        Err(failed) => {
            error = Some(failed);
            false
        }
    });
    error.map_or(Ok(found), Err)
}

/// The first message after which every future fails, of those up to `last`; with what came of the futures of the
/// one before it. `None` if somebody stopped it, or even the last message leaves a way out.
///
/// That a message is lost and a later one is not cannot be, as far as chance shows; so it is looked for by halves.
///
/// # Errors
/// If a run cannot begin.
pub fn point_of_no_return(
    plan: &Plan,
    last: u64,
    asked: &Asked,
    mut tell: impl FnMut(&Futures),
) -> Result<Option<(Futures, Option<Futures>)>, RunError> {
    let mut ask = |from| futures(plan, from, asked, &mut tell);
    let (mut low, mut high) = (0, last);
    let mut lost = ask(high)?;
    let mut before = None;
    if !lost.is_lost() {
        return Ok(None);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        let found = ask(middle)?;
        if asked.stop.is_cancelled() {
            return Ok(None);
        }
        if found.is_lost() {
            (high, lost) = (middle, found);
        } else {
            (low, before) = (middle + 1, Some(found));
        }
    }
    Ok(Some((lost, before)))
}

fn steering(plan: &Plan, from: u64, seed: u64) -> Steering {
    let draws = plan.schedule.as_ref().map(|schedule| schedule.draws().clone()).unwrap_or_default();
    let tape = Tape::deciding(draws, false);
    let decided = Steering::default().of(plan).pace;
    let pace = Future { decided, from, wild: Wild::new(seed, plan), tape: tape.clone() };
    Steering { pace: Some(Arc::new(pace)), tape: Some(tape), seed: Some(seed) }
}

/// What a schedule decides up to a message, and chance from there on.
struct Future {
    decided: Option<Arc<dyn Pace>>,
    from: u64,
    wild: Wild,
    tape: Tape,
}

impl Future {
    /// Who decides now.
    fn now(&self, sending: &Sending) -> &dyn Pace {
        match &self.decided {
            Some(decided) if sending.before < self.from => decided.as_ref(),
            _ => {
                self.tape.set_free();
                &self.wild
            }
        }
    }
}

impl Pace for Future {
    fn message(&self, sending: &Sending) -> Duration {
        self.now(sending).message(sending)
    }

    fn connect(&self, sending: &Sending, back: Duration) -> [Duration; 2] {
        self.now(sending).connect(sending, back)
    }
}
