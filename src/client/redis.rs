//! Redis commands.
//!
//! A client has one connection to each server. A reply is a JSON value ([`Frame::to_value`]); an error
//! reply is a reply too, of which the field `error` has the text (`WRONGTYPE Operation ...`), and there
//! is no field `reply` then. A connection that the server has closed meanwhile is made anew; a command
//! that was sent is never sent again.
//!
//! After `SUBSCRIBE` and its like, messages may come at any time: those that come before the reply to
//! another command are passed over. (To see them, speak RESP on a raw connection.)

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::reply::{Content, ErrorKind, OpError, Reply};
use super::runner::Runner;
use crate::base::{Diagnostic, NodeId, Value};
use crate::net::Stream;
use crate::protocol::resp::{Frame, RespDecoder, Version, Writer};
use crate::scenario::model::RedisCall;

/// How much room there is for each read, in bytes.
const READ_CHUNK: usize = 4 * 1024;

/// How much room a command has at first, in bytes.
const COMMAND_ROOM: usize = 128;

/// A connection that speaks RESP.
pub(super) struct Connection {
    stream: Stream,
    input: BytesMut,
    decoder: RespDecoder,
    subscribed: bool,
}

impl Runner<'_> {
    /// Sends a command and takes its reply. `sent` becomes true before the first byte leaves.
    pub(super) async fn redis(
        &mut self,
        call: &RedisCall,
        sent: &AtomicBool,
    ) -> Result<Reply, Diagnostic> {
        let server = self.server(&call.server)?;
        let mut command = BytesMut::with_capacity(COMMAND_ROOM);
        let mut writer = Writer::new(&mut command, Version::Resp2);
        writer.array(call.words.len());
        let mut replies = None;
        for (at, word) in call.words.iter().enumerate() {
            let word = super::http::resolve(word, &self.scope)?;
            if at == 0 {
                replies = subscription(&word, call.words.len());
            }
            writer.bulk(word.as_bytes());
        }
        let mut connection = match self.redis_connection(server).await {
            Ok(connection) => connection,
            Err(error) => return Ok(Reply::failed(error)),
        };
        sent.store(true, Ordering::Relaxed);
        match connection.call(&command, replies).await {
            Ok(frame) => {
                self.seat(server)?.redis = Some(connection);
                Ok(reply(&frame))
            }
            Err(error) => Ok(Reply::failed(error)),
        }
    }

    async fn redis_connection(&mut self, server: NodeId) -> Result<Box<Connection>, OpError> {
        if let Some(mut connection) = self.seat_if_any(server).and_then(|seat| seat.redis.take())
            && connection.is_usable()
        {
            return Ok(connection);
        }
        Ok(Box::new(Connection::new(self.dial(server).await?)))
    }
}

fn reply(frame: &Frame) -> Reply {
    match frame.error() {
        Some(text) => {
            let text = String::from_utf8_lossy(text).into_owned();
            Reply::failed(OpError::new(ErrorKind::Redis, text))
        }
        None => Reply::of(Content::Redis(frame.to_value())),
    }
}

impl Connection {
    fn new(stream: Stream) -> Connection {
        Connection {
            stream,
            input: BytesMut::new(),
            decoder: RespDecoder::default(),
            subscribed: false,
        }
    }

    /// Looks at what has come since the last reply, without waiting. Only messages to subscribers may
    /// have: with anything else, replies and commands would no longer go together.
    fn is_usable(&mut self) -> bool {
        loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Some(frame)) if self.is_message(&frame) => continue,
                Ok(Some(_)) | Err(_) => return false,
                Ok(None) if !self.input.is_empty() && !self.subscribed => return false,
                Ok(None) => {}
            }
            self.input.reserve(READ_CHUNK);
            let read = pin!(self.stream.read_buf(&mut self.input));
            match read.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => return true,
                Poll::Ready(Ok(0) | Err(_)) => return false,
                Poll::Ready(Ok(_)) => {}
            }
        }
    }

    /// Sends a command and takes its reply, or so many of them if it is one about subscriptions.
    async fn call(&mut self, command: &[u8], replies: Option<usize>) -> Result<Frame, OpError> {
        let written = self.stream.write_all(command).await;
        written.map_err(|error| OpError::transfer(&error))?;
        let Some(replies) = replies else {
            loop {
                let frame = self.frame().await?;
                if !self.is_message(&frame) {
                    return Ok(frame);
                }
            }
        };
        self.subscribed = true;
        let mut frames = Vec::new();
        while frames.len() < replies {
            let frame = self.frame().await?;
            if frame.error().is_some() {
                return Ok(frame);
            }
            frames.push(frame);
        }
        Ok(if frames.len() == 1 { frames.remove(0) } else { Frame::Array(frames) })
    }

    /// The next frame, whatever it is.
    async fn frame(&mut self) -> Result<Frame, OpError> {
        loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(error) => {
                    let text = format!("the reply is not RESP: {error}");
                    return Err(OpError::new(ErrorKind::Malformed, text));
                }
            }
            self.input.reserve(READ_CHUNK);
            match self.stream.read_buf(&mut self.input).await {
                Ok(0) => return Err(OpError::closed()),
                Ok(_) => {}
                Err(error) => return Err(OpError::transfer(&error)),
            }
        }
    }

    /// Whether this is something that no command asked for.
    fn is_message(&self, frame: &Frame) -> bool {
        match frame {
            Frame::Push(_) => true,
            Frame::Array(items) if self.subscribed => match items.first().map(Frame::to_value) {
                Some(Value::String(kind)) => {
                    matches!(kind.as_str(), "message" | "pmessage" | "smessage")
                        || kind.ends_with("subscribe")
                }
                _ => false,
            },
            _ => false,
        }
    }
}

/// For `SUBSCRIBE` and its like, of so many words: how many replies there will be, one for each
/// channel.
fn subscription(command: &str, words: usize) -> Option<usize> {
    const COMMANDS: [&str; 6] =
        ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"];
    let is = COMMANDS.iter().any(|name| command.eq_ignore_ascii_case(name));
    is.then(|| words.saturating_sub(1).max(1))
}
