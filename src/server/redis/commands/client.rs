//! `CLIENT`: who is connected.

use super::connection::is_plain;
use super::prelude::*;
use crate::base::Time;
use crate::protocol::resp::Version;
use crate::server::redis::session::{ClientId, Session};

pub(super) const COMMANDS: &[Command] =
    &[Command::container("client", "2.4.0", CLIENT, "Tells and sets what concerns clients.")];

const CLIENT: &[Command] = &[
    Command::new("client|id", 2, Flags::NONE, NO_KEYS, "5.0.0", id, "Returns the own number."),
    Command::new("client|getname", 2, Flags::NONE, NO_KEYS, "2.6.9", getname, "Returns the name."),
    Command::new("client|setname", 3, Flags::NONE, NO_KEYS, "2.6.9", setname, "Sets the name."),
    Command::new("client|setinfo", 4, Flags::NONE, NO_KEYS, "7.2.0", setinfo, "Names the library."),
    Command::new("client|info", 2, Flags::NONE, NO_KEYS, "6.2.0", info, "Tells of oneself."),
    Command::new("client|list", -2, Flags::ADMIN, NO_KEYS, "2.4.0", list, "Lists all clients."),
    Command::new("client|kill", -3, Flags::ADMIN, NO_KEYS, "2.4.0", kill, "Closes connections."),
    Command::new("client|unblock", -3, Flags::ADMIN, NO_KEYS, "5.0.0", unblock, "Ends a waiting."),
    Command::new("client|no-evict", 3, Flags::ADMIN, NO_KEYS, "7.0.0", on_off, "Changes nothing."),
    Command::new("client|no-touch", 3, Flags::NONE, NO_KEYS, "7.2.0", on_off, "Changes nothing."),
    Command::new(
        "client|tracking",
        -3,
        Flags::NONE,
        NO_KEYS,
        "6.0.0",
        tracking,
        "Refuses but OFF.",
    ),
    Command::new("client|getredir", 2, Flags::NONE, NO_KEYS, "6.0.0", getredir, "Answers -1."),
    super::introspection::HELP.named("client|help"),
];

pub(super) const BAD_NAME: Refusal =
    Refusal::new("ERR Client names cannot contain spaces, newlines or special characters.");

fn id(call: &mut Call<'_>) -> Outcome {
    call.reply.integer(signed(call.session.id));
    Ok(())
}

fn signed(id: ClientId) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn getname(call: &mut Call<'_>) -> Outcome {
    let name = Some(&call.session.name).filter(|name| !name.is_empty());
    call.reply.bulk_or_null(name);
    Ok(())
}

fn setname(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    if !is_plain(&words[2]) {
        return Err(BAD_NAME);
    }
    call.session.name = words[2].to_vec();
    call.reply.ok();
    Ok(())
}

fn setinfo(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let (option, value) = (&words[2], &words[3]);
    let slot = if is(option, "LIB-NAME") {
        &mut call.session.library
    } else if is(option, "LIB-VER") {
        &mut call.session.library_version
    } else {
        return Err(Refusal::quoting("ERR Unrecognized option '", option, "'"));
    };
    if !is_plain(value) {
        let option = String::from_utf8_lossy(option).to_lowercase();
        return Err(Refusal::owned(format!(
            "ERR {option} cannot contain spaces, newlines or special characters."
        )));
    }
    *slot = value.to_vec();
    call.reply.ok();
    Ok(())
}

/// A client's line in `CLIENT LIST`.
fn line(session: &Session, now: Time) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let flags = match session {
        Session { blocked: Some(_), .. } => "b",
        Session { transaction: Some(_), .. } => "x",
        session if session.subscriptions() > 0 => "P",
        _ => "N",
    };
    let multi = session
        .transaction
        .as_ref()
        .map_or(-1, |transaction| i64::try_from(transaction.queue.len()).unwrap_or(i64::MAX));
    format!(
        "id={} addr={} laddr= fd=0 name={} age={} idle={} flags={flags} db={} sub={} psub={} \
         ssub=0 multi={multi} watch={} qbuf=0 qbuf-free=0 argv-mem=0 multi-mem={} rbs=0 rbp=0 \
         obl=0 oll=0 omem=0 tot-mem=0 events=r cmd={} user=default redir=-1 resp={} lib-name={} \
         lib-ver={}\n",
        session.id,
        session.address,
        text(&session.name),
        now.since(session.connected).as_secs(),
        now.since(session.last_active).as_secs(),
        session.db,
        session.channels.len(),
        session.patterns.len(),
        session.watched.len(),
        session.transaction.as_ref().map_or(0, |transaction| transaction.bytes),
        session.last_command,
        if session.version == Version::Resp3 { 3 } else { 2 },
        text(&session.library),
        text(&session.library_version),
    )
}

fn info(call: &mut Call<'_>) -> Outcome {
    let text = line(call.session, call.now);
    call.reply.verbatim(*b"txt", text.as_bytes());
    Ok(())
}

fn list(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let is_pubsub = |session: &Session| session.subscriptions() > 0;
    let wanted: Box<dyn Fn(&Session) -> bool> = match (words.get(2), words.get(3)) {
        (None, _) => Box::new(|_| true),
        (Some(option), Some(kind)) if is(option, "TYPE") && words.len() == 4 => match kind {
            _ if is(kind, "NORMAL") => Box::new(move |session| !is_pubsub(session)),
            _ if is(kind, "PUBSUB") => Box::new(is_pubsub),
            _ if is(kind, "MASTER") || is(kind, "REPLICA") => Box::new(|_| false),
            _ => {
                return Err(Refusal::quoting("ERR Unknown client type '", kind, "'"));
            }
        },
        (Some(option), Some(_)) if is(option, "ID") => {
            let refused = |_| Refusal::new("ERR Invalid client ID");
            let ids: Result<Vec<i64>, Refusal> =
                words.from(3).iter().map(|word| integer(word).map_err(refused)).collect();
            let ids = ids?;
            Box::new(move |session| ids.contains(&signed(session.id)))
        }
        _ => return Err(Refusal::SYNTAX),
    };
    let mut sessions: Vec<&Session> = call.engine.other_sessions().collect();
    sessions.push(call.session);
    sessions.sort_by_key(|session| session.id);
    let text: String =
        sessions.iter().filter(|s| wanted(s)).map(|session| line(session, call.now)).collect();
    call.reply.verbatim(*b"txt", text.as_bytes());
    Ok(())
}

/// `CLIENT KILL addr`, or with the filters `ID`, `ADDR` and `SKIPME`.
fn kill(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    if words.len() == 3 {
        let found = find(call, |session| session.address.as_bytes() == &words[2]);
        if found.is_empty() {
            return Err(Refusal::new("ERR No such client"));
        }
        close(call, &found);
        call.reply.ok();
        return Ok(());
    }
    let (mut id, mut address, mut skip_me) = (None, None, true);
    let mut rest = words.from(2);
    while !rest.is_empty() {
        let (option, value) = (&rest[0], word(rest, 1)?);
        if is(option, "ID") {
            let refused = Refusal::new("ERR client-id should be greater than 0");
            id = Some(integer(value).ok().filter(|id| *id > 0).ok_or(refused)?);
        } else if is(option, "ADDR") {
            address = Some(value);
        } else if is(option, "SKIPME") && (is(value, "YES") || is(value, "NO")) {
            skip_me = is(value, "YES");
        } else {
            return Err(Refusal::SYNTAX);
        }
        rest = rest.from(2);
    }
    let me = call.session.id;
    let found = find(call, |session| {
        id.is_none_or(|id| id == signed(session.id))
            && address.is_none_or(|address| session.address.as_bytes() == address)
            && !(skip_me && session.id == me)
    });
    close(call, &found);
    call.reply.count(found.len());
    Ok(())
}

fn find(call: &Call<'_>, wanted: impl Fn(&Session) -> bool) -> Vec<ClientId> {
    let all = call.engine.other_sessions().chain([&*call.session]);
    all.filter(|session| wanted(session)).map(|session| session.id).collect()
}

fn close(call: &mut Call<'_>, ids: &[ClientId]) {
    for &id in ids {
        if id == call.session.id {
            // One's own reply is still sent.
            call.session.closing = true;
        } else {
            call.engine.condemn(id);
        }
    }
}

fn unblock(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let id = ClientId::try_from(integer(&words[2])?).unwrap_or(0);
    let with_error = match (words.get(3), words.len()) {
        (None, _) => false,
        (Some(how), 4) if is(how, "TIMEOUT") => false,
        (Some(how), 4) if is(how, "ERROR") => true,
        _ => return Err(Refusal::new("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let released = call.engine.release(id, |reply| {
        if with_error {
            reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
        } else {
            reply.null_array();
        }
    });
    call.flag(released);
    Ok(())
}

/// `CLIENT NO-EVICT` and `CLIENT NO-TOUCH`.
fn on_off(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    if !is(&words[2], "ON") && !is(&words[2], "OFF") {
        return Err(Refusal::SYNTAX);
    }
    call.reply.ok();
    Ok(())
}

fn tracking(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    if is(&words[2], "OFF") {
        call.reply.ok();
        return Ok(());
    }
    Err(Refusal::new("ERR client side caching is not supported by this server"))
}

fn getredir(call: &mut Call<'_>) -> Outcome {
    call.reply.integer(-1);
    Ok(())
}
