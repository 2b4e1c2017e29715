//! From the faults of the file to those of the plan: names given, nodes bound, chance drawn.
//!
//! ```text
//! links' faults:   ─┐                    ┌─> Plan::faults    each once, in the order of the file
//! timeline:        ─┼─> named ─> bound ──┼─> Plan::timeline  the links' own first, then the moments
//! clients' steps   ─┘     chaos drawn    └─> Plan::acts      by the place of the step
//! ```
//!
//! The same seed draws the same chaos and the same majorities.

mod ask;
mod chaos;
mod check;
mod cut;
mod framing;
mod links;
mod network;
mod rule;
mod tell;
mod written;

pub(super) use check::check;
pub use links::protocol_of;
pub use tell::{Told, exact, in_yaml, tell};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::Plan;
use super::fault::{Act, Fault, FaultKind, Moment, Trigger, TriggerEvent, When};
use super::paths::Paths;
use crate::base::{Located, NodeId, Span};
use crate::scenario::each_step;
use crate::scenario::model::{
    self, Action, Chaos, Client, Doing, Flow, Link, LinkMoment, Named, Shape,
};

/// What the file says of faults, kept to be bound again for another seed. Those of steps are found in
/// the plan's clients and flows.
#[derive(Debug, Default, Clone)]
pub(super) struct Declared {
    links: Vec<LinkMoment>,
    timeline: Vec<model::Moment>,
    /// How many moments of the timeline stand in the file; those behind them have no place in it.
    own: usize,
}

impl Declared {
    pub(super) fn new(links: Vec<Link>, timeline: Vec<model::Moment>) -> Declared {
        let links = links.into_iter().flat_map(|link| link.faults).collect();
        Declared { links, own: timeline.len(), timeline }
    }

    /// The same and more moments.
    pub(super) fn and(&self, more: impl IntoIterator<Item = model::Moment>) -> Declared {
        let mut all = self.clone();
        all.timeline.extend(more);
        all
    }

    /// True if a seed decides anything.
    pub(super) fn is_drawn(&self, plan: &Plan) -> bool {
        let majority = |fault: &model::Fault| {
            matches!(&fault.kind, model::FaultKind::Partition(partition)
                if matches!(partition.shape, Shape::Majority(_)))
        };
        let drawn = |doing: &Doing| match doing {
            Doing::Fault(fault) => majority(fault),
            Doing::Chaos(_) => true,
            _ => false,
        };
        self.timeline.iter().any(|moment| drawn(&moment.doing))
            || steps(&plan.clients, &plan.flows).values().any(|(doing, _)| drawn(doing))
    }
}

/// All that is bound.
pub(super) struct Bound {
    pub(super) faults: Vec<Arc<Fault>>,
    pub(super) timeline: Vec<Moment>,
    pub(super) acts: BTreeMap<u32, Act>,
}

/// What the steps of clients and flows do, by where they begin in the file.
fn steps<'a>(clients: &'a [Client], flows: &'a [Flow]) -> BTreeMap<u32, (&'a Doing, Span)> {
    let mut doings = BTreeMap::new();
    let clients = clients.iter().map(|client| client.steps.as_slice());
    let flows = flows.iter().map(|flow| flow.steps.as_slice());
    for steps in clients.chain(flows) {
        each_step(steps, &mut |step| {
            if let Action::Fault(doing) = &step.action {
                doings.insert(step.span.start, (&**doing, step.span));
            }
        });
    }
    doings
}

/// Where a fault of the file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Among those of links.
    Link(usize),
    /// In the timeline.
    Moment(usize),
    /// In a step that begins here.
    Step(u32),
}

/// What stands at a place.
enum Stated<'a> {
    Fault(&'a model::Fault),
    Chaos(&'a Chaos, Span),
}

impl Stated<'_> {
    /// The name that it was given.
    fn given(&self) -> Option<&str> {
        match self {
            Stated::Fault(fault) => fault.name.as_ref().map(|name| name.value.as_str()),
            Stated::Chaos(..) => None,
        }
    }
}

/// All faults of the file, in its order.
fn stated<'a>(
    links: impl Iterator<Item = &'a LinkMoment>,
    timeline: &'a [model::Moment],
    steps: &BTreeMap<u32, (&'a Doing, Span)>,
) -> Vec<(Place, Stated<'a>)> {
    let mut all: Vec<(u32, Place, Stated<'a>)> = Vec::new();
    for (at, link) in links.enumerate() {
        all.push((link.fault.span.start, Place::Link(at), Stated::Fault(&link.fault)));
    }
    for (at, moment) in timeline.iter().enumerate() {
        let stated = match &moment.doing {
            Doing::Fault(fault) => Stated::Fault(fault),
            Doing::Chaos(chaos) => Stated::Chaos(chaos, moment.span),
            _ => continue,
        };
        all.push((moment.span.start, Place::Moment(at), stated));
    }
    for (start, (doing, _)) in steps {
        if let Doing::Fault(fault) = doing {
            all.push((*start, Place::Step(*start), Stated::Fault(fault)));
        }
    }
    all.sort_by_key(|(start, place, _)| (*start, *place));
    all.into_iter().map(|(_, place, stated)| (place, stated)).collect()
}

/// Gives names to faults without one: the verb, and a number that no other has.
pub(super) struct Namer {
    taken: BTreeSet<String>,
    numbers: BTreeMap<&'static str, u64>,
}

impl Namer {
    pub(super) fn new(taken: impl Iterator<Item = String>) -> Namer {
        Namer { taken: taken.collect(), numbers: BTreeMap::new() }
    }

    /// The next name of that verb.
    pub(super) fn next(&mut self, verb: &'static str) -> String {
        let number = self.numbers.entry(verb).or_insert(0);
        loop {
            *number += 1;
            let name = format!("{verb}.{number}");
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }

    /// The name that a fault was given, or the next one.
    fn name(&mut self, fault: &model::Fault) -> String {
        match &fault.name {
            Some(name) => name.value.clone(),
            None => self.next(fault.kind.verb()),
        }
    }
}

/// Binds all faults of a plan that is whole but for them.
pub(super) fn bind(plan: &Plan, declared: &Declared) -> Bound {
    let steps = steps(&plan.clients, &plan.flows);
    let binder = Binder::new(plan);
    let stated = stated(declared.links.iter(), &declared.timeline, &steps);
    let given = stated.iter().filter_map(|(_, stated)| stated.given());
    let mut namer = Namer::new(given.map(str::to_owned));
    let mut number = 0;
    let mut faults = Vec::new();
    let mut placed: BTreeMap<Place, Vec<(Duration, Arc<Fault>)>> = BTreeMap::new();
    for (place, stated) in stated {
        let here = match stated {
            Stated::Fault(fault) => {
                let trigger = match place {
                    Place::Moment(at) => cause(&declared.timeline[at].when),
                    _ => None,
                };
                let name = namer.name(fault);
                let mut bound = binder.fault(fault, name, trigger);
                if matches!(place, Place::Moment(at) if at >= declared.own) {
                    bound.span = None;
                }
                if let Place::Link(at) = place {
                    bound.lasts = bound.lasts.or(length(&declared.links[at]));
                }
                vec![(Duration::ZERO, Arc::new(bound))]
            }
            Stated::Chaos(chaos, span) => {
                number += 1;
                binder.chaos(chaos, span, &mut namer, number)
            }
        };
        faults.extend(here.iter().map(|(_, fault)| fault.clone()));
        placed.insert(place, here);
    }
    let first = |place: &Place| placed.get(place).and_then(|here| here.first());
    let mut timeline = Vec::new();
    for (at, link) in declared.links.iter().enumerate() {
        let Some((_, fault)) = first(&Place::Link(at)) else { continue };
        let start = link.start.map_or(Duration::ZERO, |start| start.value);
        let act = Act::Start(fault.clone());
        timeline.push(Moment { span: link.fault.span, when: When::At(start), act });
    }
    for (at, moment) in declared.timeline.iter().enumerate() {
        let here = placed.get(&Place::Moment(at)).map_or(&[][..], Vec::as_slice);
        if let Doing::Chaos(_) = &moment.doing {
            for (at, fault) in here {
                let act = Act::Start(fault.clone());
                timeline.push(Moment { span: moment.span, when: When::At(*at), act });
            }
            continue;
        }
        let act = || binder.act(&moment.doing, here.first().map(|(_, fault)| fault));
        match &moment.when {
            model::When::At(times) => timeline.extend(times.iter().filter_map(|time| {
                let when = When::At(time.value);
                act().map(|act| Moment { span: moment.span, when, act })
            })),
            model::When::On { trigger, wait } => timeline.extend(act().map(|act| {
                let when = When::On { trigger: Box::new(binder.trigger(trigger)), wait: *wait };
                Moment { span: moment.span, when, act }
            })),
        }
    }
    let acts = steps.iter().filter_map(|(start, (doing, _))| {
        let fault = first(&Place::Step(*start)).map(|(_, fault)| fault);
        binder.act(doing, fault).map(|act| (*start, act))
    });
    Bound { acts: acts.collect(), faults, timeline }
}

/// The message that lets a fault loose, if one does, and at once.
fn cause(when: &model::When) -> Option<&model::Filter> {
    match when {
        model::When::On { trigger, wait } if wait.is_zero() => match &trigger.event {
            model::TriggerEvent::Message(filter) => Some(filter),
            _ => None,
        },
        _ => None,
    }
}

/// How long a link's own fault lasts.
fn length(link: &LinkMoment) -> Option<Duration> {
    let start = link.start.map_or(Duration::ZERO, |start| start.value);
    link.end.map(|end| end.value.saturating_sub(start))
}

/// Binds what a scenario says to the nodes of a plan.
pub(super) struct Binder<'a> {
    plan: &'a Plan,
    paths: Paths<'a>,
}

impl<'a> Binder<'a> {
    pub(super) fn new(plan: &'a Plan) -> Binder<'a> {
        let paths = Paths::new(&plan.servers, &plan.clients, &plan.flows);
        Binder { plan, paths }
    }

    /// A fault of that name. `cause` is the message that lets it loose.
    pub(super) fn fault(
        &self,
        fault: &model::Fault,
        name: String,
        cause: Option<&model::Filter>,
    ) -> Fault {
        let kind = match &fault.kind {
            model::FaultKind::Link(link) => FaultKind::Link(Arc::new(self.rule(link, cause))),
            model::FaultKind::Partition(partition) => {
                FaultKind::Cut(Arc::new(self.cut(partition, &name)))
            }
            model::FaultKind::Node(node) => {
                FaultKind::Node { nodes: self.plan.nodes_of(&node.nodes), harm: node.harm }
            }
        };
        let text = fault.text.clone();
        Fault { name, span: Some(fault.span), text, kind, lasts: fault.lasts }
    }

    /// What is done; `fault` is the fault that it lets loose. Nothing for chaos, which is many things.
    pub(super) fn act(&self, doing: &Doing, fault: Option<&Arc<Fault>>) -> Option<Act> {
        let these = |named: &Named| match named {
            Named::All => None,
            Named::These(names) => Some(names.iter().map(|name| name.value.clone()).collect()),
        };
        Some(match doing {
            Doing::Fault(_) => Act::Start(fault?.clone()),
            Doing::Heal(named) => Act::Heal(these(named)),
            Doing::Release(named) => Act::Release(these(named)),
            Doing::Restart(nodes) => Act::Restart(self.plan.nodes_of(nodes)),
            Doing::Resume(nodes) => Act::Resume(self.plan.nodes_of(nodes)),
            Doing::Chaos(_) => return None,
        })
    }

    fn nodes(&self, names: &[Located<String>]) -> super::fault::Nodes {
        super::fault::Nodes(self.plan.nodes_of(names))
    }

    fn node(&self, name: &Located<String>) -> NodeId {
        self.plan.nodes_named(name).first().copied().unwrap_or(NodeId::OUTSIDE)
    }

    fn trigger(&self, trigger: &model::Trigger) -> Trigger {
        let one = |name: &Option<Located<String>>| self.nodes(name.as_slice());
        let event = match &trigger.event {
            model::TriggerEvent::Message(filter) => TriggerEvent::Message {
                from: one(&filter.from),
                to: one(&filter.to),
                client: one(&filter.client),
                looks: rule::looks(
                    filter.summary.as_ref(),
                    [&filter.method, &filter.path, &filter.status],
                ),
            },
            model::TriggerEvent::Connect { from, to } => {
                TriggerEvent::Connect { from: one(from), to: one(to) }
            }
            model::TriggerEvent::Step(after) => TriggerEvent::Step {
                clients: self.plan.nodes_named(&after.client),
                step: after.step.clone(),
            },
            model::TriggerEvent::Crash(node) => TriggerEvent::Crash(self.node(node)),
            model::TriggerEvent::Restart(node) => TriggerEvent::Restart(self.node(node)),
            model::TriggerEvent::Pause(node) => TriggerEvent::Pause(self.node(node)),
            model::TriggerEvent::Resume(node) => TriggerEvent::Resume(self.node(node)),
            model::TriggerEvent::Fault(name) => TriggerEvent::Fault(name.value.clone()),
        };
        Trigger { event, nth: trigger.nth, every: trigger.every }
    }
}
