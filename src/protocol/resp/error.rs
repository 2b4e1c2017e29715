//! Why bytes are not RESP. The words are those of Redis where Redis has any.

use std::fmt;

/// Why bytes are not RESP. After one of these the connection is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RespError {
    /// A command announces a number of words that is no number or passes the limit.
    MultibulkLength,
    /// A bulk string announces a length that is no number or passes the limit.
    BulkLength,
    /// A word of a command is not a bulk string; the byte that was found instead.
    ExpectedBulk(u8),
    /// An inline command passes [`LINE_BYTES_MAX`](super::LINE_BYTES_MAX) without an end.
    InlineTooLong,
    /// An inline command opens a quote and does not close it.
    UnbalancedQuotes,
    /// Somebody who has not given the password announces more than 10 words.
    UnauthenticatedMultibulk,
    /// Somebody who has not given the password announces more than 16 KiB.
    UnauthenticatedBulk,
    /// No frame begins with this byte.
    UnknownType(u8),
    /// A line that should hold a number (or a boolean, or a null) does not.
    BadNumber,
    /// A line lacks its CR LF, or a bulk string is not followed by one.
    MissingCrlf,
    /// A simple string or an error passes [`LINE_BYTES_MAX`](super::LINE_BYTES_MAX).
    LineTooLong,
    /// A verbatim string lacks its three letters and colon.
    BadVerbatim,
    /// Aggregates nest deeper than [`DEPTH_MAX`](super::DEPTH_MAX).
    TooDeep,
    /// More elements than [`ELEMENTS_MAX`](super::ELEMENTS_MAX).
    TooManyElements,
    /// More bytes than [`FRAME_BYTES_MAX`](super::FRAME_BYTES_MAX).
    FrameTooLong,
}

impl fmt::Display for RespError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            RespError::MultibulkLength => "invalid multibulk length",
            RespError::BulkLength => "invalid bulk length",
            RespError::ExpectedBulk(got) => {
                let shown = if got.is_ascii_graphic() || *got == b' ' { *got } else { b'?' };
                return write!(f, "expected '$', got '{}'", char::from(shown));
            }
            RespError::InlineTooLong => "too big inline request",
            RespError::UnbalancedQuotes => "unbalanced quotes in request",
            RespError::UnauthenticatedMultibulk => "unauthenticated multibulk length",
            RespError::UnauthenticatedBulk => "unauthenticated bulk length",
            RespError::UnknownType(byte) => {
                return write!(f, "no frame begins with '{}'", byte.escape_ascii());
            }
            RespError::BadNumber => "a malformed number",
            RespError::MissingCrlf => "a line without its CR LF",
            RespError::LineTooLong => "a line of more than 64 KiB",
            RespError::BadVerbatim => "a verbatim string without its format",
            RespError::TooDeep => "more than 32 levels of nesting",
            RespError::TooManyElements => "more than 1048576 elements",
            RespError::FrameTooLong => "a frame of more than 128 MiB",
        };
        f.write_str(text)
    }
}

impl std::error::Error for RespError {}
