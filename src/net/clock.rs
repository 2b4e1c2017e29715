//! The run's one clock. This file alone may read the wall clock.
#![expect(clippy::disallowed_methods, reason = "this file owns the wall clock")]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::node_time::{NodeTime, ORIGIN, Work};
use super::precise::{Precise, PreciseSleep};
use super::virt::{Core, Timer};
use crate::base::Time;

/// The clock of a run: its `now` is the time since the run began. Or that of one of its nodes, which may
/// be wrong. Cheap to clone.
#[derive(Clone)]
pub struct Clock {
    kind: Kind,
    /// Whose clock it is; `None` for the run's own, and for nodes whose clocks are never wrong.
    node: Option<NodeTime>,
}

#[derive(Clone)]
enum Kind {
    Real(tokio::time::Instant, Option<Precise>),
    Virtual(Core),
}

/// The time that [`Clock::timeout`] allowed has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

/// Why a future did not come to its end before the [horizon](Clock::horizon).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    /// The time has passed.
    Timeout,
    /// Nothing can ever happen again (known in virtual time only).
    Deadlock,
    /// More has happened than [`Clock::bound`] allows.
    Endless,
}

impl Clock {
    /// A wall clock that begins now. Pauses up to a second are precise to about a tenth of a
    /// millisecond on Linux; longer ones, and all elsewhere, to a millisecond or two.
    ///
    /// # Panics
    /// Outside a tokio runtime with its drivers.
    #[must_use]
    pub fn real() -> Clock {
        Clock { kind: Kind::Real(tokio::time::Instant::now(), Precise::start()), node: None }
    }

    pub(super) fn of_core(core: Core) -> Clock {
        Clock { kind: Kind::Virtual(core), node: None }
    }

    /// The core of the virtual world that it belongs to.
    #[cfg(test)]
    pub(super) fn core(&self) -> Option<&Core> {
        match &self.kind {
            Kind::Real(..) => None,
            Kind::Virtual(core) => Some(core),
        }
    }

    /// The same clock as a node has it.
    #[must_use]
    pub fn of_node(&self, node: NodeTime) -> Clock {
        Clock { kind: self.kind.clone(), node: Some(node) }
    }

    /// Now: since the run began if this is the run's clock, otherwise since [`Clock::origin`] as the node
    /// has it. What the trace is told is [`Clock::run_now`].
    #[must_use]
    pub fn now(&self) -> Time {
        match &self.node {
            None => self.run_now(),
            Some(node) => node.shown(self.run_now()),
        }
    }

    /// What this clock shows when the run begins, if it is right.
    #[must_use]
    pub fn origin(&self) -> Time {
        self.node.as_ref().map_or(Time::ZERO, |_| ORIGIN)
    }

    /// Now, in nanoseconds since the run began, whosever clock this is.
    #[must_use]
    pub fn run_now(&self) -> Time {
        match &self.kind {
            Kind::Real(start, _) => Time::ZERO + start.elapsed(),
            Kind::Virtual(core) => core.now(),
        }
    }

    /// True if this clock jumps.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        matches!(self.kind, Kind::Virtual(_))
    }

    /// What a request takes its server that takes `given` on a machine at its best; `None` if that is no
    /// time at all. It is done as soon as it would have been without a slowness that is over.
    #[must_use]
    pub fn work(&self, given: Duration) -> Option<Sleep> {
        let Some(node) = &self.node else {
            return (!given.is_zero()).then(|| self.sleep(given));
        };
        let work = node.begin(given);
        let takes = node.takes(&work);
        (!takes.is_zero()).then(|| self.sleep_by(node, Until::Done(self.now(), work)))
    }

    /// True while each request takes longer.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.node.as_ref().is_some_and(NodeTime::is_slow)
    }

    /// Completes at `until`, at once if that has passed.
    #[must_use]
    pub fn sleep_until(&self, until: Time) -> Sleep {
        match &self.node {
            None => Sleep { timer: self.timer(until), node: None },
            Some(node) => self.sleep_by(node, Until::At(until)),
        }
    }

    fn sleep_by(&self, node: &NodeTime, until: Until) -> Sleep {
        let (version, at) = (node.version(), until.right(node));
        let by = SleepBy { clock: self.clone(), until, version, place: None };
        Sleep { timer: self.timer(at), node: Some(Box::new(by)) }
    }

    /// What fires when the run's clock says `until`.
    fn timer(&self, until: Time) -> SleepKind {
        match &self.kind {
            Kind::Real(start, precise) => {
                let at = *start + until.since(Time::ZERO).min(FAR);
                match precise {
                    Some(precise) if at.duration_since(tokio::time::Instant::now()) <= SHORT => {
                        SleepKind::Precise(precise.until(at))
                    }
                    _ => SleepKind::Real(Box::pin(tokio::time::sleep_until(at))),
                }
            }
            Kind::Virtual(core) => SleepKind::Virtual(core.timer(until)),
        }
    }

    /// Completes after `duration`.
    #[must_use]
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// What `future` returns, unless it takes longer than `limit`.
    ///
    /// # Errors
    /// [`Elapsed`] if it does; the future is dropped.
    pub async fn timeout<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        let mut future = std::pin::pin!(future);
        let mut sleep: Option<Sleep> = None;
        std::future::poll_fn(move |cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            let sleep = sleep.get_or_insert_with(|| self.sleep(limit));
            Pin::new(sleep).poll(cx).map(|()| Err(Elapsed))
        })
        .await
    }
}

impl Clock {
    /// What `future` returns, unless it takes longer than `limit` or, in virtual time, nothing can
    /// ever happen again. One at a time.
    ///
    /// # Errors
    /// [`Stuck`], and the future is dropped.
    pub async fn horizon<F: Future>(&self, limit: Duration, future: F) -> Result<F::Output, Stuck> {
        let Kind::Virtual(core) = &self.kind else {
            return self.timeout(limit, future).await.map_err(|Elapsed| Stuck::Timeout);
        };
        let at = core.now() + limit;
        let mut future = std::pin::pin!(future);
        let output = std::future::poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            match core.poll_horizon(at, cx.waker()) {
                Some(stuck) => Poll::Ready(Err(stuck)),
                None => Poll::Pending,
            }
        })
        .await;
        core.clear_horizon();
        output
    }

    /// In virtual time: after so many events the [horizon](Clock::horizon) is reached, wherever it is.
    pub fn bound(&self, events_max: u64) {
        if let Kind::Virtual(core) = &self.kind {
            core.bound(events_max);
        }
    }

    /// In virtual time: after so many further events a millisecond passes with every event, so that a world in
    /// which things happen without end and without time passing comes to its end all the same.
    pub fn hurry_after(&self, events: u64) {
        if let Kind::Virtual(core) = &self.kind {
            core.hurry_after(events);
        }
    }
}

/// A pause up to this long is a precise one.
const SHORT: Duration = Duration::from_secs(1);

/// The farthest a wall-clock timer is set.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Time on the wall since it was started, whatever clock a run has: for telling people how long they
/// wait. Nothing in a run may depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Begins now.
    #[must_use]
    pub fn start() -> Stopwatch {
        Stopwatch(std::time::Instant::now())
    }

    /// How long ago it began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A pause on a run's clock, or a node's; see [`Clock::sleep`].
pub struct Sleep {
    timer: SleepKind,
    /// By which node's clock, if that may be set.
    node: Option<Box<SleepBy>>,
}

/// A pause by a clock that may be set meanwhile.
struct SleepBy {
    clock: Clock,
    until: Until,
    /// How often it had been set when the timer was.
    version: u64,
    place: Option<u64>,
}

/// The end of a pause by a node's clock.
enum Until {
    /// When it shows this.
    At(Time),
    /// When that is done which began when it showed this.
    Done(Time, Work),
}

impl Until {
    /// On the run's clock, as things are.
    fn right(&self, node: &NodeTime) -> Time {
        node.right(match self {
            Until::At(time) => *time,
            Until::Done(began, work) => *began + node.takes(work),
        })
    }
}

enum SleepKind {
    Real(Pin<Box<tokio::time::Sleep>>),
    Precise(PreciseSleep),
    Virtual(Timer),
}

impl SleepBy {
    /// Has the sleeper woken when the clock is set, and gives it another timer if it was.
    fn look(&mut self, cx: &Context<'_>) -> Option<SleepKind> {
        let node = self.clock.node.as_ref()?;
        node.watch(&mut self.place, cx.waker());
        let version = node.version();
        if version == self.version {
            return None;
        }
        self.version = version;
        Some(self.clock.timer(self.until.right(node)))
    }
}

impl Drop for SleepBy {
    fn drop(&mut self) {
        if let Some(node) = &self.clock.node {
            node.unwatch(self.place);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if let Some(timer) = this.node.as_mut().and_then(|node| node.look(cx)) {
            this.timer = timer;
        }
        match &mut this.timer {
            SleepKind::Real(sleep) => sleep.as_mut().poll(cx),
            SleepKind::Precise(sleep) => sleep.poll(cx),
            SleepKind::Virtual(timer) => timer.poll(cx),
        }
    }
}
