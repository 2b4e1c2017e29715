//! What a reading of a file has at hand, and what it has found so far.

use std::path::Path;

use super::super::tree::{Content, Node, Scalar};
use crate::base::{Diagnostic, Source, Span};

/// The state of one reading.
pub(crate) struct Reading<'a> {
    source: &'a Source,
    /// The folder that `file:` is relative to.
    pub(crate) folder: Option<&'a Path>,
    /// How many regular expressions have been compiled.
    pub(crate) regexes: usize,
    /// How many bytes have been read from files.
    pub(crate) file_bytes: u64,
    found: Vec<Diagnostic>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        source: &'a Source,
        folder: Option<&'a Path>,
        found: Vec<Diagnostic>,
    ) -> Reading<'a> {
        Reading { source, folder, regexes: 0, file_bytes: 0, found }
    }

    /// Records what is wrong.
    pub(crate) fn error(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Records that `node` is not what was expected; `expected` is a phrase such as `a duration`.
    pub(crate) fn expected<T>(&mut self, expected: &str, node: &Node) -> Option<T> {
        if matches!(node.content(), Content::Broken) {
            return None;
        }
        let what = format!("expected {expected}, got {}", node.described());
        self.error(Diagnostic::new(what, self.head(node.span)));
        None
    }

    /// The place of bytes `start..end` of a scalar's text.
    ///
    /// Exact for scalars that stand in the file as they are; where escapes, folding or indentation
    /// intervene, the same words are looked for.
    pub(crate) fn place(&self, node: &Node, scalar: &Scalar, start: usize, end: usize) -> Span {
        let whole = &self.source.text()[node.span.start as usize..node.span.end as usize];
        let quote = usize::from(whole.starts_with(['"', '\'']));
        if whole.get(quote..whole.len() - quote.min(whole.len())) == Some(scalar.text.as_str()) {
            return node.span.part(start + quote, end + quote);
        }
        let Some(wanted) = scalar.text.get(start..end).filter(|wanted| !wanted.is_empty()) else {
            return self.head(node.span);
        };
        let earlier = scalar.text[..start].matches(wanted).count();
        match whole.match_indices(wanted).nth(earlier) {
            Some((at, _)) => node.span.part(at, at + wanted.len()),
            None => self.head(node.span),
        }
    }

    /// `span`, but no longer than its first line: what carets are drawn under.
    pub(crate) fn head(&self, span: Span) -> Span {
        let text = &self.source.text()[span.start as usize..span.end as usize];
        let line = text.find('\n').map_or(text, |end| text[..end].trim_end());
        span.part(0, line.len())
    }

    /// From the beginning of `key` to the end of `value`, if they share a line; else `key`.
    pub(crate) fn entry(&self, key: Span, value: Span) -> Span {
        let whole = Span { start: key.start, end: value.end.max(key.end) };
        if self.head(whole) == whole { whole } else { key }
    }

    /// All that was found.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        self.found
    }
}
