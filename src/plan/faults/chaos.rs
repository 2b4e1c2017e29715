//! Chaos: faults at random, drawn before the run.
//!
//! Each is written as it would stand in the timeline, and read again: so it can be told, and replayed.

use std::sync::Arc;
use std::time::Duration;

use super::tell::exact;
use super::{Binder, Namer};
use crate::base::{Located, Rng, Span};
use crate::plan::fault::Fault;
use crate::plan::limits::CHAOS_FAULTS_MAX;
use crate::plan::paths::Paths;
use crate::scenario;
use crate::scenario::model::{Chaos, Client, Server, ServerKind};

/// Whom chaos may meet.
pub(super) struct Prey<'a> {
    /// All of them.
    nodes: Vec<&'a str>,
    /// Those that can crash, that can stand still, and that can be slow.
    crash: Vec<&'a str>,
    pause: Vec<&'a str>,
    slow: Vec<&'a str>,
    /// Who connects to whom, one of them or both among those that it may meet; without a name, anybody.
    pairs: Vec<(Option<&'a str>, &'a str)>,
    /// Those of them between whom something passes.
    cuts: Vec<(&'a str, &'a str)>,
}

impl<'a> Prey<'a> {
    pub(super) fn new(
        servers: &'a [Server],
        clients: &'a [Client],
        paths: &Paths<'a>,
        nodes: &[Located<String>],
    ) -> Prey<'a> {
        let meant = |name: &str| nodes.iter().any(|node| node.value == name);
        let servers: Vec<&Server> =
            servers.iter().filter(|server| nodes.is_empty() || meant(&server.name.value)).collect();
        let clients = clients.iter().map(|client| client.name.value.as_str());
        let clients: Vec<&str> = clients.filter(|name| meant(name)).collect();
        let those = |fits: fn(&ServerKind) -> bool| -> Vec<&'a str> {
            let fitting = servers.iter().filter(|server| fits(&server.kind));
            fitting.map(|server| server.name.value.as_str()).collect()
        };
        let mut pause = those(|kind| !matches!(kind, ServerKind::Closed | ServerKind::External(_)));
        pause.extend(&clients);
        let mut all = those(|_| true);
        let among = |name: &str| nodes.is_empty() || meant(name);
        let mut pairs: Vec<(Option<&str>, &str)> = paths
            .pairs()
            .filter(|(from, to)| among(from) || among(to))
            .map(|(from, to)| (Some(from), to))
            .collect();
        if pairs.is_empty() {
            pairs.extend(all.iter().map(|server| (None, *server)));
        }
        all.extend(clients);
        let between = all
            .iter()
            .enumerate()
            .flat_map(|(at, one)| all[at + 1..].iter().map(move |other| (*one, *other)));
        let cuts = between.filter(|(one, other)| paths.meet(one, other)).collect();
        Prey {
            cuts,
            nodes: all,
            crash: those(|kind| !matches!(kind, ServerKind::Closed | ServerKind::External(_))),
            pause,
            slow: those(|kind| kind.foreign().is_none() && !matches!(kind, ServerKind::Closed)),
            pairs,
        }
    }

    /// True if a fault of that verb finds somebody.
    pub(super) fn has(&self, kind: &str) -> bool {
        match kind {
            "crash" => !self.crash.is_empty(),
            "pause" => !self.pause.is_empty(),
            "slow" => !self.slow.is_empty(),
            "isolate" => !self.nodes.is_empty(),
            "partition" => !self.cuts.is_empty(),
            _ => !self.pairs.is_empty(),
        }
    }
}

impl Binder<'_> {
    /// The faults of an entry `chaos:` with their times, in order of these.
    pub(super) fn chaos(
        &self,
        chaos: &Chaos,
        span: Span,
        namer: &mut Namer,
        number: usize,
    ) -> Vec<(Duration, Arc<Fault>)> {
        let plan = self.plan;
        let prey = Prey::new(&plan.servers, &plan.clients, &self.paths, &chaos.nodes);
        let mut draw = Draw { rng: plan.chance().fork(&format!("chaos:{number}")), prey };
        let mut at = chaos.from;
        let mut faults = Vec::new();
        while faults.len() < 2 * CHAOS_FAULTS_MAX {
            let gap = draw.rng.exponential(1.0 / chaos.rate_per_s);
            at += micros(Duration::from_secs_f64(gap.min(1e6))).max(Duration::from_micros(1));
            if at >= chaos.until.value {
                break;
            }
            let lasts = micros(chaos.lasts.sample(&mut draw.rng)).max(Duration::from_micros(1));
            let lasts = lasts.min(chaos.until.value - at);
            let Some(text) = draw.fault(chaos, lasts) else { break };
            let Ok(asked) = scenario::fault(&text) else { break };
            let name = namer.next("chaos");
            let fault = self.fault(&asked.value, name, None);
            faults.push((at, Arc::new(Fault { span: Some(span), ..fault })));
        }
        faults
    }
}

/// Whole microseconds, which is what a trace tells.
fn micros(duration: Duration) -> Duration {
    Duration::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// Draws faults.
struct Draw<'a> {
    rng: Rng,
    prey: Prey<'a>,
}

impl<'a> Draw<'a> {
    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.rng.below(length as u64)).unwrap_or(0)
    }

    fn among(&mut self, low: u64, high: u64) -> u64 {
        low + self.rng.below(high - low + 1)
    }

    fn one(&mut self, names: &[&'a str]) -> Option<&'a str> {
        if names.is_empty() {
            return None;
        }
        let at = self.index(names.len());
        Some(names[at])
    }

    /// A fault of one of the kinds, as it would be written.
    fn fault(&mut self, chaos: &Chaos, lasts: Duration) -> Option<String> {
        let at = self.index(chaos.kinds.len());
        let kind = chaos.kinds.get(at)?.value.as_str();
        let what = match kind {
            "partition" => self.partition()?,
            "isolate" => {
                let nodes = self.prey.nodes.clone();
                format!("isolate: {}", self.one(&nodes)?)
            }
            "crash" => {
                let nodes = self.prey.crash.clone();
                format!("crash: {}", self.one(&nodes)?)
            }
            "pause" => {
                let nodes = self.prey.pause.clone();
                format!("pause: {}", self.one(&nodes)?)
            }
            "slow" => {
                let nodes = self.prey.slow.clone();
                let node = self.one(&nodes)?;
                format!("slow: {node}, times: {}", self.among(2, 20))
            }
            _ => self.link(kind)?,
        };
        Some(format!("{{ {what}, for: {} }}", exact(lasts)))
    }

    /// Two of them that have to do with each other, each with some of the rest.
    fn partition(&mut self) -> Option<String> {
        let at = self.index(self.prey.cuts.len());
        let (one, other) = *self.prey.cuts.get(at)?;
        let (mut side, mut rest) = (vec![one], vec![other]);
        for node in self.prey.nodes.clone() {
            if node != one && node != other {
                if self.rng.chance(0.5) { side.push(node) } else { rest.push(node) }
            }
        }
        let told = |side: &[&str]| match side {
            [one] => (*one).to_owned(),
            several => format!("[{}]", several.join(", ")),
        };
        Some(format!("partition: [{}, {}]", told(&side), told(&rest)))
    }

    /// A harm on one of the pairs.
    fn link(&mut self, kind: &str) -> Option<String> {
        let at = self.index(self.prey.pairs.len());
        let (from, to) = *self.prey.pairs.get(at)?;
        let from = from.map_or_else(String::new, |from| format!("from: {from}, "));
        let whom = format!("{from}to: {to}");
        let way = if self.rng.chance(0.5) { "request" } else { "response" };
        let ms = self.among(10, 500);
        let harm = match kind {
            "latency" => format!("latency: {ms}ms, jitter: {}ms", ms / 4),
            "bandwidth" => format!("bandwidth: {}KiB/s", self.among(1, 64)),
            "slice" => format!("slice: {}", self.among(1, 64)),
            "corrupt" => format!("corrupt: 0.000{}", self.among(1, 9)),
            "limit" => format!("limit: {}", self.among(64, 8192)),
            "slow_close" => format!("slow_close: {ms}ms"),
            "slow_connect" => format!("slow_connect: {ms}ms"),
            "half_close" => format!("half_close: {way}"),
            "reset" | "blackhole" | "refuse" => format!("{kind}: true"),
            _ => return self.message(kind, way, ms, &whom),
        };
        Some(format!("{harm}, {whom}"))
    }

    /// A harm on messages of a pair.
    fn message(&mut self, kind: &str, way: &str, ms: u64, whom: &str) -> Option<String> {
        let harm = match kind {
            "drop" => format!("drop: {way}"),
            "duplicate" => "duplicate: request".to_owned(),
            "delay" => format!("delay: {ms}ms, direction: {way}"),
            "reorder" => format!("reorder: {}, direction: {way}", self.among(1, 3)),
            "truncate" => format!("truncate: {}, direction: {way}", self.among(1, 64)),
            _ => return None,
        };
        let probability = ["25%", "50%", "100%"][self.index(3)];
        Some(format!("{harm}, {whom}, probability: {probability}"))
    }
}
