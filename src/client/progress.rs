//! The board on which clients write what they have done, for those who wait for it.
//!
//! Whoever waits is woken in the order of waiting, so that a run of the virtual world goes the same
//! way every time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::plan::Plan;
use crate::scenario::model::After;

type Verdict = Result<(), Missed>;

/// What the clients of a run have done: one for all of them.
///
/// `after: alice.wrote` waits until every instance of `alice` has done its step `wrote` once;
/// `after: alice` until every instance has ended in order. A client that ends without having done
/// the step never will, so whoever waits is told.
#[derive(Debug, Default)]
pub struct Progress {
    tracks: Mutex<BTreeMap<String, Track>>,
    /// How many unique numbers have been drawn.
    drawn: AtomicU64,
}

/// What the instances of one client have done, and who waits for it.
#[derive(Debug, Default)]
struct Track {
    instances: usize,
    steps: BTreeMap<String, BTreeSet<u32>>,
    ended: BTreeSet<u32>,
    failed: bool,
    waiters: Vec<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    /// The step; `None` for all of the client.
    step: Option<String>,
    wake: oneshot::Sender<Verdict>,
}

/// What was waited for will never happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missed(
    /// Why, as a clause.
    pub(super) String,
);

impl Progress {
    /// A board on which nothing has been done yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Progress {
        let mut tracks: BTreeMap<String, Track> = BTreeMap::new();
        for instance in plan.instances.iter() {
            let name = &plan.clients[instance.client].name.value;
            tracks.entry(name.clone()).or_default().instances += 1;
        }
        Progress { tracks: Mutex::new(tracks), drawn: AtomicU64::new(0) }
    }

    /// A number that was not drawn before in this run: 1, 2, 3 and so on.
    pub(super) fn unique(&self) -> u64 {
        self.drawn.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The instance `number` of `client` has done its step `step`; saying so again changes nothing.
    pub(super) fn done(&self, client: &str, number: u32, step: &str) {
        let mut tracks = self.lock();
        let Some(track) = tracks.get_mut(client) else { return };
        let done = match track.steps.get_mut(step) {
            Some(done) => done,
            None => track.steps.entry(step.to_owned()).or_default(),
        };
        if done.insert(number) && done.len() == track.instances {
            track.wake(|_, awaited| (awaited == Some(step)).then_some(Ok(())));
        }
    }

    /// The instance `number` of `client` has ended, in order or not. The first word counts.
    pub(super) fn ended(&self, client: &str, number: u32, in_order: bool) {
        let mut tracks = self.lock();
        let Some(track) = tracks.get_mut(client) else { return };
        if track.ended.insert(number) {
            track.failed |= !in_order;
            track.wake(|track, awaited| match awaited {
                Some(step) if track.has_done(step, number) => None,
                Some(step) => Some(Err(Missed::step(client, step))),
                None => track.end(client),
            });
        }
    }

    /// Completes when what `after` names has happened.
    ///
    /// # Errors
    /// [`Missed`] as soon as it is certain that it never will.
    pub(super) async fn wait(&self, after: &After) -> Result<(), Missed> {
        let woken = {
            let mut tracks = self.lock();
            let Some(track) = tracks.get_mut(&after.client) else {
                return Err(Missed(format!("there is no client `{}`", after.client)));
            };
            if let Some(verdict) = track.verdict(after) {
                return verdict;
            }
            let (wake, woken) = oneshot::channel();
            track.waiters.push(Waiter { step: after.step.clone(), wake });
            woken
        };
        // The board outlives whoever waits, and drops no waiter unanswered.
        woken.await.unwrap_or_else(|_| Err(Missed("the run is over".into())))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Track>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Missed {
    fn step(client: &str, step: &str) -> Missed {
        Missed(format!("`{client}` ended without doing `{step}`"))
    }
}

impl Track {
    fn has_done(&self, step: &str, number: u32) -> bool {
        self.steps.get(step).is_some_and(|done| done.contains(&number))
    }

    /// Whether what is waited for has happened, or never will.
    fn verdict(&self, after: &After) -> Option<Verdict> {
        let Some(step) = &after.step else { return self.end(&after.client) };
        if self.steps.get(step).is_some_and(|done| done.len() == self.instances) {
            return Some(Ok(()));
        }
        let lost = self.ended.iter().any(|number| !self.has_done(step, *number));
        lost.then(|| Err(Missed::step(&after.client, step)))
    }

    /// Whether the client has ended, with all instances and in order, or never will.
    fn end(&self, client: &str) -> Option<Verdict> {
        if self.failed {
            return Some(Err(Missed(format!("`{client}` did not get through its steps"))));
        }
        (self.ended.len() == self.instances).then_some(Ok(()))
    }

    /// Wakes those for whom `verdict` has an answer, in the order of waiting.
    fn wake(&mut self, verdict: impl Fn(&Track, Option<&str>) -> Option<Verdict>) {
        let mut waiting = Vec::new();
        for waiter in std::mem::take(&mut self.waiters) {
            match verdict(self, waiter.step.as_deref()) {
                // A waiter that has gone away needs no answer.
                Some(verdict) => drop(waiter.wake.send(verdict)),
                None => waiting.push(waiter),
            }
        }
        self.waiters = waiting;
    }
}

/// Says on the board that a client has ended: as a failure, unless it was said to be in order. So a
/// client that panics leaves nobody waiting.
pub(super) struct Ending<'a> {
    pub(super) progress: &'a Progress,
    pub(super) client: &'a str,
    pub(super) number: u32,
    pub(super) in_order: bool,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.progress.ended(self.client, self.number, self.in_order);
    }
}
