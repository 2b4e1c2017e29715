//! HTTP requests.
//!
//! A client has one connection to each server and keeps it alive. Before each request it looks at
//! what has happened there meanwhile, and connects anew if the server has closed it or has sent more
//! than its replies (which is worth a warning in the trace). A request that goes out on a connection
//! which the server was just closing, so that not a byte comes back, is sent once more on a new one:
//! always if none of it had left, else only if its method is idempotent. So do curl and browsers.
//!
//! What a request says of itself: `host` (the server's address), `user-agent: looplab/VERSION`, the
//! body's `content-type` unless the scenario gives one, and `content-length`. A path is sent as it is
//! written, but for characters that cannot stand there; `query:` is percent-encoded.
//!
//! The body of a response is at most [`BODY_BYTES_MAX`] long.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::response::Parts;
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;

use super::reply::{Content, HttpReply, OpError, Payload, Reply};
use super::runner::Runner;
use super::scope::Scope;
use crate::base::{Diagnostic, NodeId, Span};
pub(super) use crate::call::http::Connection;
use crate::call::http::{self as exchange, Broken, Idle, Stale};
use crate::call::target;
use crate::scenario::model::{Body, HttpCall, Text};
use crate::trace::Level;

/// The largest body of a response that is taken, in bytes: 64 MiB.
const BODY_BYTES_MAX: usize = 64 << 20;

impl Runner<'_> {
    /// Sends a request and takes its reply. `sent` becomes true before the first byte leaves.
    pub(super) async fn http(
        &mut self,
        call: &HttpCall,
        sent: &AtomicBool,
    ) -> Result<Reply, Diagnostic> {
        let server = self.server(&call.server)?;
        let mut request = self.request(call, server)?;
        let mut again = true;
        loop {
            let mut connection = match self.http_connection(server).await {
                Ok(connection) => connection,
                Err(error) => return Ok(Reply::failed(error)),
            };
            sent.store(true, Ordering::Relaxed);
            match connection.exchange(request).await {
                Ok((parts, body)) => {
                    match connection.settle() {
                        Idle::Usable => self.seat(server)?.http = Some(connection),
                        Idle::Closed => {}
                        Idle::Excess => self.warn_of_excess(call),
                    }
                    return Ok(Reply::of(content(parts, body)));
                }
                Err(broken) if again && may_repeat(&broken, call.method) => {
                    again = false;
                    request = self.request(call, server)?;
                }
                Err(Broken { error, partial, .. }) => {
                    let mut reply = Reply::failed(error.into());
                    if let Some((parts, body)) = partial {
                        reply.content = content(parts, body);
                    }
                    return Ok(reply);
                }
            }
        }
    }

    /// A connection to `server` on which a request may be sent.
    async fn http_connection(&mut self, server: NodeId) -> Result<Box<Connection>, OpError> {
        if let Some(mut connection) = self.seat_if_any(server).and_then(|seat| seat.http.take())
            && connection.idle().await == Idle::Usable
        {
            return Ok(connection);
        }
        let stream = self.dial(server).await?;
        Ok(Box::new(Connection::new(stream, BODY_BYTES_MAX).await?))
    }

    fn warn_of_excess(&self, call: &HttpCall) {
        let text = format!(
            "`{}` sent more than its reply to {} {}; the connection is closed",
            call.server.value,
            call.method,
            call.path.as_literal().unwrap_or("…"),
        );
        self.log(Level::Warn, text);
    }

    /// The request as it is sent.
    fn request(
        &mut self,
        call: &HttpCall,
        server: NodeId,
    ) -> Result<Request<Full<Bytes>>, Diagnostic> {
        let host = self.seat(server)?.host.clone();
        let method = Method::from_bytes(call.method.as_bytes())
            .map_err(|_| Diagnostic::new("this is no method of HTTP", call.server.span))?;
        let target = request_target(call, &self.scope)?;
        let uri = Uri::try_from(target.as_ref())
            .map_err(|error| Diagnostic::new(error.to_string(), call.path.span))?;
        let body = body_bytes(&call.body, &self.scope)?;
        let mut request = exchange::request(method, uri, host, body);
        add_headers(call, &self.scope, request.headers_mut())?;
        Ok(request)
    }
}

fn may_repeat(broken: &Broken, method: &str) -> bool {
    match broken.stale {
        Stale::No => false,
        Stale::Perhaps => {
            matches!(method, "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "TRACE")
        }
        Stale::Certainly => true,
    }
}

/// The path, with its query, as it stands in the request line.
pub(super) fn request_target<'a>(
    call: &'a HttpCall,
    scope: &Scope,
) -> Result<Cow<'a, str>, Diagnostic> {
    let path = match call.path.as_literal() {
        Some(path) => target::escape_target(path),
        None => {
            let path = call.path.resolve_string(scope)?;
            Cow::Owned(target::escape_target(&path).into_owned())
        }
    };
    if call.query.is_empty() {
        return Ok(path);
    }
    let mut target = path.into_owned();
    for (name, value) in &call.query {
        target::push_query(&mut target, &name.value, &resolve(value, scope)?);
    }
    Ok(Cow::Owned(target))
}

fn add_headers(call: &HttpCall, scope: &Scope, headers: &mut HeaderMap) -> Result<(), Diagnostic> {
    for (at, (name, value)) in call.headers.iter().enumerate() {
        let bad = |what: &str, span: Span| Diagnostic::new(what, span);
        let header = HeaderName::from_bytes(name.value.as_bytes())
            .map_err(|_| bad("this is no name of a header", name.span))?;
        let text = resolve(value, scope)?;
        let value = HeaderValue::from_str(&text)
            .or_else(|_| HeaderValue::from_bytes(text.as_bytes()))
            .map_err(|_| bad("a header holds neither line breaks nor control bytes", value.span))?;
        // The first of a name stands for what there was; a list adds.
        if call.headers[..at].iter().any(|(before, _)| before.eq_ignore_ascii_case(name)) {
            headers.append(header, value);
        } else {
            headers.insert(header, value);
        }
    }
    Ok(())
}

/// A body's bytes, and the type that HTTP gives it.
pub(super) fn body_bytes(
    body: &Body,
    scope: &Scope,
) -> Result<(Bytes, Option<&'static str>), Diagnostic> {
    Ok(match body {
        Body::Empty => (Bytes::new(), None),
        Body::Text(text) => {
            let text = resolve(text, scope)?.into_owned();
            (Bytes::from(text), Some("text/plain; charset=utf-8"))
        }
        Body::Json(value) => {
            let text = value.resolve(scope)?.to_string();
            (Bytes::from(text), Some("application/json"))
        }
        Body::Form(fields) => {
            let mut form = String::new();
            for (name, value) in fields {
                target::push_form(&mut form, &name.value, &resolve(value, scope)?);
            }
            (Bytes::from(form), Some("application/x-www-form-urlencoded"))
        }
        Body::Bytes(bytes) => (bytes.clone(), Some("application/octet-stream")),
    })
}

/// A text with its variables, without a copy if it has none.
pub(super) fn resolve<'a>(text: &'a Text, scope: &Scope) -> Result<Cow<'a, str>, Diagnostic> {
    match text.as_literal() {
        Some(text) => Ok(Cow::Borrowed(text)),
        None => text.resolve_string(scope).map(Cow::Owned),
    }
}

fn content(parts: Parts, body: Bytes) -> Content {
    let reason = match parts.extensions.get::<hyper::ext::ReasonPhrase>() {
        Some(reason) => String::from_utf8_lossy(reason.as_bytes()).into_owned().into(),
        None => parts.status.canonical_reason().unwrap_or("").into(),
    };
    let status = parts.status.as_u16();
    let body = Payload::new(body);
    Content::Http(Box::new(HttpReply { status, reason, headers: parts.headers, body }))
}
