//! A line an event: for many nodes, for narrow screens, for `grep`.
//!
//! ```text
//!   0.214 ms  c1  alice → greeter  GET /hello
//!   0.894 ms  c1  alice ← greeter  200 OK {"msg":"hi"}  (680us)
//! ```
//!
//! The side that asked for the connection always stands on the left.

use anstyle::Style as Ink;

use super::moment::moment;
use super::style::{DIM, PLAIN, Style};
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
    pub(super) words: String,
    pub(super) words_ink: Ink,
    pub(super) excerpt: Option<String>,
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
        let mut words = line.words.clone();
        let (mut excerpt, mut aside) = (String::new(), String::new());
        if let Some(body) = &line.excerpt {
            excerpt = format!(" {body}");
        }
        if !line.aside.is_empty() {
            aside = format!("  ({})", line.aside);
        }
        if self.cut {
            let used = [&start, &who, &aside].map(|part| text::width(part)).iter().sum::<usize>();
            let ellipsis = self.style.glyphs().ellipsis;
            let room = self.style.width.saturating_sub(used + 2).max(WORDS_MIN);
            words = text::cut(&words, room, ellipsis).into_owned();
            excerpt = text::cut(&excerpt, room - text::width(&words), ellipsis).into_owned();
        }
        let paint = |words: &str, ink| self.style.paint(words, ink);
        let drawn = format!(
            "{}{}  {}{}{}",
            paint(&start, DIM),
            paint(&who, line.ink),
            paint(&words, line.words_ink),
            paint(&excerpt, PLAIN),
            paint(&aside, DIM)
        );
        out.push_str(drawn.trim_end());
        out.push('\n');
    }
}

/// The least that is shown of what happened, however narrow the screen is.
const WORDS_MIN: usize = 12;
