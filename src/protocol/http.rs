//! The messages of an HTTP/1.x connection, as a link sees them.
//!
//! Only framing is looked at: where a head ends, how its body is delimited (RFC 9112, section 6).
//! What a server makes of the request is the server's affair.

use super::SUMMARY_CHARS_MAX;
use super::tap::{Cut, Cutter, Found, Pairing, Whole};

/// The longest head, in bytes; what is longer is not taken for HTTP.
const HEAD_BYTES_MAX: usize = 256 * 1024;

/// The most headers of one head.
const HEADERS_MAX: usize = 128;

/// The longest line of a chunk's size with its extensions, or of a trailer, in bytes.
const CHUNK_LINE_MAX: usize = 16 * 1024;

/// Cuts one direction.
pub(super) struct Http {
    is_request: bool,
    state: State,
    searched: usize,
    /// The head of the message that is under way says `Expect: 100-continue`.
    waits: bool,
}

enum State {
    /// Waiting for the end of a head.
    Head,
    /// In a body.
    Body(Body, Option<Found>),
    /// After an upgrade: bytes that are not HTTP any more.
    Tunnel,
}

enum Body {
    /// So many bytes are still to come.
    Length(u64),
    /// A chunk's size comes next.
    ChunkSize,
    /// In a chunk; the line end after it is counted.
    Chunk(u64),
    /// Lines until an empty one.
    Trailers,
    /// Until the connection ends.
    UntilEnd,
}

/// The cutter of requests.
pub(super) fn request() -> Http {
    Http { is_request: true, state: State::Head, searched: 0, waits: false }
}

/// The cutter of responses.
pub(super) fn response() -> Http {
    Http { is_request: false, state: State::Head, searched: 0, waits: false }
}

impl Cutter for Http {
    fn cut(&mut self, input: &[u8], whole: Whole<'_>) -> Cut {
        match &mut self.state {
            State::Head => self.head(input, whole),
            State::Body(body, found) => match body.take(input) {
                None => Cut::lost(),
                Some((taken, false)) => Cut::more(taken),
                Some((taken, true)) => {
                    let message = found.take();
                    self.state = State::Head;
                    Cut { taken, message, lost: false }
                }
            },
            State::Tunnel => {
                let noun = if input.len() == 1 { "byte" } else { "bytes" };
                Cut::paired(input.len(), format!("{} {noun}", input.len()), Pairing::Free)
            }
        }
    }

    fn end(&mut self) -> Option<String> {
        match std::mem::replace(&mut self.state, State::Head) {
            State::Body(Body::UntilEnd, Some(found)) => Some(found.summary),
            _ => None,
        }
    }

    fn waits(&mut self) -> bool {
        std::mem::take(&mut self.waits) && matches!(self.state, State::Body(..))
    }
}

impl Http {
    fn head(&mut self, input: &[u8], whole: Whole<'_>) -> Cut {
        // Empty lines before a message are allowed, and belong to it.
        let blank = input.iter().take_while(|&&b| b == b'\r' || b == b'\n').count();
        let Some(end) = self.head_end(input, blank) else {
            return if input.len() > HEAD_BYTES_MAX || !self.may_be_http(&input[blank..]) {
                Cut::lost()
            } else {
                Cut::more(0)
            };
        };
        self.searched = 0;
        let head = &input[blank..end];
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let parsed = if self.is_request {
            parse_request(head, &mut headers)
        } else {
            parse_response(head, &mut headers, whole)
        };
        let Some(Head { found, body, tunnel, waits }) = parsed else { return Cut::lost() };
        self.waits = waits;
        if tunnel {
            self.state = State::Tunnel;
            return Cut { taken: end, message: Some(found), lost: false };
        }
        match body {
            Body::Length(0) => Cut { taken: end, message: Some(found), lost: false },
            body => {
                self.state = State::Body(body, Some(found));
                Cut::more(end)
            }
        }
    }

    /// One past the empty line that ends the head; each byte is looked at about once.
    fn head_end(&mut self, input: &[u8], blank: usize) -> Option<usize> {
        let from = self.searched.max(blank);
        for at in from..input.len() {
            if input[at] != b'\n' || at == 0 {
                continue;
            }
            let line_is_empty = input[..at].ends_with(b"\r\n\r") && at >= blank + 3
                || input[at - 1] == b'\n' && at > blank;
            if line_is_empty {
                return Some(at + 1);
            }
        }
        self.searched = input.len();
        None
    }

    /// False as soon as the first bytes rule HTTP out.
    fn may_be_http(&self, start: &[u8]) -> bool {
        if self.is_request {
            let method = start.iter().take_while(|b| b.is_ascii_uppercase() || **b == b'-').count();
            method == start.len() || (method > 0 && start[method] == b' ') && method < 32
        } else {
            let prefix = &start[..start.len().min(5)];
            b"HTTP/".starts_with(prefix)
        }
    }
}

struct Head {
    found: Found,
    body: Body,
    tunnel: bool,
    waits: bool,
}

fn parse_request<'h>(head: &'h [u8], headers: &mut [httparse::Header<'h>]) -> Option<Head> {
    let mut request = httparse::Request::new(headers);
    request.parse(head).ok().filter(httparse::Status::is_complete)?;
    let (method, path) = (request.method?, request.path?);
    let body = framing(request.headers)?.unwrap_or(Body::Length(0));
    let pairing = Pairing::Opens { replies: 1, bodiless: method == "HEAD" };
    let mut summary = String::with_capacity(method.len() + path.len().min(SUMMARY_CHARS_MAX) + 1);
    summary.push_str(method);
    summary.push(' ');
    push_cut(&mut summary, path);
    let waits = request.headers.iter().any(|header| {
        header.name.eq_ignore_ascii_case("expect")
            && header.value.eq_ignore_ascii_case(b"100-continue")
    });
    Some(Head { found: Found { summary, pairing }, body, tunnel: false, waits })
}

fn parse_response<'h>(
    head: &'h [u8],
    headers: &mut [httparse::Header<'h>],
    whole: Whole<'_>,
) -> Option<Head> {
    let mut response = httparse::Response::new(headers);
    response.parse(head).ok().filter(httparse::Status::is_complete)?;
    let code = response.code?;
    let bodiless = whole.open.front().is_some_and(|request| request.bodiless);
    let body = if bodiless || (100..200).contains(&code) || code == 204 || code == 304 {
        Body::Length(0)
    } else {
        framing(response.headers)?.unwrap_or(Body::UntilEnd)
    };
    let pairing =
        if (100..200).contains(&code) && code != 101 { Pairing::Precedes } else { Pairing::Closes };
    let mut summary = code.to_string();
    if let Some(reason) = response.reason.filter(|reason| !reason.is_empty()) {
        summary.push(' ');
        push_cut(&mut summary, reason);
    }
    Some(Head { found: Found { summary, pairing }, body, tunnel: code == 101, waits: false })
}

fn push_cut(summary: &mut String, text: &str) {
    match text.char_indices().nth(SUMMARY_CHARS_MAX) {
        Some((cut, _)) => {
            summary.push_str(&text[..cut]);
            summary.push('…');
        }
        None => summary.push_str(text),
    }
}

/// How the body is delimited; `Some(None)` if the head does not say, `None` if it says nonsense.
fn framing(headers: &[httparse::Header<'_>]) -> Option<Option<Body>> {
    let mut length = None;
    for header in headers {
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            let value = std::str::from_utf8(header.value).ok()?;
            let last = value.rsplit(',').next().unwrap_or("").trim();
            if last.eq_ignore_ascii_case("chunked") {
                return Some(Some(Body::ChunkSize));
            }
        } else if header.name.eq_ignore_ascii_case("content-length") {
            let value = std::str::from_utf8(header.value).ok()?;
            let number: u64 = value.trim().parse().ok()?;
            if length.is_some_and(|other| other != number) {
                return None;
            }
            length = Some(number);
        }
    }
    Some(length.map(Body::Length))
}

impl Body {
    /// How many bytes of `input` belong to it, and whether it is whole with them; `None` if it is
    /// malformed.
    fn take(&mut self, input: &[u8]) -> Option<(usize, bool)> {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            match self {
                Body::UntilEnd => return Some((input.len(), false)),
                Body::Length(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= taken as u64;
                    return Some((at + taken, *left == 0));
                }
                Body::Chunk(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= taken as u64;
                    at += taken;
                    if *left > 0 {
                        return Some((at, false));
                    }
                    *self = Body::ChunkSize;
                }
                Body::ChunkSize => {
                    let Some(line) = rest.iter().position(|&b| b == b'\n') else {
                        return (rest.len() <= CHUNK_LINE_MAX).then_some((at, false));
                    };
                    let size = chunk_size(&rest[..line])?;
                    at += line + 1;
                    *self =
                        if size == 0 { Body::Trailers } else { Body::Chunk(size.checked_add(2)?) };
                }
                Body::Trailers => {
                    let Some(line) = rest.iter().position(|&b| b == b'\n') else {
                        return (rest.len() <= CHUNK_LINE_MAX).then_some((at, false));
                    };
                    at += line + 1;
                    if rest[..line].iter().all(|&b| b == b'\r') {
                        return Some((at, true));
                    }
                }
            }
        }
    }
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let text = std::str::from_utf8(&line[..digits]).ok()?;
    u64::from_str_radix(text, 16).ok()
}
