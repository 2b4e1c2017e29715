//! A number that is added to.

use crate::base::Value;
use crate::scenario::model::Function;

use super::super::history::Operation;
use super::super::values::{Values, integer};
use super::{Entry, Model};

/// What an operation does to a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Act {
    /// It stood at this.
    Read(i64),
    /// It grows by this.
    Add(i64),
    /// It grows by the first, and stood at the second then.
    AddAndGet(i64, i64),
}

/// A counter.
#[derive(Debug)]
pub(in super::super) struct Counter {
    initial: i64,
}

impl Counter {
    pub(in super::super) fn new(initial: &Value) -> Counter {
        Counter { initial: integer(initial).unwrap_or(0) }
    }

    /// What `op` does. An addition whose value is known before is by that much; one that gets its value from
    /// the result is by 1, and the result is where the counter stood then.
    pub(in super::super) fn act(function: Function, op: &Operation) -> Result<Option<Act>, String> {
        let number = |value: &Value| integer(value).ok_or_else(|| "is no whole number".to_owned());
        let sign = if function == Function::Subtract { -1 } else { 1 };
        Ok(match function {
            Function::Read if !op.is_ok() => None,
            Function::Read if op.value().is_null() => Some(Act::Read(0)),
            Function::Read => Some(Act::Read(number(op.value())?)),
            _ if !op.given.is_null() => Some(Act::Add(sign * number(&op.given)?)),
            _ if !op.result.is_null() => Some(Act::AddAndGet(sign, number(&op.result)?)),
            _ => Some(Act::Add(sign)),
        })
    }
}

impl Model for Counter {
    type Act = Act;

    fn compile(
        &mut self,
        function: Function,
        op: &Operation,
        _values: &mut Values,
    ) -> Result<Option<Act>, String> {
        Counter::act(function, op)
    }

    /// Nobody misses additions of nothing, nor open ones if nobody looks.
    fn prepare(&mut self, entries: &mut Vec<Entry<Act>>) {
        let looks = |entry: &Entry<Act>| !matches!(entry.act, Act::Add(_));
        let is_read = entries.iter().any(looks);
        entries.retain(|entry| is_read && entry.act != Act::Add(0));
    }

    fn initial(&self) -> u64 {
        self.initial.cast_unsigned()
    }

    #[inline]
    fn step(&mut self, state: u64, act: Act) -> Option<u64> {
        let stands = state.cast_signed();
        match act {
            Act::Read(value) => (value == stands).then_some(state),
            Act::Add(by) => Some(stands.wrapping_add(by).cast_unsigned()),
            Act::AddAndGet(by, value) => {
                (stands.wrapping_add(by) == value).then_some(value.cast_unsigned())
            }
        }
    }

    fn is_read(act: Act) -> bool {
        matches!(act, Act::Read(_))
    }
}
