//! Clients: what they do, step by step.
//!
//! ```text
//! plan -> drive -> Runner: steps in order, containers (repeat, for_each, parallel, use)   runner
//!                    step: attempts, expect, capture, op, the step's event                 step
//!                      http | redis | raw -> Reply: fields by name, errors among them      reply
//!                        Lane, Pool: connections that are kept                             pool
//!                  load: the same steps, many times at once                                load
//!         Progress: who has done what, for `after:`                                        progress
//! ```
//!
//! A client is one future: its connections are driven by whoever waits for their replies, not by
//! tasks of their own (only a load spawns, one task an iteration in flight or user). It reaches
//! servers by their ids through [`Dial`], never by an address, and knows neither the links nor the
//! world it runs in.
//!
//! **Errors are values.** A refused connection, a timeout or a malformed reply is the field `error` of
//! a step's result. A step that does not speak of `error` fails by it, and a client ends with its first
//! failed step; the rest is skipped, which a line in the trace says. A step with `may_fail` that fails is
//! told, and forgiven: it captures nothing, and the next one comes as if it had not failed. A variable without a value at
//! run time fails the step too, and the step's event points at the place in the scenario.
//!
//! **An operation that times out is unknown, never failed**, and ends its connection, because the reply
//! may yet come and would be taken for the next one's.
//!
//! **Everything is told once.** Each step that does something has one step event when it is done; those
//! that hold other steps have none. Under load only figures are kept.
//!
//! Variables of the client beside those of the scenario: `client` (its name), `index` (its number, from
//! 1) and `iteration` (in `repeat:` and `for_each:`, and of a load's iterations, from 1).

mod fault;
mod http;
mod load;
mod node;
mod pool;
mod program;
mod progress;
mod raw;
mod redis;
mod reply;
mod runner;
mod scope;
mod step;
mod summary;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use load::{FAILURES_TOLD, LOAD_DURATION};
pub use progress::Progress;

use self::progress::Ending;
use self::runner::{Runner, Shared, Stop};
use self::scope::Scope;
use crate::base::{NodeId, Rng, Time, Value};
use crate::exec::Programs;
use crate::net::{Clock, Dial, Gate};
use crate::plan::fault::Stage;
use crate::plan::{Plan, chance};
use crate::scenario::Lookup;
use crate::trace::{EventKind, Level, Outcome, Recorder, StepEvent};

/// What a client sees of the world.
#[derive(Clone)]
pub struct Context {
    /// The client's id.
    pub node: NodeId,
    /// Its name: `alice`, `reader.2`.
    pub name: Arc<str>,
    /// Its number among the instances of its declaration, from 1.
    pub number: u32,
    /// The clock as the client's node has it.
    pub clock: Clock,
    /// Where its tasks wait while it stands still.
    pub gate: Gate,
    /// The root of its draws; forked by purpose, never drawn from.
    pub rng: Rng,
    /// Where its events go.
    pub recorder: Recorder,
    /// The way to servers.
    pub dial: Arc<dyn Dial>,
    /// The scenario's variables and the servers' addresses (`app.address`, `app.url`).
    pub vars: Arc<dyn Lookup + Send + Sync>,
    /// Where steps let faults loose.
    pub stage: Arc<dyn Stage>,
    /// What starts programs.
    pub programs: Programs,
    /// What the clients of the run have done.
    pub progress: Arc<Progress>,
}

/// How a client ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientEnd {
    /// [`Outcome::Ok`] if no step failed.
    pub outcome: Outcome,
    /// How many steps were not run because one before them failed.
    pub skipped: usize,
    /// How many iterations of its load failed.
    pub load_failed: u64,
}

/// Runs one client of the plan, `plan.instances[instance]`, to its end: what it waits for, its steps,
/// its load. Everything it has to say is in the trace by then, and its connections are closed.
///
/// Dropping the future ends the client where it is. The recorder, [`Progress`] and the context's other
/// parts belong to the run and may be shared by all clients.
///
/// # Panics
/// If the plan has no such instance.
pub async fn drive(plan: Arc<Plan>, instance: usize, context: Context) -> ClientEnd {
    let instance = plan.instances[instance].clone();
    let progress = context.progress.clone();
    let shared = Arc::new(Shared::new(plan, instance, context));
    let mut ending = Ending {
        progress: &progress,
        client: &shared.client().name.value,
        number: shared.instance.number,
        in_order: false,
    };
    let end = run(&shared).await;
    ending.in_order = end.outcome == Outcome::Ok;
    if ending.in_order {
        shared.context.stage.step_done(shared.context.node, None);
    }
    end
}

async fn run(shared: &Arc<Shared>) -> ClientEnd {
    let client = shared.client();
    let failed = |skipped| ClientEnd { outcome: Outcome::Failed, skipped, load_failed: 0 };
    let scope = match begin(shared).await {
        Ok(scope) => scope,
        Err(Stop { skipped }) => return failed(skipped),
    };
    if let Some(load) = &client.load {
        let load_failed = load::run(shared, load, scope).await;
        let outcome = if load_failed == 0 { Outcome::Ok } else { Outcome::Failed };
        return ClientEnd { outcome, skipped: 0, load_failed };
    }
    let root = &shared.context.rng;
    let mut runner = Runner::new(shared, scope, root.fork("steps"), chance::draws(root), None);
    if let Err(Stop { skipped }) = runner.steps(&client.steps).await {
        let steps = if skipped == 1 { "step was" } else { "steps were" };
        if skipped > 0 {
            shared.log(Level::Warn, format!("{skipped} later {steps} not run"));
        }
        return failed(skipped);
    }
    ClientEnd { outcome: Outcome::Ok, skipped: 0, load_failed: 0 }
}

/// Waits for what must have happened before, and sets the client's own variables.
async fn begin(shared: &Arc<Shared>) -> Result<Scope, Stop> {
    let (client, context) = (shared.client(), &shared.context);
    let skipped = client.steps.len();
    for after in &client.after {
        if let Err(missed) = context.progress.wait(after).await {
            let step = after.step.as_ref().map(|step| format!(".{step}")).unwrap_or_default();
            let summary = format!("after {}{step}", after.client);
            tell_failure(shared, after.span, summary, missed.0);
            return Err(Stop { skipped });
        }
    }
    let mut scope = Scope::new(context.vars.clone());
    scope.set("client", Value::from(&*context.name));
    scope.set("index", Value::from(context.number));
    for (name, value) in &client.vars {
        match value.resolve(&scope) {
            Ok(value) => scope.set(name, value),
            Err(diagnostic) => {
                let span = diagnostic.span.unwrap_or(value.span);
                tell_failure(shared, span, format!("set {}", name.value), diagnostic.message);
                return Err(Stop { skipped });
            }
        }
    }
    Ok(scope)
}

/// The event of something that failed before the first step.
fn tell_failure(shared: &Shared, span: crate::base::Span, summary: String, why: String) {
    let now: Time = shared.context.clock.run_now();
    let event = StepEvent {
        client: shared.context.node,
        name: None,
        span,
        summary,
        began: now,
        attempts: 0,
        outcome: Outcome::Failed,
        forgiven: false,
        error: None,
        failures: vec![(span, why)],
    };
    shared.context.recorder.record(now, EventKind::Step(Box::new(event)));
}
