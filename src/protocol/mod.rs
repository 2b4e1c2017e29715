//! Codecs: bytes in, messages out. No I/O, no clock.
//!
//! Two kinds of code live here. A codec proper ([`resp`]) is what a server and a client speak with. A
//! [`Tap`] stands in a link: it watches the bytes of both directions of a connection, cuts them into
//! messages, tells each in one line, and says which message answers which.
//!
//! A new protocol is a file with a cutter for each direction, and an arm in [`Protocol`] and `tap.rs`.

mod http;
mod http_edit;
mod json;
mod redis;
pub mod resp;
mod tap;
#[cfg(test)]
mod tap_tests;
mod text;
mod told;

pub use http_edit::{HttpEdit, edit_http, http_body, http_header};
pub use json::{
    Envelope, JSON_LINE_MAX, JsonLines, LineTooLong, NODE_ERRORS, NodeError, json_line,
};
pub use tap::{Asked, Seen, Tap};
pub use text::{SUMMARY_CHARS_MAX, excerpt};
pub use told::{asked, http_request_line, http_status, summarize};

/// The protocols that a link can decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Bytes as they come: what was written at once is a message.
    Raw,
    /// Lines that end in `\n`.
    Line,
    /// HTTP/1.0 and HTTP/1.1.
    Http,
    /// RESP2 and RESP3.
    Redis,
    /// Messages of nodes: JSON, a line each.
    Json,
}

impl Protocol {
    /// The word in the trace.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Raw => "raw",
            Protocol::Line => "line",
            Protocol::Http => "http",
            Protocol::Redis => "redis",
            Protocol::Json => "json",
        }
    }
}
