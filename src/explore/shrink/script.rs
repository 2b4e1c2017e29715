//! The decisions of a run by name, so that they can be moved to another scenario, taken away and rounded.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::tape::{Draws, bits, fraction};
use crate::explore::pace::{Decided, Link};
use crate::plan::{Plan, Schedule, exact};
use crate::scenario::Tree;

/// The shortest delay that is made shorter still.
const SHORTEST: Duration = Duration::from_micros(10);

/// Decisions that are not what would be typical.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Script {
    pub(super) delays: BTreeMap<(Link, u64), Duration>,
    pub(super) connects: BTreeMap<(Link, u64), [Option<Duration>; 2]>,
    pub(super) draws: BTreeMap<String, Vec<f64>>,
}

/// One decision of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    Delay(Link, u64),
    /// And which half.
    Connect(Link, u64, usize),
    /// A stream, and which draw of it.
    Draw(String, usize),
}

impl Script {
    /// What was decided in a run.
    pub(super) fn of(plan: &Plan, decided: &Decided, draws: Draws) -> Script {
        let link = |from, to| (plan.node_name(from).to_owned(), plan.node_name(to).to_owned());
        let mut script = Script::default();
        for (from, to, nth, delay, typical) in &decided.delays {
            if delay != typical {
                script.delays.insert((link(*from, *to), *nth), *delay);
            }
        }
        for (from, to, nth, halves, typical) in &decided.connects {
            let halves = halves.map(|half| (half != *typical).then_some(half));
            if halves != [None, None] {
                script.connects.insert((link(*from, *to), *nth), halves);
            }
        }
        let fractions = |draws: Vec<u64>| draws.into_iter().map(fraction).collect();
        script.draws = draws.into_iter().map(|(name, draws)| (name, fractions(draws))).collect();
        script
    }

    /// The same for the nodes of a plan.
    pub(super) fn schedule(&self, plan: &Plan) -> Schedule {
        let mut schedule = Schedule::default();
        let ends = |(from, to): &Link| {
            let node = |name: &str| plan.nodes_named(name).first().copied();
            Some((node(from)?, node(to)?))
        };
        for ((link, nth), delay) in &self.delays {
            if let Some((from, to)) = ends(link) {
                schedule.decide(from, to, *nth, *delay);
            }
        }
        for ((link, nth), halves) in &self.connects {
            if let Some((from, to)) = ends(link) {
                schedule.decide_connect(from, to, *nth, *halves);
            }
        }
        let drawn = |draws: &Vec<f64>| draws.iter().map(|fraction| bits(*fraction)).collect();
        let draws = self.draws.iter().map(|(name, draws)| (name.clone(), drawn(draws)));
        schedule.decide_draws(draws.collect());
        schedule
    }

    /// As it stands in a file. Of nodes that are not there nothing is said.
    pub(super) fn tree(&self, plan: &Plan) -> Tree {
        let known = |(from, to): &Link| {
            !plan.nodes_named(from).is_empty() && !plan.nodes_named(to).is_empty()
        };
        let map = |entries: Vec<(&str, Tree)>| {
            Tree::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        };
        let mut schedule = Tree::Map(Vec::new());
        let delays = self.delays.iter().filter(|((link, _), _)| known(link));
        let delays: Vec<Tree> = delays
            .map(|(((from, to), nth), delay)| {
                map(vec![
                    ("from", Tree::text(from)),
                    ("to", Tree::text(to)),
                    ("nth", Tree::number(*nth)),
                    ("delay", Tree::text(exact(*delay))),
                ])
            })
            .collect();
        if !delays.is_empty() {
            schedule.set("delays", Tree::List(delays));
        }
        let connects = self.connects.iter().filter(|((link, _), _)| known(link));
        let connects: Vec<Tree> = connects
            .map(|(((from, to), nth), halves)| {
                let mut entry = map(vec![
                    ("from", Tree::text(from)),
                    ("to", Tree::text(to)),
                    ("nth", Tree::number(*nth)),
                ]);
                for (key, half) in ["there", "back"].into_iter().zip(halves) {
                    half.iter().for_each(|half| entry.set(key, Tree::text(exact(*half))));
                }
                entry
            })
            .collect();
        if !connects.is_empty() {
            schedule.set("connects", Tree::List(connects));
        }
        if !self.draws.is_empty() {
            let list = |draws: &Vec<f64>| {
                Tree::List(draws.iter().map(|draw| Tree::Plain(draw.to_string())).collect())
            };
            let draws = self.draws.iter().map(|(name, draws)| (name.clone(), list(draws)));
            schedule.set("draws", Tree::Map(draws.collect()));
        }
        schedule
    }

    /// All that is decided, that which decides the most first.
    pub(super) fn decisions(&self) -> Vec<Decision> {
        let mut all = Vec::new();
        for (stream, draws) in &self.draws {
            all.extend((0..draws.len()).map(|at| Decision::Draw(stream.clone(), at)));
        }
        for ((link, nth), halves) in &self.connects {
            let decided = (0..2).filter(|at| halves[*at].is_some());
            all.extend(decided.map(|half| Decision::Connect(link.clone(), *nth, half)));
        }
        all.extend(self.delays.keys().map(|(link, nth)| Decision::Delay(link.clone(), *nth)));
        all
    }

    /// The same without some decisions.
    pub(super) fn without<'d>(&self, gone: impl Iterator<Item = &'d Decision>) -> Script {
        let mut script = self.clone();
        for decision in gone {
            match decision {
                Decision::Delay(link, nth) => {
                    script.delays.remove(&(link.clone(), *nth));
                }
                Decision::Connect(link, nth, half) => {
                    if let Some(halves) = script.connects.get_mut(&(link.clone(), *nth)) {
                        halves[*half] = None;
                    }
                }
                Decision::Draw(stream, at) => {
                    if let Some(draw) =
                        script.draws.get_mut(stream).and_then(|draws| draws.get_mut(*at))
                    {
                        *draw = 0.5;
                    }
                }
            }
        }
        script.connects.retain(|_, halves| *halves != [None, None]);
        script.draws.retain(|_, draws| {
            let end = draws.iter().rposition(|draw| draw.to_bits() != 0.5f64.to_bits());
            draws.truncate(end.map_or(0, |end| end + 1));
            !draws.is_empty()
        });
        script
    }

    /// The same with one delay or draw changed.
    pub(super) fn with(&self, decision: &Decision, to: Rounded) -> Script {
        let mut script = self.clone();
        match (decision, to) {
            (Decision::Delay(link, nth), Rounded::Delay(delay)) => {
                script.delays.insert((link.clone(), *nth), delay);
            }
            (Decision::Connect(link, nth, half), Rounded::Delay(delay)) => {
                script.connects.entry((link.clone(), *nth)).or_default()[*half] = Some(delay);
            }
            (Decision::Draw(stream, at), Rounded::Draw(draw)) => {
                if let Some(place) =
                    script.draws.get_mut(stream).and_then(|draws| draws.get_mut(*at))
                {
                    *place = draw;
                }
            }
            _ => {}
        }
        script
    }

    /// The same with delays so many times as long, at most a minute.
    pub(super) fn longer(&self, times: u32) -> Script {
        let mut script = self.clone();
        for delay in script.delays.values_mut() {
            *delay = delay.saturating_mul(times).min(Duration::from_secs(60)).max(*delay);
        }
        script
    }

    /// The same with a delay that is so much shorter; `None` if it is none, or too short for that.
    pub(super) fn shorter(&self, decision: &Decision, parts: u32) -> Option<Script> {
        let shorter = self.delay(decision)? / parts;
        (shorter >= SHORTEST).then(|| self.with(decision, Rounded::Delay(shorter)))
    }

    /// The same with a delay that is twice as long; `None` if it is none.
    pub(super) fn doubled(&self, decision: &Decision) -> Option<Script> {
        Some(self.with(decision, Rounded::Delay(self.delay(decision)? * 2)))
    }

    /// The delay that a decision is.
    fn delay(&self, decision: &Decision) -> Option<Duration> {
        match decision {
            Decision::Delay(link, nth) => self.delays.get(&(link.clone(), *nth)).copied(),
            Decision::Connect(link, nth, half) => {
                self.connects.get(&(link.clone(), *nth)).and_then(|halves| halves[*half])
            }
            Decision::Draw(..) => None,
        }
    }

    /// Rounder values for a decision, the roundest first; none that it has already.
    pub(super) fn rounder(&self, decision: &Decision) -> Vec<Rounded> {
        match decision {
            Decision::Delay(link, nth) => {
                self.delays.get(&(link.clone(), *nth)).map_or_else(Vec::new, |delay| delays(*delay))
            }
            Decision::Connect(link, nth, half) => {
                let halves = self.connects.get(&(link.clone(), *nth));
                halves.and_then(|halves| halves[*half]).map_or_else(Vec::new, delays)
            }
            Decision::Draw(stream, at) => {
                let Some(draw) = self.draws.get(stream).and_then(|draws| draws.get(*at)) else {
                    return Vec::new();
                };
                let rounded = [10.0, 100.0, 1000.0].map(|scale| (draw * scale).round() / scale);
                let shorter = |rounded: &f64| *rounded < 1.0 && rounded.to_bits() != draw.to_bits();
                let plain: Vec<f64> = rounded.into_iter().filter(shorter).collect();
                if draw.to_string().len() <= 4 {
                    Vec::new()
                } else {
                    plain.into_iter().map(Rounded::Draw).collect()
                }
            }
        }
    }

    /// The same with the names of clients changed.
    pub(super) fn renamed(&self, name: &dyn Fn(&str) -> Option<String>) -> Script {
        let link = |(from, to): &Link| Some((name(from)?, name(to)?));
        let delays = self.delays.iter();
        let connects = self.connects.iter();
        let stream = |stream: &str| {
            // `client:reader.2/steps`
            let Some(rest) = stream.strip_prefix("client:") else { return Some(stream.to_owned()) };
            let end = rest.find('/').unwrap_or(rest.len());
            Some(format!("client:{}{}", name(&rest[..end])?, &rest[end..]))
        };
        Script {
            delays: delays
                .filter_map(|((at, nth), delay)| Some(((link(at)?, *nth), *delay)))
                .collect(),
            connects: connects
                .filter_map(|((at, nth), halves)| Some(((link(at)?, *nth), *halves)))
                .collect(),
            draws: self
                .draws
                .iter()
                .filter_map(|(name, draws)| Some((stream(name)?, draws.clone())))
                .collect(),
        }
    }
}

/// A rounder value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rounded {
    Delay(Duration),
    Draw(f64),
}

fn delays(delay: Duration) -> Vec<Rounded> {
    rounder_durations(delay).into_iter().map(Rounded::Delay).collect()
}

/// Durations near to one with fewer digits, the shortest first.
pub(super) fn rounder_durations(duration: Duration) -> Vec<Duration> {
    let nanos = duration.as_nanos();
    let mut out: Vec<Duration> = Vec::new();
    let digits = u32::try_from(nanos.to_string().len()).unwrap_or(1);
    for kept in 1..=3u32 {
        let Some(unit) = 10u128.checked_pow(digits.saturating_sub(kept)) else { continue };
        for rounded in [nanos.div_ceil(unit) * unit, nanos / unit * unit] {
            let Ok(rounded) = u64::try_from(rounded) else { continue };
            let rounded = Duration::from_nanos(rounded);
            if rounded != duration && !rounded.is_zero() && !out.contains(&rounded) {
                out.push(rounded);
            }
        }
        // Fewer digits cannot be had.
        if nanos.is_multiple_of(unit) {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_to_few_digits() {
        let micros = Duration::from_micros;
        assert_eq!(
            rounder_durations(micros(13_456)),
            [20_000, 10_000, 14_000, 13_000, 13_500, 13_400].map(micros)
        );
        assert_eq!(rounder_durations(micros(20_000)), []);
        assert_eq!(rounder_durations(micros(25_000)), [30_000, 20_000].map(micros));
        assert_eq!(rounder_durations(Duration::ZERO), []);
    }

    #[test]
    fn a_script_without_a_decision_says_nothing_of_it() {
        let link = || ("a".to_owned(), "b".to_owned());
        let mut script = Script::default();
        script.delays.insert((link(), 1), Duration::from_millis(1));
        script.connects.insert((link(), 1), [Some(Duration::from_millis(2)), None]);
        script.draws.insert("x".into(), vec![0.25, 0.75]);
        let all = script.decisions();
        assert_eq!(all.len(), 4);
        assert_eq!(script.without(all.iter()), Script::default());
        let last = Decision::Draw("x".into(), 1);
        assert_eq!(script.without([&last].into_iter()).draws["x"], [0.25]);
        assert_eq!(script.with(&last, Rounded::Draw(0.8)).draws["x"], [0.25, 0.8]);
    }

    #[test]
    fn names_are_changed_everywhere() {
        let mut script = Script::default();
        script.delays.insert((("r.2".into(), "b".into()), 1), Duration::from_millis(1));
        script.delays.insert((("r.1".into(), "b".into()), 1), Duration::from_millis(3));
        script.draws.insert("client:r.2/steps".into(), vec![0.25]);
        let name = |name: &str| match name {
            "r.2" => Some("r.1".to_owned()),
            "r.1" => None,
            other => Some(other.to_owned()),
        };
        let renamed = script.renamed(&name);
        assert_eq!(renamed.delays[&(("r.1".into(), "b".into()), 1)], Duration::from_millis(1));
        assert_eq!(renamed.delays.len(), 1);
        assert_eq!(renamed.draws["client:r.1/steps"], [0.25]);
    }
}
