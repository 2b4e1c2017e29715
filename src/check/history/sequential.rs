//! Sequential consistency: one order of all operations, that keeps to each client's own, explains every
//! result.
//!
//! Who had ended when another client began does not matter here, so a client may read what is long out of
//! date, as long as all of them can be told as one story. Unlike linearizability this cannot be judged one
//! key at a time: two stories that are fine by themselves may not fit together.
//!
//! ```text
//! ann  write x 1 . read y 0        x alone: read x 0, write x 1.  y alone: read y 0, write y 1.
//! bob  write y 1 . read x 0        together: each read would have to come before the other's write
//! ```
//!
//! The search is that of linearizability with other rules for what may come first: the operations of a
//! client that begin before the first of its own that is left has ended. The state is that of all objects,
//! stored once each. What is linearizable, key by key, is sequentially consistent without a search; what is
//! not even causal, is not.
//!
//! # Source
//! Lamport, "How to Make a Multiprocessor Computer That Correctly Executes Multiprocess Programs" (1979).

use std::collections::BTreeMap;

use crate::base::NodeId;
use crate::scenario::model::ModelKind;
use crate::trace::Outcome;

use super::budget::Budget;
use super::case::{Case, Judgement};
use super::history::OPEN;
use super::linearizable::{Undecided, by_key, compile};
use super::models::{Counter, Entry, Lock, Log, Model, Queue, Register, Set};
use super::seen::{Insert, Seen};
use super::tell::counted;
use super::values::Values;
use super::{causal, linearizable};

/// Judges all operations of a case at once.
pub(super) fn judge(case: &Case<'_>) -> Judgement {
    let in_time = linearizable::glance(case);
    if in_time.outcome == Outcome::Ok {
        return Judgement::holds(format!("{}, even one in real time", in_time.text));
    }
    if case.question.model == ModelKind::Register {
        let causal = causal::judge(case);
        if causal.outcome == Outcome::Failed {
            let text = format!("not even causal: {}", causal.text);
            let cause = format!("sequential: {}", causal.cause);
            return Judgement { text, cause, ..causal };
        }
    }
    let initial = &case.question.initial;
    match case.question.model {
        ModelKind::Counter => all(case, |_| Counter::new(initial)),
        ModelKind::Queue => all(case, |_| Queue::new()),
        ModelKind::Set => all(case, |_| Set::new()),
        ModelKind::Lock => all(case, |_| Lock),
        ModelKind::AppendLog => all(case, |_| Log::new()),
        _ => all(case, |values| Register::new(initial, values)),
    }
}

/// An operation, and on which object.
struct Item<A> {
    object: usize,
    client: NodeId,
    entry: Entry<A>,
}

fn all<M: Model>(case: &Case<'_>, make: impl Fn(&mut Values) -> M) -> Judgement {
    let (mut models, mut items) = (Vec::new(), Vec::new());
    for (object, (_, ops)) in by_key(case).into_iter().enumerate() {
        let mut values = Values::new();
        let mut model = make(&mut values);
        let mut entries = match compile(&mut model, case, &ops, &mut values) {
            Ok(entries) => entries,
            Err(misfit) => return misfit,
        };
        model.prepare(&mut entries);
        let client = |entry: &Entry<M::Act>| case.ops[entry.op as usize].client;
        items.extend(entries.into_iter().map(|entry| Item {
            object,
            client: client(&entry),
            entry,
        }));
        models.push(model);
    }
    items.sort_unstable_by_key(|item| item.entry.call);
    let mut budget = Budget::new(case.question.budget);
    let objects = models.len();
    let found = Search::new(&mut models, &items).run(&mut budget);
    let undecided = |why: Undecided| {
        Judgement::unknown(format!(
            "{}, and no order was found: this may be sequentially consistent or not",
            why.why(case.question.budget)
        ))
    };
    match found {
        Found::Order => Judgement::holds(format!(
            "{} on {} have one order that explains them",
            counted(items.len() as u64, "operation", "operations"),
            counted(objects as u64, "object", "objects"),
        )),
        Found::OutOfSteps => undecided(Undecided::Steps),
        Found::OutOfMemory => undecided(Undecided::Memory),
        Found::None => contradiction(case, &mut models, items),
    }
}

/// The most steps that all searches of a reduction take together, and one of them.
const REDUCTION_MAX: (u64, u64) = (10_000_000, 300_000);

/// What there is to say about operations that have no order.
fn contradiction<M: Model>(
    case: &Case<'_>,
    models: &mut [M],
    mut items: Vec<Item<M::Act>>,
) -> Judgement {
    let (mut left, most) = REDUCTION_MAX;
    let mut size = items.len().div_ceil(2);
    while size > 0 && left > 0 {
        let mut start = 0;
        while start < items.len() && left > 0 {
            let gone = gone(models, &items, start..start + size);
            let limit = most.min(left);
            let mut budget = Budget::new(limit);
            let rest: Vec<Item<M::Act>> = items
                .iter()
                .zip(&gone)
                .filter(|(_, gone)| !**gone)
                .map(|(item, _)| Item { ..*item })
                .collect();
            let fewer = rest.len() < items.len();
            let is_none = fewer && {
                prepare(models, &rest);
                Search::new(models, &rest).run(&mut budget) == Found::None
            };
            left = left.saturating_sub(limit - budget.left() + items.len() as u64);
            if is_none { items = rest } else { start += size }
        }
        size = if size == 1 { 0 } else { size.min(items.len()).div_ceil(2) };
    }
    let ops: Vec<_> = items.iter().map(|item| case.ops[item.entry.op as usize]).collect();
    let Some(last) = ops.iter().copied().max_by_key(|op| (op.back, op.call)) else {
        return Judgement::unknown("a contradiction of no operations");
    };
    let mut clients: BTreeMap<NodeId, Vec<String>> = BTreeMap::new();
    for op in &ops {
        let deed = case.tell.deed(op);
        let deed = deed.strip_prefix(case.tell.who(op)).unwrap_or(&deed).trim_start().to_owned();
        let told =
            if op.key.is_null() { deed } else { format!("{deed}{}", case.tell.object(&op.key)) };
        clients.entry(op.client).or_default().push(told);
    }
    let stories: Vec<String> = clients
        .iter()
        .take(8)
        .map(|(client, deeds)| format!("{} {}", case.tell.name(*client), deeds.join(", then ")))
        .collect();
    let count = ops.len();
    let text =
        format!("no order of these {count} operations tells all of it: {}", stories.join("; "));
    let shape = clients.values().map(Vec::len).map(|n| n.to_string()).collect::<Vec<_>>();
    let objects = items.iter().map(|item| item.object).collect::<std::collections::BTreeSet<_>>();
    let cause = format!(
        "sequential {}: {} operations of {} clients ({}) on {} objects",
        case.question.model.as_str(),
        count,
        clients.len(),
        shape.join("+"),
        objects.len(),
    );
    Judgement::violated(text, cause, last, ops.iter().copied())
}

fn prepare<M: Model>(models: &mut [M], items: &[Item<M::Act>]) {
    for (object, model) in models.iter_mut().enumerate() {
        let own = items.iter().filter(|item| item.object == object);
        model.prepare(&mut own.map(|item| item.entry).collect());
    }
}

/// What goes if these items go.
fn gone<M: Model>(
    models: &[M],
    items: &[Item<M::Act>],
    range: std::ops::Range<usize>,
) -> Vec<bool> {
    let mut gone: Vec<bool> = (0..items.len()).map(|at| range.contains(&at)).collect();
    for (object, model) in models.iter().enumerate() {
        let own: Vec<usize> = (0..items.len()).filter(|at| items[*at].object == object).collect();
        // Real time does not matter here, so nothing may go because of it.
        let timeless = |at: &usize| Entry { call: 0, back: OPEN, ..items[*at].entry };
        let entries: Vec<Entry<M::Act>> = own.iter().map(timeless).collect();
        let mut flags: Vec<bool> = own.iter().map(|at| gone[*at]).collect();
        if flags.contains(&true) {
            model.along(&entries, &mut flags);
            own.iter().zip(flags).for_each(|(at, flag)| gone[*at] = flag);
        }
    }
    gone
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Order,
    None,
    OutOfSteps,
    OutOfMemory,
}

struct Search<'a, M: Model> {
    models: &'a mut [M],
    items: &'a [Item<M::Act>],
    /// The items of each client, in the order of their calls.
    clients: Vec<Vec<usize>>,
    /// Of each client, how many of its first items were taken.
    done: Vec<usize>,
    taken: Vec<bool>,
    states: Vec<u64>,
    left: usize,
    seen: Seen,
    key: Vec<u64>,
}

/// One item that was taken: of which client, its object's state before, and what comes after it.
struct Step {
    client: usize,
    item: usize,
    state: u64,
    done: usize,
    forced: bool,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(models: &'a mut [M], items: &'a [Item<M::Act>]) -> Search<'a, M> {
        let mut clients: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (at, item) in items.iter().enumerate() {
            clients.entry(item.client).or_default().push(at);
        }
        let clients: Vec<Vec<usize>> = clients.into_values().collect();
        Search {
            states: models.iter().map(Model::initial).collect(),
            models,
            items,
            done: vec![0; clients.len()],
            clients,
            taken: vec![false; items.len()],
            left: items.iter().filter(|item| !item.entry.is_open()).count(),
            seen: Seen::new(),
            key: Vec::new(),
        }
    }

    /// The items that may come next, the earliest first: an order that keeps to real time, if there is
    /// one, is the first that is tried.
    fn candidates(&self, budget: &mut Budget) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for (client, own) in self.clients.iter().enumerate() {
            let mut first_end = u32::MAX;
            for item in &own[self.done[client]..] {
                budget.step();
                let entry = &self.items[*item].entry;
                if entry.call > first_end {
                    break;
                }
                if !self.taken[*item] {
                    first_end = first_end.min(entry.back);
                    found.push((*item, client));
                }
            }
        }
        found.sort_unstable();
        found
    }

    fn after(&mut self, item: usize) -> Option<u64> {
        let Item { object, entry, .. } = &self.items[item];
        let before = self.states[*object];
        let state = self.models[*object].step(before, entry.act)?;
        (!entry.is_open() || state != before).then_some(state)
    }

    fn take(&mut self, (item, client): (usize, usize), state: u64, forced: bool) -> Step {
        let object = self.items[item].object;
        let step =
            Step { client, item, state: self.states[object], done: self.done[client], forced };
        self.states[object] = state;
        self.taken[item] = true;
        self.left -= usize::from(!self.items[item].entry.is_open());
        let own = &self.clients[client];
        while own.get(self.done[client]).is_some_and(|next| self.taken[*next]) {
            self.done[client] += 1;
        }
        step
    }

    fn put_back(&mut self, step: &Step) {
        let Item { object, entry, .. } = &self.items[step.item];
        self.states[*object] = step.state;
        self.taken[step.item] = false;
        self.left += usize::from(!entry.is_open());
        self.done[step.client] = step.done;
    }

    /// Takes reads that may come next and fit, until there are none.
    fn take_what_fits(&mut self, trail: &mut Vec<Step>, budget: &mut Budget) {
        loop {
            let before = trail.len();
            for next in self.candidates(budget) {
                let is_read = M::is_read(self.items[next.0].entry.act);
                if is_read && let Some(state) = self.after(next.0) {
                    trail.push(self.take(next, state, true));
                }
            }
            if trail.len() == before || budget.left() == 0 {
                return;
            }
        }
    }

    fn remember(&mut self) -> Insert {
        self.key.clear();
        for (client, own) in self.clients.iter().enumerate() {
            let done = self.done[client];
            self.key.push(done as u64);
            // Those taken behind the first that was not.
            let behind = own[done..].iter().enumerate().filter(|(_, item)| self.taken[**item]);
            let before = self.key.len();
            self.key.extend(behind.map(|(n, _)| n as u64));
            self.key.push(u64::MAX - (self.key.len() - before) as u64);
        }
        self.key.extend_from_slice(&self.states);
        self.seen.insert(&self.key)
    }

    fn run(mut self, budget: &mut Budget) -> Found {
        let mut trail = Vec::new();
        self.take_what_fits(&mut trail, budget);
        let mut choices: Vec<Vec<(usize, usize)>> = Vec::new();
        loop {
            if self.left == 0 {
                return Found::Order;
            }
            if budget.left() == 0 {
                return Found::OutOfSteps;
            }
            let mut next = self.candidates(budget);
            next.reverse();
            choices.push(next);
            // The next choice that leads somewhere new.
            'choose: loop {
                let Some(left) = choices.last_mut() else { return Found::None };
                let Some(choice) = left.pop() else {
                    choices.pop();
                    while let Some(step) = trail.pop() {
                        self.put_back(&step);
                        if !step.forced {
                            break;
                        }
                    }
                    if choices.is_empty() {
                        return Found::None;
                    }
                    continue;
                };
                if !budget.step() {
                    return Found::OutOfSteps;
                }
                let Some(state) = self.after(choice.0) else { continue };
                trail.push(self.take(choice, state, false));
                self.take_what_fits(&mut trail, budget);
                match self.remember() {
                    Insert::New => break 'choose,
                    Insert::Full => return Found::OutOfMemory,
                    Insert::Known => {
                        while let Some(step) = trail.pop() {
                            self.put_back(&step);
                            if !step.forced {
                                break;
                            }
                        }
                    }
                }
            }
        }
    }
}
