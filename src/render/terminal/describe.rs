//! Events in words: what is an arrow, what is a note, what is left out.

use anstyle::Style as Ink;

use super::columns::{CLIENT, number};
use super::connections::{Connections, Ending};
use super::diagram::{Arrow, End};
use super::exchanges::Asked;
use super::faults::Faults;
use super::label::Label;
use super::moment::took;
use super::standing::Standings;
use super::style::{self, BAD, DIM, FAULT, GOOD, PLAIN, Style, WARN};
use super::teller::{Form, Telling};
use super::text::{escape, plural};
use crate::base::{ConnId, Direction, NodeId, Time};
use crate::render::{harm, words};
use crate::trace::{
    Event, EventKind, Fate, Header, Level, LoadEvent, Message, OpEvent, OpPhase, Outcome,
    StepEvent, placed,
};

/// What is told of an event.
#[derive(Debug)]
pub(super) enum Told<'a> {
    /// Something goes from one node to another.
    Arrow {
        arrow: Arrow,
        conn: ConnId,
        /// Whether it goes from the side that was asked to the side that asked.
        back: bool,
    },
    /// Something happens at a node.
    Note { node: NodeId, words: String, ink: Ink },
    /// Something concerns the run.
    Band { words: String, ink: Ink },
    /// Something begins or ends that concerns all that follows.
    Rule { words: String, ink: Ink },
    /// A step failed.
    Failure(&'a StepEvent),
}

/// What there is to know for describing an event.
pub(super) struct Scene<'a> {
    pub(super) header: &'a Header,
    pub(super) style: Style,
    pub(super) known: Known<'a>,
    /// Whether also that is told which a diagram shows in other ways or leaves out.
    pub(super) everything: bool,
    /// Whether a connection's number stands before its messages if there are several like it.
    pub(super) tags: bool,
    numbers: bool,
}

/// What was learnt from the events before.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) connections: &'a Connections,
    pub(super) faults: &'a Faults,
    pub(super) standings: &'a Standings,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        header: &'a Header,
        telling: &Telling,
        known: Known<'a>,
        tags: bool,
    ) -> Scene<'a> {
        let everything = matches!(telling.form, Form::List { .. });
        let (style, numbers) = (telling.style, telling.numbers);
        Scene { header, style, known, everything, tags, numbers }
    }

    /// What to tell of an event, if anything; `asked` is the request that it answers.
    pub(super) fn describe<'e>(&self, event: &'e Event, asked: Option<Asked>) -> Option<Told<'e>> {
        match &event.kind {
            EventKind::Message(message) => Some(self.message(event.at, message, asked)),
            EventKind::Connect { conn, from, to, port, fault } => Some(match fault {
                None => self.wire(*conn, *from, *to, &format!("connect from :{port}"), false),
                Some(fault) => self.held(*conn, *from, *to, fault),
            }),
            EventKind::Refused { conn, from, to, reason } => {
                Some(self.refused(*conn, *from, *to, reason))
            }
            EventKind::Close { conn, by } => self.close(*conn, *by),
            EventKind::Reset { conn, by, fault } => {
                let fault = fault.as_deref();
                Some(match self.known.connections.peer(*conn, *by) {
                    Some(peer) => {
                        let back = self.is_back(*conn, *by);
                        self.broken(*conn, *by, peer, &harm::reset(fault), back)
                    }
                    None => self.note(*by, &harm::resets(&conn.to_string(), fault), BAD),
                })
            }
            EventKind::Crash { .. }
            | EventKind::Restart { .. }
            | EventKind::Pause { .. }
            | EventKind::Resume { .. } => self.stand(event),
            EventKind::Fault(fault) => {
                let words = self.known.faults.words(fault);
                let words = escape(&words, self.style.ascii).into_owned();
                Some(Told::Rule { words, ink: FAULT })
            }
            EventKind::State { node, name, value } => {
                Some(self.note(*node, &words::state(name, value), PLAIN))
            }
            EventKind::Step(step) => self.step(event.at, step),
            EventKind::Load(load) => {
                Some(self.note(load.client, &load_words(load, event.at), PLAIN))
            }
            EventKind::Error { node, script, line, text } => {
                let cross = self.style.glyphs().cross;
                Some(self.note(*node, &format!("{cross} {}", placed(script, *line, text)), BAD))
            }
            EventKind::Log { node, level, text } => self.log(*node, *level, text),
            _ if self.everything => self.other(event),
            _ => None,
        }
    }

    fn note<'e>(&self, node: NodeId, words: &str, ink: Ink) -> Told<'e> {
        let words = escape(words, self.style.ascii).into_owned();
        Told::Note { node, words, ink }
    }

    /// True if `from` is the side that was asked for the connection.
    fn is_back(&self, conn: ConnId, from: NodeId) -> bool {
        self.known.connections.get(conn).is_some_and(|known| known.to == from)
    }

    /// What becomes of a node.
    fn stand<'e>(&self, event: &Event) -> Option<Told<'e>> {
        let cross = self.style.glyphs().cross;
        let after = |node: NodeId| {
            let since = self.known.standings.since(node);
            since.map_or(String::new(), |since| format!(" after {}", took(event.at.since(since))))
        };
        Some(match &event.kind {
            EventKind::Crash { node, text, fault: None } => {
                self.note(*node, &format!("{cross} crashed: {text}"), BAD)
            }
            EventKind::Crash { node, text, fault: Some(fault) } => {
                let why = if text.is_empty() { String::new() } else { format!(": {text}") };
                self.note(*node, &format!("{cross} crashed by {fault}{why}"), FAULT)
            }
            EventKind::Restart { node } => {
                self.note(*node, &format!("restarted{}", after(*node)), FAULT)
            }
            EventKind::Pause { node } => self.note(*node, "paused", FAULT),
            EventKind::Resume { node } => {
                self.note(*node, &format!("resumed{}", after(*node)), FAULT)
            }
            _ => return None,
        })
    }

    fn message<'e>(&self, at: Time, message: &Message, asked: Option<Asked>) -> Told<'e> {
        let ink = style::connection(message.conn);
        let arrives = message.fate.came();
        let (aside, aside_ink) = match asked {
            // The label tells more.
            _ if !arrives && message.fault.is_some() => (String::new(), BAD),
            _ if !arrives => (message.fate.as_str().to_owned(), BAD),
            Some(asked) => (took(at.since(asked.sent)), DIM),
            None => (String::new(), DIM),
        };
        let arrow = Arrow {
            from: message.from,
            to: message.to,
            ink: if arrives { ink } else { BAD },
            end: if arrives { End::Head } else { End::Midway },
            label: self.label(message, ink),
            aside,
            aside_ink,
        };
        Told::Arrow { arrow, conn: message.conn, back: message.direction == Direction::Response }
    }

    /// What a message says, what arrived instead, and what became of it.
    fn label(&self, message: &Message, ink: Ink) -> Label {
        let glyphs = self.style.glyphs();
        let escape = |text: &str| escape(text, self.style.ascii).into_owned();
        let arrives = message.fate.came();
        let said = harm::said(message, glyphs.ellipsis);
        let mut words = String::new();
        if self.numbers {
            words = format!("#{} ", message.seq.0);
        }
        if self.is_tagged(message.conn) {
            words.push_str(&format!("{} ", message.conn));
        }
        words.push_str(&escape(&said.sent));
        let mut arrived = said.arrived.map(|arrived| escape(&arrived));
        let last = arrived.as_mut().unwrap_or(&mut words);
        if message.fate == Fate::Duplicated {
            last.push_str(&format!(" {}2", glyphs.times));
        }
        let mut remark = None;
        if message.fault.is_some() {
            remark = harm::fate(message).map(|fate| escape(&fate));
        } else if arrives && message.fate != Fate::Delivered {
            last.push_str(&format!(" ({})", message.fate.as_str()));
        }
        let came_ink = |summary: &str| if is_error(message, summary) { BAD } else { ink };
        let summary = message.arrived.as_ref().map_or(&message.summary, |came| &came.summary);
        Label {
            words,
            ink: match &arrived {
                None if arrives => came_ink(&message.summary),
                _ => style::LOST,
            },
            short: None,
            arrived: arrived.map(|arrived| (arrived, came_ink(summary))),
            remark,
            excerpt: said.body.map(|body| escape(&body)),
        }
    }

    /// What happens to a connection in order: a faint line.
    fn wire<'e>(
        &self,
        conn: ConnId,
        from: NodeId,
        to: NodeId,
        words: &str,
        back: bool,
    ) -> Told<'e> {
        let ink = style::connection(conn).dimmed();
        let arrow = Arrow {
            from,
            to,
            ink,
            end: End::Faint,
            label: Label {
                short: words.split_once(' ').map(|(first, _)| self.tagged(conn, first)),
                ..Label::new(self.tagged(conn, words), ink)
            },
            aside: String::new(),
            aside_ink: DIM,
        };
        Told::Arrow { arrow, conn, back }
    }

    /// An attempt to connect that does not get through for now.
    fn held<'e>(&self, conn: ConnId, from: NodeId, to: NodeId, fault: &str) -> Told<'e> {
        let words = format!("connect ({})", harm::held_by(fault));
        let mut told = self.wire(conn, from, to, &escape(&words, self.style.ascii), false);
        if let Told::Arrow { arrow, .. } = &mut told {
            arrow.end = End::Midway;
        }
        told
    }

    /// What happens to a connection and should not: a red line that ends in a cross.
    fn broken<'e>(
        &self,
        conn: ConnId,
        from: NodeId,
        to: NodeId,
        words: &str,
        back: bool,
    ) -> Told<'e> {
        let arrow = Arrow {
            from,
            to,
            ink: BAD,
            end: End::Cross,
            label: Label::new(self.tagged(conn, words), BAD),
            aside: String::new(),
            aside_ink: BAD,
        };
        Told::Arrow { arrow, conn, back }
    }

    /// The answer to an attempt to connect, or the attempt itself if it was not told.
    fn refused<'e>(&self, conn: ConnId, from: NodeId, to: NodeId, reason: &str) -> Told<'e> {
        if self.known.connections.get(conn).is_none() {
            return self.broken(conn, from, to, &format!("connect: {reason}"), false);
        }
        let mut told = self.broken(conn, to, from, reason, true);
        if let Told::Arrow { arrow, .. } = &mut told {
            arrow.end = End::Head;
        }
        told
    }

    /// `words`, after the connection's number if there are several between the same two nodes.
    fn tagged(&self, conn: ConnId, words: &str) -> String {
        let words = escape(words, self.style.ascii);
        if self.is_tagged(conn) { format!("{conn} {words}") } else { words.into_owned() }
    }

    fn is_tagged(&self, conn: ConnId) -> bool {
        self.tags && self.known.connections.get(conn).is_some_and(|known| known.shared)
    }

    fn close<'e>(&self, conn: ConnId, by: NodeId) -> Option<Told<'e>> {
        if self.known.connections.ending(conn, by) == Ending::Answer && !self.everything {
            return None;
        }
        Some(match self.known.connections.peer(conn, by) {
            Some(peer) => self.wire(conn, by, peer, "close", self.is_back(conn, by)),
            None => self.note(by, &format!("closes {conn}"), DIM),
        })
    }

    fn step<'e>(&self, at: Time, step: &'e StepEvent) -> Option<Told<'e>> {
        let glyphs = self.style.glyphs();
        let summary = &step.summary;
        let words = match (step.outcome, &step.error) {
            (Outcome::Failed, _) if step.forgiven => {
                let words = format!("{} forgiven: {summary}: {}", glyphs.cross, step.why());
                return Some(self.note(step.client, &words, WARN));
            }
            (Outcome::Failed, _) => return Some(Told::Failure(step)),
            (Outcome::Unknown, _) => {
                let words = format!("{} {summary}: unknown", glyphs.unknown);
                return Some(self.note(step.client, &words, WARN));
            }
            (Outcome::Ok, Some(error)) => format!("{summary}: {error}, as expected"),
            (Outcome::Ok, None) if step.attempts > 1 => {
                format!("{summary}: right at attempt {}", step.attempts)
            }
            (Outcome::Ok, None) => match &step.name {
                Some(name) => name.clone(),
                None if self.everything => summary.clone(),
                None => return None,
            },
        };
        let mut words = format!("{} {words}", glyphs.tick);
        if self.everything {
            words.push_str(&format!(" ({})", took(at.since(step.began))));
        }
        Some(self.note(step.client, &words, GOOD))
    }

    fn log<'e>(&self, node: Option<NodeId>, level: Level, text: &str) -> Option<Told<'e>> {
        let ink = match level {
            Level::Info => PLAIN,
            Level::Warn => WARN,
            Level::Error => BAD,
        };
        let Some(node) = node else {
            let words = escape(text, self.style.ascii).into_owned();
            return Some(Told::Band { words, ink });
        };
        let client = self.header.nodes.get(node.index()).is_some_and(|node| node.kind == CLIENT);
        // A server's access log says once more what the arrows say.
        (client || level != Level::Info || self.everything).then(|| self.note(node, text, ink))
    }

    /// What only a list shows.
    fn other<'e>(&self, event: &Event) -> Option<Told<'e>> {
        Some(match &event.kind {
            EventKind::Listen { node, address } => {
                self.note(*node, &format!("listens at {address}"), DIM)
            }
            EventKind::Accept { conn, node } => self.note(*node, &format!("accepts {conn}"), DIM),
            EventKind::Op(op) => self.note(op.client, &op_words(op), DIM),
            EventKind::Check { check, outcome, text, .. } => {
                let (mark, ink) = mark(*outcome, self.style);
                let words =
                    escape(&format!("{mark} {check}: {text}"), self.style.ascii).into_owned();
                Told::Band { words, ink }
            }
            EventKind::End { outcome, text } => {
                let (mark, ink) = mark(*outcome, self.style);
                let words = format!("{mark} end: {}", outcome.as_str());
                let words = if text.is_empty() { words } else { format!("{words}: {text}") };
                Told::Band { words: escape(&words, self.style.ascii).into_owned(), ink }
            }
            _ => return None,
        })
    }

    /// `.2 ` for `reader.2`: whose arrow it is, if the lifeline does not say.
    pub(super) fn member(&self, node: NodeId) -> Option<String> {
        let number = number(self.header.nodes.get(node.index())?)?;
        Some(format!(".{number} "))
    }

    /// A node's name, escaped.
    pub(super) fn name(&self, node: NodeId) -> String {
        let name = self.header.nodes.get(node.index()).map_or("outside", |node| &node.name);
        escape(name, self.style.ascii).into_owned()
    }
}

/// The sign of a verdict and its ink.
pub(super) fn mark(outcome: Outcome, style: Style) -> (char, Ink) {
    let glyphs = style.glyphs();
    match outcome {
        Outcome::Ok => (glyphs.tick, GOOD),
        Outcome::Failed => (glyphs.cross, BAD),
        Outcome::Unknown => (glyphs.unknown, WARN),
    }
}

/// True for an answer that says that something is wrong.
fn is_error(message: &Message, summary: &str) -> bool {
    message.direction == Direction::Response
        && match message.protocol.as_ref() {
            "http" => summary.starts_with(['4', '5']),
            "redis" => summary.starts_with('-'),
            _ => false,
        }
}

fn op_words(op: &OpEvent) -> String {
    let value = if op.value.is_null() { String::new() } else { format!(" {}", op.value) };
    let key = if op.key.is_null() { String::new() } else { format!(" {}", op.key) };
    match op.phase {
        OpPhase::Invoke => format!("op {}: {}{key}{value}", op.id, op.f),
        phase => format!("op {}: {}{key}{value}: {}", op.id, op.f, phase.as_str()),
    }
}

/// A load in a sentence.
pub(super) fn load_words(load: &LoadEvent, at: Time) -> String {
    let mut words = format!(
        "load over after {}: {} started, {} done, {} failed",
        took(at.since(load.began)),
        plural(load.started, "iteration", "iterations"),
        super::text::thousands(load.done),
        super::text::thousands(load.failed),
    );
    if load.forgiven > 0 {
        let steps = plural(load.forgiven, "step", "steps");
        words.push_str(&format!(", {steps} failed and forgiven"));
    }
    if load.shed > 0 {
        words.push_str(&format!(", {} shed", super::text::thousands(load.shed)));
    }
    words
}
