//! How the runs of a search differ from the scenario as it is written.
//!
//! Run 0 is the scenario as it is. What any other run is like follows from its number, the seed of the search
//! and the first run, and from nothing else: so the same search finds the same, with however many threads,
//! and its runs can be shared out to machines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::Rng;
use crate::plan::{exact, in_yaml};

use super::kind;
use super::pace::Pacing;
use super::survey::Survey;

/// A way of varying runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strategy {
    /// Latencies are drawn, far beyond what is typical.
    Random,
    /// Messages that race in the first run overtake each other.
    Races,
    /// Chains of messages have priorities.
    Pct,
    /// A server crashes or stands still after a message of each kind.
    Crash,
    /// Nodes are cut off one after the other, and come back in another order.
    Partitions,
    /// Clocks of servers go wrong.
    Skew,
}

impl Strategy {
    /// All of them with their words, in the order of the report.
    pub const ALL: [(Strategy, &'static str); 6] = [
        (Strategy::Random, "random"),
        (Strategy::Races, "races"),
        (Strategy::Pct, "pct"),
        (Strategy::Crash, "crash"),
        (Strategy::Partitions, "partitions"),
        (Strategy::Skew, "skew"),
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Strategy::ALL.iter().find(|(strategy, _)| *strategy == self).map_or("", |(_, word)| word)
    }

    /// The strategy of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Strategy> {
        Strategy::ALL.iter().find(|(_, known)| *known == word).map(|(strategy, _)| *strategy)
    }
}

/// In which order strategies take their turns; a search with fewer leaves the others out.
const TURNS: [Strategy; 12] = [
    Strategy::Random,
    Strategy::Races,
    Strategy::Pct,
    Strategy::Crash,
    Strategy::Random,
    Strategy::Races,
    Strategy::Pct,
    Strategy::Partitions,
    Strategy::Random,
    Strategy::Crash,
    Strategy::Pct,
    Strategy::Skew,
];

/// The most faults of one run.
const FAULTS_MAX: u64 = 4;

/// The shortest time for which a server is gone, as a part of the first run: it may be back before anybody has
/// noticed.
const SHORTEST_OUTAGE: f64 = 1e-4;

/// The shortest time for which nodes are cut off, or by which a clock is wrong.
const SHORTEST_CUT: f64 = 1e-2;

/// What one run of a search is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variation {
    pub(super) index: u64,
    /// Which way; `None` for the scenario as it is.
    pub(super) strategy: Option<Strategy>,
    pub(super) seed: u64,
    /// More entries of the timeline.
    pub(super) moments: Vec<String>,
    pub(super) pacing: Pacing,
}

/// All runs of a search.
#[derive(Debug, Clone)]
pub(super) struct Variations {
    seed: u64,
    turns: Vec<Strategy>,
    survey: Arc<Survey>,
}

impl Variations {
    /// Those of a search from `seed`, with these strategies. A strategy that finds nothing to vary leaves its
    /// turns to random latencies.
    pub(super) fn new(seed: u64, strategies: &[Strategy], survey: Arc<Survey>) -> Variations {
        let chosen = |strategy: &Strategy| strategies.contains(strategy);
        let turns = TURNS.into_iter().filter(chosen).map(|strategy| {
            let fits = match strategy {
                Strategy::Random | Strategy::Pct => true,
                Strategy::Races => !survey.races.is_empty(),
                Strategy::Crash => !survey.servers.is_empty() && !survey.kinds.is_empty(),
                Strategy::Partitions => !survey.pairs.is_empty(),
                Strategy::Skew => !survey.servers.is_empty(),
            };
            if fits { strategy } else { Strategy::Random }
        });
        Variations { seed, turns: turns.collect(), survey }
    }

    /// The scenario as it is.
    pub(super) fn first(seed: u64) -> Variation {
        Variation { index: 0, strategy: None, seed, moments: Vec::new(), pacing: Pacing::Own }
    }

    /// Run number `index`.
    pub(super) fn of(&self, index: u64) -> Variation {
        let first = Variations::first(self.seed);
        if index == 0 || self.turns.is_empty() {
            return Variation { index, seed: self.seed.wrapping_add(index), ..first };
        }
        let turns = self.turns.len() as u64;
        let turn = usize::try_from((index - 1) % turns).unwrap_or(0);
        let strategy = self.turns[turn];
        let of_turn =
            |turns: &[Strategy]| turns.iter().filter(|one| **one == strategy).count() as u64;
        let number = (index - 1) / turns * of_turn(&self.turns) + of_turn(&self.turns[..turn]);
        let mut draw = Draw {
            rng: Rng::new(self.seed).fork(&format!("explore:{}:{number}", strategy.as_str())),
            survey: &self.survey,
            number,
        };
        let seed = self.seed.wrapping_add(index);
        let varied = Variation { index, strategy: Some(strategy), seed, ..first };
        match strategy {
            Strategy::Random => Variation { pacing: draw.random(), ..varied },
            Strategy::Races => draw.races(varied, self.seed),
            Strategy::Pct => Variation { pacing: draw.chains(), ..varied },
            Strategy::Crash => draw.crash(varied),
            Strategy::Partitions => draw.partitions(varied),
            Strategy::Skew => draw.skew(varied),
        }
    }
}

/// Draws what one run is.
struct Draw<'a> {
    rng: Rng,
    survey: &'a Survey,
    /// Which of its strategy's runs it is, from 0.
    number: u64,
}

impl Draw<'_> {
    fn one<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        let at = usize::try_from(self.rng.below(of.len() as u64)).unwrap_or(0);
        of.get(at).cloned()
    }

    /// A time within the first run, in whole microseconds.
    fn within(&mut self) -> Duration {
        let most = u64::try_from(self.survey.lasted.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.rng.below(most.max(1)))
    }

    /// How long a fault lasts: from so small a part of the first run to all of it, all orders of magnitude alike.
    fn length(&mut self, least: f64) -> Duration {
        let scale = libm::exp(self.rng.unit() * libm::log(least));
        let micros = self.survey.lasted.mul_f64(scale).as_micros();
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX).max(100))
    }

    fn random(&mut self) -> Pacing {
        // The scenario's own draws have their turn, too, where it has any.
        if self.survey.is_drawn && self.number.is_multiple_of(3) {
            return Pacing::Own;
        }
        Pacing::Wild(self.rng.next_u64())
    }

    fn chains(&mut self) -> Pacing {
        let (messages, changes) = (self.survey.messages, self.rng.below(4));
        Pacing::Chains { seed: self.rng.next_u64(), messages, changes }
    }

    /// Faults need something to meet: now and then latencies are drawn with them.
    fn beside(&mut self) -> Pacing {
        if self.rng.chance(0.5) { Pacing::Own } else { Pacing::Wild(self.rng.next_u64()) }
    }

    /// Each race once, alone and from the first run's own seed; then some at a time, from other seeds.
    fn races(&mut self, varied: Variation, seed: u64) -> Variation {
        let races = &self.survey.races;
        let mut delays = BTreeMap::new();
        if let Some(race) = usize::try_from(self.number).ok().and_then(|at| races.get(at)) {
            delays.insert((race.link.clone(), race.nth), race.delay);
            return Variation { seed, pacing: Pacing::Overtaken(Arc::new(delays)), ..varied };
        }
        for _ in 0..2 + self.rng.below(3) {
            if let Some(race) = self.one(races) {
                delays.insert((race.link, race.nth), race.delay);
            }
        }
        let seed = if self.rng.chance(0.5) { seed } else { varied.seed };
        Variation { seed, pacing: Pacing::Overtaken(Arc::new(delays)), ..varied }
    }

    /// After a message of each kind in turn one of its ends crashes, or stands still. Once each kind had its turn
    /// alone, others follow it.
    fn crash(&mut self, varied: Variation) -> Variation {
        let servers = &self.survey.servers;
        let mut points = Vec::new();
        for kind in &self.survey.kinds {
            for node in [&kind.to, &kind.from] {
                if servers.contains(node) {
                    points.push((kind, node));
                }
            }
        }
        let Some(points_count) = std::num::NonZeroU64::new(points.len() as u64) else {
            return varied;
        };
        let mut at = usize::try_from(self.number % points_count).unwrap_or(0);
        let again = self.number >= points_count.get();
        let count = if again { 1 + self.rng.below(FAULTS_MAX) } else { 1 };
        let mut moments = Vec::new();
        for number in 1..=count {
            let (kind, node) = points[at];
            let nth = 1 + self.rng.below(kind.count);
            let verb = match self.rng.unit() {
                most if most < 0.7 => "crash",
                some if some < 0.85 || !again => "pause",
                _ => "isolate",
            };
            let lasts = exact(self.length(SHORTEST_OUTAGE));
            let message = format!(
                "{{ from: {}, to: {}, match: {} }}",
                in_yaml(&kind.from),
                in_yaml(&kind.to),
                in_yaml(&kind::pattern(&kind.kind))
            );
            moments.push(format!(
                "{{ on: {{ message: {message}, nth: {nth} }}, fault: {{ name: explore-{verb}-{number}, {verb}: {}, for: {lasts} }} }}",
                in_yaml(node)
            ));
            at = usize::try_from(self.rng.below(points_count.get())).unwrap_or(0);
        }
        Variation { moments, pacing: self.beside(), ..varied }
    }

    /// Some nodes are cut off one by one, each for a time of its own: from everybody, from one other, or a server
    /// from those that it talks with, where clients still reach it.
    fn partitions(&mut self, mut varied: Variation) -> Variation {
        varied.pacing = self.beside();
        let survey = self.survey;
        let mut at = self.within();
        let most = u64::try_from(survey.talkers.len()).unwrap_or(1).clamp(1, FAULTS_MAX);
        let mut moments = Vec::new();
        let traffic = if self.rng.chance(0.5) { ", traffic: lose" } else { "" };
        let way = self.rng.below(3);
        for number in 1..=1 + self.rng.below(most) {
            let who = match way {
                0 if survey.talkers.len() > 2 => {
                    self.one(&survey.talkers).map(|node| format!("isolate: {}", in_yaml(&node)))
                }
                1 if survey.peers.len() > 2 => self.apart(),
                _ => self.one(&survey.pairs).map(|(one, other)| {
                    format!("partition: [{}, {}]", in_yaml(&one), in_yaml(&other))
                }),
            };
            let Some(who) = who else { break };
            let lasts = self.length(SHORTEST_CUT);
            moments.push(format!(
                "{{ at: {}, fault: {{ name: explore-cut-{number}, {who}{traffic}, for: {} }} }}",
                exact(at),
                exact(lasts)
            ));
            // The next one while this one lasts, or as it heals.
            at += match self.rng.chance(0.5) {
                true => self.within() / 10,
                false => Duration::from_micros(
                    u64::try_from(lasts.mul_f64(0.5 + self.rng.unit()).as_micros()).unwrap_or(0),
                ),
            };
        }
        varied.moments = moments;
        varied
    }

    /// Fewer than half of the servers that talk with each other, and the others.
    fn apart(&mut self) -> Option<String> {
        let mut others = self.survey.peers.clone();
        let count = 1 + self.rng.below((others.len() as u64 - 1) / 2);
        let mut few = Vec::new();
        for _ in 0..count {
            let at = usize::try_from(self.rng.below(others.len() as u64)).ok()?;
            few.push(in_yaml(&others.swap_remove(at)));
        }
        let others: Vec<String> = others.iter().map(|name| in_yaml(name)).collect();
        Some(format!("partition: [[{}], [{}]]", few.join(", "), others.join(", ")))
    }

    /// A server's clock is wrong from the beginning.
    fn skew(&mut self, varied: Variation) -> Variation {
        let Some(node) = self.one(&self.survey.servers) else { return varied };
        let tenths = [5, 8, 12, 20, 50];
        let rate = self.one(&tenths).unwrap_or(12);
        let ahead = exact(self.length(SHORTEST_CUT));
        let how = match self.rng.below(3) {
            0 => format!("rate: {}.{}", rate / 10, rate % 10),
            1 => format!("ahead: {ahead}"),
            _ => format!("behind: {ahead}"),
        };
        let node = in_yaml(&node);
        let moment = format!("{{ at: 0s, fault: {{ name: explore-skew, skew: {node}, {how} }} }}");
        Variation { moments: vec![moment], pacing: self.beside(), ..varied }
    }
}
