//! Programs that looplab did not write: `type: process`, `type: external`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Text;
use crate::base::{Located, Span};

/// How a program is started.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Where `command:` stands.
    pub span: Span,
    /// `command:`.
    pub command: Command,
    /// `dir:`, the folder it is started in; by default that of the scenario.
    pub dir: PathBuf,
    /// `env:`, variables of its environment beside those that looplab itself was given.
    pub env: Vec<(Located<String>, Text)>,
}

/// `command:`.
#[derive(Debug, Clone)]
pub enum Command {
    /// A list: a program and its arguments, never empty. No shell looks at them.
    Words(Vec<Text>),
    /// Text for `/bin/sh -c`.
    Shell(Text),
}

impl Command {
    /// Its texts.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        match self {
            Command::Words(words) => words.iter(),
            Command::Shell(line) => std::slice::from_ref(line).iter(),
        }
    }
}

impl Invocation {
    /// Its texts: those of the command and of the environment.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        self.command.texts().chain(self.env.iter().map(|(_, text)| text))
    }
}

/// `protocol:`, what a program speaks: how the messages to it are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speaks {
    /// `http`.
    #[default]
    Http,
    /// `redis`.
    Redis,
    /// `line`, text that ends in `\n`.
    Line,
    /// `raw`, bytes.
    Raw,
}

/// `type: process` of a server.
#[derive(Debug, Clone)]
pub struct ProcessServer {
    /// The program.
    pub run: Invocation,
    /// `protocol:`. Default `http`.
    pub protocol: Speaks,
    /// `listen:`, the port at which the program itself listens, if nobody can tell it one; by default
    /// one that is free, handed over as `PORT` and `${port}`.
    pub listen: Option<Located<u16>>,
    /// `ready:`, how it is known that it can be reached.
    pub ready: Ready,
    /// `stop: { grace }`, the time between SIGTERM and SIGKILL. Default 2 s.
    pub grace: Duration,
}

/// `type: external`: a server that runs already, on loopback.
#[derive(Debug, Clone)]
pub struct ExternalServer {
    /// `address:`.
    pub address: Located<SocketAddr>,
    /// `protocol:`. Default `http`.
    pub protocol: Speaks,
    /// `ready:`, how it is known that it can be reached.
    pub ready: Ready,
}

/// `ready:`.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Where it stands, or the command if it is not there.
    pub span: Span,
    /// What is waited for.
    pub sign: Sign,
    /// `within:`, how long it may take. Default 10 s.
    pub within: Duration,
}

/// What tells that a program is ready.
#[derive(Debug, Clone)]
pub enum Sign {
    /// `port: open`: something listens at its port.
    Port,
    /// `http: /health`: a GET is answered with this status.
    Http {
        /// The path.
        path: String,
        /// `status:`. Default 200.
        status: u16,
    },
    /// `line: "Listening on port (\\d+)"`: it writes such a line. The first group, if there is one, is
    /// the port at which it listens.
    Line(regex::Regex),
}

impl ProcessServer {
    /// True if the program says itself at which port it listens.
    #[must_use]
    pub fn announces_port(&self) -> bool {
        matches!(&self.ready.sign, Sign::Line(line) if line.captures_len() > 1)
    }
}
