//! What messages look like to faults and triggers.

use crate::base::{Direction, Seq, Value, glob};
use crate::plan::fault::{Looks, Scope};
use crate::protocol::{Asked, Protocol, Seen, asked, http_status};
use crate::scenario::model::Predicate;

/// A message that is being sent, as faults and triggers see it.
pub(super) struct Sight<'a> {
    pub(super) protocol: Protocol,
    pub(super) direction: Direction,
    pub(super) seen: &'a Seen,
    /// All of it, or what is kept of it.
    pub(super) bytes: &'a [u8],
}

impl Sight<'_> {
    pub(super) fn seq(&self) -> Seq {
        self.seen.seq
    }

    /// True if it looks as asked for, or if a summary is asked for and what it answers has that. A predicate
    /// that cannot be resolved fits nothing.
    pub(super) fn fits(&self, looks: &Looks, scope: Option<&Scope>) -> bool {
        let of_asked = || {
            let asked = self.seen.asked.as_ref().filter(|_| self.direction == Direction::Response);
            asked.is_some_and(|asked| has_summary(looks, &asked.summary))
        };
        (has_summary(looks, &self.seen.summary) || of_asked()) && self.fits_fields(looks, scope)
    }

    /// The same, but what a reply answers does not matter for its summary.
    pub(super) fn fits_itself(&self, looks: &Looks, scope: Option<&Scope>) -> bool {
        has_summary(looks, &self.seen.summary) && self.fits_fields(looks, scope)
    }

    fn fits_fields(&self, looks: &Looks, scope: Option<&Scope>) -> bool {
        self.fits_asked(looks, scope) && self.fits_status(looks.status.as_ref(), scope)
    }

    fn fits_asked(&self, looks: &Looks, scope: Option<&Scope>) -> bool {
        if looks.method.is_none() && looks.path.is_none() {
            return true;
        }
        let of_request;
        let asked: &Asked = match self.direction {
            Direction::Request => match asked(self.protocol, &self.seen.summary, self.bytes) {
                Some(asked) => {
                    of_request = asked;
                    &of_request
                }
                None => return false,
            },
            Direction::Response => match &self.seen.asked {
                Some(asked) => asked,
                None => return false,
            },
        };
        let path = || (!asked.path.is_empty()).then(|| Value::from(asked.path.as_str()));
        holds(looks.method.as_ref(), scope, || Some(Value::from(asked.method.as_str())))
            && holds(looks.path.as_ref(), scope, path)
    }

    fn fits_status(&self, status: Option<&Predicate>, scope: Option<&Scope>) -> bool {
        holds(status, scope, || {
            let is_reply = self.direction == Direction::Response && self.protocol == Protocol::Http;
            is_reply.then(|| http_status(&self.seen.summary)).flatten().map(Value::from)
        })
    }
}

fn has_summary(looks: &Looks, summary: &str) -> bool {
    looks.summary.as_ref().is_none_or(|pattern| glob(pattern.as_bytes(), summary.as_bytes()))
}

fn holds(
    predicate: Option<&Predicate>,
    scope: Option<&Scope>,
    actual: impl FnOnce() -> Option<Value>,
) -> bool {
    let Some(predicate) = predicate else { return true };
    let Some(actual) = actual() else { return false };
    let nothing = |_: &str| None;
    match scope {
        Some(scope) => predicate.test(Some(&actual), &**scope).is_ok(),
        None => predicate.test(Some(&actual), &nothing).is_ok(),
    }
}
