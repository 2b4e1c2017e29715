//! What a reading of a file has at hand, and what it has found so far.

use std::path::Path;

use super::super::outline::Outline;
use super::super::tree::{Content, Node, Scalar};
use super::Places;
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
    /// The names that were seen.
    pub(crate) outline: Outline,
    found: Vec<Diagnostic>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        source: &'a Source,
        folder: Option<&'a Path>,
        found: Vec<Diagnostic>,
    ) -> Reading<'a> {
        let outline = Outline::default();
        Reading { source, folder, regexes: 0, file_bytes: 0, outline, found }
    }

    /// Records what is wrong.
    pub(crate) fn error(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Notes keys that nobody will ask for: those of `node` and beneath it.
    pub(crate) fn pass_over(&mut self, node: &Node) {
        match node.content() {
            Content::Sequence(items) => items.iter().for_each(|item| self.pass_over(item)),
            Content::Mapping { entries, .. } => {
                for (key, value) in entries {
                    self.outline.strays.insert(key.value.clone());
                    self.pass_over(value);
                }
            }
            Content::Scalar(_) | Content::Broken => {}
        }
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

    /// The places of the parts of a scalar's text.
    pub(crate) fn places<'s>(&'s self, node: &Node, scalar: &'s Scalar) -> Places<'s> {
        Places::new(self.source.text(), node, scalar)
    }

    /// The place of bytes `start..end` of a scalar's text.
    pub(crate) fn place(&self, node: &Node, scalar: &Scalar, start: usize, end: usize) -> Span {
        self.places(node, scalar).at(start, end)
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

    /// All that was found, and the names that were seen.
    pub(crate) fn finish(self) -> (Vec<Diagnostic>, Outline) {
        (self.found, self.outline)
    }
}
