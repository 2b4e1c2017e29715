//! The event core: what happens next, and when.
//!
//! The runtime calls [`Core::step`] when it has nothing left to run; the next event is taken from the
//! heap, the clock jumps to it, and whoever waits for it is woken. An event settles completely before
//! the next one is taken. An empty heap with an idle runtime is a deadlock, and is named as one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::flow::Flow;
use crate::base::Time;
use crate::net::clock::Stuck;

/// The core of one virtual world. Cheap to clone.
#[derive(Clone)]
pub(in crate::net) struct Core {
    shared: Arc<Shared>,
}

struct Shared {
    /// Nanoseconds; written only by `step`.
    now: AtomicU64,
    deadlocked: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
    timers: Vec<TimerSlot>,
    free: Vec<u32>,
    cancelled: usize,
    root: Option<Waker>,
    horizon: Option<Horizon>,
    /// How many events there were.
    events: u64,
    /// How many there may be before nobody believes in an end any more.
    events_max: Option<u64>,
    /// After so many events time passes with every one, so that whoever waits for an end sees it.
    hurries_after: Option<u64>,
}

/// How much time passes with an event at least, once a world hurries.
const HURRY: Duration = Duration::from_millis(1);

/// The end of all patience: it does not count as something that is going to happen, so that a world in
/// which nothing else will is known for a deadlock at once.
struct Horizon {
    at: Time,
    waker: Waker,
    passed: Option<Stuck>,
}

/// An event of the heap; the order is (time, sequence).
struct Entry {
    at: Time,
    sequence: u64,
    what: What,
}

enum What {
    /// A timer's slot and the generation it was set in.
    Timer(u32, u32),
    /// Something is due in a direction of a connection.
    Due(Arc<Flow>),
}

#[derive(Default)]
struct TimerSlot {
    generation: u32,
    waker: Option<Waker>,
    fired: bool,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// A core that somebody in its own heap may hold.
#[derive(Clone)]
pub(super) struct WeakCore(Weak<Shared>);

impl WeakCore {
    pub(super) fn upgrade(&self) -> Option<Core> {
        self.0.upgrade().map(|shared| Core { shared })
    }
}

/// Cancelled timers stay in the heap until they are this many and half of it.
const CANCELLED_MIN: usize = 1024;

impl Core {
    pub(in crate::net) fn new() -> Core {
        let shared = Shared {
            now: AtomicU64::new(0),
            deadlocked: AtomicBool::new(false),
            state: Mutex::default(),
        };
        Core { shared: Arc::new(shared) }
    }

    pub(super) fn downgrade(&self) -> WeakCore {
        WeakCore(Arc::downgrade(&self.shared))
    }

    /// Forgets what is still to come: the world is over. What was under way is dropped, even if it
    /// holds on to this core; so are the wakers, which hold the runtime, which holds what steps this core.
    pub(in crate::net) fn clear(&self) {
        loop {
            let (heap, wakers) = {
                let mut state = self.lock();
                let timers = state.timers.iter_mut().filter_map(|timer| timer.waker.take());
                let timers: Vec<Waker> = timers.collect();
                let (root, horizon) = (state.root.take(), state.horizon.take());
                (std::mem::take(&mut state.heap), (timers, root, horizon))
            };
            // Outside of the lock: whatever is dropped may look at the core once more.
            drop(wakers);
            if heap.is_empty() {
                return;
            }
        }
    }

    pub(in crate::net) fn now(&self) -> Time {
        Time::from_nanos(self.shared.now.load(Ordering::Relaxed))
    }

    /// The waker of the runtime's root; it is woken with every event, because a waker that went
    /// stale would otherwise leave the runtime parked for good.
    pub(in crate::net) fn set_root(&self, waker: &Waker) {
        self.lock().root = Some(waker.clone());
    }

    /// True once nothing can ever happen again.
    pub(in crate::net) fn deadlocked(&self) -> bool {
        self.shared.deadlocked.load(Ordering::Relaxed)
    }

    /// Takes the next event. Called by the runtime when it is idle.
    pub(in crate::net) fn step(&self) {
        let mut state = self.lock();
        let root = state.root.clone();
        let next = state.next_time();
        state.events += 1;
        let now = match state.hurries_after {
            Some(events) if state.events > events => self.now() + HURRY,
            _ => self.now(),
        };
        if let Some(waker) = state.pass_horizon(next) {
            if let (Some(horizon), Some(Stuck::Timeout)) = (&state.horizon, state.passed()) {
                self.set_now(horizon.at);
            }
            drop(state);
            waker.wake();
        } else if let Some(Reverse(entry)) = state.heap.pop() {
            self.set_now(entry.at.max(now));
            match entry.what {
                What::Timer(slot, _) => {
                    let timer = &mut state.timers[slot as usize];
                    timer.fired = true;
                    let waker = timer.waker.take();
                    drop(state);
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
                What::Due(flow) => {
                    drop(state);
                    flow.due(self, entry.at.max(now));
                }
            }
        } else {
            drop(state);
            self.shared.deadlocked.store(true, Ordering::Relaxed);
        }
        if let Some(root) = root {
            root.wake();
        }
    }

    /// Has `flow` looked at again at `at`.
    pub(super) fn schedule(&self, at: Time, flow: Arc<Flow>) {
        let at = at.max(self.now());
        self.lock().push(at, What::Due(flow));
    }

    /// A timer for `until`; it is set when it is first polled.
    pub(in crate::net) fn timer(&self, until: Time) -> Timer {
        Timer { core: self.clone(), until, slot: None }
    }

    /// Whether the horizon that was set at `at` has been reached; `waker` is woken when it is.
    pub(in crate::net) fn poll_horizon(&self, at: Time, waker: &Waker) -> Option<Stuck> {
        let mut state = self.lock();
        let horizon =
            state.horizon.get_or_insert_with(|| Horizon { at, waker: waker.clone(), passed: None });
        horizon.waker.clone_from(waker);
        horizon.passed
    }

    pub(in crate::net) fn clear_horizon(&self) {
        self.lock().horizon = None;
    }

    /// After so many events the horizon is reached, wherever it is, and the world hurries.
    pub(in crate::net) fn bound(&self, events_max: u64) {
        let mut state = self.lock();
        state.events_max = Some(events_max);
        state.hurries_after = Some(events_max);
    }

    /// After so many further events time passes with each.
    pub(in crate::net) fn hurry_after(&self, events: u64) {
        let mut state = self.lock();
        let at = state.events.saturating_add(events);
        state.hurries_after = Some(state.hurries_after.map_or(at, |before| before.min(at)));
    }

    fn set_now(&self, at: Time) {
        self.shared.now.store(at.as_nanos(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, at: Time, what: What) {
        let sequence = self.sequence;
        self.sequence += 1;
        self.heap.push(Reverse(Entry { at, sequence, what }));
    }

    /// The time of the next event, cancelled timers left out.
    fn next_time(&mut self) -> Option<Time> {
        while let Some(Reverse(entry)) = self.heap.peek() {
            match entry.what {
                What::Timer(slot, generation)
                    if self.timers[slot as usize].generation != generation =>
                {
                    self.cancelled = self.cancelled.saturating_sub(1);
                    self.heap.pop();
                }
                _ => return Some(entry.at),
            }
        }
        None
    }

    /// How the horizon was reached, if it was.
    fn passed(&self) -> Option<Stuck> {
        self.horizon.as_ref()?.passed
    }

    /// The waker of whoever waits at the horizon, if it is reached before `next`.
    fn pass_horizon(&mut self, next: Option<Time>) -> Option<Waker> {
        let horizon = self.horizon.as_mut()?;
        let stuck = match next {
            None => Stuck::Deadlock,
            Some(_) if self.events_max.is_some_and(|max| self.events > max) => Stuck::Endless,
            Some(at) if at > horizon.at => Stuck::Timeout,
            Some(_) => return None,
        };
        if horizon.passed.is_some() {
            return None;
        }
        horizon.passed = Some(stuck);
        Some(horizon.waker.clone())
    }

    fn set_timer(&mut self, at: Time, waker: Waker) -> (u32, u32) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.timers.push(TimerSlot::default());
            u32::try_from(self.timers.len() - 1).expect("fewer than 2^32 timers at once")
        });
        let timer = &mut self.timers[slot as usize];
        timer.waker = Some(waker);
        timer.fired = false;
        let generation = timer.generation;
        self.push(at, What::Timer(slot, generation));
        (slot, generation)
    }

    fn free_timer(&mut self, slot: u32) {
        let timer = &mut self.timers[slot as usize];
        timer.generation = timer.generation.wrapping_add(1);
        timer.waker = None;
        self.free.push(slot);
        if timer.fired {
            return;
        }
        self.cancelled += 1;
        if self.cancelled >= CANCELLED_MIN && self.cancelled * 2 > self.heap.len() {
            let timers = &self.timers;
            self.heap.retain(|Reverse(entry)| match entry.what {
                What::Timer(slot, generation) => timers[slot as usize].generation == generation,
                What::Due(_) => true,
            });
            self.cancelled = 0;
        }
    }
}

/// A pause in virtual time.
pub(in crate::net) struct Timer {
    core: Core,
    until: Time,
    slot: Option<u32>,
}

impl Timer {
    pub(in crate::net) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.core.lock();
        match self.slot {
            None if self.until <= self.core.now() => return Poll::Ready(()),
            None => {
                let (slot, _) = state.set_timer(self.until, cx.waker().clone());
                self.slot = Some(slot);
            }
            Some(slot) => {
                let timer = &mut state.timers[slot as usize];
                if timer.fired {
                    return Poll::Ready(());
                }
                match &mut timer.waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    none => *none = Some(cx.waker().clone()),
                }
            }
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.core.lock().free_timer(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::base::Rng;
    use crate::net::block_on_virtual;

    #[test]
    fn a_world_that_is_over_is_gone_with_its_runtime() {
        let (tell, told) = std::sync::mpsc::channel();
        let main = move |_, clock: crate::net::Clock| async move {
            let core = clock.core().expect("it is virtual");
            tell.send(core.downgrade()).expect("somebody waits");
            clock.sleep(std::time::Duration::from_secs(1)).await;
        };
        block_on_virtual(Rng::new(1), main).expect("no deadlock");
        assert!(told.recv().expect("it was told").upgrade().is_none());
    }
}
