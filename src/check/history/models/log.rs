//! A list that grows at its end and is read as a whole.
//!
//! A list is a node of a tree: its parent is the list without its last element. Each list is stored once, so
//! that equal lists are equal numbers. The longest read says in which order elements were appended up to
//! there, and nobody can tell in which order beyond; so at each moment at most one append is worth a try.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::model::Function;

use super::super::history::Operation;
use super::super::values::{ValueId, Values};
use super::{Entry, Model, elements};

/// A list.
type Node = u32;

const EMPTY: Node = 0;

/// Longer than what anybody has read.
const BEYOND: u64 = u64::MAX;

/// What an operation does to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Act {
    /// It was this.
    Read(Node),
    /// It is longer by this.
    Append(ValueId),
}

/// A log.
#[derive(Debug)]
pub(in super::super) struct Log {
    children: BTreeMap<(Node, ValueId), Node>,
    parents: Vec<(Node, ValueId)>,
    depths: Vec<u32>,
    /// The longest list that was read, and those that it begins with.
    longest: Node,
    on_path: Vec<bool>,
}

impl Log {
    pub(in super::super) fn new() -> Log {
        Log {
            children: BTreeMap::new(),
            parents: vec![(EMPTY, 0)],
            depths: vec![0],
            longest: EMPTY,
            on_path: vec![true],
        }
    }

    fn child(&mut self, parent: Node, value: ValueId) -> Node {
        if let Some(node) = self.children.get(&(parent, value)) {
            return *node;
        }
        let node = Node::try_from(self.parents.len()).unwrap_or(Node::MAX);
        self.children.insert((parent, value), node);
        self.parents.push((parent, value));
        self.depths.push(self.depths[parent as usize] + 1);
        self.on_path.push(false);
        node
    }

    fn list(&self, mut node: Node) -> Vec<ValueId> {
        let mut values = Vec::new();
        while node != EMPTY {
            let (parent, value) = self.parents[node as usize];
            values.push(value);
            node = parent;
        }
        values.reverse();
        values
    }
}

impl Model for Log {
    type Act = Act;

    fn compile(
        &mut self,
        function: Function,
        op: &Operation,
        values: &mut Values,
    ) -> Result<Option<Act>, String> {
        Ok(match function {
            Function::Read if !op.is_ok() => None,
            Function::Read => {
                let list = elements(op, values)?;
                Some(Act::Read(list.iter().fold(EMPTY, |node, value| self.child(node, *value))))
            }
            _ => Some(Act::Append(values.id(op.value()))),
        })
    }

    fn prepare(&mut self, entries: &mut Vec<Entry<Act>>) {
        let reads = entries.iter().filter_map(|entry| match entry.act {
            Act::Read(node) => Some(node),
            Act::Append(_) => None,
        });
        self.longest = reads.max_by_key(|node| self.depths[*node as usize]).unwrap_or(EMPTY);
        self.on_path.fill(false);
        let mut node = self.longest;
        let mut read = BTreeSet::new();
        while node != EMPTY {
            self.on_path[node as usize] = true;
            read.insert(self.parents[node as usize].1);
            node = self.parents[node as usize].0;
        }
        self.on_path[EMPTY as usize] = true;
        // What no read of the longest list shows came behind it, or never.
        entries.retain(|entry| match entry.act {
            Act::Append(value) => !entry.is_open() || read.contains(&value),
            Act::Read(_) => true,
        });
    }

    fn initial(&self) -> u64 {
        u64::from(EMPTY)
    }

    fn step(&mut self, state: u64, act: Act) -> Option<u64> {
        match act {
            Act::Read(node) => (u64::from(node) == state).then_some(state),
            Act::Append(_) if state == BEYOND || state == u64::from(self.longest) => Some(BEYOND),
            Act::Append(value) => {
                let parent = Node::try_from(state).ok()?;
                let node = *self.children.get(&(parent, value))?;
                self.on_path[node as usize].then_some(u64::from(node))
            }
        }
    }

    fn is_read(act: Act) -> bool {
        matches!(act, Act::Read(_))
    }

    fn elements(&self, entries: &[Entry<Act>]) -> Vec<ValueId> {
        let mut found = BTreeSet::new();
        for entry in entries {
            match entry.act {
                Act::Append(value) => drop(found.insert(value)),
                Act::Read(node) => found.extend(self.list(node)),
            }
        }
        found.into_iter().collect()
    }

    fn without(&mut self, entries: &[Entry<Act>], gone: &BTreeSet<ValueId>) -> Vec<Entry<Act>> {
        let mut kept = Vec::new();
        for entry in entries {
            let act = match entry.act {
                Act::Append(value) if gone.contains(&value) => continue,
                Act::Append(value) => Act::Append(value),
                Act::Read(node) => {
                    let list = self.list(node);
                    let rest = list.into_iter().filter(|value| !gone.contains(value));
                    Act::Read(rest.fold(EMPTY, |node, value| self.child(node, value)))
                }
            };
            kept.push(Entry { act, ..*entry });
        }
        kept
    }
}
