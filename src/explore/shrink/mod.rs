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
//! decisions: if the scenario was sound when nothing was slow and no fault loose, then so must be what is left
//! of it, for otherwise it would be another mistake, such as a lock that nobody takes any more.
//!
//! Taking steps away changes which message is the third. So a script is moved along with the messages it is
//! about ([`judge::moved`]), and where that does not help chance is asked a few times for another script.

mod chosen;
mod ddmin;
mod judge;
mod parts;
mod script;
mod unroll;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use ddmin::removable;
use judge::{Judge, Shown, moved};
use parts::Path;
use script::{Decision, Script, rounder_durations};

use super::failure::Failure;
use super::pace::{Link, Pacing};
use super::strategy::Variation;
use crate::base::{Rng, units};
use crate::plan::{Plan, exact};
use crate::scenario::Tree;

/// The most runs that are made to make one failure small.
pub const CANDIDATES_MAX: u64 = 6_000;

/// The most rounds.
const ROUNDS_MAX: usize = 8;

/// How often chance is asked for another script where the old one does not do.
const CHANCES: u64 = 6;

/// The most messages that are held up one by one.
const HELD_UP_MAX: usize = 100;

/// How often chance is asked for decisions by which the smallest scenario has fewer messages.
const SHORTER_CHANCES: u64 = 40;

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
    let guarded = !judge.fails_anyhow(&tree, &target);
    let mut shrinker = Shrinker { judge, target, guarded, tree, script, shown, is_polished: false };
    shrinker.all();
    shrinker.finish(first)
}

/// The scenario of a variation, with all that its seed has drawn of faults written out.
fn whole(plan: &Plan, variation: &Variation) -> Option<Tree> {
    let mut tree = Tree::parse(plan.source.name(), plan.source.text().as_bytes()).ok()?;
    for word in ["seed", "schedule", "expected", "clock"] {
        tree.remove(word);
    }
    let mut chaos = plan.with_seed(variation.seed).chaos_written();
    let mut moments = Vec::new();
    for (at, moment) in tree.get("timeline").map_or(&[][..], Tree::items).iter().enumerate() {
        match chaos.remove(&at) {
            Some(drawn) => moments.extend(drawn.iter().filter_map(|text| Tree::line(text))),
            None => moments.push(moment.clone()),
        }
    }
    moments.extend(variation.moments.iter().filter_map(|text| Tree::line(text)));
    if !moments.is_empty() {
        tree.set("timeline", Tree::List(moments));
    }
    tree.remove("unused_faults");
    Some(tree)
}

struct Shrinker {
    judge: Judge,
    /// What must fail.
    target: Failure,
    /// Whether it must not fail without its decisions.
    guarded: bool,
    tree: Tree,
    script: Script,
    shown: Shown,
    /// From now on no candidate may have more messages.
    is_polished: bool,
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
            self.pass(parts::rest, Effort::Plain);
            self.decisions();
            if before == (self.tree.clone(), self.script.clone()) || self.is_over() {
                break;
            }
        }
        self.is_polished = true;
        self.shorter();
        self.held_up();
        self.decisions();
        self.pass(parts::steps, Effort::Plain);
        self.fewer();
        self.sooner();
        self.single_names();
        self.durations();
        self.round();
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

    /// Looks for decisions by which the same scenario fails with fewer messages.
    fn shorter(&mut self) {
        let Some(plan) = self.judge.plan(&self.tree) else { return };
        for chance in 0..SHORTER_CHANCES {
            if self.is_over() {
                return;
            }
            let seed = Rng::new(chance).fork("shorter").next_u64();
            let Some((shown, script)) = self.judge.drawn(&plan, seed, &Pacing::Wild(seed)) else {
                return;
            };
            if !self.is_it(&shown) || shown.trial.messages >= self.shown.trial.messages {
                continue;
            }
            let Some(shown) = self.judge.decided(&plan, &script) else { return };
            if self.is_it(&shown) {
                let before = (self.tree.clone(), self.script.clone(), self.shown.clone());
                self.take(self.tree.clone(), script, shown);
                self.decisions();
                if self.shown.trial.messages >= before.2.trial.messages {
                    (self.tree, self.script, self.shown) = before;
                }
            }
        }
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

    /// True if what is wanted fails, and for the same cause or for one that is told more shortly.
    fn is_it(&self, shown: &Shown) -> bool {
        if self.is_polished && shown.trial.messages > self.shown.trial.messages {
            return false;
        }
        shown.trial.like(&self.target).is_some_and(|failure| {
            failure.cause == self.target.cause || failure.cause.len() < self.target.cause.len()
        })
    }

    fn take(&mut self, tree: Tree, script: Script, shown: Shown) -> bool {
        if self.guarded && tree != self.tree && self.judge.fails_anyhow(&tree, &self.target) {
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
        let before = self.target.clone();
        self.target.check = Some(0);
        if !self.attempt(tree, Effort::Plain) {
            self.target = before;
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

    /// Holds messages up one by one, where the same fails with fewer of them then: whoever waits for a lock does
    /// not ask for it while its first question is under way.
    fn held_up(&mut self) {
        let mut places: Vec<(Link, u64)> = Vec::new();
        for (link, messages) in &self.shown.told {
            places.extend((1..=messages.len() as u64).map(|nth| (link.clone(), nth)));
        }
        places.truncate(HELD_UP_MAX);
        for place in places {
            // Whoever is held up may come too late, unless the others take their time as well.
            for (times, quarters) in [(1, 1), (1, 2), (1, 3), (3, 1), (3, 2), (3, 3)] {
                if self.script.delays.contains_key(&place) {
                    break;
                }
                let mut script = self.script.longer(times);
                let delay = self.shown.trial.lasted * times * quarters / 4;
                script.delays.insert(place.clone(), delay);
                let most = self.shown.trial.messages;
                let Some(plan) = self.judge.plan(&self.tree) else { return };
                let Some(shown) = self.judge.decided(&plan, &script) else { return };
                if self.is_it(&shown) && shown.trial.messages < most && !self.is_over() {
                    self.take(self.tree.clone(), script, shown);
                }
            }
        }
    }

    /// Has messages wait for less.
    fn sooner(&mut self) {
        for decision in self.script.decisions() {
            for parts in [8, 2] {
                while let Some(shorter) = self.script.shorter(&decision, parts) {
                    if !self.attempt_with(self.tree.clone(), shorter, Effort::Plain) {
                        break;
                    }
                }
            }
            // By a hair's breadth is too little for whoever reads it, and for other versions.
            if let Some(longer) = self.script.doubled(&decision) {
                self.attempt_with(self.tree.clone(), longer, Effort::Plain);
            }
        }
    }

    /// Has fewer messages wait for longer.
    fn fewer(&mut self) {
        for decision in self.script.decisions() {
            if self.script.delays.len() < 2 || !matches!(decision, Decision::Delay(..)) {
                continue;
            }
            let rest = self.script.without([&decision].into_iter());
            for times in [2, 5] {
                if self.attempt_with(self.tree.clone(), rest.longer(times), Effort::Plain) {
                    break;
                }
            }
        }
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
            if !self.attempt_with(split.tree, self.script.renamed(&name), Effort::All) {
                self.shown.told = before;
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

    /// Calls a client that is the only one of its kind by its bare name.
    fn single_names(&mut self) {
        for (name, count) in counts(&self.tree) {
            if count != 1 {
                continue;
            }
            let mut tree = self.tree.clone();
            if let Some(client) = tree.get_mut("clients").and_then(|all| all.get_mut(&name)) {
                client.remove("count");
            }
            let one = format!("{name}.1");
            let renamed = |old: &str| Some(if old == one { name.clone() } else { old.to_owned() });
            self.attempt_with(tree, self.script.renamed(&renamed), Effort::Plain);
        }
    }

    /// Makes the times of the timeline, and the pauses of clients, rounder.
    fn durations(&mut self) {
        for section in ["timeline", "clients"] {
            let Some(part) = self.tree.get(section) else { continue };
            let mut places = Vec::new();
            durations(part, &mut Vec::new(), &mut places);
            for place in places {
                let Some(now) = duration_at(&self.tree, section, &place) else { continue };
                for rounder in rounder_durations(now) {
                    let tree = with_duration(&self.tree, section, &place, rounder);
                    if self.attempt(tree, Effort::Plain) {
                        break;
                    }
                }
            }
        }
    }

    /// Makes the decisions that stay rounder.
    fn round(&mut self) {
        for decision in self.script.decisions() {
            if matches!(decision, Decision::Draw(..)) && self.is_over() {
                return;
            }
            for rounder in self.script.rounder(&decision) {
                let script = self.script.with(&decision, rounder);
                if self.attempt_with(self.tree.clone(), script, Effort::Plain) {
                    break;
                }
            }
        }
    }
}

/// Takes into the file what it takes from others: scripts, and bodies.
fn alone(scenario: &mut Tree, plan: &Plan, folder: Option<&std::path::Path>) {
    let scripts = plan.scripts().iter();
    let scripts: Vec<(String, Tree)> =
        scripts.map(|(name, text)| (name.to_owned(), Tree::text(text))).collect();
    scenario.remove("scripts");
    if !scripts.is_empty() {
        scenario.set("scripts", Tree::Map(scripts));
    }
    if let Some(folder) = folder {
        bodies(scenario, folder);
    }
}

/// Writes out the bodies that are taken from files.
fn bodies(tree: &mut Tree, folder: &std::path::Path) {
    match tree {
        Tree::Map(entries) => {
            for (key, value) in entries {
                let body = (key == "file").then(|| value.scalar()).flatten();
                match body.and_then(|name| std::fs::read(folder.join(name)).ok()) {
                    Some(bytes) => {
                        let hex: Vec<String> =
                            bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                        (*key, *value) = ("hex".to_owned(), Tree::text(hex.join(" ")));
                    }
                    None => bodies(value, folder),
                }
            }
        }
        Tree::List(items) => items.iter_mut().for_each(|item| bodies(item, folder)),
        _ => {}
    }
}

/// The clients with a count.
fn counts(tree: &Tree) -> Vec<(String, usize)> {
    let clients = tree.get("clients").map_or(&[][..], Tree::entries);
    let count = |(name, client): &(String, Tree)| {
        Some((name.clone(), client.get("count")?.scalar()?.parse().ok()?))
    };
    clients.iter().filter_map(count).collect()
}

fn with_count(tree: &Tree, name: &str, count: usize) -> Tree {
    let mut tree = tree.clone();
    if let Some(client) = tree.get_mut("clients").and_then(|clients| clients.get_mut(name)) {
        client.set("count", Tree::number(count as u64));
    }
    tree
}

fn renamed_told(
    told: &BTreeMap<Link, Vec<String>>,
    name: &dyn Fn(&str) -> Option<String>,
) -> BTreeMap<Link, Vec<String>> {
    let renamed = told
        .iter()
        .filter_map(|((from, to), messages)| Some(((name(from)?, name(to)?), messages.clone())));
    renamed.collect()
}

/// The scenario with the faults that a search let loose at so many quarters of their times; `None` if there are
/// none.
fn sooner(tree: &Tree, quarters: u32) -> Option<Tree> {
    let mut tree = tree.clone();
    let Some(Tree::List(moments)) = tree.get_mut("timeline") else { return None };
    let mut some = false;
    for moment in moments {
        let name = moment.get("fault").and_then(|fault| fault.get("name")).and_then(Tree::scalar);
        let is_ours = name.is_some_and(|name| name.starts_with(judge::OURS));
        let Some(at) = moment.get("at").and_then(Tree::scalar).filter(|_| is_ours) else {
            continue;
        };
        let Ok(at) = units::duration(at) else { continue };
        some = true;
        moment.set("at", Tree::text(exact(at * quarters / 4)));
    }
    some.then_some(tree)
}

/// The tree with another value under a key of what stands at a path.
fn changed(tree: &Tree, path: &[parts::Step], key: &str, value: &Tree) -> Tree {
    let mut out = tree.clone();
    let place = path.iter().try_fold(&mut out, |tree, step| match step {
        parts::Step::Key(key) => tree.get_mut(key),
        parts::Step::Item(at) => match tree {
            Tree::List(items) => items.get_mut(*at),
            _ => None,
        },
    });
    if let Some(place) = place {
        place.set(key, value.clone());
    }
    out
}

/// The words whose durations are made rounder.
const TIMES: [&str; 6] = ["at", "for", "wait", "delay", "ahead", "behind"];

/// A way to a scalar: the numbers of entries and items.
type Way = Vec<usize>;

fn durations(tree: &Tree, here: &mut Way, found: &mut Vec<Way>) {
    match tree {
        Tree::Map(entries) => {
            for (at, (key, value)) in entries.iter().enumerate() {
                here.push(at);
                if TIMES.contains(&key.as_str()) && value.scalar().is_some() {
                    found.push(here.clone());
                }
                durations(value, here, found);
                here.pop();
            }
        }
        Tree::List(items) => {
            for (at, item) in items.iter().enumerate() {
                here.push(at);
                durations(item, here, found);
                here.pop();
            }
        }
        _ => {}
    }
}

fn walk<'t>(tree: &'t mut Tree, way: &[usize]) -> Option<&'t mut Tree> {
    way.iter().try_fold(tree, |tree, at| match tree {
        Tree::Map(entries) => entries.get_mut(*at).map(|(_, value)| value),
        Tree::List(items) => items.get_mut(*at),
        _ => None,
    })
}

fn duration_at(tree: &Tree, section: &str, way: &[usize]) -> Option<Duration> {
    let mut part = tree.get(section)?.clone();
    units::duration(walk(&mut part, way)?.scalar()?).ok()
}

fn with_duration(tree: &Tree, section: &str, way: &[usize], duration: Duration) -> Tree {
    let mut tree = tree.clone();
    if let Some(place) = tree.get_mut(section).and_then(|part| walk(part, way)) {
        *place = Tree::text(exact(duration));
    }
    tree
}
