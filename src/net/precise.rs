//! Short pauses on the wall clock, to the tenth of a millisecond.
//!
//! tokio's timers count whole milliseconds and round up, which would make a link of 5 ms one of 6. Linux
//! has timers with a descriptor (timerfd); one of them serves all short pauses of a run. Elsewhere
//! tokio's timers have to do.
#![expect(clippy::disallowed_methods, reason = "timers of the wall clock, for `clock.rs`")]

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

/// The timer of a run. Cheap to clone.
#[derive(Clone)]
pub(super) struct Precise {
    shared: Arc<Shared>,
}

struct Shared {
    fd: AsyncFd<OwnedFd>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<(Instant, u64), Waker>,
    next_id: u64,
}

impl Precise {
    /// A timer on the current runtime; `None` if the system has none to give.
    pub(super) fn start() -> Option<Precise> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags).ok()?;
        #[expect(
            deprecated,
            reason = "what replaces it is unsafe, for things that lend a descriptor they do not own; \
                      an `OwnedFd` owns its one and keeps it"
        )]
        let fd = AsyncFd::new(fd).ok()?;
        let shared = Shared { fd, state: Mutex::default() };
        let precise = Precise { shared: Arc::new(shared) };
        tokio::spawn(precise.clone().drive());
        Some(precise)
    }

    /// Wakes whoever is due; goes with its runtime.
    async fn drive(self) {
        while let Ok(mut ready) = self.shared.fd.readable().await {
            let mut count = [0u8; 8];
            let _ = rustix::io::read(self.shared.fd.get_ref(), &mut count);
            ready.clear_ready();
            let mut state = self.lock();
            let later = state.waiting.split_off(&(Instant::now(), u64::MAX));
            let due = std::mem::replace(&mut state.waiting, later);
            self.arm(&state);
            drop(state);
            due.into_values().for_each(Waker::wake);
        }
    }

    /// Sets the timer for the first who waits.
    fn arm(&self, state: &State) {
        let Some(((at, _), _)) = state.waiting.first_key_value() else { return };
        // Zero would turn the timer off.
        let pause =
            at.saturating_duration_since(Instant::now()).max(std::time::Duration::from_nanos(1));
        let value = Timespec {
            tv_sec: i64::try_from(pause.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: pause.subsec_nanos().into(),
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        let _ = timerfd_settime(self.shared.fd.get_ref(), TimerfdTimerFlags::empty(), &once);
    }

    /// A pause until `at`.
    pub(super) fn until(&self, at: Instant) -> PreciseSleep {
        PreciseSleep { precise: self.clone(), at, id: None }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A short pause.
pub(super) struct PreciseSleep {
    precise: Precise,
    at: Instant,
    id: Option<u64>,
}

impl PreciseSleep {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.at <= Instant::now() {
            return Poll::Ready(());
        }
        let mut state = self.precise.lock();
        let id = *self.id.get_or_insert_with(|| {
            state.next_id += 1;
            state.next_id
        });
        state.waiting.insert((self.at, id), cx.waker().clone());
        if state.waiting.first_key_value().is_some_and(|(first, _)| *first == (self.at, id)) {
            self.precise.arm(&state);
        }
        Poll::Pending
    }
}

impl Drop for PreciseSleep {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.precise.lock().waiting.remove(&(self.at, id));
        }
    }
}
