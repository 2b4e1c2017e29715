//! The disk of a server's node, on which what is durable stands, and which may be full.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::net::Touch;

/// The disk of a server's node. Cheap to clone.
#[derive(Clone)]
pub struct Disk {
    shared: Arc<Shared>,
}

struct Shared {
    full: AtomicBool,
    /// The faults because of which it is full.
    faults: Mutex<Vec<String>>,
    touch: Touch,
}

impl Default for Disk {
    fn default() -> Disk {
        Disk::new(Arc::new(|_| {}))
    }
}

impl Disk {
    /// A disk with room. `touch` is told of everything that is refused because it is full.
    #[must_use]
    pub fn new(touch: Touch) -> Disk {
        let (full, faults) = (AtomicBool::new(false), Mutex::default());
        Disk { shared: Arc::new(Shared { full, faults, touch }) }
    }

    /// From now on it is full.
    pub fn fill(&self, fault: &str) {
        let mut faults = self.lock();
        if !faults.iter().any(|by| by == fault) {
            faults.push(fault.to_owned());
        }
        self.shared.full.store(true, Ordering::Release);
    }

    /// A fault is over; if it was the last one, there is room again.
    pub fn free(&self, fault: &str) {
        let mut faults = self.lock();
        faults.retain(|by| by != fault);
        self.shared.full.store(!faults.is_empty(), Ordering::Release);
    }

    /// True while nothing can be written to it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.shared.full.load(Ordering::Acquire)
    }

    /// Something was refused because it is full.
    pub fn refused(&self) {
        let faults = self.lock().clone();
        faults.iter().for_each(|fault| (self.shared.touch)(fault));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
