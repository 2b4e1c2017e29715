//! Sorted sets: members and their scores. Ranges stand in `zset_ranges.rs`.

use super::prelude::*;
use crate::protocol::resp::{Version, Writer};
use crate::server::redis::data::Scored;

pub(super) const COMMANDS: &[Command] = &[
    Command::new("zadd", -4, GROW.and(FAST), ONE_KEY, "1.2.0", zadd, "Adds or moves members."),
    Command::new("zincrby", 4, GROW.and(FAST), ONE_KEY, "1.2.0", zincrby, "Adds to a score."),
    Command::new("zrem", -3, WRITE.and(FAST), ONE_KEY, "1.2.0", zrem, "Removes members."),
    Command::new("zscore", 3, READ.and(FAST), ONE_KEY, "1.2.0", zscore, "Returns a score."),
    Command::new("zmscore", -3, READ.and(FAST), ONE_KEY, "6.2.0", zmscore, "Returns some scores."),
    Command::new("zcard", 2, READ.and(FAST), ONE_KEY, "1.2.0", zcard, "Counts the members."),
    Command::new("zrank", -3, READ.and(FAST), ONE_KEY, "2.0.0", zrank, "Tells a rank from below."),
    Command::new(
        "zrevrank",
        -3,
        READ.and(FAST),
        ONE_KEY,
        "2.0.0",
        zrank,
        "Tells a rank from above.",
    ),
    Command::new("zpopmin", -2, WRITE.and(FAST), ONE_KEY, "5.0.0", zpop, "Takes the lowest."),
    Command::new("zpopmax", -2, WRITE.and(FAST), ONE_KEY, "5.0.0", zpop, "Takes the highest."),
    Command::new("zrandmember", -2, READ, ONE_KEY, "6.2.0", zrandmember, "Returns some by chance."),
];

/// What `ZADD` may do.
#[derive(Debug, Default, Clone, Copy)]
struct AddOptions {
    only_new: bool,
    only_old: bool,
    only_greater: bool,
    only_less: bool,
    count_changed: bool,
    increment: bool,
}

/// What `ZADD` did with one member.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Added {
    New(f64),
    Changed(f64),
    Same(f64),
    /// An option forbade it.
    Skipped,
}

/// Reads the options; returns them and where the scores begin.
fn add_options(call: &Call<'_>) -> Result<(AddOptions, usize), Refusal> {
    let words = call.words;
    let mut options = AddOptions::default();
    let mut index = 2;
    while let Some(option) = words.get(index) {
        if is(option, "NX") {
            options.only_new = true;
        } else if is(option, "XX") {
            options.only_old = true;
        } else if is(option, "GT") {
            options.only_greater = true;
        } else if is(option, "LT") {
            options.only_less = true;
        } else if is(option, "CH") {
            options.count_changed = true;
        } else if is(option, "INCR") {
            options.increment = true;
        } else {
            break;
        }
        index += 1;
    }
    let rest = words.len() - index;
    if rest == 0 || rest % 2 == 1 {
        return Err(Refusal::SYNTAX);
    }
    if options.only_new && options.only_old {
        return Err(Refusal::new("ERR XX and NX options at the same time are not compatible"));
    }
    let comparing = options.only_greater || options.only_less;
    if (options.only_greater && options.only_less) || (options.only_new && comparing) {
        return Err(Refusal::new(
            "ERR GT, LT, and/or NX options at the same time are not compatible",
        ));
    }
    if options.increment && rest > 2 {
        return Err(Refusal::new("ERR INCR option supports a single increment-element pair"));
    }
    Ok((options, index))
}

fn add(zset: &mut ZSet, member: &[u8], score: f64, options: AddOptions) -> Result<Added, Refusal> {
    let Some(old) = zset.score(member) else {
        if options.only_old {
            return Ok(Added::Skipped);
        }
        zset.set(member, score);
        return Ok(Added::New(score));
    };
    if options.only_new {
        return Ok(Added::Skipped);
    }
    let score = if options.increment { old + score } else { score };
    if score.is_nan() {
        return Err(Refusal::new("ERR resulting score is not a number (NaN)"));
    }
    if (options.only_greater && score <= old) || (options.only_less && score >= old) {
        return Ok(Added::Skipped);
    }
    #[expect(clippy::float_cmp, reason = "the very same score is no change")]
    if score == old {
        return Ok(Added::Same(score));
    }
    zset.set(member, score);
    Ok(Added::Changed(score))
}

fn zadd(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let (options, first) = add_options(call)?;
    let places = (first..words.len()).step_by(2);
    let scores: Option<Vec<f64>> = places.map(|at| float(&words[at])).collect();
    let scores = scores.ok_or(Refusal::NOT_FLOAT)?;
    let create = !options.only_old;
    let added = call.db().update::<ZSet, _>(&words[1], create, |zset| {
        let each = scores.iter().enumerate();
        let added: Result<Vec<Added>, Refusal> =
            each.map(|(n, score)| add(zset, &words[first + 2 * n + 1], *score, options)).collect();
        let changed = |added: &Added| matches!(added, Added::New(_) | Added::Changed(_));
        let any = added.as_ref().map_or(true, |added| added.iter().any(changed));
        (added, any)
    })?;
    let added = added.unwrap_or(Ok(Vec::new()))?;
    if options.increment {
        match added.first() {
            Some(Added::New(score) | Added::Changed(score) | Added::Same(score)) => {
                call.reply.double(*score);
            }
            _ => call.reply.null(),
        }
        return Ok(());
    }
    let counted = |added: &&Added| match added {
        Added::New(_) => true,
        Added::Changed(_) => options.count_changed,
        _ => false,
    };
    call.reply.count(added.iter().filter(counted).count());
    Ok(())
}

fn zincrby(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let by = float(&words[2]).ok_or(Refusal::NOT_FLOAT)?;
    let options = AddOptions { increment: true, ..AddOptions::default() };
    let added = call.db().update::<ZSet, _>(&words[1], true, |zset| {
        let added = add(zset, &words[3], by, options);
        let changed = added.is_ok();
        (added, changed)
    })?;
    match added.unwrap_or(Ok(Added::Skipped))? {
        Added::New(score) | Added::Changed(score) | Added::Same(score) => {
            call.reply.double(score);
        }
        Added::Skipped => call.reply.null(),
    }
    Ok(())
}

fn zrem(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let removed = call.db().update::<ZSet, _>(&words[1], false, |zset| {
        let removed = words.from(2).iter().filter(|member| zset.remove(member)).count();
        (removed, removed > 0)
    })?;
    call.reply.count(removed.unwrap_or(0));
    Ok(())
}

/// A score, or nothing.
fn reply_score(reply: &mut Writer<'_>, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

fn zscore(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let zset = call.db().get::<ZSet>(&words[1])?;
    let score = zset.and_then(|zset| zset.score(&words[2]));
    reply_score(&mut call.reply, score);
    Ok(())
}

fn zmscore(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let zset = call.engine.dbs[call.session.db].get::<ZSet>(&words[1])?;
    call.reply.array(words.len() - 2);
    for member in words.from(2).iter() {
        reply_score(&mut call.reply, zset.and_then(|zset| zset.score(member)));
    }
    Ok(())
}

fn zcard(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let count = call.db().get::<ZSet>(&words[1])?.map_or(0, ZSet::len);
    call.reply.count(count);
    Ok(())
}

/// `ZRANK` and `ZREVRANK`.
fn zrank(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let with_score = match (words.get(3), words.len()) {
        (None, _) => false,
        (Some(option), 4) if is(option, "WITHSCORE") => true,
        _ => return Err(Refusal::SYNTAX),
    };
    let reversed = call.name == "zrevrank";
    let found = call.db().get::<ZSet>(&words[1])?.and_then(|zset| {
        let rank = zset.rank(&words[2])?;
        let rank = if reversed { zset.len() - 1 - rank } else { rank };
        Some((rank, zset.score(&words[2])?))
    });
    match found {
        Some((rank, score)) if with_score => {
            call.reply.array(2);
            call.reply.count(rank);
            call.reply.double(score);
        }
        Some((rank, _)) => call.reply.count(rank),
        None if with_score => call.reply.null_array(),
        None => call.reply.null(),
    }
    Ok(())
}

/// Members with their scores: in RESP2 by turns, in RESP3 as pairs; or without the scores.
pub(super) fn reply_scored<'s>(
    reply: &mut Writer<'_>,
    scored: impl ExactSizeIterator<Item = &'s Scored>,
    with_scores: bool,
) {
    let nested = with_scores && reply.version() == Version::Resp3;
    let flat = if with_scores && !nested { 2 } else { 1 };
    reply.array(scored.len() * flat);
    for Scored { score, member } in scored {
        if nested {
            reply.array(2);
        }
        reply.bulk(member);
        if with_scores {
            reply.double(*score);
        }
    }
}

/// `ZPOPMIN` and `ZPOPMAX`.
fn zpop(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    if words.len() > 3 {
        return Err(Refusal::SYNTAX);
    }
    let count = words.get(2).map(positive).transpose()?;
    let highest = call.name == "zpopmax";
    let taken = call.db().update::<ZSet, _>(&words[1], false, |zset| {
        let len = zset.len();
        let wanted = count.unwrap_or(1).min(len);
        let mut taken = if highest { zset.drain(len - wanted, len) } else { zset.drain(0, wanted) };
        if highest {
            taken.reverse();
        }
        let changed = !taken.is_empty();
        (taken, changed)
    })?;
    let taken = taken.unwrap_or_default();
    match (count, taken.first()) {
        // Without a count, one member and its score are not wrapped in a pair.
        (None, Some(Scored { score, member })) => {
            call.reply.array(2);
            call.reply.bulk(member);
            call.reply.double(*score);
        }
        _ => reply_scored(&mut call.reply, taken.iter(), true),
    }
    Ok(())
}

fn zrandmember(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let engine = &mut *call.engine;
    let (zset, rng) = (engine.dbs[call.session.db].get::<ZSet>(&words[1]), &mut engine.rng);
    let by_rank = |zset: &ZSet, rank: usize| zset.range(rank, rank + 1).next().cloned();
    let Some(count) = words.get(2) else {
        let chosen = zset?.and_then(|zset| by_rank(zset, index_below(rng, zset.len())));
        call.reply.bulk_or_null(chosen.map(|scored| scored.member));
        return Ok(());
    };
    let (count, repeated) = super::hashes::draws(count)?;
    let with_scores = match (words.get(3), words.len()) {
        (None, _) => false,
        (Some(option), 4) if is(option, "WITHSCORES") => true,
        _ => return Err(Refusal::SYNTAX),
    };
    let chosen: Vec<Scored> = match zset? {
        None => Vec::new(),
        Some(zset) => {
            let ranks: Vec<usize> = if repeated {
                (0..count).map(|_| index_below(rng, zset.len())).collect()
            } else {
                super::hashes::places(rng, zset.len(), count)
            };
            ranks.into_iter().filter_map(|rank| by_rank(zset, rank)).collect()
        }
    };
    reply_scored(&mut call.reply, chosen.iter(), with_scores);
    Ok(())
}
