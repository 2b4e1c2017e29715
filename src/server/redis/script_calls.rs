//! Commands of the server's script, called for a client; and the data that the script has at hand.
//!
//! ```text
//! a command of the script -> Turn::Script -> hold -> a coroutine -> reply, or it waits: others go on
//! EXEC with such a one    -> within the turn, all of it held: nothing else happens, nothing may wait
//! redis.call in a script  -> Store::call -> the engine, at once
//! ```
//!
//! Whoever holds `atomic` has the data for himself: a connection for its turn, a script from one wait to the
//! next. The engine's own lock is taken and left within.

use std::io;
use std::sync::MutexGuard;

use bytes::{Bytes, BytesMut};

use super::scripted::is_of_connections;
use super::serve::{Connection, Store};
use super::session::Queued;
use crate::net::Stream;
use crate::protocol::resp::{Frame, OwnedWords, Words, Writer};
use crate::script::{Datum, Entry, Output, ScriptError, Step};
use crate::server::script::{Data, Engine, of_frame};

impl Data for Store {
    fn hold(&self, db: usize) -> MutexGuard<'_, ()> {
        let held = self.atomically();
        self.select(db);
        held
    }

    fn call(&self, words: &[Vec<u8>]) -> Result<Option<Datum>, String> {
        let owned: OwnedWords = words.iter().collect();
        let mut out = BytesMut::new();
        self.execute_for_script(owned.as_words(), &mut out);
        let frame = Frame::parse(&out.freeze()).map_err(|error| error.to_string())?;
        match frame.error() {
            Some(error) => Err(String::from_utf8_lossy(error).into_owned()),
            None => Ok(of_frame(&frame, words)),
        }
    }

    fn may_declare(&self, name: &str) -> Result<(), String> {
        match is_of_connections(name.as_bytes()) {
            true => Err(format!("`{name}` is about a connection, and cannot be replaced")),
            false => Ok(()),
        }
    }
}

impl Connection {
    /// Calls a command of the script and writes its reply; false if the connection is to be dropped. While it
    /// waits, what was answered before is sent, and others go on.
    pub(super) async fn call_script(
        &mut self,
        words: &OwnedWords,
        stream: &mut Stream,
    ) -> io::Result<bool> {
        let Some(script) = self.redis.script.clone() else { return Ok(true) };
        let (db, version) = self.redis.store.manner(self.id);
        script.breathe().await;
        let step = {
            let _held = self.redis.store.hold(db);
            enter(&script, words.as_words())
        };
        if matches!(step, Step::Wait(..)) && !self.flush(stream).await? {
            return Ok(false);
        }
        let mut mail = false;
        let output = {
            let mut driven = std::pin::pin!(script.drive_in(step, db));
            loop {
                tokio::select! {
                    biased;
                    output = &mut driven => break output,
                    () = self.waker.notified() => {
                        mail = true;
                        if self.redis.store.is_condemned(self.id) {
                            return Ok(false);
                        }
                    }
                }
            }
        };
        if mail {
            // It is taken with the next turn.
            self.waker.notify_one();
        }
        write_output(&script, output, &mut Writer::new(&mut self.out, version));
        Ok(true)
    }

    /// Executes what `EXEC` has left; whoever calls this holds the data.
    pub(super) fn execute_held(&mut self) {
        let (redis, id) = (self.redis.clone(), self.id);
        let Some(script) = &redis.script else { return };
        for (queued, words) in redis.store.take_executing(id) {
            let words = words.as_words();
            let (db, version) = redis.store.manner(id);
            match queued {
                Queued::BuiltIn(_) => {
                    redis.store.execute_queued(id, (queued, words), &mut self.out);
                }
                Queued::Script => {
                    redis.store.select(db);
                    let mut writer = Writer::new(&mut self.out, version);
                    match enter(script, words) {
                        Step::Done(output) => write_output(script, Ok(output), &mut writer),
                        Step::Failed(error) => write_output(script, Err(error), &mut writer),
                        Step::Wait(..) => {
                            let name = words.get(0).unwrap_or_default();
                            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                            writer.error(format!(
                                "ERR '{name}' waits for something, which it cannot within a transaction"
                            ));
                        }
                    }
                }
            }
        }
    }
}

/// Begins the coroutine of a command.
fn enter(script: &Engine, words: Words<'_>) -> Step {
    let name = String::from_utf8_lossy(words.get(0).unwrap_or_default()).to_ascii_uppercase();
    let given = words.from(1).iter().map(Bytes::copy_from_slice).collect();
    script.enter_held(Entry::Command(&name, given))
}

/// Writes what a command of the script has come to.
fn write_output(script: &Engine, output: Result<Output, ScriptError>, reply: &mut Writer<'_>) {
    match output {
        Ok(Output::Value(Some(datum))) => write(&datum, reply),
        Ok(_) => reply.null(),
        Err(error) => {
            script.report(&error);
            reply.error(format!("ERR {error}"));
        }
    }
}

/// A value as a reply: a list is an array, `{ ok = "..." }` a status, `{ err = "..." }` an error, any other
/// table a map.
fn write(datum: &Datum, reply: &mut Writer<'_>) {
    match datum {
        Datum::Null => reply.null(),
        Datum::Boolean(value) => reply.boolean(*value),
        Datum::Integer(value) => reply.integer(*value),
        Datum::Number(value) => reply.double(*value),
        Datum::Text(text) => reply.bulk(text),
        Datum::Table(entries) => match entries.as_slice() {
            [(Datum::Text(name), Datum::Text(text))] if name == b"ok" => {
                reply.simple(&String::from_utf8_lossy(text));
            }
            [(Datum::Text(name), Datum::Text(text))] if name == b"err" => write_error(text, reply),
            entries if is_list(entries) => {
                reply.array(entries.len());
                entries.iter().for_each(|(_, item)| write(item, reply));
            }
            entries => {
                reply.map(entries.len());
                for (name, value) in entries {
                    write(name, reply);
                    write(value, reply);
                }
            }
        },
    }
}

/// An error begins with a word in capitals; one that does not gets Redis' own.
fn write_error(text: &[u8], reply: &mut Writer<'_>) {
    let code = text.split(|&byte| byte == b' ').next().unwrap_or_default();
    if !code.is_empty() && code.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_') {
        return reply.error(text);
    }
    reply.error([b"ERR ", text].concat());
}

/// True if the names are the positions from 1 on.
fn is_list(entries: &[(Datum, Datum)]) -> bool {
    (1..).zip(entries).all(|(at, (name, _))| *name == Datum::Integer(at))
}

/// Replies that are not the engine's are written in the version that a client speaks.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::resp::Version;

    fn written(datum: &Datum, version: Version) -> String {
        let mut out = BytesMut::new();
        write(datum, &mut Writer::new(&mut out, version));
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn a_value_is_the_reply_that_it_looks_like() {
        let text = |text: &str| Datum::Text(text.into());
        let list = Datum::Table(vec![
            (Datum::Integer(1), text("a")),
            (Datum::Integer(2), Datum::Null),
            (Datum::Integer(3), Datum::Boolean(true)),
        ]);
        assert_eq!(written(&list, Version::Resp2), "*3\r\n$1\r\na\r\n$-1\r\n:1\r\n");
        assert_eq!(written(&list, Version::Resp3), "*3\r\n$1\r\na\r\n_\r\n#t\r\n");
        let map = Datum::Table(vec![(text("n"), Datum::Number(1.5))]);
        assert_eq!(written(&map, Version::Resp2), "*2\r\n$1\r\nn\r\n$3\r\n1.5\r\n");
        assert_eq!(written(&map, Version::Resp3), "%1\r\n$1\r\nn\r\n,1.5\r\n");
        let named = |name: &str, said: &str| Datum::Table(vec![(text(name), text(said))]);
        assert_eq!(written(&named("ok", "PONG"), Version::Resp2), "+PONG\r\n");
        assert_eq!(written(&named("err", "WRONGTYPE no"), Version::Resp2), "-WRONGTYPE no\r\n");
        assert_eq!(written(&named("err", "no\r\nway"), Version::Resp2), "-ERR no  way\r\n");
        assert_eq!(written(&Datum::Table(vec![]), Version::Resp2), "*0\r\n");
    }
}
