//! One direction of a connection in memory, and the stream that is made of two.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use tokio::io::ReadBuf;

use super::core::{Core, WeakCore};
use crate::base::Time;
use crate::net::{Conduit, Nudge, Parcel};

/// How many bytes of one direction may be under way or unread before its writer has to wait.
pub const WINDOW_BYTES: usize = 256 * 1024;

/// One direction: what is under way (in the conduit) and what has arrived (in the inbox).
pub(in crate::net) struct Flow {
    state: Mutex<State>,
}

struct State {
    conduit: Box<dyn Conduit>,
    inbox: VecDeque<Bytes>,
    inbox_bytes: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The time of the event in the heap that will look here, if one is there.
    scheduled: Option<Time>,
    arrived: Arrived,
    /// The writer has ended it; nothing more may be written.
    ended: bool,
    /// The reader is gone: what arrives is thrown away and answered by a reset.
    deserted: bool,
    /// The other direction has been broken off: writing is an error.
    broken: bool,
    /// The flow of the other direction, which a reset breaks as well.
    reverse: Weak<Flow>,
}

/// How the direction has ended for its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrived {
    Open,
    End,
    Reset,
}

impl Flow {
    pub(super) fn pair(
        core: &Core,
        request: Box<dyn Conduit>,
        response: Box<dyn Conduit>,
    ) -> (Arc<Flow>, Arc<Flow>) {
        let (up, down) = (Flow::new(request), Flow::new(response));
        for (flow, reverse) in [(&up, &down), (&down, &up)] {
            let nudge = VirtualNudge { core: core.downgrade(), flow: Arc::downgrade(flow) };
            let mut state = flow.lock();
            state.reverse = Arc::downgrade(reverse);
            state.conduit.attach(Nudge::virt(nudge));
        }
        (up, down)
    }

    fn new(conduit: Box<dyn Conduit>) -> Arc<Flow> {
        let state = State {
            conduit,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            reader: None,
            writer: None,
            scheduled: None,
            arrived: Arrived::Open,
            ended: false,
            deserted: false,
            broken: false,
            reverse: Weak::new(),
        };
        Arc::new(Flow { state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves what is due into the inbox. Called by the core.
    pub(super) fn due(self: &Arc<Flow>, core: &Core, now: Time) {
        let mut state = self.lock();
        state.scheduled = None;
        let mut answer_reset = false;
        let mut reset = false;
        while let Some(parcel) = state.conduit.next(now) {
            match parcel {
                Parcel::Bytes(_) if state.deserted => answer_reset = true,
                Parcel::Bytes(bytes) => {
                    state.inbox_bytes += bytes.len();
                    state.inbox.push_back(bytes);
                }
                Parcel::End => state.arrived = Arrived::End,
                Parcel::Reset => {
                    state.arrived = Arrived::Reset;
                    reset = true;
                }
            }
        }
        let next = self.to_schedule(&mut state);
        let (reader, writer) = (state.reader.take(), state.writer.take());
        let reverse = state.reverse.upgrade();
        drop(state);
        if let Some(at) = next {
            core.schedule(at, self.clone());
        }
        if let Some(reverse) = reverse {
            if reset {
                reverse.break_off();
            }
            if answer_reset {
                reverse.finish(core, true);
            }
        }
        for waker in [reader, writer].into_iter().flatten() {
            waker.wake();
        }
    }

    /// When the core has to look here, if it does not know yet.
    fn to_schedule(self: &Arc<Flow>, state: &mut State) -> Option<Time> {
        let at = state.conduit.deadline()?;
        if state.scheduled.is_some_and(|scheduled| scheduled <= at) {
            return None;
        }
        state.scheduled = Some(at);
        Some(at)
    }

    /// The other side has broken the connection off: writing here is an error from now on.
    fn break_off(&self) {
        let mut state = self.lock();
        state.broken = true;
        let waker = state.writer.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends this direction, once.
    fn finish(self: &Arc<Flow>, core: &Core, reset: bool) {
        let mut state = self.lock();
        if state.broken || (state.ended && !reset) {
            return;
        }
        state.ended = true;
        state.broken |= reset;
        state.conduit.end(core.now(), reset);
        let next = self.to_schedule(&mut state);
        drop(state);
        if let Some(at) = next {
            core.schedule(at, self.clone());
        }
    }

    pub(super) fn accepted(&self, now: Time) {
        self.lock().conduit.accepted(now);
    }
}

/// Has a flow looked at at once, without taking its lock.
#[derive(Clone)]
pub(in crate::net) struct VirtualNudge {
    core: WeakCore,
    flow: Weak<Flow>,
}

impl VirtualNudge {
    pub(in crate::net) fn nudge(&self) {
        if let (Some(core), Some(flow)) = (self.core.upgrade(), self.flow.upgrade()) {
            core.schedule(core.now(), flow);
        }
    }
}

/// One end of a connection in memory.
pub(in crate::net) struct VirtualStream {
    core: Core,
    incoming: Arc<Flow>,
    outgoing: Arc<Flow>,
}

impl VirtualStream {
    pub(super) fn new(core: Core, incoming: Arc<Flow>, outgoing: Arc<Flow>) -> VirtualStream {
        VirtualStream { core, incoming, outgoing }
    }

    pub(super) fn outgoing(&self) -> &Flow {
        &self.outgoing
    }

    pub(in crate::net) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.incoming.lock();
        if state.inbox.is_empty() {
            return match state.arrived {
                Arrived::End => Poll::Ready(Ok(())),
                Arrived::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Arrived::Open => {
                    state.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            };
        }
        let was_full = state.is_full();
        while buf.remaining() > 0
            && let Some(chunk) = state.inbox.front_mut()
        {
            let n = chunk.len().min(buf.remaining());
            buf.put_slice(&chunk[..n]);
            chunk.advance(n);
            if chunk.is_empty() {
                state.inbox.pop_front();
            }
            state.inbox_bytes -= n;
        }
        let writer = if was_full && !state.is_full() { state.writer.take() } else { None };
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        Poll::Ready(Ok(()))
    }

    pub(in crate::net) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.outgoing.lock();
        if state.broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if state.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if state.is_full() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let room = WINDOW_BYTES - state.inbox_bytes - state.conduit.in_flight();
        let n = buf.len().min(room);
        state.conduit.push(self.core.now(), Bytes::copy_from_slice(&buf[..n]));
        let next = self.outgoing.to_schedule(&mut state);
        drop(state);
        if let Some(at) = next {
            self.core.schedule(at, self.outgoing.clone());
        }
        Poll::Ready(Ok(n))
    }

    pub(in crate::net) fn shutdown(&mut self) {
        self.outgoing.finish(&self.core, false);
    }

    pub(in crate::net) fn reset(&mut self) {
        self.outgoing.finish(&self.core, true);
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.inbox_bytes + self.conduit.in_flight() >= WINDOW_BYTES
    }
}

impl Drop for VirtualStream {
    /// As a kernel does: unread bytes make the close a reset.
    fn drop(&mut self) {
        let mut state = self.incoming.lock();
        state.deserted = true;
        let unread = !state.inbox.is_empty();
        state.inbox.clear();
        state.inbox_bytes = 0;
        let writer = state.writer.take();
        drop(state);
        self.outgoing.finish(&self.core, unread);
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}
