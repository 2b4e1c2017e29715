//! A listening port in either world.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use super::real::{RealListener, Reserved};
use super::virt::VirtualListener;
use super::{Conduits, Stream};

/// Gives the conduits of a connection that comes from outside, from that address.
pub type Outside = Arc<dyn Fn(SocketAddr) -> Conduits + Send + Sync>;

/// A listening port on loopback. Dropping it closes the port.
pub struct Listener {
    kind: Kind,
    outside: Outside,
}

enum Kind {
    Real(RealListener),
    Virtual(VirtualListener),
    /// Refuses everybody: nothing listens here.
    Closed {
        address: SocketAddr,
        _reserved: Option<Reserved>,
    },
}

impl Listener {
    pub(super) fn real(listener: RealListener, outside: Outside) -> Listener {
        Listener { kind: Kind::Real(listener), outside }
    }

    pub(super) fn virt(listener: VirtualListener, outside: Outside) -> Listener {
        Listener { kind: Kind::Virtual(listener), outside }
    }

    pub(super) fn closed(address: SocketAddr, reserved: Option<Reserved>) -> Listener {
        let kind = Kind::Closed { address, _reserved: reserved };
        Listener { kind, outside: Arc::new(|_| Conduits::direct()) }
    }

    /// The address that others connect to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        match &self.kind {
            Kind::Real(listener) => listener.local_addr(),
            Kind::Virtual(listener) => listener.local_addr(),
            Kind::Closed { address, .. } => *address,
        }
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// What the kernel says, such as too many open files.
    pub async fn accept(&mut self) -> io::Result<Stream> {
        poll_fn(|cx| match &mut self.kind {
            Kind::Real(listener) => listener
                .poll_accept(cx, &*self.outside)
                .map_ok(|(stream, peer)| Stream::real(stream, peer)),
            Kind::Virtual(listener) => {
                listener.poll_accept(cx).map(|(stream, peer)| Ok(Stream::virt(stream, peer)))
            }
            Kind::Closed { .. } => Poll::Pending,
        })
        .await
    }
}
