//! The machine: coroutines that begin with an entry, wait for requests, and end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use mlua::{Function, IntoLuaMulti, MultiValue, Table, Thread, Value};

use super::bind::bind;
use super::sandbox::{Code, Sandbox};
use super::{
    Answer, Datum, Entry, Facts, Host, HttpRequest, HttpResponse, Limits, Output, Request,
    ScriptError, Scripts,
};

/// What a node's script sees.
const CTX: &str = include_str!("ctx.lua");

/// The same as bytecode.
static CTX_CODE: Code = Code::new();

/// The most coroutines that are kept for the next entry.
const IDLE_MAX: usize = 64;

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
    handles: Handles,
}

/// What a coroutine handles, for errors that have no place of their own.
enum Handles {
    Nothing,
    /// A message of that type.
    Message(String),
    /// A request for the route with that number.
    Route(usize),
    /// A command.
    Command(String),
}

/// What is made of what an entry returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    Nothing,
    Reply,
    Response,
    Value,
}

/// A script that runs.
pub struct Machine {
    sandbox: Sandbox,
    script: String,
    work: Function,
    /// What `ctx.lua` was given, to which it has added the handlers.
    host: Table,
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
        host: &Weak<dyn Host>,
    ) -> Result<Machine, ScriptError> {
        let machine = Machine::empty(scripts, script, facts, limits, durable, host);
        let machine = machine.map_err(|error| ScriptError::of(&error))?;
        machine.sandbox.load(script, scripts)?;
        Ok(machine)
    }

    fn empty(
        scripts: &Arc<Scripts>,
        script: &str,
        facts: Facts,
        limits: Limits,
        durable: Option<&Datum>,
        host: &Weak<dyn Host>,
    ) -> mlua::Result<Machine> {
        let drawing = host.clone();
        let chance = Box::new(move || drawing.upgrade().map_or(0, |host| host.draw()));
        let sandbox = Sandbox::new(limits, scripts.clone(), Some(chance), None)?;
        let table = bind(&sandbox, facts, durable, host)?;
        let ctx = sandbox.own("[ctx]", CTX, &CTX_CODE)?;
        let work: Function = ctx.call((&table, sandbox.yields.clone()))?;
        let state = Mutex::default();
        Ok(Machine { sandbox, script: script.to_owned(), work, host: table, state })
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
        let mut handles = Handles::Nothing;
        let (wants, arguments) = match entry {
            Entry::Start => (Wants::Nothing, ("start",).into_lua_multi(lua)?),
            Entry::Message { from, kind, body, asks } => {
                let body = self.sandbox.reader().decode(body).map_err(mlua::Error::RuntimeError)?;
                handles = Handles::Message(kind.to_owned());
                let wants = if asks { Wants::Reply } else { Wants::Nothing };
                (wants, ("message", from, body, asks).into_lua_multi(lua)?)
            }
            Entry::Task(id) => (Wants::Nothing, ("task", id).into_lua_multi(lua)?),
            Entry::Timer(id) => (Wants::Nothing, ("timer", id).into_lua_multi(lua)?),
            Entry::Died { task, text } => {
                (Wants::Nothing, ("failed", task, text).into_lua_multi(lua)?)
            }
            Entry::Route(at, request) => {
                handles = Handles::Route(at);
                (Wants::Response, ("route", at, request.restore(lua)?).into_lua_multi(lua)?)
            }
            Entry::Command(name, words) => {
                handles = Handles::Command(name.to_owned());
                let mut values = ("command", name).into_lua_multi(lua)?;
                for word in words {
                    values.push_back(Value::String(lua.create_string(&word)?));
                }
                (Wants::Value, values)
            }
        };
        let resumed = thread.resume::<MultiValue>(arguments);
        Ok(self.step(state, Running { thread, wants, handles }, resumed))
    }

    /// Where a handler is declared.
    fn handler_place(&self, handles: &Handles) -> Option<(String, usize)> {
        let find = || -> mlua::Result<Option<Function>> {
            let host = |name: &str| self.host.raw_get::<Table>(name);
            match handles {
                Handles::Nothing => Ok(None),
                Handles::Message(kind) => {
                    let on: Table = self.sandbox.lua.globals().raw_get("on")?;
                    on.raw_get(kind.as_str())
                }
                Handles::Route(at) => host("routes")?.raw_get::<Table>(*at)?.raw_get("f"),
                Handles::Command(name) => host("commands")?.raw_get(name.as_str()),
            }
        };
        let info = find().ok().flatten()?.info();
        Some((info.short_src?, info.line_defined?))
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
                let (headers, query) = (pairs(&next())?, pairs(&next())?);
                let body = next().as_string().map(|body| body.as_bytes().to_vec());
                let (kind, timeout_ms) = (media_type(&next()), float(&next()));
                Request::Http(Box::new(HttpRequest {
                    method,
                    server,
                    url,
                    headers,
                    query,
                    body,
                    kind,
                    timeout_ms,
                }))
            }
            6 => {
                let (server, timeout_ms) = (text(&next()), float(&next()));
                let commands = commands(&self.sandbox.lua, &next())?;
                Request::Transaction { server, commands, timeout_ms }
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
            Wants::Response => {
                let mut next = || values.next().unwrap_or(Value::Nil);
                let status = next().as_integer().and_then(|status| u16::try_from(status).ok());
                let headers = pairs(&next())?;
                let body = next().as_string().map(|body| body.as_bytes().to_vec());
                Ok(Output::Response(Box::new(HttpResponse {
                    status: status.unwrap_or(500),
                    headers,
                    body: body.unwrap_or_default(),
                    kind: media_type(&next()),
                })))
            }
            Wants::Value => match values.next() {
                None | Some(Value::Nil) => Ok(Output::Value(None)),
                Some(value) => {
                    let datum = Datum::of(&value);
                    let datum =
                        datum.map_err(|error| error_of("what is returned", error.message))?;
                    Ok(Output::Value(Some(datum)))
                }
            },
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
        if !found.script.is_empty() {
            return found;
        }
        match running.and_then(|running| self.handler_place(&running.handles)) {
            Some((script, line)) => found.or_at(&script, line),
            None => found.or_at(&self.script, 0),
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

pub(super) fn bytes(lua: &mlua::Lua, value: &Value) -> Vec<u8> {
    let text = lua.coerce_string(value.clone()).ok().flatten();
    text.map(|text| text.as_bytes().to_vec()).unwrap_or_default()
}

/// Names and values, two by two.
fn pairs(value: &Value) -> mlua::Result<Vec<(String, String)>> {
    let Value::Table(table) = value else { return Ok(Vec::new()) };
    let text =
        |pair: &Table, at: i64| -> mlua::Result<String> { Ok(text(&pair.raw_get::<Value>(at)?)) };
    let pairs = table.sequence_values::<Table>();
    pairs.map(|pair| pair.and_then(|pair| Ok((text(&pair, 1)?, text(&pair, 2)?)))).collect()
}

/// The words of several commands.
fn commands(lua: &mlua::Lua, value: &Value) -> mlua::Result<Vec<Vec<Vec<u8>>>> {
    let Value::Table(table) = value else { return Ok(Vec::new()) };
    let words = |command: Table| -> mlua::Result<Vec<Vec<u8>>> {
        command.sequence_values::<Value>().map(|word| Ok(bytes(lua, &word?))).collect()
    };
    table.sequence_values::<Table>().map(|command| words(command?)).collect()
}

/// The type of a body, as HTTP names it.
fn media_type(kind: &Value) -> Option<&'static str> {
    match text(kind).as_str() {
        "json" => Some("application/json"),
        "text" => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Coroutines refer to their state: let go of them first.
        self.lock().idle.clear();
    }
}
