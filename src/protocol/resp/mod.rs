//! RESP, the protocol of Redis, in its versions 2 and 3: bytes to frames, and back.
//!
//! ```text
//! request:   *2 CRLF $3 CRLF GET CRLF $7 CRLF item:42 CRLF      (or a line: GET item:42 CRLF)
//! reply:     +OK  -ERR why  :1  $5 hello  *2 ...  _  ,1.5  #t  %2 ...  ~2 ...  >3 ...  (each CRLF)
//! ```
//!
//! - [`CommandDecoder`] is the server's side: commands as words, without a tree and without a copy.
//! - [`RespDecoder`] is the client's side: any [`Frame`].
//! - [`Writer`] writes replies of either version, [`encode_command`] writes a command.
//! - [`summarize_command`] and [`summarize_frame`] tell a message in one line as the people of Redis
//!   would.
//!
//! Both decoders check what is announced against the limits below before they wait for it, never
//! allocate for what has not arrived, take nothing from the buffer until a frame is whole, and
//! remember how far they have looked: a frame that comes byte by byte costs no more than one that
//! comes at once (but for a header of at most 32 bytes that is read again).

mod command;
mod encode;
mod error;
mod frame;
mod number;
mod scan;
mod summary;
#[cfg(test)]
mod tests;

pub use command::{CommandDecoder, OwnedWords, Words, command_bytes, encode_command};
pub use encode::{Version, Writer};
pub use error::RespError;
pub use frame::{Frame, RespDecoder};
pub use number::{format_double, parse_i64};
pub use scan::Scanner;
pub use summary::{SUMMARY_CHARS_MAX, summarize_command, summarize_frame};

/// The longest bulk string that may be announced: 64 MiB (Redis itself allows 512 MB).
pub const BULK_BYTES_MAX: usize = 64 << 20;
/// The most elements of one frame, counting all that is nested in it (a pair of a map is two).
pub const ELEMENTS_MAX: usize = 1 << 20;
/// How deep aggregates may nest.
pub const DEPTH_MAX: usize = 32;
/// The longest inline command, and the longest simple string or error.
pub const LINE_BYTES_MAX: usize = 64 << 10;
/// The most bytes of a whole frame, headers included.
pub const FRAME_BYTES_MAX: usize = 128 << 20;
