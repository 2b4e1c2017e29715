//! Another HTTP message in the place of one: parts are changed, the framing stays sound.
//!
//! ```text
//! head (start line, headers in their order and spelling) | body, as it was or a new one
//! ```
//!
//! A new body is framed by `Content-Length`; chunks and trailers go with the old one. What may have no
//! body (1xx, 204, 304, replies to HEAD) has none afterwards either, and what had none and may have one
//! says `Content-Length: 0`.

use bytes::{BufMut, Bytes, BytesMut};

use crate::base::Direction;

/// The most headers of a message that is edited.
const HEADERS_MAX: usize = 128;

/// What of an HTTP message becomes something else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpEdit {
    /// The method, of a request.
    pub method: Option<String>,
    /// The target, of a request.
    pub path: Option<String>,
    /// The status, of a reply; the reason phrase follows.
    pub status: Option<u16>,
    /// Headers that are set, or (`None`) taken away. Those that frame the message stay as they are.
    pub headers: Vec<(String, Option<String>)>,
    /// Another body, and its media type where the message says none.
    pub body: Option<(Bytes, Option<&'static str>)>,
}

/// The start line, in the parts that an edit may change.
enum Start<'m> {
    Request { method: &'m str, path: &'m str },
    Response { status: u16, reason: &'m str },
}

/// How the body goes on after the edit.
enum Framing {
    /// As it was, with the headers that frame it.
    Kept,
    /// None, and no header that speaks of one.
    None,
    /// So long; the body is sent.
    Length(Bytes),
    /// So long; the body is not sent (HEAD).
    Announced(usize),
}

/// `message`, which is one whole message of that direction, with parts changed. `bodiless` says that it
/// answers HEAD. `None` if it is not HTTP, or if what it should become is not.
#[must_use]
pub fn edit_http(
    direction: Direction,
    message: &[u8],
    bodiless: bool,
    edit: &HttpEdit,
) -> Option<Bytes> {
    let mut storage = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let (start, minor, headers, head_len) = parse(direction, message, &mut storage)?;
    let body = &message[head_len..];
    let framing = framing(&start, edit, bodiless);
    let mut out = BytesMut::with_capacity(message.len() + 256);
    write_start(&mut out, &start, minor, edit)?;
    write_headers(&mut out, headers, edit, &framing)?;
    out.put_slice(b"\r\n");
    match framing {
        Framing::Kept => out.put_slice(body),
        Framing::Length(new) => out.put_slice(&new),
        Framing::None | Framing::Announced(_) => {}
    }
    Some(out.freeze())
}

/// The value of a header of one whole message; several of one name are joined by commas.
#[must_use]
pub fn http_header(message: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut storage = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let (_, headers) = head_of(message, &mut storage)?;
    let mut values = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    let mut value = values.next()?.value.to_vec();
    for more in values {
        value.extend_from_slice(b", ");
        value.extend_from_slice(more.value);
    }
    Some(value)
}

/// The body of one whole message, without the frames of its chunks.
#[must_use]
pub fn http_body(message: &[u8]) -> Option<Vec<u8>> {
    let mut storage = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let (head, headers) = head_of(message, &mut storage)?;
    let body = &message[head..];
    let chunked = headers.iter().any(|header| {
        header.name.eq_ignore_ascii_case("transfer-encoding")
            && header.value.to_ascii_lowercase().ends_with(b"chunked")
    });
    if chunked { unchunked(body) } else { Some(body.to_vec()) }
}

fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let httparse::Status::Complete((at, size)) = httparse::parse_chunk_size(body).ok()? else {
            return None;
        };
        let size = usize::try_from(size).ok()?;
        if size == 0 {
            return Some(out);
        }
        out.extend_from_slice(body.get(at..at.checked_add(size)?)?);
        body = body.get(at + size + 2..)?;
    }
}

/// The length of the head of a message of either direction, and its headers.
fn head_of<'m, 'h>(
    message: &'m [u8],
    storage: &'h mut [httparse::Header<'m>],
) -> Option<(usize, &'h [httparse::Header<'m>])> {
    let direction =
        if message.starts_with(b"HTTP/") { Direction::Response } else { Direction::Request };
    let (_, _, headers, head) = parse(direction, message, storage)?;
    Some((head, headers))
}

type Parsed<'m, 'h> = (Start<'m>, u8, &'h [httparse::Header<'m>], usize);

fn parse<'m, 'h>(
    direction: Direction,
    message: &'m [u8],
    storage: &'h mut [httparse::Header<'m>],
) -> Option<Parsed<'m, 'h>> {
    match direction {
        Direction::Request => {
            let mut request = httparse::Request::new(storage);
            let httparse::Status::Complete(head) = request.parse(message).ok()? else {
                return None;
            };
            let start = Start::Request { method: request.method?, path: request.path? };
            Some((start, request.version?, request.headers, head))
        }
        Direction::Response => {
            let mut response = httparse::Response::new(storage);
            let httparse::Status::Complete(head) = response.parse(message).ok()? else {
                return None;
            };
            let (status, reason) = (response.code?, response.reason.unwrap_or(""));
            let start = Start::Response { status, reason };
            Some((start, response.version?, response.headers, head))
        }
    }
}

fn framing(start: &Start<'_>, edit: &HttpEdit, bodiless: bool) -> Framing {
    let was = match start {
        Start::Request { .. } => None,
        Start::Response { status, .. } => Some(*status),
    };
    let is = was.map(|was| edit.status.unwrap_or(was));
    let never = |status: Option<u16>| {
        status.is_some_and(|status| status < 200 || status == 204 || status == 304)
    };
    let new = edit.body.as_ref().map(|(new, _)| new);
    if never(is) {
        return if never(was) { Framing::Kept } else { Framing::None };
    }
    match (new, bodiless) {
        (Some(new), true) => Framing::Announced(new.len()),
        (None, true) => Framing::Kept,
        (Some(new), false) => Framing::Length(new.clone()),
        (None, false) if never(was) => Framing::Length(Bytes::new()),
        // Also a body that ends with the connection.
        (None, false) => Framing::Kept,
    }
}

fn write_start(out: &mut BytesMut, start: &Start<'_>, minor: u8, edit: &HttpEdit) -> Option<()> {
    let text = match start {
        Start::Request { method, path } => {
            let method = edit.method.as_deref().unwrap_or(method);
            let path = edit.path.as_deref().unwrap_or(path);
            if !is_token(method) || path.is_empty() || !path.bytes().all(|b| b > b' ' && b != 0x7f)
            {
                return None;
            }
            format!("{method} {path} HTTP/1.{minor}\r\n")
        }
        Start::Response { status, reason } => {
            let (status, reason) = match edit.status {
                Some(new) if new != *status => (new, reason_of(new)),
                _ => (*status, *reason),
            };
            if !(100..1000).contains(&status) {
                return None;
            }
            format!("HTTP/1.{minor} {status} {reason}\r\n")
        }
    };
    out.put_slice(text.as_bytes());
    Some(())
}

fn reason_of(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or("")
}

fn write_headers(
    out: &mut BytesMut,
    headers: &[httparse::Header<'_>],
    edit: &HttpEdit,
    framing: &Framing,
) -> Option<()> {
    let reframed = !matches!(framing, Framing::Kept);
    let mut length = match framing {
        Framing::Length(body) => Some(body.len()),
        Framing::Announced(length) => Some(*length),
        Framing::Kept | Framing::None => None,
    };
    let mut set: Vec<(&str, Option<&str>)> = Vec::with_capacity(edit.headers.len());
    for (name, value) in edit.headers.iter().filter(|(name, _)| !frames(name)) {
        let clean = |text: &str| !text.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0));
        if !is_token(name) || !value.as_deref().is_none_or(clean) {
            return None;
        }
        set.push((name, value.as_deref()));
    }
    for header in headers {
        if frames(header.name) && reframed {
            if let Some(length) = length.take() {
                write_header(out, "Content-Length", length.to_string().as_bytes());
            }
        } else if let Some(at) =
            edit.headers.iter().position(|(name, _)| name.eq_ignore_ascii_case(header.name))
            && !frames(header.name)
        {
            // The first of a name gives its place to the new value.
            let place = set.iter_mut().find(|(name, _)| *name == edit.headers[at].0);
            if let Some(value) = place.and_then(|(_, value)| value.take()) {
                write_header(out, header.name, value.as_bytes());
            }
        } else {
            write_header(out, header.name, header.value);
        }
    }
    for (name, value) in set {
        if let Some(value) = value {
            write_header(out, name, value.as_bytes());
        }
    }
    if let Some((_, Some(kind))) = &edit.body {
        let says = |name: &str| name.eq_ignore_ascii_case("content-type");
        let said = headers.iter().any(|header| says(header.name))
            || edit.headers.iter().any(|(name, _)| says(name));
        if !said && length_matters(framing) {
            write_header(out, "Content-Type", kind.as_bytes());
        }
    }
    if let Some(length) = length {
        write_header(out, "Content-Length", length.to_string().as_bytes());
    }
    Some(())
}

fn length_matters(framing: &Framing) -> bool {
    matches!(framing, Framing::Length(_) | Framing::Announced(_))
}

fn write_header(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.put_slice(name.as_bytes());
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

/// True for a header that says where a message ends.
fn frames(name: &str) -> bool {
    ["content-length", "transfer-encoding", "trailer"]
        .iter()
        .any(|framing| name.eq_ignore_ascii_case(framing))
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(direction: Direction, message: &str, bodiless: bool, edit: &HttpEdit) -> String {
        let edited = edit_http(direction, message.as_bytes(), bodiless, edit).expect("an edit");
        String::from_utf8(edited.to_vec()).expect("text")
    }

    fn body(text: &'static str) -> HttpEdit {
        let body = Some((Bytes::from_static(text.as_bytes()), Some("text/plain")));
        HttpEdit { body, ..HttpEdit::default() }
    }

    const REPLY: &str = "HTTP/1.1 200 OK\r\nX: 1\r\ncontent-length: 2\r\nY: 2\r\n\r\nhi";

    #[test]
    fn a_new_body_brings_its_length_in_the_place_of_the_old() {
        assert_eq!(
            edited(Direction::Response, REPLY, false, &body("longer")),
            "HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 6\r\nY: 2\r\nContent-Type: text/plain\r\n\r\nlonger"
        );
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
        assert_eq!(
            edited(Direction::Response, chunked, false, &body("x")),
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Type: text/plain\r\n\r\nx"
        );
    }

    #[test]
    fn what_may_have_no_body_has_none() {
        let status = |status| HttpEdit { status: Some(status), ..HttpEdit::default() };
        assert_eq!(
            edited(Direction::Response, REPLY, false, &status(204)),
            "HTTP/1.1 204 No Content\r\nX: 1\r\nY: 2\r\n\r\n"
        );
        assert_eq!(
            edited(Direction::Response, "HTTP/1.1 204 No Content\r\n\r\n", false, &status(200)),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        );
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: a/b\r\n\r\n";
        assert_eq!(
            edited(Direction::Response, head, true, &body("longer")),
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: a/b\r\n\r\n"
        );
        assert_eq!(
            edited(Direction::Response, head, true, &status(404)),
            "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nContent-Type: a/b\r\n\r\n"
        );
    }

    #[test]
    fn headers_are_set_in_their_place_taken_away_or_added_and_framing_ones_stay() {
        let request = "GET /a HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\nB: 3\r\n\r\n";
        let edit = HttpEdit {
            method: Some("PUT".into()),
            path: Some("/b?c".into()),
            headers: vec![
                ("a".into(), Some("9".into())),
                ("b".into(), None),
                ("c".into(), Some("new".into())),
                ("content-length".into(), Some("7".into())),
            ],
            ..HttpEdit::default()
        };
        assert_eq!(
            edited(Direction::Request, request, false, &edit),
            "PUT /b?c HTTP/1.1\r\nHost: x\r\nA: 9\r\nc: new\r\n\r\n"
        );
    }

    #[test]
    fn what_would_break_the_framing_is_no_edit() {
        let request = b"GET /a HTTP/1.1\r\n\r\n";
        for edit in [
            HttpEdit { path: Some("/a b".into()), ..HttpEdit::default() },
            HttpEdit { method: Some("G T".into()), ..HttpEdit::default() },
            HttpEdit {
                headers: vec![("a".into(), Some("x\r\nb: y".into()))],
                ..HttpEdit::default()
            },
        ] {
            assert_eq!(edit_http(Direction::Request, request, false, &edit), None);
        }
        assert_eq!(edit_http(Direction::Request, b"+OK\r\n", false, &HttpEdit::default()), None);
    }
}
