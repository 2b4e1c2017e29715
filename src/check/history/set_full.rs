//! Elements that are added to a set, and stay in it: from some moment on every read has them.
//!
//! An element is *known* when its addition has ended, or a read that has it. It is *lost* if the last read,
//! begun when it was known, is without it; *stale* if an earlier one is. A set may take its time, so stale
//! elements are told but violate nothing.
//!
//! # Source
//! The `set-full` checker of Jepsen, by its description.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::Value;
use crate::scenario::model::Function;

use super::case::{Case, Judgement};
use super::history::Operation;
use super::linearizable::by_key;
use super::tell::counted;
use super::values::{ValueId, Values};

/// How many lost elements a sentence names.
const NAMED_MAX: usize = 5;

/// What is known of an element.
#[derive(Default)]
struct Element<'a> {
    added: Option<&'a Operation>,
    /// The place of the first end that makes it known.
    known: Option<u32>,
    /// The last read that has it, in the order of their beginnings.
    last: Option<&'a Operation>,
    /// How many reads that began when it was known have it.
    seen: usize,
    removed: bool,
}

pub(super) fn judge(case: &Case<'_>) -> Judgement {
    let (mut stable, mut stale, mut reads) = (0, 0, 0);
    for (key, ops) in by_key(case) {
        let mut set = match Set::of(case, &ops) {
            Ok(set) => set,
            Err(judgement) => return judgement,
        };
        match set.judge(case, &key) {
            Ok((more_stable, more_stale)) => {
                stable += more_stable;
                stale += more_stale;
                reads += set.reads.len();
            }
            Err(judgement) => return *judgement,
        }
    }
    if stable == 0 {
        return Judgement::unknown("no element was ever read: nothing can be lost");
    }
    let stale = match stale {
        0 => String::new(),
        count => format!("; {} missing in reads in between", counted(count, "was", "were")),
    };
    Judgement::holds(format!(
        "{} in the last of {}{stale}",
        counted(stable, "element is", "elements are"),
        counted(reads as u64, "read", "reads"),
    ))
}

struct Set<'a> {
    values: Values,
    elements: BTreeMap<ValueId, Element<'a>>,
    /// In the order of their beginnings, with what they have.
    reads: Vec<(&'a Operation, Vec<ValueId>)>,
}

impl<'a> Set<'a> {
    fn of(case: &Case<'a>, ops: &[usize]) -> Result<Set<'a>, Judgement> {
        let mut set = Set { values: Values::new(), elements: BTreeMap::new(), reads: Vec::new() };
        for op in ops.iter().map(|at| case.ops[*at]) {
            match case.function(op)? {
                Function::Read if !op.is_ok() => {}
                Function::Read => {
                    let Value::Array(items) = op.value() else {
                        if op.value().is_null() {
                            set.reads.push((op, Vec::new()));
                            continue;
                        }
                        let model = case.question.model;
                        let why = case.tell.misfit(op, model, "is no list");
                        return Err(Judgement::unknown(why));
                    };
                    let items = items.iter().map(|item| set.values.id(item)).collect();
                    set.reads.push((op, items));
                }
                function => {
                    let element = set.elements.entry(set.values.id(op.value())).or_default();
                    element.removed |= function == Function::Remove;
                    if function == Function::Add {
                        element.added.get_or_insert(op);
                        if op.is_ok() {
                            element.known = Some(element.known.map_or(op.back, |n| n.min(op.back)));
                        }
                    }
                }
            }
        }
        Ok(set)
    }

    /// How many elements are stable, and how many of these were stale; or that one is lost.
    fn judge(&mut self, case: &Case<'a>, key: &Value) -> Result<(u64, u64), Box<Judgement>> {
        let object = case.tell.object(key);
        for (read, items) in &self.reads {
            let mut once = BTreeSet::new();
            for item in items {
                let text = self.values.text(*item);
                let Some(element) = self.elements.get_mut(item) else {
                    let text =
                        format!("{}{object}: nobody had added {text}", case.tell.whole(read));
                    let cause = "set-full: a read has an element that nobody added";
                    return Err(Box::new(Judgement::violated(text, cause, read, [])));
                };
                if !once.insert(*item) {
                    let text = format!("{}{object}: {text} is there twice", case.tell.whole(read));
                    let cause = "set-full: a read has an element twice";
                    return Err(Box::new(Judgement::violated(text, cause, read, element.added)));
                }
                element.known = Some(element.known.map_or(read.back, |known| known.min(read.back)));
                element.last = Some(read);
            }
        }
        let Some((last, _)) = self.reads.last() else { return Ok((0, 0)) };
        for (read, items) in &self.reads {
            for item in items {
                let element = self.elements.entry(*item).or_default();
                element.seen += usize::from(element.known.is_some_and(|known| read.call > known));
            }
        }
        let judged = || self.elements.iter().filter(|(_, element)| !element.removed);
        let has = |element: &Element<'_>| element.last.is_some_and(|read| read.id == last.id);
        let lost: Vec<_> = judged()
            .filter(|(_, element)| !has(element))
            .filter(|(_, element)| element.known.is_some_and(|known| last.call > known))
            .collect();
        if let Some((_, first)) = lost.first() {
            return Err(Box::new(self.lost(case, &object, &lost, first, last)));
        }
        let mut stale = 0;
        for (_, element) in judged().filter(|(_, element)| has(element)) {
            let since = element.known.unwrap_or(0);
            let after =
                self.reads.len() - self.reads.partition_point(|(read, _)| read.call <= since);
            stale += u64::from(element.seen < after);
        }
        Ok((judged().filter(|(_, element)| has(element)).count() as u64, stale))
    }

    fn lost(
        &self,
        case: &Case<'a>,
        object: &str,
        lost: &[(&ValueId, &Element<'a>)],
        first: &Element<'a>,
        last: &Operation,
    ) -> Judgement {
        let names: Vec<&str> =
            lost.iter().take(NAMED_MAX).map(|(value, _)| self.values.text(**value)).collect();
        let more = match lost.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let name = names.first().copied().unwrap_or_default();
        let mut story = Vec::new();
        if let Some(added) = first.added {
            story.push(case.tell.whole(added));
        }
        if let Some(read) = first.last {
            story.push(format!("{} read it ({})", case.tell.who(read), case.tell.times(read)));
        }
        story.push(format!(
            "{} read without {name} ({})",
            case.tell.who(last),
            case.tell.times(last)
        ));
        let text = format!(
            "{} lost{object}: {}{more}: {}",
            counted(lost.len() as u64, "element is", "elements are"),
            names.join(", "),
            story.join(", then "),
        );
        let cause = match first.last {
            Some(_) => "set-full: an element that had been read is lost",
            None => "set-full: an element that had been added was never read",
        };
        Judgement::violated(text, cause, last, first.added.into_iter().chain(first.last))
    }
}
