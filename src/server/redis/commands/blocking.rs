//! Lists, for those who can wait.

use std::collections::BTreeSet;

use super::lists::{end, end_of, many, move_one, pop_many, pop_one, reply_many};
use super::prelude::*;
use crate::base::Time;
use crate::server::redis::session::{Blocked, Wish};

const BLOCKS: Flags = WRITE.and(Flags::BLOCKING);
const BLOCKS_AND_GROWS: Flags = GROW.and(Flags::BLOCKING);
/// All words but the last.
const BUT_LAST: (i8, i8, i8) = (1, -2, 1);

pub(super) const COMMANDS: &[Command] = &[
    Command::new("blpop", -3, BLOCKS, BUT_LAST, "2.0.0", pop, "Takes from the left, or waits."),
    Command::new("brpop", -3, BLOCKS, BUT_LAST, "2.0.0", pop, "Takes from the right, or waits."),
    Command::new("blmove", 6, BLOCKS_AND_GROWS, (1, 2, 1), "6.2.0", blmove, "Moves, or waits."),
    Command::new(
        "brpoplpush",
        4,
        BLOCKS_AND_GROWS,
        (1, 2, 1),
        "2.2.0",
        brpoplpush,
        "Moves, or waits.",
    ),
    Command::new("blmpop", -5, BLOCKS, NO_KEYS, "7.0.0", blmpop, "Takes from one of several."),
];

/// Until when to wait: seconds, perhaps with a fraction; 0 is for ever.
fn until(call: &Call<'_>, word: &[u8]) -> Result<Option<Time>, Refusal> {
    let seconds = float(word).ok_or(Refusal::TIMEOUT)?;
    if seconds < 0.0 {
        return Err(Refusal::NEGATIVE_TIMEOUT);
    }
    let refused = Refusal::new("ERR timeout is out of range");
    if seconds == 0.0 {
        return Ok(None);
    }
    // Whole milliseconds, as in Redis, and never none at all.
    let millis = Time::from_micros_f64((seconds * 1000.0).ceil() * 1000.0).ok_or(refused)?;
    Ok(Some(call.now + millis.since(Time::ZERO)))
}

/// Waits; within a transaction, gives up at once.
fn block(call: &mut Call<'_>, keys: &[&[u8]], until: Option<Time>, wish: Wish) {
    if call.session.in_exec {
        call.reply.null_array();
        return;
    }
    let keys: BTreeSet<Box<[u8]>> = keys.iter().map(|key| (*key).into()).collect();
    let blocked = Blocked { keys, db: call.session.db, until, wish };
    call.engine.block(call.session, blocked);
}

/// `BLPOP` and `BRPOP`.
fn pop(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let end = end_of(call.name);
    let until = until(call, &words[words.len() - 1])?;
    let keys: Vec<&[u8]> = words.iter().take(words.len() - 1).skip(1).collect();
    for key in &keys {
        if let Some(element) = pop_one(call.db(), key, end)? {
            call.reply.array(2);
            call.reply.bulk(key);
            call.reply.bulk(element);
            return Ok(());
        }
    }
    block(call, &keys, until, Wish::Pop(end));
    Ok(())
}

fn blmove(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let (from, to) = (end(&words[3])?, end(&words[4])?);
    let until = until(call, &words[5])?;
    move_or_block(call, from, to, until)
}

fn brpoplpush(call: &mut Call<'_>) -> Outcome {
    let until = until(call, &call.words[3])?;
    move_or_block(call, End::Right, End::Left, until)
}

fn move_or_block(call: &mut Call<'_>, from: End, to: End, until: Option<Time>) -> Outcome {
    let words = call.words;
    match move_one(call.db(), (&words[1], from), (&words[2], to))? {
        Some(element) => call.reply.bulk(element),
        None if call.session.in_exec => call.reply.null(),
        None => {
            block(call, &[&words[1]], until, Wish::Move { from, to, target: words[2].into() });
        }
    }
    Ok(())
}

fn blmpop(call: &mut Call<'_>) -> Outcome {
    let until = until(call, &call.words[1])?;
    let (keys, end, count) = many(call, 2)?;
    for key in &keys {
        if let Some(taken) = pop_many(call.db(), key, end, count)? {
            reply_many(&mut call.reply, key, &taken);
            return Ok(());
        }
    }
    block(call, &keys, until, Wish::PopMany { end, count });
    Ok(())
}
