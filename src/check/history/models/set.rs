//! Elements, each of them once, read as a whole.
//!
//! A set is the root of a binary tree whose leaves are 64 bits each. Every tree is stored once, so that equal
//! sets are equal numbers; putting an element in costs a node a level.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::model::Function;

use super::super::history::Operation;
use super::super::values::{ValueId, Values};
use super::{Entry, Model, elements};

/// What an operation does to a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Act {
    /// It held what this read says.
    Read(u32),
    /// This is in it from now on.
    Add(ValueId),
    /// This is not in it from now on.
    Remove(ValueId),
}

/// A set.
#[derive(Debug)]
pub(in super::super) struct Set {
    /// The elements of each read.
    reads: Vec<Vec<ValueId>>,
    /// The set that each read has seen.
    roots: Vec<u32>,
    /// How many levels the trees have above their leaves.
    levels: u32,
    leaves: Store<u64>,
    nodes: Store<(u32, u32)>,
}

/// Things that are stored once; the first is the empty one.
#[derive(Debug)]
struct Store<T> {
    all: Vec<T>,
    known: BTreeMap<T, u32>,
}

impl<T: Copy + Ord> Store<T> {
    fn new(empty: T) -> Store<T> {
        Store { all: vec![empty], known: BTreeMap::from([(empty, 0)]) }
    }

    fn id(&mut self, one: T) -> u32 {
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let id = *self.known.entry(one).or_insert(next);
        if id == next {
            self.all.push(one);
        }
        id
    }
}

impl Set {
    pub(in super::super) fn new() -> Set {
        // The empty leaf and the empty node are both 0, so a tree of nothing is 0 on every level.
        let (leaves, nodes) = (Store::new(0), Store::new((0, 0)));
        Set { reads: Vec::new(), roots: Vec::new(), levels: 0, leaves, nodes }
    }

    /// The tree at `root`, which has `levels` above its leaves, with or without an element.
    fn put(&mut self, root: u32, levels: u32, element: u32, present: bool) -> u32 {
        let Some(below) = levels.checked_sub(1) else {
            let bit = 1_u64 << (element % 64);
            let leaf = self.leaves.all[root as usize];
            return self.leaves.id(if present { leaf | bit } else { leaf & !bit });
        };
        let (left, right) = self.nodes.all[root as usize];
        let children = if ((element / 64) >> below) & 1 == 0 {
            (self.put(left, below, element, present), right)
        } else {
            (left, self.put(right, below, element, present))
        };
        self.nodes.id(children)
    }
}

impl Model for Set {
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
                self.reads.push(elements(op, values)?);
                Some(Act::Read(u32::try_from(self.reads.len() - 1).unwrap_or(u32::MAX)))
            }
            Function::Remove => Some(Act::Remove(values.id(op.value()))),
            _ => Some(Act::Add(values.id(op.value()))),
        })
    }

    fn prepare(&mut self, entries: &mut Vec<Entry<Act>>) {
        let mut top = 0;
        let mut read = BTreeSet::new();
        for entry in entries.iter() {
            match entry.act {
                Act::Read(number) => read.extend(&self.reads[number as usize]),
                Act::Add(value) | Act::Remove(value) => top = top.max(value),
            }
        }
        top = top.max(read.last().copied().unwrap_or(0));
        // What no read shows may as well not have been put in.
        entries.retain(|entry| match entry.act {
            Act::Add(value) => !entry.is_open() || read.contains(&value),
            _ => true,
        });
        self.levels = u32::BITS - (top / 64).leading_zeros();
        self.roots = vec![0; self.reads.len()];
        for entry in entries.iter() {
            let Act::Read(number) = entry.act else { continue };
            let elements = std::mem::take(&mut self.reads[number as usize]);
            let root = elements.iter().fold(0, |root, one| self.put(root, self.levels, *one, true));
            self.roots[number as usize] = root;
            self.reads[number as usize] = elements;
        }
    }

    fn initial(&self) -> u64 {
        0
    }

    fn step(&mut self, state: u64, act: Act) -> Option<u64> {
        let root = u32::try_from(state).ok()?;
        match act {
            Act::Read(number) => (self.roots[number as usize] == root).then_some(state),
            Act::Add(value) => Some(u64::from(self.put(root, self.levels, value, true))),
            Act::Remove(value) => Some(u64::from(self.put(root, self.levels, value, false))),
        }
    }

    fn is_read(act: Act) -> bool {
        matches!(act, Act::Read(_))
    }

    fn elements(&self, entries: &[Entry<Act>]) -> Vec<ValueId> {
        let mut found = BTreeSet::new();
        for entry in entries {
            match entry.act {
                Act::Add(value) | Act::Remove(value) => drop(found.insert(value)),
                Act::Read(number) => found.extend(&self.reads[number as usize]),
            }
        }
        found.into_iter().collect()
    }

    fn without(&mut self, entries: &[Entry<Act>], gone: &BTreeSet<ValueId>) -> Vec<Entry<Act>> {
        let mut kept = Vec::new();
        for entry in entries {
            let act = match entry.act {
                Act::Add(value) | Act::Remove(value) if gone.contains(&value) => continue,
                Act::Read(number) => {
                    let all = &self.reads[number as usize];
                    let rest = all.iter().copied().filter(|value| !gone.contains(value)).collect();
                    self.reads.push(rest);
                    Act::Read(u32::try_from(self.reads.len() - 1).unwrap_or(u32::MAX))
                }
                act => act,
            };
            kept.push(Entry { act, ..*entry });
        }
        kept
    }
}
