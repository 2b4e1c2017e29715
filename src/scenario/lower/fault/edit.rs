//! `edit:`, the parts of a message that are others when it arrives.

use serde_json::json;

use super::super::super::form::{
    Book, DYNAMIC, Entry, Fields, Form, Keys, Reading, Record, STRING, Shape, TEXT, integer, list,
    located, pairs,
};
use super::super::super::model::{Body, Edit, EditValue, Text, TextPart};
use super::super::super::tree::{Node, shortened};
use super::super::body::header_value;
use super::super::field::ON_LINK;
use super::super::predicate::ExpectationsForm;
use super::super::socket::PAYLOAD;
use super::super::target::check_path;
use crate::base::{Diagnostic, Located, Span};

/// Headers that frame a message; a link sets them itself.
const FRAMING: [&str; 5] =
    ["content-length", "transfer-encoding", "connection", "trailer", "upgrade"];

/// The parts of an HTTP message.
const HTTP: [&str; 5] = ["method", "path", "status", "headers", "body"];

/// The content of any other message.
const OTHERS: [&str; 3] = ["value", "words", "text"];

impl Record for Edit {
    const ENTRY: Entry = Entry {
        name: "edit",
        doc: "Parts of a message that are others when it arrives. What frames the message follows by \
              itself. Texts may hold variables of the scenario and the addresses of servers.",
        example: "fault: { edit: { status: 503, headers: { retry-after: \"1\" }, body: { json: { error: busy } } }, \
                  to: app, path: /items }\n\
                  fault: { edit: { value: 7 }, to: db, match: \"GET *\" }\n\
                  fault: { edit: { words: [SET, \"item:42\", 0] }, to: db, match: \"SET item:42 *\" }\n\
                  fault: { edit: { headers: { authorization: null }, when: { method: POST } }, to: app }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Edit> {
        let doc = "The method of an HTTP request; HEAD stays HEAD, and no other becomes it.";
        let method = f.optional("method", doc, METHOD);
        let doc = "The path of an HTTP request, with its query.";
        let path = f.optional("path", doc, PATH);
        let doc = "The status of an HTTP reply. 1xx would announce another reply.";
        let status = f.optional("status", doc, located(integer(200..=599_u16)));
        let doc =
            "Headers that are set, or with null taken away; not those that frame the message.";
        let headers = f.optional("headers", doc, EDITED_HEADERS).unwrap_or_default();
        let doc = "The body of an HTTP message; `Content-Length` follows.";
        let body = f.optional("body", doc, PAYLOAD);
        let doc = "A redis reply: text is a bulk string, numbers are integers, null is null, lists are \
                   arrays.";
        let value = f.optional("value", doc, DYNAMIC).map(EditValue::Reply);
        let words = f.optional("words", "The words of a redis command.", list(TEXT));
        let line = f.optional("text", "A line, without its end.", LINE).map(EditValue::Line);
        let doc = "Only a message of which this holds.";
        let when = f.optional("when", doc, ExpectationsForm(&ON_LINK)).unwrap_or_default();
        f.at_most_one(&OTHERS);
        f.at_least_one(
            &["method", "path", "status", "headers", "body", "value", "words", "text"],
            "as in `edit: { status: 503 }`",
        );
        one_protocol(f);
        bodiless(f, status, body.as_ref());
        if words.as_ref().is_some_and(Vec::is_empty) {
            f.error(Diagnostic::new("a redis command has at least one word", f.value("words")));
        }
        let value = value.or(words.map(EditValue::Words)).or(line);
        Some(Edit { method, path, status, headers, body, value, when })
    }
}

/// An edit is of one protocol's messages, and of one direction's.
fn one_protocol(f: &mut Fields<'_, '_>) {
    let there =
        |f: &Fields<'_, '_>, keys: &[&'static str]| keys.iter().copied().find(|key| f.has(key));
    if let (Some(http), Some(other)) = (there(f, &HTTP), there(f, &OTHERS)) {
        let what = format!("no message has both a `{http}` and a `{other}`");
        let error = Diagnostic::new(what, f.entry(other)).related(f.entry(http), "this is of HTTP");
        let of = if other == "text" { "lines" } else { "redis" };
        f.error(
            error.help(format!("`{other}` is of {of}; the body of HTTP is `body: {{ text: … }}`")),
        );
    }
    if let (Some(request), true) = (there(f, &["method", "path"]), f.has("status")) {
        let what = format!("no message has both a `{request}` and a `status`");
        let error = Diagnostic::new(what, f.entry("status")).label("this is of replies");
        f.error(error.related(f.entry(request), "this is of requests"));
    }
}

/// Some replies have no body, whatever they say.
fn bodiless(f: &mut Fields<'_, '_>, status: Option<Located<u16>>, body: Option<&Body>) {
    let none = |status: &Located<u16>| matches!(status.value, 204 | 304);
    let (Some(status), Some(_)) = (status.filter(none), body) else { return };
    let what = format!("a reply with the status {} has no body", status.value);
    let error = Diagnostic::new(what, f.entry("body"));
    f.error(error.related(status.span, "because of this"));
}

/// The places of the variables in a body.
pub(super) fn variables(body: &Body) -> Vec<Span> {
    let mut places = Vec::new();
    match body {
        Body::Empty | Body::Bytes(_) | Body::Form(_) => {}
        Body::Text(text) => places.extend(text.vars().map(|name| name.span)),
        Body::Json(value) => value.each_var(&mut |name| places.push(name.span)),
    }
    places
}

/// A method of HTTP.
struct MethodForm;
const METHOD: MethodForm = MethodForm;

impl Form for MethodForm {
    type Value = Located<String>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Located<String>> {
        let method = located(STRING).read(node, reading)?;
        if http::Method::from_bytes(method.value.as_bytes()).is_err() {
            let what = format!("`{}` cannot be a method", shortened(&method.value));
            reading.error(Diagnostic::new(what, method.span));
            return None;
        }
        if ["HEAD", "CONNECT"].contains(&method.value.as_str()) {
            let what = format!("no request can become {} on its way", method.value);
            let error = Diagnostic::new(what, method.span);
            let label = "its reply ends elsewhere than the one that the sender waits for";
            reading.error(error.label(label));
            return None;
        }
        Some(method)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        STRING.shape(book)
    }
}

/// A path of HTTP.
struct PathForm;
const PATH: PathForm = PathForm;

impl Form for PathForm {
    type Value = Text;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Text> {
        let path = TEXT.read(node, reading)?;
        check_path(&path, node, reading)?;
        let rooted = match path.parts.first() {
            Some(TextPart::Literal(text)) => text.starts_with('/'),
            Some(TextPart::Var(_)) => true,
            None => false,
        };
        if !rooted {
            reading.error(Diagnostic::new("a path begins with `/`", path.span));
            return None;
        }
        Some(path)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        TEXT.shape(book)
    }
}

/// One line of text.
struct LineForm;
const LINE: LineForm = LineForm;

impl Form for LineForm {
    type Value = Text;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Text> {
        let text = TEXT.read(node, reading)?;
        let ends = |part: &TextPart| matches!(part, TextPart::Literal(text) if text.contains('\n'));
        if text.parts.iter().any(ends) {
            let error = Diagnostic::new("a line ends where this has an end of line", text.span);
            reading.error(error.help("the line's own end is added by itself"));
            return None;
        }
        Some(text)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        TEXT.shape(book)
    }
}

/// Headers that are set or taken away.
struct EditedHeaders;
const EDITED_HEADERS: EditedHeaders = EditedHeaders;

const EDITED_HEADERS_ENTRY: Entry = Entry {
    name: "edited headers",
    doc: "Headers and the values they get; null takes one away.",
    example: "",
};

impl Form for EditedHeaders {
    type Value = Vec<(Located<String>, Option<Text>)>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Self::Value> {
        let read = pairs(Keys::Any, Nullable(TEXT)).read(node, reading)?;
        let mut sound = true;
        for (name, value) in &read {
            let span = reading.head(name.span);
            if http::HeaderName::from_bytes(name.value.as_bytes()).is_err() {
                let what = format!("`{}` cannot be the name of a header", shortened(&name.value));
                reading.error(Diagnostic::new(what, span));
                sound = false;
            } else if FRAMING.contains(&&*name.value.to_ascii_lowercase()) {
                let what = format!("an edit cannot change `{}`", name.value);
                let error = Diagnostic::new(what, span).label("this frames the message");
                reading.error(
                    error.help("a `replace` can lie about it, as far as the message stays whole"),
                );
                sound = false;
            }
            sound &= value.as_ref().is_none_or(|value| header_value(value, reading));
        }
        sound.then_some(read)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(EDITED_HEADERS_ENTRY, |book| {
            let value = Nullable(TEXT).shape(book).schema;
            json!({
                "type": "object",
                "propertyNames": { "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" },
                "additionalProperties": value,
            })
        })
    }
}

/// A form, or null.
struct Nullable<F>(F);

impl<F: Form> Form for Nullable<F> {
    type Value = Option<F::Value>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Option<F::Value>> {
        match node.scalar() {
            Some(scalar) if scalar.value.is_null() => Some(None),
            _ => self.0.read(node, reading).map(Some),
        }
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let inner = self.0.shape(book);
        let schema = json!({ "anyOf": [inner.schema, { "type": "null" }] });
        Shape::new(schema, format!("{}, or null", inner.label))
    }
}
