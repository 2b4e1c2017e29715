//! Coroutines that wait to be woken, and tasks that may be cancelled.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Those who wait, by the number that wakes them.
#[derive(Default)]
pub(super) struct Waits {
    waiting: Mutex<BTreeMap<u64, Place>>,
}

enum Place {
    /// Somebody waits.
    Waiting(oneshot::Sender<()>),
    /// It was woken before it began to wait.
    Woken,
}

impl Waits {
    /// What completes when the number is woken.
    pub(super) fn begin(&self, id: u64) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        match waiting.remove(&id) {
            Some(Place::Woken) => {
                let _ = sender.send(());
            }
            _ => {
                waiting.insert(id, Place::Waiting(sender));
            }
        }
        receiver
    }

    /// Wakes whoever waits for the number, or will.
    pub(super) fn wake(&self, id: u64) {
        let mut waiting = self.lock();
        match waiting.remove(&id) {
            // Who is gone needs no waking.
            Some(Place::Waiting(sender)) => drop(sender.send(())),
            _ => drop(waiting.insert(id, Place::Woken)),
        }
    }

    /// Nobody waits for the number any more.
    pub(super) fn end(&self, id: u64) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Place>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
