//! A stored trace, read line by line in bounded memory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead};

use base64::Engine as _;
use bytes::Bytes;

use super::write::{FORMAT_VERSION, OUTSIDE};
use super::{
    Arrived, Event, EventKind, Fate, FaultEvent, FaultPhase, Header, HeaderNode, Level, LoadEvent,
    LoadLatency, Message, OpEvent, OpPhase, Outcome, StepEvent,
};
use crate::base::{ConnId, Direction, NodeId, Seq, Span, Time, Value};

/// The longest line that is read, in bytes: a message's kept bytes, escaped, and its fields.
const LINE_MAX: u64 = 512 * 1024 * 1024;

/// Why a trace could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The file could not be read.
    Io(io::Error),
    /// The first line is not a trace's header.
    NotATrace,
    /// The trace was written by a later version.
    TooNew {
        /// The version of its format.
        version: u64,
    },
    /// A whole line is not an event.
    BadLine {
        /// The line's number, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io(error) => write!(f, "{error}"),
            ReadError::NotATrace => f.write_str("this is not a looplab trace"),
            ReadError::TooNew { version } => write!(
                f,
                "the trace has format {version}, and this looplab reads formats up to {FORMAT_VERSION}"
            ),
            ReadError::BadLine { line, why } => write!(f, "line {line} is not an event: {why}"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// Reads a trace; an iterator over its events.
///
/// A last line that was cut short (the program was killed, the disk was full) ends the events
/// without an error, and [`Reader::cut_short`] says so.
pub struct Reader<R> {
    from: R,
    header: Header,
    ids: BTreeMap<String, NodeId>,
    line: Vec<u8>,
    line_number: u64,
    cut_short: bool,
    done: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header line.
    ///
    /// # Errors
    /// [`ReadError`] if it is not one, or of a later version.
    pub fn new(mut from: R) -> Result<Reader<R>, ReadError> {
        let mut line = Vec::new();
        read_line(&mut from, &mut line).map_err(ReadError::Io)?;
        let value: Value = serde_json::from_slice(&line).map_err(|_| ReadError::NotATrace)?;
        if value["looplab"] != "trace" {
            return Err(ReadError::NotATrace);
        }
        let version = value["version"].as_u64().ok_or(ReadError::NotATrace)?;
        if version > FORMAT_VERSION {
            return Err(ReadError::TooNew { version });
        }
        let header = header(&value).ok_or(ReadError::NotATrace)?;
        let ids = (0..).map(NodeId).zip(&header.nodes).map(|(id, node)| (node.name.clone(), id));
        let ids = ids.chain([(OUTSIDE.to_owned(), NodeId::OUTSIDE)]).collect();
        Ok(Reader { from, header, ids, line, line_number: 1, cut_short: false, done: false })
    }

    /// What was run.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The same with these nodes in the header, which join later, as [`joining`] has found them: for
    /// whoever wants to know all nodes before the first event.
    #[must_use]
    pub fn with_nodes(mut self, joining: Vec<HeaderNode>) -> Reader<R> {
        for node in joining {
            if !self.ids.contains_key(&node.name) {
                self.join(&node.name);
                self.header.nodes.push(node);
            }
        }
        self
    }

    /// True if the last line, reached by now, had no end and was left out.
    #[must_use]
    pub fn cut_short(&self) -> bool {
        self.cut_short
    }

    fn read(&mut self) -> Result<Option<Event>, ReadError> {
        self.line.clear();
        read_line(&mut self.from, &mut self.line).map_err(ReadError::Io)?;
        if self.line.is_empty() {
            return Ok(None);
        }
        self.line_number += 1;
        let bad = |why: &str| ReadError::BadLine { line: self.line_number, why: why.to_owned() };
        if self.line.last() != Some(&b'\n') {
            if self.line.len() as u64 >= LINE_MAX {
                return Err(bad("it is too long"));
            }
            self.cut_short = true;
            return Ok(None);
        }
        let value: Value =
            serde_json::from_slice(&self.line).map_err(|error| bad(&error.to_string()))?;
        let line = Line { value: &value, ids: &self.ids };
        let event = line.event().map_err(|key| bad(&format!("`{key}` is missing or wrong")))?;
        if let EventKind::Node(node) = &event.kind {
            self.join(&node.name);
        }
        Ok(Some(event))
    }

    /// From here on lines may name it.
    fn join(&mut self, name: &str) {
        // All but `outside` have an id, in order.
        let id = NodeId(u32::try_from(self.ids.len() - 1).unwrap_or(u32::MAX));
        self.ids.entry(name.to_owned()).or_insert(id);
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.read().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}

/// The nodes that join in the course of a trace. Reads all of it; what is no event is passed over.
///
/// # Errors
/// What the reader says.
pub fn joining(mut from: impl BufRead) -> io::Result<Vec<HeaderNode>> {
    let mut found = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        read_line(&mut from, &mut line)?;
        if line.is_empty() {
            return Ok(found);
        }
        // The kind of an event stands right behind its time.
        let start = &line[..line.len().min(EVENT_WITHIN)];
        if !start.windows(NODE_EVENT.len()).any(|part| part == NODE_EVENT) {
            continue;
        }
        let value: Value = serde_json::from_slice(&line).unwrap_or_default();
        if let ("node", Some(name), Some(kind)) = (
            value["event"].as_str().unwrap_or_default(),
            value["name"].as_str(),
            value["kind"].as_str(),
        ) {
            found.push(HeaderNode { name: name.to_owned(), kind: kind.to_owned() });
        }
    }
}

/// How a line says that a node joins.
const NODE_EVENT: &[u8] = b"\"event\":\"node\"";

/// Within so many bytes a line says what it is about.
const EVENT_WITHIN: usize = 64;

fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    io::Read::take(from, LINE_MAX).read_until(b'\n', line).map(|_| ())
}

fn header(value: &Value) -> Option<Header> {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let nodes = value["nodes"].as_array()?.iter().map(|node| {
        Some(HeaderNode {
            name: node["name"].as_str()?.to_owned(),
            kind: node["kind"].as_str()?.to_owned(),
        })
    });
    Some(Header {
        scenario: text("scenario")?,
        clock: text("clock")?,
        seed: value["seed"].as_u64()?,
        program: text("program")?,
        nodes: nodes.collect::<Option<_>>()?,
        file: text("file")?,
        text: text("text")?,
        scripts: match &value["scripts"] {
            Value::Null => Vec::new(),
            scripts => {
                let script = |(name, text): (&String, &Value)| {
                    Some((name.clone(), text.as_str()?.to_owned()))
                };
                scripts.as_object()?.iter().map(script).collect::<Option<_>>()?
            }
        },
    })
}

/// A line's JSON; every getter fails with the name of its key.
struct Line<'a> {
    value: &'a Value,
    ids: &'a BTreeMap<String, NodeId>,
}

type Field<T> = Result<T, &'static str>;

impl Line<'_> {
    fn event(&self) -> Field<Event> {
        Ok(Event { at: self.time("at")?, kind: self.kind()? })
    }

    fn kind(&self) -> Field<EventKind> {
        Ok(match self.str("event")? {
            "node" => EventKind::Node(Box::new(HeaderNode {
                name: self.text("name")?,
                kind: self.text("kind")?,
            })),
            "listen" => EventKind::Listen {
                node: self.node("node")?,
                address: self.str("address")?.parse().map_err(|_| "address")?,
            },
            "connect" => EventKind::Connect {
                conn: self.conn()?,
                from: self.node("from")?,
                to: self.node("to")?,
                port: u16::try_from(self.number("port")?).map_err(|_| "port")?,
                fault: self.optional("fault")?,
            },
            "accept" => EventKind::Accept { conn: self.conn()?, node: self.node("node")? },
            "refused" => EventKind::Refused {
                conn: self.conn()?,
                from: self.node("from")?,
                to: self.node("to")?,
                reason: Cow::Owned(self.text("reason")?),
            },
            "message" => EventKind::Message(Box::new(self.message()?)),
            "close" => EventKind::Close { conn: self.conn()?, by: self.node("by")? },
            "reset" => EventKind::Reset {
                conn: self.conn()?,
                by: self.node("by")?,
                fault: self.optional("fault")?,
            },
            "crash" => EventKind::Crash {
                node: self.node("node")?,
                text: self.text("text")?,
                fault: self.optional("fault")?,
            },
            "restart" => EventKind::Restart { node: self.node("node")? },
            "pause" => EventKind::Pause { node: self.node("node")? },
            "resume" => EventKind::Resume { node: self.node("node")? },
            "state" => EventKind::State {
                node: self.node("node")?,
                name: self.text("name")?,
                value: self.value.get("value").cloned().ok_or("value")?,
            },
            "fault" => EventKind::Fault(Box::new(self.fault()?)),
            "step" => EventKind::Step(Box::new(self.step()?)),
            "op" => EventKind::Op(Box::new(self.op()?)),
            "load" => EventKind::Load(Box::new(self.load()?)),
            "log" => EventKind::Log {
                node: self.has("node").then(|| self.node("node")).transpose()?,
                level: word(
                    "level",
                    self.str("level")?,
                    &[Level::Info, Level::Warn, Level::Error],
                    Level::as_str,
                )?,
                text: self.text("text")?,
            },
            "error" => EventKind::Error {
                node: self.node("node")?,
                script: self.text("script")?,
                line: u32::try_from(self.number("line")?).map_err(|_| "line")?,
                text: self.text("text")?,
            },
            "check" => EventKind::Check {
                check: Cow::Owned(self.text("check")?),
                span: span(&self.value["span"]).ok_or("span")?,
                outcome: self.outcome()?,
                text: self.text("text")?,
                violated: self.has("violated")
                    && self.value["violated"].as_bool().ok_or("violated")?,
                ops: if self.has("ops") { self.numbers("ops")? } else { Vec::new() },
                cause: self.optional("cause")?.unwrap_or_default(),
                broke: if self.has("broke") { Some(self.time("broke")?) } else { None },
            },
            "end" => EventKind::End { outcome: self.outcome()?, text: self.text("text")? },
            _ => return Err("event"),
        })
    }

    fn message(&self) -> Field<Message> {
        let arrived = |value| -> Field<Box<Arrived>> {
            let inner = Line { value, ids: self.ids };
            let (summary, length) = (inner.text("summary")?, inner.number("length")?);
            Ok(Box::new(Arrived { summary, length, bytes: inner.bytes()? }))
        };
        let arrived = self.value.get("arrived").map(|value| arrived(value).map_err(|_| "arrived"));
        let directions = [Direction::Request, Direction::Response];
        let fate = self.str("fate")?;
        Ok(Message {
            seq: Seq(self.number("seq")?),
            sent: self.time("sent")?,
            conn: self.conn()?,
            direction: word("direction", self.str("direction")?, &directions, Direction::as_str)?,
            from: self.node("from")?,
            to: self.node("to")?,
            protocol: Cow::Owned(self.text("protocol")?),
            summary: self.text("summary")?,
            fate: Fate::ALL
                .iter()
                .find(|(_, word)| *word == fate)
                .map(|(f, _)| *f)
                .ok_or("fate")?,
            fault: self.optional("fault")?,
            cause: self.has("cause").then(|| self.number("cause").map(Seq)).transpose()?,
            length: self.number("length")?,
            bytes: self.bytes()?,
            arrived: arrived.transpose()?,
        })
    }

    fn bytes(&self) -> Field<Bytes> {
        if self.has("text") {
            return self.text("text").map(Bytes::from);
        }
        let text = self.str("base64")?;
        let decoded = base64::engine::general_purpose::STANDARD.decode(text);
        decoded.map(Bytes::from).map_err(|_| "base64")
    }

    fn fault(&self) -> Field<FaultEvent> {
        let phases = [FaultPhase::Start, FaultPhase::End];
        Ok(FaultEvent {
            name: self.text("name")?,
            phase: word("phase", self.str("phase")?, &phases, FaultPhase::as_str)?,
            text: self.text("text")?,
            span: self.has("span").then(|| span(&self.value["span"]).ok_or("span")).transpose()?,
            touched: self.number("touched")?,
        })
    }

    fn step(&self) -> Field<StepEvent> {
        let failures = match self.value["failures"].as_array() {
            None => Vec::new(),
            Some(list) => list
                .iter()
                .map(|one| Some((span(&one["span"])?, one["text"].as_str()?.to_owned())))
                .collect::<Option<_>>()
                .ok_or("failures")?,
        };
        Ok(StepEvent {
            client: self.node("client")?,
            name: self.optional("name")?,
            span: span(&self.value["span"]).ok_or("span")?,
            summary: self.text("summary")?,
            began: self.time("began")?,
            attempts: u32::try_from(self.number("attempts")?).map_err(|_| "attempts")?,
            outcome: self.outcome()?,
            forgiven: match self.value.get("forgiven") {
                Some(forgiven) => forgiven.as_bool().ok_or("forgiven")?,
                None => false,
            },
            error: self.optional("error")?,
            failures,
        })
    }

    fn op(&self) -> Field<OpEvent> {
        let phases = [OpPhase::Invoke, OpPhase::Ok, OpPhase::Fail, OpPhase::Unknown];
        Ok(OpEvent {
            client: self.node("client")?,
            id: self.number("id")?,
            phase: word("phase", self.str("phase")?, &phases, OpPhase::as_str)?,
            f: self.text("f")?,
            key: self.value["key"].clone(),
            value: self.value["value"].clone(),
        })
    }

    fn load(&self) -> Field<LoadEvent> {
        let latency: Option<Field<LoadLatency>> = self.value.get("latency").map(|latency| {
            let statistic = |name: &str| {
                time(&latency[name]).map(|time| time.since(Time::ZERO)).ok_or("latency")
            };
            Ok(LoadLatency {
                min: statistic("min")?,
                mean: statistic("mean")?,
                p50: statistic("p50")?,
                p90: statistic("p90")?,
                p95: statistic("p95")?,
                p99: statistic("p99")?,
                p999: statistic("p999")?,
                max: statistic("max")?,
            })
        });
        Ok(LoadEvent {
            client: self.node("client")?,
            span: span(&self.value["span"]).ok_or("span")?,
            began: self.time("began")?,
            started: self.number("started")?,
            done: self.number("done")?,
            failed: self.number("failed")?,
            forgiven: if self.has("forgiven") { self.number("forgiven")? } else { 0 },
            shed: self.number("shed")?,
            latency: latency.transpose()?,
        })
    }

    fn outcome(&self) -> Field<Outcome> {
        let outcomes = [Outcome::Ok, Outcome::Failed, Outcome::Unknown];
        word("outcome", self.str("outcome")?, &outcomes, Outcome::as_str)
    }

    fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some()
    }

    fn str(&self, key: &'static str) -> Field<&str> {
        self.value[key].as_str().ok_or(key)
    }

    fn text(&self, key: &'static str) -> Field<String> {
        self.str(key).map(str::to_owned)
    }

    fn optional(&self, key: &'static str) -> Field<Option<String>> {
        self.has(key).then(|| self.text(key)).transpose()
    }

    fn number(&self, key: &'static str) -> Field<u64> {
        self.value[key].as_u64().ok_or(key)
    }

    fn numbers(&self, key: &'static str) -> Field<Vec<u64>> {
        let list = self.value[key].as_array().ok_or(key)?;
        list.iter().map(Value::as_u64).collect::<Option<_>>().ok_or(key)
    }

    fn conn(&self) -> Field<ConnId> {
        u32::try_from(self.number("conn")?).map(ConnId).map_err(|_| "conn")
    }

    fn node(&self, key: &'static str) -> Field<NodeId> {
        self.ids.get(self.str(key)?).copied().ok_or(key)
    }

    fn time(&self, key: &'static str) -> Field<Time> {
        time(&self.value[key]).ok_or(key)
    }
}

fn word<T: Copy>(
    key: &'static str,
    given: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Field<T> {
    all.iter().copied().find(|one| as_str(*one) == given).ok_or(key)
}

/// Microseconds, whole or with a fraction.
fn time(value: &Value) -> Option<Time> {
    match value.as_u64() {
        Some(micros) => micros.checked_mul(1000).map(Time::from_nanos),
        None => value.as_f64().and_then(Time::from_micros_f64),
    }
}

fn span(value: &Value) -> Option<Span> {
    match value.as_array()?.as_slice() {
        [start, end] => Some(Span {
            start: u32::try_from(start.as_u64()?).ok()?,
            end: u32::try_from(end.as_u64()?).ok()?,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{write_event, write_header};
    use super::*;

    #[test]
    fn a_load_event_is_read_as_it_was_written() {
        let node = HeaderNode { name: "users".into(), kind: "client".into() };
        let header = Header {
            scenario: "load".into(),
            clock: "virtual".into(),
            seed: 1,
            program: "looplab".into(),
            nodes: vec![node],
            file: "load.yaml".into(),
            text: String::new(),
            scripts: Vec::new(),
        };
        let us = Duration::from_micros;
        let latency = LoadLatency {
            min: us(1),
            mean: Duration::from_nanos(1_500),
            p50: us(2),
            p90: us(3),
            p95: us(4),
            p99: us(5),
            p999: us(6),
            max: us(7),
        };
        for latency in [Some(latency), None] {
            let load = LoadEvent {
                client: NodeId(0),
                span: Span::new(3, 9),
                began: Time::from_nanos(1_250),
                started: 10,
                done: 8,
                failed: 2,
                forgiven: latency.map_or(0, |_| 4),
                shed: 3,
                latency,
            };
            let event =
                Event { at: Time::from_nanos(9_000), kind: EventKind::Load(Box::new(load)) };
            let mut out = Vec::new();
            write_header(&header, &mut out);
            write_event(&event, &["users".into()], &mut out);
            let read: Vec<Event> =
                Reader::new(out.as_slice()).unwrap().collect::<Result<_, _>>().unwrap();
            assert_eq!(read, [event]);
        }
    }
}
