//! The time as one node has it: a clock that is wrong, a machine that is slow.
//!
//! ```text
//! skew:  shown = right + ahead + (rate - 1) * (time since it began)    the last one that began counts
//! slow:  a request that takes t takes t * times + plus                 all that were in force when it
//!                                                                      began, and still are, count
//! ```
//!
//! A node's clock does not show zero when the run begins but [`ORIGIN`], so that it can be behind from
//! the start. Whoever sleeps by it is woken when it is set, and looks again: a clock that jumps ahead
//! ends every pause that would have been over by then.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crate::base::Time;

/// What a node's clock shows when the run begins, if it is right: a hundred years.
pub(super) const ORIGIN: Time = Time::from_nanos(100 * 365 * 24 * 3600 * 1_000_000_000);

/// Told the name of a fault whenever it has touched something.
pub type Touch = Arc<dyn Fn(&str) + Send + Sync>;

/// The time as one node has it. Cheap to clone.
#[derive(Clone)]
pub struct NodeTime {
    shared: Arc<Shared>,
}

struct Shared {
    touch: Touch,
    /// Counts how often the clock was set.
    version: AtomicU64,
    slow: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    skews: Vec<(String, Skew)>,
    slows: Vec<(String, Slow)>,
    sleepers: BTreeMap<u64, Waker>,
    next: u64,
}

/// A clock that is wrong.
#[derive(Debug, Clone, Copy)]
struct Skew {
    since: Time,
    ahead_ns: i64,
    rate: f64,
}

/// What a machine does for one request.
pub(super) struct Work {
    given: Duration,
    /// What made the machine slow when it began.
    slows: Vec<(String, Slow)>,
}

/// A machine that is slow.
#[derive(Debug, Clone, Copy)]
struct Slow {
    times: f64,
    plus: Duration,
}

/// How often a moment is put right that rounding has led before its time.
const ROUNDINGS_MAX: usize = 64;

impl NodeTime {
    /// A clock that is right, on a machine at its best. `touch` is told of everything that takes longer.
    #[must_use]
    pub fn new(touch: Touch) -> NodeTime {
        let (version, slow) = (AtomicU64::new(0), AtomicBool::new(false));
        NodeTime { shared: Arc::new(Shared { touch, version, slow, state: Mutex::default() }) }
    }

    /// From `since`, which is now on the run's clock, the node's is `ahead_ns` ahead (or behind) and goes
    /// `rate` times as fast. It replaces what the same fault has said before.
    pub fn skew(&self, fault: &str, since: Time, ahead_ns: i64, rate: f64) {
        let skew = Skew { since, ahead_ns, rate };
        self.set(|state| {
            state.skews.retain(|(name, _)| name != fault);
            state.skews.push((fault.to_owned(), skew));
        });
    }

    /// From now on each request takes `times` as long, and `plus` besides.
    pub fn slow(&self, fault: &str, times: f64, plus: Duration) {
        let mut state = self.lock();
        state.slows.retain(|(name, _)| name != fault);
        state.slows.push((fault.to_owned(), Slow { times, plus }));
        self.shared.slow.store(true, Ordering::Release);
    }

    /// What a fault has said does not hold any more.
    pub fn lift(&self, fault: &str) {
        self.set(|state| {
            state.skews.retain(|(name, _)| name != fault);
            state.slows.retain(|(name, _)| name != fault);
            self.shared.slow.store(!state.slows.is_empty(), Ordering::Release);
        });
    }

    /// Sets the clock, and wakes all who sleep by it.
    fn set(&self, set: impl FnOnce(&mut State)) {
        let sleepers: Vec<Waker> = {
            let mut state = self.lock();
            set(&mut state);
            self.shared.version.fetch_add(1, Ordering::Release);
            state.sleepers.values().cloned().collect()
        };
        sleepers.into_iter().for_each(Waker::wake);
    }

    /// What the node's clock shows when the run's says `right`.
    pub(super) fn shown(&self, right: Time) -> Time {
        let mut shown = i128::from(ORIGIN.as_nanos()) + i128::from(right.as_nanos());
        if let Some((_, skew)) = self.lock().skews.last() {
            shown += i128::from(skew.ahead_ns);
            shown += scaled(right.since(skew.since), skew.rate - 1.0);
        }
        Time::from_nanos(u64::try_from(shown.max(0)).unwrap_or(u64::MAX))
    }

    /// When the node's clock will show `shown` or more, if nobody sets it until then. Rounding must not lead to
    /// a moment before: who sleeps until then would look, find that it is too soon, and look again for ever.
    pub(super) fn right(&self, shown: Time) -> Time {
        let mut right = self.nearly_right(shown);
        for _ in 0..ROUNDINGS_MAX {
            let shows = self.shown(right);
            if shows >= shown || right == Time::MAX {
                break;
            }
            right = right + shown.since(shows).max(Duration::from_nanos(1));
        }
        right
    }

    /// The same up to what rounding takes away.
    fn nearly_right(&self, shown: Time) -> Time {
        let mut right = i128::from(shown.as_nanos()) - i128::from(ORIGIN.as_nanos());
        if let Some((_, skew)) = self.lock().skews.last() {
            let since = i128::from(skew.since.as_nanos());
            let ahead = right - i128::from(skew.ahead_ns) - since;
            if ahead > 0 && skew.rate <= 0.0 {
                return Time::MAX;
            }
            let ahead = u64::try_from(ahead.max(0)).unwrap_or(u64::MAX);
            right = since + scaled(Duration::from_nanos(ahead), 1.0 / skew.rate);
        }
        Time::from_nanos(u64::try_from(right.max(0)).unwrap_or(u64::MAX))
    }

    /// A request begins that takes `given` on a machine at its best.
    pub(super) fn begin(&self, given: Duration) -> Work {
        if !self.is_slow() {
            return Work { given, slows: Vec::new() };
        }
        let work = Work { given, slows: self.lock().slows.clone() };
        if longer(given, work.slows.iter()) > given {
            work.slows.iter().for_each(|(name, _)| (self.shared.touch)(name));
        }
        work
    }

    /// How long it takes, by what is still in force of that which slowed it down when it began.
    pub(super) fn takes(&self, work: &Work) -> Duration {
        if work.slows.is_empty() {
            return work.given;
        }
        let state = self.lock();
        let holds = |name: &str| state.slows.iter().any(|(one, _)| one == name);
        longer(work.given, work.slows.iter().filter(|(name, _)| holds(name)))
    }

    pub(super) fn is_slow(&self) -> bool {
        self.shared.slow.load(Ordering::Acquire)
    }

    // ---- those who sleep ----------------------------------------------------------------------

    pub(super) fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }

    /// Has `waker` woken when the clock is set.
    pub(super) fn watch(&self, place: &mut Option<u64>, waker: &Waker) {
        let mut state = self.lock();
        let number = *place.get_or_insert_with(|| {
            state.next += 1;
            state.next
        });
        state.sleepers.insert(number, waker.clone());
    }

    pub(super) fn unwatch(&self, place: Option<u64>) {
        if let Some(place) = place {
            self.lock().sleepers.remove(&place);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn longer<'s>(
    given: Duration,
    slows: impl Iterator<Item = &'s (String, Slow)> + Clone,
) -> Duration {
    let times = slows.clone().fold(given, |takes, (_, slow)| {
        Duration::try_from_secs_f64(takes.as_secs_f64() * slow.times).unwrap_or(Duration::MAX)
    });
    slows.fold(times, |takes, (_, slow)| takes.saturating_add(slow.plus))
}

/// So many nanoseconds times `factor`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "exact to the nanosecond up to a hundred days, and saturating beyond"
)]
fn scaled(duration: Duration, factor: f64) -> i128 {
    i128::from((duration.as_nanos() as f64 * factor) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time() -> NodeTime {
        NodeTime::new(Arc::new(|_| {}))
    }

    const SECOND: Time = Time::from_nanos(1_000_000_000);

    #[test]
    fn a_clock_that_is_right_shows_the_runs_time_after_its_origin_and_back() {
        let time = time();
        assert_eq!(time.shown(SECOND), ORIGIN + Duration::from_secs(1));
        assert_eq!(time.right(time.shown(SECOND)), SECOND);
    }

    #[test]
    fn a_skewed_clock_shows_what_it_says_and_what_it_shows_leads_back() {
        for (ahead_s, rate) in
            [(0_i32, 1.0), (3600, 1.0), (-3600, 1.0), (0, 2.0), (5, 0.5), (-5, 1.5)]
        {
            let time = time();
            time.skew("skew.1", SECOND, i64::from(ahead_s) * 1_000_000_000, rate);
            let right = SECOND + Duration::from_secs(10);
            let shown = time.shown(right);
            let expected = 100.0 * 365.0 * 86400.0 + f64::from(ahead_s) + 1.0 + 10.0 * rate;
            assert_eq!(shown.since(Time::ZERO).as_secs_f64(), expected, "{ahead_s} {rate}");
            assert_eq!(time.right(shown), right, "{ahead_s} {rate}");
        }
    }

    #[test]
    fn who_sleeps_until_a_moment_does_not_wake_before_it() {
        for rate in [0.3, 0.5, 0.8, 1.2, 3.0, 5.0] {
            let time = time();
            time.skew("skew.1", Time::ZERO, 123_456_789, rate);
            for step in 0..2_000_u64 {
                let shown = time.shown(SECOND) + Duration::from_nanos(step * 7_919);
                assert!(time.shown(time.right(shown)) >= shown, "{rate} {step}");
            }
        }
    }

    #[test]
    fn the_last_skew_counts_and_when_it_is_over_the_one_before() {
        let time = time();
        time.skew("a", Time::ZERO, 1_000, 1.0);
        time.skew("b", Time::ZERO, -1_000, 1.0);
        assert_eq!(time.shown(SECOND), ORIGIN + Duration::from_nanos(999_999_000));
        time.lift("b");
        assert_eq!(time.shown(SECOND), ORIGIN + Duration::from_nanos(1_000_001_000));
        time.lift("a");
        assert_eq!(time.shown(SECOND), ORIGIN + Duration::from_secs(1));
    }

    #[test]
    fn what_takes_longer_touches_every_fault_that_makes_it_so() {
        let touched = Arc::new(Mutex::new(Vec::new()));
        let told = touched.clone();
        let time =
            NodeTime::new(Arc::new(move |fault| told.lock().unwrap().push(fault.to_owned())));
        let ms = Duration::from_millis;
        let takes = |given| time.takes(&time.begin(given));
        assert_eq!(takes(ms(10)), ms(10));
        time.slow("a", 2.0, ms(3));
        time.slow("b", 1.5, Duration::ZERO);
        assert_eq!(takes(ms(10)), ms(33));
        time.lift("a");
        assert_eq!(takes(Duration::ZERO), Duration::ZERO);
        assert_eq!(takes(ms(10)), ms(15));
        time.lift("b");
        assert_eq!(takes(ms(10)), ms(10));
        assert_eq!(*touched.lock().unwrap(), ["a", "b", "b"]);
    }

    #[test]
    fn what_began_slowly_is_done_sooner_when_that_is_over_and_not_later_when_something_begins() {
        let (time, ms) = (time(), Duration::from_millis);
        time.slow("a", 2.0, ms(3));
        let work = time.begin(ms(10));
        time.slow("b", 100.0, Duration::ZERO);
        assert_eq!(time.takes(&work), ms(23));
        time.lift("a");
        assert_eq!(time.takes(&work), ms(10));
    }
}
