//! A line of execution: steps one after the other.
//!
//! ```text
//! Shared (one a client: plan, context, idle connections)
//!   Runner (one a line: variables, connections in use)   steps -> containers here, the rest in `step`
//!     Runner (one a branch of `parallel:`, with a copy of the variables)
//! ```

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::HeaderValue;

use super::Context;
use super::load::Tally;
use super::pool::{Lane, Pool, Seat};
use super::raw::Raws;
use super::reply::OpError;
use super::scope::Scope;
use crate::base::{Diagnostic, Located, NodeId, Rng, Span, Time, Value};
use crate::net::Stream;
use crate::plan::limits::OPERATIONS_MAX;
use crate::plan::{Instance, Plan, chance};
use crate::scenario::model::{Action, Client, Dynamic, Setting, Step};
use crate::trace::{EventKind, Level};

/// How long an operation may take if the scenario does not say.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// How deep steps may nest: a flow that uses itself ends here.
const DEPTH_MAX: u32 = 64;

/// After so many steps a line of execution lets others have their turn.
const STEPS_AT_A_TIME: u32 = 1_000;

/// How long so many steps take at least on a clock that jumps: steps that never wait take no time of
/// their own there, and a loop of them would stop the clock, and with it the run's timeout.
const BREATH: Duration = Duration::from_micros(1);

/// What all lines of execution of one client share.
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    pub(super) instance: Instance,
    pub(super) context: Context,
    pub(super) pool: Pool,
    /// Which of several nodes is asked next.
    turn: AtomicUsize,
}

impl Shared {
    pub(super) fn new(plan: Arc<Plan>, instance: Instance, context: Context) -> Shared {
        let turn = usize::try_from(instance.number).unwrap_or(1).saturating_sub(1);
        let (pool, turn) = (Pool::default(), AtomicUsize::new(turn));
        Shared { plan, instance, context, pool, turn }
    }

    /// Which of several nodes is asked next; it may be more than there are.
    pub(super) fn turn(&self) -> usize {
        self.turn.load(Ordering::Relaxed)
    }

    pub(super) fn turn_to(&self, turn: usize) {
        self.turn.store(turn, Ordering::Relaxed);
    }

    pub(super) fn client(&self) -> &Client {
        &self.plan.clients[self.instance.client]
    }

    pub(super) fn log(&self, level: Level, text: String) {
        let kind = EventKind::Log { node: Some(self.context.node), level, text };
        self.context.recorder.record(self.context.clock.run_now(), kind);
    }
}

/// A step has failed, and ends what it is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    /// How many steps after it are not run, as they are written: a repeated one counts once.
    pub(super) skipped: usize,
}

/// A line of execution.
pub(super) struct Runner<'a> {
    pub(super) shared: &'a Shared,
    pub(super) scope: Scope,
    pub(super) lane: Lane,
    pub(super) raws: Arc<Raws>,
    pub(super) rng: Rng,
    /// What `draw:` and `choose:` draw from, and nothing else.
    pub(super) draws: Rng,
    /// Where failures are counted that are not told one by one.
    pub(super) tally: Option<&'a Tally>,
    /// Whether steps that do not say it themselves may fail, here.
    pub(super) may_fail: bool,
    depth: u32,
    /// Steps since the last breath, and when that was.
    steps: u32,
    breathed: Time,
}

/// The future of nested steps.
type Nested<'s> = Pin<Box<dyn Future<Output = Result<(), Stop>> + Send + 's>>;

impl<'a> Runner<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        scope: Scope,
        rng: Rng,
        draws: Rng,
        tally: Option<&'a Tally>,
    ) -> Runner<'a> {
        let raws = Arc::default();
        let lane = Lane::default();
        let may_fail = shared.client().may_fail;
        let (depth, steps, breathed) = (0, 0, Time::ZERO);
        Runner { shared, scope, lane, raws, rng, draws, tally, may_fail, depth, steps, breathed }
    }

    /// Runs `steps` until one fails that may not.
    pub(super) fn steps<'s>(&'s mut self, steps: &'s [Step]) -> Nested<'s> {
        Box::pin(async move {
            self.depth += 1;
            self.breathe().await;
            for (at, step) in steps.iter().enumerate() {
                let result = self.step(step).await;
                if let Err(stop) = result {
                    let skipped = stop.skipped + count(&steps[at + 1..]);
                    return Err(Stop { skipped });
                }
            }
            self.depth -= 1;
            Ok(())
        })
    }

    /// Counts a step, and lets others have their turn now and then.
    async fn breathe(&mut self) {
        self.steps += 1;
        if self.steps < STEPS_AT_A_TIME {
            return;
        }
        self.steps = 0;
        let clock = &self.shared.context.clock;
        if !clock.is_virtual() {
            tokio::task::yield_now().await;
        } else if clock.now() == self.breathed {
            clock.sleep(BREATH).await;
        }
        self.breathed = clock.now();
    }

    async fn step(&mut self, step: &Step) -> Result<(), Stop> {
        self.breathe().await;
        let around = self.may_fail;
        self.may_fail = step.may_fail.unwrap_or(around);
        self.act(step).await?;
        self.may_fail = around;
        if let Some(name) = &step.name {
            let client = &self.shared.client().name.value;
            let number = self.shared.instance.number;
            // Before those who wait for it do anything.
            self.shared.context.stage.step_done(self.shared.context.node, Some(name));
            self.shared.context.progress.done(client, number, name);
        }
        Ok(())
    }

    async fn act(&mut self, step: &Step) -> Result<(), Stop> {
        for after in &step.after {
            if let Err(missed) = self.shared.context.progress.wait(after).await {
                return self.fail(step, after.span, missed.0);
            }
        }
        match &step.action {
            Action::Repeat(times, steps) => self.repeat(step, times, steps).await,
            Action::ForEach { var, items, steps } => self.for_each(step, var, items, steps).await,
            Action::Parallel(branches) => self.parallel(branches).await,
            Action::Choose(alternatives) => {
                let chosen = chance::choose(alternatives, &mut self.draws);
                self.steps(&alternatives[chosen].steps).await
            }
            Action::Use { flow, with } => self.use_flow(step, flow, with).await,
            _ => self.leaf(step).await,
        }
    }

    async fn repeat(
        &mut self,
        step: &Step,
        times: &Setting<u64>,
        steps: &[Step],
    ) -> Result<(), Stop> {
        let times = match self.times(times) {
            Ok(times) => times,
            Err(diagnostic) => return self.refuse(step, &diagnostic),
        };
        let outer = self.scope.hide("iteration", Value::Null);
        for iteration in 1..=times {
            self.scope.set("iteration", Value::from(iteration));
            self.steps(steps).await?;
        }
        self.scope.restore(outer);
        Ok(())
    }

    fn times(&self, times: &Setting<u64>) -> Result<u64, Diagnostic> {
        let text = match times {
            Setting::Fixed(times) => return Ok(*times),
            Setting::Text(text) => text,
        };
        let value = text.resolve(&self.scope)?;
        let number = match &value {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_u64(),
        };
        match number {
            Some(number) if number <= OPERATIONS_MAX => Ok(number),
            Some(number) => {
                let what = format!("{number} times is more than the {OPERATIONS_MAX} of a run");
                Err(Diagnostic::new(what, text.span))
            }
            None => {
                let what = format!("`repeat` wants a whole number, not {value}");
                Err(Diagnostic::new(what, text.span))
            }
        }
    }

    async fn for_each(
        &mut self,
        step: &Step,
        var: &Located<String>,
        items: &Dynamic,
        steps: &[Step],
    ) -> Result<(), Stop> {
        let items = match items.resolve(&self.scope) {
            Ok(Value::Array(items)) => items,
            Ok(other) => {
                let what = format!("`for_each` wants a list, not {other}");
                return self.fail(step, items.span, what);
            }
            Err(diagnostic) => return self.refuse(step, &diagnostic),
        };
        let outer = [self.scope.hide("iteration", Value::Null), self.scope.hide(var, Value::Null)];
        for (iteration, item) in (1_u64..).zip(items) {
            self.scope.set("iteration", Value::from(iteration));
            self.scope.set(var, item);
            self.steps(steps).await?;
        }
        outer.into_iter().rev().for_each(|hidden| self.scope.restore(hidden));
        Ok(())
    }

    async fn use_flow(
        &mut self,
        step: &Step,
        flow: &Located<String>,
        with: &[(Located<String>, Dynamic)],
    ) -> Result<(), Stop> {
        let Some(found) = self.shared.plan.flow(flow) else {
            return self.fail(step, flow.span, format!("there is no flow `{}`", flow.value));
        };
        if self.depth >= DEPTH_MAX {
            let what = format!("steps are nested more than {DEPTH_MAX} deep");
            return self.fail(step, flow.span, what);
        }
        let mut values = Vec::with_capacity(with.len());
        for (name, value) in with {
            match value.resolve(&self.scope) {
                Ok(value) => values.push((name, value)),
                Err(diagnostic) => return self.refuse(step, &diagnostic),
            }
        }
        let hidden: Vec<_> =
            values.into_iter().map(|(name, value)| self.scope.hide(name, value)).collect();
        self.steps(&found.steps).await?;
        for hidden in hidden.into_iter().rev() {
            self.scope.restore(hidden);
        }
        Ok(())
    }

    /// Runs the branches at once, each with a copy of the variables; what they changed is taken over
    /// in the order of the branches. A branch that fails ends itself; the client, when all are done.
    async fn parallel(&mut self, branches: &[Vec<Step>]) -> Result<(), Stop> {
        self.lane.give_back(&self.shared.pool);
        let running: Vec<_> = branches
            .iter()
            .map(|steps| {
                let mut branch = self.branch();
                Box::pin(async move {
                    let result = branch.steps(steps).await;
                    if result.is_ok() {
                        branch.lane.give_back(&branch.shared.pool);
                    }
                    (branch.scope, result)
                })
            })
            .collect();
        let base = self.scope.clone();
        let mut stop: Option<Stop> = None;
        for (scope, result) in join(running).await {
            self.scope.merge(&base, scope);
            if let Err(failed) = result {
                let skipped = stop.map_or(0, |stop| stop.skipped) + failed.skipped;
                stop = Some(Stop { skipped });
            }
        }
        stop.map_or(Ok(()), Err)
    }

    fn branch(&mut self) -> Runner<'a> {
        Runner {
            shared: self.shared,
            scope: self.scope.clone(),
            lane: Lane::default(),
            raws: self.raws.clone(),
            rng: self.rng.split(),
            draws: chance::branch(&mut self.draws),
            tally: self.tally,
            may_fail: self.may_fail,
            depth: self.depth,
            steps: 0,
            breathed: Time::ZERO,
        }
    }

    // ---- what operations need -----------------------------------------------------------------

    /// The run's time, which the trace is told.
    pub(super) fn run_now(&self) -> Time {
        self.shared.context.clock.run_now()
    }

    pub(super) fn log(&self, level: Level, text: String) {
        self.shared.log(level, text);
    }

    /// The server of that name.
    pub(super) fn server(&self, name: &Located<String>) -> Result<NodeId, Diagnostic> {
        self.shared.plan.server_named(name).ok_or_else(|| {
            Diagnostic::new(format!("no server is called `{}`", name.value), name.span)
        })
    }

    /// Connects to a server, over the link that the scenario declares.
    pub(super) async fn dial(&mut self, server: NodeId) -> Result<Stream, OpError> {
        let context = &self.shared.context;
        let dialled = context.dial.dial(context.node, server).await;
        dialled.map_err(|error| OpError::dialling(&error))
    }

    /// This line's place at `server`.
    pub(super) fn seat(&mut self, server: NodeId) -> Result<&mut Seat, Diagnostic> {
        let shared = self.shared;
        self.lane.seat(server, &shared.pool, || {
            let name = shared.plan.node_name(server);
            let address = shared.context.vars.lookup(&format!("{name}.address"));
            let text = address.as_ref().and_then(Value::as_str).unwrap_or(name);
            HeaderValue::from_str(text)
                .map_err(|_| Diagnostic::whole(format!("`{text}` is no address")))
        })
    }

    /// This line's place at `server`, if it has one or an idle one is there.
    pub(super) fn seat_if_any(&mut self, server: NodeId) -> Option<&mut Seat> {
        self.seat(server).ok()
    }

    /// Ends with a failed step for a reason that is known before anything was done.
    fn fail(&mut self, step: &Step, span: Span, why: String) -> Result<(), Stop> {
        self.refuse(step, &Diagnostic::new(why, span))
    }
}

/// How many steps there are, as they are written; those that only hold others do not count, and of a
/// choice that nobody has made one does.
fn count(steps: &[Step]) -> usize {
    let inner = |step: &Step| match &step.action {
        Action::Repeat(_, steps) | Action::ForEach { steps, .. } => count(steps),
        Action::Parallel(branches) => branches.iter().map(|steps| count(steps)).sum(),
        _ => 1,
    };
    steps.iter().map(inner).sum()
}

/// Drives all of `futures`, in their order whenever one is woken, and returns what they return, in
/// their order.
async fn join<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut done: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(move |cx| {
        let mut pending = false;
        for (future, output) in futures.iter_mut().zip(&mut done) {
            if output.is_none() {
                match Pin::new(future).poll(cx) {
                    Poll::Ready(value) => *output = Some(value),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending {
            return Poll::Pending;
        }
        Poll::Ready(done.iter_mut().filter_map(Option::take).collect())
    })
    .await
}
