//! Servers whose logic is a script.

use std::time::Duration;

use super::Dynamic;
use crate::base::{Located, Span};

/// `script:` and what it is given.
#[derive(Debug, Clone)]
pub struct Scripted {
    /// `script: app.lua`, a file in the scenario's folder or an entry of `scripts:`.
    pub script: Located<String>,
    /// `env:`, which the script reads as `ctx.env`.
    pub env: Vec<(Located<String>, Dynamic)>,
}

/// `type: node`, which is nothing but its script and speaks JSON messages.
#[derive(Debug, Clone, Default)]
pub struct NodeServer {
    /// `peers:`; by default the other nodes that run the same script.
    pub peers: Option<Vec<Located<String>>>,
    /// `unsynced: lost`: a crash takes of `ctx.durable` what was not synced.
    pub unsynced_lost: bool,
    /// `sync:`, how long `ctx.sync()` takes. Default 0.
    pub sync: Duration,
}

/// The text of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptText {
    /// Its name: `raft.lua`.
    pub name: String,
    /// The text.
    pub text: String,
    /// Where the scenario names it first.
    pub span: Span,
}
