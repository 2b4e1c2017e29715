//! The trace as JSON Lines, written by hand because this is the hot path of every run.
//!
//! Every field is always in the same order; absent means absent, never null, except in an
//! operation's key and value and in that of a state. Times are microseconds with a fraction down to the nanosecond.

use std::io::{self, Write};
use std::net::SocketAddr;

use base64::Engine as _;

use super::{
    Event, EventKind, FaultEvent, Header, LoadEvent, Message, Observer, OpEvent, Outcome, StepEvent,
};
use crate::base::{NodeId, Span, Time, Value, write_json_string};

/// The version of the format; the reader accepts this one and older ones.
pub const FORMAT_VERSION: u64 = 1;

/// How much is gathered before it is written, in bytes.
const BUFFER: usize = 256 * 1024;

/// The name of callers that looplab did not start.
pub(super) const OUTSIDE: &str = NodeId::OUTSIDE_NAME;

/// Appends the header line.
pub fn write_header(header: &Header, out: &mut Vec<u8>) {
    let nodes: Vec<_> = header
        .nodes
        .iter()
        .map(|node| serde_json::json!({ "name": node.name, "kind": node.kind }))
        .collect();
    let mut line = serde_json::json!({
        "looplab": "trace",
        "version": FORMAT_VERSION,
        "program": header.program,
        "scenario": header.scenario,
        "clock": header.clock,
        "seed": header.seed,
        "nodes": nodes,
        "file": header.file,
        "text": header.text,
    });
    if !header.scripts.is_empty() {
        let scripts = header.scripts.iter().map(|(name, text)| (name.clone(), text.clone().into()));
        line["scripts"] = serde_json::Value::Object(scripts.collect());
    }
    out.extend_from_slice(line.to_string().as_bytes());
    out.push(b'\n');
}

/// Appends one event as a line; `names` are the nodes' names in the order of their ids.
pub fn write_event(event: &Event, names: &[String], out: &mut Vec<u8>) {
    let mut line = Line { out, names };
    line.out.extend_from_slice(b"{\"at\":");
    event.at.write_micros(line.out);
    line.kind(&event.kind);
    line.out.extend_from_slice(b"}\n");
}

struct Line<'a> {
    out: &'a mut Vec<u8>,
    names: &'a [String],
}

impl Line<'_> {
    fn kind(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Node(node) => {
                self.event("node");
                self.text("name", &node.name);
                self.text("kind", &node.kind);
            }
            EventKind::Listen { node, address } => {
                self.event("listen");
                self.node("node", *node);
                self.address(*address);
            }
            EventKind::Connect { conn, from, to, port, fault } => {
                self.event("connect");
                self.number("conn", u64::from(conn.0));
                self.node("from", *from);
                self.node("to", *to);
                self.number("port", u64::from(*port));
                if let Some(fault) = fault {
                    self.text("fault", fault);
                }
            }
            EventKind::Accept { conn, node } => {
                self.event("accept");
                self.number("conn", u64::from(conn.0));
                self.node("node", *node);
            }
            EventKind::Refused { conn, from, to, reason } => {
                self.event("refused");
                self.number("conn", u64::from(conn.0));
                self.node("from", *from);
                self.node("to", *to);
                self.text("reason", reason);
            }
            EventKind::Message(message) => self.message(message),
            EventKind::Close { conn, by } => {
                self.event("close");
                self.number("conn", u64::from(conn.0));
                self.node("by", *by);
            }
            EventKind::Reset { conn, by, fault } => {
                self.event("reset");
                self.number("conn", u64::from(conn.0));
                self.node("by", *by);
                if let Some(fault) = fault {
                    self.text("fault", fault);
                }
            }
            EventKind::Crash { node, text, fault } => {
                self.event("crash");
                self.node("node", *node);
                self.text("text", text);
                if let Some(fault) = fault {
                    self.text("fault", fault);
                }
            }
            EventKind::Restart { node } => {
                self.event("restart");
                self.node("node", *node);
            }
            EventKind::Pause { node } => {
                self.event("pause");
                self.node("node", *node);
            }
            EventKind::Resume { node } => {
                self.event("resume");
                self.node("node", *node);
            }
            EventKind::State { node, name, value } => self.state(*node, name, value),
            EventKind::Fault(fault) => self.fault(fault),
            EventKind::Step(step) => self.step(step),
            EventKind::Op(op) => self.op(op),
            EventKind::Load(load) => self.load(load),
            EventKind::Log { node, level, text } => {
                self.event("log");
                if let Some(node) = node {
                    self.node("node", *node);
                }
                self.text("level", level.as_str());
                self.text("text", text);
            }
            EventKind::Error { node, script, line, text } => {
                self.event("error");
                self.node("node", *node);
                self.text("script", script);
                self.number("line", u64::from(*line));
                self.text("text", text);
            }
            EventKind::Check { check, span, outcome, text, violated, ops, cause, broke } => {
                self.check(check, *span, *outcome, text);
                self.violation(*violated, ops, cause, *broke);
            }
            EventKind::End { outcome, text } => {
                self.event("end");
                self.text("outcome", outcome.as_str());
                self.text("text", text);
            }
        }
    }

    fn message(&mut self, message: &Message) {
        self.event("message");
        self.number("seq", message.seq.0);
        self.key("sent");
        message.sent.write_micros(self.out);
        self.number("conn", u64::from(message.conn.0));
        self.text("direction", message.direction.as_str());
        self.node("from", message.from);
        self.node("to", message.to);
        self.text("protocol", &message.protocol);
        self.text("summary", &message.summary);
        self.text("fate", message.fate.as_str());
        if let Some(fault) = &message.fault {
            self.text("fault", fault);
        }
        if let Some(cause) = message.cause {
            self.number("cause", cause.0);
        }
        self.number("length", message.length);
        self.bytes(&message.bytes);
        if let Some(arrived) = &message.arrived {
            self.key("arrived");
            self.out.extend_from_slice(b"{\"summary\":");
            write_json_string(&arrived.summary, self.out);
            self.number("length", arrived.length);
            self.bytes(&arrived.bytes);
            self.out.push(b'}');
        }
    }

    /// `text` or `base64`.
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        if let Ok(text) = std::str::from_utf8(bytes) {
            self.text("text", text);
        } else {
            self.key("base64");
            let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
            write_json_string(&encoded, self.out);
        }
    }

    fn fault(&mut self, fault: &FaultEvent) {
        self.event("fault");
        self.text("name", &fault.name);
        self.text("phase", fault.phase.as_str());
        self.text("text", &fault.text);
        if let Some(span) = fault.span {
            self.span("span", span);
        }
        self.number("touched", fault.touched);
    }

    fn state(&mut self, node: NodeId, name: &str, value: &Value) {
        self.event("state");
        self.node("node", node);
        self.text("name", name);
        self.key("value");
        self.out.extend_from_slice(value.to_string().as_bytes());
    }

    fn check(&mut self, check: &str, span: Span, outcome: Outcome, text: &str) {
        self.event("check");
        self.text("check", check);
        self.span("span", span);
        self.text("outcome", outcome.as_str());
        self.text("text", text);
    }

    fn step(&mut self, step: &StepEvent) {
        self.event("step");
        self.node("client", step.client);
        if let Some(name) = &step.name {
            self.text("name", name);
        }
        self.span("span", step.span);
        self.text("summary", &step.summary);
        self.key("began");
        step.began.write_micros(self.out);
        self.number("attempts", u64::from(step.attempts));
        self.text("outcome", step.outcome.as_str());
        if step.forgiven {
            self.key("forgiven");
            self.out.extend_from_slice(b"true");
        }
        if let Some(error) = &step.error {
            self.text("error", error);
        }
        if !step.failures.is_empty() {
            self.key("failures");
            self.out.push(b'[');
            for (n, (span, text)) in step.failures.iter().enumerate() {
                if n > 0 {
                    self.out.push(b',');
                }
                self.out.push(b'{');
                self.out.extend_from_slice(b"\"span\":");
                self.span_value(*span);
                self.text("text", text);
                self.out.push(b'}');
            }
            self.out.push(b']');
        }
    }

    fn op(&mut self, op: &OpEvent) {
        self.event("op");
        self.node("client", op.client);
        self.number("id", op.id);
        self.text("phase", op.phase.as_str());
        self.text("f", &op.f);
        self.key("key");
        self.out.extend_from_slice(op.key.to_string().as_bytes());
        self.key("value");
        self.out.extend_from_slice(op.value.to_string().as_bytes());
    }

    fn load(&mut self, load: &LoadEvent) {
        self.event("load");
        self.node("client", load.client);
        self.span("span", load.span);
        self.key("began");
        load.began.write_micros(self.out);
        self.number("started", load.started);
        self.number("done", load.done);
        self.number("failed", load.failed);
        if load.forgiven > 0 {
            self.number("forgiven", load.forgiven);
        }
        self.number("shed", load.shed);
        if let Some(latency) = &load.latency {
            self.key("latency");
            for (n, (name, duration)) in latency.named().into_iter().enumerate() {
                self.out.push(if n == 0 { b'{' } else { b',' });
                write_json_string(name, self.out);
                self.out.push(b':');
                (Time::ZERO + duration).write_micros(self.out);
            }
            self.out.push(b'}');
        }
    }

    #[inline]
    fn event(&mut self, name: &str) {
        self.out.extend_from_slice(b",\"event\":\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'"');
    }

    #[inline]
    fn key(&mut self, key: &str) {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    #[inline]
    fn number(&mut self, key: &str, number: u64) {
        self.key(key);
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// What a verdict says of a violation; nothing if there is none.
    fn violation(&mut self, violated: bool, ops: &[u64], cause: &str, broke: Option<Time>) {
        if violated {
            self.key("violated");
            self.out.extend_from_slice(b"true");
        }
        if !ops.is_empty() {
            self.numbers("ops", ops);
        }
        if !cause.is_empty() {
            self.text("cause", cause);
        }
        if let Some(broke) = broke {
            self.key("broke");
            broke.write_micros(self.out);
        }
    }

    fn numbers(&mut self, key: &str, numbers: &[u64]) {
        self.key(key);
        for (n, number) in numbers.iter().enumerate() {
            self.out.push(if n == 0 { b'[' } else { b',' });
            self.out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
        }
        self.out.push(b']');
    }

    #[inline]
    fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        write_json_string(text, self.out);
    }

    #[inline]
    fn node(&mut self, key: &str, node: NodeId) {
        self.key(key);
        let name = self.names.get(node.index()).map_or(OUTSIDE, String::as_str);
        write_json_string(name, self.out);
    }

    fn address(&mut self, address: SocketAddr) {
        self.text("address", &address.to_string());
    }

    fn span(&mut self, key: &str, span: Span) {
        self.key(key);
        self.span_value(span);
    }

    fn span_value(&mut self, span: Span) {
        let mut buffer = itoa::Buffer::new();
        self.out.push(b'[');
        self.out.extend_from_slice(buffer.format(span.start).as_bytes());
        self.out.push(b',');
        self.out.extend_from_slice(buffer.format(span.end).as_bytes());
        self.out.push(b']');
    }
}

/// An observer that writes the trace to `W` as the run goes, and keeps the first error for the end.
pub struct Writer<W: Write + Send> {
    into: W,
    names: Vec<String>,
    buffer: Vec<u8>,
    failed: std::sync::Arc<std::sync::OnceLock<io::Error>>,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a trace with its header line.
    pub fn new(header: &Header, into: W) -> Writer<W> {
        let mut buffer = Vec::with_capacity(BUFFER + 64 * 1024);
        write_header(header, &mut buffer);
        let names = header.nodes.iter().map(|node| node.name.clone()).collect();
        Writer { into, names, buffer, failed: std::sync::Arc::default() }
    }

    /// Where the first error of writing will be found: a full disk does not stop the run, but it is
    /// not passed over in silence.
    #[must_use]
    pub fn failure(&self) -> std::sync::Arc<std::sync::OnceLock<io::Error>> {
        self.failed.clone()
    }

    fn write_out(&mut self) {
        if self.failed.get().is_none()
            && let Err(error) = self.into.write_all(&self.buffer)
        {
            let _ = self.failed.set(error);
        }
        self.buffer.clear();
    }
}

impl<W: Write + Send> Observer for Writer<W> {
    fn event(&mut self, event: &Event) {
        if let EventKind::Node(node) = &event.kind {
            self.names.push(node.name.clone());
        }
        write_event(event, &self.names, &mut self.buffer);
        if self.buffer.len() >= BUFFER {
            self.write_out();
        }
    }

    fn flush(&mut self) {
        self.write_out();
        if self.failed.get().is_none()
            && let Err(error) = self.into.flush()
        {
            let _ = self.failed.set(error);
        }
    }
}

impl<W: Write + Send> Drop for Writer<W> {
    fn drop(&mut self) {
        self.flush();
    }
}
