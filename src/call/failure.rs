//! What goes wrong with a call, in the words that scenarios and scripts use.

use std::io;

/// Why a call has no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One of the kinds.
    pub kind: FailureKind,
    /// A clause that says more.
    pub message: String,
}

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Nothing listens there.
    Refused,
    /// The other side broke the connection off.
    Reset,
    /// It took longer than it may.
    Timeout,
    /// The other side closed the connection before its reply was whole; or this side did before.
    Closed,
    /// What came is not what the protocol says, or passes a limit.
    Malformed,
    /// There is no way there: no ports are left, or the system says so.
    Unreachable,
}

impl FailureKind {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Refused => "refused",
            FailureKind::Reset => "reset",
            FailureKind::Timeout => "timeout",
            FailureKind::Closed => "closed",
            FailureKind::Malformed => "malformed",
            FailureKind::Unreachable => "unreachable",
        }
    }
}

impl Failure {
    /// A failure that says what happened.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into() }
    }

    /// What connecting says.
    #[must_use]
    pub fn dialling(error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                Failure::new(FailureKind::Refused, "nothing listens at the server's address")
            }
            io::ErrorKind::TimedOut => {
                Failure::new(FailureKind::Timeout, "connecting took too long")
            }
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Failure::reset(),
            _ => Failure::new(FailureKind::Unreachable, error.to_string()),
        }
    }

    /// What reading or writing says.
    #[must_use]
    pub fn transfer(error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Failure::closed(),
            io::ErrorKind::TimedOut => {
                Failure::new(FailureKind::Timeout, "the connection timed out")
            }
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Failure::new(FailureKind::Malformed, error.to_string())
            }
            // A broken pipe is what a system says that has had the reset before.
            _ => Failure::reset(),
        }
    }

    /// The other side broke the connection off.
    #[must_use]
    pub fn reset() -> Failure {
        Failure::new(FailureKind::Reset, "the other side broke the connection off")
    }

    /// The other side closed the connection before there was a reply.
    #[must_use]
    pub fn closed() -> Failure {
        Failure::new(FailureKind::Closed, "the other side closed the connection before that")
    }
}
