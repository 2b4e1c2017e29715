//! Strings and counters.

use super::expiry::Moment;
use super::prelude::*;
use crate::server::redis::limits::TEXT_BYTES_MAX;

pub(super) const COMMANDS: &[Command] = &[
    Command::new("get", 2, READ.and(FAST), ONE_KEY, "1.0.0", get, "Returns a string."),
    Command::new("set", -3, GROW, ONE_KEY, "1.0.0", set, "Sets a string, on conditions."),
    Command::new("setnx", 3, GROW.and(FAST), ONE_KEY, "1.0.0", setnx, "Sets a new string."),
    Command::new("setex", 4, GROW, ONE_KEY, "2.0.0", setex, "Sets a string for some seconds."),
    Command::new("psetex", 4, GROW, ONE_KEY, "2.6.0", setex, "Sets a string for milliseconds."),
    Command::new("getset", 3, GROW.and(FAST), ONE_KEY, "1.0.0", getset, "Exchanges a string."),
    Command::new("getdel", 2, WRITE.and(FAST), ONE_KEY, "6.2.0", getdel, "Takes a string away."),
    Command::new("getex", -2, WRITE.and(FAST), ONE_KEY, "6.2.0", getex, "Returns and times out."),
    Command::new("mget", -2, READ.and(FAST), ALL_KEYS, "1.0.0", mget, "Returns several strings."),
    Command::new("mset", -3, GROW, (1, -1, 2), "1.0.1", mset, "Sets several strings."),
    Command::new("msetnx", -3, GROW, (1, -1, 2), "1.0.1", msetnx, "Sets several, if all are new."),
    Command::new("append", 3, GROW.and(FAST), ONE_KEY, "2.0.0", append, "Lengthens a string."),
    Command::new("strlen", 2, READ.and(FAST), ONE_KEY, "2.2.0", strlen, "Returns a length."),
    Command::new("getrange", 4, READ, ONE_KEY, "2.4.0", getrange, "Returns a part of a string."),
    Command::new("substr", 4, READ, ONE_KEY, "1.0.0", getrange, "Returns a part of a string."),
    Command::new("setrange", 4, GROW, ONE_KEY, "2.2.0", setrange, "Overwrites a part."),
    Command::new("incr", 2, GROW.and(FAST), ONE_KEY, "1.0.0", incr, "Adds one."),
    Command::new("decr", 2, GROW.and(FAST), ONE_KEY, "1.0.0", decr, "Takes one away."),
    Command::new("incrby", 3, GROW.and(FAST), ONE_KEY, "1.0.0", incrby, "Adds an integer."),
    Command::new("decrby", 3, GROW.and(FAST), ONE_KEY, "1.0.0", decrby, "Takes an integer away."),
];

type Text = Vec<u8>;

fn get(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let text = call.engine.dbs[call.session.db].get::<Text>(&words[1])?;
    call.reply.bulk_or_null(text);
    Ok(())
}

/// What is written behind the value of `SET`.
#[derive(Default)]
struct SetOptions<'a> {
    if_missing: bool,
    if_present: bool,
    return_old: bool,
    keep_deadline: bool,
    time: Option<(Moment, &'a [u8])>,
}

fn set_options<'a>(call: &Call<'a>) -> Result<SetOptions<'a>, Refusal> {
    let words = call.words;
    let mut options = SetOptions::default();
    let mut index = 3;
    while let Some(option) = words.get(index) {
        let timed = options.keep_deadline || options.time.is_some();
        if is(option, "NX") && !options.if_present {
            options.if_missing = true;
        } else if is(option, "XX") && !options.if_missing {
            options.if_present = true;
        } else if is(option, "GET") {
            options.return_old = true;
        } else if is(option, "KEEPTTL") && !timed {
            options.keep_deadline = true;
        } else if let (Some(moment), false) = (Moment::option(option), timed) {
            index += 1;
            options.time = Some((moment, word(words, index)?));
        } else {
            return Err(Refusal::SYNTAX);
        }
        index += 1;
    }
    Ok(options)
}

fn set(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let options = if words.len() == 3 { SetOptions::default() } else { set_options(call)? };
    let deadline = options.time.map(|(moment, time)| moment.deadline(call, time)).transpose()?;
    let key = &words[1];
    let db = &mut call.engine.dbs[call.session.db];
    if options.return_old {
        let old = db.get::<Text>(key)?;
        call.reply.bulk_or_null(old);
    }
    if (options.if_missing && db.contains(key)) || (options.if_present && !db.contains(key)) {
        if !options.return_old {
            call.reply.null();
        }
        return Ok(());
    }
    let deadline = if options.keep_deadline {
        db.entry(key).and_then(|entry| entry.deadline_ms)
    } else {
        deadline
    };
    db.put(key, Value::Text(words[2].to_vec()), deadline);
    if !options.return_old {
        call.reply.ok();
    }
    Ok(())
}

fn setnx(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let db = call.db();
    let new = !db.contains(&words[1]);
    if new {
        db.put(&words[1], Value::Text(words[2].to_vec()), None);
    }
    call.flag(new);
    Ok(())
}

/// `SETEX` and `PSETEX`.
fn setex(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let moment = if call.name == "setex" { Moment::IN_SECONDS } else { Moment::IN_MILLIS };
    let deadline = moment.deadline(call, &words[2])?;
    call.db().put(&words[1], Value::Text(words[3].to_vec()), Some(deadline));
    call.reply.ok();
    Ok(())
}

fn getset(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let db = &mut call.engine.dbs[call.session.db];
    let old = db.get::<Text>(&words[1])?;
    call.reply.bulk_or_null(old);
    db.put(&words[1], Value::Text(words[2].to_vec()), None);
    Ok(())
}

fn getdel(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let db = &mut call.engine.dbs[call.session.db];
    call.reply.bulk_or_null(db.get::<Text>(&words[1])?);
    db.remove(&words[1]);
    Ok(())
}

/// What `GETEX` does to the time to live.
enum Change<'a> {
    None,
    Persist,
    Set(Moment, &'a [u8]),
}

fn getex(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let change = match (words.get(2), words.len()) {
        (None, _) => Change::None,
        (Some(option), 3) if is(option, "PERSIST") => Change::Persist,
        (Some(option), 4) => Change::Set(Moment::option(option).ok_or(Refusal::SYNTAX)?, &words[3]),
        _ => return Err(Refusal::SYNTAX),
    };
    if call.db().get::<Text>(&words[1])?.is_none() {
        call.reply.null();
        return Ok(());
    }
    let deadline = match change {
        Change::None => None,
        Change::Persist => Some(None),
        Change::Set(moment, time) => Some(Some(moment.deadline(call, time)?)),
    };
    let db = &mut call.engine.dbs[call.session.db];
    call.reply.bulk_or_null(db.get::<Text>(&words[1])?);
    if let Some(deadline) = deadline {
        db.set_deadline(&words[1], deadline);
    }
    Ok(())
}

fn mget(call: &mut Call<'_>) -> Outcome {
    let keys = call.words.from(1);
    call.reply.array(keys.len());
    let db = &mut call.engine.dbs[call.session.db];
    for key in keys.iter() {
        // A key that holds something else is as good as missing here.
        call.reply.bulk_or_null(db.get::<Text>(key).unwrap_or(None));
    }
    Ok(())
}

fn pairs(call: &Call<'_>) -> Result<(), Refusal> {
    if call.words.len().is_multiple_of(2) { Err(Refusal::arity(call.name)) } else { Ok(()) }
}

fn put_pairs(call: &mut Call<'_>) {
    let words = call.words;
    let db = call.db();
    for index in (1..words.len()).step_by(2) {
        db.put(&words[index], Value::Text(words[index + 1].to_vec()), None);
    }
}

fn mset(call: &mut Call<'_>) -> Outcome {
    pairs(call)?;
    put_pairs(call);
    call.reply.ok();
    Ok(())
}

fn msetnx(call: &mut Call<'_>) -> Outcome {
    pairs(call)?;
    let words = call.words;
    let db = call.db();
    let all_new = (1..words.len()).step_by(2).all(|index| !db.contains(&words[index]));
    if all_new {
        put_pairs(call);
    }
    call.flag(all_new);
    Ok(())
}

fn append(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let db = call.db();
    let length = db.get::<Text>(&words[1])?.map_or(0, Vec::len);
    if length.saturating_add(words[2].len()) > TEXT_BYTES_MAX {
        return Err(Refusal::TOO_LONG);
    }
    let length = db.update::<Text, _>(&words[1], true, |text| {
        text.extend_from_slice(&words[2]);
        (text.len(), true)
    })?;
    call.reply.count(length.unwrap_or(0));
    Ok(())
}

fn strlen(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let length = call.db().get::<Text>(&words[1])?.map_or(0, Vec::len);
    call.reply.count(length);
    Ok(())
}

fn getrange(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let (start, end) = (integer(&words[2])?, integer(&words[3])?);
    let db = &mut call.engine.dbs[call.session.db];
    let text = db.get::<Text>(&words[1])?.map_or(&[][..], |text| text);
    call.reply.bulk(&text[text_slice(start, end, text.len())]);
    Ok(())
}

fn setrange(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let offset = integer(&words[2])?;
    let Ok(offset) = usize::try_from(offset) else { return Err(Refusal::OFFSET) };
    let piece = &words[3];
    let db = call.db();
    let length = db.get::<Text>(&words[1])?.map_or(0, Vec::len);
    if piece.is_empty() {
        call.reply.count(length);
        return Ok(());
    }
    let end = offset.saturating_add(piece.len());
    if end > TEXT_BYTES_MAX {
        return Err(Refusal::TOO_LONG);
    }
    let length = db.update::<Text, _>(&words[1], true, |text| {
        text.resize(text.len().max(end), 0);
        text[offset..end].copy_from_slice(piece);
        (text.len(), true)
    })?;
    call.reply.count(length.unwrap_or(0));
    Ok(())
}

fn incr(call: &mut Call<'_>) -> Outcome {
    add(call, 1)
}

fn decr(call: &mut Call<'_>) -> Outcome {
    add(call, -1)
}

fn incrby(call: &mut Call<'_>) -> Outcome {
    let by = integer(&call.words[2])?;
    add(call, by)
}

fn decrby(call: &mut Call<'_>) -> Outcome {
    let by = integer(&call.words[2])?;
    let by = by.checked_neg().ok_or(Refusal::new("ERR decrement would overflow"))?;
    add(call, by)
}

fn add(call: &mut Call<'_>, by: i64) -> Outcome {
    let words = call.words;
    let db = call.db();
    let old = match db.get::<Text>(&words[1])? {
        Some(text) => integer(text)?,
        None => 0,
    };
    let sum = old.checked_add(by).ok_or(Refusal::OVERFLOW)?;
    db.update::<Text, _>(&words[1], true, |text| {
        text.clear();
        text.extend_from_slice(itoa::Buffer::new().format(sum).as_bytes());
        ((), true)
    })?;
    call.reply.integer(sum);
    Ok(())
}
