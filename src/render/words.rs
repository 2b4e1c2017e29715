//! Words for documents that are lines of text.

use super::harm;
use crate::trace::Message;

/// What became of a message: ` [dropped by drop.1]`; nothing if it arrived as it was sent.
pub(super) fn fate(message: &Message) -> String {
    harm::fate(message).map_or(String::new(), |fate| format!(" [{fate}]"))
}
