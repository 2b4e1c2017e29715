//! Which version of a register is older than which.
//!
//! What was there at first is the oldest. What a transaction read is older than what it wrote there (it could not have
//! read it otherwise, as long as writes take effect together). If the order of transactions is that of their clients, or
//! of real time, then what a transaction left behind, or saw, is also older than whatever else one saw or wrote that
//! began after its end. Where that would make a version older than itself it is not said: the transactions that say
//! so make a circle without it.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::NodeId;
use crate::scenario::model::TxnOrder;

use super::super::values::ValueId;
use super::order::ended_before;
use super::txn::{Read, Txns, Writes};

/// How many dependencies there may be of those who read what a register held at first on those who wrote it.
const FIRST_MAX: usize = 200_000;

/// A version: a register and what it held.
type Version = (ValueId, ValueId);

/// Versions, and of each those that are known to be younger, without those that are younger by way of others.
#[derive(Default)]
pub(super) struct Versions {
    pub(super) younger: BTreeMap<Version, BTreeSet<ValueId>>,
    /// Whether there may be more, which it took too many steps to find.
    pub(super) cut: bool,
    /// Of which it is known only by what was seen before.
    inferred: BTreeSet<(Version, ValueId)>,
    left: u64,
}

/// What a transaction has to do with a register.
#[derive(Debug, Clone, Copy)]
struct Touch {
    /// The first version that it saw or made.
    first: ValueId,
    /// The last one.
    last: ValueId,
}

impl Versions {
    /// The versions of all registers; to look for their order takes at most `budget` steps.
    pub(super) fn of(
        txns: &Txns<'_>,
        writes: &Writes,
        reads: &[Read],
        order: TxnOrder,
        budget: u64,
    ) -> Versions {
        let mut versions = Versions { left: budget, ..Versions::default() };
        for read in reads {
            if let Some(wrote) = read.wrote {
                versions.younger.entry((read.key, read.value)).or_default().insert(wrote);
            }
        }
        if order != TxnOrder::Data {
            versions.by_end(txns, writes, reads, order);
        }
        versions.first(txns, writes, reads);
        versions
    }

    /// What was seen before is older.
    fn by_end(&mut self, txns: &Txns<'_>, writes: &Writes, reads: &[Read], order: TxnOrder) {
        let touches = touches(txns, writes, reads);
        let groups = |number: usize| -> Vec<(Option<NodeId>, ValueId)> {
            let whose = (order == TxnOrder::Session).then_some(txns.all[number].op.client);
            touches[number].keys().map(|key| (whose, *key)).collect()
        };
        for (from, to, (_, key)) in ended_before(txns, &groups) {
            let (older, then) = (touches[from][&key].last, touches[to][&key].first);
            if older != then && then != txns.initial && !self.is_older((key, then), older) {
                let is_new = self.younger.entry((key, older)).or_default().insert(then);
                if is_new {
                    self.inferred.insert(((key, older), then));
                }
            }
        }
    }

    /// Whether that `then` is younger than `version` follows only from what was seen before.
    pub(super) fn is_inferred(&self, version: Version, then: ValueId) -> bool {
        self.inferred.contains(&(version, then))
    }

    /// What a register held at first is older than what is not known to be younger than anything else.
    fn first(&mut self, txns: &Txns<'_>, writes: &Writes, reads: &[Read]) {
        let follow: BTreeSet<Version> = self
            .younger
            .iter()
            .filter(|((_, value), _)| *value != txns.initial)
            .flat_map(|((key, _), then)| then.iter().map(|then| (*key, *then)))
            .collect();
        let mut readers: BTreeMap<ValueId, usize> = BTreeMap::new();
        for read in reads.iter().filter(|read| read.value == txns.initial) {
            *readers.entry(read.key).or_default() += 1;
        }
        let is_read = is_read(reads);
        for ((key, value), write) in writes {
            let happened = txns.all[write.txn].op.is_ok() || is_read.contains(&(*key, *value));
            // It matters to nobody else.
            let Some(readers) = readers.get(key) else { continue };
            let first = self.younger.entry((*key, txns.initial)).or_default();
            if happened && write.is_last && !follow.contains(&(*key, *value)) {
                match first.len() * readers < FIRST_MAX {
                    true => drop(first.insert(*value)),
                    false => self.cut = true,
                }
            }
        }
    }

    /// Whether `version` is known to be older than `other`.
    fn is_older(&mut self, version: Version, other: ValueId) -> bool {
        let mut met = BTreeSet::from([version.1]);
        let mut next = vec![version.1];
        while let Some(value) = next.pop() {
            if value == other {
                return true;
            }
            if self.left == 0 {
                // Nothing is said that might not be so.
                self.cut = true;
                return true;
            }
            self.left -= 1;
            let younger = self.younger.get(&(version.0, value)).into_iter().flatten();
            next.extend(younger.copied().filter(|then| met.insert(*then)));
        }
        false
    }
}

/// Of each transaction, the registers that it touched.
fn touches(txns: &Txns<'_>, writes: &Writes, reads: &[Read]) -> Vec<BTreeMap<ValueId, Touch>> {
    let mut touches: Vec<BTreeMap<ValueId, Touch>> = vec![BTreeMap::new(); txns.all.len()];
    let is_read = is_read(reads);
    for ((key, value), write) in writes {
        let op = txns.all[write.txn].op;
        let happened = op.is_ok() || !op.is_failed() && is_read.contains(&(*key, *value));
        if happened && write.is_last {
            touches[write.txn].insert(*key, Touch { first: *value, last: *value });
        }
    }
    for read in reads {
        let touch = touches[read.txn].entry(read.key);
        touch.or_insert(Touch { first: read.value, last: read.value }).first = read.value;
    }
    touches
}

fn is_read(reads: &[Read]) -> BTreeSet<Version> {
    reads.iter().map(|read| (read.key, read.value)).collect()
}
