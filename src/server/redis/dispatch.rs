//! The way of a command: known? complete? allowed? queued? Then executed.

use bytes::BytesMut;

use super::blocking;
use super::call::Call;
use super::command::{Body, Command, Flags, find};
use super::engine::{Engine, Next};
use super::limits::{QUEUED_BYTES_MAX, QUEUED_OVERHEAD, REPLY_BYTES_MAX};
use super::refusal::Refusal;
use super::scripted::Scripted;
use super::session::{ClientId, Queued, Session, Transaction};
use crate::base::Time;
use crate::protocol::resp::{Version, Words, Writer};

impl Engine {
    /// Executes one command of a client at `now` and appends its replies to `out`.
    pub fn execute(
        &mut self,
        id: ClientId,
        now: Time,
        words: Words<'_>,
        out: &mut BytesMut,
    ) -> Next {
        self.tick(now);
        let Some(mut session) = self.take_session(id) else { return Next::Close };
        self.dispatch(&mut session, now, words, out);
        let next = match (session.closing, &session.blocked) {
            (true, _) => Next::Close,
            (false, Some(_)) => Next::Block,
            (false, None) if std::mem::take(&mut session.scripted) => Next::Script,
            (false, None) if session.executing.is_some() => Next::Exec,
            (false, None) => Next::Continue,
        };
        self.put_session(session);
        if self.has_waiting() {
            blocking::serve(self);
        }
        next
    }

    /// The way of a command: known? complete? allowed? queued? Then executed.
    pub(super) fn dispatch(
        &mut self,
        session: &mut Session,
        now: Time,
        words: Words<'_>,
        out: &mut BytesMut,
    ) {
        let start = out.len();
        let writer = Writer::new(out, session.version);
        let limit = start.saturating_add(REPLY_BYTES_MAX);
        let mut reply = writer.with_limit(limit);
        let Some(name) = words.get(0) else { return };
        session.last_active = now;
        if let Some(scripted) = self.scripted(session, name) {
            return self.dispatch_scripted(session, scripted, words, &mut reply);
        }
        let admitted = resolve(name, words).and_then(|command| {
            self.admit(session, command)?;
            Ok(command)
        });
        let command = match admitted {
            Ok(command) => command,
            Err(refusal) if self.disk_full && refusal == Refusal::DISK_FULL => {
                self.refused += 1;
                return reply.error(&self.reject(session, name, refusal).0);
            }
            Err(refusal) => return reply.error(&self.reject(session, name, refusal).0),
        };
        session.last_command = command.name;
        if !command.flags.has(Flags::UNQUEUED)
            && let Some(transaction) = &mut session.transaction
        {
            return queue(transaction, Queued::BuiltIn(command), words, &mut reply);
        }
        self.run(session, now, command, words, reply);
    }

    /// The way of a command of the server's script: whoever executes the engine calls it.
    fn dispatch_scripted(
        &mut self,
        session: &mut Session,
        scripted: Scripted,
        words: Words<'_>,
        reply: &mut Writer<'_>,
    ) {
        let name = words.get(0).unwrap_or_default();
        let shown = String::from_utf8_lossy(name).to_ascii_lowercase();
        let refusal = if !session.authenticated {
            Some(Refusal::NO_AUTH)
        } else if session.version == Version::Resp2 && session.subscriptions() > 0 {
            Some(subscribed(&shown))
        } else if scripted.words_max.is_some_and(|max| words.len() > max + 1) {
            Some(Refusal::arity(&shown))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return reply.error(&self.reject(session, name, refusal).0);
        }
        session.last_command = "script";
        if let Some(transaction) = &mut session.transaction {
            return queue(transaction, Queued::Script, words, reply);
        }
        self.stats.commands += 1;
        session.scripted = true;
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
        if self.disk_full && changes_data(session, command) {
            return Err(Refusal::DISK_FULL);
        }
        if session.version == Version::Resp2
            && session.subscriptions() > 0
            && !command.flags.has(Flags::SUBSCRIBER)
        {
            return Err(subscribed(command.name));
        }
        Ok(())
    }
}

/// What a client hears that has subscribed to something.
fn subscribed(name: &str) -> Refusal {
    Refusal::owned(format!(
        "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
         are allowed in this context"
    ))
}

/// Whether Redis refuses a command while it cannot write to its disk: one that changes data, the end of a
/// transaction with such a one in it, and PING, so that whoever looks after it notices.
fn changes_data(session: &Session, command: &Command) -> bool {
    let queue = session.transaction.iter().flat_map(|transaction| &transaction.queue);
    match command.name {
        "ping" => true,
        "exec" => queue.into_iter().any(|(queued, _)| match queued {
            Queued::BuiltIn(queued) => queued.flags.has(Flags::WRITE),
            // What it does with the data is refused when it does it.
            Queued::Script => false,
        }),
        _ => command.flags.has(Flags::WRITE),
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

fn queue(transaction: &mut Transaction, command: Queued, words: Words<'_>, reply: &mut Writer<'_>) {
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
