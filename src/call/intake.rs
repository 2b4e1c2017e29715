//! Taking in what a connection brings.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::io::AsyncReadExt;

use super::Failure;
use crate::net::Stream;

/// How much room there is for each read, in bytes.
const READ_CHUNK: usize = 4 * 1024;

/// Waits until there is more.
pub(super) async fn more(stream: &mut Stream, input: &mut BytesMut) -> Result<(), Failure> {
    input.reserve(READ_CHUNK);
    match stream.read_buf(input).await {
        Ok(0) => Err(Failure::closed()),
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::transfer(&error)),
    }
}

/// Takes what is there already, without waiting: whether that was anything. `None` if the connection is over.
pub(super) fn at_hand(stream: &mut Stream, input: &mut BytesMut) -> Option<bool> {
    let read = pin!(more(stream, input));
    match read.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => Some(false),
        Poll::Ready(Ok(())) => Some(true),
        Poll::Ready(Err(_)) => None,
    }
}
