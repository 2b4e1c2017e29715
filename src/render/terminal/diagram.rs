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
use super::moment::moment;
use super::row::Row;
use super::style::{BAD, BOLD, DIM, PLAIN, Style};
use super::text;
use crate::base::{NodeId, Time};

/// The least of a body that is worth showing, in columns.
const EXCERPT_MIN: usize = 10;

/// Draws lines between lifelines.
pub(super) struct Diagram {
    columns: Columns,
    style: Style,
}

/// Something that goes from one lifeline to another.
#[derive(Debug, Clone)]
pub(super) struct Arrow {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    /// The ink of the line.
    pub(super) ink: Ink,
    /// A line of a message is solid, one of a connection faint.
    pub(super) solid: bool,
    /// Whether it arrives.
    pub(super) arrives: bool,
    /// What it is, escaped.
    pub(super) label: String,
    pub(super) label_ink: Ink,
    /// The beginning of its body, escaped; cut as need be.
    pub(super) excerpt: Option<String>,
    /// What stands to the right of everything: how long an answer took, what became of a message.
    pub(super) aside: String,
    pub(super) aside_ink: Ink,
}

/// Where a label goes.
enum Place {
    /// In the arrow, with this much of the excerpt.
    Inside(String),
    /// On a line of its own.
    Above(String),
}

impl Diagram {
    pub(super) fn new(columns: Columns, style: Style) -> Diagram {
        Diagram { columns, style }
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

    fn lifelines(&self) -> Row {
        let mut row = Row::new(self.style.width);
        for line in &self.columns.lifelines {
            row.glyph(line.x, self.style.glyphs().lifeline, DIM);
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
            let words = format!("{} {}", self.style.glyphs().to, arrow.label);
            return self.note(at, arrow.from, &words, arrow.label_ink, out);
        }
        let (left, right) = (from.x.min(to.x), from.x.max(to.x));
        let mut row = self.timed(at);
        row.text(self.columns.end + 1, &arrow.aside, arrow.aside_ink);
        match self.place(arrow, right - left - 1) {
            Place::Inside(label) => {
                let (label, excerpt) = label.split_at(arrow.label.len());
                self.line(&mut row, arrow, from.x, to.x, text::width(label) + text::width(excerpt));
                let lead =
                    if text::width(label) + text::width(excerpt) + COMFORT <= right - left - 1 {
                        4
                    } else {
                        3
                    };
                let x = row.text(left + lead, label, arrow.label_ink);
                row.text(x, excerpt, PLAIN);
            }
            Place::Above(label) => {
                let mut above = self.lifelines();
                let end = self.columns.end;
                let width = text::width(&label).min(end - LEFT);
                let x = (left + 2).min(end.saturating_sub(width)).max(LEFT);
                let label = text::cut(&label, end - x, self.style.glyphs().ellipsis);
                let cut = arrow.label.len().min(label.len());
                let cut = if label.is_char_boundary(cut) { cut } else { label.len() };
                let (label, excerpt) = label.split_at(cut);
                let x = above.text(x, label, arrow.label_ink);
                above.text(x, excerpt, PLAIN);
                above.write(self.style.color, out);
                self.line(&mut row, arrow, from.x, to.x, 0);
            }
        }
        row.write(self.style.color, out);
    }

    /// Decides where the label goes if the lifelines are `inside` columns apart.
    fn place(&self, arrow: &Arrow, inside: usize) -> Place {
        let room = inside.saturating_sub(TIGHT);
        let used = text::width(&arrow.label);
        let Some(excerpt) = &arrow.excerpt else {
            let label = arrow.label.clone();
            return if used <= room { Place::Inside(label) } else { Place::Above(label) };
        };
        let left = room.saturating_sub(used + 1);
        if used <= room && left >= text::width(excerpt).min(EXCERPT_MIN) {
            let excerpt = text::cut(excerpt, left, self.style.glyphs().ellipsis);
            Place::Inside(format!("{} {excerpt}", arrow.label))
        } else {
            Place::Above(format!("{} {excerpt}", arrow.label))
        }
    }

    /// The line of an arrow from column `from` to column `to` with a gap for a label of that width.
    fn line(&self, row: &mut Row, arrow: &Arrow, from: usize, to: usize, label: usize) {
        let glyphs = self.style.glyphs();
        let dash = if arrow.solid { glyphs.dash } else { glyphs.faint };
        let (left, right) = (from.min(to) + 1, from.max(to));
        row.fill(left, right, dash, arrow.ink);
        if label > 0 {
            let lead = if label + COMFORT <= right - left { 2 } else { 1 };
            row.fill(left + lead, left + lead + label + 2, ' ', PLAIN);
        }
        let rightwards = from < to;
        if arrow.arrives {
            let (x, head) =
                if rightwards { (right - 1, glyphs.right) } else { (left, glyphs.left) };
            row.glyph(x, head, arrow.ink);
        } else if rightwards {
            row.glyph(right - 1, glyphs.cross, BAD);
        } else {
            row.glyph(left, glyphs.cross, BAD);
        }
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
}

/// The columns that an arrow needs beside its label: `─ GET /x ►`.
const TIGHT: usize = 4;

/// The columns beside the label that an arrow would like to have: `── GET /x ──►`.
const COMFORT: usize = 7;
