//! Keys, whatever they hold.

use super::prelude::*;
use crate::base::glob;
use crate::protocol::resp::Writer;
use crate::server::redis::db::Entry;
use crate::server::redis::engine::DATABASES;

const FROM_TO: (i8, i8, i8) = (1, 2, 1);

pub(super) const COMMANDS: &[Command] = &[
    Command::new("del", -2, WRITE, ALL_KEYS, "1.0.0", del, "Deletes keys."),
    Command::new("unlink", -2, WRITE.and(FAST), ALL_KEYS, "4.0.0", del, "Deletes keys."),
    Command::new(
        "exists",
        -2,
        READ.and(FAST),
        ALL_KEYS,
        "1.0.0",
        exists,
        "Counts keys that exist.",
    ),
    Command::new("touch", -2, READ.and(FAST), ALL_KEYS, "3.2.1", exists, "Counts keys that exist."),
    Command::new("type", 2, READ.and(FAST), ONE_KEY, "1.0.0", type_of, "Tells what a key holds."),
    Command::new("keys", 2, READ, NO_KEYS, "1.0.0", keys, "Returns the keys that match."),
    Command::new("rename", 3, WRITE, FROM_TO, "1.0.0", rename, "Renames a key."),
    Command::new(
        "renamenx",
        3,
        WRITE.and(FAST),
        FROM_TO,
        "1.0.0",
        renamenx,
        "Renames to a new name.",
    ),
    Command::new("copy", -3, GROW, FROM_TO, "6.2.0", copy, "Copies a key."),
    Command::new("move", 3, WRITE.and(FAST), ONE_KEY, "1.0.0", move_key, "Moves a key elsewhere."),
    Command::new("randomkey", 1, READ, NO_KEYS, "1.0.0", randomkey, "Returns a key by chance."),
    Command::container("object", "2.2.3", OBJECT, "Tells how a key is kept."),
];

/// Those that concern whole databases.
pub(super) const WHOLE: &[Command] = &[
    Command::new("dbsize", 1, READ.and(FAST), NO_KEYS, "1.0.0", dbsize, "Counts the keys."),
    Command::new("flushdb", -1, WRITE, NO_KEYS, "1.0.0", flushdb, "Empties the database."),
    Command::new("flushall", -1, WRITE, NO_KEYS, "1.0.0", flushall, "Empties all databases."),
    Command::new("swapdb", 3, WRITE.and(FAST), NO_KEYS, "4.0.0", swapdb, "Exchanges databases."),
];

const OBJECT: &[Command] = &[
    Command::new("object|encoding", 3, READ, (2, 2, 1), "2.2.3", encoding, "Names the encoding."),
    Command::new("object|refcount", 3, READ, (2, 2, 1), "2.2.3", refcount, "Counts references."),
    Command::new("object|idletime", 3, READ, (2, 2, 1), "2.2.3", idletime, "Tells the idle time."),
    Command::new("object|freq", 3, READ, (2, 2, 1), "4.0.0", freq, "Tells how often it is used."),
    super::introspection::HELP.named("object|help"),
];

/// The database that a word numbers.
pub(super) fn database(word: &[u8], refusal: &Refusal) -> Result<usize, Refusal> {
    let index = usize::try_from(integer(word).map_err(|_| refusal.clone())?);
    index.ok().filter(|index| *index < DATABASES).ok_or(Refusal::DB_INDEX)
}

fn del(call: &mut Call<'_>) -> Outcome {
    let keys = call.words.from(1);
    let db = call.db();
    let mut count = 0;
    for key in keys.iter() {
        db.settle(key);
        count += usize::from(db.remove(key).is_some());
    }
    call.reply.count(count);
    Ok(())
}

fn exists(call: &mut Call<'_>) -> Outcome {
    let keys = call.words.from(1);
    let db = call.db();
    let count = keys.iter().filter(|key| db.contains(key)).count();
    call.reply.count(count);
    Ok(())
}

fn type_of(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let name = call.db().entry(&words[1]).map_or("none", |entry| entry.value.type_name());
    call.reply.simple(name);
    Ok(())
}

fn keys(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let db = &call.engine.dbs[call.session.db];
    let matching: Vec<&[u8]> =
        db.iter().map(|(key, _)| key).filter(|key| glob(&words[1], key)).collect();
    call.reply.array(matching.len());
    for key in matching {
        call.reply.bulk(key);
    }
    Ok(())
}

/// Takes a key for another place.
fn take(call: &mut Call<'_>) -> Result<Entry, Refusal> {
    let words = call.words;
    let db = call.db();
    db.settle(&words[1]);
    if words[1] == words[2] {
        return db.entry(&words[1]).cloned().ok_or(Refusal::NO_SUCH_KEY);
    }
    db.remove(&words[1]).ok_or(Refusal::NO_SUCH_KEY)
}

fn rename(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let entry = take(call)?;
    if words[1] != words[2] {
        call.db().put(&words[2], entry.value, entry.deadline_ms);
    }
    call.reply.ok();
    Ok(())
}

fn renamenx(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let db = call.db();
    if !db.contains(&words[1]) {
        return Err(Refusal::NO_SUCH_KEY);
    }
    let new = !db.contains(&words[2]);
    if new {
        let entry = take(call)?;
        call.db().put(&words[2], entry.value, entry.deadline_ms);
    }
    call.flag(new);
    Ok(())
}

fn copy(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let (mut target, mut replace, mut index) = (call.session.db, false, 3);
    while let Some(option) = words.get(index) {
        if is(option, "REPLACE") {
            replace = true;
        } else if is(option, "DB") && index + 1 < words.len() {
            index += 1;
            target = database(&words[index], &Refusal::NOT_INTEGER)?;
        } else {
            return Err(Refusal::SYNTAX);
        }
        index += 1;
    }
    if target == call.session.db && words[1] == words[2] {
        return Err(Refusal::SAME_OBJECT);
    }
    let source = call.db().entry(&words[1]).cloned();
    let target = &mut call.engine.dbs[target];
    let copied = match source {
        Some(entry) if replace || !target.contains(&words[2]) => {
            target.put(&words[2], entry.value, entry.deadline_ms);
            true
        }
        _ => false,
    };
    call.flag(copied);
    Ok(())
}

fn move_key(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let target = database(&words[2], &Refusal::NOT_INTEGER)?;
    if target == call.session.db {
        return Err(Refusal::SAME_OBJECT);
    }
    call.db().settle(&words[1]);
    let free = !call.engine.dbs[target].contains(&words[1]);
    let moved = if free { call.db().remove(&words[1]) } else { None };
    let done = moved.is_some();
    if let Some(entry) = moved {
        call.engine.dbs[target].put(&words[1], entry.value, entry.deadline_ms);
    }
    call.flag(done);
    Ok(())
}

fn randomkey(call: &mut Call<'_>) -> Outcome {
    let engine = &mut *call.engine;
    let key = engine.dbs[call.session.db].random_key(&mut engine.rng);
    call.reply.bulk_or_null(key);
    Ok(())
}

fn dbsize(call: &mut Call<'_>) -> Outcome {
    let count = call.db().len();
    call.reply.count(count);
    Ok(())
}

/// `ASYNC` and `SYNC` are the same here.
fn flush_option(call: &Call<'_>) -> Result<(), Refusal> {
    match (call.words.get(1), call.words.len()) {
        (None, _) => Ok(()),
        (Some(option), 2) if is(option, "ASYNC") || is(option, "SYNC") => Ok(()),
        _ => Err(Refusal::SYNTAX),
    }
}

fn flushdb(call: &mut Call<'_>) -> Outcome {
    flush_option(call)?;
    call.db().flush();
    call.reply.ok();
    Ok(())
}

fn flushall(call: &mut Call<'_>) -> Outcome {
    flush_option(call)?;
    for db in &mut call.engine.dbs {
        db.flush();
    }
    call.reply.ok();
    Ok(())
}

fn swapdb(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let first = database(&words[1], &Refusal::new("ERR invalid first DB index"))?;
    let second = database(&words[2], &Refusal::new("ERR invalid second DB index"))?;
    if first != second {
        let (low, high) = (first.min(second), first.max(second));
        let (before, from_high) = call.engine.dbs.split_at_mut(high);
        before[low].swap(&mut from_high[0]);
    }
    call.reply.ok();
    Ok(())
}

/// `OBJECT` answers nothing for a key that is not there.
fn with_object(call: &mut Call<'_>, reply: impl FnOnce(&mut Writer<'_>, &Value)) -> Outcome {
    let words = call.words;
    match call.engine.dbs[call.session.db].entry(&words[2]) {
        Some(entry) => reply(&mut call.reply, &entry.value),
        None => call.reply.null(),
    }
    Ok(())
}

fn encoding(call: &mut Call<'_>) -> Outcome {
    with_object(call, |reply, value| reply.bulk(value.encoding()))
}

fn refcount(call: &mut Call<'_>) -> Outcome {
    // Redis keeps the integers below 10,000 once for all keys and says so with this number.
    let shared = |text: &[u8]| integer(text).is_ok_and(|n| (0..10_000).contains(&n));
    with_object(call, |reply, value| match value {
        Value::Text(text) if shared(text) => reply.integer(i64::from(i32::MAX)),
        _ => reply.integer(1),
    })
}

fn idletime(call: &mut Call<'_>) -> Outcome {
    with_object(call, |reply, _| reply.integer(0))
}

fn freq(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    if !call.db().contains(&words[2]) {
        call.reply.null();
        return Ok(());
    }
    Err(Refusal::new(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note \
         that when switching between policies at runtime LRU and LFU data will take some time to \
         adjust.",
    ))
}
