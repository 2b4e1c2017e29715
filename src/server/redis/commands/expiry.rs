//! Times to live.

use super::prelude::*;
use crate::server::redis::db::Db;

pub(super) const COMMANDS: &[Command] = &[
    Command::new("expire", -3, WRITE.and(FAST), ONE_KEY, "1.0.0", expire, "Gives some seconds."),
    Command::new("pexpire", -3, WRITE.and(FAST), ONE_KEY, "2.6.0", expire, "Gives milliseconds."),
    Command::new(
        "expireat",
        -3,
        WRITE.and(FAST),
        ONE_KEY,
        "1.2.0",
        expire,
        "Sets the last second.",
    ),
    Command::new("pexpireat", -3, WRITE.and(FAST), ONE_KEY, "2.6.0", expire, "Sets the last ms."),
    Command::new("ttl", 2, READ.and(FAST), ONE_KEY, "1.0.0", ttl, "Returns the seconds left."),
    Command::new("pttl", 2, READ.and(FAST), ONE_KEY, "2.6.0", ttl, "Returns the ms left."),
    Command::new(
        "expiretime",
        2,
        READ.and(FAST),
        ONE_KEY,
        "7.0.0",
        ttl,
        "Returns the last second.",
    ),
    Command::new("pexpiretime", 2, READ.and(FAST), ONE_KEY, "7.0.0", ttl, "Returns the last ms."),
    Command::new("persist", 2, WRITE.and(FAST), ONE_KEY, "2.2.0", persist, "Lets a key live on."),
];

/// How a time is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    millis: bool,
    absolute: bool,
}

impl Moment {
    /// `EX`.
    pub(super) const IN_SECONDS: Moment = Moment { millis: false, absolute: false };
    /// `PX`.
    pub(super) const IN_MILLIS: Moment = Moment { millis: true, absolute: false };

    /// The way that an option of `SET` or `GETEX` names.
    pub(super) fn option(option: &[u8]) -> Option<Moment> {
        let named = [
            ("EX", false, false),
            ("PX", true, false),
            ("EXAT", false, true),
            ("PXAT", true, true),
        ];
        named
            .into_iter()
            .find(|(name, ..)| is(option, name))
            .map(|(_, millis, absolute)| Moment { millis, absolute })
    }

    /// Milliseconds of the Unix epoch; refused unless the number is positive.
    pub(super) fn deadline(self, call: &Call<'_>, word: &[u8]) -> Result<i64, Refusal> {
        let number = integer(word)?;
        let refused = || Refusal::expire_time(call.name);
        if number <= 0 {
            return Err(refused());
        }
        self.at(call.engine.now_ms(), number).ok_or_else(refused)
    }

    fn at(self, now_ms: i64, number: i64) -> Option<i64> {
        let millis = if self.millis { number } else { number.checked_mul(1000)? };
        if self.absolute { Some(millis) } else { millis.checked_add(now_ms) }
    }
}

/// On what condition a time is set.
#[derive(Default)]
struct Condition {
    none_yet: bool,
    some_already: bool,
    later: bool,
    earlier: bool,
}

fn condition(call: &Call<'_>) -> Result<Condition, Refusal> {
    let mut condition = Condition::default();
    for option in call.words.from(3).iter() {
        if is(option, "NX") {
            condition.none_yet = true;
        } else if is(option, "XX") {
            condition.some_already = true;
        } else if is(option, "GT") {
            condition.later = true;
        } else if is(option, "LT") {
            condition.earlier = true;
        } else {
            return Err(Refusal::quoting("ERR Unsupported option ", option, ""));
        }
    }
    let others = condition.some_already || condition.later || condition.earlier;
    if condition.none_yet && others {
        return Err(Refusal::new(
            "ERR NX and XX, GT or LT options at the same time are not compatible",
        ));
    }
    if condition.later && condition.earlier {
        return Err(Refusal::new("ERR GT and LT options at the same time are not compatible"));
    }
    Ok(condition)
}

impl Condition {
    /// Whether a key with the deadline `old` may get `new`.
    fn allows(&self, old: Option<i64>, new: i64) -> bool {
        // A key that lives for ever lives longer than any other.
        !((self.none_yet && old.is_some())
            || (self.some_already && old.is_none())
            || (self.later && old.is_none_or(|old| new <= old))
            || (self.earlier && old.is_some_and(|old| new >= old)))
    }
}

/// `EXPIRE`, `PEXPIRE`, `EXPIREAT` and `PEXPIREAT`.
fn expire(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let moment = Moment { millis: call.name.starts_with('p'), absolute: call.name.ends_with("at") };
    let condition = condition(call)?;
    let number = integer(&words[2])?;
    let now_ms = call.engine.now_ms();
    let at = moment.at(now_ms, number).ok_or_else(|| Refusal::expire_time(call.name))?;
    let db = call.db();
    let Some(entry) = db.entry(&words[1]) else {
        call.flag(false);
        return Ok(());
    };
    let allowed = condition.allows(entry.deadline_ms, at);
    if allowed {
        if at <= now_ms {
            db.remove(&words[1]);
        } else {
            db.set_deadline(&words[1], Some(at));
        }
    }
    call.flag(allowed);
    Ok(())
}

/// `TTL`, `PTTL`, `EXPIRETIME` and `PEXPIRETIME`.
fn ttl(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let now_ms = call.engine.now_ms();
    let reply = match call.db().entry(&words[1]) {
        None => -2,
        Some(entry) => entry.deadline_ms.map_or(-1, |at| match call.name {
            "ttl" => ((at - now_ms).max(0) + 500) / 1000,
            "pttl" => (at - now_ms).max(0),
            "expiretime" => (at + 500) / 1000,
            _ => at,
        }),
    };
    call.reply.integer(reply);
    Ok(())
}

fn persist(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let db: &mut Db = call.db();
    let had = db.entry(&words[1]).is_some_and(|entry| entry.deadline_ms.is_some());
    if had {
        db.set_deadline(&words[1], None);
    }
    call.flag(had);
    Ok(())
}
