//! Listening and connecting in memory: ports, backlogs, refusals.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::core::Core;
use super::flow::{Flow, VirtualStream};
use crate::base::Rng;
use crate::net::Conduits;

/// The first of the ports that are given out: the range of RFC 6335 for ephemeral ones.
const PORT_FIRST: u16 = 49152;

/// How many connections may wait to be accepted at one port; beyond that they are refused.
const BACKLOG_MAX: usize = 4096;

/// The network of one virtual world. Cheap to clone.
#[derive(Clone)]
pub(in crate::net) struct VirtualNet {
    core: Core,
    state: Arc<Mutex<State>>,
}

struct State {
    rng: Rng,
    listening: BTreeMap<u16, Arc<Mutex<Backlog>>>,
    /// Ports that are kept free on purpose: nothing listens there.
    reserved: Vec<u16>,
    /// Ports that were listened at: given only to who asks for them by number.
    kept: BTreeSet<u16>,
}

#[derive(Default)]
struct Backlog {
    waiting: VecDeque<(VirtualStream, SocketAddr)>,
    waker: Option<Waker>,
}

impl VirtualNet {
    pub(in crate::net) fn new(core: Core, rng: Rng) -> VirtualNet {
        let (listening, reserved, kept) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        let state = State { rng, listening, reserved, kept };
        VirtualNet { core, state: Arc::new(Mutex::new(state)) }
    }

    pub(in crate::net) fn listen(&self, port: Option<u16>) -> io::Result<VirtualListener> {
        let mut state = self.lock();
        let port = match port {
            Some(port) if state.is_taken(port) => return Err(io::ErrorKind::AddrInUse.into()),
            Some(port) => port,
            None => state.free_port()?,
        };
        let backlog = Arc::new(Mutex::new(Backlog::default()));
        state.listening.insert(port, backlog.clone());
        state.kept.insert(port);
        Ok(VirtualListener { net: self.clone(), port, backlog })
    }

    /// A port at which nothing listens, unless it is opened.
    pub(in crate::net) fn reserve(&self, port: Option<u16>) -> io::Result<u16> {
        let mut state = self.lock();
        let port = match port {
            Some(port) => port,
            None => state.free_port()?,
        };
        state.reserved.push(port);
        Ok(port)
    }

    pub(in crate::net) fn dial(&self) -> VirtualDialling {
        let local = loopback(self.lock().any_port());
        VirtualDialling { net: self.clone(), local }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_taken(&self, port: u16) -> bool {
        self.listening.contains_key(&port) || self.reserved.contains(&port)
    }

    fn free_port(&mut self) -> io::Result<u16> {
        let range = u16::MAX - PORT_FIRST;
        let first = self.any_port() - PORT_FIRST;
        (0..=range)
            .map(|n| {
                PORT_FIRST
                    + u16::try_from((u32::from(first) + u32::from(n)) % (u32::from(range) + 1))
                        .unwrap_or(0)
            })
            .find(|port| !self.is_taken(*port) && !self.kept.contains(port))
            .ok_or_else(|| io::ErrorKind::AddrInUse.into())
    }

    fn any_port(&mut self) -> u16 {
        let range = u64::from(u16::MAX - PORT_FIRST) + 1;
        PORT_FIRST + u16::try_from(self.rng.below(range)).unwrap_or(0)
    }
}

/// A connection that is about to be made.
pub(in crate::net) struct VirtualDialling {
    net: VirtualNet,
    local: SocketAddr,
}

impl VirtualDialling {
    pub(in crate::net) fn local_addr(&self) -> SocketAddr {
        self.local
    }

    pub(in crate::net) fn connect(
        self,
        to: SocketAddr,
        conduits: Conduits,
    ) -> io::Result<VirtualStream> {
        let Some(backlog) = self.net.lock().listening.get(&to.port()).cloned() else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let mut waiting = backlog.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.waiting.len() >= BACKLOG_MAX {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (up, down) = Flow::pair(&self.net.core, conduits.request, conduits.response);
        let server = VirtualStream::new(self.net.core.clone(), up.clone(), down.clone());
        waiting.waiting.push_back((server, self.local));
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(VirtualStream::new(self.net.core, down, up))
    }
}

/// A listening port in memory; dropping it closes the port and resets whoever waits there.
pub(in crate::net) struct VirtualListener {
    net: VirtualNet,
    port: u16,
    backlog: Arc<Mutex<Backlog>>,
}

impl VirtualListener {
    pub(in crate::net) fn local_addr(&self) -> SocketAddr {
        loopback(self.port)
    }

    pub(in crate::net) fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<(VirtualStream, SocketAddr)> {
        let mut backlog = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        match backlog.waiting.pop_front() {
            Some((stream, peer)) => {
                drop(backlog);
                stream.outgoing().accepted(self.net.core.now());
                Poll::Ready((stream, peer))
            }
            None => {
                backlog.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for VirtualListener {
    fn drop(&mut self) {
        self.net.lock().listening.remove(&self.port);
        let mut backlog = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = std::mem::take(&mut backlog.waiting);
        drop(backlog);
        for (mut stream, _) in waiting {
            stream.reset();
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
