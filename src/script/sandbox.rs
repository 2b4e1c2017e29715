//! A state of Lua in which nothing can do harm, and nothing depends on anything but the run.

use std::sync::{Arc, OnceLock};

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaOptions, LuaString, StdLib, Table, Value, Variadic};

use super::json::{Marks, Reader};
use super::meter::{Meter, rate};
use super::scribe::Scribe;
use super::scripts::compile;
use super::strings;
use super::{Limits, ScriptError, Scripts};

/// The Lua library, as looplab has it.
const PRELUDE: &str = include_str!("prelude.lua");

/// The same as bytecode.
static PRELUDE_CODE: Code = OnceLock::new();

/// A text of looplab's own as bytecode, once it was needed.
pub(super) type Code = OnceLock<Vec<u8>>;

/// Where a script's chance comes from: 64 bits a draw.
pub(super) type Chance = Box<dyn Fn() -> u64 + Send + Sync>;

/// Where `print` goes.
pub(super) type Print = Box<dyn Fn(String) + Send + Sync>;

/// A bounded state of Lua.
pub(super) struct Sandbox {
    pub(super) lua: Lua,
    pub(super) marks: Marks,
    pub(super) meter: Arc<Meter>,
    pub(super) limits: Limits,
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
        let meter = Arc::new(Meter::new(limits.instructions));
        let sandbox = Sandbox { lua, marks, meter, limits, raw };
        let host = sandbox.host(scripts, chance, print)?;
        sandbox.own("[lua]", PRELUDE, &PRELUDE_CODE)?.call::<()>(host)?;
        sandbox.lua.set_memory_limit(limits.memory_bytes)?;
        sandbox.meter.count(&sandbox.lua)?;
        Ok(sandbox)
    }

    /// From here on everything may be used again.
    pub(super) fn refresh(&self) {
        self.meter.refresh(&self.lua);
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

    /// What writes values of at most so many bytes.
    pub(super) fn scribe(&self, bytes_max: usize) -> Scribe {
        Scribe::new(&self.marks, &self.meter, bytes_max)
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
        host.set("exhausted", lua.create_function(move |_, ()| Ok(meter.is_struck()))?)?;
        let meter = self.meter.clone();
        let charge = move |lua: &Lua, instructions: usize| meter.charge(lua, instructions);
        host.set("charge", lua.create_function(charge)?)?;
        host.set("looked_at", rate::LOOKED_AT)?;
        host.set("copied", rate::COPIED)?;
        let error_text = |_: &Lua, error: Value| {
            Ok(match error {
                Value::Error(error) => ScriptError::of(&error).to_string(),
                _ => "an error".to_owned(),
            })
        };
        host.set("error_text", lua.create_function(error_text)?)?;
        let metatable = |_: &Lua, value: Value| Ok(value.as_table().and_then(Table::metatable));
        host.set("metatable", lua.create_function(metatable)?)?;
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
        strings::functions(lua, &self.meter, &host)?;
        host.set("random", random(lua, chance)?)?;
        host.set("math", mathematics(lua)?)?;
        host.set("module", module(lua, scripts)?)?;
        Ok(host)
    }

    fn json(&self, host: &Table) -> mlua::Result<()> {
        let scribe = self.scribe(self.limits.memory_bytes);
        let encode = self.lua.create_function(move |lua, value: Value| {
            let written = scribe.value(lua, &value)?.map_err(runtime)?;
            lua.create_string(written)
        })?;
        host.set("encode", encode)?;
        let (marks, meter) = (self.marks.clone(), self.meter.clone());
        let decode = self.lua.create_function(move |lua, text: LuaString| {
            meter.charge(lua, text.as_bytes().len() / rate::READ)?;
            let reader = Reader { lua, marks: &marks, depth: 0 };
            reader.decode(&text.as_bytes()).map_err(|error| runtime(format!("not JSON: {error}")))
        })?;
        host.set("decode", decode)
    }
}

pub(super) fn runtime(text: impl Into<String>) -> mlua::Error {
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
        if bounds.len() == 1 && high == 0 {
            return Ok(Value::Integer(draw().cast_signed()));
        }
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
