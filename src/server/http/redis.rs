//! `redis:`, asking a redis server on behalf of a client.
//!
//! A connection carries one call at a time and is kept for the next one. A call is never sent twice:
//! whether a connection still lives is looked at before, not tried.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;

use super::limits::IDLE_MAX;
use super::reply::{Prepared, Reply};
use crate::base::units::show_duration;
use crate::base::{NodeId, Value};
use crate::call::redis::Connection;
use crate::call::{Failure, FailureKind};
use crate::protocol::resp::{FRAME_BYTES_MAX, Frame, encode_command};
use crate::scenario::model::{RedisRoute, Text};
use crate::server::Context;

/// A call, and what is made of its reply.
pub(super) struct Call {
    node: NodeId,
    name: String,
    password: Option<String>,
    pub(super) words: Vec<Text>,
    pub(super) respond: Prepared,
    pub(super) if_null: Option<Prepared>,
    timeout: Duration,
    idle: Mutex<Vec<Connection>>,
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
        let mut connection = match self.kept() {
            Some(connection) => connection,
            None => self.connect(context).await?,
        };
        let frame = call(&mut connection, words).await?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let room = idle.len() < IDLE_MAX && !context.tasks.stop_token().is_cancelled();
        if connection.is_clean() && room {
            idle.push(connection);
        }
        Ok(frame)
    }

    /// A kept connection on which nothing has happened since.
    fn kept(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut connection) = idle.pop() {
            if connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    async fn connect(&self, context: &Context) -> Result<Connection, String> {
        let connected = context.connect(self.node).await;
        let stream = connected.map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "refused the connection".to_owned(),
            _ => format!("cannot be reached: {error}"),
        })?;
        let mut connection = Connection::new(stream, FRAME_BYTES_MAX);
        if let Some(password) = &self.password {
            let frame = call(&mut connection, &["AUTH", password]).await?;
            if let Some(error) = frame.error() {
                return Err(format!("said: {}", String::from_utf8_lossy(error)));
            }
        }
        Ok(connection)
    }
}

/// Sends a command and reads the reply.
async fn call<W: AsRef<[u8]>>(connection: &mut Connection, words: &[W]) -> Result<Frame, String> {
    let mut command = BytesMut::new();
    encode_command(words, &mut command);
    connection.call(&command, None).await.map_err(|Failure { kind, message }| match kind {
        FailureKind::Reset => "reset the connection".to_owned(),
        FailureKind::Closed => "closed the connection without an answer".to_owned(),
        FailureKind::Malformed => {
            let why = message.strip_prefix("the reply is not RESP").unwrap_or(&message);
            format!("answered something that is not RESP{why}")
        }
        _ => format!("broke off: {message}"),
    })
}
