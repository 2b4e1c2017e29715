//! A tap in a link: the messages of one connection, seen from its bytes.
//!
//! Each direction has a [`Cutter`] that finds where messages end; what both directions must know of each
//! other (which reply answers what, whether a response has a body) is the queue of open requests.
//! A tap never holds bytes back, and keeps of a message only what the trace keeps of it, besides what
//! its cutter must see in one piece.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::text::{Line, Raw};
use super::{Protocol, http, redis};
use crate::base::{Direction, Seq};

/// What a cutter sees besides its own bytes.
#[derive(Clone, Copy)]
pub(super) struct Whole<'a> {
    /// The requests that are not answered yet, the oldest first.
    pub(super) open: &'a VecDeque<Open>,
}

/// What a cutter made of its input.
pub(super) struct Cut {
    /// How many bytes, counted from the beginning of the input, belong to the message and need not be
    /// seen again.
    pub(super) taken: usize,
    /// The message, if it is whole with the bytes that were taken.
    pub(super) message: Option<Found>,
    /// From here on this direction is not the protocol it was taken for.
    pub(super) lost: bool,
}

/// A message that a cutter found.
pub(super) struct Found {
    pub(super) summary: String,
    /// What a request opens, or a reply closes.
    pub(super) pairing: Pairing,
}

/// How a message stands to those of the other direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairing {
    /// A request that expects so many replies, and whether its reply has no body (HEAD).
    Opens { replies: u32, bodiless: bool },
    /// A reply to the oldest open request.
    Closes,
    /// A reply to the oldest open request that is not the last of it (HTTP 1xx).
    Precedes,
    /// Neither: it was pushed.
    Free,
}

/// A request that is not answered yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub(super) seq: Seq,
    pub(super) replies: u32,
    pub(super) bodiless: bool,
}

/// Finds where the messages of one direction end.
pub(super) trait Cutter: Send {
    /// Looks at `input`, which begins with the first byte that was not taken yet.
    fn cut(&mut self, input: &[u8], whole: Whole<'_>) -> Cut;

    /// The direction has ended; `true` if what is left is a whole message (an HTTP body that ends with
    /// the connection).
    fn end(&mut self) -> Option<String> {
        None
    }
}

impl Cut {
    /// Not whole yet.
    pub(super) fn more(taken: usize) -> Cut {
        Cut { taken, message: None, lost: false }
    }

    /// A message that pairs by its direction alone.
    pub(super) fn message(taken: usize, summary: String) -> Cut {
        Cut::paired(taken, summary, Pairing::Opens { replies: 1, bodiless: false })
    }

    /// A message.
    pub(super) fn paired(taken: usize, summary: String, pairing: Pairing) -> Cut {
        Cut { taken, message: Some(Found { summary, pairing }), lost: false }
    }

    /// This is not the protocol.
    pub(super) fn lost() -> Cut {
        Cut { taken: 0, message: None, lost: true }
    }
}

/// A message that a tap saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its number.
    pub seq: Seq,
    /// One line.
    pub summary: String,
    /// What it answers.
    pub cause: Option<Seq>,
    /// Its length in bytes.
    pub length: u64,
    /// Its first bytes.
    pub bytes: Bytes,
}

/// The most requests without a reply that are remembered for pairing; of more, the oldest is forgotten.
const OPEN_MAX: usize = 65_536;

/// Sees the messages of one connection.
pub struct Tap {
    protocol: Protocol,
    request: Side,
    response: Side,
    open: VecDeque<Open>,
    bytes_max: usize,
}

/// One direction.
struct Side {
    cutter: Box<dyn Cutter>,
    /// Bytes of a message that is not whole and that its cutter has to see again.
    pending: BytesMut,
    /// The beginning of the message, as much as is kept, and how many bytes were taken of it.
    kept: BytesMut,
    taken: u64,
}

impl Tap {
    /// A tap for a connection that is expected to speak `protocol`; of each message `bytes_max` bytes
    /// are kept.
    #[must_use]
    pub fn new(protocol: Protocol, bytes_max: u32) -> Tap {
        let (request, response): (Box<dyn Cutter>, Box<dyn Cutter>) = match protocol {
            Protocol::Raw => {
                (Box::new(Raw { instead_of: None }), Box::new(Raw { instead_of: None }))
            }
            Protocol::Line => (Box::<Line>::default(), Box::<Line>::default()),
            Protocol::Http => (Box::new(http::request()), Box::new(http::response())),
            Protocol::Redis => {
                (Box::<redis::Requests>::default(), Box::<redis::Replies>::default())
            }
        };
        Tap {
            protocol,
            request: Side::new(request),
            response: Side::new(response),
            open: VecDeque::new(),
            bytes_max: bytes_max as usize,
        }
    }

    /// The protocol it was made for.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Looks at bytes that are sent in `direction`; `each` is given the messages that end in them.
    pub fn push(
        &mut self,
        direction: Direction,
        chunk: &Bytes,
        next_seq: &dyn Fn() -> Seq,
        each: &mut dyn FnMut(Seen),
    ) {
        let side = match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        };
        let joined;
        let input: &Bytes = if side.pending.is_empty() {
            chunk
        } else {
            side.pending.extend_from_slice(chunk);
            joined = side.pending.split().freeze();
            &joined
        };
        let mut at = 0;
        while at < input.len() {
            let cut = side.cutter.cut(&input[at..], Whole { open: &self.open });
            if cut.lost {
                side.cutter = Box::new(Raw { instead_of: Some(self.protocol.as_str()) });
                continue;
            }
            let taken = input.slice(at..at + cut.taken);
            at += cut.taken;
            let Some(found) = cut.message else {
                side.keep(&taken, self.bytes_max);
                if cut.taken == 0 {
                    break;
                }
                continue;
            };
            let (length, bytes) = side.finish(taken, self.bytes_max);
            let seq = next_seq();
            let cause = pair(&mut self.open, direction, seq, found.pairing, self.protocol);
            each(Seen { seq, summary: found.summary, cause, length, bytes });
        }
        if at < input.len() {
            side.pending.extend_from_slice(&input[at..]);
        }
    }

    /// The direction has ended; `each` is given what was left of a message, if anything was.
    pub fn end(
        &mut self,
        direction: Direction,
        next_seq: &dyn Fn() -> Seq,
        each: &mut dyn FnMut(Seen),
    ) {
        let side = match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        };
        let whole = side.cutter.end();
        if side.pending.is_empty() && side.taken == 0 {
            return;
        }
        let rest = side.pending.split().freeze();
        let (length, bytes) = side.finish(rest, self.bytes_max);
        let seq = next_seq();
        let (summary, cause) = match whole {
            Some(summary) => {
                let cause = pair(&mut self.open, direction, seq, Pairing::Closes, self.protocol);
                (summary, cause)
            }
            None => {
                let text = excerpt_of(&bytes);
                (format!("{length} bytes of a message cut short {text}"), None)
            }
        };
        each(Seen { seq, summary, cause, length, bytes });
    }
}

fn excerpt_of(bytes: &[u8]) -> String {
    super::excerpt(bytes, super::SUMMARY_CHARS_MAX / 3)
}

impl Side {
    fn new(cutter: Box<dyn Cutter>) -> Side {
        Side { cutter, pending: BytesMut::new(), kept: BytesMut::new(), taken: 0 }
    }

    fn keep(&mut self, taken: &Bytes, bytes_max: usize) {
        self.taken += taken.len() as u64;
        let room = bytes_max.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&taken[..taken.len().min(room)]);
    }

    /// The message ends with `last`: its length, and what is kept of it.
    fn finish(&mut self, last: Bytes, bytes_max: usize) -> (u64, Bytes) {
        if self.taken == 0 {
            let length = last.len() as u64;
            return (length, if last.len() > bytes_max { last.slice(..bytes_max) } else { last });
        }
        self.keep(&last, bytes_max);
        (std::mem::take(&mut self.taken), self.kept.split().freeze())
    }
}

/// Notes a request or finds what a reply answers.
fn pair(
    open: &mut VecDeque<Open>,
    direction: Direction,
    seq: Seq,
    pairing: Pairing,
    protocol: Protocol,
) -> Option<Seq> {
    match (direction, pairing) {
        (_, Pairing::Free) => None,
        (Direction::Request, Pairing::Opens { replies, bodiless }) => {
            if protocol == Protocol::Raw {
                // Bytes have no borders: whatever comes back answers what was sent last.
                open.clear();
            } else if open.len() == OPEN_MAX {
                open.pop_front();
            }
            open.push_back(Open { seq, replies, bodiless });
            None
        }
        (Direction::Request, _) => None,
        (Direction::Response, Pairing::Precedes) => open.front().map(|first| first.seq),
        (Direction::Response, _) if protocol == Protocol::Raw => open.front().map(|one| one.seq),
        (Direction::Response, _) => {
            let first = open.front_mut()?;
            let cause = first.seq;
            first.replies = first.replies.saturating_sub(1);
            if first.replies == 0 {
                open.pop_front();
            }
            Some(cause)
        }
    }
}
