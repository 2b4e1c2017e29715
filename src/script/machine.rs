//! The machine: coroutines that begin with an entry, wait for requests, and end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use mlua::{Function, IntoLuaMulti, LuaString, MultiValue, Table, Thread, Value};

use super::json::Writer;
use super::sandbox::Sandbox;
use super::{Datum, Limits, ScriptError, Scripts};
use crate::base::diagnostic::nearest;

/// What a node's script sees.
const CTX: &str = include_str!("ctx.lua");

/// The most coroutines that are kept for the next entry.
const IDLE_MAX: usize = 64;

/// What a script asks of its host without waiting.
pub trait Host: Send + Sync {
    /// The time as the node has it, in milliseconds since the run began.
    fn now_ms(&self) -> f64;
    /// 64 bits of chance.
    fn draw(&self) -> u64;
    /// A line for the log; `warn` if something may be wrong.
    fn log(&self, warn: bool, text: String);
    /// The node shows a part of its state.
    fn expose(&self, name: &str, value: serde_json::Value);
    /// Sends a message, of which these are the fields, as JSON without braces.
    fn send(&self, to: &str, fields: Vec<u8>);
    /// A task is to be entered: [`Entry::Task`].
    fn spawn(&self, task: u64);
    /// A task is to be dropped where it is.
    fn cancel(&self, task: u64);
    /// A timer is to be entered after so many milliseconds: [`Entry::Timer`].
    fn arm(&self, timer: u64, after_ms: f64);
    /// A timer is not to be entered.
    fn disarm(&self, timer: u64);
    /// Whoever waits with [`Request::Wait`] for this number goes on, if anybody does.
    fn wake(&self, waiter: u64);
    /// What is durable is on the disk now.
    ///
    /// # Errors
    /// The disk is full.
    fn sync(&self, durable: Datum) -> Result<(), String>;
    /// The script declares a route.
    ///
    /// # Errors
    /// Why there can be none here, or what is wrong with the pattern.
    fn route(&self, pattern: &str) -> Result<(), String>;
    /// The script declares a command.
    ///
    /// # Errors
    /// Why there can be none here.
    fn command(&self, name: &str) -> Result<(), String>;
}

/// What a script is told about the scenario.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The node's own name.
    pub name: String,
    /// `env:`.
    pub env: serde_json::Map<String, serde_json::Value>,
    /// All nodes, itself included.
    pub nodes: Vec<String>,
    /// The other nodes that run the same script.
    pub peers: Vec<String>,
    /// What each server speaks, and `client` for each client.
    pub speaks: BTreeMap<String, &'static str>,
    /// How long [`Host::sync`] takes, in milliseconds.
    pub sync_ms: f64,
}

/// What a coroutine waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// That time passes.
    Sleep {
        /// How much.
        ms: f64,
    },
    /// A node's reply to a message.
    Call {
        /// The node.
        to: String,
        /// The message's fields, as JSON without braces.
        fields: Vec<u8>,
        /// How long at most.
        timeout_ms: Option<f64>,
    },
    /// A redis server's reply to a command.
    Redis {
        /// The server.
        server: String,
        /// The command's words.
        words: Vec<Vec<u8>>,
        /// How long at most.
        timeout_ms: Option<f64>,
    },
    /// A response to an HTTP request.
    Http(Box<HttpRequest>),
    /// That somebody wakes it.
    Wait {
        /// The number to wake it by.
        waiter: u64,
        /// How long at most.
        timeout_ms: Option<f64>,
    },
}

/// An HTTP request of a script.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpRequest {
    /// `GET` and so on.
    pub method: String,
    /// The server, or none if the URL names it.
    pub server: Option<String>,
    /// The path, or the URL.
    pub url: String,
    /// Headers in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// How long at most.
    pub timeout_ms: Option<f64>,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Time has passed.
    Passed,
    /// Whether it was woken, or the time had passed.
    Woken(bool),
    /// A node's reply, as JSON.
    Json(Bytes),
    /// Any other reply; `None` is nothing.
    Datum(Option<Datum>),
    /// There is none.
    Failed {
        /// `refused`, `reset`, `timeout`, `error`, ...
        kind: &'static str,
        /// What happened.
        text: String,
        /// The code of an error reply.
        code: Option<i64>,
    },
}

/// Where a coroutine begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry<'e> {
    /// The node has started.
    Start,
    /// A message has come.
    Message {
        /// Who sent it.
        from: &'e str,
        /// The message, as JSON.
        body: &'e [u8],
        /// It waits for a reply.
        asks: bool,
    },
    /// A task that the script has spawned.
    Task(u64),
    /// A timer has run out.
    Timer(u64),
    /// A task has died of an error.
    Died {
        /// The task.
        task: u64,
        /// The error.
        text: &'e str,
    },
    /// A request for a route: its number, from 1, in the order of the script.
    Route(usize, Datum),
    /// A command, and its words after the name.
    Command(&'e str, Vec<Bytes>),
}

/// What an entry comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Nothing.
    Nothing,
    /// The fields of a reply, as JSON without braces.
    Reply(Vec<u8>),
    /// Values.
    Values(Vec<Option<Datum>>),
}

/// How far a coroutine has come.
pub enum Step {
    /// It waits.
    Wait(Running, Request),
    /// It is done.
    Done(Output),
    /// It has died.
    Failed(ScriptError),
}

/// A coroutine that waits.
pub struct Running {
    thread: Thread,
    wants: Wants,
    /// Where its handler is declared, for errors that have no place of their own.
    place: (String, usize),
}

/// What is made of what an entry returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    Nothing,
    Reply,
    Values,
}

/// A script that runs.
pub struct Machine {
    sandbox: Sandbox,
    script: String,
    work: Function,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<Thread>,
}

impl Machine {
    /// Starts the script called `script`: runs its own level, which declares its handlers. `durable` is what
    /// a crash has left.
    ///
    /// # Errors
    /// What is wrong with it, with its place.
    pub fn new(
        scripts: &Arc<Scripts>,
        script: &str,
        facts: Facts,
        limits: Limits,
        durable: Option<&Datum>,
        host: Weak<dyn Host>,
    ) -> Result<Machine, ScriptError> {
        let text = scripts.text(script).unwrap_or_default();
        let machine = Machine::empty(scripts, script, facts, limits, durable, host);
        let machine = machine.map_err(|error| ScriptError::of(&error))?;
        machine.sandbox.load(script, text)?;
        Ok(machine)
    }

    fn empty(
        scripts: &Arc<Scripts>,
        script: &str,
        facts: Facts,
        limits: Limits,
        durable: Option<&Datum>,
        host: Weak<dyn Host>,
    ) -> mlua::Result<Machine> {
        let drawing = host.clone();
        let chance = Box::new(move || drawing.upgrade().map_or(0, |host| host.draw()));
        let sandbox = Sandbox::new(limits, scripts.clone(), Some(chance), None)?;
        let table = bind(&sandbox, facts, durable, host)?;
        let ctx = sandbox.lua.load(CTX).set_name("=[ctx]");
        let work: Function = ctx.call((table, sandbox.yields.clone()))?;
        let state = Mutex::default();
        Ok(Machine { sandbox, script: script.to_owned(), work, state })
    }

    /// Begins with an entry and goes on until it waits or ends.
    pub fn enter(&self, entry: Entry<'_>) -> Step {
        let mut state = self.lock();
        self.sandbox.refresh();
        match self.begin(&mut state, entry) {
            Ok(step) => step,
            Err(error) => Step::Failed(self.error(&error, None)),
        }
    }

    fn begin(&self, state: &mut State, entry: Entry<'_>) -> mlua::Result<Step> {
        let thread = match state.idle.pop() {
            Some(thread) => thread,
            None => self.sandbox.lua.create_thread(self.work.clone())?,
        };
        let lua = &self.sandbox.lua;
        let mut place = (String::new(), 0);
        let (wants, arguments) = match entry {
            Entry::Start => (Wants::Nothing, ("start",).into_lua_multi(lua)?),
            Entry::Message { from, body, asks } => {
                let body = self.sandbox.reader().decode(body).map_err(mlua::Error::RuntimeError)?;
                place = self.handler_place(&body);
                let wants = if asks { Wants::Reply } else { Wants::Nothing };
                (wants, ("message", from, body, asks).into_lua_multi(lua)?)
            }
            Entry::Task(id) => (Wants::Nothing, ("task", id).into_lua_multi(lua)?),
            Entry::Timer(id) => (Wants::Nothing, ("timer", id).into_lua_multi(lua)?),
            Entry::Died { task, text } => {
                (Wants::Nothing, ("failed", task, text).into_lua_multi(lua)?)
            }
            Entry::Route(at, request) => {
                (Wants::Values, ("route", at, request.restore(lua)?).into_lua_multi(lua)?)
            }
            Entry::Command(name, words) => {
                let mut values = ("command", name).into_lua_multi(lua)?;
                for word in words {
                    values.push_back(Value::String(lua.create_string(&word)?));
                }
                (Wants::Values, values)
            }
        };
        let resumed = thread.resume::<MultiValue>(arguments);
        Ok(self.step(state, Running { thread, wants, place }, resumed))
    }

    /// Where the handler of a message is declared.
    fn handler_place(&self, body: &Value) -> (String, usize) {
        let find = || -> Option<(String, usize)> {
            let kind: LuaString = body.as_table()?.raw_get("type").ok()?;
            let on: Table = self.sandbox.lua.globals().raw_get("on").ok()?;
            let handler: Function = on.raw_get(kind).ok()?;
            let info = handler.info();
            Some((info.short_src?, info.line_defined?))
        };
        find().unwrap_or_default()
    }

    /// Goes on with a coroutine that waited.
    pub fn resume(&self, running: Running, answer: Answer) -> Step {
        let mut state = self.lock();
        self.sandbox.refresh();
        let values = match self.values(answer) {
            Ok(values) => values,
            Err(error) => return Step::Failed(self.error(&error, Some(&running))),
        };
        let resumed = running.thread.resume::<MultiValue>(values);
        self.step(&mut state, running, resumed)
    }

    fn values(&self, answer: Answer) -> mlua::Result<MultiValue> {
        let lua = &self.sandbox.lua;
        match answer {
            Answer::Passed => Ok(MultiValue::new()),
            Answer::Woken(woken) => woken.into_lua_multi(lua),
            Answer::Json(text) => {
                let value = self.sandbox.reader().decode(&text);
                match value {
                    Ok(value) => (true, value).into_lua_multi(lua),
                    Err(why) => {
                        let text = format!("the reply is not JSON: {why}");
                        (false, "malformed", text).into_lua_multi(lua)
                    }
                }
            }
            Answer::Datum(None) => (true, Value::Nil).into_lua_multi(lua),
            Answer::Datum(Some(datum)) => (true, datum.restore(lua)?).into_lua_multi(lua),
            Answer::Failed { kind, text, code } => (false, kind, text, code).into_lua_multi(lua),
        }
    }

    /// What a coroutine has come to.
    fn step(&self, state: &mut State, running: Running, resumed: mlua::Result<MultiValue>) -> Step {
        let values = match resumed {
            Ok(values) => values,
            Err(error) => return Step::Failed(self.error(&error, Some(&running))),
        };
        match self.read(values, running.wants) {
            Ok(Read::Request(request)) => Step::Wait(running, request),
            Ok(Read::Output(output)) => {
                if state.idle.len() < IDLE_MAX {
                    state.idle.push(running.thread);
                }
                Step::Done(output)
            }
            Err(error) => Step::Failed(self.error(&error, Some(&running))),
        }
    }

    fn read(&self, values: MultiValue, wants: Wants) -> mlua::Result<Read> {
        const DONE: i64 = 0;
        let mut values = values.into_iter();
        let code = match values.next() {
            Some(Value::Integer(code)) => code,
            _ => DONE,
        };
        if code == DONE {
            return self.output(values, wants).map(Read::Output);
        }
        let mut next = || values.next().unwrap_or(Value::Nil);
        let request = match code {
            1 => Request::Sleep { ms: float(&next()).unwrap_or(0.0) },
            2 => {
                let (to, fields) = (text(&next()), bytes(&self.sandbox.lua, &next()));
                Request::Call { to, fields, timeout_ms: float(&next()) }
            }
            3 => {
                let (server, timeout_ms) = (text(&next()), float(&next()));
                let words = values.map(|word| bytes(&self.sandbox.lua, &word)).collect();
                Request::Redis { server, words, timeout_ms }
            }
            4 => {
                let (method, server, url) = (text(&next()), next(), text(&next()));
                let server = server.as_string().map(|server| server.to_string_lossy());
                let headers = headers(&next())?;
                let body = next().as_string().map(|body| body.as_bytes().to_vec());
                let timeout_ms = float(&next());
                let request = HttpRequest { method, server, url, headers, body, timeout_ms };
                Request::Http(Box::new(request))
            }
            _ => {
                let waiter = next().as_integer().and_then(|id| u64::try_from(id).ok());
                Request::Wait { waiter: waiter.unwrap_or_default(), timeout_ms: float(&next()) }
            }
        };
        Ok(Read::Request(request))
    }

    fn output(
        &self,
        mut values: impl Iterator<Item = Value>,
        wants: Wants,
    ) -> mlua::Result<Output> {
        match wants {
            Wants::Nothing => Ok(Output::Nothing),
            Wants::Reply => match values.next() {
                None | Some(Value::Nil) => Ok(Output::Nothing),
                Some(Value::Table(table)) => {
                    if !table.contains_key("type")? {
                        return Err(error_of("the reply", "it has no `type`"));
                    }
                    let mut fields = Vec::new();
                    let written = self.sandbox.writer().fields(&table, &mut fields);
                    written.map_err(|why| error_of("the reply", why))?;
                    Ok(Output::Reply(fields))
                }
                Some(other) => {
                    let why = format!(
                        "a handler returns a message or nothing, not a {}",
                        other.type_name()
                    );
                    Err(mlua::Error::RuntimeError(why))
                }
            },
            Wants::Values => {
                let value = |value: Value| match value {
                    Value::Nil => Ok(None),
                    value => Datum::of(&value).map(Some),
                };
                let values: Result<Vec<_>, ScriptError> = values.map(value).collect();
                values
                    .map(Output::Values)
                    .map_err(|error| error_of("what is returned", error.message))
            }
        }
    }

    /// What is durable now.
    ///
    /// # Errors
    /// What in it cannot be kept.
    pub fn durable(&self) -> Result<Datum, ScriptError> {
        let _state = self.lock();
        let value = || -> mlua::Result<Value> {
            self.sandbox.lua.globals().raw_get::<Table>("ctx")?.raw_get("durable")
        };
        let value = value().map_err(|error| ScriptError::of(&error))?;
        Datum::of(&value).map_err(|error| {
            ScriptError::new(format!("ctx.durable: {}", error.message)).or_at(&self.script, 0)
        })
    }

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.sandbox.lua.used_memory()
    }

    fn error(&self, error: &mlua::Error, running: Option<&Running>) -> ScriptError {
        let found = ScriptError::of(error);
        match running {
            Some(Running { place: (script, line), .. }) if !script.is_empty() => {
                found.or_at(script, *line)
            }
            _ => found.or_at(&self.script, 0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Read {
    Request(Request),
    Output(Output),
}

fn error_of(what: &str, why: impl std::fmt::Display) -> mlua::Error {
    mlua::Error::RuntimeError(format!("{what} cannot be written: {why}"))
}

fn float(value: &Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

fn text(value: &Value) -> String {
    value.as_string().map(|text| text.to_string_lossy()).unwrap_or_default()
}

fn bytes(lua: &mlua::Lua, value: &Value) -> Vec<u8> {
    let text = lua.coerce_string(value.clone()).ok().flatten();
    text.map(|text| text.as_bytes().to_vec()).unwrap_or_default()
}

fn headers(value: &Value) -> mlua::Result<Vec<(String, String)>> {
    let Value::Table(table) = value else { return Ok(Vec::new()) };
    let pairs = table.sequence_values::<Table>();
    pairs.map(|pair| pair.and_then(|pair| Ok((pair.raw_get(1)?, pair.raw_get(2)?)))).collect()
}

/// The table that `ctx.lua` is given.
fn bind(
    sandbox: &Sandbox,
    facts: Facts,
    durable: Option<&Datum>,
    host: Weak<dyn Host>,
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
    table.set("sync_ms", facts.sync_ms)?;
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
    acts(sandbox, &table, &host)?;
    tasks(lua, &table, &host)?;
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
    let marks = sandbox.marks.clone();
    let fields = move |lua: &mlua::Lua, message: Table| {
        let mut fields = Vec::new();
        match (Writer { marks: &marks, bytes_max }).fields(&message, &mut fields) {
            Ok(()) => Ok((Some(lua.create_string(fields)?), None)),
            Err(why) => Ok((None, Some(format!("the message cannot be written: {why}")))),
        }
    };
    table.set("fields", lua.create_function(fields)?)?;
    let of = host.clone();
    let send = move |_: &mlua::Lua, (to, fields): (LuaString, LuaString)| {
        if let Some(host) = of.upgrade() {
            host.send(&to.to_string_lossy(), fields.as_bytes().to_vec());
        }
        Ok(())
    };
    table.set("send", lua.create_function(send)?)?;
    let of = host.clone();
    let sync = move |_: &mlua::Lua, durable: Value| {
        let synced = match (Datum::of(&durable), of.upgrade()) {
            (Ok(datum), Some(host)) => host.sync(datum),
            (Err(error), _) => Err(format!("ctx.durable: {}", error.message)),
            (_, None) => Ok(()),
        };
        Ok(synced.err())
    };
    table.set("sync", lua.create_function(sync)?)?;
    type Declares = fn(&dyn Host, &str) -> Result<(), String>;
    let declares: [(&str, Declares); 2] = [
        ("route", |host, pattern| host.route(pattern)),
        ("command", |host, name| host.command(name)),
    ];
    for (name, declare) in declares {
        let of = host.clone();
        let function = move |_: &mlua::Lua, text: LuaString| {
            let host = of.upgrade();
            Ok(host.and_then(|host| declare(&*host, &text.to_string_lossy()).err()))
        };
        table.set(name, lua.create_function(function)?)?;
    }
    Ok(())
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

impl Drop for Machine {
    fn drop(&mut self) {
        // Coroutines refer to their state: let go of them first.
        self.lock().idle.clear();
    }
}
