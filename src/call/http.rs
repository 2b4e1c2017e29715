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
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::response::Parts;
use http::{Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;

use super::{Failure, FailureKind};
use crate::net::{Counts, HyperIo, Stream};

/// Who asks, as `user-agent` tells it.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("looplab/", env!("CARGO_PKG_VERSION")));

type Driver = http1::Connection<HyperIo, Full<Bytes>>;

/// A connection that may carry another exchange.
pub struct Connection {
    body_bytes_max: usize,
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once the connection is over.
    driver: Option<Driver>,
    counts: Arc<Counts>,
    exchanges: u64,
    over: Option<hyper::Error>,
}

/// Whether an idle connection can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// It can.
    Usable,
    /// The server has closed it.
    Closed,
    /// The server has sent more than its reply, so what comes next cannot be trusted.
    Excess,
}

/// An exchange that has no whole reply.
#[derive(Debug)]
pub struct Broken {
    /// Why.
    pub error: Failure,
    /// What there is of the reply.
    pub partial: Option<(Parts, Bytes)>,
    /// Whether the server may never have seen the request.
    pub stale: Stale,
}

/// Whether a connection was closed under a request, by a server that had no more use for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// It was not, or nobody can tell.
    No,
    /// The connection had served before, and not a byte of the reply was there: the server may have
    /// closed it before it saw the request.
    Perhaps,
    /// Not a byte of the request was written.
    Certainly,
}

impl Connection {
    /// Begins to speak HTTP. Of a response at most so many bytes of its body are taken.
    ///
    /// # Errors
    /// The connection is over already.
    pub async fn new(stream: Stream, body_bytes_max: usize) -> Result<Connection, Failure> {
        let counts = Arc::new(Counts::default());
        let io = HyperIo::new(stream, counts.clone());
        let (sender, driver) = http1::handshake(io).await.map_err(|error| classify(&error))?;
        let driver = Some(driver);
        Ok(Connection { body_bytes_max, sender, driver, counts, exchanges: 0, over: None })
    }

    /// Looks at what has happened since the last exchange, and waits until another one may begin.
    pub async fn idle(&mut self) -> Idle {
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
    pub fn settle(&mut self) -> Idle {
        self.drive(&mut Context::from_waker(Waker::noop()));
        if self.driver.is_none() { self.why_over() } else { Idle::Usable }
    }

    /// Sends a request and takes its reply, whole.
    ///
    /// # Errors
    /// [`Broken`] if there is no whole reply.
    pub async fn exchange(
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
                let lost = matches!(error.kind, FailureKind::Closed | FailureKind::Reset);
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
    async fn head(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
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
                return Failure::closed();
            }
            classify(failed.error())
        })
    }

    async fn body(&mut self, mut body: Incoming, bytes: &mut BytesMut) -> Result<(), Failure> {
        let bytes_max = self.body_bytes_max;
        let too_large = || {
            let what = format!("the body of the response is larger than {} MiB", bytes_max >> 20);
            Failure::new(FailureKind::Malformed, what)
        };
        if body.size_hint().lower() > bytes_max as u64 {
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
                        if bytes.len() + data.len() > bytes_max {
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

/// A request for `target` of the server at `host`, with a body of that type.
///
/// It says of itself `host`, `user-agent: looplab/VERSION`, the body's `content-type`, and its length, also
/// where it is zero and the method wants a body.
#[must_use]
pub fn request(
    method: Method,
    target: Uri,
    host: HeaderValue,
    (body, kind): (Bytes, Option<&'static str>),
) -> Request<Full<Bytes>> {
    // hyper leaves this out; a server would not know whether a body may follow.
    let empty = body.is_empty() && matches!(method, Method::POST | Method::PUT | Method::PATCH);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = target;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, AGENT);
    if let Some(kind) = kind {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if empty {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    request
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
fn classify(error: &hyper::Error) -> Failure {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return Failure::transfer(io);
        }
        source = cause.source();
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Failure::closed();
    }
    Failure::new(FailureKind::Malformed, error.to_string())
}
