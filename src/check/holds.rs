//! `always:`, `eventually:`, `never:` with a predicate in Lua.
//!
//! What nodes expose is put together as the trace tells it; what happens at one time is taken together, so
//! that a node which changes two parts at once is never seen between them. A predicate that dies of an error
//! leaves the check undecided.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::judge::{Finding, Rule};
use crate::base::units::show_duration;
use crate::base::{Diagnostic, NodeId, Time};
use crate::plan::Plan;
use crate::protocol::Envelope;
use crate::scenario::Lookup;
use crate::scenario::model::{Asked, Quantifier, StateCheck};
use crate::script::{PredicateId, Predicates, ScriptError};
use crate::trace::{Event, EventKind, Message, Outcome};

/// All predicates of a plan over a run: they look at the same states. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Watched(Arc<Mutex<Inner>>);

/// One of them.
pub(super) struct Holds {
    wish: StateCheck,
    watched: Watched,
    /// Which one.
    at: usize,
}

struct Inner {
    names: Vec<String>,
    /// How many of them are servers, from the first.
    servers: usize,
    /// What answers; made for the first question.
    predicates: Option<Result<Predicates, ScriptError>>,
    questions: Vec<Question>,
    /// Something has changed at this time, and those who ask for states were not asked since.
    pending: Option<Time>,
    /// What nodes expose now.
    exposed: Vec<(NodeId, String, Value)>,
}

struct Question {
    quantifier: Quantifier,
    on: Asked,
    predicate: Result<PredicateId, ScriptError>,
    asked: u64,
    /// When it first held.
    held: Option<Time>,
    /// When it first did not, and why.
    failed: Option<(Time, Option<String>)>,
    /// What nodes had exposed when that was decided.
    shown: Vec<(NodeId, String, Value)>,
}

impl Watched {
    pub(super) fn new(plan: &Plan) -> Watched {
        Watched(Arc::new(Mutex::new(Inner {
            names: plan.nodes.iter().map(|node| node.name.clone()).collect(),
            servers: plan.servers.len(),
            predicates: None,
            questions: Vec::new(),
            pending: Some(Time::ZERO),
            exposed: Vec::new(),
        })))
    }

    /// Anything that has happened.
    pub(super) fn event(&self, event: &Event) {
        let mut inner = self.lock();
        if !inner.questions.is_empty() {
            inner.event(event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question {
    /// True if no further answer makes a difference.
    fn is_decided(&self) -> bool {
        match self.quantifier {
            _ if self.predicate.is_err() => true,
            Quantifier::Always => self.failed.is_some(),
            Quantifier::Eventually | Quantifier::Never => self.held.is_some(),
        }
    }

    fn ask(
        &mut self,
        at: Time,
        event: Option<&Value>,
        predicates: &mut Predicates,
        exposed: &[(NodeId, String, Value)],
    ) {
        let Ok(predicate) = self.predicate else { return };
        self.asked += 1;
        match predicates.holds(predicate, ms(at), event) {
            Ok(Ok(())) if self.held.is_none() => {
                self.held = Some(at);
                if self.quantifier == Quantifier::Never {
                    self.shown = exposed.to_vec();
                }
            }
            Ok(Err(why)) if self.failed.is_none() => {
                self.failed = Some((at, why));
                if self.quantifier == Quantifier::Always {
                    self.shown = exposed.to_vec();
                }
            }
            Ok(_) => {}
            Err(error) => self.predicate = Err(error),
        }
    }
}

impl Inner {
    fn event(&mut self, event: &Event) {
        self.settle(Some(event.at));
        match &event.kind {
            EventKind::State { node, name, value } => {
                self.change(*node, |predicates, called| predicates.expose(called, name, value));
                self.exposed.retain(|(of, known, _)| of != node || known != name);
                self.exposed.push((*node, name.clone(), value.clone()));
                self.pending = Some(event.at);
            }
            EventKind::Crash { node, .. } => {
                self.change(*node, Predicates::forget);
                self.exposed.retain(|(of, ..)| of != node);
                self.pending = Some(event.at);
            }
            EventKind::Restart { .. } => self.pending = Some(event.at),
            _ => {}
        }
        for on in [Asked::Message, Asked::Operation, Asked::Everything] {
            if self.wants(on)
                && let Some(seen) = self.seen(event, on)
            {
                self.ask(event.at, on, Some(&seen));
            }
        }
    }

    /// Asks what is still to be asked of what happened before `now`.
    fn settle(&mut self, now: Option<Time>) {
        if let Some(at) = self.pending
            && now.is_none_or(|now| now > at)
        {
            self.pending = None;
            self.ask(at, Asked::State, None);
        }
    }

    /// True if anybody asks about that and has no answer yet.
    fn wants(&self, on: Asked) -> bool {
        self.questions.iter().any(|question| question.on == on && !question.is_decided())
    }

    fn ask(&mut self, at: Time, on: Asked, event: Option<&Value>) {
        let Some(Ok(predicates)) = &mut self.predicates else { return };
        for question in &mut self.questions {
            if question.on == on && !question.is_decided() {
                question.ask(at, event, predicates, &self.exposed);
            }
        }
    }

    fn change(
        &mut self,
        node: NodeId,
        change: impl FnOnce(&mut Predicates, &str) -> Result<(), ScriptError>,
    ) {
        if self.questions.iter().all(Question::is_decided) {
            return;
        }
        if let Some(Ok(predicates)) = &mut self.predicates
            && let Some(called) = self.names.get(node.index())
            && let Err(error) = change(predicates, called)
        {
            self.predicates = Some(Err(error));
        }
    }

    fn name(&self, node: NodeId) -> &str {
        self.names.get(node.index()).map_or(NodeId::OUTSIDE_NAME, String::as_str)
    }

    /// What has happened, as a predicate sees it.
    fn seen(&self, event: &Event, on: Asked) -> Option<Value> {
        let at = ms(event.at);
        let wanted = |asked: Asked| on == asked || on == Asked::Everything;
        match &event.kind {
            EventKind::Message(message) if wanted(Asked::Message) => {
                Some(self.message(message, at))
            }
            EventKind::Op(op) if wanted(Asked::Operation) => Some(json!({
                "kind": "op", "time": at, "client": self.name(op.client), "id": op.id,
                "phase": op.phase.as_str(), "f": op.f, "key": op.key, "value": op.value,
            })),
            EventKind::State { node, name, value } if on == Asked::Everything => {
                let node = self.name(*node);
                Some(
                    json!({ "kind": "state", "time": at, "node": node, "name": name, "value": value }),
                )
            }
            EventKind::Crash { node, .. } if on == Asked::Everything => {
                Some(json!({ "kind": "crash", "time": at, "node": self.name(*node) }))
            }
            EventKind::Restart { node } if on == Asked::Everything => {
                Some(json!({ "kind": "restart", "time": at, "node": self.name(*node) }))
            }
            _ => None,
        }
    }

    fn message(&self, message: &Message, at: f64) -> Value {
        let mut seen = json!({
            "kind": "message", "time": at, "sent": ms(message.sent), "seq": message.seq.0,
            "from": self.name(message.from), "to": self.name(message.to),
            "protocol": message.protocol, "summary": message.summary, "fate": message.fate.as_str(),
            "request": message.direction == crate::base::Direction::Request,
        });
        if let Some(envelope) = Envelope::parse(message.bytes.trim_ascii())
            && let Ok(body) = serde_json::from_slice(envelope.body)
        {
            seen["body"] = body;
        }
        seen
    }

    /// ` (n1: role leader, term 3; n2: role follower)`.
    fn shown(&self, exposed: &[(NodeId, String, Value)]) -> String {
        if exposed.is_empty() {
            return String::new();
        }
        let mut nodes: Vec<NodeId> = exposed.iter().map(|(node, ..)| *node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let parts = nodes.iter().map(|node| {
            let mut own: Vec<String> = exposed
                .iter()
                .filter(|(of, ..)| of == node)
                .map(|(_, name, value)| match value.as_str() {
                    Some(text) => format!("{name} {text}"),
                    None => format!("{name} {value}"),
                })
                .collect();
            own.sort();
            format!("{}: {}", self.name(*node), own.join(", "))
        });
        format!(" ({})", parts.collect::<Vec<_>>().join("; "))
    }
}

fn ms(at: Time) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits of nanoseconds are 104 days")]
    let nanos = at.as_nanos() as f64;
    nanos / 1e6
}

impl Holds {
    pub(super) fn new(wish: &StateCheck, watched: &Watched) -> Holds {
        let mut watched_now = watched.lock();
        let inner = &mut *watched_now;
        let servers = inner.names.iter().take(inner.servers).map(String::as_str);
        let predicate = match inner.predicates.get_or_insert_with(|| Predicates::new(servers)) {
            Ok(predicates) => predicates.add("lua", &wish.lua.value),
            Err(error) => Err(error.clone()),
        };
        inner.questions.push(Question {
            quantifier: wish.quantifier,
            on: wish.on,
            predicate,
            asked: 0,
            held: None,
            failed: None,
            shown: Vec::new(),
        });
        let at = inner.questions.len() - 1;
        Holds { wish: wish.clone(), watched: watched.clone(), at }
    }
}

impl Rule for Holds {
    fn name(&self) -> &'static str {
        self.wish.quantifier.as_str()
    }

    fn finding(&self, _unanswered: u64, _scope: &dyn Lookup) -> Result<Finding, Diagnostic> {
        let mut inner = self.watched.lock();
        inner.settle(None);
        let broken = inner.predicates.as_ref().and_then(|predicates| predicates.as_ref().err());
        let question = &inner.questions[self.at];
        let about = self.wish.about.clone().unwrap_or_else(|| "the predicate".to_owned());
        let name = self.wish.quantifier.as_str();
        let finding = |outcome, text| {
            let cause = match outcome {
                Outcome::Failed => format!("{name}: {about}"),
                _ => String::new(),
            };
            Finding { outcome, text, ops: Vec::new(), cause, broke: None }
        };
        if let Some(error) = question.predicate.as_ref().err().or(broken) {
            return Ok(finding(Outcome::Unknown, format!("{about}: {error}")));
        }
        let times = match question.asked {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        let shown = inner.shown(&question.shown);
        Ok(match (self.wish.quantifier, question.held, &question.failed) {
            (_, None, None) => {
                finding(Outcome::Unknown, format!("{about}: there was nothing to ask"))
            }
            (Quantifier::Always, _, Some((at, why))) => {
                let why = why.as_ref().map_or(String::new(), |why| format!(": {why}"));
                let when = show_duration(at.since(Time::ZERO));
                let text = format!("{about}: not so at {when}{why}{shown}");
                Finding { broke: Some(*at), ..finding(Outcome::Failed, text) }
            }
            (Quantifier::Always, ..) => {
                finding(Outcome::Ok, format!("{about}: so each time ({times})"))
            }
            (Quantifier::Never, Some(at), _) => {
                let when = show_duration(at.since(Time::ZERO));
                let text = format!("{about}: it came to this at {when}{shown}");
                Finding { broke: Some(at), ..finding(Outcome::Failed, text) }
            }
            (Quantifier::Never, None, _) => {
                finding(Outcome::Ok, format!("{about}: never so ({times})"))
            }
            (Quantifier::Eventually, held, _) => {
                let at = held.map(|at| at.since(Time::ZERO));
                let late = match (at, self.wish.within) {
                    (Some(at), Some(within)) => at > within,
                    _ => false,
                };
                match at {
                    Some(at) if !late => {
                        finding(Outcome::Ok, format!("{about}: so at {}", show_duration(at)))
                    }
                    Some(at) => finding(
                        Outcome::Failed,
                        format!("{about}: so only at {}", show_duration(at)),
                    ),
                    None => finding(Outcome::Failed, format!("{about}: never so ({times})")),
                }
            }
        })
    }
}
