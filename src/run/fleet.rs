//! The programs of a run that looplab did not write: started in order, watched, stopped.
//!
//! ```text
//! built-in servers are up -> each program, once those are ready that it is given addresses of -> clients
//! ```
//!
//! What a program is given as the address of another server is a door of its own to it, so that its
//! calls go over the link between the two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::nodes::Scope;
use super::{Endpoint, RunError};
use crate::base::{NodeId, Value};
use crate::exec::Programs;
use crate::link::Links;
use crate::net::{Clock, Net};
use crate::plan::Plan;
use crate::scenario::Lookup;
use crate::scenario::model::ServerKind;
use crate::server::process::{Failed, Process, Setup, reach};
use crate::trace::Recorder;

/// How long programs that were killed may take to be gone.
const KILLED: Duration = Duration::from_secs(5);

/// The programs of a run. Cheap to clone.
#[derive(Clone)]
pub(super) struct Fleet {
    shared: Arc<Shared>,
}

struct Shared {
    plan: Arc<Plan>,
    links: Links,
    net: Net,
    clock: Clock,
    recorder: Recorder,
    programs: OnceLock<Programs>,
    processes: OnceLock<BTreeMap<NodeId, Arc<Process>>>,
    /// Those that have ended and should not have.
    deserted: Arc<Mutex<Vec<(NodeId, String)>>>,
    alarm: CancellationToken,
}

/// What a program waits for, and who waits for it.
type Readiness = BTreeMap<NodeId, watch::Sender<bool>>;

impl Fleet {
    pub(super) fn new(
        plan: Arc<Plan>,
        links: Links,
        net: Net,
        clock: Clock,
        recorder: Recorder,
    ) -> Fleet {
        let shared = Shared {
            plan,
            links,
            net,
            clock,
            recorder,
            programs: OnceLock::new(),
            processes: OnceLock::new(),
            deserted: Arc::default(),
            alarm: CancellationToken::new(),
        };
        Fleet { shared: Arc::new(shared) }
    }

    /// Says how programs are started: `guard` is looplab's own program. To be called first.
    pub(super) fn equip(&self, guard: Option<std::path::PathBuf>) {
        let shared = &self.shared;
        let _ = shared.programs.set(Programs::new(guard, shared.clock.clone()));
        let processes = shared.plan.nodes.iter().zip(shared.plan.servers.iter());
        let processes = processes.filter_map(|(node, server)| match &server.kind {
            ServerKind::Process(process) => {
                let setup = Setup {
                    node: node.id,
                    name: node.name.as_str().into(),
                    server: process.as_ref().clone(),
                    clock: shared.clock.clone(),
                    recorder: shared.recorder.clone(),
                    net: shared.net.clone(),
                    programs: self.programs(),
                    vars: self.scope(node.id),
                    deserted: self.desertion(),
                };
                Some((node.id, Arc::new(Process::new(setup))))
            }
            _ => None,
        });
        let _ = shared.processes.set(processes.collect());
    }

    /// What starts programs.
    pub(super) fn programs(&self) -> Programs {
        let shared = &self.shared;
        shared.programs.get_or_init(|| Programs::new(None, shared.clock.clone())).clone()
    }

    /// The servers that are programs.
    pub(super) fn processes(&self) -> Vec<(NodeId, Arc<Process>)> {
        let processes = self.shared.processes.get().into_iter().flatten();
        processes.map(|(node, process)| (*node, process.clone())).collect()
    }

    /// The program that a server is.
    fn process(&self, node: NodeId) -> Option<Arc<Process>> {
        self.shared.processes.get()?.get(&node).cloned()
    }

    /// What the texts of a program see: the scenario's variables, and other servers' addresses as doors
    /// of its own.
    pub(super) fn scope(&self, from: NodeId) -> Scope {
        let doors =
            Doors { plan: self.shared.plan.clone(), links: self.shared.links.clone(), from };
        Arc::new(doors)
    }

    /// Starts all programs, and waits until they and all servers that run already are ready.
    pub(super) async fn start(&self) -> Result<(), RunError> {
        let shared = &self.shared;
        let foreign: Vec<NodeId> = (shared.plan.nodes.iter().zip(shared.plan.servers.iter()))
            .filter(|(_, server)| server.kind.foreign().is_some())
            .map(|(node, _)| node.id)
            .collect();
        if foreign.is_empty() {
            return Ok(());
        }
        let ready: Readiness =
            foreign.iter().map(|node| (*node, watch::Sender::new(false))).collect();
        let ready = Arc::new(ready);
        let before = order(&foreign, &|node| self.given(node));
        let mut starting: JoinSet<Result<(), Failed>> = JoinSet::new();
        for (node, waits_for) in foreign.into_iter().zip(before) {
            let (fleet, ready) = (self.clone(), ready.clone());
            starting.spawn(async move {
                for other in waits_for {
                    if let Some(other) = ready.get(&other) {
                        // Its sender is here as long as this is.
                        let _ = other.subscribe().wait_for(|ready| *ready).await;
                    }
                }
                fleet.start_one(node).await?;
                if let Some(own) = ready.get(&node) {
                    own.send_replace(true);
                }
                Ok(())
            });
        }
        while let Some(started) = starting.join_next().await {
            match started {
                Ok(Ok(())) => {}
                Ok(Err(failed)) => return Err(RunError::Program(failed.diagnostic())),
                Err(broken) => std::panic::resume_unwind(broken.into_panic()),
            }
        }
        Ok(())
    }

    async fn start_one(&self, node: NodeId) -> Result<(), Failed> {
        let shared = &self.shared;
        let Some(server) = shared.plan.server(node) else { return Ok(()) };
        let address = match &server.kind {
            ServerKind::External(external) => {
                reach(&server.name.value, external, &shared.clock, &shared.net).await?
            }
            _ => match self.process(node) {
                Some(process) => process.launch().await?,
                None => return Ok(()),
            },
        };
        shared.links.foreign(node, address).map_err(|error| {
            Failed::from(crate::base::Diagnostic::new(error.to_string(), server.name.span))
        })
    }

    /// The foreign servers whose addresses a program is given.
    fn given(&self, node: NodeId) -> BTreeSet<NodeId> {
        let plan = &self.shared.plan;
        let mut given = BTreeSet::new();
        let Some(ServerKind::Process(process)) = plan.server(node).map(|server| &server.kind)
        else {
            return given;
        };
        let mut names: Vec<&str> = process.run.vars().collect();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        while let Some(name) = names.pop() {
            let first = name.split('.').next().unwrap_or(name);
            if let Some(to) = plan.server_named(first) {
                given.insert(to);
            } else if seen.insert(first) {
                let vars = plan.vars.iter().filter(|(name, _)| name == first);
                vars.for_each(|(_, value)| value.each_var(&mut |inner| names.push(&inner.value)));
            }
        }
        given.remove(&node);
        given
    }

    /// What takes note of a program that has ended and should not have.
    fn desertion(&self) -> crate::server::process::Deserted {
        let (deserted, alarm) = (self.shared.deserted.clone(), self.shared.alarm.clone());
        Arc::new(move |node, how| {
            lock(&deserted).push((node, how));
            alarm.cancel();
        })
    }

    /// Completes when a program has ended that should not have.
    pub(super) async fn any_deserted(&self) {
        self.shared.alarm.cancelled().await;
    }

    /// Takes what is known of those.
    pub(super) fn deserted(&self) -> Vec<(NodeId, String)> {
        std::mem::take(&mut *lock(&self.shared.deserted))
    }

    /// Stops all servers that are programs, each with its grace, and kills whatever else still runs.
    pub(super) async fn stop(&self) {
        let mut stopping = JoinSet::new();
        for process in self.shared.processes.get().into_iter().flat_map(BTreeMap::values) {
            let process = process.clone();
            stopping.spawn(async move { process.stop().await });
        }
        stopping.join_all().await;
        self.end().await;
    }

    /// Kills everything that still runs.
    pub(super) async fn end(&self) {
        if let Some(programs) = self.shared.programs.get() {
            programs.end(KILLED).await;
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For each of `nodes` those that it waits for: all that `given` says, but for later ones that wait for
/// it in turn.
fn order(nodes: &[NodeId], given: &dyn Fn(NodeId) -> BTreeSet<NodeId>) -> Vec<Vec<NodeId>> {
    let given: BTreeMap<NodeId, BTreeSet<NodeId>> =
        nodes.iter().map(|node| (*node, given(*node))).collect();
    let needs = |from: NodeId, to: NodeId| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(node) = next.pop() {
            for other in given.get(&node).into_iter().flatten() {
                if *other == to {
                    return true;
                }
                if seen.insert(*other) {
                    next.push(*other);
                }
            }
        }
        false
    };
    let waits_for = |node: &NodeId| {
        let given = given.get(node).into_iter().flatten().copied();
        given
            .filter(|other| nodes.contains(other) && (*other < *node || !needs(*other, *node)))
            .collect()
    };
    nodes.iter().map(waits_for).collect()
}

/// The variables of a program.
struct Doors {
    plan: Arc<Plan>,
    links: Links,
    from: NodeId,
}

impl Doors {
    /// `db.url` and the like.
    fn address(&self, name: &str) -> Option<Value> {
        let (server, part) = name.split_once('.')?;
        let to = self.plan.server_named(server)?;
        let address = if to == self.from {
            self.links.address(to)
        } else {
            self.links.door(self.from, to).ok()
        };
        let server = self.plan.server(to)?;
        let endpoint = Endpoint::new(to, server, address?);
        endpoint.parts().into_iter().find(|(known, _)| *known == part).map(|(_, value)| value)
    }
}

impl Lookup for Doors {
    fn lookup(&self, name: &str) -> Option<Value> {
        if let Some(address) = self.address(name) {
            return Some(address);
        }
        // The plan has checked that each variable uses only those before it.
        let at = self.plan.vars.iter().position(|(known, _)| known == name)?;
        let earlier = |name: &str| {
            let known = self.plan.vars[..at].iter().any(|(earlier, _)| earlier == name);
            if known { self.lookup(name) } else { self.address(name) }
        };
        self.plan.vars[at].1.resolve(&earlier).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_waits_for_those_it_is_given_and_in_a_circle_for_the_earlier_ones() {
        let edges = |pairs: &'static [(u32, u32)], count: u32| {
            let nodes: Vec<NodeId> = (0..count).map(NodeId).collect();
            let given = move |node: NodeId| {
                pairs
                    .iter()
                    .filter(|(from, _)| *from == node.0)
                    .map(|(_, to)| NodeId(*to))
                    .collect()
            };
            let order = order(&nodes, &given);
            let numbers = |nodes: Vec<NodeId>| nodes.into_iter().map(|node| node.0).collect();
            order.into_iter().map(numbers).collect::<Vec<Vec<u32>>>()
        };
        assert_eq!(edges(&[], 2), [Vec::<u32>::new(), vec![]]);
        assert_eq!(edges(&[(0, 1)], 2), [vec![1], vec![]]);
        assert_eq!(edges(&[(0, 1), (1, 0)], 2), [vec![], vec![0]]);
        assert_eq!(edges(&[(0, 1), (1, 2), (2, 0)], 3), [vec![], vec![], vec![0]]);
        assert_eq!(edges(&[(0, 7)], 1), [Vec::<u32>::new()]);
    }
}
