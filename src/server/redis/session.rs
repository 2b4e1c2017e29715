//! What the server keeps about one connection.

use std::collections::{BTreeMap, BTreeSet};

use super::command::Command;
use super::data::End;
use super::limits::{NAMES_BYTES_MAX, SUBSCRIPTIONS_MAX};
use super::refusal::Refusal;
use crate::base::Time;
use crate::protocol::resp::{OwnedWords, Version, Words};

/// A connection's number, from 1.
pub type ClientId = u64;

/// What the server keeps about one connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: ClientId,
    /// The address of the other side.
    pub(super) address: String,
    pub(super) connected: Time,
    pub(super) version: Version,
    pub(super) authenticated: bool,
    pub(super) db: usize,
    pub(super) name: Vec<u8>,
    pub(super) library: Vec<u8>,
    pub(super) library_version: Vec<u8>,
    pub(super) last_command: &'static str,
    pub(super) last_active: Time,
    /// Commands since `MULTI`.
    pub(super) transaction: Option<Transaction>,
    /// Database and key, and how often it had changed.
    pub(super) watched: BTreeMap<(usize, Box<[u8]>), u64>,
    pub(super) channels: BTreeSet<Box<[u8]>>,
    pub(super) patterns: BTreeSet<Box<[u8]>>,
    /// Bytes of the names in `watched`, `channels` and `patterns`.
    pub(super) names_bytes: usize,
    pub(super) blocked: Option<Blocked>,
    /// True while `EXEC` executes what was queued: nothing blocks then.
    pub(super) in_exec: bool,
    /// It is the server's own script: its commands are the engine's own, whatever the script declares.
    pub(super) is_script: bool,
    /// The last command is one of the script.
    pub(super) scripted: bool,
    /// What `EXEC` executes, if commands of the script are among it.
    pub(super) executing: Option<Vec<(Queued, OwnedWords)>>,
    /// Close after the reply.
    pub(super) closing: bool,
}

/// A command that waits for `EXEC`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Queued {
    /// One of the engine's own.
    BuiltIn(&'static Command),
    /// One of the server's script.
    Script,
}

/// Commands that wait for `EXEC`.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) queue: Vec<(Queued, OwnedWords)>,
    pub(super) bytes: usize,
    /// One of them could not be queued, so none will be executed.
    pub(super) failed: bool,
}

/// A client that waits for an element.
#[derive(Debug)]
pub(super) struct Blocked {
    pub(super) keys: BTreeSet<Box<[u8]>>,
    pub(super) db: usize,
    pub(super) until: Option<Time>,
    pub(super) wish: Wish,
}

/// What a client waits for.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    /// `BLPOP`, `BRPOP`.
    Pop(End),
    /// `BLMOVE`, `BRPOPLPUSH`.
    Move { from: End, to: End, target: Box<[u8]> },
    /// `BLMPOP`.
    PopMany { end: End, count: usize },
}

impl Session {
    pub(super) fn new(id: ClientId, address: String, now: Time, authenticated: bool) -> Session {
        Session {
            id,
            address,
            connected: now,
            version: Version::Resp2,
            authenticated,
            db: 0,
            name: Vec::new(),
            library: Vec::new(),
            library_version: Vec::new(),
            last_command: "NULL",
            last_active: now,
            transaction: None,
            watched: BTreeMap::new(),
            channels: BTreeSet::new(),
            patterns: BTreeSet::new(),
            names_bytes: 0,
            blocked: None,
            in_exec: false,
            is_script: false,
            scripted: false,
            executing: None,
            closing: false,
        }
    }

    /// Whether so many more names can be listened to or watched.
    pub(super) fn has_room_for(&self, names: Words<'_>) -> Result<(), Refusal> {
        let count = self.subscriptions() + self.watched.len() + names.len();
        let bytes = self.names_bytes + names.iter().map(<[u8]>::len).sum::<usize>();
        if count > SUBSCRIPTIONS_MAX || bytes > NAMES_BYTES_MAX {
            return Err(Refusal::new("ERR too many channels, patterns and watched keys"));
        }
        Ok(())
    }

    /// How many channels and patterns it is subscribed to.
    pub(super) fn subscriptions(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }
}
