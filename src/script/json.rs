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
use std::sync::{Arc, Mutex, PoisonError};

use mlua::{Lua, LuaString, Table, Value};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// How deep a value may be nested, in both directions.
pub(super) const DEPTH_MAX: usize = 64;

/// The longest text, in bytes, that is read without a look at the memory it takes, some dozen times as much;
/// what is taken beyond the bound is missed by whatever takes memory next.
const QUICK_MAX: usize = 64 * 1024;

/// The longest name that is kept, in bytes.
const NAME_MAX: usize = 32;

/// How many places there are for them.
const NAMES_MAX: usize = 128;

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

/// Names that were read before, as Lua has them: most messages have the same few. Cheap to clone; all
/// clones are one.
#[derive(Clone)]
pub(super) struct Names(Arc<Mutex<[Option<Name>; NAMES_MAX]>>);

type Name = (Box<str>, LuaString);

impl Default for Names {
    fn default() -> Names {
        Names(Arc::new(Mutex::new([const { None }; NAMES_MAX])))
    }
}

impl Names {
    fn get(&self, lua: &Lua, name: &str) -> mlua::Result<LuaString> {
        if name.len() > NAME_MAX {
            return lua.create_string(name);
        }
        let mix = |sum: usize, byte: &u8| sum.wrapping_mul(31).wrapping_add(usize::from(*byte));
        let place = name.as_bytes().iter().fold(0, mix) % NAMES_MAX;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, made)) = &known[place]
            && **before == *name
        {
            return Ok(made.clone());
        }
        let made = lua.create_string(name)?;
        known[place] = Some((name.into(), made.clone()));
        Ok(made)
    }
}

/// What reading needs: where values are made.
#[derive(Clone, Copy)]
pub(super) struct Reader<'l> {
    pub(super) lua: &'l Lua,
    pub(super) marks: &'l Marks,
    pub(super) names: &'l Names,
    pub(super) depth: usize,
}

impl Reader<'_> {
    /// The value that a text is.
    pub(super) fn decode(self, text: &[u8]) -> Result<Value, String> {
        let mut input = serde_json::Deserializer::from_slice(text);
        let _unbounded = (text.len() <= QUICK_MAX).then(|| Unbounded::new(self.lua));
        let value = self.deserialize(&mut input).map_err(|error| error.to_string())?;
        input.end().map_err(|error| error.to_string())?;
        Ok(value)
    }

    /// The value that one outside of Lua is.
    pub(super) fn value(self, value: &serde_json::Value) -> Result<Value, String> {
        self.deserialize(value).map_err(|error| error.to_string())
    }

    /// A name as Lua has it.
    pub(super) fn name(&self, name: &str) -> mlua::Result<LuaString> {
        self.names.get(self.lua, name)
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
        let mut values = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            values.push(item);
        }
        let table = self.lua.create_sequence_from(values).map_err(A::Error::custom)?;
        Ok(Value::Table(table))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::with_capacity(8);
        while let Some(key) = entries.next_key_seed(Key(inner))? {
            let value: Value = entries.next_value_seed(inner)?;
            if !value.is_null() {
                values.push((key, value));
            }
        }
        let empty = values.is_empty();
        let table = self.lua.create_table_from(values).map_err(A::Error::custom)?;
        if empty {
            table.set_metatable(Some(self.marks.object.clone())).map_err(A::Error::custom)?;
        }
        Ok(Value::Table(table))
    }
}

/// Reads the name of a field.
struct Key<'l>(Reader<'l>);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = LuaString;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<LuaString, D::Error> {
        input.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = LuaString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<LuaString, E> {
        self.0.name(name).map_err(E::custom)
    }
}

/// While it is there, nothing looks at the memory that is taken: that is the larger part of what it takes to make
/// a small value.
struct Unbounded<'l> {
    lua: &'l Lua,
    limit: usize,
}

impl Unbounded<'_> {
    fn new(lua: &Lua) -> Unbounded<'_> {
        Unbounded { lua, limit: lua.set_memory_limit(0).unwrap_or(0) }
    }
}

impl Drop for Unbounded<'_> {
    fn drop(&mut self) {
        let _ = self.lua.set_memory_limit(self.limit);
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
            Value::String(text) => string(&text.as_bytes(), out)?,
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
        if length > 0 || !table.is_empty() {
            self.items(table, length, out, depth)?;
        }
        out.push(b']');
        Ok(())
    }

    fn items(
        &self,
        table: &Table,
        length: usize,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), String> {
        let mut entries = 0;
        let counted = table.for_each::<Value, Value>(|_, _| {
            entries += 1;
            Ok(())
        });
        counted.map_err(|error| error.to_string())?;
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
        Ok(())
    }

    fn entries(&self, table: &Table, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
        let mut entries: Vec<(String, Value)> = Vec::with_capacity(8);
        let walked = table.for_each::<String, Value>(|name, value| {
            entries.push((name, value));
            Ok(())
        });
        // A name that looks like a number may be one.
        let is_numeric = |name: &str| match name.bytes().next() {
            Some(b'i' | b'n') => matches!(name, "inf" | "nan"),
            Some(first) => !first.is_ascii_alphabetic() && first != b'_',
            None => false,
        };
        if walked.is_err() || entries.iter().any(|(name, _)| is_numeric(name)) {
            names_are_text(table)?;
        }
        walked.map_err(|error| error.to_string())?;
        entries.sort_unstable_by(|(a, _), (b, _)| (a != "type", a).cmp(&(b != "type", b)));
        for (at, (name, value)) in entries.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            text(name, out)?;
            out.push(b':');
            self.value(value, out, depth + 1)?;
        }
        Ok(())
    }
}

/// Looks for a name that is no text.
fn names_are_text(table: &Table) -> Result<(), String> {
    let mut wrong = None;
    let walked = table.for_each::<Value, Value>(|name, _| {
        let what = match &name {
            Value::String(name) if std::str::from_utf8(&name.as_bytes()).is_ok() => return Ok(()),
            Value::String(_) => "a text that is not UTF-8".to_owned(),
            Value::Integer(number) => number.to_string(),
            other => format!("a {}", other.type_name()),
        };
        wrong = Some(what);
        Ok(())
    });
    walked.map_err(|error| error.to_string())?;
    match wrong {
        None => Ok(()),
        Some(what) => Err(format!(
            "a name in JSON is text, and this is {what}: use `tostring`, or positions from 1 without holes"
        )),
    }
}

fn string(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    match std::str::from_utf8(bytes) {
        Ok(string) => text(string, out),
        Err(_) => Err("a text that is not UTF-8".to_owned()),
    }
}

fn text(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    serde_json::to_writer(out, text).map_err(|error| error.to_string())
}
