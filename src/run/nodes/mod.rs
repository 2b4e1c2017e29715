//! The nodes of a run: how they start, and what becomes of them.
//!
//! ```text
//! up -crash-> down: connections reset, port closed and kept, memory lost -restart-> up, the same port
//! up -pause-> still: no task of it is polled, the kernel goes on         -resume--> up
//! ```
//!
//! A node is down because of one fault: who crashes what is down already does nothing. It may stand
//! still because of several, and goes on when all of them are over. A crash ends every pause.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::RunError;
use crate::base::{NodeId, Rng};
use crate::link::{Links, NodeState};
use crate::net::{Clock, Dial, Gate, Listener, NodeTime, Shutter, Tasks, Touch};
use crate::plan::Plan;
use crate::plan::fault::FaultKind;
use crate::scenario::Lookup;
use crate::scenario::model::{NodeHarm, ServerKind};
use crate::server::{self, Disk, Handler, Kept};
use crate::trace::{EventKind, Level, Recorder};

/// What texts of servers see: the scenario's variables and all addresses.
pub(super) type Scope = Arc<dyn Lookup + Send + Sync>;

/// The nodes of a run. Cheap to clone.
#[derive(Clone)]
pub(super) struct Nodes {
    shared: Arc<Shared>,
}

struct Shared {
    plan: Arc<Plan>,
    clock: Clock,
    recorder: Recorder,
    links: Links,
    servers: Tasks,
    clients: Tasks,
    scope: OnceLock<Scope>,
    nodes: Mutex<Vec<Node>>,
}

/// What a node is like now.
#[derive(Default)]
struct Node {
    /// The fault because of which it is down.
    down: Option<String>,
    /// Those because of which it stands still.
    still: Vec<String>,
    /// How often it has come back.
    restarts: u64,
    /// Closes the port of a server that is up.
    shutter: Option<Shutter>,
    /// What serves the connections of one that is up; gone with its tasks.
    handler: Option<Weak<dyn Handler>>,
    /// What is left of one that is down.
    kept: Option<Kept>,
    /// Its time, if that may go wrong.
    time: Option<NodeTime>,
    disk: Disk,
}

impl Nodes {
    pub(super) fn new(
        plan: Arc<Plan>,
        clock: Clock,
        recorder: Recorder,
        links: Links,
        (servers, clients): (Tasks, Tasks),
    ) -> Nodes {
        let nodes = Mutex::new(plan.nodes.iter().map(|_| Node::default()).collect());
        let scope = OnceLock::new();
        let shared = Shared { plan, clock, recorder, links, servers, clients, scope, nodes };
        Nodes { shared: Arc::new(shared) }
    }

    /// Starts all servers, each at its listener. `open` says that faults may come of which the plan knows
    /// nothing.
    pub(super) fn start(
        &self,
        listeners: Vec<(NodeId, Listener)>,
        scope: &Scope,
        open: bool,
    ) -> Result<(), RunError> {
        let _ = self.shared.scope.set(scope.clone());
        let touch = self.touch();
        let mut nodes = self.lock();
        for (node, state) in self.shared.plan.nodes.iter().zip(nodes.iter_mut()) {
            let wrong = open || self.time_may_go_wrong(node.id);
            state.time = wrong.then(|| NodeTime::new(touch.clone()));
            state.disk = Disk::new(touch.clone());
        }
        for (node, listener) in listeners {
            self.serve(node, &mut nodes[node.index()], listener, scope)?;
        }
        Ok(())
    }

    /// Counts what faults touch while they are in force.
    fn touch(&self) -> Touch {
        let faults = self.shared.links.faults().clone();
        Arc::new(move |fault| faults.touch(fault))
    }

    /// True if the plan has a fault that makes the node slow, or its clock wrong. Others have the run's own
    /// clock, so that it costs them nothing.
    fn time_may_go_wrong(&self, node: NodeId) -> bool {
        self.shared.plan.faults.iter().any(|fault| match &fault.kind {
            FaultKind::Node { nodes, harm: NodeHarm::Slow { .. } | NodeHarm::Skew { .. } } => {
                nodes.contains(&node)
            }
            _ => false,
        })
    }

    /// The clock as a node has it.
    pub(super) fn clock(&self, node: NodeId) -> Clock {
        let nodes = self.lock();
        let time = nodes.get(node.index()).and_then(|node| node.time.as_ref());
        clock_of(&self.shared.clock, time)
    }

    /// Where the tasks of a client wait while it stands still.
    pub(super) fn gate(&self, node: NodeId) -> Gate {
        self.tasks(node).gate(node)
    }

    /// Lets a server do its work.
    fn serve(
        &self,
        id: NodeId,
        node: &mut Node,
        listener: Listener,
        scope: &Scope,
    ) -> Result<(), RunError> {
        let shared = &self.shared;
        let Some(server) = shared.plan.server(id) else { return Ok(()) };
        node.shutter = Some(listener.shutter());
        if matches!(server.kind, ServerKind::Closed) {
            // Keeps the port free of others until the run is over.
            let stop = shared.servers.stop_token().clone();
            shared.servers.spawn(id, async move {
                stop.cancelled().await;
                drop(listener);
            });
            return Ok(());
        }
        let name: Arc<str> = server.name.value.as_str().into();
        let draws = match node.restarts {
            0 => format!("server:{name}"),
            restarts => format!("server:{name}:restart:{restarts}"),
        };
        let context = server::Context {
            node: id,
            rng: Rng::new(shared.plan.seed).fork(&draws),
            name: name.clone(),
            clock: clock_of(&shared.clock, node.time.as_ref()),
            disk: node.disk.clone(),
            recorder: shared.recorder.clone(),
            tasks: shared.servers.clone(),
            dial: Arc::new(shared.links.clone()) as Arc<dyn Dial>,
            vars: scope.clone(),
        };
        let handler = server::handler(server, &shared.plan, &context, node.kept.take())
            .map_err(RunError::Server)?;
        node.handler = Some(Arc::downgrade(&handler));
        let span = tracing::info_span!(target: "looplab::node", "node", node = %name);
        let accepting =
            server::accept_loop(listener, handler, context, server::connections_max(server));
        shared.servers.spawn(id, tracing::Instrument::instrument(accepting, span));
        Ok(())
    }

    // ---- what faults do -----------------------------------------------------------------------

    /// A fault begins on a node; one that is in force on it already goes on.
    pub(super) fn harm(&self, node: NodeId, harm: NodeHarm, fault: &str) {
        match harm {
            NodeHarm::Crash => self.crash(node, fault),
            NodeHarm::Pause => self.pause(node, fault),
            NodeHarm::Slow { times, plus } => {
                self.with_time(node, |time| time.slow(fault, times, plus));
            }
            NodeHarm::Skew { ahead_ns, rate } => {
                let now = self.shared.clock.now();
                self.with_time(node, |time| time.skew(fault, now, ahead_ns, rate));
                self.shared.links.faults().touch(fault);
            }
            NodeHarm::DiskFull => {
                self.lock().get(node.index()).into_iter().for_each(|node| node.disk.fill(fault));
            }
        }
    }

    /// A fault on a node is over.
    pub(super) fn lift(&self, node: NodeId, harm: NodeHarm, fault: &str) {
        match harm {
            NodeHarm::Crash if self.down_by(node).as_deref() == Some(fault) => self.restart(node),
            NodeHarm::Crash => {}
            NodeHarm::Pause => self.go_on(node, |by| by == fault),
            NodeHarm::Slow { .. } | NodeHarm::Skew { .. } => {
                self.with_time(node, |time| time.lift(fault));
            }
            NodeHarm::DiskFull => {
                self.lock().get(node.index()).into_iter().for_each(|node| node.disk.free(fault));
            }
        }
    }

    fn with_time(&self, node: NodeId, act: impl FnOnce(&NodeTime)) {
        let time = self.lock().get(node.index()).and_then(|node| node.time.clone());
        if let Some(time) = &time {
            act(time);
        }
    }

    /// True if the fault keeps another node than this one down, or still.
    pub(super) fn others_harmed(&self, node: NodeId, fault: &str) -> bool {
        let nodes = self.lock();
        let harmed = |other: &Node| {
            other.down.as_deref() == Some(fault) || other.still.iter().any(|by| by == fault)
        };
        nodes.iter().enumerate().any(|(index, other)| index != node.index() && harmed(other))
    }

    /// The fault because of which a node is down.
    pub(super) fn down_by(&self, node: NodeId) -> Option<String> {
        self.lock().get(node.index())?.down.clone()
    }

    /// The faults because of which a node stands still.
    pub(super) fn paused_by(&self, node: NodeId) -> Vec<String> {
        self.lock().get(node.index()).map(|node| node.still.clone()).unwrap_or_default()
    }

    /// True for a server that is up.
    pub(super) fn can_crash(&self, node: NodeId) -> bool {
        let server = self.shared.plan.server(node).is_some();
        server && self.lock().get(node.index()).is_some_and(|node| node.down.is_none())
    }

    /// True for a node that is up and goes.
    pub(super) fn can_pause(&self, node: NodeId) -> bool {
        let nodes = self.lock();
        nodes.get(node.index()).is_some_and(|node| node.down.is_none() && node.still.is_empty())
    }

    fn crash(&self, id: NodeId, fault: &str) {
        let shared = &self.shared;
        let mut nodes = self.lock();
        if shared.plan.server(id).is_none() {
            return;
        }
        let Some(node) = nodes.get_mut(id.index()) else { return };
        if node.down.is_some() {
            return;
        }
        node.down = Some(fault.to_owned());
        node.still.clear();
        let faults = shared.links.faults();
        faults.touch(fault);
        let (text, by) = ("killed".to_owned(), Some(fault.to_owned()));
        self.record(EventKind::Crash { node: id, text, fault: by });
        let gate = shared.servers.gate(id);
        gate.shut();
        if let Some(shutter) = node.shutter.take() {
            shutter.shut();
        }
        // Its connections before its tasks, so that nothing is seen of what these do when they are dropped.
        faults.node(id, NodeState::Crashed);
        let handler = node.handler.take().and_then(|handler| handler.upgrade());
        node.kept = handler.and_then(|handler| handler.keep());
        shared.servers.abort_node(id);
        gate.open();
    }

    /// Brings a node back that is down.
    pub(super) fn restart(&self, id: NodeId) {
        let shared = &self.shared;
        let mut nodes = self.lock();
        let Some(node) = nodes.get_mut(id.index()) else { return };
        if node.down.is_none() {
            return;
        }
        let Some(scope) = shared.scope.get() else { return };
        let listener = match shared.links.reopen(id) {
            Ok(listener) => listener,
            Err(error) => {
                let text = format!("it cannot come back, for its port cannot be opened: {error}");
                return self.record(EventKind::Log { node: Some(id), level: Level::Error, text });
            }
        };
        node.down = None;
        node.restarts += 1;
        shared.links.faults().node(id, NodeState::Up);
        self.record(EventKind::Restart { node: id });
        shared.links.tell_listen(id, listener.local_addr());
        if let Err(error) = self.serve(id, node, listener, scope) {
            let text = format!("it cannot come back: {error}");
            self.record(EventKind::Log { node: Some(id), level: Level::Error, text });
        }
    }

    fn pause(&self, id: NodeId, fault: &str) {
        let shared = &self.shared;
        let mut nodes = self.lock();
        let Some(node) = nodes.get_mut(id.index()) else { return };
        if node.down.is_some() || node.still.iter().any(|by| by == fault) {
            return;
        }
        node.still.push(fault.to_owned());
        shared.links.faults().touch(fault);
        if node.still.len() == 1 {
            self.tasks(id).gate(id).shut();
            self.record(EventKind::Pause { node: id });
            shared.links.faults().node(id, NodeState::Paused);
        }
    }

    /// Lets a node go on, whatever it stands still for.
    pub(super) fn resume(&self, node: NodeId) {
        self.go_on(node, |_| true);
    }

    /// Lets a node go on, if these were the last faults because of which it stands still.
    fn go_on(&self, id: NodeId, over: impl Fn(&str) -> bool) {
        let mut nodes = self.lock();
        let Some(node) = nodes.get_mut(id.index()) else { return };
        let still = !node.still.is_empty();
        node.still.retain(|by| !over(by));
        if still && node.still.is_empty() {
            self.record(EventKind::Resume { node: id });
            self.shared.links.faults().node(id, NodeState::Up);
            self.tasks(id).gate(id).open();
        }
    }

    /// The run is over: those that stand still are dropped where they are, for nobody waits for them.
    pub(super) fn finish(&self) {
        let nodes = self.lock();
        for (node, state) in self.shared.plan.nodes.iter().zip(nodes.iter()) {
            if !state.still.is_empty() {
                self.tasks(node.id).abort_node(node.id);
            }
        }
    }

    fn tasks(&self, node: NodeId) -> &Tasks {
        match self.shared.plan.server(node) {
            Some(_) => &self.shared.servers,
            None => &self.shared.clients,
        }
    }

    fn record(&self, kind: EventKind) {
        self.shared.recorder.record(self.shared.clock.now(), kind);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Node>> {
        self.shared.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn clock_of(clock: &Clock, time: Option<&NodeTime>) -> Clock {
    time.map_or_else(|| clock.clone(), |time| clock.of_node(time.clone()))
}
