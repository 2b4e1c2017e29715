//! Answers: made from `respond:` or by the server itself, and written as HTTP/1.1.
//!
//! An answer without variables is made once, when the server starts. Writing keeps to the protocol
//! unless the scenario asks for a lie (`content_length:`, or framing headers of its own): then what
//! it says goes out as it says it, byte for byte.

use std::borrow::Cow;

use bytes::Bytes;

use super::limits::{CHUNK, INLINE_MAX};
use crate::base::{Diagnostic, Value};
use crate::scenario::model::{Body, Respond, Text, Then};
use crate::script::HttpResponse;

/// An answer, ready to be written.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The first line and the headers, each line with its end, without those about framing.
    head: Vec<u8>,
    body: Bytes,
    chunked: bool,
    /// The length that is told instead of the body's.
    lie: Option<u64>,
    /// The scenario's own headers say where the body ends: nothing is added.
    own_framing: bool,
    /// The scenario's own headers say that the connection ends.
    own_close: bool,
    pub(super) then: Then,
}

/// How the end of an answer's body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// By the end of the connection, or by headers that are there already.
    None,
    /// It has so many bytes, or so it says.
    Length(u64),
    /// It comes in chunks.
    Chunked,
}

/// For whom an answer is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// It answers HEAD: everything but the body.
    pub(super) head_only: bool,
    /// It answers HTTP/1.0.
    pub(super) old: bool,
    /// The connection ends after it.
    pub(super) close: bool,
}

impl Reply {
    /// An answer without a body.
    pub(super) fn empty(status: u16) -> Reply {
        let reason = http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
        let head = format!("HTTP/1.1 {status} {}\r\n", reason.unwrap_or_default()).into_bytes();
        Reply {
            status,
            head,
            body: Bytes::new(),
            chunked: false,
            lie: None,
            own_framing: false,
            own_close: false,
            then: Then::Keep,
        }
    }

    /// An answer in JSON.
    pub(super) fn json(status: u16, value: &Value) -> Reply {
        let mut reply = Reply::empty(status).header("Content-Type", JSON);
        reply.body = value.to_string().into();
        reply
    }

    /// A list in JSON, written without making a value of it.
    pub(super) fn json_list<'a>(items: impl Iterator<Item = &'a Value>) -> Reply {
        let mut body = String::from("[");
        for item in items {
            if body.len() > 1 {
                body.push(',');
            }
            body.push_str(&item.to_string());
        }
        body.push(']');
        let mut reply = Reply::empty(200).header("Content-Type", JSON);
        reply.body = body.into();
        reply
    }

    /// An answer that says what is wrong: `{"error": why}`.
    pub(super) fn error(status: u16, why: impl Into<String>) -> Reply {
        Reply::json(status, &serde_json::json!({ "error": why.into() }))
    }

    /// What a script answers.
    pub(super) fn scripted(response: HttpResponse) -> Reply {
        let HttpResponse { status, headers, body, kind } = response;
        let has = |name: &str| headers.iter().any(|(h, _)| h.eq_ignore_ascii_case(name));
        let mut reply = Reply::empty(status);
        if let Some(kind) = kind.filter(|_| !has("content-type")) {
            reply = reply.header("Content-Type", kind);
        }
        for (name, value) in &headers {
            reply.own_close |= closes(name, value);
            reply = reply.header(name, value);
        }
        reply.body = body.into();
        reply.own_framing = has("content-length") || has("transfer-encoding");
        reply
    }

    /// With a header. A line end in `value` becomes a blank: no value can add a line of its own.
    pub(super) fn header(mut self, name: &str, value: &str) -> Reply {
        let plain =
            |byte: u8| if byte < b' ' && byte != b'\t' || byte == 0x7f { b' ' } else { byte };
        self.head.extend_from_slice(name.as_bytes());
        self.head.extend_from_slice(b": ");
        self.head.extend(value.bytes().map(plain));
        self.head.extend_from_slice(b"\r\n");
        self
    }

    /// With what happens to the connection.
    pub(super) fn then(mut self, then: Then) -> Reply {
        self.then = then;
        self
    }

    /// True if the connection ends with this answer, whatever the client wants.
    pub(super) fn closes(&self) -> bool {
        self.then == Then::Close || self.own_close
    }

    /// Appends the answer to `out`, except for a long body, which is returned to be sent after it.
    pub(super) fn write(&self, out: &mut Vec<u8>, manner: Manner) -> Option<Bytes> {
        let chunked = self.chunked && !manner.old;
        let measure = match (self.lie, chunked) {
            _ if self.own_framing => Measure::None,
            (Some(lie), _) => Measure::Length(lie),
            (None, true) => Measure::Chunked,
            (None, false) => Measure::Length(self.body.len() as u64),
        };
        let bare = self.write_head(out, measure, manner);
        if manner.head_only || bare {
            return None;
        }
        if measure == Measure::Chunked {
            write_chunks(&self.body, out);
        } else if self.body.len() <= INLINE_MAX {
            out.extend_from_slice(&self.body);
        } else {
            return Some(self.body.clone());
        }
        None
    }

    /// Appends the head of the answer to `out`; true if its status allows no body behind it.
    pub(super) fn write_head(&self, out: &mut Vec<u8>, measure: Measure, manner: Manner) -> bool {
        out.extend_from_slice(&self.head);
        let bare = self.status < 200 || self.status == 204 || self.status == 304;
        match measure {
            Measure::Length(length) if !bare || self.lie.is_some() => {
                out.extend_from_slice(b"Content-Length: ");
                out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            Measure::Chunked if !bare => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            }
            _ => {}
        }
        if manner.close && !self.own_close {
            out.extend_from_slice(b"Connection: close\r\n");
        } else if manner.old && !manner.close {
            out.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
        bare
    }
}

impl From<Option<u64>> for Measure {
    fn from(length: Option<u64>) -> Measure {
        length.map_or(Measure::None, Measure::Length)
    }
}

const JSON: &str = "application/json";

fn write_chunks(body: &[u8], out: &mut Vec<u8>) {
    for chunk in body.chunks(CHUNK) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
}

/// A `respond:` that is made once, or for each request.
#[derive(Debug)]
pub(super) enum Prepared {
    /// It has no variables.
    Fixed(Reply),
    /// It has.
    Made(Box<Respond>),
}

/// What resolves the texts and values of a `respond:`.
pub(super) trait Resolve {
    /// A text as it goes into a header or a body.
    fn text(&self, text: &Text) -> Result<String, Diagnostic>;
    /// A value as it goes into JSON.
    fn value(&self, value: &crate::scenario::model::Dynamic) -> Result<Value, Diagnostic>;
}

impl Prepared {
    pub(super) fn new(respond: &Respond) -> Prepared {
        match is_fixed(respond).then(|| make(respond, &Nothing)) {
            Some(Ok(reply)) => Prepared::Fixed(reply),
            _ => Prepared::Made(Box::new(respond.clone())),
        }
    }

    /// The answer.
    pub(super) fn make(&self, scope: &dyn Resolve) -> Result<Cow<'_, Reply>, Diagnostic> {
        match self {
            Prepared::Fixed(reply) => Ok(Cow::Borrowed(reply)),
            Prepared::Made(respond) => make(respond, scope).map(Cow::Owned),
        }
    }

    /// The variables it names.
    pub(super) fn each_var(&self, visit: &mut dyn FnMut(&str)) {
        let Prepared::Made(respond) = self else { return };
        respond.headers.iter().flat_map(|(_, text)| text.vars()).for_each(|var| visit(var));
        match &respond.body {
            Body::Text(text) => text.vars().for_each(|var| visit(var)),
            Body::Json(value) => value.each_var(&mut |var| visit(var)),
            Body::Empty | Body::Form(_) | Body::Bytes(_) => {}
        }
    }
}

/// Resolves what has no variables.
struct Nothing;

impl Resolve for Nothing {
    fn text(&self, text: &Text) -> Result<String, Diagnostic> {
        text.resolve_string(&|_: &str| None)
    }

    fn value(&self, value: &crate::scenario::model::Dynamic) -> Result<Value, Diagnostic> {
        value.resolve(&|_: &str| None)
    }
}

/// True for a header that says that the connection ends.
fn closes(name: &str, value: &str) -> bool {
    name.eq_ignore_ascii_case("connection")
        && value.split(',').any(|token| token.trim().eq_ignore_ascii_case("close"))
}

fn is_fixed(respond: &Respond) -> bool {
    let mut fixed = respond.headers.iter().all(|(_, text)| text.as_literal().is_some());
    match &respond.body {
        Body::Text(text) => fixed &= text.as_literal().is_some(),
        Body::Json(value) => value.each_var(&mut |_| fixed = false),
        Body::Empty | Body::Form(_) | Body::Bytes(_) => {}
    }
    fixed
}

fn make(respond: &Respond, scope: &dyn Resolve) -> Result<Reply, Diagnostic> {
    let mut reply = Reply::empty(respond.status).then(respond.then);
    let has = |name: &str| respond.headers.iter().any(|(h, _)| h.eq_ignore_ascii_case(name));
    let (body, kind) = match &respond.body {
        Body::Text(text) => (scope.text(text)?.into(), Some("text/plain; charset=utf-8")),
        Body::Json(value) => (scope.value(value)?.to_string().into(), Some(JSON)),
        Body::Bytes(bytes) => (bytes.clone(), Some("application/octet-stream")),
        // A form is what clients send; the language does not let a server answer one.
        Body::Empty | Body::Form(_) => (Bytes::new(), None),
    };
    if let Some(kind) = kind.filter(|_| !has("content-type")) {
        reply = reply.header("Content-Type", kind);
    }
    for (name, text) in &respond.headers {
        let value = scope.text(text)?;
        reply.own_close |= closes(name, &value);
        reply = reply.header(name, &value);
    }
    reply.body = body;
    reply.chunked = respond.chunked;
    reply.lie = respond.content_length;
    reply.own_framing = has("content-length") || has("transfer-encoding");
    Ok(reply)
}
