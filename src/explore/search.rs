//! The search: many runs, each a little different, and what was found in them.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::net::Stopwatch;
use crate::plan::Plan;
use crate::run::{Interrupt, RunError, Steering};
use crate::scenario::model::UnusedFaults;
use crate::trace::{Collector, Observer};

use super::failure::Failure;
use super::shrink::{self, Origin, Shrunk};
use super::sought::Sought;
use super::strategy::{Strategy, Variation, Variations};
use super::survey::Survey;
use super::trial::{self, Trial};
use super::workers;

/// The most interleavings that are told apart; of more it is only said that there were.
pub const INTERLEAVINGS_MAX: usize = 1_000_000;

/// The most groups of failures that are kept; of more it is only said that there were.
pub const GROUPS_MAX: usize = 100;

/// What a search is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The most runs, over all shards.
    pub runs: Option<u64>,
    /// The longest it may take, on the wall.
    pub time: Option<Duration>,
    /// The threads.
    pub jobs: usize,
    /// It ends with the first failure.
    pub until_found: bool,
    /// The ways of varying runs.
    pub strategies: Vec<Strategy>,
    /// Only this counts; everything if it is empty.
    pub only: Vec<Sought>,
    /// Which part of the runs, of how many.
    pub shard: Shard,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            runs: Some(1_000),
            time: None,
            jobs: 1,
            until_found: false,
            strategies: Strategy::ALL.map(|(strategy, _)| strategy).to_vec(),
            only: Vec::new(),
            shard: Shard::WHOLE,
        }
    }
}

impl Options {
    /// How many runs are to be made, if that is known: those of its own shard.
    #[must_use]
    pub fn own_runs(&self) -> Option<u64> {
        self.runs.map(|runs| self.shard.share(runs))
    }
}

/// A part of a search: the runs whose number leaves `index` when divided by `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 0.
    pub index: u64,
    /// Of how many.
    pub count: NonZeroU64,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Shard = Shard { index: 0, count: NonZeroU64::MIN };

    /// The number of its `nth` run, from 0.
    fn run(self, nth: u64) -> u64 {
        nth.saturating_mul(self.count.get()).saturating_add(self.index)
    }

    /// How many of the first `runs` are its own.
    fn share(self, runs: u64) -> u64 {
        runs.saturating_sub(self.index).div_ceil(self.count.get())
    }
}

/// Failures that are one: what fails, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The one with the fewest messages, and of these the first.
    pub failure: Failure,
    /// The number of the first run that failed so.
    pub first: u64,
    /// The number of the run that had the one with the fewest messages.
    pub run: u64,
    /// The strategy of that run; `None` if the scenario fails as it is.
    pub strategy: Option<Strategy>,
    /// How many messages it had.
    pub messages: u64,
    /// How many runs failed so.
    pub count: u64,
}

/// What was covered, and what was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// How many runs there were.
    pub runs: u64,
    /// How many of them failed.
    pub failed: u64,
    /// How many messages they had.
    pub messages: u64,
    /// How many faults touched something.
    pub bit: u64,
    /// How many runs each strategy had, and how many of these failed.
    pub by_strategy: BTreeMap<Strategy, (u64, u64)>,
    /// The orders of messages that were seen, as hashes: at most [`INTERLEAVINGS_MAX`].
    pub interleavings: BTreeSet<u64>,
    /// The failures, those first that say the most, then by their first runs: at most [`GROUPS_MAX`].
    pub groups: Vec<Group>,
    /// There were more groups.
    pub more_groups: bool,
}

impl Findings {
    /// True if there may have been more interleavings than were counted.
    #[must_use]
    pub fn is_capped(&self) -> bool {
        self.interleavings.len() >= INTERLEAVINGS_MAX
    }

    /// Takes note of a run.
    fn add(&mut self, variation: &Variation, trial: &Trial, only: &[Sought]) {
        self.runs += 1;
        self.messages += trial.messages;
        self.bit += trial.bit;
        if !self.is_capped() {
            self.interleavings.insert(trial.interleaving);
        }
        let mut failed = false;
        let is_wanted =
            |failure: &&Failure| only.is_empty() || only.iter().any(|wanted| wanted.is(failure));
        for failure in trial.failures.iter().filter(is_wanted) {
            failed = true;
            let alike = |group: &&mut Group| {
                group.failure.what == failure.what && group.failure.cause == failure.cause
            };
            if let Some(group) = self.groups.iter_mut().find(alike) {
                group.count += 1;
                if trial.messages < group.messages {
                    group.failure = failure.clone();
                    (group.run, group.strategy) = (variation.index, variation.strategy);
                    group.messages = trial.messages;
                }
            } else if self.groups.len() < GROUPS_MAX {
                self.groups.push(Group {
                    failure: failure.clone(),
                    first: variation.index,
                    run: variation.index,
                    strategy: variation.strategy,
                    messages: trial.messages,
                    count: 1,
                });
            } else {
                self.more_groups = true;
            }
        }
        self.failed += u64::from(failed);
        if let Some(strategy) = variation.strategy {
            let (runs, failures) = self.by_strategy.entry(strategy).or_default();
            *runs += 1;
            *failures += u64::from(failed);
        }
    }

    /// Puts the findings of another part of the same search to these.
    pub fn merge(&mut self, other: Findings) {
        self.runs += other.runs;
        self.failed += other.failed;
        self.messages += other.messages;
        self.bit += other.bit;
        for (strategy, (runs, failures)) in other.by_strategy {
            let (all, failed) = self.by_strategy.entry(strategy).or_default();
            *all += runs;
            *failed += failures;
        }
        for hash in other.interleavings {
            if self.is_capped() {
                break;
            }
            self.interleavings.insert(hash);
        }
        for group in other.groups {
            let alike = |known: &&mut Group| {
                known.failure.what == group.failure.what
                    && known.failure.cause == group.failure.cause
            };
            match self.groups.iter_mut().find(alike) {
                Some(known) => {
                    let count = known.count + group.count;
                    let first = known.first.min(group.first);
                    if (group.messages, group.run) < (known.messages, known.run) {
                        *known = group;
                    }
                    (known.count, known.first) = (count, first);
                }
                None => self.groups.push(group),
            }
        }
        self.groups.sort_by_key(|group| (group.failure.weight, group.first));
        self.more_groups |= other.more_groups || self.groups.len() > GROUPS_MAX;
        self.groups.truncate(GROUPS_MAX);
    }
}

/// A search over the runs of one scenario.
pub struct Search {
    plan: Arc<Plan>,
    variations: Variations,
    stop: CancellationToken,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// All runs were made, or what was looked for was found.
    Done,
    /// The time was over.
    Time,
    /// Somebody stopped it.
    Stopped,
}

impl Search {
    /// Makes the first run of a search over `plan`, which is one of the virtual world, with these strategies.
    /// `stop` ends it early.
    ///
    /// # Errors
    /// If a run cannot begin.
    pub fn new(
        plan: &Plan,
        strategies: &[Strategy],
        stop: CancellationToken,
    ) -> Result<Search, RunError> {
        let mut plan = plan.clone();
        // What a variation of the scenario does not touch is no mistake of whoever wrote it.
        plan.unused_faults = UnusedFaults::Ignore;
        plan.schedule = None;
        let plan = Arc::new(plan);
        let collector = Collector::new();
        let watches: Vec<Box<dyn Observer>> = vec![Box::new(collector.clone())];
        let first = Variations::first(plan.seed);
        let steering = Steering { pace: Some(first.pacing.build(&plan)), ..Steering::default() };
        trial::run(&plan, steering, Some(interrupt(&stop)), watches)?;
        let survey = Arc::new(Survey::of(&plan, &collector.take()));
        let variations = Variations::new(plan.seed, strategies, survey);
        Ok(Search { plan, variations, stop })
    }

    /// Makes the runs. `tell` is given what was found so far after each of them.
    ///
    /// # Errors
    /// If a run cannot begin.
    pub fn run(
        &self,
        options: &Options,
        mut tell: impl FnMut(&Findings),
    ) -> Result<(Findings, Over), RunError> {
        let watch = Stopwatch::start();
        let shard = options.shard;
        let end = options.own_runs().unwrap_or(u64::MAX);
        let mut findings = Findings::default();
        let mut over = Over::Done;
        let mut failed = None;
        workers::in_order(
            options.jobs,
            end,
            |nth| {
                let variation = self.variations.of(shard.run(nth));
                let trial = self.trial(&variation);
                (variation, trial)
            },
            |_, (variation, trial)| {
                let trial = match trial {
                    Ok(trial) => trial,
                    Err(error) => {
                        failed = Some(error);
                        return false;
                    }
                };
                if trial.interrupted || self.stop.is_cancelled() {
                    over = Over::Stopped;
                    return false;
                }
                findings.add(&variation, &trial, &options.only);
                tell(&findings);
                if options.until_found && !findings.groups.is_empty() {
                    return false;
                }
                if options.time.is_some_and(|time| watch.elapsed() >= time) {
                    over = Over::Time;
                    return false;
                }
                true
            },
        );
        findings.groups.sort_by_key(|group| (group.failure.weight, group.first));
        failed.map_or(Ok((findings, over)), Err)
    }

    fn trial(&self, variation: &Variation) -> Result<Trial, RunError> {
        let plan = self.plan_of(variation);
        let steering =
            Steering { pace: Some(variation.pacing.build(&plan)), ..Steering::default() };
        trial::run(&plan, steering, Some(interrupt(&self.stop)), Vec::new())
    }

    /// Makes the first failures of groups small, several at once; `None` for one that could not be had again.
    /// `tell` is given how many are done. If somebody stops it, they are as small as they are then.
    #[must_use]
    pub fn shrink_all(
        &self,
        groups: &[Group],
        origin: &Origin,
        jobs: usize,
        mut tell: impl FnMut(usize),
    ) -> Vec<Option<Shrunk>> {
        let mut all = Vec::new();
        let one = |nth: u64| {
            let group = groups.get(usize::try_from(nth).ok()?)?;
            let variation = self.variations.of(group.run);
            shrink::shrink(&self.plan, &variation, &group.failure, origin, &self.stop)
        };
        workers::in_order(jobs, groups.len() as u64, one, |_, shrunk| {
            all.push(shrunk);
            tell(all.len());
            true
        });
        all
    }

    /// The plan of one of its runs.
    fn plan_of(&self, variation: &Variation) -> Arc<Plan> {
        let varied = self.plan.varied(variation.seed, &variation.moments);
        // A strategy writes what the language reads.
        Arc::new(varied.unwrap_or_else(|_| self.plan.with_seed(variation.seed)))
    }
}

/// A future that completes when `stop` is asked for.
pub(super) fn interrupt(stop: &CancellationToken) -> Interrupt {
    Box::pin(stop.clone().cancelled_owned())
}
