//! How the nodes stand: which of them are down, which stand still, and since when.

use std::collections::BTreeMap;

use crate::base::{NodeId, Time};
use crate::trace::{Event, EventKind};

/// How a node stands if it is not as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its program is gone.
    Down,
    /// It does nothing.
    Still,
}

/// The nodes that do not stand as usual.
#[derive(Debug, Clone, Default)]
pub(super) struct Standings {
    of: BTreeMap<NodeId, (Standing, Time)>,
}

impl Standings {
    /// How a node stands; `None` is as usual.
    pub(super) fn get(&self, node: NodeId) -> Option<Standing> {
        self.of.get(&node).map(|(standing, _)| *standing)
    }

    /// Since when it does.
    pub(super) fn since(&self, node: NodeId) -> Option<Time> {
        self.of.get(&node).map(|(_, since)| *since)
    }

    /// Takes note of an event; true if it changed anything.
    pub(super) fn event(&mut self, event: &Event) -> bool {
        match event.kind {
            EventKind::Crash { node, .. } => {
                self.of.insert(node, (Standing::Down, event.at));
            }
            // Who is gone cannot stand still.
            EventKind::Pause { node } if self.get(node).is_none() => {
                self.of.insert(node, (Standing::Still, event.at));
            }
            EventKind::Restart { node } => {
                self.of.remove(&node);
            }
            EventKind::Resume { node } if self.get(node) == Some(Standing::Still) => {
                self.of.remove(&node);
            }
            _ => return false,
        }
        true
    }
}
