//! The handle by which others take part in a run that goes on: a control socket, another program's API.
//!
//! ```text
//! Hooks.services -> each is given a Control, the network and the clock, and runs beside the run
//! Control -> Director (faults, acts, nodes) | Links (who reaches whom) | the end of the run
//! ```
//!
//! Whatever is done here takes effect before the call returns, but for what takes a program its time. It
//! may be called from any thread while the run goes on.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::Endpoint;
use super::director::Director;
use crate::base::{Diagnostics, NodeId};
use crate::link::{Front, Links, NodeState, Status};
use crate::net::{Clock, Net};
use crate::plan::Plan;
use crate::plan::fault::Act;
use crate::protocol::Protocol;

/// What runs beside a run, on its runtime, from the moment all servers can be reached to its end. It is
/// dropped then, wherever it is.
pub type Service =
    Box<dyn FnOnce(Control, Net, Clock) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A hand on a run that goes on. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    plan: Arc<Plan>,
    endpoints: Arc<[Endpoint]>,
    director: Director,
    links: Links,
    stop: CancellationToken,
    /// The run's runtime: whoever calls may be on any thread.
    runtime: Handle,
}

/// A way on which one node reaches another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkInfo {
    /// Who connects; [`NodeId::OUTSIDE`] for whoever comes from outside.
    pub from: NodeId,
    /// Whom.
    pub to: NodeId,
    /// Where `from` connects to.
    pub listen: SocketAddr,
    /// Where `to` listens itself. The same as `listen` for a server of looplab's own, which carries
    /// the link in its stream.
    pub upstream: SocketAddr,
    /// What is spoken there.
    pub protocol: Protocol,
}

impl Control {
    pub(super) fn new(
        plan: Arc<Plan>,
        endpoints: Arc<[Endpoint]>,
        director: Director,
        links: Links,
        stop: CancellationToken,
    ) -> Control {
        let runtime = Handle::current();
        Control { plan, endpoints, director, links, stop, runtime }
    }

    /// The plan that is being run.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The addresses of all servers.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// All faults that are known, in force or not, in the order in which they became so.
    #[must_use]
    pub fn faults(&self) -> Vec<Status> {
        self.links.faults().status()
    }

    /// Does something: lets a fault loose, ends faults, brings nodes back.
    pub fn act(&self, act: &Act) {
        let _within = self.runtime.enter();
        self.director.perform(act);
    }

    /// Lets a fault loose that stands nowhere: `app->db latency=200ms`, or
    /// `{ latency: 200ms, from: app, to: db }`. Returns its name.
    ///
    /// # Errors
    /// All that is wrong with `text`, with places in it.
    pub fn add_fault(&self, text: &str) -> Result<String, Diagnostics> {
        let fault = self.director.fault(text)?;
        let name = fault.name.clone();
        self.act(&Act::Start(fault));
        Ok(name)
    }

    /// Ends a fault; false if it was not in force.
    #[must_use]
    pub fn remove_fault(&self, name: &str) -> bool {
        let _within = self.runtime.enter();
        self.director.end(name)
    }

    /// Closes the connections that a fault in force on connections has met.
    pub fn close_met(&self, fault: &str) {
        self.links.faults().close_chosen(fault);
    }

    /// Lets a node crash; false if it was down already, or is none that can.
    #[must_use]
    pub fn crash(&self, node: NodeId) -> bool {
        let _within = self.runtime.enter();
        self.director.crash(node)
    }

    /// Brings a node back that is down; false if it is not.
    #[must_use]
    pub fn restart(&self, node: NodeId) -> bool {
        let _within = self.runtime.enter();
        self.director.restart(node)
    }

    /// Waits until a node that was brought back is ready: a program takes its time. See
    /// [`Control::restart`].
    ///
    /// # Errors
    /// Why it could not come back, as a clause.
    pub async fn settled(&self, node: NodeId) -> Result<(), String> {
        self.director.settled(node).await
    }

    /// Makes a node stand still; false if it does already, or is down.
    #[must_use]
    pub fn pause(&self, node: NodeId) -> bool {
        let _within = self.runtime.enter();
        self.director.pause(node)
    }

    /// Lets a node go on that stands still; false if it does not.
    #[must_use]
    pub fn resume(&self, node: NodeId) -> bool {
        let _within = self.runtime.enter();
        self.director.resume(node)
    }

    /// What has become of a node.
    #[must_use]
    pub fn state(&self, node: NodeId) -> NodeState {
        self.director.state(node)
    }

    /// A node's name; `outside` for a stranger.
    #[must_use]
    pub fn node_name(&self, node: NodeId) -> String {
        self.links.node_name(node)
    }

    /// A proxy joins the run, as a node of that name, or of one like it if that is taken.
    #[must_use]
    pub fn join(&self, name: &str) -> NodeId {
        self.links.join(name, "proxy")
    }

    /// Opens the port of a proxy that has joined, at `port` or any. Whoever connects there is led to
    /// `upstream`, over the link to that node.
    ///
    /// # Errors
    /// What the kernel says: the port is taken, or not allowed.
    pub fn open(
        &self,
        proxy: NodeId,
        port: Option<u16>,
        upstream: SocketAddr,
    ) -> io::Result<Front> {
        self.links.front(proxy, port, upstream)
    }

    /// Closes the ports at which `from`, or anybody, reaches the server `to`, although it is up. Those who are
    /// connected stay.
    pub fn bar(&self, from: Option<NodeId>, to: NodeId) {
        self.links.bar(from, to);
    }

    /// Opens them again.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn unbar(&self, from: Option<NodeId>, to: NodeId) -> io::Result<()> {
        self.links.unbar(from, to)
    }

    /// Completes when the connections of proxies that were closed are gone.
    pub async fn closed(&self) {
        self.links.fronts_closed().await;
    }

    /// The ways on which servers are reached: from outside, and by the servers of which the scenario says
    /// that they connect to them.
    #[must_use]
    pub fn links(&self) -> Vec<LinkInfo> {
        let outside = self.endpoints.iter().map(|server| (NodeId::OUTSIDE, server.node));
        let pairs = outside.chain(self.plan.declared_pairs());
        let link = |(from, to): (NodeId, NodeId)| {
            let (listen, upstream) = self.links.ends(from, to)?;
            let protocol = self.links.protocol(to);
            Some(LinkInfo { from, to, listen, upstream, protocol })
        };
        pairs.filter_map(link).collect()
    }

    /// Ends the run in order, as an interrupt does.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}
