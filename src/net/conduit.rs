//! What stands in one direction of a connection, as the network sees it.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Nudge;
use crate::base::Time;

/// What comes out of a [`Conduit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parcel {
    /// Bytes for the receiver; never empty.
    Bytes(Bytes),
    /// The direction has ended in order (FIN).
    End,
    /// The connection is broken off (RST).
    Reset,
}

/// One direction of one connection: a state machine without I/O. First in, first out.
///
/// The network calls [`push`](Conduit::push) when the sender writes, and [`next`](Conduit::next) when
/// [`deadline`](Conduit::deadline) has come, until it returns `None`.
pub trait Conduit: Send {
    /// The sender wrote `bytes`, which are not empty, at `now`.
    fn push(&mut self, now: Time, bytes: Bytes);

    /// The sender ended this direction at `now`, in order or by breaking the connection off.
    fn end(&mut self, now: Time, reset: bool);

    /// The next parcel that is due at `now`. It is handed over for good.
    fn next(&mut self, now: Time) -> Option<Parcel>;

    /// When the next parcel is due, if one is under way.
    fn deadline(&self) -> Option<Time>;

    /// How many bytes are under way, with what is kept beside them: it may be more than was pushed.
    fn in_flight(&self) -> usize;

    /// How many bytes it wants at once: what a socket gives is pushed in pieces of that size at most, each
    /// when there is room for it.
    fn appetite(&self) -> usize {
        usize::MAX
    }

    /// True if something is under way that may be due only after a nudge, when there is no deadline.
    fn holds(&self) -> bool {
        false
    }

    /// Gives the conduit what has it looked at again when something changes that is neither a write nor
    /// the time: called once, before the first byte.
    fn attach(&mut self, _nudge: Nudge) {}

    /// The receiver's program has taken the connection.
    fn accepted(&mut self, _now: Time) {}
}

/// The two directions of a connection.
pub struct Conduits {
    /// From the side that connects to the side that accepts.
    pub request: Box<dyn Conduit>,
    /// Back.
    pub response: Box<dyn Conduit>,
}

impl Conduits {
    /// Two conduits that hand on at once.
    #[must_use]
    pub fn direct() -> Conduits {
        Conduits { request: Box::new(Direct::default()), response: Box::new(Direct::default()) }
    }
}

/// A conduit that hands everything on at once.
#[derive(Debug, Default)]
pub struct Direct {
    queue: VecDeque<Parcel>,
    bytes: usize,
}

impl Conduit for Direct {
    fn push(&mut self, _now: Time, bytes: Bytes) {
        self.bytes += bytes.len();
        self.queue.push_back(Parcel::Bytes(bytes));
    }

    fn end(&mut self, _now: Time, reset: bool) {
        self.queue.push_back(if reset { Parcel::Reset } else { Parcel::End });
    }

    fn next(&mut self, _now: Time) -> Option<Parcel> {
        let parcel = self.queue.pop_front()?;
        if let Parcel::Bytes(bytes) = &parcel {
            self.bytes -= bytes.len();
        }
        Some(parcel)
    }

    fn deadline(&self) -> Option<Time> {
        (!self.queue.is_empty()).then_some(Time::ZERO)
    }

    fn in_flight(&self) -> usize {
        self.bytes
    }
}
