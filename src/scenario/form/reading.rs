//! What a reading of a file has at hand, and what it has found so far.

use std::path::Path;

use super::super::outline::Outline;
use super::super::tree::{Content, Node, Scalar};
use super::Places;
use crate::base::{Diagnostic, Located, Source, Span};

/// What a scenario may take from beside itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Beside<'a> {
    /// The folder of its file.
    pub(crate) folder: Option<&'a Path>,
    /// The texts of scripts, by name: those that a trace has kept.
    pub(crate) scripts: &'a [(String, String)],
}

/// The state of one reading.
pub(crate) struct Reading<'a> {
    source: &'a Source,
    /// The folder that `file:` is relative to.
    pub(crate) folder: Option<&'a Path>,
    /// Scripts that need no file, by name.
    given: &'a [(String, String)],
    /// The scripts that were named.
    pub(crate) scripts: Vec<Located<String>>,
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
        beside: Beside<'a>,
        found: Vec<Diagnostic>,
    ) -> Reading<'a> {
        let (outline, scripts) = (Outline::default(), Vec::new());
        let Beside { folder, scripts: given } = beside;
        Reading { source, folder, given, scripts, regexes: 0, file_bytes: 0, outline, found }
    }

    /// The text of a script that needs no file.
    pub(crate) fn given_script(&self, name: &str) -> Option<&'a str> {
        self.given.iter().find(|(given, _)| given == name).map(|(_, text)| text.as_str())
    }

    /// True if nothing wrong was found so far.
    pub(crate) fn is_sound(&self) -> bool {
        self.found.is_empty()
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
