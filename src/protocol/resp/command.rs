//! Commands: what a client sends.

use bytes::{Bytes, BytesMut};

use super::scan::number;
use super::{BULK_BYTES_MAX, ELEMENTS_MAX, FRAME_BYTES_MAX, LINE_BYTES_MAX, RespError};

/// The most words that somebody who has not given the password may announce.
const UNAUTHENTICATED_WORDS_MAX: usize = 10;
/// The longest word that somebody who has not given the password may announce.
const UNAUTHENTICATED_BULK_BYTES_MAX: usize = 16 << 10;
/// Room for words that is kept from one command to the next.
const KEPT_WORDS: usize = 1024;

/// Where a word is: its first byte, and one past its last.
type Span = (usize, usize);

/// The words of one command, as slices of what was received.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    text: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Words<'a> {
    /// How many words there are. None at all is a line of nothing, which is no command.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// True if there is no word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Word number `index`; the command's name is number 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|&(start, end)| &self.text[start..end])
    }

    /// The words from `index` on.
    #[must_use]
    pub fn from(&self, index: usize) -> Words<'a> {
        Words { text: self.text, spans: self.spans.get(index..).unwrap_or_default() }
    }

    /// The first `count` words, or all if there are fewer.
    #[must_use]
    pub fn first(&self, count: usize) -> Words<'a> {
        Words { text: self.text, spans: self.spans.get(..count).unwrap_or(self.spans) }
    }

    /// The words in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let text = self.text;
        self.spans.iter().map(move |&(start, end)| &text[start..end])
    }

    /// A copy that outlives the buffer.
    #[must_use]
    pub fn to_owned(&self) -> OwnedWords {
        let mut owned = OwnedWords { text: Vec::new(), spans: Vec::with_capacity(self.len()) };
        for word in self.iter() {
            owned.push(word);
        }
        owned
    }
}

impl std::ops::Index<usize> for Words<'_> {
    type Output = [u8];

    fn index(&self, index: usize) -> &[u8] {
        let (start, end) = self.spans[index];
        &self.text[start..end]
    }
}

/// The words of one command, kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnedWords {
    text: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedWords {
    /// Adds a word.
    pub fn push(&mut self, word: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(word);
        self.spans.push((start, self.text.len()));
    }

    /// The words.
    #[must_use]
    pub fn as_words(&self) -> Words<'_> {
        Words { text: &self.text, spans: &self.spans }
    }
}

impl<W: AsRef<[u8]>> FromIterator<W> for OwnedWords {
    fn from_iter<I: IntoIterator<Item = W>>(words: I) -> OwnedWords {
        let mut owned = OwnedWords::default();
        for word in words {
            owned.push(word.as_ref());
        }
        owned
    }
}

/// Reads commands: an array of bulk strings, or a line as somebody types it into telnet.
///
/// ```
/// use looplab::protocol::resp::CommandDecoder;
/// let mut decoder = CommandDecoder::default();
/// let (words, length) = decoder.decode(b"*2\r\n$3\r\nGET\r\n$1\r\nx\r\nPING\r\n").unwrap().unwrap();
/// assert_eq!((words.len(), &words[0], &words[1]), (2, &b"GET"[..], &b"x"[..]));
/// assert_eq!(length, 20);
/// ```
#[derive(Debug, Clone, Default)]
pub struct CommandDecoder {
    at: usize,
    /// Words still to come, once the head has been read.
    remaining: Option<usize>,
    spans: Vec<Span>,
    /// Words of a line, without their quotes.
    line: Vec<u8>,
    unauthenticated: bool,
}

impl CommandDecoder {
    /// Whether to hold to the small limits for those who have not given the password.
    pub fn set_unauthenticated(&mut self, unauthenticated: bool) {
        self.unauthenticated = unauthenticated;
    }

    /// The command at the beginning of `input` and its length, or `None` if it is not all there.
    ///
    /// After `None` the next call must be given the same bytes and more; after a command, what
    /// follows it. A command without words is to be skipped.
    ///
    /// # Errors
    /// [`RespError`] if this is no command, or passes a limit.
    pub fn decode<'a>(
        &'a mut self,
        input: &'a [u8],
    ) -> Result<Option<(Words<'a>, usize)>, RespError> {
        if self.remaining.is_none() {
            match input.first() {
                None => return Ok(None),
                Some(b'*') => {}
                Some(_) => return self.inline(input),
            }
            let Some((count, next)) = number(input, 0, RespError::MultibulkLength)? else {
                return Ok(None);
            };
            let count = usize::try_from(count).unwrap_or(0);
            if count > ELEMENTS_MAX {
                return Err(RespError::MultibulkLength);
            }
            if self.unauthenticated && count > UNAUTHENTICATED_WORDS_MAX {
                return Err(RespError::UnauthenticatedMultibulk);
            }
            self.spans.clear();
            self.spans.shrink_to(KEPT_WORDS);
            self.at = next;
            self.remaining = Some(count);
        }
        if !self.words(input)? {
            return Ok(None);
        }
        let length = self.at;
        self.at = 0;
        self.remaining = None;
        Ok(Some((Words { text: input, spans: &self.spans }, length)))
    }

    /// Reads on; true if all words are there.
    fn words(&mut self, input: &[u8]) -> Result<bool, RespError> {
        let mut remaining = self.remaining.unwrap_or(0);
        while remaining > 0 {
            match input.get(self.at) {
                None => break,
                Some(b'$') => {}
                Some(&other) => return Err(RespError::ExpectedBulk(other)),
            }
            let Some((length, start)) = number(input, self.at, RespError::BulkLength)? else {
                break;
            };
            let length = usize::try_from(length).map_err(|_| RespError::BulkLength)?;
            if length > BULK_BYTES_MAX {
                return Err(RespError::BulkLength);
            }
            if self.unauthenticated && length > UNAUTHENTICATED_BULK_BYTES_MAX {
                return Err(RespError::UnauthenticatedBulk);
            }
            let end = start + length;
            if end + 2 > FRAME_BYTES_MAX {
                return Err(RespError::BulkLength);
            }
            // As in Redis, the two bytes after a word are passed over, whatever they are.
            if input.len() < end + 2 {
                break;
            }
            self.spans.push((start, end));
            self.at = end + 2;
            remaining -= 1;
        }
        self.remaining = Some(remaining);
        Ok(remaining == 0)
    }

    fn inline<'a>(&'a mut self, input: &'a [u8]) -> Result<Option<(Words<'a>, usize)>, RespError> {
        let searched = self.at;
        let Some(offset) = input[searched..].iter().position(|&byte| byte == b'\n') else {
            self.at = input.len();
            return if input.len() > LINE_BYTES_MAX {
                Err(RespError::InlineTooLong)
            } else {
                Ok(None)
            };
        };
        let end = searched + offset;
        if end > LINE_BYTES_MAX {
            return Err(RespError::InlineTooLong);
        }
        self.at = 0;
        self.line.clear();
        self.spans.clear();
        let line = &input[..end];
        split(line.strip_suffix(b"\r").unwrap_or(line), &mut self.line, &mut self.spans)?;
        Ok(Some((Words { text: &self.line, spans: &self.spans }, end + 1)))
    }
}

/// Splits a typed line into words: `"..."` with escapes, `'...'` with `\'`, anything else up to a
/// space.
fn split(line: &[u8], text: &mut Vec<u8>, spans: &mut Vec<Span>) -> Result<(), RespError> {
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Ok(());
        }
        let start = text.len();
        loop {
            match rest {
                [] => break,
                [b'"', inside @ ..] => rest = double_quoted(inside, text)?,
                [b'\'', inside @ ..] => rest = single_quoted(inside, text)?,
                [b' ' | b'\n' | b'\r' | b'\t' | 0, after @ ..] => {
                    rest = after;
                    break;
                }
                [byte, after @ ..] => {
                    text.push(*byte);
                    rest = after;
                    continue;
                }
            }
            // Only a space may follow a closing quote.
            match rest.first() {
                None => break,
                Some(byte) if byte.is_ascii_whitespace() => {}
                Some(_) => return Err(RespError::UnbalancedQuotes),
            }
        }
        spans.push((start, text.len()));
    }
}

/// What follows the closing quote.
fn double_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], RespError> {
    loop {
        rest = match rest {
            [] => return Err(RespError::UnbalancedQuotes),
            [b'"', after @ ..] => return Ok(after),
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                text.push(16 * hex_digit(*high) + hex_digit(*low));
                after
            }
            [b'\\', escaped, after @ ..] => {
                text.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                after
            }
            [byte, after @ ..] => {
                text.push(*byte);
                after
            }
        };
    }
}

/// What follows the closing quote.
fn single_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], RespError> {
    loop {
        rest = match rest {
            [] => return Err(RespError::UnbalancedQuotes),
            [b'\'', after @ ..] => return Ok(after),
            [b'\\', b'\'', after @ ..] => {
                text.push(b'\'');
                after
            }
            [byte, after @ ..] => {
                text.push(*byte);
                after
            }
        };
    }
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Appends a command to `out`: an array of bulk strings.
///
/// ```
/// let mut out = bytes::BytesMut::new();
/// looplab::protocol::resp::encode_command(&["GET", "x"], &mut out);
/// assert_eq!(out, "*2\r\n$3\r\nGET\r\n$1\r\nx\r\n");
/// ```
pub fn encode_command<W: AsRef<[u8]>>(words: &[W], out: &mut BytesMut) {
    let mut writer = super::Writer::new(out, super::Version::Resp2);
    writer.array(words.len());
    for word in words {
        writer.bulk(word.as_ref());
    }
}

/// The same as [`encode_command`], as bytes of their own.
#[must_use]
pub fn command_bytes<W: AsRef<[u8]>>(words: &[W]) -> Bytes {
    let mut out = BytesMut::new();
    encode_command(words, &mut out);
    out.freeze()
}
