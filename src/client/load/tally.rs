//! What is counted under load, in bounded memory.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::FAILURES_TOLD;
use crate::base::{NodeId, Span, Time};
use crate::trace::{LoadEvent, LoadLatency};

/// The longest latency that is told from longer ones, in microseconds: an hour.
const LATENCY_US_MAX: u64 = 3_600_000_000;

/// The figures of a load while it goes on.
#[derive(Default)]
pub(in crate::client) struct Tally {
    state: Mutex<State>,
}

struct State {
    started: u64,
    done: u64,
    failed: u64,
    shed: u64,
    forgiven: u64,
    failures_told: u64,
    /// In microseconds, from 1 to an hour, of three significant digits.
    latencies: Histogram<u64>,
}

impl Default for State {
    fn default() -> State {
        let latencies = Histogram::new_with_bounds(1, LATENCY_US_MAX, 3)
            .expect("the bounds and digits are ones that a histogram can have");
        State { started: 0, done: 0, failed: 0, shed: 0, forgiven: 0, failures_told: 0, latencies }
    }
}

impl Tally {
    /// An iteration begins. Returns its number, from 1.
    pub(super) fn started(&self) -> u64 {
        let mut state = self.lock();
        state.started += 1;
        state.started
    }

    /// An arrival was turned away.
    pub(super) fn shed(&self) {
        self.lock().shed += 1;
    }

    /// An iteration is over, `took` after it was meant to begin.
    pub(super) fn ended(&self, well: bool, took: Duration) {
        let mut state = self.lock();
        if well {
            state.done += 1;
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            state.latencies.saturating_record(micros.max(1));
        } else {
            state.failed += 1;
        }
    }

    /// Whether a step that has failed may have an event of its own; counts those that are forgiven, which
    /// do not take the place of the others.
    pub(in crate::client) fn may_tell_failure(&self, forgiven: bool) -> bool {
        let mut state = self.lock();
        if forgiven {
            state.forgiven += 1;
            return state.forgiven <= FAILURES_TOLD;
        }
        state.failures_told += 1;
        state.failures_told <= FAILURES_TOLD
    }

    /// The figures as the trace has them.
    pub(super) fn event(&self, client: NodeId, span: Span, began: Time) -> LoadEvent {
        let state = self.lock();
        let latencies = &state.latencies;
        let percentile =
            |percent: f64| Duration::from_micros(latencies.value_at_percentile(percent));
        let latency = (!latencies.is_empty()).then(|| LoadLatency {
            min: Duration::from_micros(latencies.min()),
            mean: mean(latencies),
            p50: percentile(50.0),
            p90: percentile(90.0),
            p95: percentile(95.0),
            p99: percentile(99.0),
            p999: percentile(99.9),
            max: Duration::from_micros(latencies.max()),
        });
        LoadEvent {
            client,
            span,
            began,
            started: state.started,
            done: state.done,
            failed: state.failed,
            forgiven: state.forgiven,
            shed: state.shed,
            latency,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The mean, to the microsecond.
fn mean(latencies: &Histogram<u64>) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a mean of values from 1 to an hour in microseconds"
    )]
    let micros = latencies.mean().round() as u64;
    Duration::from_micros(micros)
}
