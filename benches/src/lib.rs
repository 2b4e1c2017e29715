//! What several benchmarks share.

use rustix::time::{ClockId, clock_gettime};

/// The processor time that some work takes, in seconds, by that clock: of this thread, or of the whole process.
pub fn processor_seconds(clock: ClockId, work: impl FnOnce()) -> f64 {
    let now = || {
        let time = clock_gettime(clock);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let began = now();
    work();
    now() - began
}

/// The one in the middle.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
