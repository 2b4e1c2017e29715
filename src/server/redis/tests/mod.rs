//! What the engine answers, as transcripts: a test is a conversation, and must come out as written.
//!
//! ```text
//! > SET k v          client a says this (`b> ...` is client b) ...
//! +OK                ... and is answered so (the form of summaries)
//! wait 10s           time goes on
//! b< "v"             client b gets something that it did not ask for just now
//! ```

mod basics;
mod collections;
mod conversations;
mod limits;
mod page;
mod properties;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::{ClientId, Engine, Next, Settings};
use crate::base::{Rng, Time};
use crate::protocol::resp::{CommandDecoder, Frame, OwnedWords, RespDecoder, summarize_frame};

/// An engine with clients that are called by letters.
pub(super) struct Lab {
    pub(super) engine: Engine,
    pub(super) now: Time,
    clients: BTreeMap<String, ClientId>,
}

impl Lab {
    pub(super) fn new() -> Lab {
        Lab::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Lab {
        let engine = Engine::new(settings, Rng::new(7));
        Lab { engine, now: Time::ZERO, clients: BTreeMap::new() }
    }

    pub(super) fn client(&mut self, name: &str) -> ClientId {
        if let Some(id) = self.clients.get(name) {
            return *id;
        }
        let id = self.engine.connect(self.now, format!("127.0.0.1:{}", 5000 + self.clients.len()));
        self.clients.insert(name.to_owned(), id);
        id
    }

    /// Executes a command as it is typed; returns the bytes of its replies.
    pub(super) fn say(&mut self, client: &str, line: &str) -> (Bytes, Next) {
        let mut decoder = CommandDecoder::default();
        let line = format!("{line}\n");
        let (words, _) = decoder.decode(line.as_bytes()).expect("a line").expect("a whole line");
        let id = self.client(client);
        let mut out = BytesMut::new();
        let next = self.engine.execute(id, self.now, words, &mut out);
        (out.freeze(), next)
    }

    /// Executes a command of client a and returns its one reply.
    pub(super) fn ask<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Frame {
        let words: OwnedWords = words.iter().collect();
        let id = self.client("a");
        let mut out = BytesMut::new();
        self.engine.execute(id, self.now, words.as_words(), &mut out);
        let frame = RespDecoder::default().decode(&mut out).expect("RESP").expect("a reply");
        assert!(out.is_empty(), "one reply");
        frame
    }

    /// Lets time go on; those whose patience ends on the way give up.
    pub(super) fn wait(&mut self, duration: Duration) {
        self.now = self.now + duration;
        for id in self.clients.values() {
            if self.engine.blocked_until(*id).is_some_and(|until| until <= self.now) {
                self.engine.give_up(*id);
            }
        }
    }

    fn mail(&mut self, transcript: &mut String) {
        let woken = self.engine.take_woken();
        for (name, id) in &self.clients {
            let mut mail = BytesMut::new();
            if woken.contains(id) && !self.engine.take_mail(*id, &mut mail) {
                transcript.push_str(&format!("{name}< closed\n"));
            }
            for frame in frames(&mail) {
                transcript.push_str(&format!("{name}< {frame}\n"));
            }
        }
    }
}

/// Each frame of `wire` in one line.
pub(super) fn frames(wire: &[u8]) -> Vec<String> {
    let (mut rest, mut lines) = (wire, Vec::new());
    let mut scanner = crate::protocol::resp::Scanner::default();
    while !rest.is_empty() {
        let length = scanner.scan(rest).expect("RESP").expect("whole frames");
        lines.push(summarize_frame(&rest[..length]));
        rest = &rest[length..];
    }
    lines
}

/// Plays the part of the clients in a transcript and fills in what the server says.
fn replay(lab: &mut Lab, script: &str) -> String {
    let mut transcript = String::new();
    for line in script.lines().map(str::trim) {
        if let Some(duration) = line.strip_prefix("wait ") {
            transcript.push_str(&format!("{line}\n"));
            lab.wait(crate::base::units::duration(duration).expect("a duration"));
        } else if let Some((client, command)) = line.split_once("> ")
            && client.chars().all(|c| c.is_ascii_lowercase())
        {
            transcript.push_str(&format!("{line}\n"));
            let (wire, next) = lab.say(if client.is_empty() { "a" } else { client }, command);
            for frame in frames(&wire) {
                transcript.push_str(&format!("{}\n", frame.trim_end()));
            }
            match next {
                Next::Close => transcript.push_str("closes\n"),
                Next::Block => transcript.push_str("waits\n"),
                Next::Continue | Next::Script | Next::Exec => {}
            }
        } else {
            continue;
        }
        lab.mail(&mut transcript);
    }
    transcript
}

/// A conversation with a new server must come out as written.
pub(super) fn conversation(script: &str) {
    conversation_with(&mut Lab::new(), script);
}

/// A conversation with this server must come out as written.
pub(super) fn conversation_with(lab: &mut Lab, script: &str) {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    let expected: String = lines.map(|line| format!("{line}\n")).collect();
    let actual = replay(lab, script);
    assert_eq!(actual, expected, "\n--- said:\n{actual}--- written:\n{expected}");
}
