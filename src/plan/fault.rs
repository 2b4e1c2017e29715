//! Faults with their names bound, and the timeline that lets them loose.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Distribution, NodeId, Span};
use crate::scenario::Lookup;
use crate::scenario::model::{Corruption, NodeHarm, Predicate};

/// A fault that can be let loose. It is a value: whoever lets it loose counts what it touches.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its name, which no other fault of the plan has.
    pub name: String,
    /// Where it stands; `None` if it was added while the run went on.
    pub span: Option<Span>,
    /// What it does, as the scenario says it, on one line.
    pub text: String,
    /// What it does.
    pub kind: FaultKind,
    /// How long it lasts, if not until it is healed.
    pub lasts: Option<Duration>,
}

/// The three kinds of fault.
#[derive(Debug, Clone)]
pub enum FaultKind {
    /// On what travels over links.
    Link(Arc<Rule>),
    /// On the network.
    Cut(Arc<Cut>),
    /// On nodes.
    Node {
        /// The nodes.
        nodes: Vec<NodeId>,
        /// What happens to them.
        harm: NodeHarm,
    },
}

/// Some nodes, in ascending order; none stands for all, strangers among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nodes(pub Vec<NodeId>);

impl Nodes {
    /// True if `node` is one of them.
    #[must_use]
    pub fn has(&self, node: NodeId) -> bool {
        self.0.is_empty() || self.0.binary_search(&node).is_ok()
    }
}

/// A fault on what travels over links.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Who connects.
    pub from: Nodes,
    /// What is connected to.
    pub to: Nodes,
    /// Whether it is about what the connecting side sends.
    pub request: bool,
    /// Whether it is about what comes back.
    pub response: bool,
    /// What it does.
    pub harm: Harm,
    /// What it chooses among, and counts.
    pub unit: Unit,
    /// Which of these.
    pub choice: Choice,
    /// Only the message that let it loose, or its reply if it is about responses: a timeline's
    /// `on: { message: ... }` with a fault that says nothing of whom it meets.
    pub only_cause: bool,
}

impl Rule {
    /// A fault on the requests of everybody to everybody.
    #[must_use]
    pub fn new(harm: Harm) -> Rule {
        Rule {
            from: Nodes::default(),
            to: Nodes::default(),
            request: true,
            response: false,
            unit: if harm.is_on_messages() { Unit::Message } else { Unit::Connection },
            harm,
            choice: Choice::default(),
            only_cause: false,
        }
    }
}

/// What a [`Rule`] chooses among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Each message is chosen or not.
    Message,
    /// Each connection is, once, when the rule first meets it.
    Connection,
}

/// Which ones are chosen.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Who must have asked for the connection.
    pub client: Nodes,
    /// What messages must look like.
    pub looks: Looks,
    /// Only the third, ...
    pub nth: Option<u64>,
    /// each tenth, ...
    pub every: Option<u64>,
    /// the first two, ...
    pub first: Option<u64>,
    /// and of these so many.
    pub probability: Option<f64>,
    /// Not before this has happened.
    pub after: Option<Trigger>,
    /// Only while this is so.
    pub during: Option<Condition>,
}

/// What a message must look like; what is absent fits everything.
#[derive(Debug, Clone, Default)]
pub struct Looks {
    /// A glob over its summary.
    pub summary: Option<String>,
    /// Its method, or that of what it answers; the command of a Redis request.
    pub method: Option<Predicate>,
    /// Its path, or that of what it answers.
    pub path: Option<Predicate>,
    /// Its status.
    pub status: Option<Predicate>,
}

impl Looks {
    /// True if everything fits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.summary.is_none()
            && self.method.is_none()
            && self.path.is_none()
            && self.status.is_none()
    }
}

/// `while:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A node is down.
    Crashed(NodeId),
    /// A node stands still.
    Paused(NodeId),
    /// A fault of that name is in force.
    Fault(String),
}

/// What is done to what travels; see [`crate::scenario::model::Harm`].
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the scenario's model says what each means")]
pub enum Harm {
    Latency {
        by: Distribution,
        jitter: Duration,
    },
    Bandwidth {
        bytes_per_s: f64,
    },
    Slice {
        size: u32,
        variation: u32,
        delay: Duration,
    },
    Corrupt(Corruption),
    Limit {
        bytes: u64,
    },
    SlowClose {
        by: Duration,
    },
    Reset {
        after: Duration,
    },
    Blackhole {
        close_after: Option<Duration>,
    },
    Refuse,
    SlowConnect(Distribution),
    HalfClose,
    Drop,
    Duplicate {
        times: u32,
        replies: bool,
    },
    Delay(Distribution),
    Reorder {
        behind: u32,
        within: Duration,
    },
    Truncate {
        bytes: u64,
        close: bool,
    },
    /// What a message becomes: replaced or edited. The plan has checked that its framing stays sound.
    Change(Change),
    Hold,
}

impl Harm {
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
                | Harm::Change(_)
                | Harm::Hold
        )
    }

    /// True for what happens while a connection is asked for.
    #[must_use]
    pub fn is_on_connects(&self) -> bool {
        matches!(self, Harm::Refuse | Harm::SlowConnect(_))
    }
}

/// What a message becomes.
#[derive(Debug, Clone)]
pub enum Change {
    /// These bytes.
    Bytes(bytes::Bytes),
    /// Other parts; texts are resolved when it is applied.
    Edit(Arc<crate::scenario::model::Edit>),
}

/// A cut through the network.
#[derive(Debug, Clone)]
pub struct Cut {
    /// From whom to whom nothing passes, in ascending order.
    pub blocked: Vec<(NodeId, NodeId)>,
    /// What is sent meanwhile is lost; otherwise it is held, and arrives after healing.
    pub lose: bool,
    /// It comes and goes.
    pub flap: Option<crate::scenario::model::Flap>,
}

impl Cut {
    /// True if nothing passes from `from` to `to`.
    #[must_use]
    pub fn blocks(&self, from: NodeId, to: NodeId) -> bool {
        self.blocked.binary_search(&(from, to)).is_ok()
    }
}

/// An event of the run that something waits for.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// What happens.
    pub event: TriggerEvent,
    /// Only the n-th time; otherwise each time.
    pub nth: Option<u64>,
    /// Each n-th time.
    pub every: Option<u64>,
}

/// What a trigger waits for.
#[derive(Debug, Clone)]
pub enum TriggerEvent {
    /// A message is sent, by one of `from` to one of `to`.
    Message {
        /// The sender.
        from: Nodes,
        /// The receiver.
        to: Nodes,
        /// Who asked for the connection.
        client: Nodes,
        /// What it looks like.
        looks: Looks,
    },
    /// A connection is asked for.
    Connect {
        /// By one of these.
        from: Nodes,
        /// To one of those.
        to: Nodes,
    },
    /// A client's step of that name is done, or all its steps.
    Step {
        /// The client's instances.
        clients: Vec<NodeId>,
        /// The step's name.
        step: Option<String>,
    },
    /// A node crashes.
    Crash(NodeId),
    /// A node is back.
    Restart(NodeId),
    /// A node stands still.
    Pause(NodeId),
    /// A node goes on.
    Resume(NodeId),
    /// A fault is let loose.
    Fault(String),
}

/// One moment of the timeline.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Where it stands.
    pub span: Span,
    /// When.
    pub when: When,
    /// What is done.
    pub act: Act,
}

/// When a moment is.
#[derive(Debug, Clone)]
pub enum When {
    /// At this time after the start of the run.
    At(Duration),
    /// So long after an event.
    On {
        /// The event.
        trigger: Box<Trigger>,
        /// The pause after it.
        wait: Duration,
    },
}

/// What is done.
#[derive(Debug, Clone)]
pub enum Act {
    /// A fault is let loose; if it is in force already, it begins anew.
    Start(Arc<Fault>),
    /// Faults end; `None` is all.
    Heal(Option<Vec<String>>),
    /// What these faults hold is let go; `None` is all.
    Release(Option<Vec<String>>),
    /// Nodes that are down come back.
    Restart(Vec<NodeId>),
    /// Nodes that stand still go on.
    Resume(Vec<NodeId>),
}

/// Where acts are done: the run gives it to clients, whose steps let faults loose.
pub trait Stage: Send + Sync {
    /// Does it, at once: what is sent after this call meets the fault.
    fn act(&self, act: &Act);

    /// A client is done with a step of that name, or (`None`) with all its steps: triggers wait for it.
    fn step_done(&self, _client: NodeId, _step: Option<&str>) {}
}

/// A stage on which nothing happens.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoStage;

impl Stage for NoStage {
    fn act(&self, _act: &Act) {}
}

/// What texts and predicates of faults see: the scenario's variables and the servers' addresses.
pub type Scope = Arc<dyn Lookup + Send + Sync>;
