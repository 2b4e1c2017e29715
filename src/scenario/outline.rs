//! The outline of a file: the names it declares and the names it uses, each with its place.
//!
//! ```text
//! servers: app, db     clients: alice     flows: -     vars: item       declared
//! app (a server) at 7:12     alice (a client) at 9:16     …             mentioned
//! ```
//!
//! It is gathered while a file is read, also from entries in which something else is wrong, and knows
//! what it may have missed: so names can be bound in a file that is not a scenario, and nothing is
//! called unknown that a mended file might declare.

use std::collections::BTreeSet;

use super::model::{
    Action, After, CheckKind, Choice, Condition, Doing, Fault, FaultKind, Filter, MetricKind,
    RouteAction, Scenario, Server, ServerKind, Shape, Step, Trigger, TriggerEvent, When,
};
use crate::base::Located;

/// The names of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outline {
    /// The keys of `servers:`.
    pub(crate) servers: Section,
    /// The keys of `clients:`.
    pub(crate) clients: Section,
    /// The keys of `flows:`.
    pub(crate) flows: Section,
    /// The keys of the scenario's `vars:`.
    pub(crate) vars: Section,
    /// The names that are used.
    pub(crate) mentions: Vec<Mention>,
    /// The fixed ports of servers.
    pub(crate) ports: Vec<Located<u16>>,
    /// True if nothing is wrong with the form of the file.
    pub(crate) whole: bool,
    /// Keys that mean nothing where they stand, with all keys beneath them: perhaps declarations in
    /// the wrong place.
    pub(crate) strays: BTreeSet<String>,
}

/// The names that one part of a file declares.
#[derive(Debug, Clone, Default)]
pub(crate) struct Section {
    /// The names, also of entries that could not be read.
    pub(crate) names: Vec<Located<String>>,
    /// True if there are no others.
    pub(crate) whole: bool,
}

/// What a name must be the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// A server.
    Server,
    /// A client.
    Client,
    /// A server or a client.
    Node,
    /// The same, or `outside`.
    Caller,
    /// A flow.
    Flow,
}

/// A name that stands somewhere for what it names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mention {
    /// What it must name.
    pub(crate) role: Role,
    /// The name.
    pub(crate) name: Located<String>,
}

impl Section {
    fn of<'a>(names: impl Iterator<Item = &'a Located<String>>) -> Section {
        Section { names: names.cloned().collect(), whole: true }
    }
}

impl Outline {
    /// The outline of a whole scenario.
    pub(crate) fn of(scenario: &Scenario) -> Outline {
        let mut outline = Outline {
            servers: Section::of(scenario.servers.iter().map(|server| &server.name)),
            clients: Section::of(scenario.clients.iter().map(|client| &client.name)),
            flows: Section::of(scenario.flows.iter().map(|flow| &flow.name)),
            vars: Section::of(scenario.vars.iter().map(|(name, _)| name)),
            ports: scenario.servers.iter().flat_map(ports).collect(),
            whole: true,
            ..Outline::default()
        };
        outline.of_servers(scenario);
        outline.of_clients(scenario);
        for link in &scenario.links {
            link.from.iter().for_each(|name| outline.mention(Role::Caller, name));
            link.to.iter().for_each(|name| outline.mention(Role::Server, name));
            link.faults.iter().for_each(|moment| outline.of_fault(&moment.fault));
        }
        for moment in &scenario.timeline {
            if let When::On { trigger, .. } = &moment.when {
                outline.of_trigger(trigger);
            }
            outline.of_doing(&moment.doing);
        }
        for check in &scenario.checks {
            match &check.kind {
                CheckKind::Calls { filter, .. } | CheckKind::Latency { filter, .. } => {
                    outline.of_filter(filter, Role::Server);
                }
                CheckKind::Metric(metric) => {
                    let to = match metric.kind {
                        MetricKind::Amplification(_) => Role::Server,
                        _ => Role::Node,
                    };
                    outline.of_filter(&metric.filter, to);
                }
                CheckKind::Holds(_) => {}
                CheckKind::Never { filter } => outline.of_filter(filter, Role::Node),
                CheckKind::History(history) => outline.all(Role::Client, &history.clients),
            }
        }
        outline
    }

    /// Notes that `name` is used.
    pub(crate) fn mention(&mut self, role: Role, name: &Located<String>) {
        self.mentions.push(Mention { role, name: name.clone() });
    }

    fn of_servers(&mut self, scenario: &Scenario) {
        for server in &scenario.servers {
            if let ServerKind::Node(node) = &server.kind {
                node.peers.iter().flatten().for_each(|peer| self.mention(Role::Server, peer));
            }
            let ServerKind::Http(http) = &server.kind else { continue };
            for route in &http.routes {
                match &route.action {
                    RouteAction::Proxy(proxy) => self.mention(Role::Server, &proxy.to),
                    RouteAction::Redis(redis) => self.mention(Role::Server, &redis.call.server),
                    _ => {}
                }
            }
        }
    }

    fn of_clients(&mut self, scenario: &Scenario) {
        for client in &scenario.clients {
            client.after.iter().for_each(|after| self.mention(Role::Client, &waited_for(after)));
            let mix = client.load.iter().flat_map(|load| &load.mix);
            mix.for_each(|(flow, _)| self.mention(Role::Flow, flow));
        }
        let flows = scenario.flows.iter().map(|flow| flow.steps.as_slice());
        let clients = scenario.clients.iter().map(|client| client.steps.as_slice());
        for steps in flows.chain(clients) {
            each_step(steps, &mut |step| self.of_step(step));
        }
    }

    fn of_step(&mut self, step: &Step) {
        step.after.iter().for_each(|after| self.mention(Role::Client, &waited_for(after)));
        match &step.action {
            Action::Http(call) => self.mention(Role::Server, &call.server),
            Action::Redis(call) => self.mention(Role::Server, &call.server),
            Action::Call(call) => self.all(Role::Server, &call.nodes),
            Action::Connect(connect) => self.mention(Role::Server, &connect.server),
            Action::Use { flow, .. } => self.mention(Role::Flow, flow),
            Action::Fault(doing) => self.of_doing(doing),
            _ => {}
        }
    }

    fn all(&mut self, role: Role, names: &[Located<String>]) {
        names.iter().for_each(|name| self.mention(role, name));
    }

    fn of_doing(&mut self, doing: &Doing) {
        match doing {
            Doing::Fault(fault) => self.of_fault(fault),
            Doing::Restart(nodes) => self.all(Role::Server, nodes),
            Doing::Resume(nodes) => self.all(Role::Node, nodes),
            Doing::Chaos(chaos) => self.all(Role::Node, &chaos.nodes),
            Doing::Heal(_) | Doing::Release(_) => {}
        }
    }

    /// Notes the names that a fault uses.
    pub(crate) fn of_fault(&mut self, fault: &Fault) {
        match &fault.kind {
            FaultKind::Link(link) => {
                self.all(Role::Caller, &link.from);
                self.all(Role::Server, &link.to);
                self.of_choice(&link.choice);
            }
            FaultKind::Partition(partition) => match &partition.shape {
                Shape::Sides(sides) => sides.iter().for_each(|side| self.all(Role::Caller, side)),
                Shape::OneWay { from, to } => {
                    self.all(Role::Caller, from);
                    self.all(Role::Caller, to);
                }
                Shape::Isolate(nodes) | Shape::Majority(nodes) | Shape::Ring(nodes) => {
                    self.all(Role::Node, nodes);
                }
            },
            FaultKind::Node(node) => {
                let role = if node.harm.is_of_servers() { Role::Server } else { Role::Node };
                self.all(role, &node.nodes);
            }
        }
    }

    fn of_choice(&mut self, choice: &Choice) {
        choice.client.iter().for_each(|name| self.mention(Role::Client, name));
        choice.after.iter().for_each(|trigger| self.of_trigger(trigger));
        match &choice.during {
            Some(Condition::Crashed(node)) => self.mention(Role::Server, node),
            Some(Condition::Paused(node)) => self.mention(Role::Node, node),
            Some(Condition::Fault(_)) | None => {}
        }
    }

    fn of_trigger(&mut self, trigger: &Trigger) {
        match &trigger.event {
            TriggerEvent::Message(filter) => self.of_filter(filter, Role::Node),
            TriggerEvent::Connect { from, to } => {
                from.iter().for_each(|name| self.mention(Role::Node, name));
                to.iter().for_each(|name| self.mention(Role::Server, name));
            }
            TriggerEvent::Step(after) => self.mention(Role::Client, &waited_for(after)),
            TriggerEvent::Crash(node) | TriggerEvent::Restart(node) => {
                self.mention(Role::Server, node);
            }
            TriggerEvent::Pause(node) | TriggerEvent::Resume(node) => {
                self.mention(Role::Node, node);
            }
            TriggerEvent::Fault(_) => {}
        }
    }

    fn of_filter(&mut self, filter: &Filter, to: Role) {
        filter.from.iter().for_each(|name| self.mention(Role::Node, name));
        filter.to.iter().for_each(|name| self.mention(to, name));
        filter.client.iter().for_each(|name| self.mention(Role::Client, name));
    }
}

/// The fixed ports of a server: its own, and that of the program that it is.
fn ports(server: &Server) -> impl Iterator<Item = Located<u16>> {
    let listen = match &server.kind {
        ServerKind::Process(process) => process.listen,
        _ => None,
    };
    server.port.into_iter().chain(listen)
}

/// The client of an `after:`.
pub(crate) fn waited_for(after: &Located<After>) -> Located<String> {
    let client = &after.value.client;
    Located::new(client.clone(), after.span.part(0, client.len()))
}

/// Visits steps and the steps inside of them, in the order of the file; flows are not followed.
pub(crate) fn each_step<'a>(steps: &'a [Step], visit: &mut dyn FnMut(&'a Step)) {
    for step in steps {
        visit(step);
        match &step.action {
            Action::Repeat(_, inner) | Action::ForEach { steps: inner, .. } => {
                each_step(inner, visit);
            }
            Action::Parallel(branches) => {
                branches.iter().for_each(|branch| each_step(branch, visit));
            }
            Action::Choose(alternatives) => {
                alternatives.iter().for_each(|one| each_step(&one.steps, visit));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::Reading;
    use super::super::{lower, yaml};
    use super::*;

    const EVERYTHING: &str = include_str!("../../tests/language/everything.yaml");

    const MORE: &str = "
looplab: 1
servers:
  app: { type: http, port: 80, routes: [{ on: GET /, redis: { call: db GET x, respond: {} } }] }
  db: { type: redis }
links:
  - { from: '*', to: [app, db], latency: 1ms, faults: [{ drop: true, after: { connect: { from: bob, to: db } } }] }
timeline:
  - { on: { pause: alice }, resume: bob }
  - { at: 1s, fault: { isolate: [alice, db] } }
clients:
  alice:
    after: bob.one
    steps:
      - repeat: 2
        steps: [{ wait: 1ms, after: [bob, bob.one] }]
  bob:
    steps: [{ connect: db, name: one }]
checks:
  - never: { from: bob, to: alice }
";

    #[test]
    fn what_is_noted_while_reading_is_what_a_scenario_has() {
        for text in [EVERYTHING, MORE] {
            let document = yaml::read("x.yaml", text.as_bytes());
            let mut reading =
                Reading::new(&document.source, crate::scenario::Beside::default(), document.found);
            let root = document.root.expect("a tree");
            let scenario = lower::lower(&root, &mut reading).expect("a scenario");
            let (found, noted) = reading.finish();
            assert!(found.is_empty(), "{found:?}");
            let outline = Outline::of(&scenario);
            let mentions = |outline: &Outline| -> BTreeSet<Mention> {
                outline.mentions.iter().cloned().collect()
            };
            assert_eq!(mentions(&noted), mentions(&outline));
            assert_eq!(noted.ports, outline.ports);
            let sections = |outline: &Outline| {
                let Outline { servers, clients, flows, vars, .. } = outline.clone();
                [servers, clients, flows, vars].map(|section| (section.names, section.whole))
            };
            assert_eq!(sections(&noted), sections(&outline));
            assert!(noted.strays.is_empty());
        }
    }
}
