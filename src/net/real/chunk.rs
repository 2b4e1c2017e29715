//! Reading from a socket into bytes that can be kept, without a buffer for each connection.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

/// How much is read at once, at most.
const CHUNK_BYTES: usize = 256 * 1024;

/// There is room for this much at least.
const ROOM_BYTES: usize = 64 * 1024;

/// What is no longer than this is copied out, so that little bytes never hold on to much memory.
const COPIED_BYTES: usize = 32 * 1024;

thread_local! {
    /// What the connections of a thread read into, one after the other: ten thousand that are idle hold
    /// nothing, and what was handed on and let go of is read into again.
    static BUFFER: RefCell<BytesMut> = RefCell::default();
}

/// What was read from a socket and has not been taken yet.
#[derive(Default)]
pub(super) struct Chunks {
    rest: Bytes,
}

impl Chunks {
    /// What `from` has to give, `most` bytes of it; empty at its end.
    pub(super) fn poll_next(
        &mut self,
        from: Pin<&mut impl AsyncRead>,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<io::Result<Bytes>> {
        if self.rest.is_empty() {
            self.rest = ready!(poll_chunk(from, cx))?;
        }
        Poll::Ready(Ok(self.rest.split_to(most.min(self.rest.len()))))
    }
}

/// What `from` has to give; empty at its end.
fn poll_chunk(from: Pin<&mut impl AsyncRead>, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
    BUFFER.with_borrow_mut(|buffer| {
        if !buffer.try_reclaim(CHUNK_BYTES) && buffer.capacity() < ROOM_BYTES {
            buffer.reserve(CHUNK_BYTES);
        }
        let length = ready!(poll_read_buf(from, cx, buffer))?;
        if length > COPIED_BYTES {
            return Poll::Ready(Ok(buffer.split().freeze()));
        }
        let chunk = Bytes::copy_from_slice(buffer);
        buffer.clear();
        Poll::Ready(Ok(chunk))
    })
}
