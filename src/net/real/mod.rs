//! Real sockets. This folder alone may open one, and it binds to loopback only.
//!
//! ```text
//! Ports (a server's listening sockets) -> accepted -> RealStream: to one of our own servers
//!                                                \-> Relay: on to a program that we did not write
//! RealDialling -> RealStream
//! ```
#![expect(clippy::disallowed_types, reason = "this folder owns the sockets")]

mod chunk;
mod ports;
mod relay;
mod stream;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{Clock, Conduit, Conduits};

pub(super) use ports::{Accepted, RealPorts};
pub use relay::Relay;
pub(super) use stream::RealStream;

/// How many connections the kernel keeps for a listener that does not accept them yet.
const BACKLOG: u32 = 4096;

/// The network of loopback. Cheap to clone.
#[derive(Clone)]
pub(super) struct RealNet {
    clock: Clock,
    /// The response conduits of connections that our own clients are making, by the client's address:
    /// the accepting side takes its one from here. Whoever is not found here comes from outside.
    dialled: Arc<Mutex<BTreeMap<SocketAddr, Dialled>>>,
}

/// A connection that one of our own clients is making.
struct Dialled {
    to: SocketAddr,
    response: Box<dyn Conduit>,
}

impl RealNet {
    pub(super) fn new(clock: Clock) -> RealNet {
        RealNet { clock, dialled: Arc::default() }
    }

    /// A port at which nothing listens: bound and never listened at.
    pub(super) fn reserve(port: Option<u16>) -> io::Result<(SocketAddr, Reserved)> {
        let socket = bound_to(port.unwrap_or(0))?;
        Ok((socket.local_addr()?, Reserved { _socket: socket }))
    }

    pub(super) fn dial(&self) -> io::Result<RealDialling> {
        self.dialling(loopback(0), false)
    }

    /// Begins to connect to a program that we did not write, at `to`.
    pub(super) fn dial_foreign(&self, to: SocketAddr) -> io::Result<RealDialling> {
        let from = match to {
            SocketAddr::V4(_) => loopback(0),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
        };
        self.dialling(from, true)
    }

    fn dialling(&self, from: SocketAddr, foreign: bool) -> io::Result<RealDialling> {
        let socket = if from.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(from)?;
        let local = socket.local_addr()?;
        Ok(RealDialling { net: self.clone(), socket, local, foreign })
    }

    /// These ports were closed. The kernel resets whoever was not accepted there, and nobody will ask for
    /// their conduits.
    fn forget(&self, closed: &[SocketAddr]) {
        let mut dialled = self.lock();
        let forgotten = dialled.extract_if(.., |_, dialled| closed.contains(&dialled.to));
        let forgotten: Vec<(SocketAddr, Dialled)> = forgotten.collect();
        drop(dialled);
        drop(forgotten);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Dialled>> {
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is about to be made: a socket with a port of its own.
pub(super) struct RealDialling {
    net: RealNet,
    socket: TcpSocket,
    local: SocketAddr,
    /// The other side is a program that we did not write, so this side carries both directions.
    foreign: bool,
}

impl RealDialling {
    pub(super) fn local_addr(&self) -> SocketAddr {
        self.local
    }

    pub(super) async fn connect(
        self,
        to: SocketAddr,
        conduits: Conduits,
    ) -> io::Result<RealStream> {
        let Conduits { request, mut response } = conduits;
        let clock = self.net.clock.clone();
        if self.foreign {
            let made = made(self.socket, to).await?;
            response.accepted(clock.now());
            return RealStream::new(made, clock, Some(response), request);
        }
        self.net.lock().insert(self.local, Dialled { to, response });
        // If the connection is not made, or nobody waits for it any more, nobody will take it either.
        let guard = Forget { net: &self.net, local: self.local, armed: true };
        let made = made(self.socket, to).await?;
        guard.disarm();
        RealStream::new(made, clock, None, request)
    }
}

/// A connection that was made.
struct Made {
    tcp: TcpStream,
    /// True if it has been broken off already.
    reset: bool,
}

impl From<TcpStream> for Made {
    fn from(tcp: TcpStream) -> Made {
        Made { tcp, reset: false }
    }
}

/// Makes a connection. One that is broken off before anybody looks has been made all the same: tokio's own
/// way would call it an attempt that failed.
async fn made(socket: TcpSocket, to: SocketAddr) -> io::Result<Made> {
    let same = rustix::io::fcntl_dupfd_cloexec(&socket, 0)?;
    match rustix::net::connect(&same, &to) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let tcp = TcpStream::from_std(same.into())?;
    tcp.writable().await?;
    match tcp.take_error()? {
        None => Ok(tcp.into()),
        Some(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            Ok(Made { tcp, reset: true })
        }
        Some(error) => Err(error),
    }
}

/// Takes a conduit back that will never be asked for.
struct Forget<'a> {
    net: &'a RealNet,
    local: SocketAddr,
    armed: bool,
}

impl Forget<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.net.lock().remove(&self.local);
        }
    }
}

/// Keeps a port from being used by anybody.
pub(super) struct Reserved {
    _socket: TcpSocket,
}

/// A socket that listens at `port`, or at any free one.
fn listen_at(port: u16) -> io::Result<TcpListener> {
    bound_to(port)?.listen(BACKLOG)
}

/// A socket that is bound to `port`. Others may be bound to it too, until one of them listens.
fn bound_to(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(loopback(port))?;
    Ok(socket)
}

/// Closes a socket with a reset.
fn break_off(tcp: TcpStream) {
    let linger = Some(std::time::Duration::ZERO);
    let _ = rustix::net::sockopt::set_socket_linger(&tcp, linger);
    drop(tcp);
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::task::Poll;

    use tokio::io::ReadBuf;

    use super::*;
    use crate::net::block_on_real;

    #[test]
    fn what_is_broken_off_before_anybody_looks_was_made_and_is_broken_off() {
        // One thread, so that nobody looks at sockets meanwhile.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (read, written) = runtime.block_on(async {
            let listener = std::net::TcpListener::bind(loopback(0)).unwrap();
            let to = listener.local_addr().unwrap();
            let mut making = Box::pin(made(bound_to(0).unwrap(), to));
            // The system has made it when it has begun.
            let begun = std::future::poll_fn(|cx| Poll::Ready(making.as_mut().poll(cx))).await;
            assert!(begun.is_pending());
            let (accepted, _) = listener.accept().unwrap();
            let linger = Some(std::time::Duration::ZERO);
            rustix::net::sockopt::set_socket_linger(&accepted, linger).unwrap();
            drop(accepted);
            let made = making.await.unwrap();
            let request = Conduits::direct().request;
            let mut stream = RealStream::new(made, Clock::real(), None, request).unwrap();
            let mut bytes = [0; 8];
            let read = std::future::poll_fn(|cx| {
                stream.poll_read(cx, &mut ReadBuf::new(&mut bytes)).map_err(|error| error.kind())
            });
            let read = read.await;
            let written = std::future::poll_fn(|cx| {
                stream.poll_write(cx, b"x").map_err(|error| error.kind())
            });
            (read, written.await)
        });
        let reset = io::ErrorKind::ConnectionReset;
        assert_eq!((read, written), (Err(reset), Err(reset)));
    }

    #[test]
    fn where_nobody_listens_nothing_is_made() {
        let kind = block_on_real(1, |_, _| async {
            let (nowhere, _reserved) = RealNet::reserve(None).unwrap();
            made(bound_to(0).unwrap(), nowhere).await.err().map(|error| error.kind())
        });
        assert_eq!(kind.unwrap(), Some(io::ErrorKind::ConnectionRefused));
    }
}
