//! The receiving half of a connection: heads and bodies, in bounded time and space.

use std::io;

use bytes::{Buf, BytesMut};

use super::body::{Framing, Incoming, Piece};
use super::connection::Connection;
use super::head::Refusal;
use super::limits::{BODY_MAX, KEEP_MAX, REQUEST_TIMEOUT};
use crate::base::Time;
use crate::server::input::read_more;

/// What comes after an answer.
pub(super) enum Next {
    /// A request.
    Request,
    /// Nothing: the client has ended, or the server is to stop.
    Nothing,
    /// Something that is not a request.
    Refused(Refusal),
}

/// What came of reading.
pub(super) enum Arrived {
    /// More input.
    Bytes,
    /// The end of the client's direction.
    End,
    /// The server is to stop.
    Stop,
    /// Nothing, in the time allowed.
    Late,
}

const TOO_SLOW: Refusal =
    Refusal { status: 408, why: "the request did not arrive within 30 seconds" };

const TOO_LARGE: Refusal = Refusal { status: 413, why: "the body is longer than 16 MiB" };

impl Connection<'_> {
    /// Waits for the next request's head.
    pub(super) async fn next_head(&mut self) -> io::Result<Next> {
        let mut began: Option<Time> = None;
        loop {
            match self.head.parse(&mut self.input) {
                Ok(true) => return Ok(Next::Request),
                Ok(false) => self.flush().await?,
                Err(refusal) => return Ok(Next::Refused(refusal)),
            }
            let arrived = if self.input.is_empty() {
                self.shrink();
                self.read(None).await?
            } else {
                let now = self.context.clock.now();
                let began = *began.get_or_insert(now);
                self.read(Some(began + REQUEST_TIMEOUT)).await?
            };
            match arrived {
                Arrived::Bytes => {}
                Arrived::Late => return Ok(Next::Refused(TOO_SLOW)),
                Arrived::End | Arrived::Stop => return Ok(Next::Nothing),
            }
        }
    }

    /// Lets go of buffers that were needed for something large.
    fn shrink(&mut self) {
        if self.input.capacity() > KEEP_MAX {
            self.input = BytesMut::new();
        }
        if self.output.capacity() > KEEP_MAX {
            self.output = Vec::new();
        }
    }

    /// Reads more, at most until `deadline`; without one, at most until the server is to stop.
    pub(super) async fn read(&mut self, deadline: Option<Time>) -> io::Result<Arrived> {
        let Connection { stream, input, context, .. } = self;
        let limit = async {
            match deadline {
                Some(deadline) => context.clock.sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            read = read_more(stream, input) => {
                Ok(if read? == 0 { Arrived::End } else { Arrived::Bytes })
            }
            () = context.stopping() => Ok(Arrived::Stop),
            () = limit => Ok(Arrived::Late),
        }
    }

    /// Reads the request's body to its end, and keeps it or drops it.
    pub(super) async fn read_body(
        &mut self,
        body: &mut Vec<u8>,
        keep: bool,
    ) -> io::Result<Result<(), Refusal>> {
        if matches!(self.head.framing, Framing::Length(n) if n > BODY_MAX as u64) {
            return Ok(Err(TOO_LARGE));
        }
        let mut incoming = Incoming::new(self.head.framing);
        let mut read = 0;
        loop {
            match incoming.next(&mut self.input) {
                Ok(Piece::End) => return Ok(Ok(())),
                Ok(Piece::Data(n)) => {
                    read += n;
                    if read > BODY_MAX {
                        return Ok(Err(TOO_LARGE));
                    }
                    if keep {
                        body.extend_from_slice(&self.input[..n]);
                    }
                    self.input.advance(n);
                }
                Ok(Piece::More) => {
                    if let Err(refusal) = self.read_more_body().await? {
                        return Ok(Err(refusal));
                    }
                }
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
    }

    /// Waits for more of a body.
    pub(super) async fn read_more_body(&mut self) -> io::Result<Result<(), Refusal>> {
        if std::mem::take(&mut self.head.expects_continue) && self.input.is_empty() {
            self.output.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.flush().await?;
        let deadline = self.context.clock.now() + REQUEST_TIMEOUT;
        match self.read(Some(deadline)).await? {
            Arrived::Bytes => Ok(Ok(())),
            Arrived::Late => Ok(Err(TOO_SLOW)),
            Arrived::End | Arrived::Stop => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
