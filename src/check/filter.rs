//! Which messages a check is about: a `Filter` of the scenario with its names bound.
//!
//! Methods, paths and statuses are read from the summaries of HTTP messages, `GET /items/42` and
//! `404 Not Found`. A message of another protocol has none, and fits no filter that asks for one.

use crate::base::{Diagnostic, Direction, NodeId, Value, glob};
use crate::plan::Plan;
use crate::protocol::{http_request_line, http_status};
use crate::scenario::model::{Filter, Predicate};
use crate::scenario::{Lookup, Mismatch};
use crate::trace::Message;

/// The name of the protocol that has methods, paths and statuses.
const HTTP: &str = "http";

/// A filter with its names bound to nodes.
pub(super) struct Wanted {
    from: Option<Vec<NodeId>>,
    to: Option<Vec<NodeId>>,
    client: Option<Vec<NodeId>>,
    /// The filter as it was written.
    pub(super) filter: Filter,
}

/// Whether something fits; an error if a predicate names a variable that has no value.
pub(super) type Fit = Result<bool, Diagnostic>;

impl Wanted {
    pub(super) fn new(filter: &Filter, plan: &Plan) -> Wanted {
        let nodes = |name: &str| {
            let ids = plan.nodes_named(name);
            let outside = ids.is_empty() && name == plan.node_name(NodeId::OUTSIDE);
            if outside { vec![NodeId::OUTSIDE] } else { ids }
        };
        Wanted {
            from: filter.from.as_ref().map(|name| nodes(name)),
            to: filter.to.as_ref().map(|name| nodes(name)),
            client: filter.client.as_ref().map(|name| nodes(name)),
            filter: filter.clone(),
        }
    }

    /// `from`, `to`, `client` and `match`, of the message itself.
    pub(super) fn fits_message(&self, message: &Message) -> bool {
        let asking = match message.direction {
            Direction::Request => message.from,
            Direction::Response => message.to,
        };
        is_in(self.from.as_deref(), message.from)
            && is_in(self.to.as_deref(), message.to)
            && is_in(self.client.as_deref(), asking)
            && self
                .filter
                .summary
                .as_ref()
                .is_none_or(|pattern| glob(pattern.as_bytes(), message.summary.as_bytes()))
    }

    /// True if the filter asks for a method or a path, which only a request has.
    pub(super) fn is_about_requests(&self) -> bool {
        self.filter.method.is_some() || self.filter.path.is_some()
    }

    /// `method` and `path`, of a request.
    pub(super) fn fits_request_line(&self, request: &Message, scope: &dyn Lookup) -> Fit {
        if !self.is_about_requests() {
            return Ok(true);
        }
        let Some((method, path)) = request_line(request) else { return Ok(false) };
        Ok(holds(self.filter.method.as_ref(), scope, || Value::from(method))?
            && holds(self.filter.path.as_ref(), scope, || Value::from(path))?)
    }

    /// `status`, of a reply.
    pub(super) fn fits_status(&self, reply: &Message, scope: &dyn Lookup) -> Fit {
        if self.filter.status.is_none() {
            return Ok(true);
        }
        let Some(status) = status(reply) else { return Ok(false) };
        holds(self.filter.status.as_ref(), scope, || Value::from(status))
    }
}

fn is_in(wanted: Option<&[NodeId]>, node: NodeId) -> bool {
    wanted.is_none_or(|nodes| nodes.binary_search(&node).is_ok())
}

fn holds(predicate: Option<&Predicate>, scope: &dyn Lookup, actual: impl FnOnce() -> Value) -> Fit {
    let Some(predicate) = predicate else { return Ok(true) };
    match predicate.test(Some(&actual()), scope) {
        Ok(()) => Ok(true),
        Err(Mismatch::Differs(_)) => Ok(false),
        Err(Mismatch::Unresolved(diagnostic)) => Err(diagnostic),
    }
}

/// The method and the path of an HTTP request, the path without its query.
pub(super) fn request_line(message: &Message) -> Option<(&str, &str)> {
    if message.direction != Direction::Request || message.protocol != HTTP {
        return None;
    }
    http_request_line(&message.summary, &message.bytes)
}

/// The status of an HTTP reply.
pub(super) fn status(message: &Message) -> Option<u64> {
    if message.direction != Direction::Response || message.protocol != HTTP {
        return None;
    }
    http_status(&message.summary).map(u64::from)
}

/// True for an HTTP reply after which the real one is still to come: `100 Continue`.
pub(super) fn is_interim(message: &Message) -> bool {
    status(message).is_some_and(|status| (100..200).contains(&status) && status != 101)
}
