//! Operations in sentences.

use crate::base::{Time, Value};
use crate::scenario::model::{Function, ModelKind};

use super::super::words::show;
use super::history::{History, Operation};

/// How operations are told: with the names of clients, and in the words of a model.
pub(super) struct Tell<'a> {
    history: &'a History,
    model: ModelKind,
}

impl<'a> Tell<'a> {
    pub(super) fn new(history: &'a History, model: ModelKind) -> Tell<'a> {
        Tell { history, model }
    }

    /// A client's name.
    pub(super) fn name(&self, client: crate::base::NodeId) -> &'a str {
        self.history.name(client)
    }

    /// The name of an operation's client.
    pub(super) fn who(&self, op: &Operation) -> &'a str {
        self.history.name(op.client)
    }

    /// ` on x`, or nothing if operations have no key.
    pub(super) fn object(&self, key: &Value) -> String {
        if key.is_null() { String::new() } else { format!(" on {}", show(key)) }
    }

    /// `reader.2 read 9`.
    pub(super) fn deed(&self, op: &Operation) -> String {
        format!("{} {}", self.who(op), self.done(op, &show(op.value())))
    }

    /// The same with another text in place of the value.
    pub(super) fn deed_with(&self, op: &Operation, value: &str) -> String {
        format!("{} {}", self.who(op), self.done(op, value))
    }

    fn done(&self, op: &Operation, value: &str) -> String {
        let given = !op.value().is_null();
        match self.model.function(&op.f) {
            Some(Function::Read) => format!("read {value}"),
            Some(Function::Write) => format!("wrote {value}"),
            Some(Function::Delete) => "deleted it".to_owned(),
            Some(Function::Cas) => match op.value() {
                Value::Array(pair) if pair.len() == 2 => {
                    format!("put {} in the place of {}", show(&pair[1]), show(&pair[0]))
                }
                _ => format!("compared and set {value}"),
            },
            Some(Function::Add) if self.model == ModelKind::Counter => match &op.given {
                Value::Null if given => format!("added 1 and got {value}"),
                Value::Null => "added 1".to_owned(),
                by => format!("added {}", show(by)),
            },
            Some(Function::Add) => format!("added {value}"),
            Some(Function::Subtract) if given => format!("subtracted {value}"),
            Some(Function::Subtract) => "subtracted 1".to_owned(),
            Some(Function::Remove) => format!("removed {value}"),
            Some(Function::Enqueue) => format!("enqueued {value}"),
            Some(Function::Dequeue) if given => format!("dequeued {value}"),
            Some(Function::Dequeue) if op.is_ok() => "found the queue empty".to_owned(),
            Some(Function::Dequeue) => "dequeued something".to_owned(),
            Some(Function::Acquire) => "acquired the lock".to_owned(),
            Some(Function::Release) => "released the lock".to_owned(),
            Some(Function::Append) => format!("appended {value}"),
            Some(Function::Txn) => format!("did {value}"),
            Some(Function::Generate) => format!("got {value}"),
            Some(Function::Send) => format!("sent {value}"),
            Some(Function::Poll) => format!("polled {value}"),
            Some(Function::Seek | Function::Aside) | None => format!("did {} {value}", op.f),
        }
    }

    /// `15ms to 16.25ms`, or `from 15ms on, outcome unknown`.
    pub(super) fn times(&self, op: &Operation) -> String {
        match op.ended.filter(|_| op.is_ok() || op.is_failed()) {
            Some(ended) => format!("{} to {}", moment(op.began), moment(ended)),
            None => format!("from {} on, outcome unknown", moment(op.began)),
        }
    }

    /// `reader.2 read 9 (15ms to 16.25ms)`.
    pub(super) fn whole(&self, op: &Operation) -> String {
        format!("{} ({})", self.deed(op), self.times(op))
    }

    /// That the value of an operation is none that the model can take.
    pub(super) fn misfit(&self, op: &Operation, model: ModelKind, why: &str) -> String {
        format!(
            "the `{}` of {} (operation {}) does not fit the model `{}`: its value {} {why}",
            op.f,
            self.who(op),
            op.id,
            model.as_str(),
            show(op.value()),
        )
    }
}

/// `1 operation`, `12 operations`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    super::super::words::counted(count, one, many)
}

/// A moment of the run, as exactly as operations need to be told apart: `15.125ms`, `3.000204s`.
///
/// ```
/// use looplab::base::Time;
/// assert_eq!(looplab::check::moment(Time::from_nanos(15_125_999)), "15.125ms");
/// ```
#[must_use]
pub fn moment(at: Time) -> String {
    let micros = at.as_nanos() / 1_000;
    let (whole, fraction, digits, unit) = if micros < 1_000_000 {
        (micros / 1_000, micros % 1_000, 3, "ms")
    } else {
        (micros / 1_000_000, micros % 1_000_000, 6, "s")
    };
    let fraction = format!("{fraction:0digits$}");
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{whole}{point}{fraction}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_to_the_microsecond() {
        let told = |nanos| moment(Time::from_nanos(nanos));
        assert_eq!(told(0), "0ms");
        assert_eq!(told(15_125_000), "15.125ms");
        assert_eq!(told(15_100_999), "15.1ms");
        assert_eq!(told(3_000_204_000), "3.000204s");
        assert_eq!(told(3_000_000_000), "3s");
    }
}
