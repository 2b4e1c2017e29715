//! Where the body of a request ends.
//!
//! ```text
//! Content-Length: n      n bytes
//! chunked                size in hex [;extensions] CR LF, data CR LF, ... 0 CR LF, trailers, CR LF
//! ```
//!
//! A pure state machine: it says how many bytes at the front of the input are data, and takes what
//! stands between them. It never holds a byte itself.

use bytes::{Buf, BytesMut};

use super::head::{Refusal, refuse};
use super::limits::{CHUNK_LINE_MAX, TRAILERS_MAX};

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Framing {
    /// There is no body.
    #[default]
    None,
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
}

/// A body that is being read.
#[derive(Debug)]
pub(super) enum Incoming {
    /// So many bytes are left.
    Length(u64),
    /// The line that announces a chunk comes next.
    ChunkSize,
    /// So many bytes of a chunk are left.
    ChunkData(u64),
    /// The line end after a chunk's data comes next.
    ChunkEnd,
    /// The trailers, of which so many bytes were read.
    Trailers(usize),
    /// All was read.
    Done,
}

/// What comes next in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// So many bytes at the front of the input are data (never none); the caller takes them.
    Data(usize),
    /// More input is needed.
    More,
    /// The body has ended.
    End,
}

impl Incoming {
    pub(super) fn new(framing: Framing) -> Incoming {
        match framing {
            Framing::None | Framing::Length(0) => Incoming::Done,
            Framing::Length(n) => Incoming::Length(n),
            Framing::Chunked => Incoming::ChunkSize,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Incoming::Done)
    }

    /// What comes next. After [`Piece::Data`] the caller takes that many bytes off the input.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Piece, Refusal> {
        loop {
            match self {
                Incoming::Done => return Ok(Piece::End),
                Incoming::Length(left) => {
                    let n = take(left, input.len());
                    if *left == 0 {
                        *self = Incoming::Done;
                    }
                    return Ok(if n == 0 { Piece::More } else { Piece::Data(n) });
                }
                Incoming::ChunkData(left) => {
                    let n = take(left, input.len());
                    if *left == 0 {
                        *self = Incoming::ChunkEnd;
                    }
                    return Ok(if n == 0 { Piece::More } else { Piece::Data(n) });
                }
                Incoming::ChunkSize => {
                    let Some(line) = line_end(input, CHUNK_LINE_MAX) else {
                        return match input.len() > CHUNK_LINE_MAX {
                            true => refuse(400, "the size of a chunk stands in too long a line"),
                            false => Ok(Piece::More),
                        };
                    };
                    let size = chunk_size(&input[..line])?;
                    input.advance(line);
                    *self =
                        if size == 0 { Incoming::Trailers(0) } else { Incoming::ChunkData(size) };
                }
                Incoming::ChunkEnd => match input.as_ref() {
                    [b'\r', b'\n', ..] => {
                        input.advance(2);
                        *self = Incoming::ChunkSize;
                    }
                    [b'\n', ..] => {
                        input.advance(1);
                        *self = Incoming::ChunkSize;
                    }
                    [] | [b'\r'] => return Ok(Piece::More),
                    _ => return refuse(400, "a chunk is longer than its size says"),
                },
                Incoming::Trailers(read) => {
                    let left = TRAILERS_MAX - *read;
                    let Some(line) = line_end(input, left) else {
                        return match input.len() > left {
                            true => refuse(431, "the trailers after the last chunk are too long"),
                            false => Ok(Piece::More),
                        };
                    };
                    let last = input[..line].trim_ascii().is_empty();
                    input.advance(line);
                    *self = if last { Incoming::Done } else { Incoming::Trailers(*read + line) };
                }
            }
        }
    }
}

/// Takes up to `have` from what is left.
fn take(left: &mut u64, have: usize) -> usize {
    let n = usize::try_from(*left).unwrap_or(usize::MAX).min(have);
    *left -= n as u64;
    n
}

/// The length of the first line with its end, if it ends within `max` bytes.
fn line_end(input: &[u8], max: usize) -> Option<usize> {
    input.iter().take(max).position(|&byte| byte == b'\n').map(|at| at + 1)
}

/// The size that the line before a chunk announces.
fn chunk_size(line: &[u8]) -> Result<u64, Refusal> {
    let digits = line.split(|&byte| byte == b';').next().unwrap_or(line).trim_ascii();
    let valid = (1..=16).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let size = std::str::from_utf8(digits).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
    match size {
        Some(size) if valid => Ok(size),
        _ => refuse(400, "the size of a chunk is not a number in hex"),
    }
}
