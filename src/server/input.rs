//! Reading into a buffer that grows only with what has arrived.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};

/// How much is read at once.
pub(super) const READ_MAX: usize = 16 * 1024;

/// Appends what `stream` has to give, at most [`READ_MAX`] bytes, and says how much that was; zero is
/// the end. Nothing is lost if the future is dropped.
///
/// The bytes pass over the stack, so that ten thousand connections that wait hold no buffers.
pub(super) async fn read_more<S: AsyncRead + Unpin>(
    stream: &mut S,
    input: &mut BytesMut,
) -> io::Result<usize> {
    std::future::poll_fn(|cx| {
        let mut storage = [const { MaybeUninit::uninit() }; READ_MAX];
        let mut into = ReadBuf::uninit(&mut storage);
        ready!(Pin::new(&mut *stream).poll_read(cx, &mut into))?;
        input.extend_from_slice(into.filled());
        Poll::Ready(Ok(into.filled().len()))
    })
    .await
}
