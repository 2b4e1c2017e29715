//! What a seed has drawn of a plan's faults, written out: so that it is said and not drawn.

use std::collections::BTreeMap;

use super::tell::{exact, tell};
use crate::base::tape::Draws;
use crate::base::{Rng, Tape};
use crate::plan::Plan;
use crate::plan::fault::{Act, FaultKind, When};
use crate::scenario::model::Doing;

impl Plan {
    /// The entries of the timeline that are `chaos:`, by their number from 0: each with the entries that say
    /// what was drawn.
    #[must_use]
    pub fn chaos_written(&self) -> BTreeMap<usize, Vec<String>> {
        let mut written = BTreeMap::new();
        for (at, declared) in self.declared.timeline.iter().enumerate() {
            if !matches!(declared.doing, Doing::Chaos(_)) {
                continue;
            }
            let drawn = self.timeline.iter().filter(|moment| moment.span == declared.span);
            let entries = drawn.filter_map(|moment| match (&moment.when, &moment.act) {
                (When::At(time), Act::Start(fault)) => {
                    let told = tell(&fault.name, &fault.text)?;
                    Some(format!("{{ at: {}, fault: {} }}", exact(*time), told.text))
                }
                _ => None,
            });
            written.insert(at, entries.collect());
        }
        written
    }

    /// What the seed has drawn for partitions of a majority, by stream.
    #[must_use]
    pub fn majority_draws(&self) -> Draws {
        let mut draws = Draws::new();
        for fault in self.faults.iter().filter(|fault| fault.text.contains("majority")) {
            if let FaultKind::Cut(_) = &fault.kind {
                let stream = majority(&fault.name);
                let mut rng = self.chance().fork(&stream);
                draws.insert(stream, self.nodes.iter().map(|_| rng.next_u64()).collect());
            }
        }
        draws
    }

    /// The root of the chance of a plan's own faults.
    pub(in crate::plan) fn chance(&self) -> Rng {
        match &self.schedule {
            Some(schedule) => Rng::tracked(0, &Tape::deciding(schedule.draws().clone(), false)),
            None => Rng::new(self.seed),
        }
    }
}

/// The stream from which a majority is drawn.
pub(super) fn majority(name: &str) -> String {
    format!("majority:{name}")
}
