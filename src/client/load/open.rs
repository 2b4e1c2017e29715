//! The open loop: arrivals that wait for nobody.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Iteration, Ongoing, resume};
use crate::base::{Rng, Time};
use crate::client::pool::Lane;

/// Lets iterations arrive until the load's end, and waits until the last one is done.
pub(super) async fn run(ongoing: &Arc<Ongoing>, rate_per_s: f64, poisson: bool, in_flight: u32) {
    let clock = &ongoing.shared.context.clock;
    let mut arrivals = Arrivals {
        began: ongoing.began,
        rate_per_s,
        rng: poisson.then(|| ongoing.rng("load:arrivals")),
        count: 0,
        at_s: 0.0,
    };
    let mut seeds = ongoing.rng("load:iterations");
    let in_flight_max = usize::try_from(in_flight).unwrap_or(usize::MAX);
    let mut tasks: JoinSet<()> = JoinSet::new();
    loop {
        let intended = arrivals.next();
        if intended >= ongoing.end {
            break;
        }
        let mut sleep = clock.sleep_until(intended);
        loop {
            tokio::select! {
                biased;
                Some(joined) = tasks.join_next() => resume(joined),
                () = &mut sleep => break,
            }
        }
        if tasks.len() >= in_flight_max {
            ongoing.tally.shed();
            continue;
        }
        let number = ongoing.tally.started();
        let one = Iteration { number, intended, rng: seeds.split() };
        let ongoing = ongoing.clone();
        let gate = ongoing.shared.context.gate.clone();
        tasks.spawn(gate.guard(async move {
            let mut lane = ongoing.iterate(one, Lane::default()).await;
            lane.give_back(&ongoing.shared.pool);
        }));
    }
    while let Some(joined) = tasks.join_next().await {
        resume(joined);
    }
}

/// When iterations arrive.
struct Arrivals {
    began: Time,
    rate_per_s: f64,
    /// For gaps drawn from the exponential distribution; without it they are all alike.
    rng: Option<Rng>,
    /// How many there were.
    count: u64,
    at_s: f64,
}

impl Arrivals {
    fn next(&mut self) -> Time {
        match &mut self.rng {
            Some(rng) => self.at_s += rng.exponential(1.0 / self.rate_per_s),
            None => {
                #[expect(clippy::cast_precision_loss, reason = "2^53 arrivals take 28 years")]
                let count = self.count as f64;
                self.at_s = count / self.rate_per_s;
            }
        }
        self.count += 1;
        self.began + Duration::try_from_secs_f64(self.at_s).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(rate_per_s: f64, rng: Option<Rng>) -> Arrivals {
        Arrivals { began: Time::from_nanos(7), rate_per_s, rng, count: 0, at_s: 0.0 }
    }

    #[test]
    fn even_arrivals_do_not_drift() {
        let mut arrivals = arrivals(3.0, None);
        assert_eq!(arrivals.next(), Time::from_nanos(7));
        for _ in 1..3_000 {
            arrivals.next();
        }
        assert_eq!(arrivals.next(), Time::from_nanos(1_000_000_000_007));
    }

    #[test]
    fn poisson_arrivals_keep_their_rate() {
        let mut arrivals = arrivals(100.0, Some(Rng::new(3)));
        let times: Vec<Time> = (0..10_000).map(|_| arrivals.next()).collect();
        assert!(times.is_sorted());
        let seconds = times[9_999].since(Time::ZERO).as_secs_f64();
        assert!((seconds - 100.0).abs() < 5.0, "{seconds}");
    }
}
