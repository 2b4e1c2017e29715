//! What is counted for `INFO`.

use std::collections::BTreeMap;

use super::refusal::Refusal;

/// The most kinds of error that are counted apart.
const ERROR_KINDS_MAX: usize = 128;

/// Counters since the start, or since `CONFIG RESETSTAT`.
#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) connections: u64,
    pub(super) commands: u64,
    pub(super) errors: BTreeMap<String, u64>,
}

impl Stats {
    /// Counts an error reply under its code.
    pub(super) fn count_error(&mut self, refusal: &Refusal) {
        let code = refusal.0.split(|&byte| byte == b' ').next().unwrap_or_default();
        let code = String::from_utf8_lossy(code);
        if let Some(count) = self.errors.get_mut(&*code) {
            *count += 1;
        } else if self.errors.len() < ERROR_KINDS_MAX {
            self.errors.insert(code.into_owned(), 1);
        }
    }
}
