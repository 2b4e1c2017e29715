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

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use mlua::{Either, Lua, Table, Value};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::meter::rate;

/// How deep a value may be nested, in both directions.
pub(super) const DEPTH_MAX: usize = 64;

/// The most items of an array that is read; more than that is more than the memory of a script.
const ITEMS_MAX: usize = 4_000_000;

/// The longest text, in bytes, that is read without a look at the memory it takes, some dozen times as much;
/// what is taken beyond the bound is missed by whatever takes memory next.
const QUICK_MAX: usize = 64 * 1024;

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
        let _unbounded = (text.len() <= QUICK_MAX).then(|| Unbounded::new(self.lua));
        let read = self.deserialize(&mut input).map_err(|error| error.to_string())?;
        input.end().map_err(|error| error.to_string())?;
        read.into_value(self.lua)
    }

    /// The value that one outside of Lua is.
    pub(super) fn value(self, value: &serde_json::Value) -> Result<Value, String> {
        let read = self.deserialize(value).map_err(|error| error.to_string())?;
        read.into_value(self.lua)
    }

    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom(format_args!("nested more than {DEPTH_MAX} deep")));
        }
        Ok(Reader { depth: self.depth + 1, ..self })
    }
}

/// What was read. A text has no handle of its own before it is needed outside of a table: handles cost more than
/// what they stand for.
pub(super) enum Read<'de> {
    Text(Cow<'de, str>),
    Other(Value),
}

impl Read<'_> {
    fn into_value(self, lua: &Lua) -> Result<Value, String> {
        match self {
            Read::Text(text) => lua.create_string(&*text).map(Value::String),
            Read::Other(value) => Ok(value),
        }
        .map_err(|error| error.to_string())
    }

    /// As a part of a table.
    fn part(&self) -> Either<&str, &Value> {
        match self {
            Read::Text(text) => Either::Left(text),
            Read::Other(value) => Either::Right(value),
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Read::Other(value) if value.is_null())
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Read<'de>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Read<'de>, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Read<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Read<'de>, E> {
        Ok(Read::Other(Value::Boolean(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Read<'de>, E> {
        Ok(Read::Other(Value::Integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Read<'de>, E> {
        #[expect(clippy::cast_precision_loss, reason = "beyond 64 bits a number is a float")]
        let value = i64::try_from(value).map_or(Value::Number(value as f64), Value::Integer);
        Ok(Read::Other(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Read<'de>, E> {
        Ok(Read::Other(Value::Number(value)))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Read<'de>, E> {
        Ok(Read::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Read<'de>, E> {
        Ok(Read::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Read<'de>, E> {
        Ok(Read::Other(Value::NULL))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Read<'de>, A::Error> {
        let inner = self.inner()?;
        let mut values: Vec<Read<'de>> = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            values.push(item);
            // Lua looks at what it takes only when there is a table.
            if values.len() > ITEMS_MAX {
                return Err(A::Error::custom(format_args!(
                    "an array of more than {ITEMS_MAX} items"
                )));
            }
        }
        let table = self.lua.create_sequence_from(values.iter().map(Read::part));
        Ok(Read::Other(Value::Table(table.map_err(A::Error::custom)?)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Read<'de>, A::Error> {
        let inner = self.inner()?;
        let mut values: Vec<(Cow<'de, str>, Read<'de>)> = Vec::with_capacity(8);
        while let Some(name) = entries.next_key_seed(Name)? {
            let value = entries.next_value_seed(inner)?;
            if !value.is_null() {
                values.push((name, value));
            }
        }
        let parts = values.iter().map(|(name, value)| (&**name, value.part()));
        let table = self.lua.create_table_from(parts).map_err(A::Error::custom)?;
        if values.is_empty() {
            table.set_metatable(Some(self.marks.object.clone())).map_err(A::Error::custom)?;
        }
        Ok(Read::Other(Value::Table(table)))
    }
}

/// Reads the name of a field.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Cow<'de, str>, D::Error> {
        input.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
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
    marks: &'l Marks,
    /// The most bytes that are written.
    bytes_max: usize,
    /// How many parts of tables were looked at.
    parts: Cell<usize>,
}

impl<'l> Writer<'l> {
    /// One that writes no more than so many bytes.
    pub(super) fn new(marks: &'l Marks, bytes_max: usize) -> Writer<'l> {
        Writer { marks, bytes_max, parts: Cell::new(0) }
    }

    /// What it has taken to write so many bytes, in instructions.
    pub(super) fn cost(&self, bytes: usize) -> usize {
        self.parts.get() * rate::PART + bytes / rate::WRITTEN
    }

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

    fn fits(&self, bytes: usize) -> Result<(), String> {
        if bytes > self.bytes_max {
            return Err(format!("it is longer than {} bytes", self.bytes_max));
        }
        Ok(())
    }

    fn value(&self, value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("it is nested more than {DEPTH_MAX} deep, or a part of itself"));
        }
        self.fits(out.len())?;
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
            Value::String(text) => {
                self.fits(out.len() + written_length(&text.as_bytes()))?;
                string(&text.as_bytes(), out)?;
            }
            Value::Table(table) => self.table(table, out, depth)?,
            other => return Err(format!("a {} has no form in JSON", other.type_name())),
        }
        Ok(())
    }

    fn table(&self, table: &Table, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
        let length = table.raw_len();
        if length == 0 {
            let mark = table.metatable();
            let is = |other: &Table| mark.as_ref().is_some_and(|mark| mark == other);
            if !is(&self.marks.array) && (!table.is_empty() || is(&self.marks.object)) {
                out.push(b'{');
                self.entries(table, out, depth)?;
                out.push(b'}');
                return Ok(());
            }
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
        // What Lua takes for the length of a table with holes may be any number.
        let mut items: Vec<Value> = Vec::new();
        let (mut entries, mut is_ordered) = (0, true);
        let walked = table.for_each::<Value, Value>(|at, item| {
            entries += 1;
            is_ordered = is_ordered && at.as_usize() == Some(entries);
            if is_ordered {
                items.push(item);
            }
            Ok(())
        });
        self.parts.set(self.parts.get() + entries);
        walked.map_err(|error| error.to_string())?;
        if entries != length {
            return Err(
                "a table has positions and names, or holes: JSON has arrays and objects".into()
            );
        }
        // A table that did not grow at its end is not walked in the order of its positions.
        for at in items.len() + 1..=length {
            items.push(table.raw_get(at).map_err(|error| error.to_string())?);
        }
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            self.value(item, out, depth + 1)?;
        }
        Ok(())
    }

    fn entries(&self, table: &Table, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
        let mut entries: Vec<(String, Value)> = Vec::with_capacity(8);
        let walked = table.for_each::<String, Value>(|name, value| {
            entries.push((name, value));
            Ok(())
        });
        self.parts.set(self.parts.get() + entries.len());
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
            self.fits(out.len() + written_length(name.as_bytes()))?;
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

/// How many bytes a text takes, its quotes left out.
fn written_length(bytes: &[u8]) -> usize {
    let escaped = |byte: &u8| match byte {
        b'"' | b'\\' => 1,
        0..0x20 => 5,
        _ => 0,
    };
    bytes.len() + bytes.iter().map(escaped).sum::<usize>()
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
