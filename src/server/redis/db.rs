//! One of the numbered databases: keys, what they hold, and when they expire.
//!
//! Whatever changes a key ends in [`Db::touch`], so that transactions that watch it and clients that
//! wait for it learn of it. A key whose time has come is gone for every reader, whether or not it has
//! been swept away yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::data::{Kind, Table, Value};
use super::refusal::Refusal;
use super::session::ClientId;
use crate::base::Rng;

/// What a key is taken to cost beyond its bytes and those of its value.
const KEY_OVERHEAD: usize = 96;

/// What a key holds, and until when.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) value: Value,
    /// Milliseconds of the Unix epoch; the key is gone when it is later than this.
    pub(super) deadline_ms: Option<i64>,
}

/// What is known of a key that transactions watch.
#[derive(Debug, Default)]
struct Watched {
    watchers: usize,
    changes: u64,
}

/// One database.
#[derive(Debug, Default)]
pub(super) struct Db {
    keys: Table<Entry>,
    deadlines: BTreeSet<(i64, Box<[u8]>)>,
    bytes: usize,
    /// Milliseconds of the Unix epoch, as of the command that is being executed.
    pub(super) now_ms: i64,
    watched: BTreeMap<Box<[u8]>, Watched>,
    /// Who waits for an element of a list, the longest first.
    waiting: BTreeMap<Box<[u8]>, VecDeque<ClientId>>,
    /// Keys that were touched while somebody waited for them.
    ready: VecDeque<Box<[u8]>>,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) expired: u64,
}

fn cost(key: &[u8], value: &Value) -> usize {
    KEY_OVERHEAD + key.len() + value.bytes()
}

impl Db {
    pub(super) fn new(now_ms: i64) -> Db {
        Db { now_ms, ..Db::default() }
    }

    /// The same after a crash that leaves its data: nobody watches it or waits any more.
    pub(super) fn after_a_crash(self) -> Db {
        let Db { keys, deadlines, bytes, now_ms, .. } = self;
        Db { keys, deadlines, bytes, now_ms, ..Db::default() }
    }

    /// How many keys there are, with those whose time has come and that are not swept away yet.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// About how much memory a key takes.
    pub(super) fn cost_of(&mut self, key: &[u8]) -> Option<usize> {
        self.entry(key).map(|entry| cost(key, &entry.value))
    }

    /// How many keys have a time to live.
    pub(super) fn expiring(&self) -> usize {
        self.deadlines.len()
    }

    /// Removes at most `limit` keys whose time has come.
    pub(super) fn sweep(&mut self, limit: usize) {
        for _ in 0..limit {
            match self.deadlines.first() {
                Some((at, key)) if *at < self.now_ms => {
                    let key = key.clone();
                    self.expire(&key);
                }
                _ => return,
            }
        }
    }

    /// True if something may be there whose time has come.
    fn overdue(&self) -> bool {
        self.deadlines.first().is_some_and(|(at, _)| *at < self.now_ms)
    }

    fn expire(&mut self, key: &[u8]) {
        self.expired += 1;
        self.remove(key);
    }

    /// Removes `key` if its time has come.
    pub(super) fn settle(&mut self, key: &[u8]) {
        if self.overdue() {
            let deadline = self.keys.get(key).and_then(|entry| entry.deadline_ms);
            if deadline.is_some_and(|at| at < self.now_ms) {
                self.expire(key);
            }
        }
    }

    /// What `key` holds.
    pub(super) fn entry(&mut self, key: &[u8]) -> Option<&Entry> {
        self.settle(key);
        self.keys.get(key)
    }

    pub(super) fn contains(&mut self, key: &[u8]) -> bool {
        self.entry(key).is_some()
    }

    /// What `key` holds, which must be a `T`; counted as a hit or a miss.
    pub(super) fn get<T: Kind>(&mut self, key: &[u8]) -> Result<Option<&T>, Refusal> {
        self.settle(key);
        let Some(entry) = self.keys.get(key) else {
            self.misses += 1;
            return Ok(None);
        };
        self.hits += 1;
        T::of(&entry.value).map(Some).ok_or(Refusal::WRONG_TYPE)
    }

    /// Changes what `key` holds, which must be a `T`; it is made first if it is missing and `create`
    /// is set. `change` says besides its result whether it changed anything.
    pub(super) fn update<T: Kind, R>(
        &mut self,
        key: &[u8],
        create: bool,
        change: impl FnOnce(&mut T) -> (R, bool),
    ) -> Result<Option<R>, Refusal> {
        self.settle(key);
        let Some(entry) = self.keys.get_mut(key) else {
            if !create {
                return Ok(None);
            }
            let mut value = T::default();
            let (result, changed) = change(&mut value);
            if changed && !value.is_empty() {
                self.put(key, value.wrap(), None);
            }
            return Ok(Some(result));
        };
        let value = T::of_mut(&mut entry.value).ok_or(Refusal::WRONG_TYPE)?;
        let before = value.bytes();
        let (result, changed) = change(value);
        let (after, empty) = (value.bytes(), value.is_empty());
        self.bytes = self.bytes - before + after;
        if empty {
            self.remove(key);
        } else if changed {
            self.touch(key);
        }
        Ok(Some(result))
    }

    /// Puts `value` at `key`, whatever was there.
    pub(super) fn put(&mut self, key: &[u8], value: Value, deadline_ms: Option<i64>) {
        self.bytes += cost(key, &value);
        let old = self.keys.insert(key, Entry { value, deadline_ms });
        if let Some(old) = old {
            self.bytes -= cost(key, &old.value);
            if let Some(at) = old.deadline_ms {
                self.deadlines.remove(&(at, key.into()));
            }
        }
        if let Some(at) = deadline_ms {
            self.deadlines.insert((at, key.into()));
        }
        self.touch(key);
    }

    /// Removes a key and returns what it held, whatever its time.
    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let entry = self.keys.remove(key)?;
        self.bytes -= cost(key, &entry.value);
        if let Some(at) = entry.deadline_ms {
            self.deadlines.remove(&(at, key.into()));
        }
        self.touch(key);
        Some(entry)
    }

    /// Gives `key` another time, or none; true if the key is there.
    pub(super) fn set_deadline(&mut self, key: &[u8], deadline_ms: Option<i64>) -> bool {
        let Some(entry) = self.keys.get_mut(key) else { return false };
        let old = std::mem::replace(&mut entry.deadline_ms, deadline_ms);
        if old.is_none() && deadline_ms.is_none() {
            return true;
        }
        if let Some(at) = old {
            self.deadlines.remove(&(at, key.into()));
        }
        if let Some(at) = deadline_ms {
            self.deadlines.insert((at, key.into()));
        }
        self.touch(key);
        true
    }

    /// All keys whose time has not come, in the table's order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &Entry)> {
        self.keys.iter().filter(|(_, entry)| self.lives(entry))
    }

    fn lives(&self, entry: &Entry) -> bool {
        entry.deadline_ms.is_none_or(|at| at >= self.now_ms)
    }

    /// See [`Table::scan`].
    pub(super) fn scan(
        &self,
        cursor: u32,
        count: usize,
        mut each: impl FnMut(&[u8], &Entry),
    ) -> u32 {
        self.keys.scan(cursor, count, |key, entry| {
            if self.lives(entry) {
                each(key, entry);
            }
        })
    }

    /// A key by chance.
    pub(super) fn random_key(&mut self, rng: &mut Rng) -> Option<Box<[u8]>> {
        loop {
            let (key, entry) = self.keys.random(rng)?;
            let key: Box<[u8]> = key.into();
            if self.lives(entry) {
                return Some(key);
            }
            self.expire(&key);
        }
    }

    /// Removes everything.
    pub(super) fn flush(&mut self) {
        let keys = std::mem::take(&mut self.keys);
        self.deadlines.clear();
        self.bytes = 0;
        let touched: Vec<Box<[u8]>> =
            self.watched.keys().filter(|key| keys.contains(key)).cloned().collect();
        touched.iter().for_each(|key| self.touch(key));
    }

    /// Exchanges what two databases hold; those who watch or wait stay with the number.
    pub(super) fn swap(&mut self, other: &mut Db) {
        std::mem::swap(&mut self.keys, &mut other.keys);
        std::mem::swap(&mut self.deadlines, &mut other.deadlines);
        std::mem::swap(&mut self.bytes, &mut other.bytes);
        for db in [self, other] {
            let concerned: Vec<Box<[u8]>> =
                db.watched.keys().chain(db.waiting.keys()).cloned().collect();
            concerned.iter().for_each(|key| db.touch(key));
        }
    }

    /// Tells those who watch `key` or wait for it that it has changed.
    pub(super) fn touch(&mut self, key: &[u8]) {
        if !self.watched.is_empty()
            && let Some(watched) = self.watched.get_mut(key)
        {
            watched.changes += 1;
        }
        if !self.waiting.is_empty() && self.waiting.contains_key(key) {
            self.ready.push_back(key.into());
        }
    }

    /// Begins to watch `key`; returns what [`Db::changes`] says of it now.
    pub(super) fn watch(&mut self, key: &[u8]) -> u64 {
        self.settle(key);
        let watched = self.watched.entry(key.into()).or_default();
        watched.watchers += 1;
        watched.changes
    }

    pub(super) fn unwatch(&mut self, key: &[u8]) {
        if let Some(watched) = self.watched.get_mut(key) {
            watched.watchers -= 1;
            if watched.watchers == 0 {
                self.watched.remove(key);
            }
        }
    }

    /// How often a watched key has changed.
    pub(super) fn changes(&mut self, key: &[u8]) -> u64 {
        self.settle(key);
        self.watched.get(key).map_or(0, |watched| watched.changes)
    }

    /// Puts a client at the end of those who wait for `key`.
    pub(super) fn wait(&mut self, key: &[u8], client: ClientId) {
        self.waiting.entry(key.into()).or_default().push_back(client);
    }

    pub(super) fn stop_waiting(&mut self, key: &[u8], client: ClientId) {
        if let Some(clients) = self.waiting.get_mut(key) {
            clients.retain(|other| *other != client);
            if clients.is_empty() {
                self.waiting.remove(key);
            }
        }
    }

    /// The next key that was touched while somebody waited for it.
    pub(super) fn next_ready(&mut self) -> Option<Box<[u8]>> {
        self.ready.pop_front()
    }

    /// Who has waited longest for `key`.
    pub(super) fn first_waiting(&self, key: &[u8]) -> Option<ClientId> {
        self.waiting.get(key).and_then(|clients| clients.front()).copied()
    }
}
