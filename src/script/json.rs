//! Between JSON and Lua.
//!
//! | JSON | Lua |
//! |---|---|
//! | object | table with names, in the order of its names when it is written, `type` first |
//! | array | table with positions 1 to n |
//! | null | nothing (`nil`) in an object; `null` in an array, and where a script writes it |
//! | 1, 1.0 | integer, float; an integer beyond 64 bits is a float |
//!
//! An empty table is an empty array, unless it was read as an object or made by `json.object()`.

use std::fmt;

use mlua::{Lua, LuaString, Table, Value};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// How deep a value may be nested, in both directions.
pub(super) const DEPTH_MAX: usize = 64;

/// The tables that say what an empty table is: the metatables of `json.array()` and `json.object()`.
#[derive(Clone)]
pub(super) struct Marks {
    pub(super) array: Table,
    pub(super) object: Table,
}

impl Marks {
    pub(super) fn new(lua: &Lua) -> mlua::Result<Marks> {
        Ok(Marks { array: lua.create_table()?, object: lua.create_table()? })
    }
}

/// What reading needs: where values are made.
#[derive(Clone, Copy)]
pub(super) struct Reader<'l> {
    pub(super) lua: &'l Lua,
    pub(super) marks: &'l Marks,
    pub(super) depth: usize,
}

impl Reader<'_> {
    /// The value that a text is.
    pub(super) fn decode(self, text: &[u8]) -> Result<Value, String> {
        let mut input = serde_json::Deserializer::from_slice(text);
        let value = self.deserialize(&mut input).map_err(|error| error.to_string())?;
        input.end().map_err(|error| error.to_string())?;
        Ok(value)
    }

    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom(format_args!("nested more than {DEPTH_MAX} deep")));
        }
        Ok(Reader { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "beyond 64 bits a number is a float")]
        Ok(i64::try_from(value).map_or(Value::Number(value as f64), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.lua.create_string(value).map(Value::String).map_err(E::custom)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::NULL)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let table = self.lua.create_table().map_err(A::Error::custom)?;
        while let Some(item) = items.next_element_seed(inner)? {
            table.raw_push(item).map_err(A::Error::custom)?;
        }
        Ok(Value::Table(table))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let table = self.lua.create_table().map_err(A::Error::custom)?;
        let mut empty = true;
        while let Some(key) = entries.next_key_seed(Reader { ..inner })? {
            let value = entries.next_value_seed(inner)?;
            if !value.is_null() {
                empty = false;
                table.raw_set(key, value).map_err(A::Error::custom)?;
            }
        }
        if empty {
            table.set_metatable(Some(self.marks.object.clone())).map_err(A::Error::custom)?;
        }
        Ok(Value::Table(table))
    }
}

/// Writes values as JSON.
pub(super) struct Writer<'l> {
    pub(super) marks: &'l Marks,
    /// The most bytes that are written.
    pub(super) bytes_max: usize,
}

impl Writer<'_> {
    /// Appends a value to `out`.
    ///
    /// # Errors
    /// Why it has no form in JSON.
    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
        self.value(value, out, 0)
    }

    /// Appends the fields of a table, without braces: `"type":"read","key":"x"`.
    pub(super) fn fields(&self, table: &Table, out: &mut Vec<u8>) -> Result<(), String> {
        self.entries(table, out, 0)
    }

    fn value(&self, value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("it is nested more than {DEPTH_MAX} deep, or a part of itself"));
        }
        if out.len() > self.bytes_max {
            return Err(format!("it is longer than {} bytes", self.bytes_max));
        }
        match value {
            Value::Nil => out.extend_from_slice(b"null"),
            value if value.is_null() => out.extend_from_slice(b"null"),
            Value::Boolean(true) => out.extend_from_slice(b"true"),
            Value::Boolean(false) => out.extend_from_slice(b"false"),
            Value::Integer(number) => {
                out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
            }
            Value::Number(number) if number.is_finite() => {
                serde_json::to_writer(out, number).map_err(|error| error.to_string())?;
            }
            Value::Number(number) => return Err(format!("{number} has no form in JSON")),
            Value::String(text) => string(text, out)?,
            Value::Table(table) => self.table(table, out, depth)?,
            other => return Err(format!("a {} has no form in JSON", other.type_name())),
        }
        Ok(())
    }

    fn table(&self, table: &Table, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
        let mark = table.metatable();
        let is = |other: &Table| mark.as_ref().is_some_and(|mark| mark == other);
        let length = table.raw_len();
        if length == 0 && !is(&self.marks.array) && (!table.is_empty() || is(&self.marks.object)) {
            out.push(b'{');
            self.entries(table, out, depth)?;
            out.push(b'}');
            return Ok(());
        }
        out.push(b'[');
        let mut entries = 0;
        table
            .for_each::<Value, Value>(|_, _| {
                entries += 1;
                Ok(())
            })
            .map_err(|error| error.to_string())?;
        if entries != length {
            return Err(
                "a table has positions and names, or holes: JSON has arrays and objects".into()
            );
        }
        for at in 1..=length {
            if at > 1 {
                out.push(b',');
            }
            let item = table.raw_get::<Value>(at).map_err(|error| error.to_string())?;
            self.value(&item, out, depth + 1)?;
        }
        out.push(b']');
        Ok(())
    }

    fn entries(&self, table: &Table, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
        let mut entries: Vec<(LuaString, Value)> = Vec::new();
        let mut wrong = None;
        table
            .for_each::<Value, Value>(|key, value| {
                match key {
                    Value::String(key) => entries.push((key, value)),
                    other => wrong = Some(other),
                }
                Ok(())
            })
            .map_err(|error| error.to_string())?;
        if let Some(key) = wrong {
            let key = match &key {
                Value::Integer(number) => number.to_string(),
                other => format!("a {}", other.type_name()),
            };
            return Err(format!(
                "a name in JSON is text, and this is {key}: use `tostring`, or positions from 1 without holes"
            ));
        }
        let order = |key: &LuaString| (key != "type", key.as_bytes().to_vec());
        if entries.len() > 1 {
            entries.sort_by_cached_key(|(key, _)| order(key));
        }
        for (at, (key, value)) in entries.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            string(key, out)?;
            out.push(b':');
            self.value(value, out, depth + 1)?;
        }
        Ok(())
    }
}

fn string(text: &LuaString, out: &mut Vec<u8>) -> Result<(), String> {
    let bytes = text.as_bytes();
    let text = std::str::from_utf8(&bytes).map_err(|_| "a text that is not UTF-8".to_owned())?;
    serde_json::to_writer(out, text).map_err(|error| error.to_string())
}
