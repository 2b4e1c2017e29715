//! The last touch: fewer messages, fewer and shorter delays, rounder times.
//!
//! From here on no candidate may have more messages than there are.

use super::edits::{counts, duration_at, durations, with_duration};
use super::parts;
use super::script::{Decision, rounder_durations};
use super::{Effort, Shrinker};
use crate::base::Rng;
use crate::explore::pace::{Link, Pacing};

/// The most messages that are held up one by one.
const HELD_UP_MAX: usize = 100;

/// How often chance is asked for decisions by which the smallest scenario has fewer messages.
const SHORTER_CHANCES: u64 = 1_000;

impl Shrinker {
    /// All of it.
    pub(super) fn polish(&mut self) {
        self.held_up();
        self.decisions();
        self.pass(parts::steps, Effort::Plain);
        self.fewer();
        self.sooner();
        self.single_names();
        self.durations();
        self.round();
    }

    /// Looks for decisions by which the same scenario fails with fewer messages. True if there are some.
    pub(super) fn shorter(&mut self) -> bool {
        let Some(plan) = self.judge.plan(&self.tree) else { return false };
        let mut chances = Rng::new(self.judge.runs).fork("shorter");
        for chance in 0..SHORTER_CHANCES {
            if self.is_over() {
                return false;
            }
            let (seed, messages) = (chances.next_u64(), self.shown.trial.messages);
            let pacing = match chance % 3 {
                0 => Pacing::Chains { seed, messages, changes: chances.below(4) },
                _ => Pacing::Wild(seed),
            };
            let Some((shown, script)) = self.judge.drawn(&plan, seed, &pacing) else {
                return false;
            };
            if !self.is_it(&shown) || shown.trial.messages >= messages {
                continue;
            }
            let Some(shown) = self.judge.decided(&plan, &script) else { return false };
            if self.is_it(&shown) {
                let before = (self.tree.clone(), self.script.clone(), self.shown.clone());
                self.take(self.tree.clone(), script, shown);
                self.decisions();
                if self.shown.trial.messages < messages {
                    return true;
                }
                (self.tree, self.script, self.shown) = before;
            }
        }
        false
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
