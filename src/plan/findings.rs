//! What the checks of a plan have found so far.

use crate::base::Diagnostic;
use crate::base::diagnostic::ERRORS_MAX;

/// How many findings are kept: more than are ever shown.
const KEPT_MAX: usize = 2 * ERRORS_MAX;

/// Everything found to be wrong.
#[derive(Default)]
pub(super) struct Findings {
    found: Vec<Diagnostic>,
}

impl Findings {
    /// Records one more.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        if !self.is_full() {
            self.found.push(diagnostic);
        }
    }

    /// True if looking on would change nothing.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= KEPT_MAX
    }

    pub(super) fn into_vec(self) -> Vec<Diagnostic> {
        self.found
    }
}
