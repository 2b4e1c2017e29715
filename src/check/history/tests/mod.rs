//! Histories with known verdicts: drawn at random and judged by brute force, and published ones.

mod draw;
mod objects;
mod oracle;
mod others;
mod published;
mod sessions;
mod txns;

use serde_json::json;

use super::*;
use crate::base::{NodeId, Time, Value};
use crate::scenario::model::{Criterion, ModelKind};
use crate::trace::{OpEvent, OpPhase, Outcome};

/// An operation as a test writes it: from one moment to another, in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    client: u32,
    f: &'static str,
    key: Value,
    given: Value,
    result: Value,
    phase: OpPhase,
    from: u32,
    to: u32,
}

/// An operation that is known to have happened.
pub(super) fn op(client: u32, f: &'static str, value: Value, from: u32, to: u32) -> Draft {
    let (given, result) = (value.clone(), value);
    Draft { client, f, key: json!("x"), given, result, phase: OpPhase::Ok, from, to }
}

impl Draft {
    /// One of which nobody knows whether it happened.
    pub(super) fn unknown(self) -> Draft {
        Draft { phase: OpPhase::Unknown, ..self }
    }

    /// One that did not happen.
    pub(super) fn failed(self) -> Draft {
        Draft { phase: OpPhase::Fail, ..self }
    }

    pub(super) fn on(self, key: &str) -> Draft {
        Draft { key: json!(key), ..self }
    }
}

pub(super) const NAMES: [&str; 5] = ["ann", "bob", "cid", "dan", "eve"];

/// The history of some operations; their ids are their numbers, from 1.
pub(super) fn history(drafts: &[Draft]) -> History {
    let mut history = History::new(NAMES.map(str::to_owned).to_vec());
    let mut events: Vec<(u32, bool, usize)> = Vec::new();
    for (n, draft) in drafts.iter().enumerate() {
        // Of one moment, beginnings come first: what touches overlaps.
        events.push((draft.from, false, n));
        events.push((draft.to, true, n));
    }
    events.sort_unstable();
    for (at, is_end, n) in events {
        let draft = &drafts[n];
        let phase = if is_end { draft.phase } else { OpPhase::Invoke };
        let value = if is_end { draft.result.clone() } else { draft.given.clone() };
        let (client, id) = (NodeId(draft.client), n as u64 + 1);
        let (f, key) = (draft.f.to_owned(), draft.key.clone());
        let event = OpEvent { client, id, phase, f, key, value };
        history.event(&event, Time::from_nanos(u64::from(at) * 1_000));
    }
    history
}

pub(super) fn verdict(criterion: Criterion, model: ModelKind, drafts: &[Draft]) -> Judgement {
    judge(&Question::new(criterion, model), &history(drafts))
}

pub(super) fn linearizable(model: ModelKind, drafts: &[Draft]) -> Judgement {
    verdict(Criterion::Linearizable, model, drafts)
}
