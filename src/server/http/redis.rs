//! `redis:`, asking a redis server on behalf of a client.

use std::time::Duration;

use super::reply::{Prepared, Reply};
use crate::base::units::show_duration;
use crate::base::{NodeId, Value};
use crate::call::{Failure, FailureKind};
use crate::protocol::resp::{FRAME_BYTES_MAX, Frame};
use crate::scenario::model::{RedisRoute, Text};
use crate::server::Context;
use crate::server::redis_way::{NoReply, RedisWay};

/// A call, and what is made of its reply.
pub(super) struct Call {
    name: String,
    way: RedisWay,
    pub(super) words: Vec<Text>,
    pub(super) respond: Prepared,
    pub(super) if_null: Option<Prepared>,
    timeout: Duration,
}

impl Call {
    pub(super) fn new(redis: &RedisRoute, node: NodeId, password: Option<String>) -> Call {
        Call {
            name: redis.call.server.value.clone(),
            way: RedisWay::new(node, password, FRAME_BYTES_MAX),
            words: redis.call.words.clone(),
            respond: Prepared::new(&redis.respond),
            if_null: redis.if_null.as_ref().map(Prepared::new),
            timeout: redis.timeout,
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
        self.way.call(words, context).await.map_err(clause)
    }
}

/// Behind the server's name: why there is no reply.
fn clause(why: NoReply) -> String {
    match why {
        NoReply::Unconnected(Failure { kind: FailureKind::Refused, .. }) => {
            "refused the connection".to_owned()
        }
        NoReply::Unconnected(Failure { message, .. }) => format!("cannot be reached: {message}"),
        NoReply::Unauthorized(error) => format!("said: {}", String::from_utf8_lossy(&error)),
        NoReply::Broken(Failure { kind, message }) => match kind {
            FailureKind::Reset => "reset the connection".to_owned(),
            FailureKind::Closed => "closed the connection without an answer".to_owned(),
            FailureKind::Malformed => {
                let why = message.strip_prefix("the reply is not RESP").unwrap_or(&message);
                format!("answered something that is not RESP{why}")
            }
            _ => format!("broke off: {message}"),
        },
    }
}
