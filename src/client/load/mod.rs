//! Load: many iterations of the same steps.
//!
//! ```text
//! open loop:    arrivals at a rate -> each an iteration of its own, whether others are done or not
//! closed loop:  users -> one iteration after the other, with a pause for thought
//!                        iteration: the client's steps, or a flow drawn from the mix
//! ```
//!
//! How long an iteration takes is counted from the time at which it was meant to begin, so that a
//! server that stalls shows the wait of everybody who came meanwhile, not of the one it stalled on.
//! (Leaving those out is called coordinated omission.) Under load, steps are not told one by one:
//! there is one `load` event at the end, and the first [`FAILURES_TOLD`] steps that fail. An
//! iteration ends with its first failed step, and its connections with it.

mod closed;
mod open;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;

use super::pool::Lane;
use super::runner::{Runner, Shared};
use super::scope::Scope;
use crate::base::{Rng, Time, Value};
use crate::plan::chance;
use crate::scenario::model::{Load, LoadKind, Step};
use crate::trace::EventKind;

pub(super) use tally::Tally;

/// How long a load goes on that says neither `for:` nor `iterations:`.
pub const LOAD_DURATION: Duration = Duration::from_secs(10);

/// How many failed steps of a load have events of their own; the rest is counted.
pub const FAILURES_TOLD: u64 = 100;

/// One client's load while it goes on.
struct Ongoing {
    shared: Arc<Shared>,
    /// The client's variables when the load began.
    scope: Scope,
    /// By the client's own clock.
    began: Time,
    /// No iteration begins at this time or later.
    end: Time,
    tally: Tally,
}

/// Makes the load. Returns how many iterations failed.
pub(super) async fn run(shared: &Arc<Shared>, load: &Load, scope: Scope) -> u64 {
    let told = shared.context.clock.run_now();
    let began = shared.context.clock.now();
    let limited = matches!(load.kind, LoadKind::Closed { iterations: Some(_), .. });
    let end = match load.duration {
        Some(duration) => began + duration,
        None if limited => Time::MAX,
        None => began + LOAD_DURATION,
    };
    let tally = Tally::default();
    let ongoing = Arc::new(Ongoing { shared: shared.clone(), scope, began, end, tally });
    match &load.kind {
        LoadKind::Open { rate_per_s, poisson, in_flight_max } => {
            open::run(&ongoing, *rate_per_s, *poisson, *in_flight_max).await;
        }
        LoadKind::Closed { users, iterations, think } => {
            closed::run(&ongoing, *users, *iterations, *think).await;
        }
    }
    let now = shared.context.clock.run_now();
    let event = ongoing.tally.event(shared.context.node, load.span, told);
    let failed = event.failed;
    shared.context.recorder.record(now, EventKind::Load(Box::new(event)));
    failed
}

impl Ongoing {
    fn load(&self) -> &Load {
        self.shared.client().load.as_ref().expect("only a client with a load makes one")
    }

    /// A generator for one part of this load.
    fn rng(&self, name: &str) -> Rng {
        self.shared.context.rng.fork(name)
    }

    /// The steps of one iteration: those of a flow, drawn by weight, or the client's own.
    fn draw(&self, rng: &mut Rng) -> &[Step] {
        let mix = &self.load().mix;
        let total = mix.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut drawn = rng.below(total);
        for (name, weight) in mix {
            let weight = u64::from(*weight);
            if drawn < weight {
                return self.shared.plan.flow(name).map_or(&[], |flow| &flow.steps);
            }
            drawn -= weight;
        }
        &self.shared.client().steps
    }

    /// Runs one iteration that was meant to begin at `intended`. Returns its connections, if it went
    /// well.
    async fn iterate(&self, one: Iteration, lane: Lane) -> Lane {
        let Iteration { number, intended, mut rng } = one;
        let mut scope = self.scope.clone();
        scope.set("iteration", Value::from(number));
        let draws = chance::draws(&rng);
        let steps = self.draw(&mut rng);
        let mut runner = Runner::new(&self.shared, scope, rng, draws, Some(&self.tally));
        runner.lane = lane;
        let result = runner.steps(steps).await;
        let took = self.shared.context.clock.now().since(intended);
        self.tally.ended(result.is_ok(), took);
        if result.is_ok() { std::mem::take(&mut runner.lane) } else { Lane::default() }
    }
}

/// An iteration to be run.
struct Iteration {
    /// From 1, over the whole load.
    number: u64,
    intended: Time,
    rng: Rng,
}

/// A panic in an iteration is a panic of the client.
fn resume(joined: Result<(), JoinError>) {
    if let Err(error) = joined
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}
