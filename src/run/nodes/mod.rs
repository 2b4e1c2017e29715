//! The nodes of a run: how they start, and what becomes of them.
//!
//! ```text
//! up -crash-> down: connections reset, port closed and kept, memory lost -restart-> up, the same port
//! up -pause-> still: no task of it is polled, the kernel goes on         -resume--> up
//! ```
//!
//! A node is down because of one fault: who crashes what is down already does nothing. It may stand
//! still because of several, and goes on when all of them are over. A crash ends every pause.

mod harm;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::sync::Notify;

use super::RunError;
use crate::base::NodeId;
use crate::exec::{self, Programs};
use crate::link::Links;
use crate::net::{Clock, Dial, Gate, Listener, NodeTime, Shutter, Tasks, Touch};
use crate::plan::Plan;
use crate::plan::fault::FaultKind;
use crate::scenario::Lookup;
use crate::scenario::model::{NodeHarm, ServerKind};
use crate::server::{self, Disk, Handler, Kept, Program};
use crate::trace::{EventKind, Recorder};

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
    programs: OnceLock<Programs>,
    nodes: Mutex<Vec<Node>>,
    /// A program that was started is ready, or never will be.
    settled: Notify,
}

/// What a node is like now.
#[derive(Default)]
struct Node {
    /// The fault because of which it is down.
    down: Option<String>,
    /// Those because of which it stands still.
    still: Vec<String>,
    /// Why it could not come back, as a clause, if it has not done so since.
    failed: Option<String>,
    /// How often it has come back.
    restarts: u64,
    /// The program that it is, if it is one that looplab did not write.
    program: Option<Arc<dyn Program>>,
    /// That program was started, and is not ready yet.
    starting: bool,
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
        let shared = Shared {
            plan,
            clock,
            recorder,
            links,
            servers,
            clients,
            scope: OnceLock::new(),
            programs: OnceLock::new(),
            nodes,
            settled: Notify::new(),
        };
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
        if matches!(server.kind, ServerKind::Closed) || server.kind.foreign().is_some() {
            // Keeps the port free of others until the run is over; whoever comes to a program's is led on
            // to it by the links.
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
            rng: shared.links.chance().fork(&draws),
            name: name.clone(),
            clock: clock_of(&shared.clock, node.time.as_ref()),
            disk: node.disk.clone(),
            recorder: shared.recorder.clone(),
            exposed: server::Exposed::default(),
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

    /// Says what program a server is that looplab did not write.
    pub(super) fn runs_as(&self, node: NodeId, program: Arc<dyn Program>) {
        if let Some(node) = self.lock().get_mut(node.index()) {
            node.program = Some(program);
        }
    }

    /// Says where the programs are found that nodes have started.
    pub(super) fn equip(&self, programs: Programs) {
        let _ = self.shared.programs.set(programs);
    }

    /// Why a node that could not come back could not, as a clause.
    pub(super) fn failure(&self) -> Option<String> {
        self.lock().iter().find_map(|node| node.failed.clone())
    }

    /// Waits until the program of a node is ready, if it was started.
    ///
    /// # Errors
    /// Why it could not come back, as a clause.
    pub(super) async fn settled(&self, id: NodeId) -> Result<(), String> {
        loop {
            let settled = self.shared.settled.notified();
            let mut settled = std::pin::pin!(settled);
            settled.as_mut().enable();
            match self.lock().get(id.index()) {
                Some(node) if node.starting => {}
                node => return node.and_then(|node| node.failed.clone()).map_or(Ok(()), Err),
            }
            settled.await;
        }
    }

    /// The run is over: those that stand still are dropped where they are, for nobody waits for them.
    pub(super) fn finish(&self) {
        let nodes = self.lock();
        for (node, state) in self.shared.plan.nodes.iter().zip(nodes.iter()) {
            if !state.still.is_empty() {
                self.tasks(node.id).abort_node(node.id);
                match &state.program {
                    Some(program) => program.kill(),
                    None => self.program(node.id).iter().for_each(exec::Program::kill),
                }
            }
        }
    }

    /// The program that a node has started, if it runs.
    fn program(&self, node: NodeId) -> Option<exec::Program> {
        self.shared.programs.get()?.of(node)
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
