//! `always:`, `eventually:`, `never:` with a predicate in Lua.
//!
//! What nodes expose is put together as the trace tells it; what happens at one time is taken together, so
//! that a node which changes two parts at once is never seen between them. A predicate that dies of an error
//! leaves the check undecided.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::judge::{Finding, Rule};
use crate::base::units::show_duration;
use crate::base::{Diagnostic, NodeId, Time};
use crate::plan::Plan;
use crate::protocol::Envelope;
use crate::scenario::Lookup;
use crate::scenario::model::{Asked, Quantifier, StateCheck};
use crate::script::{Predicate, ScriptError};
use crate::trace::{Event, EventKind, Message, Outcome};

/// One predicate over a run.
pub(super) struct Holds {
    wish: StateCheck,
    names: Vec<String>,
    inner: Mutex<Inner>,
}

struct Inner {
    predicate: Result<Predicate, ScriptError>,
    /// Something has changed at this time, and the predicate was not asked since.
    pending: Option<Time>,
    asked: u64,
    /// When it first held.
    held: Option<Time>,
    /// When it first did not, and why.
    failed: Option<(Time, Option<String>)>,
    /// What nodes had exposed when that was decided.
    shown: Vec<(NodeId, String, Value)>,
    exposed: Vec<(NodeId, String, Value)>,
}

impl Holds {
    pub(super) fn new(wish: &StateCheck, plan: &Plan) -> Holds {
        let names: Vec<String> = plan.nodes.iter().map(|node| node.name.clone()).collect();
        let servers = names.iter().take(plan.servers.len()).map(String::as_str);
        let predicate = Predicate::new("lua", &wish.lua.value, servers);
        let inner = Inner {
            predicate,
            pending: None,
            asked: 0,
            held: None,
            failed: None,
            shown: Vec::new(),
            exposed: Vec::new(),
        };
        let mut holds = Holds { wish: wish.clone(), names, inner: Mutex::new(inner) };
        if wish.on == Asked::State {
            holds.get().pending = Some(Time::ZERO);
        }
        holds
    }

    fn get(&mut self) -> &mut Inner {
        self.inner.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self, node: NodeId) -> &str {
        self.names.get(node.index()).map_or(NodeId::OUTSIDE_NAME, String::as_str)
    }

    /// What has happened, as the predicate sees it.
    fn seen(&self, event: &Event) -> Option<Value> {
        let at = ms(event.at);
        let wanted = |asked: Asked| self.wish.on == asked || self.wish.on == Asked::Everything;
        match &event.kind {
            EventKind::Message(message) if wanted(Asked::Message) => {
                Some(self.message(message, at))
            }
            EventKind::Op(op) if wanted(Asked::Operation) => Some(json!({
                "kind": "op", "time": at, "client": self.name(op.client), "id": op.id,
                "phase": op.phase.as_str(), "f": op.f, "key": op.key, "value": op.value,
            })),
            EventKind::State { node, name, value } if self.wish.on == Asked::Everything => {
                let node = self.name(*node);
                Some(
                    json!({ "kind": "state", "time": at, "node": node, "name": name, "value": value }),
                )
            }
            EventKind::Crash { node, .. } if self.wish.on == Asked::Everything => {
                Some(json!({ "kind": "crash", "time": at, "node": self.name(*node) }))
            }
            EventKind::Restart { node } if self.wish.on == Asked::Everything => {
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
}

fn ms(at: Time) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits of nanoseconds are 104 days")]
    let nanos = at.as_nanos() as f64;
    nanos / 1e6
}

impl Inner {
    /// Asks what is still to be asked of what happened before `now`.
    fn settle(&mut self, now: Option<Time>, quantifier: Quantifier) {
        if let Some(at) = self.pending
            && now.is_none_or(|now| now > at)
        {
            self.pending = None;
            self.ask(at, None, quantifier);
        }
    }

    fn ask(&mut self, at: Time, event: Option<&Value>, quantifier: Quantifier) {
        let decided = match quantifier {
            Quantifier::Always => self.failed.is_some(),
            Quantifier::Eventually | Quantifier::Never => self.held.is_some(),
        };
        let Ok(predicate) = &mut self.predicate else { return };
        if decided {
            return;
        }
        self.asked += 1;
        match predicate.holds(ms(at), event) {
            Ok(Ok(())) => {
                if self.held.is_none() {
                    self.held = Some(at);
                    if quantifier == Quantifier::Never {
                        self.shown = self.exposed.clone();
                    }
                }
            }
            Ok(Err(why)) => {
                if self.failed.is_none() {
                    self.failed = Some((at, why));
                    if quantifier == Quantifier::Always {
                        self.shown = self.exposed.clone();
                    }
                }
            }
            Err(error) => self.predicate = Err(error),
        }
    }

    fn change(&mut self, result: impl FnOnce(&mut Predicate) -> Result<(), ScriptError>) {
        if let Ok(predicate) = &mut self.predicate
            && let Err(error) = result(predicate)
        {
            self.predicate = Err(error);
        }
    }
}

impl Rule for Holds {
    fn name(&self) -> &'static str {
        self.wish.quantifier.as_str()
    }

    fn event(&mut self, event: &Event) {
        let quantifier = self.wish.quantifier;
        let by_state = matches!(self.wish.on, Asked::State | Asked::Everything);
        self.get().settle(Some(event.at), quantifier);
        let changed = match &event.kind {
            EventKind::State { node, name, value } => {
                let called = self.name(*node).to_owned();
                let inner = self.get();
                inner.change(|predicate| predicate.expose(&called, name, value));
                inner.exposed.retain(|(of, known, _)| of != node || known != name);
                inner.exposed.push((*node, name.clone(), value.clone()));
                true
            }
            EventKind::Crash { node, .. } => {
                let called = self.name(*node).to_owned();
                let inner = self.get();
                inner.change(|predicate| predicate.forget(&called));
                inner.exposed.retain(|(of, ..)| of != node);
                true
            }
            EventKind::Restart { .. } => true,
            _ => false,
        };
        if let Some(seen) = self.seen(event) {
            self.get().ask(event.at, Some(&seen), quantifier);
        } else if changed && by_state {
            self.get().pending = Some(event.at);
        }
    }

    fn finding(&self, _unanswered: u64, _scope: &dyn Lookup) -> Result<Finding, Diagnostic> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.settle(None, self.wish.quantifier);
        let about = self.wish.about.clone().unwrap_or_else(|| "the predicate".to_owned());
        let name = self.wish.quantifier.as_str();
        let finding = |outcome, text| {
            let cause = match outcome {
                Outcome::Failed => format!("{name}: {about}"),
                _ => String::new(),
            };
            Ok(Finding { outcome, text, ops: Vec::new(), cause })
        };
        if let Err(error) = &inner.predicate {
            return finding(Outcome::Unknown, format!("{about}: {error}"));
        }
        let times = match inner.asked {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        let shown = self.shown(&inner.shown);
        match (self.wish.quantifier, inner.held, &inner.failed) {
            (_, None, None) => {
                finding(Outcome::Unknown, format!("{about}: there was nothing to ask"))
            }
            (Quantifier::Always, _, Some((at, why))) => {
                let why = why.as_ref().map_or(String::new(), |why| format!(": {why}"));
                let at = show_duration(at.since(Time::ZERO));
                finding(Outcome::Failed, format!("{about}: not so at {at}{why}{shown}"))
            }
            (Quantifier::Always, ..) => {
                finding(Outcome::Ok, format!("{about}: so each time ({times})"))
            }
            (Quantifier::Never, Some(at), _) => {
                let at = show_duration(at.since(Time::ZERO));
                finding(Outcome::Failed, format!("{about}: it came to this at {at}{shown}"))
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
        }
    }
}

impl Holds {
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
