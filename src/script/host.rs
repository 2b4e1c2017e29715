//! What a script is told, and what it asks of its host without waiting.

use std::collections::BTreeMap;

use super::Datum;

/// What a script asks of its host without waiting.
pub trait Host: Send + Sync {
    /// The time as the node has it, in milliseconds since the run began.
    fn now_ms(&self) -> f64;
    /// 64 bits of chance.
    fn draw(&self) -> u64;
    /// A line for the log; `warn` if something may be wrong.
    fn log(&self, warn: bool, text: String);
    /// The node shows a part of its state.
    fn expose(&self, name: &str, value: serde_json::Value);
    /// Sends a message, of which these are the fields, as JSON without braces.
    fn send(&self, to: &str, fields: Vec<u8>);
    /// A task is to be entered: [`Entry::Task`](super::Entry::Task).
    fn spawn(&self, task: u64);
    /// A task is to be dropped where it is.
    fn cancel(&self, task: u64);
    /// A timer is to be entered after so many milliseconds: [`Entry::Timer`](super::Entry::Timer).
    fn arm(&self, timer: u64, after_ms: f64);
    /// A timer is not to be entered.
    fn disarm(&self, timer: u64);
    /// Whoever waits with [`Request::Wait`](super::Request::Wait) for this number goes on, if anybody does.
    fn wake(&self, waiter: u64);
    /// The script declares a route.
    ///
    /// # Errors
    /// Why there can be none here, or what is wrong with the pattern.
    fn route(&self, pattern: &str) -> Result<(), String>;
    /// The script declares a command that takes at most so many words after its name.
    ///
    /// # Errors
    /// Why there can be none here.
    fn command(&self, name: &str, words_max: Option<usize>) -> Result<(), String>;
    /// Runs a command on the server's own data, at once.
    ///
    /// # Errors
    /// The error that it replies, or why there is no data here.
    fn redis(&self, words: Vec<Vec<u8>>) -> Result<Option<Datum>, String>;
}

/// What a script is told about the scenario.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The node's own name.
    pub name: String,
    /// `env:`.
    pub env: serde_json::Map<String, serde_json::Value>,
    /// All nodes, itself included.
    pub nodes: Vec<String>,
    /// The other nodes that run the same script.
    pub peers: Vec<String>,
    /// What each server speaks, and `client` for each client.
    pub speaks: BTreeMap<String, &'static str>,
    /// The names of the errors that a node may reply, and their codes.
    pub errors: BTreeMap<String, i64>,
}
