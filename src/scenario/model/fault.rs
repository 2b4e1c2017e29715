//! Faults, and when they are let loose: the words of `timeline:`, of a link's `faults:` and of steps.
//!
//! ```text
//! fault   = one harm (drop, latency, partition, crash, ...) + whom it meets + how long it lasts
//! moment  = when (a time, an event) + what is done (a fault, or the end of one)
//! ```
//!
//! A fault is a value: nothing here says whether it is in force.

use std::time::Duration;

use super::{After, Body, Expectation, Predicate, Text};
use crate::base::{Distribution, Located, Span};

/// One fault.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Where it stands.
    pub span: Span,
    /// `name:`; by default its verb and its number among those of that verb: `drop.1`.
    pub name: Option<Located<String>>,
    /// What it does.
    pub kind: FaultKind,
    /// `for:`, how long it lasts; by default until it is healed, or the run ends.
    pub lasts: Option<Duration>,
    /// The fault as it was written, on one line, in the flow style of YAML: `{ drop: request, from: app }`.
    pub text: String,
}

/// The three kinds of fault.
#[derive(Debug, Clone)]
pub enum FaultKind {
    /// On what travels over links.
    Link(Box<LinkFault>),
    /// On the network between nodes.
    Partition(Partition),
    /// On nodes.
    Node(NodeFault),
}

impl FaultKind {
    /// The verb that says what it does.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            FaultKind::Link(link) => link.harm.verb(),
            FaultKind::Partition(Partition { shape: Shape::Isolate(_), .. }) => "isolate",
            FaultKind::Partition(_) => "partition",
            FaultKind::Node(fault) => fault.harm.verb(),
        }
    }
}

// ---- on links -----------------------------------------------------------------------------

/// A fault on what travels over links.
#[derive(Debug, Clone)]
pub struct LinkFault {
    /// What it does.
    pub harm: Harm,
    /// `from:`, who connects; empty is all. In a link's own `faults:` the link says it.
    pub from: Vec<Located<String>>,
    /// `to:`, what is connected to; empty is all.
    pub to: Vec<Located<String>>,
    /// `direction:`, or the value of the verb (`drop: response`); `None` if the file does not say.
    ///
    /// Then a harm on bytes or connections means both. One on messages means requests, or responses if
    /// `status` is asked for.
    pub direction: Option<Directions>,
    /// Which of what it meets it harms.
    pub choice: Choice,
}

/// Which ways are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directions {
    /// `request`: from the side that connected.
    Request,
    /// `response`: back.
    Response,
    /// `both`.
    Both,
}

/// Which of the messages, or connections, that a fault meets it harms. All that is said must hold; the
/// numbers count only what fits the rest, and are rolled last.
///
/// A harm on messages chooses among messages. One on bytes or connections chooses among connections,
/// when they are asked for, unless `match`, `method`, `path` or `status` is there: then it
/// acts on the messages that fit, where it can.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// `client:`, the same as `from:` but only a client: who asked for the connection.
    pub client: Option<Located<String>>,
    /// `match:`, a glob over the message's summary: `DEL *`.
    pub summary: Option<Located<String>>,
    /// `method:`, of an HTTP request, or the name of a Redis command; for a reply, of what it answers.
    pub method: Option<Predicate>,
    /// `path:`, of an HTTP request, without the query; for a reply, of what it answers.
    pub path: Option<Predicate>,
    /// `status:`, of an HTTP reply.
    pub status: Option<Predicate>,
    /// `nth: 3`, only the third.
    pub nth: Option<u64>,
    /// `every: 10`, each tenth.
    pub every: Option<u64>,
    /// `first: 2`, no more than these.
    pub first: Option<u64>,
    /// `probability:`, in 0..=1; `50%` is read as 0.5.
    pub probability: Option<f64>,
    /// `after:`, not before this has happened.
    pub after: Option<Trigger>,
    /// `while:`, only while this is so.
    pub during: Option<Condition>,
}

/// `while:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `{ crashed: db }`.
    Crashed(Located<String>),
    /// `{ paused: db }`.
    Paused(Located<String>),
    /// `{ fault: name }`, another fault is in force.
    Fault(Located<String>),
}

/// What is done to what travels.
#[derive(Debug, Clone)]
pub enum Harm {
    // On bytes and connections.
    /// `latency: 200ms`, or a distribution, with `jitter:` (uniform, to both sides) on top of the link's own.
    Latency {
        /// How much longer each piece takes.
        by: Distribution,
        /// `jitter:`.
        jitter: Duration,
    },
    /// `bandwidth: 64KiB/s`, of each connection and direction; 0 stalls it.
    Bandwidth {
        /// Bytes a second.
        bytes_per_s: f64,
    },
    /// `slice: 10` or `{ size, variation, delay }`: what is sent at once arrives in pieces.
    Slice {
        /// The size of a piece in bytes, at least 1.
        size: u32,
        /// Each piece's size is drawn from `size - variation ..= size + variation`.
        variation: u32,
        /// The pause between pieces.
        delay: Duration,
    },
    /// `corrupt: 0.001` (of the bits) or `{ offset: 10, bits: 0xff }`.
    Corrupt(Corruption),
    /// `limit: 1KiB`: so many bytes of each direction of a connection, then the connection is closed.
    Limit {
        /// How many.
        bytes: u64,
    },
    /// `slow_close: 1s`: the end of a direction comes so much later.
    SlowClose {
        /// How much.
        by: Duration,
    },
    /// `reset: true`, `reset: 2s`: the connection is broken off for both sides (RST), so long after the
    /// fault meets it. Also one that is open and idle.
    Reset {
        /// How long after.
        after: Duration,
    },
    /// `blackhole: true` or `{ close_after: 5s }`: accepted, and nothing comes through.
    Blackhole {
        /// The connection is closed after so long without a byte.
        close_after: Option<Duration>,
    },
    /// `refuse: true`: connecting is refused.
    Refuse,
    /// `slow_connect: 2s`: connecting takes so much longer.
    SlowConnect(Distribution),
    /// `half_close: true`: the direction ends (FIN) for its receiver; the other goes on.
    HalfClose,
    // On decoded messages.
    /// `drop: request`: missing as a whole.
    Drop,
    /// `duplicate: request` or with `times:` and `replies:`.
    Duplicate {
        /// How often it arrives besides, at least 1.
        times: u32,
        /// `replies: all`: the replies to the copies reach the client too. By default the link takes
        /// them, so that replies go on to fit requests.
        replies: bool,
    },
    /// `delay: 500ms`: the message comes later, and so does what stands behind it.
    Delay(Distribution),
    /// `reorder: 2`: the message comes after the next ones, or when `within:` has passed.
    Reorder {
        /// How many overtake it, at least 1.
        behind: u32,
        /// How long it waits for them. Default 100 ms.
        within: Duration,
    },
    /// `truncate: 10`, with `then: close | hang`.
    Truncate {
        /// How many bytes of the message arrive.
        bytes: u64,
        /// The connection is closed after it; otherwise it stays open, and what is sent later follows.
        close: bool,
    },
    /// `replace: { text | json | hex | file }`: other bytes in its place. They must be one whole message of
    /// the protocol.
    Replace(Box<Body>),
    /// `edit: {...}`: parts of the message; its framing stays sound.
    Edit(Box<Edit>),
    /// `hold: request`: kept back until it is released, or the fault is over.
    Hold,
}

impl Harm {
    /// The verb that says it.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Harm::Latency { .. } => "latency",
            Harm::Bandwidth { .. } => "bandwidth",
            Harm::Slice { .. } => "slice",
            Harm::Corrupt(_) => "corrupt",
            Harm::Limit { .. } => "limit",
            Harm::SlowClose { .. } => "slow_close",
            Harm::Reset { .. } => "reset",
            Harm::Blackhole { .. } => "blackhole",
            Harm::Refuse => "refuse",
            Harm::SlowConnect(_) => "slow_connect",
            Harm::HalfClose => "half_close",
            Harm::Drop => "drop",
            Harm::Duplicate { .. } => "duplicate",
            Harm::Delay(_) => "delay",
            Harm::Reorder { .. } => "reorder",
            Harm::Truncate { .. } => "truncate",
            Harm::Replace(_) => "replace",
            Harm::Edit(_) => "edit",
            Harm::Hold => "hold",
        }
    }

    /// True for a harm on decoded messages, which holds a message back until it is whole.
    #[must_use]
    pub fn is_on_messages(&self) -> bool {
        matches!(
            self,
            Harm::Drop
                | Harm::Duplicate { .. }
                | Harm::Delay(_)
                | Harm::Reorder { .. }
                | Harm::Truncate { .. }
                | Harm::Replace(_)
                | Harm::Edit(_)
                | Harm::Hold
        )
    }
}

/// `corrupt:`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Corruption {
    /// So many of all bits are flipped, in 0..=1.
    Rate(f64),
    /// These bits of the byte at this offset of the message, or of the connection's direction.
    At {
        /// The byte, from 0.
        offset: u64,
        /// The bits that are flipped, not 0.
        bits: u8,
    },
}

/// `edit:`, what of a message is another.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// `method:`, of an HTTP request.
    pub method: Option<Located<String>>,
    /// `path:`, of an HTTP request, with the query.
    pub path: Option<Text>,
    /// `status:`, of an HTTP reply.
    pub status: Option<Located<u16>>,
    /// `headers:`, set; null takes them away. Not those that frame the message.
    pub headers: Vec<(Located<String>, Option<Text>)>,
    /// `body:` as `text:`, `json:`, `hex:`; `Content-Length` follows.
    pub body: Option<Body>,
    /// `value:` of a Redis reply, `words:` of a Redis command, `text:` of a line.
    pub value: Option<EditValue>,
    /// `when:`, only if this holds of the message (fields as in `expect`).
    pub when: Vec<Expectation>,
}

/// The new content of a message that is not HTTP.
#[derive(Debug, Clone)]
pub enum EditValue {
    /// `value:`, a RESP reply: text is a bulk string, numbers integers, null null, lists arrays.
    Reply(super::Dynamic),
    /// `words:`, a RESP command.
    Words(Vec<Text>),
    /// `text:`, a line without its end.
    Line(Text),
}

// ---- on the network -----------------------------------------------------------------------

/// `partition:`, `isolate:`: nothing passes between nodes.
#[derive(Debug, Clone)]
pub struct Partition {
    /// Who is cut off from whom.
    pub shape: Shape,
    /// `traffic: lose`: what is sent meanwhile is lost message by message. By default it is held, as TCP
    /// holds what is not acknowledged, and arrives after healing.
    pub lose: bool,
    /// `flap: { every: 200ms, open: 0.5 }`: it comes and goes.
    pub flap: Option<Flap>,
}

/// How a partition cuts.
#[derive(Debug, Clone)]
pub enum Shape {
    /// `partition: [a, b]`, `partition: [[a, b], [c]]`: nothing passes between nodes of different sides.
    Sides(Vec<Vec<Located<String>>>),
    /// `partition: { from: [a], to: [b] }`: nothing passes from these to those; the way back is open.
    OneWay {
        /// From these.
        from: Vec<Located<String>>,
        /// To those.
        to: Vec<Located<String>>,
    },
    /// `isolate: [a]`: each of these is cut off from everybody.
    Isolate(Vec<Located<String>>),
    /// `partition: majority`, with `of:`: a drawn majority and the rest.
    Majority(Vec<Located<String>>),
    /// `partition: ring`, with `of:`: each of these sees only its neighbours (at least 4).
    Ring(Vec<Located<String>>),
}

/// `flap:`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flap {
    /// The length of one round.
    pub every: Duration,
    /// The part of a round in which the network is whole, in 0..1. Rounds begin cut.
    pub open: f64,
}

// ---- on nodes -----------------------------------------------------------------------------

/// A fault on nodes.
#[derive(Debug, Clone)]
pub struct NodeFault {
    /// The nodes.
    pub nodes: Vec<Located<String>>,
    /// What happens to them.
    pub harm: NodeHarm,
}

/// What happens to a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NodeHarm {
    /// `crash: db`: connections reset, port closed, memory lost. With `for:` it restarts by itself.
    Crash,
    /// `pause: db`.
    Pause,
    /// `slow: db` with `times:`: everything that takes it time takes so much longer.
    Slow {
        /// The factor, more than 1.
        times: f64,
        /// `plus:`, and each request so much besides.
        plus: Duration,
    },
    /// `skew: db` with `ahead:`, `behind:` or `rate:`.
    Skew {
        /// How far its clock is ahead; negative is behind.
        ahead_ns: i64,
        /// How fast it goes; 1 is right.
        rate: f64,
    },
    /// `disk_full: db`, a server with durable data: what would change that data fails.
    DiskFull,
}

impl NodeHarm {
    /// True for what only servers come to.
    #[must_use]
    pub fn is_of_servers(self) -> bool {
        matches!(self, NodeHarm::Crash | NodeHarm::Slow { .. } | NodeHarm::DiskFull)
    }

    /// The verb that says it.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            NodeHarm::Crash => "crash",
            NodeHarm::Pause => "pause",
            NodeHarm::Slow { .. } => "slow",
            NodeHarm::Skew { .. } => "skew",
            NodeHarm::DiskFull => "disk_full",
        }
    }
}

// ---- when ---------------------------------------------------------------------------------

/// One entry of `timeline:`.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Where it stands.
    pub span: Span,
    /// When.
    pub when: When,
    /// What is done.
    pub doing: Doing,
}

/// When a moment of the timeline is.
#[derive(Debug, Clone)]
pub enum When {
    /// `at:` one time, a list, or `{ from, to, every }`, which is expanded; in ascending order.
    At(Vec<Located<Duration>>),
    /// `on:`, an event; with `wait:`, a pause after it.
    On {
        /// The event.
        trigger: Trigger,
        /// `wait:`.
        wait: Duration,
    },
}

/// What is done: in a timeline, or by a step.
#[derive(Debug, Clone)]
pub enum Doing {
    /// `fault:`, a fault is let loose.
    Fault(Box<Fault>),
    /// `heal: all`, `heal: name`: faults end.
    Heal(Named),
    /// `release: name`: what the fault holds is let go; the fault goes on.
    Release(Named),
    /// `restart: db`.
    Restart(Vec<Located<String>>),
    /// `resume: db`.
    Resume(Vec<Located<String>>),
    /// `chaos:`, which the plan expands into moments.
    Chaos(Chaos),
}

/// Faults by name.
#[derive(Debug, Clone)]
pub enum Named {
    /// All that are in force.
    All,
    /// These.
    These(Vec<Located<String>>),
}

/// `on:` and `after:`, an event of the run.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// Where it stands.
    pub span: Span,
    /// What happens.
    pub event: TriggerEvent,
    /// `nth: 3`, only the third time; otherwise each time, but for `after:`, which is met by the first.
    pub nth: Option<u64>,
    /// `every: 10`.
    pub every: Option<u64>,
}

/// What a trigger waits for.
#[derive(Debug, Clone)]
pub enum TriggerEvent {
    /// `message: { from, to, match, ... }`, one is sent. Here `from` is the sender and `to` the receiver, as
    /// in checks.
    Message(Box<super::Filter>),
    /// `connect: { from, to }`, a connection is asked for.
    Connect {
        /// Who asks; `None` is anybody.
        from: Option<Located<String>>,
        /// Whom.
        to: Option<Located<String>>,
    },
    /// `step: alice.wrote`, a step of that name is done (or, without one, all of a client's).
    Step(Located<After>),
    /// `crash: db`.
    Crash(Located<String>),
    /// `restart: db`.
    Restart(Located<String>),
    /// `pause: db`.
    Pause(Located<String>),
    /// `resume: db`.
    Resume(Located<String>),
    /// `fault: name`, another fault is let loose.
    Fault(Located<String>),
}

/// `chaos: { rate, kinds, until }`.
#[derive(Debug, Clone)]
pub struct Chaos {
    /// `rate: 2/s`, arrivals of faults, at random times.
    pub rate_per_s: f64,
    /// `kinds:`, the verbs that are drawn from.
    pub kinds: Vec<Located<String>>,
    /// `from:`, when it begins. Default 0.
    pub from: Duration,
    /// `until:`, when it is over; no fault of it lasts longer.
    pub until: Located<Duration>,
    /// `lasts:`, how long each fault lasts.
    pub lasts: Distribution,
    /// `nodes:`, who may be met; empty is all servers.
    pub nodes: Vec<Located<String>>,
}

/// `unused_faults:`, what a fault that touched nothing means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnusedFaults {
    /// It is told.
    #[default]
    Warn,
    /// It fails the run.
    Error,
    /// Nothing.
    Ignore,
}
