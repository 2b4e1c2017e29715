//! A connection that is led on to a program that we did not write.
//!
//! ```text
//!   near -> request conduit -> far
//!   near <- response conduit <- far
//! ```
//!
//! Both directions are one future. Each end is handed on by itself, a reset ends both; what is under way
//! is bounded, and a receiver that does not read is felt by the sender.
#![expect(clippy::disallowed_types, reason = "this folder owns the sockets")]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use super::break_off;
use super::chunk::Chunks;
use crate::base::Time;
use crate::net::kick::{Reader, RealNudge};
use crate::net::{Clock, Conduit, Conduits, Nudge, Parcel, Sleep, WINDOW_BYTES};

/// Carries one connection until both directions have ended.
pub struct Relay {
    clock: Clock,
    /// `None` once the connection is over.
    sockets: Option<(TcpStream, TcpStream)>,
    request: Way,
    response: Way,
    /// Who is woken when a conduit is to be looked at again.
    driver: Arc<Reader>,
}

/// One direction.
struct Way {
    conduit: Box<dyn Conduit>,
    /// What was read, as far as it has not been pushed.
    chunks: Chunks,
    /// What is due but did not fit into the socket.
    ready: Bytes,
    /// Nothing more is read.
    read_ended: bool,
    /// The end was handed on.
    done: bool,
    /// The receiver is gone: what comes now is lost.
    gone: bool,
    /// The sender is known to be gone, whatever its end looks like.
    broken: bool,
    /// The conduit was told of a reset.
    reset: bool,
    sleep: Option<(Time, Sleep)>,
}

/// How far a direction came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    /// All that is due was handed on.
    Through,
    /// The receiver does not take more; its readiness will wake the relay.
    Blocked,
    /// To the end of the connection.
    Off,
}

impl Relay {
    pub(super) fn new(
        near: TcpStream,
        far: TcpStream,
        clock: Clock,
        conduits: Conduits,
    ) -> io::Result<Relay> {
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let driver: Arc<Reader> = Arc::default();
        let Conduits { mut request, mut response } = conduits;
        for conduit in [&mut request, &mut response] {
            conduit.attach(Nudge::real(RealNudge::Receiving(Arc::downgrade(&driver))));
        }
        let (request, response) = (Way::new(request), Way::new(response));
        Ok(Relay { clock, sockets: Some((near, far)), request, response, driver })
    }

    /// Carries what can be carried now. True when the connection is over.
    fn carry(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((near, far)) = &mut self.sockets else { return true };
        let (request, response) = (&mut self.request, &mut self.response);
        loop {
            let off = request.carry(near, far, &self.clock, cx)
                || response.carry(far, near, &self.clock, cx);
            if off {
                if let Some((near, far)) = self.sockets.take() {
                    break_off(near);
                    break_off(far);
                }
                return true;
            }
            // Who cannot be written to any more is gone for the other direction too, although a read may
            // show nothing but an end.
            let news = (request.gone && !response.broken) || (response.gone && !request.broken);
            response.broken |= request.gone;
            request.broken |= response.gone;
            if !news {
                return request.done && response.done;
            }
        }
    }
}

impl Future for Relay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.driver.expect(cx);
        if self.carry(cx) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Way {
    fn new(conduit: Box<dyn Conduit>) -> Way {
        Way {
            conduit,
            chunks: Chunks::default(),
            ready: Bytes::new(),
            read_ended: false,
            done: false,
            gone: false,
            broken: false,
            reset: false,
            sleep: None,
        }
    }

    /// Carries what can be carried now. True when the connection is to be broken off.
    fn carry(
        &mut self,
        from: &mut TcpStream,
        to: &mut TcpStream,
        clock: &Clock,
        cx: &mut Context<'_>,
    ) -> bool {
        loop {
            let came = self.hand_on(to, clock, cx);
            if came == Came::Off {
                return true;
            }
            let more = self.poll_read(from, clock, cx).is_ready()
                || (came == Came::Through && self.poll_deadline(clock, cx).is_ready());
            if !more {
                return false;
            }
        }
    }

    /// Hands on what is due.
    fn hand_on(&mut self, to: &mut TcpStream, clock: &Clock, cx: &mut Context<'_>) -> Came {
        loop {
            while !self.ready.is_empty() {
                match Pin::new(&mut *to).poll_write(cx, &self.ready) {
                    Poll::Pending => return Came::Blocked,
                    Poll::Ready(Ok(n)) => self.ready.advance(n),
                    Poll::Ready(Err(_)) => {
                        self.gone = true;
                        self.ready.clear();
                    }
                }
            }
            match self.conduit.next(clock.now()) {
                Some(Parcel::Bytes(bytes)) if !self.gone && !self.done => {
                    self.ready = bytes;
                }
                Some(Parcel::Bytes(_)) => {}
                Some(Parcel::End) => {
                    self.done = true;
                    // An error here means that the other side is gone already.
                    let _ = rustix::net::shutdown(&*to, rustix::net::Shutdown::Write);
                }
                Some(Parcel::Reset) => return Came::Off,
                None => return Came::Through,
            }
        }
    }

    /// Reads once into the conduit, if there is room for more and more can come.
    fn poll_read(&mut self, from: &mut TcpStream, clock: &Clock, cx: &mut Context<'_>) -> Poll<()> {
        if self.read_ended {
            if !self.broken || self.reset {
                return Poll::Pending;
            }
            self.reset = true;
            self.conduit.end(clock.now(), true);
            return Poll::Ready(());
        }
        let under_way = self.conduit.in_flight() + self.ready.len();
        if under_way >= WINDOW_BYTES {
            return Poll::Pending;
        }
        let most = self.conduit.appetite();
        match ready!(self.chunks.poll_next(Pin::new(from), cx, most)) {
            Ok(chunk) if !chunk.is_empty() => self.conduit.push(clock.now(), chunk),
            ended => {
                self.read_ended = true;
                self.reset = self.broken || ended.is_err();
                self.conduit.end(clock.now(), self.reset);
            }
        }
        Poll::Ready(())
    }

    /// Ready when the conduit has something due.
    fn poll_deadline(&mut self, clock: &Clock, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.conduit.deadline() else { return Poll::Pending };
        if self.sleep.as_ref().is_none_or(|(until, _)| *until != at) {
            self.sleep = Some((at, clock.sleep_until(at)));
        }
        let Some((_, timer)) = &mut self.sleep else { return Poll::Pending };
        ready!(Pin::new(timer).poll(cx));
        self.sleep = None;
        Poll::Ready(())
    }
}
