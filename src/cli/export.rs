//! `looplab export TRACE --to FORMAT`: a stored trace as a document.

use std::io::{self, BufWriter, Write as _};

use super::args::ExportArgs;
use super::exit::{Exit, Failure};
use super::{atomic, folder, screen, show};
use crate::render;
use crate::trace::{Event, ReadError};

/// Runs the command.
pub(super) fn run(args: &ExportArgs) -> Result<Exit, Failure> {
    let path = folder::trace_path(&args.trace);
    let trace = show::open(&path)?;
    let header = trace.header().clone();
    let mut failed: Option<ReadError> = None;
    let events = trace.map_while(|event| event.map_err(|error| failed = Some(error)).ok());
    let written = match &args.output {
        Some(output) => {
            let mut document = Vec::new();
            render::export(args.to, &header, events, &mut document)
                .and_then(|()| atomic::write(output, &document))
                .map_err(|error| Failure::io("write", output, &error))
        }
        None => to_stdout(args.to, &header, events).map_err(|error| screen::output_failure(&error)),
    };
    if let Some(error) = failed {
        return Err(show::unreadable(&path, &error));
    }
    written.map(|()| Exit::Ok)
}

fn to_stdout(
    format: render::Format,
    header: &crate::trace::Header,
    events: impl Iterator<Item = Event>,
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    render::export(format, header, events, &mut out)?;
    out.flush()
}
