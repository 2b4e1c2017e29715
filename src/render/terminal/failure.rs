//! A step or a check that failed, with its place in the scenario and a caret, in three lines.
//!
//! ```text
//! ✗ alice: get greeter/hello
//!   hello.yaml:12:27  expect: { status: 200 }
//!                               ^^^^^^^^^^^ expected 200, got 404
//! ```

use anstyle::Style as Ink;

use super::style::{BAD, BOLD, DIM, PLAIN, Style};
use super::text;
use crate::base::{Source, Span};

/// The place of `span`, the line it stands on, a caret beneath and `why` beside it.
pub(super) fn place(source: &Source, span: Span, why: &str, at: Indent, out: &mut String) {
    let Indent { columns: indent, style } = at;
    let margin = " ".repeat(indent);
    let place = source.place(span);
    // People know which folder they are in; the line is what they look for.
    let place = place.rsplit(['/', '\\']).next().unwrap_or_default();
    let (line, before, marked) = marked_line(source, span, style.ascii);
    let lead = text::width(place) + 2;
    let room = style.width.saturating_sub(indent + lead).max(SHOWN_MIN);
    let (line, before) = window(&line, before, room, style.glyphs().ellipsis);
    let carets = marked.clamp(1, text::width(&line).saturating_sub(before).max(1));
    out.push_str(&format!("{margin}{}  {line}\n", style.paint(place, DIM)));
    let why = text::escape(why, style.ascii);
    let under =
        format!("{margin}{}{}", " ".repeat(lead + before), style.paint(&"^".repeat(carets), BAD));
    if why.is_empty() {
        out.push_str(&format!("{under}\n"));
    } else if indent + lead + before + carets + 1 + text::width(&why) <= style.width {
        out.push_str(&format!("{under} {}\n", style.paint(&why, BOLD)));
    } else {
        out.push_str(&under);
        out.push('\n');
        paragraph(&why, BOLD, Indent { columns: indent + 2, style }, out);
    }
}

/// How far a block stands to the right, and how it is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Indent {
    pub(super) columns: usize,
    pub(super) style: Style,
}

/// The least of a source line that is shown, however narrow the terminal is.
const SHOWN_MIN: usize = 20;

/// The line that `span` begins on without its indentation, and in columns of it: where the span
/// begins and how long it is there.
fn marked_line(source: &Source, span: Span, ascii: bool) -> (String, usize, usize) {
    let whole = source.text();
    let floor = |byte: u32| {
        let mut at = (byte as usize).min(whole.len());
        while !whole.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (floor(span.start), floor(span.end));
    let line_start = whole[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = whole[start..].find('\n').map_or(whole.len(), |at| start + at);
    let line = whole[line_start..line_end].trim_end();
    let indent = (line.len() - line.trim_start().len()).min(start - line_start);
    let first = line_start + indent;
    let shown = |from: usize, to: usize| {
        text::escape(whole.get(from..to.max(from)).unwrap_or_default(), ascii).into_owned()
    };
    let last = line_start + line.len();
    let before = text::width(&shown(first, start.min(last)));
    let marked = text::width(&shown(start.min(last), end.min(last)));
    (shown(first, last), before, marked)
}

/// The part of a line around column `at` that fits in `room` columns, and where `at` is in it.
fn window(line: &str, at: usize, room: usize, ellipsis: &str) -> (String, usize) {
    if text::width(line) <= room {
        return (line.to_owned(), at);
    }
    if at + SHOWN_MIN / 2 <= room {
        return (text::cut(line, room, ellipsis).into_owned(), at);
    }
    let skip = at - room / 2;
    let mut columns = 0;
    let from = line
        .char_indices()
        .find(|(_, c)| {
            let here = columns;
            columns += unicode_width::UnicodeWidthChar::width(*c).unwrap_or(0);
            here >= skip
        })
        .map_or(line.len(), |(byte, _)| byte);
    let skipped = text::width(&line[..from]);
    let lead = text::width(ellipsis);
    let rest = text::cut(&line[from..], room - lead, ellipsis);
    (format!("{ellipsis}{rest}"), at - skipped + lead)
}

/// `words` in lines that fit.
pub(super) fn paragraph(words: &str, ink: Ink, at: Indent, out: &mut String) {
    let margin = " ".repeat(at.columns);
    let room = at.style.width.saturating_sub(at.columns).max(SHOWN_MIN);
    let mut line = String::new();
    let mut emit = |line: &mut String| {
        out.push_str(&format!("{margin}{}\n", at.style.paint(line, ink)));
        line.clear();
    };
    for word in words.split(' ') {
        if !line.is_empty() && text::width(&line) + 1 + text::width(word) > room {
            emit(&mut line);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        emit(&mut line);
    }
}

/// A cross or a tick, and a title in as many lines as it needs.
pub(super) fn title(mark: char, mark_ink: Ink, title: &str, at: Indent, out: &mut String) {
    let ink = if mark_ink == BAD { BOLD } else { PLAIN };
    let mut lines = String::new();
    let inner = Indent { columns: at.columns + 2, style: at.style };
    paragraph(&text::escape(title, at.style.ascii), ink, inner, &mut lines);
    let mark = at.style.paint(&mark.to_string(), mark_ink);
    let rest = lines.strip_prefix(&" ".repeat(inner.columns)).unwrap_or(&lines);
    out.push_str(&format!("{}{mark} {rest}", " ".repeat(at.columns)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, span: Span, why: &str, width: usize) -> String {
        let source = Source::new("a.yaml", text);
        let mut out = String::new();
        let style = Style { width, ..Style::PLAIN };
        place(&source, span, why, Indent { columns: 2, style }, &mut out);
        out
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        let text = "steps:\n    - expect: { status: 200 }\n";
        let at = text.find("200").unwrap();
        assert_eq!(
            drawn(text, Span::new(at, at + 3), "expected 200, got 404", 80),
            concat!(
                "  a.yaml:2:25  - expect: { status: 200 }\n",
                "                                   ^^^ expected 200, got 404\n",
            )
        );
    }

    #[test]
    fn a_span_over_several_lines_is_marked_on_its_first() {
        let text = "load:\n  rate: 5\n";
        assert_eq!(
            drawn(text, Span::new(0, text.len()), "no", 80),
            "  a.yaml:1:1  load:\n              ^^^^^ no\n"
        );
    }

    #[test]
    fn a_long_line_is_shown_around_the_place_and_a_long_reason_below() {
        let text = format!("{}HERE{}", "a".repeat(100), "b".repeat(100));
        let out = drawn(&text, Span::new(100, 104), &"word ".repeat(20), 60);
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines.iter().all(|line| text::width(line) <= 60), "{out}");
        let at = lines[1].find("^^^^").unwrap();
        let shown: String = lines[0].chars().skip(at).take(4).collect();
        assert_eq!(shown, "HERE", "{out}");
        assert!(lines[2].starts_with("    word word"), "{out}");
    }

    #[test]
    fn no_place_and_no_width_make_it_panic() {
        for width in 0..40 {
            for start in 0..12 {
                drawn("é日\n\tb ", Span::new(start, start + 3), "why not", width);
            }
        }
    }
}
