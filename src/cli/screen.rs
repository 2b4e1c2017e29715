//! Standard output and standard error: how wide, how colourful, and whether anybody still reads.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};

use super::args::{LookArgs, When};
use super::exit::Failure;
use crate::render::terminal::{BAD, BOLD, Style};

/// The width of what is not a terminal and does not say otherwise.
const WIDTH_PIPED: usize = 100;

/// The narrowest and the widest that is drawn for.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=300;

/// The style of standard output.
pub(super) fn style(look: LookArgs) -> Style {
    let terminal = io::stdout().is_terminal();
    Style {
        color: color(look.color, terminal),
        ascii: look.ascii || !is_utf8(),
        width: width(terminal),
    }
}

/// Whether standard error may have colours.
pub(super) fn stderr_color() -> bool {
    color(When::Auto, io::stderr().is_terminal())
}

/// Whether colours are wanted where `terminal` says whether it is one. See no-color.org and
/// bixense.com/clicolors.
fn color(when: When, terminal: bool) -> bool {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto if set("NO_COLOR").is_some() => false,
        When::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        When::Auto => terminal && set("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// False if the locale says that it is not UTF-8; a locale that says nothing is taken for UTF-8.
fn is_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

fn width(terminal: bool) -> usize {
    let columns = if terminal {
        rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col))
    } else {
        env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok())
    };
    columns
        .filter(|columns| *columns > 0)
        .unwrap_or(WIDTH_PIPED)
        .clamp(*WIDTHS.start(), *WIDTHS.end())
}

/// Writes to standard output, at once.
///
/// # Errors
/// [`Failure::BrokenPipe`] if nobody reads it, [`Failure::Machine`] if it cannot be written.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// The same for bytes.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| output_failure(&error))
}

/// What an error of standard output means.
pub(super) fn output_failure(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
        _ => Failure::Machine(format!("cannot write the output: {}", super::exit::plain(error))),
    }
}

/// Writes to standard error; if that cannot be written, there is nobody left to tell.
pub(super) fn complain(text: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// `error: message`, and the advice in a line of its own.
pub(super) fn error_text(message: &str, help: Option<&str>) -> String {
    let style = Style { color: stderr_color(), ..Style::PLAIN };
    let mut text = format!("{}: {}\n", style.paint("error", BAD), style.paint(message, BOLD));
    if let Some(help) = help {
        text.push_str(&format!("  {help}\n"));
    }
    text
}
