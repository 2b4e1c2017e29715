//! Which thread a slice is drawn on.
//!
//! Slices of one thread may not cross one another. So each group has as many threads as slices of it
//! overlap, and a slice is put on the first whose last one is over when it begins.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{ConnId, NodeId, Time};

/// What belongs together on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// The steps of a client.
    Steps,
    /// What passes over a connection.
    Connection(ConnId),
}

/// The threads that there are, numbered from 1 over all processes.
#[derive(Default)]
pub(super) struct Tracks {
    processes: BTreeSet<NodeId>,
    /// The threads of each group that is open, with the end of their last slices.
    threads: BTreeMap<(Group, NodeId), Vec<(u64, Time)>>,
    last: u64,
    half_closed: BTreeSet<ConnId>,
}

/// Where a slice goes.
pub(super) struct Placed {
    pub(super) thread: u64,
    pub(super) is_new_thread: bool,
    pub(super) is_new_process: bool,
}

impl Tracks {
    /// Finds a thread that has nothing else from `from` on, and takes it until `until`.
    pub(super) fn place(&mut self, node: NodeId, group: Group, from: Time, until: Time) -> Placed {
        let is_new_process = self.is_new_process(node);
        let threads = self.threads.entry((group, node)).or_default();
        if let Some((thread, last)) = threads.iter_mut().find(|(_, last)| *last <= from) {
            *last = until;
            return Placed { thread: *thread, is_new_thread: false, is_new_process };
        }
        self.last += 1;
        threads.push((self.last, until));
        Placed { thread: self.last, is_new_thread: true, is_new_process }
    }

    /// Whether a node is met for the first time.
    pub(super) fn is_new_process(&mut self, node: NodeId) -> bool {
        self.processes.insert(node)
    }

    /// A side has ended a connection, or broken it off; true if that was the end of it.
    pub(super) fn ends(&mut self, conn: ConnId, broken_off: bool) -> bool {
        if !broken_off && self.half_closed.insert(conn) {
            return false;
        }
        self.half_closed.remove(&conn);
        true
    }

    /// The threads of a connection will not be needed any more.
    pub(super) fn forget(&mut self, conn: ConnId) {
        let group = Group::Connection(conn);
        let all = (group, NodeId(0))..=(group, NodeId::OUTSIDE);
        self.threads.extract_if(all, |_, _| true).for_each(drop);
    }
}
