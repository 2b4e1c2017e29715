//! The board on which clients write what they have done, for those who wait for it.
//!
//! Whoever waits is woken in the order of waiting, so that a run of the virtual world goes the same
//! way every time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::plan::Plan;
use crate::scenario::model::After;

/// What the clients of a run have done: one for all of them.
///
/// `after: alice.wrote` waits until every instance of `alice` has done its step `wrote` once;
/// `after: alice` until every instance has ended in order. A client that ends without having done
/// the step never will, so whoever waits is told.
#[derive(Debug, Default)]
pub struct Progress {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    clients: BTreeMap<String, Track>,
    waiters: Vec<Waiter>,
}

/// What the instances of one client have done.
#[derive(Debug, Default)]
struct Track {
    instances: BTreeSet<u32>,
    steps: BTreeMap<String, BTreeSet<u32>>,
    ended: BTreeSet<u32>,
    failed: BTreeSet<u32>,
}

#[derive(Debug)]
struct Waiter {
    after: After,
    wake: oneshot::Sender<Result<(), Missed>>,
}

/// What was waited for will never happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed(
    /// Why, as a clause.
    pub String,
);

impl Progress {
    /// A board on which nothing has been done yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Progress {
        let mut clients: BTreeMap<String, Track> = BTreeMap::new();
        for instance in &plan.instances {
            let name = &plan.clients[instance.client].name.value;
            clients.entry(name.clone()).or_default().instances.insert(instance.number);
        }
        Progress { state: Mutex::new(State { clients, waiters: Vec::new() }) }
    }

    /// The instance `number` of `client` has done its step `step`; saying so again changes nothing.
    pub(super) fn done(&self, client: &str, number: u32, step: &str) {
        let mut state = self.lock();
        let Some(track) = state.clients.get_mut(client) else { return };
        let done = match track.steps.get_mut(step) {
            Some(done) => done,
            None => track.steps.entry(step.to_owned()).or_default(),
        };
        if done.insert(number) {
            state.wake(client);
        }
    }

    /// The instance `number` of `client` has ended, in order or not. The first word counts.
    pub(super) fn ended(&self, client: &str, number: u32, in_order: bool) {
        let mut state = self.lock();
        let Some(track) = state.clients.get_mut(client) else { return };
        if track.ended.insert(number) {
            if !in_order {
                track.failed.insert(number);
            }
            state.wake(client);
        }
    }

    /// Completes when what `after` names has happened.
    ///
    /// # Errors
    /// [`Missed`] as soon as it is certain that it never will.
    pub(super) async fn wait(&self, after: &After) -> Result<(), Missed> {
        let woken = {
            let mut state = self.lock();
            if let Some(verdict) = state.verdict(after) {
                return verdict;
            }
            let (wake, woken) = oneshot::channel();
            state.waiters.push(Waiter { after: after.clone(), wake });
            woken
        };
        // The board outlives whoever waits, and drops no waiter unanswered.
        woken.await.unwrap_or_else(|_| Err(Missed("the run is over".into())))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether what is waited for has happened, or never will.
    fn verdict(&self, after: &After) -> Option<Result<(), Missed>> {
        let name = &after.client;
        let Some(track) = self.clients.get(name) else {
            return Some(Err(Missed(format!("there is no client `{name}`"))));
        };
        if let Some(step) = &after.step {
            let none = BTreeSet::new();
            let done = track.steps.get(step).unwrap_or(&none);
            if track.instances.is_subset(done) {
                return Some(Ok(()));
            }
            let lost = !track.ended.is_subset(done);
            return lost.then(|| Err(Missed(format!("`{name}` ended without doing `{step}`"))));
        }
        if !track.failed.is_empty() {
            return Some(Err(Missed(format!("`{name}` did not get through its steps"))));
        }
        track.instances.is_subset(&track.ended).then_some(Ok(()))
    }

    /// Wakes those who wait for `client` and need not wait any longer, in the order of waiting.
    fn wake(&mut self, client: &str) {
        let mut waiting = Vec::with_capacity(self.waiters.len());
        for waiter in std::mem::take(&mut self.waiters) {
            let verdict =
                if waiter.after.client == client { self.verdict(&waiter.after) } else { None };
            match verdict {
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
