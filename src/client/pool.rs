//! The connections that a client keeps.
//!
//! ```text
//! Pool (idle, one a client) <-> Lane (in use, one a line of execution): a Seat for each server
//! ```
//!
//! A line of execution (a client's steps, a branch of a `parallel:`, an iteration of a load) takes the
//! connection that was used last if one is idle, and keeps it to its end: `MULTI` and `EXEC` go the
//! same way. So a client whose steps run one after the other has one connection to each server, and
//! a load as many as it has iterations in flight.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::http::HeaderValue;

use super::http;
use super::redis;
use crate::base::NodeId;
use crate::call::node;

/// The most idle connections that are kept for one server; those beyond are closed.
const IDLE_MAX: usize = 1_000;

/// A client's place at a server.
pub(super) struct Seat {
    /// The server's address, as HTTP wants it.
    pub(super) host: HeaderValue,
    pub(super) http: Option<Box<http::Connection>>,
    pub(super) redis: Option<Box<redis::Connection>>,
    pub(super) node: Option<Box<node::Connection>>,
}

/// The seats that nobody uses.
#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<BTreeMap<NodeId, Vec<Seat>>>,
}

/// The seats of one line of execution.
#[derive(Default)]
pub(super) struct Lane {
    seats: Vec<(NodeId, Seat)>,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Vec<Seat>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    /// The seat at `server`: its own, else an idle one, else what `new` makes.
    pub(super) fn seat<E>(
        &mut self,
        server: NodeId,
        pool: &Pool,
        new: impl FnOnce() -> Result<HeaderValue, E>,
    ) -> Result<&mut Seat, E> {
        let at = match self.seats.iter().position(|(id, _)| *id == server) {
            Some(at) => at,
            None => {
                let idle = pool.lock().get_mut(&server).and_then(Vec::pop);
                let seat = match idle {
                    Some(seat) => seat,
                    None => Seat { host: new()?, http: None, redis: None, node: None },
                };
                self.seats.push((server, seat));
                self.seats.len() - 1
            }
        };
        Ok(&mut self.seats[at].1)
    }

    /// Leaves the seats to others.
    pub(super) fn give_back(&mut self, pool: &Pool) {
        if self.seats.is_empty() {
            return;
        }
        let mut surplus = Vec::new();
        let mut idle = pool.lock();
        for (server, seat) in self.seats.drain(..) {
            let seats = idle.entry(server).or_default();
            if seats.len() < IDLE_MAX { seats.push(seat) } else { surplus.push(seat) }
        }
        drop(idle);
        // Closing connections is left until the lock is free.
        drop(surplus);
    }
}
