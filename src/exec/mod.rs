//! Programs that looplab did not write: started, watched, and never outlived.
//!
//! ```text
//!   looplab ── socket: orders, news ── guard (looplab's own program again) ── the program
//!      ^                                 |  what it starts, and what that starts, however it detaches
//!      └──────── pipes: stdout, stderr ──┴──────────────────────────────────────┘
//! ```
//!
//! Each program has a guard of its own between itself and looplab. The guard does what it is told
//! through its socket, says when the program has ended, and when the socket is closed, for whatever
//! reason, it kills the program and everything that the program has started: so nothing outlives
//! looplab, not even when looplab is killed by SIGKILL. On Linux the guard is a *child subreaper*: what
//! detaches from its parents, by forking twice or by a session of its own, becomes the guard's child
//! and is found. Elsewhere the process group is all that is reached.
//!
//! What a program writes is cut into lines, of which a bounded number is handed on; the rest is read
//! and counted, so that a program that floods its output is neither blocked nor kept.

mod guard;
mod lines;
mod program;
mod programs;
mod tree;
mod wire;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;

pub use guard::guard;
pub use lines::{BYTES_KEPT, LINE_MAX, LINES_KEPT};
pub use program::Program;
pub use programs::Programs;

/// The first argument with which looplab's program is started as a guard.
pub const GUARD: &str = "__guard";

/// What is started, and how.
#[derive(Debug, Clone)]
pub struct Spec {
    /// looplab's own program, which is started again as the guard.
    pub guard: PathBuf,
    /// The program, and its arguments; never empty.
    pub command: Vec<OsString>,
    /// The folder it is started in.
    pub dir: PathBuf,
    /// Variables of its environment, beside those of looplab's own.
    pub env: Vec<(OsString, OsString)>,
    /// How many bytes of each output are kept for [`Program::output`].
    pub capture: usize,
}

/// One of a program's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a program has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// How.
    pub status: Status,
    /// How many processes it left behind, which are gone too by now.
    pub left: u32,
}

/// What ended a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It ended by itself, with this code.
    Code(i32),
    /// A signal of this number.
    Signal(i32),
    /// Nobody knows: its guard is gone, and so it was killed.
    Lost,
}

impl Status {
    /// The exit code, if there is one.
    #[must_use]
    pub fn code(self) -> Option<i32> {
        match self {
            Status::Code(code) => Some(code),
            Status::Signal(_) | Status::Lost => None,
        }
    }

    /// The signal's name, such as `SIGKILL`, if one ended it.
    #[must_use]
    pub fn signal(self) -> Option<String> {
        match self {
            Status::Signal(number) => Some(signal_name(number)),
            Status::Code(_) | Status::Lost => None,
        }
    }
}

/// A clause: `ended with exit code 3`, `was ended by SIGSEGV`.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Code(code) => write!(f, "ended with exit code {code}"),
            Status::Signal(number) => write!(f, "was ended by {}", signal_name(*number)),
            Status::Lost => f.write_str("was killed, because its guard is gone"),
        }
    }
}

/// The name of a signal.
fn signal_name(number: i32) -> String {
    use rustix::process::Signal;
    const NAMES: [(Signal, &str); 15] = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::SYS, "SIGSYS"),
    ];
    let known = NAMES.iter().find(|(signal, _)| signal.as_raw() == number);
    known.map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned())
}

/// Why a program was not started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Nobody said where looplab's own program is, and without a guard nothing is started.
    NoGuard,
    /// All programs have been ended, and no more are started.
    Over,
    /// The guard could not be started.
    Guard(io::Error),
    /// What it was to be given is nothing that a program can be given.
    Unfit(&'static str),
    /// The folder that it is to be started in is not there.
    Folder(PathBuf),
    /// The system refused to start the program.
    Program(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::NoGuard => f.write_str("no guard is at hand that would end it"),
            StartError::Over => f.write_str("the run is over"),
            StartError::Guard(_) => f.write_str("its guard could not be started"),
            StartError::Unfit(what) => f.write_str(what),
            StartError::Folder(dir) => write!(f, "there is no folder {}", dir.display()),
            StartError::Program(error) => match error.kind() {
                io::ErrorKind::NotFound => f.write_str("there is no such program"),
                io::ErrorKind::PermissionDenied => f.write_str("it may not be executed"),
                _ => write!(f, "{error}"),
            },
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Guard(error) | StartError::Program(error) => Some(error),
            StartError::NoGuard
            | StartError::Over
            | StartError::Unfit(_)
            | StartError::Folder(_) => None,
        }
    }
}
