//! Where the tasks of a node wait while it stands still.
//!
//! ```text
//! open: a guarded future is polled as ever        shut: it is not polled; its waker is kept here
//!                                                 opened again: all that were kept are woken, in order
//! ```
//!
//! What happens meanwhile, a byte that arrives or a timer that runs out, is found when the node goes on,
//! as by a process after SIGSTOP and SIGCONT. Dropping a guarded future works at any time.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// The gate of one node. Cheap to clone.
#[derive(Clone, Default)]
pub struct Gate {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    shut: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Those that wait, by the order in which they first had to.
    waiting: BTreeMap<u64, Waker>,
    next: u64,
}

impl Gate {
    /// From now on nothing behind this gate is polled.
    pub fn shut(&self) {
        let _state = self.lock();
        self.shared.shut.store(true, Ordering::SeqCst);
    }

    /// Everything behind it goes on.
    pub fn open(&self) {
        let waiting = {
            let mut state = self.lock();
            self.shared.shut.store(false, Ordering::SeqCst);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_values().for_each(Waker::wake);
    }

    /// True while nothing behind it is polled.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.shared.shut.load(Ordering::SeqCst)
    }

    /// The same future, behind this gate.
    pub fn guard<F: Future>(&self, future: F) -> Guarded<F> {
        Guarded { gate: self.clone(), place: None, future: Box::pin(future) }
    }

    /// Keeps the waker if the gate is shut.
    fn keep(&self, place: &mut Option<u64>, waker: &Waker) -> bool {
        let mut state = self.lock();
        if !self.is_shut() {
            return false;
        }
        let number = *place.get_or_insert_with(|| {
            let number = state.next;
            state.next += 1;
            number
        });
        state.waiting.insert(number, waker.clone());
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A future behind a [`Gate`].
pub struct Guarded<F> {
    gate: Gate,
    place: Option<u64>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Guarded<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if this.gate.is_shut() && this.gate.keep(&mut this.place, cx.waker()) {
            return Poll::Pending;
        }
        this.future.as_mut().poll(cx)
    }
}

impl<F> Drop for Guarded<F> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.gate.lock().waiting.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn nothing_is_polled_behind_a_shut_gate_and_opening_it_wakes_once() {
        let (gate, count) = (Gate::default(), Arc::new(Count::default()));
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let polled = AtomicU32::new(0);
        let mut guarded = gate.guard(std::future::poll_fn(|_| {
            polled.fetch_add(1, Ordering::Relaxed);
            Poll::<()>::Pending
        }));
        assert!(Pin::new(&mut guarded).poll(&mut cx).is_pending());
        gate.shut();
        for _ in 0..3 {
            assert!(Pin::new(&mut guarded).poll(&mut cx).is_pending());
        }
        assert_eq!(polled.load(Ordering::Relaxed), 1);
        gate.open();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(Pin::new(&mut guarded).poll(&mut cx).is_pending());
        assert_eq!(polled.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_future_that_is_dropped_while_it_waits_leaves_nothing_behind() {
        let gate = Gate::default();
        gate.shut();
        let mut guarded = gate.guard(std::future::pending::<()>());
        assert!(Pin::new(&mut guarded).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(guarded);
        assert!(gate.lock().waiting.is_empty());
    }
}
