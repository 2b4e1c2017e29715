//! Sets, one at a time.

use super::hashes::{draws, places};
use super::prelude::*;

pub(super) const COMMANDS: &[Command] = &[
    Command::new("sadd", -3, GROW.and(FAST), ONE_KEY, "1.0.0", sadd, "Adds members."),
    Command::new("srem", -3, WRITE.and(FAST), ONE_KEY, "1.0.0", srem, "Removes members."),
    Command::new(
        "sismember",
        3,
        READ.and(FAST),
        ONE_KEY,
        "1.0.0",
        sismember,
        "Looks for a member.",
    ),
    Command::new("smismember", -3, READ.and(FAST), ONE_KEY, "6.2.0", smismember, "Looks for some."),
    Command::new("smembers", 2, READ, ONE_KEY, "1.0.0", smembers, "Returns all members."),
    Command::new("scard", 2, READ.and(FAST), ONE_KEY, "1.0.0", scard, "Counts the members."),
    Command::new("spop", -2, WRITE.and(FAST), ONE_KEY, "1.0.0", spop, "Takes some by chance."),
    Command::new("srandmember", -2, READ, ONE_KEY, "1.0.0", srandmember, "Returns some by chance."),
    Command::new("smove", 4, WRITE.and(FAST), (1, 2, 1), "1.0.0", smove, "Moves a member."),
];

fn sadd(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let added = call.db().update::<Set, _>(&words[1], true, |set| {
        let added = words.from(2).iter().filter(|member| set.insert(member)).count();
        (added, added > 0)
    })?;
    call.reply.count(added.unwrap_or(0));
    Ok(())
}

fn srem(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let removed = call.db().update::<Set, _>(&words[1], false, |set| {
        let removed = words.from(2).iter().filter(|member| set.remove(member)).count();
        (removed, removed > 0)
    })?;
    call.reply.count(removed.unwrap_or(0));
    Ok(())
}

fn sismember(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let set = call.db().get::<Set>(&words[1])?;
    let there = set.is_some_and(|set| set.contains(&words[2]));
    call.flag(there);
    Ok(())
}

fn smismember(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let set = call.engine.dbs[call.session.db].get::<Set>(&words[1])?;
    call.reply.array(words.len() - 2);
    for member in words.from(2).iter() {
        call.reply.integer(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(())
}

fn smembers(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let set = call.engine.dbs[call.session.db].get::<Set>(&words[1])?;
    call.reply.set(set.map_or(0, Set::len));
    for member in set.into_iter().flat_map(Set::iter) {
        call.reply.bulk(member);
    }
    Ok(())
}

fn scard(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let count = call.db().get::<Set>(&words[1])?.map_or(0, Set::len);
    call.reply.count(count);
    Ok(())
}

fn spop(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    if words.len() > 3 {
        return Err(Refusal::SYNTAX);
    }
    let count = words.get(2).map(positive).transpose()?;
    let engine = &mut *call.engine;
    let rng = &mut engine.rng;
    let taken = engine.dbs[call.session.db].update::<Set, _>(&words[1], false, |set| {
        let mut taken = Vec::new();
        while taken.len() < count.unwrap_or(1)
            && let Some(member) = set.random(rng)
        {
            set.remove(&member);
            taken.push(member);
        }
        let changed = !taken.is_empty();
        (taken, changed)
    })?;
    let taken = taken.unwrap_or_default();
    if count.is_some() {
        call.reply.set(taken.len());
        taken.iter().for_each(|member| call.reply.bulk(member));
    } else {
        call.reply.bulk_or_null(taken.first());
    }
    Ok(())
}

fn srandmember(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    if words.len() > 3 {
        return Err(Refusal::SYNTAX);
    }
    let engine = &mut *call.engine;
    let (set, rng) = (engine.dbs[call.session.db].get::<Set>(&words[1]), &mut engine.rng);
    let Some(count) = words.get(2) else {
        call.reply.bulk_or_null(set?.and_then(|set| set.random(rng)));
        return Ok(());
    };
    let (count, repeated) = draws(count)?;
    match set? {
        None => call.reply.array(0),
        Some(set) if repeated => {
            call.reply.array(count);
            (0..count).filter_map(|_| set.random(rng)).for_each(|member| call.reply.bulk(member));
        }
        Some(set) => {
            let mut places = places(rng, set.len(), count).into_iter().peekable();
            call.reply.array(places.len());
            for (_, member) in
                set.iter().enumerate().filter(|(at, _)| places.next_if_eq(at).is_some())
            {
                call.reply.bulk(member);
            }
        }
    }
    Ok(())
}

fn smove(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let member = &words[3];
    let db = call.db();
    let there = db.get::<Set>(&words[1])?.map(|set| set.contains(member));
    if there.is_some() {
        db.get::<Set>(&words[2])?;
    }
    let moved = there == Some(true);
    if moved && words[1] != words[2] {
        db.update::<Set, _>(&words[1], false, |set| (set.remove(member), true))?;
        db.update::<Set, _>(&words[2], true, |set| (set.insert(member), true))?;
    }
    call.flag(moved);
    Ok(())
}
