//! The control API: JSON over HTTP, for `looplab fault`, `looplab node` and whoever knows the token.
//!
//! ```text
//! GET    /status                              the run, its nodes, how many faults are in force
//! GET    /faults                              every fault that is known
//! POST   /faults           {"fault": TEXT}    lets one loose: {"name": NAME}
//! DELETE /faults[/NAME]                       ends one, or all
//! POST   /heal, /release   {"faults": [...]}  these, or without a body all
//! GET    /links                               who reaches whom, and where
//! POST   /nodes/NAME/crash|restart|pause|resume    (a restart answers when a program is ready, or after 20 s)
//! ```
//!
//! An error is `{"error": TEXT}`; one in the text of a fault has `diagnostics` besides.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::guard::Denied;
use super::serve::{Answering, Api, Asked, Refused, Reply, reply};
use crate::base::{Diagnostic, Diagnostics, Source, Span, Value};
use crate::link::{NodeState, Status};
use crate::net::Clock;
use crate::plan::fault::Act;
use crate::run::Control;

/// Answers for one run.
pub(super) struct ControlApi {
    control: Control,
    clock: Clock,
}

/// How long an answer waits for a program that was brought back; less than the server waits for answers.
const SETTLED_TIMEOUT: Duration = Duration::from_secs(20);

/// An answer and its status, or an error of ours.
type Answer = Result<(StatusCode, Value), Wrong>;

/// Why something was not done.
enum Wrong {
    /// In a sentence.
    Plain(StatusCode, String),
    /// At places in the text of a fault.
    Fault(Diagnostics),
}

impl ControlApi {
    pub(super) fn new(control: Control, clock: Clock) -> ControlApi {
        ControlApi { control, clock }
    }

    async fn route(&self, asked: &Asked) -> Answer {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let (get, post) = (asked.method == Method::GET, asked.method == Method::POST);
        match path.as_slice() {
            ["status"] if get => Ok((StatusCode::OK, self.status())),
            ["faults"] if get => Ok((StatusCode::OK, self.faults())),
            ["faults"] if post => self.add(&asked.body),
            ["faults"] if asked.method == Method::DELETE => Ok(self.heal(None)),
            ["faults", name] if asked.method == Method::DELETE => self.remove(name),
            ["links"] if get => Ok((StatusCode::OK, self.links())),
            ["heal"] if post => {
                let names = self.names(&asked.body)?;
                Ok(self.heal(names))
            }
            ["release"] if post => {
                self.control.act(&Act::Release(self.names(&asked.body)?));
                Ok((StatusCode::OK, json!({})))
            }
            ["nodes", name, verb] if post => self.node(name, verb).await,
            ["status" | "faults" | "links" | "heal" | "release"]
            | ["faults", _]
            | ["nodes", _, _] => {
                let text = format!("{} is not for /{}", asked.method, path.join("/"));
                Err(Wrong::Plain(StatusCode::METHOD_NOT_ALLOWED, text))
            }
            _ => {
                let text = format!("there is nothing at /{}", path.join("/"));
                Err(Wrong::Plain(StatusCode::NOT_FOUND, text))
            }
        }
    }

    fn status(&self) -> Value {
        let plan = self.control.plan();
        let nodes: Vec<Value> = plan
            .nodes
            .iter()
            .map(|node| json!({ "name": node.name, "kind": node.kind, "state": word(self.control.state(node.id)) }))
            .collect();
        let in_force = self.control.faults().iter().filter(|fault| fault.since.is_some()).count();
        json!({
            "scenario": plan.name,
            "file": plan.source.name(),
            "seed": plan.seed,
            "now_us": micros(self.clock.now()),
            "nodes": nodes,
            "faults_in_force": in_force,
        })
    }

    fn faults(&self) -> Value {
        let now = self.clock.now();
        let fault = |status: Status| {
            json!({
                "name": status.name,
                "fault": status.text,
                "in_force": status.since.is_some(),
                "since_us": status.since.map(micros),
                "for_us": status.since.map(|since| micros(crate::base::Time::ZERO + now.since(since))),
                "touched": status.touched,
            })
        };
        json!({ "faults": self.control.faults().into_iter().map(fault).collect::<Vec<Value>>() })
    }

    fn add(&self, body: &[u8]) -> Answer {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Body {
            fault: String,
        }
        let body: Body = parse(body)?;
        let name = self.control.add_fault(&body.fault).map_err(Wrong::Fault)?;
        Ok((StatusCode::CREATED, json!({ "name": name })))
    }

    fn remove(&self, name: &str) -> Answer {
        if self.control.remove_fault(name) {
            return Ok((StatusCode::OK, json!({ "ended": [name] })));
        }
        let faults = self.control.faults();
        let in_force = faults.iter().filter(|fault| fault.since.is_some());
        let names: Vec<&str> = in_force.map(|fault| fault.name.as_str()).collect();
        Err(Wrong::Plain(StatusCode::NOT_FOUND, no_such("fault in force", name, &names)))
    }

    /// Ends these faults, or all, and tells which were in force.
    fn heal(&self, names: Option<Vec<String>>) -> (StatusCode, Value) {
        let wanted = |name: &String| names.as_ref().is_none_or(|names| names.contains(name));
        let faults = self.control.faults().into_iter();
        let in_force = faults.filter(|fault| fault.since.is_some()).map(|fault| fault.name);
        let ended: Vec<String> = in_force.filter(wanted).collect();
        self.control.act(&Act::Heal(names));
        (StatusCode::OK, json!({ "ended": ended }))
    }

    /// The names of faults in a body, each of which is known; `None` for all.
    fn names(&self, body: &[u8]) -> Result<Option<Vec<String>>, Wrong> {
        #[derive(Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Body {
            faults: Option<Vec<String>>,
        }
        let body: Body = if body.is_empty() { Body::default() } else { parse(body)? };
        let known = self.control.faults();
        for name in body.faults.iter().flatten() {
            if !known.iter().any(|fault| fault.name == *name) {
                let names: Vec<&str> = known.iter().map(|fault| fault.name.as_str()).collect();
                return Err(Wrong::Plain(StatusCode::NOT_FOUND, no_such("fault", name, &names)));
            }
        }
        Ok(body.faults)
    }

    fn links(&self) -> Value {
        let plan = self.control.plan();
        let links: Vec<Value> = self
            .control
            .links()
            .into_iter()
            .map(|link| {
                json!({
                    "from": plan.node_name(link.from),
                    "to": plan.node_name(link.to),
                    "listen": link.listen.to_string(),
                    "upstream": link.upstream.to_string(),
                    "protocol": link.protocol.as_str(),
                })
            })
            .collect();
        json!({ "links": links })
    }

    /// Does something to a server; if it is brought back, the answer waits until its program is ready.
    async fn node(&self, name: &str, verb: &str) -> Answer {
        let plan = self.control.plan();
        let servers = plan.nodes.iter().take(plan.servers.len());
        let Some(node) = plan.server_named(name) else {
            let names: Vec<&str> = servers.map(|node| node.name.as_str()).collect();
            return Err(Wrong::Plain(StatusCode::NOT_FOUND, no_such("server", name, &names)));
        };
        let state = word(self.control.state(node));
        let done = match verb {
            "crash" => self.control.crash(node),
            "restart" => self.control.restart(node),
            "pause" => self.control.pause(node),
            "resume" => self.control.resume(node),
            _ => {
                let names = ["crash", "restart", "pause", "resume"];
                return Err(Wrong::Plain(StatusCode::NOT_FOUND, no_such("verb", verb, &names)));
            }
        };
        if !done {
            let text = format!("`{name}` cannot {verb}: it is {state}");
            return Err(Wrong::Plain(StatusCode::CONFLICT, text));
        }
        if verb == "restart" {
            let settled = self.clock.timeout(SETTLED_TIMEOUT, self.control.settled(node)).await;
            if let Ok(Err(why)) = settled {
                return Err(Wrong::Plain(StatusCode::BAD_GATEWAY, why));
            }
        }
        Ok((StatusCode::OK, json!({ "name": name, "state": word(self.control.state(node)) })))
    }
}

impl Api for ControlApi {
    fn answer(self: Arc<Self>, asked: Asked) -> Answering {
        Box::pin(async move {
            match self.route(&asked).await {
                Ok((status, value)) => json_reply(status, &value),
                Err(Wrong::Plain(status, text)) => json_reply(status, &json!({ "error": text })),
                Err(Wrong::Fault(diagnostics)) => {
                    let found: Vec<Told> = diagnostics.found.iter().map(Told::of).collect();
                    let error = found.first().map_or("the fault is wrong", |told| &told.message);
                    let body = json!({ "error": error, "diagnostics": found });
                    json_reply(StatusCode::BAD_REQUEST, &body)
                }
            }
        })
    }

    fn refuse(&self, why: Refused) -> Reply {
        let (status, text) = match why {
            Refused::Denied(Denied::Token) => (StatusCode::UNAUTHORIZED, Denied::Token.as_str()),
            Refused::Denied(denied) => (StatusCode::FORBIDDEN, denied.as_str()),
            Refused::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"),
            Refused::Broken => (StatusCode::BAD_REQUEST, "the body is not whole"),
            Refused::Timeout => (StatusCode::SERVICE_UNAVAILABLE, "this took too long"),
        };
        json_reply(status, &json!({ "error": text }))
    }
}

fn json_reply(status: StatusCode, value: &Value) -> Reply {
    reply(status, "application/json", format!("{value}\n"))
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Wrong> {
    serde_json::from_slice(body).map_err(|error| {
        Wrong::Plain(StatusCode::BAD_REQUEST, format!("the body is wrong: {error}"))
    })
}

/// `there is no server `x`; there are: a, b`.
fn no_such(what: &str, name: &str, there: &[&str]) -> String {
    match there {
        [] => format!("there is no {what} `{name}`, nor any other"),
        there => format!("there is no {what} `{name}`; there are: {}", there.join(", ")),
    }
}

/// How a node is.
fn word(state: NodeState) -> &'static str {
    match state {
        NodeState::Up => "up",
        NodeState::Crashed => "down",
        NodeState::Paused => "paused",
    }
}

fn micros(time: crate::base::Time) -> u64 {
    time.as_nanos() / 1000
}

/// A diagnostic on its way to another process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    span: Option<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    related: Option<((u32, u32), String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

impl Told {
    fn of(diagnostic: &Diagnostic) -> Told {
        let pair = |span: Span| (span.start, span.end);
        Told {
            message: diagnostic.message.clone(),
            span: diagnostic.span.map(pair),
            label: diagnostic.label.clone(),
            related: diagnostic.related.as_deref().map(|(at, label)| (pair(*at), label.clone())),
            help: diagnostic.help.clone(),
        }
    }

    fn diagnostic(self) -> Diagnostic {
        let span = |(start, end)| Span { start, end };
        Diagnostic {
            message: self.message,
            span: self.span.map(span),
            label: self.label,
            related: self.related.map(|(place, label)| Box::new((span(place), label))),
            help: self.help,
            source: None,
        }
    }
}

/// What a process said about `text`, drawn where it stands.
pub(super) fn diagnostics(text: &str, told: Vec<Told>) -> Diagnostics {
    let found = told.into_iter().map(Told::diagnostic).collect();
    Diagnostics::new(Source::new("the fault", text), found)
}
