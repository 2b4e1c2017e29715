//! What came of an operation, and the fields by which `expect` and `capture` look at it.
//!
//! ```text
//! status reason headers.x body text $.a.b   of an HTTP reply
//! reply $.a.b                               of a Redis reply
//! type node reply $.a.b                     of a node's reply
//! body text $.a.b                           of what a raw connection received
//! bytes hex                                 of the last two: how many bytes, and the bytes
//! exit signal stdout stderr $.a              of a program that was run; $ leads into its standard output
//! error took vars.x                         of any operation
//! ```
//!
//! An error is a value here, not a way out: `error` is one word (`refused`, `reset`, `timeout`,
//! `closed`, `malformed`, `unreachable`), or the text of a Redis error reply, which begins with a word
//! in capitals (`WRONGTYPE Operation against ...`). Where there is no error there is no field `error`.
//! Bytes that are not UTF-8 show as U+FFFD in `text`, `body` and `reply`; `hex` has them as they are.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::scope::Scope;
use crate::base::Value;
use crate::call::{Failure, FailureKind};
use crate::exec::Status;
use crate::scenario::Lookup;
use crate::scenario::model::{Field, PathPart};

/// What came of an operation.
#[derive(Debug)]
pub(super) struct Reply {
    /// What went wrong.
    pub(super) error: Option<OpError>,
    /// What came back; with an error, what there was of it.
    pub(super) content: Content,
    /// How long it took.
    pub(super) took: Duration,
    /// The node that was asked, of those that were named.
    pub(super) node: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(super) enum Content {
    /// Nothing comes back from such an operation, or nothing did.
    None,
    /// An HTTP response.
    Http(Box<HttpReply>),
    /// A Redis reply.
    Redis(Value),
    /// The body of a node's reply.
    Node(Value),
    /// Bytes of a raw connection.
    Raw(Payload),
    /// A program that was run.
    Program(Box<Ran>),
}

/// A program that was run.
#[derive(Debug)]
pub(super) struct Ran {
    /// How it ended; `None` if it had to be stopped.
    status: Option<Status>,
    stdout: Payload,
    stderr: Payload,
}

/// An HTTP response.
#[derive(Debug)]
pub(super) struct HttpReply {
    pub(super) status: u16,
    pub(super) reason: Cow<'static, str>,
    pub(super) headers: HeaderMap,
    pub(super) body: Payload,
}

/// Bytes, and the JSON they may be.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) bytes: Bytes,
    json: OnceCell<Option<Value>>,
}

/// Why an operation has no reply, or one that says so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OpError {
    pub(super) kind: ErrorKind,
    /// A clause that says more.
    pub(super) message: String,
    /// The name of the error that a node replied; empty otherwise.
    name: String,
}

/// The kinds of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorKind {
    /// The call itself failed.
    Call(FailureKind),
    /// A Redis error reply: a whole reply, of which `message` is the text.
    Redis,
    /// An error that a node replied, and whether it says that the operation certainly did not happen.
    Node {
        /// It did not.
        certain: bool,
    },
    /// A program could not be started.
    Start,
    /// A program has not ended with exit code 0.
    Exit,
}

impl OpError {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> OpError {
        OpError { kind, message: message.into(), name: String::new() }
    }

    /// The error that a node replied.
    pub(super) fn of_node(name: String, message: String, certain: bool) -> OpError {
        OpError { kind: ErrorKind::Node { certain }, message, name }
    }

    /// The value of the field `error`.
    pub(super) fn word(&self) -> &str {
        match self.kind {
            ErrorKind::Call(kind) => kind.as_str(),
            ErrorKind::Redis => &self.message,
            ErrorKind::Node { .. } => &self.name,
            ErrorKind::Start => "start",
            ErrorKind::Exit => "exit",
        }
    }

    /// The error as a clause: why a step failed that did not expect it.
    pub(super) fn clause(&self) -> String {
        match self.kind {
            ErrorKind::Redis => format!("the server answered {}", self.message),
            ErrorKind::Node { .. } if self.message.is_empty() => {
                format!("the node answered {}", self.name)
            }
            ErrorKind::Node { .. } => format!("the node answered {}: {}", self.name, self.message),
            ErrorKind::Start => format!("the program cannot be started: {}", self.message),
            ErrorKind::Exit => self.message.clone(),
            _ => format!("{}: {}", self.word(), self.message),
        }
    }

    pub(super) fn dialling(error: &std::io::Error) -> OpError {
        Failure::dialling(error).into()
    }

    pub(super) fn transfer(error: &std::io::Error) -> OpError {
        Failure::transfer(error).into()
    }

    pub(super) fn closed() -> OpError {
        Failure::closed().into()
    }
}

impl From<Failure> for OpError {
    fn from(failure: Failure) -> OpError {
        OpError::new(ErrorKind::Call(failure.kind), failure.message)
    }
}

impl Ran {
    pub(super) fn new(status: Option<Status>, stdout: Vec<u8>, stderr: Vec<u8>) -> Ran {
        let (stdout, stderr) = (Payload::new(stdout.into()), Payload::new(stderr.into()));
        Ran { status, stdout, stderr }
    }

    /// A field of its own.
    fn named(&self, name: &str) -> Option<Value> {
        match name {
            "exit" => self.status?.code().map(Value::from),
            "signal" => self.status?.signal().map(Value::from),
            "stdout" => Some(self.stdout.text()),
            "stderr" => Some(self.stderr.text()),
            _ => None,
        }
    }
}

impl Payload {
    pub(super) fn new(bytes: Bytes) -> Payload {
        Payload { bytes, json: OnceCell::new() }
    }

    fn text(&self) -> Value {
        Value::String(String::from_utf8_lossy(&self.bytes).into_owned())
    }

    fn hex(&self) -> Value {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
        let digits = self.bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        Value::String(digits.collect())
    }

    fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(&self.bytes).ok()).as_ref()
    }
}

impl Reply {
    /// Nothing, and no error.
    pub(super) fn empty() -> Reply {
        Reply { error: None, content: Content::None, took: Duration::ZERO, node: None }
    }

    pub(super) fn of(content: Content) -> Reply {
        Reply { error: None, content, took: Duration::ZERO, node: None }
    }

    pub(super) fn failed(error: OpError) -> Reply {
        Reply { error: Some(error), content: Content::None, took: Duration::ZERO, node: None }
    }

    /// The value of a field, if there is one.
    pub(super) fn get<'a>(&'a self, field: &Field, scope: &'a Scope) -> Option<Cow<'a, Value>> {
        match field {
            Field::Named(name) => self.named(name),
            Field::Header(name) => self.header(name).map(Cow::Owned),
            Field::Json(path) => walk(self.json()?, path).map(Cow::Borrowed),
            Field::Var(name) => match scope.get(name) {
                Some(value) => Some(Cow::Borrowed(value)),
                None => scope.lookup(name).map(Cow::Owned),
            },
        }
    }

    fn named(&self, name: &str) -> Option<Cow<'_, Value>> {
        match name {
            "error" => self.error.as_ref().map(|error| Value::from(error.word())),
            "message" => self.error.as_ref().map(|error| Value::from(error.message.as_str())),
            "took" => Some(micros(self.took)),
            "status" => self.http().map(|http| Value::from(http.status)),
            "reason" => self.http().map(|http| Value::from(http.reason.as_ref())),
            "reply" => match &self.content {
                Content::Redis(value) | Content::Node(value) => return Some(Cow::Borrowed(value)),
                _ => None,
            },
            "type" => match &self.content {
                Content::Node(value) => return value.get("type").map(Cow::Borrowed),
                _ => None,
            },
            "node" => self.node.as_deref().map(Value::from),
            "body" | "text" => self.payload().map(Payload::text),
            "bytes" => self.payload().map(|payload| Value::from(payload.bytes.len())),
            "hex" => self.payload().map(Payload::hex),
            _ => match &self.content {
                Content::Program(ran) => ran.named(name),
                _ => None,
            },
        }
        .map(Cow::Owned)
    }

    /// A header; several of one name are joined by commas.
    fn header(&self, name: &str) -> Option<Value> {
        let mut values = self.http()?.headers.get_all(name).into_iter();
        let mut text = String::from_utf8_lossy(values.next()?.as_bytes()).into_owned();
        for value in values {
            text.push_str(", ");
            text.push_str(&String::from_utf8_lossy(value.as_bytes()));
        }
        Some(Value::String(text))
    }

    fn json(&self) -> Option<&Value> {
        match &self.content {
            Content::None => None,
            Content::Redis(value) | Content::Node(value) => Some(value),
            Content::Http(_) | Content::Raw(_) => self.payload()?.json(),
            Content::Program(ran) => ran.stdout.json(),
        }
    }

    pub(super) fn http(&self) -> Option<&HttpReply> {
        match &self.content {
            Content::Http(http) => Some(http),
            _ => None,
        }
    }

    fn payload(&self) -> Option<&Payload> {
        match &self.content {
            Content::Http(http) => Some(&http.body),
            Content::Raw(payload) => Some(payload),
            Content::None | Content::Redis(_) | Content::Node(_) | Content::Program(_) => None,
        }
    }
}

/// Follows a path; a negative index counts from the end.
fn walk<'a>(value: &'a Value, path: &[PathPart]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, part| match part {
        PathPart::Key(key) => value.get(key),
        PathPart::Index(index) => {
            let items = value.as_array()?;
            let at = usize::try_from(index.unsigned_abs()).ok()?;
            items.get(if *index < 0 { items.len().checked_sub(at)? } else { at })
        }
    })
}

/// A duration as the language compares it: in microseconds, whole ones as an integer.
fn micros(duration: Duration) -> Value {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    if nanos.is_multiple_of(1000) {
        return Value::from(nanos / 1000);
    }
    #[expect(clippy::cast_precision_loss, reason = "53 bits of nanoseconds are 104 days")]
    let micros = nanos as f64 / 1000.0;
    Value::from(micros)
}
