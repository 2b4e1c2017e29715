//! The functions of the host, as `ctx.lua` is given them.

use std::sync::{Arc, Weak};

use mlua::{Function, LuaString, Table, Value};

use super::json::Writer;
use super::machine::bytes;
use super::sandbox::Sandbox;
use super::{Datum, Facts, Host};
use crate::base::diagnostic::nearest;

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
    tasks(lua, &table, host)?;
    Ok(table)
}

/// What a script does to the world.
fn acts(sandbox: &Sandbox, table: &Table, host: &Weak<dyn Host>) -> mlua::Result<()> {
    let lua = &sandbox.lua;
    let of = host.clone();
    let now = move |_: &mlua::Lua, ()| Ok(of.upgrade().map_or(0.0, |host| host.now_ms()));
    table.set("now", lua.create_function(now)?)?;
    for (name, warn) in [("log", false), ("warn", true)] {
        let of = host.clone();
        let log = move |_: &mlua::Lua, text: LuaString| {
            if let Some(host) = of.upgrade() {
                host.log(warn, text.to_string_lossy());
            }
            Ok(())
        };
        table.set(name, lua.create_function(log)?)?;
    }
    let (of, marks) = (host.clone(), sandbox.marks.clone());
    let bytes_max = sandbox.writer().bytes_max;
    let expose = move |_: &mlua::Lua, (name, value): (LuaString, Value)| {
        let mut json = Vec::new();
        if let Err(why) = (Writer { marks: &marks, bytes_max }).encode(&value, &mut json) {
            return Ok(Some(format!("`{}` cannot be exposed: {why}", name.to_string_lossy())));
        }
        if let (Some(host), Ok(value)) = (of.upgrade(), serde_json::from_slice(&json)) {
            host.expose(&name.to_string_lossy(), value);
        }
        Ok(None)
    };
    table.set("expose", lua.create_function(expose)?)?;
    let (of, marks) = (host.clone(), sandbox.marks.clone());
    let send = move |_: &mlua::Lua, (to, message): (LuaString, Table)| {
        let mut fields = Vec::new();
        if let Err(why) = (Writer { marks: &marks, bytes_max }).fields(&message, &mut fields) {
            return Ok(Some(format!("the message cannot be written: {why}")));
        }
        if let Some(host) = of.upgrade() {
            host.send(&to.to_string_lossy(), fields);
        }
        Ok(None)
    };
    table.set("send", lua.create_function(send)?)?;
    let marks = sandbox.marks.clone();
    let encode = move |lua: &mlua::Lua, value: Value| {
        let mut json = Vec::new();
        match (Writer { marks: &marks, bytes_max }).encode(&value, &mut json) {
            Ok(()) => Ok((Some(lua.create_string(json)?), None)),
            Err(why) => Ok((None, Some(why))),
        }
    };
    table.set("encode", lua.create_function(encode)?)?;
    declarations(lua, table, host)
}

/// What a script declares, and the data of the server that it belongs to.
fn declarations(lua: &mlua::Lua, table: &Table, host: &Weak<dyn Host>) -> mlua::Result<()> {
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
    let of = host.clone();
    let redis = move |lua: &mlua::Lua, words: Table| {
        let words = words.sequence_values::<Value>().map(|word| Ok(bytes(lua, &word?)));
        let words = words.collect::<mlua::Result<Vec<_>>>()?;
        match of.upgrade().map(|host| host.redis(words)) {
            None | Some(Ok(None)) => Ok((Value::Nil, None)),
            Some(Ok(Some(datum))) => Ok((datum.restore(lua)?, None)),
            Some(Err(why)) => Ok((Value::Nil, Some(why))),
        }
    };
    table.set("redis", lua.create_function(redis)?)
}

/// What a script does to its own coroutines.
fn tasks(lua: &mlua::Lua, table: &Table, host: &Weak<dyn Host>) -> mlua::Result<()> {
    type Does = fn(&dyn Host, u64);
    let does: [(&str, Does); 4] = [
        ("spawn", |host, id| host.spawn(id)),
        ("cancel", |host, id| host.cancel(id)),
        ("disarm", |host, id| host.disarm(id)),
        ("wake", |host, id| host.wake(id)),
    ];
    for (name, act) in does {
        let of = host.clone();
        let function = move |_: &mlua::Lua, id: u64| {
            if let Some(host) = of.upgrade() {
                act(&*host, id);
            }
            Ok(())
        };
        table.set(name, lua.create_function(function)?)?;
    }
    let of = host.clone();
    let arm = move |_: &mlua::Lua, (id, ms): (u64, f64)| {
        if let Some(host) = of.upgrade() {
            host.arm(id, ms);
        }
        Ok(())
    };
    table.set("arm", lua.create_function(arm)?)
}
