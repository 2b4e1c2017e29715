//! The machine: coroutines that begin with an entry, wait for requests, and end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use mlua::{Function, MultiValue, Table, Thread, Value, Variadic};

use super::bind::bind;
use super::meter::rate;
use super::sandbox::{Code, Sandbox};
use super::scribe::Scribe;
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

/// The numbers of entries in `ctx.lua`.
mod entry {
    pub(super) const START: i64 = 1;
    pub(super) const MESSAGE: i64 = 2;
    pub(super) const TASK: i64 = 3;
    pub(super) const TIMER: i64 = 4;
    pub(super) const DIED: i64 = 5;
    pub(super) const ROUTE: i64 = 6;
    pub(super) const COMMAND: i64 = 7;
}

/// What a coroutine that yields asks for; the same numbers as in `ctx.lua`. Any other means that it is done.
mod request {
    pub(super) const SLEEP: i64 = 1;
    pub(super) const CALL: i64 = 2;
    pub(super) const REDIS: i64 = 3;
    pub(super) const HTTP: i64 = 4;
    pub(super) const WAIT: i64 = 5;
    pub(super) const TRANSACTION: i64 = 6;
    pub(super) const SYNC: i64 = 7;
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
    /// What writes its messages.
    scribe: Scribe,
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
        let raw = &sandbox.raw;
        let work: Function =
            ctx.call((&table, &raw.yields, &raw.next, &raw.setmetatable, &raw.getmetatable))?;
        let state = Mutex::default();
        let scribe = sandbox.scribe(limits.message_bytes);
        Ok(Machine { sandbox, scribe, script: script.to_owned(), work, host: table, state })
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
        let (wants, handles, resumed) = match entry {
            Entry::Start => {
                (Wants::Nothing, Handles::Nothing, thread.resume::<Resumed>(entry::START))
            }
            Entry::Message { from, kind, body, asks } => {
                let reader = self.sandbox.reader();
                let body = reader.decode(body).map_err(mlua::Error::RuntimeError)?;
                let wants = if asks { Wants::Reply } else { Wants::Nothing };
                let resumed = thread.resume((entry::MESSAGE, from, body, asks));
                (wants, Handles::Message(kind.to_owned()), resumed)
            }
            Entry::Task(id) => (Wants::Nothing, Handles::Nothing, thread.resume((entry::TASK, id))),
            Entry::Timer(id) => {
                (Wants::Nothing, Handles::Nothing, thread.resume((entry::TIMER, id)))
            }
            Entry::Died { task, text } => {
                (Wants::Nothing, Handles::Nothing, thread.resume((entry::DIED, task, text)))
            }
            Entry::Route(at, request) => {
                let resumed = thread.resume((entry::ROUTE, at, request.restore(lua)?));
                (Wants::Response, Handles::Route(at), resumed)
            }
            Entry::Command(name, words) => {
                let words = words.iter().map(|word| lua.create_string(word));
                let words = words.collect::<mlua::Result<Variadic<_>>>()?;
                let resumed = thread.resume((entry::COMMAND, name, words));
                (Wants::Value, Handles::Command(name.to_owned()), resumed)
            }
        };
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
        let resumed = self.answer(&running.thread, answer);
        self.step(&mut state, running, resumed)
    }

    fn answer(&self, thread: &Thread, answer: Answer) -> mlua::Result<Resumed> {
        match answer {
            Answer::Passed => thread.resume(()),
            Answer::Woken(woken) => thread.resume(woken),
            Answer::Json(text) => match self.sandbox.reader().decode(&text) {
                Ok(value) => thread.resume((true, value)),
                Err(why) => {
                    thread.resume((false, "malformed", format!("the reply is not JSON: {why}")))
                }
            },
            Answer::Datum(None) => thread.resume(true),
            Answer::Datum(Some(datum)) => thread.resume((true, datum.restore(&self.sandbox.lua)?)),
            Answer::Failed { kind, text, code } => thread.resume((false, kind, text, code)),
        }
    }

    /// What a coroutine has come to.
    fn step(
        &self,
        state: &mut State,
        running: Running,
        mut resumed: mlua::Result<Resumed>,
    ) -> Step {
        loop {
            if let Some(why) = self.sandbox.meter.struck() {
                resumed = Err(mlua::Error::RuntimeError(why));
            }
            let read = resumed.and_then(|values| self.read(values, running.wants));
            match read {
                Ok(Read::Request(request)) => return Step::Wait(running, request),
                Ok(Read::Output(output)) => {
                    if state.idle.len() < IDLE_MAX {
                        state.idle.push(running.thread);
                    }
                    return Step::Done(output);
                }
                Ok(Read::Unwritable(why)) => resumed = running.thread.resume((Value::Nil, why)),
                Err(error) => return Step::Failed(self.error(&error, Some(&running))),
            }
        }
    }

    fn read(&self, (code, first, second, rest): Resumed, wants: Wants) -> mlua::Result<Read> {
        let code = code.as_integer().unwrap_or_default();
        let mut rest = rest.into_iter();
        let mut next = || rest.next().unwrap_or(Value::Nil);
        let request = match code {
            request::SLEEP => Request::Sleep { ms: float(&first).unwrap_or(0.0) },
            request::CALL => {
                let Value::Table(message) = second else {
                    return Ok(Read::Unwritable("a message is a table".to_owned()));
                };
                let fields = match self.scribe.message(&self.sandbox.lua, &message)? {
                    Ok(fields) => fields,
                    Err(why) => {
                        let why = format!("the message cannot be written: {why}");
                        return Ok(Read::Unwritable(why));
                    }
                };
                Request::Call { to: text(&first), fields, timeout_ms: float(&next()) }
            }
            request::REDIS => {
                let (server, timeout_ms) = (text(&first), float(&second));
                let words = rest.map(|word| bytes(&self.sandbox.lua, &word)).collect();
                Request::Redis { server, words, timeout_ms }
            }
            request::HTTP => {
                let (method, server, url) = (text(&first), second, text(&next()));
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
            request::WAIT => {
                let waiter = first.as_integer().and_then(|id| u64::try_from(id).ok());
                Request::Wait { waiter: waiter.unwrap_or_default(), timeout_ms: float(&second) }
            }
            request::TRANSACTION => {
                let (server, timeout_ms) = (text(&first), float(&second));
                let commands = commands(&self.sandbox.lua, &next())?;
                Request::Transaction { server, commands, timeout_ms }
            }
            request::SYNC => match Datum::of(&first) {
                Ok(durable) => Request::Sync { durable },
                Err(error) => {
                    self.sandbox.meter.charge(&self.sandbox.lua, rate::ACT)?;
                    return Ok(Read::Unwritable(format!("ctx.durable: {}", error.message)));
                }
            },
            _ => {
                let values = [first, second].into_iter().chain(rest);
                return self.output(values, wants).map(Read::Output);
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
                    let written = self.scribe.message(&self.sandbox.lua, &table)?;
                    let fields = written.map_err(|why| error_of("the reply", why))?;
                    // It would be the first.
                    if !fields.starts_with(b"\"type\":") {
                        return Err(error_of("the reply", "it has no `type`"));
                    }
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

/// What a coroutine hands out when it yields: a number that says for what, and values.
type Resumed = (Value, Value, Value, MultiValue);

enum Read {
    Request(Request),
    Output(Output),
    /// It wants to send what has no form in JSON, or to keep what cannot be kept: why.
    Unwritable(String),
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
