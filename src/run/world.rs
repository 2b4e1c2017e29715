//! One run in one world, from the first port to the last task.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::director::Director;
use super::fleet::Fleet;
use super::nodes::{Nodes, Scope};
use super::{Control, Ended, Endpoint, Hooks, Mode, RunError, Service};
use crate::base::{NodeId, Value};
use crate::client;
use crate::link::{Links, Steering};
use crate::net::{Clock, Dial, Listener, Net, Stuck, Tasks, holder_of_port};
use crate::plan::{Plan, chance};
use crate::scenario::{self, Lookup};
use crate::trace::{EventKind, Recorder};

/// How long the last messages of a run may take to arrive once the clients are done.
const LAST_MESSAGES: Duration = Duration::from_secs(1);

/// How much may happen in a virtual world that is about to end before its time is pushed on: servers may send each
/// other messages that take no time, for ever.
const LAST_EVENTS: u64 = 10_000_000;

/// How long servers may take to finish what they are answering.
const GRACE: Duration = Duration::from_secs(2);

/// How long what happened may take to reach the trace's file, in the real world: whoever follows the
/// file waits no longer, and a run that is killed loses no more.
const FLUSH_EVERY: Duration = Duration::from_millis(500);

/// A run.
pub(super) struct World {
    plan: Arc<Plan>,
    recorder: Recorder,
    net: Net,
    clock: Clock,
    links: Links,
    servers: Tasks,
    clients: Tasks,
    /// Those that take part from outside.
    services: Tasks,
    nodes: Nodes,
    director: Director,
    fleet: Fleet,
}

/// Why the middle part of a run ended.
enum Middle {
    Done,
    Interrupted,
    Failed(String),
}

impl World {
    pub(super) fn new(
        plan: Arc<Plan>,
        recorder: Recorder,
        net: Net,
        clock: Clock,
        steering: &Steering,
    ) -> World {
        let (there, now, told) = (net.clone(), clock.clone(), recorder.clone());
        let links = Links::steered(plan.clone(), there, now, told, steering);
        let (servers, clients) = (Tasks::default(), Tasks::default());
        let tasks = (servers.clone(), clients.clone());
        let nodes = Nodes::new(plan.clone(), clock.clone(), recorder.clone(), links.clone(), tasks);
        let faults = links.faults().clone();
        let director = Director::new(plan.clone(), clock.clone(), faults, nodes.clone());
        let services = Tasks::default();
        let fleet =
            Fleet::new(plan.clone(), links.clone(), net.clone(), clock.clone(), recorder.clone());
        World {
            plan,
            recorder,
            net,
            clock,
            links,
            servers,
            clients,
            services,
            nodes,
            director,
            fleet,
        }
    }

    /// The tasks of the servers, so that a test can add one that misbehaves.
    #[cfg(test)]
    pub(super) fn server_tasks(&self) -> Tasks {
        self.servers.clone()
    }

    pub(super) async fn run(self, hooks: Hooks) -> Result<Ended, RunError> {
        let span = tracing::info_span!(
            target: "looplab::run", "run", scenario = %self.plan.name, clock = self.plan.clock.as_str(), seed = self.plan.seed
        );
        tracing::Instrument::instrument(self.run_in_span(hooks), span).await
    }

    async fn run_in_span(self, hooks: Hooks) -> Result<Ended, RunError> {
        let listeners = self.listen_all()?;
        let endpoints = self.endpoints();
        let vars: Scope = Arc::new(Vars::new(&self.plan, &endpoints));
        self.links.set_scope(vars.clone());
        self.fleet.equip(hooks.guard);
        self.nodes.equip(self.fleet.programs());
        for (node, process) in self.fleet.processes() {
            self.nodes.runs_as(node, process);
        }
        self.nodes.start(listeners, &vars, !hooks.services.is_empty())?;
        if let Some(events_max) = hooks.events_max {
            self.clock.bound(events_max);
        }
        let mode = hooks.mode;
        let mut interrupt = hooks.interrupt.unwrap_or_else(|| Box::pin(std::future::pending()));
        let started = tokio::select! {
            biased;
            () = &mut interrupt => None,
            never = self.keep_flushing() => match never {},
            started = self.fleet.start() => Some(started),
        };
        match started {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                self.fleet.end().await;
                return Err(error);
            }
            None => return Ok(self.finish(mode, Middle::Interrupted).await),
        }
        if let Some(listening) = hooks.listening {
            listening(&endpoints);
        }
        self.director.begin();
        let stop = self.begin_services(hooks.services, &endpoints);
        if let Some(ready) = hooks.ready {
            ready(&endpoints);
        }
        let middle = {
            let work = async {
                match mode {
                    Mode::Run => self.drive_clients(vars).await,
                    Mode::Up => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = interrupt => Middle::Interrupted,
                () = stop.cancelled() => Middle::Interrupted,
                () = self.servers.any_panicked() => Middle::Done,
                () = self.clients.any_panicked() => Middle::Done,
                () = self.services.any_panicked() => Middle::Done,
                () = self.fleet.any_deserted() => Middle::Done,
                never = self.keep_flushing() => match never {},
                never = self.director.run() => match never {},
                middle = work => middle,
            }
        };
        Ok(self.finish(mode, middle).await)
    }

    /// Opens all ports before anybody is served, so that every address is known to everybody.
    fn listen_all(&self) -> Result<Vec<(NodeId, Listener)>, RunError> {
        let mut listeners = Vec::with_capacity(self.plan.servers.len());
        for (node, server) in self.plan.nodes.iter().zip(self.plan.servers.iter()) {
            let listener = self.links.listen(node.id).map_err(|error| RunError::Listen {
                server: server.name.value.clone(),
                span: server.port.map_or(server.name.span, |port| port.span),
                port: server.port.map(|port| port.value),
                error,
                holder: server.port.and_then(|port| holder_of_port(port.value)),
            })?;
            listeners.push((node.id, listener));
        }
        Ok(listeners)
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let endpoint =
            |(node, server): (&crate::plan::PlanNode, &crate::scenario::model::Server)| {
                Some(Endpoint::new(node.id, server, self.links.address(node.id)?))
            };
        self.plan.nodes.iter().zip(self.plan.servers.iter()).filter_map(endpoint).collect()
    }

    /// Sees to it that the trace keeps up with what happens. The virtual world, whose hours are over in
    /// no time, needs none of that.
    async fn keep_flushing(&self) -> Infallible {
        if self.plan.clock == scenario::model::World::Virtual {
            return std::future::pending().await;
        }
        loop {
            self.clock.sleep(FLUSH_EVERY).await;
            self.recorder.flush();
        }
    }

    /// Lets those begin that take part from outside. Returns what says that they want the end.
    fn begin_services(&self, services: Vec<Service>, endpoints: &[Endpoint]) -> CancellationToken {
        let stop = CancellationToken::new();
        for service in services {
            let control = Control::new(
                self.plan.clone(),
                endpoints.into(),
                self.director.clone(),
                self.links.clone(),
                stop.clone(),
            );
            let beside = service(control, self.net.clone(), self.clock.clone());
            self.services.spawn(NodeId::OUTSIDE, beside);
        }
        stop
    }

    /// Drives all clients at once, to their ends.
    async fn drive_clients(&self, vars: Scope) -> Middle {
        let progress = Arc::new(client::Progress::new(&self.plan));
        for (index, instance) in self.plan.instances.iter().enumerate() {
            let name: Arc<str> = self.plan.node_name(instance.node).into();
            let context = client::Context {
                node: instance.node,
                number: instance.number,
                rng: self.links.chance().fork(&chance::stream(&name)),
                name: name.clone(),
                clock: self.nodes.clock(instance.node),
                gate: self.nodes.gate(instance.node),
                recorder: self.recorder.clone(),
                dial: Arc::new(self.links.clone()) as Arc<dyn Dial>,
                vars: match self.plan.is_program(instance) {
                    true => self.fleet.scope(instance.node),
                    false => vars.clone(),
                },
                programs: self.fleet.programs(),
                stage: Arc::new(self.director.clone()),
                progress: progress.clone(),
            };
            let span = tracing::info_span!(target: "looplab::node", "node", node = %name);
            let driving = client::drive(self.plan.clone(), index, context);
            self.clients.spawn(instance.node, async move {
                let _end = tracing::Instrument::instrument(driving, span).await;
            });
        }
        let limit = self.plan.timeout;
        match self.clock.horizon(limit, self.clients.finished()).await {
            Ok(()) => Middle::Done,
            Err(Stuck::Timeout) => Middle::Failed(format!(
                "the run took longer than its timeout of {}",
                crate::base::units::show_duration(limit)
            )),
            Err(Stuck::Deadlock) => Middle::Failed(
                "deadlock: some clients are not done, and nothing can happen any more".to_owned(),
            ),
            Err(Stuck::Endless) => Middle::Failed(
                "more happened than a run of a search may take, and clients were not done"
                    .to_owned(),
            ),
        }
    }

    /// Brings everything to its end, in order as far as it can be had.
    async fn finish(self, mode: Mode, middle: Middle) -> Ended {
        self.clock.hurry_after(match middle {
            Middle::Interrupted => 0,
            Middle::Done | Middle::Failed(_) => LAST_EVENTS,
        });
        if !matches!(middle, Middle::Done) {
            let _ = self.clock.timeout(GRACE, self.clients.abort()).await;
        }
        let _ = self.clock.timeout(GRACE, self.services.abort()).await;
        self.nodes.finish();
        // People from outside stay for as long as they like, and nobody waits for them.
        if mode == Mode::Run {
            let _ = self.clock.timeout(LAST_MESSAGES, self.links.callers_gone()).await;
        }
        // The programs first: they may still have something to say to looplab's own servers.
        self.fleet.stop().await;
        if self.clock.timeout(GRACE, self.servers.stop()).await.is_err() {
            let _ = self.clock.timeout(GRACE, self.servers.abort()).await;
        }
        let _ = self.clock.timeout(GRACE, self.clients.abort()).await;
        // What faults keep back goes nowhere, and nobody waits for it.
        self.links.faults().finish();
        let _ = self.clock.timeout(LAST_MESSAGES, self.links.all_gone()).await;
        let at = self.clock.now();
        let mut failure = None;
        if let Some(panicked) = self.services.panicked().into_iter().next() {
            failure = Some(format!("what runs beside it panicked: {}", panicked.text));
        }
        for panicked in self.servers.panicked().into_iter().chain(self.clients.panicked()) {
            let name = self.plan.node_name(panicked.node);
            failure.get_or_insert_with(|| format!("`{name}` panicked: {}", panicked.text));
            let kind = EventKind::Crash { node: panicked.node, text: panicked.text, fault: None };
            self.recorder.record(at, kind);
        }
        for (node, how) in self.fleet.deserted() {
            let name = self.plan.node_name(node);
            failure.get_or_insert_with(|| format!("`{name}` {how}"));
            self.recorder.record(at, EventKind::Crash { node, text: how, fault: None });
        }
        let interrupted = matches!(middle, Middle::Interrupted);
        if let Some(text) = self.nodes.failure() {
            failure.get_or_insert(text);
        }
        if let Middle::Failed(text) = middle {
            failure.get_or_insert(text);
        }
        drop(self.net);
        Ended { at, failure, interrupted }
    }
}

/// The scenario's variables and the servers' addresses, as texts see them.
struct Vars {
    values: std::collections::BTreeMap<String, Value>,
}

impl Vars {
    fn new(plan: &Plan, endpoints: &[Endpoint]) -> Vars {
        let mut vars = Vars { values: std::collections::BTreeMap::new() };
        for endpoint in endpoints {
            let name = &endpoint.name;
            for (field, value) in endpoint.parts() {
                vars.values.insert(format!("{name}.{field}"), value);
            }
        }
        for (name, value) in plan.vars.iter() {
            // A variable may use those before it and the addresses; the plan has checked that it does.
            if let Ok(value) = value.resolve(&vars) {
                vars.values.insert(name.clone(), value);
            }
        }
        vars
    }
}

impl Lookup for Vars {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.values.get(name).cloned()
    }
}
