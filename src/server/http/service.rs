//! What an http server knows: its routes and its state, and how it comes to an answer.
//!
//! An answer is made in one go under one lock: the route is found, `set` and `add` are done, the
//! sequence moves on and the variables are filled in before the next request is looked at. What takes
//! time (a delay, a proxy) comes after that, outside of the lock.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::head::Head;
use super::reply::{Prepared, Reply, Resolve};
use super::request::{Request, Scope, Vars};
use super::route::{Action, PathFit, Route};
use crate::base::diagnostic::nearest;
use crate::base::{Diagnostic, Rng, Value};
use crate::plan::Plan;
use crate::scenario::Lookup;
use crate::scenario::model::{self, Dynamic, HttpServer, RouteAction, Text};
use crate::server::Context;

/// An http server without its connections.
pub(super) struct Service {
    routes: Vec<Route>,
    state: Mutex<State>,
    /// With `serial: true`, whose turn it is; first come, first served.
    pub(super) turn: Option<Semaphore>,
}

/// What changes while the server runs.
struct State {
    vars: Vars,
    /// How many requests each sequence has answered.
    answered: Vec<u64>,
    rng: Rng,
}

/// What is done with a request.
pub(super) enum Answer<'a> {
    /// It is answered, after a while.
    Reply(Cow<'a, Reply>, Duration),
    /// It is answered with what went wrong in the scenario.
    Failed(Diagnostic),
}

/// What has to be done with a request's body before there is an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyNeed {
    /// It is read and kept.
    Collect,
    /// It is read and dropped.
    Discard,
}

impl Service {
    pub(super) fn new(
        server: &HttpServer,
        _plan: &Plan,
        context: &Context,
    ) -> Result<Service, Diagnostic> {
        let mut sequences = 0;
        let routes = server.routes.iter().map(|route| build(route, &mut sequences)).collect();
        let resolve = |(name, value): &(crate::base::Located<String>, Dynamic)| {
            Ok((name.value.clone(), value.resolve(&|name: &str| context.vars.lookup(name))?))
        };
        let state = State {
            vars: server.state.iter().map(resolve).collect::<Result<_, Diagnostic>>()?,
            answered: vec![0; sequences],
            rng: context.rng.fork("delay"),
        };
        let turn = server.serial.then(|| Semaphore::new(1));
        Ok(Service { routes, state: Mutex::new(state), turn })
    }

    /// What has to be done with the body of this request.
    pub(super) fn body_need(&self, head: &Head) -> BodyNeed {
        let mut params = Vec::new();
        let (method, path) = (head.method(), head.path());
        for route in self.routes.iter().filter(|route| route.takes(method)) {
            if route.fit(path, &mut params).is_none() {
                continue;
            }
            if route.needs_body {
                return BodyNeed::Collect;
            }
            if route.when.is_empty() {
                break;
            }
        }
        BodyNeed::Discard
    }

    /// Finds the route and makes the answer.
    pub(super) fn answer(
        &self,
        head: &Head,
        body: &[u8],
        vars: &(dyn Lookup + Send + Sync),
    ) -> Answer<'_> {
        let mut request = Request::new(head, body);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match self.select(&mut request, &state.vars, vars) {
            Some((route, fit)) => {
                state.answer(route, &fit, &request, vars).unwrap_or_else(Answer::Failed)
            }
            None => Answer::Reply(Cow::Owned(self.no_route(&mut request)), Duration::ZERO),
        }
    }

    /// The first route that fits. HEAD is for a route of its own, or else for GET's.
    fn select<'s: 'a, 'a>(
        &'s self,
        request: &mut Request<'a>,
        state: &Vars,
        vars: &(dyn Lookup + Send + Sync),
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
                if route.holds(&Scope { request, state, vars }) {
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
        let mut conditional = None;
        for route in &self.routes {
            let fit = match path {
                "*" => Some(PathFit::Whole),
                _ => route.fit(path, &mut request.params),
            };
            let Some(fit) = fit else { continue };
            if route.takes(method) || (method == "HEAD" && route.takes("GET")) {
                conditional = conditional.or(Some(route));
            }
            for method in route.methods(&fit) {
                if !allowed.contains(&method) {
                    allowed.push(method);
                }
            }
        }
        if !allowed.is_empty() {
            if allowed.contains(&"GET") && !allowed.contains(&"HEAD") {
                allowed.push("HEAD");
            }
            if !allowed.contains(&"OPTIONS") {
                allowed.push("OPTIONS");
            }
        }
        if let Some(route) = conditional {
            let route = route.show();
            let why = format!("{method} {path} fits `{route}`, but its `when` does not hold");
            return Reply::error(404, why);
        }
        if allowed.is_empty() {
            return self.not_found(method, path);
        }
        let allow = allowed.join(", ");
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

impl State {
    /// What `route` does with the request.
    fn answer<'a>(
        &mut self,
        route: &'a Route,
        _fit: &PathFit<'_>,
        request: &Request<'_>,
        vars: &(dyn Lookup + Send + Sync),
    ) -> Result<Answer<'a>, Diagnostic> {
        for (name, value) in &route.set {
            let value = value.resolve(&Scope { request, state: &self.vars, vars })?;
            self.set(name, value);
        }
        for (name, n) in &route.add {
            self.add(name, *n)?;
        }
        let delay = match &route.delay {
            Some(delay) => delay.sample(&mut self.rng),
            None => Duration::ZERO,
        };
        let prepared = match &route.action {
            Action::Respond(prepared) => prepared,
            Action::Sequence(index, items) => self.turn_of(*index, items),
            Action::Collection(_) | Action::Proxy(_) => {
                let reply = Reply::error(501, "not in this version");
                return Ok(Answer::Reply(Cow::Owned(reply), delay));
            }
        };
        let reply = prepared.make(&Scope { request, state: &self.vars, vars })?;
        Ok(Answer::Reply(reply, delay))
    }

    /// The item of a sequence whose turn it is; the last one stays.
    fn turn_of<'a>(&mut self, index: usize, items: &'a [(u64, Prepared)]) -> &'a Prepared {
        let mut left = self.answered[index];
        self.answered[index] += 1;
        let due = items.iter().find(|(times, _)| {
            let due = left < *times;
            left = left.saturating_sub(*times);
            due
        });
        let (_, prepared) = due.or(items.last()).expect("a sequence has at least one item");
        prepared
    }

    fn set(&mut self, name: &str, value: Value) {
        match self.vars.iter_mut().find(|(given, _)| given == name) {
            Some((_, old)) => *old = value,
            None => self.vars.push((name.to_owned(), value)),
        }
    }

    fn add(&mut self, name: &str, n: i64) -> Result<(), Diagnostic> {
        let old = self.vars.iter().find(|(given, _)| given == name).map(|(_, value)| value);
        let sum = match old {
            None => Value::from(n),
            Some(Value::Number(old)) => match (old.as_i64(), old.as_f64()) {
                (Some(old), _) => Value::from(old.saturating_add(n)),
                #[expect(clippy::cast_precision_loss, reason = "it is added to a float")]
                (None, Some(old)) => Value::from(old + n as f64),
                (None, None) => Value::from(n),
            },
            Some(_) => {
                let why = format!("`{name}` is not a number, so nothing can be added to it");
                return Err(Diagnostic::whole(why));
            }
        };
        self.set(name, sum);
        Ok(())
    }
}

impl Resolve for Scope<'_> {
    fn text(&self, text: &Text) -> Result<String, Diagnostic> {
        Scope::text(self, text)
    }

    fn value(&self, value: &Dynamic) -> Result<Value, Diagnostic> {
        value.resolve(self)
    }
}

/// Makes a route ready; `sequences` counts those that have been given a counter.
fn build(route: &model::Route, sequences: &mut usize) -> Route {
    let action = match &route.action {
        RouteAction::Respond(respond) => Action::Respond(Prepared::new(respond)),
        RouteAction::Sequence(items) => {
            *sequences += 1;
            let items = items.iter().map(|item| (item.times, Prepared::new(&item.respond)));
            Action::Sequence(*sequences - 1, items.collect())
        }
        RouteAction::Collection(_) => Action::Collection(0),
        RouteAction::Proxy(_) | RouteAction::Redis(_) => Action::Proxy(super::proxy::Target {}),
    };
    let mut built = Route::new(&route.on, &route.when, action);
    built.delay = route.delay.filter(|delay| !delay.is_zero());
    built.set = route.set.iter().map(|(name, value)| (name.value.clone(), value.clone())).collect();
    built.add = route.add.iter().map(|(name, n)| (name.value.clone(), *n)).collect();
    built.needs_body = needs_body(&built);
    built
}

/// Whether matching a route, or answering it, looks into the body.
fn needs_body(route: &Route) -> bool {
    let mut found = route.when.iter().any(super::route::When::needs_body);
    let mut visit = |name: &str| {
        found |= name == "body" || name.starts_with('$') || name.starts_with("json");
    };
    route.set.iter().for_each(|(_, value)| value.each_var(&mut |name| visit(name)));
    match &route.action {
        Action::Respond(prepared) => prepared.each_var(&mut visit),
        Action::Sequence(_, items) => {
            items.iter().for_each(|(_, prepared)| prepared.each_var(&mut visit));
        }
        Action::Collection(_) => found = true,
        Action::Proxy(_) => {}
    }
    found
}
