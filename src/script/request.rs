//! What goes between a coroutine and whoever drives it.

use bytes::Bytes;

use super::Datum;

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
    /// What a redis server replies to several commands that it executes at once.
    Transaction {
        /// The server.
        server: String,
        /// The words of each command.
        commands: Vec<Vec<Vec<u8>>>,
        /// How long at most.
        timeout_ms: Option<f64>,
    },
    /// A response to an HTTP request.
    Http(Box<HttpRequest>),
    /// That what is durable is on the disk, as it is now.
    Sync {
        /// What is durable.
        durable: Datum,
    },
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
    /// What is added to the query.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// The body's type.
    pub kind: Option<&'static str>,
    /// How long at most.
    pub timeout_ms: Option<f64>,
}

/// The response that a handler of a route has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// 200 to 599.
    pub status: u16,
    /// Headers in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The body's type.
    pub kind: Option<&'static str>,
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
        /// Its type.
        kind: &'e str,
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
    /// A response.
    Response(Box<HttpResponse>),
    /// A value; `None` is nothing.
    Value(Option<Datum>),
}
