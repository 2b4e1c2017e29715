//! A tap in a link: the messages of one connection, seen from its bytes.
//!
//! Each direction has a [`Cutter`] that finds where messages end; what both directions must know of each
//! other (which reply answers what, whether a response has a body) is the queue of open requests.
//! A tap never holds bytes back, and keeps of a message only what the trace keeps of it, besides what
//! its cutter must see in one piece.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::json::Json;
use super::text::{Line, Raw};
use super::{Protocol, http, redis, told};
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
    /// A request that its reply will name by this number.
    Asks(u64),
    /// A reply to the request of that number.
    Answers(u64),
    /// Neither: it was pushed.
    Free,
}

/// A request that is not answered yet.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) seq: Seq,
    pub(super) replies: u32,
    pub(super) bodiless: bool,
    /// The number by which its reply names it.
    id: Option<u64>,
    /// What it asked for, if that is remembered.
    asked: Option<Arc<Asked>>,
    /// It is a copy that somebody sent besides.
    copy: Option<Arc<str>>,
}

impl Open {
    /// A request of which no more is known than what its reply must know.
    pub(super) fn with(bodiless: bool) -> Open {
        Open { seq: Seq(0), replies: 1, bodiless, id: None, asked: None, copy: None }
    }
}

/// What a request asked for, as its reply remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its method, or the command.
    pub method: String,
    /// Its path without the query; empty where there is none.
    pub path: String,
    /// All of it, on one line.
    pub summary: String,
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

    /// True, once, if the sender waits for a word of the receiver before it goes on with the message.
    fn waits(&mut self) -> bool {
        false
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
    /// How many bytes of what was pushed belong to it or to messages before it.
    pub end: usize,
    /// What the request that it answers asked for, if that was to be [remembered](Tap::remember).
    pub asked: Option<Arc<Asked>>,
    /// It answers a copy that somebody sent [again](Tap::sent_again).
    pub copy: Option<Arc<str>>,
    /// The reply proper is still to come (HTTP 1xx).
    pub interim: bool,
    /// It has no body, whatever its head says: it answers HEAD.
    pub bodiless: bool,
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
    remembers: bool,
}

/// One direction.
struct Side {
    cutter: Box<dyn Cutter>,
    /// Bytes of a message that is not whole and that its cutter has to see again.
    pending: BytesMut,
    /// The beginning of the message, as much as is kept, and how many bytes were taken of it.
    kept: BytesMut,
    taken: u64,
    /// How many messages have ended.
    count: u64,
}

impl Tap {
    /// A tap for a connection that is expected to speak `protocol`; of each message `bytes_max` bytes
    /// are kept.
    #[must_use]
    pub fn new(protocol: Protocol, bytes_max: u32) -> Tap {
        let side = |direction| Side::new(cutter(protocol, direction));
        Tap {
            protocol,
            request: side(Direction::Request),
            response: side(Direction::Response),
            open: VecDeque::new(),
            bytes_max: bytes_max as usize,
            remembers: false,
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
        let before = side.pending.len();
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
            let pair = Pair { direction, seq, pairing: found.pairing, protocol: self.protocol };
            let remember = self.remembers.then_some((found.summary.as_str(), &*bytes));
            let (answers, bodiless) = pair.note(&mut self.open, remember);
            let (cause, asked, copy) = answers.map_or((None, None, None), Answers::parts);
            let (end, interim) = (at.saturating_sub(before), found.pairing == Pairing::Precedes);
            let summary = found.summary;
            each(Seen { seq, summary, cause, length, bytes, end, asked, copy, interim, bodiless });
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
        let (summary, (answers, bodiless)) = match whole {
            Some(summary) => {
                let pairing = Pairing::Closes;
                let pair = Pair { direction, seq, pairing, protocol: self.protocol };
                (summary, pair.note(&mut self.open, None))
            }
            None => (told::cut_short(length, &bytes), (None, false)),
        };
        let (cause, asked, copy) = answers.map_or((None, None, None), Answers::parts);
        let (end, interim) = (0, false);
        each(Seen { seq, summary, cause, length, bytes, end, asked, copy, interim, bodiless });
    }

    /// Whether requests are remembered for their replies: [`Seen::asked`].
    pub fn remember(&mut self, remembers: bool) {
        self.remembers = remembers;
    }

    /// True if a message of that direction has begun and is not whole.
    #[must_use]
    pub fn is_within(&self, direction: Direction) -> bool {
        let side = match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        };
        side.taken > 0 || !side.pending.is_empty()
    }

    /// How many messages of that direction have ended.
    #[must_use]
    pub fn count(&self, direction: Direction) -> u64 {
        match direction {
            Direction::Request => self.request.count,
            Direction::Response => self.response.count,
        }
    }

    /// True, once for each message, if what has come of it so far asks for a word of the receiver before
    /// the rest comes (`Expect: 100-continue`).
    pub fn waits(&mut self, direction: Direction) -> bool {
        match direction {
            Direction::Request => self.request.cutter.waits(),
            Direction::Response => false,
        }
    }

    /// A request will not reach its receiver: nothing that comes back answers it.
    pub fn forget(&mut self, seq: Seq) {
        self.open.retain(|open| open.seq != seq);
    }

    /// A request reaches its receiver so many times more: as many more replies will come, each with `copy`
    /// in [`Seen::copy`].
    pub fn sent_again(&mut self, seq: Seq, times: u32, copy: Option<&Arc<str>>) {
        let Some(at) = self.open.iter().position(|open| open.seq == seq) else { return };
        if self.protocol == Protocol::Raw {
            return;
        }
        for _ in 0..times {
            let again = Open { copy: copy.cloned(), ..self.open[at].clone() };
            self.open.insert(at + 1, again);
        }
    }

    /// True if a reply to a copy may still come.
    #[must_use]
    pub fn has_copies(&self) -> bool {
        self.open.iter().any(|open| open.copy.is_some())
    }

    /// A request reaches its receiver as `bytes`: what comes back answers these.
    pub fn changed(&mut self, seq: Seq, bytes: &[u8]) {
        let found = find(self.protocol, Direction::Request, false, bytes);
        let Some(Pairing::Opens { replies, bodiless }) = found.map(|found| found.pairing) else {
            return;
        };
        for open in self.open.iter_mut().filter(|open| open.seq == seq) {
            (open.replies, open.bodiless) = (replies, bodiless);
        }
    }
}

/// The cutter of one direction of a protocol.
fn cutter(protocol: Protocol, direction: Direction) -> Box<dyn Cutter> {
    match (protocol, direction) {
        (Protocol::Raw, _) => Box::new(Raw { instead_of: None }),
        (Protocol::Line, _) => Box::<Line>::default(),
        (Protocol::Http, Direction::Request) => Box::new(http::request()),
        (Protocol::Http, Direction::Response) => Box::new(http::response()),
        (Protocol::Redis, Direction::Request) => Box::<redis::Requests>::default(),
        (Protocol::Redis, Direction::Response) => Box::<redis::Replies>::default(),
        (Protocol::Json, direction) => Box::new(Json::new(direction)),
    }
}

/// The message that `bytes` are, if they are one whole message.
pub(super) fn find(
    protocol: Protocol,
    direction: Direction,
    bodiless: bool,
    bytes: &[u8],
) -> Option<Found> {
    let mut cutter = cutter(protocol, direction);
    let open = VecDeque::from([Open::with(bodiless)]);
    let mut at = 0;
    while at < bytes.len() {
        let cut = cutter.cut(&bytes[at..], Whole { open: &open });
        at += cut.taken;
        if cut.message.is_some() {
            return cut.message.filter(|_| at == bytes.len());
        }
        if cut.lost || cut.taken == 0 {
            return None;
        }
    }
    let summary = cutter.end()?;
    Some(Found { summary, pairing: Pairing::Closes })
}

impl Side {
    fn new(cutter: Box<dyn Cutter>) -> Side {
        Side { cutter, pending: BytesMut::new(), kept: BytesMut::new(), taken: 0, count: 0 }
    }

    fn keep(&mut self, taken: &Bytes, bytes_max: usize) {
        self.taken += taken.len() as u64;
        let room = bytes_max.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&taken[..taken.len().min(room)]);
    }

    /// The message ends with `last`: its length, and what is kept of it.
    fn finish(&mut self, last: Bytes, bytes_max: usize) -> (u64, Bytes) {
        self.count += 1;
        if self.taken == 0 {
            let length = last.len() as u64;
            return (length, if last.len() > bytes_max { last.slice(..bytes_max) } else { last });
        }
        self.keep(&last, bytes_max);
        (std::mem::take(&mut self.taken), self.kept.split().freeze())
    }
}

/// A message that is about to be paired.
struct Pair {
    direction: Direction,
    seq: Seq,
    pairing: Pairing,
    protocol: Protocol,
}

/// What a reply answers.
struct Answers {
    cause: Seq,
    asked: Option<Arc<Asked>>,
    copy: Option<Arc<str>>,
}

impl Answers {
    fn to(open: &Open) -> Answers {
        Answers { cause: open.seq, asked: open.asked.clone(), copy: open.copy.clone() }
    }

    fn parts(self) -> (Option<Seq>, Option<Arc<Asked>>, Option<Arc<str>>) {
        (Some(self.cause), self.asked, self.copy)
    }
}

impl Pair {
    /// Notes a request, with what is to be remembered of it, or finds what a reply answers and whether
    /// that makes it one without a body.
    fn note(
        self,
        open: &mut VecDeque<Open>,
        remember: Option<(&str, &[u8])>,
    ) -> (Option<Answers>, bool) {
        match (self.direction, self.pairing) {
            (Direction::Request, Pairing::Opens { .. } | Pairing::Asks(_)) => {
                let (replies, bodiless, id) = match self.pairing {
                    Pairing::Opens { replies, bodiless } => (replies, bodiless, None),
                    Pairing::Asks(id) => (1, false, Some(id)),
                    _ => (1, false, None),
                };
                if self.protocol == Protocol::Raw {
                    // Bytes have no borders: whatever comes back answers what was sent last.
                    open.clear();
                } else if open.len() == OPEN_MAX {
                    open.pop_front();
                }
                let asked = remember
                    .and_then(|(summary, bytes)| told::asked(self.protocol, summary, bytes));
                open.push_back(Open {
                    seq: self.seq,
                    replies,
                    bodiless,
                    id,
                    asked: asked.map(Arc::new),
                    copy: None,
                });
                (None, false)
            }
            (_, Pairing::Free) | (Direction::Request, _) => (None, false),
            (Direction::Response, Pairing::Answers(id)) => {
                let at = open.iter().position(|open| open.id == Some(id));
                (at.and_then(|at| open.remove(at)).as_ref().map(Answers::to), false)
            }
            (Direction::Response, Pairing::Precedes) => {
                (open.front().map(Answers::to), open.front().is_some_and(|open| open.bodiless))
            }
            (Direction::Response, _) if self.protocol == Protocol::Raw => {
                (open.front().map(Answers::to), false)
            }
            (Direction::Response, _) => {
                let Some(first) = open.front_mut() else { return (None, false) };
                let (answers, bodiless) = (Answers::to(first), first.bodiless);
                first.replies = first.replies.saturating_sub(1);
                if first.replies == 0 {
                    open.pop_front();
                }
                (Some(answers), bodiless)
            }
        }
    }
}
