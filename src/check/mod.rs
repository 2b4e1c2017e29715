//! Verdicts: what must hold of a run, decided from its trace alone.
//!
//! ```text
//! plan.checks -> one Judge each        event -> Checker -> judges (requests paired with replies)
//! end of the run -> a `check` line for each, in the order of the scenario, then the `end` line
//! ```
//!
//! A [`Checker`] watches a run while it goes on; [`verdict_of`] reads a stored trace and comes to the
//! same verdict, for both see the same events. Nothing is kept but figures, a bounded number of
//! examples and the requests that still wait for their reply, so that a check of ten million messages
//! takes no more memory than one of ten. Only a `history` keeps its operations, and no more than
//! [`history::OPERATIONS_MAX`] of them.
//!
//! # What is counted
//! - `calls` counts requests that *arrived* at their receiver, whole; a request that a fault took, or
//!   that was under way when its connection broke, is told in the sentence but not counted, and one
//!   that a fault sent twice counts twice. With `status:` it counts requests whose reply arrived and fits.
//! - `latency` is the time from the sending of a request to the arrival of its reply at the sender.
//!   Requests without a reply are told in the sentence. With no reply at all there is nothing to
//!   decide: the outcome is [`Outcome::Unknown`].
//! - `metric` counts messages that were sent, whatever became of them (`amplification`: requests that
//!   arrived, as `calls` does), operations by how they ended, and the attempts of steps. What is divided
//!   by operations is divided by those that were begun; without any the outcome is
//!   [`Outcome::Unknown`].
//! - `never` is about every message that was *sent*, whatever became of it.
//! - A `history` is judged when the run is over: see [`history`].
//! - A fault that touched nothing fails the run if the scenario says `unused_faults: error`.
//! - `from` and `to` are the sender and the receiver of the message itself (for `calls` and `latency`,
//!   of the request); `client` is the side that asked, also where the message is a reply.

mod calls;
mod filter;
pub mod history;
mod holds;
mod judge;
mod latency;
mod metric;
mod never;
mod pairs;
mod samples;
mod scope;
mod unused;
mod words;

use std::borrow::Borrow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::{Span, Time};
use crate::plan::Plan;
use crate::trace::{Event, EventKind, Observer, Outcome, Recorder, placed};

pub use history::moment;
use judge::Judges;
use unused::Unused;

/// What was found about a whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// One for each of the scenario's checks, in the order of the file.
    pub checks: Vec<CheckVerdict>,
    /// [`Outcome::Ok`] only if every step (but those that may fail) and every check went as it should and the run came to its
    /// end; [`Outcome::Failed`] if any did not; [`Outcome::Unknown`] if one could not be decided.
    pub outcome: Outcome,
    /// Why not, if it was neither a step nor a check: the run's own failure, a server's crash,
    /// iterations of a load that failed, or a fault that touched nothing. Empty otherwise.
    pub text: String,
}

/// What was found about one check.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckVerdict {
    /// The kind of check: `calls`, `history`, `latency`, `metric`, `never`.
    pub check: &'static str,
    /// Where it stands in the scenario.
    pub span: Span,
    /// Whether it holds; a check with `expect: violated` is [`Outcome::Ok`] if it does not.
    pub outcome: Outcome,
    /// A sentence with the figures.
    pub text: String,
    /// Whether what it asks for does not hold, whether that was wanted (`expect: violated`) or not.
    pub violated: bool,
    /// Of a history: the ids of the operations that contradict each other, the one that finds no place
    /// first, the others in the order in which they began. Otherwise empty.
    pub ops: Vec<u64>,
    /// What kind of violation it is, without values, numbers and times, so that the same fault of two
    /// runs has the same words; empty if nothing is violated, or there is no more to say than that.
    pub cause: String,
    /// When it came to that, if there is one moment for it.
    pub broke: Option<Time>,
}

/// An observer that judges a run while it goes on. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Checker {
    state: Arc<Mutex<State>>,
}

impl Checker {
    /// A checker for the checks of `plan`.
    #[must_use]
    pub fn new(plan: &Plan) -> Checker {
        Checker { state: Arc::new(Mutex::new(State::new(plan))) }
    }

    /// Ends a run at `at`: records a `check` event for each of the scenario's checks and then the
    /// `end` event, and returns what the latter says. `run_failure` is why the run did not come to
    /// its end by itself: it took too long, or nothing could go on.
    pub fn conclude(
        &self,
        plan: &Plan,
        at: Time,
        recorder: &Recorder,
        run_failure: Option<String>,
    ) -> Outcome {
        // The lock must be free again before anything is recorded: the recorder calls this observer.
        let verdict = self.lock().verdict(plan, run_failure);
        for check in verdict.checks {
            let CheckVerdict { check, span, outcome, text, violated, ops, cause, broke } = check;
            let check = check.into();
            let kind = EventKind::Check { check, span, outcome, text, violated, ops, cause, broke };
            recorder.record(at, kind);
        }
        recorder.record(at, EventKind::End { outcome: verdict.outcome, text: verdict.text });
        verdict.outcome
    }

    /// The verdict on what was seen so far, as if the run ended here.
    #[must_use]
    pub fn verdict(&self, plan: &Plan, run_failure: Option<String>) -> Verdict {
        self.lock().verdict(plan, run_failure)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Checker {
    fn event(&mut self, event: &Event) {
        self.lock().event(event);
    }
}

/// Judges a stored trace again. The `check` lines that it holds are not looked at; a trace without
/// its `end` line was cut short, and then nothing better than [`Outcome::Unknown`] comes out.
///
/// ```no_run
/// # fn load() -> (looplab::plan::Plan, Vec<looplab::trace::Event>) { unimplemented!() }
/// let (plan, events) = load();
/// let verdict = looplab::check::verdict_of(&plan, &events);
/// assert_eq!(verdict.checks.len(), plan.checks.len());
/// ```
pub fn verdict_of<I>(plan: &Plan, events: I) -> Verdict
where
    I: IntoIterator,
    I::Item: Borrow<Event>,
{
    let mut state = State::new(plan);
    let mut end = None;
    for event in events {
        let event = event.borrow();
        state.event(event);
        if let EventKind::End { outcome, text } = &event.kind {
            end = Some((*outcome, text.clone()));
            break;
        }
    }
    match end {
        Some((_, text)) => state.verdict(plan, Some(text).filter(|text| !text.is_empty())),
        None => {
            let mut verdict = state.verdict(plan, None);
            if verdict.outcome == Outcome::Ok {
                verdict.outcome = Outcome::Unknown;
            }
            if verdict.text.is_empty() {
                verdict.text = "the trace has no end: it was cut short".into();
            }
            verdict
        }
    }
}

/// What is known of a run.
struct State {
    judges: Judges,
    steps: Outcome,
    /// The first thing wrong that is neither a step nor a check.
    broken: Option<String>,
    unused: Unused,
}

impl State {
    fn new(plan: &Plan) -> State {
        State {
            judges: Judges::new(plan),
            steps: Outcome::Ok,
            broken: None,
            unused: Unused::default(),
        }
    }

    fn event(&mut self, event: &Event) {
        self.judges.event(event);
        match &event.kind {
            EventKind::Message(message) => self.judges.message(message, event.at),
            EventKind::Op(_) => self.judges.other(event.at, &event.kind),
            EventKind::Step(step) => {
                self.steps = worse(self.steps, step.verdict());
                self.judges.other(event.at, &event.kind);
            }
            EventKind::Crash { node, text, fault: None } => {
                let name = self.judges.node_name(*node);
                let _ = self.broken.get_or_insert_with(|| format!("{name} crashed: {text}"));
            }
            EventKind::Error { node, script, line, text } => {
                let name = self.judges.node_name(*node);
                let text = placed(script, *line, text);
                let _ = self
                    .broken
                    .get_or_insert_with(|| format!("the script of {name} failed: {text}"));
            }
            EventKind::Fault(fault) => self.unused.event(fault),
            EventKind::Load(load) if load.failed > 0 => {
                let (name, failed) = (self.judges.node_name(load.client), load.failed);
                let text = format!("{failed} of {} iterations of {name} failed", load.started);
                let _ = self.broken.get_or_insert(text);
            }
            _ => {}
        }
    }

    fn verdict(&self, plan: &Plan, run_failure: Option<String>) -> Verdict {
        let checks = self.judges.verdicts(plan);
        let text = run_failure
            .or_else(|| self.broken.clone())
            .or_else(|| self.unused.failure(plan.unused_faults));
        let whole = if text.is_some() { Outcome::Failed } else { Outcome::Ok };
        let outcome =
            checks.iter().map(|check| check.outcome).fold(worse(self.steps, whole), worse);
        Verdict { checks, outcome, text: text.unwrap_or_default() }
    }
}

/// Failed before unknown before ok.
fn worse(a: Outcome, b: Outcome) -> Outcome {
    match (a, b) {
        (Outcome::Failed, _) | (_, Outcome::Failed) => Outcome::Failed,
        (Outcome::Unknown, _) | (_, Outcome::Unknown) => Outcome::Unknown,
        (Outcome::Ok, Outcome::Ok) => Outcome::Ok,
    }
}

#[cfg(test)]
mod tests;
