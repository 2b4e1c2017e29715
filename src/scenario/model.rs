//! The typed scenario: one type a word of the language.
//!
//! Lists of pairs stand where YAML has mappings, in the order of the file, so that nothing depends
//! on a hash.

mod chance;
mod fault;
mod history;
mod metric;
mod node;
mod predicate;
mod process;
mod schedule;
mod statistic;

use std::time::Duration;

use crate::base::{Distribution, Located, Source, Span, Value};

pub use chance::{Alternative, Draw};
pub use fault::{
    Chaos, Choice, Condition, Corruption, Directions, Doing, Edit, EditValue, Fault, FaultKind,
    Flap, Harm, LinkFault, Moment, Named, NodeFault, NodeHarm, Partition, Shape, Trigger,
    TriggerEvent, UnusedFaults, When,
};
pub use history::{
    Anomaly, Criterion, Function, HistoryCheck, Isolation, Level, ModelKind, TxnOrder,
};
pub use metric::{Between, Metric, MetricKind};
pub use node::{NodeServer, ScriptText, Scripted};
pub use predicate::{Asked, Quantifier, StateCheck};
pub use process::{Command, ExternalServer, Invocation, ProcessServer, Ready, Sign, Speaks};
pub use schedule::{ConnectDelay, Delay, Expected, REPRO_VERSION, Schedule};
pub use statistic::Statistic;

/// A whole scenario file.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The text it was read from.
    pub source: Source,
    /// `name:`; by default the file's stem.
    pub name: String,
    /// `about:`, what it teaches.
    pub about: Option<String>,
    /// `clock:`.
    pub clock: Option<World>,
    /// `seed:`.
    pub seed: Option<u64>,
    /// `timeout:`, of the whole run.
    pub timeout: Option<Duration>,
    /// `vars:`.
    pub vars: Vec<(Located<String>, Dynamic)>,
    /// `servers:`, in the order of the file.
    pub servers: Vec<Server>,
    /// `links:`, in the order of the file; of those that fit a pair the last one counts.
    pub links: Vec<Link>,
    /// `timeline:`, in the order of the file.
    pub timeline: Vec<Moment>,
    /// `unused_faults:`.
    pub unused_faults: UnusedFaults,
    /// `flows:`, step lists that `use:` refers to.
    pub flows: Vec<Flow>,
    /// `clients:`, in the order of the file.
    pub clients: Vec<Client>,
    /// `checks:`.
    pub checks: Vec<Check>,
    /// All scripts that it uses, of `scripts:` and of files.
    pub scripts: Vec<ScriptText>,
    /// `trace:`, what is kept.
    pub trace: TraceOptions,
    /// `schedule:`, decisions in place of chance.
    pub schedule: Option<Schedule>,
    /// `expected:`, what a repro shows.
    pub expected: Option<Expected>,
}

/// One of the two worlds a scenario runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// Sockets on loopback and the wall clock.
    Real,
    /// Sockets in memory and a clock that jumps.
    Virtual,
}

impl World {
    /// `real` or `virtual`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            World::Real => "real",
            World::Virtual => "virtual",
        }
    }
}

/// `trace:`, what the trace keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceOptions {
    /// The most bytes of one message that are kept; the rest is counted. Default 16 KiB.
    pub bytes_max: u32,
}

impl Default for TraceOptions {
    fn default() -> TraceOptions {
        TraceOptions { bytes_max: 16 * 1024 }
    }
}

// ---- text with variables ------------------------------------------------------------------

/// Text that may hold `${name}`: resolved when it is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The pieces in order; neighbours are never both literal.
    pub parts: Vec<TextPart>,
    /// Where the whole text stands.
    pub span: Span,
}

/// A piece of a [`Text`].
#[derive(Debug, Clone, PartialEq)]
pub enum TextPart {
    /// Copied as it is.
    Literal(String),
    /// `${name}`: the name (dots included, as in `app.url`) and where it stands.
    Var(Located<String>),
}

/// A JSON value in which any string may be a [`Text`]. `${x}` alone keeps the type of `x`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dynamic {
    /// The value.
    pub kind: DynamicKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of [`Dynamic`].
#[derive(Debug, Clone, PartialEq)]
pub enum DynamicKind {
    /// `null`, a boolean or a number.
    Scalar(Value),
    /// A string.
    Text(Text),
    /// A list.
    Array(Vec<Dynamic>),
    /// A mapping.
    Object(Vec<(Located<String>, Dynamic)>),
}

/// A typed setting that may instead be given by a variable: `wait: ${pause}`.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting<T> {
    /// Known from the file.
    Fixed(T),
    /// Read from a text when it is used, by the same rules as in the file.
    Text(Text),
}

// ---- predicates ---------------------------------------------------------------------------

/// Tests that must all hold for one value. A bare value in the file means `equals`.
#[derive(Debug, Clone)]
pub struct Predicate {
    /// The tests, in the order of the file.
    pub tests: Vec<Test>,
    /// Where the predicate stands.
    pub span: Span,
}

/// One test of a value.
#[derive(Debug, Clone)]
pub enum Test {
    /// `equals:` (or a bare value): the same JSON value; numbers compare by value.
    Equals(Dynamic),
    /// `not:`.
    Not(Box<Predicate>),
    /// `contains:`, a substring, an element of a list, or a key of an object.
    Contains(Dynamic),
    /// `starts_with:`.
    StartsWith(Dynamic),
    /// `matches:`, a regular expression that finds something in the text.
    Matches(regex::Regex),
    /// `exists:`, whether there is a value at all (null counts as one).
    Exists(bool),
    /// `gt:`.
    Gt(Dynamic),
    /// `gte:`.
    Gte(Dynamic),
    /// `lt:`.
    Lt(Dynamic),
    /// `lte:`.
    Lte(Dynamic),
    /// `in:`.
    In(Vec<Dynamic>),
    /// `length:`, of a string in characters, of a list or an object in elements.
    Length(Box<Predicate>),
    /// `type:`, one of `null boolean number string array object`.
    Type(&'static str),
}

/// Something in a result, named as in `expect` and `capture`.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// A named part: `status`, `body`, `text`, `reply`, `error`, `bytes`, `hex`, `took`, ...
    Named(String),
    /// `headers.NAME`: a header, its name in lower case.
    Header(String),
    /// `$`, `$.a.b[0]`, a path into the JSON body (or the reply, or a captured variable).
    Json(Vec<PathPart>),
    /// `vars.NAME`: a variable of the client.
    Var(String),
}

/// One step of a JSON path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPart {
    /// `.name` or `['name']`.
    Key(String),
    /// `[3]`; negative counts from the end.
    Index(i64),
}

/// One line of an `expect:` or `when:` mapping.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// What is looked at, and where that is written.
    pub field: Located<Field>,
    /// What must hold of it.
    pub predicate: Predicate,
}

// ---- servers ------------------------------------------------------------------------------

/// One server.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its name.
    pub name: Located<String>,
    /// `about:`.
    pub about: Option<String>,
    /// `port:`, a fixed one; by default any free one.
    pub port: Option<Located<u16>>,
    /// `connections:`, how many it serves at once; more wait to be accepted. Default 20,000.
    pub connections_max: u32,
    /// `script:` with `env:`; a node has one always.
    pub script: Option<Scripted>,
    /// What it is.
    pub kind: ServerKind,
}

/// The kinds of server: `type:`.
#[derive(Debug, Clone)]
pub enum ServerKind {
    /// `echo`: sends back what it gets.
    Echo(EchoServer),
    /// `http`.
    Http(HttpServer),
    /// `redis`.
    Redis(RedisServer),
    /// `node`: nothing but its script.
    Node(NodeServer),
    /// `closed`: an address at which nothing listens, so that connecting is refused.
    Closed,
    /// `silent`: accepts, reads and never answers.
    Silent,
    /// `process`: a program that looplab starts.
    Process(Box<ProcessServer>),
    /// `external`: a server that runs already.
    External(Box<ExternalServer>),
}

impl ServerKind {
    /// The word after `type:`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            ServerKind::Echo(_) => "echo",
            ServerKind::Http(_) => "http",
            ServerKind::Redis(_) => "redis",
            ServerKind::Node(_) => "node",
            ServerKind::Closed => "closed",
            ServerKind::Silent => "silent",
            ServerKind::Process(_) => "process",
            ServerKind::External(_) => "external",
        }
    }

    /// What a program that looplab did not write speaks; `None` for looplab's own servers.
    #[must_use]
    pub fn foreign(&self) -> Option<Speaks> {
        match self {
            ServerKind::Process(process) => Some(process.protocol),
            ServerKind::External(external) => Some(external.protocol),
            _ => None,
        }
    }
}

/// `type: echo`.
#[derive(Debug, Clone, Default)]
pub struct EchoServer {
    /// `mode: line`: answers whole lines only, each ending in `\n`.
    pub line: bool,
    /// `delay:` before each answer.
    pub delay: Option<Distribution>,
    /// `bug: one_read`: takes what its first read returns for the whole message, answers that and
    /// closes, as a program does that forgets that TCP is a stream.
    pub one_read: bool,
    /// `serial: true`: serves one connection at a time; others wait in the backlog.
    pub serial: bool,
}

/// `type: redis`.
#[derive(Debug, Clone, Default)]
pub struct RedisServer {
    /// `data:`, what it holds at the start: strings, numbers, lists (a list) and hashes (a mapping).
    pub data: Vec<(Located<String>, Dynamic)>,
    /// `password:`.
    pub password: Option<String>,
    /// `delay:` before each reply.
    pub delay: Option<Distribution>,
    /// `durable:`, never [`Durable::Some`].
    pub durable: Durable,
}

/// `durable:`, what of a server's data a crash leaves: by default nothing, it begins again with what
/// the file says.
#[derive(Debug, Clone, Default)]
pub enum Durable {
    /// Nothing.
    #[default]
    No,
    /// `durable: true`, everything.
    All,
    /// `durable: [hits, items]`, these variables of an http server's state and these of its collections.
    Some(Vec<Located<String>>),
}

impl Durable {
    /// True if a crash leaves anything.
    #[must_use]
    pub fn is_any(&self) -> bool {
        !matches!(self, Durable::No)
    }

    /// True if a crash leaves the variable or the collection of that name.
    #[must_use]
    pub fn keeps(&self, name: &str) -> bool {
        match self {
            Durable::No => false,
            Durable::All => true,
            Durable::Some(names) => names.iter().any(|kept| kept.value == name),
        }
    }
}

/// `type: http`.
#[derive(Debug, Clone, Default)]
pub struct HttpServer {
    /// `state:`, variables that routes read as `${name}` and change with `set` and `add`.
    pub state: Vec<(Located<String>, Dynamic)>,
    /// `routes:`; the first one that fits answers.
    pub routes: Vec<Route>,
    /// `serial: true`: handles one request at a time, over all connections.
    pub serial: bool,
    /// `durable:`.
    pub durable: Durable,
}

/// One route of an http server.
///
/// When a request has arrived whole, its route is found, `set` and `add` are done and the answer is
/// made, in one go; `delay` comes after that, before the answer is sent (or the request handed on). So
/// what a client gave up waiting for has happened all the same.
///
/// Texts see `${method} ${path} ${body} ${query.x} ${params.x} ${headers.x} ${$.x}` (or `${json.x}`),
/// then the server's state, then the scenario's variables and the servers' addresses. A part that
/// the request does not have is null, and nothing inside text.
#[derive(Debug, Clone)]
pub struct Route {
    /// Where the route stands.
    pub span: Span,
    /// `on: GET /items/{id}`.
    pub on: Pattern,
    /// `when:`, what must hold of the request besides. Fields are `Named` (`method path body query.x
    /// params.x`), `Header`, `Json` and `Var` (the server's state). Text that is compared with a number
    /// and reads as one is one: `query.page: 2`.
    pub when: Vec<Expectation>,
    /// `delay:` before the answer.
    pub delay: Option<Distribution>,
    /// `set:`, state that is set before the answer is made.
    pub set: Vec<(Located<String>, Dynamic)>,
    /// `add:`, numbers of the state that are added to before the answer is made.
    pub add: Vec<(Located<String>, i64)>,
    /// What it does.
    pub action: RouteAction,
}

/// `METHOD /path/{param}`, the method or `*`; a last segment `{name...}` or `*` takes the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// The method; `None` is any.
    pub method: Option<String>,
    /// The segments of the path.
    pub segments: Vec<Segment>,
    /// Where it stands.
    pub span: Span,
}

/// A segment of a [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// The same text.
    Literal(String),
    /// `{name}`: any one segment that is not empty.
    Param(String),
    /// `{name...}`, or `*` (then the name is `rest`): all that is left, also nothing.
    Rest(String),
}

/// What a route does with a request.
#[derive(Debug, Clone)]
pub enum RouteAction {
    /// `respond:`.
    Respond(Respond),
    /// `sequence:`, each answer in turn as often as it says; the last one stays.
    Sequence(Vec<SequenceItem>),
    /// `collection: items`, a resource in memory with ids.
    Collection(Collection),
    /// `proxy_to: server`.
    Proxy(Proxy),
    /// `redis:`, asks a redis server and answers with what it says.
    Redis(Box<RedisRoute>),
}

/// `redis: { call: db GET item:${params.id}, respond: ..., if_null: ... }`.
#[derive(Debug, Clone)]
pub struct RedisRoute {
    /// `call:`, in the form of a client's `redis:` step.
    pub call: RedisCall,
    /// `respond:`; texts read the reply as `${reply}`. A reply that is an error is answered with 502.
    pub respond: Respond,
    /// `if_null:`, the answer when the reply is null; by default `respond` then too.
    pub if_null: Option<Respond>,
    /// `timeout:`, after which 504 is answered. Default 30 s.
    pub timeout: Duration,
}

/// One item of a `sequence:`.
#[derive(Debug, Clone)]
pub struct SequenceItem {
    /// `times:`, how many requests it answers. Default 1.
    pub times: u64,
    /// `respond:`.
    pub respond: Respond,
}

/// `respond:`.
#[derive(Debug, Clone)]
pub struct Respond {
    /// `status:`. Default 200.
    pub status: u16,
    /// `headers:`.
    pub headers: Vec<(Located<String>, Text)>,
    /// `text:`, `json:`, `file:` or `hex:`.
    pub body: Body,
    /// `content_length:`, a lie about the body's length, to show what it does: all bytes of the body
    /// are sent, and the connection goes on.
    pub content_length: Option<u64>,
    /// `chunked: true`: sent with `Transfer-Encoding: chunked`.
    pub chunked: bool,
    /// `then: close | reset | hang`: what happens to the connection. With `hang` and `reset` no
    /// answer is sent at all.
    pub then: Then,
}

/// What an http server does to the connection after (or instead of) answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Then {
    /// Keep it, as HTTP/1.1 says.
    #[default]
    Keep,
    /// Answer, then close.
    Close,
    /// Do not answer; reset the connection.
    Reset,
    /// Do not answer; keep the connection open until the client leaves.
    Hang,
}

/// A body of a request or a response.
#[derive(Debug, Clone, Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// `text:`, `text/plain; charset=utf-8` unless a header says otherwise.
    Text(Text),
    /// `json:`, `application/json`.
    Json(Dynamic),
    /// `form:`, `application/x-www-form-urlencoded` (requests only).
    Form(Vec<(Located<String>, Text)>),
    /// `hex:` or the bytes of a `file:` (read when the scenario is read; at most 16 MiB).
    Bytes(bytes::Bytes),
}

/// `collection:`: POST and GET on the route's path, GET, PUT, PATCH and DELETE on `path/{id}`. Ids
/// count on from the highest number so far; `GET path?field=value` filters.
#[derive(Debug, Clone)]
pub struct Collection {
    /// Its name, shared by routes that say the same.
    pub name: Located<String>,
    /// `data:`, the items at the start; those without an `id` get one.
    pub data: Vec<Dynamic>,
}

/// `proxy_to:`.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// The server behind.
    pub to: Located<String>,
    /// `path:`, the path asked for there (may use `${params.x}`); by default the same. The query goes
    /// with it either way.
    pub path: Option<Text>,
    /// `timeout:`, after which 504 is answered. Default 30 s.
    pub timeout: Duration,
}

// ---- links --------------------------------------------------------------------------------

/// One entry of `links:`.
#[derive(Debug, Clone)]
pub struct Link {
    /// Where it stands.
    pub span: Span,
    /// `from:`; empty is `*`. A client with a count is meant with all its instances.
    pub from: Vec<Located<String>>,
    /// `to:`; empty is `*`.
    pub to: Vec<Located<String>>,
    /// `latency:`, one way, for each segment that is sent; each direction has its own draws.
    pub latency: Option<Distribution>,
    /// `faults:`, in force from the start, or between their `start:` and `end:`.
    pub faults: Vec<LinkMoment>,
}

/// One of a link's own faults.
#[derive(Debug, Clone)]
pub struct LinkMoment {
    /// The fault; its `from` and `to` are the link's.
    pub fault: Fault,
    /// `start:`. Default 0.
    pub start: Option<Located<Duration>>,
    /// `end:`; `for:` is counted from the start instead.
    pub end: Option<Located<Duration>>,
}

// ---- clients and steps --------------------------------------------------------------------

/// `flows:`, a named list of steps.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Its name.
    pub name: Located<String>,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// One client, or `count` alike.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its name; with a count, instances are `name.1`, `name.2`, ...
    pub name: Located<String>,
    /// `about:`.
    pub about: Option<String>,
    /// `count:`; `None` is one client that is called by its bare name.
    pub count: Option<Located<u32>>,
    /// `after:`, what must have happened before it begins.
    pub after: Vec<Located<After>>,
    /// `timeout:` of each of its operations. Default 5 s.
    pub timeout: Option<Duration>,
    /// `vars:` of its own.
    pub vars: Vec<(Located<String>, Dynamic)>,
    /// `may_fail:`, what counts for those of its steps that do not say it themselves. Default false.
    pub may_fail: bool,
    /// `steps:`.
    pub steps: Vec<Step>,
    /// `load:`.
    pub load: Option<Load>,
}

/// `after: alice` (all her steps) or `after: alice.wrote` (her step of that name).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// The client; with a count, all instances.
    pub client: String,
    /// The step's `name:`.
    pub step: Option<String>,
}

/// One step of a client or a flow.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where it stands.
    pub span: Span,
    /// `name:`, for `after:` and for the diagram.
    pub name: Option<Located<String>>,
    /// What it does.
    pub action: Action,
    /// `after:`.
    pub after: Vec<Located<After>>,
    /// `may_fail:`, whether it ends nothing if it fails; otherwise what holds where it stands counts:
    /// of the steps around it the innermost that says it, then its client.
    pub may_fail: Option<bool>,
    /// `timeout:`, of the one operation.
    pub timeout: Option<Setting<Duration>>,
    /// `expect:`.
    pub expect: Vec<Expectation>,
    /// `capture:`, variables that are set from the result.
    pub capture: Vec<(Located<String>, Located<Field>)>,
    /// `retry:`.
    pub retry: Option<Retry>,
    /// `op:`, what the step means in a history.
    pub op: Option<Op>,
}

/// `retry: { every, for | times, backoff }`: again until what is expected holds.
#[derive(Debug, Clone)]
pub struct Retry {
    /// `every:`, the pause between one attempt's end and the next one's beginning.
    pub every: Duration,
    /// `for:`, no attempt begins later than this after the first.
    pub within: Option<Duration>,
    /// `times:`, the most attempts after the first.
    pub times: Option<u32>,
    /// `backoff:`, the factor by which the pause grows each time. Default 1.
    pub backoff: f64,
    /// `jitter: true`: each pause is drawn between 0 and its full length.
    pub jitter: bool,
}

/// `op: { f: write, key: x, value: 9 }`: the operation that a step stands for.
#[derive(Debug, Clone)]
pub struct Op {
    /// `f:`, the function, such as `read` or `write`.
    pub f: Located<String>,
    /// `key:`.
    pub key: Option<Dynamic>,
    /// `value:`, what is written; or, as a path `$.x` or a field name, what was read.
    pub value: Option<OpValue>,
}

/// Where an operation's value comes from.
#[derive(Debug, Clone)]
pub enum OpValue {
    /// Known before.
    Given(Dynamic),
    /// A part of the result.
    Result(Located<Field>),
}

/// What a step does. Exactly one a step.
#[derive(Debug, Clone)]
pub enum Action {
    /// `get: app/items/1` and the other verbs.
    Http(HttpCall),
    /// `redis: cache SET item 9`.
    Redis(RedisCall),
    /// `call: n1`, a message to a node.
    Call(NodeCall),
    /// `connect: echo`.
    Connect(Connect),
    /// `send: text`.
    Send(Send),
    /// `receive: ...`.
    Receive(Receive),
    /// `close: true | reset`.
    Close(Close),
    /// `wait: 20ms`.
    Wait(Setting<Duration>),
    /// `repeat: 3` with `steps:`; `${iteration}` counts from 1.
    Repeat(Setting<u64>, Vec<Step>),
    /// `for_each: { name: list }` with `steps:`.
    ForEach {
        /// The variable.
        var: Located<String>,
        /// What it runs over.
        items: Dynamic,
        /// What is done with each.
        steps: Vec<Step>,
    },
    /// `parallel:`, lists of steps that run at once; done when all are.
    Parallel(Vec<Vec<Step>>),
    /// `use: flow`, with `with:`.
    Use {
        /// The flow.
        flow: Located<String>,
        /// Variables for it.
        with: Vec<(Located<String>, Dynamic)>,
    },
    /// `choose:`, one of these alternatives, by weight.
    Choose(Vec<Alternative>),
    /// `draw:`, variables whose values are left to chance.
    Draw(Vec<(Located<String>, Draw)>),
    /// `set:`.
    Set(Vec<(Located<String>, Dynamic)>),
    /// `log: text`, a line in the trace.
    Log(Text),
    /// A client of `type: process`: runs a program to its end.
    Run(Box<Invocation>),
    /// `fault:`, `heal:`, `release:`, `restart:`, `resume:`.
    Fault(Box<Doing>),
    /// Only `expect:`, about variables.
    Check,
}

/// An HTTP request of a client.
#[derive(Debug, Clone)]
pub struct HttpCall {
    /// `GET`, `POST`, ...
    pub method: &'static str,
    /// The server and the path.
    pub server: Located<String>,
    /// The path, beginning with `/`; may have a query.
    pub path: Text,
    /// `query:`, added to the path, percent-encoded.
    pub query: Vec<(Located<String>, Text)>,
    /// `headers:`.
    pub headers: Vec<(Located<String>, Text)>,
    /// The body.
    pub body: Body,
}

/// A Redis command of a client.
#[derive(Debug, Clone)]
pub struct RedisCall {
    /// The server.
    pub server: Located<String>,
    /// The command's words.
    pub words: Vec<Text>,
}

/// A message of a client to a node, and its reply.
#[derive(Debug, Clone)]
pub struct NodeCall {
    /// The node; of several the next one after a failure.
    pub nodes: Vec<Located<String>>,
    /// `json:`, the message.
    pub message: Dynamic,
}

/// `connect: echo`, `as: second`: a raw connection.
#[derive(Debug, Clone)]
pub struct Connect {
    /// The server.
    pub server: Located<String>,
    /// `as:`; the connection's name, empty by default.
    pub name: String,
}

/// `send:`, on the raw connection `on:` (by default the one without a name).
#[derive(Debug, Clone)]
pub struct Send {
    /// `on:`.
    pub on: String,
    /// The bytes.
    pub body: Body,
}

/// `receive:`, from the raw connection `on:`.
#[derive(Debug, Clone)]
pub struct Receive {
    /// `on:`.
    pub on: String,
    /// How much.
    pub until: Until,
}

/// How much a `receive:` takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Until {
    /// `receive: { bytes: 5 }`.
    Bytes(u32),
    /// `receive: line` or `{ until: "\r\n" }`: up to and with these bytes.
    Delimiter(Vec<u8>),
    /// `receive: some`: whatever comes first.
    Some,
    /// `receive: end`: all until the other side closes.
    End,
}

/// `close: true` or `close: reset`, on the raw connection `on:`.
#[derive(Debug, Clone)]
pub struct Close {
    /// `on:`.
    pub on: String,
    /// Reset instead of an orderly end.
    pub reset: bool,
    /// `close: write`: only the sending half.
    pub write_only: bool,
}

/// `load:`.
#[derive(Debug, Clone)]
pub struct Load {
    /// Where it stands.
    pub span: Span,
    /// Open or closed loop.
    pub kind: LoadKind,
    /// `for:`, how long new operations are begun.
    pub duration: Option<Duration>,
    /// `mix:`, flows and weights; empty means the client's own steps.
    pub mix: Vec<(Located<String>, u32)>,
}

/// The two ways to make load.
#[derive(Debug, Clone)]
pub enum LoadKind {
    /// `rate: 500/s`: arrivals that do not wait for replies.
    Open {
        /// Arrivals a second.
        rate_per_s: f64,
        /// `arrivals: poisson` (the default) or `even`.
        poisson: bool,
        /// `in_flight:`, the most at once; an arrival beyond it is counted as shed. Default 1,000.
        in_flight_max: u32,
    },
    /// `users: 10`: each begins again when it is done.
    Closed {
        /// How many at once.
        users: u32,
        /// `iterations:` of each user.
        iterations: Option<u64>,
        /// `think:`, the pause between iterations.
        think: Option<Distribution>,
    },
}

// ---- checks -------------------------------------------------------------------------------

/// One entry of `checks:`.
#[derive(Debug, Clone)]
pub struct Check {
    /// Where it stands.
    pub span: Span,
    /// What is checked.
    pub kind: CheckKind,
    /// `expect: violated`: the check is met by failing (a demonstration of a bug).
    pub violated: bool,
}

/// The kinds of check.
#[derive(Debug, Clone)]
pub enum CheckKind {
    /// `calls:`, how many requests fit.
    Calls {
        /// Which ones.
        filter: Filter,
        /// `count:`.
        count: Predicate,
    },
    /// `latency:`, from request sent to reply delivered.
    Latency {
        /// Which ones.
        filter: Filter,
        /// `p50: { lt: 5ms }` and so on; operands are in microseconds.
        bounds: Vec<(Located<Statistic>, Predicate)>,
    },
    /// `metric:`, a figure of the whole run.
    Metric(Box<Metric>),
    /// `always:`, `eventually:` and `never:` with a predicate in Lua.
    Holds(Box<StateCheck>),
    /// `never:`, no message fits.
    Never {
        /// Which ones.
        filter: Filter,
    },
    /// `history:`, the operations have an order that explains them.
    History(Box<HistoryCheck>),
}

/// Which messages a check is about; an empty filter fits all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// `from:`; a client with a count is meant with all its instances.
    pub from: Option<Located<String>>,
    /// `to:`.
    pub to: Option<Located<String>>,
    /// `client:`, the same as `from:` but only a client.
    pub client: Option<Located<String>>,
    /// `match:`, a glob over the summary: `DEL *`.
    pub summary: Option<Located<String>>,
    /// `method:`.
    pub method: Option<Predicate>,
    /// `path:`.
    pub path: Option<Predicate>,
    /// `status:`.
    pub status: Option<Predicate>,
}
