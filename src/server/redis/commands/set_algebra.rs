//! Several sets at once.

use super::prelude::*;
use crate::protocol::resp::Words;

/// All words but the first, which is the target.
const SOURCES: (i8, i8, i8) = (1, -1, 1);

pub(super) const COMMANDS: &[Command] = &[
    Command::new("sinter", -2, READ, ALL_KEYS, "1.0.0", combine, "Returns what all sets have."),
    Command::new("sunion", -2, READ, ALL_KEYS, "1.0.0", combine, "Returns what any set has."),
    Command::new("sdiff", -2, READ, ALL_KEYS, "1.0.0", combine, "Returns what only the first has."),
    Command::new("sinterstore", -3, GROW, SOURCES, "1.0.0", store, "Keeps what all sets have."),
    Command::new("sunionstore", -3, GROW, SOURCES, "1.0.0", store, "Keeps what any set has."),
    Command::new("sdiffstore", -3, GROW, SOURCES, "1.0.0", store, "Keeps what only the first has."),
    Command::new("sintercard", -3, READ, NO_KEYS, "7.0.0", sintercard, "Counts what all have."),
];

/// What becomes of several sets.
#[derive(Clone, Copy)]
enum Combination {
    Intersection,
    Union,
    Difference,
}

impl Combination {
    fn of(name: &str) -> Combination {
        match name.as_bytes()[1] {
            b'i' => Combination::Intersection,
            b'u' => Combination::Union,
            _ => Combination::Difference,
        }
    }
}

/// Combines the sets at `keys`, a missing one counting as empty; stops at `limit` members.
fn combined(
    call: &mut Call<'_>,
    keys: Words<'_>,
    how: Combination,
    limit: usize,
) -> Result<Set, Refusal> {
    let db = call.db();
    for key in keys.iter() {
        db.get::<Set>(key)?;
    }
    let mut result = db.get::<Set>(&keys[0])?.cloned().unwrap_or_default();
    if matches!(how, Combination::Intersection) {
        return intersection(call, keys, limit);
    }
    for key in keys.from(1).iter() {
        let Some(set) = db.get::<Set>(key)? else { continue };
        for member in set.iter() {
            if matches!(how, Combination::Union) {
                result.insert(&member);
            } else {
                result.remove(&member);
            }
        }
    }
    Ok(result)
}

fn intersection(call: &mut Call<'_>, keys: Words<'_>, limit: usize) -> Result<Set, Refusal> {
    let db = call.db();
    let mut smallest: Option<(usize, &[u8])> = None;
    for key in keys.iter() {
        let Some(set) = db.get::<Set>(key)? else { return Ok(Set::default()) };
        if smallest.is_none_or(|(len, _)| set.len() < len) {
            smallest = Some((set.len(), key));
        }
    }
    let Some((_, smallest)) = smallest else { return Ok(Set::default()) };
    let candidates = db.get::<Set>(smallest)?.cloned().unwrap_or_default();
    let mut result = Set::default();
    'candidates: for member in candidates.iter() {
        for key in keys.iter() {
            if !db.get::<Set>(key)?.is_some_and(|set| set.contains(&member)) {
                continue 'candidates;
            }
        }
        result.insert(&member);
        if result.len() >= limit {
            break;
        }
    }
    Ok(result)
}

fn combine(call: &mut Call<'_>) -> Outcome {
    let result = combined(call, call.words.from(1), Combination::of(call.name), usize::MAX)?;
    call.reply.set(result.len());
    result.iter().for_each(|member| call.reply.bulk(member));
    Ok(())
}

fn store(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let result = combined(call, words.from(2), Combination::of(call.name), usize::MAX)?;
    let count = result.len();
    let db = call.db();
    db.settle(&words[1]);
    if count == 0 {
        db.remove(&words[1]);
    } else {
        db.put(&words[1], Value::Set(result), None);
    }
    call.reply.count(count);
    Ok(())
}

fn sintercard(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let refused = Refusal::new("ERR numkeys should be greater than 0");
    let numkeys = positive(&words[1]).ok().filter(|n| *n > 0).ok_or(refused)?;
    if numkeys > words.len() - 2 {
        return Err(Refusal::new("ERR Number of keys can't be greater than number of args"));
    }
    let mut limit = usize::MAX;
    let mut rest = words.from(numkeys + 2);
    while let Some(option) = rest.get(0) {
        if !is(option, "LIMIT") {
            return Err(Refusal::SYNTAX);
        }
        let refused = |_| Refusal::new("ERR LIMIT can't be negative");
        limit = match positive(word(rest, 1)?).map_err(refused)? {
            0 => usize::MAX,
            limit => limit,
        };
        rest = rest.from(2);
    }
    let keys = words.from(2).first(numkeys);
    let count = combined(call, keys, Combination::Intersection, limit)?.len();
    call.reply.count(count);
    Ok(())
}
