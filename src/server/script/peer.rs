//! The connection to another node, on which calls and messages go out and replies come back.
//!
//! It is made when the first message is sent, kept, and made anew when it has broken. Replies come in any
//! order. What was called when it breaks has failed: nobody knows whether it happened.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, ReadHalf};
use tokio::sync::{mpsc, oneshot};

use super::outgoing::No;
use crate::base::NodeId;
use crate::call::{Failure, FailureKind};
use crate::net::Stream;
use crate::protocol::{Envelope, JsonLines};
use crate::script::Answer;
use crate::server::Context;
use crate::server::input::read_more;

/// The most messages that wait to be sent to one node.
pub(super) const WAITING_MAX: usize = 10_000;

/// The most bytes of them.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The way to another node. Cheap to clone.
#[derive(Clone)]
pub(super) struct Peer {
    out: mpsc::Sender<Outgoing>,
    /// How many bytes wait.
    waiting: Arc<AtomicUsize>,
    pending: Pending,
}

/// A line that is to be sent.
struct Outgoing {
    line: Vec<u8>,
    /// The number by which it wants an answer.
    asks: Option<u64>,
    _weight: Weight,
}

/// What a line weighs while it waits.
struct Weight {
    waiting: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Calls that wait for their reply.
#[derive(Clone, Default)]
struct Pending {
    calls: Arc<Mutex<BTreeMap<u64, oneshot::Sender<Answer>>>>,
}

impl Peer {
    /// The way to `to`; its task is one of the node's own.
    pub(super) fn new(to: NodeId, context: &Context) -> Peer {
        let (out, outgoing) = mpsc::channel(WAITING_MAX);
        let pending = Pending::default();
        let way = Way { to, context: context.clone(), pending: pending.clone() };
        context.tasks.spawn_endless(context.node, way.run(outgoing));
        Peer { out, waiting: Arc::default(), pending }
    }

    /// Sends a line that wants no answer; false if too much waits already.
    pub(super) fn send(&self, line: Vec<u8>) -> bool {
        self.put(line, None)
    }

    fn put(&self, line: Vec<u8>, asks: Option<u64>) -> bool {
        let bytes = line.len();
        let before = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let _weight = Weight { waiting: self.waiting.clone(), bytes };
        before + bytes <= WAITING_BYTES_MAX
            && self.out.try_send(Outgoing { line, asks, _weight }).is_ok()
    }

    /// Sends a line that asks under the number `id`; the answer comes through what is returned.
    pub(super) fn call(&self, id: u64, line: Vec<u8>) -> oneshot::Receiver<Answer> {
        let (sender, answer) = oneshot::channel();
        self.pending.lock().insert(id, sender);
        if !self.put(line, Some(id)) {
            let text = "too many messages wait to be sent already".to_owned();
            self.pending.answer(id, Answer::Failed { kind: "overloaded", text, code: None });
        }
        answer
    }

    /// Nobody waits for that answer any more.
    pub(super) fn forget(&self, id: u64) {
        self.pending.lock().remove(&id);
    }
}

impl Pending {
    fn answer(&self, id: u64, answer: Answer) {
        if let Some(sender) = self.lock().remove(&id) {
            // Who is gone needs no answer.
            let _ = sender.send(answer);
        }
    }

    /// None of the calls that were sent will be answered.
    fn fail(&self, sent: &mut Vec<u64>, why: &Failure) {
        for id in sent.drain(..) {
            self.answer(id, No::from(why.clone()).into());
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<Answer>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What drives a connection, one after the other.
struct Way {
    to: NodeId,
    context: Context,
    pending: Pending,
}

impl Way {
    async fn run(self, mut outgoing: mpsc::Receiver<Outgoing>) {
        while let Some(first) = outgoing.recv().await {
            let mut sent: Vec<u64> = first.asks.into_iter().collect();
            match self.context.connect(self.to).await {
                Ok(stream) => {
                    let ended = self.carry(stream, first, &mut outgoing, &mut sent).await;
                    self.pending.fail(&mut sent, &ended);
                }
                Err(error) => {
                    // Whatever else waits would fare alike.
                    while let Ok(next) = outgoing.try_recv() {
                        sent.extend(next.asks);
                    }
                    self.pending.fail(&mut sent, &Failure::dialling(&error));
                }
            }
        }
    }

    /// Sends what is to be sent and takes replies until the connection has ended, and says how.
    async fn carry(
        &self,
        stream: Stream,
        first: Outgoing,
        outgoing: &mut mpsc::Receiver<Outgoing>,
        sent: &mut Vec<u64>,
    ) -> Failure {
        let (reading, mut writing) = tokio::io::split(stream);
        let mut replies = std::pin::pin!(self.replies(reading));
        let writes = async {
            let mut next = Some(first);
            while let Some(message) = next {
                if let Some(id) = message.asks {
                    sent.retain(|id| self.pending.lock().contains_key(id));
                    if !sent.contains(&id) {
                        sent.push(id);
                    }
                }
                if let Err(error) = writing.write_all(&message.line).await {
                    return Failure::transfer(&error);
                }
                next = outgoing.recv().await;
            }
            std::future::pending().await
        };
        tokio::select! {
            biased;
            ended = &mut replies => ended,
            ended = writes => ended,
        }
    }

    async fn replies(&self, mut reading: ReadHalf<Stream>) -> Failure {
        let mut lines = JsonLines::default();
        loop {
            match read_more(&mut reading, lines.input()).await {
                Ok(0) => return Failure::closed(),
                Ok(_) => {}
                Err(error) => return Failure::transfer(&error),
            }
            loop {
                match lines.next_line() {
                    Ok(Some(line)) => self.reply(&line),
                    Ok(None) => break,
                    Err(error) => return Failure::new(FailureKind::Malformed, error.to_string()),
                }
            }
        }
    }

    fn reply(&self, line: &Bytes) {
        let trimmed = line.trim_ascii();
        let Some(envelope) = Envelope::parse(trimmed) else { return };
        let Some(id) = envelope.in_reply_to else { return };
        let body = line.slice_ref(envelope.body);
        let answer = match envelope.kind {
            "error" => error_of(&body),
            _ => Answer::Json(body),
        };
        self.pending.answer(id, answer);
    }
}

/// What an error reply comes to.
fn error_of(body: &[u8]) -> Answer {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = value.get("text").and_then(serde_json::Value::as_str).unwrap_or_default();
    let code = value.get("code").and_then(serde_json::Value::as_i64);
    Answer::Failed { kind: "error", text: text.to_owned(), code }
}
