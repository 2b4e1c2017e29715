//! Sequential and causal consistency and the session guarantees, by their definitions.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::draw::drawn;
use super::oracle::{has_order, in_session};
use super::*;

const CASES: u32 = 1_500;

/// The operations that happened, and the write that each read saw: `None` for the first value.
struct Known<'a> {
    ops: Vec<&'a Draft>,
    sources: BTreeMap<usize, Option<usize>>,
}

impl<'a> Known<'a> {
    /// None if a read saw what nobody wrote.
    fn of(drafts: &'a [Draft]) -> Option<Known<'a>> {
        let reads = |draft: &&Draft| draft.f == "read" && draft.phase == OpPhase::Ok;
        let is_read = |write: &Draft| {
            drafts
                .iter()
                .filter(reads)
                .any(|read| read.key == write.key && read.result == write.given)
        };
        let happened = |draft: &&Draft| match (draft.f, draft.phase) {
            (_, OpPhase::Ok) => true,
            ("write", OpPhase::Unknown) => is_read(draft),
            _ => false,
        };
        let ops: Vec<&Draft> = drafts.iter().filter(happened).collect();
        let mut sources = BTreeMap::new();
        for (n, read) in ops.iter().enumerate().filter(|(_, draft)| draft.f == "read") {
            let wrote = |draft: &&Draft| {
                draft.f == "write" && draft.key == read.key && draft.given == read.result
            };
            let source = ops.iter().position(wrote);
            if source.is_none() && !read.result.is_null() {
                return None;
            }
            sources.insert(n, source);
        }
        Some(Known { ops, sources })
    }

    fn writes(&self, key: &Value) -> Vec<usize> {
        let on = |n: &usize| self.ops[*n].f == "write" && self.ops[*n].key == *key;
        (0..self.ops.len()).filter(on).collect()
    }

    fn session(&self, one: usize, other: usize) -> bool {
        in_session(self.ops[one], self.ops[other])
    }

    /// The least causal order: each client's own, from writes to their reads, and what follows.
    fn causal(&self) -> Vec<Vec<bool>> {
        let count = self.ops.len();
        let mut before = vec![vec![false; count]; count];
        for (one, row) in before.iter_mut().enumerate() {
            for (other, is_before) in row.iter_mut().enumerate() {
                *is_before =
                    self.session(one, other) || self.sources.get(&other) == Some(&Some(one));
            }
        }
        for middle in 0..count {
            let behind = before[middle].clone();
            for row in before.iter_mut().filter(|row| row[middle]) {
                row.iter_mut().zip(&behind).for_each(|(one, more)| *one |= more);
            }
        }
        before
    }

    /// Each read is explained by some order of what comes before it.
    fn is_causal(&self) -> bool {
        let before = self.causal();
        let count = self.ops.len();
        if (0..count).any(|n| before[n][n]) {
            return false;
        }
        self.sources.iter().all(|(read, source)| {
            let key = &self.ops[*read].key;
            let past: Vec<usize> =
                self.writes(key).into_iter().filter(|write| before[*write][*read]).collect();
            orders(&past).iter().any(|order| {
                let fits = order
                    .iter()
                    .enumerate()
                    .all(|(n, one)| order[n + 1..].iter().all(|other| !before[*other][*one]));
                fits && order.last().copied() == *source
            })
        })
    }

    /// Some order of the versions of each key is such that all reads keep to the guarantee.
    fn keeps(&self, criterion: Criterion) -> bool {
        let mut keys: Vec<&Value> = self.ops.iter().map(|op| &op.key).collect();
        keys.dedup();
        keys.iter().all(|key| {
            let writes = self.writes(key);
            orders(&writes).iter().any(|order| self.fits(criterion, key, order))
        })
    }

    fn fits(&self, criterion: Criterion, key: &Value, order: &[usize]) -> bool {
        // The first value has age 0.
        let age = |write: Option<usize>| {
            write.map_or(0, |write| order.iter().position(|one| *one == write).unwrap() + 1)
        };
        let all = || 0..self.ops.len();
        let on_key = |n: &usize| self.ops[*n].key == *key;
        let own_order = all().filter(on_key).all(|one| {
            all().filter(on_key).all(|other| {
                let writes = self.ops[one].f == "write" && self.ops[other].f == "write";
                !writes || !self.session(one, other) || age(Some(one)) < age(Some(other))
            })
        });
        let version = |n: usize| match self.sources.get(&n) {
            Some(source) => age(*source),
            None => age(Some(n)),
        };
        let is_read = |n: usize| self.ops[n].f == "read";
        let reads_fit = all().filter(on_key).filter(|n| is_read(*n)).all(|read| match criterion {
            Criterion::ReadYourWrites => all().filter(on_key).all(|own| {
                is_read(own) || !self.session(own, read) || version(own) <= version(read)
            }),
            Criterion::MonotonicReads => all().filter(on_key).all(|own| {
                !is_read(own) || !self.session(own, read) || version(own) <= version(read)
            }),
            _ => all().filter(|seen| is_read(*seen) && self.session(*seen, read)).all(|seen| {
                let Some(write) = self.sources[&seen] else { return true };
                all().filter(on_key).all(|before| {
                    let wanted = is_read(before) == (criterion == Criterion::WritesFollowReads);
                    !wanted || !self.session(before, write) || version(before) <= version(read)
                })
            }),
        });
        let writes_fit = criterion != Criterion::WritesFollowReads
            || all().filter(on_key).filter(|n| !is_read(*n)).all(|write| {
                all().filter(on_key).all(|read| {
                    !is_read(read) || !self.session(read, write) || version(read) <= version(write)
                })
            });
        own_order && reads_fit && writes_fit
    }
}

/// All orders of some things.
fn orders(things: &[usize]) -> Vec<Vec<usize>> {
    if things.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for first in things {
        let rest: Vec<usize> = things.iter().copied().filter(|one| one != first).collect();
        for mut order in orders(&rest) {
            order.insert(0, *first);
            all.push(order);
        }
    }
    all
}

fn outcome(holds: bool) -> Outcome {
    if holds { Outcome::Ok } else { Outcome::Failed }
}

/// Reads of values that somebody wrote, now and then one that is wrong.
fn registers() -> impl Strategy<Value = Vec<Draft>> {
    let reads = proptest::collection::vec(any::<prop::sample::Index>(), 10);
    (drawn(ModelKind::Register, 8, true, true), reads, any::<bool>()).prop_map(
        |(mut drafts, indices, shuffled)| {
            let writes: Vec<Draft> =
                drafts.iter().filter(|draft| draft.f == "write").cloned().collect();
            for (draft, index) in drafts.iter_mut().zip(indices) {
                let own: Vec<&Draft> =
                    writes.iter().filter(|write| write.key == draft.key).collect();
                if shuffled && draft.f == "read" && draft.phase == OpPhase::Ok {
                    let at = index.index(own.len() + 1);
                    draft.result = own.get(at).map_or(Value::Null, |write| write.given.clone());
                }
            }
            drafts
        },
    )
}

macro_rules! guarantees {
    ($($name:ident: $criterion:expr;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]
            $(
                #[test]
                fn $name(drafts in registers()) {
                    let judgement = verdict($criterion, ModelKind::Register, &drafts);
                    let expected = Known::of(&drafts).is_some_and(|known| known.keeps($criterion));
                    prop_assert_eq!(judgement.outcome, outcome(expected), "{}", judgement.text);
                }
            )*
        }
    };
}

guarantees! {
    read_your_writes_is_judged_by_its_definition: Criterion::ReadYourWrites;
    monotonic_reads_is_judged_by_its_definition: Criterion::MonotonicReads;
    monotonic_writes_is_judged_by_its_definition: Criterion::MonotonicWrites;
    writes_follow_reads_is_judged_by_its_definition: Criterion::WritesFollowReads;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn causal_consistency_is_judged_by_its_definition(drafts in registers()) {
        let judgement = verdict(Criterion::Causal, ModelKind::Register, &drafts);
        let expected = Known::of(&drafts).is_some_and(|known| known.is_causal());
        prop_assert_eq!(judgement.outcome, outcome(expected), "{}", judgement.text);
    }

    #[test]
    fn sequential_consistency_of_distinct_values_is_judged_as_by_trying_every_order(drafts in registers()) {
        let judgement = verdict(Criterion::Sequential, ModelKind::Register, &drafts);
        let expected = has_order(ModelKind::Register, &drafts, &in_session);
        prop_assert_eq!(judgement.outcome, outcome(expected), "{}", judgement.text);
    }

    #[test]
    fn sequential_consistency_of_registers_is_judged_as_by_trying_every_order(
        drafts in drawn(ModelKind::CasRegister, 7, false, true)
    ) {
        let judgement = verdict(Criterion::Sequential, ModelKind::CasRegister, &drafts);
        let expected = has_order(ModelKind::CasRegister, &drafts, &in_session);
        prop_assert_eq!(judgement.outcome, outcome(expected), "{}", judgement.text);
    }

    #[test]
    fn sequential_consistency_of_queues_is_judged_as_by_trying_every_order(
        drafts in drawn(ModelKind::Queue, 7, false, true)
    ) {
        let judgement = verdict(Criterion::Sequential, ModelKind::Queue, &drafts);
        let expected = has_order(ModelKind::Queue, &drafts, &in_session);
        prop_assert_eq!(judgement.outcome, outcome(expected), "{}", judgement.text);
    }

    #[test]
    fn sequential_consistency_of_logs_is_judged_as_by_trying_every_order(
        drafts in drawn(ModelKind::AppendLog, 7, true, true)
    ) {
        let judgement = verdict(Criterion::Sequential, ModelKind::AppendLog, &drafts);
        let expected = has_order(ModelKind::AppendLog, &drafts, &in_session);
        prop_assert_eq!(judgement.outcome, outcome(expected), "{}", judgement.text);
    }
}
