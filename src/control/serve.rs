//! A small HTTP server of our own interfaces: what it puts up with, and for how long.
//!
//! ```text
//! Listener -> connection (hyper) -> guard -> body, within bounds -> Api::answer, within bounds
//! ```
//!
//! Nothing here is traced, and nothing that a caller does holds up another one.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::guard::{Denied, Guard};
use crate::net::{Clock, HyperIo, Listener, Sleep};

/// The most connections that are served at once; others wait.
const CONNECTIONS_MAX: usize = 64;

/// The longest head of a request, in bytes.
const HEAD_MAX: usize = 16 * 1024;

/// The most headers of a request.
const HEADERS_MAX: usize = 64;

/// The longest body of a request, in bytes: ten thousand proxies fit into it.
pub(super) const BODY_MAX: usize = 1024 * 1024;

/// How long a request's head may take, and how long a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request's body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(25);

/// How long is waited after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// An answer, whole.
pub(super) type Reply = Response<Full<Bytes>>;

/// An answer that is being made.
pub(super) type Answering = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A request, whole.
pub(super) struct Asked {
    pub(super) method: Method,
    /// The parts of its path between slashes, decoded.
    pub(super) path: Vec<String>,
    pub(super) body: Bytes,
}

/// Why a request does not come to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is not answered.
    Denied(Denied),
    /// Its body is too long.
    TooLong,
    /// Its body did not come, or ended early.
    Broken,
    /// It took too long to answer.
    Timeout,
}

/// What answers requests.
pub(super) trait Api: Send + Sync + 'static {
    /// The answer to a request.
    fn answer(self: Arc<Self>, asked: Asked) -> Answering;

    /// How it says no.
    fn refuse(&self, why: Refused) -> Reply;
}

/// Serves `api` at `listener` until it is dropped, and all connections with it.
pub(super) async fn serve(mut listener: Listener, api: Arc<dyn Api>, guard: Guard, clock: Clock) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok(stream) = listener.accept().await else {
            clock.sleep(ACCEPT_PAUSE).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let (api, guard, clock) = (api.clone(), guard.clone(), clock.clone());
        connections.spawn(async move {
            let answering = clock.clone();
            let service = hyper::service::service_fn(move |request| {
                let answer = answer(api.clone(), guard.clone(), answering.clone(), request);
                async { Ok::<_, Infallible>(answer.await) }
            });
            let connection = http1::Builder::new()
                .timer(Timer(clock))
                .header_read_timeout(HEAD_TIMEOUT)
                .max_headers(HEADERS_MAX)
                .max_header_size(HEAD_MAX)
                .auto_date_header(false)
                .serve_connection(HyperIo::new(stream, Arc::default()), service);
            // An error is the caller's, who is gone.
            let _ = connection.await;
            drop(place);
        });
    }
}

async fn answer(
    api: Arc<dyn Api>,
    guard: Guard,
    clock: Clock,
    request: Request<Incoming>,
) -> Reply {
    let (parts, body) = request.into_parts();
    if let Err(denied) = guard.admits(&parts.uri, &parts.headers) {
        return api.refuse(Refused::Denied(denied));
    }
    let body = match clock.timeout(BODY_TIMEOUT, Limited::new(body, BODY_MAX).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return api.refuse(Refused::TooLong);
        }
        Ok(Err(_)) | Err(_) => return api.refuse(Refused::Broken),
    };
    let path = parts.uri.path().split('/').skip(1).map(decoded).collect();
    let asked = Asked { method: parts.method, path, body };
    match clock.timeout(ANSWER_TIMEOUT, api.clone().answer(asked)).await {
        Ok(reply) => reply,
        Err(_) => api.refuse(Refused::Timeout),
    }
}

/// An answer with a body of that type.
pub(super) fn reply(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply
}

/// A part of a path without its percent signs. What is not UTF-8 then is told as well as it can be: no
/// name is like it.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.first_chunk::<2>().filter(|_| first == b'%');
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|n| u8::try_from(n).ok());
        let code = digits.and_then(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The run's clock, as hyper wants it.
struct Timer(Clock);

impl hyper::rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Pause(std::sync::Mutex::new(self.0.sleep(duration))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        self.sleep(deadline.saturating_duration_since(self.now()))
    }
}

/// The lock is never taken: it only says that nobody but the owner looks into it.
struct Pause(std::sync::Mutex<Sleep>);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        Pin::new(sleep).poll(cx)
    }
}

impl hyper::rt::Sleep for Pause {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_paths_are_decoded_and_never_panic() {
        for (path, name) in [
            ("app-db", "app-db"),
            ("app-%3Edb", "app->db"),
            ("app-%3edb", "app->db"),
            ("100%", "100%"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%+1", "%+1"),
            ("%C3%A9", "é"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(decoded(path), name, "{path}");
        }
    }
}
