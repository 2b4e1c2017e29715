//! Who connects to whom, as far as the file tells: the pairs that messages can travel between.
//!
//! ```text
//! a client's steps, with its flows ─> the servers they name
//! a server's routes                ─> the servers they ask
//! a node                           ─> the other nodes
//! a script, a program of the user's ─> whatever it likes, and so does whoever comes from outside
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::programs::program;
use crate::base::NodeId;
use crate::scenario::each_step;
use crate::scenario::model::{Action, Client, Flow, RouteAction, Server, ServerKind, Step};

/// The pairs of nodes, by name, of which the first connects to the second.
#[derive(Debug, Default)]
pub(super) struct Paths<'a> {
    pairs: BTreeSet<(&'a str, &'a str)>,
    /// Programs, of which nobody can tell.
    programs: BTreeSet<&'a str>,
    /// Servers with a script, of which nobody can tell either.
    scripts: BTreeSet<&'a str>,
}

impl<'a> Paths<'a> {
    pub(super) fn new(
        servers: &'a [Server],
        clients: &'a [Client],
        flows: &'a [Flow],
    ) -> Paths<'a> {
        let mut paths = Paths::default();
        paths.programs.insert(NodeId::OUTSIDE_NAME);
        for server in servers {
            let name = server.name.value.as_str();
            if server.script.is_some() {
                paths.scripts.insert(name);
                let nodes = servers.iter().filter(|other| {
                    matches!(other.kind, ServerKind::Node(_)) && other.name.value != name
                });
                if matches!(server.kind, ServerKind::Node(_)) {
                    paths.pairs.extend(nodes.map(|other| (name, other.name.value.as_str())));
                }
            }
            let ServerKind::Http(http) = &server.kind else {
                paths.programs.extend(server.kind.foreign().map(|_| name));
                continue;
            };
            for route in &http.routes {
                let to = match &route.action {
                    RouteAction::Proxy(proxy) => &proxy.to,
                    RouteAction::Redis(redis) => &redis.call.server,
                    _ => continue,
                };
                paths.pairs.insert((name, to.value.as_str()));
            }
        }
        let flows: BTreeMap<&str, &[Step]> =
            flows.iter().map(|flow| (&*flow.name.value, flow.steps.as_slice())).collect();
        for client in clients {
            let name = client.name.value.as_str();
            paths.programs.extend(program(client).map(|_| name));
            let mut named = BTreeSet::new();
            let mut seen = BTreeSet::new();
            named_by(&client.steps, &flows, &mut seen, &mut named);
            for (flow, _) in client.load.iter().flat_map(|load| &load.mix) {
                follow(&flow.value, &flows, &mut seen, &mut named);
            }
            paths.pairs.extend(named.into_iter().map(|to| (name, to)));
        }
        paths
    }

    /// True if `from` connects to `to`, or may.
    pub(super) fn connects(&self, from: &str, to: &str) -> bool {
        self.pairs.contains(&(from, to)) || self.reaches_anybody(from)
    }

    /// True if messages pass between the two.
    pub(super) fn meet(&self, one: &str, other: &str) -> bool {
        self.connects(one, other) || self.connects(other, one)
    }

    /// The servers that `from` certainly connects to.
    pub(super) fn targets(&self, from: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.range((from, "")..).take_while(move |(name, _)| *name == from).map(|(_, to)| *to)
    }

    /// True if `from` may connect to anything.
    pub(super) fn reaches_anybody(&self, from: &str) -> bool {
        self.programs.contains(from) || self.scripts.contains(from)
    }

    /// True if `name` is a program, which may end by itself.
    pub(super) fn is_program(&self, name: &str) -> bool {
        self.programs.contains(name)
    }

    /// All pairs that are certain, in order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.pairs.iter().copied()
    }
}

/// Adds the servers that steps name.
fn named_by<'a>(
    steps: &'a [Step],
    flows: &BTreeMap<&'a str, &'a [Step]>,
    seen: &mut BTreeSet<&'a str>,
    named: &mut BTreeSet<&'a str>,
) {
    let mut used = Vec::new();
    each_step(steps, &mut |step| match &step.action {
        Action::Http(call) => drop(named.insert(&call.server.value)),
        Action::Redis(call) => drop(named.insert(&call.server.value)),
        Action::Call(call) => named.extend(call.nodes.iter().map(|node| node.value.as_str())),
        Action::Connect(connect) => drop(named.insert(&connect.server.value)),
        Action::Use { flow, .. } => used.push(flow.value.as_str()),
        _ => {}
    });
    used.into_iter().for_each(|flow| follow(flow, flows, seen, named));
}

/// Adds the servers that a flow names, once.
fn follow<'a>(
    flow: &'a str,
    flows: &BTreeMap<&'a str, &'a [Step]>,
    seen: &mut BTreeSet<&'a str>,
    named: &mut BTreeSet<&'a str>,
) {
    if let Some(steps) = flows.get(flow)
        && seen.insert(flow)
    {
        named_by(steps, flows, seen, named);
    }
}
