//! Messages to nodes.
//!
//! A client has one connection to each node. A reply belongs to its message by number, so that a reply which
//! comes too late is passed over and the connection goes on. Of several nodes a step asks the one that the
//! client was led to last; after a failure, the next one.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::reply::{Content, ErrorKind, OpError, Reply};
use super::runner::Runner;
use crate::base::{Diagnostic, NodeId, Value};
use crate::call::FailureKind;
use crate::net::Stream;
use crate::protocol::{Envelope, JsonLines, LineTooLong, NODE_ERRORS, json_line};
use crate::scenario::model::NodeCall;

/// How much room there is for each read, in bytes.
const READ_CHUNK: usize = 4 * 1024;

/// A connection that speaks JSON lines.
pub(super) struct Connection {
    stream: Stream,
    lines: JsonLines,
    /// The number of the last message.
    last: u64,
}

impl Runner<'_> {
    /// Sends a message and takes its reply. `sent` becomes true before the first byte leaves.
    pub(super) async fn call(
        &mut self,
        call: &NodeCall,
        sent: &AtomicBool,
    ) -> Result<Reply, Diagnostic> {
        let turn = self.shared.turn() % call.nodes.len().max(1);
        // Until there is a reply, whatever comes of this, the next one is asked elsewhere.
        self.shared.turn_to(turn + 1);
        let name = &call.nodes[turn];
        let server = self.server(name)?;
        let message = call.message.resolve(&self.scope)?;
        if !message.get("type").is_some_and(Value::is_string) {
            let what = format!("a message is an object with a `type`, not {message}");
            return Err(Diagnostic::new(what, call.message.span));
        }
        let asked = self.exchange(server, &name.value, &message, sent).await;
        if asked.as_ref().is_ok_and(|reply| !is_elsewhere(reply)) {
            self.shared.turn_to(turn);
        }
        let mut reply = match asked {
            Ok(value) => reply(value),
            Err(error) => Reply::failed(error),
        };
        reply.node = Some(name.value.clone());
        Ok(reply)
    }

    async fn exchange(
        &mut self,
        server: NodeId,
        to: &str,
        message: &Value,
        sent: &AtomicBool,
    ) -> Result<Value, OpError> {
        let kept = self.seat_if_any(server).and_then(|seat| seat.node.take());
        let kept = kept.and_then(|mut kept| kept.is_usable().then_some(kept));
        let mut connection = match kept {
            Some(connection) => connection,
            None => {
                let stream = self.dial(server).await?;
                Box::new(Connection { stream, lines: JsonLines::default(), last: 0 })
            }
        };
        let line = connection.line(&self.shared.context.name, to, message);
        sent.store(true, Ordering::Relaxed);
        // Kept before the reply is there: a reply that comes too late does no harm.
        let mut lent = Lent { runner: self, server, connection: Some(connection) };
        let reply = lent.connection().ask(&line).await;
        if reply.as_ref().is_err_and(|error| error.kind != ErrorKind::Call(FailureKind::Timeout)) {
            lent.connection = None;
        }
        reply
    }
}

/// A connection that goes back to its seat, also when nobody waits for the reply any more.
struct Lent<'r, 's> {
    runner: &'r mut Runner<'s>,
    server: NodeId,
    connection: Option<Box<Connection>>,
}

impl Lent<'_, '_> {
    fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("it is taken out only when it goes back")
    }
}

impl Drop for Lent<'_, '_> {
    fn drop(&mut self) {
        if let Some(seat) = self.runner.seat_if_any(self.server) {
            seat.node = self.connection.take();
        }
    }
}

impl Connection {
    /// The next message, an object, as a line.
    fn line(&mut self, from: &str, to: &str, message: &Value) -> Vec<u8> {
        self.last += 1;
        let text = message.to_string();
        let fields = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let fields = fields.expect("a message is an object");
        json_line(from, to, fields.as_bytes(), Some(("msg_id", self.last)))
    }

    /// Looks whether the other side has closed the connection, without waiting.
    fn is_usable(&mut self) -> bool {
        use std::future::Future;
        use std::task::{Context, Poll, Waker};
        loop {
            // A reply that came too late is passed over.
            while let Some(late) = self.lines.next_line().transpose() {
                if late.is_err() {
                    return false;
                }
            }
            self.lines.input().reserve(READ_CHUNK);
            let read = std::pin::pin!(self.stream.read_buf(self.lines.input()));
            match read.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => return true,
                Poll::Ready(Ok(0) | Err(_)) => return false,
                Poll::Ready(Ok(_)) => {}
            }
        }
    }

    /// Sends a line and waits for the reply to it.
    async fn ask(&mut self, line: &[u8]) -> Result<Value, OpError> {
        let written = self.stream.write_all(line).await;
        written.map_err(|error| OpError::transfer(&error))?;
        loop {
            loop {
                let malformed = |error: LineTooLong| {
                    OpError::new(ErrorKind::Call(FailureKind::Malformed), error.to_string())
                };
                let Some(line) = self.lines.next_line().map_err(malformed)? else { break };
                if let Some(reply) = self.reply(&line)? {
                    return Ok(reply);
                }
            }
            self.lines.input().reserve(READ_CHUNK);
            match self.stream.read_buf(self.lines.input()).await {
                Ok(0) => return Err(OpError::closed()),
                Ok(_) => {}
                Err(error) => return Err(OpError::transfer(&error)),
            }
        }
    }

    /// The body of a line, if it is the reply to the last message.
    fn reply(&self, line: &Bytes) -> Result<Option<Value>, OpError> {
        let malformed = || {
            OpError::new(ErrorKind::Call(FailureKind::Malformed), "the reply is no JSON message")
        };
        let envelope = Envelope::parse(line.trim_ascii()).ok_or_else(malformed)?;
        if envelope.in_reply_to != Some(self.last) {
            return Ok(None);
        }
        serde_json::from_slice(envelope.body).map(Some).map_err(|_| malformed())
    }
}

/// True for the error of a node that cannot do it now, and another one may.
fn is_elsewhere(reply: &Value) -> bool {
    let known = NODE_ERRORS.iter().find(|known| reply["code"] == known.code);
    reply["type"] == "error" && known.is_some_and(|known| known.elsewhere)
}

/// What a node's reply comes to.
fn reply(value: Value) -> Reply {
    if value["type"] != "error" {
        return Reply::of(Content::Node(value));
    }
    let code = value["code"].as_i64().unwrap_or(13);
    let known = NODE_ERRORS.iter().find(|known| known.code == code);
    let name = known.map_or_else(|| format!("error {code}"), |known| known.name.to_owned());
    let text = value["text"].as_str().unwrap_or_default().to_owned();
    let certain = known.is_some_and(|known| known.definite);
    let mut reply = Reply::of(Content::Node(value));
    reply.error = Some(OpError::of_node(name, text, certain));
    reply
}
