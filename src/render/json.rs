//! The trace as one JSON document, for programs that would rather not read lines.
//!
//! ```text
//! { "looplab": "export", "version": 1, "program", "scenario", "clock", "seed", "file",
//!   "nodes": [ { "name", "kind", "address"? } ],
//!   "connections": [ { "conn", "from", "to", "port"?, "asked", "accepted"?, "refused"?,
//!                      "ended": [ { "at", "by", "how" } ],
//!                      "messages": { "request", "response" }, "bytes": { "request", "response" } } ],
//!   "messages": [ a line of the trace, and "clocks": { "sent": { "lamport", "vector"? }, "received"? } ],
//!   "steps", "loads", "ops", "logs", "crashes", "checks", "faults", "states": [ lines of the trace ],
//!   "end": the trace's last line, or null,
//!   "left_out": { "messages", "connections", "lines" } }
//! ```
//!
//! Times are microseconds, as in the trace. `docs/trace-format.md` describes the lines and this document.

use std::collections::BTreeMap;
use std::io::{self, Write};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::base::{ConnId, Direction, NodeId, Time, write_json_string};
use crate::trace::{Clocks, Event, EventKind, Header, HeaderNode, Message, Stamp, write_event};

/// The version of the document.
const VERSION: u64 = 1;

/// The most messages of a document; of more, the first are kept.
const MESSAGES_MAX: usize = 200_000;

/// The most bytes of all messages together; what comes after has its length, and an empty `text`.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The most connections; of more, the first are kept.
const CONNECTIONS_MAX: usize = 100_000;

/// The most bytes of all other lines together.
const LINES_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The lists of lines, in the order of the document.
const LISTS: [&str; 8] = ["steps", "loads", "ops", "logs", "crashes", "checks", "faults", "states"];

pub(super) fn write(
    header: &Header,
    events: impl Iterator<Item = Event>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut document = Document::new(header);
    events.for_each(|event| document.add(event));
    document.write(out)
}

struct Document<'a> {
    header: &'a Header,
    names: Vec<String>,
    /// The nodes of which the header does not know.
    joined: Vec<HeaderNode>,
    addresses: BTreeMap<NodeId, String>,
    connections: BTreeMap<ConnId, Connection>,
    messages: Vec<(Time, Message)>,
    messages_max: usize,
    bytes: usize,
    /// The lines of [`LISTS`], each with its newline cut off.
    lists: [Vec<Vec<u8>>; LISTS.len()],
    lines_bytes: usize,
    end: Option<Vec<u8>>,
    left_out: LeftOut,
}

#[derive(Default)]
struct LeftOut {
    messages: u64,
    connections: u64,
    lines: u64,
}

#[derive(Default)]
struct Connection {
    fields: Map<String, Value>,
    ended: Vec<Value>,
    messages: [u64; 2],
    bytes: [u64; 2],
}

impl<'a> Document<'a> {
    fn new(header: &'a Header) -> Document<'a> {
        Document {
            header,
            names: header.nodes.iter().map(|node| node.name.clone()).collect(),
            joined: Vec::new(),
            addresses: BTreeMap::new(),
            connections: BTreeMap::new(),
            messages: Vec::new(),
            messages_max: MESSAGES_MAX,
            bytes: 0,
            lists: Default::default(),
            lines_bytes: 0,
            end: None,
            left_out: LeftOut::default(),
        }
    }

    fn add(&mut self, event: Event) {
        let at = micros(event.at);
        match event.kind {
            EventKind::Message(message) => self.add_message(event.at, *message),
            EventKind::Node(node) if !self.names.contains(&node.name) => {
                self.names.push(node.name.clone());
                self.joined.push(*node);
            }
            EventKind::Node(_) => {}
            EventKind::Listen { node, address } => {
                self.addresses.insert(node, address.to_string());
            }
            EventKind::Connect { conn, from, to, port, fault } => {
                self.ask(conn, from, to, &at);
                if let Some(fault) = fault {
                    self.set(conn, "held", json!(fault));
                }
                if let Some(connection) = self.connections.get_mut(&conn) {
                    connection.fields.insert("port".into(), port.into());
                }
            }
            EventKind::Refused { conn, from, to, reason } => {
                self.ask(conn, from, to, &at);
                self.set(conn, "refused", json!(reason));
            }
            EventKind::Accept { conn, node } => {
                // Nobody records how a stranger asked.
                self.ask(conn, NodeId::OUTSIDE, node, &at);
                self.set(conn, "accepted", at);
            }
            EventKind::Close { conn, by } => self.end(conn, &at, by, "close"),
            EventKind::Reset { conn, by, .. } => self.end(conn, &at, by, "reset"),
            EventKind::Step(_) => self.line(0, &event),
            EventKind::Load(_) => self.line(1, &event),
            EventKind::Op(_) => self.line(2, &event),
            EventKind::Log { .. } | EventKind::Error { .. } => self.line(3, &event),
            EventKind::Crash { .. }
            | EventKind::Restart { .. }
            | EventKind::Pause { .. }
            | EventKind::Resume { .. } => self.line(4, &event),
            EventKind::Fault(_) => self.line(6, &event),
            EventKind::State { .. } => self.line(7, &event),
            EventKind::Check { .. } => self.line(5, &event),
            EventKind::End { .. } => self.end = Some(self.told(&event)),
        }
    }

    fn add_message(&mut self, at: Time, mut message: Message) {
        if let Some(connection) = self.connections.get_mut(&message.conn) {
            let way = usize::from(message.direction == Direction::Response);
            connection.messages[way] += 1;
            connection.bytes[way] += message.length;
        }
        if self.messages.len() == self.messages_max {
            self.left_out.messages += 1;
            return;
        }
        self.bytes += message.bytes.len();
        if self.bytes > BYTES_MAX {
            message.bytes = Bytes::new();
        }
        self.messages.push((at, message));
    }

    /// A connection is asked for, unless that is known already.
    fn ask(&mut self, conn: ConnId, from: NodeId, to: NodeId, at: &Value) {
        if self.connections.contains_key(&conn) {
            return;
        }
        if self.connections.len() == CONNECTIONS_MAX {
            self.left_out.connections += 1;
            return;
        }
        let mut connection = Connection::default();
        let fields = &mut connection.fields;
        fields.insert("conn".into(), conn.0.into());
        fields.insert("from".into(), self.header.node_name(from).into());
        fields.insert("to".into(), self.header.node_name(to).into());
        fields.insert("asked".into(), at.clone());
        self.connections.insert(conn, connection);
    }

    fn set(&mut self, conn: ConnId, key: &str, value: Value) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.fields.insert(key.into(), value);
        }
    }

    fn end(&mut self, conn: ConnId, at: &Value, by: NodeId, how: &str) {
        let by = self.header.node_name(by);
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.ended.push(json!({ "at": at, "by": by, "how": how }));
        }
    }

    /// An event as its line in the trace.
    fn told(&self, event: &Event) -> Vec<u8> {
        let mut line = Vec::new();
        write_event(event, &self.names, &mut line);
        line.pop();
        line
    }

    fn line(&mut self, list: usize, event: &Event) {
        let line = self.told(event);
        self.lines_bytes += line.len();
        if self.lines_bytes > LINES_BYTES_MAX {
            self.left_out.lines += 1;
        } else {
            self.lists[list].push(line);
        }
    }

    fn write(mut self, out: &mut dyn Write) -> io::Result<()> {
        let header = self.header;
        let nodes: Vec<Value> = (0..)
            .map(NodeId)
            .zip(header.nodes.iter().chain(&self.joined))
            .map(|(id, node)| {
                let mut fields = json!({ "name": node.name, "kind": node.kind });
                if let Some(address) = self.addresses.get(&id) {
                    fields["address"] = json!(address);
                }
                fields
            })
            .collect();
        let fields = [
            ("looplab", json!("export")),
            ("version", json!(VERSION)),
            ("program", json!(header.program)),
            ("scenario", json!(header.scenario)),
            ("clock", json!(header.clock)),
            ("seed", json!(header.seed)),
            ("file", json!(header.file)),
            ("nodes", json!(nodes)),
        ];
        out.write_all(b"{\n")?;
        for (key, value) in fields {
            writeln!(out, "\"{key}\":{value},")?;
        }
        let connections = std::mem::take(&mut self.connections);
        list(out, "connections", connections.into_values().map(Connection::into_line))?;
        let clocks = Clocks::of_messages(self.messages.iter().map(|(at, message)| (*at, message)));
        let messages = std::mem::take(&mut self.messages);
        list(out, "messages", messages.into_iter().map(|one| self.message(one, &clocks)))?;
        for (name, lines) in LISTS.iter().zip(std::mem::take(&mut self.lists)) {
            list(out, name, lines.into_iter())?;
        }
        out.write_all(b"\"end\":")?;
        out.write_all(self.end.as_deref().unwrap_or(b"null"))?;
        let LeftOut { messages, connections, lines } = self.left_out;
        let left_out = json!({ "messages": messages, "connections": connections, "lines": lines });
        writeln!(out, ",\n\"left_out\":{left_out}\n}}")
    }

    /// A message's line, with its clocks.
    fn message(&self, (at, message): (Time, Message), clocks: &Clocks) -> Vec<u8> {
        let stamps = clocks.of(message.seq).unwrap_or_default();
        let mut line = self.told(&Event { at, kind: EventKind::Message(Box::new(message)) });
        line.pop();
        line.extend_from_slice(b",\"clocks\":{\"sent\":");
        self.stamp(stamps.sent, clocks, &mut line);
        if let Some(received) = stamps.received {
            line.extend_from_slice(b",\"received\":");
            self.stamp(received, clocks, &mut line);
        }
        line.extend_from_slice(b"}}");
        line
    }

    fn stamp(&self, stamp: Stamp, clocks: &Clocks, line: &mut Vec<u8>) {
        line.extend_from_slice(format!("{{\"lamport\":{}", stamp.lamport).as_bytes());
        if let Some(vector) = clocks.vector(stamp) {
            line.extend_from_slice(b",\"vector\":{");
            for (n, (node, count)) in vector.enumerate() {
                if n > 0 {
                    line.push(b',');
                }
                write_json_string(self.header.node_name(node), line);
                line.extend_from_slice(format!(":{count}").as_bytes());
            }
            line.push(b'}');
        }
        line.push(b'}');
    }
}

impl Connection {
    fn into_line(mut self) -> Vec<u8> {
        let both =
            |[request, response]: [u64; 2]| json!({ "request": request, "response": response });
        self.fields.insert("ended".into(), self.ended.into());
        self.fields.insert("messages".into(), both(self.messages));
        self.fields.insert("bytes".into(), both(self.bytes));
        Value::Object(self.fields).to_string().into_bytes()
    }
}

/// A time as the trace writes it.
fn micros(time: Time) -> Value {
    let text = time.to_micros_string();
    text.parse().map_or(Value::Null, Value::Number)
}

/// `"name":[` items, one a line `],`.
fn list(out: &mut dyn Write, name: &str, items: impl Iterator<Item = Vec<u8>>) -> io::Result<()> {
    write!(out, "\"{name}\":[")?;
    for (n, item) in items.enumerate() {
        out.write_all(if n == 0 { b"\n" } else { b",\n" })?;
        out.write_all(&item)?;
    }
    out.write_all(b"],\n")
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::sample::{self, ALICE, APP, Run, export_of, exported, exported_faulty};
    use super::*;

    fn document(events: Vec<Event>) -> Value {
        serde_json::from_str(&export_of(Format::Json, events)).unwrap()
    }

    #[test]
    fn the_document_has_what_happened() {
        let document: Value = serde_json::from_str(&exported(Format::Json)).unwrap();
        assert_eq!(document["looplab"], "export");
        assert_eq!(document["seed"], 7);
        assert_eq!(
            document["nodes"][0],
            json!({ "name": "app", "kind": "http", "address": "127.0.0.1:40001" })
        );
        assert_eq!(document["nodes"][3], json!({ "name": "alice", "kind": "client" }));
        assert_eq!(
            document["connections"][0],
            json!({
                "conn": 1, "from": "alice", "to": "app", "asked": 100, "port": 50_000, "accepted": 120,
                "ended": [{ "at": 103_980, "by": "alice", "how": "close" }],
                "messages": { "request": 1, "response": 1 }, "bytes": { "request": 150, "response": 150 },
            })
        );
        assert_eq!(document["connections"][4]["refused"], "refused");
        assert_eq!(document["messages"].as_array().map(Vec::len), Some(11));
        assert_eq!(document["messages"][3]["fate"], "dropped");
        assert_eq!(document["steps"][0]["failures"][0]["text"], "$.qty: expected 9, got 10");
        assert_eq!(document["checks"][1]["outcome"], "failed");
        assert_eq!(document["logs"][0]["node"], "app");
        assert_eq!(document["crashes"][0]["text"], "out of cheese");
        assert_eq!(document["end"]["outcome"], "failed");
        assert_eq!(document["left_out"], json!({ "messages": 0, "connections": 0, "lines": 0 }));
    }

    #[test]
    fn faults_and_what_becomes_of_nodes_are_in_it() {
        let document: Value = serde_json::from_str(&exported_faulty(Format::Json)).unwrap();
        let events = |list: &str, key: &str| {
            let lines = document[list].as_array().unwrap().iter();
            lines.map(|line| line[key].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(events("crashes", "event"), "crash pause resume restart");
        assert_eq!(document["faults"].as_array().map(Vec::len), Some(17));
        assert_eq!(events("states", "name"), "role peers");
        assert_eq!(document["states"][1]["value"], json!(["app", "cache"]));
        assert_eq!(document["steps"][0]["forgiven"], true);
        assert_eq!(document["messages"][4]["arrived"]["summary"], "503 Service Unavailable");
        assert!(document["messages"][3]["clocks"].get("received").is_none(), "it was dropped");
    }

    #[test]
    fn messages_carry_their_clocks() {
        let document: Value = serde_json::from_str(&exported(Format::Json)).unwrap();
        let clocks = |n: usize| &document["messages"][n]["clocks"];
        assert_eq!(
            *clocks(1),
            json!({
                "sent": { "lamport": 3, "vector": { "app": 2, "alice": 1 } },
                "received": { "lamport": 4, "vector": { "app": 2, "db": 1, "alice": 1 } },
            })
        );
        assert!(clocks(3).get("received").is_none(), "it was dropped");
    }

    #[test]
    fn an_empty_trace_is_a_document_too() {
        let document = document(Vec::new());
        assert_eq!(document["end"], Value::Null);
        assert_eq!(document["messages"], json!([]));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut run = Run::default();
        run.connect(0, 1, ALICE, APP);
        for n in 0..5 {
            run.message((n, n), 1, (ALICE, APP), "", None);
        }
        let header = sample::header();
        let mut document = Document { messages_max: 3, ..Document::new(&header) };
        run.events.into_iter().for_each(|event| document.add(event));
        let mut out = Vec::new();
        document.write(&mut out).unwrap();
        let document: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(document["messages"].as_array().map(Vec::len), Some(3));
        assert_eq!(document["left_out"]["messages"], 2);
        assert_eq!(document["connections"][0]["messages"]["request"], 5);
    }
}
