//! Replies: what a server sends.

use bytes::{BufMut, BytesMut};

use super::{Frame, format_double};

/// A version of the protocol; every connection begins with 2, and `HELLO 3` changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// RESP2: five types.
    #[default]
    Resp2,
    /// RESP3: maps, sets, doubles, pushes and more.
    Resp3,
}

/// Writes replies in one version, piece by piece: what RESP2 lacks is written as Redis writes it
/// there (a map as an array, a double as a bulk string).
///
/// ```
/// use looplab::protocol::resp::{Version, Writer};
/// let mut out = bytes::BytesMut::new();
/// let mut writer = Writer::new(&mut out, Version::Resp2);
/// writer.map(1);
/// writer.bulk(b"score");
/// writer.double(1.5);
/// assert_eq!(out, "*2\r\n$5\r\nscore\r\n$3\r\n1.5\r\n");
/// ```
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut BytesMut,
    version: Version,
    limit: usize,
    overflowed: bool,
}

impl<'a> Writer<'a> {
    /// Writes to the end of `out`.
    #[must_use]
    pub fn new(out: &'a mut BytesMut, version: Version) -> Writer<'a> {
        Writer { out, version, limit: usize::MAX, overflowed: false }
    }

    /// Writes no bulk string that would make the buffer longer than `limit` bytes.
    #[must_use]
    pub fn with_limit(self, limit: usize) -> Writer<'a> {
        Writer { limit, ..self }
    }

    /// A writer to the same buffer, for the time being.
    #[must_use]
    pub fn reborrow(&mut self) -> Writer<'_> {
        Writer { out: self.out, version: self.version, limit: self.limit, overflowed: false }
    }

    /// True if something was left out because of the limit: what was written is no reply then.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// The version that is written.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Writes the rest in another version.
    pub fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// How many bytes the buffer holds; with [`Writer::truncate`], to take back what was written.
    #[must_use]
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// Takes back all that was written after `position`.
    pub fn truncate(&mut self, position: usize) {
        self.out.truncate(position);
    }

    fn resp3(&self) -> bool {
        self.version == Version::Resp3
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.put_u8(kind);
        self.out.put_slice(text);
        self.out.put_slice(b"\r\n");
    }

    /// A line in which CR and LF, which would end it, are spaces.
    fn clean_line(&mut self, kind: u8, text: &[u8]) {
        let start = self.out.len() + 1;
        self.line(kind, text);
        let end = self.out.len() - 2;
        for byte in &mut self.out[start..end] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }

    fn head(&mut self, kind: u8, number: usize) {
        self.line(kind, itoa::Buffer::new().format(number).as_bytes());
    }

    fn block(&mut self, kind: u8, text: &[u8]) {
        if text.len() > self.limit.saturating_sub(self.out.len()) {
            self.overflowed = true;
            return;
        }
        self.head(kind, text.len());
        self.out.reserve(text.len() + 2);
        self.out.put_slice(text);
        self.out.put_slice(b"\r\n");
    }

    /// Bytes that are RESP already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// `+OK`.
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// `+text`.
    pub fn simple(&mut self, text: &str) {
        self.clean_line(b'+', text.as_bytes());
    }

    /// `-text`; the text begins with its code, as `ERR `.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        self.clean_line(b'-', text.as_ref());
    }

    /// `:1`.
    pub fn integer(&mut self, value: i64) {
        self.line(b':', itoa::Buffer::new().format(value).as_bytes());
    }

    /// `:1` of a count.
    pub fn count(&mut self, value: usize) {
        self.head(b':', value);
    }

    /// `$5 hello`.
    pub fn bulk(&mut self, text: impl AsRef<[u8]>) {
        self.block(b'$', text.as_ref());
    }

    /// `$5 hello`, or nothing.
    pub fn bulk_or_null(&mut self, text: Option<impl AsRef<[u8]>>) {
        match text {
            Some(text) => self.bulk(text),
            None => self.null(),
        }
    }

    /// Nothing: `$-1` or `_`.
    pub fn null(&mut self) {
        self.out.extend_from_slice(if self.resp3() { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// No array: `*-1` or `_`.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(if self.resp3() { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// The head of an array; its elements follow.
    pub fn array(&mut self, count: usize) {
        self.head(b'*', count);
    }

    /// The head of a map of `pairs` pairs.
    pub fn map(&mut self, pairs: usize) {
        if self.resp3() { self.head(b'%', pairs) } else { self.head(b'*', 2 * pairs) }
    }

    /// The head of a set.
    pub fn set(&mut self, count: usize) {
        self.head(if self.resp3() { b'~' } else { b'*' }, count);
    }

    /// The head of a push.
    pub fn push(&mut self, count: usize) {
        self.head(if self.resp3() { b'>' } else { b'*' }, count);
    }

    /// `,1.5`, or a bulk string.
    pub fn double(&mut self, value: f64) {
        let mut text = Vec::with_capacity(24);
        format_double(value, &mut text);
        if self.resp3() { self.line(b',', &text) } else { self.bulk(text) }
    }

    /// `#t`, or an integer.
    pub fn boolean(&mut self, value: bool) {
        if self.resp3() {
            self.line(b'#', if value { b"t" } else { b"f" });
        } else {
            self.integer(i64::from(value));
        }
    }

    /// `=15 txt:...`, or a bulk string.
    pub fn verbatim(&mut self, format: [u8; 3], text: &[u8]) {
        if !self.resp3() {
            return self.bulk(text);
        }
        self.head(b'=', text.len() + 4);
        self.out.extend_from_slice(&format);
        self.out.extend_from_slice(b":");
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A whole frame.
    pub fn frame(&mut self, frame: &Frame) {
        match frame {
            Frame::Simple(text) => self.clean_line(b'+', text),
            Frame::Error(text) => self.error(text),
            Frame::Integer(value) => self.integer(*value),
            Frame::Bulk(text) => self.bulk(text),
            Frame::Null => self.null(),
            Frame::NullArray => self.null_array(),
            Frame::Double(value) => self.double(*value),
            Frame::Boolean(value) => self.boolean(*value),
            Frame::Verbatim { format, text } => self.verbatim(*format, text),
            Frame::BigNumber(digits) if self.resp3() => self.clean_line(b'(', digits),
            Frame::BigNumber(digits) => self.bulk(digits),
            Frame::BulkError(text) if self.resp3() => self.block(b'!', text),
            Frame::BulkError(text) => self.error(text),
            Frame::Array(items) => {
                self.array(items.len());
                self.frames(items);
            }
            Frame::Set(items) => {
                self.set(items.len());
                self.frames(items);
            }
            Frame::Push(items) => {
                self.push(items.len());
                self.frames(items);
            }
            Frame::Map(pairs) => {
                self.map(pairs.len());
                self.pairs(pairs);
            }
            Frame::Attributed { attributes, frame } => {
                if self.resp3() {
                    self.head(b'|', attributes.len());
                    self.pairs(attributes);
                }
                self.frame(frame);
            }
        }
    }

    fn frames(&mut self, items: &[Frame]) {
        for item in items {
            self.frame(item);
        }
    }

    fn pairs(&mut self, pairs: &[(Frame, Frame)]) {
        for (key, value) in pairs {
            self.frame(key);
            self.frame(value);
        }
    }
}

impl Frame {
    /// Appends the frame to `out`; what `version` lacks is written as Redis writes it there.
    pub fn encode(&self, out: &mut BytesMut, version: Version) {
        Writer::new(out, version).frame(self);
    }
}
