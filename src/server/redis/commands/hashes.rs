//! Hashes.

use super::floats::sum;
use super::prelude::*;
use crate::protocol::resp::Version;
use crate::server::redis::limits::DRAWS_MAX;

pub(super) const COMMANDS: &[Command] = &[
    Command::new("hset", -4, GROW.and(FAST), ONE_KEY, "2.0.0", hset, "Sets fields of a hash."),
    Command::new("hmset", -4, GROW.and(FAST), ONE_KEY, "2.0.0", hset, "Sets fields of a hash."),
    Command::new("hsetnx", 4, GROW.and(FAST), ONE_KEY, "2.0.0", hsetnx, "Sets a new field."),
    Command::new("hget", 3, READ.and(FAST), ONE_KEY, "2.0.0", hget, "Returns a field's value."),
    Command::new("hmget", -3, READ.and(FAST), ONE_KEY, "2.0.0", hmget, "Returns several values."),
    Command::new("hgetall", 2, READ, ONE_KEY, "2.0.0", hgetall, "Returns all fields and values."),
    Command::new("hkeys", 2, READ, ONE_KEY, "2.0.0", hkeys, "Returns all fields."),
    Command::new("hvals", 2, READ, ONE_KEY, "2.0.0", hvals, "Returns all values."),
    Command::new("hdel", -3, WRITE.and(FAST), ONE_KEY, "2.0.0", hdel, "Deletes fields."),
    Command::new("hexists", 3, READ.and(FAST), ONE_KEY, "2.0.0", hexists, "Looks for a field."),
    Command::new("hlen", 2, READ.and(FAST), ONE_KEY, "2.0.0", hlen, "Counts the fields."),
    Command::new("hstrlen", 3, READ.and(FAST), ONE_KEY, "3.2.0", hstrlen, "Measures a value."),
    Command::new("hincrby", 4, GROW.and(FAST), ONE_KEY, "2.0.0", hincrby, "Adds an integer."),
    Command::new(
        "hincrbyfloat",
        4,
        GROW.and(FAST),
        ONE_KEY,
        "2.6.0",
        hincrbyfloat,
        "Adds a number.",
    ),
    Command::new("hrandfield", -2, READ, ONE_KEY, "6.2.0", hrandfield, "Returns some by chance."),
];

/// `HSET` answers how many fields are new, `HMSET` that all is well.
fn hset(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    if words.len() % 2 == 1 {
        return Err(Refusal::arity(call.name));
    }
    let new = call.db().update::<Hash, _>(&words[1], true, |hash| {
        let pairs = (2..words.len()).step_by(2);
        (pairs.filter(|&at| hash.set(&words[at], &words[at + 1])).count(), true)
    })?;
    if call.name == "hmset" {
        call.reply.ok();
    } else {
        call.reply.count(new.unwrap_or(0));
    }
    Ok(())
}

fn hsetnx(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let new = call.db().update::<Hash, _>(&words[1], true, |hash| {
        let new = hash.get(&words[2]).is_none();
        if new {
            hash.set(&words[2], &words[3]);
        }
        (new, new)
    })?;
    call.flag(new.unwrap_or(false));
    Ok(())
}

fn hget(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let hash = call.engine.dbs[call.session.db].get::<Hash>(&words[1])?;
    call.reply.bulk_or_null(hash.and_then(|hash| hash.get(&words[2])));
    Ok(())
}

fn hmget(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let hash = call.engine.dbs[call.session.db].get::<Hash>(&words[1])?;
    call.reply.array(words.len() - 2);
    for field in words.from(2).iter() {
        call.reply.bulk_or_null(hash.and_then(|hash| hash.get(field)));
    }
    Ok(())
}

fn hgetall(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let hash = call.engine.dbs[call.session.db].get::<Hash>(&words[1])?;
    call.reply.map(hash.map_or(0, Hash::len));
    for (field, value) in hash.into_iter().flat_map(Hash::iter) {
        call.reply.bulk(field);
        call.reply.bulk(value);
    }
    Ok(())
}

fn hkeys(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let hash = call.engine.dbs[call.session.db].get::<Hash>(&words[1])?;
    call.reply.array(hash.map_or(0, Hash::len));
    for (field, _) in hash.into_iter().flat_map(Hash::iter) {
        call.reply.bulk(field);
    }
    Ok(())
}

fn hvals(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let hash = call.engine.dbs[call.session.db].get::<Hash>(&words[1])?;
    call.reply.array(hash.map_or(0, Hash::len));
    for (_, value) in hash.into_iter().flat_map(Hash::iter) {
        call.reply.bulk(value);
    }
    Ok(())
}

fn hdel(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let count = call.db().update::<Hash, _>(&words[1], false, |hash| {
        let count = words.from(2).iter().filter(|field| hash.remove(field)).count();
        (count, count > 0)
    })?;
    call.reply.count(count.unwrap_or(0));
    Ok(())
}

fn hexists(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let hash = call.db().get::<Hash>(&words[1])?;
    let there = hash.is_some_and(|hash| hash.get(&words[2]).is_some());
    call.flag(there);
    Ok(())
}

fn hlen(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let count = call.db().get::<Hash>(&words[1])?.map_or(0, Hash::len);
    call.reply.count(count);
    Ok(())
}

fn hstrlen(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let hash = call.db().get::<Hash>(&words[1])?;
    let length = hash.and_then(|hash| hash.get(&words[2])).map_or(0, <[u8]>::len);
    call.reply.count(length);
    Ok(())
}

fn hincrby(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let by = integer(&words[3])?;
    let sum = call.db().update::<Hash, _>(&words[1], true, |hash| {
        let not_integer = Refusal::new("ERR hash value is not an integer");
        let old = hash.get(&words[2]).map_or(Ok(0), |text| integer(text).map_err(|_| not_integer));
        let sum = old.and_then(|old| old.checked_add(by).ok_or(Refusal::OVERFLOW));
        if let Ok(sum) = sum {
            hash.set(&words[2], itoa::Buffer::new().format(sum).as_bytes());
        }
        let done = sum.is_ok();
        (sum, done)
    })?;
    call.reply.integer(sum.unwrap_or(Ok(0))?);
    Ok(())
}

fn hincrbyfloat(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    // The increment is looked at before the key here, unlike in INCRBYFLOAT.
    if float(&words[3]).ok_or(Refusal::NOT_FLOAT)?.is_infinite() {
        return Err(Refusal::new("ERR value is NaN or Infinity"));
    }
    let sum = call.db().update::<Hash, _>(&words[1], true, |hash| {
        let not_a_float = Refusal::new("ERR hash value is not a float");
        let sum = sum(hash.get(&words[2]), &words[3], &not_a_float);
        if let Ok(sum) = &sum {
            hash.set(&words[2], sum.as_bytes());
        }
        let done = sum.is_ok();
        (sum, done)
    })?;
    call.reply.bulk(sum.unwrap_or(Ok(String::new()))?);
    Ok(())
}

/// How many are drawn: distinct ones, or with repetition if the number is negative.
pub(super) fn draws(word: &[u8]) -> Result<(usize, bool), Refusal> {
    let count = integer(word)?;
    if count < 0 && count.unsigned_abs() > DRAWS_MAX {
        return Err(Refusal::OUT_OF_RANGE);
    }
    Ok((usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX), count < 0))
}

/// Draws distinct places below `len`, at most `count` of them, in order.
pub(super) fn places(rng: &mut crate::base::Rng, len: usize, count: usize) -> Vec<usize> {
    let (mut chosen, mut left) = (Vec::with_capacity(count.min(len)), count.min(len));
    for place in 0..len {
        if left > 0 && index_below(rng, len - place) < left {
            chosen.push(place);
            left -= 1;
        }
    }
    chosen
}

fn hrandfield(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let engine = &mut *call.engine;
    let (hash, rng) = (engine.dbs[call.session.db].get::<Hash>(&words[1]), &mut engine.rng);
    let Some(count) = words.get(2) else {
        let field = hash?.and_then(|hash| hash.random(rng)).map(|(field, _)| field);
        call.reply.bulk_or_null(field);
        return Ok(());
    };
    let (count, repeated) = draws(count)?;
    let with_values = match (words.get(3), words.len()) {
        (None, _) => false,
        (Some(option), 4) if is(option, "WITHVALUES") => true,
        _ => return Err(Refusal::SYNTAX),
    };
    let drawn: Vec<(&[u8], &[u8])> = match hash? {
        None => Vec::new(),
        Some(hash) if repeated => (0..count).filter_map(|_| hash.random(rng)).collect(),
        Some(hash) => {
            let mut places = places(rng, hash.len(), count).into_iter().peekable();
            let numbered = hash.iter().enumerate();
            numbered.filter(|(at, _)| places.next_if_eq(at).is_some()).map(|(_, p)| p).collect()
        }
    };
    let nested = with_values && call.reply.version() == Version::Resp3;
    let flat = if with_values && !nested { 2 } else { 1 };
    call.reply.array(drawn.len() * flat);
    for (field, value) in drawn {
        if nested {
            call.reply.array(2);
        }
        call.reply.bulk(field);
        if with_values {
            call.reply.bulk(value);
        }
    }
    Ok(())
}
