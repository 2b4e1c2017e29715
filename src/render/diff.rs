//! Two traces side by side, from their first difference.
//!
//! ```text
//!   1.200 ms  alice → db  GET x        1.200 ms  alice → db  GET x
//!   1.350 ms  alice ← db  "1"      ~   9.350 ms  alice ← db  "1"
//!   2.000 ms  bob → db  SET x 2    <
//!                                  >  10.000 ms  bob → db  DEL x
//! ```
//!
//! What both have in common is counted, not kept. From the first difference on, a bounded number of events of each
//! is laid beside the other's: those that are the same but for their times side by side, however far apart. What
//! names only (ports, places in the scenario's text) makes no difference.

use std::net::{Ipv4Addr, SocketAddr};

use super::terminal::{BAD, DIM, Folding, Form, GOOD, Style, Teller, Telling, WARN, cut, escape};
use crate::base::{Source, Time};
use crate::trace::{Event, EventKind, Header, write_event};

/// The most events of each trace that are laid beside the other's.
pub const WINDOW_MAX: usize = 2_000;

/// How two traces compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// How many events both begin with.
    pub common: u64,
    /// The rows from the first difference on; none if there is no difference.
    pub rows: Vec<Row>,
    /// How many more events of each were not laid out.
    pub more: (u64, u64),
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The event of the one trace, in words.
    pub one: Option<String>,
    /// That of the other.
    pub other: Option<String>,
    /// How they compare.
    pub mark: Mark,
}

/// How two events compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The same.
    Same,
    /// The same at another time.
    Moved,
    /// Not the same.
    Differs,
    /// Only one has it.
    One,
    /// Only the other has it.
    Other,
}

impl Mark {
    /// The sign between the columns.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Mark::Same => " ",
            Mark::Moved => "~",
            Mark::Differs => "|",
            Mark::One => "<",
            Mark::Other => ">",
        }
    }
}

/// One of the two traces.
struct Side<I> {
    events: I,
    names: Vec<String>,
    teller: Teller,
}

/// An event of the window.
struct Shown {
    text: String,
    /// All that counts of it, and the same without times.
    whole: Vec<u8>,
    shape: Vec<u8>,
}

impl<I: Iterator<Item = Event>> Side<I> {
    fn new(header: Header, events: I) -> Side<I> {
        let names = header.nodes.iter().map(|node| node.name.clone()).collect();
        let source = Source::new(header.file.as_str(), header.text.as_str());
        let telling = Telling::new(Style::PLAIN, Form::List { cut: false }, Folding::Never);
        Side { events, names, teller: Teller::new(header, source, telling) }
    }

    fn next(&mut self) -> Option<(Event, Vec<u8>)> {
        let event = self.events.next()?;
        if let EventKind::Node(node) = &event.kind
            && !self.names.contains(&node.name)
        {
            self.names.push(node.name.clone());
        }
        let whole = self.line(&bare(&event));
        Some((event, whole))
    }

    fn line(&self, event: &Event) -> Vec<u8> {
        let mut line = Vec::new();
        write_event(event, &self.names, &mut line);
        line
    }

    fn show(&mut self, event: &Event, whole: Vec<u8>) -> Shown {
        let mut text = String::new();
        self.teller.event(event, &mut text);
        let text: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let mut text = text.join("  ");
        if text.is_empty() {
            // What a list has no words for is told as the trace has it.
            text = String::from_utf8_lossy(&whole).trim_end().to_owned();
        }
        let shape = self.line(&timeless(bare(event)));
        Shown { text, whole, shape }
    }

    fn rest(self) -> u64 {
        self.events.count() as u64
    }
}

/// The event without what only names.
fn bare(event: &Event) -> Event {
    let mut event = event.without_places();
    match &mut event.kind {
        EventKind::Listen { address, .. } => *address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        EventKind::Connect { port, .. } => *port = 0,
        _ => {}
    }
    event
}

/// The event without its times.
fn timeless(mut event: Event) -> Event {
    event.at = Time::ZERO;
    match &mut event.kind {
        EventKind::Message(message) => message.sent = Time::ZERO,
        EventKind::Step(step) => step.began = Time::ZERO,
        EventKind::Load(load) => {
            load.began = Time::ZERO;
            load.latency = None;
        }
        _ => {}
    }
    event
}

/// Compares two traces; of the events behind the first difference at most `lines` of each are laid out.
pub fn diff(
    one: (Header, impl Iterator<Item = Event>),
    other: (Header, impl Iterator<Item = Event>),
    lines: usize,
) -> Difference {
    let (mut one, mut other) = (Side::new(one.0, one.1), Side::new(other.0, other.1));
    let lines = lines.min(WINDOW_MAX);
    let mut common = 0;
    let (mut first, mut second) = loop {
        match (one.next(), other.next()) {
            (None, None) => return Difference { common, rows: Vec::new(), more: (0, 0) },
            (Some((a, whole)), Some((b, other_whole))) if whole == other_whole => {
                common += 1;
                one.teller.pass(&a);
                other.teller.pass(&b);
            }
            (a, b) => break (a, b),
        }
    };
    let (mut left, mut right) = (Vec::new(), Vec::new());
    while let Some((event, whole)) = first.take() {
        left.push(one.show(&event, whole));
        if left.len() < lines {
            first = one.next();
        }
    }
    while let Some((event, whole)) = second.take() {
        right.push(other.show(&event, whole));
        if right.len() < lines {
            second = other.next();
        }
    }
    Difference { common, rows: rows(&left, &right), more: (one.rest(), other.rest()) }
}

/// The rows of two windows: the longest sequence that both have in common but for its times side by side.
fn rows(left: &[Shown], right: &[Shown]) -> Vec<Row> {
    let (height, width) = (left.len(), right.len());
    // How long a common sequence of what is left of both can be.
    let mut longest = vec![0u16; (height + 1) * (width + 1)];
    let at = |row: usize, column: usize| row * (width + 1) + column;
    for row in (0..height).rev() {
        for column in (0..width).rev() {
            longest[at(row, column)] = if left[row].shape == right[column].shape {
                longest[at(row + 1, column + 1)] + 1
            } else {
                longest[at(row + 1, column)].max(longest[at(row, column + 1)])
            };
        }
    }
    let mut rows = Vec::new();
    let (mut row, mut column) = (0, 0);
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    while row < height || column < width {
        let both = row < height && column < width;
        if both && left[row].shape == right[column].shape {
            pair(&mut rows, &mut ones, &mut others);
            let same = left[row].whole == right[column].whole;
            let mark = if same { Mark::Same } else { Mark::Moved };
            let (one, other) = (Some(left[row].text.clone()), Some(right[column].text.clone()));
            rows.push(Row { one, other, mark });
            (row, column) = (row + 1, column + 1);
        } else if column == width
            || (row < height && longest[at(row + 1, column)] >= longest[at(row, column + 1)])
        {
            ones.push(left[row].text.clone());
            row += 1;
        } else {
            others.push(right[column].text.clone());
            column += 1;
        }
    }
    pair(&mut rows, &mut ones, &mut others);
    rows
}

/// Lays what differs side by side, as far as both have something there.
fn pair(rows: &mut Vec<Row>, ones: &mut Vec<String>, others: &mut Vec<String>) {
    let paired = ones.len().min(others.len());
    let (more, mores) = (ones.split_off(paired), others.split_off(paired));
    for (one, other) in ones.drain(..).zip(others.drain(..)) {
        rows.push(Row { one: Some(one), other: Some(other), mark: Mark::Differs });
    }
    let one = |one| Row { one: Some(one), other: None, mark: Mark::One };
    rows.extend(more.into_iter().map(one));
    let other = |other| Row { one: None, other: Some(other), mark: Mark::Other };
    rows.extend(mores.into_iter().map(other));
}

impl Difference {
    /// True if there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.rows.is_empty()
    }

    /// In two columns.
    #[must_use]
    pub fn draw(&self, style: Style) -> String {
        let room = (style.width.saturating_sub(3) / 2).max(20);
        let ellipsis = if style.ascii { "..." } else { "…" };
        let cell = |text: &Option<String>| {
            let text = escape(text.as_deref().unwrap_or_default(), style.ascii).into_owned();
            let text = cut(&text, room, ellipsis).into_owned();
            let pad = room.saturating_sub(unicode_width::UnicodeWidthStr::width(text.as_str()));
            (text, " ".repeat(pad))
        };
        let mut out = String::new();
        for row in &self.rows {
            let ((one, pad), (other, _)) = (cell(&row.one), cell(&row.other));
            let (left, right) = match row.mark {
                Mark::Same => (DIM, DIM),
                Mark::Moved => (WARN, WARN),
                Mark::Differs | Mark::One | Mark::Other => (BAD, GOOD),
            };
            let mark = row.mark.as_str();
            let line =
                format!("{}{pad} {mark} {}", style.paint(&one, left), style.paint(&other, right));
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NodeId;
    use crate::trace::{HeaderNode, Level};

    fn header() -> Header {
        let node = |name: &str| HeaderNode { name: name.into(), kind: "client".into() };
        Header {
            scenario: "s".into(),
            clock: "virtual".into(),
            seed: 1,
            program: "0".into(),
            nodes: vec![node("a"), node("b")],
            file: "s.yaml".into(),
            text: String::new(),
            scripts: Vec::new(),
        }
    }

    /// Lines of text at milliseconds.
    fn told(lines: &[(u64, &str)]) -> Vec<Event> {
        let event = |(ms, text): &(u64, &str)| Event {
            at: Time::from_nanos(ms * 1_000_000),
            kind: EventKind::Log {
                node: Some(NodeId(0)),
                level: Level::Info,
                text: (*text).into(),
            },
        };
        lines.iter().map(event).collect()
    }

    fn marks(
        one: &[(u64, &str)],
        other: &[(u64, &str)],
        lines: usize,
    ) -> (u64, String, (u64, u64)) {
        let (one, other) = (told(one).into_iter(), told(other).into_iter());
        let found = diff((header(), one), (header(), other), lines);
        (found.common, found.rows.iter().map(|row| row.mark.as_str()).collect(), found.more)
    }

    #[test]
    fn the_same_have_no_difference() {
        let lines = [(1, "x"), (2, "y")];
        assert_eq!(marks(&lines, &lines, 10), (2, String::new(), (0, 0)));
        assert_eq!(marks(&[], &[], 10), (0, String::new(), (0, 0)));
    }

    #[test]
    fn what_differs_is_marked_by_how() {
        let one = [(1, "x"), (2, "y"), (3, "z"), (4, "w"), (9, "e")];
        let other = [(1, "x"), (5, "y"), (6, "v"), (7, "w"), (9, "e"), (9, "f")];
        assert_eq!(marks(&one, &other, 10), (1, "~|~ >".into(), (0, 0)));
        assert_eq!(marks(&other, &one, 10), (1, "~|~ <".into(), (0, 0)));
        assert_eq!(marks(&one[..2], &one, 10), (2, ">>>".into(), (0, 0)));
    }

    #[test]
    fn no_more_is_laid_out_than_was_asked_for() {
        let one: Vec<(u64, &str)> = (0..100).map(|at| (at, "x")).collect();
        let other: Vec<(u64, &str)> = (0..100).map(|at| (at + 1, "x")).collect();
        assert_eq!(marks(&one, &other, 3), (0, "~~~".into(), (97, 97)));
    }

    #[test]
    fn columns_are_as_wide_as_the_screen_allows() {
        let (one, other) = (told(&[(1, "x")]).into_iter(), told(&[(2, "x")]).into_iter());
        let found = diff((header(), one), (header(), other), 3);
        let drawn = found.draw(Style { width: 60, ..Style::PLAIN });
        assert_eq!(drawn.lines().count(), 1);
        assert!(drawn.contains(" ~ "), "{drawn}");
        assert!(drawn.trim_end().chars().count() <= 60, "{drawn}");
    }
}
