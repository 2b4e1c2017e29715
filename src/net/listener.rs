//! A listening port in either world.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use super::real::{RealListener, Reserved};
use super::virt::VirtualListener;
use super::{Conduits, Stream};

/// Gives the conduits of a connection that comes from outside, from that address.
pub type Outside = Arc<dyn Fn(SocketAddr) -> Conduits + Send + Sync>;

/// A listening port on loopback. Dropping it closes the port.
pub struct Listener {
    address: SocketAddr,
    /// `None` once it was shut.
    kind: Arc<Mutex<Option<Kind>>>,
    outside: Outside,
}

/// Shuts a [`Listener`] that somebody else waits at.
#[derive(Clone)]
pub struct Shutter(Arc<Mutex<Option<Kind>>>);

enum Kind {
    Real(RealListener),
    Virtual(VirtualListener),
    /// Refuses everybody: nothing listens here.
    Closed(Option<Reserved>),
}

impl Listener {
    pub(super) fn real(listener: RealListener, outside: Outside) -> Listener {
        Listener::new(listener.local_addr(), Kind::Real(listener), outside)
    }

    pub(super) fn virt(listener: VirtualListener, outside: Outside) -> Listener {
        Listener::new(listener.local_addr(), Kind::Virtual(listener), outside)
    }

    pub(super) fn closed(address: SocketAddr, reserved: Option<Reserved>) -> Listener {
        Listener::new(address, Kind::Closed(reserved), Arc::new(|_| Conduits::direct()))
    }

    fn new(address: SocketAddr, kind: Kind, outside: Outside) -> Listener {
        Listener { address, kind: Arc::new(Mutex::new(Some(kind))), outside }
    }

    /// What keeps a port closed, if that is what this does.
    pub(super) fn into_reserved(self) -> Option<Reserved> {
        match lock(&self.kind).take() {
            Some(Kind::Closed(reserved)) => reserved,
            _ => None,
        }
    }

    /// The address that others connect to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What shuts this port, wherever the listener is.
    #[must_use]
    pub fn shutter(&self) -> Shutter {
        Shutter(self.kind.clone())
    }

    /// Waits for the next connection: for ever, once the port was shut.
    ///
    /// # Errors
    /// What the kernel says, such as too many open files.
    pub async fn accept(&mut self) -> io::Result<Stream> {
        poll_fn(|cx| match &mut *lock(&self.kind) {
            Some(Kind::Real(listener)) => listener
                .poll_accept(cx, &*self.outside)
                .map_ok(|(stream, peer)| Stream::real(stream, peer)),
            Some(Kind::Virtual(listener)) => {
                listener.poll_accept(cx).map(|(stream, peer)| Ok(Stream::virt(stream, peer)))
            }
            Some(Kind::Closed(_)) | None => Poll::Pending,
        })
        .await
    }
}

impl Shutter {
    /// Closes the port: when this returns, whoever connects is refused, and who waited to be accepted is
    /// reset.
    pub fn shut(&self) {
        let kind = lock(&self.0).take();
        drop(kind);
    }
}

fn lock(kind: &Mutex<Option<Kind>>) -> MutexGuard<'_, Option<Kind>> {
    kind.lock().unwrap_or_else(PoisonError::into_inner)
}
