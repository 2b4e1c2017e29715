//! The run's one clock. This file alone may read the wall clock.
#![expect(clippy::disallowed_methods, reason = "this file owns the wall clock")]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::precise::{Precise, PreciseSleep};
use super::virt::{Core, Timer};
use crate::base::Time;

/// The clock of a run: its `now` is the time since the run began. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Kind);

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
}

impl Clock {
    /// A wall clock that begins now. Pauses up to a second are precise to about a tenth of a
    /// millisecond on Linux; longer ones, and all elsewhere, to a millisecond or two.
    ///
    /// # Panics
    /// Outside a tokio runtime with its drivers.
    #[must_use]
    pub fn real() -> Clock {
        Clock(Kind::Real(tokio::time::Instant::now(), Precise::start()))
    }

    pub(super) fn of_core(core: Core) -> Clock {
        Clock(Kind::Virtual(core))
    }

    /// Now, in nanoseconds since the run began.
    #[must_use]
    pub fn now(&self) -> Time {
        match &self.0 {
            Kind::Real(start, _) => Time::ZERO + start.elapsed(),
            Kind::Virtual(core) => core.now(),
        }
    }

    /// True if this clock jumps.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        matches!(self.0, Kind::Virtual(_))
    }

    /// Completes at `until`, at once if that has passed.
    #[must_use]
    pub fn sleep_until(&self, until: Time) -> Sleep {
        Sleep(match &self.0 {
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
        })
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
        let Kind::Virtual(core) = &self.0 else {
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

/// A pause on a run's clock; see [`Clock::sleep`].
pub struct Sleep(SleepKind);

enum SleepKind {
    Real(Pin<Box<tokio::time::Sleep>>),
    Precise(PreciseSleep),
    Virtual(Timer),
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            SleepKind::Real(sleep) => sleep.as_mut().poll(cx),
            SleepKind::Precise(sleep) => sleep.poll(cx),
            SleepKind::Virtual(timer) => timer.poll(cx),
        }
    }
}
