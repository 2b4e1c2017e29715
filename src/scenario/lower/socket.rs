//! Raw connections: `connect`, `send`, `receive`, `close`.

use serde_json::json;

use super::super::form::{
    Book, Entry, Fields, Form, NAME, Reading, Record, STRING, Shape, TEXT, integer, name_of,
    record, word,
};
use super::super::model::{Action, Body, Close, Connect, Receive, Send, Step, Until};
use super::super::outline::Role;
use super::super::tree::Node;
use super::body::body;
use super::field::{DONE, RECEIVED};
use super::step::Common;
use crate::base::Diagnostic;

/// The most bytes that one `receive: { bytes: … }` asks for.
pub(super) const RECEIVE_MAX: u32 = 16 * 1024 * 1024;

fn on(f: &mut Fields<'_, '_>) -> String {
    let doc = "The connection's name; by default the one without a name.";
    f.optional("on", doc, NAME).map(|name| name.value).unwrap_or_default()
}

pub(super) fn connect(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let server = f.required(key, "The server.", name_of(Role::Server));
    let doc = "The connection's name, for `on`; one without a name is the default.";
    let name = f.optional("as", doc, NAME).map(|name| name.value).unwrap_or_default();
    let common = Common::operation(f, &DONE);
    common.step(Action::Connect(Connect { server: server?, name }), f.entry(key))
}

pub(super) fn send(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let body = f.required(key, "The text, or `{ hex: … }`, `{ file: … }`, `{ json: … }`.", PAYLOAD);
    let on = on(f);
    let common = Common::operation(f, &DONE);
    common.step(Action::Send(Send { on, body: body? }), f.entry(key))
}

pub(super) fn receive(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let until = f.required(key, "How much.", UNTIL);
    let on = on(f);
    let common = Common::operation(f, &RECEIVED);
    common.step(Action::Receive(Receive { on, until: until? }), f.entry(key))
}

pub(super) fn close(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    const WAYS: &[(&str, (bool, bool))] =
        &[("true", (false, false)), ("reset", (true, false)), ("write", (false, true))];
    let doc = "`true` ends it in order, `reset` breaks it, `write` ends only the sending half.";
    let way = f.required(key, doc, word(WAYS));
    let on = on(f);
    let common = Common::operation(f, &DONE);
    let (reset, write_only) = way?;
    common.step(Action::Close(Close { on, reset, write_only }), f.entry(key))
}

/// Text, or a mapping with a body.
pub(super) struct PayloadForm;
/// The form [`PayloadForm`].
pub(super) const PAYLOAD: PayloadForm = PayloadForm;

impl Form for PayloadForm {
    type Value = Body;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Body> {
        if node.entries().is_some() {
            return record::<Payload>().read(node, reading).map(|payload| payload.0);
        }
        TEXT.read(node, reading).map(Body::Text)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let text = TEXT.shape(book);
        let mapping = book.record::<Payload>();
        let label = format!("{} or a {}", text.label, mapping.label);
        Shape::new(json!({ "anyOf": [text.schema, mapping.schema] }), label)
    }
}

struct Payload(Body);

impl Record for Payload {
    const ENTRY: Entry = Entry {
        name: "payload",
        doc: "Bytes that are not given as text.",
        example: "send: { hex: \"00 ff\" }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Payload> {
        let body = body(f, false);
        f.exactly_one(&["text", "json", "file", "hex"]);
        Some(Payload(body))
    }
}

/// How much is received.
struct UntilForm;
const UNTIL: UntilForm = UntilForm;

const UNTIL_ENTRY: Entry = Entry {
    name: "amount",
    doc: "How much to receive: `line` (up to and with `\\n`), `some` (whatever comes first), `end` \
          (all until the other side closes), or a mapping with [`bytes` or `until`](#exact-amount).",
    example: "receive: line\nreceive: { bytes: 5 }\nreceive: { until: \"\\r\\n\\r\\n\" }",
};

impl Form for UntilForm {
    type Value = Until;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Until> {
        if node.entries().is_some() {
            return record::<Exact>().read(node, reading).map(|exact| exact.0);
        }
        let words = word(&[("line", 0_u8), ("some", 1), ("end", 2)]);
        Some(match words.read(node, reading)? {
            0 => Until::Delimiter(b"\n".to_vec()),
            1 => Until::Some,
            _ => Until::End,
        })
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(UNTIL_ENTRY, |book| {
            let exact = book.record::<Exact>().schema;
            json!({ "anyOf": [{ "enum": ["line", "some", "end"] }, exact] })
        })
    }
}

struct Exact(Until);

impl Record for Exact {
    const ENTRY: Entry =
        Entry { name: "exact amount", doc: "So many bytes, or up to certain ones.", example: "" };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Exact> {
        let bytes = f.optional("bytes", "Exactly so many.", integer(1..=RECEIVE_MAX));
        let until = f.optional("until", "Up to and with this text.", STRING);
        f.exactly_one(&["bytes", "until"]);
        if let Some(until) = &until
            && until.is_empty()
        {
            f.error(Diagnostic::new("`until` is empty", f.value("until")));
        }
        let delimiter = until.map(|text| Until::Delimiter(text.into_bytes()));
        bytes.map(Until::Bytes).or(delimiter).map(Exact)
    }
}
