//! A failing run made small: fewer clients, steps and faults, then fewer decisions, then rounder ones.
//!
//! ```text
//! failing run -> its decisions written down (a script) -> does it fail so again?
//!   rounds, until nothing goes any more:
//!     faults, checks, clients, their numbers, steps (loops written out), all that may be left unsaid
//!     decisions: what is not listed takes what is typical
//!   then: the rest of the decisions and of the times rounded
//! ```
//!
//! Every candidate is run, and kept only if the same fails for the same cause. It must also need its
//! decisions: what was sound when nothing was slow and no fault loose must still be, for otherwise it would be
//! another mistake, such as a lock that nobody takes any more, or a server that somebody still calls. And where
//! only something is left unsaid, there is no message of a sort that the run did not have: a route that
//! was asked stays.
//!
//! Taking steps away changes which message is the third. So a script is moved along with the messages it is
//! about ([`judge::moved`]), and where that does not help chance is asked a few times for another script.

mod chosen;
mod ddmin;
mod edits;
mod judge;
mod parts;
mod polish;
mod script;
mod unroll;

use std::collections::BTreeSet;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use ddmin::removable;
use edits::{alone, changed, counts, renamed_told, sooner, whole, with_count};
use judge::{Judge, Shown, moved};
use parts::Path;
use script::Script;

use super::failure::{Failure, Weight};
use super::pace::Pacing;
use super::strategy::Variation;
use crate::base::Rng;
use crate::plan::Plan;
use crate::scenario::Tree;

/// The most runs that are made to make one failure small.
pub const CANDIDATES_MAX: u64 = 10_000;

/// The most rounds.
const ROUNDS_MAX: usize = 8;

/// How often chance is asked for another script where the old one does not do.
const CHANCES: u64 = 6;

/// A failing run that is as small as could be had.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// The scenario with its schedule.
    pub scenario: Tree,
    /// What fails in it.
    pub failure: Failure,
    /// How many messages it has, and how many the run had that was found.
    pub messages: (u64, u64),
    /// How many decisions differ from what is typical, or are drawn.
    pub decisions: usize,
    /// How many runs it took.
    pub candidates: u64,
    /// It could be made smaller, but enough runs were made.
    pub cut_short: bool,
}

/// What is known of a scenario's file besides its plan.
#[derive(Debug, Clone)]
pub struct Origin {
    /// What the file is called.
    pub name: String,
    /// Where what it refers to lies.
    pub folder: Option<PathBuf>,
}

/// Makes a failure of `plan`'s variation small; `None` if it could not be had again.
pub(super) fn shrink(
    plan: &Plan,
    variation: &Variation,
    failure: &Failure,
    origin: &Origin,
    stop: &CancellationToken,
) -> Option<Shrunk> {
    let tree = whole(plan, variation)?;
    let Origin { name, folder } = origin.clone();
    let mut judge = Judge { name, folder, stop: stop.clone(), runs: 0 };
    let (shown, script) = judge.drawn(&judge.plan(&tree)?, variation.seed, &variation.pacing)?;
    let first = shown.trial.messages;
    let target = shown.trial.like(failure)?.clone();
    let shown = judge.decided(&judge.plan(&tree)?, &script)?;
    shown.trial.like(&target)?;
    let calm = judge.calm(&tree, &script);
    let known = shown.sorts();
    let messages_max = first.max(shown.trial.messages);
    let mut shrinker = Shrinker {
        judge,
        target,
        calm,
        known,
        messages_max,
        tree,
        script,
        shown,
        same_story: false,
    };
    shrinker.all();
    shrinker.finish(first)
}

struct Shrinker {
    judge: Judge,
    /// What must fail.
    target: Failure,
    /// What fails without the decisions of the search; nothing else may.
    calm: Vec<Failure>,
    /// The sorts of messages of the run that was found.
    known: BTreeSet<String>,
    /// How many messages a candidate may have.
    messages_max: u64,
    tree: Tree,
    script: Script,
    shown: Shown,
    /// No candidate may have more messages than what there is, or messages of another sort.
    same_story: bool,
}

/// How hard it is tried to let a candidate fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effort {
    /// By the script as it is.
    Plain,
    /// Also by one that is moved, and by others that chance finds.
    All,
}

impl Shrinker {
    fn all(&mut self) {
        self.only_check();
        self.decisions();
        self.rounds();
        // What is left is small, so that chance can be asked often for another way to the same failure.
        while self.shorter() {
            self.rounds();
        }
        self.same_story = true;
        self.polish();
    }

    fn rounds(&mut self) {
        for round in 0..ROUNDS_MAX {
            let before = (self.tree.clone(), self.script.clone());
            self.pass(parts::faults, Effort::Plain);
            self.pass(parts::clients, Effort::All);
            self.instances();
            if round == 0 {
                self.repetitions();
            }
            self.written_out();
            if let Some(tree) = unroll::unrolled(&self.tree) {
                self.attempt(tree, Effort::All);
            }
            self.pass(parts::steps, Effort::All);
            self.decisions();
            // To leave something unsaid is no gain if the story becomes longer.
            self.same_story = true;
            self.pass(parts::rest, if round == 0 { Effort::Plain } else { Effort::All });
            self.same_story = false;
            self.decisions();
            if before == (self.tree.clone(), self.script.clone()) || self.is_over() {
                break;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.judge.runs >= CANDIDATES_MAX || self.judge.stop.is_cancelled()
    }

    /// The scenario with the script in it, and what it shows.
    fn finish(mut self, first: u64) -> Option<Shrunk> {
        let plan = self.judge.plan(&self.tree)?;
        let mut scenario = self.tree.clone();
        scenario.set("clock", Tree::text("virtual"));
        if let Tree::Map(entries) = &mut scenario {
            // Behind its name and what it is about.
            let behind = ["looplab", "name", "about"];
            if let Some(at) = entries.iter().position(|(key, _)| key == "clock") {
                let clock = entries.remove(at);
                let place =
                    entries.iter().take_while(|(key, _)| behind.contains(&key.as_str())).count();
                entries.insert(place, clock);
            }
        }
        alone(&mut scenario, &plan, self.judge.folder.as_deref());
        let decisions = self.script.decisions().len();
        scenario.set("schedule", self.script.tree(&plan));
        // It is the text that counts.
        let written = self.judge.plan(&scenario)?;
        let schedule = written.schedule.as_deref().cloned();
        let shown = self.judge.run_as_written(&written.scheduled(schedule))?;
        let failure = shown.trial.like(&self.target)?.clone();
        let messages = (shown.trial.messages, first);
        let (candidates, cut_short) = (self.judge.runs, self.is_over());
        Some(Shrunk { scenario, failure, messages, decisions, candidates, cut_short })
    }

    /// Runs a candidate; takes it if it fails as it should.
    fn attempt(&mut self, tree: Tree, effort: Effort) -> bool {
        self.attempt_with(tree, self.script.clone(), effort)
    }

    fn attempt_with(&mut self, tree: Tree, script: Script, effort: Effort) -> bool {
        if self.is_over() {
            return false;
        }
        let Some(plan) = self.judge.plan(&tree) else { return false };
        let Some(shown) = self.judge.decided(&plan, &script) else { return false };
        if self.is_it(&shown) {
            return self.take(tree, script, shown);
        }
        if effort == Effort::Plain {
            return false;
        }
        for from_the_end in [false, true] {
            let moved = moved(&script, &self.shown.told, &shown.told, from_the_end);
            if moved != script
                && let Some(shown) = self.judge.decided(&plan, &moved)
                && self.is_it(&shown)
            {
                return self.take(tree, moved, shown);
            }
        }
        // What the search let loose at a time may come too late for a scenario that is over sooner.
        for quarters in [0, 1, 2, 3] {
            if let Some(sooner) = sooner(&tree, quarters)
                && let Some(plan) = self.judge.plan(&sooner)
                && let Some(shown) = self.judge.decided(&plan, &script)
                && self.is_it(&shown)
            {
                return self.take(sooner, script, shown);
            }
        }
        self.by_chance(tree, &plan)
    }

    /// Asks chance for a script by which a candidate fails.
    fn by_chance(&mut self, tree: Tree, plan: &Plan) -> bool {
        for chance in 0..CHANCES {
            let seed = Rng::new(chance).fork("shrink").next_u64();
            let messages = self.shown.trial.messages;
            let pacing = match chance % 3 {
                1 => Pacing::Chains { seed, messages, changes: 1 + chance % 2 },
                _ => Pacing::Wild(seed),
            };
            let Some((shown, script)) = self.judge.drawn(plan, seed, &pacing) else { return false };
            if self.is_it(&shown)
                && let Some(shown) = self.judge.decided(plan, &script)
                && self.is_it(&shown)
            {
                return self.take(tree, script, shown);
            }
        }
        false
    }

    /// True if what is wanted fails, and for the same cause.
    fn is_it(&self, shown: &Shown) -> bool {
        let is_longer = self.same_story && shown.trial.messages > self.shown.trial.messages;
        if is_longer || shown.trial.messages > self.messages_max {
            return false;
        }
        if self.same_story && !shown.sorts().is_subset(&self.known) {
            return false;
        }
        shown.trial.like(&self.target).is_some_and(|failure| failure.cause == self.target.cause)
    }

    fn take(&mut self, tree: Tree, script: Script, shown: Shown) -> bool {
        let other = tree != self.tree || script.draws != self.script.draws;
        // An operation may end in an error without the decisions: a retry may be gone, or the leader another one.
        let is_new = |failure: &Failure| {
            (failure.weight != Weight::Error || failure.is_like(&self.target))
                && !self.calm.iter().any(|calm| calm.is_like(failure))
        };
        if other && self.judge.calm(&tree, &script).iter().any(is_new) {
            return false;
        }
        if let Some(failure) = shown.trial.like(&self.target) {
            self.target = failure.clone();
        }
        (self.tree, self.script, self.shown) = (tree, script, shown);
        true
    }

    /// Takes away what can go of some parts.
    fn pass(&mut self, parts: fn(&Tree) -> Vec<Path>, effort: Effort) {
        let base = self.tree.clone();
        let paths = parts(&base);
        removable(paths.len(), |gone| {
            let gone: BTreeSet<Path> = paths
                .iter()
                .zip(gone)
                .filter(|(_, gone)| **gone)
                .map(|(path, _)| path.clone())
                .collect();
            let tree = parts::without(&base, &gone);
            tree == self.tree || self.attempt(tree, effort)
        });
    }

    /// Leaves no check but the one that fails.
    fn only_check(&mut self) {
        let Some(at) = self.target.check else { return self.pass(parts::checks, Effort::Plain) };
        let mut tree = self.tree.clone();
        let Some(Tree::List(checks)) = tree.get_mut("checks") else { return };
        if checks.len() < 2 || at >= checks.len() {
            return;
        }
        let kept = checks.swap_remove(at);
        *checks = vec![kept];
        let (before, calm) = (self.target.clone(), self.calm.clone());
        self.target.check = Some(0);
        // Of the checks only this one is left, under another number.
        let known = calm.iter().any(|calm| calm.is_like(&before));
        self.calm.retain(|calm| calm.check.is_none());
        self.calm.extend(known.then(|| self.target.clone()));
        if !self.attempt(tree, Effort::Plain) {
            (self.target, self.calm) = (before, calm);
        }
    }

    /// Takes away what can go of the decisions.
    fn decisions(&mut self) {
        let base = self.script.clone();
        let all = base.decisions();
        removable(all.len(), |gone| {
            let gone = all.iter().zip(gone).filter(|(_, gone)| **gone).map(|(one, _)| one);
            let script = base.without(gone);
            script == self.script || self.attempt_with(self.tree.clone(), script, Effort::Plain)
        });
    }

    /// Takes away what can go of the instances of clients.
    fn instances(&mut self) {
        for (name, count) in counts(&self.tree) {
            let (base, script) = (self.tree.clone(), self.script.clone());
            let told = self.shown.told.clone();
            removable(count, |gone| {
                let kept: Vec<usize> = (0..count).filter(|at| !gone[*at]).collect();
                if kept.is_empty() {
                    return false;
                }
                let tree = with_count(&base, &name, kept.len());
                let renamed = |old: &str| {
                    let Some(number) =
                        old.strip_prefix(&name).and_then(|rest| rest.strip_prefix('.'))
                    else {
                        return Some(old.to_owned());
                    };
                    let at = number.parse::<usize>().ok()?.checked_sub(1)?;
                    let there = kept.iter().position(|kept| *kept == at)?;
                    Some(format!("{name}.{}", there + 1))
                };
                // What was told of those that stay, so that scripts can be moved.
                let told = renamed_told(&told, &renamed);
                let before = std::mem::replace(&mut self.shown.told, told);
                let took = self.attempt_with(tree, script.renamed(&renamed), Effort::All);
                if !took {
                    self.shown.told = before;
                }
                took
            });
        }
    }

    /// Writes out what clients left to chance.
    fn written_out(&mut self) {
        while let Some(plan) = self.judge.plan(&self.tree) {
            let Some(split) = chosen::written_out(&self.tree, &plan, &self.script) else { return };
            let name = |old: &str| {
                let new = split.renamed.iter().find(|(before, _)| before == old);
                Some(new.map_or_else(|| old.to_owned(), |(_, new)| new.clone()))
            };
            let told = renamed_told(&self.shown.told, &name);
            let before = std::mem::replace(&mut self.shown.told, told);
            // A step is that of the client that is called otherwise now.
            let target = self.target.clone();
            let who = target.says.split(", ").next().unwrap_or_default();
            if target.what.starts_with("step of ")
                && let Some((_, new)) = split.renamed.iter().find(|(old, _)| old == who)
            {
                self.target.what = format!("step of {new}");
            }
            if !self.attempt_with(split.tree, self.script.renamed(&name), Effort::All) {
                (self.shown.told, self.target) = (before, target);
                return;
            }
        }
    }

    /// Lets loops go round less often.
    fn repetitions(&mut self) {
        for path in parts::steps(&self.tree) {
            let times =
                |tree: &Tree| parts::at(tree, &path)?.get("repeat")?.scalar()?.parse::<u64>().ok();
            while let Some(now) = times(&self.tree).filter(|times| *times > 1) {
                let smaller = [1, now / 2, now - 1];
                let took =
                    smaller.into_iter().filter(|fewer| (1..now).contains(fewer)).any(|fewer| {
                        let tree = changed(&self.tree, &path, "repeat", &Tree::number(fewer));
                        self.attempt(tree, Effort::All)
                    });
                if !took {
                    break;
                }
            }
        }
    }
}
