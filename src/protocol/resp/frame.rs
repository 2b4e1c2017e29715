//! A frame as a tree.

use bytes::{Bytes, BytesMut};

use super::scan::{Aggregate, Bulk, Element, element};
use super::{RespError, Scanner};
use crate::base::Value;

/// Any frame of RESP2 or RESP3.
///
/// Text is bytes: Redis promises no encoding. Bytes are slices of what was received, not copies.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// `+OK`.
    Simple(Bytes),
    /// `-ERR why`.
    Error(Bytes),
    /// `:1`.
    Integer(i64),
    /// `$5 hello`.
    Bulk(Bytes),
    /// `*2 ...`.
    Array(Vec<Frame>),
    /// `$-1` in RESP2, `_` in RESP3.
    Null,
    /// `*-1` in RESP2, as a blocking command that waited in vain answers; `_` in RESP3.
    NullArray,
    /// `%2 ...` (RESP3); in RESP2 an array of keys and values by turns.
    Map(Vec<(Frame, Frame)>),
    /// `~2 ...` (RESP3); in RESP2 an array.
    Set(Vec<Frame>),
    /// `>3 ...` (RESP3), what nobody asked for; in RESP2 an array.
    Push(Vec<Frame>),
    /// `,1.5` (RESP3); in RESP2 a bulk string.
    Double(f64),
    /// `#t` (RESP3); in RESP2 an integer.
    Boolean(bool),
    /// `(123...` (RESP3): the digits; in RESP2 a bulk string.
    BigNumber(Bytes),
    /// `=15 txt:...` (RESP3); in RESP2 a bulk string of the text.
    Verbatim {
        /// Three letters: `txt` or `mkd`.
        format: [u8; 3],
        /// The text.
        text: Bytes,
    },
    /// `!21 ...` (RESP3); in RESP2 an error on one line.
    BulkError(Bytes),
    /// `|1 ...` (RESP3), something said about the frame that follows; in RESP2 left out.
    Attributed {
        /// What is said.
        attributes: Vec<(Frame, Frame)>,
        /// The frame itself.
        frame: Box<Frame>,
    },
}

impl Frame {
    /// A bulk string.
    #[must_use]
    pub fn bulk(text: impl AsRef<[u8]>) -> Frame {
        Frame::Bulk(Bytes::copy_from_slice(text.as_ref()))
    }

    /// The text of an error reply.
    #[must_use]
    pub fn error(&self) -> Option<&[u8]> {
        match self {
            Frame::Error(text) | Frame::BulkError(text) => Some(text),
            Frame::Attributed { frame, .. } => frame.error(),
            _ => None,
        }
    }

    /// The frame as JSON: text as a string (bytes that are not UTF-8 become U+FFFD), a map as an
    /// object, sets and pushes as arrays, an infinite double as a string.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let text = |bytes: &[u8]| Value::String(String::from_utf8_lossy(bytes).into_owned());
        match self {
            Frame::Simple(bytes)
            | Frame::Error(bytes)
            | Frame::Bulk(bytes)
            | Frame::BigNumber(bytes)
            | Frame::BulkError(bytes)
            | Frame::Verbatim { text: bytes, .. } => text(bytes),
            Frame::Integer(value) => Value::from(*value),
            Frame::Boolean(value) => Value::from(*value),
            Frame::Null | Frame::NullArray => Value::Null,
            Frame::Double(value) => serde_json::Number::from_f64(*value).map_or_else(
                || {
                    let mut out = Vec::new();
                    super::format_double(*value, &mut out);
                    text(&out)
                },
                Value::Number,
            ),
            Frame::Array(items) | Frame::Set(items) | Frame::Push(items) => {
                Value::Array(items.iter().map(Frame::to_value).collect())
            }
            Frame::Map(pairs) => Value::Object(
                pairs.iter().map(|(key, value)| (key.to_key(), value.to_value())).collect(),
            ),
            Frame::Attributed { frame, .. } => frame.to_value(),
        }
    }

    fn to_key(&self) -> String {
        match self.to_value() {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    /// The frame that the whole of `raw` is; its text is slices of `raw`.
    ///
    /// # Errors
    /// [`RespError`] if `raw` is anything but one whole frame.
    pub fn parse(raw: &Bytes) -> Result<Frame, RespError> {
        match Scanner::default().scan(raw)? {
            Some(length) if length == raw.len() => build(raw, &mut 0),
            _ => Err(RespError::MissingCrlf),
        }
    }
}

/// Builds the frame at `at`. The scanner has passed it, so it is whole, and nests no deeper than
/// [`DEPTH_MAX`](super::DEPTH_MAX).
fn build(raw: &Bytes, at: &mut usize) -> Result<Frame, RespError> {
    let (element, next) = element(raw, *at, &mut 0)?.ok_or(RespError::MissingCrlf)?;
    *at = next;
    Ok(match element {
        Element::Simple(range) => Frame::Simple(raw.slice(range)),
        Element::Error(range) => Frame::Error(raw.slice(range)),
        Element::BigNumber(range) => Frame::BigNumber(raw.slice(range)),
        Element::Bulk(Bulk::Plain, range) => Frame::Bulk(raw.slice(range)),
        Element::Bulk(Bulk::Error, range) => Frame::BulkError(raw.slice(range)),
        Element::Bulk(Bulk::Verbatim, range) => Frame::Verbatim {
            format: [raw[range.start], raw[range.start + 1], raw[range.start + 2]],
            text: raw.slice(range.start + 4..range.end),
        },
        Element::Integer(value) => Frame::Integer(value),
        Element::Double(value) => Frame::Double(value),
        Element::Boolean(value) => Frame::Boolean(value),
        Element::Null => Frame::Null,
        Element::NullArray => Frame::NullArray,
        Element::Open(Aggregate::Array, count) => Frame::Array(build_list(raw, at, count)?),
        Element::Open(Aggregate::Set, count) => Frame::Set(build_list(raw, at, count)?),
        Element::Open(Aggregate::Push, count) => Frame::Push(build_list(raw, at, count)?),
        Element::Open(Aggregate::Map, count) => Frame::Map(build_pairs(raw, at, count / 2)?),
        Element::Open(Aggregate::Attribute, count) => Frame::Attributed {
            attributes: build_pairs(raw, at, count / 2)?,
            frame: Box::new(build(raw, at)?),
        },
    })
}

fn build_list(raw: &Bytes, at: &mut usize, count: usize) -> Result<Vec<Frame>, RespError> {
    // All the elements have arrived, so their number is no mere announcement.
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(build(raw, at)?);
    }
    Ok(items)
}

fn build_pairs(
    raw: &Bytes,
    at: &mut usize,
    count: usize,
) -> Result<Vec<(Frame, Frame)>, RespError> {
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        pairs.push((build(raw, at)?, build(raw, at)?));
    }
    Ok(pairs)
}

/// Reads frames of any kind: the side that gets replies.
///
/// ```
/// use bytes::BytesMut;
/// use looplab::protocol::resp::{Frame, RespDecoder};
/// let mut decoder = RespDecoder::default();
/// let mut input = BytesMut::from(&b"*2\r\n:1\r\n$3\r\nab"[..]);
/// assert_eq!(decoder.decode(&mut input), Ok(None));
/// input.extend_from_slice(b"c\r\n");
/// assert_eq!(
///     decoder.decode(&mut input),
///     Ok(Some(Frame::Array(vec![Frame::Integer(1), Frame::bulk("abc")])))
/// );
/// assert!(input.is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct RespDecoder {
    scanner: Scanner,
}

impl RespDecoder {
    /// Takes the next frame from `input`, or nothing if it is not all there.
    ///
    /// # Errors
    /// [`RespError`] if this is no frame, or passes a limit.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, RespError> {
        let Some(length) = self.scanner.scan(input)? else { return Ok(None) };
        let raw = input.split_to(length).freeze();
        build(&raw, &mut 0).map(Some)
    }
}
