//! Redis commands.
//!
//! A client has one connection to each server. A reply is a JSON value ([`Frame::to_value`]); an error
//! reply is a reply too, of which the field `error` has the text (`WRONGTYPE Operation ...`), and there
//! is no field `reply` then. A connection that the server has closed meanwhile is made anew; a command
//! that was sent is never sent again.
//!
//! After `SUBSCRIBE` and its like, messages may come at any time: those that come before the reply to
//! another command are passed over. (To see them, speak RESP on a raw connection.)

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;

use super::reply::{Content, ErrorKind, OpError, Reply};
use super::runner::Runner;
use crate::base::{Diagnostic, NodeId};
pub(super) use crate::call::redis::Connection;
use crate::call::redis::subscription;
use crate::protocol::resp::{FRAME_BYTES_MAX, Frame, Version, Writer};
use crate::scenario::model::RedisCall;

/// How much room a command has at first, in bytes.
const COMMAND_ROOM: usize = 128;

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
            Err(error) => Ok(Reply::failed(error.into())),
        }
    }

    async fn redis_connection(&mut self, server: NodeId) -> Result<Box<Connection>, OpError> {
        if let Some(mut connection) = self.seat_if_any(server).and_then(|seat| seat.redis.take())
            && connection.is_usable()
        {
            return Ok(connection);
        }
        Ok(Box::new(Connection::new(self.dial(server).await?, FRAME_BYTES_MAX)))
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
