//! Why there is no order, in a sentence, and what kind of violation that is.

use std::collections::BTreeMap;

use crate::base::Value;
use crate::scenario::model::{Function, ModelKind};

use super::super::words::show;
use super::case::{Case, Judgement};
use super::history::Operation;
use super::tell::moment;
use super::values::text;

/// The most operations whose deeds a sentence lists.
const LISTED_MAX: usize = 8;

/// The most elements of a list that are named in a kind of violation.
const ELEMENTS_MAX: usize = 8;

/// Operations on one object that have no order.
pub(super) struct Contradiction<'a> {
    pub(super) key: Value,
    /// In the order in which they began.
    pub(super) ops: Vec<&'a Operation>,
    /// The one that finds no place.
    pub(super) culprit: Option<&'a Operation>,
    /// Of lists, the elements that matter, as text; empty if all do.
    pub(super) elements: Vec<String>,
}

/// The reason in a clause, and the kind of violation.
struct Reason<'a> {
    clause: String,
    kind: String,
    /// One more operation that the clause names.
    also: Option<&'a Operation>,
}

/// The judgement that a criterion is violated because of this.
pub(super) fn judgement(case: &Case<'_>, found: &Contradiction<'_>) -> Judgement {
    let Some(culprit) = found.culprit.or_else(|| found.ops.last().copied()) else {
        return Judgement::unknown("a contradiction of no operations");
    };
    let reason = reason(case, found, culprit);
    let object = case.tell.object(&found.key);
    let deed = case.tell.deed_with(culprit, &value(culprit, found));
    let times = case.tell.times(culprit);
    let what = match found.ops.len() + usize::from(reason.also.is_some()) {
        1 => format!("nothing{object} explains"),
        count => format!("no order of these {count} operations{object} explains"),
    };
    let words = format!("{what} that {deed} ({times}): {}", reason.clause);
    let (criterion, model) = (case.question.criterion.as_str(), case.question.model.as_str());
    let cause = format!("{criterion} {model}: {}", reason.kind);
    Judgement::violated(words, cause, culprit, found.ops.iter().copied().chain(reason.also))
}

fn reason<'a>(case: &Case<'a>, found: &Contradiction<'a>, culprit: &'a Operation) -> Reason<'a> {
    let special = match case.question.model {
        ModelKind::Register | ModelKind::CasRegister => register(case, found, culprit),
        _ => None,
    };
    special.unwrap_or_else(|| Reason {
        clause: others(case, found, culprit),
        kind: shape(case, found),
        also: None,
    })
}

/// The deeds of the others: `not if ann acquired the lock (0ms to 1ms), ...`.
fn others(case: &Case<'_>, found: &Contradiction<'_>, culprit: &Operation) -> String {
    let others: Vec<&&Operation> = found.ops.iter().filter(|op| op.id != culprit.id).collect();
    let told = others.iter().take(LISTED_MAX).map(|op| {
        format!("{} ({})", case.tell.deed_with(op, &value(op, found)), case.tell.times(op))
    });
    let mut told = told.collect::<Vec<_>>().join(", ");
    if others.len() > LISTED_MAX {
        told += &format!(" and {} more", others.len() - LISTED_MAX);
    }
    match told.as_str() {
        "" => "nothing else could have led to it".to_owned(),
        told => format!("not if {told}"),
    }
}

/// An operation's value; of a long list only what matters.
fn value(op: &Operation, found: &Contradiction<'_>) -> String {
    let Value::Array(items) = op.value() else { return show(op.value()) };
    if found.elements.is_empty() || items.len() <= found.elements.len().max(ELEMENTS_MAX) {
        return show(op.value());
    }
    let matters = |item: &&Value| found.elements.iter().any(|one| *one == text(item));
    let shown: Vec<String> = items.iter().filter(matters).map(show).collect();
    match shown.len() {
        0 => format!("{} elements without {}", items.len(), found.elements.join(" and ")),
        _ => format!("[… {} …]", shown.join(" … ")),
    }
}

// ---- registers ----------------------------------------------------------------------------

fn register<'a>(
    case: &Case<'a>,
    found: &Contradiction<'a>,
    culprit: &'a Operation,
) -> Option<Reason<'a>> {
    let function = |op: &Operation| case.question.model.function(&op.f);
    if function(culprit) != Some(Function::Read) {
        return None;
    }
    let wrote = |op: &Operation| match function(op) {
        Some(Function::Write) => Some(text(op.value()).into_owned()),
        Some(Function::Delete) => Some("null".to_owned()),
        _ => None,
    };
    let saw = text(culprit.value()).into_owned();
    let rest: Vec<&Operation> =
        found.ops.iter().copied().filter(|op| op.id != culprit.id).collect();
    if rest.is_empty() {
        return Some(unwritten(case, found, culprit));
    }
    let writes: Vec<&Operation> = rest.iter().copied().filter(|op| wrote(op).is_some()).collect();
    let known = writes.iter().copied().find(|op| wrote(op).as_ref() == Some(&saw));
    // What was overwritten for certain need not be among those that contradict each other.
    let of_old = |op: &&Operation| {
        let is_old = op.is_ok() && rest.iter().any(|other| op.precedes(other));
        is_old && text(&op.key) == text(&found.key) && wrote(op).as_ref() == Some(&saw)
    };
    let also = match known {
        Some(_) => None,
        None => case.ops.iter().copied().filter(of_old).max_by_key(|op| op.back),
    };
    let source = known.or(also);
    let others: Vec<&Operation> =
        rest.iter().copied().filter(|op| source.is_none_or(|source| source.id != op.id)).collect();
    let newer = |op: &Operation| source.is_none_or(|source| source.precedes(op));
    match others.as_slice() {
        // A write came between.
        [write] if wrote(write).is_some() && write.precedes(culprit) && newer(write) => {
            let (clause, kind) = match source {
                Some(source) => (
                    format!(
                        "{}, after {}, and that had ended before the read began",
                        case.tell.whole(write),
                        case.tell.whole(source)
                    ),
                    "a read saw a value that had been overwritten before it began",
                ),
                None => (
                    format!("{}, and that had ended before the read began", case.tell.whole(write)),
                    "a read saw the initial value after a write had ended",
                ),
            };
            Some(Reason { clause, kind: kind.to_owned(), also })
        }
        // Somebody had seen a newer value before.
        others => {
            let read = others.iter().copied().find(|op| {
                function(op) == Some(Function::Read)
                    && op.precedes(culprit)
                    && text(op.value()) != saw
            })?;
            let seen = text(read.value()).into_owned();
            let plain =
                others.iter().all(|op| op.id == read.id || wrote(op).as_ref() == Some(&seen));
            if !plain {
                return None;
            }
            let before: Vec<String> = source
                .into_iter()
                .chain(others.iter().copied().filter(|op| op.id != read.id))
                .map(|op| case.tell.whole(op))
                .collect();
            let after = if before.is_empty() {
                String::new()
            } else {
                format!(", after {}", before.join(" and "))
            };
            let clause = format!(
                "{} before that{after}, and a register does not go back",
                case.tell.whole(read)
            );
            let kind = "a read saw an older value than a read that had ended before it began";
            Some(Reason { clause, kind: kind.to_owned(), also })
        }
    }
}

/// A read of what no write that could have come before it wrote.
fn unwritten<'a>(case: &Case<'a>, found: &Contradiction<'a>, culprit: &Operation) -> Reason<'a> {
    let saw = text(culprit.value());
    let leaves = |op: &Operation| {
        let value = match (case.question.model.function(&op.f), op.value()) {
            (Some(Function::Write), value) => value,
            (Some(Function::Cas), Value::Array(pair)) if pair.len() == 2 => &pair[1],
            _ => return false,
        };
        text(&op.key) == text(&found.key) && text(value) == saw
    };
    let mut writes = case.ops.iter().filter(|op| leaves(op));
    let first = writes.clone().find(|op| !op.is_failed()).or_else(|| writes.next());
    let (clause, kind) = match first {
        Some(write) if write.is_failed() => (
            format!("{}, and that failed", case.tell.whole(write)),
            "a read saw the value of a write that failed",
        ),
        Some(write) => (
            format!(
                "the first to write that was {}, who began only at {}",
                case.tell.who(write),
                moment(write.began)
            ),
            "a read saw a value before it was written",
        ),
        None => (
            format!("nobody wrote that, and at first it was {}", show(&case.question.initial)),
            "a read saw a value that nobody wrote",
        ),
    };
    Reason { clause, kind: kind.to_owned(), also: None }
}

// ---- the shape of anything ----------------------------------------------------------------

/// What happened, with the values renamed in the order of their first appearance, and who had ended when
/// another began: `write a, write b, read a; 1<2 2<3`.
fn shape(case: &Case<'_>, found: &Contradiction<'_>) -> String {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    let mut label = |value: &Value| match value {
        Value::Null => "nothing".to_owned(),
        value => {
            let next = name(labels.len());
            labels.entry(text(value).into_owned()).or_insert(next).clone()
        }
    };
    let matters = |item: &&Value| {
        found.elements.is_empty() || found.elements.iter().any(|one| *one == text(item))
    };
    let ops: Vec<&Operation> = found.ops.iter().copied().take(LISTED_MAX).collect();
    let mut told = Vec::new();
    for op in &ops {
        let function = case.question.model.functions().iter().find(|(_, f)| f.contains(&&*op.f));
        let f = function.and_then(|(_, words)| words.first()).copied().unwrap_or(&op.f);
        let value = match op.value() {
            Value::Array(items) => {
                let items = items.iter().filter(matters).take(ELEMENTS_MAX);
                format!("[{}]", items.map(&mut label).collect::<Vec<_>>().join(" "))
            }
            value => label(value),
        };
        let open = if op.is_ok() { "" } else { "?" };
        told.push(format!("{f} {value}{open}"));
    }
    let mut order = Vec::new();
    for (i, one) in ops.iter().enumerate() {
        for (j, other) in ops.iter().enumerate() {
            let between = |op: &&Operation| one.precedes(op) && op.precedes(other);
            if one.precedes(other) && !ops.iter().any(between) {
                order.push(format!("{}<{}", i + 1, j + 1));
            }
        }
    }
    let more = if found.ops.len() > LISTED_MAX { " and more" } else { "" };
    format!("{}{more}; {}", told.join(", "), order.join(" "))
}

/// `a`, `b`, ..., `z`, `a1`, ...
fn name(number: usize) -> String {
    let letter = u32::try_from(number % 26).ok().and_then(|n| char::from_u32(u32::from(b'a') + n));
    let letter = letter.unwrap_or('a');
    if number < 26 { letter.to_string() } else { format!("{letter}{}", number / 26) }
}
