//! The trace as a capture: a pcapng file, for Wireshark, tshark and whatever else reads packets.
//!
//! ```text
//! events -> Capture (which connections there are) -> Connection (TCP) -> packet (IP) -> block (file)
//! ```
//!
//! The bytes are those of the run; the packets around them are made up, with the ports, the order and
//! the times of the trace. A capture is one from the receivers' side: a packet has the time at which it
//! arrived, and what did not arrive is not in the stream; a packet without data tells of it. Comments say
//! which message a packet begins, from whom to whom, and what became of it, and which faults and crashes there
//! were before it. Every link is an interface, and every node has an address of its own, with its name.
//!
//! It is written as the events come, and only open connections are kept in memory. `docs/exports.md`
//! tells what is true of a capture and what is not.

mod block;
mod connection;
mod packet;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, OnceLock};

use self::connection::{CLIENT, Connection, Out, SERVER};
use super::{harm, words};
use crate::base::{ConnId, Direction, NodeId, Time};
use crate::trace::{Event, EventKind, Fate, FaultPhase, Header, Message, Observer};

/// The most connections that are open at once; of more, the oldest counts as one whose beginning the
/// trace does not have.
const OPEN_MAX: usize = 262_144;

/// How many connections that are over are remembered, for what was still under way.
const OVER_MAX: usize = 1024;

/// The most notes that one packet tells; of more, the last are told.
const NOTES_MAX: usize = 32;

/// The most links that are interfaces of their own; the others share the first interface.
const INTERFACES_MAX: usize = 4096;

/// The number of the address of whom no scenario names, among those of loopback.
const OUTSIDE: u32 = 0x00ff_fffe;

/// How much is gathered before it is written, in bytes, where nobody watches.
const BUFFER: usize = 256 * 1024;

/// Dissectors that Wireshark does not find by the looks of the bytes: a server's kind, and their name.
const DISSECTORS: [(&str, &str); 1] = [("redis", "resp")];

/// The option with which Wireshark and tshark read what a server of that kind says at that port, if
/// they need one: `-d tcp.port==40125,resp`.
#[must_use]
pub fn decode_as(kind: &str, port: u16) -> Option<String> {
    let (_, dissector) = DISSECTORS.iter().find(|(of, _)| *of == kind)?;
    Some(format!("-d tcp.port=={port},{dissector}"))
}

/// Writes the whole trace; returns what there is to say about reading it.
pub(super) fn write(
    header: &Header,
    events: impl Iterator<Item = Event>,
    out: &mut dyn Write,
) -> io::Result<Vec<String>> {
    let mut capture = Capture::new(header);
    for event in events {
        capture.event(&event);
        if capture.blocks.len() >= BUFFER {
            out.write_all(&capture.blocks)?;
            capture.blocks.clear();
        }
    }
    out.write_all(&capture.blocks)?;
    let options = capture.decode_as();
    Ok(match options.is_empty() {
        true => Vec::new(),
        false => {
            vec![format!("Wireshark knows Redis by its port: wireshark {}", options.join(" "))]
        }
    })
}

/// An observer that writes a capture to `W` as the run goes, and keeps the first error for the end.
///
/// In the real world every event is in the file as soon as it is recorded, so that Wireshark can follow.
/// In the virtual world, where nobody can watch, it is gathered first.
pub struct Writer<W: Write + Send> {
    into: W,
    capture: Capture,
    buffer: usize,
    failed: Arc<OnceLock<io::Error>>,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a capture.
    pub fn new(header: &Header, into: W) -> Writer<W> {
        let buffer = if header.clock == "real" { 0 } else { BUFFER };
        Writer { into, capture: Capture::new(header), buffer, failed: Arc::default() }
    }

    /// Where the first error of writing will be found: it does not stop the run, but it is not passed
    /// over in silence.
    #[must_use]
    pub fn failure(&self) -> Arc<OnceLock<io::Error>> {
        self.failed.clone()
    }

    fn write_out(&mut self) {
        if self.failed.get().is_none()
            && let Err(error) = self.into.write_all(&self.capture.blocks)
        {
            let _ = self.failed.set(error);
        }
        self.capture.blocks.clear();
    }
}

impl<W: Write + Send> Observer for Writer<W> {
    fn event(&mut self, event: &Event) {
        self.capture.event(event);
        if self.capture.blocks.len() > self.buffer {
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

/// Makes blocks of events.
struct Capture {
    names: Vec<String>,
    kinds: Vec<String>,
    servers: BTreeMap<NodeId, u16>,
    interfaces: BTreeMap<(NodeId, NodeId), u32>,
    connections: BTreeMap<ConnId, Connection>,
    /// Which connection has a pair of addresses; the lesser stands first.
    taken: BTreeMap<(SocketAddrV4, SocketAddrV4), ConnId>,
    over: VecDeque<ConnId>,
    /// What happened to nodes and links since the last packet; the next one tells it.
    notes: VecDeque<String>,
    /// What has not been written yet.
    blocks: Vec<u8>,
}

impl Capture {
    fn new(header: &Header) -> Capture {
        let mut blocks = Vec::with_capacity(BUFFER);
        let Header { scenario, clock, seed, program, .. } = header;
        let about = format!(
            "scenario {scenario}, {clock} clock, seed {seed}; times are those since the start of the run"
        );
        block::section(&format!("looplab {program}"), &about, &mut blocks);
        let names = header.nodes.iter().zip(0..).map(|(node, id)| (host(NodeId(id)), &*node.name));
        let outside = (host(NodeId::OUTSIDE), "outside");
        block::names(names.chain([outside]), &mut blocks);
        block::interface("looplab", "links beyond those that have an interface", &mut blocks);
        Capture {
            names: header.nodes.iter().map(|node| node.name.clone()).collect(),
            kinds: header.nodes.iter().map(|node| node.kind.clone()).collect(),
            servers: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            connections: BTreeMap::new(),
            taken: BTreeMap::new(),
            over: VecDeque::new(),
            notes: VecDeque::new(),
            blocks,
        }
    }

    fn event(&mut self, event: &Event) {
        let at = event.at;
        match &event.kind {
            EventKind::Node(node) => {
                let id = NodeId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
                block::names([(host(id), &*node.name)].into_iter(), &mut self.blocks);
                self.names.push(node.name.clone());
                self.kinds.push(node.kind.clone());
            }
            EventKind::Listen { node, address } => {
                self.servers.insert(*node, address.port());
            }
            EventKind::Connect { conn, from, to, port, .. } => {
                self.ask(at, *conn, (*from, *to), *port)
            }
            EventKind::Accept { conn, node } => {
                self.on(at, *conn, (NodeId::OUTSIDE, *node), |connection, out| {
                    connection.open(out);
                });
            }
            EventKind::Refused { conn, from, to, reason } if reason.contains("refused") => {
                let comment = format!("{} refuses {conn}: {reason}", self.name(*to));
                self.on(at, *conn, (*from, *to), |connection, out| {
                    connection.refuse(out, &comment)
                });
            }
            EventKind::Refused { conn, to, reason, .. } => {
                self.note(at, &format!("{conn} does not reach {}: {reason}", self.name(*to)));
                self.known(at, *conn, |connection, _| connection.give_up());
            }
            EventKind::Message(message) => self.message(at, message),
            EventKind::Close { conn, by } => self.known(at, *conn, |connection, out| {
                connection.end(out, connection.side_of(*by));
            }),
            EventKind::Reset { conn, by, fault } => {
                let told = harm::resets(&conn.to_string(), fault.as_deref());
                let comment = format!("{}: {told}", self.name(*by));
                self.known(at, *conn, |connection, out| {
                    connection.reset(out, connection.side_of(*by), &comment);
                });
            }
            EventKind::Fault(fault) => {
                let what = match fault.phase {
                    FaultPhase::Start => format!("fault {} begins: {}", fault.name, fault.text),
                    FaultPhase::End => {
                        format!("fault {} is over; it touched {}", fault.name, fault.touched)
                    }
                };
                self.note(at, &what);
            }
            EventKind::Crash { node, text, .. } => {
                self.note(at, &format!("{} crashes: {text}", self.name(*node)));
            }
            EventKind::Restart { node } => self.note(at, &format!("{} is back", self.name(*node))),
            EventKind::Pause { node } => {
                self.note(at, &format!("{} stands still", self.name(*node)));
            }
            EventKind::Resume { node } => self.note(at, &format!("{} goes on", self.name(*node))),
            EventKind::State { node, name, value } => {
                self.note(at, &format!("{}: {}", self.name(*node), words::state(name, value)));
            }
            _ => {}
        }
    }

    fn ask(&mut self, at: Time, conn: ConnId, nodes: (NodeId, NodeId), port: u16) {
        self.forget(conn);
        let client = self.begin(conn, nodes, Some(port));
        let mut comment = format!("{conn}: {} -> {}", self.name(nodes.0), self.name(nodes.1));
        if client != port {
            comment.push_str(&format!(", from port {port}, which another connection has"));
        }
        self.known(at, conn, |connection, out| connection.ask(out, &comment));
    }

    fn message(&mut self, at: Time, message: &Message) {
        let (side, nodes) = match message.direction {
            Direction::Request => (CLIENT, (message.from, message.to)),
            Direction::Response => (SERVER, (message.to, message.from)),
        };
        let comment = self.comment(message);
        let arrived = message.arrived.as_deref().filter(|_| message.fate.came());
        let (bytes, length) = match arrived {
            Some(arrived) => (&arrived.bytes, arrived.length),
            None => (&message.bytes, message.length),
        };
        let whole = (&bytes[..], length.max(bytes.len() as u64));
        let twice = message.fate == Fate::Duplicated;
        self.on(at, message.conn, nodes, |connection, out| {
            if !message.fate.came() {
                return connection.tell(out, side, &comment);
            }
            connection.data(out, side, whole, &comment);
            if twice {
                connection.data(out, side, whole, &format!("{comment} (again)"));
            }
        });
    }

    /// Has the next packet tell what happened.
    fn note(&mut self, at: Time, what: &str) {
        if self.notes.len() >= NOTES_MAX {
            self.notes.pop_front();
        }
        self.notes.push_back(format!("at {}: {what}", seconds(at)));
    }

    /// What stands beside the first packet of a message.
    fn comment(&self, message: &Message) -> String {
        let Message { seq, from, to, summary, sent, .. } = message;
        let mut text = format!(
            "#{} {} -> {}: {summary}{}",
            seq.0,
            self.name(*from),
            self.name(*to),
            words::fate(message)
        );
        if let Some(arrived) = &message.arrived {
            text.push_str(&format!(", as {}", arrived.summary));
        }
        text.push_str(&format!("; sent at {}", seconds(*sent)));
        if !message.fate.came() {
            text.push_str(&format!("; its {} bytes are not in the stream", message.length));
        }
        text
    }

    /// Does something with a connection, also with one whose beginning the trace does not have.
    fn on(
        &mut self,
        at: Time,
        conn: ConnId,
        nodes: (NodeId, NodeId),
        what: impl FnOnce(&mut Connection, &mut Out<'_>),
    ) {
        if !self.connections.contains_key(&conn) {
            self.begin(conn, nodes, None);
        }
        self.known(at, conn, what);
    }

    /// Does something with a connection if it is known.
    fn known(&mut self, at: Time, conn: ConnId, what: impl FnOnce(&mut Connection, &mut Out<'_>)) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let was_over = connection.is_over();
        what(connection, &mut Out { at, blocks: &mut self.blocks, notes: &mut self.notes });
        if connection.is_over() && !was_over {
            self.over.push_back(conn);
            if self.over.len() > OVER_MAX
                && let Some(oldest) = self.over.pop_front()
                && self.connections.get(&oldest).is_some_and(Connection::is_over)
            {
                self.forget(oldest);
            }
        }
    }

    /// Begins to remember a connection; returns the port of its client.
    fn begin(&mut self, conn: ConnId, nodes: (NodeId, NodeId), port: Option<u16>) -> u16 {
        if self.connections.len() >= OPEN_MAX
            && let Some(oldest) = self.connections.keys().next().copied()
        {
            self.forget(oldest);
        }
        let server = self.address_of(nodes.1);
        let client = self.free_address(nodes.0, port, conn, server);
        if let Some(former) = self.taken.insert(pair(client, server), conn) {
            self.connections.remove(&former);
        }
        let interface = self.interface(nodes);
        let connection = Connection::new(nodes, interface, [client, server], conn.0);
        self.connections.insert(conn, connection);
        client.port()
    }

    fn forget(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.remove(&conn) {
            let [client, server] = connection.addresses();
            self.taken.remove(&pair(client, server));
        }
    }

    /// Where a server listens; at a made-up port if the trace does not have it.
    fn address_of(&self, server: NodeId) -> SocketAddrV4 {
        let made_up = || u16::try_from(20_000 + server.0 % 10_000).unwrap_or(20_000);
        let port = self.servers.get(&server).copied().unwrap_or_else(made_up);
        SocketAddrV4::new(host(server), port)
    }

    /// The client's address with that port, or with the next one that no open connection to the same
    /// server has: in the virtual world ports are drawn, and two may be the same. If the port is not
    /// known, neither is the handshake that would tell a connection from one before it, so that its
    /// port is one that nobody had.
    fn free_address(
        &self,
        client: NodeId,
        port: Option<u16>,
        conn: ConnId,
        server: SocketAddrV4,
    ) -> SocketAddrV4 {
        let host = host(client);
        let is_over = |conn: &ConnId| {
            port.is_some() && self.connections.get(conn).is_none_or(Connection::is_over)
        };
        let is_free = |client: &SocketAddrV4| {
            *client != server && self.taken.get(&pair(*client, server)).is_none_or(is_over)
        };
        let first = port.unwrap_or_else(|| made_up_port(conn.0));
        let ports = (first..=u16::MAX).chain(1..first);
        let mut addresses = ports.map(|port| SocketAddrV4::new(host, port));
        addresses.find(is_free).unwrap_or_else(|| SocketAddrV4::new(host, first))
    }

    fn interface(&mut self, nodes: (NodeId, NodeId)) -> u32 {
        if let Some(known) = self.interfaces.get(&nodes) {
            return *known;
        }
        if self.interfaces.len() >= INTERFACES_MAX {
            return 0;
        }
        let number = u32::try_from(self.interfaces.len() + 1).unwrap_or(0);
        let name = format!("{} -> {}", self.name(nodes.0), self.name(nodes.1));
        block::interface(&name, "", &mut self.blocks);
        self.interfaces.insert(nodes, number);
        number
    }

    fn name(&self, node: NodeId) -> &str {
        self.names.get(node.index()).map_or("outside", String::as_str)
    }

    /// The options that Wireshark needs for the servers that were met.
    fn decode_as(&self) -> Vec<String> {
        let kind = |node: &NodeId| self.kinds.get(node.index()).map_or("", String::as_str);
        let options = self.servers.iter().map(|(node, port)| decode_as(kind(node), *port));
        options.flatten().collect()
    }
}

/// The address of a node: one of its own, so that a flow graph has a column for each. The ports are those of
/// the trace.
fn host(node: NodeId) -> Ipv4Addr {
    let number = if node == NodeId::OUTSIDE { OUTSIDE } else { node.0 % OUTSIDE + 1 };
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 0, 0)) | number)
}

/// A time as Wireshark shows it.
fn seconds(time: Time) -> String {
    let (nanos, second) = (time.as_nanos(), 1_000_000_000);
    format!("{}.{:09}", nanos / second, nanos % second)
}

/// What two addresses have in common, whoever of them asked.
fn pair(one: SocketAddrV4, other: SocketAddrV4) -> (SocketAddrV4, SocketAddrV4) {
    (one.min(other), one.max(other))
}

/// A port for a client whose port is not known: one of those that are given out (RFC 6335).
fn made_up_port(number: u32) -> u16 {
    u16::try_from(49_152 + number % 16_384).unwrap_or(49_152)
}
