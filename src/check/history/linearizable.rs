//! Linearizability: one order of the operations, that keeps to real time, explains every result.
//!
//! The objects of a history are judged one by one, a key at a time: operations on different objects never
//! stand in each other's way (Herlihy and Wing's locality theorem), so a history is linearizable if each
//! object's part of it is, and many small searches take less time than one large one.
//!
//! # Source
//! Herlihy and Wing, "Linearizability: A Correctness Condition for Concurrent Objects" (1990).

use std::collections::BTreeMap;

use crate::base::Value;
use crate::scenario::model::ModelKind;

use super::budget::Budget;
use super::case::{Case, Judgement};
use super::explain::{self, Contradiction};
use super::minimal::{contradiction, reduce};
use super::models::{Counter, Entry, Lock, Log, Model, Queue, Register, Set};
use super::search::{Found, order};
use super::tell::counted;
use super::values::{ValueId, Values};
use super::zones::{Zones, zones};

/// The most steps of a search for the operation that a small contradiction turns on.
const CULPRIT_STEPS_MAX: u64 = 1_000_000;

/// Judges all objects of a case.
pub(super) fn judge(case: &Case<'_>) -> Judgement {
    every(case, true)
}

/// The same, but a violation is not explained.
pub(super) fn glance(case: &Case<'_>) -> Judgement {
    every(case, false)
}

fn every(case: &Case<'_>, explains: bool) -> Judgement {
    let initial = &case.question.initial;
    match case.question.model {
        ModelKind::Counter => objects(case, explains, |_| Counter::new(initial)),
        ModelKind::Queue => objects(case, explains, |_| Queue::new()),
        ModelKind::Set => objects(case, explains, |_| Set::new()),
        ModelKind::Lock => objects(case, explains, |_| Lock),
        ModelKind::AppendLog => objects(case, explains, |_| Log::new()),
        _ => objects(case, explains, |values| Register::new(initial, values)),
    }
}

/// The operations of a case by the object they are about, in the order in which objects were first met.
/// Those that certainly did not happen are left out.
pub(super) fn by_key(case: &Case<'_>) -> Vec<(Value, Vec<usize>)> {
    let mut places: BTreeMap<ValueId, usize> = BTreeMap::new();
    let mut keys = Values::new();
    let mut objects: Vec<(Value, Vec<usize>)> = Vec::new();
    for (at, op) in case.ops.iter().enumerate().filter(|(_, op)| !op.is_failed()) {
        let place = *places.entry(keys.id(&op.key)).or_insert(objects.len());
        if place == objects.len() {
            objects.push((op.key.clone(), Vec::new()));
        }
        objects[place].1.push(at);
    }
    objects
}

fn objects<M: Model>(
    case: &Case<'_>,
    explains: bool,
    make: impl Fn(&mut Values) -> M,
) -> Judgement {
    let mut budget = Budget::new(case.question.budget);
    let objects = by_key(case);
    let (mut judged, mut undecided) = (0_u64, None);
    for (key, ops) in &objects {
        let mut values = Values::new();
        let mut model = make(&mut values);
        let entries = match compile(&mut model, case, ops, &mut values) {
            Ok(entries) => entries,
            Err(misfit) => return misfit,
        };
        judged += entries.len() as u64;
        match object(&mut model, &entries, &mut budget) {
            Object::Order => {}
            Object::Contradiction(entries, culprit) => {
                let (entries, culprit) = match explains {
                    true => least(&mut model, &entries, culprit),
                    false => (entries, culprit),
                };
                let elements = model.elements(&entries);
                let elements = elements.iter().map(|one| values.text(*one).to_owned()).collect();
                let found = told(case, key, &entries, culprit, elements);
                return explain::judgement(case, &found);
            }
            Object::Undecided(why) => {
                undecided.get_or_insert_with(|| why.text(case, key, entries.len()));
            }
        }
    }
    if let Some(text) = undecided {
        return Judgement::unknown(text);
    }
    let model = case.question.model.as_str();
    Judgement::holds(format!(
        "{} of {} {} have an order that explains them",
        counted(judged, "operation", "operations"),
        objects.len(),
        if objects.len() == 1 { model.to_owned() } else { format!("{model}s") },
    ))
}

/// What the operations on one object do.
pub(super) fn compile<M: Model>(
    model: &mut M,
    case: &Case<'_>,
    ops: &[usize],
    values: &mut Values,
) -> Result<Vec<Entry<M::Act>>, Judgement> {
    let mut entries = Vec::with_capacity(ops.len());
    for at in ops {
        let op = case.ops[*at];
        let function = case.function(op)?;
        let act = model
            .compile(function, op, values)
            .map_err(|why| Judgement::unknown(case.tell.misfit(op, case.question.model, &why)))?;
        let Some(act) = act else { continue };
        let place = u32::try_from(*at).unwrap_or(u32::MAX);
        entries.push(Entry { op: place, call: op.call, back: op.back, act });
    }
    Ok(entries)
}

/// What was found about one object.
enum Object<A> {
    Order,
    /// Entries that have no order, and the one whose end cannot be reached.
    Contradiction(Vec<Entry<A>>, usize),
    Undecided(Undecided),
}

/// Why nothing was found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Undecided {
    Steps,
    Memory,
}

impl Undecided {
    fn text(self, case: &Case<'_>, key: &Value, operations: usize) -> String {
        let of = counted(operations as u64, "operation", "operations");
        let object = case.tell.object(key);
        let why = self.why(case.question.budget);
        format!(
            "{why}, and the {of}{object} were not all put in order: \
             this may be linearizable or not"
        )
    }

    /// `20,000,000 steps were too few`.
    pub(super) fn why(self, budget: u64) -> String {
        match self {
            Undecided::Steps => {
                format!(
                    "the search took its {} steps (`budget:` gives it more)",
                    crate::base::units::grouped(budget)
                )
            }
            Undecided::Memory => "the search met more states than it can remember".to_owned(),
        }
    }
}

/// Judges one object.
fn object<M: Model>(
    model: &mut M,
    entries: &[Entry<M::Act>],
    budget: &mut Budget,
) -> Object<M::Act> {
    let mut prepared = entries.to_vec();
    model.prepare(&mut prepared);
    let initial = ValueId::try_from(model.initial()).unwrap_or_default();
    let clash = match M::as_register(&prepared).map(|plain| zones(plain, initial)) {
        Some(Zones::Fit) => return Object::Order,
        Some(Zones::Clash(places)) => Some(places),
        Some(Zones::Ambiguous) | None => None,
    };
    let (kept, culprit) = match clash {
        Some(places) => {
            let kept: Vec<_> = places.iter().map(|place| prepared[*place]).collect();
            let mut steps = Budget::new(CULPRIT_STEPS_MAX);
            match contradiction(model, &kept, &mut steps) {
                Some(found) => found,
                None => return Object::Contradiction(kept, 0),
            }
        }
        None => match order(model, &prepared, budget) {
            Found::Order => return Object::Order,
            Found::None(culprit) => (prepared, culprit),
            Found::OutOfSteps => return Object::Undecided(Undecided::Steps),
            Found::OutOfMemory => return Object::Undecided(Undecided::Memory),
        },
    };
    Object::Contradiction(kept, culprit)
}

/// As few of the entries as contradict each other, and the one it turns on.
fn least<M: Model>(
    model: &mut M,
    entries: &[Entry<M::Act>],
    culprit: usize,
) -> (Vec<Entry<M::Act>>, usize) {
    let least = reduce(model, entries, culprit);
    let mut steps = Budget::new(CULPRIT_STEPS_MAX);
    contradiction(model, &least, &mut steps).unwrap_or_else(|| {
        let last = (0..least.len()).max_by_key(|at| least[*at].back).unwrap_or(0);
        (least, last)
    })
}

fn told<'a, A: Copy>(
    case: &Case<'a>,
    key: &Value,
    entries: &[Entry<A>],
    culprit: usize,
    elements: Vec<String>,
) -> Contradiction<'a> {
    let op = |entry: &Entry<A>| case.ops[entry.op as usize];
    Contradiction {
        key: key.clone(),
        ops: entries.iter().map(op).collect(),
        culprit: entries.get(culprit).map(op),
        elements,
    }
}
