//! One connection as TCP would have carried it: from what happened on it to segments.
//!
//! ```text
//! asked for      SYN ->
//! accepted                    <- SYN ACK    ACK ->
//! a message      data, in as many segments as it takes ->    <- ACK
//! ended          FIN ACK ->   <- ACK        broken off   RST ACK ->      refused   <- RST ACK
//! told           ACK ->       whose window says 1 more or less, so that it is no doubled ACK
//! ```
//!
//! Every segment is acknowledged when it arrives, and nothing is sent twice: what is wrong with a run is
//! never TCP. A handshake that the trace has not told yet is made up for by the first message, for
//! a kernel accepts before the program does.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::SocketAddrV4;

use super::block;
use super::packet::{ACK, DATA_MAX, FIN, PSH, RST, SYN, Segment};
use crate::base::{NodeId, Time};

/// The index of the side that asked.
pub(super) const CLIENT: usize = 0;

/// The index of the side that was asked.
pub(super) const SERVER: usize = 1;

/// How much a side is ready to take, in units of [`WINDOW_SHIFT`]: 1 GiB, which no message fills
/// before it is acknowledged.
const WINDOW: u16 = u16::MAX;

/// The largest that TCP allows.
const WINDOW_SHIFT: u8 = 14;

/// After how many segments of one message they are acknowledged.
const ACK_EVERY: u32 = 16;

/// The most segments of one message, which are about 1 GiB. Of what comes after, only the sequence numbers
/// tell: there is a gap.
const SEGMENTS_MAX: u32 = 16 * 1024;

/// Where packets go: the time and the file.
pub(super) struct Out<'a> {
    pub(super) at: Time,
    pub(super) blocks: &'a mut Vec<u8>,
    /// What stands beside the next packet, whatever else does.
    pub(super) notes: &'a mut VecDeque<String>,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A SYN was sent.
    Asked,
    Open,
    /// Both sides have ended it, or one has broken it off.
    Over,
}

/// The state of a connection.
pub(super) struct Connection {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    interface: u32,
    sides: [Side; 2],
    stage: Stage,
}

struct Side {
    address: SocketAddrV4,
    /// The sequence number of the next byte that it sends.
    next: u32,
    window: u16,
    ended: bool,
}

impl Connection {
    /// A connection between two addresses that has not begun. `number` makes its sequence numbers
    /// differ from those of other connections of the same addresses.
    pub(super) fn new(
        (from, to): (NodeId, NodeId),
        interface: u32,
        addresses: [SocketAddrV4; 2],
        number: u32,
    ) -> Connection {
        let first = number.wrapping_mul(0x9E37_79B9);
        let firsts = [first, first.rotate_left(16) ^ 0x5555_5555];
        let side = |n: usize| Side {
            address: addresses[n],
            next: firsts[n],
            window: WINDOW,
            ended: false,
        };
        let sides = [side(CLIENT), side(SERVER)];
        Connection { from, to, interface, sides, stage: Stage::Open }
    }

    /// The client's and the server's.
    pub(super) fn addresses(&self) -> [SocketAddrV4; 2] {
        [self.sides[CLIENT].address, self.sides[SERVER].address]
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// The side that a node is on. A node that asked itself is on that which has not ended yet.
    pub(super) fn side_of(&self, node: NodeId) -> usize {
        let is_server = self.to == node && (self.from != node || self.sides[CLIENT].ended);
        if is_server { SERVER } else { CLIENT }
    }

    /// It is asked for.
    pub(super) fn ask(&mut self, out: &mut Out<'_>, comment: &str) {
        self.stage = Stage::Asked;
        self.send(out, CLIENT, SYN, &self.options(), Some(comment));
    }

    /// It is made, unless it was.
    pub(super) fn open(&mut self, out: &mut Out<'_>) {
        if self.stage == Stage::Asked {
            self.stage = Stage::Open;
            self.send(out, SERVER, SYN | ACK, &self.options(), None);
            self.send(out, CLIENT, ACK, &[], None);
        }
    }

    /// It is not made: a port answers that nobody listens there. What the system has accepted before its
    /// program refused it is broken off.
    pub(super) fn refuse(&mut self, out: &mut Out<'_>, comment: &str) {
        if self.stage != Stage::Asked {
            return self.reset(out, SERVER, comment);
        }
        self.sides[SERVER].next = 0;
        self.send(out, SERVER, RST | ACK, &[], Some(comment));
        self.stage = Stage::Over;
    }

    /// Nobody answers.
    pub(super) fn give_up(&mut self) {
        self.stage = Stage::Over;
    }

    /// `length` bytes arrive from a side, of which `bytes` were kept.
    pub(super) fn data(
        &mut self,
        out: &mut Out<'_>,
        side: usize,
        (bytes, length): (&[u8], u64),
        comment: &str,
    ) {
        self.open(out);
        if length == 0 {
            return self.tell(out, side, comment);
        }
        let size_max = u64::from(DATA_MAX);
        let mut comment = Some(comment);
        let (mut left, mut kept) = (length, bytes);
        for number in 1..=SEGMENTS_MAX {
            let size = u16::try_from(left.min(size_max)).unwrap_or(u16::MAX);
            left -= u64::from(size);
            let (data, rest) = kept.split_at(kept.len().min(usize::from(size)));
            kept = rest;
            let flags = if left == 0 { ACK | PSH } else { ACK };
            self.segment(out, side, flags, &[], (data, size), comment.take());
            if left == 0 {
                break;
            }
            if number % ACK_EVERY == 0 {
                self.send(out, 1 - side, ACK, &[], None);
            }
        }
        // Sequence numbers begin again after 4 GiB, so only the rest counts.
        let gap = u32::try_from(left & u64::from(u32::MAX)).unwrap_or(0);
        let sender = &mut self.sides[side];
        sender.next = sender.next.wrapping_add(gap);
        self.send(out, 1 - side, ACK, &[], None);
    }

    /// Says something in a segment without data, for what a side sent and nobody received.
    pub(super) fn tell(&mut self, out: &mut Out<'_>, side: usize, comment: &str) {
        self.open(out);
        self.sides[side].window ^= 1;
        self.send(out, side, ACK, &[], Some(comment));
    }

    /// A side has nothing more to say.
    pub(super) fn end(&mut self, out: &mut Out<'_>, side: usize) {
        if self.sides[side].ended || self.stage == Stage::Over {
            return;
        }
        self.open(out);
        self.send(out, side, FIN | ACK, &[], None);
        self.send(out, 1 - side, ACK, &[], None);
        self.sides[side].ended = true;
        if self.sides.iter().all(|side| side.ended) {
            self.stage = Stage::Over;
        }
    }

    /// A side breaks it off.
    pub(super) fn reset(&mut self, out: &mut Out<'_>, side: usize, comment: &str) {
        if self.stage == Stage::Over {
            return;
        }
        self.open(out);
        self.send(out, side, RST | ACK, &[], Some(comment));
        self.stage = Stage::Over;
    }

    /// The options of a SYN: the longest segment, and what the window is counted in.
    fn options(&self) -> [u8; 8] {
        let [high, low] = DATA_MAX.to_be_bytes();
        [2, 4, high, low, 1, 3, 3, WINDOW_SHIFT]
    }

    fn send(
        &mut self,
        out: &mut Out<'_>,
        side: usize,
        flags: u8,
        options: &[u8],
        comment: Option<&str>,
    ) {
        self.segment(out, side, flags, options, (&[], 0), comment);
    }

    fn segment(
        &mut self,
        out: &mut Out<'_>,
        side: usize,
        flags: u8,
        options: &[u8],
        (data, length): (&[u8], u16),
        comment: Option<&str>,
    ) {
        let [sender, receiver] = [&self.sides[side], &self.sides[1 - side]];
        let segment = Segment {
            from: sender.address,
            to: receiver.address,
            seq: sender.next,
            ack: if flags & ACK == 0 { 0 } else { receiver.next },
            flags,
            window: sender.window,
            options,
            data,
            length,
        };
        let comments = comment.map(Cow::Borrowed).into_iter();
        let comments = comments.chain(out.notes.drain(..).map(Cow::Owned));
        block::packet(self.interface, out.at, comments, out.blocks, |bytes| segment.write(bytes));
        // A SYN and a FIN count like a byte each.
        let counted = u32::from(length) + u32::from(flags & (SYN | FIN) != 0);
        let sender = &mut self.sides[side];
        sender.next = sender.next.wrapping_add(counted);
    }
}
