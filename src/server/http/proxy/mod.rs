//! `proxy_to:`, handing a request on to another server and its answer back.
//!
//! ```text
//! client -> Connection -> Upload (one piece at a time) -> hyper -> server behind
//! client <- Connection <- body, frame by frame          <- hyper <-
//! ```
//!
//! Bodies are streamed in both directions, so neither side can make the proxy hold more than a
//! buffer. A server that refuses is answered for with 502, one that does not answer with 504. If a
//! kept connection turns out to have been closed, a request that is safe and has no body is tried
//! once more on a new one.

mod headers;
mod target;
mod upload;

use std::io::{ErrorKind, Result as IoResult};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming as Download};
use tokio::sync::mpsc;

use self::target::Upstream;
use self::upload::Upload;
use super::body::{Framing, Incoming, Piece};
use super::connection::{Connection, End, Flow};
use super::head::Refusal;
use super::reply::{Manner, Measure, Reply};
use crate::base::Time;
use crate::base::units::show_duration;
use crate::scenario::model::Then;
use crate::trace::Level;

pub(super) use self::target::Target;

/// What became of handing a request on.
enum Handed {
    /// The head of an answer is there; whether all of the request's body was sent.
    Answered(Box<http::Response<Download>>, bool),
    /// There will be none.
    Failed(hyper::Error),
    /// There is none in the time allowed.
    Late,
    /// The client's own request turned out to be malformed.
    Refused(Refusal),
}

/// What stopped the sending of a body.
enum Stopped {
    /// The client's request is malformed.
    Refused(Refusal),
    /// The server behind does not take it.
    Late,
}

impl Connection<'_> {
    /// Hands the request on. `body` is what was read of its body; if that is `None`, it is still to be
    /// read.
    pub(super) async fn forward(
        &mut self,
        target: &Target,
        path: Option<String>,
        body: Option<Bytes>,
        arrived: Time,
    ) -> IoResult<Flow> {
        let mut unread = match &body {
            Some(_) => Incoming::Done,
            None => Incoming::new(self.head.framing),
        };
        let me = self.context.name.clone();
        let client = self.stream.peer_addr().ip();
        let outgoing = headers::outgoing(&self.head, path.as_deref(), &me, &target.name, client);
        let outgoing = match outgoing {
            Ok(outgoing) => outgoing,
            Err((status, why)) => return self.give_up(status, why, &unread, arrived).await,
        };
        self.flush().await?;
        let mut fresh = false;
        loop {
            let connecting = target.connect(self.context, fresh);
            let connected = self.context.clock.timeout(target.timeout, connecting).await;
            let mut upstream = match connected {
                Ok(Ok(upstream)) => upstream,
                Ok(Err(error)) => {
                    let why = match error.kind() {
                        ErrorKind::ConnectionRefused => {
                            format!("{} refused the connection", target.name)
                        }
                        _ => format!("{} cannot be reached: {error}", target.name),
                    };
                    return self.give_up(502, why, &unread, arrived).await;
                }
                Err(_) => return self.late(target, &unread, arrived).await,
            };
            let (feed, upload) = match &body {
                None if !unread.is_done() => {
                    let length = match self.head.framing {
                        Framing::Length(length) => Some(length),
                        Framing::None | Framing::Chunked => None,
                    };
                    let (feed, upload) = Upload::fed(length);
                    (Some(feed), upload)
                }
                body => {
                    let whole = body.clone().filter(|body| !body.is_empty());
                    (None, Upload::Whole(whole))
                }
            };
            let mut request = http::Request::new(upload);
            *request.method_mut() = outgoing.method.clone();
            *request.uri_mut() = outgoing.uri.clone();
            *request.headers_mut() = outgoing.headers.clone();
            let sent = upstream.sender.send_request(request);
            match self.hand_on(target, sent, &mut unread, feed.clone()).await? {
                Handed::Answered(answer, whole) => {
                    let flow = self.hand_back(target, *answer, whole, arrived).await;
                    // Until now the feed was held open: an answer may come before the request's end.
                    drop(feed);
                    if whole && matches!(flow, Ok(Flow::Continue(()))) {
                        target.keep(upstream, self.context);
                    }
                    return flow;
                }
                Handed::Failed(_) if self.may_retry(&upstream, fresh) => fresh = true,
                Handed::Failed(error) => {
                    let why = format!("{} {}", target.name, explain(&error));
                    return self.give_up(502, why, &unread, arrived).await;
                }
                Handed::Late => return self.late(target, &unread, arrived).await,
                Handed::Refused(refusal) => return self.refuse(&refusal, Some(arrived)).await,
            }
        }
    }

    /// Whether a request that failed on this connection may be sent again.
    fn may_retry(&self, upstream: &Upstream, fresh: bool) -> bool {
        let safe = matches!(self.head.method(), "GET" | "HEAD" | "OPTIONS");
        safe && upstream.used && !fresh && self.head.framing == Framing::None
    }

    /// Waits for the head of the answer while the request's body is sent.
    async fn hand_on(
        &mut self,
        target: &Target,
        sent: impl Future<Output = hyper::Result<http::Response<Download>>>,
        unread: &mut Incoming,
        feed: Option<mpsc::Sender<Bytes>>,
    ) -> IoResult<Handed> {
        let mut sent = std::pin::pin!(sent);
        if let Some(feed) = feed {
            let early = tokio::select! {
                biased;
                answer = &mut sent => Some(answer),
                stopped = self.send_up(unread, &feed, target.timeout) => match stopped? {
                    Ok(()) => None,
                    Err(Stopped::Refused(refusal)) => return Ok(Handed::Refused(refusal)),
                    Err(Stopped::Late) => return Ok(Handed::Late),
                },
            };
            match early {
                Some(Ok(answer)) => {
                    return Ok(Handed::Answered(Box::new(answer), unread.is_done()));
                }
                Some(Err(error)) => return Ok(Handed::Failed(error)),
                None => {}
            }
        }
        Ok(match self.context.clock.timeout(target.timeout, sent).await {
            Ok(Ok(answer)) => Handed::Answered(Box::new(answer), true),
            Ok(Err(error)) => Handed::Failed(error),
            Err(_) => Handed::Late,
        })
    }

    /// Feeds the request's body, as it comes, to the server behind.
    async fn send_up(
        &mut self,
        unread: &mut Incoming,
        feed: &mpsc::Sender<Bytes>,
        limit: Duration,
    ) -> IoResult<Result<(), Stopped>> {
        loop {
            let piece = match unread.next(&mut self.input) {
                Err(refusal) => return Ok(Err(Stopped::Refused(refusal))),
                Ok(Piece::More) => {
                    if let Err(refusal) = self.read_more_body().await? {
                        return Ok(Err(Stopped::Refused(refusal)));
                    }
                    continue;
                }
                Ok(Piece::Data(n)) => {
                    let piece = Bytes::copy_from_slice(&self.input[..n]);
                    self.input.advance(n);
                    piece
                }
                Ok(Piece::End) => Bytes::new(),
            };
            let last = piece.is_empty();
            match self.context.clock.timeout(limit, feed.send(piece)).await {
                Ok(Ok(())) if last => return Ok(Ok(())),
                Ok(Ok(())) => {}
                // The connection behind is gone: what is said about that comes as the answer.
                Ok(Err(_)) => std::future::pending().await,
                Err(_) => return Ok(Err(Stopped::Late)),
            }
        }
    }

    /// Hands an answer back. `whole` says that the request was read to its end: otherwise the
    /// connection ends with this answer.
    async fn hand_back(
        &mut self,
        target: &Target,
        answer: http::Response<Download>,
        whole: bool,
        arrived: Time,
    ) -> IoResult<Flow> {
        let (parts, mut body) = answer.into_parts();
        let status = parts.status.as_u16();
        let mut reply = Reply::empty(status);
        for (name, value) in headers::incoming(&parts.headers) {
            reply = reply.header(name, &value);
        }
        reply = reply.header("via", &format!("1.1 {}", self.context.name));
        let head_only = self.head.method() == "HEAD";
        let measure = match body.size_hint().exact() {
            _ if head_only => match parts.headers.get(http::header::CONTENT_LENGTH) {
                Some(length) => length.to_str().ok().and_then(|n| n.parse().ok()).into(),
                None => Measure::None,
            },
            Some(length) => Measure::Length(length),
            None if self.head.old => Measure::None,
            None => Measure::Chunked,
        };
        let close = !whole || self.closes() || (measure == Measure::None && !head_only);
        let manner = Manner { head_only, old: self.head.old, close };
        let bare = reply.write_head(&mut self.output, measure, manner);
        if !bare && !head_only {
            let sent = self.send_down(&mut body, measure, target.timeout).await?;
            if let Err(why) = sent {
                let asked = self.asked();
                let text = format!("{asked} was broken off: {} {why}", target.name);
                self.context.log(Level::Warn, text);
                return Ok(Flow::Break(End::Close));
            }
        }
        self.log(itoa::Buffer::new().format(status), Some(arrived));
        self.flush().await?;
        Ok(if close { Flow::Break(End::Linger) } else { Flow::Continue(()) })
    }

    /// Sends the body of an answer as it comes; an error is why it ended early.
    async fn send_down(
        &mut self,
        body: &mut Download,
        measure: Measure,
        limit: Duration,
    ) -> IoResult<Result<(), String>> {
        loop {
            let frame = match self.context.clock.timeout(limit, body.frame()).await {
                Err(_) => return Ok(Err(format!("paused for {}", show_duration(limit)))),
                Ok(Some(Err(error))) => return Ok(Err(explain(&error))),
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => {
                    if measure == Measure::Chunked {
                        self.output.extend_from_slice(b"0\r\n\r\n");
                    }
                    return Ok(Ok(()));
                }
            };
            let Ok(data) = frame.into_data() else { continue };
            if data.is_empty() {
                continue;
            }
            if measure == Measure::Chunked {
                let line = format!("{:x}\r\n", data.len());
                self.output.extend_from_slice(line.as_bytes());
                self.output.extend_from_slice(&data);
                self.output.extend_from_slice(b"\r\n");
            } else {
                self.output.extend_from_slice(&data);
            }
            if !body.is_end_stream() || measure == Measure::Chunked {
                self.flush().await?;
            }
        }
    }

    async fn late(&mut self, target: &Target, unread: &Incoming, arrived: Time) -> IoResult<Flow> {
        let limit = show_duration(target.timeout);
        let why = format!("{} did not answer within {limit}", target.name);
        self.give_up(504, why, unread, arrived).await
    }

    /// Answers in the place of the server behind. What is left of the request is not read any more.
    async fn give_up(
        &mut self,
        status: u16,
        why: String,
        unread: &Incoming,
        arrived: Time,
    ) -> IoResult<Flow> {
        let then = if unread.is_done() { Then::Keep } else { Then::Close };
        let reply = Reply::error(status, why).then(then);
        self.respond(&reply, None, arrived).await
    }
}

/// Why the server behind did not answer, as the end of a sentence.
fn explain(error: &hyper::Error) -> String {
    let mut closed = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(ErrorKind::ConnectionReset) => return "reset the connection".into(),
            Some(ErrorKind::UnexpectedEof) => closed = true,
            _ => {}
        }
        cause = error.source();
    }
    if closed {
        "closed the connection before its answer was complete".into()
    } else if error.is_parse() {
        format!("answered something that is not HTTP: {error}")
    } else {
        format!("failed: {error}")
    }
}
