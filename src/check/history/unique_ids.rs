//! Ids that are given out: no two of them are the same.

use std::collections::BTreeMap;

use super::super::words::show;
use super::case::{Case, Judgement};
use super::tell::counted;
use super::values::text;

pub(super) fn judge(case: &Case<'_>) -> Judgement {
    let mut given = BTreeMap::new();
    let mut repeated = Vec::new();
    for op in case.ops.iter().copied().filter(|op| op.is_ok() && !op.value().is_null()) {
        if let Some(before) = given.get(&text(op.value())) {
            repeated.push((*before, op));
        } else {
            given.insert(text(op.value()), op);
        }
    }
    if given.is_empty() {
        return Judgement::unknown("no operation got an id");
    }
    let Some((before, again)) = repeated.first().copied() else {
        return Judgement::holds(format!(
            "{} got an id each, and all differ",
            counted(given.len() as u64, "operation", "operations")
        ));
    };
    let more = match repeated.len() - 1 {
        0 => String::new(),
        more => format!(", and {} more", counted(more as u64, "repetition", "repetitions")),
    };
    let text = format!(
        "{} was given out twice: {}, and {}{more}",
        show(again.value()),
        case.tell.whole(before),
        case.tell.whole(again),
    );
    let cause = match before.client == again.client {
        true => "unique-ids: a client got an id twice",
        false => "unique-ids: two clients got one id",
    };
    Judgement::violated(text, cause, again, [before])
}
