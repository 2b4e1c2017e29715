//! Operations that contradict each other: who did what when, and the messages that matter.
//!
//! ```text
//!              0ms          1.333ms        5.714ms
//!   writer     ├─ write 9 ─┤├─ write 12 ─┤
//!   reader.2                               ├─ read 9 ─┤ ✗
//! ```
//!
//! A row is what one client did, one thing after another; what it did at the same time has a row of its own.
//! Columns are in the order of time but not to its scale: each end of an operation is as far to the right as
//! what stands before it needs. What may still go on is open on the right. A cross marks the operation that
//! finds no place among the others.
//!
//! A trace is read twice for this: once for the operations ([`Contradiction::event`]), and once more for the
//! messages between the first of them and the last ([`Contradiction::wants`]).

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::failure::Indent;
use super::style::{BAD, DIM, PLAIN, Style};
use super::text;
use crate::base::{NodeId, Seq, Time, Value};
use crate::check::moment;
use crate::trace::{Event, EventKind, Header, Message, OpEvent, OpPhase};

/// The most operations that are drawn.
const DRAWN_MAX: usize = 12;

/// The widths that labels are cut to, one after the other, until the picture fits.
const LABELS: [usize; 4] = [48, 24, 14, 9];

/// The most requests whose answers are known to be wanted.
const ASKED_MAX: usize = 10_000;

/// What was seen of one operation.
#[derive(Debug, Clone)]
struct Known {
    begin: OpEvent,
    began: Time,
    /// The places of its ends among all operations' ends.
    from: usize,
    /// How it ended, when, and at which place.
    end: Option<(OpEvent, Time, usize)>,
}

impl Known {
    fn value(&self) -> &Value {
        match &self.end {
            Some((end, ..)) if !end.value.is_null() => &end.value,
            _ => &self.begin.value,
        }
    }

    /// When it certainly was over, and at which place.
    fn over(&self) -> Option<(Time, usize)> {
        let (end, at, place) = self.end.as_ref()?;
        matches!(end.phase, OpPhase::Ok | OpPhase::Fail).then_some((*at, *place))
    }
}

/// Operations that contradict each other, as a trace tells them.
#[derive(Debug, Clone)]
pub struct Contradiction {
    /// The one that finds no place.
    culprit: u64,
    wanted: BTreeSet<u64>,
    known: BTreeMap<u64, Known>,
    places: usize,
    /// Requests that are wanted: so are their answers.
    asked: BTreeSet<Seq>,
}

impl Contradiction {
    /// One of operations with these ids, the one that finds no place first.
    #[must_use]
    pub fn new(ops: &[u64]) -> Contradiction {
        let wanted: BTreeSet<u64> = ops.iter().copied().take(DRAWN_MAX).collect();
        let culprit = ops.first().copied().unwrap_or(0);
        let (known, asked) = (BTreeMap::new(), BTreeSet::new());
        Contradiction { culprit, wanted, known, places: 0, asked }
    }

    /// Takes note of an event, if it is an end of one of the operations.
    pub fn event(&mut self, event: &Event) {
        let EventKind::Op(op) = &event.kind else { return };
        if !self.wanted.contains(&op.id) {
            return;
        }
        self.places += 1;
        let (place, at) = (self.places, event.at);
        match self.known.get_mut(&op.id) {
            Some(known) => known.end = Some(((**op).clone(), at, place)),
            None => {
                let begin = (**op).clone();
                let known = Known { begin, began: at, from: place, end: None };
                self.known.insert(op.id, known);
            }
        }
    }

    /// From the beginning of the first operation to the end of the last.
    #[must_use]
    pub fn window(&self) -> Option<(Time, Time)> {
        let first = self.known.values().map(|known| known.began).min()?;
        let end = |known: &Known| known.end.as_ref().map_or(known.began, |(_, at, _)| *at);
        Some((first, self.known.values().map(end).max()?))
    }

    /// True if an event is a message that the operations' clients sent or got meanwhile, or that is about
    /// their key, or answers one that is; or what befell a node then. To be asked of all events in their
    /// order.
    pub fn wants(&mut self, event: &Event) -> bool {
        let Some((first, last)) = self.window() else { return false };
        match &event.kind {
            EventKind::Message(message) => {
                let meanwhile = message.sent >= first && message.sent <= last;
                let wanted = meanwhile
                    && (self.is_of_operation(message)
                        || self.is_about_key(message)
                        || message.cause.is_some_and(|cause| self.asked.contains(&cause)));
                if wanted && self.asked.len() < ASKED_MAX {
                    self.asked.insert(message.seq);
                }
                wanted
            }
            kind => kind.is_trouble() && event.at >= first && event.at <= last,
        }
    }

    fn is_of_operation(&self, message: &Message) -> bool {
        self.known.values().any(|known| {
            let end = known.end.as_ref().map_or(Time::MAX, |(_, at, _)| *at);
            [message.from, message.to].contains(&known.begin.client)
                && (known.began..=end).contains(&message.sent)
        })
    }

    fn is_about_key(&self, message: &Message) -> bool {
        self.known.values().any(|known| match &known.begin.key {
            Value::Null => false,
            Value::String(key) => has_word(&message.summary, key),
            key => has_word(&message.summary, &key.to_string()),
        })
    }

    /// The nodes that take part in what is wanted: those of the operations, and those of `others`.
    #[must_use]
    pub fn nodes(&self, others: &BTreeSet<NodeId>) -> Vec<NodeId> {
        let clients = self.known.values().map(|known| known.begin.client);
        let all: BTreeSet<NodeId> = clients.chain(others.iter().copied()).collect();
        all.into_iter().collect()
    }

    /// Appends the picture, so many columns to the right.
    pub fn draw(&self, header: &Header, style: Style, columns: usize, out: &mut String) {
        if self.known.is_empty() {
            return;
        }
        let at = Indent { columns, style };
        let room = style.width.saturating_sub(columns);
        let layouts = LABELS.iter().map(|label| Layout::new(self, header, style, *label));
        match layouts.into_iter().find(|layout| layout.width <= room) {
            Some(layout) => layout.draw(at, out),
            None => self.list(header, at, out),
        }
    }

    /// The operations in their order.
    fn ordered(&self) -> Vec<&Known> {
        let mut all: Vec<&Known> = self.known.values().collect();
        all.sort_by_key(|known| known.from);
        all
    }

    fn label(&self, known: &Known) -> String {
        let keys: BTreeSet<String> =
            self.known.values().map(|known| known.begin.key.to_string()).collect();
        let mut words = known.begin.f.clone();
        if keys.len() > 1 && !known.begin.key.is_null() {
            words = format!("{words} {}", plain(&known.begin.key));
        }
        let is_txn =
            known.value().as_array().is_some_and(|parts| parts.iter().all(Value::is_array));
        if is_txn && !known.value().as_array().is_some_and(Vec::is_empty) {
            words = format!("T{}", known.begin.id);
        }
        if !known.value().is_null() {
            words = format!("{words} {}", plain(known.value()));
        }
        words
    }

    /// What is drawn where there is no room for a picture.
    fn list(&self, header: &Header, at: Indent, out: &mut String) {
        for known in self.ordered() {
            let times = match known.over() {
                Some((end, _)) => format!("{} to {}", moment(known.began), moment(end)),
                None => format!("from {} on", moment(known.began)),
            };
            let client = header.node_name(known.begin.client);
            let cross = at.style.glyphs().cross;
            let mark = if known.begin.id == self.culprit { cross } else { ' ' };
            let words = format!("{mark} {client}: {} ({times})", self.label(known));
            let words = text::escape(&words, at.style.ascii);
            let room = at.style.width.saturating_sub(at.columns).max(1);
            let words = text::cut(&words, room, at.style.glyphs().ellipsis);
            out.push_str(&format!("{}{words}\n", " ".repeat(at.columns)));
        }
    }
}

/// Text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether `text` has `word` in it, not as a part of a longer word.
fn has_word(text: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word).any(|(at, found)| {
        !found.is_empty()
            && !text[..at].chars().next_back().is_some_and(is_word)
            && !text[at + found.len()..].chars().next().is_some_and(is_word)
    })
}

/// One operation's bar.
struct Bar {
    row: usize,
    from: usize,
    /// The last column; none if it is open.
    to: Option<usize>,
    label: String,
    is_culprit: bool,
}

/// Where everything stands.
struct Layout {
    /// The names of the rows' clients.
    rows: Vec<String>,
    names: usize,
    bars: Vec<Bar>,
    /// The moments that stand above, each with its column.
    moments: Vec<(usize, String)>,
    /// Where open bars end.
    right: usize,
    width: usize,
}

/// The columns of an open bar's end.
const OPEN: usize = 5;

impl Layout {
    fn new(all: &Contradiction, header: &Header, style: Style, label_max: usize) -> Layout {
        let ordered = all.ordered();
        let labels: Vec<String> = ordered
            .iter()
            .map(|known| {
                let label = text::escape(&all.label(known), style.ascii).into_owned();
                text::cut(&label, label_max, style.glyphs().ellipsis).into_owned()
            })
            .collect();
        // The columns of the ends, in the order of time.
        let mut ends: Vec<(usize, usize, bool)> = Vec::new();
        for (n, known) in ordered.iter().enumerate() {
            ends.push((known.from, n, false));
            ends.extend(known.over().map(|(_, place)| (place, n, true)));
        }
        ends.sort_unstable();
        let mut from = vec![0; ordered.len()];
        let mut to = vec![None; ordered.len()];
        let mut next = 0;
        for (_, n, is_end) in ends {
            if is_end {
                let column = next.max(from[n] + text::width(&labels[n]) + 5);
                to[n] = Some(column);
                next = column + 1;
            } else {
                from[n] = next;
                next += 2;
            }
        }
        let open = |n: usize| from[n] + text::width(&labels[n]) + 3 + OPEN;
        let last = (0..ordered.len()).map(|n| to[n].unwrap_or_else(|| open(n))).max().unwrap_or(0);
        let right = last.max(next);
        // A row for each client, and one more for what it did besides.
        let mut rows: Vec<(NodeId, Option<usize>)> = Vec::new();
        let mut bars = Vec::new();
        for (n, (known, label)) in ordered.iter().zip(labels).enumerate() {
            let client = known.begin.client;
            let free = |(of, until): &(NodeId, Option<usize>)| {
                *of == client && until.is_some_and(|until| until < from[n])
            };
            let row = rows.iter().position(free).unwrap_or_else(|| {
                rows.push((client, None));
                rows.len() - 1
            });
            rows[row].1 = to[n];
            let is_culprit = known.begin.id == all.culprit;
            bars.push(Bar { row, from: from[n], to: to[n], label, is_culprit });
        }
        // All rows of a client stand together, where its first one is.
        let first = |client: NodeId| rows.iter().position(|(of, _)| *of == client);
        let mut places: Vec<usize> = (0..rows.len()).collect();
        places.sort_by_key(|row| first(rows[*row].0));
        for bar in &mut bars {
            bar.row = places.iter().position(|row| *row == bar.row).unwrap_or(bar.row);
        }
        let rows: Vec<String> = places
            .iter()
            .map(|row| rows[*row])
            .map(|(client, _)| text::escape(header.node_name(client), style.ascii).into_owned())
            .collect();
        let names = rows.iter().map(|name| text::width(name)).max().unwrap_or(0) + 2;
        let moments = ordered.iter().zip(&from).map(|(known, from)| (*from, moment(known.began)));
        let moments = moments.collect();
        // A cross stands behind the last column.
        Layout { width: names + right + 3, rows, names, bars, moments, right }
    }

    fn draw(&self, at: Indent, out: &mut String) {
        let style = at.style;
        let margin = " ".repeat(at.columns);
        let mut above = String::new();
        for (column, moment) in &self.moments {
            let used = text::width(&above);
            if used == 0 || used + 2 <= *column {
                above.push_str(&" ".repeat(column - used));
                above.push_str(moment);
            }
        }
        let above = format!("{}{above}", " ".repeat(self.names));
        out.push_str(&format!("{margin}{}\n", style.paint(&above, DIM)));
        for (row, name) in self.rows.iter().enumerate() {
            let mut line = text::pad(name, self.names);
            let mut used = 0;
            for bar in self.bars.iter().filter(|bar| bar.row == row) {
                line.push_str(&" ".repeat(bar.from.saturating_sub(used)));
                let drawn = self.bar(bar, style);
                used = bar.from + text::width(&drawn);
                line.push_str(&style.paint(&drawn, if bar.is_culprit { BAD } else { PLAIN }));
                if bar.is_culprit {
                    let mark = format!(" {}", style.glyphs().cross);
                    line.push_str(&style.paint(&mark, BAD));
                    used += 2;
                }
            }
            out.push_str(&format!("{margin}{}\n", line.trim_end()));
        }
    }

    /// `├── write 9 ──┤`, or `├── write 9 ┄┄┄ ?`.
    fn bar(&self, bar: &Bar, style: Style) -> String {
        let glyphs = style.glyphs();
        let (left, right) = if style.ascii { ('|', '|') } else { ('├', '┤') };
        let dashes = |count: usize| glyphs.dash.to_string().repeat(count);
        let label = text::width(&bar.label);
        match bar.to {
            Some(to) => {
                let fill = (to - bar.from + 1).saturating_sub(label + 4);
                let before = fill / 2;
                format!("{left}{} {} {}{right}", dashes(before), bar.label, dashes(fill - before))
            }
            None => {
                let fill = (self.right - bar.from).saturating_sub(label + 5);
                let faint = glyphs.faint.to_string().repeat(fill.max(1));
                format!("{left}{} {} {faint} ?", dashes(1), bar.label)
            }
        }
    }
}
