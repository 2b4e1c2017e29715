//! Words for documents that are lines of text.

use super::harm;
use crate::base::Value;
use crate::trace::Message;

/// What became of a message: ` [dropped by drop.1]`; nothing if it arrived as it was sent.
pub(super) fn fate(message: &Message) -> String {
    harm::fate(message).map_or(String::new(), |fate| format!(" [{fate}]"))
}

/// A part of a node's state: `role = leader`, `term = 3`.
pub(super) fn state(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) => format!("{name} = {text}"),
        value => format!("{name} = {value}"),
    }
}
