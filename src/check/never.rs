//! `never:`, no message fits.

use crate::base::{Diagnostic, Direction};
use crate::scenario::Lookup;
use crate::trace::{Message, Outcome};

use super::filter::Wanted;
use super::judge::{Finding, Reply, Rule};
use super::words::{Examples, counted, matching, places, request_parts, show, wish};

/// Names the messages that must not be. With a status it is about replies, with a method or a path
/// about requests, with both about replies to such requests, and otherwise about all messages.
pub(super) struct Never {
    wanted: Wanted,
    found: Examples,
}

impl Never {
    pub(super) fn new(wanted: Wanted) -> Never {
        Never { wanted, found: Examples::default() }
    }

    fn is_about_replies(&self) -> bool {
        self.wanted.filter.status.is_some()
    }

    fn look(&mut self, message: &Message, scope: &dyn Lookup) -> Result<(), Diagnostic> {
        let fits = self.wanted.fits_message(message)
            && match message.direction {
                Direction::Request => self.wanted.fits_request_line(message, scope)?,
                Direction::Response => self.wanted.fits_status(message, scope)?,
            };
        if fits {
            self.found.add(message);
        }
        Ok(())
    }

    /// `2 replies from app have status 500`.
    fn subject(&self, scope: &dyn Lookup) -> Result<String, Diagnostic> {
        let count = self.found.count();
        let request = request_parts(&self.wanted, scope)?;
        let (one, many) = match (self.is_about_replies(), request.is_empty()) {
            (true, _) => ("reply", "replies"),
            (false, false) => ("request", "requests"),
            (false, true) => ("message", "messages"),
        };
        let mut text = counted(count, one, many);
        text += &places(&self.wanted, if self.is_about_replies() { "for" } else { "by" });
        if self.waits() {
            text += " to a request";
        }
        text += &request;
        let mut verbs: Vec<String> = matching(&self.wanted, count).into_iter().collect();
        if let Some(status) = &self.wanted.filter.status {
            let verb = if count > 1 { "have" } else { "has" };
            verbs.push(format!("{verb} status {}", wish(status, scope, &show)?));
        }
        if !verbs.is_empty() {
            text.push(' ');
            text += &verbs.join(" and ");
        }
        Ok(text)
    }
}

impl Rule for Never {
    fn name(&self) -> &'static str {
        "never"
    }

    fn request(&mut self, message: &Message, scope: &dyn Lookup) -> Result<bool, Diagnostic> {
        if self.waits() {
            return self.wanted.fits_request_line(message, scope);
        }
        if !self.is_about_replies() {
            self.look(message, scope)?;
        }
        Ok(false)
    }

    fn response(&mut self, message: &Message, scope: &dyn Lookup) -> Result<(), Diagnostic> {
        // A reply has no method; whether its request had a wanted one is known where they are paired.
        if self.wanted.is_about_requests() { Ok(()) } else { self.look(message, scope) }
    }

    fn reply(&mut self, reply: Reply<'_>, scope: &dyn Lookup) -> Result<(), Diagnostic> {
        self.look(reply.message, scope)
    }

    fn waits(&self) -> bool {
        self.is_about_replies() && self.wanted.is_about_requests()
    }

    fn finding(&self, _unanswered: u64, scope: &dyn Lookup) -> Result<Finding, Diagnostic> {
        let mut text = self.subject(scope)?;
        if self.found.count() == 0 {
            return Ok(Finding::new(Outcome::Ok, text));
        }
        text += &format!(", expected none ({})", self.found);
        Ok(Finding::new(Outcome::Failed, text))
    }
}
