//! The one place through which everything that happens in a run passes.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Event, EventKind};
use crate::base::{ConnId, Seq, Time};

/// Somebody who is shown every event, in order, while the run goes on.
///
/// Observers are called under the recorder's lock and must not call the recorder.
pub trait Observer: Send {
    /// Called once for each event.
    fn event(&mut self, event: &Event);

    /// Called when what was seen so far should reach its end, a file or a screen.
    fn flush(&mut self) {}
}

/// Numbers events, puts them in order, hands them to the observers and forgets them. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    next_seq: AtomicU64,
    next_conn: AtomicU32,
    next_op: AtomicU64,
}

struct State {
    observers: Vec<Box<dyn Observer>>,
    last: Time,
}

impl Recorder {
    /// A recorder with these observers, who are called in this order.
    #[must_use]
    pub fn new(observers: Vec<Box<dyn Observer>>) -> Recorder {
        let shared = Shared {
            state: Mutex::new(State { observers, last: Time::ZERO }),
            next_seq: AtomicU64::new(1),
            next_conn: AtomicU32::new(1),
            next_op: AtomicU64::new(1),
        };
        Recorder { shared: Arc::new(shared) }
    }

    /// Records what happened at `at`; if something later was recorded already, at that time.
    pub fn record(&self, at: Time, kind: EventKind) {
        super::tell::tell(&kind);
        let mut state = self.lock();
        let at = at.max(state.last);
        state.last = at;
        let event = Event { at, kind };
        for observer in &mut state.observers {
            observer.event(&event);
        }
    }

    /// The number of the next message.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        Seq(self.shared.next_seq.fetch_add(1, Ordering::Relaxed))
    }

    /// How many messages have a number.
    #[must_use]
    pub fn numbered(&self) -> u64 {
        self.shared.next_seq.load(Ordering::Relaxed) - 1
    }

    /// The number of the next connection.
    #[must_use]
    pub fn next_conn(&self) -> ConnId {
        ConnId(self.shared.next_conn.fetch_add(1, Ordering::Relaxed))
    }

    /// The number of the next operation.
    #[must_use]
    pub fn next_op(&self) -> u64 {
        self.shared.next_op.fetch_add(1, Ordering::Relaxed)
    }

    /// Tells the observers to bring what they have to its end.
    pub fn flush(&self) {
        for observer in &mut self.lock().observers {
            observer.flush();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An observer that keeps all events in memory: for tests and short runs.
#[derive(Clone, Default)]
pub struct Collector {
    events: Arc<Mutex<Vec<Event>>>,
}

impl Collector {
    /// An empty one.
    #[must_use]
    pub fn new() -> Collector {
        Collector::default()
    }

    /// Takes what was collected.
    #[must_use]
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Collector {
    fn event(&mut self, event: &Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}
