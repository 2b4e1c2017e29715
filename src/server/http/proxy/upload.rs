//! The body of a request on its way to the server behind.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// A body, whole or as it comes.
pub(super) enum Upload {
    /// All of it, or nothing.
    Whole(Option<Bytes>),
    /// Piece by piece; an empty piece is the end. If the other end of the channel is gone before that,
    /// the client never sent the rest, and nothing may take what there is for the whole.
    Pieces(mpsc::Receiver<Bytes>, Option<u64>),
}

impl Upload {
    /// A body that is fed, of a known length or not, and the feeder. It holds one piece, so whoever
    /// feeds it is held up by a server that does not read.
    pub(super) fn fed(length: Option<u64>) -> (mpsc::Sender<Bytes>, Upload) {
        let (feed, pieces) = mpsc::channel(1);
        (feed, Upload::Pieces(pieces, length))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match &mut *self {
            Upload::Whole(whole) => return Poll::Ready(whole.take().map(|b| Ok(Frame::data(b)))),
            Upload::Pieces(pieces, _) => ready!(pieces.poll_recv(cx)),
        };
        Poll::Ready(match piece {
            Some(piece) if piece.is_empty() => {
                *self = Upload::Whole(None);
                None
            }
            Some(piece) => Some(Ok(Frame::data(piece))),
            None => Some(Err(io::ErrorKind::UnexpectedEof.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Upload::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Upload::Whole(whole) => {
                SizeHint::with_exact(whole.as_ref().map_or(0, |body| body.len() as u64))
            }
            Upload::Pieces(_, Some(length)) => SizeHint::with_exact(*length),
            Upload::Pieces(_, None) => SizeHint::default(),
        }
    }
}
