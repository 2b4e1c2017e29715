//! What is decided in place of chance: names bound, every decision about something that can happen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::findings::Findings;
use super::{Overrides, Plan, clock};
use crate::base::tape::{Draws, bits};
use crate::base::{Diagnostic, Located, NodeId};
use crate::scenario::model::{self, Scenario, World};

/// How long the two halves of connecting take, as far as that is decided.
type Halves = [Option<Duration>; 2];

/// Decisions in place of chance.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    delays: BTreeMap<(NodeId, NodeId), BTreeMap<u64, Duration>>,
    connects: BTreeMap<(NodeId, NodeId), BTreeMap<u64, Halves>>,
    draws: Arc<Draws>,
}

impl Schedule {
    /// How long the `nth` message from one node to another is under way; `None` if it is not listed.
    #[must_use]
    pub fn delay(&self, from: NodeId, to: NodeId, nth: u64) -> Option<Duration> {
        self.delays.get(&(from, to))?.get(&nth).copied()
    }

    /// How long the `nth` attempt to connect takes there and back, as far as that is listed.
    #[must_use]
    pub fn connect(&self, from: NodeId, to: NodeId, nth: u64) -> [Option<Duration>; 2] {
        let listed = self.connects.get(&(from, to)).and_then(|nths| nths.get(&nth));
        listed.copied().unwrap_or_default()
    }

    /// Decides how long a message is under way.
    pub fn decide(&mut self, from: NodeId, to: NodeId, nth: u64, delay: Duration) {
        self.delays.entry((from, to)).or_default().insert(nth, delay);
    }

    /// Decides how long connecting takes there and back.
    pub fn decide_connect(
        &mut self,
        from: NodeId,
        to: NodeId,
        nth: u64,
        halves: [Option<Duration>; 2],
    ) {
        self.connects.entry((from, to)).or_default().insert(nth, halves);
    }

    /// Decides what is drawn.
    pub fn decide_draws(&mut self, draws: Draws) {
        self.draws = Arc::new(draws);
    }

    /// What is drawn, by stream.
    #[must_use]
    pub fn draws(&self) -> &Arc<Draws> {
        &self.draws
    }

    /// Binds what a file says.
    pub(super) fn bind(plan: &Plan, schedule: &model::Schedule) -> Schedule {
        let mut bound = Schedule::default();
        let ends = |from: &Located<String>, to: &Located<String>| {
            let node = |name: &str| plan.nodes_named(name).first().copied();
            Some((node(from)?, node(to)?))
        };
        for delay in &schedule.delays {
            if let Some(link) = ends(&delay.from, &delay.to) {
                bound.delays.entry(link).or_default().insert(delay.nth.value, delay.delay);
            }
        }
        for connect in &schedule.connects {
            if let Some(link) = ends(&connect.from, &connect.to) {
                let decided = [connect.there, connect.back];
                bound.connects.entry(link).or_default().insert(connect.nth.value, decided);
            }
        }
        let draws = schedule.draws.iter().map(|(stream, draws)| {
            (stream.value.clone(), draws.iter().map(|fraction| bits(*fraction)).collect())
        });
        bound.draws = Arc::new(draws.collect());
        bound
    }
}

/// The most instances of a client whose names are known one by one.
const INSTANCES_MAX: u32 = 10_000;

/// Reports names that no node has, what is said twice, and a schedule of the real world.
pub(super) fn check(scenario: &Scenario, overrides: Overrides, findings: &mut Findings) {
    let Some(schedule) = &scenario.schedule else { return };
    if clock(scenario, overrides) != World::Virtual {
        let what = "a schedule decides what happens in the virtual world, and this is the real one";
        let error = Diagnostic::new(what, schedule.span);
        findings.push(error.help("say `clock: virtual`, or leave `--clock` out"));
    }
    let nodes = nodes(scenario);
    let mut known = |name: &Located<String>| {
        if !nodes.contains(name.value.as_str()) {
            let what = format!("no server or client is called `{}`", name.value);
            let error = Diagnostic::new(what, name.span);
            let error = error.nearest(&name.value, nodes.iter().map(String::as_str));
            findings.push(match error.label {
                Some(_) => error,
                None => error.help("of a client with a `count`, each has a number: `reader.2`"),
            });
        }
    };
    for delay in &schedule.delays {
        [&delay.from, &delay.to].into_iter().for_each(&mut known);
    }
    for connect in &schedule.connects {
        [&connect.from, &connect.to].into_iter().for_each(&mut known);
    }
    let delays = schedule.delays.iter().map(|delay| (&delay.from, &delay.to, delay.nth));
    twice(delays, "this delay", findings);
    let connects = schedule.connects.iter();
    twice(connects.map(|one| (&one.from, &one.to, one.nth)), "how long this takes", findings);
}

fn twice<'a>(
    decided: impl Iterator<Item = (&'a Located<String>, &'a Located<String>, Located<u64>)>,
    what: &str,
    findings: &mut Findings,
) {
    let mut first = BTreeMap::new();
    for (from, to, nth) in decided {
        if let Some(place) = first.insert((&from.value, &to.value, nth.value), nth.span) {
            let error = Diagnostic::new(format!("{what} is decided twice"), nth.span);
            findings.push(error.related(place, "here too"));
        }
    }
}

/// The names of all nodes.
fn nodes(scenario: &Scenario) -> BTreeSet<String> {
    let mut nodes: BTreeSet<String> =
        scenario.servers.iter().map(|server| server.name.value.clone()).collect();
    for client in &scenario.clients {
        let name = &client.name.value;
        match client.count {
            None => {
                nodes.insert(name.clone());
            }
            Some(count) => {
                let numbers = 1..=count.value.min(INSTANCES_MAX);
                nodes.extend(numbers.map(|number| format!("{name}.{number}")));
            }
        }
    }
    nodes
}
