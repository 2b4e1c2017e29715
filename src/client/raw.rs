//! Raw connections: `connect`, `send`, `receive`, `close`.
//!
//! They belong to the client and are called by name (`as:` and `on:`), so a branch of a `parallel:`
//! may receive while another one sends. Connecting under a name that is in use closes the old
//! connection first.
//!
//! A `receive:` that cannot be fulfilled because the other side has ended is the error `closed` (or
//! `reset`), and `text`, `bytes` and `hex` have what there was; `receive: end` is fulfilled by it. One
//! that times out takes nothing: what has come shows in its fields and is there for the next one.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::reply::{Content, OpError, Payload, Reply};
use super::runner::Runner;
use crate::base::{Diagnostic, Span};
use crate::call::{Failure, FailureKind};
use crate::net::Stream;
use crate::scenario::model::{Close, Connect, Receive, Send, Until};

/// The most that one `receive:` takes, in bytes: 64 MiB.
const RECEIVE_BYTES_MAX: usize = 64 << 20;

/// How much room there is for each read, in bytes.
const READ_CHUNK: usize = 16 * 1024;

/// The raw connections of a client, by name.
#[derive(Default)]
pub(super) struct Raws {
    open: Mutex<BTreeMap<String, Arc<Raw>>>,
}

struct Raw {
    state: Mutex<State>,
    /// A step is receiving.
    receiving: AtomicBool,
}

struct State {
    /// `None` once this side has closed it.
    stream: Option<Stream>,
    input: BytesMut,
    /// This side will send no more.
    write_closed: bool,
    /// The other side will send no more: in order, or with an error.
    ended: Option<Result<(), OpError>>,
}

impl Raws {
    fn named(&self, name: &str, span: Span) -> Result<Arc<Raw>, Diagnostic> {
        self.lock().get(name).cloned().ok_or_else(|| {
            let what = match name {
                "" => "no connection is open here".to_owned(),
                name => format!("no connection called `{name}` is open here"),
            };
            Diagnostic::new(what, span).help("a step `connect: SERVER` opens one")
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Raw>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runner<'_> {
    pub(super) async fn connect(&mut self, connect: &Connect) -> Result<Reply, Diagnostic> {
        let server = self.server(&connect.server)?;
        let old = self.raws.lock().remove(&connect.name);
        drop(old);
        Ok(match self.dial(server).await {
            Ok(stream) => {
                self.raws.lock().insert(connect.name.clone(), Arc::new(Raw::new(stream)));
                Reply::empty()
            }
            Err(error) => Reply::failed(error),
        })
    }

    /// `sent` becomes true before the first byte leaves.
    pub(super) async fn send(
        &mut self,
        send: &Send,
        span: Span,
        sent: &AtomicBool,
    ) -> Result<Reply, Diagnostic> {
        let raw = self.raws.named(&send.on, span)?;
        let (mut bytes, _) = super::http::body_bytes(&send.body, &self.scope)?;
        sent.store(true, Ordering::Relaxed);
        let written = std::future::poll_fn(|cx| raw.poll_send(cx, &mut bytes)).await;
        Ok(written.map_or_else(Reply::failed, |()| Reply::empty()))
    }

    pub(super) async fn receive(
        &mut self,
        receive: &Receive,
        span: Span,
    ) -> Result<Reply, Diagnostic> {
        let raw = self.raws.named(&receive.on, span)?;
        if raw.receiving.swap(true, Ordering::Relaxed) {
            let what = "another step is receiving on this connection";
            return Err(Diagnostic::new(what, span));
        }
        let _receiving = Receiving(&raw);
        let mut looked = 0;
        let received =
            std::future::poll_fn(|cx| raw.poll_receive(cx, &receive.until, &mut looked)).await;
        let (bytes, error) = received;
        Ok(Reply { error, content: Content::Raw(Payload::new(bytes)), ..Reply::empty() })
    }

    /// What has come and was not taken, for a `receive:` that timed out.
    pub(super) fn not_received(&self, receive: &Receive) -> Content {
        let raw = self.raws.lock().get(&receive.on).cloned();
        let bytes = raw.map_or_else(Bytes::new, |raw| Bytes::copy_from_slice(&raw.lock().input));
        Content::Raw(Payload::new(bytes))
    }

    pub(super) async fn close(&mut self, close: &Close, span: Span) -> Result<Reply, Diagnostic> {
        let raw = self.raws.named(&close.on, span)?;
        if close.write_only {
            std::future::poll_fn(|cx| raw.poll_close_write(cx)).await;
            return Ok(Reply::empty());
        }
        self.raws.lock().remove(&close.on);
        let stream = raw.lock().stream.take();
        match stream {
            Some(stream) if close.reset => stream.reset(),
            stream => drop(stream),
        }
        Ok(Reply::empty())
    }
}

/// Marks the end of a `receive:`, however it ends.
struct Receiving<'a>(&'a Raw);

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.0.receiving.store(false, Ordering::Relaxed);
    }
}

impl Raw {
    fn new(stream: Stream) -> Raw {
        let state = State {
            stream: Some(stream),
            input: BytesMut::new(),
            write_closed: false,
            ended: None,
        };
        Raw { state: Mutex::new(state), receiving: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_send(&self, cx: &mut Context<'_>, bytes: &mut Bytes) -> Poll<Result<(), OpError>> {
        let mut state = self.lock();
        let this_side = |what| Poll::Ready(Err(Failure::new(FailureKind::Closed, what).into()));
        if state.write_closed {
            return this_side("this side has closed its sending half");
        }
        let Some(stream) = &mut state.stream else {
            return this_side("this side has closed the connection");
        };
        while !bytes.is_empty() {
            match ready!(Pin::new(&mut *stream).poll_write(cx, bytes)) {
                Ok(written) => drop(bytes.split_to(written)),
                Err(error) => return Poll::Ready(Err(OpError::transfer(&error))),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// What was received, and why it is not what was asked for.
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        until: &Until,
        looked: &mut usize,
    ) -> Poll<(Bytes, Option<OpError>)> {
        let mut state = self.lock();
        loop {
            if let Some(length) = fulfilled(until, &state, looked) {
                return Poll::Ready((state.input.split_to(length).freeze(), None));
            }
            let error = match &state.ended {
                Some(Ok(())) => Some(OpError::closed()),
                Some(Err(error)) => Some(error.clone()),
                None if state.input.len() >= RECEIVE_BYTES_MAX => {
                    let what = "64 MiB have come, and not what was waited for";
                    Some(Failure::new(FailureKind::Malformed, what).into())
                }
                None => None,
            };
            if error.is_some() {
                return Poll::Ready((state.input.split().freeze(), error));
            }
            let State { stream, input, ended, .. } = &mut *state;
            let Some(stream) = stream else {
                let what = "this side has closed the connection";
                let error = Failure::new(FailureKind::Closed, what);
                return Poll::Ready((input.split().freeze(), Some(error.into())));
            };
            input.reserve(READ_CHUNK);
            match ready!(pin!(stream.read_buf(input)).poll(cx)) {
                Ok(0) => *ended = Some(Ok(())),
                Ok(_) => {}
                Err(error) => *ended = Some(Err(OpError::transfer(&error))),
            }
        }
    }

    fn poll_close_write(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        state.write_closed = true;
        match &mut state.stream {
            // That the other side is gone already is no trouble here.
            Some(stream) => Pin::new(stream).poll_shutdown(cx).map(|_| ()),
            None => Poll::Ready(()),
        }
    }
}

/// How many bytes of the input are what was asked for, if it is all there. Up to `looked` a
/// delimiter has been looked for before.
fn fulfilled(until: &Until, state: &State, looked: &mut usize) -> Option<usize> {
    let input = &state.input;
    match until {
        Until::Bytes(count) => {
            let count = usize::try_from(*count).unwrap_or(usize::MAX);
            (input.len() >= count).then_some(count)
        }
        Until::Delimiter(delimiter) if !delimiter.is_empty() => {
            let from = (*looked).min(input.len());
            let found = input[from..].windows(delimiter.len()).position(|part| part == delimiter);
            *looked = input.len().saturating_sub(delimiter.len() - 1);
            found.map(|at| from + at + delimiter.len())
        }
        Until::Some | Until::Delimiter(_) => (!input.is_empty()).then_some(input.len()),
        Until::End => matches!(state.ended, Some(Ok(()))).then_some(input.len()),
    }
}
