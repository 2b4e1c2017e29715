//! Logs that are sent to and polled: an offset holds one message, and nobody passes over one.
//!
//! ```text
//! send m to k   ok [offset, m], or { offset, msg }     poll   ok { k: [[offset, m], ...] }
//! ```
//!
//! | what | is wrong because |
//! |---|---|
//! | inconsistent offset | two messages were seen at one offset |
//! | duplicate | one message was seen at two offsets |
//! | lost write | a message was acknowledged, a later one was polled, and it was polled by nobody |
//! | poll skip | a client polled one message and then a later one, with a known one in between |
//! | nonmonotonic poll | a client polled a message and then an earlier one, though it had not sought |
//! | nonmonotonic send | a client sent two messages, and the later one has the smaller offset |
//!
//! # Source
//! The Kafka checker of Jepsen and of Maelstrom, by their descriptions.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{NodeId, Value};
use crate::scenario::model::Function;

use super::case::{Case, Judgement};
use super::history::Operation;
use super::tell::counted;
use super::values::{ValueId, Values, integer, text};

pub(super) fn judge(case: &Case<'_>) -> Judgement {
    let mut logs = Logs::default();
    let mut values = Values::new();
    for op in case.ops.iter().copied() {
        let done = case.function(op).and_then(|function| logs.add(case, function, op, &mut values));
        if let Err(judgement) = done {
            return judgement;
        }
    }
    match logs.flaw(case, &values) {
        Some(flaw) => flaw,
        None if logs.polled == 0 => {
            Judgement::unknown("nothing was polled: there is nothing to judge")
        }
        None => Judgement::holds(format!(
            "{} polled from {}, none lost or out of order",
            counted(logs.polled, "message was", "messages were"),
            counted(logs.all.len() as u64, "log", "logs"),
        )),
    }
}

/// A message at an offset, as an operation has seen it.
#[derive(Clone, Copy)]
struct Seen<'a> {
    offset: i64,
    message: ValueId,
    op: &'a Operation,
}

/// What is known of one log.
#[derive(Default)]
struct Log<'a> {
    /// What was acknowledged.
    sent: Vec<Seen<'a>>,
    /// What was polled; each poll of it in turn.
    polls: Vec<Vec<Seen<'a>>>,
}

#[derive(Default)]
struct Logs<'a> {
    all: BTreeMap<String, Log<'a>>,
    /// When each client sought, by the places of the calls.
    sought: BTreeMap<NodeId, Vec<u32>>,
    polled: u64,
}

impl<'a> Logs<'a> {
    fn add(
        &mut self,
        case: &Case<'a>,
        function: Function,
        op: &'a Operation,
        values: &mut Values,
    ) -> Result<(), Judgement> {
        let misfit =
            |why: &str| Err(Judgement::unknown(case.tell.misfit(op, case.question.model, why)));
        match function {
            Function::Seek => self.sought.entry(op.client).or_default().push(op.call),
            Function::Send if op.is_ok() => {
                let (offset, message) = match &op.result {
                    Value::Array(pair) if pair.len() == 2 => (integer(&pair[0]), Some(&pair[1])),
                    Value::Object(fields) => {
                        (fields.get("offset").and_then(integer), fields.get("msg"))
                    }
                    _ => (None, None),
                };
                // Without an offset nothing is known of where it went.
                if let (Some(offset), Some(message)) = (offset, message) {
                    let seen = Seen { offset, message: values.id(message), op };
                    self.log(&op.key).sent.push(seen);
                }
            }
            Function::Poll if op.is_ok() => match op.value() {
                Value::Null => {}
                Value::Object(logs) => {
                    for (key, messages) in logs {
                        let Some(seen) = polled(op, messages, values) else {
                            return misfit("is not pairs of offsets and messages by log");
                        };
                        self.poll(&Value::from(key.as_str()), seen);
                    }
                }
                messages => {
                    let Some(seen) = polled(op, messages, values) else {
                        return misfit("is no list of pairs of an offset and a message");
                    };
                    self.poll(&op.key, seen);
                }
            },
            _ => {}
        }
        Ok(())
    }

    fn log(&mut self, key: &Value) -> &mut Log<'a> {
        self.all.entry(text(key).into_owned()).or_default()
    }

    fn poll(&mut self, key: &Value, seen: Vec<Seen<'a>>) {
        self.polled += seen.len() as u64;
        if !seen.is_empty() {
            self.log(key).polls.push(seen);
        }
    }

    fn flaw(&self, case: &Case<'a>, values: &Values) -> Option<Judgement> {
        self.all.iter().find_map(|(key, log)| {
            let judge = Judge { case, values, key, log, sought: &self.sought };
            judge
                .inconsistent()
                .or_else(|| judge.lost())
                .or_else(|| judge.out_of_order())
                .or_else(|| judge.sends())
        })
    }
}

/// The pairs of a poll.
fn polled<'a>(op: &'a Operation, messages: &Value, values: &mut Values) -> Option<Vec<Seen<'a>>> {
    let pairs = messages.as_array()?;
    let seen = pairs.iter().map(|pair| match pair.as_array().map(Vec::as_slice) {
        Some([offset, message]) => {
            Some(Seen { offset: integer(offset)?, message: values.id(message), op })
        }
        _ => None,
    });
    seen.collect()
}

struct Judge<'l, 'a> {
    case: &'l Case<'a>,
    values: &'l Values,
    key: &'l str,
    log: &'l Log<'a>,
    sought: &'l BTreeMap<NodeId, Vec<u32>>,
}

impl<'a> Judge<'_, 'a> {
    fn everything(&self) -> impl Iterator<Item = &Seen<'a>> {
        self.log.sent.iter().chain(self.log.polls.iter().flatten())
    }

    /// `ann polled m3 at 7 (1ms to 2ms)`.
    fn told(&self, seen: &Seen<'_>) -> String {
        let is_send = self.case.question.model.function(&seen.op.f) == Some(Function::Send);
        format!(
            "{} {} {} at offset {} ({})",
            self.case.tell.who(seen.op),
            if is_send { "sent" } else { "polled" },
            self.values.text(seen.message),
            seen.offset,
            self.case.tell.times(seen.op),
        )
    }

    fn violated(
        &self,
        kind: &str,
        what: &str,
        culprit: &Seen<'_>,
        others: &[&Seen<'a>],
    ) -> Judgement {
        let mut all: Vec<&Seen<'_>> = others.to_vec();
        all.push(culprit);
        let told: Vec<String> = all.iter().map(|seen| self.told(seen)).collect();
        let text = format!("{what} in log {}: {}", self.key, told.join(", then "));
        let others = others.iter().map(|seen| seen.op);
        Judgement::violated(text, format!("kafka-log: {kind}"), culprit.op, others)
    }

    fn inconsistent(&self) -> Option<Judgement> {
        let (mut by_offset, mut by_message) = (BTreeMap::new(), BTreeMap::new());
        for seen in self.everything() {
            let at = by_offset.entry(seen.offset).or_insert(seen);
            if at.message != seen.message {
                let what = format!("offset {} holds two messages", seen.offset);
                return Some(self.violated("inconsistent offset", &what, seen, &[at]));
            }
            let of = by_message.entry(seen.message).or_insert(seen);
            if of.offset != seen.offset {
                let what = format!("{} stands at two offsets", self.values.text(seen.message));
                return Some(self.violated("duplicate", &what, seen, &[of]));
            }
        }
        None
    }

    fn lost(&self) -> Option<Judgement> {
        let polled: BTreeSet<i64> =
            self.log.polls.iter().flatten().map(|seen| seen.offset).collect();
        let last = self.log.polls.iter().flatten().max_by_key(|seen| seen.offset)?;
        let lost = self
            .log
            .sent
            .iter()
            .find(|sent| sent.offset < last.offset && !polled.contains(&sent.offset))?;
        let what = format!("{} was acknowledged and never polled", self.values.text(lost.message));
        Some(self.violated("lost write", &what, last, &[lost]))
    }

    fn out_of_order(&self) -> Option<Judgement> {
        let known: BTreeSet<i64> = self.everything().map(|seen| seen.offset).collect();
        let mut stands: BTreeMap<NodeId, &Seen<'a>> = BTreeMap::new();
        for poll in &self.log.polls {
            for seen in poll {
                let client = seen.op.client;
                let Some(before) = stands.insert(client, seen) else { continue };
                let mut sought = self.sought.get(&client).into_iter().flatten();
                if sought.any(|at| (before.op.call..seen.op.call).contains(at)) {
                    continue;
                }
                let who = self.case.tell.who(seen.op);
                if seen.offset <= before.offset {
                    let what = format!("{who} went back");
                    return Some(self.violated("nonmonotonic poll", &what, seen, &[before]));
                }
                if let Some(passed) = known.range(before.offset + 1..seen.offset).next() {
                    let what = format!("{who} passed over offset {passed}");
                    let there = self.everything().find(|one| one.offset == *passed);
                    let others: Vec<&Seen<'a>> = there.into_iter().chain([before]).collect();
                    return Some(self.violated("poll skip", &what, seen, &others));
                }
            }
        }
        None
    }

    fn sends(&self) -> Option<Judgement> {
        let mut last: BTreeMap<NodeId, &Seen<'a>> = BTreeMap::new();
        for sent in &self.log.sent {
            if let Some(before) = last.insert(sent.op.client, sent)
                && before.op.precedes(sent.op)
                && sent.offset <= before.offset
            {
                let what = format!(
                    "{} sent two messages and they stand the other way round",
                    self.case.tell.who(sent.op)
                );
                return Some(self.violated("nonmonotonic send", &what, sent, &[before]));
            }
        }
        None
    }
}
