//! Where steps lead: `app/items/1`, and what they wait for: `alice.wrote`.

use serde_json::json;

use super::super::form::{Book, Entry, Form, Reading, Shape, bad_name, read_text};
use super::super::model::{After, Text, TextPart};
use super::super::outline::{Role, waited_for};
use super::super::tree::{Node, shortened};
use crate::base::{Diagnostic, Located};

/// A server and a path.
pub(super) struct TargetForm;
/// The form [`TargetForm`].
pub(super) const TARGET: TargetForm = TargetForm;

const TARGET_ENTRY: Entry = Entry {
    name: "target",
    doc: "A server's name and, from the first `/` on, the path asked for there; without one the \
          path is `/`. The path may have a query and hold `${name}`; the server's name is plain.",
    example: "get: app/items/${item}?full=1",
};

impl Form for TargetForm {
    type Value = (Located<String>, Text);

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Self::Value> {
        let expected = "a server and a path, such as `app/items`";
        let Some(text) = node.string() else { return reading.expected(expected, node) };
        let scalar = node.scalar()?;
        let slash = text.find('/').unwrap_or(text.len());
        let name = &text[..slash];
        let span = reading.place(node, scalar, 0, slash.max(1).min(text.len()));
        if text.contains("://") {
            let error =
                Diagnostic::new("a step names its server, not a URL", reading.head(node.span));
            reading.error(error.help("write the server's name from `servers:`, as in `app/items`"));
            return None;
        }
        let server = Located::new(name.to_owned(), span);
        check_server(&server, reading)?;
        let path = if slash == text.len() {
            Text::literal("/", span)
        } else {
            read_text(node, scalar, slash, reading)?
        };
        check_path(&path, node, reading)?;
        Some((server, path))
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(
            TARGET_ENTRY,
            |_| json!({ "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,63}(/\\S*)?$" }),
        )
    }
}

/// Notes the name of a server, or reports that it cannot be one.
pub(super) fn check_server(server: &Located<String>, reading: &mut Reading<'_>) -> Option<()> {
    let (name, span) = (server.value.as_str(), server.span);
    let Some(rule) = bad_name(name) else {
        reading.outline.mention(Role::Server, server);
        return Some(());
    };
    let error = if name.is_empty() {
        Diagnostic::new("the name of a server is missing", span)
            .help("a step names its server first, as in `app/items`")
    } else if name.contains("${") {
        Diagnostic::new("the name of a server cannot be a variable", span)
    } else {
        Diagnostic::new(format!("`{}` is not a name", shortened(name)), span).help(rule)
    };
    reading.error(error);
    None
}

/// White space in a path would break the request's first line.
pub(super) fn check_path(path: &Text, node: &Node, reading: &mut Reading<'_>) -> Option<()> {
    let blank = |part: &TextPart| match part {
        TextPart::Literal(text) => text.chars().find(|c| c.is_whitespace() || c.is_control()),
        TextPart::Var(_) => None,
    };
    let Some(found) = path.parts.iter().find_map(blank) else { return Some(()) };
    let scalar = node.scalar()?;
    let at = scalar.text.find(found)?;
    let span = reading.place(node, scalar, at, at + found.len_utf8());
    let error = Diagnostic::new("a path has no white space", span);
    reading.error(error.help("write `%20` for a space, or give parameters under `query:`"));
    None
}

/// What must have happened before.
pub(super) struct AfterForm;
/// The form [`AfterForm`].
pub(super) const AFTER: AfterForm = AfterForm;

const AFTER_ENTRY: Entry = Entry {
    name: "after",
    doc: "What must have happened before: `alice` (all of that client's steps are done) or \
          `alice.wrote` (her step named `wrote` is). Of a client with a `count`, all are meant.",
    example: "after: [alice.wrote, bob]",
};

impl Form for AfterForm {
    type Value = Located<After>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Located<After>> {
        let Some(text) = node.string() else {
            return reading
                .expected("a client such as `alice`, or a step such as `alice.wrote`", node);
        };
        let (client, step) = match text.split_once('.') {
            Some((client, step)) => (client, Some(step)),
            None => (text, None),
        };
        let span = reading.head(node.span);
        if client.is_empty() || step == Some("") {
            let error = Diagnostic::new("a name is missing beside the dot", span);
            reading.error(error.help("write `alice`, or `alice.wrote` for her step of that name"));
            return None;
        }
        for name in [Some(client), step].into_iter().flatten() {
            if let Some(rule) = bad_name(name) {
                let what = format!("`{}` is not a name", shortened(name));
                reading.error(Diagnostic::new(what, span).help(rule));
                return None;
            }
        }
        let after = After { client: client.to_owned(), step: step.map(str::to_owned) };
        let after = Located::new(after, span);
        reading.outline.mention(Role::Client, &waited_for(&after));
        Some(after)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(AFTER_ENTRY, |_| {
            let name = "[A-Za-z][A-Za-z0-9_-]{0,63}";
            json!({ "type": "string", "pattern": format!("^{name}(\\.{name})?$") })
        })
    }
}
