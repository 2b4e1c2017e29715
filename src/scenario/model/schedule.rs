//! What stands in place of chance, and what a repro must show.

use std::time::Duration;

use crate::base::{Located, Span};

/// `schedule:`, decisions in place of chance.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    /// Where it stands.
    pub span: Span,
    /// `delays:`, in the order of the file.
    pub delays: Vec<Delay>,
    /// `connects:`, in the order of the file.
    pub connects: Vec<ConnectDelay>,
    /// `draws:`, by the name of the stream.
    pub draws: Vec<(Located<String>, Vec<f64>)>,
}

/// How long one message is under way.
#[derive(Debug, Clone)]
pub struct Delay {
    /// The sender, a server or an instance of a client.
    pub from: Located<String>,
    /// The receiver.
    pub to: Located<String>,
    /// Which of all messages from one to the other, from 1, in the order of sending.
    pub nth: Located<u64>,
    /// How long it is under way.
    pub delay: Duration,
}

/// How long connecting takes.
#[derive(Debug, Clone)]
pub struct ConnectDelay {
    /// Who connects.
    pub from: Located<String>,
    /// To which server.
    pub to: Located<String>,
    /// Which of all attempts, from 1.
    pub nth: Located<u64>,
    /// How long the request is under way.
    pub there: Option<Duration>,
    /// How long the answer is.
    pub back: Option<Duration>,
}

/// `expected:`, what a repro shows whenever it is replayed.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Where it stands.
    pub span: Span,
    /// `looplab:`, the version of the program that wrote it.
    pub looplab: String,
    /// `fails:`, what fails: `check 1 (never)`.
    pub fails: String,
    /// `cause:`, by which failures of different runs are compared; empty if there is none.
    pub cause: String,
    /// `says:`, the sentence of the failure.
    pub says: String,
    /// `operations:`, those that contradict each other.
    pub operations: Vec<u64>,
    /// `messages:`, how many the run has.
    pub messages: u64,
    /// `digest:`, of all that happens.
    pub digest: String,
}

/// The version of `expected:` that this program reads and writes.
pub const REPRO_VERSION: u64 = 1;
