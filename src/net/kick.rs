//! Nudges for conduits on real sockets.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Waker};

use tokio::runtime::Handle;

/// Has one side of a connection looked at again.
#[derive(Clone)]
pub(super) enum RealNudge {
    /// The sending side: a task of its own looks there.
    Sending(Arc<Kick>),
    /// The receiving side of a connection from outside: its reader looks there.
    Receiving(Weak<Reader>),
}

/// Spawns a task that looks, one at a time.
pub(super) struct Kick {
    look: Box<dyn Fn() + Send + Sync>,
    runtime: Handle,
    /// A task is on its way, and has not looked yet.
    coming: AtomicBool,
}

/// The waker of whoever reads.
#[derive(Default)]
pub(super) struct Reader {
    waker: Mutex<Option<Waker>>,
}

impl RealNudge {
    /// A nudge that has `look` called on the runtime of the caller, if there is one.
    pub(super) fn sending(look: impl Fn() + Send + Sync + 'static) -> Option<RealNudge> {
        let (look, coming) = (Box::new(look), AtomicBool::new(false));
        let runtime = Handle::try_current().ok()?;
        Some(RealNudge::Sending(Arc::new(Kick { look, runtime, coming })))
    }

    pub(super) fn nudge(&self) {
        match self {
            RealNudge::Sending(kick) if kick.coming.swap(true, Ordering::AcqRel) => {}
            RealNudge::Sending(kick) => {
                let coming = kick.clone();
                kick.runtime.spawn(async move {
                    coming.coming.store(false, Ordering::Release);
                    (coming.look)();
                });
            }
            RealNudge::Receiving(reader) => {
                if let Some(waker) = reader.upgrade().and_then(|reader| reader.take()) {
                    waker.wake();
                }
            }
        }
    }
}

impl Reader {
    /// Sees to it that a nudge wakes whoever reads: before the conduit is looked at, so that none is
    /// missed.
    pub(super) fn expect(&self, cx: &Context<'_>) {
        let mut slot = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *slot {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    fn take(&self) -> Option<Waker> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
