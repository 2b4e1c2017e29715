//! The trace as mermaid.

use std::io::{self, Write};

use crate::trace::{Event, Header};

pub(super) fn write(
    _header: &Header,
    _events: impl Iterator<Item = Event>,
    _out: &mut dyn Write,
) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}
