//! Messages of nodes: one JSON object a line, in Maelstrom's envelope.
//!
//! ```text
//! {"src":"n1","dest":"n2","body":{"type":"append","term":2,"msg_id":7}}\n
//! {"src":"n2","dest":"n1","body":{"type":"append_ok","in_reply_to":7}}\n
//! ```
//!
//! Replies come in any order, and a message may want none; `msg_id` and `in_reply_to` say which answers
//! which. A line that is a body without an envelope is taken as well, so that a person can type one.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::tap::{Cut, Cutter, Pairing, Whole};
use super::text::{SUMMARY_CHARS_MAX, excerpt};
use crate::base::Direction;

/// The longest line, in bytes; what is longer is no message.
pub const JSON_LINE_MAX: usize = 4 * 1024 * 1024;

/// How deep a message is looked into.
const DEPTH_MAX: usize = 128;

/// An error that a node replies: `{"type":"error","code":11,"text":...}`. As Maelstrom has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeError {
    /// Its code.
    pub code: i64,
    /// Its name.
    pub name: &'static str,
    /// True if it says that the operation certainly did not happen.
    pub definite: bool,
    /// True if another node may do what this one cannot do now.
    pub elsewhere: bool,
}

const fn error(code: i64, name: &'static str, definite: bool, elsewhere: bool) -> NodeError {
    NodeError { code, name, definite, elsewhere }
}

/// The errors that nodes reply; other codes have no name, and are not definite.
pub const NODE_ERRORS: [NodeError; 11] = [
    error(0, "timeout", false, true),
    error(1, "node-not-found", true, true),
    error(10, "not-supported", true, false),
    error(11, "temporarily-unavailable", true, true),
    error(12, "malformed-request", true, false),
    error(13, "crash", false, true),
    error(14, "abort", true, false),
    error(20, "key-does-not-exist", true, false),
    error(21, "key-already-exists", true, false),
    error(22, "precondition-failed", true, false),
    error(30, "txn-conflict", true, false),
];

/// A message as a line: the envelope, the body's fields as JSON without braces, and behind them the number that
/// pairs it.
///
/// ```
/// let line = looplab::protocol::json_line("n1", "n2", br#""type":"ping""#, Some(("msg_id", 7)));
/// assert_eq!(line, b"{\"src\":\"n1\",\"dest\":\"n2\",\"body\":{\"type\":\"ping\",\"msg_id\":7}}\n");
/// ```
#[must_use]
pub fn json_line(from: &str, to: &str, fields: &[u8], number: Option<(&str, u64)>) -> Vec<u8> {
    let mut line = Vec::with_capacity(fields.len() + from.len() + to.len() + 64);
    line.extend_from_slice(b"{\"src\":\"");
    line.extend_from_slice(from.as_bytes());
    line.extend_from_slice(b"\",\"dest\":\"");
    line.extend_from_slice(to.as_bytes());
    line.extend_from_slice(b"\",\"body\":{");
    line.extend_from_slice(fields);
    if let Some((name, number)) = number {
        line.extend_from_slice(b",\"");
        line.extend_from_slice(name.as_bytes());
        line.extend_from_slice(b"\":");
        line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
    line.extend_from_slice(b"}}\n");
    line
}

/// A line that is longer than [`JSON_LINE_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineTooLong;

impl fmt::Display for LineTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a message is longer than {JSON_LINE_MAX} bytes")
    }
}

impl std::error::Error for LineTooLong {}

/// Cuts what a connection brings into lines.
///
/// ```
/// let mut lines = looplab::protocol::JsonLines::default();
/// lines.input().extend_from_slice(b"{}\n{");
/// assert_eq!(lines.next_line().unwrap().unwrap(), &b"{}\n"[..]);
/// assert_eq!(lines.next_line(), Ok(None));
/// ```
#[derive(Debug, Default)]
pub struct JsonLines {
    input: BytesMut,
    /// How far no line ends.
    searched: usize,
}

impl JsonLines {
    /// Where what comes is put, at the end.
    pub fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Takes the next line, its end included, if it is whole.
    ///
    /// # Errors
    /// [`LineTooLong`] if it cannot become one.
    pub fn next_line(&mut self) -> Result<Option<Bytes>, LineTooLong> {
        let length = line_length(&self.input, &mut self.searched)?;
        Ok(length.map(|length| self.input.split_to(length).freeze()))
    }
}

/// How long the first line is, its end included, if it is whole; up to `searched` no line ends.
fn line_length(input: &[u8], searched: &mut usize) -> Result<Option<usize>, LineTooLong> {
    match memchr::memchr(b'\n', &input[*searched..]) {
        Some(end) => Ok(Some(std::mem::take(searched) + end + 1)),
        None if input.len() > JSON_LINE_MAX => Err(LineTooLong),
        None => {
            *searched = input.len();
            Ok(None)
        }
    }
}

/// What a line says of itself.
///
/// ```
/// use looplab::protocol::Envelope;
/// let line = br#"{"src":"c","dest":"n1","body":{"type":"read","key":"x","msg_id":3}}"#;
/// let envelope = Envelope::parse(line).unwrap();
/// assert_eq!((envelope.src, envelope.kind, envelope.msg_id), (Some("c"), "read", Some(3)));
/// assert_eq!(envelope.body, br#"{"type":"read","key":"x","msg_id":3}"#);
/// assert!(Envelope::parse(b"hello").is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'l> {
    /// Who sent it, if the line says so; as it is written, escapes and all.
    pub src: Option<&'l str>,
    /// The body, an object.
    pub body: &'l [u8],
    /// Its `type`; empty if it has none.
    pub kind: &'l str,
    /// The number by which it wants to be answered.
    pub msg_id: Option<u64>,
    /// The number of what it answers.
    pub in_reply_to: Option<u64>,
}

impl<'l> Envelope<'l> {
    /// Reads a line; `None` if it is no JSON object with a `type` in its body.
    #[must_use]
    pub fn parse(line: &'l [u8]) -> Option<Envelope<'l>> {
        let bare = Envelope { src: None, body: line, kind: "", msg_id: None, in_reply_to: None };
        let mut outer = bare;
        let mut inner = None;
        let begin = blanks(line, 0);
        let end = object(line, begin, |key, at| {
            if key != b"body" {
                return outer.field(line, key, at);
            }
            let mut body = bare;
            let end = object(line, at, |key, at| body.field(line, key, at))?;
            body.body = &line[at..end];
            inner = Some(body);
            Some(end)
        })?;
        let envelope = inner.map_or(outer, |inner| Envelope { src: outer.src, ..inner });
        (blanks(line, end) == line.len() && !envelope.kind.is_empty()).then_some(envelope)
    }

    /// Takes the field of which the value begins at `at`. Returns where that ends.
    fn field(&mut self, line: &'l [u8], key: &[u8], at: usize) -> Option<usize> {
        let end = value(line, at)?;
        let value = &line[at..end];
        match key {
            b"src" => self.src = text(value),
            b"type" => self.kind = text(value).unwrap_or_default(),
            b"msg_id" => self.msg_id = number(value),
            b"in_reply_to" => self.in_reply_to = number(value),
            _ => {}
        }
        Some(end)
    }

    /// One line for people: the type and the fields, without the numbers that only pair messages.
    ///
    /// ```
    /// # use looplab::protocol::Envelope;
    /// let line = br#"{"src":"a","body":{"type":"vote","term":3,"who":"n 1","log":[1,2],"msg_id":9}}"#;
    /// assert_eq!(Envelope::parse(line).unwrap().summary(), r#"vote term=3 who="n 1" log=[1,2]"#);
    /// ```
    #[must_use]
    pub fn summary(&self) -> String {
        let mut out = String::with_capacity(64);
        out.push_str(self.kind);
        let mut chars = out.chars().count();
        let _ = object(self.body, blanks(self.body, 0), |key, at| {
            let end = value(self.body, at)?;
            if matches!(key, b"type" | b"msg_id" | b"in_reply_to") || chars > SUMMARY_CHARS_MAX {
                return Some(end);
            }
            let text = |bytes| std::str::from_utf8(bytes).ok();
            let (key, mut value) = (text(key)?, text(&self.body[at..end])?);
            if let Some(inner) = value.strip_prefix('"').and_then(|text| text.strip_suffix('"'))
                && is_word(inner)
            {
                value = inner;
            }
            let before = out.len();
            out.extend([" ", key, "=", value]);
            chars += out[before..].chars().count();
            Some(end)
        });
        if chars > SUMMARY_CHARS_MAX {
            let end = out.char_indices().nth(SUMMARY_CHARS_MAX).map_or(out.len(), |(at, _)| at);
            out.truncate(end);
            out.push('…');
        }
        out
    }
}

fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:/-@".contains(&byte);
    text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && text.bytes().all(plain)
        && !matches!(text, "true" | "false" | "null")
}

/// A text without its quotes, if it is one.
fn text(value: &[u8]) -> Option<&str> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    std::str::from_utf8(inner).ok()
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Walks through the object that begins at `at`: `each` is called with the name of a field and with where its value
/// begins, and returns where that ends. Returns where the object ends; `None` if it is none.
fn object<'l>(
    input: &'l [u8],
    mut at: usize,
    mut each: impl FnMut(&'l [u8], usize) -> Option<usize>,
) -> Option<usize> {
    if input.get(at) != Some(&b'{') {
        return None;
    }
    at = blanks(input, at + 1);
    if input.get(at) == Some(&b'}') {
        return Some(at + 1);
    }
    loop {
        let end = string(input, at)?;
        let key = &input[at + 1..end - 1];
        at = blanks(input, end);
        if input.get(at) != Some(&b':') {
            return None;
        }
        at = blanks(input, each(key, blanks(input, at + 1))?);
        match input.get(at) {
            Some(b',') => at = blanks(input, at + 1),
            Some(b'}') => return Some(at + 1),
            _ => return None,
        }
    }
}

fn blanks(input: &[u8], mut at: usize) -> usize {
    while input.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// One past the text that begins at `at`.
fn string(input: &[u8], at: usize) -> Option<usize> {
    if input.get(at) != Some(&b'"') {
        return None;
    }
    let mut next = at + 1;
    loop {
        match input.get(next)? {
            b'"' => return Some(next + 1),
            b'\\' => next += 2,
            _ => next += 1,
        }
    }
}

/// One past the value that begins at `at`; what is inside of brackets is only paired.
fn value(input: &[u8], at: usize) -> Option<usize> {
    match input.get(at)? {
        b'"' => string(input, at),
        b'{' | b'[' => {
            let (mut depth, mut next) = (0_usize, at);
            loop {
                match input.get(next)? {
                    b'"' => next = string(input, next)?,
                    b'{' | b'[' if depth == DEPTH_MAX => return None,
                    b'{' | b'[' => (depth, next) = (depth + 1, next + 1),
                    b'}' | b']' => {
                        (depth, next) = (depth - 1, next + 1);
                        if depth == 0 {
                            return Some(next);
                        }
                    }
                    _ => next += 1,
                }
            }
        }
        _ => {
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
            let length = input[at..].iter().take_while(|byte| plain(byte)).count();
            (length > 0).then_some(at + length)
        }
    }
}

/// Lines of JSON in one direction.
pub(super) struct Json {
    direction: Direction,
    searched: usize,
}

impl Json {
    pub(super) fn new(direction: Direction) -> Json {
        Json { direction, searched: 0 }
    }
}

impl Cutter for Json {
    fn cut(&mut self, input: &[u8], _whole: Whole<'_>) -> Cut {
        let length = match line_length(input, &mut self.searched) {
            Ok(Some(length)) => length,
            Ok(None) => return Cut::more(0),
            Err(LineTooLong) => return Cut::lost(),
        };
        let line = input[..length].trim_ascii();
        let Some(envelope) = Envelope::parse(line) else {
            let text = excerpt(line, SUMMARY_CHARS_MAX / 2);
            return Cut::paired(length, format!("not a message: {text}"), Pairing::Free);
        };
        let pairing = match (self.direction, envelope.msg_id, envelope.in_reply_to) {
            (Direction::Request, Some(id), _) => Pairing::Asks(id),
            (Direction::Response, _, Some(id)) => Pairing::Answers(id),
            _ => Pairing::Free,
        };
        Cut::paired(length, envelope.summary(), pairing)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_message_is_not_taken_for_one() {
        for line in [
            "",
            "{}",
            "[]",
            "null",
            "{\"body\":{}}",
            "{\"body\":1}",
            "{\"type\":\"x\",\"body\":{}}",
            "{\"type\":1}",
            "{\"type\":\"\"}",
            "{\"body\":{\"type\":\"x\"}} x",
            "{\"body\":{\"type\":\"x\"}",
            "{\"type\":\"x\",}",
            "{\"a\" 1}",
            "{\"a\":\"\\",
            "{\"a\":[}",
            "{a:1}",
        ] {
            assert_eq!(Envelope::parse(line.as_bytes()), None, "{line}");
        }
        let deep = format!("{{\"type\":\"x\",\"v\":{}", "[".repeat(1_000_000));
        assert_eq!(Envelope::parse(deep.as_bytes()), None);
    }

    #[test]
    fn a_line_that_a_person_types_is_a_message() {
        let envelope = Envelope::parse(b" { \"type\" : \"read\" , \"key\" : \"x\" } ").unwrap();
        assert_eq!((envelope.src, envelope.kind), (None, "read"));
        assert_eq!(envelope.summary(), "read key=x");
    }

    #[test]
    fn a_long_message_is_told_on_one_line_of_its_beginning() {
        let line = format!("{{\"type\":\"x\",\"v\":\"{}\",\"w\":1}}", "ä".repeat(500));
        let summary = Envelope::parse(line.as_bytes()).unwrap().summary();
        assert_eq!(summary.chars().count(), SUMMARY_CHARS_MAX + 1);
        assert!(summary.ends_with('…'));
    }

    proptest! {
        #[test]
        fn whatever_serde_writes_is_read_alike(
            kind in "[a-z]{1,8}", src in "[a-z0-9.]{1,8}", id in any::<u64>(),
            field in "[a-z]{1,4}x", text in any::<String>(), list in prop::collection::vec(any::<i32>(), 0..4),
        ) {
            let body = serde_json::json!({ "type": kind, field.clone(): text, "list": list, "msg_id": id });
            let line = serde_json::json!({ "src": src, "dest": "n", "body": body }).to_string();
            let envelope = Envelope::parse(line.as_bytes()).unwrap();
            prop_assert_eq!(envelope.src, Some(&*src));
            prop_assert_eq!(envelope.kind, &*kind);
            prop_assert_eq!(envelope.msg_id, Some(id));
            let read: serde_json::Value = serde_json::from_slice(envelope.body).unwrap();
            prop_assert_eq!(read, body);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(envelope) = Envelope::parse(&bytes) {
                let _ = envelope.summary();
            }
        }

        #[test]
        fn no_text_of_brackets_makes_it_panic(text in "[\\[\\]{}\":,a1\\\\ ]{0,60}") {
            if let Some(envelope) = Envelope::parse(text.as_bytes()) {
                let _ = envelope.summary();
            }
        }
    }
}
