//! Operations put together from their two ends, in bounded memory.
//!
//! ```text
//! invoke #7 write x 9     at 1.2ms   (event 12)  ─┐
//! ok     #7 write x 9     at 1.9ms   (event 15)  ─┴─> Operation 7: 12 to 15, ok
//! invoke #8 read x        at 2.0ms   (event 16)  ───> Operation 8: from 16 on, unknown
//! ```
//!
//! What happened before what is read off the order of the events, not off the clock: two events of one
//! moment still have an order, and it is the one in which they happened. An operation without an end, or
//! with the end `unknown`, goes on for ever: it may take effect at any time, or never.

use std::collections::BTreeMap;

use crate::base::{NodeId, Time, Value};
use crate::trace::{OpEvent, OpPhase};

/// The most operations of a history that is judged.
pub const OPERATIONS_MAX: usize = 200_000;

/// The most memory that the values of a history take, in bytes.
pub const VALUES_MAX: usize = 256 * 1024 * 1024;

/// The place of an end that never comes.
pub const OPEN: u32 = u32::MAX;

/// What a client did and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Its number in the run.
    pub id: u64,
    /// Whose it is.
    pub client: NodeId,
    /// The function, as the scenario calls it.
    pub f: String,
    /// The key; null if it has none.
    pub key: Value,
    /// What was given with it; null if nothing.
    pub given: Value,
    /// What it ended with; null if that is not known.
    pub result: Value,
    /// How it ended: [`OpPhase::Invoke`] never stands here.
    pub phase: OpPhase,
    /// When it began.
    pub began: Time,
    /// When it ended, or was given up; `None` if neither was seen.
    pub ended: Option<Time>,
    /// The place of its beginning among the events.
    pub call: u32,
    /// The place of its end; [`OPEN`] if it may take effect at any later time.
    pub back: u32,
}

impl Operation {
    /// What it wrote or read: the value of its end if there is one, otherwise that of its beginning.
    #[must_use]
    pub fn value(&self) -> &Value {
        if self.result.is_null() { &self.given } else { &self.result }
    }

    /// True if it certainly happened.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.phase == OpPhase::Ok
    }

    /// True if it certainly did not happen.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.phase == OpPhase::Fail
    }

    /// True if it had ended when `other` began.
    #[must_use]
    pub fn precedes(&self, other: &Operation) -> bool {
        self.back < other.call
    }
}

/// The operations of a run.
///
/// ```
/// use looplab::base::{NodeId, Time, Value};
/// use looplab::check::history::History;
/// use looplab::trace::{OpEvent, OpPhase};
/// let mut history = History::new(vec!["alice".into()]);
/// let (f, key, value) = ("write".into(), "x".into(), 9.into());
/// let op = OpEvent { client: NodeId(0), id: 1, phase: OpPhase::Invoke, f, key, value };
/// history.event(&op, Time::ZERO);
/// assert_eq!(history.operations()[0].phase, OpPhase::Unknown);
/// history.event(&OpEvent { phase: OpPhase::Ok, ..op }, Time::from_nanos(5));
/// assert!(history.operations()[0].is_ok());
/// ```
#[derive(Debug, Default)]
pub struct History {
    operations: Vec<Operation>,
    /// Those that have not ended: where they stand, by their ids.
    under_way: BTreeMap<u64, usize>,
    names: Vec<String>,
    events: u32,
    bytes: usize,
    left_out: u64,
}

impl History {
    /// One without operations; `names` are those of the nodes, in the order of their ids.
    #[must_use]
    pub fn new(names: Vec<String>) -> History {
        // The first event is number 1: before it there is the beginning.
        History { names, events: 1, ..History::default() }
    }

    /// Takes note of one end of an operation.
    pub fn event(&mut self, op: &OpEvent, at: Time) {
        if op.phase == OpPhase::Invoke {
            self.begin(op, at)
        } else {
            self.end(op, at)
        }
        self.events = self.events.saturating_add(1);
    }

    fn begin(&mut self, op: &OpEvent, at: Time) {
        self.bytes += size(&op.key) + size(&op.value);
        if self.operations.len() >= OPERATIONS_MAX || self.bytes > VALUES_MAX {
            self.left_out += 1;
            return;
        }
        self.under_way.insert(op.id, self.operations.len());
        self.operations.push(Operation {
            id: op.id,
            client: op.client,
            f: op.f.clone(),
            key: op.key.clone(),
            given: op.value.clone(),
            result: Value::Null,
            phase: OpPhase::Unknown,
            began: at,
            ended: None,
            call: self.events,
            back: OPEN,
        });
    }

    fn end(&mut self, op: &OpEvent, at: Time) {
        let Some(place) = self.under_way.remove(&op.id) else { return };
        let Some(known) = self.operations.get_mut(place) else { return };
        self.bytes += size(&op.value);
        if self.bytes > VALUES_MAX {
            self.left_out += 1;
            return;
        }
        known.phase = op.phase;
        known.ended = Some(at);
        if op.phase == OpPhase::Ok {
            known.result.clone_from(&op.value);
        }
        if op.phase != OpPhase::Unknown {
            known.back = self.events;
        }
    }

    /// All operations, in the order in which they began.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// How many were too many to be kept.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What a client is called.
    #[must_use]
    pub fn name(&self, client: NodeId) -> &str {
        self.names.get(client.index()).map_or(NodeId::OUTSIDE_NAME, String::as_str)
    }
}

/// About how much memory a value takes.
fn size(value: &Value) -> usize {
    const ONE: usize = size_of::<Value>();
    match value {
        Value::String(text) => ONE + text.len(),
        Value::Array(items) => ONE + items.iter().map(size).sum::<usize>(),
        Value::Object(fields) => {
            ONE + fields.iter().map(|(key, value)| 2 * ONE + key.len() + size(value)).sum::<usize>()
        }
        _ => ONE,
    }
}
