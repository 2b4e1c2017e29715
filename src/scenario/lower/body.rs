//! Bodies: `text`, `json`, `form`, `file` and `hex`.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use serde_json::json;

use super::super::form::{
    Book, DYNAMIC, Entry, Fields, Form, Keys, Reading, Shape, TEXT, one_or_many, pairs, plain_text,
};
use super::super::model::{Body, Text};
use super::super::tree::{Node, shortened};
use crate::base::{Diagnostic, Located};

/// The largest file that a body is read from, in bytes.
pub(super) const FILE_BODY_MAX: u64 = 16 * 1024 * 1024;

/// The most bytes that all bodies of a scenario read from files, together.
pub(super) const FILE_BODIES_MAX: u64 = 64 * 1024 * 1024;

/// Asks for the keys of a body; at most one of them may be there. `form:` only in requests.
pub(super) fn body(f: &mut Fields<'_, '_>, with_form: bool) -> Body {
    let mut keys = vec!["text", "json", "file", "hex"];
    let text = f.optional("text", "A body of text; `text/plain` unless a header says so.", TEXT);
    let json = f.optional("json", "A body of JSON; `application/json`.", DYNAMIC);
    let mut form = None;
    if with_form {
        keys.insert(2, "form");
        let doc = "A body of form fields; `application/x-www-form-urlencoded`.";
        form = f.optional("form", doc, pairs(Keys::Any, TEXT));
    }
    let doc = "A body from a file in the scenario's folder, as it is; at most 16 MiB.";
    let file = f.optional("file", doc, FILE);
    let hex = f.optional("hex", "A body of bytes, in hex; spaces are ignored.", HEX);
    f.at_most_one(&keys);
    let bytes = file.or(hex).map(Body::Bytes);
    bytes
        .or(text.map(Body::Text))
        .or(json.map(Body::Json))
        .or(form.map(Body::Form))
        .unwrap_or_default()
}

/// Bytes in hex.
pub(super) struct HexForm;
/// The form [`HexForm`].
pub(super) const HEX: HexForm = HexForm;

const HEX_ENTRY: Entry = Entry {
    name: "hex",
    doc: "Bytes, two hex digits each; white space between them is ignored.",
    example: "hex: \"00 0a ff\"",
};

impl Form for HexForm {
    type Value = Bytes;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Bytes> {
        let text = plain_text(node, reading)?;
        let scalar = node.scalar()?;
        let mut digits = Vec::new();
        for (at, c) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
            let Some(digit) = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) else {
                let span = reading.place(node, scalar, at, at + c.len_utf8());
                let what = format!("`{}` is not a hex digit", c.escape_default());
                reading.error(Diagnostic::new(what, span));
                return None;
            };
            digits.push(digit);
        }
        if !digits.len().is_multiple_of(2) {
            let what = format!("{} hex digits make no whole number of bytes", digits.len());
            let help = "two digits a byte: `0a`, not `a`; quotes keep leading zeros";
            reading.error(Diagnostic::new(what, reading.head(node.span)).help(help));
            return None;
        }
        Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(
            HEX_ENTRY,
            |_| json!({ "type": ["string", "integer"], "pattern": "^\\s*([0-9A-Fa-f]\\s*)*$" }),
        )
    }
}

/// A file in the scenario's folder, read at once.
pub(super) struct FileForm;
/// The form [`FileForm`].
pub(super) const FILE: FileForm = FileForm;

const FILE_ENTRY: Entry = Entry {
    name: "file",
    doc: "The path of a file in the scenario's folder or below it. It is read when the scenario \
          is; its bytes are used as they are, `${…}` in it has no meaning. At most 16 MiB, and \
          64 MiB for all files of a scenario.",
    example: "respond: { headers: { content-type: image/png }, file: pictures/cat.png }",
};

impl Form for FileForm {
    type Value = Bytes;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Bytes> {
        let Some(name) = node.string() else { return reading.expected("the path of a file", node) };
        let span = reading.head(node.span);
        let Some(folder) = reading.folder else {
            let what = "a file can only be named by a scenario that is a file itself";
            reading.error(Diagnostic::new(what, span));
            return None;
        };
        match read_file(folder, name, FILE_BODIES_MAX.saturating_sub(reading.file_bytes)) {
            Ok(bytes) => {
                reading.file_bytes += bytes.len() as u64;
                Some(bytes.into())
            }
            Err((what, help)) => {
                let error = Diagnostic::new(what, span);
                reading.error(match help {
                    Some(help) => error.help(help),
                    None => error,
                });
                None
            }
        }
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(FILE_ENTRY, |_| json!({ "type": "string", "minLength": 1 }))
    }
}

/// The text of a script from a file.
///
/// # Errors
/// Why there is none, and what to do.
pub(super) fn script_file(
    name: &str,
    bytes_max: usize,
    reading: &mut Reading<'_>,
) -> Result<String, FileError> {
    let Some(folder) = reading.folder else {
        let help = "write it under `scripts:`, or give the scenario a file of its own";
        return Err((format!("there is no script `{}` here", shortened(name)), Some(help)));
    };
    let left = FILE_BODIES_MAX.saturating_sub(reading.file_bytes);
    let bytes = read_file(folder, name, left)?;
    if bytes.len() > bytes_max {
        return Err((format!("`{}` is longer than 1 MiB", shortened(name)), None));
    }
    reading.file_bytes += bytes.len() as u64;
    String::from_utf8(bytes).map_err(|_| (format!("`{}` is not UTF-8 text", shortened(name)), None))
}

pub(super) type FileError = (String, Option<&'static str>);

fn read_file(folder: &Path, name: &str, left: u64) -> Result<Vec<u8>, FileError> {
    let shown = shortened(name);
    let path = inside(folder, name)?;
    let failed =
        |error: std::io::Error| (format!("cannot read `{shown}`: {}", reason(&error)), None);
    let file = File::open(&path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err((format!("`{shown}` is not a regular file"), None));
    }
    let limit = FILE_BODY_MAX.min(left);
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BODY_MAX {
        return Err((format!("`{shown}` is larger than 16 MiB"), None));
    }
    if bytes.len() as u64 > left {
        return Err((format!("with `{shown}`, the files of this scenario exceed 64 MiB"), None));
    }
    Ok(bytes)
}

/// The path of `name`, if it stays inside `folder` with all links followed.
fn inside(folder: &Path, name: &str) -> Result<PathBuf, FileError> {
    let shown = shortened(name);
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let outside = || {
        let what = format!("`{shown}` is outside of the scenario's folder");
        (what, Some("files are named relative to the scenario and lie beside or below it"))
    };
    if !Path::new(name).components().all(plain) {
        return Err(outside());
    }
    let failed =
        |error: std::io::Error| (format!("cannot read `{shown}`: {}", reason(&error)), None);
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let root = folder.canonicalize().map_err(failed)?;
    let path = root.join(name).canonicalize().map_err(failed)?;
    if path.starts_with(&root) { Ok(path) } else { Err(outside()) }
}

/// The reason of an error in words that do not differ between machines.
fn reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}

/// `headers:`, each value text or a list of texts.
pub(super) struct HeadersForm;
/// The form [`HeadersForm`].
pub(super) const HEADERS: HeadersForm = HeadersForm;

const HEADERS_ENTRY: Entry = Entry {
    name: "headers",
    doc: "HTTP headers. A list of values sends the header once for each.",
    example: "headers: { x-request-id: \"${iteration}\", set-cookie: [a=1, b=2] }",
};

impl Form for HeadersForm {
    type Value = Vec<(Located<String>, Text)>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Self::Value> {
        let read = pairs(Keys::Any, one_or_many(TEXT)).read(node, reading)?;
        let mut out = Vec::new();
        let mut sound = true;
        for (name, values) in read {
            if http::HeaderName::from_bytes(name.value.as_bytes()).is_err() {
                let what = format!("`{}` cannot be the name of a header", shortened(&name.value));
                reading.error(Diagnostic::new(what, reading.head(name.span)));
                sound = false;
            }
            for value in values {
                sound &= header_value(&value, reading);
                out.push((name.clone(), value));
            }
        }
        sound.then_some(out)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(HEADERS_ENTRY, |book| {
            let value = one_or_many(TEXT).shape(book).schema;
            json!({
                "type": "object",
                "propertyNames": { "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" },
                "additionalProperties": value,
            })
        })
    }
}

/// A header's value is one line.
pub(super) fn header_value(value: &Text, reading: &mut Reading<'_>) -> bool {
    use super::super::model::TextPart;
    let broken = value.parts.iter().any(|part| match part {
        TextPart::Literal(text) => text.contains(['\r', '\n', '\0']),
        TextPart::Var(_) => false,
    });
    if broken {
        reading.error(Diagnostic::new("a header's value is one line", value.span));
    }
    !broken
}
