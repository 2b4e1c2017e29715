//! The functions of the host, as `ctx.lua` is given them.

use std::sync::{Arc, Weak};

use mlua::{Function, LuaString, Table, Value};

use super::machine::bytes;
use super::meter::rate;
use super::sandbox::Sandbox;
use super::{Datum, Facts, Host};
use crate::base::diagnostic::nearest;

/// The longest name of a part of a node's state, in bytes.
const NAME_MAX: usize = 200;

/// The table that `ctx.lua` is given.
pub(super) fn bind(
    sandbox: &Sandbox,
    facts: Facts,
    durable: Option<&Datum>,
    host: &Weak<dyn Host>,
) -> mlua::Result<Table> {
    let lua = &sandbox.lua;
    let table = lua.create_table()?;
    let kept = lua.create_table()?;
    if let Some(datum) = durable {
        datum.restore_into(&kept, lua)?;
    }
    table.set("durable", kept)?;
    let env = serde_json::to_vec(&facts.env).unwrap_or_default();
    table.set("env", sandbox.reader().decode(&env).map_err(mlua::Error::RuntimeError)?)?;
    table.set("name", facts.name.as_str())?;
    table.set("nodes", facts.nodes)?;
    table.set("peers", facts.peers)?;
    table.set("errors", facts.errors)?;
    let speaks = Arc::new(facts.speaks);
    let known = speaks.clone();
    let server =
        move |_: &mlua::Lua, name: LuaString| Ok(known.get(&*name.to_string_lossy()).copied());
    table.set("server", lua.create_function(server)?)?;
    let unknown = move |_: &mlua::Lua, name: LuaString| {
        let name = name.to_string_lossy();
        let what = format!("no server is called `{name}`");
        Ok(match nearest(&name, speaks.keys().map(String::as_str)) {
            Some(near) => format!("{what}; did you mean `{near}`?"),
            None => what,
        })
    };
    table.set("unknown", lua.create_function(unknown)?)?;
    acts(sandbox, &table, host)?;
    tasks(sandbox, &table, host)?;
    Ok(table)
}

/// What a script does to the world.
fn acts(sandbox: &Sandbox, table: &Table, host: &Weak<dyn Host>) -> mlua::Result<()> {
    let (lua, limits) = (&sandbox.lua, sandbox.limits);
    let of = host.clone();
    let now = move |_: &mlua::Lua, ()| Ok(of.upgrade().map_or(0.0, |host| host.now_ms()));
    table.set("now", lua.create_function(now)?)?;
    for (name, warn) in [("log", false), ("warn", true)] {
        let (of, meter) = (host.clone(), sandbox.meter.clone());
        let log = move |lua: &mlua::Lua, text: LuaString| {
            let text = cut(&text.as_bytes(), limits.log_bytes);
            meter.charge(lua, rate::ACT + text.len() / rate::WRITTEN)?;
            if let Some(host) = of.upgrade() {
                host.log(warn, text);
            }
            Ok(())
        };
        table.set(name, lua.create_function(log)?)?;
    }
    let (of, scribe) = (host.clone(), sandbox.scribe(limits.exposed_bytes));
    let expose = move |lua: &mlua::Lua, (name, value): (LuaString, Value)| {
        let name = name.to_string_lossy();
        if name.len() > NAME_MAX {
            return Ok(Some(format!("a name of what is exposed has at most {NAME_MAX} bytes")));
        }
        let json = match scribe.act(lua, &value)? {
            Ok(json) => json,
            Err(why) => return Ok(Some(format!("`{name}` cannot be exposed: {why}"))),
        };
        if let (Some(host), Ok(value)) = (of.upgrade(), serde_json::from_slice(&json)) {
            host.expose(&name, value);
        }
        Ok(None)
    };
    table.set("expose", lua.create_function(expose)?)?;
    let (of, scribe) = (host.clone(), sandbox.scribe(limits.message_bytes));
    let send = move |lua: &mlua::Lua, (to, message): (LuaString, Table)| {
        let fields = match scribe.message(lua, &message)? {
            Ok(fields) => fields,
            Err(why) => return Ok(Some(format!("the message cannot be written: {why}"))),
        };
        if let Some(host) = of.upgrade() {
            host.send(&to.to_string_lossy(), fields);
        }
        Ok(None)
    };
    table.set("send", lua.create_function(send)?)?;
    let scribe = sandbox.scribe(limits.memory_bytes);
    let encode = move |lua: &mlua::Lua, value: Value| {
        Ok(match scribe.value(lua, &value)? {
            Ok(json) => (Some(lua.create_string(json)?), None),
            Err(why) => (None, Some(why)),
        })
    };
    table.set("encode", lua.create_function(encode)?)?;
    declarations(sandbox, table, host)
}

/// The first bytes of a text, and how many there are.
fn cut(text: &[u8], bytes_max: usize) -> String {
    let Some(first) = text.get(..bytes_max).filter(|first| first.len() < text.len()) else {
        return String::from_utf8_lossy(text).into_owned();
    };
    format!("{}... ({} bytes)", String::from_utf8_lossy(first), text.len())
}

/// What a script declares, and the data of the server that it belongs to.
fn declarations(sandbox: &Sandbox, table: &Table, host: &Weak<dyn Host>) -> mlua::Result<()> {
    let lua = &sandbox.lua;
    let of = host.clone();
    let route = move |_: &mlua::Lua, pattern: LuaString| {
        let host = of.upgrade();
        Ok(host.and_then(|host| host.route(&pattern.to_string_lossy()).err()))
    };
    table.set("route", lua.create_function(route)?)?;
    let of = host.clone();
    let command = move |_: &mlua::Lua, (name, handler): (LuaString, Function)| {
        let info = handler.info();
        let words_max = (!info.is_vararg).then_some(usize::from(info.num_params));
        let host = of.upgrade();
        Ok(host.and_then(|host| host.command(&name.to_string_lossy(), words_max).err()))
    };
    table.set("command", lua.create_function(command)?)?;
    let (of, meter) = (host.clone(), sandbox.meter.clone());
    let redis = move |lua: &mlua::Lua, words: Table| {
        let words = words.sequence_values::<Value>().map(|word| Ok(bytes(lua, &word?)));
        let words = words.collect::<mlua::Result<Vec<_>>>()?;
        let length: usize = words.iter().map(Vec::len).sum();
        meter.charge(lua, rate::ACT + words.len() * rate::PART + length / rate::COPIED)?;
        match of.upgrade().map(|host| host.redis(words)) {
            None | Some(Ok(None)) => Ok((Value::Nil, None)),
            Some(Ok(Some(datum))) => {
                meter.charge(lua, datum.parts() * rate::PART)?;
                Ok((datum.restore(lua)?, None))
            }
            Some(Err(why)) => Ok((Value::Nil, Some(why))),
        }
    };
    table.set("redis", lua.create_function(redis)?)
}

/// What a script does to its own coroutines.
fn tasks(sandbox: &Sandbox, table: &Table, host: &Weak<dyn Host>) -> mlua::Result<()> {
    let lua = &sandbox.lua;
    type Does = fn(&dyn Host, u64);
    let does: [(&str, Does); 4] = [
        ("spawn", |host, id| host.spawn(id)),
        ("cancel", |host, id| host.cancel(id)),
        ("disarm", |host, id| host.disarm(id)),
        ("wake", |host, id| host.wake(id)),
    ];
    for (name, act) in does {
        let (of, meter) = (host.clone(), sandbox.meter.clone());
        let function = move |lua: &mlua::Lua, id: u64| {
            meter.charge(lua, rate::ACT)?;
            if let Some(host) = of.upgrade() {
                act(&*host, id);
            }
            Ok(())
        };
        table.set(name, lua.create_function(function)?)?;
    }
    let (of, meter) = (host.clone(), sandbox.meter.clone());
    let arm = move |lua: &mlua::Lua, (id, ms): (u64, f64)| {
        meter.charge(lua, rate::ACT)?;
        if let Some(host) = of.upgrade() {
            host.arm(id, ms);
        }
        Ok(())
    };
    table.set("arm", lua.create_function(arm)?)
}
