//! One connection: bytes in, commands to the engine, replies out.
//!
//! ```text
//!  read -> [ lock: execute all that is there, take the mail ] -> write -> wait for any of
//!                                                              bytes | mail | the end of a wait | stop
//! ```
//!
//! The lock is held for a batch and never while anything is awaited. A client that does not read is
//! not read from either: while a write waits, no further command of it is executed.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

use super::engine::{Engine, Kept, Next, Settings};
use super::limits::{BATCH_BYTES, BATCH_COMMANDS, KEPT_BYTES, WAITING_BYTES_MAX};
use super::session::{ClientId, Queued};
use crate::base::{Diagnostic, Distribution, Rng, Time};
use crate::net::{Clock, Stream};
use crate::protocol::resp::{CommandDecoder, OwnedWords, RespError, Version, Words};
use crate::scenario::model::RedisServer;
use crate::server::input::read_more;
use crate::server::{self, Context, Disk, Handler, Serving, Site, script};
use crate::trace::Level;

/// A redis server: one engine for all its connections.
pub(in crate::server) struct Redis {
    pub(super) store: Arc<Store>,
    pub(super) script: Option<Arc<script::Engine>>,
    delay: Option<Distribution>,
    delays: Mutex<Rng>,
    durable: bool,
}

/// The engine, and who may use it when.
pub(super) struct Store {
    shared: Mutex<Shared>,
    /// Whoever holds it has the data for himself, also while he leaves `shared`.
    atomic: Mutex<()>,
    /// The database for the script's commands.
    db: AtomicUsize,
    clock: Clock,
    disk: Disk,
}

struct Shared {
    engine: Engine,
    /// What wakes the task of each connection; a task waits for its own alone.
    wakers: BTreeMap<ClientId, Arc<Notify>>,
}

impl Redis {
    /// A server that holds what `server` says, or what a crash has left.
    ///
    /// # Errors
    /// A variable in `data:` without a value, or a value that Redis cannot hold.
    pub(in crate::server) fn new(
        server: &RedisServer,
        site: &Site<'_>,
        kept: Option<Kept>,
    ) -> Result<Redis, Diagnostic> {
        let context = site.context;
        let port = context.vars.lookup(&format!("{}.port", context.name));
        let port = port.and_then(|port| port.as_u64()).and_then(|port| u16::try_from(port).ok());
        let (password, origin) = (server.password.clone(), context.clock.origin());
        let settings = Settings { password, port: port.unwrap_or(0), origin };
        let mut engine = Engine::new(settings, context.rng.fork("redis"));
        let (data, kept) = match kept {
            Some(kept) => (&[][..], Some(kept)),
            None => (&server.data[..], None),
        };
        kept.into_iter().for_each(|kept| engine.restore(kept));
        for (key, value) in data {
            let resolved = value.resolve(&|name: &str| context.vars.lookup(name))?;
            engine.preload([(&*key.value, &resolved)]).map_err(|bad| {
                Diagnostic::new(bad.to_string(), value.span)
                    .help("a text, a number, a list or a mapping of these")
            })?;
        }
        let store = Arc::new(Store {
            shared: Mutex::new(Shared { engine, wakers: BTreeMap::new() }),
            atomic: Mutex::default(),
            db: AtomicUsize::new(0),
            clock: context.clock.clone(),
            disk: context.disk.clone(),
        });
        let script = script::Engine::of(site, Some(store.clone()))?;
        for (name, words_max) in script.iter().flat_map(|script| script.take_commands()) {
            store.lock().engine.declare(&name, words_max);
        }
        Ok(Redis {
            store,
            script,
            delay: server.delay.filter(|delay| !delay.is_zero()),
            delays: Mutex::new(context.rng.fork("delay")),
            durable: server.durable.is_any(),
        })
    }

    fn draw(&self, delay: &Distribution) -> Duration {
        delay.sample(&mut self.delays.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.store.lock()
    }
}

impl Store {
    /// Has the data for itself.
    pub(super) fn atomically(&self) -> MutexGuard<'_, ()> {
        self.atomic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commands of the script are for that database from here on.
    pub(super) fn select(&self, db: usize) {
        self.db.store(db, Ordering::Relaxed);
    }

    /// Executes a command for the script.
    pub(super) fn execute_for_script(&self, words: Words<'_>, out: &mut BytesMut) {
        let mut shared = self.lock();
        shared.engine.set_disk_full(self.disk.is_full());
        let (now, db) = (self.clock.now(), self.db.load(Ordering::Relaxed));
        shared.engine.execute_for_script(now, db, words, out);
        (0..shared.engine.set_disk_full(false)).for_each(|_| self.disk.refused());
        shared.wake(NOBODY);
    }

    /// What `EXEC` has left.
    pub(super) fn take_executing(&self, id: ClientId) -> Vec<(Queued, OwnedWords)> {
        self.lock().engine.take_executing(id)
    }

    /// Executes one command of it.
    pub(super) fn execute_queued(
        &self,
        id: ClientId,
        queued: (Queued, Words<'_>),
        out: &mut BytesMut,
    ) {
        let mut shared = self.lock();
        shared.engine.execute_queued(id, self.clock.now(), queued, out);
        shared.wake(NOBODY);
    }

    /// The database that a client has selected, and the version that it speaks.
    pub(super) fn manner(&self, id: ClientId) -> (usize, Version) {
        self.lock().engine.manner(id)
    }

    /// True if a connection is to be closed at once.
    pub(super) fn is_condemned(&self, id: ClientId) -> bool {
        self.lock().engine.is_condemned(id)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Wakes those that have got mail; true if `me` is one of them.
    fn wake(&mut self, me: ClientId) -> bool {
        let mut mine = false;
        for id in self.engine.take_woken() {
            if id == me {
                mine = true;
            } else if let Some(waker) = self.wakers.get(&id) {
                waker.notify_one();
            }
        }
        mine
    }
}

/// No client has that number.
const NOBODY: ClientId = 0;

/// What a connection does next.
enum Turn {
    /// Call a command of the script, of these words.
    Script(OwnedWords),
    /// Wait for bytes or mail, at most until then if it is a client that waits for an element.
    Wait { blocked: bool, until: Option<Time> },
    /// There may be more to execute.
    Again,
    /// Send what there is, and close.
    Close,
    /// Close at once: the client has been killed, or has let too much lie.
    Drop,
    /// What came is no command.
    Broken(RespError),
}

/// A connection; when it is dropped, nothing of it remains.
pub(super) struct Connection {
    pub(super) redis: Arc<Redis>,
    pub(super) id: ClientId,
    pub(super) waker: Arc<Notify>,
    input: BytesMut,
    pub(super) out: BytesMut,
    decoder: CommandDecoder,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut shared = self.redis.lock();
        shared.wakers.remove(&self.id);
        shared.engine.disconnect(self.id);
    }
}

impl Connection {
    fn new(redis: Arc<Redis>, address: String, now: Time) -> Connection {
        let waker = Arc::new(Notify::new());
        let mut shared = redis.lock();
        let id = shared.engine.connect(now, address);
        shared.wakers.insert(id, waker.clone());
        drop(shared);
        let (input, out) = (BytesMut::new(), BytesMut::new());
        Connection { redis, id, waker, input, out, decoder: CommandDecoder::default() }
    }

    /// Takes the mail and executes what has arrived, at most a batch of it, or one command if replies
    /// are delayed.
    fn turn(&mut self, now: Time, slow: bool) -> Turn {
        let one = slow || self.redis.delay.is_some();
        let commands_max = if one { 1 } else { BATCH_COMMANDS };
        let redis = self.redis.clone();
        let disk = &redis.store.disk;
        let _turn = redis.script.is_some().then(|| redis.store.atomically());
        let mut guard = redis.lock();
        let shared = &mut *guard;
        shared.engine.set_disk_full(disk.is_full());
        if !shared.engine.take_mail(self.id, &mut self.out) {
            return Turn::Drop;
        }
        let mut consumed = 0;
        let mut turn = Turn::Again;
        let mut executes = false;
        for _ in 0..commands_max {
            if shared.engine.is_blocked(self.id) {
                turn = Turn::Wait { blocked: true, until: shared.engine.blocked_until(self.id) };
                break;
            }
            self.decoder.set_unauthenticated(!shared.engine.is_authenticated(self.id));
            match self.decoder.decode(&self.input[consumed..]) {
                Ok(Some((words, length))) => {
                    consumed += length;
                    match shared.engine.execute(self.id, now, words, &mut self.out) {
                        Next::Continue | Next::Block => {}
                        Next::Close => {
                            turn = Turn::Close;
                            break;
                        }
                        Next::Script => {
                            turn = Turn::Script(words.to_owned());
                            break;
                        }
                        Next::Exec => {
                            executes = true;
                            break;
                        }
                    }
                }
                Ok(None) => {
                    turn = Turn::Wait { blocked: false, until: None };
                    break;
                }
                Err(error) => {
                    turn = Turn::Broken(error);
                    break;
                }
            }
            if self.out.len() >= BATCH_BYTES {
                break;
            }
        }
        self.input.advance(consumed);
        (0..shared.engine.set_disk_full(false)).for_each(|_| disk.refused());
        if shared.wake(self.id) && !shared.engine.take_mail(self.id, &mut self.out) {
            return Turn::Drop;
        }
        drop(guard);
        if executes {
            self.execute_held();
        }
        turn
    }

    /// Writes all that there is to write; false if the connection is to be dropped meanwhile.
    pub(super) async fn flush(&mut self, stream: &mut Stream) -> io::Result<bool> {
        let mut mail = false;
        while !self.out.is_empty() {
            tokio::select! {
                biased;
                written = stream.write(&self.out) => self.out.advance(written?),
                () = self.waker.notified() => {
                    mail = true;
                    if self.redis.lock().engine.is_condemned(self.id) {
                        return Ok(false);
                    }
                }
            }
        }
        if mail {
            // It is taken with the next turn, which must not wait for anything else first.
            self.waker.notify_one();
        }
        Ok(true)
    }

    /// Waits for bytes, for mail or for the end of a client's patience; false if it is time to go.
    async fn wait(
        &mut self,
        stream: &mut Stream,
        context: &Context,
        blocked: bool,
        until: Option<Time>,
    ) -> io::Result<bool> {
        let reads = !blocked || self.input.len() < WAITING_BYTES_MAX;
        let until = until.map(|until| context.clock.sleep_until(until));
        let patience = async {
            match until {
                Some(sleep) => sleep.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            read = read_more(stream, &mut self.input), if reads => Ok(read? > 0),
            () = self.waker.notified() => Ok(true),
            () = patience => {
                self.redis.lock().engine.give_up(self.id);
                Ok(true)
            }
            () = context.stopping() => Ok(false),
        }
    }

    /// Waits as long as `delay:` says, or longer on a slow machine, if there is something to say; false if
    /// the server stops.
    async fn delay(&self, context: &Context) -> bool {
        let (delay, clock) = (&self.redis.delay, &context.clock);
        if self.out.is_empty() || (delay.is_none() && !clock.is_slow()) {
            return true;
        }
        let drawn = delay.as_ref().map(|delay| self.redis.draw(delay)).unwrap_or_default();
        let Some(done) = clock.work(drawn) else { return true };
        tokio::select! {
            biased;
            () = done => true,
            () = context.stopping() => false,
        }
    }

    /// Gives back room that a large command or reply has taken.
    fn release(&mut self) {
        if self.input.is_empty() && self.input.capacity() > KEPT_BYTES {
            self.input = BytesMut::new();
        }
        if self.out.is_empty() && self.out.capacity() > KEPT_BYTES {
            self.out = BytesMut::new();
        }
    }

    async fn run(&mut self, stream: &mut Stream, context: &Context) -> io::Result<()> {
        loop {
            let turn = self.turn(context.clock.now(), context.clock.is_slow());
            match &turn {
                Turn::Script(words) if !self.call_script(words, stream).await? => return Ok(()),
                Turn::Drop => {
                    let text = format!("client {} is disconnected", self.id);
                    context.log(Level::Warn, text);
                    return Ok(());
                }
                Turn::Broken(error) => {
                    let line = format!("-ERR Protocol error: {error}\r\n");
                    self.out.extend_from_slice(line.as_bytes());
                    context.log(Level::Warn, format!("client {}: {error}", self.id));
                }
                _ => {}
            }
            if !self.delay(context).await || !self.flush(stream).await? {
                return Ok(());
            }
            match turn {
                Turn::Again | Turn::Script(_) => {}
                Turn::Wait { blocked, until } => {
                    self.release();
                    if !self.wait(stream, context, blocked, until).await? {
                        return Ok(());
                    }
                }
                Turn::Close | Turn::Drop | Turn::Broken(_) => return Ok(()),
            }
        }
    }
}

impl Handler for Redis {
    fn keep(&self) -> Option<server::Kept> {
        let redis = self.durable.then(|| self.lock().engine.keep());
        let script = self.script.as_ref().and_then(|script| script.keep());
        (redis.is_some() || script.is_some()).then(|| server::Kept {
            redis,
            script,
            ..server::Kept::default()
        })
    }

    fn serve(self: Arc<Self>, mut stream: Stream, context: Context) -> Serving {
        Box::pin(async move {
            let address = stream.peer_addr().to_string();
            let mut connection = Connection::new(self, address, context.clock.now());
            // An error means that the client is gone, and there is nobody to tell.
            let _ = connection.run(&mut stream, &context).await;
        })
    }
}
