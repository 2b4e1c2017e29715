//! Registers whose writes can be told apart: which write each read has seen, and who did what before what.
//!
//! ```text
//! ann   write x 1 . write x 2        a *lane* is a chain of operations of one client, one after another;
//! bob   read x 2 (ann's second)      a client that does several things at once has several lanes
//! ```
//!
//! Session guarantees and causal consistency are judged from these facts. They need to know which write a
//! read has seen: so a value that was written twice and read makes the history one of which nothing is known.

use std::collections::BTreeMap;

use crate::base::NodeId;
use crate::scenario::model::{Criterion, Function};

use super::super::words::show;
use super::case::{Case, Judgement};
use super::history::Operation;
use super::values::{NULL, ValueId, Values};

/// A read or a write that happened.
#[derive(Debug, Clone)]
pub(super) struct Fact<'a> {
    pub(super) op: &'a Operation,
    /// The number of its key.
    pub(super) key: usize,
    pub(super) kind: Kind,
    /// Its lane, and its place there.
    pub(super) lane: usize,
    pub(super) place: usize,
    /// What its client had done before: of each of its lanes the last fact that had ended.
    pub(super) before: Vec<usize>,
}

/// What a fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Write,
    /// A read, and the write that it saw; none if it saw what was there at first.
    Read(Option<usize>),
}

/// All that happened to the registers of a case.
pub(super) struct Facts<'a> {
    /// In the order in which they began.
    pub(super) all: Vec<Fact<'a>>,
    /// The facts of each lane, in their order.
    pub(super) lanes: Vec<Vec<usize>>,
    /// How many keys there are.
    pub(super) keys: usize,
}

impl<'a> Facts<'a> {
    /// The facts of a case.
    ///
    /// # Errors
    /// The judgement, if a read has seen what nobody wrote, or nobody can say which write it has seen.
    pub(super) fn of(case: &Case<'a>) -> Result<Facts<'a>, Judgement> {
        let mut values = Values::new();
        let initial = values.id(&case.question.initial);
        let mut keys: BTreeMap<ValueId, usize> = BTreeMap::new();
        let mut key_of = |op: &Operation, values: &mut Values| {
            let next = keys.len();
            *keys.entry(values.id(&op.key)).or_insert(next)
        };
        // Who wrote a value, and who else.
        let mut writers: BTreeMap<(usize, ValueId), (&'a Operation, Option<&'a Operation>)> =
            BTreeMap::new();
        let mut reads = BTreeMap::new();
        for op in &case.ops {
            let key = key_of(op, &mut values);
            match case.function(op)? {
                Function::Read if op.is_ok() => {
                    reads.insert(op.id, (key, values.id(op.value())));
                }
                Function::Read => {}
                function => {
                    let value =
                        if function == Function::Delete { NULL } else { values.id(op.value()) };
                    if !op.is_failed() {
                        writers
                            .entry((key, value))
                            .and_modify(|(_, other)| *other = other.or(Some(op)))
                            .or_insert((op, None));
                    }
                }
            }
        }
        let mut seen: BTreeMap<u64, Option<&'a Operation>> = BTreeMap::new();
        for op in &case.ops {
            let Some((key, value)) = reads.get(&op.id) else { continue };
            match writers.get(&(*key, *value)) {
                Some((one, Some(other))) => return Err(twice(case, op, one, other)),
                Some((one, None)) if *value == initial => return Err(as_at_first(case, op, one)),
                Some((one, None)) => drop(seen.insert(op.id, Some(one))),
                None if *value == initial => drop(seen.insert(op.id, None)),
                None => return Err(thin_air(case, op)),
            }
        }
        let is_seen: std::collections::BTreeSet<u64> =
            seen.values().flatten().map(|write| write.id).collect();
        let mut facts = Facts { all: Vec::new(), lanes: Vec::new(), keys: 0 };
        let mut numbers: BTreeMap<u64, usize> = BTreeMap::new();
        let mut sessions: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for op in &case.ops {
            let is_read = reads.contains_key(&op.id);
            let happened = op.is_ok() || is_seen.contains(&op.id);
            if !happened || (!is_read && case.function(op)? == Function::Read) {
                continue;
            }
            numbers.insert(op.id, facts.all.len());
            let key = key_of(op, &mut values);
            facts.add(op, key, sessions.entry(op.client).or_default());
        }
        facts.keys = keys.len();
        for fact in &mut facts.all {
            if let Some(source) = seen.get(&fact.op.id) {
                let number = |write: &Operation| numbers.get(&write.id).copied();
                fact.kind = Kind::Read(source.and_then(number));
            }
        }
        Ok(facts)
    }

    fn add(&mut self, op: &'a Operation, key: usize, session: &mut Vec<usize>) {
        // Of each lane of the client, the last that had ended.
        let mut before = Vec::new();
        let mut free = None;
        for lane in session.iter().copied() {
            let ended = |number: &usize| self.all[*number].op.precedes(op);
            let facts = &self.lanes[lane];
            // The facts of a lane end in its order.
            let count = facts.partition_point(ended);
            before.extend(count.checked_sub(1).map(|last| facts[last]));
            if count == facts.len() {
                free = free.or(Some(lane));
            }
        }
        let lane = free.unwrap_or_else(|| {
            session.push(self.lanes.len());
            self.lanes.push(Vec::new());
            self.lanes.len() - 1
        });
        let place = self.lanes[lane].len();
        self.lanes[lane].push(self.all.len());
        self.all.push(Fact { op, key, kind: Kind::Write, lane, place, before });
    }

    /// What a read saw; none for a write.
    pub(super) fn source(&self, read: usize) -> Option<Option<usize>> {
        match self.all[read].kind {
            Kind::Read(source) => Some(source),
            Kind::Write => None,
        }
    }

    pub(super) fn is_write(&self, number: usize) -> bool {
        self.all[number].kind == Kind::Write
    }
}

fn twice(case: &Case<'_>, read: &Operation, one: &Operation, other: &Operation) -> Judgement {
    Judgement::unknown(format!(
        "{} and {} both wrote {}{}, so which of them {} saw is not known: \
         let every write have a value of its own",
        case.tell.who(one),
        case.tell.who(other),
        show(read.value()),
        case.tell.object(&read.key),
        case.tell.who(read),
    ))
}

fn as_at_first(case: &Case<'_>, read: &Operation, write: &Operation) -> Judgement {
    Judgement::unknown(format!(
        "{} wrote {}{}, which is also what was there at first, so which of them {} saw is not known: \
         let `initial:` be something that nobody writes",
        case.tell.who(write),
        show(read.value()),
        case.tell.object(&read.key),
        case.tell.who(read),
    ))
}

fn thin_air(case: &Case<'_>, read: &Operation) -> Judgement {
    let name = if case.question.criterion == Criterion::Causal { " (ThinAirRead)" } else { "" };
    let text =
        format!("{}{}, which nobody wrote", case.tell.whole(read), case.tell.object(&read.key),);
    let criterion = case.question.criterion.as_str();
    let cause = format!("{criterion}: a read saw a value that nobody wrote{name}");
    Judgement::violated(text, cause, read, [])
}
