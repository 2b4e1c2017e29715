//! `echo`: sends back what it gets, byte for byte or line by line.
//!
//! An echo that is not told to wait reads and writes in turn, so that a client that never reads comes
//! to wait as well: no more than one read is held for it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;

use super::input::read_more;
use super::{Context, Handler, Serving};
use crate::base::{Distribution, Rng};
use crate::net::Stream;
use crate::scenario::model::EchoServer;
use crate::trace::Level;

/// The longest line of `mode: line`; a connection that sends a longer one is closed.
const LINE_MAX: usize = 64 * 1024;

/// An echo server.
pub(super) struct Echo {
    line: bool,
    one_read: bool,
    delay: Option<Distribution>,
    rng: Mutex<Rng>,
}

impl Echo {
    pub(super) fn new(server: &EchoServer, context: &Context) -> Echo {
        Echo {
            line: server.line,
            one_read: server.one_read,
            delay: server.delay.filter(|delay| !delay.is_zero()),
            rng: Mutex::new(context.rng.fork("delay")),
        }
    }

    /// Waits as long as `delay:` says, or longer on a slow machine.
    async fn wait(&self, context: &Context) {
        let draw = |delay: &Distribution| {
            delay.sample(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
        };
        let takes = self.delay.as_ref().map(draw).unwrap_or_default();
        if let Some(done) = context.clock.work(takes) {
            done.await;
        }
    }

    /// Reads more; false when the client has ended or the server is to stop.
    async fn read(
        stream: &mut Stream,
        input: &mut BytesMut,
        context: &Context,
    ) -> io::Result<bool> {
        tokio::select! {
            biased;
            read = read_more(stream, input) => Ok(read? > 0),
            () = context.stopping() => Ok(false),
        }
    }

    async fn bytes(&self, stream: &mut Stream, context: &Context) -> io::Result<()> {
        let mut input = BytesMut::new();
        while Echo::read(stream, &mut input, context).await? {
            self.wait(context).await;
            stream.write_all(&input).await?;
            input = BytesMut::new();
            if self.one_read {
                break;
            }
        }
        Ok(())
    }

    async fn lines(&self, stream: &mut Stream, context: &Context) -> io::Result<()> {
        let mut input = BytesMut::new();
        let mut searched = 0;
        while Echo::read(stream, &mut input, context).await? {
            while let Some(end) = input[searched..].iter().position(|&byte| byte == b'\n') {
                let line = input.split_to(searched + end + 1);
                searched = 0;
                self.wait(context).await;
                stream.write_all(&line).await?;
            }
            searched = input.len();
            if searched > LINE_MAX {
                context.log(Level::Warn, format!("a line is longer than {LINE_MAX} bytes: closed"));
                break;
            }
        }
        Ok(())
    }
}

impl Handler for Echo {
    fn serve(self: Arc<Self>, mut stream: Stream, context: Context) -> Serving {
        Box::pin(async move {
            // An error means that the client is gone, and there is nobody to tell.
            let _ = match self.line && !self.one_read {
                true => self.lines(&mut stream, &context).await,
                false => self.bytes(&mut stream, &context).await,
            };
        })
    }
}
