//! `latency:`, how long replies take.

use crate::base::Diagnostic;
use crate::base::units::show_duration;
use crate::scenario::Lookup;
use crate::scenario::model::Statistic;
use crate::trace::{Message, Outcome};

use super::filter::Wanted;
use super::judge::{Finding, Reply, Rule};
use super::samples::{Bounds, Samples, measured};
use super::words::{counted, matching, places, request_parts, show, wish};

/// Measures from request sent to reply delivered.
pub(super) struct Latency {
    wanted: Wanted,
    bounds: Bounds,
    samples: Samples,
}

impl Latency {
    pub(super) fn new(wanted: Wanted, bounds: Bounds) -> Latency {
        Latency { wanted, bounds, samples: Samples::default() }
    }

    /// `60 calls by reader to app`, without the count.
    fn subject(&self, count: u64, scope: &dyn Lookup) -> Result<String, Diagnostic> {
        let mut text = counted(count, "call", "calls");
        text += &places(&self.wanted, "by");
        text += &request_parts(&self.wanted, scope)?;
        if let Some(verb) = matching(&self.wanted, count) {
            text += &format!(" that {verb}");
        }
        if let Some(status) = &self.wanted.filter.status {
            text += &format!(" answered with status {}", wish(status, scope, &show)?);
        }
        Ok(text)
    }
}

impl Rule for Latency {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn request(&mut self, message: &Message, scope: &dyn Lookup) -> Result<bool, Diagnostic> {
        Ok(self.wanted.fits_message(message) && self.wanted.fits_request_line(message, scope)?)
    }

    fn reply(&mut self, reply: Reply<'_>, scope: &dyn Lookup) -> Result<(), Diagnostic> {
        if reply.message.fate.arrived() && self.wanted.fits_status(reply.message, scope)? {
            self.samples.add(reply.at.since(reply.sent));
        }
        Ok(())
    }

    fn waits(&self) -> bool {
        true
    }

    fn finding(&self, unanswered: u64, scope: &dyn Lookup) -> Result<Finding, Diagnostic> {
        let without_reply = match unanswered {
            0 => String::new(),
            count => format!("; {} had no reply", counted(count, "call", "calls")),
        };
        let Some(figures) = self.samples.figures() else {
            let text =
                format!("{}: there is nothing to measure{without_reply}", self.subject(0, scope)?);
            return Ok(Finding::new(Outcome::Unknown, text));
        };
        let (holds, told) = measured(&self.bounds, &figures, scope)?;
        let outcome = if holds { Outcome::Ok } else { Outcome::Failed };
        let text = format!(
            "{told} ({}, {} to {}){without_reply}",
            self.subject(self.samples.count, scope)?,
            show_duration(figures.of(Statistic::Min)),
            show_duration(figures.of(Statistic::Max)),
        );
        Ok(Finding::new(outcome, text))
    }
}
