//! A Lua value outside of any Lua: what a node keeps over a crash, what a reply says.

use mlua::{Lua, Table, Value};

use super::ScriptError;
use super::json::DEPTH_MAX;

/// A value that a new state of Lua can be given: text, numbers, booleans and tables of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// A boolean.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// Text, or any bytes.
    Text(Vec<u8>),
    /// `null`, the value that stands for nothing in an array.
    Null,
    /// A table, positions first, then names.
    Table(Vec<(Datum, Datum)>),
}

impl Datum {
    /// Takes a copy of a value.
    ///
    /// # Errors
    /// What in it cannot be kept: a function, a part of itself, more than 64 levels.
    pub(super) fn of(value: &Value) -> Result<Datum, ScriptError> {
        copy(value, 0).map_err(ScriptError::new)
    }

    /// The value, made anew in `lua`.
    pub(super) fn restore(&self, lua: &Lua) -> mlua::Result<Value> {
        Ok(match self {
            Datum::Boolean(value) => Value::Boolean(*value),
            Datum::Integer(value) => Value::Integer(*value),
            Datum::Number(value) => Value::Number(*value),
            Datum::Text(bytes) => Value::String(lua.create_string(bytes)?),
            Datum::Null => Value::NULL,
            Datum::Table(entries) => {
                let table = lua.create_table_with_capacity(0, entries.len())?;
                fill(entries, &table, lua)?;
                Value::Table(table)
            }
        })
    }

    /// How many values it is.
    pub(super) fn parts(&self) -> usize {
        match self {
            Datum::Table(entries) => {
                1 + entries.iter().map(|(_, value)| 1 + value.parts()).sum::<usize>()
            }
            _ => 1,
        }
    }

    /// Puts the entries of a kept table into `table`.
    pub(super) fn restore_into(&self, table: &Table, lua: &Lua) -> mlua::Result<()> {
        match self {
            Datum::Table(entries) => fill(entries, table, lua),
            _ => Ok(()),
        }
    }
}

fn fill(entries: &[(Datum, Datum)], table: &Table, lua: &Lua) -> mlua::Result<()> {
    for (key, value) in entries {
        table.raw_set(key.restore(lua)?, value.restore(lua)?)?;
    }
    Ok(())
}

fn copy(value: &Value, depth: usize) -> Result<Datum, String> {
    if depth > DEPTH_MAX {
        return Err(format!("it is nested more than {DEPTH_MAX} deep, or a part of itself"));
    }
    Ok(match value {
        Value::Boolean(value) => Datum::Boolean(*value),
        Value::Integer(value) => Datum::Integer(*value),
        Value::Number(value) => Datum::Number(*value),
        Value::String(text) => Datum::Text(text.as_bytes().to_vec()),
        value if value.is_null() => Datum::Null,
        Value::Table(table) => {
            let mut entries = Vec::new();
            let mut wrong = None;
            let walked = table.for_each::<Value, Value>(|key, value| {
                match copy(&key, depth + 1).and_then(|key| Ok((key, copy(&value, depth + 1)?))) {
                    Ok(entry) => entries.push(entry),
                    Err(why) => wrong = Some(why),
                }
                Ok(())
            });
            walked.map_err(|error| error.to_string())?;
            if let Some(why) = wrong {
                return Err(why);
            }
            // The order of a table is that of its addresses; nothing may come to depend on it.
            entries.sort_by(|(a, _), (b, _)| order(a, b));
            Datum::Table(entries)
        }
        other => return Err(format!("a {} cannot be kept", other.type_name())),
    })
}

/// Positions first, then names.
fn order(a: &Datum, b: &Datum) -> std::cmp::Ordering {
    let rank = |key: &Datum| match key {
        Datum::Integer(_) => 0,
        Datum::Number(_) => 1,
        Datum::Text(_) => 2,
        _ => 3,
    };
    match (a, b) {
        (Datum::Integer(a), Datum::Integer(b)) => a.cmp(b),
        (Datum::Number(a), Datum::Number(b)) => a.total_cmp(b),
        (Datum::Text(a), Datum::Text(b)) => a.cmp(b),
        (Datum::Boolean(a), Datum::Boolean(b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}
