//! One value that is read, written, taken away, and perhaps compared and set.

use std::collections::BTreeMap;

use crate::base::Value;
use crate::scenario::model::Function;

use super::super::history::Operation;
use super::super::values::{NULL, ValueId, Values};
use super::{Entry, Model};

/// What an operation does to a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Act {
    /// It held this.
    Read(ValueId),
    /// It holds this from now on.
    Write(ValueId),
    /// It held the first and holds the second from now on.
    Cas(ValueId, ValueId),
}

impl Act {
    /// The value that it saw.
    pub(in super::super) fn sees(self) -> Option<ValueId> {
        match self {
            Act::Read(value) | Act::Cas(value, _) => Some(value),
            Act::Write(_) => None,
        }
    }

    /// The value that it leaves behind.
    pub(in super::super) fn leaves(self) -> Option<ValueId> {
        match self {
            Act::Write(value) | Act::Cas(_, value) => Some(value),
            Act::Read(_) => None,
        }
    }
}

/// A register.
#[derive(Debug)]
pub(in super::super) struct Register {
    initial: ValueId,
}

impl Register {
    pub(in super::super) fn new(initial: &Value, values: &mut Values) -> Register {
        Register { initial: values.id(initial) }
    }
}

impl Model for Register {
    type Act = Act;

    fn compile(
        &mut self,
        function: Function,
        op: &Operation,
        values: &mut Values,
    ) -> Result<Option<Act>, String> {
        Ok(match function {
            Function::Read => op.is_ok().then(|| Act::Read(values.id(op.value()))),
            Function::Delete => Some(Act::Write(NULL)),
            Function::Cas => match op.value() {
                Value::Array(pair) if pair.len() == 2 => {
                    Some(Act::Cas(values.id(&pair[0]), values.id(&pair[1])))
                }
                _ => return Err("is no pair of what there was and what there shall be".to_owned()),
            },
            _ => Some(Act::Write(values.id(op.value()))),
        })
    }

    /// An open write of a value that nobody saw may as well never have happened.
    fn prepare(&mut self, entries: &mut Vec<Entry<Act>>) {
        loop {
            let mut seen: Vec<ValueId> =
                entries.iter().filter_map(|entry| entry.act.sees()).collect();
            seen.sort_unstable();
            let before = entries.len();
            entries.retain(|entry| {
                let matters = |value| seen.binary_search(&value).is_ok();
                !entry.is_open() || entry.act.leaves().is_none_or(matters)
            });
            if entries.len() == before {
                return;
            }
        }
    }

    fn initial(&self) -> u64 {
        u64::from(self.initial)
    }

    #[inline]
    fn step(&mut self, state: u64, act: Act) -> Option<u64> {
        match act {
            Act::Read(value) => (u64::from(value) == state).then_some(state),
            Act::Write(value) => Some(u64::from(value)),
            Act::Cas(from, to) => (u64::from(from) == state).then_some(u64::from(to)),
        }
    }

    /// With a write go those who may have seen its value there; and if they wrote another in its place,
    /// those who may have seen that. Who began when a write had ended that stays, and that began when the one
    /// that goes had ended, cannot have seen it: something was written in between.
    fn along(&self, entries: &[Entry<Act>], gone: &mut [bool]) {
        loop {
            let shields = Shields::of(entries, gone);
            // Of each value, the end of the last write of it that goes.
            let mut left: BTreeMap<ValueId, u32> = BTreeMap::new();
            for (entry, _) in entries.iter().zip(&*gone).filter(|(_, gone)| **gone) {
                if let Some(value) = entry.act.leaves() {
                    let end = left.entry(value).or_insert(entry.back);
                    *end = (*end).max(entry.back);
                }
            }
            let mut more = false;
            for (entry, gone) in entries.iter().zip(&mut *gone) {
                let end = entry.act.sees().and_then(|value| left.get(&value));
                if !*gone && end.is_some_and(|end| *end > shields.before(entry.call)) {
                    (*gone, more) = (true, true);
                }
            }
            if !more {
                return;
            }
        }
    }

    fn is_read(act: Act) -> bool {
        matches!(act, Act::Read(_))
    }

    fn as_register(entries: &[Entry<Act>]) -> Option<&[Entry<Act>]> {
        let plain = |entry: &Entry<Act>| !matches!(entry.act, Act::Cas(..));
        entries.iter().all(plain).then_some(entries)
    }
}

/// Writes that stay, by their ends.
struct Shields(Vec<(u32, u32)>);

impl Shields {
    fn of(entries: &[Entry<Act>], gone: &[bool]) -> Shields {
        let stays = entries
            .iter()
            .zip(gone)
            .filter(|(entry, gone)| !**gone && !entry.is_open() && entry.act.leaves().is_some());
        let mut ends: Vec<(u32, u32)> = stays.map(|(entry, _)| (entry.back, entry.call)).collect();
        ends.sort_unstable();
        let mut latest = 0;
        for (_, call) in &mut ends {
            latest = latest.max(*call);
            *call = latest;
        }
        Shields(ends)
    }

    /// The latest beginning of one that had ended at this place.
    fn before(&self, place: u32) -> u32 {
        let ended = self.0.partition_point(|(end, _)| *end < place);
        ended.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}
