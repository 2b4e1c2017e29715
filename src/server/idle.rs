//! Connections to another server that wait for their next call; the last one used is the first one used again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Context;

/// The most of them, for one use of one server.
pub(super) const IDLE_MAX: usize = 64;

/// Connections of one kind to one server.
pub(super) struct Idle<C>(Mutex<Vec<C>>);

impl<C> Default for Idle<C> {
    fn default() -> Idle<C> {
        Idle(Mutex::default())
    }
}

impl<C> Idle<C> {
    /// The connection that was used last.
    pub(super) fn take(&self) -> Option<C> {
        self.lock().pop()
    }

    /// Keeps a connection, if there is room and this server is not about to stop.
    pub(super) fn keep(&self, connection: C, context: &Context) {
        let mut idle = self.lock();
        if idle.len() < IDLE_MAX && !context.tasks.stop_token().is_cancelled() {
            idle.push(connection);
        }
    }

    /// Closes those that are of no more use.
    pub(super) fn retain(&self, is_usable: impl FnMut(&C) -> bool) {
        self.lock().retain(is_usable);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
