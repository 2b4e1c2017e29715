//! The faults that are in force: what meets a message, a connection, a direction.
//!
//! ```text
//! run: start / end / release, node states -> Faults -> pipes: verdicts, blocks, resets
//! pipes, links: what is sent, who connects -> triggers -> fired, for the run's director
//! ```
//!
//! A fault takes effect at once and ends at once: whoever waits because of it is looked at again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::{NodeId, Span, Time};
use crate::net::Clock;
use crate::plan::fault::{Fault, Trigger};
use crate::trace::{EventKind, FaultEvent, FaultPhase, Recorder};

/// All faults of a run. Cheap to clone.
#[derive(Clone)]
pub struct Faults {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    recorder: Recorder,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: Vec<Known>,
}

struct Known {
    fault: Arc<Fault>,
    since: Option<Time>,
    touched: u64,
}

/// A fault, and what has come of it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// What it does, on one line.
    pub text: String,
    /// Its place in the scenario, if it has one.
    pub span: Option<Span>,
    /// Since when it is in force, if it is.
    pub since: Option<Time>,
    /// How many messages, connections or nodes it has touched.
    pub touched: u64,
}

/// What became of a node, as conditions and connections see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// It runs.
    Up,
    /// It is down: its connections are reset, what is under way to it is lost.
    Crashed,
    /// It stands still.
    Paused,
}

/// A trigger of the timeline has fired, or a fault has begun by a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// The number it was armed with.
    pub number: usize,
    /// When.
    pub at: Time,
}

impl Faults {
    /// No fault yet.
    #[must_use]
    pub fn new(clock: Clock, recorder: Recorder) -> Faults {
        Faults { shared: Arc::new(Shared { clock, recorder, state: Mutex::default() }) }
    }

    /// Makes a fault known without letting it loose, so that the end of the run tells of it in any case.
    pub fn know(&self, fault: &Arc<Fault>) {
        let mut state = self.lock();
        if !state.known.iter().any(|known| known.fault.name == fault.name) {
            state.known.push(Known { fault: fault.clone(), since: None, touched: 0 });
        }
    }

    /// Lets a fault loose; if it is in force already, it begins anew. One on nodes is only told and counted
    /// here.
    pub fn start(&self, fault: &Arc<Fault>) {
        self.know(fault);
        self.tell(&fault.name, FaultPhase::Start);
    }

    /// Ends a fault; false if it was not in force.
    pub fn end(&self, name: &str) -> bool {
        self.tell(name, FaultPhase::End);
        true
    }

    /// Lets go what a fault holds; the fault goes on.
    pub fn release(&self, _name: &str) {}

    /// Counts something that a fault on nodes touched.
    pub fn touch(&self, name: &str) {
        let mut state = self.lock();
        if let Some(known) = state.known.iter_mut().find(|known| known.fault.name == name) {
            known.touched += 1;
        }
    }

    /// Says what has become of a node.
    pub fn node(&self, _node: NodeId, _state: NodeState) {}

    /// Sets a trigger of the timeline, with the number that [`Faults::fired`] will say. With `fault`, it is
    /// let loose by the trigger itself, so that the very message that fires it meets it; `fired` tells all
    /// the same.
    pub fn arm(&self, _number: usize, _trigger: &Trigger, _fault: Option<&Arc<Fault>>) {}

    /// A step is done (`None`: all steps of the client), for triggers.
    pub fn step_done(&self, _client: NodeId, _step: Option<&str>) {}

    /// The next trigger that fires.
    pub async fn fired(&self) -> Fired {
        std::future::pending().await
    }

    /// All faults that are known, in the order in which they became so.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        let status = |known: &Known| Status {
            name: known.fault.name.clone(),
            text: known.fault.text.clone(),
            span: known.fault.span,
            since: known.since,
            touched: known.touched,
        };
        self.lock().known.iter().map(status).collect()
    }

    /// The run is over: every fault that has not ended ends, and those that never began are told.
    pub fn finish(&self) {
        for status in self.status() {
            self.tell(&status.name, FaultPhase::End);
        }
    }

    fn tell(&self, name: &str, phase: FaultPhase) {
        let event = {
            let state = self.lock();
            let known = state.known.iter().find(|known| known.fault.name == name);
            known.map(|known| FaultEvent {
                name: known.fault.name.clone(),
                phase,
                text: known.fault.text.clone(),
                span: known.fault.span,
                touched: known.touched,
            })
        };
        if let Some(event) = event {
            let kind = EventKind::Fault(Box::new(event));
            self.shared.recorder.record(self.shared.clock.now(), kind);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
