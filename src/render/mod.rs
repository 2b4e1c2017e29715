//! Pictures and exports of a trace: pure functions of its header and events, written to wherever the
//! caller says, whether the run is still going on or long over.
//!
//! ```text
//! (Header, events) -> mermaid | svg | json      whole documents, for `export`
//!                  -> terminal                  diagram, list and summary, as the run goes
//! ```
//!
//! Nothing here opens a file, asks for the time or knows of a socket.

mod excerpt;
mod harm;
mod json;
mod mermaid;
#[cfg(test)]
mod sample;
mod svg;
pub mod terminal;

use std::io::{self, Write};

use crate::trace::{Event, Header};

/// The documents that a trace can be exported to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A Mermaid `sequenceDiagram`, for Markdown.
    Mermaid,
    /// A picture.
    Svg,
    /// One JSON document, with the clocks derived.
    Json,
}

impl Format {
    /// All formats with their names on the command line.
    pub const ALL: [(Format, &'static str); 3] =
        [(Format::Mermaid, "mermaid"), (Format::Svg, "svg"), (Format::Json, "json")];

    /// Its name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Format::ALL.iter().find(|(format, _)| *format == self).map_or("", |(_, name)| name)
    }
}

/// Writes the events of a trace as one document.
///
/// # Errors
/// Whatever `out` says when it is written to.
pub fn export(
    format: Format,
    header: &Header,
    events: impl Iterator<Item = Event>,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Mermaid => mermaid::write(header, events, out),
        Format::Svg => svg::write(header, events, out),
        Format::Json => json::write(header, events, out),
    }
}
