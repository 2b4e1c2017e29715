//! What a proxy passes on of a head, and what it adds.

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};

use crate::server::http::body::Framing;
use crate::server::http::head::Head;
use crate::server::http::limits::HOPS_MAX;

/// The head of the request that goes to the server behind.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
}

/// Headers that are about one connection only (RFC 9110, 7.6.1), and those that are made anew.
const NOT_PASSED_ON: [&str; 12] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "expect",
    "host",
];

/// The head to send to the server `to` in the name of the proxy `me`.
///
/// # Errors
/// A status and a reason, if the request cannot be handed on.
pub(super) fn outgoing(
    head: &Head,
    path: Option<&str>,
    me: &str,
    to: &str,
    client: IpAddr,
) -> Result<Outgoing, (u16, String)> {
    let bad = |what: &str| (400, format!("the {what} cannot be handed on"));
    let method = Method::from_bytes(head.method().as_bytes()).map_err(|_| bad("method"))?;
    let mut target = path.map_or_else(|| escape(head.path()), escape);
    if !target.starts_with('/') && target != "*" {
        target.insert(0, '/');
    }
    if !head.query().is_empty() {
        target.push(if target.contains('?') { '&' } else { '?' });
        target.push_str(&escape(head.query()));
    }
    let uri = Uri::try_from(target).map_err(|_| bad("path"))?;
    let named = head.header("connection").unwrap_or_default();
    let mut headers = HeaderMap::new();
    for (name, value) in head.headers() {
        if !is_passed_on(name, &named) {
            continue;
        }
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    let hop = format!("1.1 {me}");
    let via = head.header("via").unwrap_or_default();
    if via.split(',').filter(|past| past.trim() == hop).count() >= HOPS_MAX {
        return Err((508, format!("the request has passed {me} {HOPS_MAX} times already")));
    }
    set(&mut headers, header::HOST, to);
    set(&mut headers, header::VIA, &joined(&via, &hop));
    let forwarded = head.header("x-forwarded-for").unwrap_or_default();
    let name = HeaderName::from_static("x-forwarded-for");
    set(&mut headers, name, &joined(&forwarded, &client.to_string()));
    match head.framing {
        Framing::None => {}
        Framing::Length(length) => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        Framing::Chunked => set(&mut headers, header::TRANSFER_ENCODING, "chunked"),
    }
    Ok(Outgoing { method, uri, headers })
}

/// The headers of an answer that are passed on.
pub(super) fn incoming(headers: &HeaderMap) -> impl Iterator<Item = (&str, String)> {
    let named: Vec<&str> =
        headers.get_all(header::CONNECTION).iter().filter_map(|v| v.to_str().ok()).collect();
    let named = named.join(",");
    headers.iter().filter(move |(name, _)| is_passed_on(name.as_str(), &named)).map(
        |(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned()),
    )
}

/// Whether a header is passed on; `connection` names others that are not.
fn is_passed_on(name: &str, connection: &str) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    !NOT_PASSED_ON.iter().any(|known| is(known))
        && !connection.split(',').any(|named| is(named.trim()))
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn joined(list: &str, item: &str) -> String {
    if list.is_empty() { item.to_owned() } else { format!("{list}, {item}") }
}

/// Percent-encodes what may not stand in a target.
fn escape(target: &str) -> String {
    let bytes = target.as_bytes();
    let mut out = String::with_capacity(target.len());
    for (at, &byte) in bytes.iter().enumerate() {
        let escaped = || {
            bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        };
        let plain = match byte {
            b'%' => escaped(),
            b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => false,
            other => other.is_ascii_graphic(),
        };
        match plain {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_escaped_once() {
        assert_eq!(escape("/a b/%41/50%/ä?x={y}"), "/a%20b/%41/50%25/%C3%A4?x=%7By%7D");
    }

    #[test]
    fn headers_of_one_connection_stay_on_it() {
        assert!(!is_passed_on("Keep-Alive", ""));
        assert!(!is_passed_on("X-Secret", "close, x-secret"));
        assert!(is_passed_on("X-Other", "close, x-secret"));
    }
}
