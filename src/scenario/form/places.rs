//! Places inside of a scalar: which bytes of the file a part of its text came from.

use std::cell::OnceCell;

use super::super::tree::{Node, Scalar};
use crate::base::Span;

/// Maps bytes of one scalar's text to their places in the file.
///
/// Exact for a text that stands in the file as it is. Where escapes, folding or indentation intervene,
/// text and file are laid side by side once, in one pass over both.
pub(crate) struct Places<'a> {
    span: Span,
    /// The scalar as it stands in the file.
    written: &'a str,
    text: &'a str,
    /// How many bytes stand before the text, if it stands there as it is.
    verbatim: Option<usize>,
    /// For each byte of the text, and for its end, the byte of `written` it came from.
    aligned: OnceCell<Vec<u32>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(source: &'a str, node: &Node, scalar: &'a Scalar) -> Places<'a> {
        let written = source.get(node.span.start as usize..node.span.end as usize).unwrap_or("");
        let text = scalar.text.as_str();
        let quote = usize::from(written.starts_with(['"', '\'']));
        let inner = written.get(quote..written.len().saturating_sub(quote));
        let verbatim = (inner == Some(text)).then_some(quote);
        Places { span: node.span, written, text, verbatim, aligned: OnceCell::new() }
    }

    /// The place of bytes `start..end` of the text.
    pub(crate) fn at(&self, start: usize, end: usize) -> Span {
        if let Some(before) = self.verbatim {
            return self.span.part(start + before, end + before);
        }
        let aligned = self.aligned.get_or_init(|| align(self.text, self.written));
        let place = |byte: usize| aligned.get(byte).map_or(self.written.len(), |at| *at as usize);
        let from = place(start);
        // The end is where the last character ends, not where the next one begins.
        let last = self.text.get(..end).and_then(|text| text.char_indices().next_back());
        let to = last.filter(|(at, _)| *at >= start).map_or(from, |(at, _)| {
            let at = place(at);
            at + self
                .written
                .get(at..)
                .and_then(|rest| rest.chars().next())
                .map_or(0, char::len_utf8)
        });
        self.span.part(from, to.max(from))
    }
}

/// For each byte of `text` the byte of `written` that it came from.
///
/// White space of the text may have come from an escape, from other white space or from none; other
/// characters are looked for behind the white space that comes next.
fn align(text: &str, written: &str) -> Vec<u32> {
    let mut aligned = Vec::with_capacity(text.len() + 1);
    let escapes = written.starts_with('"');
    let mut at = usize::from(written.starts_with(['"', '\'']));
    for letter in text.chars() {
        let rest = written.get(at..).unwrap_or("");
        let skipped = if letter.is_whitespace() { 0 } else { blank(rest, escapes) };
        let rest = &rest[skipped..];
        let next = rest.chars().next();
        let taken = match next {
            Some('\\') if escapes => escape_length(rest).min(rest.len()),
            Some(other) if other == letter || !letter.is_whitespace() => other.len_utf8(),
            _ => 0,
        };
        at += skipped;
        let offset = u32::try_from(at).unwrap_or(u32::MAX);
        aligned.extend(std::iter::repeat_n(offset, letter.len_utf8()));
        at += taken;
        // A quote in single quotes is written twice.
        if letter == '\'' && !escapes && written.starts_with('\'') {
            at += usize::from(written.get(at..).is_some_and(|rest| rest.starts_with('\'')));
        }
    }
    aligned.push(u32::try_from(at.min(written.len())).unwrap_or(u32::MAX));
    aligned
}

/// How many bytes of white space `written` begins with, escaped ends of lines included.
fn blank(written: &str, escapes: bool) -> usize {
    let mut rest = written.trim_start();
    while escapes && (rest.starts_with("\\\n") || rest.starts_with("\\\r")) {
        rest = rest[1..].trim_start();
    }
    written.len() - rest.len()
}

/// How many bytes an escape of a double-quoted text takes.
fn escape_length(written: &str) -> usize {
    let escaped = written[1..].chars().next();
    match escaped {
        Some('x') => 4,
        Some('u') => 6,
        Some('U') => 10,
        Some(other) => 1 + other.len_utf8(),
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::model::Scenario;

    /// The places of all `${…}` of a text that none of them has a value in.
    fn places(written: &str) -> Vec<String> {
        let text = format!("looplab: 1\nclients:\n  a:\n    steps:\n      - log: {written}\n");
        let scenario = Scenario::parse("x.yaml", text.as_bytes(), None).expect("a scenario");
        let step = &scenario.clients[0].steps[0];
        let crate::scenario::model::Action::Log(log) = &step.action else { panic!("not a log") };
        let cut = |span: crate::base::Span| text[span.start as usize..span.end as usize].to_owned();
        log.vars().map(|name| cut(name.span)).collect()
    }

    #[test]
    fn variables_are_found_in_every_way_of_writing_a_text() {
        for written in [
            "é ${a} ü ${b}",
            "\"é ${a} ${b}\"",
            "'é ${a} ${b}'",
            "\"\\u00e9\\n\\x41\\\\ ${a} \\\"ü\\\" ${b}\"",
            "'it''s ${a}, isn''t ${b}'",
            "|\n          é ${a}\n            deeper ${b}\n",
            ">-\n          folded ${a}\n          and ${b}\n\n          more\n",
            "plain ${a}\n          over ${b} lines",
            "\"quoted ${a}\n\n          over \\\n          ${b} lines\"",
        ] {
            assert_eq!(places(written), ["${a}", "${b}"], "{written}");
        }
    }
}
