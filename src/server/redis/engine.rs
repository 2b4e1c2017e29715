//! The engine: sixteen databases and their clients. No I/O. What it does with a command stands in
//! `dispatch.rs`.

use std::collections::BTreeMap;

use bytes::BytesMut;

use super::config::Config;
use super::db::Db;
use super::limits::{MAILBOX_BYTES_MAX, SWEEP_KEYS};
use super::pubsub::PubSub;
use super::scripted::Scripted;
use super::session::{Blocked, ClientId, Session};
use super::stats::Stats;
use crate::base::{Rng, Time};
use crate::protocol::resp::{Version, Writer};

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
    /// Call the command of the server's script, and write its reply.
    Script,
    /// Execute what `EXEC` has left, of which commands of the script are a part.
    Exec,
}

/// How an engine begins.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The password that clients must give.
    pub password: Option<String>,
    /// The port it is reached at, for `INFO`.
    pub port: u16,
    /// What the clock by which it is called shows when the run begins.
    pub origin: Time,
}

/// What a crash leaves of an engine: its databases, if they are durable.
pub struct Kept(Vec<Db>);

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
    origin: Time,
    /// Nothing can be written to the disk: commands that change data are refused, as Redis does whose
    /// append-only file cannot be written.
    pub(super) disk_full: bool,
    /// How many commands were refused because of that, since it was last asked.
    pub(super) refused: u64,
    /// The commands of the server's script, in capitals.
    pub(super) commands: BTreeMap<Vec<u8>, Scripted>,
    /// The server's script, as a client that nobody sees.
    pub(super) script: Option<Box<Session>>,
}

impl Engine {
    /// An empty engine; its draws come from `rng`.
    #[must_use]
    pub fn new(settings: Settings, mut rng: Rng) -> Engine {
        let origin = settings.origin;
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
            origin,
            disk_full: false,
            refused: 0,
            commands: BTreeMap::new(),
            script: None,
        }
    }

    /// Takes out what a crash leaves.
    pub fn keep(&mut self) -> Kept {
        Kept(self.dbs.iter_mut().map(|db| std::mem::take(db).after_a_crash()).collect())
    }

    /// Begins again with what a crash has left.
    pub fn restore(&mut self, kept: Kept) {
        self.dbs = kept.0;
    }

    /// Says whether the disk is full. Returns how many commands were refused because of that since the
    /// last call.
    pub fn set_disk_full(&mut self, full: bool) -> u64 {
        self.disk_full = full;
        std::mem::take(&mut self.refused)
    }

    /// Microseconds of the Unix epoch at `now`.
    pub(super) fn unix_us(&self, now: Time) -> i64 {
        let us = |time: Time| i64::try_from(time.as_nanos() / 1000).unwrap_or(i64::MAX);
        EPOCH_MS * 1000 + us(now) - us(self.origin)
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
    pub(super) fn tick(&mut self, now: Time) {
        let now_ms = self.unix_us(now).div_euclid(1000);
        if now_ms == self.dbs[0].now_ms {
            return;
        }
        for db in &mut self.dbs {
            db.now_ms = now_ms;
            db.sweep(SWEEP_KEYS);
        }
    }

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

    /// Takes a client's session out, to execute a command of it; [`Engine::put_session`] follows.
    pub(super) fn take_session(&mut self, id: ClientId) -> Option<Box<Session>> {
        self.clients.get_mut(&id)?.session.take()
    }

    pub(super) fn put_session(&mut self, session: Box<Session>) {
        if let Some(client) = self.clients.get_mut(&session.id) {
            client.session = Some(session);
        }
    }

    /// True if somebody waits for an element.
    pub(super) fn has_waiting(&self) -> bool {
        self.waiting > 0
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
        let Some(mut session) = self.take_session(id) else { return false };
        let blocked = session.blocked.is_some();
        self.unblock(&mut session);
        self.put_session(session);
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
}
