//! `node`: JSON messages, a line each, for a script.
//!
//! ```text
//! {"src":"c1","dest":"n1","body":{"type":"read","key":"x","msg_id":1}}
//! {"src":"n1","dest":"c1","body":{"type":"read_ok","value":3,"in_reply_to":1}}
//! ```
//!
//! A connection's messages begin in their order, each in a coroutine of its own; replies go back as they are
//! made. A line that is no message is answered with an error and does no harm to those behind it.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, ReadHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::input::read_more;
use super::script::Engine;
use super::{Context, Handler, Kept, Serving, Site};
use crate::base::Diagnostic;
use crate::net::Stream;
use crate::protocol::{Envelope, JsonLines, json_line};
use crate::script::{Entry, Output, ScriptError, Step};
use crate::trace::Level;

/// The most messages of one connection that are being handled or wait for their reply to be taken; the next
/// ones wait in the connection.
const AT_ONCE_MAX: usize = 1_000;

/// A node.
pub(super) struct Node {
    engine: Arc<Engine>,
}

impl Node {
    pub(super) fn new(site: &Site<'_>) -> Result<Node, Diagnostic> {
        let engine = Engine::of(site, None)?;
        let what = "a node has a script";
        let engine = engine.ok_or_else(|| Diagnostic::new(what, site.server.name.span))?;
        Ok(Node { engine })
    }
}

impl Handler for Node {
    fn logs_requests(&self) -> bool {
        true
    }

    fn keep(&self) -> Option<Kept> {
        self.engine.keep().map(|kept| Kept { script: Some(kept), ..Kept::default() })
    }

    fn serve(self: Arc<Self>, stream: Stream, context: Context) -> Serving {
        Box::pin(async move {
            let (reading, mut writing) = tokio::io::split(stream);
            let (replies, mut made) = mpsc::unbounded_channel::<Reply>();
            let talk = Talk { engine: self.engine.clone(), context, replies };
            let reads = async {
                // An error means that the other side is gone, and there is nobody to tell.
                let _ = talk.read(reading).await;
                drop(talk);
            };
            let writes = async {
                while let Some(reply) = made.recv().await {
                    if writing.write_all(&reply.line).await.is_err() {
                        break;
                    }
                }
            };
            let ((), ()) = tokio::join!(reads, writes);
        })
    }
}

/// A reply that is to be written, and its place among those at once.
struct Reply {
    line: Vec<u8>,
    _place: OwnedSemaphorePermit,
}

/// One connection.
struct Talk {
    engine: Arc<Engine>,
    context: Context,
    replies: mpsc::UnboundedSender<Reply>,
}

/// To whom a reply goes.
struct Return {
    name: Arc<str>,
    to: String,
    id: u64,
}

impl Talk {
    async fn read(&self, mut reading: ReadHalf<Stream>) -> io::Result<()> {
        let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
        let mut lines = JsonLines::default();
        loop {
            let read = tokio::select! {
                biased;
                read = read_more(&mut reading, lines.input()) => read?,
                () = self.context.stopping() => return Ok(()),
            };
            if read == 0 {
                return Ok(());
            }
            loop {
                let line = match lines.next_line() {
                    Ok(Some(line)) => line,
                    Ok(None) => break,
                    Err(error) => {
                        self.context.log(Level::Warn, format!("{error}: closed"));
                        return Ok(());
                    }
                };
                let Ok(place) = places.clone().acquire_owned().await else { return Ok(()) };
                if let Some(done) = self.context.clock.work(std::time::Duration::ZERO) {
                    done.await;
                }
                self.engine.breathe().await;
                self.message(&line, place);
            }
        }
    }

    /// Handles one line.
    fn message(&self, line: &Bytes, place: OwnedSemaphorePermit) {
        let Some(envelope) = Envelope::parse(line.trim_ascii()) else {
            if !line.trim_ascii().is_empty() {
                self.answer(place, &self.back("", None), &malformed());
            }
            return;
        };
        let from = envelope.src.unwrap_or("outside");
        let back = self.back(from, envelope.msg_id);
        let asks = envelope.msg_id.is_some();
        let step = self.engine.enter(Entry::Message {
            from,
            kind: envelope.kind,
            body: envelope.body,
            asks,
        });
        match step {
            Step::Done(output) => self.reply(place, &back, Ok(output)),
            Step::Failed(error) => self.reply(place, &back, Err(error)),
            step @ Step::Wait(..) => {
                let talk = self.share();
                self.context.tasks.spawn_endless(self.context.node, async move {
                    let output = talk.engine.drive(step).await;
                    talk.reply(place, &back, output);
                });
            }
        }
    }

    fn share(&self) -> Talk {
        let (engine, context) = (self.engine.clone(), self.context.clone());
        Talk { engine, context, replies: self.replies.clone() }
    }

    fn back(&self, to: &str, id: Option<u64>) -> Option<Return> {
        id.map(|id| Return { name: self.context.name.clone(), to: to.to_owned(), id })
    }

    fn reply(
        &self,
        place: OwnedSemaphorePermit,
        back: &Option<Return>,
        output: Result<Output, ScriptError>,
    ) {
        let fields = match output {
            Ok(Output::Reply(fields)) => fields,
            Ok(_) => return,
            Err(error) => {
                self.engine.report(&error);
                crash(&error)
            }
        };
        if back.is_some() {
            self.answer(place, back, &fields);
        }
    }

    fn answer(&self, place: OwnedSemaphorePermit, back: &Option<Return>, fields: &[u8]) {
        let line = match back {
            Some(Return { name, to, id }) => {
                json_line(name, to, fields, Some(("in_reply_to", *id)))
            }
            None => json_line(&self.context.name, "", fields, None),
        };
        // Who is gone needs no reply.
        let _ = self.replies.send(Reply { line, _place: place });
    }
}

/// The fields of the reply to what is no message.
fn malformed() -> Vec<u8> {
    let text = "a message is a JSON object with a `type`, on a line of its own";
    format!("\"type\":\"error\",\"code\":12,\"text\":{}", serde_json::Value::from(text))
        .into_bytes()
}

/// The fields of the reply to a message of which the handler has died.
fn crash(error: &ScriptError) -> Vec<u8> {
    let text = serde_json::Value::from(error.to_string());
    format!("\"type\":\"error\",\"code\":13,\"text\":{text}").into_bytes()
}
