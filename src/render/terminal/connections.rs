//! Who is connected with whom, as far as the events tell.

use std::collections::BTreeMap;

use crate::base::{ConnId, NodeId};
use crate::trace::{Event, EventKind};

/// The most connections that are remembered; the oldest is forgotten first.
const REMEMBERED_MAX: usize = 4_096;

/// A connection that has not been closed by both sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    /// The side that has closed its direction.
    closed: Option<NodeId>,
    /// Whether a message has passed since.
    spoke_since: bool,
    /// Whether another connection between the same two was open at some time while this one was.
    pub(super) shared: bool,
}

/// The connections that are open.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: BTreeMap<ConnId, Connection>,
    pairs: BTreeMap<(NodeId, NodeId), Pair>,
}

/// The connections between two nodes.
#[derive(Debug, Default, Clone, Copy)]
struct Pair {
    open: u32,
    shared: bool,
}

/// What an end of one direction means to somebody who looks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The first side closes.
    First,
    /// The second side closes, after more was said.
    Second,
    /// The second side closes because the first did: no news.
    Answer,
}

impl Connections {
    /// What is known of a connection.
    pub(super) fn get(&self, conn: ConnId) -> Option<Connection> {
        let mut connection = *self.open.get(&conn)?;
        connection.shared |=
            self.pairs.get(&(connection.from, connection.to)).is_some_and(|pair| pair.shared);
        Some(connection)
    }

    /// The other side of a connection.
    pub(super) fn peer(&self, conn: ConnId, node: NodeId) -> Option<NodeId> {
        let connection = self.open.get(&conn)?;
        Some(if connection.from == node { connection.to } else { connection.from })
    }

    /// What it means that `by` closes, before [`Connections::event`] was told.
    pub(super) fn ending(&self, conn: ConnId, by: NodeId) -> Ending {
        match self.open.get(&conn) {
            Some(Connection { closed: Some(first), spoke_since, .. }) if *first != by => {
                if *spoke_since {
                    Ending::Second
                } else {
                    Ending::Answer
                }
            }
            Some(_) => Ending::First,
            None => Ending::Answer,
        }
    }

    /// Takes note of an event; of one that is told twice only once.
    pub(super) fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Connect { conn, from, to, .. } => self.add(*conn, *from, *to),
            EventKind::Message(message) => {
                if let Some(connection) = self.open.get_mut(&message.conn) {
                    connection.spoke_since = connection.closed.is_some();
                }
            }
            EventKind::Close { conn, by } => match self.open.get_mut(conn) {
                Some(connection) if connection.closed.is_none_or(|first| first == *by) => {
                    connection.closed = Some(*by);
                }
                _ => self.remove(*conn),
            },
            EventKind::Reset { conn, .. } | EventKind::Refused { conn, .. } => self.remove(*conn),
            _ => {}
        }
    }

    fn add(&mut self, conn: ConnId, from: NodeId, to: NodeId) {
        if self.open.contains_key(&conn) {
            return;
        }
        if self.open.len() >= REMEMBERED_MAX
            && let Some(oldest) = self.open.keys().next().copied()
        {
            self.remove(oldest);
        }
        let pair = self.pairs.entry((from, to)).or_default();
        pair.open += 1;
        pair.shared |= pair.open > 1;
        let shared = pair.shared;
        let connection = Connection { from, to, closed: None, spoke_since: false, shared };
        self.open.insert(conn, connection);
    }

    fn remove(&mut self, conn: ConnId) {
        let Some(gone) = self.open.remove(&conn) else { return };
        if let Some(pair) = self.pairs.get_mut(&(gone.from, gone.to)) {
            pair.open = pair.open.saturating_sub(1);
            if pair.open == 0 {
                self.pairs.remove(&(gone.from, gone.to));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;

    const ALICE: NodeId = NodeId(1);
    const APP: NodeId = NodeId(0);

    fn tell(connections: &mut Connections, kind: EventKind) {
        connections.event(&Event { at: Time::ZERO, kind });
    }

    fn connect(connections: &mut Connections, conn: u32) {
        let kind =
            EventKind::Connect { conn: ConnId(conn), from: ALICE, to: APP, port: 1, fault: None };
        tell(connections, kind);
    }

    #[test]
    fn a_close_that_answers_a_close_is_no_news() {
        let mut connections = Connections::default();
        connect(&mut connections, 1);
        assert_eq!(connections.ending(ConnId(1), ALICE), Ending::First);
        tell(&mut connections, EventKind::Close { conn: ConnId(1), by: ALICE });
        assert_eq!(connections.ending(ConnId(1), APP), Ending::Answer);
        tell(&mut connections, EventKind::Close { conn: ConnId(1), by: APP });
        assert!(connections.get(ConnId(1)).is_none());
    }

    #[test]
    fn connections_are_told_apart_once_two_are_open_at_once() {
        let mut connections = Connections::default();
        connect(&mut connections, 1);
        assert!(!connections.get(ConnId(1)).unwrap().shared);
        connect(&mut connections, 2);
        assert!(connections.get(ConnId(1)).unwrap().shared);
        assert!(connections.get(ConnId(2)).unwrap().shared);
    }

    #[test]
    fn a_run_of_any_length_is_remembered_in_bounded_memory() {
        let mut connections = Connections::default();
        for conn in 1..20_000 {
            connect(&mut connections, conn);
        }
        assert_eq!(connections.open.len(), REMEMBERED_MAX);
        assert!(connections.get(ConnId(19_999)).is_some());
    }
}
