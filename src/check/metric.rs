//! `metric:`, figures of the whole run.
//!
//! ```text
//! message sent ──> messages, bytes, messages_per_operation      (requests and replies)
//! request arrived ──> amplification
//! op invoke, ok, fail, unknown ──> operations, operation_latency, and what "by operation" divides by
//! step ──> retries
//! ```

use std::collections::BTreeMap;

use crate::base::units::{grouped, show_duration};
use crate::base::{Diagnostic, NodeId, Time, Value};
use crate::plan::Plan;
use crate::scenario::model::{Between, Metric, MetricKind, Predicate, Statistic};
use crate::scenario::{Lookup, Mismatch};
use crate::trace::{EventKind, Fate, Message, OpEvent, OpPhase, Outcome, StepEvent};

use super::filter::Wanted;
use super::judge::{Finding, Rule};
use super::samples::{Bounds, Samples, measured};
use super::words::{counted, matching, places, request_parts, show, wish};

/// The most operations whose end is waited for; of more, the oldest counts as never ended.
const OPEN_MAX: usize = 250_000;

/// One figure.
pub(super) struct Figure {
    metric: Metric,
    wanted: Wanted,
    /// Nodes below this are servers.
    servers: usize,
    /// Clients with a load, of whose steps only some are told.
    loads: Vec<NodeId>,
    /// The clients whose operations and steps count; `None` is all.
    clients: Option<Vec<NodeId>>,
    messages: u64,
    bytes: u64,
    /// Requests that arrived.
    arrived: u64,
    operations: Operations,
    steps: Steps,
}

/// What became of the operations that count.
#[derive(Default)]
struct Operations {
    begun: u64,
    ok: u64,
    failed: u64,
    unknown: u64,
    open: BTreeMap<u64, Time>,
    latencies: Samples,
}

/// The steps that count.
#[derive(Default)]
struct Steps {
    told: u64,
    tried_again: u64,
    retries: u64,
}

impl Figure {
    pub(super) fn new(metric: &Metric, plan: &Plan) -> Figure {
        let client = metric.filter.client.as_ref();
        let is_load = |index: usize| plan.clients[index].load.is_some();
        let loads = plan.instances.iter().filter(|instance| is_load(instance.client));
        Figure {
            metric: metric.clone(),
            wanted: Wanted::new(&metric.filter, plan),
            servers: plan.servers.len(),
            loads: loads.map(|instance| instance.node).collect(),
            clients: client.map(|name| plan.nodes_named(name)),
            messages: 0,
            bytes: 0,
            arrived: 0,
            operations: Operations::default(),
            steps: Steps::default(),
        }
    }

    fn is_server(&self, node: NodeId) -> bool {
        node.index() < self.servers
    }

    fn message(&mut self, message: &Message) {
        let within = match self.metric.between {
            Between::All => true,
            Between::Servers => self.is_server(message.from) && self.is_server(message.to),
            Between::Clients => !(self.is_server(message.from) && self.is_server(message.to)),
        };
        if within && self.wanted.fits_message(message) {
            self.messages += 1;
            self.bytes += message.length;
        }
    }

    fn counts(&self, client: NodeId) -> bool {
        self.clients.as_ref().is_none_or(|clients| clients.contains(&client))
    }

    fn op(&mut self, at: Time, op: &OpEvent) {
        let function = self.metric.f.as_ref();
        if !self.counts(op.client) || function.is_some_and(|f| f.value != op.f) {
            return;
        }
        let operations = &mut self.operations;
        match op.phase {
            OpPhase::Invoke => {
                operations.begun += 1;
                operations.open.insert(op.id, at);
                if operations.open.len() > OPEN_MAX {
                    operations.open.pop_first();
                }
                return;
            }
            OpPhase::Ok => operations.ok += 1,
            OpPhase::Fail => operations.failed += 1,
            OpPhase::Unknown => operations.unknown += 1,
        }
        if let Some(began) = operations.open.remove(&op.id)
            && op.phase == OpPhase::Ok
        {
            operations.latencies.add(at.since(began));
        }
    }

    fn step(&mut self, step: &StepEvent) {
        if self.counts(step.client) && !self.loads.contains(&step.client) {
            let again = u64::from(step.attempts.saturating_sub(1));
            self.steps.told += 1;
            self.steps.tried_again += u64::from(again > 0);
            self.steps.retries += again;
        }
    }

    // ---- sentences ----------------------------------------------------------------------------

    /// `52 messages between servers from app match "SET *"`.
    fn messages_told(&self) -> String {
        let mut text = counted(self.messages, "message", "messages");
        text += match self.metric.between {
            Between::All => "",
            Between::Servers => " between servers",
            Between::Clients => " of clients",
        };
        self.narrowed(&text, "", self.messages)
    }

    /// `3 requests to db that match "SET *"`.
    fn requests_told(&self, scope: &dyn Lookup) -> Result<String, Diagnostic> {
        let text = counted(self.arrived, "request", "requests");
        let parts = request_parts(&self.wanted, scope)?;
        Ok(self.narrowed(&text, &parts, self.arrived))
    }

    fn narrowed(&self, what: &str, parts: &str, count: u64) -> String {
        let that = matching(&self.wanted, count).map(|verb| format!(" that {verb}"));
        format!("{what}{}{parts}{}", places(&self.wanted, "by"), that.unwrap_or_default())
    }

    /// `10 read operations by alice`.
    fn operations_told(&self, count: u64) -> String {
        let f = self.metric.f.as_ref().map_or(String::new(), |f| format!("{} ", f.value));
        let text = counted(count, &format!("{f}operation"), &format!("{f}operations"));
        text + &places(&self.wanted, "by")
    }

    /// `; 3 did not end ok (2 failed, 1 unknown)`; nothing if there are none.
    fn others_told(&self) -> String {
        let Operations { begun, ok, failed, unknown, .. } = self.operations;
        if begun <= ok {
            return String::new();
        }
        let kinds =
            [(failed, "failed"), (unknown, "unknown"), (begun - ok - failed - unknown, "open")];
        let kinds: Vec<String> = kinds
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        format!("; {} did not end ok ({})", begun - ok, kinds.join(", "))
    }

    // ---- findings -----------------------------------------------------------------------------

    /// `count` by operation; `what` is one and many of what was counted, `parts` what exactly.
    fn by_operation(
        &self,
        bound: &Predicate,
        (count, what, parts): (u64, [&str; 2], &str),
        scope: &dyn Lookup,
    ) -> Result<Finding, Diagnostic> {
        let begun = self.operations.begun;
        if begun == 0 {
            let text = format!("no operation: there is nothing to divide {parts} by");
            return Ok(Finding::new(Outcome::Unknown, text));
        }
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 messages")]
        let ratio = count as f64 / begun as f64;
        let shown = rounded(ratio);
        let what = what[usize::from(shown != "1")];
        let told = format!("{shown} {what} per operation");
        let operations = counted(begun, "operation", "operations");
        judge(bound, &Value::from(ratio), &told, &format!(" ({parts}, {operations})"), scope)
    }

    fn latency(&self, bounds: &Bounds, scope: &dyn Lookup) -> Result<Finding, Diagnostic> {
        let samples = &self.operations.latencies;
        let others = self.others_told();
        let Some(figures) = samples.figures() else {
            let subject = self.operations_told(0);
            let text = format!("{subject} ended ok: there is nothing to measure{others}");
            return Ok(Finding::new(Outcome::Unknown, text));
        };
        let (holds, told) = measured(bounds, &figures, scope)?;
        let outcome = if holds { Outcome::Ok } else { Outcome::Failed };
        let text = format!(
            "{told} ({}, {} to {}){others}",
            self.operations_told(samples.count),
            show_duration(figures.of(Statistic::Min)),
            show_duration(figures.of(Statistic::Max)),
        );
        Ok(Finding::new(outcome, text))
    }

    fn retries(&self, bound: &Predicate, scope: &dyn Lookup) -> Result<Finding, Diagnostic> {
        let Steps { told, tried_again, retries } = self.steps;
        let whose = places(&self.wanted, "by");
        if told == 0 {
            let text = format!("no step{whose}: there is nothing to count");
            return Ok(Finding::new(Outcome::Unknown, text));
        }
        let subject = format!("{}{whose}", counted(retries, "retry", "retries"));
        let of = match tried_again {
            0 => format!(" ({})", counted(told, "step", "steps")),
            _ => format!(" ({tried_again} of {} tried again)", counted(told, "step", "steps")),
        };
        judge(bound, &Value::from(retries), &subject, &of, scope)
    }
}

/// Whether a number is as it should be: `told`, what was expected if it is not, and `more`.
fn judge(
    bound: &Predicate,
    actual: &Value,
    told: &str,
    more: &str,
    scope: &dyn Lookup,
) -> Result<Finding, Diagnostic> {
    match bound.test(Some(actual), scope) {
        Ok(()) => Ok(Finding::new(Outcome::Ok, format!("{told}{more}"))),
        Err(Mismatch::Differs(_)) => {
            let expected = wish(bound, scope, &show)?;
            let text = format!("{told}, expected {expected}{more}");
            Ok(Finding::new(Outcome::Failed, text))
        }
        Err(Mismatch::Unresolved(diagnostic)) => Err(diagnostic),
    }
}

/// A ratio with at most three digits after the point.
fn rounded(ratio: f64) -> String {
    let text = format!("{ratio:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Rule for Figure {
    fn name(&self) -> &'static str {
        "metric"
    }

    fn request(&mut self, message: &Message, scope: &dyn Lookup) -> Result<bool, Diagnostic> {
        if !matches!(self.metric.kind, MetricKind::Amplification(_)) {
            self.message(message);
            return Ok(false);
        }
        if message.fate.arrived()
            && self.wanted.fits_message(message)
            && self.wanted.fits_request_line(message, scope)?
        {
            self.arrived += if message.fate == Fate::Duplicated { 2 } else { 1 };
        }
        Ok(false)
    }

    fn response(&mut self, message: &Message, _scope: &dyn Lookup) -> Result<(), Diagnostic> {
        self.message(message);
        Ok(())
    }

    fn other(&mut self, at: Time, kind: &EventKind) {
        match kind {
            EventKind::Op(op) => self.op(at, op),
            EventKind::Step(step) => self.step(step),
            _ => {}
        }
    }

    fn finding(&self, _unanswered: u64, scope: &dyn Lookup) -> Result<Finding, Diagnostic> {
        match &self.metric.kind {
            MetricKind::Messages(bound) => {
                judge(bound, &Value::from(self.messages), &self.messages_told(), "", scope)
            }
            MetricKind::Bytes(bound) => {
                let told = match self.bytes {
                    1 => "1 byte".to_owned(),
                    bytes => format!("{} bytes", grouped(bytes)),
                };
                let more = format!(" ({})", self.messages_told());
                judge(bound, &Value::from(self.bytes), &told, &more, scope)
            }
            MetricKind::MessagesPerOperation(bound) => {
                let parts = self.messages_told();
                let what = ["message", "messages"];
                self.by_operation(bound, (self.messages, what, &parts), scope)
            }
            MetricKind::Amplification(bound) => {
                let parts = self.requests_told(scope)?;
                self.by_operation(bound, (self.arrived, ["request", "requests"], &parts), scope)
            }
            MetricKind::Operations(bound) => {
                let ok = self.operations.ok;
                let told = format!("{} ended ok", self.operations_told(ok));
                judge(bound, &Value::from(ok), &told, &self.others_told(), scope)
            }
            MetricKind::OperationLatency(bounds) => self.latency(bounds, scope),
            MetricKind::Retries(bound) => self.retries(bound, scope),
        }
    }
}
