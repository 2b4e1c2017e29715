//! Transactions and their micro-operations.

use std::collections::BTreeMap;

use crate::base::Value;

use super::super::super::words::show;
use super::super::case::{Case, Judgement};
use super::super::history::Operation;
use super::super::values::{ValueId, Values};

/// A part of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Micro {
    /// A list was read; nothing if that is not known.
    ReadList(ValueId, Option<Vec<ValueId>>),
    /// A value was read; nothing if that is not known.
    Read(ValueId, Option<ValueId>),
    /// A value was written, or appended.
    Write(ValueId, ValueId),
}

/// A transaction.
pub(super) struct Txn<'a> {
    pub(super) op: &'a Operation,
    pub(super) parts: Vec<Micro>,
}

/// Who wrote a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Write {
    pub(super) txn: usize,
    /// Whether the transaction wrote no other to the same register later.
    pub(super) is_last: bool,
}

/// A read from outside, and what the transaction wrote to the same register afterwards.
pub(super) struct Read {
    pub(super) txn: usize,
    pub(super) key: ValueId,
    pub(super) value: ValueId,
    pub(super) wrote: Option<ValueId>,
}

/// Who wrote which value of which register.
pub(super) type Writes = BTreeMap<(ValueId, ValueId), Write>;

/// The transactions of a case, also those that failed.
pub(super) struct Txns<'a> {
    pub(super) all: Vec<Txn<'a>>,
    pub(super) values: Values,
    /// What a register holds at first.
    pub(super) initial: ValueId,
}

impl<'a> Txns<'a> {
    pub(super) fn of(case: &Case<'a>) -> Result<Txns<'a>, Judgement> {
        let lists = case.question.model == crate::scenario::model::ModelKind::ListAppend;
        let mut values = Values::new();
        let initial = values.id(&case.question.initial);
        let mut txns = Txns { all: Vec::new(), values, initial };
        for op in case.ops.iter().copied() {
            case.function(op)?;
            let parts = txns.parts(op, lists).map_err(|why| {
                Judgement::unknown(case.tell.misfit(op, case.question.model, why))
            })?;
            txns.all.push(Txn { op, parts });
        }
        Ok(txns)
    }

    fn parts(&mut self, op: &Operation, lists: bool) -> Result<Vec<Micro>, &'static str> {
        const SHAPE: &str =
            "is no list of [\"r\", key, value] and [\"append\" or \"w\", key, value]";
        // What a single operation does is a transaction of one part.
        let parts = op.value().as_array().ok_or(SHAPE)?;
        let mut all = Vec::with_capacity(parts.len());
        for part in parts {
            let Some([f, key, value]) = part.as_array().map(Vec::as_slice) else {
                return Err(SHAPE);
            };
            let key = self.values.id(key);
            all.push(match (f.as_str().ok_or(SHAPE)?, lists) {
                ("r" | "read", true) if !op.is_ok() => Micro::ReadList(key, None),
                ("r" | "read", true) => match value {
                    Value::Null => Micro::ReadList(key, Some(Vec::new())),
                    Value::Array(items) => {
                        let items = items.iter().map(|item| self.values.id(item)).collect();
                        Micro::ReadList(key, Some(items))
                    }
                    _ => return Err("has a read that is no list"),
                },
                ("r" | "read", false) if !op.is_ok() => Micro::Read(key, None),
                ("r" | "read", false) => Micro::Read(key, Some(self.values.id(value))),
                ("append" | "a", true) | ("w" | "write", false) => {
                    Micro::Write(key, self.values.id(value))
                }
                ("append" | "a", false) => return Err("appends: that is `model: list-append`"),
                ("w" | "write", true) => return Err("writes: that is `model: rw-register`"),
                _ => return Err(SHAPE),
            });
        }
        Ok(all)
    }

    /// A list as a sentence shows it, of long ones the end.
    pub(super) fn list(&self, items: &[ValueId]) -> String {
        const SHOWN_MAX: usize = 8;
        let from = items.len().saturating_sub(SHOWN_MAX);
        let shown: Vec<&str> = items[from..].iter().map(|item| self.values.text(*item)).collect();
        format!("[{}{}]", if from > 0 { "… " } else { "" }, shown.join(" "))
    }

    /// A key or a value as a sentence shows it.
    pub(super) fn text(&self, value: ValueId) -> String {
        show(&Value::from(self.values.text(value)))
    }
}

/// `T5`: what a sentence calls a transaction, by its operation's number.
pub(super) fn name(op: &Operation) -> String {
    format!("T{}", op.id)
}
