//! Ports that somebody asked for while the run went on, each leading to a program of its own.
//!
//! ```text
//! join: a node that no scenario named    front: its port, open until it is dropped
//! strangers -> front -> relay -> the program, over the link outside -> node
//! ```

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::task::JoinHandle;

use super::links::Links;
use crate::base::NodeId;
use crate::net::{Listener, Way};
use crate::protocol::Protocol;
use crate::trace::{EventKind, HeaderNode};

/// A port that leads to a program. Dropping it closes the port, and soon after that all connections.
pub struct Front {
    links: Links,
    node: NodeId,
    listener: Option<Listener>,
    address: SocketAddr,
    leading: Option<JoinHandle<()>>,
}

impl Front {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // The port first: what is forgotten may be asked for by others.
        drop(self.listener.take());
        let mut state = self.links.lock();
        state.ports.remove(&self.node);
        state.closing.extend(self.leading.take());
    }
}

impl Links {
    /// A node joins: `name`, or as much of it as nobody else is called.
    #[must_use]
    pub fn join(&self, name: &str, kind: &str) -> NodeId {
        let mut names = self.names_mut();
        let taken = |name: &str| name == "outside" || names.iter().any(|known| known == name);
        let mut unique = name.to_owned();
        let mut number = 1;
        while taken(&unique) {
            number += 1;
            unique = format!("{name}~{number}");
        }
        let node = NodeId(u32::try_from(names.len()).unwrap_or(u32::MAX));
        *names = names.iter().cloned().chain([unique.clone()]).collect();
        // Under the lock, so that nodes are told in the order of their ids.
        let kind = EventKind::Node(Box::new(HeaderNode { name: unique, kind: kind.to_owned() }));
        self.shared.recorder.record(self.shared.clock.now(), kind);
        node
    }

    /// A node's name; `outside` for a stranger.
    #[must_use]
    pub fn node_name(&self, node: NodeId) -> String {
        self.names().get(node.index()).map_or("outside", String::as_str).to_owned()
    }

    /// All names, of those who have joined as well.
    pub(super) fn names(&self) -> Arc<[String]> {
        self.names_mut().clone()
    }

    fn names_mut(&self) -> MutexGuard<'_, Arc<[String]>> {
        self.shared.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a port for a node that has joined, at `port` or any; it leads to `upstream`.
    ///
    /// # Errors
    /// What the kernel says: the port is taken, or not allowed; [`io::ErrorKind::InvalidInput`] if `upstream`
    /// is not on loopback.
    pub fn front(
        &self,
        node: NodeId,
        port: Option<u16>,
        upstream: SocketAddr,
    ) -> io::Result<Front> {
        self.foreign(node, upstream)?;
        let listener = self.ports(node).listen(port).inspect_err(|_| {
            self.lock().ports.remove(&node);
        })?;
        let address = listener.local_addr();
        let leading = Some(tokio::spawn(self.clone().lead_all(node, listener.callers())));
        self.tell_listen(node, address);
        Ok(Front { links: self.clone(), node, listener: Some(listener), address, leading })
    }

    /// Completes when the connections of fronts that were dropped are gone.
    pub async fn fronts_closed(&self) {
        let closing = std::mem::take(&mut self.lock().closing);
        for leading in closing {
            // Whether it panicked or not, it is gone.
            let _ = leading.await;
        }
    }

    /// Closes the ports at which `from`, or anybody, reaches the server `to`, although it is up. Those who are
    /// connected stay.
    pub fn bar(&self, from: Option<NodeId>, to: NodeId) {
        self.ports(to).bar(Way(from));
    }

    /// Opens them again.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn unbar(&self, from: Option<NodeId>, to: NodeId) -> io::Result<()> {
        self.ports(to).unbar(Way(from))
    }

    /// What is spoken with a node that has joined: what the server speaks to which it leads, if that is one
    /// of the run's.
    pub(super) fn protocol_behind(&self, node: NodeId) -> Protocol {
        let behind = {
            let state = self.lock();
            let upstream = state.foreign.get(&node);
            let listens = state.addresses.iter().find(|(_, address)| Some(*address) == upstream);
            listens.map(|(node, _)| *node)
        };
        behind.map_or(Protocol::Raw, |server| self.protocol(server))
    }
}
