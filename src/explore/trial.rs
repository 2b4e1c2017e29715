//! One run of a search: what failed in it, and what it was like, in bounded memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::{NodeId, Time};
use crate::check::Checker;
use crate::plan::Plan;
use crate::run::{self, Hooks, Interrupt, RunError, Steering};
use crate::trace::{Event, EventKind, FaultPhase, Observer, Outcome, Recorder};

use super::failure::{self, Failure};
use super::kind;

/// The most failures of one run that are kept.
const FAILURES_MAX: usize = 20;

/// What came of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trial {
    /// What failed: checks first, each once.
    pub failures: Vec<Failure>,
    /// How many messages were sent.
    pub messages: u64,
    /// When the last message came, on its own clock.
    pub lasted: Duration,
    /// A hash of the order in which each node was reached by messages of which kinds, from whom.
    pub interleaving: u64,
    /// How many faults touched something.
    pub bit: u64,
    /// It was stopped, and says nothing.
    pub interrupted: bool,
}

impl Trial {
    /// The failure that is like another one.
    #[must_use]
    pub fn like(&self, wanted: &Failure) -> Option<&Failure> {
        let alike = || self.failures.iter().filter(|failure| failure.is_like(wanted));
        alike().find(|failure| failure.cause == wanted.cause).or_else(|| alike().next())
    }
}

/// The most events of one run while its clients are driven: one that has more is cut, and has failed.
pub const EVENTS_MAX: u64 = 1_000_000;

/// Runs a plan. `watches` see what happens, too.
///
/// # Errors
/// [`RunError`] if the machine does not give what the plan asks for.
pub(super) fn run(
    plan: &Arc<Plan>,
    steering: Steering,
    interrupt: Option<Interrupt>,
    watches: Vec<Box<dyn Observer>>,
) -> Result<Trial, RunError> {
    let events_max = Some(EVENTS_MAX);
    let checker = Checker::new(plan);
    let watch = Watch::new(plan);
    let mut observers: Vec<Box<dyn Observer>> =
        vec![Box::new(checker.clone()), Box::new(watch.clone())];
    observers.extend(watches);
    let recorder = Recorder::new(observers);
    let ended =
        run::run(plan, &recorder, Hooks { interrupt, steering, events_max, ..Hooks::default() })?;
    let verdict = checker.verdict(plan, ended.failure.clone());
    let mut failures: Vec<Failure> = failure::of_checks(plan, &verdict).collect();
    let mut state = watch.state.lock().unwrap_or_else(PoisonError::into_inner);
    failures.append(&mut state.failures);
    let crashed = failures.iter().any(|failure| failure.what.starts_with("crash of "));
    failures.extend(ended.failure.as_deref().filter(|_| !crashed).map(failure::of_run));
    failures.truncate(FAILURES_MAX);
    Ok(Trial {
        failures,
        messages: recorder.numbered(),
        lasted: state.last.since(Time::ZERO),
        interleaving: state.hash(),
        bit: state.bit,
        interrupted: ended.interrupted,
    })
}

/// Sees what happens.
#[derive(Clone)]
struct Watch {
    plan: Arc<Plan>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    failures: Vec<Failure>,
    /// The hash of what has come to each node so far.
    orders: BTreeMap<NodeId, u64>,
    bit: u64,
    /// When the last message came.
    last: Time,
}

impl State {
    fn hash(&self) -> u64 {
        self.orders.iter().fold(kind::BASIS, |hash, (node, order)| {
            kind::fold(kind::fold(hash, u64::from(node.0)), *order)
        })
    }

    fn fails(&mut self, failure: Failure) {
        if self.failures.len() < FAILURES_MAX && !self.failures.iter().any(|f| f.is_like(&failure))
        {
            self.failures.push(failure);
        }
    }
}

impl Watch {
    fn new(plan: &Arc<Plan>) -> Watch {
        Watch { plan: plan.clone(), state: Arc::default() }
    }
}

impl Observer for Watch {
    fn event(&mut self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.kind {
            EventKind::Message(message) if message.fate.came() => {
                state.last = event.at;
                let order = state.orders.entry(message.to).or_insert(kind::BASIS);
                *order =
                    kind::hash(&message.summary, kind::fold(*order, u64::from(message.from.0)));
            }
            EventKind::Step(step) if step.outcome == Outcome::Failed && !step.forgiven => {
                failure::of_step(&self.plan, step)
                    .into_iter()
                    .for_each(|failure| state.fails(failure));
            }
            EventKind::Crash { node, text, fault: None } => {
                state.fails(failure::of_crash(&self.plan, *node, text));
            }
            EventKind::Fault(fault) if fault.phase == FaultPhase::End && fault.touched > 0 => {
                state.bit += 1;
            }
            EventKind::Load(load) if load.failed > 0 => {
                let name = self.plan.node_name(load.client);
                state.fails(failure::of_run(&format!("iterations of {name} failed")));
            }
            _ => {}
        }
    }
}
