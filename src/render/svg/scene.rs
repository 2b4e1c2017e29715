//! What is drawn: a bounded part of the trace, and the figures of the whole.

use std::collections::{BTreeMap, VecDeque};

use unicode_width::UnicodeWidthChar;

use crate::base::{ConnId, Direction, NodeId, Seq, Time};
use crate::render::excerpt::excerpt_of;
use crate::trace::{Event, EventKind, Fate, Header, Message, Outcome};

/// How many items are drawn from the beginning of a trace.
pub(super) const FIRST_MAX: usize = 200;

/// How many items are drawn from the end of a trace, where failures are.
pub(super) const LAST_MAX: usize = 100;

/// The most lifelines; what concerns further nodes is left out and counted.
pub(super) const COLUMNS_MAX: usize = 24;

/// The most checks that are listed.
pub(super) const CHECKS_MAX: usize = 20;

/// The widest label, in columns of a terminal.
const LABEL_WIDTH_MAX: usize = 44;

/// The widest body that stands beside its message's summary, in columns.
const BODY_WIDTH_MAX: usize = 24;

/// The widest title, which even the narrowest picture has room for.
pub(super) const TITLE_WIDTH_MAX: usize = 40;

/// The widest note, which even the narrowest picture has room for.
const NOTE_WIDTH_MAX: usize = 64;

/// What is drawn of a trace.
pub(super) struct Scene<'a> {
    pub(super) header: &'a Header,
    /// The items, in the order of the trace; those that are folded stood before `fold_at`.
    pub(super) items: Vec<Item>,
    last: VecDeque<Item>,
    /// How many items are not drawn.
    pub(super) folded: u64,
    /// Lifelines, in the order in which their nodes first took part.
    pub(super) nodes: Vec<NodeId>,
    /// The colour of a connection: its number among those that are drawn.
    colors: BTreeMap<ConnId, usize>,
    pub(super) checks: Vec<(Outcome, String)>,
    pub(super) checks_left_out: u64,
    pub(super) end: Option<(Outcome, String)>,
    pub(super) messages: u64,
    pub(super) until: Time,
}

/// One thing that is drawn.
pub(super) struct Item {
    pub(super) at: Time,
    pub(super) kind: ItemKind,
}

pub(super) enum ItemKind {
    Arrow(Arrow),
    Note(Note),
}

/// A message, or a connection that could not be made.
pub(super) struct Arrow {
    pub(super) seq: Option<Seq>,
    pub(super) sent: Time,
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) conn: ConnId,
    pub(super) is_reply: bool,
    /// True if it came to its end.
    pub(super) came: bool,
    pub(super) label: String,
    /// What became of it, if anything is to be said of that.
    pub(super) tag: Option<String>,
    pub(super) cause: Option<Seq>,
}

/// Something that happened at one node.
pub(super) struct Note {
    pub(super) node: NodeId,
    pub(super) text: String,
    pub(super) is_crash: bool,
}

impl<'a> Scene<'a> {
    pub(super) fn new(header: &'a Header) -> Scene<'a> {
        Scene {
            header,
            items: Vec::new(),
            last: VecDeque::new(),
            folded: 0,
            nodes: Vec::new(),
            colors: BTreeMap::new(),
            checks: Vec::new(),
            checks_left_out: 0,
            end: None,
            messages: 0,
            until: Time::ZERO,
        }
    }

    pub(super) fn add(&mut self, event: &Event) {
        self.until = event.at;
        match &event.kind {
            EventKind::Message(message) => {
                self.messages += 1;
                self.push(event.at, ItemKind::Arrow(arrow(message)));
            }
            EventKind::Refused { conn, from, to, reason } => {
                let refused = Arrow {
                    seq: None,
                    sent: event.at,
                    from: *from,
                    to: *to,
                    conn: *conn,
                    is_reply: false,
                    came: false,
                    label: "connect".into(),
                    tag: Some(cut(reason, LABEL_WIDTH_MAX)),
                    cause: None,
                };
                self.push(event.at, ItemKind::Arrow(refused));
            }
            EventKind::Reset { conn, by } => {
                self.note(event.at, *by, &format!("resets connection {}", conn.0))
            }
            EventKind::Crash { node, text, .. } => {
                let text = cut(&format!("crashed: {text}"), NOTE_WIDTH_MAX);
                let note = Note { node: *node, text, is_crash: true };
                self.push(event.at, ItemKind::Note(note));
            }
            EventKind::Step(step) if step.outcome != Outcome::Ok => {
                let why: Vec<&str> = step.failures.iter().map(|(_, why)| why.as_str()).collect();
                let why =
                    if why.is_empty() { step.outcome.as_str().into() } else { why.join("; ") };
                self.note(event.at, step.client, &format!("{}: {why}", step.summary));
            }
            EventKind::Check { check, outcome, text, .. } => {
                if self.checks.len() == CHECKS_MAX {
                    self.checks_left_out += 1;
                } else {
                    self.checks.push((*outcome, format!("{check}: {text}")));
                }
            }
            EventKind::End { outcome, text } => self.end = Some((*outcome, text.clone())),
            _ => {}
        }
    }

    fn note(&mut self, at: Time, node: NodeId, text: &str) {
        let note = Note { node, text: cut(text, NOTE_WIDTH_MAX), is_crash: false };
        self.push(at, ItemKind::Note(note));
    }

    fn push(&mut self, at: Time, kind: ItemKind) {
        let nodes = match &kind {
            ItemKind::Arrow(arrow) => vec![arrow.from, arrow.to],
            ItemKind::Note(note) => vec![note.node],
        };
        for node in nodes {
            if self.nodes.contains(&node) {
                continue;
            }
            if self.nodes.len() == COLUMNS_MAX {
                self.folded += 1;
                return;
            }
            self.nodes.push(node);
        }
        let item = Item { at, kind };
        if self.items.len() < FIRST_MAX {
            self.items.push(item);
            return;
        }
        self.last.push_back(item);
        if self.last.len() > LAST_MAX {
            self.last.pop_front();
            self.folded += 1;
        }
    }

    /// Ends the gathering. Returns the index of the first item after the fold, if something is folded.
    pub(super) fn finish(&mut self) -> Option<usize> {
        let first = self.items.len();
        self.items.extend(std::mem::take(&mut self.last));
        for item in &self.items {
            if let ItemKind::Arrow(arrow) = &item.kind {
                let next = self.colors.len();
                self.colors.entry(arrow.conn).or_insert(next);
            }
        }
        (self.folded > 0).then_some(first)
    }

    pub(super) fn color(&self, conn: ConnId) -> usize {
        self.colors.get(&conn).copied().unwrap_or(0)
    }

    pub(super) fn is_server(&self, node: NodeId) -> bool {
        self.header.nodes.get(node.index()).is_some_and(|node| node.kind != "client")
    }

    /// `http`, `redis`, `client`; nothing for a stranger.
    pub(super) fn kind(&self, node: NodeId) -> &str {
        self.header.nodes.get(node.index()).map_or("", |node| &node.kind)
    }
}

fn arrow(message: &Message) -> Arrow {
    let tag = (message.fate != Fate::Delivered).then(|| {
        let fault = message.fault.as_deref().map_or(String::new(), |fault| format!(" · {fault}"));
        cut(&format!("{}{fault}", message.fate.as_str()), LABEL_WIDTH_MAX)
    });
    Arrow {
        seq: Some(message.seq),
        sent: message.sent,
        from: message.from,
        to: message.to,
        conn: message.conn,
        is_reply: message.direction == Direction::Response,
        came: message.fate.came(),
        label: cut(&label(message), LABEL_WIDTH_MAX),
        tag,
        cause: message.cause,
    }
}

/// What a message says: its summary, and the beginning of its body if that is text and short.
fn label(message: &Message) -> String {
    match excerpt_of(&message.protocol, &message.bytes).filter(|body| width(body) <= BODY_WIDTH_MAX)
    {
        Some(body) => format!("{} {body}", message.summary),
        None => message.summary.clone(),
    }
}

/// The columns that a text takes in a terminal, and in a picture with a monospaced font.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// At most `width_max` columns of a text, the last of which is `…` if it had more.
pub(super) fn cut(text: &str, width_max: usize) -> String {
    if width(text) <= width_max {
        return text.to_owned();
    }
    let mut taken = 1;
    let kept = text.chars().take_while(|c| {
        taken += c.width().unwrap_or(0);
        taken <= width_max
    });
    kept.chain(['…']).collect()
}
