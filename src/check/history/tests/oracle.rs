//! Verdicts by trying every order there is: slow, short and simple enough to be believed.

use super::*;

/// What an object is, in plain data.
#[derive(Debug, Clone)]
pub(super) enum Plain {
    Register(Value),
    Counter(i64),
    List(Vec<Value>),
    Lock(Option<u32>),
}

pub(super) fn empty(model: ModelKind) -> Plain {
    match model {
        ModelKind::Register | ModelKind::CasRegister => Plain::Register(Value::Null),
        ModelKind::Counter => Plain::Counter(0),
        ModelKind::Lock => Plain::Lock(None),
        _ => Plain::List(Vec::new()),
    }
}

/// Does an operation; its result is the answer. `None` if it cannot be done now.
pub(super) fn apply(model: ModelKind, object: &mut Plain, draft: &Draft) -> Option<Value> {
    match (object, draft.f) {
        (Plain::Register(value), "read") => return Some(value.clone()),
        (Plain::Register(value), "write") => *value = draft.given.clone(),
        (Plain::Register(value), "cas") => {
            if *value != draft.given[0] {
                return None;
            }
            *value = draft.given[1].clone();
        }
        (Plain::Counter(sum), "read") => return Some(json!(*sum)),
        (Plain::Counter(sum), "add") => *sum += draft.given.as_i64()?,
        (Plain::Lock(holder), "acquire") => {
            if holder.is_some() {
                return None;
            }
            *holder = Some(draft.client);
        }
        (Plain::Lock(holder), "release") => {
            if *holder != Some(draft.client) {
                return None;
            }
            *holder = None;
        }
        (Plain::List(items), "enqueue" | "append") => items.push(draft.given.clone()),
        (Plain::List(items), "dequeue") if items.is_empty() => return Some(Value::Null),
        (Plain::List(items), "dequeue") => return Some(items.remove(0)),
        (Plain::List(items), "add") => {
            if !items.contains(&draft.given) {
                items.push(draft.given.clone());
                items.sort_by_key(Value::to_string);
            }
        }
        (Plain::List(items), "remove") => items.retain(|item| *item != draft.given),
        (Plain::List(items), "read") => return Some(Value::Array(items.clone())),
        other => panic!("{other:?} of a {}", model.as_str()),
    }
    Some(draft.given.clone())
}

/// Whether some order of the operations that keeps to `before` explains all results.
pub(super) fn has_order(
    model: ModelKind,
    drafts: &[Draft],
    before: &dyn Fn(&Draft, &Draft) -> bool,
) -> bool {
    let left: Vec<&Draft> = drafts.iter().filter(|draft| draft.phase != OpPhase::Fail).collect();
    let keys = std::collections::BTreeMap::new();
    place_next(model, &left, &keys, before)
}

type Objects = std::collections::BTreeMap<String, Plain>;

fn place_next(
    model: ModelKind,
    left: &[&Draft],
    objects: &Objects,
    before: &dyn Fn(&Draft, &Draft) -> bool,
) -> bool {
    if left.iter().all(|draft| draft.phase == OpPhase::Unknown) {
        return true;
    }
    (0..left.len()).any(|at| {
        let next = left[at];
        let others = || left.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, draft)| *draft);
        if others().any(|other| other.phase == OpPhase::Ok && before(other, next)) {
            return false;
        }
        let mut objects = objects.clone();
        let object = objects.entry(next.key.to_string()).or_insert_with(|| empty(model));
        let answer = apply(model, object, next);
        let fits = match next.phase {
            OpPhase::Ok => answer.as_ref() == Some(&next.result),
            _ => answer.is_some(),
        };
        fits && place_next(model, &others().collect::<Vec<_>>(), &objects, before)
    })
}

/// Real time.
pub(super) fn in_time(one: &Draft, other: &Draft) -> bool {
    one.phase == OpPhase::Ok && one.to < other.from
}

/// Each client's own order.
pub(super) fn in_session(one: &Draft, other: &Draft) -> bool {
    one.client == other.client && in_time(one, other)
}
