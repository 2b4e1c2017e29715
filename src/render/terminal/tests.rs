//! What the other tests of this folder share.

use bytes::Bytes;

use crate::base::{ConnId, Direction, NodeId, Seq, Time};
use crate::trace::{Fate, Message};

/// A request from node 1 to node 0.
pub(super) fn message(seq: u64, summary: &str) -> Message {
    Message {
        seq: Seq(seq),
        sent: Time::ZERO,
        conn: ConnId(1),
        direction: Direction::Request,
        from: NodeId(1),
        to: NodeId(0),
        protocol: "raw".into(),
        summary: summary.to_owned(),
        fate: Fate::Delivered,
        fault: None,
        cause: None,
        length: 10,
        bytes: Bytes::new(),
    }
}
