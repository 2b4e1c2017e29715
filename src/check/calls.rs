//! `calls:`, how many requests fit.

use crate::base::{Diagnostic, Value};
use crate::scenario::model::Predicate;
use crate::scenario::{Lookup, Mismatch};
use crate::trace::{Fate, Message, Outcome};

use super::filter::Wanted;
use super::judge::{Finding, Reply, Rule};
use super::words::{Examples, counted, matching, places, request_parts, show, wish};

/// Counts requests that arrived; see the module's header for what that means.
pub(super) struct Calls {
    wanted: Wanted,
    count: Predicate,
    arrived: u64,
    examples: Examples,
    /// Requests that fit and did not arrive whole.
    missing: Examples,
}

impl Calls {
    pub(super) fn new(wanted: Wanted, count: Predicate) -> Calls {
        let (examples, missing) = (Examples::default(), Examples::default());
        Calls { wanted, count, arrived: 0, examples, missing }
    }

    fn arrive(&mut self, message: &Message) {
        self.arrived += if message.fate == Fate::Duplicated { 2 } else { 1 };
        self.examples.add(message);
    }

    /// `3 calls to db match "SET *"`.
    fn subject(&self, scope: &dyn Lookup) -> Result<String, Diagnostic> {
        let mut text = counted(self.arrived, "call", "calls");
        text += &places(&self.wanted, "by");
        text += &request_parts(&self.wanted, scope)?;
        let mut verbs: Vec<String> = matching(&self.wanted, self.arrived).into_iter().collect();
        if let Some(status) = &self.wanted.filter.status {
            let verb = if self.arrived > 1 { "were" } else { "was" };
            verbs.push(format!("{verb} answered with status {}", wish(status, scope, &show)?));
        }
        if !verbs.is_empty() {
            text.push(' ');
            text += &verbs.join(" and ");
        }
        Ok(text)
    }
}

impl Rule for Calls {
    fn name(&self) -> &'static str {
        "calls"
    }

    fn request(&mut self, message: &Message, scope: &dyn Lookup) -> Result<bool, Diagnostic> {
        if !self.wanted.fits_message(message) || !self.wanted.fits_request_line(message, scope)? {
            return Ok(false);
        }
        if self.waits() {
            return Ok(true);
        }
        if message.fate.arrived() {
            self.arrive(message);
        } else {
            self.missing.add(message);
        }
        Ok(false)
    }

    fn reply(&mut self, reply: Reply<'_>, scope: &dyn Lookup) -> Result<(), Diagnostic> {
        if reply.message.fate.arrived() && self.wanted.fits_status(reply.message, scope)? {
            self.arrive(reply.message);
        }
        Ok(())
    }

    fn waits(&self) -> bool {
        self.wanted.filter.status.is_some()
    }

    fn finding(&self, unanswered: u64, scope: &dyn Lookup) -> Result<Finding, Diagnostic> {
        let mut text = self.subject(scope)?;
        let holds = match self.count.test(Some(&Value::from(self.arrived)), scope) {
            Ok(()) => true,
            Err(Mismatch::Differs(_)) => false,
            Err(Mismatch::Unresolved(diagnostic)) => return Err(diagnostic),
        };
        if !holds {
            text += &format!(", expected {}", wish(&self.count, scope, &show)?);
            if self.examples.count() > 0 {
                text += &format!(" ({})", self.examples);
            }
        }
        if self.missing.count() > 0 {
            text += &format!("; {} did not arrive ({})", self.missing.count(), self.missing);
        }
        if unanswered > 0 {
            text += &format!("; {} had no reply", counted(unanswered, "call", "calls"));
        }
        let outcome = if holds { Outcome::Ok } else { Outcome::Failed };
        Ok(Finding::new(outcome, text))
    }
}
