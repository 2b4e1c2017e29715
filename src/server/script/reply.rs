//! Replies of redis and http servers as a script sees them.

use ::http::HeaderMap;

use crate::protocol::resp::Frame;
use crate::script::Datum;

/// A reply to a command with these words. Text is text, a list a table with positions, a map one with names;
/// nothing (`nil`) alone is `None`, and `null` in a list.
///
/// A map that RESP2 tells as a list of keys and values by turns is a map again (`HGETALL`, `CONFIG GET`).
pub(in crate::server) fn of_frame(frame: &Frame, words: &[Vec<u8>]) -> Option<Datum> {
    match frame {
        Frame::Array(items) if items.len() % 2 == 0 && tells_map(words) => {
            let pairs = items.chunks_exact(2).map(|pair| (&pair[0], &pair[1]));
            Some(map(pairs))
        }
        Frame::Null | Frame::NullArray => None,
        frame => Some(of(frame)),
    }
}

/// What a transaction of these commands has come to.
pub(super) fn list(items: &[Frame], commands: &[Vec<Vec<u8>>]) -> Datum {
    let replies = items.iter().zip(commands);
    positions(replies.map(|(frame, words)| of_frame(frame, words).unwrap_or(Datum::Null)))
}

/// A response.
pub(super) fn response(status: u16, headers: &HeaderMap, body: &[u8]) -> Datum {
    let mut told: Vec<(Datum, Datum)> = Vec::new();
    for name in headers.keys() {
        let values: Vec<&[u8]> =
            headers.get_all(name).iter().map(::http::HeaderValue::as_bytes).collect();
        told.push((text(name.as_str().as_bytes()), Datum::Text(values.join(&b", "[..]))));
    }
    Datum::Table(vec![
        (text(b"status"), Datum::Integer(i64::from(status))),
        (text(b"headers"), Datum::Table(told)),
        (text(b"text"), text(body)),
    ])
}

/// True for a command whose reply is a map.
fn tells_map(words: &[Vec<u8>]) -> bool {
    let is = |at: usize, name: &[u8]| {
        words.get(at).is_some_and(|word: &Vec<u8>| word.eq_ignore_ascii_case(name))
    };
    is(0, b"HGETALL") || (is(0, b"CONFIG") && is(1, b"GET"))
}

fn of(frame: &Frame) -> Datum {
    match frame {
        Frame::Simple(bytes)
        | Frame::Bulk(bytes)
        | Frame::BigNumber(bytes)
        | Frame::Verbatim { text: bytes, .. } => text(bytes),
        // One of several replies: the others are worth something.
        Frame::Error(bytes) | Frame::BulkError(bytes) => {
            Datum::Table(vec![(text(b"err"), text(bytes))])
        }
        Frame::Integer(value) => Datum::Integer(*value),
        Frame::Double(value) => Datum::Number(*value),
        Frame::Boolean(value) => Datum::Boolean(*value),
        Frame::Null | Frame::NullArray => Datum::Null,
        Frame::Array(items) | Frame::Set(items) | Frame::Push(items) => {
            positions(items.iter().map(of))
        }
        Frame::Map(pairs) => map(pairs.iter().map(|(key, value)| (key, value))),
        Frame::Attributed { frame, .. } => of(frame),
    }
}

fn map<'f>(pairs: impl Iterator<Item = (&'f Frame, &'f Frame)>) -> Datum {
    let key = |key: &Frame| match of(key) {
        // No table has such a key.
        Datum::Table(_) | Datum::Null => text(key.to_value().to_string().as_bytes()),
        key => key,
    };
    Datum::Table(pairs.map(|(name, value)| (key(name), of(value))).collect())
}

fn positions(items: impl Iterator<Item = Datum>) -> Datum {
    Datum::Table((1..).map(Datum::Integer).zip(items).collect())
}

fn text(bytes: &[u8]) -> Datum {
    Datum::Text(bytes.to_vec())
}
