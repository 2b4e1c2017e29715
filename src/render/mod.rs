//! Pictures and exports of a trace: pure functions of its header and events, written to wherever the
//! caller says, whether the run is still going on or long over.
//!
//! ```text
//! (Header, events) -> mermaid | svg | json              whole documents, for `export`
//!                  -> pcapng | har | perfetto | csv     the same, written as the events come
//!                  -> shiviz | timeline
//!                  -> pcapng                            a capture, as the run goes
//!                  -> terminal                          diagram, list and summary, as the run goes
//! ```
//!
//! Nothing here opens a file, asks for the time or knows of a socket.

mod csv;
pub mod diff;
mod excerpt;
mod har;
mod harm;
mod json;
mod mermaid;
pub mod pcapng;
mod perfetto;
#[cfg(test)]
mod sample;
mod shiviz;
mod svg;
pub mod terminal;
mod timeline;
mod words;

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
    /// Packets, for Wireshark.
    Pcapng,
    /// An HTTP Archive, for the network panels of browsers.
    Har,
    /// A log with vector clocks, for ShiViz.
    Shiviz,
    /// Trace events, for Perfetto.
    Perfetto,
    /// A table of messages, for spreadsheets.
    Csv,
    /// The faults as a plain timeline, for a scenario.
    Timeline,
}

impl Format {
    /// All formats with their names on the command line.
    pub const ALL: [(Format, &'static str); 9] = [
        (Format::Mermaid, "mermaid"),
        (Format::Svg, "svg"),
        (Format::Json, "json"),
        (Format::Pcapng, "pcapng"),
        (Format::Har, "har"),
        (Format::Shiviz, "shiviz"),
        (Format::Perfetto, "perfetto"),
        (Format::Csv, "csv"),
        (Format::Timeline, "timeline"),
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Format::ALL.iter().find(|(format, _)| *format == self).map_or("", |(_, name)| name)
    }

    /// Whether people can read it as it is.
    #[must_use]
    pub fn is_text(self) -> bool {
        self != Format::Pcapng
    }
}

/// Writes the events of a trace as one document, and returns what there is to say about it that the
/// document itself cannot: how to read it, what was left out.
///
/// # Errors
/// Whatever `out` says when it is written to.
pub fn export(
    format: Format,
    header: &Header,
    events: impl Iterator<Item = Event>,
    out: &mut dyn Write,
) -> io::Result<Vec<String>> {
    match format {
        Format::Mermaid => mermaid::write(header, events, out)?,
        Format::Svg => svg::write(header, events, out)?,
        Format::Json => json::write(header, events, out)?,
        Format::Pcapng => return pcapng::write(header, events, out),
        Format::Har => har::write(header, events, out)?,
        Format::Shiviz => return shiviz::write(header, events, out),
        Format::Perfetto => perfetto::write(header, events, out)?,
        Format::Csv => csv::write(header, events, out)?,
        Format::Timeline => return timeline::write(header, events, out),
    }
    Ok(Vec::new())
}
