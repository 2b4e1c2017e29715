//! Registers that transactions read and write: little is known of the order of versions, and that is used.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::model::{Anomaly, TxnOrder};

use super::super::case::{Case, Judgement};
use super::super::cycle::Graph;
use super::super::values::ValueId;
use super::cycles::{Dep, DepKind, Deps};
use super::txn::{Micro, Read, Txns, Write, Writes};
use super::versions::Versions;
use super::{Found, name};

pub(super) fn look<'a>(
    case: &Case<'a>,
    txns: &Txns<'a>,
) -> Result<(Vec<Found<'a>>, Deps), Judgement> {
    let writes = writes(case, txns)?;
    let mut found = Vec::new();
    let mut reads = Vec::new();
    for (number, txn) in txns.all.iter().enumerate().filter(|(_, txn)| txn.op.is_ok()) {
        found.extend(internal(case, txns, number));
        let mut met = BTreeSet::new();
        for part in &txn.parts {
            let (key, value) = match part {
                Micro::Write(key, _) => {
                    met.insert(*key);
                    continue;
                }
                Micro::Read(key, Some(value)) if met.insert(*key) => (*key, *value),
                _ => continue,
            };
            let wrote = txn.parts.iter().rev().find_map(|part| match part {
                Micro::Write(at, wrote) if *at == key => Some(*wrote),
                _ => None,
            });
            reads.push(Read { txn: number, key, value, wrote });
        }
    }
    for read in &reads {
        found.extend(strange(case, txns, &writes, read));
    }
    found.extend(lost_update(case, txns, &reads));
    found.extend(circular(case, txns, &reads));
    // What was seen is known to be the latest only where no read may be old.
    let isolation = &case.question.isolation;
    let order = match isolation.prohibited.contains(&Anomaly::GSingle) {
        true => isolation.order,
        false => TxnOrder::Data,
    };
    let versions = Versions::of(txns, &writes, &reads, order, case.question.budget);
    Ok((found, deps(&writes, &reads, &versions)))
}

fn writes(case: &Case<'_>, txns: &Txns<'_>) -> Result<Writes, Judgement> {
    let mut writes: Writes = BTreeMap::new();
    for (number, txn) in txns.all.iter().enumerate() {
        let mut last: BTreeMap<ValueId, ValueId> = BTreeMap::new();
        for part in &txn.parts {
            let Micro::Write(key, value) = part else { continue };
            let before = writes.insert((*key, *value), Write { txn: number, is_last: true });
            let other = before.map(|before| txns.all[before.txn].op);
            if other.is_some() || *value == txns.initial {
                let other = other.map_or("the beginning", |op| case.tell.who(op));
                return Err(Judgement::unknown(format!(
                    "{} and {other} both wrote {} to {}, so what a read saw is not known: \
                     let every write have a value of its own",
                    case.tell.who(txn.op),
                    txns.text(*value),
                    txns.text(*key),
                )));
            }
            if let Some(before) = last.insert(*key, *value)
                && let Some(write) = writes.get_mut(&(*key, before))
            {
                write.is_last = false;
            }
        }
    }
    Ok(writes)
}

/// A transaction must see what it has done itself.
fn internal<'a>(case: &Case<'a>, txns: &Txns<'a>, number: usize) -> Option<Found<'a>> {
    let txn = &txns.all[number];
    let mut known: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    for (at, part) in txn.parts.iter().enumerate() {
        match part {
            Micro::Write(key, value) => drop(known.insert(*key, *value)),
            Micro::Read(key, Some(value)) => {
                if txn.parts[at..].contains(&Micro::Write(*key, *value)) {
                    let text = format!(
                        "{} of {} read {} as {}, and wrote that itself only afterwards",
                        name(txn.op),
                        case.tell.who(txn.op),
                        txns.text(*key),
                        txns.text(*value),
                    );
                    return Some(Found::plain(Anomaly::Internal, text, txn.op, Vec::new()));
                }
                let before = known.insert(*key, *value);
                if let Some(before) = before.filter(|before| before != value) {
                    let text = format!(
                        "{} of {} read {} as {}, though it had read or written {} there before",
                        name(txn.op),
                        case.tell.who(txn.op),
                        txns.text(*key),
                        txns.text(*value),
                        txns.text(before),
                    );
                    return Some(Found::plain(Anomaly::Internal, text, txn.op, Vec::new()));
                }
            }
            _ => {}
        }
    }
    None
}

/// A value that nobody wrote, or that was not there to stay.
fn strange<'a>(
    case: &Case<'a>,
    txns: &Txns<'a>,
    writes: &Writes,
    read: &Read,
) -> Option<Found<'a>> {
    if read.value == txns.initial {
        return None;
    }
    let op = txns.all[read.txn].op;
    let (key, value) = (txns.text(read.key), txns.text(read.value));
    let seen = format!("{} of {} read {key} as {value}", name(op), case.tell.who(op));
    let Some(write) = writes.get(&(read.key, read.value)) else {
        let text = format!("{seen}, and nobody wrote that");
        return Some(Found::plain(Anomaly::Garbage, text, op, Vec::new()));
    };
    let writer = txns.all[write.txn].op;
    let wrote = format!("{} of {}", name(writer), case.tell.who(writer));
    if writer.is_failed() {
        let text = format!("{seen}, and {wrote}, which wrote that, did not happen");
        return Some(Found::plain(Anomaly::G1a, text, op, vec![writer]));
    }
    if !write.is_last && write.txn != read.txn {
        let text = format!("{seen}, in the midst of {wrote}, which wrote that and then more");
        return Some(Found::plain(Anomaly::G1b, text, op, vec![writer]));
    }
    None
}

/// Two transactions read one version of a register, and both wrote it.
fn lost_update<'a>(case: &Case<'a>, txns: &Txns<'a>, reads: &[Read]) -> Option<Found<'a>> {
    let mut updates: BTreeMap<(ValueId, ValueId), usize> = BTreeMap::new();
    for read in reads.iter().filter(|read| read.wrote.is_some()) {
        if let Some(other) = updates.insert((read.key, read.value), read.txn) {
            let (one, other) = (txns.all[other].op, txns.all[read.txn].op);
            let text = format!(
                "{} of {} and {} of {} both read {} as {} and then wrote it",
                name(one),
                case.tell.who(one),
                name(other),
                case.tell.who(other),
                txns.text(read.key),
                txns.text(read.value),
            );
            return Some(Found::plain(Anomaly::LostUpdate, text, other, vec![one]));
        }
    }
    None
}

/// Versions that would have to be older than each other.
fn circular<'a>(case: &Case<'a>, txns: &Txns<'a>, reads: &[Read]) -> Option<Found<'a>> {
    let mut nodes: BTreeMap<(ValueId, ValueId), usize> = BTreeMap::new();
    let mut edges = Vec::new();
    for (number, read) in reads.iter().enumerate() {
        let Some(wrote) = read.wrote else { continue };
        let mut node = |value: ValueId| {
            let next = nodes.len();
            *nodes.entry((read.key, value)).or_insert(next)
        };
        edges.push((node(read.value), node(wrote), number));
    }
    let mut graph = Graph::new(nodes.len());
    edges.iter().for_each(|(from, to, read)| graph.add(*from, *to, *read));
    let circle = graph.circle(&|_| true)?;
    let ops: Vec<_> = circle.iter().map(|edge| txns.all[reads[edge.what].txn].op).collect();
    let told: Vec<String> = circle
        .iter()
        .map(|edge| {
            let read = &reads[edge.what];
            let op = txns.all[read.txn].op;
            format!(
                "{} of {} read {} as {} and wrote {}",
                name(op),
                case.tell.who(op),
                txns.text(read.key),
                txns.text(read.value),
                read.wrote.map(|wrote| txns.text(wrote)).unwrap_or_default(),
            )
        })
        .collect();
    let text = format!("each version would have to be older than itself: {}", told.join(", "));
    let first = *ops.first()?;
    Some(Found::plain(Anomaly::IncompatibleOrder, text, first, ops))
}

fn deps(writes: &Writes, reads: &[Read], versions: &Versions) -> Deps {
    let mut deps = Deps::new(versions.cut);
    let writer = |key: ValueId, value: ValueId| writes.get(&(key, value)).map(|write| write.txn);
    for ((key, value), then) in &versions.younger {
        for then in then.iter().copied() {
            if let (Some(from), Some(to)) = (writer(*key, *value), writer(*key, then)) {
                let inferred = versions.is_inferred((*key, *value), then);
                let value = Some(*value);
                deps.add(Dep { kind: DepKind::Ww, from, to, key: *key, value, then, inferred });
            }
        }
    }
    for read in reads {
        let (key, value) = (read.key, Some(read.value));
        if let Some(from) = writer(key, read.value) {
            let then = read.value;
            let (to, inferred) = (read.txn, false);
            deps.add(Dep { kind: DepKind::Wr, from, to, key, value, then, inferred });
        }
        for then in versions.younger.get(&(key, read.value)).into_iter().flatten().copied() {
            if let Some(to) = writer(key, then) {
                let (from, inferred) = (read.txn, versions.is_inferred((key, read.value), then));
                deps.add(Dep { kind: DepKind::Rw, from, to, key, value, then, inferred });
            }
        }
    }
    deps
}
