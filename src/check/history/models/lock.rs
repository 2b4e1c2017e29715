//! A lock: held by one client at a time.

use std::collections::BTreeMap;

use crate::scenario::model::Function;

use super::super::history::Operation;
use super::super::values::Values;
use super::{Entry, Model};

/// What an operation does to a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Act {
    /// This client takes it.
    Acquire(u32),
    /// This client gives it back.
    Release(u32),
}

impl Act {
    fn client(self) -> u32 {
        match self {
            Act::Acquire(client) | Act::Release(client) => client,
        }
    }
}

/// A lock; its state is 0 if it is free, and one more than the client's number if it is not.
#[derive(Debug)]
pub(in super::super) struct Lock;

impl Model for Lock {
    type Act = Act;

    fn compile(
        &mut self,
        function: Function,
        op: &Operation,
        _values: &mut Values,
    ) -> Result<Option<Act>, String> {
        Ok(Some(match function {
            Function::Acquire => Act::Acquire(op.client.0),
            _ => Act::Release(op.client.0),
        }))
    }

    /// An open attempt to take the lock matters only to who gives it back afterwards.
    fn prepare(&mut self, entries: &mut Vec<Entry<Act>>) {
        let mut giving: Vec<u32> = entries
            .iter()
            .filter(|entry| matches!(entry.act, Act::Release(_)))
            .map(|entry| entry.act.client())
            .collect();
        giving.sort_unstable();
        entries.retain(|entry| match entry.act {
            Act::Acquire(client) => !entry.is_open() || giving.binary_search(&client).is_ok(),
            Act::Release(_) => true,
        });
    }

    fn initial(&self) -> u64 {
        0
    }

    #[inline]
    fn step(&mut self, state: u64, act: Act) -> Option<u64> {
        match act {
            Act::Acquire(client) => (state == 0).then_some(u64::from(client) + 1),
            Act::Release(client) => (state == u64::from(client) + 1).then_some(0),
        }
    }

    /// A client that takes the lock and gives it back may as well have done neither, if it does one thing
    /// after another and it is known what came of each.
    fn along(&self, entries: &[Entry<Act>], gone: &mut [bool]) {
        let mut of_client: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (place, entry) in entries.iter().enumerate() {
            of_client.entry(entry.act.client()).or_default().push(place);
        }
        for own in of_client.values() {
            let orderly = own.windows(2).all(|two| entries[two[0]].back < entries[two[1]].call)
                && own.iter().all(|at| !entries[*at].is_open());
            let taken = |at: &usize| matches!(entries[*at].act, Act::Acquire(_));
            let turns = own.iter().enumerate().all(|(n, at)| taken(at) == n.is_multiple_of(2));
            for pair in own.chunks(2) {
                let goes = orderly && turns && pair.iter().any(|at| gone[*at]);
                pair.iter().for_each(|at| gone[*at] = goes);
            }
        }
    }

    fn is_read(_act: Act) -> bool {
        false
    }
}
