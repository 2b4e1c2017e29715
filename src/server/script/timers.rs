//! The timers of one script: numbers that are due, in the order of their times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::base::Time;
use crate::net::Clock;

/// Timers that were armed and are not due yet.
#[derive(Default)]
pub(super) struct Timers {
    state: Mutex<State>,
    /// There is an earlier one than was waited for.
    earlier: Notify,
}

#[derive(Default)]
struct State {
    due: BTreeSet<(Time, u64)>,
    at: BTreeMap<u64, Time>,
}

impl Timers {
    /// Sets a timer, also one that is set already.
    pub(super) fn arm(&self, id: u64, at: Time) {
        let mut state = self.lock();
        if let Some(before) = state.at.insert(id, at) {
            state.due.remove(&(before, id));
        }
        state.due.insert((at, id));
        let first = state.due.first() == Some(&(at, id));
        drop(state);
        if first {
            self.earlier.notify_one();
        }
    }

    /// Forgets a timer.
    pub(super) fn disarm(&self, id: u64) {
        let mut state = self.lock();
        if let Some(at) = state.at.remove(&id) {
            state.due.remove(&(at, id));
        }
    }

    /// How many are set.
    pub(super) fn count(&self) -> usize {
        self.lock().at.len()
    }

    /// Completes with the next timer that is due.
    pub(super) async fn next(&self, clock: &Clock) -> u64 {
        loop {
            let first = self.lock().due.first().copied();
            let Some((at, id)) = first else {
                self.earlier.notified().await;
                continue;
            };
            if at <= clock.now() {
                self.disarm(id);
                return id;
            }
            tokio::select! {
                biased;
                () = self.earlier.notified() => {}
                () = clock.sleep_until(at) => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
