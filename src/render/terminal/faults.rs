//! The faults of a run: what they are called, whether they are loose, what they touched.

use crate::base::Span;
use crate::render::harm;
use crate::trace::{FaultEvent, FaultPhase, FaultUnit};

/// The most faults that are kept apart; the rest is counted.
const FAULTS_MAX: usize = 1_000;

/// The faults that were told of, in the order in which they were.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) known: Vec<Known>,
    /// How many lives of faults were told of that are not among these.
    pub(super) others: u64,
}

/// A fault, as far as it was told of.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) span: Option<Span>,
    pub(super) unit: FaultUnit,
    /// Whether anybody wants to see it.
    pub(super) told: bool,
    /// Whether it was ever let loose.
    pub(super) began: bool,
    /// Whether it is over.
    pub(super) ended: bool,
    pub(super) touched: u64,
}

impl Known {
    /// True if it is over and has touched nothing.
    pub(super) fn is_unused(&self) -> bool {
        self.ended && self.touched == 0
    }
}

impl Faults {
    /// Takes note of one end of a fault's life; `told` is false if nobody wants to see it.
    pub(super) fn event(&mut self, event: &FaultEvent, told: bool) {
        let begins = event.phase == FaultPhase::Start;
        if let Some(known) = self.known.iter_mut().find(|known| known.name == event.name) {
            known.told |= told;
            known.began |= begins;
            known.ended = !begins;
            known.touched = event.touched;
            return;
        }
        if self.known.len() >= FAULTS_MAX {
            self.others += u64::from(told && begins);
            return;
        }
        self.known.push(Known {
            name: event.name.clone(),
            text: event.deed(),
            span: event.span,
            unit: event.unit(),
            told,
            began: begins,
            ended: !begins,
            touched: event.touched,
        });
    }

    /// What an event says that this has taken note of already.
    pub(super) fn words(&self, event: &FaultEvent) -> String {
        let FaultEvent { name, touched, .. } = event;
        let text = event.deed();
        let known = self.known.iter().find(|known| known.name == *name);
        match event.phase {
            FaultPhase::Start => format!("{name} let loose: {text}"),
            FaultPhase::End if known.is_some_and(|known| !known.began) => {
                format!("{name} was never let loose: {text}")
            }
            FaultPhase::End => format!("{name} over, {}", harm::touched(*touched, event.unit())),
        }
    }
}
