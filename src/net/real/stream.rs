//! A connection on a real socket, as servers and clients of looplab hold it.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::Made;
use super::chunk::Chunks;
use crate::net::kick::{Reader, RealNudge};
use crate::net::{Clock, Conduit, Nudge, Parcel, Sleep, WINDOW_BYTES};

/// A TCP connection whose sending side carries a conduit, and whose receiving side carries one too if
/// the other end is a stranger.
pub(in crate::net) struct RealStream {
    clock: Clock,
    read: OwnedReadHalf,
    incoming: Option<Incoming>,
    out: Arc<Mutex<Out>>,
}

struct Incoming {
    conduit: Box<dyn Conduit>,
    /// What was read, as far as it has not been pushed.
    chunks: Chunks,
    inbox: VecDeque<Bytes>,
    sleep: Option<Sleep>,
    ended: bool,
    error: Option<io::ErrorKind>,
    finished: Option<io::ErrorKind>,
    end_delivered: bool,
    /// Who reads, for a nudge to wake.
    reader: Arc<Reader>,
}

/// The sending side. While nothing is delayed, a write goes straight to the socket; otherwise a pump
/// of its own carries what is under way, and writes only add to it.
struct Out {
    conduit: Box<dyn Conduit>,
    /// `None` once the connection was broken off.
    write: Option<OwnedWriteHalf>,
    /// What is due but did not fit into the socket.
    ready: VecDeque<Bytes>,
    end_ready: bool,
    ended: bool,
    pumping: bool,
    pump: Option<Waker>,
    writer: Option<Waker>,
    error: Option<io::ErrorKind>,
}

impl RealStream {
    pub(super) fn new(
        made: Made,
        clock: Clock,
        incoming: Option<Box<dyn Conduit>>,
        outgoing: Box<dyn Conduit>,
    ) -> io::Result<RealStream> {
        let Made { tcp, reset } = made;
        tcp.set_nodelay(true)?;
        let (read, write) = tcp.into_split();
        let out = Out {
            conduit: outgoing,
            write: Some(write),
            ready: VecDeque::new(),
            end_ready: false,
            ended: false,
            pumping: false,
            pump: None,
            writer: None,
            error: None,
        };
        let out = Arc::new(Mutex::new(out));
        let (weak, its) = (Arc::downgrade(&out), clock.clone());
        let look = move || weak.upgrade().into_iter().for_each(|out| look_again(&out, &its));
        let nudge = RealNudge::sending(look).map(Nudge::real).unwrap_or_default();
        lock(&out).conduit.attach(nudge);
        if reset {
            lock(&out).break_off();
        }
        Ok(RealStream { clock, read, incoming: incoming.map(Incoming::new), out })
    }

    pub(in crate::net) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.incoming {
            None => match Pin::new(&mut self.read).poll_read(cx, buf) {
                // What a socket says of itself that was broken off from here.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::NotConnected => {
                    Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
                }
                read => read,
            },
            Some(incoming) => incoming.poll_read(&mut self.read, &self.clock, cx, buf),
        }
    }

    pub(in crate::net) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut out = lock(&self.out);
        if let Some(kind) = out.error {
            return Poll::Ready(Err(kind.into()));
        }
        if out.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let under_way = out.under_way();
        if under_way >= WINDOW_BYTES {
            out.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = buf.len().min(WINDOW_BYTES - under_way);
        out.conduit.push(self.clock.now(), Bytes::copy_from_slice(&buf[..n]));
        drive(&self.out, &self.clock, out, cx);
        Poll::Ready(Ok(n))
    }

    pub(in crate::net) fn shutdown(&mut self, cx: &mut Context<'_>) {
        let mut out = lock(&self.out);
        if out.finish(&self.clock) {
            drive(&self.out, &self.clock, out, cx);
        }
    }

    /// Breaks the connection off, after what is under way: as in the virtual world, a reset overtakes
    /// nothing.
    pub(in crate::net) fn reset(&mut self) {
        let mut out = lock(&self.out);
        if out.write.is_none() {
            return;
        }
        out.ended = true;
        out.conduit.end(self.clock.now(), true);
        drive(&self.out, &self.clock, out, &mut Context::from_waker(Waker::noop()));
    }
}

/// Sends what is due, and leaves the rest to the pump.
fn drive(
    shared: &Arc<Mutex<Out>>,
    clock: &Clock,
    mut out: MutexGuard<'_, Out>,
    cx: &mut Context<'_>,
) {
    if out.pumping {
        let pump = out.pump.take();
        drop(out);
        if let Some(pump) = pump {
            pump.wake();
        }
        return;
    }
    if out.poll_send(clock, cx) != Sent::Everything {
        out.pumping = true;
        drop(out);
        tokio::spawn(pump(shared.clone(), clock.clone()));
    }
}

/// Drives what a nudge is about.
fn look_again(shared: &Arc<Mutex<Out>>, clock: &Clock) {
    drive(shared, clock, lock(shared), &mut Context::from_waker(Waker::noop()));
    let mut out = lock(shared);
    // Whoever waits for room may have it now; while there is a pump, that says so.
    let writer = if out.pumping { None } else { out.writer.take() };
    drop(out);
    if let Some(writer) = writer {
        writer.wake();
    }
}

impl Drop for RealStream {
    fn drop(&mut self) {
        let mut out = lock(&self.out);
        if out.finish(&self.clock) {
            let mut cx = Context::from_waker(Waker::noop());
            if out.pumping || tokio::runtime::Handle::try_current().is_ok() {
                drive(&self.out, &self.clock, out, &mut cx);
            } else {
                let _ = out.poll_send(&self.clock, &mut cx);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Everything,
    /// The socket is full; its readiness will wake the caller.
    Blocked,
    /// More is due later.
    Later(crate::base::Time),
    /// More is due when somebody says so.
    Held,
}

impl Out {
    fn under_way(&self) -> usize {
        self.conduit.in_flight() + self.ready.iter().map(Bytes::len).sum::<usize>()
    }

    /// Ends the sending side, once.
    fn finish(&mut self, clock: &Clock) -> bool {
        if self.ended || self.write.is_none() {
            return false;
        }
        self.ended = true;
        self.conduit.end(clock.now(), false);
        true
    }

    fn poll_send(&mut self, clock: &Clock, cx: &mut Context<'_>) -> Sent {
        loop {
            while let Some(chunk) = self.ready.front_mut() {
                let Some(write) = &mut self.write else {
                    self.ready.clear();
                    break;
                };
                match Pin::new(write).poll_write(cx, chunk) {
                    Poll::Pending => return Sent::Blocked,
                    Poll::Ready(Err(error)) => {
                        self.error = Some(error.kind());
                        self.ready.clear();
                        break;
                    }
                    Poll::Ready(Ok(n)) => {
                        chunk.advance(n);
                        if chunk.is_empty() {
                            self.ready.pop_front();
                        }
                    }
                }
            }
            if std::mem::take(&mut self.end_ready)
                && let Some(write) = &self.write
            {
                // An error here means that the other side is gone already.
                let _ = rustix::net::shutdown(write.as_ref(), rustix::net::Shutdown::Write);
            }
            match self.conduit.next(clock.now()) {
                Some(Parcel::Bytes(bytes)) => self.ready.push_back(bytes),
                Some(Parcel::End) => self.end_ready = true,
                Some(Parcel::Reset) => self.break_off(),
                None => {
                    return match self.conduit.deadline() {
                        Some(at) => Sent::Later(at),
                        None if self.conduit.holds() => Sent::Held,
                        None => Sent::Everything,
                    };
                }
            }
        }
    }

    /// Breaks the connection off with a reset: at once on Linux, where a socket that is disconnected
    /// says so to its peer; elsewhere when the program lets go of it.
    fn break_off(&mut self) {
        self.error = Some(io::ErrorKind::ConnectionReset);
        if let Some(write) = self.write.take() {
            let linger = Some(std::time::Duration::ZERO);
            let _ = rustix::net::sockopt::set_socket_linger(write.as_ref(), linger);
            #[cfg(target_os = "linux")]
            let _ = rustix::net::connect_unspec(write.as_ref());
            write.forget();
        }
    }
}

/// Carries what is under way until nothing is.
async fn pump(out: Arc<Mutex<Out>>, clock: Clock) {
    let mut sleep: Option<(crate::base::Time, Sleep)> = None;
    std::future::poll_fn(move |cx| {
        let mut state = lock(&out);
        loop {
            match state.poll_send(&clock, cx) {
                Sent::Everything => {
                    state.pumping = false;
                    let writer = state.writer.take();
                    drop(state);
                    if let Some(writer) = writer {
                        writer.wake();
                    }
                    return Poll::Ready(());
                }
                Sent::Blocked | Sent::Held => break,
                Sent::Later(at) => {
                    if sleep.as_ref().is_none_or(|(until, _)| *until != at) {
                        sleep = Some((at, clock.sleep_until(at)));
                    }
                    let Some((_, timer)) = &mut sleep else { break };
                    if Future::poll(Pin::new(timer), cx).is_pending() {
                        break;
                    }
                    sleep = None;
                }
            }
        }
        state.pump = Some(cx.waker().clone());
        let writer = if state.under_way() < WINDOW_BYTES { state.writer.take() } else { None };
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        Poll::Pending
    })
    .await;
}

impl Incoming {
    fn new(mut conduit: Box<dyn Conduit>) -> Incoming {
        let reader: Arc<Reader> = Arc::default();
        conduit.attach(Nudge::real(RealNudge::Receiving(Arc::downgrade(&reader))));
        Incoming {
            conduit,
            chunks: Chunks::default(),
            inbox: VecDeque::new(),
            sleep: None,
            ended: false,
            error: None,
            finished: None,
            end_delivered: false,
            reader,
        }
    }

    fn poll_read(
        &mut self,
        read: &mut OwnedReadHalf,
        clock: &Clock,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reader.expect(cx);
        loop {
            self.take_due(clock);
            if !self.inbox.is_empty() {
                while buf.remaining() > 0
                    && let Some(chunk) = self.inbox.front_mut()
                {
                    let n = chunk.len().min(buf.remaining());
                    buf.put_slice(&chunk[..n]);
                    chunk.advance(n);
                    if chunk.is_empty() {
                        self.inbox.pop_front();
                    }
                }
                return Poll::Ready(Ok(()));
            }
            if self.end_delivered {
                return Poll::Ready(self.finished.map_or(Ok(()), |kind| Err(kind.into())));
            }
            let read_more = !self.ended && self.conduit.in_flight() < WINDOW_BYTES;
            let arrived = read_more && self.poll_socket(read, clock, cx).is_ready();
            if !arrived && self.poll_deadline(clock, cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Moves what is due from the conduit to the inbox.
    fn take_due(&mut self, clock: &Clock) {
        let now = clock.now();
        while let Some(parcel) = self.conduit.next(now) {
            match parcel {
                Parcel::Bytes(bytes) => self.inbox.push_back(bytes),
                Parcel::End => self.end_delivered = true,
                Parcel::Reset => {
                    self.end_delivered = true;
                    self.finished = Some(self.error.unwrap_or(io::ErrorKind::ConnectionReset));
                }
            }
        }
    }

    /// Takes what the socket has, or a piece of it, into the conduit.
    fn poll_socket(
        &mut self,
        read: &mut OwnedReadHalf,
        clock: &Clock,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let most = self.conduit.appetite();
        match std::task::ready!(self.chunks.poll_next(Pin::new(read), cx, most)) {
            Ok(chunk) if chunk.is_empty() => {
                self.ended = true;
                self.conduit.end(clock.now(), false);
            }
            Ok(chunk) => self.conduit.push(clock.now(), chunk),
            Err(error) => {
                self.ended = true;
                self.error = Some(error.kind());
                self.conduit.end(clock.now(), true);
            }
        }
        Poll::Ready(())
    }

    /// Ready when the conduit has something due.
    fn poll_deadline(&mut self, clock: &Clock, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.conduit.deadline() else { return Poll::Pending };
        let sleep = self.sleep.insert(clock.sleep_until(at));
        Future::poll(Pin::new(sleep), cx)
    }
}

fn lock(out: &Mutex<Out>) -> MutexGuard<'_, Out> {
    out.lock().unwrap_or_else(PoisonError::into_inner)
}
