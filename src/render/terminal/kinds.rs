//! Which events are alike, and what many of them are called.

use super::columns::CLIENT;
use super::shape;
use super::style::Style;
use super::tally::Groups;
use super::text::escape;
use crate::base::NodeId;
use crate::render::harm;
use crate::trace::{
    Event, EventKind, FaultPhase, Header, Level, Message, Outcome, StepEvent, placed,
};

/// Kinds of lines, so that their shapes differ.
const NOTE: u8 = 2;
const WIRE: u8 = 3;
const FAILURE: u8 = 4;
const FAULT: u8 = 5;
const STATE: u8 = 6;

/// Tells events apart by kind.
pub(super) struct Kinds<'a> {
    pub(super) header: &'a Header,
    pub(super) groups: &'a Groups,
    pub(super) style: Style,
    /// Whether also that is told which a diagram leaves out.
    pub(super) everything: bool,
}

impl Kinds<'_> {
    /// The number that alike events share; `None` if the event is not told.
    pub(super) fn shape(&self, event: &Event) -> Option<u64> {
        let group = |node: NodeId| self.groups.of(node);
        Some(match &event.kind {
            EventKind::Message(message) => {
                shape::of_message(message, group(message.from), group(message.to))
            }
            EventKind::Connect { from, to, fault, .. } => {
                let what = if fault.is_some() { "held" } else { "connect" };
                shape::of_text(WIRE, group(*from), &format!("{what} {}", group(*to)))
            }
            EventKind::Refused { from, reason, .. } => shape::of_text(NOTE, group(*from), reason),
            EventKind::Close { by, .. } => shape::of_text(WIRE, group(*by), "close"),
            EventKind::Reset { by, .. } => shape::of_text(NOTE, group(*by), "reset"),
            EventKind::Crash { node, .. } => shape::of_text(NOTE, group(*node), "crash"),
            EventKind::Restart { node } => shape::of_text(NOTE, group(*node), "restart"),
            EventKind::Pause { node } => shape::of_text(NOTE, group(*node), "pause"),
            EventKind::Resume { node } => shape::of_text(NOTE, group(*node), "resume"),
            EventKind::State { node, name, .. } => shape::of_text(STATE, group(*node), name),
            EventKind::Fault(fault) => {
                shape::of_text(FAULT, usize::from(fault.phase == FaultPhase::End), &fault.name)
            }
            EventKind::Step(step) => match step.outcome {
                Outcome::Failed => of_failure(step) ^ u64::from(step.forgiven),
                Outcome::Ok if is_plain(step) && !self.everything => return None,
                _ => shape::of_text(NOTE, group(step.client), &step.summary),
            },
            EventKind::Load(load) => shape::of_text(NOTE, load.client.index(), "load"),
            EventKind::Error { node, script, text, .. } => {
                shape::of_text(NOTE, group(*node), &format!("{script} {text}"))
            }
            EventKind::Log { node, level, text } => {
                let node = node.unwrap_or(NodeId::OUTSIDE);
                let server = self.header.nodes.get(node.index()).is_some_and(|n| n.kind != CLIENT);
                if server && *level == Level::Info && !self.everything {
                    return None;
                }
                shape::of_text(NOTE, group(node), text)
            }
            _ if self.everything => shape::of_text(NOTE, 0, "other"),
            _ => return None,
        })
    }

    /// What all events like this one are: `alice → app  GET /items/*`. `None` for what is not missed in a
    /// crowd, because the summary counts it.
    pub(super) fn gist(&self, event: &Event) -> Option<String> {
        let gist = match &event.kind {
            EventKind::Message(message) => {
                self.between(message.from, message.to, &self.what(message))
            }
            EventKind::Refused { from, to, reason, .. } => self.between(*from, *to, reason),
            EventKind::Step(step) => {
                let why = step.failures.first().map_or("", |(_, why)| why.as_str());
                let words = format!("{}: {}: {why}", self.who(step.client), step.summary);
                words.trim_end_matches(": ").to_owned()
            }
            EventKind::Reset { by, .. } => format!("{}: reset", self.who(*by)),
            EventKind::Crash { node, .. } => format!("{}: crashed", self.who(*node)),
            EventKind::Restart { node } => format!("{}: restarted", self.who(*node)),
            EventKind::Pause { node } => format!("{}: paused", self.who(*node)),
            EventKind::Resume { node } => format!("{}: resumed", self.who(*node)),
            EventKind::State { node, name, .. } => {
                format!("{}: {name} = {}", self.who(*node), self.style.glyphs().ellipsis)
            }
            EventKind::Fault(fault) => {
                let what = match fault.phase {
                    FaultPhase::Start => "let loose",
                    FaultPhase::End => "over",
                };
                format!("{} {what}", shape::general(&fault.name))
            }
            EventKind::Error { node, script, line, text } => {
                format!("{}: {}", self.who(*node), placed(script, *line, text))
            }
            EventKind::Log { node, text, .. } => {
                format!("{}: {text}", self.who(node.unwrap_or(NodeId::OUTSIDE)))
            }
            _ => return None,
        };
        Some(escape(&gist, self.style.ascii).into_owned())
    }

    /// What all answers like this one are, together with the requests that they answer.
    pub(super) fn answer(&self, message: &Message, request: &str) -> String {
        let what = self.what(message);
        let gist = match request {
            "" => self.between(message.from, message.to, &what),
            request => format!("{request} {} {what}", self.style.glyphs().to),
        };
        escape(&gist, self.style.ascii).into_owned()
    }

    fn between(&self, from: NodeId, to: NodeId, what: &str) -> String {
        format!("{} {} {}  {what}", self.who(from), self.style.glyphs().to, self.who(to))
    }

    fn who(&self, node: NodeId) -> &str {
        self.groups.name(self.groups.of(node))
    }

    fn what(&self, message: &Message) -> String {
        let mut what = shape::pattern(message, &message.summary);
        if let Some(arrived) = &message.arrived {
            let came = shape::pattern(message, &arrived.summary);
            if came != what {
                what = format!("{what} {} {came}", self.style.glyphs().to);
            }
        }
        if let Some(fault) = &message.fault {
            let fate = harm::fate_by(message.fate, Some(&shape::general(fault)));
            what.push_str(&format!(" ({})", fate.unwrap_or_default()));
        }
        what
    }
}

/// True for what becomes of a connection in order.
pub(super) fn is_wire(event: &Event) -> bool {
    matches!(event.kind, EventKind::Connect { fault: None, .. } | EventKind::Close { .. })
}

/// The number that failures at the same place share.
pub(super) fn of_failure(step: &StepEvent) -> u64 {
    let place = step.failures.first().map_or(step.span, |(span, _)| *span);
    shape::of_text(FAILURE, place.start as usize, "")
}

/// True for a step of which there is nothing to say but that it was done.
fn is_plain(step: &StepEvent) -> bool {
    step.error.is_none() && step.attempts < 2 && step.name.is_none()
}
