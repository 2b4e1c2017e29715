//! Faults that touched nothing: whoever let them loose was mistaken about something.
//!
//! A fault counts what it touches, and says so when it is over. What is kept is bounded: of more than
//! [`KEPT_MAX`] faults that touched nothing the rest is counted.

use std::collections::BTreeMap;

use crate::scenario::model::UnusedFaults;
use crate::trace::{FaultEvent, FaultPhase};

/// The most faults of which more than their number is kept.
const KEPT_MAX: usize = 1_000;

/// The most names in a sentence.
const NAMED_MAX: usize = 5;

/// The most of a fault's text in a sentence, in characters.
const TEXT_MAX: usize = 200;

/// The faults that touched nothing, as far as the events tell.
#[derive(Debug, Default)]
pub(super) struct Unused {
    kept: BTreeMap<String, Life>,
    /// How many faults came to their end untouched when no more were kept.
    others: u64,
    /// In which order they ended.
    ended: u64,
}

/// A fault that has touched nothing so far.
#[derive(Debug)]
struct Life {
    began: bool,
    /// Its place among those that are over; `None` while it is loose.
    ended: Option<u64>,
    /// Why nothing was touched, for a sentence.
    why: String,
}

impl Unused {
    /// Takes note of one end of a fault's life.
    pub(super) fn event(&mut self, event: &FaultEvent) {
        if event.touched > 0 {
            self.kept.remove(&event.name);
            return;
        }
        let over = event.phase == FaultPhase::End;
        if !self.kept.contains_key(&event.name) && self.kept.len() >= KEPT_MAX {
            self.others += u64::from(over);
            return;
        }
        let life = self.kept.entry(event.name.clone()).or_insert_with(|| Life {
            began: false,
            ended: None,
            why: String::new(),
        });
        life.began |= !over;
        life.ended = None;
        if over {
            self.ended += 1;
            life.ended = Some(self.ended);
            life.why = why(event, life.began);
        }
    }

    /// What is wrong with the run because of them, if anything is.
    pub(super) fn failure(&self, policy: UnusedFaults) -> Option<String> {
        if policy != UnusedFaults::Error {
            return None;
        }
        let mut unused: Vec<(u64, &str, &str)> = self
            .kept
            .iter()
            .filter_map(|(name, life)| Some((life.ended?, name.as_str(), life.why.as_str())))
            .collect();
        unused.sort_unstable();
        let (_, name, why) = unused.first()?;
        let mut words = format!("fault `{name}` touched nothing: {why}");
        let named: Vec<String> =
            unused.iter().skip(1).take(NAMED_MAX).map(|(_, name, _)| format!("`{name}`")).collect();
        if !named.is_empty() {
            words.push_str(&format!("; nor did {}", named.join(", ")));
        }
        match unused.len() as u64 - 1 - named.len() as u64 + self.others {
            0 => {}
            more => words.push_str(&format!(" and {more} more")),
        }
        Some(words)
    }
}

/// Why a fault touched nothing.
fn why(event: &FaultEvent, began: bool) -> String {
    let mut text: String = event.deed().chars().take(TEXT_MAX).collect();
    if text.len() < event.deed().len() {
        text.push('…');
    }
    if began {
        let (one, _) = event.unit().words();
        format!("no {one} fitted `{text}`")
    } else {
        format!("`{text}` was never let loose")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(name: &str, phase: FaultPhase, touched: u64) -> FaultEvent {
        let text = format!("{{ name: {name}, drop: request, from: app }}");
        FaultEvent { name: name.into(), phase, text, span: None, touched }
    }

    fn failure(events: &[(&str, FaultPhase, u64)]) -> Option<String> {
        let mut unused = Unused::default();
        for (name, phase, touched) in events {
            unused.event(&fault(name, *phase, *touched));
        }
        assert_eq!(unused.failure(UnusedFaults::Warn), None);
        assert_eq!(unused.failure(UnusedFaults::Ignore), None);
        unused.failure(UnusedFaults::Error)
    }

    use FaultPhase::{End, Start};

    #[test]
    fn a_fault_that_touched_nothing_is_named_with_what_it_wanted() {
        assert_eq!(
            failure(&[
                ("used", Start, 0),
                ("lost-del", Start, 0),
                ("used", End, 3),
                ("lost-del", End, 0)
            ])
            .unwrap(),
            "fault `lost-del` touched nothing: no message fitted `{ drop: request, from: app }`"
        );
        assert_eq!(
            failure(&[("late", End, 0)]).unwrap(),
            "fault `late` touched nothing: `{ drop: request, from: app }` was never let loose"
        );
    }

    #[test]
    fn one_that_touched_something_in_any_of_its_lives_is_used() {
        assert_eq!(
            failure(&[("a", Start, 0), ("a", End, 0), ("a", Start, 0), ("a", End, 1)]),
            None
        );
        assert_eq!(
            failure(&[("a", Start, 0), ("a", End, 1), ("a", Start, 1), ("a", End, 1)]),
            None
        );
        assert_eq!(failure(&[("a", Start, 0)]), None, "it is still loose");
    }

    #[test]
    fn many_are_named_as_far_as_a_sentence_goes_and_kept_in_bounded_memory() {
        let names: Vec<String> = (0..5_000).map(|n| format!("drop.{n}")).collect();
        let events: Vec<_> = names.iter().map(|name| (name.as_str(), End, 0)).collect();
        let words = failure(&events).unwrap();
        assert!(words.starts_with("fault `drop.0` touched nothing: "), "{words}");
        assert!(
            words.ends_with(
                "; nor did `drop.1`, `drop.2`, `drop.3`, `drop.4`, `drop.5` and 4994 more"
            ),
            "{words}"
        );
    }
}
