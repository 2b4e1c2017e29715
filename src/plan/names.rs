//! Names bound: every server, client and flow that is named must be there, and be of that kind.
//!
//! In a file with errors a name may be declared by an entry that could not be read, or in a place
//! where it means nothing. Then nothing is said of it: what is reported here is wrong whatever becomes
//! of the other errors.

use std::collections::BTreeMap;

use super::findings::Findings;
use crate::base::{Diagnostic, Located, NodeId, Span};
use crate::scenario::model::{Client, Flow, Server};
use crate::scenario::{Mention, Outline, Role};

/// The names of a scenario and what they stand for.
pub(super) struct Names<'a> {
    nodes: BTreeMap<&'a str, (Kind, Span)>,
    flows: BTreeMap<&'a str, Option<usize>>,
    outline: &'a Outline,
}

/// What a node's name stands for: an index into the scenario's list, unless that entry could not be
/// read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Server(Option<usize>),
    Client(Option<usize>),
}

impl Kind {
    fn is_server(self) -> bool {
        matches!(self, Kind::Server(_))
    }

    fn is_client(self) -> bool {
        matches!(self, Kind::Client(_))
    }
}

impl<'a> Names<'a> {
    /// The names that a file declares, and the entries that could be read they stand for; a name that is
    /// given to a server and to a client is reported.
    pub(super) fn new(
        servers: &'a [Server],
        clients: &'a [Client],
        flows: &'a [Flow],
        outline: &'a Outline,
        findings: &mut Findings,
    ) -> Names<'a> {
        let mut nodes: BTreeMap<&str, (Kind, Span)> = BTreeMap::new();
        let declared = outline.servers.names.iter().map(|name| (name, Kind::Server(None)));
        let others = outline.clients.names.iter().map(|name| (name, Kind::Client(None)));
        for (name, kind) in declared.chain(others) {
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
        for (at, server) in servers.iter().enumerate() {
            if let Some((Kind::Server(index), _)) = nodes.get_mut(server.name.value.as_str()) {
                *index = Some(at);
            }
        }
        for (at, client) in clients.iter().enumerate() {
            if let Some((Kind::Client(index), _)) = nodes.get_mut(client.name.value.as_str()) {
                *index = Some(at);
            }
        }
        let declared = outline.flows.names.iter().map(|name| (name.value.as_str(), None));
        let mut by_name: BTreeMap<&str, Option<usize>> = declared.collect();
        let read = flows.iter().enumerate();
        by_name.extend(read.map(|(at, flow)| (flow.name.value.as_str(), Some(at))));
        Names { nodes, flows: by_name, outline }
    }

    /// The server of that name, if it could be read.
    pub(super) fn server(&self, name: &str) -> Option<usize> {
        match self.nodes.get(name) {
            Some((Kind::Server(at), _)) => *at,
            _ => None,
        }
    }

    /// The client of that name, if it could be read.
    pub(super) fn client(&self, name: &str) -> Option<usize> {
        match self.nodes.get(name) {
            Some((Kind::Client(at), _)) => *at,
            _ => None,
        }
    }

    /// True if a server or a client that could be read has that name, or if it is that of strangers.
    pub(super) fn is_caller(&self, name: &str) -> bool {
        self.server(name).is_some() || self.client(name).is_some() || name == NodeId::OUTSIDE_NAME
    }

    /// The flow of that name, if it could be read.
    pub(super) fn flow(&self, name: &str) -> Option<usize> {
        self.flows.get(name).copied().flatten()
    }

    /// True if a server has that name.
    pub(super) fn is_server(&self, name: &str) -> bool {
        self.nodes.get(name).is_some_and(|(kind, _)| kind.is_server())
    }

    /// The names of all servers.
    pub(super) fn servers(&self) -> impl Iterator<Item = &'a str> {
        self.of_kind(Kind::is_server)
    }

    /// The names of the scenario's variables.
    pub(super) fn vars(&self) -> impl Iterator<Item = &'a str> {
        self.outline.vars.names.iter().map(|name| name.value.as_str())
    }

    /// True if no client is unknown.
    pub(super) fn all_clients(&self) -> bool {
        self.outline.clients.whole
    }

    /// True if no variable that is known everywhere is unknown.
    pub(super) fn all_vars(&self) -> bool {
        self.outline.vars.whole && self.outline.servers.whole
    }

    /// True if nothing is wrong with the form of the file: what is not there is not missed.
    pub(super) fn are_whole(&self) -> bool {
        self.outline.whole
    }

    /// True if the name stands somewhere else in the file, where it means nothing: what it should
    /// declare, nobody knows.
    pub(super) fn is_stray(&self, name: &str) -> bool {
        self.outline.strays.contains(name)
    }

    fn of_kind(&self, fits: impl Fn(Kind) -> bool) -> impl Iterator<Item = &'a str> {
        self.nodes.iter().filter(move |(_, (kind, _))| fits(*kind)).map(|(name, _)| *name)
    }

    /// Reports a name that is not that of a node that fits.
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
        let Outline { servers, clients, .. } = self.outline;
        let missed = !servers.whole && fits(Kind::Server(None));
        if missed || !clients.whole && fits(Kind::Client(None)) || self.is_stray(&name.value) {
            return;
        }
        let error = Diagnostic::new(format!("no {what} is called `{}`", name.value), name.span);
        if let Some((kind, declared)) = found {
            let other = if kind.is_server() { "server" } else { "client" };
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
        if !self.outline.flows.whole || self.is_stray(&name.value) {
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

/// Reports every name that is used and leads nowhere.
pub(super) fn check(outline: &Outline, names: &Names<'_>, findings: &mut Findings) {
    for name in outline.servers.names.iter().chain(&outline.clients.names) {
        if name.value == NodeId::OUTSIDE_NAME {
            let error = Diagnostic::new("nobody of the scenario is called `outside`", name.span);
            findings.push(error.label("that is whoever comes from outside"));
        }
    }
    for Mention { role, name } in &outline.mentions {
        match role {
            Role::Server => names.expect(name, "server", Kind::is_server, findings),
            Role::Client => names.expect(name, "client", Kind::is_client, findings),
            Role::Node => names.expect(name, "server or client", |_| true, findings),
            Role::Caller if name.value == NodeId::OUTSIDE_NAME => {}
            Role::Caller => names.expect(name, "server or client", |_| true, findings),
            Role::Flow => names.expect_flow(name, findings),
        }
    }
}
