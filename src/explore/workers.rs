//! The threads of a search: jobs by number, results in order.
//!
//! ```text
//! next number -> worker -> result ─┐
//! next number -> worker -> result ─┴─> held until all before it are there -> consumer
//! ```
//!
//! What is done for a number may depend on that number alone; so what the consumer sees is the same with any
//! number of threads. A worker is at most [`AHEAD_MAX`] numbers ahead of the consumer: memory is bounded.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// How many results may wait for one that takes long.
const AHEAD_MAX: u64 = 256;

/// Where the workers are.
#[derive(Default)]
struct Shared {
    gate: Mutex<Gate>,
    turn: Condvar,
    over: AtomicBool,
}

#[derive(Default)]
struct Gate {
    next: u64,
    consumed: u64,
}

/// Does `work` for 0, 1, 2, ... below `end` on `jobs` threads, and gives the results to `consume` in that order,
/// on this thread, until it says `false`. What was begun beyond that is thrown away.
pub(super) fn in_order<T: Send>(
    jobs: usize,
    end: u64,
    work: impl Fn(u64) -> T + Sync,
    mut consume: impl FnMut(u64, T) -> bool,
) {
    let shared = Shared::default();
    let (shared, work) = (&shared, &work);
    thread::scope(|scope| {
        let (send, results) = channel();
        for _ in 0..jobs.max(1) {
            let send = send.clone();
            scope.spawn(move || {
                while let Some(number) = shared.take(end) {
                    if send.send((number, work(number))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let mut waiting: BTreeMap<u64, T> = BTreeMap::new();
        let mut next = 0;
        'all: for (number, result) in &results {
            waiting.insert(number, result);
            while let Some(result) = waiting.remove(&next) {
                if !consume(next, result) {
                    break 'all;
                }
                next += 1;
                shared.consumed(next);
            }
        }
        shared.stop();
    });
}

impl Shared {
    /// The next number, when it is time for it.
    fn take(&self, end: u64) -> Option<u64> {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.over.load(Ordering::Relaxed) || gate.next >= end {
                return None;
            }
            if gate.next < gate.consumed + AHEAD_MAX {
                gate.next += 1;
                return Some(gate.next - 1);
            }
            gate = self.turn.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn consumed(&self, next: u64) {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner).consumed = next;
        self.turn.notify_all();
    }

    fn stop(&self) {
        let _gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.over.store(true, Ordering::Relaxed);
        self.turn.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squares(jobs: usize, end: u64, until: u64) -> Vec<(u64, u64)> {
        let mut seen = Vec::new();
        in_order(
            jobs,
            end,
            |number| number * number,
            |number, square| {
                seen.push((number, square));
                number < until
            },
        );
        seen
    }

    #[test]
    fn results_come_in_order_whatever_the_number_of_threads() {
        let expected: Vec<(u64, u64)> = (0..2_000).map(|n| (n, n * n)).collect();
        for jobs in [1, 2, 3, 8] {
            assert_eq!(squares(jobs, 2_000, u64::MAX), expected, "{jobs} jobs");
        }
    }

    #[test]
    fn whoever_has_seen_enough_is_given_no_more() {
        for jobs in [1, 2, 3] {
            assert_eq!(squares(jobs, u64::MAX, 10).last(), Some(&(10, 100)));
        }
        assert_eq!(squares(2, 0, 10), []);
    }
}
