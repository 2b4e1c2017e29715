//! Which events of a stored trace somebody wants to see.

use super::columns::base;
use super::connections::Connections;
use crate::base::{ConnId, NodeId, Time, glob};
use crate::render::words;
use crate::trace::{Event, EventKind, FaultEvent, Header, placed};

/// What somebody asks to see; the default is everything.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Names or patterns of nodes; an event fits if it concerns one of them. None means all.
    pub nodes: Vec<String>,
    /// Pairs of names or patterns: who asked for the connection, and whom.
    pub links: Vec<(String, String)>,
    /// Nothing before this.
    pub from: Option<Time>,
    /// Nothing after this.
    pub to: Option<Time>,
    /// Only what says this, in letters of either case.
    pub grep: Option<String>,
}

/// A choice of events, made as they come.
#[derive(Debug, Default)]
pub struct Wanted {
    choice: Choice,
    connections: Connections,
}

impl Wanted {
    /// A choice of which no event was told yet.
    #[must_use]
    pub fn new(choice: Choice) -> Wanted {
        Wanted { choice, connections: Connections::default() }
    }

    /// True if everything is wanted.
    #[must_use]
    pub fn is_all(&self) -> bool {
        let Choice { nodes, links, from, to, grep } = &self.choice;
        nodes.is_empty() && links.is_empty() && from.is_none() && to.is_none() && grep.is_none()
    }

    /// True if nothing later than `at` can be wanted.
    #[must_use]
    pub fn is_over(&self, at: Time) -> bool {
        self.choice.to.is_some_and(|to| at > to)
    }

    /// True if `event` is wanted. To be told of all events in their order.
    pub fn wants(&mut self, event: &Event, header: &Header) -> bool {
        let wanted = self.choice.from.is_none_or(|from| event.at >= from)
            && self.choice.to.is_none_or(|to| event.at <= to)
            && self.fits_nodes(event, header)
            && self.fits_links(event, header)
            && self.fits_text(event);
        self.connections.event(event);
        wanted
    }

    /// True if some node of the trace is called `name`, or fits it.
    #[must_use]
    pub fn is_known(header: &Header, name: &str) -> bool {
        let nodes = (0..).map(NodeId).take(header.nodes.len());
        nodes.chain([NodeId::OUTSIDE]).any(|node| is_called(header, node, name))
    }

    /// The nodes that an event, which is the next to be asked about, concerns; of those that a fault
    /// names, the ones that are asked for.
    #[must_use]
    pub fn concerned(&self, event: &Event, header: &Header) -> Vec<NodeId> {
        let EventKind::Fault(fault) = &event.kind else {
            return Wanted::nodes_of(&self.connections, event);
        };
        let Choice { nodes, links, .. } = &self.choice;
        let mut named = named(fault, header);
        named.retain(|node| {
            let called = |name: &String| is_called(header, *node, name);
            (nodes.is_empty() || nodes.iter().any(called))
                && (links.is_empty() || links.iter().any(|(from, to)| called(from) || called(to)))
        });
        named
    }

    /// The nodes that an event concerns, the one that asked for a connection first.
    pub(super) fn nodes_of(connections: &Connections, event: &Event) -> Vec<NodeId> {
        let of_conn = |conn: ConnId, by: NodeId| match connections.get(conn) {
            Some(known) => vec![known.from, known.to],
            None => vec![by],
        };
        match &event.kind {
            EventKind::Listen { node, .. }
            | EventKind::Error { node, .. }
            | EventKind::Crash { node, .. }
            | EventKind::Restart { node }
            | EventKind::Pause { node }
            | EventKind::Resume { node }
            | EventKind::State { node, .. } => vec![*node],
            EventKind::Connect { from, to, .. } | EventKind::Refused { from, to, .. } => {
                vec![*from, *to]
            }
            EventKind::Accept { conn, node } => of_conn(*conn, *node),
            EventKind::Close { conn, by } | EventKind::Reset { conn, by, .. } => {
                of_conn(*conn, *by)
            }
            EventKind::Message(message) => match message.direction {
                crate::base::Direction::Request => vec![message.from, message.to],
                crate::base::Direction::Response => vec![message.to, message.from],
            },
            EventKind::Step(step) => vec![step.client],
            EventKind::Op(op) => vec![op.client],
            EventKind::Load(load) => vec![load.client],
            EventKind::Log { node, .. } => node.iter().copied().collect(),
            EventKind::Node(_)
            | EventKind::Check { .. }
            | EventKind::End { .. }
            | EventKind::Fault(_) => Vec::new(),
        }
    }

    fn fits_nodes(&self, event: &Event, header: &Header) -> bool {
        if self.choice.nodes.is_empty() {
            return true;
        }
        let wanted =
            |node: &NodeId| self.choice.nodes.iter().any(|name| is_called(header, *node, name));
        match &event.kind {
            // One that names nobody may meet everybody.
            EventKind::Fault(fault) => {
                let named = named(fault, header);
                named.is_empty() || named.iter().any(wanted)
            }
            _ => Wanted::nodes_of(&self.connections, event).iter().any(wanted),
        }
    }

    fn fits_links(&self, event: &Event, header: &Header) -> bool {
        if self.choice.links.is_empty() {
            return true;
        }
        if let EventKind::Fault(fault) = &event.kind {
            let named = named(fault, header);
            return self.choice.links.iter().any(|link| meets(&named, link, header));
        }
        let nodes = Wanted::nodes_of(&self.connections, event);
        let [asking, asked] = nodes.as_slice() else { return false };
        self.choice
            .links
            .iter()
            .any(|(from, to)| is_called(header, *asking, from) && is_called(header, *asked, to))
    }

    fn fits_text(&self, event: &Event) -> bool {
        let Some(wanted) = &self.choice.grep else { return true };
        let wanted = wanted.to_lowercase();
        let says = |text: &str| text.to_lowercase().contains(&wanted);
        match &event.kind {
            EventKind::Message(message) => {
                let came = message.arrived.as_deref();
                says(&message.summary)
                    || says(&String::from_utf8_lossy(&message.bytes))
                    || message.fault.as_deref().is_some_and(says)
                    || came.is_some_and(|came| {
                        says(&came.summary) || says(&String::from_utf8_lossy(&came.bytes))
                    })
            }
            EventKind::Fault(fault) => says(&fault.name) || says(&fault.text),
            EventKind::Step(step) => {
                says(&step.summary)
                    || step.name.as_deref().is_some_and(says)
                    || step.error.as_deref().is_some_and(says)
                    || step.failures.iter().any(|(_, why)| says(why))
            }
            EventKind::Refused { reason, .. } => says(reason),
            EventKind::Crash { text, fault, .. } => {
                says(text) || fault.as_deref().is_some_and(says)
            }
            EventKind::Error { script, line, text, .. } => says(&placed(script, *line, text)),
            EventKind::Log { text, .. }
            | EventKind::Check { text, .. }
            | EventKind::End { text, .. } => says(text),
            EventKind::State { name, value, .. } => says(&words::state(name, value)),
            EventKind::Op(op) => says(&format!("{} {} {}", op.f, op.key, op.value)),
            _ => false,
        }
    }
}

/// The nodes that a fault names, by themselves or by a pattern; none if it names nobody.
fn named(fault: &FaultEvent, header: &Header) -> Vec<NodeId> {
    let nodes = (0..).map(NodeId).take(header.nodes.len());
    nodes.filter(|node| fault.values().any(|name| is_called(header, *node, name))).collect()
}

/// True if a fault that names these nodes may meet what passes over a link: it names both ends, or
/// nobody else.
fn meets(named: &[NodeId], (from, to): &(String, String), header: &Header) -> bool {
    let is = |node: &NodeId, name: &str| is_called(header, *node, name);
    let both = [from, to].iter().all(|end| named.iter().any(|node| is(node, end)));
    both || named.iter().all(|node| is(node, from) || is(node, to))
}

/// True if `name` is that of the node or of the client it is an instance of, or a pattern for one.
pub(super) fn is_called(header: &Header, node: NodeId, name: &str) -> bool {
    let fits = |called: &str| called == name || glob(name.as_bytes(), called.as_bytes());
    match header.nodes.get(node.index()) {
        Some(known) => fits(&known.name) || base(known).is_some_and(fits),
        None => fits("outside"),
    }
}
