//! `on: GET /items/{id}`.

use serde_json::json;

use super::super::form::{Book, Entry, Form, Reading, Shape};
use super::super::model::{Pattern, Segment};
use super::super::tree::{Node, shortened};
use crate::base::{Diagnostic, Span};

/// A method and a path.
pub(super) struct PatternForm;
/// The form [`PatternForm`].
pub(super) const PATTERN: PatternForm = PatternForm;

/// The most segments of a pattern.
const SEGMENTS_MAX: usize = 64;

const ENTRY: Entry = Entry {
    name: "pattern",
    doc: "A method (or `*` for any) and a path. `{name}` is any one segment, read as \
          `${params.name}`; as the last one, `{name...}` or `*` takes all that is left, also \
          nothing (`*` is read as `${params.rest}`).",
    example: "on: GET /items/{id}\non: \"* /files/{path...}\"",
};

impl Form for PatternForm {
    type Value = Pattern;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Pattern> {
        let expected = "a method and a path, such as `GET /items/{id}`";
        let Some(text) = node.string() else { return reading.expected(expected, node) };
        let span = reading.head(node.span);
        match parse(text) {
            Ok((method, segments)) => Some(Pattern { method, segments, span }),
            Err(Wrong { what, start, end, label }) => {
                let error =
                    Diagnostic::new(what, reading.places(node, node.scalar()?).at(start, end));
                let error = match label {
                    Some(label) => error.label(label),
                    None => error,
                };
                reading.error(error.help("a route is a method and a path: `GET /items/{id}`"));
                None
            }
        }
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(
            ENTRY,
            |_| json!({ "type": "string", "pattern": "^\\s*([A-Z][A-Z-]*|\\*)\\s+/\\S*\\s*$" }),
        )
    }
}

impl Pattern {
    /// The pattern that a text is which stands in no scenario.
    ///
    /// ```
    /// use looplab::scenario::model::Pattern;
    /// assert_eq!(Pattern::parse("GET /items/{id}").unwrap().method.as_deref(), Some("GET"));
    /// assert_eq!(Pattern::parse("/items").unwrap_err(), "this route has no method");
    /// ```
    ///
    /// # Errors
    /// What is wrong with it, as a clause.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        match parse(text) {
            Ok((method, segments)) => {
                Ok(Pattern { method, segments, span: Span::new(0, text.len()) })
            }
            Err(Wrong { what, label: Some(label), .. }) => Err(format!("{what}: {label}")),
            Err(Wrong { what, .. }) => Err(what),
        }
    }
}

type Parsed = (Option<String>, Vec<Segment>);

/// What is wrong with a pattern, and with which part of its text.
struct Wrong {
    what: String,
    start: usize,
    end: usize,
    label: Option<String>,
}

impl Wrong {
    fn new(what: impl Into<String>, (start, end): (usize, usize)) -> Wrong {
        Wrong { what: what.into(), start, end, label: None }
    }
}

fn parse(text: &str) -> Result<Parsed, Wrong> {
    let mut words = text.split_whitespace();
    let (Some(method), Some(path), None) = (words.next(), words.next(), words.next()) else {
        let what = match text.trim() {
            path if path.starts_with('/') => "this route has no method",
            _ => "this is not a method and a path",
        };
        return Err(Wrong::new(what, (0, text.len())));
    };
    let method_at = text.find(method).unwrap_or(0);
    let method_span = (method_at, method_at + method.len());
    let token = |c: char| c.is_ascii_uppercase() || c == '-';
    let method = match method {
        "*" => None,
        _ if method.chars().all(token) => Some(method.to_owned()),
        _ if method.eq_ignore_ascii_case(&method.to_ascii_uppercase()) && method.is_ascii() => {
            let error = Wrong::new("a method is written in capitals", method_span);
            let label = Some(format!("did you mean `{}`?", method.to_ascii_uppercase()));
            return Err(Wrong { label, ..error });
        }
        _ => return Err(Wrong::new("this is not a method", method_span)),
    };
    let path_at = text.rfind(path).unwrap_or(0);
    let Some(rest) = path.strip_prefix('/') else {
        return Err(Wrong::new("a path begins with `/`", (path_at, path_at + path.len())));
    };
    let mut segments = Vec::new();
    let mut start = path_at + 1;
    let pieces: Vec<&str> = if rest.is_empty() { Vec::new() } else { rest.split('/').collect() };
    for (number, piece) in pieces.iter().enumerate() {
        let span = (start, (start + piece.len()).max(start + 1).min(text.len()));
        let last = number + 1 == pieces.len();
        let segment = segment(piece, last).map_err(|what| Wrong::new(what, span))?;
        let name = |segment: &Segment| match segment {
            Segment::Param(name) | Segment::Rest(name) => Some(name.clone()),
            Segment::Literal(_) => None,
        };
        if let Some(given) = name(&segment)
            && segments.iter().any(|earlier| name(earlier).as_ref() == Some(&given))
        {
            return Err(Wrong::new(format!("the parameter `{given}` is given twice"), span));
        }
        if segments.len() == SEGMENTS_MAX {
            let what = format!("a route has at most {SEGMENTS_MAX} segments");
            return Err(Wrong::new(what, span));
        }
        segments.push(segment);
        start += piece.len() + 1;
    }
    Ok((method, segments))
}

fn segment(piece: &str, last: bool) -> Result<Segment, String> {
    let named = |name: &str| {
        let mut letters = name.chars();
        letters.next().is_some_and(|c| c.is_ascii_alphabetic())
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if piece == "*" {
        return if last {
            Ok(Segment::Rest("rest".into()))
        } else {
            Err("`*` can only be the last segment".into())
        };
    }
    let Some(inner) = piece.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        if piece.contains(['{', '}', '*']) {
            return Err("a parameter is a whole segment: `/items/{id}`".into());
        }
        if piece.contains(['?', '#']) {
            return Err("a route's path has no query; use `when: { query.x: … }`".into());
        }
        return Ok(Segment::Literal(piece.to_owned()));
    };
    match inner.strip_suffix("...") {
        Some(name) if named(name) && last => Ok(Segment::Rest(name.to_owned())),
        Some(name) if named(name) => Err(format!("`{{{name}...}}` can only be the last segment")),
        None if named(inner) => Ok(Segment::Param(inner.to_owned())),
        _ => Err(format!("`{}` is not a parameter's name", shortened(inner))),
    }
}
