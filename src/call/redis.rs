//! One connection to a Redis server: commands out, replies in, in the same order.

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;

use super::intake::{at_hand, more};
use super::{Failure, FailureKind};
use crate::base::Value;
use crate::net::Stream;
use crate::protocol::resp::{Frame, RespDecoder};

/// A connection that speaks RESP.
pub struct Connection {
    stream: Stream,
    reply_bytes_max: usize,
    input: BytesMut,
    decoder: RespDecoder,
    subscribed: bool,
}

impl Connection {
    /// Begins to speak RESP, of which a reply may be so many bytes long.
    #[must_use]
    pub fn new(stream: Stream, reply_bytes_max: usize) -> Connection {
        let (input, decoder) = (BytesMut::new(), RespDecoder::default());
        Connection { stream, reply_bytes_max, input, decoder, subscribed: false }
    }

    /// Looks at what has come since the last reply, without waiting. Only messages to subscribers may
    /// have: with anything else, replies and commands would no longer go together.
    pub fn is_usable(&mut self) -> bool {
        loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Some(frame)) if self.is_message(&frame) => continue,
                Ok(Some(_)) | Err(_) => return false,
                Ok(None) if !self.input.is_empty() && !self.subscribed => return false,
                Ok(None) => {}
            }
            match at_hand(&mut self.stream, &mut self.input) {
                Some(true) => {}
                Some(false) => return true,
                None => return false,
            }
        }
    }

    /// True if nothing came behind the last reply.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.input.is_empty()
    }

    /// Sends a command and takes its reply, or so many of them if it is one about subscriptions
    /// ([`subscription`]).
    ///
    /// # Errors
    /// There is no whole reply; the connection is of no more use.
    pub async fn call(&mut self, command: &[u8], replies: Option<usize>) -> Result<Frame, Failure> {
        self.send(command).await?;
        let Some(replies) = replies else { return self.reply().await };
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

    /// Sends commands in one write.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub async fn send(&mut self, commands: &[u8]) -> Result<(), Failure> {
        let written = self.stream.write_all(commands).await;
        written.map_err(|error| Failure::transfer(&error))
    }

    /// The next reply to a command.
    ///
    /// # Errors
    /// There is none that is whole.
    pub async fn reply(&mut self) -> Result<Frame, Failure> {
        loop {
            let frame = self.frame().await?;
            if !self.is_message(&frame) {
                return Ok(frame);
            }
        }
    }

    /// The next frame, whatever it is.
    async fn frame(&mut self) -> Result<Frame, Failure> {
        loop {
            let received = self.input.len();
            let decoded = self.decoder.decode(&mut self.input);
            // What a frame has taken, or what is there of it.
            let length = match &decoded {
                Ok(Some(_)) => received - self.input.len(),
                _ => received,
            };
            match decoded {
                Ok(_) if length > self.reply_bytes_max => {
                    let limit = self.reply_bytes_max >> 20;
                    let text = format!("the reply is longer than {limit} MiB");
                    return Err(Failure::new(FailureKind::Malformed, text));
                }
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(error) => {
                    let text = format!("the reply is not RESP: {error}");
                    return Err(Failure::new(FailureKind::Malformed, text));
                }
            }
            more(&mut self.stream, &mut self.input).await?;
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
#[must_use]
pub fn subscription(command: &str, words: usize) -> Option<usize> {
    const COMMANDS: [&str; 6] =
        ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"];
    let is = COMMANDS.iter().any(|name| command.eq_ignore_ascii_case(name));
    is.then(|| words.saturating_sub(1).max(1))
}
