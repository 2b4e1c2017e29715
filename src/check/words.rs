//! The sentences of verdicts.

use std::fmt::{self, Write as _};

use crate::base::{Diagnostic, Value};
use crate::scenario::Lookup;
use crate::scenario::model::{Dynamic, Predicate, Test};
use crate::trace::{Fate, Message};

use super::filter::Wanted;

/// How many examples a sentence names.
const EXAMPLES_MAX: usize = 5;

/// How much of an example's summary is shown, in characters.
const SUMMARY_MAX: usize = 60;

/// Messages that were counted, the first few of which are remembered.
#[derive(Default)]
pub(super) struct Examples {
    first: Vec<String>,
    count: u64,
}

impl Examples {
    pub(super) fn add(&mut self, message: &Message) {
        self.count += 1;
        if self.first.len() < EXAMPLES_MAX {
            let mut text = format!("#{} {}", message.seq.0, cut(&message.summary));
            if message.fate != Fate::Delivered {
                let _ = write!(text, " [{}]", message.fate.as_str());
            }
            self.first.push(text);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

impl fmt::Display for Examples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first.join(", "))?;
        match self.count - self.first.len() as u64 {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

fn cut(summary: &str) -> String {
    match summary.char_indices().nth(SUMMARY_MAX) {
        Some((end, _)) => format!("{}…", &summary[..end]),
        None => summary.to_owned(),
    }
}

/// `no call`, `1 call`, `3 calls`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    match count {
        0 => format!("no {one}"),
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}

/// ` from app by reader to db`: where the messages of a filter go. `client` is the word before the
/// name of the client.
pub(super) fn places(wanted: &Wanted, client: &str) -> String {
    let mut out = String::new();
    let parts =
        [("from", &wanted.filter.from), (client, &wanted.filter.client), ("to", &wanted.filter.to)];
    for (word, name) in parts {
        if let Some(name) = name {
            let _ = write!(out, " {word} {}", name.value);
        }
    }
    out
}

/// ` with method GET and path /items/42`: what a filter asks of a request; empty if nothing.
pub(super) fn request_parts(wanted: &Wanted, scope: &dyn Lookup) -> Result<String, Diagnostic> {
    let mut parts = Vec::new();
    for (name, predicate) in [("method", &wanted.filter.method), ("path", &wanted.filter.path)] {
        if let Some(predicate) = predicate {
            parts.push(format!("{name} {}", wish(predicate, scope, &show)?));
        }
    }
    Ok(if parts.is_empty() { String::new() } else { format!(" with {}", parts.join(" and ")) })
}

/// `matches "SET *"` or `match "SET *"`; nothing if the filter has no pattern.
pub(super) fn matching(wanted: &Wanted, count: u64) -> Option<String> {
    let pattern = &wanted.filter.summary.as_ref()?.value;
    let verb = if count > 1 { "match" } else { "matches" };
    Some(format!("{verb} \"{pattern}\""))
}

/// A predicate as what follows "expected": `1`, `at least 2 and less than 5`.
pub(super) fn wish(
    predicate: &Predicate,
    scope: &dyn Lookup,
    show: &dyn Fn(&Value) -> String,
) -> Result<String, Diagnostic> {
    let value = |dynamic: &Dynamic| Ok::<_, Diagnostic>(show(&dynamic.resolve(scope)?));
    let mut wishes = Vec::new();
    for test in &predicate.tests {
        wishes.push(match test {
            Test::Equals(wanted) => value(wanted)?,
            Test::Not(inner) => format!("not {}", wish(inner, scope, show)?),
            Test::Contains(part) => format!("containing {}", value(part)?),
            Test::StartsWith(prefix) => format!("starting with {}", value(prefix)?),
            Test::Matches(regex) => format!("matching /{regex}/"),
            Test::Exists(true) => "of any value".into(),
            Test::Exists(false) => "without a value".into(),
            Test::Gt(bound) => format!("more than {}", value(bound)?),
            Test::Gte(bound) => format!("at least {}", value(bound)?),
            Test::Lt(bound) => format!("less than {}", value(bound)?),
            Test::Lte(bound) => format!("at most {}", value(bound)?),
            Test::In(options) => {
                let options: Vec<String> = options.iter().map(value).collect::<Result<_, _>>()?;
                format!("one of {}", options.join(", "))
            }
            Test::Length(inner) => format!("of length {}", wish(inner, scope, show)?),
            Test::Type(kind) => format!("of type {kind}"),
        });
    }
    Ok(wishes.join(" and "))
}

/// A value in a sentence: text as it is, anything else as JSON.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::String(text) => cut(text),
        other => cut(&other.to_string()),
    }
}
