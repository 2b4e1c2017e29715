//! One connection to a node: messages out, the reply to each back by its number.

use bytes::Bytes;
use tokio::io::AsyncWriteExt;

use super::intake::{at_hand, more};
use super::{Failure, FailureKind};
use crate::base::Value;
use crate::net::Stream;
use crate::protocol::{Envelope, JsonLines, LineTooLong, json_line};

/// What a message says.
pub type Fields = serde_json::Map<String, Value>;

/// A connection that speaks JSON lines.
pub struct Connection {
    stream: Stream,
    lines: JsonLines,
    /// The number of the last message.
    last: u64,
}

impl Connection {
    /// Begins to speak JSON lines.
    #[must_use]
    pub fn new(stream: Stream) -> Connection {
        Connection { stream, lines: JsonLines::default(), last: 0 }
    }

    /// Looks whether the other side has closed the connection, without waiting. Replies that came too late are
    /// passed over.
    pub fn is_usable(&mut self) -> bool {
        loop {
            loop {
                match self.lines.next_line() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return false,
                }
            }
            match at_hand(&mut self.stream, self.lines.input()) {
                Some(true) => {}
                Some(false) => return true,
                None => return false,
            }
        }
    }

    /// The next message, as a line.
    pub fn line(&mut self, from: &str, to: &str, message: &Fields) -> Vec<u8> {
        self.last += 1;
        let text = serde_json::to_string(message).expect("an object of JSON has a text");
        let fields = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let fields = fields.expect("an object stands in braces");
        json_line(from, to, fields.as_bytes(), Some(("msg_id", self.last)))
    }

    /// Sends the line that was made last, and waits for the reply to it.
    ///
    /// # Errors
    /// There is no whole reply.
    pub async fn ask(&mut self, line: &[u8]) -> Result<Value, Failure> {
        let written = self.stream.write_all(line).await;
        written.map_err(|error| Failure::transfer(&error))?;
        loop {
            loop {
                let too_long =
                    |error: LineTooLong| Failure::new(FailureKind::Malformed, error.to_string());
                let Some(line) = self.lines.next_line().map_err(too_long)? else { break };
                if let Some(reply) = self.reply(&line)? {
                    return Ok(reply);
                }
            }
            more(&mut self.stream, self.lines.input()).await?;
        }
    }

    /// The body of a line, if it is the reply to the last message.
    fn reply(&self, line: &Bytes) -> Result<Option<Value>, Failure> {
        let malformed = || Failure::new(FailureKind::Malformed, "the reply is no JSON message");
        let envelope = Envelope::parse(line.trim_ascii()).ok_or_else(malformed)?;
        if envelope.in_reply_to != Some(self.last) {
            return Ok(None);
        }
        serde_json::from_slice(envelope.body).map(Some).map_err(|_| malformed())
    }
}
