//! The events of a trace, in memory.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::base::{ConnId, Direction, NodeId, Seq, Span, Time, Value};

/// The first line of a trace: what was run.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The scenario's name.
    pub scenario: String,
    /// `real` or `virtual`.
    pub clock: String,
    /// The seed of the run.
    pub seed: u64,
    /// The version of looplab that wrote it.
    pub program: String,
    /// All nodes, in the order of their ids.
    pub nodes: Vec<HeaderNode>,
    /// The scenario file's name, without its folder.
    pub file: String,
    /// The scenario's text, so that a trace can be drawn and checked again by itself.
    pub text: String,
    /// The names and texts of its scripts, in the order of the names.
    pub scripts: Vec<(String, String)>,
}

impl Header {
    /// A node's name; `outside` for a stranger.
    #[must_use]
    pub fn node_name(&self, id: NodeId) -> &str {
        self.nodes.get(id.index()).map_or(NodeId::OUTSIDE_NAME, |node| &node.name)
    }
}

/// A node as the header lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderNode {
    /// Its name.
    pub name: String,
    /// `client`, or a server's type: `http`, `redis`, ...; `proxy` for one that joined.
    pub kind: String,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When. Never earlier than the event before it.
    pub at: Time,
    /// What.
    pub kind: EventKind,
}

impl Event {
    /// The same without its places in the scenario's text, which move when somebody adds a comment there.
    #[must_use]
    pub fn without_places(&self) -> Event {
        let mut event = self.clone();
        match &mut event.kind {
            EventKind::Step(step) => {
                step.span = Span::default();
                step.failures.iter_mut().for_each(|(span, _)| *span = Span::default());
            }
            EventKind::Fault(fault) => fault.span = None,
            EventKind::Load(load) => load.span = Span::default(),
            EventKind::Check { span, .. } => *span = Span::default(),
            _ => {}
        }
        event
    }
}

impl EventKind {
    /// True for what befalls nodes and the network: crashes, pauses, faults.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        matches!(
            self,
            EventKind::Crash { .. }
                | EventKind::Restart { .. }
                | EventKind::Pause { .. }
                | EventKind::Resume { .. }
                | EventKind::Fault(_)
        )
    }
}

/// The kinds of event.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// A node joins while the run goes on: a proxy that somebody asked for. Its id is the next one.
    Node(Box<HeaderNode>),
    /// A server can be reached.
    Listen {
        /// The server.
        node: NodeId,
        /// Where.
        address: SocketAddr,
    },
    /// A connection is asked for; `accept` or `refused` follows, or nothing if nobody answers.
    Connect {
        /// The connection.
        conn: ConnId,
        /// Who asked.
        from: NodeId,
        /// Whom.
        to: NodeId,
        /// The port of the asking side.
        port: u16,
        /// The cut in the network that it cannot pass now: it waits for the healing.
        fault: Option<String>,
    },
    /// The server's program has taken the connection.
    Accept {
        /// The connection.
        conn: ConnId,
        /// The server.
        node: NodeId,
    },
    /// A connection was not made.
    Refused {
        /// The connection that was asked for.
        conn: ConnId,
        /// Who asked.
        from: NodeId,
        /// Whom.
        to: NodeId,
        /// Why: `refused`, `timeout`, ...
        reason: Cow<'static, str>,
    },
    /// A message reached its end, or did not.
    Message(Box<Message>),
    /// One side has ended its direction of a connection in order.
    Close {
        /// The connection.
        conn: ConnId,
        /// The side that ended it.
        by: NodeId,
    },
    /// One side has broken a connection off (RST).
    Reset {
        /// The connection.
        conn: ConnId,
        /// The side that broke it off.
        by: NodeId,
        /// The fault that did it on behalf of both sides.
        fault: Option<String>,
    },
    /// A node's program is gone: a fault let it crash, or it failed by itself, which fails the run.
    Crash {
        /// The node.
        node: NodeId,
        /// What it said, or what became of it.
        text: String,
        /// The fault that did it; `None` if nobody wanted it.
        fault: Option<String>,
    },
    /// A node that was gone is back, with what it keeps over a crash.
    Restart {
        /// The node.
        node: NodeId,
    },
    /// A node stands still: it reads nothing, writes nothing, and none of its timers is heard.
    Pause {
        /// The node.
        node: NodeId,
    },
    /// A node that stood still goes on.
    Resume {
        /// The node.
        node: NodeId,
    },
    /// A node exposes a part of its state: from here on it has this value. A crash of the node ends what
    /// it has exposed.
    State {
        /// The node.
        node: NodeId,
        /// What the part is called: `role`.
        name: String,
        /// Its value, which differs from the one before.
        value: Value,
    },
    /// A fault is let loose, or is over.
    Fault(Box<FaultEvent>),
    /// A step of a client is done.
    Step(Box<StepEvent>),
    /// An operation of a history begins or ends.
    Op(Box<OpEvent>),
    /// A client's load is over; its steps are not told one by one.
    Load(Box<LoadEvent>),
    /// A line of text from a node: a server's access log, a client's `log:`.
    Log {
        /// The node; `None` for the run itself.
        node: Option<NodeId>,
        /// How serious.
        level: Level,
        /// The line.
        text: String,
    },
    /// A script of a node has failed: one request of it, or one of its timers or tasks.
    Error {
        /// The node.
        node: NodeId,
        /// The script; empty if it is not known.
        script: String,
        /// The line, from 1; 0 if it is not known.
        line: u32,
        /// One lower-case clause.
        text: String,
    },
    /// A check's verdict.
    Check {
        /// The kind of check: `calls`, `latency`, ...
        check: Cow<'static, str>,
        /// Where it stands in the scenario.
        span: Span,
        /// Whether it holds.
        outcome: Outcome,
        /// A sentence with the figures.
        text: String,
        /// Whether what it asks for did not hold, wanted or not: what `expect: violated` turns round.
        violated: bool,
        /// The operations that contradict each other, by their ids: the one that finds no place first,
        /// the others in the order in which they began. Empty if the check is about something else.
        ops: Vec<u64>,
        /// What kind of violation it is, without values, numbers and times: the same in every run that
        /// goes wrong in the same way. Empty if there is nothing to say.
        cause: String,
        /// When it came to that, if there is one moment for it.
        broke: Option<Time>,
    },
    /// The last line of a whole trace.
    End {
        /// Whether everything that was checked holds.
        outcome: Outcome,
        /// Why not, if something other than a step or a check failed.
        text: String,
    },
}

/// A message and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its number, in the order of sending.
    pub seq: Seq,
    /// When its last byte was sent. The event's time is when its last byte was delivered.
    pub sent: Time,
    /// The connection.
    pub conn: ConnId,
    /// Which way it went.
    pub direction: Direction,
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// The protocol that decoded it: `http`, `redis`, `line`, `raw`.
    pub protocol: Cow<'static, str>,
    /// One line, as the protocol's people would write it.
    pub summary: String,
    /// What became of it.
    pub fate: Fate,
    /// The fault that decided its fate.
    pub fault: Option<String>,
    /// What it answers.
    pub cause: Option<Seq>,
    /// Its length in bytes.
    pub length: u64,
    /// Its first bytes, up to the bound of the trace.
    pub bytes: Bytes,
    /// What arrived in its place, if a fault changed it.
    pub arrived: Option<Box<Arrived>>,
}

/// What the receiver got in place of what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// One line, as for what was sent.
    pub summary: String,
    /// Its length in bytes.
    pub length: u64,
    /// Its first bytes, up to the bound of the trace.
    pub bytes: Bytes,
}

/// One end of a fault's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultEvent {
    /// Its name: `name:`, or its kind and number, `drop.1`.
    pub name: String,
    /// Let loose, or over.
    pub phase: FaultPhase,
    /// What it does, in the scenario's language, on one line: `{ drop: request, from: app, to: db }`.
    pub text: String,
    /// Where it stands in the scenario; `None` if somebody added it while the run went on.
    pub span: Option<Span>,
    /// How many messages (connections, nodes) it has touched so far.
    pub touched: u64,
}

/// The phases of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPhase {
    /// It is let loose.
    Start,
    /// It is over: its time has passed, it was removed, or the run has ended. A fault that was never let
    /// loose has this one only, at the end of the run.
    End,
}

impl FaultPhase {
    /// The word in the trace.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FaultPhase::Start => "start",
            FaultPhase::End => "end",
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It arrived as it was sent.
    Delivered,
    /// A fault took it.
    Dropped,
    /// A fault held it up.
    Delayed,
    /// A fault sent it twice.
    Duplicated,
    /// A fault changed its bytes.
    Corrupted,
    /// A fault put another message in its place.
    Edited,
    /// A fault cut it short.
    Truncated,
    /// A fault kept it back until the run ended.
    Held,
    /// The connection or the run ended while it was under way.
    Lost,
}

impl Fate {
    /// All fates with their words in the trace.
    pub const ALL: [(Fate, &'static str); 9] = [
        (Fate::Delivered, "delivered"),
        (Fate::Dropped, "dropped"),
        (Fate::Delayed, "delayed"),
        (Fate::Duplicated, "duplicated"),
        (Fate::Corrupted, "corrupted"),
        (Fate::Edited, "edited"),
        (Fate::Truncated, "truncated"),
        (Fate::Held, "held"),
        (Fate::Lost, "lost"),
    ];

    /// The word in the trace.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Fate::ALL.iter().find(|(fate, _)| *fate == self).map_or("", |(_, word)| word)
    }

    /// True if the receiver got it, whole and unharmed.
    #[must_use]
    pub fn arrived(self) -> bool {
        matches!(self, Fate::Delivered | Fate::Delayed | Fate::Duplicated)
    }

    /// True if the receiver got anything at all in its place.
    #[must_use]
    pub fn came(self) -> bool {
        !matches!(self, Fate::Dropped | Fate::Held | Fate::Lost)
    }
}

/// A step of a client, when it is done.
#[derive(Debug, Clone, PartialEq)]
pub struct StepEvent {
    /// The client.
    pub client: NodeId,
    /// Its `name:`, if it has one.
    pub name: Option<String>,
    /// The place of the step in the scenario.
    pub span: Span,
    /// One line: `get greeter/hello`.
    pub summary: String,
    /// When its first attempt began.
    pub began: Time,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether it went as expected.
    pub outcome: Outcome,
    /// True if it failed and may: it ended nothing and does not count against the run.
    pub forgiven: bool,
    /// The operation's error, whether it was expected or not: `refused`, `timeout`, ...
    pub error: Option<String>,
    /// Why the step failed, and the place of the expectation that did not hold.
    pub failures: Vec<(Span, String)>,
}

impl StepEvent {
    /// Why it failed, in a clause: the first of its failures, or its error.
    #[must_use]
    pub fn why(&self) -> &str {
        let why = self.failures.first().map(|(_, why)| why.as_str());
        why.or(self.error.as_deref()).unwrap_or("it failed")
    }

    /// What it means for the run: its outcome, unless it was forgiven.
    #[must_use]
    pub fn verdict(&self) -> Outcome {
        if self.forgiven { Outcome::Ok } else { self.outcome }
    }
}

/// A verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// As expected.
    Ok,
    /// Not as expected.
    Failed,
    /// Could not be decided.
    Unknown,
}

/// An error of a script in one line: `raft.lua:12: attempt to index a nil value`.
#[must_use]
pub fn placed(script: &str, line: u32, text: &str) -> String {
    match (script, line) {
        ("", _) => text.to_owned(),
        (script, 0) => format!("{script}: {text}"),
        (script, line) => format!("{script}:{line}: {text}"),
    }
}

impl Outcome {
    /// The word in the trace.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Failed => "failed",
            Outcome::Unknown => "unknown",
        }
    }
}

/// One end of an operation of a history.
#[derive(Debug, Clone, PartialEq)]
pub struct OpEvent {
    /// The client.
    pub client: NodeId,
    /// The operation's number in the run, from 1.
    pub id: u64,
    /// Begin, or how it ended.
    pub phase: OpPhase,
    /// The function.
    pub f: String,
    /// The key; null if it has none.
    pub key: Value,
    /// What was written, or read; null if not known.
    pub value: Value,
}

/// The phases of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpPhase {
    /// It begins.
    Invoke,
    /// It certainly happened.
    Ok,
    /// It certainly did not happen.
    Fail,
    /// It may have happened, now or later.
    Unknown,
}

impl OpPhase {
    /// The word in the trace.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            OpPhase::Invoke => "invoke",
            OpPhase::Ok => "ok",
            OpPhase::Fail => "fail",
            OpPhase::Unknown => "unknown",
        }
    }
}

/// What came of a client's `load:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadEvent {
    /// The client.
    pub client: NodeId,
    /// The place of the `load:` in the scenario.
    pub span: Span,
    /// When it began.
    pub began: Time,
    /// Iterations that were begun; each of them is either done or failed.
    pub started: u64,
    /// Iterations whose steps all went as expected.
    pub done: u64,
    /// Iterations that a step ended.
    pub failed: u64,
    /// Steps that failed and may: they ended no iteration.
    pub forgiven: u64,
    /// Arrivals that were not begun, because too many were in flight.
    pub shed: u64,
    /// How long the iterations that are done took; `None` if there are none.
    pub latency: Option<LoadLatency>,
}

/// How long iterations took, each from the time at which it was meant to begin: waiting for a turn
/// counts. Of three significant digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadLatency {
    /// The shortest.
    pub min: Duration,
    /// The mean.
    pub mean: Duration,
    /// The median.
    pub p50: Duration,
    /// The 90th percentile.
    pub p90: Duration,
    /// The 95th percentile.
    pub p95: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The 99.9th percentile.
    pub p999: Duration,
    /// The longest.
    pub max: Duration,
}

impl LoadLatency {
    /// The statistics with their names in the trace.
    #[must_use]
    pub fn named(&self) -> [(&'static str, Duration); 8] {
        [
            ("min", self.min),
            ("mean", self.mean),
            ("p50", self.p50),
            ("p90", self.p90),
            ("p95", self.p95),
            ("p99", self.p99),
            ("p999", self.p999),
            ("max", self.max),
        ]
    }
}

/// How serious a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Info,
    /// Worth a look.
    Warn,
    /// Wrong.
    Error,
}

impl Level {
    /// The word in the trace.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

impl Message {
    /// How long it was under way, if it arrived at `at`.
    #[must_use]
    pub fn latency(&self, at: Time) -> Duration {
        at.since(self.sent)
    }
}
