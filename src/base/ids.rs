//! Small numbers that stand for things, so that a message carries no strings.

use std::fmt;

/// A server or a client of the plan; an index into the plan's nodes, in order of declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The caller that looplab did not start (curl, a browser): drawn as `outside`.
    pub const OUTSIDE: NodeId = NodeId(u32::MAX);

    /// What it is called. No node has that name.
    pub const OUTSIDE_NAME: &'static str = "outside";

    /// The position of this node in the plan's list of nodes.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A connection of a run, numbered from 1 in the order in which they were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u32);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// A message's number in a run, from 1 in the order in which messages were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// One of the two directions of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the side that connected to the side that accepted.
    Request,
    /// From the side that accepted to the side that connected.
    Response,
}

impl Direction {
    /// The other direction.
    #[must_use]
    pub fn reverse(self) -> Direction {
        match self {
            Direction::Request => Direction::Response,
            Direction::Response => Direction::Request,
        }
    }

    /// `request` or `response`, as the scenario language and the trace write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Request => "request",
            Direction::Response => "response",
        }
    }
}
