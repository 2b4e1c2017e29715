//! What a message tells of itself: method, path and status, read from its summary and its first bytes.

use super::tap::{Asked, find};
use super::{Protocol, SUMMARY_CHARS_MAX, excerpt};
use crate::base::Direction;

/// The method and the path of an HTTP request, the path without its query. `bytes` are its first ones:
/// a summary has an end, and a longer target may still be whole there.
///
/// ```
/// use looplab::protocol::http_request_line;
/// assert_eq!(http_request_line("GET /items?color=red", b""), Some(("GET", "/items")));
/// assert_eq!(http_request_line("200 OK", b""), None);
/// ```
#[must_use]
pub fn http_request_line<'m>(summary: &'m str, bytes: &'m [u8]) -> Option<(&'m str, &'m str)> {
    let whole = summary.ends_with('…').then(|| first_line(bytes)).flatten();
    let mut words = whole.unwrap_or(summary).split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let is_target = target.starts_with('/') || target == "*" || target.contains("://");
    if method.is_empty() || !(is_target || method == "CONNECT") {
        return None;
    }
    // `http://host/path`, as to a proxy, is about `/path`.
    let path = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => {
            rest.find('/').map_or("/", |slash| &rest[slash..])
        }
        _ => target,
    };
    Some((method, path.split_once('?').map_or(path, |(path, _)| path)))
}

fn first_line(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|&byte| byte == b'\r' || byte == b'\n')?;
    std::str::from_utf8(&bytes[..end]).ok()
}

/// The status of an HTTP reply.
///
/// ```
/// assert_eq!(looplab::protocol::http_status("404 Not Found"), Some(404));
/// ```
#[must_use]
pub fn http_status(summary: &str) -> Option<u16> {
    let word = summary.split(' ').next()?;
    let digits = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    if digits { word.parse().ok() } else { None }
}

/// What a request asks for: an HTTP request its method and path, a Redis command its name, in
/// capitals, a node's message its type.
#[must_use]
pub fn asked(protocol: Protocol, summary: &str, bytes: &[u8]) -> Option<Asked> {
    match protocol {
        Protocol::Http => {
            let (method, path) = http_request_line(summary, bytes)?;
            let (method, path) = (method.to_owned(), path.to_owned());
            Some(Asked { method, path, summary: summary.to_owned() })
        }
        Protocol::Redis => {
            let method = summary.split(' ').next()?.to_ascii_uppercase();
            Some(Asked { method, path: String::new(), summary: summary.to_owned() })
        }
        Protocol::Json => {
            let method = summary.split(' ').next()?.to_owned();
            Some(Asked { method, path: String::new(), summary: summary.to_owned() })
        }
        Protocol::Line | Protocol::Raw => None,
    }
}

/// One line for what arrived in the place of a message: as for any message if it is a whole one, else
/// how long it is and how it begins. `bytes` are the first of its `length`; `bodiless` says that it
/// answers HEAD.
#[must_use]
pub fn summarize(
    protocol: Protocol,
    direction: Direction,
    bodiless: bool,
    bytes: &[u8],
    length: u64,
) -> String {
    let whole = (bytes.len() as u64 == length).then(|| find(protocol, direction, bodiless, bytes));
    match whole.flatten() {
        Some(found) => found.summary,
        None => {
            let noun = if length == 1 { "byte" } else { "bytes" };
            format!("{length} {noun} {}", excerpt(bytes, SUMMARY_CHARS_MAX / 2))
        }
    }
}

/// One line for a message of which only these bytes came before the end.
pub(super) fn cut_short(length: u64, bytes: &[u8]) -> String {
    let text = excerpt(bytes, SUMMARY_CHARS_MAX / 3);
    format!("{length} bytes of a message cut short {text}")
}
