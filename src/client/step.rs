//! One step that does something: its attempts, what is expected of it, what is taken from it, and
//! what the trace is told.
//!
//! ```text
//! attempt: op invoke -> the operation, within its timeout -> op ok | fail | unknown
//!          -> expect -> (all hold) capture
//! step:    attempt, and again while `retry:` allows and something does not hold -> one step event
//! ```
//!
//! - A step whose operation ends with an error has failed, unless it says what it expects of
//!   `error`. An HTTP status is no error, whatever its number; a Redis error reply is one.
//! - An operation *happened* (`ok`) if its reply came; it certainly *did not* (`fail`) if it was never
//!   sent, or if it was turned down: a Redis error, an HTTP status from 400 to 499, an error of a node that
//!   says so by its code. Otherwise nobody
//!   knows (`unknown`): a timeout, a reset, a status from 500 up, which a server also sends after half
//!   the work. What is expected of the reply has no say in this. Each attempt is an operation.
//! - Variables are captured when everything holds that is expected, never before.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::Instrument;

use super::reply::{ErrorKind, OpError, Reply};
use super::runner::{Runner, Stop, TIMEOUT};
use super::{program, summary};
use crate::base::units::{duration, show_duration};
use crate::base::{Diagnostic, Located, Rng, Span, Time, Value};
use crate::call::{Failure, FailureKind};
use crate::plan::chance;
use crate::scenario::Mismatch;
use crate::scenario::model::{Action, Draw, Field, OpValue, Retry, Setting, Step};
use crate::trace::{EventKind, Level, OpEvent, OpPhase, Outcome, StepEvent};

/// The longest pause between two attempts, however it has grown.
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// What came of one attempt.
#[derive(Default)]
struct Attempt {
    error: Option<String>,
    failures: Vec<(Span, String)>,
    /// Trying again would change nothing.
    hopeless: bool,
}

impl Attempt {
    fn refused(step: &Step, diagnostic: &Diagnostic) -> Attempt {
        let failure = (diagnostic.span.unwrap_or(step.span), explain(diagnostic));
        Attempt { failures: vec![failure], hopeless: true, ..Attempt::default() }
    }
}

/// A diagnostic as one clause.
fn explain(diagnostic: &Diagnostic) -> String {
    match &diagnostic.help {
        Some(help) => format!("{} ({help})", diagnostic.message),
        None => diagnostic.message.clone(),
    }
}

impl Runner<'_> {
    /// Does a step and tells what came of it.
    pub(super) async fn leaf(&mut self, step: &Step) -> Result<(), Stop> {
        let began = self.run_now();
        let span = tracing::info_span!(
            target: "looplab::step",
            "step",
            client = %self.shared.context.name,
            name = step.name.as_ref().map(|name| name.value.as_str()),
            summary = summary::summarize(step, &self.scope),
        );
        // Pinned, here and below, so that large futures are not moved about.
        let (attempts, summary, attempt) = {
            let attempts = pin!(self.attempts(step));
            match span.is_disabled() {
                true => attempts.await,
                false => attempts.instrument(span.clone()).await,
            }
        };
        span.in_scope(|| self.tell(step, began, attempts, summary, attempt))
    }

    /// A step that cannot even be begun.
    pub(super) fn refuse(&mut self, step: &Step, diagnostic: &Diagnostic) -> Result<(), Stop> {
        let summary = summary::summarize(step, &self.scope);
        let now = self.run_now();
        self.tell(step, now, 0, summary, Attempt::refused(step, diagnostic))
    }

    async fn attempts(&mut self, step: &Step) -> (u32, String, Attempt) {
        let began = self.shared.context.clock.now();
        let mut pauses = step.retry.as_ref().map(|retry| Pauses { retry, pause: retry.every });
        let mut attempts = 0;
        loop {
            attempts += 1;
            // Captures may change what the summary is made of. Under load few are told.
            let told = self.tally.is_none();
            let summary = told.then(|| summary::summarize(step, &self.scope));
            let attempt = self.attempt(step).await;
            let holds = attempt.failures.is_empty();
            let summary = match &step.action {
                Action::Draw(vars) if told && holds => Some(summary::drawn(vars, &self.scope)),
                _ => summary,
            };
            let next = match &mut pauses {
                Some(pauses) if !holds && !attempt.hopeless => {
                    let pause = pauses.next(&mut self.rng);
                    let now = self.shared.context.clock.now();
                    pauses.allow(attempts, began, now + pause).then_some(now + pause)
                }
                _ => None,
            };
            let Some(next) = next else {
                let summary = match summary {
                    Some(summary) => summary,
                    None if holds => String::new(),
                    None => summary::summarize(step, &self.scope),
                };
                return (attempts, summary, attempt);
            };
            self.shared.context.clock.sleep_until(next).await;
        }
    }

    async fn attempt(&mut self, step: &Step) -> Attempt {
        let op = match self.invoke(step) {
            Ok(op) => op,
            Err(diagnostic) => return Attempt::refused(step, &diagnostic),
        };
        let sent = AtomicBool::new(false);
        let started = self.shared.context.clock.now();
        let operated = self.operate(step, &sent).await;
        let mut reply = match operated {
            Ok(reply) => reply,
            Err(diagnostic) => {
                if let Some(op) = op {
                    self.complete(op, OpPhase::Fail);
                }
                return Attempt::refused(step, &diagnostic);
            }
        };
        reply.took = self.shared.context.clock.now().since(started);
        if let Some(mut op) = op {
            let phase = phase(&reply, sent.load(Ordering::Relaxed));
            if let (OpPhase::Ok, Some(OpValue::Result(field))) =
                (phase, step.op.as_ref().and_then(|op| op.value.as_ref()))
            {
                op.value = reply.get(field, &self.scope).map_or(Value::Null, |v| v.into_owned());
            }
            self.complete(op, phase);
        }
        let mut failures = self.judge(step, &reply);
        if failures.is_empty() {
            failures = self.capture(step, &reply);
        }
        let error = reply.error.as_ref().map(|error| error.word().to_owned());
        Attempt { error, failures, hopeless: false }
    }

    /// Does what the step says, within its time.
    async fn operate(&mut self, step: &Step, sent: &AtomicBool) -> Result<Reply, Diagnostic> {
        let clock = &self.shared.context.clock;
        let limit = match &step.timeout {
            Some(limit) => self.duration(limit)?,
            None => self.shared.client().timeout.unwrap_or(TIMEOUT),
        };
        let in_time = match &step.action {
            Action::Http(call) => clock.timeout(limit, pin!(self.http(call, sent))).await,
            Action::Redis(call) => clock.timeout(limit, pin!(self.redis(call, sent))).await,
            Action::Call(call) => clock.timeout(limit, pin!(self.call(call, sent))).await,
            Action::Connect(connect) => clock.timeout(limit, pin!(self.connect(connect))).await,
            Action::Send(send) => {
                clock.timeout(limit, pin!(self.send(send, step.span, sent))).await
            }
            Action::Receive(receive) => {
                sent.store(true, Ordering::Relaxed);
                clock.timeout(limit, pin!(self.receive(receive, step.span))).await
            }
            Action::Close(close) => return self.close(close, step.span).await,
            Action::Run(run) => {
                // A program that takes too long is stopped in order, which takes its own time.
                let limit = self.shared.client().timeout.unwrap_or(program::TIMEOUT);
                sent.store(true, Ordering::Relaxed);
                return self.program(run, limit).await;
            }
            Action::Wait(pause) => {
                clock.sleep(self.duration(pause)?).await;
                return Ok(Reply::empty());
            }
            Action::Set(vars) => {
                for (name, value) in vars {
                    let value = value.resolve(&self.scope)?;
                    self.scope.set(name, value);
                }
                return Ok(Reply::empty());
            }
            Action::Draw(vars) => {
                self.draw(vars)?;
                return Ok(Reply::empty());
            }
            Action::Log(text) => {
                self.log(Level::Info, text.resolve_string(&self.scope)?);
                return Ok(Reply::empty());
            }
            Action::Fault(_) => {
                if let Some(act) = self.shared.plan.act(step.span) {
                    self.shared.context.stage.act(act);
                }
                return Ok(Reply::empty());
            }
            // The containers are not done here.
            Action::Check
            | Action::Repeat(..)
            | Action::ForEach { .. }
            | Action::Parallel(_)
            | Action::Choose(_)
            | Action::Use { .. } => return Ok(Reply::empty()),
        };
        in_time.unwrap_or_else(|_| {
            let what = if sent.load(Ordering::Relaxed) { "nothing came" } else { "no connection" };
            let what = format!("{what} within {}", show_duration(limit));
            let mut reply = Reply::failed(Failure::new(FailureKind::Timeout, what).into());
            if let Action::Receive(receive) = &step.action {
                reply.content = self.not_received(receive);
            }
            Ok(reply)
        })
    }

    /// Draws all variables, and then sets them.
    fn draw(&mut self, vars: &[(Located<String>, Draw)]) -> Result<(), Diagnostic> {
        let progress = &self.shared.context.progress;
        let mut unique = || progress.unique();
        let mut drawn = Vec::with_capacity(vars.len());
        for (_, from) in vars {
            drawn.push(chance::draw(from, &mut self.draws, &self.scope, &mut unique));
        }
        let values: Vec<Value> = drawn.into_iter().collect::<Result<_, _>>()?;
        for ((name, _), value) in vars.iter().zip(values) {
            self.scope.set(name, value);
        }
        Ok(())
    }

    fn duration(&self, setting: &Setting<Duration>) -> Result<Duration, Diagnostic> {
        match setting {
            Setting::Fixed(duration) => Ok(*duration),
            Setting::Text(text) => duration(&text.resolve_string(&self.scope)?)
                .map_err(|bad| Diagnostic::new(bad.0, text.span)),
        }
    }

    /// What does not hold.
    fn judge(&self, step: &Step, reply: &Reply) -> Vec<(Span, String)> {
        let about = |field: &Field, error: &OpError| match field {
            Field::Named(name) if name == "error" => true,
            Field::Named(name) if name == "exit" || name == "signal" => {
                error.kind == ErrorKind::Exit
            }
            _ => false,
        };
        if let Some(error) = &reply.error
            && !step.expect.iter().any(|expectation| about(&expectation.field, error))
        {
            return vec![(place(step), error.clause())];
        }
        let mut failures = Vec::new();
        for expectation in &step.expect {
            let actual = reply.get(&expectation.field, &self.scope);
            match expectation.predicate.test(actual.as_deref(), &self.scope) {
                Ok(()) => {}
                Err(Mismatch::Differs(text)) => failures.push((expectation.predicate.span, text)),
                Err(Mismatch::Unresolved(diagnostic)) => {
                    let span = diagnostic.span.unwrap_or(expectation.predicate.span);
                    failures.push((span, explain(&diagnostic)));
                }
            }
        }
        failures
    }

    /// Sets the variables that the step takes from its result; or none, and says what it has not.
    fn capture(&mut self, step: &Step, reply: &Reply) -> Vec<(Span, String)> {
        let mut taken = Vec::with_capacity(step.capture.len());
        let mut failures = Vec::new();
        for (name, field) in &step.capture {
            match reply.get(field, &self.scope).map(|value| value.into_owned()) {
                Some(value) => taken.push((name, value)),
                None => {
                    let what = format!("there is no `{}` to capture", summary::field(field));
                    failures.push((field.span, what));
                }
            }
        }
        if failures.is_empty() {
            taken.into_iter().for_each(|(name, value)| self.scope.set(name, value));
        }
        failures
    }

    /// Tells the trace that the step's operation begins, if it stands for one.
    fn invoke(&self, step: &Step) -> Result<Option<OpEvent>, Diagnostic> {
        let Some(op) = &step.op else { return Ok(None) };
        let key = op.key.as_ref().map_or(Ok(Value::Null), |key| key.resolve(&self.scope))?;
        let value = match &op.value {
            Some(OpValue::Given(value)) => value.resolve(&self.scope)?,
            Some(OpValue::Result(_)) | None => Value::Null,
        };
        let context = &self.shared.context;
        let id = context.recorder.next_op();
        let (client, f) = (context.node, op.f.value.clone());
        let event = OpEvent { client, id, phase: OpPhase::Invoke, f, key, value };
        context.recorder.record(self.run_now(), EventKind::Op(Box::new(event.clone())));
        Ok(Some(event))
    }

    fn complete(&self, op: OpEvent, phase: OpPhase) {
        let event = EventKind::Op(Box::new(OpEvent { phase, ..op }));
        self.shared.context.recorder.record(self.run_now(), event);
    }

    /// Writes the step's event, unless it is one of the many of a load.
    fn tell(
        &self,
        step: &Step,
        began: Time,
        attempts: u32,
        summary: String,
        attempt: Attempt,
    ) -> Result<(), Stop> {
        let failed = !attempt.failures.is_empty();
        let forgiven = failed && self.may_fail;
        if self.tally.is_none_or(|tally| failed && tally.may_tell_failure(forgiven)) {
            let event = StepEvent {
                client: self.shared.context.node,
                name: step.name.as_ref().map(|name| name.value.clone()),
                span: step.span,
                summary,
                began,
                attempts,
                outcome: if failed { Outcome::Failed } else { Outcome::Ok },
                forgiven,
                error: attempt.error,
                failures: attempt.failures,
            };
            self.shared.context.recorder.record(self.run_now(), EventKind::Step(Box::new(event)));
        }
        if failed && !forgiven { Err(Stop { skipped: 0 }) } else { Ok(()) }
    }
}

/// The place to point at when a step's operation fails: the server, if it names one.
fn place(step: &Step) -> Span {
    match &step.action {
        Action::Http(call) => call.server.span,
        Action::Redis(call) => call.server.span,
        Action::Call(call) => call.nodes.first().map_or(step.span, |node| node.span),
        Action::Connect(connect) => connect.server.span,
        _ => step.span,
    }
}

/// Whether the operation happened.
fn phase(reply: &Reply, sent: bool) -> OpPhase {
    match (&reply.error, reply.http()) {
        (None, Some(http)) if http.status >= 500 => OpPhase::Unknown,
        (None, Some(http)) if http.status >= 400 => OpPhase::Fail,
        (None, _) => OpPhase::Ok,
        (Some(error), _) => match error.kind {
            ErrorKind::Node { certain: false } => OpPhase::Unknown,
            ErrorKind::Node { .. }
            | ErrorKind::Redis
            | ErrorKind::Call(FailureKind::Refused)
            | ErrorKind::Call(FailureKind::Unreachable) => OpPhase::Fail,
            _ if sent => OpPhase::Unknown,
            _ => OpPhase::Fail,
        },
    }
}

/// The pauses of a `retry:`.
struct Pauses<'a> {
    retry: &'a Retry,
    pause: Duration,
}

impl Pauses<'_> {
    /// The next pause; the one after it is longer by the factor of `backoff:`.
    fn next(&mut self, rng: &mut Rng) -> Duration {
        let pause = self.pause;
        let grown = pause.as_secs_f64() * self.retry.backoff;
        self.pause = Duration::try_from_secs_f64(grown).map_or(PAUSE_MAX, |d| d.min(PAUSE_MAX));
        if !self.retry.jitter {
            return pause;
        }
        let nanos = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(rng.below(nanos.saturating_add(1)))
    }

    /// Whether another attempt may begin at `at`, after `attempts` of them.
    fn allow(&self, attempts: u32, began: Time, at: Time) -> bool {
        self.retry.times.is_none_or(|times| attempts <= times)
            && self.retry.within.is_none_or(|within| at <= began + within)
    }
}
