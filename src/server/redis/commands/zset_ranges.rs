//! Ranges of sorted sets. Whatever a range is given by, it becomes a range of ranks.

use super::prelude::*;
use super::zsets::reply_scored;
use crate::server::redis::data::Scored;

pub(super) const COMMANDS: &[Command] = &[
    Command::new("zrange", -4, READ, ONE_KEY, "1.2.0", zrange, "Returns members of a range."),
    Command::new("zrevrange", -4, READ, ONE_KEY, "1.2.0", zrevrange, "Returns a range from above."),
    Command::new(
        "zrangebyscore",
        -4,
        READ,
        ONE_KEY,
        "1.0.5",
        by_score,
        "Returns members by score.",
    ),
    Command::new("zrevrangebyscore", -4, READ, ONE_KEY, "2.2.0", by_score, "Returns from above."),
    Command::new("zrangebylex", -4, READ, ONE_KEY, "2.8.9", by_lex, "Returns members by name."),
    Command::new("zrevrangebylex", -4, READ, ONE_KEY, "2.8.9", by_lex, "Returns from above."),
    Command::new("zrangestore", -5, GROW, (1, 2, 1), "6.2.0", zrangestore, "Keeps a range."),
    Command::new("zcount", 4, READ.and(FAST), ONE_KEY, "2.0.0", zcount, "Counts by score."),
    Command::new("zlexcount", 4, READ.and(FAST), ONE_KEY, "2.8.9", zlexcount, "Counts by name."),
    Command::new("zremrangebyrank", 4, WRITE, ONE_KEY, "2.0.0", zremrange, "Removes by rank."),
    Command::new("zremrangebyscore", 4, WRITE, ONE_KEY, "1.2.0", zremrange, "Removes by score."),
    Command::new("zremrangebylex", 4, WRITE, ONE_KEY, "2.8.9", zremrange, "Removes by name."),
];

/// What a range is given by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// The two bounds of a range, understood.
#[derive(Debug)]
enum Bounds<'a> {
    Rank(i64, i64),
    Score { min: ScoreBound, max: ScoreBound },
    Lex { min: LexBound<'a>, max: LexBound<'a> },
}

#[derive(Debug, Clone, Copy)]
struct ScoreBound {
    score: f64,
    exclusive: bool,
}

#[derive(Debug, Clone, Copy)]
enum LexBound<'a> {
    Lowest,
    Highest,
    Including(&'a [u8]),
    Excluding(&'a [u8]),
}

fn score_bound(word: &[u8]) -> Result<ScoreBound, Refusal> {
    let refused = Refusal::new("ERR min or max is not a float");
    let (text, exclusive) = word.strip_prefix(b"(").map_or((word, false), |rest| (rest, true));
    Ok(ScoreBound { score: float(text).ok_or(refused)?, exclusive })
}

fn lex_bound(word: &[u8]) -> Result<LexBound<'_>, Refusal> {
    match word {
        b"-" => Ok(LexBound::Lowest),
        b"+" => Ok(LexBound::Highest),
        [b'[', rest @ ..] => Ok(LexBound::Including(rest)),
        [b'(', rest @ ..] => Ok(LexBound::Excluding(rest)),
        _ => Err(Refusal::new("ERR min or max not valid string range item")),
    }
}

impl<'a> Bounds<'a> {
    fn read(by: By, low: &'a [u8], high: &'a [u8]) -> Result<Bounds<'a>, Refusal> {
        Ok(match by {
            By::Rank => Bounds::Rank(integer(low)?, integer(high)?),
            By::Score => Bounds::Score { min: score_bound(low)?, max: score_bound(high)? },
            By::Lex => Bounds::Lex { min: lex_bound(low)?, max: lex_bound(high)? },
        })
    }

    /// The ranks within the bounds; ranks themselves count from above if `reversed`.
    fn ranks(&self, zset: &ZSet, reversed: bool) -> std::ops::Range<usize> {
        let (start, end) = match *self {
            Bounds::Rank(start, stop) => {
                let range = slice(start, stop, zset.len());
                if reversed && !range.is_empty() {
                    return zset.len() - range.end..zset.len() - range.start;
                }
                return range;
            }
            Bounds::Score { min, max } => (
                zset.partition(|s| s.score < min.score || (min.exclusive && s.score <= min.score)),
                zset.partition(|s| s.score < max.score || (!max.exclusive && s.score <= max.score)),
            ),
            Bounds::Lex { min, max } => (
                zset.partition(|s| min.is_above(&s.member, false)),
                zset.partition(|s| max.is_above(&s.member, true)),
            ),
        };
        start..end.max(start)
    }
}

impl LexBound<'_> {
    /// True if `member` lies below this bound; `inclusive` says whether the bound itself does.
    fn is_above(self, member: &[u8], inclusive: bool) -> bool {
        match self {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Including(bound) => member < bound || (inclusive && member == bound),
            LexBound::Excluding(bound) => member < bound || (!inclusive && member == bound),
        }
    }
}

/// A range with all that can be said of it.
struct Query<'a> {
    by: By,
    low: &'a [u8],
    high: &'a [u8],
    reversed: bool,
    /// How many to pass over, and how many to take then (negative: all).
    limit: Option<(i64, i64)>,
    with_scores: bool,
}

impl<'a> Query<'a> {
    /// Reads the bounds at `at` and the options behind them. Only `ZRANGE` and `ZRANGESTORE` are
    /// `general` and choose by option what the range is given by.
    fn read(
        call: &Call<'a>,
        at: usize,
        (by, reversed): (By, bool),
        general: bool,
    ) -> Result<Query<'a>, Refusal> {
        let words = call.words;
        let (low, high) = (word(words, at)?, word(words, at + 1)?);
        let mut query = Query { by, low, high, reversed, limit: None, with_scores: false };
        let mut rest = words.from(at + 2);
        while let Some(option) = rest.get(0) {
            let mut used = 1;
            if is(option, "WITHSCORES") && call.name != "zrangestore" {
                query.with_scores = true;
            } else if is(option, "LIMIT") && rest.len() >= 3 {
                query.limit = Some((integer(&rest[1])?, integer(&rest[2])?));
                used = 3;
            } else if general && is(option, "REV") {
                query.reversed = true;
            } else if general && is(option, "BYSCORE") {
                query.by = By::Score;
            } else if general && is(option, "BYLEX") {
                query.by = By::Lex;
            } else {
                return Err(Refusal::SYNTAX);
            }
            rest = rest.from(used);
        }
        query.check()
    }

    fn check(self) -> Result<Query<'a>, Refusal> {
        if self.limit.is_some() && self.by == By::Rank {
            return Err(Refusal::new(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or \
                 BYLEX",
            ));
        }
        if self.with_scores && self.by == By::Lex {
            return Err(Refusal::new(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        Ok(self)
    }

    /// The ranks, in order; from above if the query is reversed.
    fn ranks(&self, zset: Option<&ZSet>) -> Result<std::ops::Range<usize>, Refusal> {
        let (min, max) = if self.reversed && self.by != By::Rank {
            (self.high, self.low)
        } else {
            (self.low, self.high)
        };
        let bounds = Bounds::read(self.by, min, max)?;
        let Some(zset) = zset else { return Ok(0..0) };
        let range = bounds.ranks(zset, self.reversed);
        let Some((offset, count)) = self.limit else { return Ok(range) };
        let Ok(offset) = usize::try_from(offset) else { return Ok(0..0) };
        let offset = offset.min(range.len());
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(range.len() - offset);
        Ok(if self.reversed {
            range.end - offset - count..range.end - offset
        } else {
            range.start + offset..range.start + offset + count
        })
    }

    fn select<'z>(&self, zset: Option<&'z ZSet>) -> Result<Vec<&'z Scored>, Refusal> {
        let ranks = self.ranks(zset)?;
        let mut chosen: Vec<&Scored> =
            zset.map_or_else(Vec::new, |zset| zset.range(ranks.start, ranks.end).collect());
        if self.reversed {
            chosen.reverse();
        }
        Ok(chosen)
    }
}

fn answer(call: &mut Call<'_>, query: &Query<'_>) -> Outcome {
    let words = call.words;
    // The bounds are looked at before the key.
    query.ranks(None)?;
    let zset = call.engine.dbs[call.session.db].get::<ZSet>(&words[1])?;
    let chosen = query.select(zset)?;
    reply_scored(&mut call.reply, chosen.into_iter(), query.with_scores);
    Ok(())
}

fn zrange(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call, 2, (By::Rank, false), true)?;
    answer(call, &query)
}

fn zrevrange(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call, 2, (By::Rank, true), false)?;
    answer(call, &query)
}

/// `ZRANGEBYSCORE` and `ZREVRANGEBYSCORE`.
fn by_score(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call, 2, (By::Score, call.name.starts_with("zrev")), false)?;
    answer(call, &query)
}

/// `ZRANGEBYLEX` and `ZREVRANGEBYLEX`.
fn by_lex(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call, 2, (By::Lex, call.name.starts_with("zrev")), false)?;
    answer(call, &query)
}

fn zrangestore(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let query = Query::read(call, 3, (By::Rank, false), true)?;
    query.ranks(None)?;
    let db = call.db();
    let mut result = ZSet::default();
    for Scored { score, member } in query.select(db.get::<ZSet>(&words[2])?)? {
        result.set(member, *score);
    }
    let count = super::zset_stores::keep(db, &words[1], result);
    call.reply.count(count);
    Ok(())
}

fn count(call: &mut Call<'_>, by: By) -> Outcome {
    let words = call.words;
    let bounds = Bounds::read(by, &words[2], &words[3])?;
    let zset = call.db().get::<ZSet>(&words[1])?;
    let count = zset.map_or(0, |zset| bounds.ranks(zset, false).len());
    call.reply.count(count);
    Ok(())
}

fn zcount(call: &mut Call<'_>) -> Outcome {
    count(call, By::Score)
}

fn zlexcount(call: &mut Call<'_>) -> Outcome {
    count(call, By::Lex)
}

/// `ZREMRANGEBYRANK`, `ZREMRANGEBYSCORE` and `ZREMRANGEBYLEX`.
fn zremrange(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let by = match call.name {
        "zremrangebyrank" => By::Rank,
        "zremrangebyscore" => By::Score,
        _ => By::Lex,
    };
    let bounds = Bounds::read(by, &words[2], &words[3])?;
    let removed = call.db().update::<ZSet, _>(&words[1], false, |zset| {
        let ranks = bounds.ranks(zset, false);
        let removed = zset.drain(ranks.start, ranks.end).len();
        (removed, removed > 0)
    })?;
    call.reply.count(removed.unwrap_or(0));
    Ok(())
}
