//! Lifelines as columns, and what is drawn between them.
//!
//! ```text
//!                alice                      greeter
//!                client                   http :40123
//!                  │                           │
//!   0.214 ms       │── GET /hello ────────────►│
//!   0.894 ms       │◄─ 200 OK {"msg":"hi"} ────│  680us
//! ```
//!
//! A label stands in its arrow if it fits there, and on a line of its own above it if it does not.

use anstyle::Style as Ink;

use super::columns::{Columns, LEFT, Lifeline};
use super::label::{Label, Piece, pieces_width};
use super::moment::moment;
use super::row::Row;
use super::standing::{Standing, Standings};
use super::style::{BAD, BOLD, DIM, FAULT, PLAIN, Style};
use super::text;
use crate::base::{NodeId, Time};

/// Draws lines between lifelines.
pub(super) struct Diagram {
    columns: Columns,
    style: Style,
    standings: Standings,
}

/// Something that goes from one lifeline to another.
#[derive(Debug, Clone)]
pub(super) struct Arrow {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    /// The ink of the line.
    pub(super) ink: Ink,
    /// How it goes on.
    pub(super) end: End,
    /// What it is.
    pub(super) label: Label,
    /// What stands to the right of everything: how long an answer took, what became of a message.
    pub(super) aside: String,
    pub(super) aside_ink: Ink,
}

/// How an arrow is drawn and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A solid line to the other side.
    Head,
    /// A faint line to the other side: what happens to connections.
    Faint,
    /// A solid line that is not let in at the other side.
    Cross,
    /// A line that ends on the way.
    Midway,
}

/// The columns of the two lifelines of an arrow.
#[derive(Debug, Clone, Copy)]
struct Way {
    from: usize,
    to: usize,
}

impl Way {
    fn left(self) -> usize {
        self.from.min(self.to)
    }

    fn right(self) -> usize {
        self.from.max(self.to)
    }

    /// The columns between the two.
    fn inside(self) -> usize {
        self.right() - self.left() - 1
    }
}

impl Diagram {
    pub(super) fn new(columns: Columns, style: Style) -> Diagram {
        Diagram { columns, style, standings: Standings::default() }
    }

    /// True if there is a lifeline for `node`.
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.columns.of(node).is_some()
    }

    /// True if more than one node shares the lifeline of `node`.
    pub(super) fn is_shared(&self, node: NodeId) -> bool {
        self.columns.of(node).is_some_and(|line| line.members > 1)
    }

    /// The names, what stands under each of them, and a piece of every line.
    pub(super) fn head(&self, under: &dyn Fn(NodeId) -> String, out: &mut String) {
        let room = self.columns.gap().saturating_sub(1);
        let ellipsis = self.style.glyphs().ellipsis;
        let centered = |row: &mut Row, line: &Lifeline, words: &str, ink: Ink| {
            let words = text::escape(words, self.style.ascii);
            let words = text::cut(&words, room, ellipsis);
            row.text(line.x.saturating_sub(text::width(&words) / 2), &words, ink);
        };
        let (mut names, mut kinds) = (Row::new(self.style.width), Row::new(self.style.width));
        for line in &self.columns.lifelines {
            centered(&mut names, line, &line.title, BOLD);
            centered(&mut kinds, line, &under(line.node), DIM);
        }
        names.write(self.style.color, out);
        kinds.write(self.style.color, out);
        self.rest(out);
    }

    /// A line on which nothing happens.
    pub(super) fn rest(&self, out: &mut String) {
        self.lifelines().write(self.style.color, out);
    }

    /// From now on lifelines show that their nodes stand like this.
    pub(super) fn stand(&mut self, standings: &Standings) {
        self.standings.clone_from(standings);
    }

    fn lifelines(&self) -> Row {
        let mut row = Row::new(self.style.width);
        let glyphs = self.style.glyphs();
        for line in &self.columns.lifelines {
            // Of several that share a line, some may stand otherwise.
            let standing = self.standings.get(line.node).filter(|_| line.members == 1);
            let (glyph, ink) = match standing {
                None => (glyphs.lifeline, DIM),
                Some(Standing::Still) => (glyphs.still, FAULT),
                Some(Standing::Down) => continue,
            };
            row.glyph(line.x, glyph, ink);
        }
        row
    }

    fn timed(&self, at: Time) -> Row {
        let mut row = self.lifelines();
        row.text(0, &moment(at), DIM);
        row
    }

    /// An arrow; both its nodes have a lifeline.
    pub(super) fn arrow(&self, at: Time, arrow: &Arrow, out: &mut String) {
        let (Some(from), Some(to)) = (self.columns.of(arrow.from), self.columns.of(arrow.to))
        else {
            return;
        };
        if from.x == to.x {
            let words = format!("{} {}", self.style.glyphs().to, arrow.label.text(self.style));
            return self.note(at, arrow.from, &words, arrow.label.ink, out);
        }
        let mut row = self.timed(at);
        row.text(self.columns.end + 1, &arrow.aside, arrow.aside_ink);
        let way = Way { from: from.x, to: to.x };
        match arrow.label.inside(way.inside().saturating_sub(TIGHT), self.style) {
            Some(pieces) => {
                let x = self.line(&mut row, arrow, way, pieces_width(&pieces));
                put(&mut row, x, &pieces);
            }
            None => {
                self.above(arrow, way, out);
                self.line(&mut row, arrow, way, 0);
            }
        }
        row.write(self.style.color, out);
    }

    /// The label on a line of its own, beginning over the arrow if it can.
    fn above(&self, arrow: &Arrow, way: Way, out: &mut String) {
        // What a fault did is worth the room on the right, too.
        let harmed = arrow.label.is_harmed();
        let end = if harmed { self.style.width } else { self.columns.end };
        let width = pieces_width(&arrow.label.whole(self.style));
        let x = (way.left() + 2).min(end.saturating_sub(width)).max(LEFT);
        let mut row = self.lifelines();
        put(&mut row, x, &arrow.label.fitted(end - x, self.style));
        row.write(self.style.color, out);
    }

    /// The line of an arrow, with a gap for a label of that width (0 for none), and where that begins.
    fn line(&self, row: &mut Row, arrow: &Arrow, way: Way, label: usize) -> usize {
        let glyphs = self.style.glyphs();
        let dash = match arrow.end {
            End::Head | End::Cross => glyphs.dash,
            End::Faint | End::Midway => glyphs.faint,
        };
        let lead = if label + COMFORT <= way.inside() { 2 } else { 1 };
        // What ends on the way has its label where it begins, all others have it on the left.
        let rightwards = way.from < way.to;
        let stop = match arrow.end {
            End::Midway if label > 0 => {
                (lead + label + 2 + lead).max(way.inside() * 3 / 4).min(way.inside() - 1)
            }
            End::Midway => way.inside() * 3 / 4,
            _ => way.inside() - 1,
        };
        let far = if rightwards { way.left() + 1 + stop } else { way.right() - 1 - stop };
        let (first, last) = if rightwards { (way.left() + 1, far) } else { (far, way.right() - 1) };
        row.fill(first, last + 1, dash, arrow.ink);
        let x = if !rightwards && arrow.end == End::Midway {
            way.right() - lead - label - 2
        } else {
            first + lead
        };
        if label > 0 {
            row.fill(x, x + label + 2, ' ', PLAIN);
        }
        let (head, ink) = match arrow.end {
            End::Head | End::Faint if rightwards => (glyphs.right, arrow.ink),
            End::Head | End::Faint => (glyphs.left, arrow.ink),
            End::Cross | End::Midway => (glyphs.cross, BAD),
        };
        row.glyph(far, head, ink);
        x + 1
    }

    /// A word at a lifeline.
    pub(super) fn note(&self, at: Time, node: NodeId, words: &str, ink: Ink, out: &mut String) {
        let glyphs = self.style.glyphs();
        let mut row = self.timed(at);
        let Some(line) = self.columns.of(node) else {
            return self.band(at, words, ink, out);
        };
        row.glyph(line.x, glyphs.dot, ink);
        let width = text::width(words);
        let (after, before) = (self.columns.end.saturating_sub(line.x + 2), line.x - LEFT);
        if width <= after || after >= before {
            row.text(line.x + 2, &text::cut(words, after, glyphs.ellipsis), ink);
        } else {
            let words = text::cut(words, before.saturating_sub(1), glyphs.ellipsis);
            row.text(line.x - 1 - text::width(&words), &words, ink);
        }
        row.write(self.style.color, out);
    }

    /// Words across all lifelines.
    pub(super) fn band(&self, at: Time, words: &str, ink: Ink, out: &mut String) {
        let mut row = Row::new(self.style.width);
        row.text(0, &moment(at), DIM);
        let words =
            text::cut(words, self.style.width.saturating_sub(LEFT), self.style.glyphs().ellipsis);
        row.text(LEFT, &words, ink);
        row.write(self.style.color, out);
    }

    /// Words across all lifelines, in a line that is drawn across them.
    pub(super) fn rule(&self, at: Time, words: &str, ink: Ink, out: &mut String) {
        let glyphs = self.style.glyphs();
        let mut row = Row::new(self.style.width);
        row.text(0, &moment(at), DIM);
        // Long words may reach into the room on the right.
        let wanted = LEFT + 2 * RULE + text::width(words);
        let end = self.columns.end.max(wanted.min(self.style.width)).max(LEFT + 2 * RULE);
        row.fill(LEFT, end, glyphs.band, ink);
        let words = text::cut(words, end - LEFT - 2 * RULE, glyphs.ellipsis);
        let x = row.text(LEFT + RULE - 1, &format!(" {words} "), ink);
        row.fill(x, x + RULE - 1, glyphs.band, ink);
        row.write(self.style.color, out);
    }
}

/// The columns before and after the words of a rule: `╌╌╌ over ╌╌╌`.
const RULE: usize = 4;

/// Puts pieces at `x`, one after the other.
fn put(row: &mut Row, x: usize, pieces: &[Piece]) {
    let mut x = x;
    for (text, ink) in pieces {
        x = row.text(x, text, *ink);
    }
}

/// The columns that an arrow needs beside its label: `─ GET /x ►`.
const TIGHT: usize = 4;

/// The columns beside the label that an arrow would like to have: `── GET /x ──►`.
const COMFORT: usize = 7;
