//! The engine: sixteen databases, their clients, and the way of a command through them. No I/O.

use std::collections::BTreeMap;

use bytes::BytesMut;

use super::blocking;
use super::call::Call;
use super::command::{Body, Command, Flags, find};
use super::config::Config;
use super::db::Db;
use super::limits::{
    MAILBOX_BYTES_MAX, QUEUED_BYTES_MAX, QUEUED_OVERHEAD, REPLY_BYTES_MAX, SWEEP_KEYS,
};
use super::pubsub::PubSub;
use super::refusal::Refusal;
use super::session::{Blocked, ClientId, Session, Transaction};
use super::stats::Stats;
use crate::base::{Rng, Time};
use crate::protocol::resp::{Version, Words, Writer};

/// How many databases there are.
pub const DATABASES: usize = 16;

/// The moment at which every run begins, for those who ask for the time of day: 2026-01-01 00:00 UTC,
/// in both worlds, so that what a run answers does not depend on when it is run.
pub const EPOCH_MS: i64 = 1_767_225_600_000;

/// What the connection does after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Take the next command.
    Continue,
    /// Send what there is, and close.
    Close,
    /// Take no further command until [`Engine::is_blocked`] is false.
    Block,
}

/// How an engine begins.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The password that clients must give.
    pub password: Option<String>,
    /// The port it is reached at, for `INFO`.
    pub port: u16,
}

/// A connection as the engine knows it.
struct Client {
    /// Away while a command of it is being executed.
    session: Option<Box<Session>>,
    version: Version,
    /// What others have sent it: messages of channels, and the element that it waited for.
    mailbox: BytesMut,
    /// More was sent than it may leave lying, or it was killed: it is to be closed.
    condemned: bool,
}

/// A Redis without sockets: everything happens in [`Engine::execute`], at the time it is given.
pub struct Engine {
    pub(super) dbs: Vec<Db>,
    clients: BTreeMap<ClientId, Client>,
    last_client: ClientId,
    woken: Vec<ClientId>,
    /// How many clients wait for an element.
    waiting: usize,
    pub(super) pubsub: PubSub,
    pub(super) config: Config,
    pub(super) stats: Stats,
    pub(super) rng: Rng,
    pub(super) run_id: String,
}

impl Engine {
    /// An empty engine; its draws come from `rng`.
    #[must_use]
    pub fn new(settings: Settings, mut rng: Rng) -> Engine {
        let run_id = (0..3).fold(String::new(), |id, _| format!("{id}{:016x}", rng.next_u64()));
        Engine {
            dbs: (0..DATABASES).map(|_| Db::new(EPOCH_MS)).collect(),
            clients: BTreeMap::new(),
            last_client: 0,
            woken: Vec::new(),
            waiting: 0,
            pubsub: PubSub::default(),
            config: Config::new(settings),
            stats: Stats::default(),
            rng,
            run_id: run_id[..40].to_owned(),
        }
    }

    /// Milliseconds of the Unix epoch.
    pub(super) fn now_ms(&self) -> i64 {
        self.dbs[0].now_ms
    }

    /// About how much memory the databases take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.dbs.iter().map(Db::bytes).sum()
    }

    /// Lets time go on to `now`.
    fn tick(&mut self, now: Time) {
        let now_ms = EPOCH_MS.saturating_add(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        if now_ms == self.dbs[0].now_ms {
            return;
        }
        for db in &mut self.dbs {
            db.now_ms = now_ms;
            db.sweep(SWEEP_KEYS);
        }
    }

    // ---- clients --------------------------------------------------------------------------

    /// A connection from `address` has come.
    pub fn connect(&mut self, now: Time, address: String) -> ClientId {
        self.last_client += 1;
        self.stats.connections += 1;
        let authenticated = self.config.password().is_none();
        let session = Session::new(self.last_client, address, now, authenticated);
        let client = Client {
            session: Some(Box::new(session)),
            version: Version::Resp2,
            mailbox: BytesMut::new(),
            condemned: false,
        };
        self.clients.insert(self.last_client, client);
        self.last_client
    }

    /// A connection has gone; nothing of it remains.
    pub fn disconnect(&mut self, id: ClientId) {
        let Some(client) = self.clients.remove(&id) else { return };
        if let Some(mut session) = client.session {
            self.forget(&mut session);
        }
    }

    /// Takes back all that a session has left with others: subscriptions, watches, places in queues.
    pub(super) fn forget(&mut self, session: &mut Session) {
        session.transaction = None;
        self.unwatch(session);
        self.unblock(session);
        self.pubsub.leave_all(session);
    }

    /// Ends all watches of a session.
    pub(super) fn unwatch(&mut self, session: &mut Session) {
        for (db, key) in std::mem::take(&mut session.watched).into_keys() {
            session.names_bytes -= key.len();
            self.dbs[db].unwatch(&key);
        }
    }

    /// Lets a session wait.
    pub(super) fn block(&mut self, session: &mut Session, blocked: Blocked) {
        for key in &blocked.keys {
            self.dbs[blocked.db].wait(key, session.id);
        }
        session.blocked = Some(blocked);
        self.waiting += 1;
    }

    /// Ends a session's waiting.
    pub(super) fn unblock(&mut self, session: &mut Session) {
        if let Some(blocked) = session.blocked.take() {
            self.waiting -= 1;
            for key in &blocked.keys {
                self.dbs[blocked.db].stop_waiting(key, session.id);
            }
        }
    }

    /// Another client's session, by number.
    pub(super) fn session(&self, id: ClientId) -> Option<&Session> {
        self.clients.get(&id).and_then(|client| client.session.as_deref())
    }

    /// The sessions of all clients but the one whose command is being executed, in order of their
    /// numbers.
    pub(super) fn other_sessions(&self) -> impl Iterator<Item = &Session> {
        self.clients.values().filter_map(|client| client.session.as_deref())
    }

    /// How many clients there are.
    pub(super) fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// The version that a client speaks has changed.
    pub(super) fn set_version(&mut self, id: ClientId, version: Version) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.version = version;
        }
    }

    /// Writes something to a client that it has not asked for just now.
    pub(super) fn post(&mut self, id: ClientId, write: impl FnOnce(&mut Writer<'_>)) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.condemned {
            return;
        }
        write(&mut Writer::new(&mut client.mailbox, client.version));
        if client.mailbox.len() > MAILBOX_BYTES_MAX {
            client.mailbox = BytesMut::new();
            client.condemned = true;
        }
        self.woken.push(id);
    }

    /// Closes another client's connection.
    pub(super) fn condemn(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.condemned = true;
            self.woken.push(id);
        }
    }

    /// Ends a blocked client's waiting with a reply of `write`'s; false if it does not wait.
    pub(super) fn release(&mut self, id: ClientId, write: impl FnOnce(&mut Writer<'_>)) -> bool {
        let taken = self.clients.get_mut(&id).and_then(|client| client.session.take());
        let Some(mut session) = taken else { return false };
        let blocked = session.blocked.is_some();
        self.unblock(&mut session);
        if let Some(client) = self.clients.get_mut(&id) {
            client.session = Some(session);
        }
        if blocked {
            self.post(id, write);
        }
        blocked
    }

    /// Those that have something in their mailbox or are to be closed, since the last call: their
    /// connections are to call [`Engine::take_mail`].
    pub fn take_woken(&mut self) -> Vec<ClientId> {
        std::mem::take(&mut self.woken)
    }

    /// Appends a client's mail to `out`. False: the connection is to be closed at once.
    pub fn take_mail(&mut self, id: ClientId, out: &mut BytesMut) -> bool {
        let Some(client) = self.clients.get_mut(&id) else { return false };
        if !client.mailbox.is_empty() {
            out.unsplit(client.mailbox.split());
        }
        !client.condemned
    }

    /// True if a connection is to be closed at once: it has let too much lie, or was killed.
    #[must_use]
    pub fn is_condemned(&self, id: ClientId) -> bool {
        self.clients.get(&id).is_none_or(|client| client.condemned)
    }

    /// True while a client waits for an element.
    #[must_use]
    pub fn is_blocked(&self, id: ClientId) -> bool {
        self.session(id).is_some_and(|session| session.blocked.is_some())
    }

    /// When a client's waiting ends in vain; `None` is never.
    #[must_use]
    pub fn blocked_until(&self, id: ClientId) -> Option<Time> {
        self.session(id)?.blocked.as_ref()?.until
    }

    /// A client's waiting has ended in vain, unless it has just got what it waited for.
    pub fn give_up(&mut self, id: ClientId) {
        self.release(id, |reply| reply.null_array());
    }

    /// True if a client has given the password, or need not.
    #[must_use]
    pub fn is_authenticated(&self, id: ClientId) -> bool {
        self.session(id).is_none_or(|session| session.authenticated)
    }

    // ---- commands -------------------------------------------------------------------------

    /// Executes one command of a client at `now` and appends its replies to `out`.
    pub fn execute(
        &mut self,
        id: ClientId,
        now: Time,
        words: Words<'_>,
        out: &mut BytesMut,
    ) -> Next {
        self.tick(now);
        let taken = self.clients.get_mut(&id).and_then(|client| client.session.take());
        let Some(mut session) = taken else { return Next::Close };
        self.dispatch(&mut session, now, words, out);
        let next = match (session.closing, &session.blocked) {
            (true, _) => Next::Close,
            (false, Some(_)) => Next::Block,
            (false, None) => Next::Continue,
        };
        if let Some(client) = self.clients.get_mut(&id) {
            client.session = Some(session);
        }
        if self.waiting > 0 {
            blocking::serve(self);
        }
        next
    }

    /// The way of a command: known? complete? allowed? queued? Then executed.
    fn dispatch(&mut self, session: &mut Session, now: Time, words: Words<'_>, out: &mut BytesMut) {
        let start = out.len();
        let writer = Writer::new(out, session.version);
        let limit = start.saturating_add(REPLY_BYTES_MAX);
        let mut reply = writer.with_limit(limit);
        let Some(name) = words.get(0) else { return };
        session.last_active = now;
        let admitted = resolve(name, words).and_then(|command| {
            self.admit(session, command)?;
            Ok(command)
        });
        let command = match admitted {
            Ok(command) => command,
            Err(refusal) => return reply.error(&self.reject(session, name, refusal).0),
        };
        session.last_command = command.name;
        if !command.flags.has(Flags::UNQUEUED)
            && let Some(transaction) = &mut session.transaction
        {
            return queue(transaction, command, words, &mut reply);
        }
        self.run(session, now, command, words, reply);
    }

    /// Counts a command that is not executed; a transaction does not survive it.
    fn reject(&mut self, session: &mut Session, name: &[u8], refusal: Refusal) -> Refusal {
        self.stats.count_error(&refusal);
        if name.eq_ignore_ascii_case(b"EXEC") {
            session.transaction = None;
            self.unwatch(session);
            let why = refusal.0.strip_prefix(b"ERR ").unwrap_or(&refusal.0);
            let mut text = b"EXECABORT Transaction discarded because of: ".to_vec();
            text.extend_from_slice(why);
            return Refusal::owned(text);
        }
        if let Some(transaction) = &mut session.transaction {
            transaction.failed = true;
        }
        refusal
    }

    /// Executes an admitted command.
    pub(super) fn run(
        &mut self,
        session: &mut Session,
        now: Time,
        command: &'static Command,
        words: Words<'_>,
        reply: Writer<'_>,
    ) {
        let (Body::Handler(handler) | Body::Either(handler, _)) = command.body else { return };
        self.stats.commands += 1;
        let start = reply.position();
        let mut call = Call { engine: self, session, words, reply, now, name: command.name };
        let outcome = handler(&mut call);
        let Call { engine, mut reply, .. } = call;
        if reply.overflowed() {
            reply.truncate(start);
            reply.error("ERR the reply is longer than 120 MiB");
        }
        if let Err(refusal) = outcome {
            engine.stats.count_error(&refusal);
            reply.truncate(start);
            reply.error(&refusal.0);
        }
    }

    /// Whether a session may execute a command now.
    fn admit(&self, session: &Session, command: &Command) -> Result<(), Refusal> {
        if !session.authenticated && !command.flags.has(Flags::NO_AUTH) {
            return Err(Refusal::NO_AUTH);
        }
        if command.flags.has(Flags::GROWS) && self.bytes() > self.config.memory_bytes_max() {
            return Err(Refusal::OUT_OF_MEMORY);
        }
        if session.version == Version::Resp2
            && session.subscriptions() > 0
            && !command.flags.has(Flags::SUBSCRIBER)
        {
            return Err(Refusal::owned(format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
                 RESET are allowed in this context",
                command.name
            )));
        }
        Ok(())
    }
}

/// The command that these words are, or why they are none.
fn resolve(name: &[u8], words: Words<'_>) -> Result<&'static Command, Refusal> {
    let Some(listed) = find(name) else { return Err(Refusal::unknown_command(words)) };
    let mut command = listed.command;
    if !command.takes(words.len()) {
        return Err(Refusal::arity(command.name));
    }
    let wanted = match command.body {
        Body::Handler(_) => None,
        Body::Subcommands(_) => Some(words.get(1).unwrap_or_default()),
        Body::Either(..) => words.get(1),
    };
    if let Some(wanted) = wanted {
        let Some(subcommand) = command.subcommand(wanted) else {
            let after = format!("'. Try {} HELP.", command.name.to_ascii_uppercase());
            return Err(Refusal::quoting("ERR unknown subcommand '", wanted, &after));
        };
        command = subcommand;
        if !command.takes(words.len()) {
            return Err(Refusal::arity(command.name));
        }
    }
    Ok(command)
}

fn queue(
    transaction: &mut Transaction,
    command: &'static Command,
    words: Words<'_>,
    reply: &mut Writer<'_>,
) {
    transaction.bytes += QUEUED_OVERHEAD
        + words.iter().map(|word| word.len() + size_of::<(usize, usize)>()).sum::<usize>();
    if transaction.bytes > QUEUED_BYTES_MAX {
        transaction.failed = true;
        transaction.queue.clear();
        return reply.error("ERR a transaction may hold at most 64 MiB of commands");
    }
    transaction.queue.push((command, words.to_owned()));
    reply.simple("QUEUED");
}
