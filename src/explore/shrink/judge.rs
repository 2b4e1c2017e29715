//! Whether a candidate still fails as it did: it is run, and what it shows is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::script::Script;
use crate::base::{Seq, Tape};
use crate::explore::failure::Failure;
use crate::explore::kind;
use crate::explore::pace::{Link, Pacing, Recorded};
use crate::explore::trial::{self, Trial};
use crate::plan::{Overrides, Plan};
use crate::run::Steering;
use crate::scenario::Tree;
use crate::scenario::model::{UnusedFaults, World};
use crate::trace::{Collector, EventKind, Observer};

/// How the names of the faults begin that a search has let loose.
pub(super) const OURS: &str = "explore-";

/// Where candidates are run.
pub(super) struct Judge {
    /// What the scenario's file is called, and where it lies.
    pub(super) name: String,
    pub(super) folder: Option<PathBuf>,
    /// Ends the search for a smaller one; runs come to their own ends.
    pub(super) stop: CancellationToken,
    /// How many runs there were.
    pub(super) runs: u64,
}

/// What a run showed.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) trial: Trial,
    /// The messages by sender and receiver, in the order of sending.
    pub(super) told: BTreeMap<Link, Vec<String>>,
}

impl Shown {
    /// What messages are by their first words: methods, statuses, commands, types. Values are none.
    pub(super) fn sorts(&self) -> BTreeSet<String> {
        let first = |summary: &String| {
            let word = summary.split(' ').next()?;
            let is_status = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
            let is_name = word.starts_with(|letter: char| letter.is_ascii_alphabetic());
            (is_status || is_name).then(|| word.to_owned())
        };
        self.told.values().flatten().filter_map(first).collect()
    }
}

impl Judge {
    /// The plan of a candidate, if it is a scenario at all.
    pub(super) fn plan(&self, tree: &Tree) -> Option<Plan> {
        let overrides =
            Overrides { clock: Some(World::Virtual), searches: true, ..Overrides::default() };
        let text = tree.to_yaml();
        let plan = Plan::parse(&self.name, text.as_bytes(), self.folder.as_deref(), overrides);
        let mut plan = plan.ok()?;
        plan.unused_faults = UnusedFaults::Ignore;
        Some(plan)
    }

    /// What happens if a script decides.
    pub(super) fn decided(&mut self, plan: &Plan, script: &Script) -> Option<Shown> {
        let plan = Arc::new(plan.scheduled(Some(script.schedule(plan))));
        self.run(&plan, Steering::default())
    }

    /// What happens if chance decides, and what that was.
    pub(super) fn drawn(
        &mut self,
        plan: &Plan,
        seed: u64,
        pacing: &Pacing,
    ) -> Option<(Shown, Script)> {
        let plan = Arc::new(plan.scheduled(None).with_seed(seed));
        let (tape, recorded) = (Tape::recording(), Recorded::new(pacing.build(&plan)));
        let pace = Some(Arc::new(recorded.clone()) as Arc<dyn crate::run::Pace>);
        let shown = self.run(&plan, Steering { pace, tape: Some(tape.clone()), seed: None })?;
        let mut draws = tape.draws();
        draws.extend(plan.majority_draws());
        Some((shown, Script::of(&plan, &recorded.take(), draws)))
    }

    /// What happens if the plan's own schedule decides.
    pub(super) fn run_as_written(&mut self, plan: &Plan) -> Option<Shown> {
        self.run(&Arc::new(plan.clone()), Steering::default())
    }

    fn run(&mut self, plan: &Arc<Plan>, steering: Steering) -> Option<Shown> {
        self.runs += 1;
        let collector = Collector::new();
        let watches: Vec<Box<dyn Observer>> = vec![Box::new(collector.clone())];
        let trial = trial::run(plan, steering, None, watches).ok()?;
        let mut messages: BTreeMap<Seq, (Link, String)> = BTreeMap::new();
        for event in collector.take() {
            if let EventKind::Message(message) = event.kind {
                let link = (plan.node_name(message.from), plan.node_name(message.to));
                let link = (link.0.to_owned(), link.1.to_owned());
                messages.insert(message.seq, (link, message.summary));
            }
        }
        let mut told: BTreeMap<Link, Vec<String>> = BTreeMap::new();
        for (link, summary) in messages.into_values() {
            told.entry(link).or_default().push(summary);
        }
        Some(Shown { trial, told })
    }

    /// What fails even if nothing is slow and no fault of the search is loose. What clients draw is their
    /// work, and stays.
    pub(super) fn calm(&mut self, tree: &Tree, script: &Script) -> Vec<Failure> {
        let mut calm = tree.clone();
        if let Some(Tree::List(moments)) = calm.get_mut("timeline") {
            let is_ours = |moment: &Tree| {
                let name =
                    moment.get("fault").and_then(|fault| fault.get("name")).and_then(Tree::scalar);
                name.is_some_and(|name| name.starts_with(OURS))
            };
            moments.retain(|moment| !is_ours(moment));
        }
        let Some(plan) = self.plan(&calm) else { return Vec::new() };
        let script = Script { draws: script.draws.clone(), ..Script::default() };
        self.decided(&plan, &script).map(|shown| shown.trial.failures).unwrap_or_default()
    }
}

/// The script for a scenario that has other messages: each decision goes to the message that looks the same,
/// counted from the first or from the last of these.
pub(super) fn moved(
    script: &Script,
    before: &BTreeMap<Link, Vec<String>>,
    after: &BTreeMap<Link, Vec<String>>,
    from_the_end: bool,
) -> Script {
    let mut moved = Script { delays: BTreeMap::new(), ..script.clone() };
    for ((link, nth), delay) in &script.delays {
        let (Some(before), Some(after)) = (before.get(link), after.get(link)) else { continue };
        let Ok(at) = usize::try_from(nth - 1) else { continue };
        let Some(summary) = before.get(at) else { continue };
        let same = |other: &&String| *other == summary;
        let alike = |other: &&String| kind::kind(other) == kind::kind(summary);
        let there = place(before, after, at, from_the_end, same)
            .or_else(|| place(before, after, at, from_the_end, alike));
        if let Some(there) = there {
            moved.delays.insert((link.clone(), there as u64 + 1), *delay);
        }
    }
    moved
}

/// Where the message at `at` is afterwards, counted among those that fit.
fn place(
    before: &[String],
    after: &[String],
    at: usize,
    from_the_end: bool,
    fits: impl Fn(&&String) -> bool,
) -> Option<usize> {
    let fitting = after.iter().enumerate().filter(|(_, other)| fits(other)).map(|(at, _)| at);
    if from_the_end {
        let behind = before[at + 1..].iter().filter(&fits).count();
        fitting.rev().nth(behind)
    } else {
        let ahead = before[..at].iter().filter(&fits).count();
        let mut fitting = fitting;
        fitting.nth(ahead)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_decision_goes_with_its_message() {
        let link = || ("a".to_owned(), "b".to_owned());
        let told = |messages: &[&str]| {
            let messages = messages.iter().map(|message| (*message).to_owned()).collect();
            BTreeMap::from([(link(), messages)])
        };
        let before = told(&["GET x", "SET x", "GET x", "DEL x", "GET x"]);
        let script = |nth| Script {
            delays: BTreeMap::from([((link(), nth), Duration::from_millis(9))]),
            ..Script::default()
        };
        for (nth, after, from_the_end, there) in [
            (4, told(&["GET x", "DEL x"]), false, Some(2)),
            (5, told(&["GET x", "GET x"]), true, Some(2)),
            (5, told(&["GET x", "GET x"]), false, None),
            (3, told(&["SET x", "GET x", "GET x"]), true, Some(2)),
            (2, told(&["SET y"]), false, None),
        ] {
            let moved = moved(&script(nth), &before, &after, from_the_end);
            let places: Vec<u64> = moved.delays.keys().map(|(_, nth)| *nth).collect();
            assert_eq!(places, there.into_iter().collect::<Vec<_>>(), "{nth} {after:?}");
        }
    }
}
