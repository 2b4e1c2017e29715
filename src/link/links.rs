//! All links of a run: who reaches whom, how, and under which number.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::faults::{Asking, Faults, Refusal};
use super::pace::{Paced, Pacing, Sending, Steering, seed_of};
use super::pipe::Pipe;
use super::wire::{Joint, Wire};
use crate::base::{ConnId, Direction, NodeId, Rng};
use crate::net::{Clock, Conduits, Dial, DialFuture, Listener, Net, Ports};
use crate::plan::{Plan, protocol_of};
use crate::protocol::{Protocol, Tap};
use crate::scenario::model::ServerKind;
use crate::trace::{EventKind, Recorder};

/// All links of a run. Cheap to clone.
#[derive(Clone)]
pub struct Links {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    pub(super) net: Net,
    pub(super) clock: Clock,
    pub(super) recorder: Recorder,
    /// The chance of latencies, and that of faults.
    latencies: Rng,
    rng: Rng,
    pacing: Option<Arc<Pacing>>,
    pub(super) names: Mutex<Arc<[String]>>,
    /// The connections that clients or strangers made, and those that servers made.
    callers: TaskTracker,
    servers: TaskTracker,
    faults: Faults,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) addresses: BTreeMap<NodeId, SocketAddr>,
    /// Where programs that looplab did not write listen.
    pub(super) foreign: BTreeMap<NodeId, SocketAddr>,
    /// Those of them that are down.
    pub(super) down: BTreeSet<NodeId>,
    pub(super) ports: BTreeMap<NodeId, Ports>,
    /// What led people through fronts that are closed, until it is gone.
    pub(super) closing: Vec<JoinHandle<()>>,
    /// How many connections each pair has had, so that each has draws of its own.
    connections: BTreeMap<(NodeId, NodeId), u64>,
}

impl Links {
    /// The links of `plan`, over `net`.
    #[must_use]
    pub fn new(plan: Arc<Plan>, net: Net, clock: Clock, recorder: Recorder) -> Links {
        let steering = Steering::default().of(&plan);
        Links::steered(plan, net, clock, recorder, &steering)
    }

    /// The same, with somebody who decides in place of chance.
    #[must_use]
    pub fn steered(
        plan: Arc<Plan>,
        net: Net,
        clock: Clock,
        recorder: Recorder,
        steering: &Steering,
    ) -> Links {
        let names = Mutex::new(plan.nodes.iter().map(|node| node.name.clone()).collect());
        let (latencies, rng) = (Rng::new(seed_of(&plan)), steering.chance(&plan));
        let pacing = steering.pace.clone().map(|pace| Arc::new(Pacing::new(pace)));
        let (callers, servers) = (TaskTracker::new(), TaskTracker::new());
        let state = Mutex::default();
        let faults = Faults::new(clock.clone(), recorder.clone());
        let shared = Shared {
            plan,
            net,
            clock,
            recorder,
            latencies,
            rng,
            pacing,
            names,
            callers,
            servers,
            faults,
            state,
        };
        Links { shared: Arc::new(shared) }
    }

    /// The faults that are in force on these links.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// The root of all chance of the run but that of latencies and ports.
    #[must_use]
    pub fn chance(&self) -> &Rng {
        &self.shared.rng
    }

    /// What the texts and predicates of faults see.
    pub fn set_scope(&self, scope: crate::plan::fault::Scope) {
        self.shared.faults.set_scope(scope);
    }

    /// Opens the port of a server, so that others can reach it, and its doors; they close when the
    /// listener is dropped. A server that listens again does so where it did before. Whoever comes to a
    /// program that looplab did not write is led on to it: nobody needs to accept there.
    ///
    /// # Errors
    /// What the kernel says: the port is taken, or not allowed.
    pub fn listen(&self, node: NodeId) -> io::Result<Listener> {
        let shared = &self.shared;
        let server = shared.plan.server(node).ok_or(io::ErrorKind::NotFound)?;
        let port = server.port.map(|port| port.value);
        let listener = if matches!(server.kind, ServerKind::Closed) {
            shared.net.closed_port(port)?
        } else {
            self.open(node, port)?
        };
        let address = listener.local_addr();
        self.lock().addresses.insert(node, address);
        self.tell_listen(node, address);
        Ok(listener)
    }

    /// Opens the ports of a server that was down again, the same ones: nobody else could have them.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn reopen(&self, node: NodeId) -> io::Result<Listener> {
        let shared = &self.shared;
        let server = shared.plan.server(node).ok_or(io::ErrorKind::NotFound)?;
        let port = self.address(node).map(|address| address.port());
        self.lock().down.remove(&node);
        match server.kind {
            ServerKind::Closed => shared.net.closed_port(port),
            _ => self.open(node, port),
        }
    }

    fn open(&self, node: NodeId, port: Option<u16>) -> io::Result<Listener> {
        let listener = self.ports(node).listen(port)?;
        if self.is_foreign(node) {
            tokio::spawn(self.clone().lead_all(node, listener.callers()));
        }
        Ok(listener)
    }

    /// Tells that a server can be reached.
    pub fn tell_listen(&self, node: NodeId, address: SocketAddr) {
        let shared = &self.shared;
        tracing::info!(target: "looplab::node", node = %self.node_name(node), %address, "listen");
        shared.recorder.record(shared.clock.now(), EventKind::Listen { node, address });
    }

    /// What is spoken with a server.
    #[must_use]
    pub fn protocol(&self, node: NodeId) -> Protocol {
        match self.shared.plan.server(node) {
            Some(server) => protocol_of(&server.kind),
            None => self.protocol_behind(node),
        }
    }

    /// Where a server listens, once it does.
    #[must_use]
    pub fn address(&self, node: NodeId) -> Option<SocketAddr> {
        self.lock().addresses.get(&node).copied()
    }

    /// Completes when no connection of a client is left. Servers may keep theirs to each other.
    pub async fn callers_gone(&self) {
        gone(&self.shared.callers).await;
    }

    /// Completes when no connection is left.
    pub async fn all_gone(&self) {
        gone(&self.shared.callers).await;
        gone(&self.shared.servers).await;
    }

    /// The number of the next connection of this pair.
    pub(super) fn number(&self, from: NodeId, to: NodeId) -> u64 {
        let mut state = self.lock();
        let count = state.connections.entry((from, to)).or_default();
        *count += 1;
        *count
    }

    /// What stands in the two directions of a connection.
    pub(super) fn wire(
        &self,
        conn: ConnId,
        from: NodeId,
        to: NodeId,
        number: u64,
    ) -> (Arc<Wire>, Conduits) {
        let shared = &self.shared;
        let plan = &shared.plan;
        let protocol = self.protocol(to);
        let names = self.names();
        let name = |node: NodeId| names.get(node.index()).map_or("outside", String::as_str);
        let (from_name, to_name) = (name(from), name(to));
        let mut tap = Tap::new(protocol, plan.trace.bytes_max);
        tap.remember(shared.faults.remembers());
        let token = match plan.server(from) {
            Some(_) => shared.servers.token(),
            None => shared.callers.token(),
        };
        let wire = Arc::new(Wire {
            conn,
            from,
            to,
            number,
            protocol,
            bytes_max: plan.trace.bytes_max,
            tap: Mutex::new(tap),
            recorder: shared.recorder.clone(),
            span: tracing::info_span!(
                target: "looplab::connection", "connection", conn = conn.0, from = from_name, to = to_name
            ),
            names: names.clone(),
            rng: shared.rng.clone(),
            faults: shared.faults.clone(),
            lanes: Default::default(),
            joint: Mutex::new(Joint::new(token)),
            broken_by: OnceLock::new(),
            crashes: [shared.faults.crashes(from), shared.faults.crashes(to)],
        });
        shared.faults.register(&wire);
        let latency = plan.latency(from, to);
        let pipe = |direction: Direction| {
            let name = format!("link:{from_name}->{to_name}:{}:{number}", direction.as_str());
            let (sender, receiver) = (wire.sender(direction), wire.receiver(direction));
            let pacing = shared.pacing.as_ref();
            let paced = pacing.map(|pacing| Paced::new(pacing, sender, receiver));
            let draws = shared.latencies.fork(&name);
            Box::new(Pipe::new(wire.clone(), direction, latency, draws, paced))
        };
        let (request, response) = (pipe(Direction::Request), pipe(Direction::Response));
        (wire, Conduits { request, response })
    }

    fn asking(&self, conn: ConnId, from: NodeId, to: NodeId, number: u64) -> Asking {
        let shared = &self.shared;
        let link =
            format!("link:{}->{}:connect:{number}", self.node_name(from), self.node_name(to));
        Asking { conn, from, to, link, rng: shared.rng.clone() }
    }

    /// The fault that refuses a connection that the system has accepted already, if one does.
    pub(super) fn refusal(
        &self,
        conn: ConnId,
        from: NodeId,
        to: NodeId,
        number: u64,
    ) -> Option<Arc<str>> {
        let faults = &self.shared.faults;
        if faults.is_awake() { faults.refuses(&self.asking(conn, from, to, number)) } else { None }
    }

    /// Waits as long as faults let a connection wait that is asked for.
    ///
    /// # Errors
    /// The fault that refuses it; none if the node is down.
    pub(super) async fn admit(
        &self,
        conn: ConnId,
        from: NodeId,
        to: NodeId,
        number: u64,
    ) -> Result<(), Refusal> {
        let faults = &self.shared.faults;
        if !faults.is_awake() {
            return Ok(());
        }
        faults.admit(self.asking(conn, from, to, number)).await
    }

    async fn connect(self, from: NodeId, to: NodeId) -> io::Result<crate::net::Stream> {
        let shared = &self.shared;
        let foreign = self.is_foreign(to);
        let address = || if foreign { self.foreign_address(to) } else { self.address(to) };
        let first = address().ok_or(io::ErrorKind::ConnectionRefused)?;
        let conn = shared.recorder.next_conn();
        let net = &shared.net;
        let dialling = if foreign { net.dial_foreign(first)? } else { net.dial()? };
        let port = dialling.local_addr().port();
        tracing::debug!(
            target: "looplab::connection", conn = conn.0, from = shared.plan.node_name(from), to = shared.plan.node_name(to), port, "connect"
        );
        self.asks(conn, from, to, port);
        let latency = shared.plan.latency(from, to);
        let number = self.number(from, to);
        let (from_name, to_name) = (shared.plan.node_name(from), shared.plan.node_name(to));
        let mut rng = shared.latencies.fork(&format!("connect:{from_name}->{to_name}:{number}"));
        let (mut there, mut back) = (latency.sample(&mut rng), latency.sample(&mut rng));
        if let Some(pacing) = &shared.pacing {
            let (now, before) = (shared.clock.now(), shared.recorder.numbered());
            let sending = Sending { from, to, nth: number, before, now, latency, drawn: there };
            [there, back] = pacing.connect(&sending, back);
        }
        let admitted = self.admit(conn, from, to, number).await;
        if !there.is_zero() {
            shared.clock.sleep(there).await;
        }
        let connected = match &admitted {
            Ok(()) => {
                // It may have come back somewhere else meanwhile.
                let address = address().unwrap_or(first);
                dialling.connect(address, self.wire(conn, from, to, number).1).await
            }
            Err(Refusal(_)) => Err(io::ErrorKind::ConnectionRefused.into()),
        };
        if !back.is_zero() {
            shared.clock.sleep(back).await;
        }
        connected.inspect_err(|error| match &admitted {
            Err(refusal) => self.not_admitted(conn, from, to, refusal),
            Ok(()) => self.refused(conn, from, to, error),
        })
    }

    /// Records that a connection is asked for.
    pub(super) fn asks(&self, conn: ConnId, from: NodeId, to: NodeId, port: u16) {
        let Shared { recorder, clock, faults, .. } = &*self.shared;
        let fault = faults.cuts_off(conn, from, to);
        recorder.record(clock.now(), EventKind::Connect { conn, from, to, port, fault });
    }

    /// Records that a connection could not be made.
    pub(super) fn refused(&self, conn: ConnId, from: NodeId, to: NodeId, error: &io::Error) {
        let reason = match error.kind() {
            io::ErrorKind::ConnectionRefused => "refused".into(),
            _ => error.to_string().into(),
        };
        self.tell_refused(conn, from, to, reason);
    }

    /// Records that a connection was not to be made.
    pub(super) fn not_admitted(&self, conn: ConnId, from: NodeId, to: NodeId, why: &Refusal) {
        let reason = match &why.0 {
            Some(by) => format!("refused by {by}").into(),
            None => "refused".into(),
        };
        self.tell_refused(conn, from, to, reason);
    }

    fn tell_refused(&self, conn: ConnId, from: NodeId, to: NodeId, reason: Cow<'static, str>) {
        tracing::debug!(target: "looplab::connection", conn = conn.0, %reason, "refused");
        let kind = EventKind::Refused { conn, from, to, reason };
        self.shared.recorder.record(self.shared.clock.now(), kind);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dial for Links {
    fn dial(&self, from: NodeId, to: NodeId) -> DialFuture {
        Box::pin(self.clone().connect(from, to))
    }
}

async fn gone(connections: &TaskTracker) {
    connections.close();
    connections.wait().await;
    connections.reopen();
}
