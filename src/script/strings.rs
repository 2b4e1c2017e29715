//! What scripts find, match and replace in texts.

use std::sync::Arc;

use memchr::memmem;
use mlua::{Lua, LuaString, MultiValue, Table, Value, Variadic};

use super::meter::{Meter, rate};
use super::pattern::{self, Capture, Match};
use super::sandbox::runtime;

/// Gives `host` the functions that patterns need: `find`, `match`, `captures` and `expand`.
pub(super) fn functions(lua: &Lua, meter: &Arc<Meter>, host: &Table) -> mlua::Result<()> {
    type Find = (LuaString, LuaString, Option<i64>, bool);
    let texts = Texts { meter: meter.clone() };
    let find = move |lua: &Lua, (text, pattern, init, plain): Find| {
        let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
        let Some(from) = start(init, text.len()) else {
            return Ok(MultiValue::from_vec(vec![Value::Nil]));
        };
        if plain || pattern::is_plain(&pattern) {
            let found = texts.position(lua, &text, &pattern, from)?;
            return Ok(MultiValue::from_vec(match found {
                Some(at) => vec![number(at + 1), number(at + pattern.len())],
                None => vec![Value::Nil],
            }));
        }
        let Some(found) = texts.search(lua, &text, &pattern, from)? else {
            return Ok(MultiValue::from_vec(vec![Value::Nil]));
        };
        let mut values = vec![number(found.start + 1), number(found.end)];
        for capture in &found.captures {
            values.push(captured(lua, &text, *capture)?);
        }
        Ok(MultiValue::from_vec(values))
    };
    host.set("find", lua.create_function(find)?)?;
    type Match_ = (LuaString, LuaString, Option<i64>);
    let texts = Texts { meter: meter.clone() };
    let find = move |lua: &Lua, (text, pattern, init): Match_| {
        let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
        let found = match start(init, text.len()) {
            Some(from) => texts.search(lua, &text, &pattern, from)?,
            None => None,
        };
        match found {
            Some(found) => Ok(MultiValue::from_vec(all(lua, &text, &found)?)),
            None => Ok(MultiValue::from_vec(vec![Value::Nil])),
        }
    };
    host.set("match", lua.create_function(find)?)?;
    type Captures = (LuaString, LuaString, i64, bool);
    let texts = Texts { meter: meter.clone() };
    let captures = move |lua: &Lua, (text, pattern, init, here): Captures| {
        let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
        let Some(from) = start(Some(init), text.len()) else { return Ok(MultiValue::new()) };
        let Some(found) = texts.find(lua, &text, &pattern, from, here)? else {
            return Ok(MultiValue::new());
        };
        let mut values = vec![number(found.start + 1), number(found.end)];
        values.extend(all(lua, &text, &found)?);
        Ok(MultiValue::from_vec(values))
    };
    host.set("captures", lua.create_function(captures)?)?;
    let meter = meter.clone();
    let expand = move |lua: &Lua, (with, values): (LuaString, Variadic<Value>)| {
        let mut out = Vec::new();
        let with = with.as_bytes();
        let mut bytes = with.iter();
        while let Some(&byte) = bytes.next() {
            if byte != b'%' {
                out.push(byte);
                continue;
            }
            match bytes.next() {
                Some(b'%') => out.push(b'%'),
                Some(digit @ b'0'..=b'9') => {
                    let at = usize::from(digit - b'0');
                    let value = values.get(at).ok_or_else(|| {
                        runtime(format!("invalid capture index %{at} in replacement string"))
                    })?;
                    if let Some(text) = lua.coerce_string(value.clone())? {
                        out.extend_from_slice(&text.as_bytes());
                    }
                }
                _ => return Err(runtime("invalid use of '%' in replacement string")),
            }
        }
        meter.charge(lua, out.len() / rate::COPIED)?;
        lua.create_string(out)
    };
    host.set("expand", lua.create_function(expand)?)
}

/// What looks through texts, for what that costs.
struct Texts {
    meter: Arc<Meter>,
}

impl Texts {
    /// Where `part` stands in `text`, from byte `from` on.
    fn position(
        &self,
        lua: &Lua,
        text: &[u8],
        part: &[u8],
        from: usize,
    ) -> mlua::Result<Option<usize>> {
        let found = memmem::find(&text[from..], part);
        let looked = found.unwrap_or(text.len() - from) + part.len();
        self.meter.charge(lua, looked / rate::SEARCHED)?;
        Ok(found.map(|at| from + at))
    }

    /// Looks for a pattern that may be bound to the place where it begins.
    fn search(
        &self,
        lua: &Lua,
        text: &[u8],
        pattern: &[u8],
        from: usize,
    ) -> mlua::Result<Option<Match>> {
        let (pattern, here) = match pattern.strip_prefix(b"^") {
            Some(rest) => (rest, true),
            None => (pattern, false),
        };
        self.find(lua, text, pattern, from, here)
    }

    fn find(
        &self,
        lua: &Lua,
        text: &[u8],
        pattern: &[u8],
        from: usize,
        here: bool,
    ) -> mlua::Result<Option<Match>> {
        let (found, steps) = pattern::find(text, pattern, from, here);
        let copied: usize = match &found {
            Ok(Some(found)) => found
                .captures
                .iter()
                .map(Capture::length)
                .sum::<usize>()
                .max(found.end - found.start),
            _ => 0,
        };
        self.meter.charge(lua, steps / rate::STEPS + copied / rate::COPIED)?;
        found.map_err(runtime)
    }
}

/// The captures of a match, or all of it.
fn all(lua: &Lua, text: &[u8], found: &Match) -> mlua::Result<Vec<Value>> {
    if found.captures.is_empty() {
        return Ok(vec![captured(lua, text, Capture::Text(found.start, found.end))?]);
    }
    found.captures.iter().map(|capture| captured(lua, text, *capture)).collect()
}

fn captured(lua: &Lua, text: &[u8], capture: Capture) -> mlua::Result<Value> {
    match capture {
        Capture::Text(start, end) => lua.create_string(&text[start..end]).map(Value::String),
        Capture::Place(place) => Ok(number(place)),
    }
}

fn number(number: usize) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Where a search begins, from 0: `init` counts from 1, or from the end.
fn start(init: Option<i64>, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let from = match init.unwrap_or(1) {
        0 => 0,
        init if init > 0 => init - 1,
        init => (length + init).max(0),
    };
    if from > length { None } else { usize::try_from(from).ok() }
}
