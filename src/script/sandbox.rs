//! A state of Lua in which nothing can do harm, and nothing depends on anything but the run.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use mlua::chunk::ChunkMode;
use mlua::debug::Debug;
use mlua::{
    Function, HookTriggers, Lua, LuaOptions, LuaString, MultiValue, StdLib, Table, Value, Variadic,
    VmState,
};

use super::json::{Marks, Reader, Writer};
use super::pattern::{self, Capture, Match};
use super::scripts::compile;
use super::{Limits, ScriptError, Scripts};

/// The Lua library, as looplab has it.
const PRELUDE: &str = include_str!("prelude.lua");

/// The same as bytecode.
static PRELUDE_CODE: Code = OnceLock::new();

/// A text of looplab's own as bytecode, once it was needed.
pub(super) type Code = OnceLock<Vec<u8>>;

/// Nothing is collected before so many bytes are in use: most runs are over before.
const COLLECTED_FROM: usize = 4 * 1024 * 1024;

/// How often the instructions are looked at.
const COUNTED_AT_ONCE: u32 = 1_000;

/// How far up the stack a script's own line is looked for.
const CALLERS_MAX: usize = 32;

/// Where a script's chance comes from: 64 bits a draw.
pub(super) type Chance = Box<dyn Fn() -> u64 + Send + Sync>;

/// Where `print` goes.
pub(super) type Print = Box<dyn Fn(String) + Send + Sync>;

/// A bounded state of Lua.
pub(super) struct Sandbox {
    pub(super) lua: Lua,
    pub(super) marks: Marks,
    meter: Arc<Meter>,
    limits: Limits,
    pub(super) raw: Raw,
}

/// What Lua has, and scripts do not see.
pub(super) struct Raw {
    /// `coroutine.yield`.
    pub(super) yields: Function,
    /// `next`, in no particular order.
    pub(super) next: Function,
    /// `setmetatable`, without a look at what it sets.
    pub(super) setmetatable: Function,
    /// `getmetatable`, of everything.
    pub(super) getmetatable: Function,
}

/// What has been used up since the last wait.
#[derive(Default)]
struct Meter {
    instructions: AtomicU64,
    exhausted: AtomicBool,
    collects: AtomicBool,
}

impl Meter {
    /// Begins to collect what is no longer needed, if there may be enough of it.
    fn collect(&self, lua: &Lua) {
        if !self.collects.load(Ordering::Relaxed) && lua.used_memory() > COLLECTED_FROM {
            self.collects.store(true, Ordering::Relaxed);
            lua.gc_restart();
        }
    }
}

impl Sandbox {
    /// A new state. Modules that scripts require are looked for in `scripts`.
    pub(super) fn new(
        limits: Limits,
        scripts: Arc<Scripts>,
        chance: Option<Chance>,
        print: Option<Print>,
    ) -> mlua::Result<Sandbox> {
        // What drops the first handle collects everything; so that goes while there is nothing.
        let lua = Lua::new_with(StdLib::NONE, LuaOptions::default())?.clone();
        lua.gc_stop();
        let libraries = StdLib::STRING | StdLib::TABLE | StdLib::MATH | StdLib::UTF8;
        lua.load_std_libs(libraries | StdLib::COROUTINE)?;
        let coroutine: Table = lua.globals().get("coroutine")?;
        let raw = Raw {
            yields: coroutine.get("yield")?,
            next: lua.globals().get("next")?,
            setmetatable: lua.globals().get("setmetatable")?,
            getmetatable: lua.globals().get("getmetatable")?,
        };
        let marks = Marks::new(&lua)?;
        let meter = Arc::new(Meter::default());
        let sandbox = Sandbox { lua, marks, meter, limits, raw };
        let host = sandbox.host(scripts, chance, print)?;
        sandbox.own("[lua]", PRELUDE, &PRELUDE_CODE)?.call::<()>(host)?;
        sandbox.lua.set_memory_limit(limits.memory_bytes)?;
        sandbox.count()?;
        Ok(sandbox)
    }

    /// Counts instructions, in every coroutine.
    fn count(&self) -> mlua::Result<()> {
        let (meter, max) = (self.meter.clone(), self.limits.instructions);
        let triggers = HookTriggers::new().every_nth_instruction(COUNTED_AT_ONCE);
        self.lua.set_global_hook(triggers, move |lua, _| {
            let counted = u64::from(COUNTED_AT_ONCE);
            let used = meter.instructions.fetch_add(counted, Ordering::Relaxed) + counted;
            if used <= max {
                meter.collect(lua);
                return Ok(VmState::Continue);
            }
            meter.exhausted.store(true, Ordering::Relaxed);
            let place = (0..CALLERS_MAX).find_map(|level| {
                let place = |debug: &Debug<'_>| {
                    let (script, line) = (debug.source().short_src?, debug.current_line()?);
                    (!script.starts_with('[')).then(|| format!("{script}:{line}: "))
                };
                lua.inspect_stack(level, place).flatten()
            });
            let place = place.unwrap_or_default();
            let what =
                format!("{place}more than {max} instructions without a pause: an endless loop?");
            Err(mlua::Error::RuntimeError(what))
        })
    }

    /// From here on everything may be used again.
    pub(super) fn refresh(&self) {
        self.meter.instructions.store(0, Ordering::Relaxed);
        self.meter.exhausted.store(false, Ordering::Relaxed);
        self.meter.collect(&self.lua);
    }

    /// A text of looplab's own.
    pub(super) fn own(&self, name: &str, text: &str, code: &Code) -> mlua::Result<Function> {
        let code = match code.get() {
            Some(made) => made,
            None => {
                let made = compile(name, text, true).map_err(mlua::Error::external)?;
                code.get_or_init(|| made)
            }
        };
        self.binary(code)
    }

    fn binary(&self, code: &[u8]) -> mlua::Result<Function> {
        self.lua.load(code).set_mode(ChunkMode::Binary).into_function()
    }

    /// Runs a script's own level: its functions are there when it returns.
    pub(super) fn load(&self, name: &str, scripts: &Scripts) -> Result<(), ScriptError> {
        self.refresh();
        let chunk = self.binary(scripts.code(name)?);
        let chunk = chunk.map_err(|error| ScriptError::of(&error))?;
        chunk.call::<()>(()).map_err(|error| ScriptError::of(&error).or_at(name, 1))
    }

    /// The reader of JSON.
    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { lua: &self.lua, marks: &self.marks, depth: 0 }
    }

    /// The writer of JSON.
    pub(super) fn writer(&self) -> Writer<'_> {
        Writer { marks: &self.marks, bytes_max: self.limits.memory_bytes }
    }

    /// What the prelude is given.
    fn host(
        &self,
        scripts: Arc<Scripts>,
        chance: Option<Chance>,
        print: Option<Print>,
    ) -> mlua::Result<Table> {
        let lua = &self.lua;
        let host = lua.create_table()?;
        let meter = self.meter.clone();
        host.set(
            "exhausted",
            lua.create_function(move |_, ()| Ok(meter.exhausted.load(Ordering::Relaxed)))?,
        )?;
        let error_text = |_: &Lua, error: Value| {
            Ok(match error {
                Value::Error(error) => ScriptError::of(&error).to_string(),
                _ => "an error".to_owned(),
            })
        };
        host.set("error_text", lua.create_function(error_text)?)?;
        host.set("null", Value::NULL)?;
        host.set("array", self.marks.array.clone())?;
        host.set("object", self.marks.object.clone())?;
        host.set("memory_max", self.limits.memory_bytes)?;
        host.set("memory_text", format!("{} MiB", self.limits.memory_bytes >> 20))?;
        host.set("text", lua.create_function(|lua, value: Value| lua.coerce_string(value))?)?;
        host.set("integer", lua.create_function(|lua, value: Value| lua.coerce_integer(value))?)?;
        let print = lua.create_function(move |_, text: LuaString| {
            if let Some(print) = &print {
                print(text.to_string_lossy());
            }
            Ok(())
        })?;
        host.set("print", print)?;
        self.json(&host)?;
        patterns(lua, &host)?;
        host.set("random", random(lua, chance)?)?;
        host.set("math", mathematics(lua)?)?;
        host.set("module", module(lua, scripts)?)?;
        Ok(host)
    }

    fn json(&self, host: &Table) -> mlua::Result<()> {
        let (marks, bytes_max) = (self.marks.clone(), self.limits.memory_bytes);
        let encode = self.lua.create_function(move |lua, value: Value| {
            let mut out = Vec::new();
            Writer { marks: &marks, bytes_max }.encode(&value, &mut out).map_err(runtime)?;
            lua.create_string(out)
        })?;
        host.set("encode", encode)?;
        let marks = self.marks.clone();
        let decode = self.lua.create_function(move |lua, text: LuaString| {
            let reader = Reader { lua, marks: &marks, depth: 0 };
            reader.decode(&text.as_bytes()).map_err(|error| runtime(format!("not JSON: {error}")))
        })?;
        host.set("decode", decode)
    }
}

fn runtime(text: impl Into<String>) -> mlua::Error {
    mlua::Error::RuntimeError(text.into())
}

/// `math.random` over the run's own generator.
fn random(lua: &Lua, chance: Option<Chance>) -> mlua::Result<Function> {
    lua.create_function(move |_, bounds: Variadic<Value>| {
        let Some(draw) = &chance else {
            return Err(runtime(
                "there is no chance here: what is decided must always be the same",
            ));
        };
        let integer = |at: usize| match &bounds[at] {
            Value::Integer(number) => Ok(*number),
            #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
            Value::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                Ok(*number as i64)
            }
            _ => Err(runtime(format!("argument #{} of `random` must be a whole number", at + 1))),
        };
        let (low, high) = match bounds.len() {
            0 => {
                #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
                let bits = (draw() >> 11) as f64;
                return Ok(Value::Number(bits / 9_007_199_254_740_992.0));
            }
            1 => (1, integer(0)?),
            2 => (integer(0)?, integer(1)?),
            _ => return Err(runtime("`random` takes at most two arguments")),
        };
        if low > high {
            return Err(runtime(format!("`random` finds nothing between {low} and {high}")));
        }
        let wide = i128::from(high) - i128::from(low) + 1;
        let offset = (i128::from(draw()) * wide) >> 64;
        let drawn = i64::try_from(i128::from(low) + offset).unwrap_or(low);
        Ok(Value::Integer(drawn))
    })
}

/// The functions that the system's library computes differently on different machines.
fn mathematics(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    type Unary = fn(f64) -> f64;
    let unary: [(&str, Unary); 7] = [
        ("exp", libm::exp),
        ("sin", libm::sin),
        ("cos", libm::cos),
        ("tan", libm::tan),
        ("asin", libm::asin),
        ("acos", libm::acos),
        ("sqrt", libm::sqrt),
    ];
    for (name, function) in unary {
        table.set(name, lua.create_function(move |_, x: f64| Ok(function(x)))?)?;
    }
    let log = lua.create_function(|_, (x, base): (f64, Option<f64>)| {
        Ok(match base {
            None => libm::log(x),
            Some(2.0) => libm::log2(x),
            Some(10.0) => libm::log10(x),
            Some(base) => libm::log(x) / libm::log(base),
        })
    })?;
    table.set("log", log)?;
    let atan = |_: &Lua, (y, x): (f64, Option<f64>)| Ok(libm::atan2(y, x.unwrap_or(1.0)));
    table.set("atan", lua.create_function(atan)?)?;
    Ok(table)
}

/// What `require` loads: a script of the scenario, or a piece of looplab's library.
fn module(lua: &Lua, scripts: Arc<Scripts>) -> mlua::Result<Function> {
    lua.create_function(move |lua, name: LuaString| {
        let name = name.to_string_lossy();
        let Some((chunk, text)) = scripts.module(&name) else {
            return Ok((Value::Nil, scripts.unknown(&name)));
        };
        let loaded = lua.load(text).set_name(format!("={chunk}"));
        match loaded.set_mode(ChunkMode::Text).into_function() {
            Ok(function) => Ok((Value::Function(function), String::new())),
            Err(error) => Ok((Value::Nil, ScriptError::of(&error).to_string())),
        }
    })
}

// ---- patterns -----------------------------------------------------------------------------

fn patterns(lua: &Lua, host: &Table) -> mlua::Result<()> {
    type Find = (LuaString, LuaString, Option<i64>, bool);
    let find = |lua: &Lua, (text, pattern, init, plain): Find| {
        let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
        let Some(from) = start(init, text.len()) else {
            return Ok(MultiValue::from_vec(vec![Value::Nil]));
        };
        if plain || pattern::is_plain(&pattern) {
            let found = position(&text[from..], &pattern).map(|at| from + at);
            return Ok(MultiValue::from_vec(match found {
                Some(at) => vec![number(at + 1), number(at + pattern.len())],
                None => vec![Value::Nil],
            }));
        }
        let Some(found) = search(&text, &pattern, from)? else {
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
    let find = |lua: &Lua, (text, pattern, init): Match_| {
        let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
        let found = match start(init, text.len()) {
            Some(from) => search(&text, &pattern, from)?,
            None => None,
        };
        match found {
            Some(found) => Ok(MultiValue::from_vec(all(lua, &text, &found)?)),
            None => Ok(MultiValue::from_vec(vec![Value::Nil])),
        }
    };
    host.set("match", lua.create_function(find)?)?;
    type Captures = (LuaString, LuaString, i64, bool);
    let captures = |lua: &Lua, (text, pattern, init, here): Captures| {
        let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
        let Some(from) = start(Some(init), text.len()) else { return Ok(MultiValue::new()) };
        let Some(found) = pattern::find(&text, &pattern, from, here).map_err(runtime)? else {
            return Ok(MultiValue::new());
        };
        let mut values = vec![number(found.start + 1), number(found.end)];
        values.extend(all(lua, &text, &found)?);
        Ok(MultiValue::from_vec(values))
    };
    host.set("captures", lua.create_function(captures)?)?;
    let expand = |lua: &Lua, (with, values): (LuaString, Variadic<Value>)| {
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
        lua.create_string(out)
    };
    host.set("expand", lua.create_function(expand)?)
}

/// Looks for a pattern that may be bound to the place where it begins.
fn search(text: &[u8], pattern: &[u8], from: usize) -> mlua::Result<Option<Match>> {
    let (pattern, here) = match pattern.strip_prefix(b"^") {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    pattern::find(text, pattern, from, here).map_err(runtime)
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

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    text.windows(part.len()).position(|window| window == part)
}
