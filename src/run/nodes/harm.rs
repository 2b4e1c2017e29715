//! What faults do to nodes.

use std::net::SocketAddr;

use super::{Node, Nodes};
use crate::base::NodeId;
use crate::exec;
use crate::link::NodeState;
use crate::net::NodeTime;
use crate::scenario::model::NodeHarm;
use crate::trace::{EventKind, Level};

impl Nodes {
    /// A fault begins on a node; one that is in force on it already goes on.
    pub(in crate::run) fn harm(&self, node: NodeId, harm: NodeHarm, fault: &str) {
        match harm {
            NodeHarm::Crash => self.crash(node, fault),
            NodeHarm::Pause => self.pause(node, fault),
            NodeHarm::Slow { times, plus } => {
                self.with_time(node, |time| time.slow(fault, times, plus));
            }
            NodeHarm::Skew { ahead_ns, rate } => {
                let now = self.shared.clock.now();
                self.with_time(node, |time| {
                    time.skew(fault, now, ahead_ns, rate);
                    self.shared.links.faults().touch(fault);
                });
            }
            NodeHarm::DiskFull => {
                self.lock().get(node.index()).into_iter().for_each(|node| node.disk.fill(fault));
            }
        }
    }

    /// A fault on a node is over.
    pub(in crate::run) fn lift(&self, node: NodeId, harm: NodeHarm, fault: &str) {
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
    pub(in crate::run) fn others_harmed(&self, node: NodeId, fault: &str) -> bool {
        let nodes = self.lock();
        let harmed = |other: &Node| {
            other.down.as_deref() == Some(fault) || other.still.iter().any(|by| by == fault)
        };
        nodes.iter().enumerate().any(|(index, other)| index != node.index() && harmed(other))
    }

    /// The fault because of which a node is down.
    pub(in crate::run) fn down_by(&self, node: NodeId) -> Option<String> {
        self.lock().get(node.index())?.down.clone()
    }

    /// The faults because of which a node stands still.
    pub(in crate::run) fn paused_by(&self, node: NodeId) -> Vec<String> {
        self.lock().get(node.index()).map(|node| node.still.clone()).unwrap_or_default()
    }

    /// True for a server that is up.
    pub(in crate::run) fn can_crash(&self, node: NodeId) -> bool {
        let server = self.shared.plan.server(node).is_some();
        server && self.lock().get(node.index()).is_some_and(|node| node.down.is_none())
    }

    /// True for a node that is up and goes.
    pub(in crate::run) fn can_pause(&self, node: NodeId) -> bool {
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
        shared.links.cut_off(id);
        if let Some(shutter) = node.shutter.take() {
            shutter.shut();
        }
        // Its connections before its tasks, so that nothing is seen of what these do when they are dropped.
        faults.node(id, NodeState::Crashed);
        let handler = node.handler.take().and_then(|handler| handler.upgrade());
        node.kept = handler.and_then(|handler| handler.keep());
        shared.servers.abort_node(id);
        gate.open();
        if let Some(program) = &node.program {
            program.kill();
        }
    }

    /// Brings a node back that is down: at once, or when its program is ready.
    pub(in crate::run) fn restart(&self, id: NodeId) {
        let mut nodes = self.lock();
        let Some(node) = nodes.get_mut(id.index()) else { return };
        if node.down.is_none() || node.starting {
            return;
        }
        let Some(program) = node.program.clone() else { return self.come_back(id, node) };
        node.starting = true;
        let (again, stop) = (self.clone(), self.shared.servers.stop_token().clone());
        self.shared.servers.spawn(id, async move {
            let started = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                started = program.start() => started,
            };
            again.started(id, started);
        });
    }

    /// The program of a node that is down has been started, or not.
    fn started(&self, id: NodeId, started: Result<SocketAddr, String>) {
        let mut nodes = self.lock();
        let Some(node) = nodes.get_mut(id.index()) else { return };
        node.starting = false;
        let ready = started.and_then(|address| {
            self.shared.links.foreign(id, address).map_err(|error| error.to_string())
        });
        match ready {
            Ok(()) => self.come_back(id, node),
            Err(why) => self.fail(id, node, &why),
        }
        self.shared.settled.notify_waiters();
    }

    /// A node that was down is up.
    fn come_back(&self, id: NodeId, node: &mut Node) {
        let shared = &self.shared;
        let Some(scope) = shared.scope.get() else { return };
        let listener = match shared.links.reopen(id) {
            Ok(listener) => listener,
            Err(error) => {
                return self.fail(id, node, &format!("its port cannot be opened: {error}"));
            }
        };
        node.down = None;
        node.restarts += 1;
        node.failed = None;
        shared.links.faults().node(id, NodeState::Up);
        self.record(EventKind::Restart { node: id });
        shared.links.tell_listen(id, listener.local_addr());
        if let Err(error) = self.serve(id, node, listener, scope) {
            self.fail(id, node, &error.to_string());
        }
    }

    /// A node cannot come back, which fails the run unless it does so later.
    fn fail(&self, id: NodeId, node: &mut Node, why: &str) {
        let text = format!("it did not come back: {why}");
        self.record(EventKind::Log { node: Some(id), level: Level::Error, text });
        let name = self.shared.plan.node_name(id);
        node.failed = Some(format!("`{name}` did not come back: {why}"));
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
            match &node.program {
                Some(program) => program.pause(),
                None => self.program(id).iter().for_each(exec::Program::pause),
            }
            self.record(EventKind::Pause { node: id });
            shared.links.faults().node(id, NodeState::Paused);
        }
    }

    /// Lets a node go on, whatever it stands still for.
    pub(in crate::run) fn resume(&self, node: NodeId) {
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
            match &node.program {
                Some(program) => program.resume(),
                None => self.program(id).iter().for_each(exec::Program::resume),
            }
            self.tasks(id).gate(id).open();
        }
    }
}
