//! The paces of a search: who decides how long messages are under way.
//!
//! What is drawn for a message depends on the names of its two ends and on its number, and on nothing else:
//! so other clients can be taken away from a scenario, and what is left stays as it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::{Distribution, NodeId, Rng, Time};
use crate::plan::Plan;
use crate::run::{Pace, Sending};

/// A sender and a receiver, by name.
pub(super) type Link = (String, String);

/// A pace as a strategy describes it, for plans whose nodes may have other numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pacing {
    /// The links' own latencies.
    Own,
    /// Most messages a little faster or slower than is typical, some much slower.
    Wild(u64),
    /// Each chain of messages has a priority, and a priority is a speed; at some messages a chain loses its own.
    Chains { seed: u64, messages: u64, changes: u64 },
    /// These messages take so long, the others the links' own latencies.
    Overtaken(Arc<BTreeMap<(Link, u64), Duration>>),
}

/// What a link without latency counts as, so that its messages can be told apart.
const LEAST: Duration = Duration::from_micros(100);

/// The longest that a pace of a search keeps a message.
const LONGEST: Duration = Duration::from_secs(600);

impl Pacing {
    /// The pace for a plan.
    pub(super) fn build(&self, plan: &Plan) -> Arc<dyn Pace> {
        match self {
            Pacing::Own => Arc::new(Own),
            Pacing::Wild(seed) => Arc::new(Wild::new(*seed, plan)),
            Pacing::Chains { seed, messages, changes } => {
                Arc::new(Chains::new(*seed, *messages, *changes))
            }
            Pacing::Overtaken(delays) => {
                let node = |name: &str| plan.nodes_named(name).first().copied();
                let delays = delays.iter().filter_map(|(((from, to), nth), delay)| {
                    Some(((node(from)?, node(to)?, *nth), *delay))
                });
                Arc::new(Overtaken(delays.collect()))
            }
        }
    }
}

/// The links' own latencies.
struct Own;

impl Pace for Own {
    fn message(&self, sending: &Sending) -> Duration {
        sending.drawn
    }
}

/// What is typical of a link, and never nothing.
fn typical(latency: Distribution) -> Duration {
    latency.typical().max(LEAST)
}

fn times(duration: Duration, factor: f64) -> Duration {
    duration.mul_f64(factor.clamp(0.0, 1e6)).min(LONGEST)
}

/// Most messages take about what is typical; some take far longer.
pub(super) struct Wild {
    seed: u64,
    names: Vec<u64>,
    /// How likely it is that a message is slow, and how slow those are at most.
    slow: f64,
    most: f64,
}

impl Wild {
    pub(super) fn new(seed: u64, plan: &Plan) -> Wild {
        let mut rng = Rng::new(seed).fork("temper");
        let at = usize::try_from(rng.below(4)).unwrap_or(0);
        let slow = [0.01, 0.05, 0.15, 0.4][at];
        let at = usize::try_from(rng.below(3)).unwrap_or(0);
        let most = [8.0, 30.0, 200.0][at];
        Wild { seed, names: names(plan), slow, most }
    }

    fn of(&self, sending: &Sending, kind: u64) -> Rng {
        let name = |node: NodeId| self.names.get(node.index()).copied().unwrap_or_default();
        let link = name(sending.from).rotate_left(17) ^ name(sending.to);
        Rng::new(self.seed ^ link.rotate_left(23) ^ sending.nth.rotate_left(40) ^ kind)
    }

    fn delay(&self, rng: &mut Rng, latency: Distribution) -> Duration {
        let factor = if rng.chance(self.slow) {
            libm::exp(rng.unit() * libm::log(self.most))
        } else {
            0.3 + 1.2 * rng.unit()
        };
        times(typical(latency), factor)
    }
}

impl Pace for Wild {
    fn message(&self, sending: &Sending) -> Duration {
        self.delay(&mut self.of(sending, 0), sending.latency)
    }

    fn connect(&self, sending: &Sending, _back: Duration) -> [Duration; 2] {
        let mut rng = self.of(sending, 1);
        [(); 2].map(|()| self.delay(&mut rng, sending.latency))
    }
}

/// A number for each node's name.
fn names(plan: &Plan) -> Vec<u64> {
    let root = Rng::new(0);
    plan.nodes.iter().map(|node| root.fork(&node.name).next_u64()).collect()
}

/// Priorities of chains of messages, as PCTCP has them.
///
/// A message continues the chain of the message that its sender received last, or that it sent last, if that
/// chain has not gone on otherwise; or else it begins one. Each chain has a priority, drawn when it begins, and
/// at some messages, drawn before the run, the chain loses its own. A scheduler would deliver what has the
/// highest priority first; here the lowest one is some fifty times as slow as the highest.
///
/// Source: Ozkan, Majumdar, Niksic, Tabaei Befrouei and Weissenbacher, "Randomized Testing of Distributed
/// Systems with Probabilistic Guarantees" (OOPSLA 2018), after Burckhardt et al. (ASPLOS 2010).
struct Chains {
    state: Mutex<ChainsState>,
}

struct ChainsState {
    rng: Rng,
    /// The speeds of chains, as factors on what is typical.
    slowness: Vec<f64>,
    /// The last message of each chain.
    tails: Vec<u64>,
    /// The messages at which a chain loses its priority.
    changes: Vec<u64>,
    count: u64,
    /// What is under way to each node: when it comes, which message, of which chain.
    coming: BTreeMap<NodeId, Vec<(Time, u64, usize)>>,
    /// What each node knew last: a message, and its chain.
    last: BTreeMap<NodeId, (u64, usize)>,
}

/// How much slower the lowest drawn priority is than the highest, and one that was lost.
const SLOWEST: f64 = 20.0;
const LOST: f64 = 50.0;

impl Chains {
    fn new(seed: u64, messages: u64, changes: u64) -> Chains {
        let mut rng = Rng::new(seed).fork("chains");
        let changes = (0..changes).map(|_| 1 + rng.below(messages.max(1))).collect();
        let state = ChainsState {
            rng,
            slowness: Vec::new(),
            tails: Vec::new(),
            changes,
            count: 0,
            coming: BTreeMap::new(),
            last: BTreeMap::new(),
        };
        Chains { state: Mutex::new(state) }
    }
}

impl ChainsState {
    /// The chain that a message of `from` continues or begins.
    fn chain(&mut self, from: NodeId, now: Time) -> usize {
        if let Some(coming) = self.coming.get_mut(&from) {
            let arrived =
                coming.iter().filter(|(at, ..)| *at <= now).max_by_key(|(at, id, _)| (*at, *id));
            if let Some((_, id, chain)) = arrived.copied() {
                self.last.insert(from, (id, chain));
            }
            coming.retain(|(at, ..)| *at > now);
        }
        match self.last.get(&from) {
            Some((id, chain)) if self.tails[*chain] == *id => *chain,
            _ => {
                let priority = self.rng.unit();
                self.slowness.push(libm::exp(priority * libm::log(SLOWEST)));
                self.tails.push(0);
                self.tails.len() - 1
            }
        }
    }
}

impl Pace for Chains {
    fn message(&self, sending: &Sending) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.count += 1;
        let id = state.count;
        let chain = state.chain(sending.from, sending.now);
        if state.changes.contains(&id) {
            state.slowness[chain] = LOST;
        }
        let delay = times(typical(sending.latency), state.slowness[chain]);
        state.tails[chain] = id;
        state.last.insert(sending.from, (id, chain));
        state.coming.entry(sending.to).or_default().push((sending.now + delay, id, chain));
        delay
    }
}

/// Some messages wait until others have overtaken them.
struct Overtaken(BTreeMap<(NodeId, NodeId, u64), Duration>);

impl Pace for Overtaken {
    fn message(&self, sending: &Sending) -> Duration {
        let delay = self.0.get(&(sending.from, sending.to, sending.nth));
        delay.copied().unwrap_or(sending.drawn)
    }
}

/// What was decided in a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Decided {
    /// The delays of messages, in the order of sending, and what would have been typical.
    pub(super) delays: Vec<(NodeId, NodeId, u64, Duration, Duration)>,
    /// Those of connecting, there and back.
    pub(super) connects: Vec<(NodeId, NodeId, u64, [Duration; 2], Duration)>,
}

/// A pace that another one has, written down.
#[derive(Clone)]
pub(super) struct Recorded {
    pace: Arc<dyn Pace>,
    decided: Arc<Mutex<Decided>>,
}

impl Recorded {
    pub(super) fn new(pace: Arc<dyn Pace>) -> Recorded {
        Recorded { pace, decided: Arc::default() }
    }

    /// What was decided so far.
    pub(super) fn take(&self) -> Decided {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Decided> {
        self.decided.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace for Recorded {
    fn message(&self, sending: &Sending) -> Duration {
        let delay = self.pace.message(sending);
        let Sending { from, to, nth, latency, .. } = *sending;
        self.lock().delays.push((from, to, nth, delay, latency.typical()));
        delay
    }

    fn connect(&self, sending: &Sending, back: Duration) -> [Duration; 2] {
        let delays = self.pace.connect(sending, back);
        let Sending { from, to, nth, latency, .. } = *sending;
        self.lock().connects.push((from, to, nth, delays, latency.typical()));
        delays
    }
}
