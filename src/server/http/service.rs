//! What an http server knows: its routes and its state, and how it comes to an answer.
//!
//! An answer is made in one go under one lock: the route is found, `set` and `add` are done, the
//! sequence moves on and the variables are filled in before the next request is looked at. What takes
//! time (a delay, a proxy) comes after that, outside of the lock.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::build::build;
use super::head::Head;
use super::proxy::Target;
use super::redis::Call;
use super::reply::{Prepared, Reply};
use super::request::{Request, Scope, Vars};
use super::route::{Action, PathFit, Route};
use super::state::{Kept, State};
use crate::base::diagnostic::nearest;
use crate::base::{Diagnostic, Value};
use crate::scenario::Lookup;
use crate::scenario::model::{Durable, HttpServer};
use crate::script::Datum;
use crate::server::script::Engine;
use crate::server::{Context, Disk, Site};

/// An http server without its connections.
pub(super) struct Service {
    /// Those of the script, then those of the scenario.
    routes: Vec<Route>,
    pub(super) script: Option<Arc<Engine>>,
    state: Mutex<State>,
    /// With `serial: true`, whose turn it is; first come, first served.
    pub(super) turns: Option<Semaphore>,
    durable: Durable,
    disk: Disk,
}

/// What is done with a request.
pub(super) enum Answer<'s> {
    /// It is answered, after a while.
    Reply(Cow<'s, Reply>, Duration),
    /// It is handed on.
    Proxy {
        /// Where.
        target: &'s Target,
        /// The path asked for there, if not the same.
        path: Option<String>,
        /// After how long.
        delay: Duration,
    },
    /// A redis server is asked, and [`Service::answer_to_reply`] makes the answer.
    Redis {
        /// The route.
        route: &'s Route,
        /// Its call.
        call: &'s Call,
        /// The command.
        words: Vec<String>,
        /// After how long.
        delay: Duration,
    },
    /// A handler of the script makes the answer.
    Script {
        /// Which one.
        at: usize,
        /// What it is given.
        request: Datum,
    },
    /// It cannot be answered: something is wrong with the scenario.
    Failed(Diagnostic),
}

/// What has to be done with a request's body before there is an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyNeed {
    /// It is read and kept.
    Collect,
    /// It is read and dropped.
    Discard,
    /// Nothing: it may be handed on unread.
    Late,
}

impl Service {
    pub(super) fn new(
        server: &HttpServer,
        site: &Site<'_>,
        kept: Option<Kept>,
    ) -> Result<Service, Diagnostic> {
        let &Site { plan, context, .. } = site;
        let scenario = |name: &str| context.vars.lookup(name);
        let vars = server.state.iter();
        let vars = vars.map(|(name, value)| Ok((name.value.clone(), value.resolve(&scenario)?)));
        let vars = vars.collect::<Result<_, Diagnostic>>()?;
        let mut state = State::new(vars, context.rng.fork("delay"), kept);
        let script = Engine::of(site, None)?;
        let declared = script.iter().flat_map(|script| script.take_routes());
        let declared = declared.zip(1..).map(|(on, at)| Ok(Route::scripted(&on, at)));
        let routes = server.routes.iter().map(|route| build(route, &mut state, plan, &scenario));
        let routes = declared.chain(routes).collect::<Result<_, Diagnostic>>()?;
        let turns = server.serial.then(|| Semaphore::new(1));
        let (durable, disk) = (server.durable.clone(), context.disk.clone());
        Ok(Service { routes, script, state: Mutex::new(state), turns, durable, disk })
    }

    /// Takes out what a crash leaves, also of the script.
    pub(super) fn keep(&self) -> (Option<Kept>, Option<Datum>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self.durable.is_any().then(|| state.keep(&self.durable));
        (kept, self.script.as_ref().and_then(|script| script.keep()))
    }

    /// What has to be done with the body of this request.
    pub(super) fn body_need(&self, head: &Head) -> BodyNeed {
        let (method, path) = (head.method(), head.path());
        let mut params = Vec::new();
        let mut need = BodyNeed::Discard;
        for route in self.routes.iter().filter(|route| route.takes(method)) {
            if route.fit(path, &mut params).is_none() {
                continue;
            }
            match &route.action {
                _ if route.needs_body => return BodyNeed::Collect,
                Action::Proxy(_) => need = BodyNeed::Late,
                _ => {}
            }
            if route.when.is_empty() {
                break;
            }
        }
        need
    }

    /// Finds the route and makes the answer.
    pub(super) fn answer(
        &self,
        head: &Head,
        body: &[u8],
        scenario: &(dyn Lookup + Send + Sync),
    ) -> Answer<'_> {
        let mut request = Request::new(head, body);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match self.select(&mut request, &state.vars, scenario) {
            Some((route, _))
                if self.disk.is_full() && state.stores(route, head.method(), &self.durable) =>
            {
                self.disk.refused();
                Answer::Reply(Cow::Owned(Reply::error(507, NO_SPACE)), Duration::ZERO)
            }
            Some((route, fit)) => {
                state.answer(route, &fit, &request, scenario).unwrap_or_else(Answer::Failed)
            }
            None => Answer::Reply(Cow::Owned(self.no_route(&mut request)), Duration::ZERO),
        }
    }

    /// Makes the answer of a route that has asked a redis server, which said `reply`.
    pub(super) fn answer_to_reply<'s>(
        &self,
        route: &'s Route,
        head: &Head,
        body: &[u8],
        reply: &Value,
        context: &Context,
    ) -> Result<Cow<'s, Reply>, Diagnostic> {
        let Action::Redis(call) = &route.action else {
            return Ok(Cow::Owned(Reply::empty(500)));
        };
        let prepared = match &call.if_null {
            Some(if_null) if reply.is_null() => if_null,
            _ => &call.respond,
        };
        if let Prepared::Fixed(fixed) = prepared {
            return Ok(Cow::Borrowed(fixed));
        }
        let mut request = Request::new(head, body);
        let mut params = Vec::new();
        route.fit(head.path(), &mut params);
        request.params = params;
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scope = Scope::new(&request, &state.vars, &*context.vars);
        scope.reply = Some(reply);
        prepared.make(&scope)
    }

    /// The first route that fits. HEAD is for a route of its own, or else for GET's.
    fn select<'s: 'a, 'a>(
        &'s self,
        request: &mut Request<'a>,
        state: &Vars,
        scenario: &(dyn Lookup + Send + Sync),
    ) -> Option<(&'s Route, PathFit<'a>)> {
        let head = request.head;
        let methods: &[&str] = match head.method() {
            "HEAD" => &["HEAD", "GET"],
            other => &[other],
        };
        for method in methods {
            for route in self.routes.iter().filter(|route| route.takes(method)) {
                let mut params = std::mem::take(&mut request.params);
                let fit = route.fit(head.path(), &mut params);
                request.params = params;
                let Some(fit) = fit else { continue };
                if route.holds(&Scope::new(request, state, scenario)) {
                    return Some((route, fit));
                }
            }
        }
        None
    }

    /// The answer to a request that no route takes.
    fn no_route<'a>(&'a self, request: &mut Request<'a>) -> Reply {
        let (method, path) = (request.head.method(), request.head.path());
        let mut allowed: Vec<&str> = Vec::new();
        for route in &self.routes {
            let fit = match path {
                "*" => PathFit::Whole,
                _ => match route.fit(path, &mut request.params) {
                    Some(fit) => fit,
                    None => continue,
                },
            };
            if path != "*" && (route.takes(method) || (method == "HEAD" && route.takes("GET"))) {
                let route = route.show();
                let why = format!("{method} {path} fits `{route}`, but its `when` does not hold");
                return Reply::error(404, why);
            }
            allowed.extend(route.methods(&fit));
        }
        if allowed.is_empty() && path != "*" {
            return self.not_found(method, path);
        }
        let allow = allow(allowed);
        if method == "OPTIONS" {
            return Reply::empty(204).header("Allow", &allow);
        }
        Reply::error(405, format!("{path} answers {allow}, not {method}")).header("Allow", &allow)
    }

    fn not_found(&self, method: &str, path: &str) -> Reply {
        let why = format!("no route answers {method} {path}");
        let routes: Vec<String> = self.routes.iter().map(Route::show).collect();
        let asked = format!("{method} {path}");
        let mut body = serde_json::json!({ "error": why });
        if let Some(route) = nearest(&asked, routes.iter().map(String::as_str)) {
            body["nearest"] = Value::from(route);
        }
        Reply::json(404, &body)
    }
}

/// What a server says whose disk is full.
const NO_SPACE: &str = "no space left on device";

/// The methods that are answered, once each, as `Allow` lists them.
fn allow(mut methods: Vec<&str>) -> String {
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    let mut once: Vec<&str> = Vec::new();
    for method in methods {
        if !once.contains(&method) {
            once.push(method);
        }
    }
    once.join(", ")
}
