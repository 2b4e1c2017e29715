//! A counter whose reads are sums of additions: of all that had ended before, and of any that may have
//! happened by then.
//!
//! Nothing is asked of the order in which two reads see the same additions, so a counter that is kept in
//! several places may pass that no linearizable one would. `reads: final` asks even less: only what is read
//! when everything else is over must be right.
//!
//! # Source
//! The `counter` checker of Jepsen, and that of Maelstrom's `g-counter` and `pn-counter`, by their
//! descriptions.

use std::collections::BTreeSet;

use crate::base::Value;

use super::case::{Case, Judgement};
use super::history::Operation;
use super::linearizable::by_key;
use super::models::{Counter, CounterAct as Act};
use super::tell::counted;
use super::values::integer;

/// The most sums of additions that may or may not have happened that are told apart; of more only the
/// least and the largest count.
const SUMS_MAX: usize = 4_096;

pub(super) fn judge(case: &Case<'_>) -> Judgement {
    let initial = integer(&case.question.initial).unwrap_or(0);
    let mut judged = 0;
    for (key, ops) in by_key(case) {
        let (mut reads, mut additions) = (Vec::new(), Vec::new());
        for op in ops.iter().map(|at| case.ops[*at]) {
            let function = match case.function(op) {
                Ok(function) => function,
                Err(judgement) => return judgement,
            };
            match Counter::act(function, op) {
                Ok(Some(Act::Read(value))) => reads.push((op, value)),
                Ok(Some(Act::Add(by) | Act::AddAndGet(by, _))) => additions.push((op, by)),
                Ok(None) => {}
                Err(why) => {
                    let model = case.question.model;
                    return Judgement::unknown(case.tell.misfit(op, model, &why));
                }
            }
        }
        if case.question.only_final_reads {
            reads.retain(|(read, _)| additions.iter().all(|(op, _)| is_over(op, read)));
        }
        let mut sums = Sums::new(initial, &additions);
        for (read, value) in reads {
            judged += 1;
            if let Err(judgement) = sums.explain(case, &key, read, value) {
                return *judgement;
            }
        }
    }
    match judged {
        0 if case.question.only_final_reads => Judgement::unknown(
            "no read began when all additions were over: there is nothing to judge",
        ),
        0 => Judgement::unknown("no read has ended well: there is nothing to judge"),
        count => Judgement::holds(format!(
            "{} a sum of the additions before",
            counted(count, "read is", "reads are")
        )),
    }
}

/// Whether an addition had come to some end before a read began.
fn is_over(op: &Operation, read: &Operation) -> bool {
    op.ended.is_some_and(|ended| ended <= read.began)
}

/// The additions, so that those before a moment are summed up once.
struct Sums<'a, 'c> {
    initial: i64,
    /// In the order of their beginnings.
    additions: &'c [(&'a Operation, i64)],
    /// Those that certainly happened by their ends, with the sum up to each.
    ended: Vec<(u32, i128)>,
    /// The first additions that had all ended before the last read that was looked at.
    settled: usize,
}

impl<'a, 'c> Sums<'a, 'c> {
    fn new(initial: i64, additions: &'c [(&'a Operation, i64)]) -> Sums<'a, 'c> {
        let certain = additions.iter().filter(|(op, _)| op.is_ok());
        let mut ended: Vec<(u32, i128)> =
            certain.map(|(op, by)| (op.back, i128::from(*by))).collect();
        ended.sort_unstable();
        let mut sum = i128::from(initial);
        for (_, by) in &mut ended {
            sum += *by;
            *by = sum;
        }
        Sums { initial, additions, ended, settled: 0 }
    }

    fn explain(
        &mut self,
        case: &Case<'_>,
        key: &Value,
        read: &Operation,
        value: i64,
    ) -> Result<(), Box<Judgement>> {
        let before = self.ended.partition_point(|(back, _)| *back < read.call);
        let certain =
            before.checked_sub(1).map_or(i128::from(self.initial), |last| self.ended[last].1);
        // Reads come in the order of their beginnings, so what is over once is over for all later ones.
        while self.additions.get(self.settled).is_some_and(|(op, _)| op.back < read.call) {
            self.settled += 1;
        }
        let under_way = self.additions[self.settled..]
            .iter()
            .take_while(|(op, _)| op.call < read.back)
            .filter(|(op, _)| op.back > read.call);
        let possible: Vec<i128> = under_way.map(|(_, by)| i128::from(*by)).collect();
        let value = i128::from(value);
        let least = certain + possible.iter().filter(|by| **by < 0).sum::<i128>();
        let most = certain + possible.iter().filter(|by| **by > 0).sum::<i128>();
        let kind = if value < least {
            "a read is less than what had been added"
        } else if value > most {
            "a read is more than what can have been added"
        } else if !is_sum(value - certain, &possible) {
            "a read is no sum of the additions"
        } else {
            return Ok(());
        };
        let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let text = format!(
            "{}{}, but the additions explain {range}: {certain} was certain before it began, and {} \
             may have come to it",
            case.tell.whole(read),
            case.tell.object(key),
            counted(possible.len() as u64, "addition", "additions"),
        );
        let others = self.additions.iter().map(|(op, _)| *op).filter(|op| op.call < read.back);
        Err(Box::new(Judgement::violated(text, format!("counter: {kind}"), read, others)))
    }
}

/// Whether some of `parts` add up to `sum`; where that is too much to find out, yes.
fn is_sum(sum: i128, parts: &[i128]) -> bool {
    let mut sums = BTreeSet::from([0_i128]);
    for part in parts {
        let more: Vec<i128> = sums.iter().map(|sum| sum + part).collect();
        sums.extend(more);
        if sums.len() > SUMS_MAX {
            return true;
        }
    }
    sums.contains(&sum)
}
