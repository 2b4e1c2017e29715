//! What can be wrong with faults beyond their form: names of faults, times, nodes that cannot be harmed
//! so, and above all what can never happen.
//!
//! Who can be harmed is known from the file: who connects to whom, and what is spoken there. What
//! depends on something else that must stand in the file is judged only if all of it could be read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Namer, Stated, cause, links, network, stated, steps};
use crate::base::units::{grouped, show_duration};
use crate::base::{Diagnostic, Located, Span};
use crate::plan::TIMEOUT_DEFAULT;
use crate::plan::findings::Findings;
use crate::plan::limits::CHAOS_FAULTS_MAX;
use crate::plan::names::{Names, suggest};
use crate::plan::paths::Paths;
use crate::plan::vars::{Checker, Nothing, predicate_vars};
use crate::scenario::each_step;
use crate::scenario::model::{
    Action, Chaos, Client, Condition, Doing, Fault, FaultKind, Filter, Flow, LinkMoment, Moment,
    Named, NodeHarm, Predicate, Scenario, Server, Step, Trigger, TriggerEvent, When,
};

/// What faults are judged by.
pub(super) struct Site<'a> {
    pub(super) servers: &'a [Server],
    pub(super) clients: &'a [Client],
    pub(super) flows: &'a [Flow],
    pub(super) names: &'a Names<'a>,
    pub(super) checker: &'a Checker<'a>,
    pub(super) paths: Paths<'a>,
    /// The faults that there are; nothing if there may be others.
    pub(super) known: Option<Known>,
}

/// The faults of a whole file.
#[derive(Default)]
pub(super) struct Known {
    /// Their names, given or not, with their verbs.
    names: BTreeMap<String, &'static str>,
    /// Nodes that go down, and that stand still, at some time.
    crashed: BTreeSet<String>,
    paused: BTreeSet<String>,
    has_chaos: bool,
}

/// Checks all faults of a scenario, and when they are let loose.
pub(in crate::plan) fn check(
    scenario: &Scenario,
    names: &Names<'_>,
    checker: &Checker<'_>,
    findings: &mut Findings,
) {
    let Scenario { servers, clients, flows, timeline, .. } = scenario;
    let of_links: Vec<&LinkMoment> = scenario.links.iter().flat_map(|link| &link.faults).collect();
    let steps = steps(clients, flows);
    let all = stated(of_links.iter().copied(), timeline, &steps);
    named_twice(&all, findings);
    let whole = names.are_whole();
    let known = whole.then(|| Known::new(scenario, &all));
    let paths = Paths::new(servers, clients, flows);
    let site = Site { servers, clients, flows, names, checker, paths, known };
    for link in &of_links {
        site.fault(&link.fault, None, findings);
    }
    for moment in timeline {
        if let When::On { trigger, .. } = &moment.when {
            site.trigger(trigger, findings);
        }
        site.doing(&moment.doing, cause(&moment.when), findings);
    }
    for (doing, _) in steps.values() {
        site.doing(doing, None, findings);
    }
    if whole {
        times(scenario, &of_links, findings);
    }
    chaos_amounts(timeline, findings);
}

/// Reports a name that two faults have.
fn named_twice(all: &[(super::Place, Stated<'_>)], findings: &mut Findings) {
    let mut given: BTreeMap<&str, Span> = BTreeMap::new();
    for (_, stated) in all {
        let Stated::Fault(Fault { name: Some(name), .. }) = stated else { continue };
        match given.get(name.value.as_str()) {
            Some(first) if *first == name.span => {
                let what = format!("several faults are named `{}`, by an alias", name.value);
                let error = Diagnostic::new(what, name.span);
                findings.push(error.help("a fault that an alias repeats cannot have a name"));
            }
            Some(first) => {
                let what = format!("two faults are named `{}`", name.value);
                let error = Diagnostic::new(what, name.span).related(*first, "the first one");
                findings.push(error);
            }
            None => drop(given.insert(&name.value, name.span)),
        }
    }
}

/// Reports what would come when the run is over.
fn times(scenario: &Scenario, of_links: &[&LinkMoment], findings: &mut Findings) {
    let timeout = scenario.timeout.unwrap_or(TIMEOUT_DEFAULT);
    let mut late = |at: Located<Duration>| {
        if at.value < timeout {
            return;
        }
        let told = show_duration(timeout);
        let help = match scenario.timeout {
            Some(_) => format!("its `timeout` is {told}"),
            None => format!("a run takes at most {told}, unless its `timeout` says otherwise"),
        };
        findings.push(Diagnostic::new("the run is over by then", at.span).help(help));
    };
    of_links.iter().filter_map(|link| link.start).for_each(&mut late);
    for moment in &scenario.timeline {
        match (&moment.doing, &moment.when) {
            (Doing::Chaos(chaos), _) => late(Located::new(chaos.from, chaos.until.span)),
            (_, When::At(times)) => {
                // Of times that repeat, one is told.
                let first = times.iter().find(|at| at.value >= timeout);
                first.copied().into_iter().for_each(&mut late);
            }
            (_, When::On { .. }) => {}
        }
    }
}

/// Reports more chaos than a plan can hold.
fn chaos_amounts(timeline: &[Moment], findings: &mut Findings) {
    let mut expected = 0.0;
    for moment in timeline {
        let Doing::Chaos(chaos) = &moment.doing else { continue };
        let before = expected;
        let length = chaos.until.value.saturating_sub(chaos.from).as_secs_f64();
        expected += chaos.rate_per_s * length;
        #[expect(clippy::cast_precision_loss, reason = "a limit of a few thousand")]
        let limit = CHAOS_FAULTS_MAX as f64;
        if expected > limit && before <= limit {
            let most = grouped(CHAOS_FAULTS_MAX as u64);
            let what = format!("this is more chaos than {most} faults");
            findings.push(
                Diagnostic::new(what, moment.span).help("lower its `rate`, or end it earlier"),
            );
        }
    }
}

impl Known {
    fn new(scenario: &Scenario, all: &[(super::Place, Stated<'_>)]) -> Known {
        let mut known = Known::default();
        let given = all.iter().filter_map(|(_, stated)| stated.given());
        let mut namer = Namer::new(given.map(str::to_owned));
        for (_, stated) in all {
            match stated {
                Stated::Fault(fault) => {
                    known.names.insert(namer.name(fault), fault.kind.verb());
                    known.harmed(fault);
                }
                Stated::Chaos(chaos, _) => known.chaos(chaos, scenario),
            }
        }
        known
    }

    fn harmed(&mut self, fault: &Fault) {
        let FaultKind::Node(node) = &fault.kind else { return };
        let nodes = node.nodes.iter().map(|name| name.value.clone());
        match node.harm {
            NodeHarm::Crash => self.crashed.extend(nodes),
            NodeHarm::Pause => self.paused.extend(nodes),
            _ => {}
        }
    }

    fn chaos(&mut self, chaos: &Chaos, scenario: &Scenario) {
        self.has_chaos = true;
        let drawn = |kind: &str| chaos.kinds.iter().any(|drawn| drawn.value == kind);
        let servers = scenario.servers.iter().map(|server| &server.name);
        let nodes: Vec<String> = match chaos.nodes.as_slice() {
            [] => servers.map(|name| name.value.clone()).collect(),
            nodes => nodes.iter().map(|name| name.value.clone()).collect(),
        };
        if drawn("crash") {
            self.crashed.extend(nodes.iter().cloned());
        }
        if drawn("pause") {
            self.paused.extend(nodes);
        }
    }

    /// True if a fault has that name; those of chaos get theirs only when they are drawn.
    fn has(&self, name: &str) -> bool {
        self.names.contains_key(name) || self.has_chaos && name.starts_with("chaos.")
    }
}

/// Reports a predicate that no status fits.
fn status(predicate: Option<&Predicate>, findings: &mut Findings) {
    let Some(predicate) = predicate else { return };
    let mut has_variables = false;
    predicate_vars(predicate, &mut |_| has_variables = true);
    let nothing = |_: &str| None;
    let fits = |status: u16| predicate.test(Some(&status.into()), &nothing).is_ok();
    if !has_variables && !(100..=599).any(fits) {
        let error = Diagnostic::new("no reply has such a status", predicate.span);
        findings.push(error.help("a status is a number from 100 to 599"));
    }
}

impl Site<'_> {
    fn doing(&self, doing: &Doing, cause: Option<&Filter>, findings: &mut Findings) {
        match doing {
            Doing::Fault(fault) => self.fault(fault, cause, findings),
            Doing::Heal(named) => self.faults(named, findings),
            Doing::Release(named) => {
                self.faults(named, findings);
                self.holds(named, findings);
            }
            Doing::Restart(nodes) => nodes.iter().for_each(|node| self.is_crashed(node, findings)),
            Doing::Resume(nodes) => nodes.iter().for_each(|node| self.is_paused(node, findings)),
            Doing::Chaos(chaos) => network::chaos(self, chaos, findings),
        }
    }

    /// Checks one fault; `cause` is the message that lets it loose.
    pub(super) fn fault(&self, fault: &Fault, cause: Option<&Filter>, findings: &mut Findings) {
        if findings.is_full() {
            return;
        }
        match &fault.kind {
            FaultKind::Link(link) => {
                let choice = &link.choice;
                for predicate in [&choice.method, &choice.path, &choice.status] {
                    self.predicate(predicate.as_ref(), findings);
                }
                status(choice.status.as_ref(), findings);
                if let Some(trigger) = &choice.after {
                    self.trigger(trigger, findings);
                }
                match &choice.during {
                    Some(Condition::Crashed(node)) => self.is_crashed(node, findings),
                    Some(Condition::Paused(node)) => {
                        self.is_one(node, findings);
                        self.is_paused(node, findings);
                    }
                    Some(Condition::Fault(name)) => self.is_fault(name, findings),
                    None => {}
                }
                links::check(self, fault, link, cause, findings);
            }
            FaultKind::Partition(partition) => {
                network::partition(self, fault.span, partition, findings);
            }
            FaultKind::Node(node) => network::node(self, node, findings),
        }
    }

    /// Checks an event that something waits for.
    fn trigger(&self, trigger: &Trigger, findings: &mut Findings) {
        match &trigger.event {
            TriggerEvent::Message(filter) => {
                for predicate in [&filter.method, &filter.path, &filter.status] {
                    self.predicate(predicate.as_ref(), findings);
                }
                status(filter.status.as_ref(), findings);
                links::sent(self, filter, findings);
            }
            TriggerEvent::Connect { from, to } => {
                if let (Some(from), Some(to)) = (from, to) {
                    links::connect(self, from, to, findings);
                }
            }
            TriggerEvent::Step(after) => {
                if let Some(name) = &after.value.step {
                    self.is_step(&after.value.client, name, after.span, findings);
                }
            }
            TriggerEvent::Crash(node) | TriggerEvent::Restart(node) => {
                self.is_crashed(node, findings);
            }
            TriggerEvent::Pause(node) | TriggerEvent::Resume(node) => {
                self.is_one(node, findings);
                self.is_paused(node, findings);
            }
            TriggerEvent::Fault(name) => self.is_fault(name, findings),
        }
    }

    fn predicate(&self, predicate: Option<&Predicate>, findings: &mut Findings) {
        let Some(predicate) = predicate else { return };
        predicate_vars(predicate, &mut |name| self.checker.report(name, &Nothing, findings));
    }

    // ---- names of faults ------------------------------------------------------------------

    fn faults(&self, named: &Named, findings: &mut Findings) {
        let Named::These(names) = named else { return };
        names.iter().for_each(|name| self.is_fault(name, findings));
    }

    fn is_fault(&self, name: &Located<String>, findings: &mut Findings) {
        let Some(known) = &self.known else { return };
        if known.has(name) {
            return;
        }
        let error = Diagnostic::new(format!("no fault is called `{}`", name.value), name.span);
        let names: Vec<&str> = known.names.keys().map(String::as_str).collect();
        findings.push(suggest(error, name, &names, "fault"));
    }

    /// Reports that something is to be released that holds nothing.
    fn holds(&self, named: &Named, findings: &mut Findings) {
        let (Named::These(names), Some(known)) = (named, &self.known) else { return };
        for name in names {
            let Some(verb) = known.names.get(name.value.as_str()) else { continue };
            if !matches!(*verb, "hold" | "reorder" | "partition" | "isolate") {
                let what = format!("`{}` holds nothing that could be released", name.value);
                let error = Diagnostic::new(what, name.span).label(format!("it is a `{verb}`"));
                findings.push(error.help("`heal` ends a fault"));
            }
        }
    }

    // ---- what must happen before ----------------------------------------------------------

    fn is_crashed(&self, node: &Located<String>, findings: &mut Findings) {
        let Some(known) = &self.known else { return };
        if known.crashed.contains(node.value.as_str()) || self.paths.is_program(node) {
            return;
        }
        if self.names.server(node).is_none() {
            return;
        }
        let what = format!("nothing in this file crashes `{}`", node.value);
        let help = format!("as `fault: {{ crash: {} }}` does", node.value);
        findings.push(Diagnostic::new(what, node.span).help(help));
    }

    fn is_paused(&self, node: &Located<String>, findings: &mut Findings) {
        let Some(known) = &self.known else { return };
        let is_there = self.names.server(node).is_some() || self.names.client(node).is_some();
        if known.paused.contains(node.value.as_str()) || !is_there {
            return;
        }
        let what = format!("nothing in this file pauses `{}`", node.value);
        let help = format!("as `fault: {{ pause: {} }}` does", node.value);
        findings.push(Diagnostic::new(what, node.span).help(help));
    }

    /// Reports a name that stands for several clients where one is meant.
    fn is_one(&self, node: &Located<String>, findings: &mut Findings) {
        let client = self.names.client(node).and_then(|at| self.clients.get(at));
        let Some(count) = client.and_then(|client| client.count) else { return };
        let what = format!("`{}` is {} clients, and one must be meant", node.value, count.value);
        findings.push(Diagnostic::new(what, node.span).related(count.span, "because of this"));
    }

    /// Reports a step that the client does not have.
    fn is_step(&self, client: &str, step: &str, span: Span, findings: &mut Findings) {
        if self.known.is_none() {
            return;
        }
        let Some(client) = self.names.client(client).and_then(|at| self.clients.get(at)) else {
            return;
        };
        let mut found = BTreeSet::new();
        self.steps(&client.steps, &mut BTreeSet::new(), &mut found);
        if found.contains(step) {
            return;
        }
        let what = format!("`{}` has no step named `{step}`", client.name.value);
        let names: Vec<&str> = found.into_iter().collect();
        let error = Diagnostic::new(what, span);
        findings.push(match names.is_empty() {
            true => error.help("none of its steps has a `name`"),
            false => suggest(error, step, &names, "such step"),
        });
    }

    fn steps<'s>(
        &'s self,
        steps: &'s [Step],
        seen: &mut BTreeSet<usize>,
        found: &mut BTreeSet<&'s str>,
    ) {
        let mut used = Vec::new();
        each_step(steps, &mut |step| {
            found.extend(step.name.as_ref().map(|name| name.value.as_str()));
            if let Action::Use { flow, .. } = &step.action {
                used.extend(self.names.flow(flow));
            }
        });
        for flow in used {
            if seen.insert(flow) {
                self.steps(&self.flows[flow].steps, seen, found);
            }
        }
    }
}
