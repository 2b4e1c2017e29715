//! What is drawn: a bounded part of the trace, and the figures of the whole.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use unicode_width::UnicodeWidthChar;

use crate::base::{ConnId, Direction, NodeId, Seq, Time};
use crate::render::{harm, words};
use crate::trace::{Event, EventKind, Fate, FaultEvent, FaultPhase, Header, Message, Outcome};

use super::lives::{self, Standing};

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

/// The widest of what was sent, and of what arrived, where the two differ.
const SIDE_WIDTH_MAX: usize = 30;

/// The most faults that have bands; what concerns further ones is left out and counted.
pub(super) const FAULTS_MAX: usize = 40;

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
    /// The names of the faults that have bands.
    faults: Vec<String>,
    /// Those of them that were ever let loose.
    began: BTreeSet<usize>,
    /// What became of nodes and of faults in the part that is folded.
    pub(super) folded_nodes: BTreeMap<NodeId, Option<Standing>>,
    pub(super) folded_faults: BTreeMap<usize, Option<()>>,
    /// Whether a fault had to do with anything that is drawn.
    pub(super) has_faults: bool,
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
    Band(Band),
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
    /// What was sent.
    pub(super) label: String,
    /// What arrived in its place.
    pub(super) arrived: Option<String>,
    /// True if it came twice.
    pub(super) twice: bool,
    /// True if a fault decided what became of it.
    pub(super) harmed: bool,
    /// What became of it, if anything is to be said of that.
    pub(super) tag: Option<String>,
    pub(super) cause: Option<Seq>,
}

/// Something that happened at one node.
pub(super) struct Note {
    pub(super) node: NodeId,
    pub(super) text: String,
    pub(super) kind: NoteKind,
}

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoteKind {
    /// Something that should not have happened.
    Wrong,
    /// Something that is said, and neither good nor bad.
    Said,
    /// The node's program is gone; `wanted` if a fault did it.
    Crash {
        /// True if a fault did it.
        wanted: bool,
    },
    /// The node is back.
    Restart,
    /// The node stands still.
    Pause,
    /// The node goes on.
    Resume,
}

/// One end of a fault's life.
pub(super) struct Band {
    /// Its number among the faults of the scene.
    pub(super) fault: usize,
    pub(super) phase: FaultPhase,
    pub(super) name: String,
    pub(super) words: String,
    /// True if it is over and has touched nothing.
    pub(super) is_unused: bool,
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
            faults: Vec::new(),
            began: BTreeSet::new(),
            folded_nodes: BTreeMap::new(),
            folded_faults: BTreeMap::new(),
            has_faults: false,
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
            EventKind::Connect { conn, from, to, fault: Some(fault), .. } => {
                let held = attempt(event.at, *conn, (*from, *to), &harm::held_by(fault));
                self.push(event.at, ItemKind::Arrow(Arrow { harmed: true, ..held }));
            }
            EventKind::Refused { conn, from, to, reason } => {
                let refused = attempt(event.at, *conn, (*from, *to), reason);
                self.push(event.at, ItemKind::Arrow(refused));
            }
            EventKind::Reset { conn, by, fault } => {
                let connection = format!("connection {}", conn.0);
                self.note(event.at, *by, &harm::resets(&connection, fault.as_deref()));
            }
            EventKind::Crash { node, text, fault } => {
                let kind = NoteKind::Crash { wanted: fault.is_some() };
                let why = match fault {
                    None => format!("crashed: {text}"),
                    Some(fault) if text.is_empty() => format!("crashed by {fault}"),
                    Some(fault) => format!("crashed by {fault}: {text}"),
                };
                self.noted(event.at, *node, &why, kind);
            }
            EventKind::Restart { node } => {
                self.noted(event.at, *node, "restarted", NoteKind::Restart);
            }
            EventKind::Pause { node } => self.noted(event.at, *node, "paused", NoteKind::Pause),
            EventKind::Resume { node } => self.noted(event.at, *node, "resumed", NoteKind::Resume),
            EventKind::State { node, name, value } => {
                self.noted(event.at, *node, &words::state(name, value), NoteKind::Said);
            }
            EventKind::Fault(fault) => self.fault(event.at, fault),
            EventKind::Step(step) if step.outcome != Outcome::Ok => {
                let why: Vec<&str> = step.failures.iter().map(|(_, why)| why.as_str()).collect();
                let why =
                    if why.is_empty() { step.outcome.as_str().into() } else { why.join("; ") };
                let (kind, forgiven) = match step.forgiven {
                    true => (NoteKind::Said, "forgiven: "),
                    false => (NoteKind::Wrong, ""),
                };
                let text = format!("{forgiven}{}: {why}", step.summary);
                self.noted(event.at, step.client, &text, kind);
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
        self.noted(at, node, text, NoteKind::Wrong);
    }

    fn noted(&mut self, at: Time, node: NodeId, text: &str, kind: NoteKind) {
        let note = Note { node, text: cut(text, NOTE_WIDTH_MAX), kind };
        self.push(at, ItemKind::Note(note));
    }

    fn fault(&mut self, at: Time, event: &FaultEvent) {
        let known = self.faults.iter().position(|name| *name == event.name);
        let Some(fault) = known.or_else(|| {
            (self.faults.len() < FAULTS_MAX).then(|| {
                self.faults.push(event.name.clone());
                self.faults.len() - 1
            })
        }) else {
            self.folded += 1;
            return;
        };
        let words = match event.phase {
            FaultPhase::Start => {
                self.began.insert(fault);
                event.deed()
            }
            FaultPhase::End if !self.began.contains(&fault) => {
                format!("was never let loose: {}", event.deed())
            }
            FaultPhase::End => format!("over, {}", harm::touched(event.touched, event.unit())),
        };
        let (phase, name) = (event.phase, event.name.clone());
        let is_unused = phase == FaultPhase::End && event.touched == 0;
        self.push(at, ItemKind::Band(Band { fault, phase, name, words, is_unused }));
    }

    fn push(&mut self, at: Time, kind: ItemKind) {
        let nodes = match &kind {
            ItemKind::Arrow(arrow) => vec![arrow.from, arrow.to],
            ItemKind::Note(note) => vec![note.node],
            ItemKind::Band(_) => Vec::new(),
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
        self.has_faults |= match &kind {
            ItemKind::Arrow(arrow) => arrow.harmed,
            ItemKind::Note(note) => !matches!(
                note.kind,
                NoteKind::Wrong | NoteKind::Said | NoteKind::Crash { wanted: false }
            ),
            ItemKind::Band(_) => true,
        };
        let item = Item { at, kind };
        if self.items.len() < FIRST_MAX {
            self.items.push(item);
            return;
        }
        self.last.push_back(item);
        if self.last.len() > LAST_MAX
            && let Some(item) = self.last.pop_front()
        {
            self.fold(&item.kind);
        }
    }

    /// An item is not drawn; what it changed is shown at the fold.
    fn fold(&mut self, kind: &ItemKind) {
        self.folded += 1;
        match kind {
            ItemKind::Arrow(_) => {}
            ItemKind::Note(note) => {
                if let Some(standing) = lives::standing(note.kind) {
                    self.folded_nodes.insert(note.node, standing);
                }
            }
            ItemKind::Band(band) => {
                self.folded_faults.insert(band.fault, lives::loose(band.phase));
            }
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

/// An attempt to connect that did not get through.
fn attempt(at: Time, conn: ConnId, (from, to): (NodeId, NodeId), why: &str) -> Arrow {
    Arrow {
        seq: None,
        sent: at,
        from,
        to,
        conn,
        is_reply: false,
        came: false,
        label: "connect".into(),
        arrived: None,
        twice: false,
        harmed: false,
        tag: Some(cut(why, LABEL_WIDTH_MAX)),
        cause: None,
    }
}

fn arrow(message: &Message) -> Arrow {
    let tag = harm::fate(message).map(|fate| cut(&fate, LABEL_WIDTH_MAX));
    let said = harm::said(message, "…");
    let twice = message.fate == Fate::Duplicated;
    let times = if twice { " ×2" } else { "" };
    let (label, arrived) = match said.arrived {
        Some(arrived) => {
            let arrived = format!("{}{times}", cut(&arrived, SIDE_WIDTH_MAX));
            (cut(&said.sent, SIDE_WIDTH_MAX), Some(arrived))
        }
        // The beginning of a body that is short stands beside the summary.
        None => {
            let body = said.body.filter(|body| width(body) <= BODY_WIDTH_MAX);
            let body = body.map_or(String::new(), |body| format!(" {body}"));
            (format!("{}{times}", cut(&format!("{}{body}", said.sent), LABEL_WIDTH_MAX)), None)
        }
    };
    Arrow {
        seq: Some(message.seq),
        sent: message.sent,
        from: message.from,
        to: message.to,
        conn: message.conn,
        is_reply: message.direction == Direction::Response,
        came: message.fate.came(),
        label,
        arrived,
        twice,
        harmed: message.fault.is_some(),
        tag,
        cause: message.cause,
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
