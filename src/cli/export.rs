//! `looplab export TRACE --to FORMAT`: a stored trace as a document.

use std::io::{self, BufWriter, IsTerminal as _, Write};

use super::args::ExportArgs;
use super::exit::{Exit, Failure};
use super::{atomic, folder, screen, show};
use crate::render;
use crate::trace::ReadError;

/// Runs the command.
pub(super) fn run(args: &ExportArgs) -> Result<Exit, Failure> {
    if args.output.is_none() && !args.to.is_text() && io::stdout().is_terminal() {
        let message = format!("{} is nothing to show on a terminal", args.to.as_str());
        return Err(Failure::wrong(message).help("name a file with -o, or pipe it somewhere"));
    }
    let path = folder::trace_path(&args.trace);
    let trace = show::open(&path)?;
    let header = trace.header().clone();
    let mut failed: Option<ReadError> = None;
    let events = trace.map_while(|event| event.map_err(|error| failed = Some(error)).ok());
    let export = |out: &mut dyn Write| render::export(args.to, &header, events, out);
    let written = match &args.output {
        Some(output) => {
            atomic::write_by(output, export).map_err(|error| Failure::io("write", output, &error))
        }
        None => to_stdout(export).map_err(|error| screen::output_failure(&error)),
    };
    if let Some(error) = failed {
        return Err(show::unreadable(&path, &error));
    }
    for note in written? {
        screen::complain(&format!("{note}\n"));
    }
    Ok(Exit::Ok)
}

fn to_stdout<T>(write: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = write(&mut out)?;
    out.flush()?;
    Ok(written)
}
