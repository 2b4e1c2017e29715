//! The machine: coroutines that begin with an entry, wait for requests, and end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use mlua::{Function, IntoLuaMulti, MultiValue, Table, Thread, Value};

use super::bind::bind;
use super::sandbox::{Code, Sandbox};
use super::{Answer, Datum, Entry, Facts, Host, Limits, Output, Request, ScriptError, Scripts};

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
    /// The type of the message that it handles; empty for anything else.
    kind: String,
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
        let mut handles = String::new();
        let (wants, arguments) = match entry {
            Entry::Start => (Wants::Nothing, ("start",).into_lua_multi(lua)?),
            Entry::Message { from, kind, body, asks } => {
                let body = self.sandbox.reader().decode(body).map_err(mlua::Error::RuntimeError)?;
                kind.clone_into(&mut handles);
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
        Ok(self.step(state, Running { thread, wants, kind: handles }, resumed))
    }

    /// Where the handler of messages of a type is declared.
    fn handler_place(&self, kind: &str) -> (String, usize) {
        let find = || -> Option<(String, usize)> {
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
                let request = super::HttpRequest { method, server, url, headers, body, timeout_ms };
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
            Some(Running { kind, .. }) if !kind.is_empty() && found.script.is_empty() => {
                let (script, line) = self.handler_place(kind);
                if script.is_empty() {
                    found.or_at(&self.script, 0)
                } else {
                    found.or_at(&script, line)
                }
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

impl Drop for Machine {
    fn drop(&mut self) {
        // Coroutines refer to their state: let go of them first.
        self.lock().idle.clear();
    }
}
