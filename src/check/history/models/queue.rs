//! First in, first out.
//!
//! What waits in a queue is the end of a list of all that was ever put in: a node of a tree (its parent is
//! the list without its last element) and how many were taken from its head. Queues with the same contents
//! are stored once, whatever came before them.

use std::collections::BTreeMap;

use crate::scenario::model::Function;

use super::super::history::Operation;
use super::super::seen::hash;
use super::super::values::{ValueId, Values};
use super::{Entry, Model};

/// What an operation does to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Act {
    /// This is its last element now.
    Enqueue(ValueId),
    /// This was its first element, and is gone.
    Dequeue(ValueId),
    /// It was empty.
    Empty,
    /// Its first element is gone, whichever it was.
    Take,
}

impl Act {
    fn value(self) -> Option<ValueId> {
        match self {
            Act::Enqueue(value) | Act::Dequeue(value) => Some(value),
            Act::Empty | Act::Take => None,
        }
    }
}

/// All elements that nobody takes are alike.
const NEVER_TAKEN: ValueId = ValueId::MAX;

#[derive(Debug, Clone, Copy)]
struct Node {
    parent: u32,
    value: ValueId,
    depth: u32,
    /// An ancestor further up: following these, any ancestor is a few jumps away.
    jump: u32,
    /// Of all values from the root to here.
    hash: u64,
    /// What the hash of something grows by for each value that comes behind it.
    power: u64,
}

/// What waits: the list that ends at `tail` without its first `taken` elements.
#[derive(Debug, Clone, Copy)]
struct Contents {
    tail: u32,
    taken: u32,
}

/// The base of the hash of lists; odd, so that nothing is lost by multiplying.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// A queue.
#[derive(Debug)]
pub(in super::super) struct Queue {
    nodes: Vec<Node>,
    children: BTreeMap<(u32, ValueId), u32>,
    states: Vec<Contents>,
    /// States by the hash of their contents.
    known: BTreeMap<u64, Vec<u32>>,
    /// Values that somebody takes; `None` if some take whatever comes.
    taken: Option<Vec<ValueId>>,
}

impl Queue {
    pub(in super::super) fn new() -> Queue {
        let root = Node { parent: 0, value: 0, depth: 0, jump: 0, hash: 0, power: 1 };
        Queue {
            nodes: vec![root],
            children: BTreeMap::new(),
            states: vec![Contents { tail: 0, taken: 0 }],
            known: BTreeMap::new(),
            taken: None,
        }
    }

    fn node(&self, node: u32) -> Node {
        self.nodes[node as usize]
    }

    fn child(&mut self, parent: u32, value: ValueId) -> u32 {
        if let Some(node) = self.children.get(&(parent, value)) {
            return *node;
        }
        let number = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let above = self.node(parent);
        let far = self.node(above.jump);
        // Jumps double in length as in a skew binary number.
        let even = above.depth - far.depth == far.depth - self.node(far.jump).depth;
        self.nodes.push(Node {
            parent,
            value,
            depth: above.depth + 1,
            jump: if even && above.depth > 0 { far.jump } else { parent },
            hash: above.hash.wrapping_mul(BASE).wrapping_add(hash(&[u64::from(value)])),
            power: above.power.wrapping_mul(BASE),
        });
        self.children.insert((parent, value), number);
        number
    }

    /// The ancestor of `node` at `depth`.
    fn ancestor(&self, mut node: u32, depth: u32) -> u32 {
        while self.node(node).depth > depth {
            let here = self.node(node);
            node = if self.node(here.jump).depth >= depth { here.jump } else { here.parent };
        }
        node
    }

    fn length(&self, contents: Contents) -> u32 {
        self.node(contents.tail).depth - contents.taken
    }

    fn first(&self, contents: Contents) -> Option<ValueId> {
        let waits = self.length(contents) > 0;
        waits.then(|| self.node(self.ancestor(contents.tail, contents.taken + 1)).value)
    }

    /// The one state that has these contents.
    fn state(&mut self, contents: Contents) -> u64 {
        if self.length(contents) == 0 {
            return 0;
        }
        let (whole, head) =
            (self.node(contents.tail), self.ancestor(contents.tail, contents.taken));
        let length = self.length(contents);
        let power = self.node(self.ancestor(contents.tail, length)).power;
        let sum = whole.hash.wrapping_sub(self.node(head).hash.wrapping_mul(power));
        let known = self.known.get(&sum).map_or(&[][..], Vec::as_slice);
        let same = known.iter().find(|state| self.equal(self.states[**state as usize], contents));
        if let Some(state) = same {
            return u64::from(*state);
        }
        let state = u32::try_from(self.states.len()).unwrap_or(u32::MAX);
        self.states.push(contents);
        self.known.entry(sum).or_default().push(state);
        u64::from(state)
    }

    fn equal(&self, a: Contents, b: Contents) -> bool {
        let length = self.length(a);
        if length != self.length(b) {
            return false;
        }
        let (mut left, mut right) = (a.tail, b.tail);
        for _ in 0..length {
            if left == right {
                return true;
            }
            let (l, r) = (self.node(left), self.node(right));
            if l.value != r.value {
                return false;
            }
            (left, right) = (l.parent, r.parent);
        }
        true
    }
}

impl Model for Queue {
    type Act = Act;

    fn compile(
        &mut self,
        function: Function,
        op: &Operation,
        values: &mut Values,
    ) -> Result<Option<Act>, String> {
        Ok(Some(match function {
            Function::Enqueue if op.value().is_null() => {
                return Err("is nothing that a queue could hold".to_owned());
            }
            Function::Enqueue => Act::Enqueue(values.id(op.value())),
            _ if !op.is_ok() => Act::Take,
            _ if op.value().is_null() => Act::Empty,
            _ => Act::Dequeue(values.id(op.value())),
        }))
    }

    /// What may have been put in, and nobody took, may as well not have been.
    fn prepare(&mut self, entries: &mut Vec<Entry<Act>>) {
        let mut taken: Vec<ValueId> = entries
            .iter()
            .filter_map(|entry| match entry.act {
                Act::Dequeue(value) => Some(value),
                _ => None,
            })
            .collect();
        taken.sort_unstable();
        taken.dedup();
        entries.retain(|entry| match entry.act {
            Act::Enqueue(value) => !entry.is_open() || taken.binary_search(&value).is_ok(),
            _ => true,
        });
        let any = entries.iter().any(|entry| entry.act == Act::Take);
        self.taken = (!any).then_some(taken);
    }

    fn initial(&self) -> u64 {
        0
    }

    fn step(&mut self, state: u64, act: Act) -> Option<u64> {
        let contents = self.states[usize::try_from(state).ok()?];
        match act {
            Act::Enqueue(value) => {
                let known = self.taken.as_ref();
                let is_taken = known.is_none_or(|known| known.binary_search(&value).is_ok());
                let value = if is_taken { value } else { NEVER_TAKEN };
                // An empty queue is as good as a new one.
                let contents = if state == 0 { Contents { tail: 0, taken: 0 } } else { contents };
                let tail = self.child(contents.tail, value);
                Some(self.state(Contents { tail, ..contents }))
            }
            Act::Dequeue(value) if self.first(contents) != Some(value) => None,
            Act::Take if state == 0 => None,
            Act::Dequeue(_) | Act::Take => {
                Some(self.state(Contents { taken: contents.taken + 1, ..contents }))
            }
            Act::Empty => (state == 0).then_some(state),
        }
    }

    /// With one operation on an element go all others on it.
    fn along(&self, entries: &[Entry<Act>], gone: &mut [bool]) {
        let mut values: Vec<ValueId> = Vec::new();
        for (entry, gone) in entries.iter().zip(&mut *gone) {
            *gone &= entry.act != Act::Take;
            values.extend(entry.act.value().filter(|_| *gone));
        }
        values.sort_unstable();
        for (entry, gone) in entries.iter().zip(gone) {
            *gone |= entry.act.value().is_some_and(|value| values.binary_search(&value).is_ok());
        }
    }

    fn is_read(act: Act) -> bool {
        act == Act::Empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_with_the_same_contents_are_one_state_however_they_came_about() {
        let mut queue = Queue::new();
        let mut run = |acts: &[Act]| acts.iter().try_fold(0, |state, act| queue.step(state, *act));
        use Act::{Dequeue, Empty, Enqueue, Take};
        let two = run(&[Enqueue(1), Enqueue(2)]);
        assert_eq!(run(&[Enqueue(3), Enqueue(1), Dequeue(3), Enqueue(2)]), two);
        assert_eq!(run(&[Enqueue(3), Take, Enqueue(1), Enqueue(2)]), two);
        assert_ne!(run(&[Enqueue(2), Enqueue(1)]), two);
        assert_eq!(run(&[Enqueue(1), Dequeue(1), Empty]), Some(0));
        assert_eq!(run(&[Enqueue(1), Empty]), None);
        assert_eq!(run(&[Enqueue(1), Enqueue(2), Dequeue(2)]), None);
        assert_eq!(run(&[Take]), None);
    }

    #[test]
    fn the_head_of_a_long_queue_is_found() {
        let mut queue = Queue::new();
        let mut state = 0;
        for value in 1..2_000 {
            state = queue.step(state, Act::Enqueue(value)).unwrap();
        }
        for value in 1..2_000 {
            state = queue.step(state, Act::Dequeue(value)).unwrap();
        }
        assert_eq!(state, 0);
    }
}
