//! Text in the picture: its style, its units, its lines, and what XML lets through.

use crate::base::Time;

use super::scene::{cut, width};

/// The most lines that one check takes.
const CHECK_LINES_MAX: usize = 4;

/// Light and dark. Numbered classes are the colours of connections.
pub(super) const STYLE: &str = "\
svg{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace;font-size:12px}
.page{fill:#fff}.ink{fill:#1f2328}.dim{fill:#6e7781}.rule{stroke:#d0d7de;fill:none}
.head{fill:#f6f8fa;stroke:#afb8c1;stroke-width:1.25}.who{fill:#fff;stroke:#8c959f;stroke-width:1.25}
.name{font-size:13px;font-weight:600}.small{font-size:10.5px}.title{font-size:20px;font-weight:700}
.label{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round;pointer-events:none}
.gone{text-decoration:line-through}.mid{text-anchor:middle}.end{text-anchor:end}
.bad{fill:#cf222e}.badline{stroke:#cf222e;fill:none;stroke-width:2}.note{fill:#ffebe9;stroke:#cf222e}
.good{fill:#1a7f37}.open{fill:#9a6700}.pill{fill:#fff;font-weight:700}
.line{fill:none;stroke-width:1.6}.reply{stroke-dasharray:6 4}
.s0{stroke:#0969da}.f0{fill:#0969da}.s1{stroke:#8250df}.f1{fill:#8250df}
.s2{stroke:#bc4c00}.f2{fill:#bc4c00}.s3{stroke:#1a7f37}.f3{fill:#1a7f37}
.s4{stroke:#bf3989}.f4{fill:#bf3989}.s5{stroke:#0e7490}.f5{fill:#0e7490}
.s6{stroke:#9a6700}.f6{fill:#9a6700}.s7{stroke:#57606a}.f7{fill:#57606a}
@media(prefers-color-scheme:dark){
.page{fill:#0d1117}.ink{fill:#e6edf3}.dim{fill:#8b949e}.rule{stroke:#30363d}
.head{fill:#161b22;stroke:#484f58}.who{fill:#0d1117;stroke:#6e7681}
.label{stroke:#0d1117}.bad{fill:#ff7b72}.badline{stroke:#ff7b72}.note{fill:#3c1618;stroke:#ff7b72}
.good{fill:#3fb950}.open{fill:#d29922}.pill{fill:#0d1117}
.s0{stroke:#58a6ff}.f0{fill:#58a6ff}.s1{stroke:#bc8cff}.f1{fill:#bc8cff}
.s2{stroke:#f0883e}.f2{fill:#f0883e}.s3{stroke:#3fb950}.f3{fill:#3fb950}
.s4{stroke:#f778ba}.f4{fill:#f778ba}.s5{stroke:#39c5cf}.f5{fill:#39c5cf}
.s6{stroke:#d29922}.f6{fill:#d29922}.s7{stroke:#8b949e}.f7{fill:#8b949e}}";

/// What faults need besides.
pub(super) const STYLE_OF_FAULTS: &str = "
.fault{fill:#9a6700}.strong{font-weight:700}.loose{fill:#d4a72c;fill-opacity:.09}
.bracket{stroke:#bf8700;fill:none;stroke-width:1.6}.bandline{stroke:#bf8700;fill:none;stroke-dasharray:5 4}
.band{fill:#fff8c5;stroke:#bf8700}.unused{stroke-dasharray:3 3}.told{fill:#fff8c5;stroke:#bf8700}
.still{stroke:#bf8700;fill:none;stroke-width:9;stroke-dasharray:1.5 3.5}
@media(prefers-color-scheme:dark){
.fault{fill:#e3b341}.loose{fill:#bb8009;fill-opacity:.1}.bracket{stroke:#9e6a03}.bandline{stroke:#9e6a03}
.band{fill:#2b2108;stroke:#9e6a03}.told{fill:#2b2108;stroke:#9e6a03}.still{stroke:#bb8009}}";

/// A text in at most [`CHECK_LINES_MAX`] lines of so many columns.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            if lines.len() + 1 == CHECK_LINES_MAX {
                line.push('…');
                break;
            }
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&cut(word, columns));
    }
    lines.push(line);
    lines
}

/// The unit of the axis.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Millis,
    Seconds,
}

impl Unit {
    pub(super) fn of(until: Time) -> Unit {
        if until.as_millis() < 100_000 { Unit::Millis } else { Unit::Seconds }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Unit::Millis => "ms",
            Unit::Seconds => "s",
        }
    }

    /// A time in this unit, with three digits of its fraction.
    pub(super) fn show(self, time: Time) -> String {
        let thousandths = match self {
            Unit::Millis => time.as_nanos() / 1_000,
            Unit::Seconds => time.as_nanos() / 1_000_000,
        };
        format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
    }
}

/// Text in XML: what XML cannot hold is replaced.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
