//! The connection itself.

use super::keys::database;
use super::prelude::*;
use crate::protocol::resp::Version;
use crate::server::redis::limits::CLIENT_NAME_BYTES_MAX;
use crate::server::redis::session::Session;

const ANYTIME: Flags = Flags::NO_AUTH.and(FAST);

pub(super) const COMMANDS: &[Command] = &[
    Command::new("ping", -1, FAST.and(Flags::SUBSCRIBER), NO_KEYS, "1.0.0", ping, "Answers."),
    Command::new("echo", 2, FAST, NO_KEYS, "1.0.0", echo, "Answers the same."),
    Command::new(
        "quit",
        -1,
        ANYTIME.and(Flags::SUBSCRIBER).and(Flags::UNQUEUED),
        NO_KEYS,
        "1.0.0",
        quit,
        "Closes the connection.",
    ),
    Command::new(
        "reset",
        1,
        ANYTIME.and(Flags::SUBSCRIBER).and(Flags::UNQUEUED),
        NO_KEYS,
        "6.2.0",
        reset,
        "Makes the connection as new.",
    ),
    Command::new("auth", -2, ANYTIME, NO_KEYS, "1.0.0", auth, "Gives the password."),
    Command::new("hello", -1, ANYTIME, NO_KEYS, "6.0.0", hello, "Greets and chooses the version."),
    Command::new("select", 2, FAST, NO_KEYS, "1.0.0", select, "Chooses a database."),
];

fn ping(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    if words.len() > 2 {
        return Err(Refusal::arity("ping"));
    }
    let text = words.get(1);
    if call.session.version == Version::Resp2 && call.session.subscriptions() > 0 {
        call.reply.array(2);
        call.reply.bulk("pong");
        call.reply.bulk(text.unwrap_or_default());
    } else if let Some(text) = text {
        call.reply.bulk(text);
    } else {
        call.reply.simple("PONG");
    }
    Ok(())
}

fn echo(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    call.reply.bulk(&words[1]);
    Ok(())
}

fn quit(call: &mut Call<'_>) -> Outcome {
    call.session.closing = true;
    call.reply.ok();
    Ok(())
}

fn reset(call: &mut Call<'_>) -> Outcome {
    call.engine.forget(call.session);
    let authenticated = call.engine.config.password().is_none();
    let Session { id, connected, .. } = *call.session;
    let address = std::mem::take(&mut call.session.address);
    let fresh = Session::new(id, address, connected, authenticated);
    *call.session = Session { last_command: "reset", last_active: call.now, ..fresh };
    call.engine.set_version(id, Version::Resp2);
    call.reply.simple("RESET");
    Ok(())
}

/// Checks a name and a password; there is only the user `default`.
fn admit(call: &mut Call<'_>, user: &[u8], password: &[u8]) -> Outcome {
    let known = user == b"default";
    let right = call.engine.config.password().is_none_or(|right| right.as_bytes() == password);
    if !known || !right {
        return Err(Refusal::WRONG_PASSWORD);
    }
    call.session.authenticated = true;
    Ok(())
}

fn auth(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    match words.len() {
        2 if call.engine.config.password().is_none() => {
            return Err(Refusal::new(
                "ERR AUTH <password> called without any password configured for the default \
                 user. Are you sure your configuration is correct?",
            ));
        }
        2 => admit(call, b"default", &words[1])?,
        3 => admit(call, &words[1], &words[2])?,
        _ => return Err(Refusal::SYNTAX),
    }
    call.reply.ok();
    Ok(())
}

/// True if a name may be given to a connection: short, and nothing that would break a line of
/// `CLIENT LIST`.
pub(super) fn is_plain(name: &[u8]) -> bool {
    name.len() <= CLIENT_NAME_BYTES_MAX && name.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

fn hello(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let mut version = None;
    if let Some(wanted) = words.get(1) {
        let not_a_version = Refusal::new("ERR Protocol version is not an integer or out of range");
        version = Some(match integer(wanted).map_err(|_| not_a_version)? {
            2 => Version::Resp2,
            3 => Version::Resp3,
            _ => return Err(Refusal::new("NOPROTO unsupported protocol version")),
        });
    }
    let mut name = None;
    let mut rest = words.from(2);
    while let Some(option) = rest.get(0) {
        if is(option, "AUTH") && rest.len() >= 3 {
            admit(call, &rest[1], &rest[2])?;
            rest = rest.from(3);
        } else if is(option, "SETNAME") && rest.len() >= 2 {
            if !is_plain(&rest[1]) {
                return Err(super::client::BAD_NAME);
            }
            name = rest.get(1);
            rest = rest.from(2);
        } else {
            return Err(Refusal::quoting("ERR Syntax error in HELLO option '", option, "'"));
        }
    }
    if !call.session.authenticated {
        return Err(Refusal::new(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
             select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        call.session.name = name.to_vec();
    }
    if let Some(version) = version {
        call.session.version = version;
        call.engine.set_version(call.session.id, version);
        call.reply.set_version(version);
    }
    greet(call);
    Ok(())
}

fn greet(call: &mut Call<'_>) {
    let resp3 = call.session.version == Version::Resp3;
    let id = i64::try_from(call.session.id).unwrap_or(i64::MAX);
    let reply = &mut call.reply;
    reply.map(7);
    reply.bulk("server");
    reply.bulk("redis");
    reply.bulk("version");
    reply.bulk(super::server::REDIS_VERSION);
    reply.bulk("proto");
    reply.integer(if resp3 { 3 } else { 2 });
    reply.bulk("id");
    reply.integer(id);
    reply.bulk("mode");
    reply.bulk("standalone");
    reply.bulk("role");
    reply.bulk("master");
    reply.bulk("modules");
    reply.array(0);
}

fn select(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    call.session.db = database(&words[1], &Refusal::NOT_INTEGER)?;
    call.reply.ok();
    Ok(())
}
