//! Colours and characters: how much the terminal can show.

use anstyle::{AnsiColor, Color, Effects, Style as Ink};

use crate::base::ConnId;

/// How text is drawn: with colour or without, in Unicode or in ASCII, how wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colours and other attributes may be used.
    pub color: bool,
    /// Whether lines and arrows are made of ASCII only.
    pub ascii: bool,
    /// The number of columns.
    pub width: usize,
}

impl Style {
    /// Plain text in Unicode, 100 columns wide: for pipes and files.
    pub const PLAIN: Style = Style { color: false, ascii: false, width: 100 };

    /// The characters to draw with.
    pub(super) fn glyphs(self) -> &'static Glyphs {
        if self.ascii { &ASCII } else { &UNICODE }
    }

    /// `text` in `ink`, if colours may be used.
    #[must_use]
    pub fn paint(self, text: &str, ink: Ink) -> String {
        if self.color && ink != Ink::new() {
            format!("{}{text}{}", ink.render(), ink.render_reset())
        } else {
            text.to_owned()
        }
    }
}

/// The characters that lines and arrows are made of; each is one column wide.
pub(super) struct Glyphs {
    pub(super) lifeline: char,
    /// The line of a node that stands still.
    pub(super) still: char,
    /// What the bands of faults are made of.
    pub(super) band: char,
    /// `×2` stands after what came twice.
    pub(super) times: char,
    pub(super) dash: char,
    pub(super) faint: char,
    pub(super) right: char,
    pub(super) left: char,
    pub(super) cross: char,
    pub(super) tick: char,
    pub(super) unknown: char,
    pub(super) dot: char,
    pub(super) more: char,
    pub(super) ellipsis: &'static str,
    pub(super) to: &'static str,
    pub(super) back: &'static str,
}

const UNICODE: Glyphs = Glyphs {
    lifeline: '│',
    still: '░',
    band: '╌',
    times: '×',
    dash: '─',
    faint: '┄',
    right: '►',
    left: '◄',
    cross: '✗',
    tick: '✓',
    unknown: '?',
    dot: '●',
    more: '⋮',
    ellipsis: "…",
    to: "→",
    back: "←",
};

const ASCII: Glyphs = Glyphs {
    lifeline: '|',
    still: ':',
    band: '=',
    times: 'x',
    dash: '-',
    faint: '.',
    right: '>',
    left: '<',
    cross: 'x',
    tick: '+',
    unknown: '?',
    dot: '*',
    more: ':',
    ellipsis: "...",
    to: "->",
    back: "<-",
};

const fn color(color: AnsiColor) -> Ink {
    Ink::new().fg_color(Some(Color::Ansi(color)))
}

/// As the terminal writes by itself.
pub(super) const PLAIN: Ink = Ink::new();
/// What is there for whoever looks for it.
pub const DIM: Ink = Ink::new().effects(Effects::DIMMED);
/// Names and headings.
pub const BOLD: Ink = Ink::new().effects(Effects::BOLD);
/// What went wrong.
pub const BAD: Ink = color(AnsiColor::Red).effects(Effects::BOLD);
/// A message that did not arrive.
pub(super) const LOST: Ink = color(AnsiColor::Red).effects(Effects::STRIKETHROUGH);
/// What went right.
pub const GOOD: Ink = color(AnsiColor::Green);
/// What is worth a look.
pub const WARN: Ink = color(AnsiColor::Yellow);

/// What a fault does, because somebody wanted it.
pub(super) const FAULT: Ink = WARN.effects(Effects::BOLD);

/// The colours of connections; red is kept for what goes wrong.
const CONNECTIONS: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::BrightBlue,
    AnsiColor::BrightCyan,
];

/// The ink of a connection: neighbours in number differ.
pub(super) fn connection(conn: ConnId) -> Ink {
    let index = conn.0.wrapping_sub(1) as usize % CONNECTIONS.len();
    color(CONNECTIONS[index])
}
