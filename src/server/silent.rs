//! `silent`: accepts, reads and never answers, as a server does that hangs.

use std::sync::Arc;

use tokio::io::AsyncReadExt;

use super::{Context, Handler, Serving};
use crate::net::Stream;

/// A server that never answers. It leaves when its client does.
pub(super) struct Silent;

/// How much is read, and thrown away, at once.
const READ_MAX: usize = 4096;

impl Handler for Silent {
    fn serve(self: Arc<Self>, stream: Stream, context: Context) -> Serving {
        Box::pin(async move {
            tokio::select! {
                biased;
                () = context.stopping() => {}
                () = read_to_end(stream) => {}
            }
        })
    }
}

/// Reads and throws away until the other side has ended or broken off.
async fn read_to_end(mut stream: Stream) {
    let mut nowhere = [0; READ_MAX];
    while stream.read(&mut nowhere).await.is_ok_and(|n| n > 0) {}
}
