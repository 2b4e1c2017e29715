//! Triggers: what happens in a run, and who waits for it.

use std::sync::Arc;

use super::looks::Sight;
use crate::base::{ConnId, NodeId, Seq};
use crate::plan::fault::{Fault, Scope, Trigger, TriggerEvent};

/// How often a trigger fires by what the timeline does itself, to nodes and with faults: two that cause each
/// other would go on for ever.
pub const FIRINGS_MAX: u64 = 10_000;

/// Something happens.
pub(super) enum Happening<'a> {
    /// A message is sent.
    Message {
        conn: ConnId,
        client: NodeId,
        sender: NodeId,
        receiver: NodeId,
        sight: &'a Sight<'a>,
        scope: Option<&'a Scope>,
    },
    /// A connection is asked for.
    Connect {
        from: NodeId,
        to: NodeId,
    },
    /// A step is done.
    Step {
        client: NodeId,
        step: Option<&'a str>,
    },
    /// Something became of a node.
    Crash(NodeId),
    Restart(NodeId),
    Pause(NodeId),
    Resume(NodeId),
    /// A fault was let loose.
    Fault(&'a str),
}

impl Happening<'_> {
    /// The message, if it is one.
    pub(super) fn message(&self) -> Option<(ConnId, Seq)> {
        match self {
            Happening::Message { conn, sight, .. } => Some((*conn, sight.seq())),
            _ => None,
        }
    }

    /// True if the timeline can have done it.
    fn may_be_our_own(&self) -> bool {
        match self {
            Happening::Message { .. } | Happening::Connect { .. } | Happening::Step { .. } => false,
            Happening::Crash(_)
            | Happening::Restart(_)
            | Happening::Pause(_)
            | Happening::Resume(_)
            | Happening::Fault(_) => true,
        }
    }

    fn is(&self, event: &TriggerEvent) -> bool {
        match (event, self) {
            (
                TriggerEvent::Message { from, to, client, looks },
                Happening::Message { client: asking, sender, receiver, sight, scope, .. },
            ) => {
                from.has(*sender)
                    && to.has(*receiver)
                    && client.has(*asking)
                    && sight.fits_itself(looks, *scope)
            }
            (
                TriggerEvent::Connect { from, to },
                Happening::Connect { from: asking, to: asked },
            ) => from.has(*asking) && to.has(*asked),
            (TriggerEvent::Step { clients, step }, Happening::Step { client, step: done }) => {
                clients.contains(client) && step.as_deref() == *done
            }
            (TriggerEvent::Crash(node), Happening::Crash(one))
            | (TriggerEvent::Restart(node), Happening::Restart(one))
            | (TriggerEvent::Pause(node), Happening::Pause(one))
            | (TriggerEvent::Resume(node), Happening::Resume(one)) => node == one,
            (TriggerEvent::Fault(name), Happening::Fault(started)) => name == started,
            _ => false,
        }
    }
}

/// A trigger that waits.
pub(super) struct Armed {
    pub(super) number: usize,
    trigger: Trigger,
    /// What it lets loose by itself.
    pub(super) fault: Option<Arc<Fault>>,
    /// How often it has happened.
    count: u64,
    /// How often it has fired.
    fired: u64,
}

/// Whether a trigger fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fires {
    No,
    Yes,
    /// It would, and has done so too often: said once.
    NoMore,
}

impl Armed {
    pub(super) fn new(number: usize, trigger: &Trigger, fault: Option<&Arc<Fault>>) -> Armed {
        Armed { number, trigger: trigger.clone(), fault: fault.cloned(), count: 0, fired: 0 }
    }

    /// Whether it fires now.
    pub(super) fn fires(&mut self, happening: &Happening<'_>) -> Fires {
        if !happening.is(&self.trigger.event) {
            return Fires::No;
        }
        self.count += 1;
        let Trigger { nth, every, .. } = &self.trigger;
        let chosen = nth.is_none_or(|nth| self.count == nth)
            && every.is_none_or(|every| every > 0 && self.count.is_multiple_of(every));
        if !chosen {
            return Fires::No;
        }
        self.fired += 1;
        match self.fired.checked_sub(FIRINGS_MAX + 1) {
            Some(past) if happening.may_be_our_own() => {
                if past == 0 {
                    Fires::NoMore
                } else {
                    Fires::No
                }
            }
            _ => Fires::Yes,
        }
    }

    /// True if it waits for messages that `sender` sends to `receiver` on connections of `client`.
    pub(super) fn watches(&self, client: NodeId, sender: NodeId, receiver: NodeId) -> bool {
        match &self.trigger.event {
            TriggerEvent::Message { from, to, client: asking, .. } => {
                from.has(sender) && to.has(receiver) && asking.has(client)
            }
            _ => false,
        }
    }

    /// True if it asks for what a request asked for.
    pub(super) fn remembers(&self) -> bool {
        matches!(&self.trigger.event, TriggerEvent::Message { looks, .. }
            if looks.method.is_some() || looks.path.is_some())
    }
}
