//! The way from and to programs that looplab did not write.
//!
//! ```text
//! our client  --------------------------------> the program's port     (its stream carries both pipes)
//! anybody     -> front port, outside -> relay -> the program's port
//! a program   -> its door to a server -> relay -> another program's port
//!                                    \-> accept loop of one of our own servers
//! ```
//!
//! Whoever connects is told apart by the port that it came to, so that every connection goes over the
//! link that was declared for it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::links::Links;
use super::wire::Ask;
use crate::base::{Direction, NodeId};
use crate::net::{Caller, Callers, Conduits, Ports};
use crate::scenario::model::ServerKind;
use crate::trace::{EventKind, Level};

/// How long nobody is accepted after that could not be done (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

impl Links {
    /// Where the server `node`, a program that looplab did not write, really listens. To be called before
    /// anybody connects to it, and again when it is somewhere else. Until then it refuses.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if the address is not one of loopback.
    pub fn foreign(&self, node: NodeId, address: SocketAddr) -> io::Result<()> {
        if !address.ip().is_loopback() {
            let text = format!("{address} is not on loopback, and looplab talks to nobody else");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        self.lock().foreign.insert(node, address);
        Ok(())
    }

    /// An address of its own at which `from`, a program that looplab did not write, reaches the server
    /// `to` over the link between them. The same one each time; it refuses while `to` does not listen.
    ///
    /// # Errors
    /// What the kernel says when no port is free; [`io::ErrorKind::Unsupported`] in the virtual world.
    pub fn door(&self, from: NodeId, to: NodeId) -> io::Result<SocketAddr> {
        let server = self.shared.plan.server(to).ok_or(io::ErrorKind::NotFound)?;
        if matches!(server.kind, ServerKind::Closed) {
            return self.address(to).ok_or_else(|| io::ErrorKind::NotFound.into());
        }
        self.ports(to).door(from)
    }

    /// Where `from` connects to for the server `to`, and where that listens itself: two places if one of them
    /// is a program that looplab did not write. `None` if nobody has asked `to` to listen yet.
    #[must_use]
    pub fn ends(&self, from: NodeId, to: NodeId) -> Option<(SocketAddr, SocketAddr)> {
        let address = self.address(to)?;
        let door = self.is_foreign(from).then(|| self.door(from, to).ok()).flatten();
        Some((door.unwrap_or(address), self.foreign_address(to).unwrap_or(address)))
    }

    /// True if `node` is a program that looplab did not write.
    pub(super) fn is_foreign(&self, node: NodeId) -> bool {
        self.shared.plan.server(node).is_some_and(|server| server.kind.foreign().is_some())
    }

    /// Where the program `node` really listens, if that is known and it is not down.
    pub(super) fn foreign_address(&self, node: NodeId) -> Option<SocketAddr> {
        let state = self.lock();
        state.foreign.get(&node).filter(|_| !state.down.contains(&node)).copied()
    }

    /// The program `node` is down: nobody is led to it any more, however long it takes to be gone. Its
    /// ports, opened again, lead there again.
    pub fn cut_off(&self, node: NodeId) {
        self.lock().down.insert(node);
    }

    /// All ports of a server. They stay the same however often it listens.
    pub(super) fn ports(&self, node: NodeId) -> Ports {
        let links = Arc::downgrade(&self.shared);
        let mut state = self.lock();
        let ports = state.ports.entry(node).or_insert_with(|| {
            self.shared.net.ports(Arc::new(move |from, peer: SocketAddr| {
                // Nobody is left to be told when the links are gone.
                links.upgrade().map_or_else(Conduits::direct, |shared| {
                    Links { shared }.accepted(from, node, peer.port())
                })
            }))
        });
        ports.clone()
    }

    /// The conduits of a connection that none of our own clients made.
    fn accepted(&self, from: NodeId, to: NodeId, port: u16) -> Conduits {
        let conn = self.shared.recorder.next_conn();
        // The system has accepted it: nothing holds it up any more.
        let connect = EventKind::Connect { conn, from, to, port, fault: None };
        self.shared.recorder.record(self.shared.clock.now(), connect);
        let number = self.number(from, to);
        let (wire, conduits) = self.wire(conn, from, to, number);
        // What is to be refused is broken off.
        if let Some(by) = self.refusal(conn, from, to, number) {
            wire.ask(Direction::Request, Ask::Answer(by.clone()));
            wire.ask(Direction::Response, Ask::Answer(by));
        }
        conduits
    }

    /// Leads everybody who comes to the ports of the program `to` on to it, until they are closed; then
    /// their connections end too.
    pub(super) async fn lead_all(self, to: NodeId, mut callers: Callers) {
        let mut relays = JoinSet::new();
        let mut failing = false;
        loop {
            let caller = tokio::select! {
                biased;
                Some(ended) = relays.join_next() => {
                    if let Err(error) = ended {
                        self.warn(to, format!("a connection broke: {error}"));
                    }
                    continue;
                }
                caller = callers.next() => caller,
            };
            match caller {
                None => return relays.shutdown().await,
                Some(Ok(caller)) => {
                    failing = false;
                    relays.spawn(self.clone().lead(to, caller));
                }
                Some(Err(error)) => {
                    if !std::mem::replace(&mut failing, true) {
                        self.warn(to, format!("connections cannot be accepted: {error}"));
                    }
                    self.shared.clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Leads one caller on to the program `to`.
    async fn lead(self, to: NodeId, mut caller: Caller) {
        let shared = &self.shared;
        let from = caller.from();
        let conn = shared.recorder.next_conn();
        self.asks(conn, from, to, caller.port());
        let number = self.number(from, to);
        if let Err(refusal) = self.admit(conn, from, to, number).await {
            // It gets its reset after this.
            return self.not_admitted(conn, from, to, &refusal);
        }
        let (_, conduits) = self.wire(conn, from, to, number);
        let led = match self.foreign_address(to) {
            Some(address) => caller.lead(address, conduits).await,
            None => Err(io::ErrorKind::ConnectionRefused.into()),
        };
        match led {
            Ok(relay) => relay.await,
            // It gets its reset after this.
            Err(error) => self.refused(conn, from, to, &error),
        }
    }

    fn warn(&self, node: NodeId, text: String) {
        let kind = EventKind::Log { node: Some(node), level: Level::Warn, text };
        self.shared.recorder.record(self.shared.clock.now(), kind);
    }
}
