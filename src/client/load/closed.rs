//! The closed loop: users who wait for their replies.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Iteration, Ongoing, resume};
use crate::base::Distribution;
use crate::client::pool::Lane;

/// How long an iteration takes at least on a clock that jumps.
const ITERATION_MIN: Duration = Duration::from_micros(1);

/// Lets all users begin, and waits until the last one is done.
pub(super) async fn run(
    ongoing: &Arc<Ongoing>,
    users: u32,
    iterations: Option<u64>,
    think: Option<Distribution>,
) {
    let mut tasks: JoinSet<()> = JoinSet::new();
    for user in 1..=users {
        let gate = &ongoing.shared.context.gate;
        tasks.spawn(gate.guard(one(ongoing.clone(), user, iterations, think)));
    }
    while let Some(joined) = tasks.join_next().await {
        resume(joined);
    }
}

/// One user, who keeps his connections.
async fn one(
    ongoing: Arc<Ongoing>,
    user: u32,
    iterations: Option<u64>,
    think: Option<Distribution>,
) {
    let clock = &ongoing.shared.context.clock;
    let mut rng = ongoing.rng(&format!("load:user:{user}"));
    let mut lane = Lane::default();
    let mut done = 0;
    loop {
        let intended = clock.now();
        if intended >= ongoing.end || iterations.is_some_and(|most| done >= most) {
            break;
        }
        done += 1;
        let number = ongoing.tally.started();
        let one = Iteration { number, intended, rng: rng.split() };
        lane = ongoing.iterate(one, lane).await;
        let pause = think.map(|think| think.sample(&mut rng));
        match pause {
            Some(pause) => clock.sleep(pause).await,
            // Steps that never wait must neither stop a clock that jumps, nor keep other users
            // from their turn.
            None if clock.is_virtual() && clock.now() == intended => {
                clock.sleep(ITERATION_MIN).await;
            }
            None => tokio::task::yield_now().await,
        }
    }
    lane.give_back(&ongoing.shared.pool);
}
