//! The head of a request: parsed once, kept as text with ranges, reused for the whole connection.
//!
//! What the rest of the connection depends on is decided here: where the body ends, and whether the
//! connection goes on. A request about which two readers could disagree on that (RFC 9112, 6.3) is
//! refused, not guessed at.

use std::mem::MaybeUninit;
use std::ops::Range;

use bytes::{Buf, BytesMut};

use super::body::Framing;
use super::limits::{HEAD_MAX, HEADERS_MAX, TARGET_MAX};

/// Why a request is not answered by a route, and that the connection ends with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The status that is answered.
    pub(super) status: u16,
    /// Why: a lower-case clause.
    pub(super) why: &'static str,
}

/// Shorthand for a [`Refusal`].
pub(super) fn refuse<T>(status: u16, why: &'static str) -> Result<T, Refusal> {
    Err(Refusal { status, why })
}

/// The head of the request that is being answered.
#[derive(Debug, Default)]
pub(super) struct Head {
    text: Vec<u8>,
    method: Range<usize>,
    path: Range<usize>,
    query: Range<usize>,
    headers: Vec<(Range<usize>, Range<usize>)>,
    /// True for HTTP/1.0.
    pub(super) old: bool,
    /// Whether the client wants the connection to go on.
    pub(super) keep_alive: bool,
    /// Where the body ends.
    pub(super) framing: Framing,
    /// `Expect: 100-continue`.
    pub(super) expects_continue: bool,
}

impl Head {
    /// Takes a whole head out of `input`; false if it is not all there yet.
    pub(super) fn parse(&mut self, input: &mut BytesMut) -> Result<bool, Refusal> {
        let mut storage = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut []);
        let length = match request.parse_with_uninit_headers(input, &mut storage) {
            Ok(httparse::Status::Complete(length)) if length <= HEAD_MAX => length,
            Ok(httparse::Status::Partial) if input.len() <= HEAD_MAX => {
                return match request.path {
                    None if input.len() > TARGET_MAX + 64 => refuse(414, TARGET_TOO_LONG),
                    _ => Ok(false),
                };
            }
            Ok(_) => return refuse(431, "the head of the request is longer than 64 KiB"),
            Err(error) => return Err(explain(error, input)),
        };
        let base = input.as_ptr() as usize;
        let range = |part: &[u8]| {
            let start = part.as_ptr() as usize - base;
            start..start + part.len()
        };
        let (Some(method), Some(target), Some(version)) =
            (request.method, request.path, request.version)
        else {
            return refuse(400, "the request has no first line");
        };
        if target.len() > TARGET_MAX {
            return refuse(414, TARGET_TOO_LONG);
        }
        self.method = range(method.as_bytes());
        let (path, query) = split_target(method, target).ok_or(BAD_TARGET)?;
        (self.path, self.query) = (range(path.as_bytes()), range(query.as_bytes()));
        self.headers.clear();
        let headers = request.headers.iter();
        self.headers.extend(headers.map(|h| (range(h.name.as_bytes()), range(h.value))));
        self.old = version == 0;
        self.text.clear();
        self.text.extend_from_slice(&input[..length]);
        input.advance(length);
        self.decide()?;
        Ok(true)
    }

    /// Reads the headers that decide about the connection.
    fn decide(&mut self) -> Result<(), Refusal> {
        let (mut hosts, mut length, mut encodings, mut chunked) = (0, None, 0, false);
        let (mut keep_alive, mut expects_continue) = (!self.old, false);
        for (name, value) in self.headers() {
            if name.eq_ignore_ascii_case("host") {
                hosts += 1;
            } else if name.eq_ignore_ascii_case("connection") {
                for token in tokens(value) {
                    if token.eq_ignore_ascii_case(b"close") {
                        keep_alive = false;
                    } else if token.eq_ignore_ascii_case(b"keep-alive") && self.old {
                        keep_alive = true;
                    }
                }
            } else if name.eq_ignore_ascii_case("content-length") {
                for token in tokens(value) {
                    let n = number(token).ok_or(BAD_LENGTH)?;
                    if length.replace(n).is_some_and(|earlier| earlier != n) {
                        return refuse(400, "the request has two different content lengths");
                    }
                }
                length.ok_or(BAD_LENGTH)?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                for token in tokens(value) {
                    encodings += 1;
                    chunked = token.eq_ignore_ascii_case(b"chunked");
                }
            } else if name.eq_ignore_ascii_case("expect") {
                expects_continue = value.eq_ignore_ascii_case(b"100-continue") && !self.old;
            }
        }
        self.framing = match (length, encodings, chunked) {
            (None, 0, _) => Framing::None,
            (Some(n), 0, _) => Framing::Length(n),
            (Some(_), ..) => {
                return refuse(
                    400,
                    "a request has a content length or a transfer encoding, not both",
                );
            }
            (None, 1, true) if !self.old => Framing::Chunked,
            (None, 1, true) => return refuse(400, "HTTP/1.0 knows no transfer encoding"),
            (None, ..) => return refuse(501, "the only transfer encoding known here is `chunked`"),
        };
        (self.keep_alive, self.expects_continue) = (keep_alive, expects_continue);
        match hosts {
            0 if !self.old => refuse(400, "a request of HTTP/1.1 needs a `Host` header"),
            0 | 1 => Ok(()),
            _ => refuse(400, "the request has more than one `Host` header"),
        }
    }

    pub(super) fn method(&self) -> &str {
        text(&self.text[self.method.clone()])
    }

    /// The path as it was sent, without the query.
    pub(super) fn path(&self) -> &str {
        match text(&self.text[self.path.clone()]) {
            "" => "/",
            path => path,
        }
    }

    /// What follows the `?`; empty if there is none.
    pub(super) fn query(&self) -> &str {
        text(&self.text[self.query.clone()])
    }

    /// All headers in order.
    pub(super) fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let header = |(name, value): &(Range<usize>, Range<usize>)| {
            (text(&self.text[name.clone()]), &self.text[value.clone()])
        };
        self.headers.iter().map(header)
    }

    /// The value of a header; several of one name are joined with commas.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let mut found: Option<String> = None;
        for (_, value) in self.headers().filter(|(given, _)| given.eq_ignore_ascii_case(name)) {
            let value = String::from_utf8_lossy(value);
            match &mut found {
                None => found = Some(value.into_owned()),
                Some(joined) => {
                    joined.push_str(", ");
                    joined.push_str(&value);
                }
            }
        }
        found
    }
}

const TARGET_TOO_LONG: &str = "the target of the request is longer than 8 KiB";

const BAD_TARGET: Refusal =
    Refusal { status: 400, why: "the target of a request is a path that begins with `/`" };

const BAD_LENGTH: Refusal = Refusal { status: 400, why: "the content length is not a number" };

/// Path and query of a target: `/a?b`, `http://host/a?b`, or the `*` of `OPTIONS *`.
fn split_target<'a>(method: &str, target: &'a str) -> Option<(&'a str, &'a str)> {
    let target = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => match rest.find(['/', '?']) {
            Some(start) => &rest[start..],
            None => &rest[rest.len()..],
        },
        _ if target.starts_with('/') || (target == "*" && method == "OPTIONS") => target,
        _ => return None,
    };
    let target = target.split('#').next().unwrap_or(target);
    let (path, query) = target.split_once('?').unwrap_or((target, &target[target.len()..]));
    Some((path, query))
}

/// The parts of a list, without the blanks around them; empty ones are left out.
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// A length: digits and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    text(digits).parse().ok()
}

/// Text of which the parser has said that it is ASCII, or else nothing.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("")
}

/// What is wrong with `input`, for a person.
fn explain(error: httparse::Error, input: &[u8]) -> Refusal {
    let (status, why) = match error {
        _ if input.starts_with(&[0x16, 0x03]) => {
            (400, "this looks like TLS, but the server speaks plain HTTP: use http://")
        }
        httparse::Error::Version if input.starts_with(b"PRI * HTTP/2") => {
            (505, "this server speaks HTTP/1.1, not HTTP/2")
        }
        httparse::Error::Version => (505, "the first line does not end in HTTP/1.0 or HTTP/1.1"),
        httparse::Error::TooManyHeaders => (431, "the request has more than 100 headers"),
        httparse::Error::HeaderName => {
            (400, "the name of a header has a character that is not allowed")
        }
        httparse::Error::HeaderValue => {
            (400, "the value of a header has a character that is not allowed")
        }
        httparse::Error::NewLine => (400, "a line does not end in CR LF"),
        httparse::Error::Token => (400, "the first line is not `METHOD /path HTTP/1.1`"),
        _ => (400, "the request is malformed"),
    };
    Refusal { status, why }
}
