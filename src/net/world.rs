//! The two worlds: a network, a clock, and the runtime that drives them.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::Poll;

use super::listener::{Outside, Ports};
use super::real::{RealDialling, RealNet, RealPorts};
use super::virt::{Core, VirtualDialling, VirtualNet};
use super::{Clock, Conduits, Listener, Stream};
use crate::base::Rng;

/// The network of a run. Cheap to clone.
#[derive(Clone)]
pub struct Net(Kind);

#[derive(Clone)]
enum Kind {
    Real(RealNet),
    Virtual(VirtualNet),
}

/// Nothing can ever happen again, and the run is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlock;

/// Drives `main` on real sockets and the wall clock, with a thread for each of `threads`.
///
/// # Errors
/// What the operating system says when it has no threads to give.
pub fn block_on_real<F, Fut>(threads: usize, main: F) -> io::Result<Fut::Output>
where
    F: FnOnce(Net, Clock) -> Fut,
    Fut: Future,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.max(1))
        .enable_all()
        .build()?;
    let output = runtime.block_on(async {
        let clock = Clock::real();
        main(Net(Kind::Real(RealNet::new(clock.clone()))), clock).await
    });
    runtime.shutdown_background();
    Ok(output)
}

/// Drives `main` in a virtual world of its own, on this thread. `rng` gives the ports.
///
/// # Errors
/// [`Deadlock`] if `main` waits for something that can never happen.
///
/// # Panics
/// If `main` panics, or uses tokio's own timers or sockets, which do not exist here.
pub fn block_on_virtual<F, Fut>(rng: Rng, main: F) -> Result<Fut::Output, Deadlock>
where
    F: FnOnce(Net, Clock) -> Fut,
    Fut: Future + Send + 'static,
    Fut::Output: Send + 'static,
{
    let core = Core::new();
    let stepper = core.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .on_thread_park(move || stepper.step())
        .build()
        .expect("a runtime without drivers asks nothing of the system");
    let net = Net(Kind::Virtual(VirtualNet::new(core.clone(), rng)));
    let clock = Clock::of_core(core.clone());
    let ending = core.clone();
    let output = runtime.block_on(async move {
        let mut main = tokio::spawn(main(net, clock));
        let mut first = true;
        std::future::poll_fn(move |cx| {
            // A root's waker is the same at every poll.
            if std::mem::take(&mut first) {
                core.set_root(cx.waker());
            }
            match std::pin::Pin::new(&mut main).poll(cx) {
                Poll::Ready(Ok(output)) => Poll::Ready(Ok(output)),
                Poll::Ready(Err(error)) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => Poll::Ready(Err(Deadlock)),
                },
                Poll::Pending if core.deadlocked() => Poll::Ready(Err(Deadlock)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    });
    drop(runtime);
    ending.clear();
    output
}

impl Net {
    /// The ports of a server, not open yet. `outside` gives the conduits of connections that none of our
    /// own clients made.
    #[must_use]
    pub fn ports(&self, outside: Outside) -> Ports {
        match &self.0 {
            Kind::Real(net) => Ports::real(RealPorts::new(net.clone()), outside),
            Kind::Virtual(net) => Ports::virt(net.clone(), outside),
        }
    }

    /// Listens on loopback, at `port` or at any free one, with ports that are opened once.
    ///
    /// # Errors
    /// What the kernel says: the port is taken, or not allowed.
    pub fn listen(&self, port: Option<u16>, outside: Outside) -> io::Result<Listener> {
        self.ports(outside).listen(port)
    }

    /// An address on loopback at which nothing listens.
    ///
    /// # Errors
    /// What the kernel says: the port is taken, or not allowed.
    pub fn closed_port(&self, port: Option<u16>) -> io::Result<Listener> {
        match &self.0 {
            Kind::Real(_) => {
                let (address, reserved) = RealNet::reserve(port)?;
                Ok(Listener::closed(address, Some(reserved)))
            }
            Kind::Virtual(net) => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, net.reserve(port)?));
                Ok(Listener::closed(address, None))
            }
        }
    }

    /// Begins to connect: the port of the connecting side is known, and nothing has been sent.
    ///
    /// # Errors
    /// What the kernel says: no port or no file descriptor is free.
    pub fn dial(&self) -> io::Result<Dialling> {
        Ok(match &self.0 {
            Kind::Real(net) => Dialling(DiallingKind::Real(net.dial()?)),
            Kind::Virtual(net) => Dialling(DiallingKind::Virtual(net.dial())),
        })
    }

    /// Begins to connect to a program that we did not write, which listens at `to` on loopback: this side
    /// will carry both directions, and the connection counts as accepted when it stands.
    ///
    /// # Errors
    /// As [`Net::dial`]; [`io::ErrorKind::Unsupported`] in the virtual world, where there is no such program.
    pub fn dial_foreign(&self, to: SocketAddr) -> io::Result<Dialling> {
        match &self.0 {
            Kind::Real(net) => Ok(Dialling(DiallingKind::Real(net.dial_foreign(to)?))),
            Kind::Virtual(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// A connection that is about to be made.
pub struct Dialling(DiallingKind);

enum DiallingKind {
    Real(RealDialling),
    Virtual(VirtualDialling),
}

impl Dialling {
    /// The address of the connecting side.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        match &self.0 {
            DiallingKind::Real(dialling) => dialling.local_addr(),
            DiallingKind::Virtual(dialling) => dialling.local_addr(),
        }
    }

    /// Connects to `to`; `conduits` will stand in the two directions.
    ///
    /// # Errors
    /// Refused, or whatever else the kernel says.
    pub async fn connect(self, to: SocketAddr, conduits: Conduits) -> io::Result<Stream> {
        match self.0 {
            DiallingKind::Real(dialling) => {
                Ok(Stream::real(dialling.connect(to, conduits).await?, to))
            }
            DiallingKind::Virtual(dialling) => {
                Ok(Stream::virt(dialling.connect(to, conduits)?, to))
            }
        }
    }
}
