//! Fields: the parts of a result or a request that `expect`, `capture` and `when` look at.
//!
//! ```text
//! status | body | … | headers.NAME | vars.NAME | query.NAME | params.NAME
//! $ | $.a.b | $[0] | $['any key'] | $.items[-1].id
//! ```

use serde_json::json;

use super::super::form::{Book, Entry, Form, Reading, Shape, a};
use super::super::model::{Field, PathPart};
use super::super::tree::{Node, shortened};
use crate::base::{Diagnostic, Located, Span, diagnostic::nearest};

/// What has fields, and which ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldSet {
    /// Its name: `http reply`.
    pub(super) of: &'static str,
    /// Fields that are one word, with what they are.
    pub(super) words: &'static [(&'static str, &'static str)],
    /// First words of fields with a name behind a dot, with what they are.
    pub(super) prefixes: &'static [(&'static str, &'static str)],
    /// Whether `$` paths lead anywhere, and where.
    pub(super) json: Option<&'static str>,
}

const ERROR: (&str, &str) = (
    "error",
    "what went wrong: `refused`, `reset`, `closed`, `timeout`, `malformed` or `unreachable`",
);
const MESSAGE: (&str, &str) = ("message", "a clause that says more about the error");
const TOOK: (&str, &str) = ("took", "how long it took; compared with [durations](#duration)");
const VARS: (&str, &str) = ("vars", "a variable of the client");

/// The reply to an HTTP request.
pub(super) const HTTP_REPLY: FieldSet = FieldSet {
    of: "http reply",
    words: &[
        ("status", "the status, a number"),
        ("reason", "the reason phrase"),
        ("body", "the body as text"),
        ("text", "the same as `body`"),
        ("bytes", "how many bytes the body has"),
        ("hex", "the body's bytes in hex"),
        ERROR,
        MESSAGE,
        TOOK,
    ],
    prefixes: &[("headers", "a header, whatever its case"), VARS],
    json: Some("the JSON body"),
};

/// The reply to a Redis command.
pub(super) const REDIS_REPLY: FieldSet = FieldSet {
    of: "redis reply",
    words: &[
        ("reply", "the reply: text, a number, a list, a mapping, or null for nil"),
        ("error", "what went wrong: as for HTTP, or the server's own error, such as `WRONGTYPE …`"),
        MESSAGE,
        TOOK,
    ],
    prefixes: &[VARS],
    json: Some("the reply"),
};

/// The reply of a node.
pub(super) const NODE_REPLY: FieldSet = FieldSet {
    of: "node's reply",
    words: &[
        ("type", "the reply's `type`"),
        ("reply", "the whole reply"),
        ("node", "the node that was asked"),
        (
            "error",
            "what went wrong: as for HTTP, or the name of the error that the node replied: `temporarily-unavailable`, \
             `precondition-failed`, ... or `error 1000`",
        ),
        MESSAGE,
        TOOK,
    ],
    prefixes: &[VARS],
    json: Some("the reply"),
};

/// What a raw connection received.
pub(super) const RECEIVED: FieldSet = FieldSet {
    of: "receive step",
    words: &[
        ("text", "what was received, as text"),
        ("body", "the same as `text`"),
        ("bytes", "how many bytes were received"),
        ("hex", "the bytes in hex"),
        ERROR,
        MESSAGE,
        TOOK,
    ],
    prefixes: &[VARS],
    json: Some("what was received, read as JSON"),
};

/// An operation of a raw connection without a reply.
pub(super) const DONE: FieldSet = FieldSet {
    of: "connect, send or close step",
    words: &[ERROR, MESSAGE, TOOK],
    prefixes: &[VARS],
    json: None,
};

/// A program that was run to its end.
pub(super) const PROGRAM: FieldSet = FieldSet {
    of: "program",
    words: &[
        ("exit", "the exit code, a number; none if a signal ended it"),
        ("signal", "the signal that ended it, such as `SIGKILL`"),
        ("stdout", "what it wrote on standard output, up to 1 MiB"),
        ("stderr", "what it wrote on standard error, up to 1 MiB"),
        ("error", "what went wrong: `start` (it could not be started), `timeout` or `exit`"),
        MESSAGE,
        TOOK,
    ],
    prefixes: &[VARS],
    json: Some("what it wrote on standard output, read as JSON"),
};

/// A step that only expects.
pub(super) const VARIABLES: FieldSet =
    FieldSet { of: "step that only expects", words: &[], prefixes: &[VARS], json: None };

/// A request as a route sees it.
pub(super) const REQUEST: FieldSet = FieldSet {
    of: "request",
    words: &[
        ("method", "the method, such as `GET`"),
        ("path", "the path without the query"),
        ("body", "the body as text"),
    ],
    prefixes: &[
        ("params", "a parameter of the path"),
        ("query", "a parameter of the query"),
        ("headers", "a header, whatever its case"),
        ("vars", "a variable of the server's `state`"),
    ],
    json: Some("the JSON body"),
};

/// A message on a link, as the edit of a fault sees it.
pub(super) const ON_LINK: FieldSet = FieldSet {
    of: "message",
    words: &[
        ("method", "the method of an HTTP request, or the name of a Redis command"),
        ("path", "the path of an HTTP request, without the query"),
        ("status", "the status of an HTTP reply, a number"),
        ("body", "the body as text; of a line or of bytes, all of it"),
        ("text", "the same as `body`"),
        ("bytes", "how many bytes the body has"),
        ("hex", "the body's bytes in hex"),
        ("reply", "a Redis reply: text, a number, a list, a mapping, or null for nil"),
    ],
    prefixes: &[
        ("query", "a parameter of the query of an HTTP request"),
        ("headers", "a header, whatever its case"),
    ],
    json: Some("the JSON body, or the Redis reply"),
};

/// All sets, for telling where a field would fit.
const ALL: [&FieldSet; 8] =
    [&HTTP_REPLY, &REDIS_REPLY, &NODE_REPLY, &RECEIVED, &DONE, &PROGRAM, &REQUEST, &ON_LINK];

impl FieldSet {
    /// The pattern of its fields, for the schema.
    pub(super) fn pattern(&self) -> String {
        let mut choices: Vec<String> = Vec::new();
        choices.extend(self.words.iter().map(|(word, _)| (*word).to_owned()));
        choices.extend(self.prefixes.iter().map(|(prefix, _)| format!("{prefix}\\..+")));
        if self.json.is_some() {
            choices.push("\\$([.\\[].*)?".into());
        }
        format!("^({})$", choices.join("|"))
    }

    /// Its fields, each as it is written and with what it is.
    fn listed(&self) -> Vec<(String, String)> {
        let words = self.words.iter().map(|(word, doc)| ((*word).to_owned(), (*doc).to_owned()));
        let prefixes =
            self.prefixes.iter().map(|(name, doc)| (format!("{name}.NAME"), (*doc).to_owned()));
        let json = self.json.map(|what| ("$.path".to_owned(), format!("a path into {what}")));
        words.chain(prefixes).chain(json).collect()
    }

    fn names(&self) -> Vec<String> {
        let words = self.words.iter().map(|(word, _)| (*word).to_owned());
        let prefixes = self.prefixes.iter().map(|(prefix, _)| format!("{prefix}.NAME"));
        let json = self.json.map(|_| "$.path".to_owned());
        words.chain(prefixes).chain(json).collect()
    }

    /// Reads a field.
    pub(super) fn parse(&self, text: &str, span: Span) -> Result<Field, Diagnostic> {
        if let Some(path) = text.strip_prefix('$')
            && (path.is_empty() || path.starts_with(['.', '[']))
        {
            if self.json.is_none() {
                return Err(self.unknown(text, span));
            }
            return parse_path(path, span.part(1, text.len())).map(Field::Json);
        }
        if self.words.iter().any(|(word, _)| *word == text) {
            return Ok(Field::Named(text.to_owned()));
        }
        if let Some((prefix, name)) = text.split_once('.')
            && self.prefixes.iter().any(|(known, _)| *known == prefix)
        {
            if name.is_empty() {
                let what = format!("`{prefix}.` names nothing");
                return Err(Diagnostic::new(what, span));
            }
            return Ok(match prefix {
                "headers" => Field::Header(name.to_ascii_lowercase()),
                "vars" => Field::Var(name.to_owned()),
                _ => Field::Named(text.to_owned()),
            });
        }
        Err(self.unknown(text, span))
    }

    fn unknown(&self, text: &str, span: Span) -> Diagnostic {
        let shown = shortened(text);
        let error = Diagnostic::new(format!("{} has no field `{shown}`", a(self.of)), span);
        let help = format!("it has {}", self.names().join(", "));
        let head = text.split('.').next().unwrap_or(text);
        if text.starts_with("$") && self.json.is_none() {
            return error.help(help);
        }
        if self.prefixes.iter().any(|(prefix, _)| *prefix == text) {
            return error.label(format!("write `{text}.NAME`")).help(help);
        }
        let names = self.words.iter().chain(self.prefixes).map(|(name, _)| *name);
        if let Some(name) = nearest(head, names) {
            let rest = &text[head.len()..];
            return error.label(format!("did you mean `{name}{}`?", shortened(rest)));
        }
        let elsewhere = ALL.iter().find(|set| set.words.iter().any(|(word, _)| *word == text));
        match elsewhere {
            Some(set) => error.label(format!("that is of {}", a(set.of))).help(help),
            None => error.help(format!("{help}; a field of the JSON body is `$.{shown}`")),
        }
    }
}

/// Reads `.a.b[0]['c d']`; `span` is its place.
fn parse_path(path: &str, span: Span) -> Result<Vec<PathPart>, Diagnostic> {
    let mut parts = Vec::new();
    let mut at = 0;
    while at < path.len() {
        let rest = &path[at..];
        let bad = |what: &str, length: usize| {
            Diagnostic::new(what, span.part(at, at + length))
                .help("a path is written `$.a.b`, `$.items[0]`, `$.items[-1]` or `$['any key']`")
        };
        if let Some(name) = rest.strip_prefix('.') {
            let length = name.find(['.', '[']).unwrap_or(name.len());
            if length == 0 {
                return Err(bad("this `.` of the path is followed by no name", 1));
            }
            parts.push(PathPart::Key(name[..length].to_owned()));
            at += 1 + length;
            continue;
        }
        let Some(inner) = rest.strip_prefix('[') else {
            return Err(bad("a `.` or a `[` should stand here", 1));
        };
        if let Some(quote) = inner.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let Some(length) = inner[1..].find(&format!("{quote}]")) else {
                return Err(bad("this `[` of the path is never closed", 1));
            };
            parts.push(PathPart::Key(inner[1..=length].to_owned()));
            at += length + 4;
            continue;
        }
        let Some(length) = inner.find(']') else {
            return Err(bad("this `[` of the path is never closed", 1));
        };
        let Ok(index) = inner[..length].trim().parse::<i64>() else {
            return Err(bad("between `[` and `]` stands a number or a quoted key", length + 2));
        };
        parts.push(PathPart::Index(index));
        at += length + 2;
    }
    Ok(parts)
}

/// One field of a set.
pub(super) struct FieldForm(pub(super) &'static FieldSet);

impl Form for FieldForm {
    type Value = Located<Field>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Located<Field>> {
        let Some(text) = node.string() else {
            return reading.expected("a field such as `status` or `$.id`", node);
        };
        let span = node.scalar().map(|scalar| reading.place(node, scalar, 0, text.len()));
        let span = span.unwrap_or(node.span);
        match self.0.parse(text, span) {
            Ok(field) => Some(Located::new(field, span)),
            Err(error) => {
                reading.error(error);
                None
            }
        }
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let label = fields_chapter(book);
        let schema = json!({ "type": "string", "pattern": self.0.pattern() });
        Shape::new(schema, format!("[field]({label})"))
    }
}

/// Adds the chapter about fields and returns its address.
pub(super) fn fields_chapter(book: &mut Book) -> &'static str {
    const ENTRY: Entry = Entry {
        name: "field",
        doc: "A part of a result (in `expect`, `capture` and `op`) or of a request (in `when`). \
              `$` leads into JSON: `$.a.b`, `$.items[0]`, `$.items[-1]` from the end, \
              `$['any key']`. Header names are compared without regard to case.",
        example: "expect: { status: 200, headers.content-type: application/json, \"$.items[0].id\": 1 }\n\
                  capture: { first: \"$.items[0]\" }",
    };
    book.plain(ENTRY, |_| json!({ "type": "string" }));
    "#field"
}

/// For everything that has fields, what it is called and its fields with what they are.
pub(in super::super) fn field_tables() -> Vec<(&'static str, Vec<(String, String)>)> {
    let sets = [
        &HTTP_REPLY,
        &REDIS_REPLY,
        &NODE_REPLY,
        &RECEIVED,
        &DONE,
        &PROGRAM,
        &VARIABLES,
        &REQUEST,
        &ON_LINK,
    ];
    sets.iter().map(|set| (set.of, set.listed())).collect()
}
