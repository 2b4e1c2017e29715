//! The one type of connection that servers and clients know.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::real::RealStream;
use super::virt::VirtualStream;
use crate::base::NodeId;

/// A connection in either world. Dropping it closes it in order.
pub struct Stream {
    kind: Kind,
    peer: SocketAddr,
}

enum Kind {
    Real(RealStream),
    Virtual(VirtualStream),
}

impl Stream {
    pub(super) fn real(stream: RealStream, peer: SocketAddr) -> Stream {
        Stream { kind: Kind::Real(stream), peer }
    }

    pub(super) fn virt(stream: VirtualStream, peer: SocketAddr) -> Stream {
        Stream { kind: Kind::Virtual(stream), peer }
    }

    /// The address of the other side.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// Breaks the connection off: the other side gets a reset (RST), not an end.
    pub fn reset(mut self) {
        match &mut self.kind {
            Kind::Real(stream) => stream.reset(),
            Kind::Virtual(stream) => stream.reset(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Real(stream) => stream.poll_read(cx, buf),
            Kind::Virtual(stream) => stream.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.kind {
            Kind::Real(stream) => stream.poll_write(cx, buf),
            Kind::Virtual(stream) => stream.poll_write(cx, buf),
        }
    }

    /// Nothing to do: what was written is under way.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends the sending direction; what was written before still arrives.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Real(stream) => stream.shutdown(cx),
            Kind::Virtual(stream) => stream.shutdown(),
        }
        Poll::Ready(Ok(()))
    }
}

/// What [`Dial::dial`] returns.
pub type DialFuture = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

/// How one node reaches another: by name of the plan, never by address, so that the link between
/// them is always the one that was declared.
pub trait Dial: Send + Sync {
    /// Connects `from` to `to`.
    fn dial(&self, from: NodeId, to: NodeId) -> DialFuture;
}
