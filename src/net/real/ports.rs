//! The listening sockets of one server: the one that everybody is told, and its doors.
//!
//! Closed ports are kept: nothing listens there, and nobody else is given one of them, so that a server
//! that comes back is where it was.
#![expect(clippy::disallowed_types, reason = "this folder owns the sockets")]

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::relay::Relay;
use super::{Dialled, RealNet, RealStream, bound_to, break_off, listen_at};
use crate::base::NodeId;
use crate::net::{Conduits, Way};

/// The listening sockets of one server. Cheap to clone.
#[derive(Clone)]
pub(in crate::net) struct RealPorts {
    net: RealNet,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The public one, once there was one.
    public: Option<Socket>,
    doors: Vec<Socket>,
    open: bool,
    /// How often it was opened: whoever accepts does so for one opening only.
    opening: u64,
    /// The socket that is asked first, so that none of them waits for a busy one.
    turn: usize,
    waker: Option<Waker>,
    /// Whose ports are closed although the server is up.
    barred: Vec<Way>,
}

/// A port, listening or kept.
struct Socket {
    /// Who comes this way.
    from: NodeId,
    address: SocketAddr,
    bound: Bound,
}

enum Bound {
    Listening(TcpListener),
    /// Held, unless the kernel did not allow it.
    Kept(Option<TcpSocket>),
}

impl Socket {
    fn new(from: NodeId, port: u16, open: bool) -> io::Result<Socket> {
        if open {
            let listener = listen_at(port)?;
            let address = listener.local_addr()?;
            return Ok(Socket { from, address, bound: Bound::Listening(listener) });
        }
        let socket = bound_to(port)?;
        let address = socket.local_addr()?;
        Ok(Socket { from, address, bound: Bound::Kept(Some(socket)) })
    }

    fn open(&mut self) -> io::Result<()> {
        let port = self.address.port();
        let listener = match &mut self.bound {
            Bound::Listening(_) => return Ok(()),
            // Not every system lets two sockets be bound to one port, even if neither listens.
            Bound::Kept(kept) => listen_at(port).or_else(|_| {
                *kept = None;
                listen_at(port)
            })?,
        };
        self.bound = Bound::Listening(listener);
        Ok(())
    }

    fn close(&mut self) {
        self.bound = Bound::Kept(None);
        self.bound = Bound::Kept(bound_to(self.address.port()).ok());
    }
}

impl RealPorts {
    pub(in crate::net) fn new(net: RealNet) -> RealPorts {
        RealPorts { net, state: Arc::default() }
    }

    /// Opens all its ports: the public one at `port` or any, and from then on always there. Returns its
    /// address and the number of this opening.
    pub(in crate::net) fn open(&self, port: Option<u16>) -> io::Result<(SocketAddr, u64)> {
        let mut state = self.lock();
        let address = match &mut state.public {
            Some(public) => {
                public.open()?;
                public.address
            }
            None => {
                let public = Socket::new(NodeId::OUTSIDE, port.unwrap_or(0), true)?;
                state.public.insert(public).address
            }
        };
        for door in &mut state.doors {
            door.open()?;
        }
        state.open = true;
        state.opening += 1;
        let opening = state.opening;
        self.settle(state).map(|()| (address, opening))
    }

    /// Closes the ports of some, or all, although the server is up, until they are unbarred: nobody listens
    /// there, and whoever waits there gets a reset. Those who are in stay.
    pub(in crate::net) fn bar(&self, way: Way) {
        let mut state = self.lock();
        if !state.barred.contains(&way) {
            state.barred.push(way);
        }
        // Closing asks nothing of the system.
        let _ = self.settle(state);
    }

    /// Opens them again.
    pub(in crate::net) fn unbar(&self, way: Way) -> io::Result<()> {
        let mut state = self.lock();
        state.barred.retain(|one| *one != way);
        self.settle(state)
    }

    /// Opens and closes sockets as they should be.
    fn settle(&self, mut state: MutexGuard<'_, State>) -> io::Result<()> {
        let barred = std::mem::take(&mut state.barred);
        let open = state.open;
        let is_barred = |from: NodeId| barred.iter().any(|way| way.0.is_none_or(|one| one == from));
        let (mut closed, mut settled) = (Vec::new(), Ok(()));
        for socket in state.sockets() {
            if open && !is_barred(socket.from) {
                settled = settled.and(socket.open());
            } else if matches!(socket.bound, Bound::Listening(_)) {
                socket.close();
                closed.push(socket.address);
            }
        }
        state.barred = barred;
        let waker = state.waker.take();
        drop(state);
        self.net.forget(&closed);
        if let Some(waker) = waker {
            waker.wake();
        }
        settled
    }

    /// Closes all its ports, unless it was opened again since. Whoever waits there gets a reset.
    pub(in crate::net) fn close(&self, opening: u64) {
        let mut state = self.lock();
        if !state.open || state.opening != opening {
            return;
        }
        state.open = false;
        let mut closed = Vec::new();
        for socket in state.sockets() {
            socket.close();
            closed.push(socket.address);
        }
        let waker = state.waker.take();
        drop(state);
        self.net.forget(&closed);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// A port for `from` alone.
    pub(in crate::net) fn door(&self, from: NodeId) -> io::Result<SocketAddr> {
        let mut state = self.lock();
        if let Some(door) = state.doors.iter().find(|door| door.from == from) {
            return Ok(door.address);
        }
        let door = Socket::new(from, 0, state.open)?;
        let address = door.address;
        state.doors.push(door);
        self.settle(state).map(|()| address)
    }

    /// The next connection; `None` when this opening is over.
    pub(in crate::net) fn poll_accept(
        &self,
        opening: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Accepted>>> {
        let mut state = self.lock();
        if !state.open || state.opening != opening {
            return Poll::Ready(None);
        }
        let count = state.doors.len() + 1;
        for n in 0..count {
            let index = (state.turn + n) % count;
            let Some(socket) = state.socket(index) else { continue };
            let Bound::Listening(listener) = &socket.bound else { continue };
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                let from = socket.from;
                state.turn = index + 1;
                let net = self.net.clone();
                let accepted =
                    accepted.map(|(tcp, peer)| Accepted { net, near: Near(Some(tcp)), peer, from });
                return Poll::Ready(Some(accepted));
            }
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn socket(&self, index: usize) -> Option<&Socket> {
        match index.checked_sub(1) {
            None => self.public.as_ref(),
            Some(door) => self.doors.get(door),
        }
    }

    fn sockets(&mut self) -> impl Iterator<Item = &mut Socket> {
        self.public.iter_mut().chain(&mut self.doors)
    }
}

/// A connection that was accepted and leads nowhere yet. Dropping it breaks it off.
pub(in crate::net) struct Accepted {
    net: RealNet,
    near: Near,
    pub(in crate::net) peer: SocketAddr,
    /// Whose port it came to.
    pub(in crate::net) from: NodeId,
}

/// The near side of a connection; broken off unless it is taken out.
struct Near(Option<TcpStream>);

impl Drop for Near {
    fn drop(&mut self) {
        if let Some(tcp) = self.0.take() {
            break_off(tcp);
        }
    }
}

impl Accepted {
    /// Leads to one of our own servers; `outside` gives the conduits of a connection that none of our own
    /// clients made.
    pub(in crate::net) fn stream(
        mut self,
        outside: &dyn Fn(NodeId, SocketAddr) -> Conduits,
    ) -> io::Result<RealStream> {
        let tcp = self.near.0.take().ok_or(io::ErrorKind::NotConnected)?;
        let dialled = self.net.lock().remove(&self.peer);
        let clock = self.net.clock.clone();
        let now = clock.now();
        if let Some(Dialled { mut response, .. }) = dialled {
            response.accepted(now);
            return RealStream::new(tcp.into(), clock, None, response);
        }
        let Conduits { request, mut response } = outside(self.from, self.peer);
        response.accepted(now);
        RealStream::new(tcp.into(), clock, Some(request), response)
    }

    /// Leads to a program that we did not write, at `to`, over `conduits`.
    ///
    /// # Errors
    /// What connecting to it says; the caller knows nothing of it yet.
    pub(in crate::net) async fn relay(
        &mut self,
        to: SocketAddr,
        conduits: Conduits,
    ) -> io::Result<Relay> {
        let far = TcpStream::connect(to).await?;
        let Conduits { request, mut response } = conduits;
        let clock = self.net.clock.clone();
        response.accepted(clock.now());
        let near = self.near.0.take().ok_or(io::ErrorKind::NotConnected)?;
        Relay::new(near, far, clock, Conduits { request, response })
    }
}
