//! Messages to nodes.
//!
//! A client has one connection to each node. A reply belongs to its message by number, so that a reply which
//! comes too late is passed over and the connection goes on. Of several nodes a step asks the one that the
//! client was led to last; after a failure, the next one.

use std::sync::atomic::{AtomicBool, Ordering};

use super::reply::{Content, OpError, Reply};
use super::runner::Runner;
use crate::base::{Diagnostic, NodeId, Value};
use crate::call::FailureKind;
use crate::call::node::{Connection, Fields};
use crate::protocol::NODE_ERRORS;
use crate::scenario::model::NodeCall;

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
        let has_type = |fields: &&Fields| fields.get("type").is_some_and(Value::is_string);
        let Some(fields) = message.as_object().filter(has_type) else {
            let what = format!("a message is an object with a `type`, not {message}");
            return Err(Diagnostic::new(what, call.message.span));
        };
        let asked = self.exchange(server, &name.value, fields, sent).await;
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
        message: &Fields,
        sent: &AtomicBool,
    ) -> Result<Value, OpError> {
        let kept = self.seat_if_any(server).and_then(|seat| seat.node.take());
        let kept = kept.and_then(|mut kept| kept.is_usable().then_some(kept));
        let mut connection = match kept {
            Some(connection) => connection,
            None => Box::new(Connection::new(self.dial(server).await?)),
        };
        let line = connection.line(&self.shared.context.name, to, message);
        sent.store(true, Ordering::Relaxed);
        // Kept before the reply is there: a reply that comes too late does no harm.
        let mut lent = Lent { runner: self, server, connection: Some(connection) };
        let reply = lent.connection().ask(&line).await;
        if reply.as_ref().is_err_and(|failure| failure.kind != FailureKind::Timeout) {
            lent.connection = None;
        }
        Ok(reply?)
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
