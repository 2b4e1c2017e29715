//! Lamport and vector clocks, derived from a trace.
//!
//! ```text
//! a node's clock ticks when it sends a message and when it receives one:
//!   send:    lamport += 1                        vector[self] += 1
//!   receive: lamport = max(own, message's) + 1   vector = max(own, message's); vector[self] += 1
//! ```
//!
//! Nothing of this is stored, for all of it follows from who sent what to whom, and when. A message
//! that never came is sent and not received. What falls on one and the same moment is taken in the
//! order of the messages' numbers, a receipt before what it caused.

use std::collections::BTreeMap;

use super::{Event, EventKind, Fate, Message};
use crate::base::{NodeId, Seq, Time};

/// The most entries of vector clocks that are kept, over all messages (4 bytes each). With more
/// messages times nodes than that, only Lamport clocks are derived.
pub const VECTOR_ENTRIES_MAX: usize = 16_000_000;

/// The clocks of all messages of a trace.
#[derive(Debug, Clone, Default)]
pub struct Clocks {
    stamps: BTreeMap<Seq, Stamps>,
    nodes: Vec<NodeId>,
    /// All vectors, one after the other, each of one entry a node.
    entries: Vec<u32>,
}

/// The two moments of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamps {
    /// At its sender, when it was sent.
    pub sent: Stamp,
    /// At its receiver, when it came; `None` if it did not.
    pub received: Option<Stamp>,
}

/// A node's clock at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Lamport's clock.
    pub lamport: u64,
    /// Its place among all moments of the trace, from 0, in an order in which no effect comes before its
    /// cause.
    pub place: usize,
    vector: Option<usize>,
}

impl Clocks {
    /// The clocks of the messages among `events`.
    #[must_use]
    pub fn derive<'a>(events: impl IntoIterator<Item = &'a Event>) -> Clocks {
        let messages = events.into_iter().filter_map(|event| match &event.kind {
            EventKind::Message(message) => Some((event.at, message.as_ref())),
            _ => None,
        });
        Clocks::of_messages(messages)
    }

    /// The clocks of messages, each with the time of its event.
    #[must_use]
    pub fn of_messages<'a>(messages: impl IntoIterator<Item = (Time, &'a Message)>) -> Clocks {
        let moments = moments(messages.into_iter().collect());
        let mut nodes: Vec<NodeId> = moments.iter().map(|moment| moment.node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let with_vectors = nodes.len().saturating_mul(moments.len()) <= VECTOR_ENTRIES_MAX;
        let mut run = Run {
            place: 0,
            lamport: vec![0; nodes.len()],
            vectors: vec![vec![0; nodes.len()]; if with_vectors { nodes.len() } else { 0 }],
            clocks: Clocks { stamps: BTreeMap::new(), nodes, entries: Vec::new() },
        };
        moments.iter().for_each(|moment| run.tick(moment));
        run.clocks
    }

    /// The clocks of a message, if the trace has it.
    #[must_use]
    pub fn of(&self, seq: Seq) -> Option<Stamps> {
        self.stamps.get(&seq).copied()
    }

    /// The vector clock of a moment: the nodes that it knows something of, with how much. `None` if
    /// the trace is too large for vectors ([`VECTOR_ENTRIES_MAX`]).
    #[must_use]
    pub fn vector(&self, stamp: Stamp) -> Option<impl Iterator<Item = (NodeId, u32)>> {
        let start = stamp.vector?;
        let entries = self.entries.get(start..start + self.nodes.len())?;
        let known = self.nodes.iter().copied().zip(entries.iter().copied());
        Some(known.filter(|(_, count)| *count > 0))
    }

    /// True if `a` happened before `b`, or is `b`. `None` without vectors.
    #[must_use]
    pub fn is_before(&self, a: Stamp, b: Stamp) -> Option<bool> {
        let vector = |stamp: Stamp| {
            let start = stamp.vector?;
            self.entries.get(start..start + self.nodes.len())
        };
        Some(vector(a)?.iter().zip(vector(b)?).all(|(a, b)| a <= b))
    }
}

/// A sending or a receipt.
struct Moment {
    at: Time,
    seq: Seq,
    is_receipt: bool,
    node: NodeId,
}

/// All moments in an order in which no effect comes before its cause.
fn moments(mut messages: Vec<(Time, &Message)>) -> Vec<Moment> {
    messages.sort_unstable_by_key(|(_, message)| message.seq);
    // Where a message was received, and when.
    let mut receipts: BTreeMap<Seq, (NodeId, Time)> = BTreeMap::new();
    let mut moments = Vec::with_capacity(2 * messages.len());
    for (at, message) in messages {
        let seq = message.seq;
        let mut sent = message.sent;
        // Times of threads that ran at once may be swapped by a little; causes are not.
        if let Some((node, received)) = message.cause.and_then(|cause| receipts.get(&cause))
            && *node == message.from
        {
            sent = sent.max(*received);
        }
        moments.push(Moment { at: sent, seq, is_receipt: false, node: message.from });
        if !matches!(message.fate, Fate::Dropped | Fate::Held | Fate::Lost) {
            let at = at.max(sent);
            receipts.insert(seq, (message.to, at));
            moments.push(Moment { at, seq, is_receipt: true, node: message.to });
        }
    }
    moments.sort_by_key(|moment| (moment.at, moment.seq, moment.is_receipt));
    moments
}

struct Run {
    /// How many moments there were so far.
    place: usize,
    lamport: Vec<u64>,
    /// The nodes' vectors; none if they would be too large.
    vectors: Vec<Vec<u32>>,
    clocks: Clocks,
}

impl Run {
    fn tick(&mut self, moment: &Moment) {
        let Ok(node) = self.clocks.nodes.binary_search(&moment.node) else { return };
        let of_message = moment.is_receipt.then(|| self.clocks.of(moment.seq)).flatten();
        if let Some(Stamps { sent, .. }) = of_message {
            self.lamport[node] = self.lamport[node].max(sent.lamport);
            if let (Some(own), Some(start)) = (self.vectors.get_mut(node), sent.vector) {
                for (own, message) in own.iter_mut().zip(&self.clocks.entries[start..]) {
                    *own = (*own).max(*message);
                }
            }
        }
        self.lamport[node] += 1;
        let vector = self.vectors.get_mut(node).map(|own| {
            own[node] = own[node].saturating_add(1);
            self.clocks.entries.extend_from_slice(own);
            self.clocks.entries.len() - own.len()
        });
        let stamp = Stamp { lamport: self.lamport[node], place: self.place, vector };
        self.place += 1;
        let stamps = self.clocks.stamps.entry(moment.seq).or_default();
        if moment.is_receipt {
            stamps.received = Some(stamp);
        } else {
            stamps.sent = stamp;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ConnId, Direction};

    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);
    const C: NodeId = NodeId(2);

    fn message(seq: u64, from: NodeId, to: NodeId, sent: u64) -> Message {
        Message {
            seq: Seq(seq),
            sent: Time::from_nanos(sent),
            conn: ConnId(1),
            direction: Direction::Request,
            from,
            to,
            protocol: "raw".into(),
            summary: String::new(),
            fate: Fate::Delivered,
            fault: None,
            cause: None,
            length: 0,
            bytes: bytes::Bytes::new(),
            arrived: None,
        }
    }

    fn derive(messages: &[(u64, Message)]) -> Clocks {
        Clocks::of_messages(messages.iter().map(|(at, message)| (Time::from_nanos(*at), message)))
    }

    fn lamport(clocks: &Clocks, seq: u64) -> (u64, Option<u64>) {
        let stamps = clocks.of(Seq(seq)).unwrap();
        (stamps.sent.lamport, stamps.received.map(|stamp| stamp.lamport))
    }

    fn vector(clocks: &Clocks, stamp: Stamp) -> Vec<(u32, u32)> {
        clocks.vector(stamp).unwrap().map(|(node, count)| (node.0, count)).collect()
    }

    #[test]
    fn a_clock_is_ahead_of_all_that_it_knows_of() {
        // A tells B, B tells C; C has told A something else that comes last of all.
        let clocks = derive(&[
            (20, message(2, A, B, 10)),
            (40, message(3, B, C, 30)),
            (50, message(1, C, A, 5)),
        ]);
        assert_eq!(lamport(&clocks, 1), (1, Some(2)));
        assert_eq!(lamport(&clocks, 2), (1, Some(2)));
        assert_eq!(lamport(&clocks, 3), (3, Some(4)));
        let [first, second, third] = [1, 2, 3].map(|seq| clocks.of(Seq(seq)).unwrap());
        assert_eq!(vector(&clocks, first.sent), [(2, 1)]);
        assert_eq!(vector(&clocks, second.received.unwrap()), [(0, 1), (1, 1)]);
        assert_eq!(vector(&clocks, third.received.unwrap()), [(0, 1), (1, 2), (2, 2)]);
        assert_eq!(clocks.is_before(second.sent, third.sent), Some(true));
        assert_eq!(clocks.is_before(first.sent, second.sent), Some(false));
        assert_eq!(clocks.is_before(second.sent, first.sent), Some(false));
    }

    #[test]
    fn what_never_came_is_not_received() {
        let mut lost = message(1, A, B, 10);
        lost.fate = Fate::Dropped;
        let clocks = derive(&[(15, lost), (30, message(2, A, B, 20))]);
        assert_eq!(lamport(&clocks, 1), (1, None));
        assert_eq!(lamport(&clocks, 2), (2, Some(3)));
    }

    #[test]
    fn a_cause_comes_before_its_effect_even_where_the_times_say_otherwise() {
        let mut reply = message(2, B, A, 90);
        reply.cause = Some(Seq(1));
        for received in [90, 100, 110] {
            let clocks = derive(&[(received, message(1, A, B, 10)), (120, reply.clone())]);
            assert_eq!(lamport(&clocks, 1), (1, Some(2)), "{received}");
            assert_eq!(lamport(&clocks, 2), (3, Some(4)), "{received}");
        }
    }
}
