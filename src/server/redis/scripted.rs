//! Commands of the server's script, as the engine sees them: it knows their names and leaves the rest to
//! whoever executes it; and it executes its own commands for the script.

use bytes::BytesMut;

use super::blocking;
use super::command::find;
use super::engine::Engine;
use super::session::{ClientId, Queued, Session};
use crate::base::Time;
use crate::protocol::resp::{OwnedWords, Version, Words, Writer};

/// Commands that are about a connection: a script has none, and cannot have others in their place.
const OF_CONNECTIONS: [&str; 19] = [
    "auth",
    "client",
    "discard",
    "exec",
    "hello",
    "monitor",
    "multi",
    "psubscribe",
    "punsubscribe",
    "quit",
    "reset",
    "select",
    "ssubscribe",
    "subscribe",
    "sunsubscribe",
    "unsubscribe",
    "unwatch",
    "wait",
    "watch",
];

/// A command of the script.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scripted {
    /// How many words it takes at most after its name.
    pub(super) words_max: Option<usize>,
}

/// True for a command that is about a connection.
pub(super) fn is_of_connections(name: &[u8]) -> bool {
    OF_CONNECTIONS.iter().any(|other| other.as_bytes().eq_ignore_ascii_case(name))
}

impl Engine {
    /// From here on there is a command of that name, in capitals, of which the engine knows nothing else;
    /// it takes at most so many words after its name.
    pub(in crate::server) fn declare(&mut self, name: &str, words_max: Option<usize>) {
        self.commands.insert(name.as_bytes().to_vec(), Scripted { words_max });
    }

    /// The command of the script that has that name.
    pub(super) fn scripted(&self, session: &Session, name: &[u8]) -> Option<Scripted> {
        if self.commands.is_empty() || session.is_script {
            return None;
        }
        self.commands.get(&name.to_ascii_uppercase()).copied()
    }

    /// The commands of the script that have no name of the engine's own, in small letters.
    pub(super) fn further_commands(&self) -> Vec<String> {
        let further = self.commands.keys().filter(|name| find(name).is_none());
        further.map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).collect()
    }

    /// Executes one of the engine's own commands for the script, in that database.
    pub(super) fn execute_for_script(
        &mut self,
        now: Time,
        db: usize,
        words: Words<'_>,
        out: &mut BytesMut,
    ) {
        self.tick(now);
        if is_of_connections(words.get(0).unwrap_or_default()) {
            let mut writer = Writer::new(out, Version::Resp2);
            return writer.error("ERR this command is about a connection, and a script has none");
        }
        let mut session = self.script.take().unwrap_or_else(|| {
            let session = Session::new(0, "script".to_owned(), now, true);
            // Nothing blocks, as within a transaction.
            Box::new(Session { is_script: true, in_exec: true, ..session })
        });
        session.db = db;
        self.dispatch(&mut session, now, words, out);
        self.script = Some(session);
        if self.has_waiting() {
            blocking::serve(self);
        }
    }

    /// What `EXEC` has left to whoever executes the engine.
    pub(super) fn take_executing(&mut self, id: ClientId) -> Vec<(Queued, OwnedWords)> {
        let Some(mut session) = self.take_session(id) else { return Vec::new() };
        let executing = session.executing.take().unwrap_or_default();
        self.put_session(session);
        executing
    }

    /// Executes one command of what `EXEC` has left; for one of the script, nothing.
    pub(super) fn execute_queued(
        &mut self,
        id: ClientId,
        now: Time,
        (queued, words): (Queued, Words<'_>),
        out: &mut BytesMut,
    ) {
        let Queued::BuiltIn(command) = queued else { return };
        let Some(mut session) = self.take_session(id) else { return };
        let writer = Writer::new(out, session.version);
        session.in_exec = true;
        self.run(&mut session, now, command, words, writer);
        session.in_exec = false;
        self.put_session(session);
    }

    /// The database that a client has selected, and the version that it speaks.
    pub(super) fn manner(&self, id: ClientId) -> (usize, Version) {
        self.session(id).map_or((0, Version::Resp2), |session| (session.db, session.version))
    }
}
