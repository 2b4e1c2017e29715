//! What servers say: the variables of their routes and their state.

use std::collections::BTreeSet;

use super::findings::Findings;
use super::names::{Names, suggest};
use super::vars::{Checker, Known, Nothing, body_vars, predicate_vars};
use crate::base::{Diagnostic, Located};
use crate::scenario::model::{
    Durable, Dynamic, DynamicKind, Field, HttpServer, Pattern, Respond, Route, RouteAction,
    Scenario, Segment, ServerKind, Text, TextPart,
};

/// Names that a request brings along; the state cannot have them.
const REQUEST: [&str; 7] = ["params", "query", "headers", "method", "path", "body", "json"];

/// Checks all servers.
pub(super) fn check(
    scenario: &Scenario,
    names: &Names<'_>,
    checker: &Checker<'_>,
    findings: &mut Findings,
) {
    for server in &scenario.servers {
        match &server.kind {
            ServerKind::Http(http) => check_http(http, checker, findings),
            ServerKind::Redis(redis) => {
                for (_, value) in &redis.data {
                    checker.value(value, &Nothing, findings);
                }
            }
            _ => {}
        }
    }
    super::proxies::check(scenario, names, findings);
}

fn check_http(http: &HttpServer, checker: &Checker<'_>, findings: &mut Findings) {
    for (name, value) in &http.state {
        if REQUEST.contains(&name.value.as_str()) {
            let what = format!("the state cannot have a variable `{}`", name.value);
            let label = format!("`${{{}}}` is of the request", name.value);
            findings.push(Diagnostic::new(what, name.span).label(label));
        }
        checker.value(value, &Nothing, findings);
    }
    durable(http, findings);
    for route in &http.routes {
        check_route(route, http, checker, findings);
    }
}

/// Reports a name of `durable:` that nothing of the server has.
fn durable(http: &HttpServer, findings: &mut Findings) {
    let Durable::Some(kept) = &http.durable else { return };
    let collections = http.routes.iter().filter_map(|route| match &route.action {
        RouteAction::Collection(collection) => Some(&collection.name),
        _ => None,
    });
    let names: BTreeSet<&str> =
        http.state.iter().map(|(name, _)| name).chain(collections).map(|n| &*n.value).collect();
    let names: Vec<&str> = names.into_iter().collect();
    for name in kept.iter().filter(|name| !names.contains(&&*name.value)) {
        let what = format!("the server has no state and no collection `{}`", name.value);
        let error = Diagnostic::new(what, name.span);
        findings.push(match names.is_empty() {
            true => error.help("it has no data at all"),
            false => suggest(error, &name.value, &names, "such data"),
        });
    }
}

fn check_route(route: &Route, http: &HttpServer, checker: &Checker<'_>, findings: &mut Findings) {
    let here = Request { http, pattern: &route.on, reply: false };
    for expectation in &route.when {
        match &expectation.field.value {
            Field::Named(name) if name.starts_with("params.") && !here.knows(name) => {
                let what = format!("the route has no parameter `{}`", &name["params.".len()..]);
                findings.push(here.explain(Diagnostic::new(what, expectation.field.span), name));
            }
            Field::Var(name) => {
                let located = Located::new(name.clone(), expectation.field.span);
                in_state(&located, http, findings);
            }
            _ => {}
        }
        predicate_vars(&expectation.predicate, &mut |name| here.check(name, checker, findings));
    }
    for (name, value) in &route.set {
        in_state(name, http, findings);
        value.each_var(&mut |name| here.check(name, checker, findings));
    }
    for (name, _) in &route.add {
        if in_state(name, http, findings) {
            is_number(name, http, findings);
        }
    }
    match &route.action {
        RouteAction::Respond(respond) => check_respond(respond, &here, checker, findings),
        RouteAction::Sequence(items) => {
            for item in items {
                check_respond(&item.respond, &here, checker, findings);
            }
        }
        RouteAction::Collection(collection) => {
            for item in &collection.data {
                checker.value(item, &Nothing, findings);
            }
        }
        RouteAction::Redis(redis) => {
            for name in redis.call.words.iter().flat_map(Text::vars) {
                here.check(name, checker, findings);
            }
            let here = Request { reply: true, ..here };
            for respond in [Some(&redis.respond), redis.if_null.as_ref()].into_iter().flatten() {
                check_respond(respond, &here, checker, findings);
            }
        }
        RouteAction::Proxy(proxy) => {
            for name in proxy.path.iter().flat_map(Text::vars) {
                here.check(name, checker, findings);
            }
        }
    }
}

fn check_respond(
    respond: &Respond,
    here: &Request<'_>,
    checker: &Checker<'_>,
    findings: &mut Findings,
) {
    for (_, text) in &respond.headers {
        text.vars().for_each(|name| here.check(name, checker, findings));
    }
    body_vars(&respond.body, &mut |name| here.check(name, checker, findings));
}

/// Reports a variable that the server's state does not have.
fn in_state(name: &Located<String>, http: &HttpServer, findings: &mut Findings) -> bool {
    if http.state.iter().any(|(known, _)| known.value == name.value) {
        return true;
    }
    let what = format!("the server's state has no `{}`", name.value);
    let names: Vec<&str> = http.state.iter().map(|(known, _)| known.value.as_str()).collect();
    let error = suggest(Diagnostic::new(what, name.span), &name.value, &names, "such variable");
    findings.push(match names.is_empty() {
        true => error.help(format!("declare it: `state: {{ {}: 0 }}`", name.value)),
        false => error,
    });
    false
}

/// Reports that something is added to what is plainly not a number.
fn is_number(name: &Located<String>, http: &HttpServer, findings: &mut Findings) {
    let Some((declared, value)) = http.state.iter().find(|(known, _)| known.value == name.value)
    else {
        return;
    };
    if !may_be_number(value) {
        let what = format!("`{}` is not a number that could be added to", name.value);
        findings.push(Diagnostic::new(what, name.span).related(declared.span, "declared here"));
    }
}

fn may_be_number(value: &Dynamic) -> bool {
    match &value.kind {
        DynamicKind::Scalar(value) => value.is_number(),
        DynamicKind::Text(text) => matches!(text.parts.as_slice(), [TextPart::Var(_)]),
        _ => false,
    }
}

/// What a route knows of a request.
struct Request<'a> {
    http: &'a HttpServer,
    pattern: &'a Pattern,
    /// Whether a reply of redis is known.
    reply: bool,
}

impl Request<'_> {
    fn params(&self) -> impl Iterator<Item = &str> {
        self.pattern.segments.iter().filter_map(|segment| match segment {
            Segment::Param(name) | Segment::Rest(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    fn check(&self, name: &Located<String>, checker: &Checker<'_>, findings: &mut Findings) {
        if findings.is_full() {
            return;
        }
        if let Some(error) = checker.check(name, name.span, self) {
            findings.push(self.explain(error, &name.value));
        }
    }

    /// Adds what there is to say about an unknown parameter of the path.
    fn explain(&self, error: Diagnostic, name: &str) -> Diagnostic {
        let Some(param) = name.strip_prefix("params.") else { return error };
        let names: Vec<&str> = self.params().collect();
        let error = suggest(Diagnostic { label: None, ..error }, param, &names, "parameter");
        let error = match names.is_empty() {
            true => {
                error.help(format!("a parameter is declared in the path: `/items/{{{param}}}`"))
            }
            false => error,
        };
        error.related(self.pattern.span, "the route's path")
    }
}

impl Known for Request<'_> {
    fn knows(&self, name: &str) -> bool {
        if let Some(param) = name.strip_prefix("params.") {
            return self.params().any(|known| known == param);
        }
        let name = name.strip_prefix("vars.").unwrap_or(name);
        let body = name.strip_prefix('$').or_else(|| name.strip_prefix("json"));
        let path = body.is_some_and(|path| path.is_empty() || path.starts_with(['.', '[']));
        let behind = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
        path || matches!(name, "method" | "path" | "body")
            || self.reply && (name == "reply" || behind("reply.") || behind("reply["))
            || behind("query.")
            || behind("headers.")
            || self.http.state.iter().any(|(known, _)| known.value == name)
    }

    fn names(&self) -> Vec<String> {
        let params = self.params().map(|name| format!("params.{name}"));
        let fixed = ["method", "path", "body"].into_iter().chain(self.reply.then_some("reply"));
        let fixed = fixed.map(str::to_owned);
        let state = self.http.state.iter().map(|(name, _)| name.value.clone());
        params.chain(fixed).chain(state).collect()
    }
}
