//! The plan: a scenario with its names bound, its defaults filled in and its limits checked.
//!
//! A plan cannot fail for a reason that could have been known from the file: whatever runs it may
//! take every name, variable and order of steps for granted.

mod bounds;
pub mod chance;
pub mod fault;
mod faults;
mod findings;
mod graph;
mod histories;
pub mod limits;
mod names;
mod order;
mod pairs;
mod paths;
mod programs;
mod proxies;
mod read;
mod routes;
mod schedule;
mod scripts;
pub mod unroll;
mod vars;
mod walk;

pub use faults::{Told, exact, in_yaml, protocol_of, tell};
pub use schedule::Schedule;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{Diagnostic, Diagnostics, Distribution, Located, NodeId, Source, Span, Value};
use crate::scenario::model::{
    Check, Client, Dynamic, Expected, Flow, Scenario, Server, TraceOptions, UnusedFaults, World,
};
use crate::scenario::{Lookup, Outline, moment};
use crate::script::Scripts;

/// What the command line may say over the scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--clock`.
    pub clock: Option<World>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--no-exec`: a scenario that starts programs or runs scripts is refused.
    pub no_exec: bool,
    /// It is for a search, or a replay, which know the virtual world alone.
    pub searches: bool,
}

/// A scenario that can be run. What a search changes of it from run to run is little, so what stays is shared
/// by its copies.
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
    pub nodes: Arc<[PlanNode]>,
    /// The servers; the first nodes, in the same order.
    pub servers: Arc<[Server]>,
    /// The clients as they were declared.
    pub clients: Arc<[Client]>,
    /// The client instances; the nodes after the servers, in the same order.
    pub instances: Arc<[Instance]>,
    /// The flows.
    pub flows: Arc<[Flow]>,
    /// The checks.
    pub checks: Vec<Check>,
    /// The texts of all scripts.
    scripts: Arc<Scripts>,
    /// What the trace keeps.
    pub trace: TraceOptions,
    /// All faults of the file, in its order: of links, of the timeline (chaos expanded), of steps.
    pub faults: Vec<Arc<fault::Fault>>,
    /// What happens when: the timeline, and the starts of the links' own faults.
    pub timeline: Vec<fault::Moment>,
    /// What a fault that touched nothing means.
    pub unused_faults: UnusedFaults,
    /// What the steps that let faults loose do, by where they begin in the file.
    acts: BTreeMap<u32, fault::Act>,
    /// What the file says of faults, to be bound again for another seed.
    declared: Arc<faults::Declared>,
    /// What is decided in place of chance.
    pub schedule: Option<Arc<Schedule>>,
    /// What a repro shows when it is replayed.
    pub expected: Option<Expected>,
    /// The scenario's variables; each may refer to those before it and to servers' addresses.
    pub vars: Arc<[(String, Dynamic)]>,
    links: Arc<[PlanLink]>,
    /// Every name of the scenario or of a node, with the nodes it stands for.
    named: Arc<BTreeMap<String, Vec<NodeId>>>,
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
        let found = check(&scenario, &Outline::of(&scenario), overrides);
        if !found.is_empty() {
            return Err(Diagnostics::new(scenario.source, found));
        }
        Ok(Plan::bound(scenario, overrides))
    }

    /// The plan of a scenario in which nothing is wrong.
    fn bound(scenario: Scenario, overrides: Overrides) -> Plan {
        let mut nodes: Vec<PlanNode> = Vec::new();
        let mut named: BTreeMap<String, Vec<NodeId>> = BTreeMap::new();
        named.insert(NodeId::OUTSIDE_NAME.to_owned(), vec![NodeId::OUTSIDE]);
        let mut add = |name: String, kind: &'static str| {
            let id = NodeId(u32::try_from(nodes.len()).unwrap_or(u32::MAX));
            named.entry(name.clone()).or_default().push(id);
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
        for instance in &instances {
            let client = &scenario.clients[instance.client];
            if client.count.is_some() {
                named.entry(client.name.value.clone()).or_default().push(instance.node);
            }
        }
        let clock = clock(&scenario, overrides);
        let mut plan = Plan {
            source: scenario.source,
            name: scenario.name,
            about: scenario.about,
            clock,
            seed: overrides.seed.or(scenario.seed).unwrap_or(1),
            timeout: scenario.timeout.unwrap_or(TIMEOUT_DEFAULT),
            nodes: nodes.into(),
            servers: scenario.servers.into(),
            clients: scenario.clients.into(),
            instances: instances.into(),
            flows: scenario.flows.into(),
            checks: scenario.checks,
            scripts: Arc::new(scripts::gathered(&scenario.scripts)),
            trace: scenario.trace,
            vars: scenario.vars.into_iter().map(|(name, value)| (name.value, value)).collect(),
            faults: Vec::new(),
            timeline: Vec::new(),
            unused_faults: scenario.unused_faults,
            acts: BTreeMap::new(),
            declared: Arc::default(),
            schedule: None,
            expected: scenario.expected,
            links: Arc::default(),
            named: Arc::new(named),
        };
        plan.links = scenario
            .links
            .iter()
            .map(|link| PlanLink {
                from: plan.nodes_of(&link.from),
                to: plan.nodes_of(&link.to),
                latency: link.latency,
            })
            .collect();
        plan.declared = Arc::new(faults::Declared::new(scenario.links, scenario.timeline));
        let schedule = scenario.schedule.as_ref();
        plan.schedule = schedule.map(|schedule| Arc::new(Schedule::bind(&plan, schedule)));
        plan.bind_faults();
        plan
    }

    /// The same plan with other decisions in place of chance, or with none.
    #[must_use]
    pub fn scheduled(&self, schedule: Option<Schedule>) -> Plan {
        let mut plan = Plan { schedule: schedule.map(Arc::new), ..self.clone() };
        if self.declared.is_drawn(self) {
            plan.bind_faults();
        }
        plan
    }

    /// Binds the faults of the file, by the plan's seed.
    fn bind_faults(&mut self) {
        let bound = faults::bind(self, &self.declared.clone());
        (self.faults, self.timeline, self.acts) = (bound.faults, bound.timeline, bound.acts);
    }

    /// The same plan with another seed.
    #[must_use]
    pub fn with_seed(&self, seed: u64) -> Plan {
        let mut plan = Plan { seed, ..self.clone() };
        if self.declared.is_drawn(self) {
            plan.bind_faults();
        }
        plan
    }

    /// The same plan with another seed and more entries of the timeline, each on one line as it would stand
    /// in the file; their faults have names that no other has.
    ///
    /// # Errors
    /// What is wrong with the form of an entry. Whether its faults meet anything is not asked.
    pub fn varied(&self, seed: u64, more: &[String]) -> Result<Plan, Diagnostics> {
        if more.is_empty() {
            return Ok(self.with_seed(seed));
        }
        let moments: Result<Vec<_>, _> = more.iter().map(|text| moment(text)).collect();
        let mut plan = Plan { seed, ..self.clone() };
        plan.declared = Arc::new(self.declared.and(moments?.into_iter().map(|asked| asked.value)));
        plan.bind_faults();
        Ok(plan)
    }

    /// The nodes that a name of the scenario stands for: a server, a client, or all instances of a
    /// client with a count.
    #[must_use]
    pub fn nodes_named(&self, name: &str) -> Vec<NodeId> {
        self.named.get(name).cloned().unwrap_or_default()
    }

    /// The nodes that some names stand for, in ascending order.
    fn nodes_of(&self, names: &[Located<String>]) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = names.iter().flat_map(|name| self.nodes_named(name)).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// The scenario's variables with their values, in the order of the file. `addresses` knows
    /// `app.url` and the like.
    ///
    /// # Errors
    /// A diagnostic if a value grows beyond what is allowed.
    pub fn variables(&self, addresses: &dyn Lookup) -> Result<BTreeMap<String, Value>, Diagnostic> {
        let mut values: BTreeMap<String, Value> = BTreeMap::new();
        for (name, value) in self.vars.iter() {
            let scope = |name: &str| values.get(name).cloned().or_else(|| addresses.lookup(name));
            let value = value.resolve(&scope)?;
            values.insert(name.clone(), value);
        }
        Ok(values)
    }

    /// The server of that name.
    #[must_use]
    pub fn server_named(&self, name: &str) -> Option<NodeId> {
        let id = *self.named.get(name)?.first()?;
        (id.index() < self.servers.len()).then_some(id)
    }

    /// The server with that id.
    #[must_use]
    pub fn server(&self, id: NodeId) -> Option<&Server> {
        self.servers.get(id.index())
    }

    /// What the step at `span` does, if it lets faults loose or ends them.
    #[must_use]
    pub fn act(&self, span: Span) -> Option<&fault::Act> {
        self.acts.get(&span.start)
    }

    /// True for a client of `type: process`.
    #[must_use]
    pub fn is_program(&self, instance: &Instance) -> bool {
        self.clients.get(instance.client).is_some_and(|client| programs::program(client).is_some())
    }

    /// The flow of that name.
    #[must_use]
    pub fn flow(&self, name: &str) -> Option<&Flow> {
        self.flows.iter().find(|flow| flow.name.value == name)
    }

    /// A node's name; `outside` for a stranger.
    #[must_use]
    pub fn node_name(&self, id: NodeId) -> &str {
        self.nodes.get(id.index()).map_or(NodeId::OUTSIDE_NAME, |node| &node.name)
    }

    /// The one-way latency from `from` to `to`, which is also that of the way back.
    #[must_use]
    pub fn latency(&self, from: NodeId, to: NodeId) -> Distribution {
        let fits = |nodes: &[NodeId], node| nodes.is_empty() || nodes.binary_search(&node).is_ok();
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

/// The world that a scenario runs in.
fn clock(scenario: &Scenario, overrides: Overrides) -> World {
    overrides.clock.or(scenario.clock).unwrap_or(World::Real)
}

/// All that is wrong with a scenario beyond its form.
///
/// Of a file with errors `scenario` has only the entries in which nothing is wrong. Nothing is reported
/// then that a mended file might not have: what is there is judged, what is missing is not missed.
fn check(scenario: &Scenario, outline: &Outline, overrides: Overrides) -> Vec<Diagnostic> {
    let mut findings = findings::Findings::default();
    let Scenario { servers, clients, flows, .. } = scenario;
    let names = names::Names::new(servers, clients, flows, outline, &mut findings);
    names::check(outline, &names, &mut findings);
    bounds::ports(&outline.ports, &mut findings);
    bounds::redis_data(scenario, &mut findings);
    let checker = vars::Checker::new(&names);
    routes::check(scenario, &names, &checker, &mut findings);
    programs::check(scenario, overrides, &checker, &mut findings);
    scripts::check(scenario, &names, overrides, &checker, &mut findings);
    faults::check(scenario, &names, &checker, &mut findings);
    histories::check(scenario, &mut findings);
    if names.are_whole() {
        schedule::check(scenario, overrides, &mut findings);
    }
    if bounds::check(scenario, &names, &mut findings) {
        vars::check(scenario, &names, &checker, &mut findings);
        if names.all_clients() {
            order::check(scenario, &names, &mut findings);
        }
    }
    findings.into_vec()
}
