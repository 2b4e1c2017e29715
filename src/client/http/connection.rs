//! One HTTP/1.1 connection to a server: one exchange after the other.
//!
//! hyper's connection is driven by whoever waits for the reply, not by a task of its own: nothing
//! runs while the client does something else, and what the server does meanwhile (it may close, or
//! send what nobody asked for) is found before the next request is sent.

use std::error::Error as _;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, response::Parts};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;

use crate::client::reply::{ErrorKind, OpError};
use crate::net::{Counts, HyperIo, Stream};

/// The largest body of a response that is taken, in bytes: 64 MiB.
pub(super) const BODY_BYTES_MAX: usize = 64 << 20;

type Driver = http1::Connection<HyperIo, Full<Bytes>>;

/// A connection that may carry another exchange.
pub(in crate::client) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once the connection is over.
    driver: Option<Driver>,
    counts: Arc<Counts>,
    exchanges: u64,
    over: Option<hyper::Error>,
}

/// Whether an idle connection can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idle {
    /// It can.
    Usable,
    /// The server has closed it.
    Closed,
    /// The server has sent more than its reply, so what comes next cannot be trusted.
    Excess,
}

/// An exchange that has no whole reply.
pub(super) struct Broken {
    pub(super) error: OpError,
    /// What there is of the reply.
    pub(super) partial: Option<(Parts, Bytes)>,
    pub(super) stale: Stale,
}

/// Whether a connection was closed under a request, by a server that had no more use for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stale {
    /// It was not, or nobody can tell.
    No,
    /// The connection had served before, and not a byte of the reply was there: the server may have
    /// closed it before it saw the request.
    Perhaps,
    /// Not a byte of the request was written.
    Certainly,
}

impl Connection {
    /// Begins to speak HTTP.
    pub(super) async fn new(stream: Stream) -> Result<Connection, OpError> {
        let counts = Arc::new(Counts::default());
        let io = HyperIo::new(stream, counts.clone());
        let (sender, driver) = http1::handshake(io).await.map_err(|error| classify(&error))?;
        Ok(Connection { sender, driver: Some(driver), counts, exchanges: 0, over: None })
    }

    /// Looks at what has happened since the last exchange, and waits until another one may begin.
    pub(super) async fn idle(&mut self) -> Idle {
        std::future::poll_fn(|cx| {
            self.drive(cx);
            if self.driver.is_none() {
                return Poll::Ready(self.why_over());
            }
            match self.sender.poll_ready(cx) {
                Poll::Ready(Ok(())) => Poll::Ready(Idle::Usable),
                Poll::Ready(Err(_)) => Poll::Ready(Idle::Closed),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// The same without waiting: to close at once what is of no more use.
    pub(super) fn settle(&mut self) -> Idle {
        self.drive(&mut Context::from_waker(Waker::noop()));
        if self.driver.is_none() { self.why_over() } else { Idle::Usable }
    }

    /// Sends a request and takes its reply, whole.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Parts, Bytes), Broken> {
        let (read, written) = (self.counts.read(), self.counts.written());
        let reused = self.exchanges > 0;
        self.exchanges += 1;
        match self.head(request).await {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let mut bytes = BytesMut::new();
                match self.body(body, &mut bytes).await {
                    Ok(()) => Ok((parts, bytes.freeze())),
                    Err(error) => {
                        let partial = Some((parts, bytes.freeze()));
                        Err(Broken { error, partial, stale: Stale::No })
                    }
                }
            }
            Err(error) => {
                let lost = matches!(error.kind, ErrorKind::Closed | ErrorKind::Reset);
                let stale = if !(reused && lost && self.counts.read() == read) {
                    Stale::No
                } else if self.counts.written() == written {
                    Stale::Certainly
                } else {
                    Stale::Perhaps
                };
                Err(Broken { error, partial: None, stale })
            }
        }
    }

    /// Sends a request and waits for the head of the response.
    async fn head(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, OpError> {
        let mut reply = pin!(self.sender.try_send_request(request));
        let (driver, over) = (&mut self.driver, &mut self.over);
        let result = std::future::poll_fn(|cx| {
            drive(driver, over, cx);
            // Only the driver, which is polled first, can make the reply ready.
            reply.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        })
        .await;
        result.map_err(|mut failed| {
            // That the request came back unsent means that the connection was over before.
            if failed.take_message().is_some() && failed.error().source().is_none() {
                return OpError::closed();
            }
            classify(failed.error())
        })
    }

    async fn body(&mut self, mut body: Incoming, bytes: &mut BytesMut) -> Result<(), OpError> {
        let too_large =
            || OpError::new(ErrorKind::Malformed, "the body of the response is larger than 64 MiB");
        if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
            return Err(too_large());
        }
        std::future::poll_fn(|cx| {
            loop {
                self.drive(cx);
                // As above: what the body has, the driver has brought.
                let mut quiet = Context::from_waker(Waker::noop());
                match Pin::new(&mut body).poll_frame(&mut quiet) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Ready(Some(Err(error))) => {
                        let error = self.over.as_ref().unwrap_or(&error);
                        return Poll::Ready(Err(classify(error)));
                    }
                    Poll::Ready(Some(Ok(frame))) => {
                        let Some(data) = frame.data_ref() else { continue };
                        if bytes.len() + data.len() > BODY_BYTES_MAX {
                            return Poll::Ready(Err(too_large()));
                        }
                        bytes.extend_from_slice(data);
                    }
                }
            }
        })
        .await
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.driver, &mut self.over, cx);
    }

    fn why_over(&self) -> Idle {
        match &self.over {
            // hyper names no source when the bytes themselves are the trouble.
            Some(error) if error.source().is_none() => Idle::Excess,
            _ => Idle::Closed,
        }
    }
}

/// Moves bytes in both directions. A driver that is done is dropped, which closes the connection.
fn drive(driver: &mut Option<Driver>, over: &mut Option<hyper::Error>, cx: &mut Context<'_>) {
    let Some(active) = driver else { return };
    if let Poll::Ready(result) = Pin::new(active).poll(cx) {
        *over = result.err();
        *driver = None;
    }
}

/// hyper's error in our words.
fn classify(error: &hyper::Error) -> OpError {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return OpError::transfer(io);
        }
        source = cause.source();
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return OpError::closed();
    }
    OpError::new(ErrorKind::Malformed, error.to_string())
}
