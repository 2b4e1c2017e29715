//! Lists that transactions append to: each read tells the order of all appends before it.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::model::Anomaly;

use super::super::case::{Case, Judgement};
use super::super::values::ValueId;
use super::cycles::{Dep, DepKind, Deps};
use super::txn::{Micro, Txns};
use super::{Found, name};

/// Of how many transactions whose appends nobody read the order behind the longest read is told.
const UNREAD_MAX: usize = 64;

/// Who appended an element.
#[derive(Debug, Clone, Copy)]
struct Append {
    txn: usize,
    /// Whether the transaction appended another to the same list later.
    is_last: bool,
}

/// A read of a list from outside: without what the transaction had appended itself.
struct Read<'t> {
    txn: usize,
    key: ValueId,
    list: &'t [ValueId],
    /// The list without the transaction's own elements at its end.
    outside: usize,
}

type Appends = BTreeMap<(ValueId, ValueId), Append>;

pub(super) fn look<'a>(
    case: &Case<'a>,
    txns: &Txns<'a>,
) -> Result<(Vec<Found<'a>>, Deps), Judgement> {
    let appends = appends(case, txns)?;
    let reads = reads(txns);
    let mut found = Vec::new();
    for (number, _) in txns.all.iter().enumerate().filter(|(_, txn)| txn.op.is_ok()) {
        found.extend(internal(case, txns, number));
    }
    for read in &reads {
        found.extend(strange(case, txns, &appends, read));
    }
    let mut longest: BTreeMap<ValueId, &Read<'_>> = BTreeMap::new();
    for read in &reads {
        let known = longest.entry(read.key).or_insert(read);
        let (short, long) =
            if read.list.len() <= known.list.len() { (read, *known) } else { (*known, read) };
        if !long.list.starts_with(short.list) {
            found.push(incompatible(case, txns, short, long));
        }
        *known = long;
    }
    found.extend(lost_update(case, txns, &reads));
    Ok((found, deps(txns, &appends, &reads, &longest)))
}

fn appends(case: &Case<'_>, txns: &Txns<'_>) -> Result<Appends, Judgement> {
    let mut appends: Appends = BTreeMap::new();
    for (number, txn) in txns.all.iter().enumerate() {
        let mut last: BTreeMap<ValueId, ValueId> = BTreeMap::new();
        for part in &txn.parts {
            let Micro::Write(key, value) = part else { continue };
            let append = Append { txn: number, is_last: true };
            if let Some(before) = appends.insert((*key, *value), append) {
                return Err(Judgement::unknown(format!(
                    "{} and {} both appended {} to {}, so what a read saw is not known: \
                     let every append have an element of its own",
                    case.tell.who(txns.all[before.txn].op),
                    case.tell.who(txn.op),
                    txns.text(*value),
                    txns.text(*key),
                )));
            }
            if let Some(before) = last.insert(*key, *value)
                && let Some(append) = appends.get_mut(&(*key, before))
            {
                append.is_last = false;
            }
        }
    }
    Ok(appends)
}

/// The first read of each list by each transaction that happened.
fn reads<'t>(txns: &'t Txns<'_>) -> Vec<Read<'t>> {
    let mut reads = Vec::new();
    for (number, txn) in txns.all.iter().enumerate().filter(|(_, txn)| txn.op.is_ok()) {
        let mut own: BTreeSet<(ValueId, ValueId)> = BTreeSet::new();
        let mut read = BTreeSet::new();
        for part in &txn.parts {
            match part {
                Micro::Write(key, value) => drop(own.insert((*key, *value))),
                Micro::ReadList(key, Some(list)) if read.insert(*key) => {
                    let mine = |value: &&ValueId| own.contains(&(*key, **value));
                    let outside = list.len() - list.iter().rev().take_while(mine).count();
                    reads.push(Read { txn: number, key: *key, list, outside });
                }
                _ => {}
            }
        }
    }
    reads
}

/// A transaction must see what it has done itself.
fn internal<'a>(case: &Case<'a>, txns: &Txns<'a>, number: usize) -> Option<Found<'a>> {
    let txn = &txns.all[number];
    // Of each list, what was last read, if anything was, and what was appended since.
    let mut known: BTreeMap<ValueId, (Option<&[ValueId]>, Vec<ValueId>)> = BTreeMap::new();
    for (at, part) in txn.parts.iter().enumerate() {
        match part {
            Micro::Write(key, value) => known.entry(*key).or_default().1.push(*value),
            Micro::ReadList(key, Some(list)) => {
                let later = txn.parts[at..].iter().find_map(|part| match part {
                    Micro::Write(of, value) if of == key && list.contains(value) => Some(*value),
                    _ => None,
                });
                if let Some(value) = later {
                    let text = format!(
                        "{} of {} read {} as {}, and appended {} itself only afterwards",
                        name(txn.op),
                        case.tell.who(txn.op),
                        txns.text(*key),
                        txns.list(list),
                        txns.text(value),
                    );
                    return Some(Found::plain(Anomaly::Internal, text, txn.op, Vec::new()));
                }
                let (read, own) = known.entry(*key).or_default();
                let fits = match read {
                    Some(read) => {
                        list.len() == read.len() + own.len()
                            && list.starts_with(read)
                            && list.ends_with(own)
                    }
                    None => list.ends_with(own),
                };
                if !fits {
                    let before = match read {
                        Some(read) => format!("had read it as {}", txns.list(read)),
                        None => "had not read it".to_owned(),
                    };
                    let text = format!(
                        "{} of {} read {} as {}, though it {before} and appended {} itself",
                        name(txn.op),
                        case.tell.who(txn.op),
                        txns.text(*key),
                        txns.list(list),
                        txns.list(own),
                    );
                    return Some(Found::plain(Anomaly::Internal, text, txn.op, Vec::new()));
                }
                (*read, *own) = (Some(list.as_slice()), Vec::new());
            }
            _ => {}
        }
    }
    None
}

/// Elements that nobody appended, or twice, or that were not there to stay.
fn strange<'a>(
    case: &Case<'a>,
    txns: &Txns<'a>,
    appends: &Appends,
    read: &Read<'_>,
) -> Option<Found<'a>> {
    let op = txns.all[read.txn].op;
    let who = format!("{} of {}", name(op), case.tell.who(op));
    let (key, list) = (txns.text(read.key), txns.list(read.list));
    let mut once = BTreeSet::new();
    for value in read.list {
        let text = txns.text(*value);
        let Some(append) = appends.get(&(read.key, *value)) else {
            let what = format!("{who} read {key} as {list}, and nobody appended {text}");
            return Some(Found::plain(Anomaly::Garbage, what, op, Vec::new()));
        };
        let writer = txns.all[append.txn].op;
        if !once.insert(*value) {
            let what = format!("{who} read {key} as {list}, with {text} in it twice");
            return Some(Found::plain(Anomaly::Duplicate, what, op, vec![writer]));
        }
        if writer.is_failed() {
            let what = format!(
                "{who} read {key} as {list}, and {} of {}, which appended {text}, did not happen",
                name(writer),
                case.tell.who(writer),
            );
            return Some(Found::plain(Anomaly::G1a, what, op, vec![writer]));
        }
    }
    let last = read.list[..read.outside].last()?;
    let append = appends.get(&(read.key, *last))?;
    if append.is_last || append.txn == read.txn {
        return None;
    }
    let writer = txns.all[append.txn].op;
    let what = format!(
        "{who} read {key} as {list}, in the midst of {} of {}, which appended {} and then more",
        name(writer),
        case.tell.who(writer),
        txns.text(*last),
    );
    Some(Found::plain(Anomaly::G1b, what, op, vec![writer]))
}

fn incompatible<'a>(
    case: &Case<'a>,
    txns: &Txns<'a>,
    short: &Read<'_>,
    long: &Read<'_>,
) -> Found<'a> {
    let [one, other] = [short, long].map(|read| txns.all[read.txn].op);
    let text = format!(
        "{} of {} read {} as {}, and {} of {} read it as {}: no list can have been both",
        name(one),
        case.tell.who(one),
        txns.text(short.key),
        txns.list(short.list),
        name(other),
        case.tell.who(other),
        txns.list(long.list),
    );
    Found::plain(Anomaly::IncompatibleOrder, text, one, vec![other])
}

/// Two transactions read one state of a list, and both appended to it.
fn lost_update<'a>(case: &Case<'a>, txns: &Txns<'a>, reads: &[Read<'_>]) -> Option<Found<'a>> {
    let mut updates: BTreeMap<(ValueId, &[ValueId]), usize> = BTreeMap::new();
    for read in reads.iter().filter(|read| read.outside == read.list.len()) {
        let txn = &txns.all[read.txn];
        let appends =
            txn.parts.iter().any(|part| matches!(part, Micro::Write(key, _) if *key == read.key));
        if !appends {
            continue;
        }
        if let Some(other) = updates.insert((read.key, read.list), read.txn) {
            let (one, other) = (txns.all[other].op, txn.op);
            let text = format!(
                "{} of {} and {} of {} both read {} as {} and appended to it",
                name(one),
                case.tell.who(one),
                name(other),
                case.tell.who(other),
                txns.text(read.key),
                txns.list(read.list),
            );
            return Some(Found::plain(Anomaly::LostUpdate, text, other, vec![one]));
        }
    }
    None
}

fn deps(
    txns: &Txns<'_>,
    appends: &Appends,
    reads: &[Read<'_>],
    longest: &BTreeMap<ValueId, &Read<'_>>,
) -> Deps {
    let mut deps = Deps::default();
    let writer = |key: ValueId, value: ValueId| appends.get(&(key, value)).map(|append| append.txn);
    // Appends that nobody read came behind the longest read.
    let mut unread: BTreeMap<ValueId, Vec<(usize, ValueId)>> = BTreeMap::new();
    let mut read_values: BTreeSet<(ValueId, ValueId)> = BTreeSet::new();
    for (key, read) in longest {
        read_values.extend(read.list.iter().map(|value| (*key, *value)));
    }
    for ((key, value), append) in appends {
        let all = unread.entry(*key).or_default();
        let ok = txns.all[append.txn].op.is_ok();
        if ok && !read_values.contains(&(*key, *value)) && all.len() < UNREAD_MAX {
            all.push((append.txn, *value));
        }
    }
    let none = Vec::new();
    let next = |key: ValueId, list: &[ValueId], at: usize| -> Vec<(usize, ValueId)> {
        match list.get(at) {
            Some(value) => writer(key, *value).map(|txn| (txn, *value)).into_iter().collect(),
            None => unread.get(&key).unwrap_or(&none).clone(),
        }
    };
    for (key, read) in longest {
        for (at, value) in read.list.iter().enumerate() {
            let Some(from) = writer(*key, *value) else { continue };
            for (to, then) in next(*key, read.list, at + 1) {
                deps.add(Dep {
                    kind: DepKind::Ww,
                    from,
                    to,
                    key: *key,
                    value: Some(*value),
                    then,
                    inferred: false,
                });
            }
        }
    }
    for read in reads {
        let seen = &read.list[..read.outside];
        let last = seen.last().copied();
        if let Some(last) = last
            && let Some(from) = writer(read.key, last)
        {
            let (to, key) = (read.txn, read.key);
            deps.add(Dep {
                kind: DepKind::Wr,
                from,
                to,
                key,
                value: Some(last),
                then: last,
                inferred: false,
            });
        }
        let whole = longest.get(&read.key).map_or(&[][..], |read| read.list);
        for (to, then) in next(read.key, whole, seen.len()) {
            let (from, key) = (read.txn, read.key);
            deps.add(Dep { kind: DepKind::Rw, from, to, key, value: last, then, inferred: false });
        }
    }
    deps
}
