//! A message about a place in a source text: what is wrong, where, and what to do.
//!
//! Every error that a person can mend by editing a scenario is a [`Diagnostic`], whether it was found
//! while reading the file or while running it. They are collected, not thrown, so that one reading of
//! a file reports all that is wrong with it.

use std::fmt;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// The text a scenario was read from, and the name to call it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
}

/// A range of bytes in a [`Source`]: `start` inclusive, `end` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// One thing wrong, where it is, and what would mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// One lower-case clause, without a full stop.
    pub message: String,
    /// Where; `None` for what concerns the file as a whole.
    pub span: Option<Span>,
    /// What stands beside the carets: the nearest name, the expected form.
    pub label: Option<String>,
    /// A further place that explains this one, with its own label.
    pub related: Option<Box<(Span, String)>>,
    /// Advice in a line of its own.
    pub help: Option<String>,
    /// The text that `span` is in, if that is another one: a script's.
    pub source: Option<Box<Source>>,
}

/// All that was found wrong with one file.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    /// The text the places refer to.
    pub source: Source,
    /// What was found, in the order of the file.
    pub found: Vec<Diagnostic>,
}

impl Span {
    /// The bytes from `start` to `end`.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Span {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span { start: clamp(start), end: clamp(end.max(start)) }
    }

    /// The part of this span from `start` to `end`, both counted from its own beginning.
    #[must_use]
    pub fn part(self, start: usize, end: usize) -> Span {
        let begin = self.start as usize;
        Span::new((begin + start).min(self.end as usize), (begin + end).min(self.end as usize))
    }
}

impl Source {
    /// A source called `name` (usually the file's path as it was given) with the given text.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Source {
        Source { name: name.into(), text: text.into() }
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line and column of a byte, both from 1; columns count characters.
    #[must_use]
    pub fn line_column(&self, byte: u32) -> (usize, usize) {
        let mut end = (byte as usize).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    /// What stands on a line, counted from 1, without its indentation; `None` if there is no such line.
    ///
    /// ```
    /// use looplab::base::{Source, Span};
    /// let source = Source::new("app.lua", "a = 1\n  b()  \n");
    /// assert_eq!(source.line(2), Some(Span::new(8, 11)));
    /// assert_eq!(source.line(0), None);
    /// ```
    #[must_use]
    pub fn line(&self, number: u32) -> Option<Span> {
        let mut start = 0;
        for (at, line) in (1..).zip(self.text.split_inclusive('\n')) {
            if at == number {
                let (code, indent) = (line.trim(), line.len() - line.trim_start().len());
                return Some(Span::new(start + indent, start + indent + code.len()));
            }
            start += line.len();
        }
        None
    }

    /// `file:line:column` of a span's beginning.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        let (line, column) = self.line_column(span.start);
        format!("{}:{line}:{column}", self.name)
    }
}

impl Diagnostic {
    /// An error at `span`.
    #[must_use]
    pub fn new(message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic {
            message: message.into(),
            span: Some(span),
            label: None,
            related: None,
            help: None,
            source: None,
        }
    }

    /// An error about the whole file.
    #[must_use]
    pub fn whole(message: impl Into<String>) -> Diagnostic {
        let message = message.into();
        let (label, related, help) = (None, None, None);
        Diagnostic { message, span: None, label, related, help, source: None }
    }

    /// Of a place in another text than the scenario's.
    #[must_use]
    pub fn in_source(mut self, source: Source) -> Diagnostic {
        self.source = Some(Box::new(source));
        self
    }

    /// With a word beside the carets.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = Some(label.into());
        self
    }

    /// With a second place.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Diagnostic {
        self.related = Some(Box::new((span, label.into())));
        self
    }

    /// With a line of advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// With "did you mean", if one of `candidates` is close to `given`.
    #[must_use]
    pub fn nearest<'a>(
        self,
        given: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Diagnostic {
        match nearest(given, candidates) {
            Some(name) => self.label(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// Draws the message, the place and the carets, as rustc does; coloured on request.
    #[must_use]
    pub fn render(&self, source: &Source, color: bool) -> String {
        let source = self.source.as_deref().unwrap_or(source);
        let title = Level::ERROR.primary_title(self.message.as_str());
        let clamp = |span: Span| {
            let floor = |byte: u32| {
                let mut at = (byte as usize).min(source.text.len());
                while !source.text.is_char_boundary(at) {
                    at -= 1;
                }
                at
            };
            floor(span.start)..floor(span.end)
        };
        let mut group = Group::with_title(title);
        if let Some(span) = self.span {
            let mut primary = AnnotationKind::Primary.span(clamp(span));
            if let Some(label) = &self.label {
                primary = primary.label(label.as_str());
            }
            let mut snippet =
                Snippet::source(source.text()).path(source.name()).annotation(primary);
            if let Some((span, label)) = self.related.as_deref() {
                let context = AnnotationKind::Context.span(clamp(*span)).label(label.as_str());
                snippet = snippet.annotation(context);
            }
            group = group.element(snippet);
        } else {
            group = group.element(annotate_snippets::Origin::path(source.name()));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

/// The most errors that are told of one file; a closing one says that there are more.
pub const ERRORS_MAX: usize = 100;

impl Diagnostics {
    /// All that was found, put into the order of the file, without repetition and with no more than
    /// [`ERRORS_MAX`] told.
    #[must_use]
    pub fn new(source: Source, mut found: Vec<Diagnostic>) -> Diagnostics {
        // Those of other texts come last.
        found.sort_by_key(|diagnostic| {
            (diagnostic.source.is_some(), diagnostic.span.map_or(0, |span| span.start))
        });
        found.dedup();
        if found.len() > ERRORS_MAX {
            found.truncate(ERRORS_MAX);
            found.push(Diagnostic::whole("there are more errors, which are not shown"));
        }
        Diagnostics { source, found }
    }

    /// Draws every diagnostic, a blank line between, and a closing count.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let mut out = String::new();
        for diagnostic in &self.found {
            out.push_str(&diagnostic.render(&self.source, color));
            out.push_str("\n\n");
        }
        let count = self.found.len();
        let noun = if count == 1 { "error" } else { "errors" };
        out.push_str(&format!("{count} {noun} in {}\n", self.source.name()));
        out
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// The longest text, in bytes, that is compared with candidates.
const COMPARED_MAX: usize = 64;

/// The most candidates that a text is compared with.
const CANDIDATES_MAX: usize = 1_000;

/// The candidate most like `given`, if any is like it at all.
#[must_use]
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if given.len() > COMPARED_MAX {
        return None;
    }
    let lower = given.to_lowercase();
    let allowed = (given.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .take(CANDIDATES_MAX)
        .filter(|name| *name != given)
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        // Of a name of one letter everything would be changed.
        .filter(|(distance, _)| *distance <= allowed && *distance < lower.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_one_letter_is_near_to_nothing() {
        assert_eq!(nearest("c", ["b"]), None);
        assert_eq!(nearest("bc", ["b"]), Some("b"));
    }

    #[test]
    fn a_diagnostic_points_at_its_place_and_says_what_to_do() {
        let source = Source::new("retry.yaml", "a: 1\n    - get: apj/items\n");
        let error = Diagnostic::new("no server is called `apj`", Span::new(16, 19))
            .nearest("apj", ["db", "app"]);
        let drawn = error.render(&source, false);
        assert!(drawn.contains("--> retry.yaml:2:12"), "{drawn}");
        assert!(drawn.contains("^^^ did you mean `app`?"), "{drawn}");
    }

    #[test]
    fn a_place_past_the_end_or_inside_a_character_does_not_panic() {
        let source = Source::new("x", "é");
        for start in 0..5 {
            let drawn = Diagnostic::new("no", Span::new(start, start + 9)).render(&source, false);
            assert!(drawn.contains("error: no"));
        }
    }
}
