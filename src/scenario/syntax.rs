//! Mistakes in YAML's own grammar, told in the words of somebody who writes scenarios.

use granit_parser::{ErrorKind, ScanError};

use super::tree::shortened;
use super::yaml::DEPTH_MAX;
use crate::base::{Diagnostic, Source, Span};

/// The help for text that YAML takes for something else.
const QUOTE: &str =
    "put quotes around text that holds `: ` or ` #`, or begins with a sign such as `*`, `&` or `@`";

/// The same inside of brackets.
const QUOTE_IN_FLOW: &str =
    "inside `{ }` and `[ ]`, put quotes around text that holds a bracket, a comma or `: `";

/// Turns an error of the YAML parser into a diagnostic at its place. `opened` is where the innermost
/// bracket stands that was still open.
pub(super) fn explain(error: &ScanError, source: &Source, opened: Option<usize>) -> Diagnostic {
    let span = place(error, source.text());
    let (message, help) =
        words(error.kind(), opened.and_then(|at| source.text().as_bytes().get(at)));
    let message = message.unwrap_or_else(|| shortened(&lowered(&error.info())));
    let mut diagnostic = Diagnostic::new(message, span);
    let bracket = opened.map(|at| Span::new(at, at + 1)).filter(|_| is_flow(error.kind()));
    if let Some(bracket) = bracket.filter(|bracket| lines_apart(source.text(), *bracket, span)) {
        return diagnostic.related(bracket, "this bracket is still open");
    }
    if let Some(bracket) = bracket.filter(|bracket| bracket.end <= span.start) {
        diagnostic = diagnostic.related(bracket, "inside of this");
    }
    let (in_flow, line) = (is_flow(error.kind()), line_of(source.text(), span));
    match help {
        _ if in_flow && line.contains("${") => {
            diagnostic.help("inside `{ }` and `[ ]`, text with `${…}` needs quotes: \"${item}\"")
        }
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// The character at the error's place; at the end of the text, the end.
fn place(error: &ScanError, text: &str) -> Span {
    let start = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let width = text.get(start..).and_then(|rest| rest.chars().next());
    let end = start + width.filter(|c| *c != '\n' && *c != '\r').map_or(0, char::len_utf8);
    Span::new(start, end)
}

/// Whether a line ends between two places.
fn lines_apart(text: &str, first: Span, second: Span) -> bool {
    text.get(first.start as usize..second.start as usize).is_some_and(|t| t.contains('\n'))
}

fn line_of(text: &str, span: Span) -> &str {
    let at = span.start as usize;
    let Some((before, after)) = text.split_at_checked(at) else { return "" };
    let start = before.rfind('\n').map_or(0, |n| n + 1);
    let end = after.find('\n').map_or(text.len(), |n| at + n);
    &text[start..end]
}

fn is_flow(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnclosedFlowCollection { .. }
            | ErrorKind::MismatchedFlowCollectionEnd { .. }
            | ErrorKind::MisplacedFlowCollectionEnd
            | ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::UnexpectedEofFlowMapping
            | ErrorKind::UnexpectedEofFlowSequence
            | ErrorKind::FlowMappingValueAdjacentCollection
            | ErrorKind::MappingValueNotAllowed
            | ErrorKind::ExpectedNodeContent
    )
}

/// Our own words for the mistakes that people make, and what to do about them. `bracket` is the
/// innermost that is open.
fn words(kind: &ErrorKind, bracket: Option<&u8>) -> (Option<String>, Option<&'static str>) {
    let (message, help): (String, Option<&'static str>) = match kind {
        ErrorKind::UnclosedFlowCollection { open } => {
            (format!("this `{open}` is never closed"), None)
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            (format!("`{open}` is closed by `{close}`"), None)
        }
        ErrorKind::MisplacedFlowCollectionEnd => {
            ("this bracket closes nothing".into(), Some(QUOTE_IN_FLOW))
        }
        ErrorKind::UnexpectedEofFlowMapping => ("a `{` is never closed".into(), None),
        ErrorKind::UnexpectedEofFlowSequence => ("a `[` is never closed".into(), None),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            let close = if bracket == Some(&b'[') { ']' } else { '}' };
            (format!("a `,` or a `{close}` should stand here"), Some(QUOTE_IN_FLOW))
        }
        ErrorKind::UnclosedQuotedScalar => ("this quote is never closed".into(), None),
        ErrorKind::UnknownQuotedScalarEscape => (
            "unknown escape in a double-quoted text".into(),
            Some("in single quotes a backslash is only a backslash: '\\d+'"),
        ),
        ErrorKind::TabInIndentation
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInPlainScalar => {
            ("a tab cannot stand here".into(), Some("indent with spaces"))
        }
        ErrorKind::MappingValueNotAllowed => {
            ("a `key: value` cannot stand here".into(), Some(QUOTE))
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (
            "a key without its `:`".into(),
            Some("a line of a mapping is `key: value`, with a space after the colon"),
        ),
        ErrorKind::ExpectedBlockMappingKey => (
            "a key should stand here".into(),
            Some("lines of one mapping or list begin in the same column"),
        ),
        ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::BlockSequenceEntryNotAllowed => (
            "a `- ` entry and something else do not fit together here".into(),
            Some("lines of one mapping or list begin in the same column"),
        ),
        ErrorKind::InvalidIndentation | ErrorKind::InvalidFlowScalarIndent => (
            "the indentation fits nothing above".into(),
            Some("lines of one mapping or list begin in the same column"),
        ),
        ErrorKind::UnexpectedCharacter { character } => {
            (format!("`{}` cannot begin a value", character.escape_default()), Some(QUOTE))
        }
        ErrorKind::RecursionLimitExceeded => {
            (format!("lists and mappings are nested more than {DEPTH_MAX} deep"), None)
        }
        ErrorKind::MissingAnchorOrAliasName => {
            ("a `*` or an `&` without a name behind it".into(), Some("in quotes it is text: \"*\""))
        }
        ErrorKind::DirectiveDisallowed => (
            "directives such as `%YAML` are not part of the language".into(),
            Some("remove the line"),
        ),
        _ => return (None, None),
    };
    (Some(message), help)
}

/// The parser's own message as one lower-case clause.
fn lowered(info: &str) -> String {
    let mut letters = info.chars();
    let first = letters.next().map(|c| c.to_lowercase().collect::<String>()).unwrap_or_default();
    first + letters.as_str()
}
