//! The director: lets faults loose, and ends them, when the scenario, a client's step or somebody from
//! outside says so.
//!
//! ```text
//! plan.timeline: at -> agenda (time, order) ---\
//!                on -> Faults::arm .. fired ----+-> perform(act): Faults (links, cuts) | Nodes (crash, pause, ...)
//! clients' steps (Stage), Control --------------/      \-> a fault that lasts: its end into the agenda
//! ```
//!
//! Times count from the moment all servers can be reached, when the clients begin, in `up` as in a run.
//! What is due at once is done ends first, then in the order of the file. A run is not kept alive by
//! what is still to come; but it is not stuck either while something is.
//!
//! A fault on what travels begins with the very message that lets it loose. One on nodes is the director's to
//! begin: in virtual time at the moment at which the message leaves, on real sockets as soon as it can be,
//! which may be after a message without latency has arrived.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::nodes::Nodes;
use crate::base::{Diagnostics, NodeId, Time};
use crate::link::{FIRINGS_MAX, Faults, Fired, NodeState};
use crate::net::Clock;
use crate::plan::Plan;
use crate::plan::fault::{Act, Fault, FaultKind, Stage, When};
use crate::scenario::model::NodeHarm;

/// Directs the faults of a run. Cheap to clone.
#[derive(Clone)]
pub(super) struct Director {
    shared: Arc<Shared>,
}

struct Shared {
    plan: Arc<Plan>,
    clock: Clock,
    faults: Faults,
    nodes: Nodes,
    state: Mutex<State>,
    /// Something has been put on the agenda.
    changed: Notify,
}

#[derive(Default)]
struct State {
    agenda: BTreeMap<Due, Job>,
    next: u64,
    /// When the faults end that last for a while.
    ends: BTreeMap<String, Due>,
    /// Those on nodes that are in force.
    harming: BTreeMap<String, Arc<Fault>>,
    /// Those that were made while the run went on.
    made: Vec<Arc<Fault>>,
}

impl State {
    fn has_made(&self, name: &str) -> bool {
        self.made.iter().any(|fault| fault.name == name)
    }
}

/// How many triggers may fire one after the other before others have their turn.
const CHAIN_MAX: u64 = 64;

/// When something is to be done, and what of several things comes first.
type Due = (Time, Turn, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    End,
    Act,
}

#[derive(Debug, Clone)]
enum Job {
    /// A fault's time is over.
    End(String),
    Act(Act),
}

impl Director {
    pub(super) fn new(plan: Arc<Plan>, clock: Clock, faults: Faults, nodes: Nodes) -> Director {
        let (state, changed) = (Mutex::default(), Notify::new());
        Director { shared: Arc::new(Shared { plan, clock, faults, nodes, state, changed }) }
    }

    /// All servers can be reached: what is to happen at the start happens, the rest is put on the agenda.
    pub(super) fn begin(&self) {
        let shared = &self.shared;
        shared.plan.faults.iter().for_each(|fault| shared.faults.know(fault));
        let now = shared.clock.now();
        for (number, moment) in shared.plan.timeline.iter().enumerate() {
            match &moment.when {
                When::At(after) => {
                    self.put(now + *after, Turn::Act, Job::Act(moment.act.clone()));
                }
                When::On { trigger, wait } => {
                    shared.faults.arm(number, trigger, by_trigger(&moment.act, *wait));
                }
            }
        }
        self.perform_due();
    }

    /// Does what is due when it is. To be polled for as long as the run goes on.
    pub(super) async fn run(&self) -> Infallible {
        let shared = &self.shared;
        let mut chain = 0;
        loop {
            let next = self.lock().agenda.keys().next().map(|due| due.0);
            let due = async {
                match next {
                    Some(at) => shared.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                fired = shared.faults.fired() => {
                    self.fired(&fired);
                    // What it does may fire the next one. Nobody else moves before the end of a chain, unless
                    // it is a long one.
                    chain += 1;
                    if chain % CHAIN_MAX == 0 {
                        tokio::task::yield_now().await;
                    }
                    continue;
                }
                () = shared.changed.notified() => {}
                () = due => self.perform_due(),
            }
            chain = 0;
        }
    }

    /// A trigger of the timeline has fired.
    fn fired(&self, fired: &Fired) {
        let Some(moment) = self.shared.plan.timeline.get(fired.number) else { return };
        let When::On { wait, .. } = &moment.when else { return };
        if fired.worn_out {
            let (line, _) = self.shared.plan.source.line_column(moment.span.start);
            self.shared.faults.warn(format!(
                "what the timeline says in line {line} has been let loose {FIRINGS_MAX} times by what the timeline does; \
                 it is not any more"
            ));
            return;
        }
        match by_trigger(&moment.act, *wait) {
            // It has begun already; what is left is its end.
            Some(fault) => self.begun(fault, fired.at),
            None if wait.is_zero() => self.perform(&moment.act),
            None => {
                self.put(fired.at + *wait, Turn::Act, Job::Act(moment.act.clone()));
            }
        }
    }

    fn perform_due(&self) {
        loop {
            let job = {
                let mut state = self.lock();
                let Some(first) = state.agenda.first_entry() else { return };
                if first.key().0 > self.shared.clock.now() {
                    return;
                }
                first.remove()
            };
            match job {
                Job::End(name) => {
                    self.end(&name);
                }
                Job::Act(act) => self.perform(&act),
            }
        }
    }

    fn put(&self, at: Time, turn: Turn, job: Job) -> Due {
        let mut state = self.lock();
        let due = (at, turn, state.next);
        state.next += 1;
        state.agenda.insert(due, job);
        drop(state);
        self.shared.changed.notify_one();
        due
    }

    /// Does it, at once.
    pub(super) fn perform(&self, act: &Act) {
        let faults = &self.shared.faults;
        match act {
            Act::Start(fault) => self.start(fault),
            Act::Heal(names) => {
                for name in self.names(names.as_deref()) {
                    self.end(&name);
                }
            }
            Act::Release(names) => {
                for name in self.names(names.as_deref()) {
                    faults.release(&name);
                }
            }
            Act::Restart(nodes) => nodes.iter().for_each(|node| {
                self.restart(*node);
            }),
            Act::Resume(nodes) => nodes.iter().for_each(|node| {
                self.resume(*node);
            }),
        }
    }

    /// These faults, or all that are in force.
    fn names(&self, names: Option<&[String]>) -> Vec<String> {
        if let Some(names) = names {
            return names.to_vec();
        }
        let status = self.shared.faults.status();
        status.into_iter().filter(|fault| fault.since.is_some()).map(|fault| fault.name).collect()
    }

    fn start(&self, fault: &Arc<Fault>) {
        let shared = &self.shared;
        shared.faults.start(fault);
        if let FaultKind::Node { nodes, harm } = &fault.kind {
            self.lock().harming.insert(fault.name.clone(), fault.clone());
            for node in nodes {
                shared.nodes.harm(*node, *harm, &fault.name);
            }
        }
        self.begun(fault, shared.clock.now());
    }

    /// Sees to the end of a fault that has begun; one that was to come is no more.
    fn begun(&self, fault: &Fault, at: Time) {
        self.forget_end(&fault.name);
        if let Some(lasts) = fault.lasts {
            let due = self.put(at + lasts, Turn::End, Job::End(fault.name.clone()));
            self.lock().ends.insert(fault.name.clone(), due);
        }
    }

    fn forget_end(&self, name: &str) {
        let mut state = self.lock();
        if let Some(due) = state.ends.remove(name) {
            state.agenda.remove(&due);
        }
    }

    /// Ends a fault; false if it was not in force.
    pub(super) fn end(&self, name: &str) -> bool {
        self.forget_end(name);
        let ended = self.shared.faults.end(name);
        let harming = self.lock().harming.remove(name);
        if let Some(fault) = harming
            && let FaultKind::Node { nodes, harm } = &fault.kind
        {
            nodes.iter().for_each(|node| self.shared.nodes.lift(*node, *harm, name));
        }
        ended
    }

    // ---- nodes by hand ------------------------------------------------------------------------

    /// Brings a node back; a fault that keeps no other node down is over. False if it is not down.
    pub(super) fn restart(&self, node: NodeId) -> bool {
        let nodes = &self.shared.nodes;
        let Some(fault) = nodes.down_by(node) else { return false };
        if !nodes.others_harmed(node, &fault) {
            self.end(&fault);
        }
        // Unless the end of the fault has brought it back already.
        nodes.restart(node);
        true
    }

    /// Waits until a node that was brought back is ready.
    pub(super) async fn settled(&self, node: NodeId) -> Result<(), String> {
        self.shared.nodes.settled(node).await
    }

    /// Lets a node go on; the faults that keep no other node still are over. False if it goes.
    pub(super) fn resume(&self, node: NodeId) -> bool {
        let nodes = &self.shared.nodes;
        let faults = nodes.paused_by(node);
        for fault in &faults {
            if !nodes.others_harmed(node, fault) {
                self.end(fault);
            }
        }
        nodes.resume(node);
        !faults.is_empty()
    }

    pub(super) fn state(&self, node: NodeId) -> NodeState {
        let nodes = &self.shared.nodes;
        match (nodes.down_by(node), nodes.paused_by(node).is_empty()) {
            (Some(_), _) => NodeState::Crashed,
            (None, false) => NodeState::Paused,
            (None, true) => NodeState::Up,
        }
    }

    /// Lets a node crash; false if it is down, or cannot.
    pub(super) fn crash(&self, node: NodeId) -> bool {
        self.shared.nodes.can_crash(node) && self.by_hand(node, NodeHarm::Crash, "crash")
    }

    /// Makes a node stand still; false if it does, or is down.
    pub(super) fn pause(&self, node: NodeId) -> bool {
        self.shared.nodes.can_pause(node) && self.by_hand(node, NodeHarm::Pause, "pause")
    }

    fn by_hand(&self, node: NodeId, harm: NodeHarm, verb: &str) -> bool {
        let name = self.shared.plan.node_name(node);
        let text = format!("{{ {verb}: {name} }}");
        let fault = self.made(&text).unwrap_or_else(|| {
            let name = self.free_name(&format!("{verb}.{name}"));
            let kind = FaultKind::Node { nodes: vec![node], harm };
            self.keep(Fault { name, span: None, text, kind, lasts: None })
        });
        self.start(&fault);
        true
    }

    /// The fault of that text that was made while the run went on, if there is one.
    fn made(&self, text: &str) -> Option<Arc<Fault>> {
        self.lock().made.iter().find(|fault| fault.text == text).cloned()
    }

    fn keep(&self, fault: Fault) -> Arc<Fault> {
        let fault = Arc::new(fault);
        self.lock().made.push(fault.clone());
        fault
    }

    /// `wanted`, or as much of it as nobody else is called.
    fn free_name(&self, wanted: &str) -> String {
        let known = self.shared.faults.status();
        let free = |name: &str| known.iter().all(|fault| fault.name != name);
        let mut numbered = (2_u64..).map(|number| format!("{wanted}.{number}"));
        if free(wanted) { Some(wanted.to_owned()) } else { numbered.find(|name| free(name)) }
            .unwrap_or_default()
    }

    /// The fault that `text` is, as it is typed or as in a scenario. It may be called what another was called
    /// that somebody made and that is over, but by its own choice only: names by verb and number are given
    /// once.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(super) fn fault(&self, text: &str) -> Result<Arc<Fault>, Diagnostics> {
        let shared = &self.shared;
        // Held until the name is known, so that nobody else is given it.
        let mut state = self.lock();
        let known = shared.faults.status();
        let taken = |name: &str| {
            let known = known.iter().find(|fault| fault.name == name);
            known.is_some_and(|fault| fault.since.is_some() || fault.span.is_some())
                || (name.contains('.') && (known.is_some() || state.has_made(name)))
        };
        let fault = Arc::new(shared.plan.typed_fault(text, &taken)?);
        state.made.retain(|made| made.name != fault.name);
        state.made.push(fault.clone());
        Ok(fault)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fault that a trigger lets loose by itself, so that the very message that fires it meets it. Those
/// on nodes, and those that come after a pause, are the director's.
fn by_trigger(act: &Act, wait: Duration) -> Option<&Arc<Fault>> {
    match act {
        Act::Start(fault) if wait.is_zero() && !matches!(fault.kind, FaultKind::Node { .. }) => {
            Some(fault)
        }
        _ => None,
    }
}

impl Stage for Director {
    fn act(&self, act: &Act) {
        self.perform(act);
    }

    fn step_done(&self, client: NodeId, step: Option<&str>) {
        self.shared.faults.step_done(client, step);
    }
}
