//! The HTTP of a trace as an HTTP Archive 1.2, for the network panels of browsers and their kin.
//!
//! ```text
//! { "log": { "version", "creator", "comment",
//!            "entries": [ { "startedDateTime", "time", "request", "response", "cache", "timings",
//!                           "serverIPAddress", "connection", "comment" } ] } }
//! ```
//!
//! An entry is a request with what its caller got for it. Nothing knows what the time on the wall was, so
//! the run began in the first moment of 1970. Entries stand in the order in which their requests were
//! sent, unless a request waits for its reply while [`HELD_MAX`] bytes of later ones are told.

mod fields;
mod http;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use super::words;
use crate::base::{Direction, NodeId, Seq, Time};
use crate::trace::{Event, EventKind, Fate, Header, Message};

/// The most bytes of messages that wait for earlier requests to be answered.
const HELD_MAX: usize = 64 * 1024 * 1024;

/// What a message takes besides its bytes, about.
const MESSAGE_BYTES: usize = 512;

pub(super) fn write(
    header: &Header,
    events: impl Iterator<Item = Event>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut archive = Archive::new(header, out);
    archive.begin()?;
    for event in events {
        archive.event(event)?;
    }
    archive.end()
}

struct Archive<'a> {
    header: &'a Header,
    out: &'a mut dyn Write,
    servers: BTreeMap<NodeId, SocketAddr>,
    /// What has not been written yet, by the request's number.
    exchanges: BTreeMap<Seq, Exchange>,
    held: usize,
    held_max: usize,
    entries: u64,
}

/// A request, and what became of it.
struct Exchange {
    at: Time,
    request: Message,
    reply: Option<(Time, Message)>,
    /// Replies that are not the one.
    others: String,
}

impl Exchange {
    /// Whether nothing more is to be expected. Of the replies to a request that arrived twice, that to
    /// the copy may be lost first.
    fn is_complete(&self) -> bool {
        match &self.reply {
            Some((_, reply)) => reply.fate.came() || self.request.fate != Fate::Duplicated,
            None => !self.request.fate.came(),
        }
    }

    fn size(&self) -> usize {
        let reply = self.reply.as_ref().map_or(0, |(_, reply)| size(reply));
        size(&self.request) + reply + self.others.len()
    }
}

fn size(message: &Message) -> usize {
    let arrived = message.arrived.as_ref().map_or(0, |arrived| arrived.bytes.len());
    MESSAGE_BYTES + message.bytes.len() + arrived
}

impl<'a> Archive<'a> {
    fn new(header: &'a Header, out: &'a mut dyn Write) -> Archive<'a> {
        Archive {
            header,
            out,
            servers: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            held: 0,
            held_max: HELD_MAX,
            entries: 0,
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        let Header { scenario, clock, seed, program, .. } = self.header;
        let creator = json!({ "name": "looplab", "version": program });
        let comment = json!(format!(
            "scenario {scenario}, {clock} clock, seed {seed}; the run began at 1970-01-01T00:00:00Z"
        ));
        let out = &mut self.out;
        write!(out, "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},")?;
        write!(out, "\"comment\":{comment},\"entries\":[")
    }

    fn end(&mut self) -> io::Result<()> {
        while let Some((_, exchange)) = self.exchanges.pop_first() {
            self.entry(&exchange)?;
        }
        self.out.write_all(b"\n]}}\n")
    }

    fn event(&mut self, event: Event) -> io::Result<()> {
        match event.kind {
            EventKind::Listen { node, address } => {
                self.servers.insert(node, address);
                Ok(())
            }
            EventKind::Message(message) if message.protocol == "http" => {
                match message.direction {
                    Direction::Request => self.request(event.at, *message),
                    Direction::Response => self.reply(event.at, *message),
                }
                self.write_complete()
            }
            _ => Ok(()),
        }
    }

    fn request(&mut self, at: Time, request: Message) {
        if is_request(&request) && !self.exchanges.contains_key(&request.seq) {
            let exchange = Exchange { at, request, reply: None, others: String::new() };
            self.held += exchange.size();
            self.exchanges.insert(exchange.request.seq, exchange);
        }
    }

    fn reply(&mut self, at: Time, reply: Message) {
        let cause = reply.cause.and_then(|cause| self.exchanges.get_mut(&cause));
        let Some(exchange) = cause else { return };
        self.held -= exchange.size();
        let precedes = matches!(fields::status(&reply), Some(100 | 102..200));
        let has_one = exchange
            .reply
            .as_ref()
            .is_some_and(|(_, former)| former.fate.came() || !reply.fate.came());
        let other = match precedes || has_one {
            true => Some(reply),
            false => exchange.reply.replace((at, reply)).map(|(_, former)| former),
        };
        if let Some(other) = other {
            let fate = words::fate(&other);
            exchange.others.push_str(&format!("; also #{} {}{fate}", other.seq.0, other.summary));
        }
        self.held += exchange.size();
    }

    /// Writes what need not wait any longer.
    fn write_complete(&mut self) -> io::Result<()> {
        while self.exchanges.first_key_value().is_some_and(|(_, first)| first.is_complete()) {
            let Some((_, exchange)) = self.exchanges.pop_first() else { break };
            self.held -= exchange.size();
            self.entry(&exchange)?;
        }
        if self.held <= self.held_max {
            return Ok(());
        }
        // The order is given up before the memory, and in the end the replies are.
        let complete = self.exchanges.extract_if(.., |_, exchange| exchange.is_complete());
        for (_, exchange) in complete.collect::<Vec<_>>() {
            self.held -= exchange.size();
            self.entry(&exchange)?;
        }
        let enough = if self.held > self.held_max { self.held_max / 2 } else { self.held_max };
        while self.held > enough
            && let Some((_, exchange)) = self.exchanges.pop_first()
        {
            self.held -= exchange.size();
            self.entry(&exchange)?;
        }
        Ok(())
    }

    fn entry(&mut self, exchange: &Exchange) -> io::Result<()> {
        let Exchange { at, request, reply, .. } = exchange;
        let got = reply.as_ref().filter(|(_, reply)| reply.fate.came());
        let (send, wait, receive) = match got {
            Some((reply_at, reply)) => {
                let answered = reply.sent.max(*at);
                (at.since(request.sent), answered.since(*at), reply_at.since(answered))
            }
            None => (at.since(request.sent), Duration::ZERO, Duration::ZERO),
        };
        let server = self.servers.get(&request.to);
        let address = match server {
            Some(server) => server.to_string(),
            None => self.header.node_name(request.to).to_owned(),
        };
        let mut entry = json!({
            "startedDateTime": fields::iso(request.sent),
            "time": fields::millis(send + wait + receive),
            "request": fields::request(request, &address),
            "response": match got {
                Some((_, reply)) => fields::response(reply),
                None => fields::no_response(),
            },
            "cache": {},
            "timings": {
                "blocked": -1, "dns": -1, "connect": -1,
                "send": fields::millis(send), "wait": fields::millis(wait), "receive": fields::millis(receive), "ssl": -1,
            },
        });
        if let Some(server) = server {
            entry["serverIPAddress"] = json!(server.ip().to_string());
        }
        entry["connection"] = json!(request.conn.0.to_string());
        entry["comment"] = json!(self.comment(exchange));
        self.out.write_all(if self.entries == 0 { b"\n" } else { b",\n" })?;
        self.entries += 1;
        self.out.write_all(entry.to_string().as_bytes())
    }

    /// Who spoke to whom, and what became of it.
    fn comment(&self, exchange: &Exchange) -> String {
        let request = &exchange.request;
        let [from, to] = [request.from, request.to].map(|node| self.header.node_name(node));
        let mut text = format!("#{} {from} -> {to}{}", request.seq.0, words::fate(request));
        if let Some(arrived) = &request.arrived {
            text.push_str(&format!(", as {}", arrived.summary));
        }
        match &exchange.reply {
            Some((_, reply)) => {
                let Message { seq, summary, .. } = reply;
                text.push_str(&format!("; #{} {summary}{}", seq.0, words::fate(reply)));
            }
            None => text.push_str("; no reply"),
        }
        text + &exchange.others
    }
}

/// Whether the protocol took it for a request: `GET /`, and not `not http: 5 bytes` or `5 bytes`.
fn is_request(message: &Message) -> bool {
    let method = message.summary.split_once(' ').map_or("", |(method, _)| method);
    !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
}

#[cfg(test)]
mod tests;
