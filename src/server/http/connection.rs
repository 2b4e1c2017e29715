//! One connection of an http server: requests in, answers out, in the same order.
//!
//! ```text
//! idle -> head -> body -> turn (serial) -> answer -> delay -> written -> idle ...
//! ```
//!
//! Answers are gathered while further requests are there already and sent together before the
//! connection waits for anything, so pipelining costs one write. What is held for a client is bounded:
//! a head, a body up to its limit, and the answers of one batch.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;

use super::body::Framing;
use super::head::{Head, Refusal};
use super::limits::{LINGER, OUTPUT_MAX, STOP_GRACE};
use super::receive::{Arrived, Next};
use super::reply::{Manner, Reply};
use super::service::{Answer, BodyNeed, Service};
use crate::base::units::show_duration;
use crate::base::{Diagnostic, Time};
use crate::net::{Sleep, Stream};
use crate::scenario::model::Then;
use crate::server::Context;
use crate::trace::Level;

/// A connection that is being served.
pub(super) struct Connection<'a> {
    pub(super) service: &'a Service,
    pub(super) context: &'a Context,
    pub(super) stream: Stream,
    pub(super) input: BytesMut,
    pub(super) output: Vec<u8>,
    pub(super) head: Head,
}

/// How a connection ends.
pub(super) enum End {
    /// There is nothing more to say or to hear.
    Close,
    /// The client may still be sending: it is heard out for a while, so that the answer arrives.
    Linger,
    /// With a reset.
    Reset,
}

/// Whether the connection goes on after an answer.
pub(super) type Flow = std::ops::ControlFlow<End>;

/// The longest target that the access log shows.
const SHOWN_MAX: usize = 200;

impl<'a> Connection<'a> {
    pub(super) fn new(
        service: &'a Service,
        context: &'a Context,
        stream: Stream,
    ) -> Connection<'a> {
        Connection {
            service,
            context,
            stream,
            input: BytesMut::new(),
            output: Vec::new(),
            head: Head::default(),
        }
    }

    /// Serves the connection to its end.
    pub(super) async fn run(mut self) {
        match self.requests().await {
            Ok(End::Reset) => self.stream.reset(),
            Ok(End::Linger) => self.linger().await,
            // After an error nobody is left to talk to.
            Ok(End::Close) | Err(_) => {}
        }
    }

    async fn requests(&mut self) -> io::Result<End> {
        loop {
            let flow = match self.next_head().await? {
                Next::Request => self.exchange().await?,
                Next::Nothing => return Ok(End::Close),
                Next::Refused(refusal) => self.refuse(&refusal, None).await?,
            };
            if let Flow::Break(end) = flow {
                return Ok(end);
            }
        }
    }

    /// Answers the request whose head was read.
    async fn exchange(&mut self) -> io::Result<Flow> {
        let service = self.service;
        let arrived = self.context.clock.now();
        let need = match self.head.framing {
            Framing::None => BodyNeed::Discard,
            Framing::Length(_) | Framing::Chunked => service.body_need(&self.head),
        };
        let mut body = Vec::new();
        if need != BodyNeed::Late
            && let Err(refusal) = self.read_body(&mut body, need == BodyNeed::Collect).await?
        {
            return self.refuse(&refusal, Some(arrived)).await;
        }
        let Some(turns) = &service.turns else {
            return self.handle(body, need, arrived).await;
        };
        self.flush().await?;
        let turn = turns.acquire().await;
        let flow = self.handle(body, need, arrived).await?;
        self.flush().await?;
        drop(turn);
        Ok(flow)
    }

    /// Finds the answer to the request and gives it.
    async fn handle(&mut self, body: Vec<u8>, need: BodyNeed, arrived: Time) -> io::Result<Flow> {
        let (service, context) = (self.service, self.context);
        let answer = service.answer(&self.head, &body, &*context.vars);
        if need == BodyNeed::Late
            && !matches!(answer, Answer::Proxy { .. })
            && let Err(refusal) = self.read_body(&mut Vec::new(), false).await?
        {
            return self.refuse(&refusal, Some(arrived)).await;
        }
        match answer {
            Answer::Reply(reply, delay) => {
                self.respond(&reply, context.clock.work(delay), arrived).await
            }
            Answer::Failed(why) => self.fail(&why, arrived).await,
            Answer::Proxy { target, path, delay } => {
                self.wait(context.clock.work(delay)).await?;
                let body = (need != BodyNeed::Late).then(|| body.into());
                self.forward(target, path, body, arrived).await
            }
            Answer::Script { at, request } => {
                let reply = self.scripted(at, request).await?;
                self.respond(&reply, context.clock.work(Duration::ZERO), arrived).await
            }
            Answer::Redis { route, call, words, delay } => {
                self.wait(context.clock.work(delay)).await?;
                let reply = match call.ask(&words, context).await {
                    Ok(reply) => service.answer_to_reply(route, &self.head, &body, &reply, context),
                    Err(failure) => Ok(Cow::Owned(failure)),
                };
                match reply {
                    Ok(reply) => self.respond(&reply, None, arrived).await,
                    Err(why) => self.fail(&why, arrived).await,
                }
            }
        }
    }

    /// Answers that the scenario does not say how to answer.
    async fn fail(&mut self, why: &Diagnostic, arrived: Time) -> io::Result<Flow> {
        let text = format!("{} cannot be answered: {}", self.asked(), why.message);
        self.context.log(Level::Error, text);
        let reply = Reply::error(500, why.message.clone());
        self.respond(&reply, None, arrived).await
    }

    /// Waits as long as `delay:` says, or longer on a slow machine.
    async fn wait(&mut self, work: Option<Sleep>) -> io::Result<()> {
        if let Some(done) = work {
            self.flush().await?;
            done.await;
        }
        Ok(())
    }

    /// Whether the connection ends after this answer, because the client wants that or the server is
    /// to stop.
    pub(super) fn closes(&self) -> bool {
        !self.head.keep_alive || self.context.tasks.stop_token().is_cancelled()
    }

    /// Answers when the work is done, or does what `then:` says instead.
    pub(super) async fn respond(
        &mut self,
        reply: &Reply,
        work: Option<Sleep>,
        arrived: Time,
    ) -> io::Result<Flow> {
        self.wait(work).await?;
        match reply.then {
            Then::Keep | Then::Close => {}
            Then::Reset => {
                self.flush().await?;
                self.log("reset", Some(arrived));
                return Ok(Flow::Break(End::Reset));
            }
            Then::Hang => {
                self.flush().await?;
                self.log("hang", Some(arrived));
                return self.hang().await;
            }
        }
        let close = reply.closes() || self.closes();
        let head_only = self.head.method() == "HEAD";
        let manner = Manner { head_only, old: self.head.old, close };
        self.send(reply, manner, Some(arrived)).await?;
        if close {
            self.flush().await?;
            return Ok(Flow::Break(End::Linger));
        }
        Ok(Flow::Continue(()))
    }

    /// Answers what is not a request, and ends the connection.
    pub(super) async fn refuse(
        &mut self,
        refusal: &Refusal,
        arrived: Option<Time>,
    ) -> io::Result<Flow> {
        let reply = Reply::error(refusal.status, refusal.why);
        let manner = Manner { head_only: false, old: false, close: true };
        self.send(&reply, manner, arrived).await?;
        self.flush().await?;
        Ok(Flow::Break(End::Linger))
    }

    /// Writes an answer, and its line in the access log. `arrived` is when its request was there;
    /// `None` if it never was.
    async fn send(
        &mut self,
        reply: &Reply,
        manner: Manner,
        arrived: Option<Time>,
    ) -> io::Result<()> {
        let rest = reply.write(&mut self.output, manner);
        self.log(itoa::Buffer::new().format(reply.status), arrived);
        if let Some(body) = rest {
            self.flush().await?;
            self.write_all(&body).await?;
        } else if self.output.len() > OUTPUT_MAX {
            self.flush().await?;
        }
        Ok(())
    }

    /// Never answers: waits until the client has had enough.
    async fn hang(&mut self) -> io::Result<Flow> {
        loop {
            self.input.clear();
            match self.read(None).await? {
                Arrived::Bytes => {}
                Arrived::End | Arrived::Stop | Arrived::Late => {
                    return Ok(Flow::Break(End::Close));
                }
            }
        }
    }

    /// Sends what was gathered.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let output = std::mem::take(&mut self.output);
        self.write_all(&output).await?;
        self.output = output;
        self.output.clear();
        Ok(())
    }

    /// Writes; a client that does not take it holds a server that is to stop only for a while.
    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Connection { stream, context, .. } = self;
        let given_up = async {
            context.stopping().await;
            context.clock.sleep(STOP_GRACE).await;
        };
        tokio::select! {
            biased;
            written = stream.write_all(bytes) => written,
            () = given_up => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Ends the sending direction and hears the client out.
    async fn linger(&mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let deadline = self.context.clock.now() + LINGER;
        loop {
            self.input.clear();
            match self.read(Some(deadline)).await {
                Ok(Arrived::Bytes) => {}
                Ok(Arrived::End | Arrived::Late | Arrived::Stop) | Err(_) => return,
            }
        }
    }

    /// What was asked, for the log: `GET /items?page=2`.
    pub(super) fn asked(&self) -> String {
        let (method, path, query) = (self.head.method(), self.head.path(), self.head.query());
        let mut out = String::with_capacity(method.len() + path.len() + query.len() + 24);
        out.push_str(method);
        out.push(' ');
        out.push_str(path);
        if !query.is_empty() {
            out.push('?');
            out.push_str(query);
        }
        if out.len() > SHOWN_MAX {
            let cut = (0..=SHOWN_MAX).rev().find(|&at| out.is_char_boundary(at)).unwrap_or(0);
            out.truncate(cut);
            out.push('…');
        }
        out
    }

    /// A line of the access log: `GET /hello 200 12us`.
    pub(super) fn log(&self, outcome: &str, arrived: Option<Time>) {
        let text = match arrived {
            None => format!("malformed request {outcome}"),
            Some(arrived) => {
                let took = self.context.clock.now().since(arrived);
                let mut text = self.asked();
                text.push(' ');
                text.push_str(outcome);
                text.push(' ');
                match took.is_zero() {
                    true => text.push_str("0us"),
                    false => text.push_str(&show_duration(took)),
                }
                text
            }
        };
        self.context.log(Level::Info, text);
    }
}
