//! Which transactions had ended when others began.

use std::collections::BTreeMap;

use super::txn::Txns;

/// Who had ended when another of the same group began, in the order in which those began: from each only those that
/// are not also reached by way of another of the group.
pub(super) fn ended_before<G: Ord + Clone>(
    txns: &Txns<'_>,
    groups: &dyn Fn(usize) -> Vec<G>,
) -> Vec<(usize, usize, G)> {
    let mut events: Vec<(u32, usize, bool)> = Vec::new();
    for (number, txn) in txns.all.iter().enumerate().filter(|(_, txn)| !txn.op.is_failed()) {
        events.push((txn.op.call, number, false));
        if txn.op.is_ok() {
            events.push((txn.op.back, number, true));
        }
    }
    events.sort_unstable();
    let mut before = Vec::new();
    let mut frontiers: BTreeMap<G, Vec<usize>> = BTreeMap::new();
    for (_, number, is_end) in events {
        let op = txns.all[number].op;
        for group in groups(number) {
            let frontier = frontiers.entry(group.clone()).or_default();
            if is_end {
                frontier.retain(|before| !txns.all[*before].op.precedes(op));
                frontier.push(number);
            } else {
                before.extend(frontier.iter().map(|from| (*from, number, group.clone())));
            }
        }
    }
    before
}
