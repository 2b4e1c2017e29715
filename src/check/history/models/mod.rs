//! Models: what operations do to one object, alone and one after another.
//!
//! ```text
//! Operation ──compile──> Act: Read(v3)                     values are numbers, lists are nodes of a tree
//! step(state, act) ──> the state afterwards, or none if the act cannot end like that here
//! ```
//!
//! A state is one word, whatever the model: a value, a number, or the place of a shape that is stored once
//! and never changes. So states are compared by comparing words, and remembering one costs eight bytes.
//!
//! # What may be left out
//! A search over fewer operations is a faster one, and a contradiction of fewer is easier to see; but not
//! every part of a history that has an order has one itself. So each model says:
//! - which open operations may be left out at once ([`Model::prepare`]): those whose effect nobody can have
//!   seen, so that an order without them is as good;
//! - which operations must go along if one goes ([`Model::along`]): the reads of a value with its write;
//! - which elements may be taken out of everything ([`Model::without`]): a set without an element is a set.

mod counter;
mod lock;
mod log;
mod queue;
mod register;
mod set;

use std::collections::BTreeSet;

use crate::scenario::model::Function;

use super::history::{OPEN, Operation};
use super::values::{ValueId, Values};

pub(super) use counter::{Act as CounterAct, Counter};
pub(super) use lock::Lock;
pub(super) use log::Log;
pub(super) use queue::Queue;
pub(super) use register::{Act as RegisterAct, Register};
pub(super) use set::Set;

/// An operation as a search sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry<A> {
    /// Which operation of the case it is.
    pub(super) op: u32,
    /// The place of its beginning.
    pub(super) call: u32,
    /// The place of its end, or [`OPEN`].
    pub(super) back: u32,
    /// What it does.
    pub(super) act: A,
}

impl<A> Entry<A> {
    /// True if it may take effect at any time after it began, or never.
    pub(super) fn is_open(&self) -> bool {
        self.back == OPEN
    }
}

/// What one object does.
pub(super) trait Model {
    /// What an operation does to it.
    type Act: Copy + PartialEq;

    /// What `op` does; nothing if it constrains nothing and changes nothing.
    ///
    /// # Errors
    /// A clause that says why its value does not fit, as in `its value 7 is no list`.
    fn compile(
        &mut self,
        function: Function,
        op: &Operation,
        values: &mut Values,
    ) -> Result<Option<Self::Act>, String>;

    /// Looks at all entries of a search before it begins, and takes out those that change nothing.
    fn prepare(&mut self, entries: &mut Vec<Entry<Self::Act>>);

    /// The state at the beginning.
    fn initial(&self) -> u64;

    /// The state after `act`; none if it could not have ended as it did.
    fn step(&mut self, state: u64, act: Self::Act) -> Option<u64>;

    /// Of the entries that are to be left out, takes back those that cannot be, and adds those that must
    /// go along: if all entries have an order, so has the rest. Those that only look can be left out one by
    /// one; a model that says no more than this has no others.
    fn along(&self, entries: &[Entry<Self::Act>], gone: &mut [bool]) {
        for (gone, entry) in gone.iter_mut().zip(entries) {
            *gone &= Self::is_read(entry.act);
        }
    }

    /// True if it only looks.
    fn is_read(act: Self::Act) -> bool;

    /// The elements that can be taken out of all entries.
    fn elements(&self, _entries: &[Entry<Self::Act>]) -> Vec<ValueId> {
        Vec::new()
    }

    /// The entries without these elements: those that were about one of them are gone.
    fn without(
        &mut self,
        entries: &[Entry<Self::Act>],
        _elements: &BTreeSet<ValueId>,
    ) -> Vec<Entry<Self::Act>> {
        entries.to_vec()
    }

    /// Whether the model is a register that is only read and written: the acts, if so. There is a way to
    /// judge those without a search.
    fn as_register(_entries: &[Entry<Self::Act>]) -> Option<&[Entry<RegisterAct>]> {
        None
    }
}

/// The elements of a list of values; null is the empty one.
fn elements(op: &Operation, values: &mut Values) -> Result<Vec<ValueId>, String> {
    match op.value() {
        crate::base::Value::Null => Ok(Vec::new()),
        crate::base::Value::Array(items) => Ok(items.iter().map(|item| values.id(item)).collect()),
        _ => Err("is no list".to_owned()),
    }
}
