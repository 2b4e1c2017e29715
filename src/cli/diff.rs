//! `looplab diff A B`: two traces side by side, from their first difference.

use std::cell::RefCell;
use std::path::Path;

use super::args_explore::DiffArgs;
use super::exit::{Exit, Failure};
use super::{folder, screen, show};
use crate::base::units::grouped;
use crate::render::diff;
use crate::render::terminal::{BAD, BOLD, DIM, GOOD, escape};
use crate::trace::{Event, Header, ReadError};

/// Runs the command.
pub(super) fn run(args: &DiffArgs) -> Result<Exit, Failure> {
    let style = screen::style(args.look);
    let paths = [&args.one, &args.other].map(|path| folder::trace_path(path));
    let [one, other] = [show::open(&paths[0])?, show::open(&paths[1])?];
    let headers = [one.header().clone(), other.header().clone()];
    let failed: RefCell<Option<Failure>> = RefCell::new(None);
    let sound = |path: &Path, event: Result<Event, ReadError>| {
        event.map_err(|error| *failed.borrow_mut() = Some(show::unreadable(path, &error))).ok()
    };
    let lines = usize::try_from(args.lines).unwrap_or(usize::MAX);
    let [first, second] = headers.clone();
    let found = diff::diff(
        (first, one.map_while(|event| sound(&paths[0], event))),
        (second, other.map_while(|event| sound(&paths[1], event))),
        lines,
    );
    if let Some(failure) = failed.into_inner() {
        return Err(failure);
    }
    let common = grouped(found.common);
    if found.is_none() {
        let told = format!("the same: {common} events");
        screen::print(&format!("{}\n", style.paint(&told, GOOD)))?;
        return Ok(Exit::Ok);
    }
    let mut text = String::new();
    for (mark, (path, header)) in ["<", ">"].into_iter().zip(paths.iter().zip(&headers)) {
        let path = escape(&path.display().to_string(), style.ascii).into_owned();
        let told = style.paint(&told(header), DIM);
        text.push_str(&format!("{mark} {}  {told}\n", style.paint(&path, BOLD)));
    }
    if headers[0].text != headers[1].text {
        text.push_str(&format!("{}\n", style.paint("the scenarios are not the same text", DIM)));
    }
    let begins = match found.common {
        0 => "they differ from the first event on".to_owned(),
        1 => "the first event is the same".to_owned(),
        _ => format!("the first {common} events are the same"),
    };
    text.push_str(&format!("\n{}\n\n{}", style.paint(&begins, BAD), found.draw(style)));
    if found.more != (0, 0) {
        let (one, other) = (grouped(found.more.0), grouped(found.more.1));
        let more = format!("and {one} and {other} more events; --lines shows more");
        text.push_str(&format!("{}\n", style.paint(&more, DIM)));
    }
    screen::print(&text)?;
    Ok(Exit::Failed)
}

/// What was run.
fn told(header: &Header) -> String {
    let Header { scenario, clock, seed, program, .. } = header;
    format!("{scenario}, {clock} clock, seed {seed}, looplab {program}")
}
