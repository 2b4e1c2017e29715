//! Names bound: every server, client and flow that is named must be there, and be of that kind.

use std::collections::BTreeMap;

use super::findings::Findings;
use crate::base::{Diagnostic, Located, Span};
use crate::scenario::model::{Action, CheckKind, Filter, RouteAction, Scenario, ServerKind, Step};

/// The names of a scenario and what they stand for.
pub(super) struct Names<'a> {
    nodes: BTreeMap<&'a str, (Kind, Span)>,
    flows: BTreeMap<&'a str, usize>,
}

/// What a node's name stands for: an index into the scenario's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Server(usize),
    Client(usize),
}

impl<'a> Names<'a> {
    /// The names that the scenario declares; one that is given twice is reported.
    pub(super) fn new(scenario: &'a Scenario, findings: &mut Findings) -> Names<'a> {
        let mut nodes: BTreeMap<&str, (Kind, Span)> = BTreeMap::new();
        let servers = scenario.servers.iter().enumerate();
        let servers = servers.map(|(at, server)| (&server.name, Kind::Server(at)));
        let clients = scenario.clients.iter().enumerate();
        let clients = clients.map(|(at, client)| (&client.name, Kind::Client(at)));
        for (name, kind) in servers.chain(clients) {
            if let Some((_, first)) = nodes.get(name.value.as_str()) {
                let what = format!("`{}` is the name of a server and of a client", name.value);
                findings.push(
                    Diagnostic::new(what, name.span)
                        .related(*first, "the server")
                        .help("messages could not be told apart; rename one of them"),
                );
                continue;
            }
            nodes.insert(&name.value, (kind, name.span));
        }
        let flows = scenario.flows.iter().enumerate();
        let flows = flows.map(|(at, flow)| (flow.name.value.as_str(), at)).collect();
        Names { nodes, flows }
    }

    /// The server of that name.
    pub(super) fn server(&self, name: &str) -> Option<usize> {
        match self.nodes.get(name) {
            Some((Kind::Server(at), _)) => Some(*at),
            _ => None,
        }
    }

    /// The client of that name.
    pub(super) fn client(&self, name: &str) -> Option<usize> {
        match self.nodes.get(name) {
            Some((Kind::Client(at), _)) => Some(*at),
            _ => None,
        }
    }

    /// The flow of that name.
    pub(super) fn flow(&self, name: &str) -> Option<usize> {
        self.flows.get(name).copied()
    }

    /// The names of all servers.
    pub(super) fn servers(&self) -> impl Iterator<Item = &'a str> {
        self.of_kind(|kind| matches!(kind, Kind::Server(_)))
    }

    fn of_kind(&self, fits: impl Fn(Kind) -> bool) -> impl Iterator<Item = &'a str> {
        self.nodes.iter().filter(move |(_, (kind, _))| fits(*kind)).map(|(name, _)| *name)
    }

    /// Reports a name that is not a server's.
    pub(super) fn expect_server(&self, name: &Located<String>, findings: &mut Findings) {
        self.expect(name, "server", |kind| matches!(kind, Kind::Server(_)), findings);
    }

    /// Reports a name that is not a client's.
    pub(super) fn expect_client(&self, name: &Located<String>, findings: &mut Findings) {
        self.expect(name, "client", |kind| matches!(kind, Kind::Client(_)), findings);
    }

    /// Reports a name that is neither.
    fn expect_node(&self, name: &Located<String>, findings: &mut Findings) {
        self.expect(name, "server or client", |_| true, findings);
    }

    fn expect(
        &self,
        name: &Located<String>,
        what: &str,
        fits: impl Fn(Kind) -> bool,
        findings: &mut Findings,
    ) {
        let found = self.nodes.get(name.value.as_str());
        if findings.is_full() || found.is_some_and(|(kind, _)| fits(*kind)) {
            return;
        }
        let error = Diagnostic::new(format!("no {what} is called `{}`", name.value), name.span);
        if let Some((kind, declared)) = found {
            let other = if matches!(kind, Kind::Server(_)) { "server" } else { "client" };
            let label = format!("`{}` is a {other}", name.value);
            findings.push(error.label(label).related(*declared, "declared here"));
            return;
        }
        let names: Vec<&str> = self.of_kind(fits).collect();
        findings.push(suggest(error, &name.value, &names, what));
    }

    /// Reports a name that is not a flow's.
    fn expect_flow(&self, name: &Located<String>, findings: &mut Findings) {
        if findings.is_full() || self.flows.contains_key(name.value.as_str()) {
            return;
        }
        let error = Diagnostic::new(format!("no flow is called `{}`", name.value), name.span);
        let names: Vec<&str> = self.flows.keys().copied().collect();
        findings.push(suggest(error, &name.value, &names, "flow"));
    }
}

/// The most names that an advice lists.
const LISTED_MAX: usize = 8;

/// Adds "did you mean", or the list of names if it is short.
pub(super) fn suggest(error: Diagnostic, given: &str, names: &[&str], what: &str) -> Diagnostic {
    let error = error.nearest(given, names.iter().copied());
    if error.label.is_some() {
        return error;
    }
    match names {
        [] => error.help(format!("the scenario has no {what}")),
        [only] => error.help(format!("there is only `{only}`")),
        _ if names.len() <= LISTED_MAX => {
            let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            error.help(format!("there are {}", list.join(", ")))
        }
        _ => error,
    }
}

/// Visits steps and the steps inside of them, in the order of the file; flows are not followed.
pub(super) fn each_step<'a>(steps: &'a [Step], visit: &mut dyn FnMut(&'a Step)) {
    for step in steps {
        visit(step);
        match &step.action {
            Action::Repeat(_, inner) | Action::ForEach { steps: inner, .. } => {
                each_step(inner, visit);
            }
            Action::Parallel(branches) => {
                branches.iter().for_each(|branch| each_step(branch, visit));
            }
            _ => {}
        }
    }
}

/// Reports every reference that leads nowhere, but for those of `after:`.
pub(super) fn check(scenario: &Scenario, names: &Names<'_>, findings: &mut Findings) {
    let flows = scenario.flows.iter().map(|flow| flow.steps.as_slice());
    let clients = scenario.clients.iter().map(|client| client.steps.as_slice());
    for steps in flows.chain(clients) {
        each_step(steps, &mut |step| match &step.action {
            Action::Http(call) => names.expect_server(&call.server, findings),
            Action::Redis(call) => names.expect_server(&call.server, findings),
            Action::Connect(connect) => names.expect_server(&connect.server, findings),
            Action::Use { flow, .. } => names.expect_flow(flow, findings),
            _ => {}
        });
    }
    for load in scenario.clients.iter().filter_map(|client| client.load.as_ref()) {
        load.mix.iter().for_each(|(flow, _)| names.expect_flow(flow, findings));
    }
    for server in &scenario.servers {
        let ServerKind::Http(http) = &server.kind else { continue };
        for route in &http.routes {
            match &route.action {
                RouteAction::Proxy(proxy) => names.expect_server(&proxy.to, findings),
                RouteAction::Redis(redis) => names.expect_server(&redis.call.server, findings),
                _ => {}
            }
        }
    }
    for link in &scenario.links {
        link.from.iter().for_each(|name| names.expect_node(name, findings));
        link.to.iter().for_each(|name| names.expect_server(name, findings));
    }
    for check in &scenario.checks {
        match &check.kind {
            CheckKind::Calls { filter, .. } | CheckKind::Latency { filter, .. } => {
                filter.to.iter().for_each(|name| names.expect_server(name, findings));
                check_senders(filter, names, findings);
            }
            CheckKind::Never { filter } => {
                filter.to.iter().for_each(|name| names.expect_node(name, findings));
                check_senders(filter, names, findings);
            }
        }
    }
}

fn check_senders(filter: &Filter, names: &Names<'_>, findings: &mut Findings) {
    filter.from.iter().for_each(|name| names.expect_node(name, findings));
    filter.client.iter().for_each(|name| names.expect_client(name, findings));
}
