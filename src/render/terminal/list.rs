//! A line an event: for many nodes, for narrow screens, for `grep`.
//!
//! ```text
//!   0.214 ms  c1  alice → greeter  GET /hello
//!   0.894 ms  c1  alice ← greeter  200 OK {"msg":"hi"}  (680us)
//! ```
//!
//! The side that asked for the connection always stands on the left.

use anstyle::Style as Ink;

use super::label::Label;
use super::moment::moment;
use super::style::{DIM, Style};
use super::text;
use crate::base::{ConnId, Time};
use crate::trace::Header;

/// The most columns that two names take; longer ones push the rest to the right.
const PAIR_MAX: usize = 34;

/// The columns of a connection's number.
const CONN_WIDTH: usize = 4;

/// Writes lines of a list.
pub(super) struct List {
    style: Style,
    pair: usize,
    /// Whether lines are cut to the width of the screen.
    cut: bool,
}

/// One line of a list.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub(super) conn: Option<ConnId>,
    /// The nodes: `alice → greeter`.
    pub(super) who: String,
    pub(super) ink: Ink,
    pub(super) label: Label,
    pub(super) aside: String,
}

impl List {
    pub(super) fn new(header: &Header, style: Style, cut: bool) -> List {
        let longest = |client: bool| {
            let names =
                header.nodes.iter().filter(|node| (node.kind == super::columns::CLIENT) == client);
            names.map(|node| text::width(&node.name)).max().unwrap_or(0)
        };
        let arrow = text::width(style.glyphs().to) + 2;
        let pair = longest(true).max(longest(false)) + arrow + longest(false);
        List { style, pair: pair.min(PAIR_MAX), cut }
    }

    pub(super) fn line(&self, at: Time, line: &Line, out: &mut String) {
        let conn = line.conn.map_or_else(String::new, |conn| conn.to_string());
        let start = format!("{}  {} ", moment(at), text::pad(&conn, CONN_WIDTH));
        let who = text::pad(&line.who, self.pair);
        let aside = match line.aside.as_str() {
            "" => String::new(),
            aside => format!("  ({aside})"),
        };
        let pieces = if self.cut {
            let used = [&start, &who, &aside].map(|part| text::width(part)).iter().sum::<usize>();
            let room = self.style.width.saturating_sub(used + 2).max(WORDS_MIN);
            line.label.fitted(room, self.style)
        } else {
            line.label.whole(self.style)
        };
        let paint = |words: &str, ink| self.style.paint(words, ink);
        let words: String = pieces.iter().map(|(text, ink)| paint(text, *ink)).collect();
        let drawn = format!(
            "{}{}  {words}{}",
            paint(&start, DIM),
            paint(&who, line.ink),
            paint(&aside, DIM)
        );
        out.push_str(drawn.trim_end());
        out.push('\n');
    }
}

/// The least that is shown of what happened, however narrow the screen is.
const WORDS_MIN: usize = 12;
