//! The plan: a scenario with its names bound, its defaults filled in and its limits checked.
//!
//! A plan cannot fail for a reason that could have been known from the file: whatever runs it may
//! take every name, variable and order of steps for granted.

use std::time::Duration;

use crate::base::{Diagnostics, Distribution, NodeId, Source};
use crate::scenario::model::{Check, Client, Dynamic, Flow, Scenario, Server, TraceOptions, World};

/// What the command line may say over the scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--clock`.
    pub clock: Option<World>,
    /// `--seed`.
    pub seed: Option<u64>,
}

/// A scenario that can be run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The text it came from.
    pub source: Source,
    /// The scenario's name.
    pub name: String,
    /// What it teaches.
    pub about: Option<String>,
    /// The world to run in. Default: real.
    pub clock: World,
    /// The seed. Default: 1.
    pub seed: u64,
    /// The most time the run may take, on its clock. Default: 60 s.
    pub timeout: Duration,
    /// All nodes: the servers, then the clients' instances, in the order of the file.
    pub nodes: Vec<PlanNode>,
    /// The servers; the first nodes, in the same order.
    pub servers: Vec<Server>,
    /// The clients as they were declared.
    pub clients: Vec<Client>,
    /// The client instances; the nodes after the servers, in the same order.
    pub instances: Vec<Instance>,
    /// The flows.
    pub flows: Vec<Flow>,
    /// The checks.
    pub checks: Vec<Check>,
    /// What the trace keeps.
    pub trace: TraceOptions,
    /// The scenario's variables, resolved except for servers' addresses.
    pub vars: Vec<(String, Dynamic)>,
    links: Vec<PlanLink>,
}

/// A node of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanNode {
    /// Its id: its index.
    pub id: NodeId,
    /// Its name: `app`, `alice`, `reader.2`.
    pub name: String,
    /// `client`, or a server's type.
    pub kind: &'static str,
}

/// One client of those that a `clients:` entry declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its node.
    pub node: NodeId,
    /// The index of its declaration in [`Plan::clients`].
    pub client: usize,
    /// Its number, from 1.
    pub number: u32,
}

#[derive(Debug, Clone)]
struct PlanLink {
    from: Vec<NodeId>,
    to: Vec<NodeId>,
    latency: Option<Distribution>,
}

/// The default of `timeout:`.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

/// The latency of a virtual link that no `links:` entry gives one: small, and different for each
/// segment, so that different seeds give different interleavings.
pub const VIRTUAL_LATENCY: Distribution =
    Distribution::Uniform { min: Duration::from_micros(50), max: Duration::from_micros(250) };

impl Plan {
    /// Binds and checks a scenario.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn new(scenario: Scenario, overrides: Overrides) -> Result<Plan, Diagnostics> {
        let mut nodes = Vec::new();
        let mut add = |name: String, kind: &'static str| {
            let id = NodeId(u32::try_from(nodes.len()).unwrap_or(u32::MAX));
            nodes.push(PlanNode { id, name, kind });
            id
        };
        for server in &scenario.servers {
            add(server.name.value.clone(), server.kind.as_str());
        }
        let mut instances = Vec::new();
        for (index, client) in scenario.clients.iter().enumerate() {
            let count = client.count.map_or(1, |count| count.value);
            for number in 1..=count {
                let name = match client.count {
                    Some(_) => format!("{}.{number}", client.name.value),
                    None => client.name.value.clone(),
                };
                instances.push(Instance { node: add(name, "client"), client: index, number });
            }
        }
        let mut plan = Plan {
            source: scenario.source,
            name: scenario.name,
            about: scenario.about,
            clock: overrides.clock.or(scenario.clock).unwrap_or(World::Real),
            seed: overrides.seed.or(scenario.seed).unwrap_or(1),
            timeout: scenario.timeout.unwrap_or(TIMEOUT_DEFAULT),
            nodes,
            servers: scenario.servers,
            clients: scenario.clients,
            instances,
            flows: scenario.flows,
            checks: scenario.checks,
            trace: scenario.trace,
            vars: scenario.vars.into_iter().map(|(name, value)| (name.value, value)).collect(),
            links: Vec::new(),
        };
        plan.links = scenario
            .links
            .iter()
            .map(|link| PlanLink {
                from: link.from.iter().flat_map(|name| plan.nodes_named(name)).collect(),
                to: link.to.iter().flat_map(|name| plan.nodes_named(name)).collect(),
                latency: link.latency,
            })
            .collect();
        Ok(plan)
    }

    /// The nodes that a name of the scenario stands for: a server, a client, or all instances of a
    /// client with a count.
    #[must_use]
    pub fn nodes_named(&self, name: &str) -> Vec<NodeId> {
        if let Some(server) = self.server_named(name) {
            return vec![server];
        }
        let exact = self.nodes.iter().filter(|node| node.name == name).map(|node| node.id);
        let counted = self
            .instances
            .iter()
            .filter(|instance| self.clients[instance.client].name.value == name)
            .map(|instance| instance.node);
        let mut ids: Vec<NodeId> = exact.chain(counted).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The server of that name.
    #[must_use]
    pub fn server_named(&self, name: &str) -> Option<NodeId> {
        let index = self.servers.iter().position(|server| server.name.value == name)?;
        Some(self.nodes[index].id)
    }

    /// The server with that id.
    #[must_use]
    pub fn server(&self, id: NodeId) -> Option<&Server> {
        self.servers.get(id.index())
    }

    /// The flow of that name.
    #[must_use]
    pub fn flow(&self, name: &str) -> Option<&Flow> {
        self.flows.iter().find(|flow| flow.name.value == name)
    }

    /// A node's name; `outside` for a stranger.
    #[must_use]
    pub fn node_name(&self, id: NodeId) -> &str {
        self.nodes.get(id.index()).map_or("outside", |node| &node.name)
    }

    /// The one-way latency from `from` to `to`, which is also that of the way back.
    #[must_use]
    pub fn latency(&self, from: NodeId, to: NodeId) -> Distribution {
        let fits = |nodes: &[NodeId], node| nodes.is_empty() || nodes.contains(&node);
        let declared = self.links.iter().rev().find_map(|link| {
            (fits(&link.from, from) && fits(&link.to, to)).then_some(link.latency).flatten()
        });
        let default = match self.clock {
            World::Real => Distribution::ZERO,
            World::Virtual => VIRTUAL_LATENCY,
        };
        declared.unwrap_or(default)
    }
}
