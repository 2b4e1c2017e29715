//! One judge for each check, and the way of the messages to them.

use crate::base::{Diagnostic, Direction, NodeId, Span, Time};
use crate::plan::Plan;
use crate::scenario::Lookup;
use crate::scenario::model::{self, CheckKind};
use crate::trace::{Event, EventKind, Message, Outcome};

use super::CheckVerdict;
use super::calls::Calls;
use super::filter::{Wanted, is_interim};
use super::history::{HistoryRule, Kept};
use super::holds::{Holds, Watched};
use super::latency::Latency;
use super::metric::Figure;
use super::never::Never;
use super::pairs::{Asked, Pairs, Waiting};
use super::scope::Scope;

/// What one kind of check makes of the messages. It is asked for its finding at the end, and an error
/// on the way (a predicate that names a variable without a value) leaves the check undecided.
pub(super) trait Rule: Send {
    /// Its name in the trace.
    fn name(&self) -> &'static str;

    /// A message along the way of requests. True if the rule wants to be shown the reply.
    fn request(&mut self, _message: &Message, _scope: &dyn Lookup) -> Result<bool, Diagnostic> {
        Ok(false)
    }

    /// Any message along the way of replies.
    fn response(&mut self, _message: &Message, _scope: &dyn Lookup) -> Result<(), Diagnostic> {
        Ok(())
    }

    /// The reply, recorded at `at`, to a request that was sent at `sent` and that the rule waits for.
    fn reply(&mut self, _reply: Reply<'_>, _scope: &dyn Lookup) -> Result<(), Diagnostic> {
        Ok(())
    }

    /// Anything else: an operation, a step.
    fn other(&mut self, _at: Time, _kind: &EventKind) {}

    /// True if the rule ever waits for a reply.
    fn waits(&self) -> bool {
        false
    }

    /// What was found, when `unanswered` requests never got the reply that the rule waited for.
    fn finding(&self, unanswered: u64, scope: &dyn Lookup) -> Result<Finding, Diagnostic>;
}

/// A reply and the request that it answers.
pub(super) struct Reply<'a> {
    /// When the request was sent.
    pub(super) sent: Time,
    /// The reply.
    pub(super) message: &'a Message,
    /// When its fate was settled.
    pub(super) at: Time,
}

/// What a rule found.
pub(super) struct Finding {
    pub(super) outcome: Outcome,
    pub(super) text: String,
    /// The operations that contradict each other.
    pub(super) ops: Vec<u64>,
    /// What kind of violation it is.
    pub(super) cause: String,
    /// When it came to that, if there is one moment for it.
    pub(super) broke: Option<Time>,
}

impl Finding {
    /// One that names no operations.
    pub(super) fn new(outcome: Outcome, text: String) -> Finding {
        Finding { outcome, text, ops: Vec::new(), cause: String::new(), broke: None }
    }
}

struct Judge {
    span: Span,
    violated: bool,
    rule: Box<dyn Rule>,
    /// Requests that it waits for and that will not be answered.
    unanswered: u64,
    broken: Option<Diagnostic>,
}

impl Judge {
    fn new(check: &model::Check, plan: &Plan, history: &Kept, watched: &Watched) -> Judge {
        let rule: Box<dyn Rule> = match &check.kind {
            CheckKind::Calls { filter, count } => {
                Box::new(Calls::new(Wanted::new(filter, plan), count.clone()))
            }
            CheckKind::Latency { filter, bounds } => {
                Box::new(Latency::new(Wanted::new(filter, plan), bounds.clone()))
            }
            CheckKind::Metric(metric) => Box::new(Figure::new(metric, plan)),
            CheckKind::Holds(wish) => Box::new(Holds::new(wish, watched)),
            CheckKind::Never { filter } => Box::new(Never::new(Wanted::new(filter, plan))),
            CheckKind::History(check) => Box::new(HistoryRule::new(check, plan, history.clone())),
        };
        Judge { span: check.span, violated: check.violated, rule, unanswered: 0, broken: None }
    }

    /// Keeps the first error.
    fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|error| self.broken.get_or_insert(error)).ok()
    }

    fn verdict(&self, unanswered: u64, plan: &Plan, scope: &dyn Lookup) -> CheckVerdict {
        let found = match &self.broken {
            Some(error) => Err(error.clone()),
            None => self.rule.finding(unanswered, scope),
        };
        let found = found.unwrap_or_else(|error| {
            let place = error.span.map_or(String::new(), |span| {
                let (line, column) = plan.source.line_column(span.start);
                format!(" (line {line}, column {column})")
            });
            let text = format!("{}{place}", error.message);
            Finding::new(Outcome::Unknown, text)
        });
        let violated = found.outcome == Outcome::Failed;
        let (outcome, text) = match (self.violated, found.outcome) {
            (true, Outcome::Failed) => {
                (Outcome::Ok, format!("violated as expected: {}", found.text))
            }
            (true, Outcome::Ok) => {
                (Outcome::Failed, format!("expected to be violated, but it holds: {}", found.text))
            }
            (_, outcome) => (outcome, found.text),
        };
        let Finding { ops, cause, broke, .. } = found;
        CheckVerdict {
            check: self.rule.name(),
            span: self.span,
            outcome,
            text,
            violated,
            ops,
            cause,
            broke,
        }
    }
}

/// All judges of a plan.
pub(super) struct Judges {
    judges: Vec<Judge>,
    pairs: Option<Pairs>,
    history: Kept,
    watched: Watched,
    scope: Scope,
    names: Vec<String>,
}

impl Judges {
    pub(super) fn new(plan: &Plan) -> Judges {
        let history = Kept::new(plan);
        let watched = Watched::new(plan);
        let judge = |check| Judge::new(check, plan, &history, &watched);
        let judges: Vec<Judge> = plan.checks.iter().map(judge).collect();
        let pairs = judges.iter().any(|judge| judge.rule.waits()).then(Pairs::default);
        let names = plan.nodes.iter().map(|node| node.name.clone()).collect();
        Judges { judges, pairs, history, watched, scope: Scope::new(plan), names }
    }

    pub(super) fn node_name(&self, node: NodeId) -> &str {
        self.names.get(node.index()).map_or("outside", String::as_str)
    }

    pub(super) fn message(&mut self, message: &Message, at: Time) {
        match message.direction {
            Direction::Request => self.request(message),
            Direction::Response => self.response(message, at),
        }
    }

    /// Anything at all.
    pub(super) fn event(&mut self, event: &Event) {
        self.watched.event(event);
    }

    /// Anything that is no message.
    pub(super) fn other(&mut self, at: Time, kind: &EventKind) {
        if let EventKind::Op(op) = kind {
            self.history.event(op, at);
        }
        for judge in &mut self.judges {
            judge.rule.other(at, kind);
        }
    }

    fn request(&mut self, message: &Message) {
        let mut wanting = Vec::new();
        for (number, judge) in (0..).zip(&mut self.judges) {
            let wants = judge.rule.request(message, &self.scope);
            if judge.keep(wants) == Some(true) {
                wanting.push(number);
            }
        }
        let Some(pairs) = &mut self.pairs else { return };
        // Nobody answers what never came.
        if !message.fate.came() {
            return self.give_up(&wanting);
        }
        let waiting = Waiting { conn: message.conn, sent: message.sent, judges: wanting };
        match pairs.ask(message.seq, waiting) {
            Asked::Waits => {}
            Asked::GivenUp(oldest) => self.give_up(&oldest.judges),
            Asked::Answered(waiting, at, reply) => self.reply(&waiting, &reply, at),
        }
    }

    fn response(&mut self, message: &Message, at: Time) {
        for judge in &mut self.judges {
            let done = judge.rule.response(message, &self.scope);
            judge.keep(done);
        }
        if let Some(pairs) = &mut self.pairs
            && !is_interim(message)
            && let Some(waiting) = pairs.answer(message, at)
        {
            self.reply(&waiting, message, at);
        }
    }

    fn reply(&mut self, waiting: &Waiting, message: &Message, at: Time) {
        for &number in &waiting.judges {
            let judge = &mut self.judges[number as usize];
            if !message.fate.arrived() {
                judge.unanswered += 1;
            }
            let done = judge.rule.reply(Reply { sent: waiting.sent, message, at }, &self.scope);
            judge.keep(done);
        }
    }

    fn give_up(&mut self, judges: &[u32]) {
        for &number in judges {
            self.judges[number as usize].unanswered += 1;
        }
    }

    pub(super) fn verdicts(&self, plan: &Plan) -> Vec<CheckVerdict> {
        let waiting = |number| self.pairs.as_ref().map_or(0, |pairs| pairs.waiting_for(number));
        (0..)
            .zip(&self.judges)
            .map(|(number, judge)| {
                judge.verdict(judge.unanswered + waiting(number), plan, &self.scope)
            })
            .collect()
    }
}
