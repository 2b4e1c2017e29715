//! Listening in either world: the ports at which a server is reached, and who comes there.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::real::{Accepted, RealPorts, Relay, Reserved};
use super::virt::{VirtualListener, VirtualNet};
use super::{Conduits, Stream};
use crate::base::NodeId;

/// Gives the conduits of a connection that none of our own clients made: who came, and from what address.
pub type Outside = Arc<dyn Fn(NodeId, SocketAddr) -> Conduits + Send + Sync>;

/// The way on which a server is reached: by this one, [`NodeId::OUTSIDE`] for the public port; `None` is by
/// anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way(pub Option<NodeId>);

/// All ports at which one server is reached: its public one, and its doors, each for one program that we
/// did not write. They are the same each time it is opened. Cheap to clone.
#[derive(Clone)]
pub struct Ports {
    kind: PortsKind,
    outside: Outside,
}

#[derive(Clone)]
enum PortsKind {
    Real(RealPorts),
    Virtual(VirtualNet, Arc<Mutex<Option<u16>>>),
}

impl Ports {
    pub(super) fn real(ports: RealPorts, outside: Outside) -> Ports {
        Ports { kind: PortsKind::Real(ports), outside }
    }

    pub(super) fn virt(net: VirtualNet, outside: Outside) -> Ports {
        Ports { kind: PortsKind::Virtual(net, Arc::default()), outside }
    }

    /// Opens all of them: the public one at `port` or any, and from the second time on where it was.
    ///
    /// # Errors
    /// What the kernel says: the port is taken, or not allowed.
    pub fn listen(&self, port: Option<u16>) -> io::Result<Listener> {
        let (address, kind) = match &self.kind {
            PortsKind::Real(ports) => {
                let (address, opening) = ports.open(port)?;
                (address, Kind::Real(ports.clone(), opening))
            }
            PortsKind::Virtual(net, kept) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let listener = net.listen(kept.or(port))?;
                let address = listener.local_addr();
                *kept = Some(address.port());
                (address, Kind::Virtual(Arc::new(Mutex::new(Some(listener)))))
            }
        };
        Ok(Listener { address, outside: self.outside.clone(), shutter: Shutter(kind) })
    }

    /// Closes some of the ports although the server is up: when this returns, whoever connects there is
    /// refused. In the virtual world nothing happens.
    pub fn bar(&self, way: Way) {
        if let PortsKind::Real(ports) = &self.kind {
            ports.bar(way);
        }
    }

    /// Opens them again.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn unbar(&self, way: Way) -> io::Result<()> {
        match &self.kind {
            PortsKind::Real(ports) => ports.unbar(way),
            PortsKind::Virtual(..) => Ok(()),
        }
    }

    /// A port for `from` alone, the same each time. Whoever connects to it is taken for `from`.
    ///
    /// # Errors
    /// What the kernel says when no port is free; [`io::ErrorKind::Unsupported`] in the virtual world, where
    /// no program could come.
    pub fn door(&self, from: NodeId) -> io::Result<SocketAddr> {
        match &self.kind {
            PortsKind::Real(ports) => ports.door(from),
            PortsKind::Virtual(..) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// A server's listening ports on loopback. Dropping it closes them.
pub struct Listener {
    address: SocketAddr,
    outside: Outside,
    shutter: Shutter,
}

/// Shuts a [`Listener`] that somebody else waits at. Cheap to clone.
#[derive(Clone)]
pub struct Shutter(Kind);

#[derive(Clone)]
enum Kind {
    /// With the number of the opening.
    Real(RealPorts, u64),
    Virtual(Arc<Mutex<Option<VirtualListener>>>),
    /// Refuses everybody: nothing listens here.
    Closed {
        _reserved: Option<Arc<Reserved>>,
    },
}

impl Listener {
    pub(super) fn closed(address: SocketAddr, reserved: Option<Reserved>) -> Listener {
        let outside: Outside = Arc::new(|_, _| Conduits::direct());
        let kind = Kind::Closed { _reserved: reserved.map(Arc::new) };
        Listener { address, outside, shutter: Shutter(kind) }
    }

    /// The address that others connect to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What shuts these ports, wherever the listener is.
    #[must_use]
    pub fn shutter(&self) -> Shutter {
        self.shutter.clone()
    }

    /// Waits for the next connection: for ever, once the ports are shut.
    ///
    /// # Errors
    /// What the kernel says, such as too many open files.
    pub async fn accept(&mut self) -> io::Result<Stream> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        match &self.shutter.0 {
            Kind::Real(ports, opening) => match ports.poll_accept(*opening, cx) {
                Poll::Ready(Some(accepted)) => Poll::Ready(accepted.and_then(|accepted| {
                    let peer = accepted.peer;
                    Ok(Stream::real(accepted.stream(&*self.outside)?, peer))
                })),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            },
            Kind::Virtual(listener) => match &mut *lock(listener) {
                Some(listener) => {
                    listener.poll_accept(cx).map(|(stream, peer)| Ok(Stream::virt(stream, peer)))
                }
                None => Poll::Pending,
            },
            Kind::Closed { .. } => Poll::Pending,
        }
    }

    /// Those who come to these ports, for whoever leads them on. They stop coming when the ports are shut.
    #[must_use]
    pub fn callers(&self) -> Callers {
        match &self.shutter.0 {
            Kind::Real(ports, opening) => Callers(Some((ports.clone(), *opening))),
            Kind::Virtual(_) | Kind::Closed { .. } => Callers(None),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shutter.shut();
    }
}

impl Shutter {
    /// Closes the ports: when this returns, whoever connects is refused, and who waited to be accepted is
    /// reset. Nobody else is given these ports.
    pub fn shut(&self) {
        match &self.0 {
            Kind::Real(ports, opening) => ports.close(*opening),
            Kind::Virtual(listener) => {
                let listener = lock(listener).take();
                drop(listener);
            }
            Kind::Closed { .. } => {}
        }
    }
}

fn lock(listener: &Mutex<Option<VirtualListener>>) -> MutexGuard<'_, Option<VirtualListener>> {
    listener.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those who come to a port; see [`Listener::callers`].
pub struct Callers(Option<(RealPorts, u64)>);

impl Callers {
    /// The next one; `None` when the port is closed.
    ///
    /// # Errors
    /// What the kernel says, such as too many open files.
    pub async fn next(&mut self) -> Option<io::Result<Caller>> {
        let (ports, opening) = self.0.as_ref()?;
        poll_fn(|cx| ports.poll_accept(*opening, cx)).await.map(|accepted| accepted.map(Caller))
    }
}

/// A program that has connected and is not led on yet. Dropping it breaks its connection off.
pub struct Caller(Accepted);

impl Caller {
    /// Whose port it came to: [`NodeId::OUTSIDE`] at the public one.
    #[must_use]
    pub fn from(&self) -> NodeId {
        self.0.from
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.peer.port()
    }

    /// Connects it with a program that listens at `to`. `conduits` stand in the two directions.
    ///
    /// # Errors
    /// Refused, or whatever else the kernel says.
    pub async fn lead(&mut self, to: SocketAddr, conduits: Conduits) -> io::Result<Relay> {
        self.0.relay(to, conduits).await
    }
}
