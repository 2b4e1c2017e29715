//! Lists; those that wait stand in `blocking.rs`.

use super::prelude::*;
use crate::server::redis::db::Db;

const FROM_TO: (i8, i8, i8) = (1, 2, 1);

pub(super) const COMMANDS: &[Command] = &[
    Command::new("lpush", -3, GROW.and(FAST), ONE_KEY, "1.0.0", push, "Adds at the left end."),
    Command::new("rpush", -3, GROW.and(FAST), ONE_KEY, "1.0.0", push, "Adds at the right end."),
    Command::new("lpushx", -3, GROW.and(FAST), ONE_KEY, "2.2.0", push, "Adds to a list there is."),
    Command::new("rpushx", -3, GROW.and(FAST), ONE_KEY, "2.2.0", push, "Adds to a list there is."),
    Command::new("lpop", -2, WRITE.and(FAST), ONE_KEY, "1.0.0", pop, "Takes from the left end."),
    Command::new("rpop", -2, WRITE.and(FAST), ONE_KEY, "1.0.0", pop, "Takes from the right end."),
    Command::new("llen", 2, READ.and(FAST), ONE_KEY, "1.0.0", llen, "Counts the elements."),
    Command::new("lrange", 4, READ, ONE_KEY, "1.0.0", lrange, "Returns a part of a list."),
    Command::new("lindex", 3, READ, ONE_KEY, "1.0.0", lindex, "Returns an element."),
    Command::new("lset", 4, GROW, ONE_KEY, "1.0.0", lset, "Replaces an element."),
    Command::new("lrem", 4, WRITE, ONE_KEY, "1.0.0", lrem, "Removes equal elements."),
    Command::new("ltrim", 4, WRITE, ONE_KEY, "1.0.0", ltrim, "Keeps a part of a list."),
    Command::new("linsert", 5, GROW, ONE_KEY, "2.2.0", linsert, "Adds beside an element."),
    Command::new("lpos", -3, READ, ONE_KEY, "6.0.6", lpos, "Tells where an element is."),
    Command::new("lmove", 5, GROW, FROM_TO, "6.2.0", lmove, "Moves an element."),
    Command::new("rpoplpush", 3, GROW, FROM_TO, "1.2.0", rpoplpush, "Moves the last element."),
    Command::new("lmpop", -4, WRITE, NO_KEYS, "7.0.0", lmpop, "Takes from one of several lists."),
];

/// The end that the name of a command begins with.
pub(super) fn end_of(name: &str) -> End {
    if name.trim_start_matches('b').starts_with('l') { End::Left } else { End::Right }
}

/// The end that a word names.
pub(super) fn end(word: &[u8]) -> Result<End, Refusal> {
    match word {
        _ if is(word, "LEFT") => Ok(End::Left),
        _ if is(word, "RIGHT") => Ok(End::Right),
        _ => Err(Refusal::SYNTAX),
    }
}

fn push(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let (end, create) = (end_of(call.name), !call.name.ends_with('x'));
    let length = call.db().update::<List, _>(&words[1], create, |list| {
        words.from(2).iter().for_each(|element| list.push(end, element));
        (list.len(), true)
    })?;
    call.reply.count(length.unwrap_or(0));
    Ok(())
}

/// Takes one element.
pub(in crate::server::redis) fn pop_one(
    db: &mut Db,
    key: &[u8],
    end: End,
) -> Result<Option<Box<[u8]>>, Refusal> {
    Ok(db.update::<List, _>(key, false, |list| (list.pop(end), true))?.flatten())
}

/// Takes at most `count` elements; `None` if there is no list.
pub(in crate::server::redis) fn pop_many(
    db: &mut Db,
    key: &[u8],
    end: End,
    count: usize,
) -> Result<Option<Vec<Box<[u8]>>>, Refusal> {
    db.update::<List, _>(key, false, |list| {
        let taken: Vec<_> = std::iter::from_fn(|| list.pop(end)).take(count).collect();
        let changed = !taken.is_empty();
        (taken, changed)
    })
}

fn pop(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let end = end_of(call.name);
    if words.len() > 3 {
        return Err(Refusal::arity(call.name));
    }
    if let Some(count) = words.get(2) {
        let count = positive(count)?;
        match pop_many(call.db(), &words[1], end, count)? {
            None => call.reply.null_array(),
            Some(taken) => {
                call.reply.array(taken.len());
                taken.iter().for_each(|element| call.reply.bulk(element));
            }
        }
    } else {
        let element = pop_one(call.db(), &words[1], end)?;
        call.reply.bulk_or_null(element);
    }
    Ok(())
}

fn llen(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let length = call.db().get::<List>(&words[1])?.map_or(0, List::len);
    call.reply.count(length);
    Ok(())
}

fn lrange(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let (start, stop) = (integer(&words[2])?, integer(&words[3])?);
    let Some(list) = call.engine.dbs[call.session.db].get::<List>(&words[1])? else {
        call.reply.array(0);
        return Ok(());
    };
    let range = slice(start, stop, list.len());
    call.reply.array(range.len());
    list.range(range).for_each(|element| call.reply.bulk(element));
    Ok(())
}

/// The place that an index, from the end if negative, names.
fn place(index: i64, length: usize) -> Option<usize> {
    let signed = i64::try_from(length).unwrap_or(i64::MAX);
    let index = if index < 0 { index.saturating_add(signed) } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

fn lindex(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let list = call.engine.dbs[call.session.db].get::<List>(&words[1])?;
    let Some(list) = list else {
        call.reply.null();
        return Ok(());
    };
    let at = place(integer(&words[2])?, list.len());
    call.reply.bulk_or_null(at.and_then(|at| list.get(at)));
    Ok(())
}

fn lset(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let db = call.db();
    if db.get::<List>(&words[1])?.is_none() {
        return Err(Refusal::NO_SUCH_KEY);
    }
    let index = integer(&words[2])?;
    let done = db.update::<List, _>(&words[1], false, |list| {
        let done = place(index, list.len()).is_some_and(|at| list.set(at, &words[3]));
        (done, done)
    })?;
    if done != Some(true) {
        return Err(Refusal::INDEX);
    }
    call.reply.ok();
    Ok(())
}

fn lrem(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let count = integer(&words[2])?;
    let end = if count < 0 { End::Right } else { End::Left };
    let limit = match count {
        0 => usize::MAX,
        _ => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
    };
    let removed = call.db().update::<List, _>(&words[1], false, |list| {
        let removed = list.remove(&words[3], end, limit);
        (removed, removed > 0)
    })?;
    call.reply.count(removed.unwrap_or(0));
    Ok(())
}

fn ltrim(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let (start, stop) = (integer(&words[2])?, integer(&words[3])?);
    call.db().update::<List, _>(&words[1], false, |list| {
        list.trim(slice(start, stop, list.len()));
        ((), true)
    })?;
    call.reply.ok();
    Ok(())
}

fn linsert(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let offset = match &words[2] {
        side if is(side, "BEFORE") => 0,
        side if is(side, "AFTER") => 1,
        _ => return Err(Refusal::SYNTAX),
    };
    let length = call.db().update::<List, _>(&words[1], false, |list| {
        let Some(at) = list.iter().position(|element| *element == words[3]) else {
            return (None, false);
        };
        list.insert(at + offset, &words[4]);
        (Some(list.len()), true)
    })?;
    match length {
        None => call.reply.integer(0),
        Some(None) => call.reply.integer(-1),
        Some(Some(length)) => call.reply.count(length),
    }
    Ok(())
}

/// What stands behind the element that `LPOS` looks for.
struct PosOptions {
    rank: i64,
    count: Option<usize>,
    compared_max: usize,
}

fn pos_options(call: &Call<'_>) -> Result<PosOptions, Refusal> {
    let mut options = PosOptions { rank: 1, count: None, compared_max: usize::MAX };
    let mut rest = call.words.from(3);
    while !rest.is_empty() {
        let (option, value) = (&rest[0], word(rest, 1)?);
        let no_limit = |n: usize| if n == 0 { usize::MAX } else { n };
        if is(option, "RANK") {
            options.rank = integer(value)?;
            if options.rank == i64::MIN {
                return Err(Refusal::OUT_OF_RANGE);
            }
            if options.rank == 0 {
                return Err(Refusal::new(
                    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the \
                     second ... or use negative to start from the end of the list",
                ));
            }
        } else if is(option, "COUNT") {
            let refused = |_| Refusal::new("ERR COUNT can't be negative");
            options.count = Some(no_limit(positive(value).map_err(refused)?));
        } else if is(option, "MAXLEN") {
            let refused = |_| Refusal::new("ERR MAXLEN can't be negative");
            options.compared_max = no_limit(positive(value).map_err(refused)?);
        } else {
            return Err(Refusal::SYNTAX);
        }
        rest = rest.from(2);
    }
    Ok(options)
}

fn lpos(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let options = pos_options(call)?;
    let list = call.db().get::<List>(&words[1])?;
    let skipped = usize::try_from(options.rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
    let wanted = options.count.unwrap_or(1);
    let found: Vec<usize> = list.map_or_else(Vec::new, |list| {
        let fits = |(_, element): &(usize, &[u8])| **element == words[2];
        let places: Box<dyn Iterator<Item = (usize, &[u8])>> = if options.rank > 0 {
            Box::new(list.iter().enumerate())
        } else {
            let last = list.len().saturating_sub(1);
            Box::new(list.iter().rev().enumerate().map(move |(at, element)| (last - at, element)))
        };
        let compared = places.take(options.compared_max);
        compared.filter(fits).skip(skipped).take(wanted).map(|(at, _)| at).collect()
    });
    if options.count.is_some() {
        call.reply.array(found.len());
        found.iter().for_each(|&at| call.reply.count(at));
    } else if let Some(&at) = found.first() {
        call.reply.count(at);
    } else {
        call.reply.null();
    }
    Ok(())
}

/// Moves one element between two lists, which may be the same; `None` if there is none.
pub(in crate::server::redis) fn move_one(
    db: &mut Db,
    (source, from): (&[u8], End),
    (target, to): (&[u8], End),
) -> Result<Option<Box<[u8]>>, Refusal> {
    if db.get::<List>(source)?.is_none() {
        return Ok(None);
    }
    db.get::<List>(target)?;
    if source == target {
        // In one go: a list of one element is not gone in between, nor is its time to live.
        let turned = db.update::<List, _>(source, false, |list| {
            let element = list.pop(from);
            if let Some(element) = &element {
                list.push(to, element);
            }
            (element, true)
        })?;
        return Ok(turned.flatten());
    }
    let Some(element) = pop_one(db, source, from)? else { return Ok(None) };
    db.update::<List, _>(target, true, |list| (list.push(to, &element), true))?;
    Ok(Some(element))
}

fn lmove(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let (from, to) = (end(&words[3])?, end(&words[4])?);
    let moved = move_one(call.db(), (&words[1], from), (&words[2], to))?;
    call.reply.bulk_or_null(moved);
    Ok(())
}

fn rpoplpush(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let moved = move_one(call.db(), (&words[1], End::Right), (&words[2], End::Left))?;
    call.reply.bulk_or_null(moved);
    Ok(())
}

/// The keys, the end and the count of `LMPOP` from word `index` on.
pub(super) fn many<'a>(
    call: &Call<'a>,
    index: usize,
) -> Result<(Vec<&'a [u8]>, End, usize), Refusal> {
    let words = call.words;
    let numkeys = integer(word(words, index)?).ok().and_then(|n| usize::try_from(n).ok());
    let Some(numkeys) = numkeys.filter(|n| *n > 0) else {
        return Err(Refusal::new("ERR numkeys should be greater than 0"));
    };
    let after = index.saturating_add(1).saturating_add(numkeys);
    let end = end(word(words, after)?)?;
    let mut count = None;
    let mut rest = words.from(after + 1);
    while let Some(option) = rest.get(0) {
        if !is(option, "COUNT") || count.is_some() {
            return Err(Refusal::SYNTAX);
        }
        let refused = Refusal::new("ERR count should be greater than 0");
        let number = positive(word(rest, 1)?).ok().filter(|n| *n > 0);
        count = Some(number.ok_or(refused)?);
        rest = rest.from(2);
    }
    let count = count.unwrap_or(1);
    Ok((words.from(index + 1).iter().take(numkeys).collect(), end, count))
}

fn lmpop(call: &mut Call<'_>) -> Outcome {
    let (keys, end, count) = many(call, 1)?;
    for key in keys {
        if let Some(taken) = pop_many(call.db(), key, end, count)? {
            reply_many(&mut call.reply, key, &taken);
            return Ok(());
        }
    }
    call.reply.null_array();
    Ok(())
}

/// A key and what was taken from it.
pub(in crate::server::redis) fn reply_many(
    reply: &mut crate::protocol::resp::Writer<'_>,
    key: &[u8],
    taken: &[Box<[u8]>],
) {
    reply.array(2);
    reply.bulk(key);
    reply.array(taken.len());
    taken.iter().for_each(|element| reply.bulk(element));
}
