//! `redis:`, asking a redis server on behalf of a client.
//!
//! A connection carries one call at a time and is kept for the next one. A call is never sent twice:
//! whether a connection still lives is looked at before, not tried.

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context as TaskContext, Waker};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;

use super::limits::IDLE_MAX;
use super::reply::{Prepared, Reply};
use crate::base::units::show_duration;
use crate::base::{NodeId, Value};
use crate::net::Stream;
use crate::protocol::resp::{Frame, RespDecoder, encode_command};
use crate::scenario::model::{RedisRoute, Text};
use crate::server::Context;
use crate::server::input::read_more;

/// A call, and what is made of its reply.
pub(super) struct Call {
    node: NodeId,
    name: String,
    password: Option<String>,
    pub(super) words: Vec<Text>,
    pub(super) respond: Prepared,
    pub(super) if_null: Option<Prepared>,
    timeout: Duration,
    idle: Mutex<Vec<Stream>>,
}

impl Call {
    pub(super) fn new(redis: &RedisRoute, node: NodeId, password: Option<String>) -> Call {
        Call {
            node,
            name: redis.call.server.value.clone(),
            password,
            words: redis.call.words.clone(),
            respond: Prepared::new(&redis.respond),
            if_null: redis.if_null.as_ref().map(Prepared::new),
            timeout: redis.timeout,
            idle: Mutex::default(),
        }
    }

    /// What the server says to the command, or the answer that tells why it says nothing: 502, 504.
    pub(super) async fn ask(&self, words: &[String], context: &Context) -> Result<Value, Reply> {
        match context.clock.timeout(self.timeout, self.exchange(words, context)).await {
            Err(_) => {
                let limit = show_duration(self.timeout);
                let why = format!("{} did not answer within {limit}", self.name);
                Err(Reply::error(504, why))
            }
            Ok(Err(why)) => Err(Reply::error(502, format!("{} {why}", self.name))),
            Ok(Ok(frame)) => match frame.error() {
                Some(error) => {
                    let error = String::from_utf8_lossy(error);
                    Err(Reply::error(502, format!("{} said: {error}", self.name)))
                }
                None => Ok(frame.to_value()),
            },
        }
    }

    async fn exchange(&self, words: &[String], context: &Context) -> Result<Frame, String> {
        let mut stream = match self.kept() {
            Some(stream) => stream,
            None => self.connect(context).await?,
        };
        let (frame, clean) = call(&mut stream, words).await?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if clean && idle.len() < IDLE_MAX && !context.tasks.stop_token().is_cancelled() {
            idle.push(stream);
        }
        Ok(frame)
    }

    /// A kept connection on which nothing has happened since.
    fn kept(&self) -> Option<Stream> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut stream) = idle.pop() {
            if is_quiet(&mut stream) {
                return Some(stream);
            }
        }
        None
    }

    async fn connect(&self, context: &Context) -> Result<Stream, String> {
        let connected = context.connect(self.node).await;
        let mut stream = connected.map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "refused the connection".to_owned(),
            _ => format!("cannot be reached: {error}"),
        })?;
        if let Some(password) = &self.password {
            let (frame, _) = call(&mut stream, &["AUTH", password]).await?;
            if let Some(error) = frame.error() {
                return Err(format!("said: {}", String::from_utf8_lossy(error)));
            }
        }
        Ok(stream)
    }
}

/// True if the other side has neither said anything nor ended.
fn is_quiet(stream: &mut Stream) -> bool {
    let mut unasked = BytesMut::new();
    let read = pin!(read_more(stream, &mut unasked));
    read.poll(&mut TaskContext::from_waker(Waker::noop())).is_pending()
}

/// Sends a command and reads the reply; true if nothing came behind it.
async fn call<W: AsRef<[u8]>>(stream: &mut Stream, words: &[W]) -> Result<(Frame, bool), String> {
    let mut buffer = BytesMut::new();
    encode_command(words, &mut buffer);
    let broken = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::ConnectionReset => "reset the connection".to_owned(),
        _ => format!("broke off: {error}"),
    };
    stream.write_all(&buffer).await.map_err(broken)?;
    buffer.clear();
    let mut decoder = RespDecoder::default();
    loop {
        if read_more(stream, &mut buffer).await.map_err(broken)? == 0 {
            return Err("closed the connection without an answer".into());
        }
        match decoder.decode(&mut buffer) {
            Ok(Some(frame)) => return Ok((frame, buffer.is_empty())),
            Ok(None) => {}
            Err(error) => return Err(format!("answered something that is not RESP: {error}")),
        }
    }
}
