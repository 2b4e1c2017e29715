//! The way from one server to a redis server: connections that are kept, and what is asked over them.
//!
//! A connection carries one call at a time and is kept for the next one. A call is never sent twice: whether
//! a kept connection still lives is looked at before, not tried.

use bytes::BytesMut;

use super::Context;
use super::idle::Idle;
use crate::base::NodeId;
use crate::call::Failure;
use crate::call::redis::Connection;
use crate::protocol::resp::{Frame, encode_command};

/// The way to one redis server.
pub(super) struct RedisWay {
    node: NodeId,
    password: Option<String>,
    reply_bytes_max: usize,
    idle: Idle<Connection>,
}

/// Why there are no replies.
pub(super) enum NoReply {
    /// There is no connection.
    Unconnected(Failure),
    /// The connection did not bring them.
    Broken(Failure),
    /// The server did not take the password, and said this.
    Unauthorized(Vec<u8>),
}

impl RedisWay {
    /// Of a reply so many bytes are taken at most.
    pub(super) fn new(node: NodeId, password: Option<String>, reply_bytes_max: usize) -> RedisWay {
        RedisWay { node, password, reply_bytes_max, idle: Idle::default() }
    }

    /// Sends one command and takes its reply.
    pub(super) async fn call<W: AsRef<[u8]>>(
        &self,
        words: &[W],
        context: &Context,
    ) -> Result<Frame, NoReply> {
        let mut command = BytesMut::new();
        encode_command(words, &mut command);
        let mut frames = self.ask(&command, 1, context).await?;
        Ok(frames.pop().unwrap_or(Frame::Null))
    }

    /// Sends commands in one write and takes so many replies.
    pub(super) async fn ask(
        &self,
        commands: &[u8],
        replies: usize,
        context: &Context,
    ) -> Result<Vec<Frame>, NoReply> {
        let mut connection = match self.kept() {
            Some(connection) => connection,
            None => self.connect(context).await?,
        };
        connection.send(commands).await.map_err(NoReply::Broken)?;
        let mut frames = Vec::new();
        while frames.len() < replies {
            frames.push(connection.reply().await.map_err(NoReply::Broken)?);
        }
        if connection.is_clean() {
            self.idle.keep(connection, context);
        }
        Ok(frames)
    }

    /// A kept connection on which nothing has happened since.
    fn kept(&self) -> Option<Connection> {
        while let Some(mut connection) = self.idle.take() {
            if connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    async fn connect(&self, context: &Context) -> Result<Connection, NoReply> {
        let stream = context.connect(self.node).await;
        let stream = stream.map_err(|error| NoReply::Unconnected(Failure::dialling(&error)))?;
        let mut connection = Connection::new(stream, self.reply_bytes_max);
        if let Some(password) = &self.password {
            let mut command = BytesMut::new();
            encode_command(&["AUTH", password], &mut command);
            let frame = connection.call(&command, None).await.map_err(NoReply::Broken)?;
            if let Some(error) = frame.error() {
                return Err(NoReply::Unauthorized(error.to_vec()));
            }
        }
        Ok(connection)
    }
}
