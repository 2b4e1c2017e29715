//! Faults on links: whom they meet, which way, and what they do.

use std::sync::Arc;

use super::Binder;
use crate::base::Located;
use crate::plan::fault::{Change, Choice, Condition, Harm, Looks, Rule, Unit};
use crate::plan::paths::Paths;
use crate::scenario::model::{
    self, Body, Directions, Edit, EditValue, Field, Filter, LinkFault, Predicate,
};

impl Binder<'_> {
    /// A fault on links; `cause` is the message that lets it loose.
    pub(super) fn rule(&self, link: &LinkFault, cause: Option<&Filter>) -> Rule {
        let on_messages = link.harm.is_on_messages();
        let only_cause = only_cause(link, cause).is_some();
        let is_server = |name: &str| self.plan.server_named(name).is_some();
        let direction = direction(link, cause, &self.paths, &is_server);
        let choice = self.choice(&link.choice);
        let chooses = on_messages || !choice.looks.is_empty();
        Rule {
            from: self.nodes(&link.from),
            to: self.nodes(&link.to),
            request: direction != Directions::Response,
            response: direction != Directions::Request,
            harm: harm(&link.harm),
            unit: if chooses { Unit::Message } else { Unit::Connection },
            choice,
            only_cause,
        }
    }

    fn choice(&self, choice: &model::Choice) -> Choice {
        Choice {
            client: self.nodes(choice.client.as_slice()),
            looks: looks(choice.summary.as_ref(), [&choice.method, &choice.path, &choice.status]),
            nth: choice.nth,
            every: choice.every,
            first: choice.first,
            probability: choice.probability,
            after: choice.after.as_ref().map(|trigger| self.trigger(trigger)),
            during: choice.during.as_ref().map(|condition| match condition {
                model::Condition::Crashed(node) => Condition::Crashed(self.node(node)),
                model::Condition::Paused(node) => Condition::Paused(self.node(node)),
                model::Condition::Fault(name) => Condition::Fault(name.value.clone()),
            }),
        }
    }
}

pub(super) fn looks(
    summary: Option<&Located<String>>,
    [method, path, status]: [&Option<Predicate>; 3],
) -> Looks {
    Looks {
        summary: summary.map(|pattern| pattern.value.clone()),
        method: method.clone(),
        path: path.clone(),
        status: status.clone(),
    }
}

/// True if a fault says nothing of whom it meets, and which of that it harms.
fn says_nothing(link: &LinkFault) -> bool {
    let model::Choice {
        client,
        summary,
        method,
        path,
        status,
        nth,
        every,
        first,
        probability,
        after,
        during,
    } = &link.choice;
    let numbers = [nth, every, first].into_iter().all(Option::is_none);
    let looks = [method, path, status].into_iter().all(Option::is_none) && summary.is_none();
    let times = after.is_none() && during.is_none() && probability.is_none();
    let nodes = link.from.is_empty() && link.to.is_empty() && client.is_none();
    numbers && looks && times && nodes
}

/// The message that a fault is about and nothing else: the one that let it loose.
fn only_cause<'f>(link: &LinkFault, cause: Option<&'f Filter>) -> Option<&'f Filter> {
    cause.filter(|_| link.harm.is_on_messages() && says_nothing(link))
}

/// Which way is meant, as the file says it, or as it follows from what the fault is about.
pub(super) fn direction(
    link: &LinkFault,
    cause: Option<&Filter>,
    paths: &Paths<'_>,
    is_server: &dyn Fn(&str) -> bool,
) -> Directions {
    let reply = |cause: &Filter| is_reply(cause, paths, is_server);
    link.direction.unwrap_or_else(|| match only_cause(link, cause) {
        Some(cause) if reply(cause) => Directions::Response,
        _ => default_direction(link),
    })
}

/// True if the messages that `filter` means are replies, as far as one can tell.
fn is_reply(filter: &Filter, paths: &Paths<'_>, is_server: &dyn Fn(&str) -> bool) -> bool {
    match (&filter.from, &filter.to) {
        _ if filter.status.is_some() => true,
        _ if filter.client.is_some() => false,
        (Some(from), Some(to)) => !paths.connects(from, to) && paths.connects(to, from),
        (None, Some(to)) => !is_server(to),
        (Some(_), None) | (None, None) => false,
    }
}

/// Which way is meant if the file does not say.
fn default_direction(link: &LinkFault) -> Directions {
    let of_reply = link.choice.status.is_some();
    match &link.harm {
        _ if of_reply => Directions::Response,
        model::Harm::Edit(edit) if is_of_replies(edit) => Directions::Response,
        harm if harm.is_on_messages() => Directions::Request,
        _ => Directions::Both,
    }
}

/// True for an edit that can only be one of replies.
fn is_of_replies(edit: &Edit) -> bool {
    let asks = |field: &Field| matches!(field, Field::Named(name) if matches!(name.as_str(), "status" | "reply"));
    edit.status.is_some()
        || matches!(edit.value, Some(EditValue::Reply(_)))
        || edit.when.iter().any(|expectation| asks(&expectation.field.value))
}

fn harm(harm: &model::Harm) -> Harm {
    match harm.clone() {
        model::Harm::Latency { by, jitter } => Harm::Latency { by, jitter },
        model::Harm::Bandwidth { bytes_per_s } => Harm::Bandwidth { bytes_per_s },
        model::Harm::Slice { size, variation, delay } => Harm::Slice { size, variation, delay },
        model::Harm::Corrupt(corruption) => Harm::Corrupt(corruption),
        model::Harm::Limit { bytes } => Harm::Limit { bytes },
        model::Harm::SlowClose { by } => Harm::SlowClose { by },
        model::Harm::Reset { after } => Harm::Reset { after },
        model::Harm::Blackhole { close_after } => Harm::Blackhole { close_after },
        model::Harm::Refuse => Harm::Refuse,
        model::Harm::SlowConnect(by) => Harm::SlowConnect(by),
        model::Harm::HalfClose => Harm::HalfClose,
        model::Harm::Drop => Harm::Drop,
        model::Harm::Duplicate { times, replies } => Harm::Duplicate { times, replies },
        model::Harm::Delay(by) => Harm::Delay(by),
        model::Harm::Reorder { behind, within } => Harm::Reorder { behind, within },
        model::Harm::Truncate { bytes, close } => Harm::Truncate { bytes, close },
        model::Harm::Replace(body) => Harm::Change(Change::Bytes(bytes_of(&body))),
        model::Harm::Edit(edit) => Harm::Change(Change::Edit(Arc::from(edit))),
        model::Harm::Hold => Harm::Hold,
    }
}

/// The bytes of a replacement, which holds no variables.
pub(super) fn bytes_of(body: &Body) -> bytes::Bytes {
    let nothing = |_: &str| None;
    match body {
        Body::Bytes(bytes) => bytes.clone(),
        Body::Text(text) => text.resolve_string(&nothing).unwrap_or_default().into(),
        Body::Json(value) => {
            value.resolve(&nothing).map(|value| value.to_string()).unwrap_or_default().into()
        }
        Body::Empty | Body::Form(_) => bytes::Bytes::new(),
    }
}
