//! Whether the bytes of a `replace` are one whole message of what is spoken on the link, so that whoever
//! reads them finds the next message where it begins.

use crate::base::{Diagnostic, Direction, Seq, Span};
use crate::plan::findings::Findings;
use crate::protocol::{Protocol, Seen, Tap};
use crate::scenario::model::Directions;

/// Reports a replacement that is not one whole message of what is spoken.
pub(super) fn check(
    bytes: &bytes::Bytes,
    direction: Directions,
    targets: &[(&str, Protocol)],
    span: Span,
    findings: &mut Findings,
) {
    let ways: &[Direction] = match direction {
        Directions::Request => &[Direction::Request],
        Directions::Response => &[Direction::Response],
        Directions::Both => &[Direction::Request, Direction::Response],
    };
    for (name, protocol) in targets {
        for way in ways {
            let Err(why) = one_message(*protocol, *way, bytes) else { continue };
            let what = match way {
                Direction::Request => format!("this is not one request to `{name}`"),
                Direction::Response => format!("this is not one reply of `{name}`"),
            };
            let error = Diagnostic::new(what, span).label(why);
            let other = match way {
                Direction::Request => Direction::Response,
                Direction::Response => Direction::Request,
            };
            let turned = one_message(*protocol, other, bytes).is_ok();
            let help = match protocol {
                _ if turned => "it is one of the other direction: `direction` says which is meant",
                Protocol::Http => {
                    "with its first line and its headers: \"HTTP/1.1 503 Busy\\r\\ncontent-length: 0\\r\\n\\r\\n\""
                }
                Protocol::Redis => "as it is on the wire: \"+OK\\r\\n\"",
                Protocol::Line => "a line ends with \"\\n\"",
                Protocol::Json => {
                    "one object with a `type`, on a line: \"{\\\"body\\\":{\\\"type\\\":\\\"ping\\\"}}\\n\""
                }
                Protocol::Raw => "a message has at least one byte",
            };
            findings.push(error.help(help));
            return;
        }
    }
}

/// Why the bytes are not exactly one whole message.
fn one_message(
    protocol: Protocol,
    direction: Direction,
    bytes: &bytes::Bytes,
) -> Result<(), String> {
    if bytes.is_empty() {
        return Err("it is empty".into());
    }
    let mut tap = Tap::new(protocol, 64);
    let seq = || Seq(1);
    if direction == Direction::Response {
        let request: &[u8] = match protocol {
            Protocol::Http => b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
            Protocol::Redis => b"*1\r\n$4\r\nPING\r\n",
            Protocol::Line | Protocol::Raw => b"\n",
            Protocol::Json => b"{\"body\":{\"type\":\"ping\",\"msg_id\":1}}\n",
        };
        tap.push(Direction::Request, &bytes::Bytes::from_static(request), &seq, &mut |_| {});
    }
    let mut seen = Vec::new();
    tap.push(direction, bytes, &seq, &mut |message| seen.push(message));
    let spoken = protocol.as_str();
    let is_lost = |one: &Seen| {
        let lost = format!("not {spoken}: {} byte", one.length);
        one.summary.starts_with(&lost) || protocol == Protocol::Redis && is_reply(direction, bytes)
    };
    match seen.as_slice() {
        [] => Err("whoever reads it would wait for more".into()),
        [one, ..] if is_lost(one) => Err(format!("this is not {spoken}")),
        [one, rest @ ..] if rest.iter().all(is_lost) && one.length < bytes.len() as u64 => {
            let rest = bytes.len() as u64 - one.length;
            let noun = if rest == 1 { "byte" } else { "bytes" };
            Err(format!("behind the message there is {rest} {noun} more"))
        }
        [_] if is_interim(direction, protocol, bytes) => {
            Err("another reply must follow this one".into())
        }
        [_] => Ok(()),
        several => Err(format!("these are {} messages", several.len())),
    }
}

/// True for what is taken for an inline command of redis, and is meant as a reply.
fn is_reply(direction: Direction, bytes: &[u8]) -> bool {
    let first = bytes.first().copied().unwrap_or_default();
    direction == Direction::Request && first != b'*' && !first.is_ascii_alphanumeric()
}

/// True for a reply of HTTP that is not the last one to its request.
fn is_interim(direction: Direction, protocol: Protocol, bytes: &[u8]) -> bool {
    direction == Direction::Response
        && protocol == Protocol::Http
        && bytes.starts_with(b"HTTP/1.1 1")
}
