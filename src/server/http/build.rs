//! From the scenario's routes to routes that can be matched.

use super::proxy::Target;
use super::redis::Call;
use super::reply::Prepared;
use super::request::BODY_NAMES;
use super::route::{Action, Route, When};
use super::state::State;
use crate::base::{Diagnostic, Located, NodeId};
use crate::plan::Plan;
use crate::scenario::Lookup;
use crate::scenario::model::{self, RouteAction, ServerKind, Text};

/// Makes a route ready, and in the state what it needs there.
pub(super) fn build(
    route: &model::Route,
    state: &mut State,
    plan: &Plan,
    scenario: &dyn Lookup,
) -> Result<Route, Diagnostic> {
    let action = match &route.action {
        RouteAction::Respond(respond) => Action::Respond(Prepared::new(respond)),
        RouteAction::Sequence(items) => {
            let items = items.iter().map(|item| (item.times, Prepared::new(&item.respond)));
            Action::Sequence(state.new_sequence(), items.collect())
        }
        RouteAction::Collection(collection) => {
            let (index, new) = state.collection(&collection.name);
            if let Some(store) = new {
                for item in &collection.data {
                    store.seed(item.resolve(scenario)?, item.span)?;
                }
            }
            Action::Collection(index)
        }
        RouteAction::Proxy(proxy) => {
            Action::Proxy(Target::new(proxy, server_named(plan, &proxy.to)?))
        }
        RouteAction::Redis(redis) => {
            let node = server_named(plan, &redis.call.server)?;
            let password = match plan.server(node).map(|server| &server.kind) {
                Some(ServerKind::Redis(redis)) => redis.password.clone(),
                _ => None,
            };
            Action::Redis(Box::new(Call::new(redis, node, password)))
        }
    };
    let mut built = Route::new(&route.on, &route.when, action);
    built.delay = route.delay.filter(|delay| !delay.is_zero());
    built.set = route.set.iter().map(|(name, value)| (name.value.clone(), value.clone())).collect();
    built.add = route.add.iter().map(|(name, n)| (name.value.clone(), *n)).collect();
    built.needs_body = needs_body(&built);
    Ok(built)
}

/// The server that a route names. A plan has checked that it is there.
fn server_named(plan: &Plan, name: &Located<String>) -> Result<NodeId, Diagnostic> {
    plan.server_named(name)
        .ok_or_else(|| Diagnostic::new(format!("no server is called `{}`", name.value), name.span))
}

/// Whether matching a route, or answering it, looks into the body.
fn needs_body(route: &Route) -> bool {
    let mut found = route.when.iter().any(When::needs_body);
    let mut visit = |name: &str| found |= BODY_NAMES.iter().any(|body| name.starts_with(body));
    let text = |text: &Text, visit: &mut dyn FnMut(&str)| text.vars().for_each(|var| visit(var));
    route.set.iter().for_each(|(_, value)| value.each_var(&mut |name| visit(name)));
    match &route.action {
        Action::Respond(prepared) => prepared.each_var(&mut visit),
        Action::Sequence(_, items) => {
            items.iter().for_each(|(_, prepared)| prepared.each_var(&mut visit));
        }
        Action::Collection(_) | Action::Script(_) => found = true,
        Action::Proxy(target) => {
            if let Some(path) = &target.path {
                text(path, &mut visit);
            }
        }
        Action::Redis(call) => {
            call.words.iter().for_each(|word| text(word, &mut visit));
            call.respond.each_var(&mut visit);
            if let Some(prepared) = &call.if_null {
                prepared.each_var(&mut visit);
            }
        }
    }
    found
}
