//! How the program ends: its exit codes, and what is said about a failure.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::screen;
use crate::scenario::ReadError;

/// The exit codes, as `--help` tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything that was checked holds.
    Ok,
    /// Something that was checked does not hold, or could not be decided.
    Failed,
    /// The scenario or the command line is wrong.
    Wrong,
    /// The machine said no: a port is taken, something is not permitted, a disk is full.
    Machine,
    /// Stopped by Ctrl-C.
    Interrupted,
    /// Stopped by the signal of that number.
    Signal(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Wrong => 2,
            Exit::Machine => 3,
            Exit::Interrupted => 130,
            Exit::Signal(number) => 128 + number.min(127),
        }
    }
}

/// Why a command could not do what it was asked to.
#[derive(Debug)]
pub enum Failure {
    /// The command line or a file is wrong; what to say, and what to do.
    Wrong {
        /// One clause.
        message: String,
        /// Advice.
        help: Option<String>,
    },
    /// The machine said no.
    Machine(String),
    /// What was printed is already complete: an error at its place in a file.
    Told(Exit, String),
    /// Nobody reads on.
    BrokenPipe,
}

impl Failure {
    /// The command line or a file is wrong.
    pub(super) fn wrong(message: impl Into<String>) -> Failure {
        Failure::Wrong { message: message.into(), help: None }
    }

    /// With advice.
    pub(super) fn help(self, advice: impl Into<String>) -> Failure {
        match self {
            Failure::Wrong { message, .. } => Failure::Wrong { message, help: Some(advice.into()) },
            other => other,
        }
    }

    /// A file could not be read or written: whose fault it is depends on why.
    pub(super) fn io(verb: &str, path: &Path, error: &io::Error) -> Failure {
        let message = format!("cannot {verb} {}: {}", path.display(), plain(error));
        match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidFilename => Failure::wrong(message),
            _ => Failure::Machine(message),
        }
    }

    /// Says why on standard error and returns the exit code.
    pub(super) fn tell(self) -> Exit {
        let (message, help, exit) = match self {
            Failure::BrokenPipe => return Exit::Ok,
            Failure::Told(exit, text) => {
                screen::complain(&text);
                return exit;
            }
            Failure::Wrong { message, help } => (message, help, Exit::Wrong),
            Failure::Machine(message) => (message, None, Exit::Machine),
        };
        screen::complain(&screen::error_text(&message, help.as_deref()));
        exit
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Failure {
        match error {
            ReadError::Io { path, error } => Failure::io("read", &path, &error),
            ReadError::Wrong(diagnostics) => {
                Failure::Told(Exit::Wrong, diagnostics.render(screen::stderr_color()))
            }
        }
    }
}

/// What the system said, without its number.
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(cut) => text[..cut].to_lowercase(),
        None => text,
    }
}
