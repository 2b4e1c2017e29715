//! Several sorted sets (or sets, whose members then count 1) at once.

use super::prelude::*;
use super::zsets::reply_scored;
use crate::server::redis::data::Scored;
use crate::server::redis::db::Db;

pub(super) const COMMANDS: &[Command] = &[
    Command::new("zunionstore", -4, GROW, ONE_KEY, "2.0.0", store, "Keeps what any set has."),
    Command::new("zinterstore", -4, GROW, ONE_KEY, "2.0.0", store, "Keeps what all sets have."),
    Command::new("zdiffstore", -4, GROW, ONE_KEY, "6.2.0", store, "Keeps what only the first has."),
    Command::new("zunion", -3, READ, NO_KEYS, "6.2.0", combine, "Returns what any set has."),
    Command::new("zinter", -3, READ, NO_KEYS, "6.2.0", combine, "Returns what all sets have."),
    Command::new("zdiff", -3, READ, NO_KEYS, "6.2.0", combine, "Returns what only the first has."),
];

/// Puts a result in place of whatever a key holds, or removes the key; returns its size.
pub(super) fn keep(db: &mut Db, key: &[u8], result: ZSet) -> usize {
    let count = result.len();
    db.settle(key);
    if count == 0 {
        db.remove(key);
    } else {
        db.put(key, Value::ZSet(result), None);
    }
    count
}

/// How the scores of one member become one.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, left: f64, right: f64) -> f64 {
        match self {
            // Infinities of both signs cancel out, as in Redis.
            Aggregate::Sum if (left + right).is_nan() => 0.0,
            Aggregate::Sum => left + right,
            // What is no number is neither less nor greater.
            Aggregate::Min if right < left => right,
            Aggregate::Max if right > left => right,
            Aggregate::Min | Aggregate::Max => left,
        }
    }
}

/// What is combined, and how.
struct Query {
    sources: Vec<ZSet>,
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
}

impl Query {
    /// Reads the number of keys at `at`, the keys and the options.
    fn read(call: &mut Call<'_>, at: usize) -> Result<Query, Refusal> {
        let words = call.words;
        let count = integer(word(words, at)?)?;
        let Some(count) = usize::try_from(count).ok().filter(|count| *count > 0) else {
            return Err(Refusal::owned(format!(
                "ERR at least 1 input key is needed for '{}' command",
                call.name
            )));
        };
        if count > words.len() - at - 1 {
            return Err(Refusal::SYNTAX);
        }
        let keys: Vec<&[u8]> = words.from(at + 1).first(count).iter().collect();
        // What the keys hold is looked at before what is said of them.
        let sources: Result<Vec<ZSet>, Refusal> =
            keys.iter().map(|key| source(call.db(), key)).collect();
        let mut query = Query {
            sources: sources?,
            weights: vec![1.0; count],
            aggregate: Aggregate::Sum,
            with_scores: false,
        };
        let mut rest = words.from(at + 1 + count);
        let weighed = !call.name.starts_with("zdiff");
        while let Some(option) = rest.get(0) {
            let mut used = 1;
            if is(option, "WEIGHTS") && weighed && rest.len() > count {
                let refused = Refusal::new("ERR weight value is not a float");
                let weights: Option<Vec<f64>> =
                    rest.from(1).first(count).iter().map(float).collect();
                query.weights = weights.ok_or(refused)?;
                used += count;
            } else if is(option, "AGGREGATE") && weighed && rest.len() > 1 {
                query.aggregate = match &rest[1] {
                    how if is(how, "SUM") => Aggregate::Sum,
                    how if is(how, "MIN") => Aggregate::Min,
                    how if is(how, "MAX") => Aggregate::Max,
                    _ => return Err(Refusal::SYNTAX),
                };
                used = 2;
            } else if is(option, "WITHSCORES") && !call.name.ends_with("store") {
                query.with_scores = true;
            } else {
                return Err(Refusal::SYNTAX);
            }
            rest = rest.from(used);
        }
        Ok(query)
    }

    fn run(&self, name: &str) -> ZSet {
        match name {
            "zunion" | "zunionstore" => self.union(),
            "zinter" | "zinterstore" => self.intersection(),
            _ => self.difference(),
        }
    }

    fn union(&self) -> ZSet {
        let mut result = ZSet::default();
        for (set, weight) in self.sources.iter().zip(&self.weights) {
            for Scored { score, member } in set.iter() {
                let score = number(score * weight);
                let old = result.score(member);
                result.set(member, old.map_or(score, |old| self.aggregate.of(old, score)));
            }
        }
        result
    }

    /// As in Redis the smallest set comes first, and only its products are made numbers.
    fn intersection(&self) -> ZSet {
        let mut sources: Vec<(&ZSet, f64)> =
            self.sources.iter().zip(self.weights.iter().copied()).collect();
        sources.sort_by_key(|(set, _)| set.len());
        let mut result = ZSet::default();
        let Some(((smallest, weight), others)) = sources.split_first() else { return result };
        for Scored { score, member } in smallest.iter() {
            let products = others.iter().map(|(set, weight)| Some(set.score(member)? * weight));
            let products: Option<Vec<f64>> = products.collect();
            if let Some(products) = products {
                let first = number(score * weight);
                let of = |total, product: &f64| self.aggregate.of(total, *product);
                result.set(member, products.iter().fold(first, of));
            }
        }
        result
    }

    fn difference(&self) -> ZSet {
        let mut result = ZSet::default();
        let Some((first, others)) = self.sources.split_first() else { return result };
        for Scored { score, member } in first.iter() {
            if others.iter().all(|set| set.score(member).is_none()) {
                result.set(member, *score);
            }
        }
        result
    }
}

/// Zero times infinity is 0 here.
fn number(product: f64) -> f64 {
    if product.is_nan() { 0.0 } else { product }
}

/// A sorted set, or a set whose members count 1.
fn source(db: &mut Db, key: &[u8]) -> Result<ZSet, Refusal> {
    match db.entry(key).map(|entry| &entry.value) {
        None => Ok(ZSet::default()),
        Some(Value::ZSet(zset)) => Ok(zset.clone()),
        Some(Value::Set(set)) => {
            let mut zset = ZSet::default();
            for member in set.iter() {
                zset.set(&member, 1.0);
            }
            Ok(zset)
        }
        Some(_) => Err(Refusal::WRONG_TYPE),
    }
}

fn store(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let query = Query::read(call, 2)?;
    let result = query.run(call.name);
    let count = keep(call.db(), &words[1], result);
    call.reply.count(count);
    Ok(())
}

fn combine(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call, 1)?;
    let result = query.run(call.name);
    let members: Vec<&Scored> = result.iter().collect();
    reply_scored(&mut call.reply, members.into_iter(), query.with_scores);
    Ok(())
}
