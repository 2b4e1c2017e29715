//! The one reader of RESP: element by element, never past what has arrived.

use std::ops::Range;

use super::number::{parse_double, parse_i64};
use super::{BULK_BYTES_MAX, DEPTH_MAX, ELEMENTS_MAX, FRAME_BYTES_MAX, LINE_BYTES_MAX, RespError};

/// The longest `$123\r\n`: a sign, 19 digits, with room.
const NUMBER_BYTES_MAX: usize = 30;

/// What an aggregate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    Array,
    Map,
    Set,
    Push,
    Attribute,
}

/// What a bulk string is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bulk {
    Plain,
    Error,
    Verbatim,
}

/// One element: a whole scalar, or the head of an aggregate. Ranges are places in the input.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Element {
    Simple(Range<usize>),
    Error(Range<usize>),
    BigNumber(Range<usize>),
    Bulk(Bulk, Range<usize>),
    Integer(i64),
    Double(f64),
    Boolean(bool),
    Null,
    NullArray,
    /// How many frames follow: twice as many as there are pairs, and for an attribute one more.
    Open(Aggregate, usize),
}

/// Reads the element that begins at `at`, and where the next one begins; `None` if it is not all
/// there. `searched` remembers up to where a line was looked through for its end.
pub(super) fn element(
    input: &[u8],
    at: usize,
    searched: &mut usize,
) -> Result<Option<(Element, usize)>, RespError> {
    let Some(&kind) = input.get(at) else { return Ok(None) };
    match kind {
        b'$' => bulk(input, at, Bulk::Plain),
        b'!' => bulk(input, at, Bulk::Error),
        b'=' => bulk(input, at, Bulk::Verbatim),
        b'*' => aggregate(input, at, Aggregate::Array),
        b'%' => aggregate(input, at, Aggregate::Map),
        b'~' => aggregate(input, at, Aggregate::Set),
        b'>' => aggregate(input, at, Aggregate::Push),
        b'|' => aggregate(input, at, Aggregate::Attribute),
        b':' => {
            let Some((value, next)) = number(input, at, RespError::BadNumber)? else {
                return Ok(None);
            };
            Ok(Some((Element::Integer(value), next)))
        }
        b'+' | b'-' | b'(' | b',' | b'#' | b'_' => {
            let Some((text, next)) = line(input, at + 1, searched)? else { return Ok(None) };
            Ok(Some((scalar(kind, input, text)?, next)))
        }
        other => Err(RespError::UnknownType(other)),
    }
}

/// The element that a whole line is.
fn scalar(kind: u8, input: &[u8], text: Range<usize>) -> Result<Element, RespError> {
    Ok(match (kind, &input[text.clone()]) {
        (b'+', _) => Element::Simple(text),
        (b'-', _) => Element::Error(text),
        (b'#', b"t") => Element::Boolean(true),
        (b'#', b"f") => Element::Boolean(false),
        (b'_', b"") => Element::Null,
        (b',', digits) => Element::Double(parse_double(digits).ok_or(RespError::BadNumber)?),
        (b'(', [b'-', digits @ ..] | digits)
            if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) =>
        {
            Element::BigNumber(text)
        }
        _ => return Err(RespError::BadNumber),
    })
}

fn bulk(input: &[u8], at: usize, kind: Bulk) -> Result<Option<(Element, usize)>, RespError> {
    let Some((length, start)) = number(input, at, RespError::BulkLength)? else { return Ok(None) };
    if length == -1 && kind == Bulk::Plain {
        return Ok(Some((Element::Null, start)));
    }
    let length = usize::try_from(length).map_err(|_| RespError::BulkLength)?;
    if length > BULK_BYTES_MAX {
        return Err(RespError::BulkLength);
    }
    let end = start + length;
    match input.get(end..) {
        Some([b'\r', b'\n', ..]) => {}
        Some([b'\r'] | []) | None => return Ok(None),
        Some(_) => return Err(RespError::MissingCrlf),
    }
    if kind == Bulk::Verbatim && (length < 4 || input[start + 3] != b':') {
        return Err(RespError::BadVerbatim);
    }
    Ok(Some((Element::Bulk(kind, start..end), end + 2)))
}

fn aggregate(
    input: &[u8],
    at: usize,
    kind: Aggregate,
) -> Result<Option<(Element, usize)>, RespError> {
    let Some((count, next)) = number(input, at, RespError::MultibulkLength)? else {
        return Ok(None);
    };
    if count == -1 && kind == Aggregate::Array {
        return Ok(Some((Element::NullArray, next)));
    }
    let count = usize::try_from(count).map_err(|_| RespError::MultibulkLength)?;
    let frames = match kind {
        Aggregate::Array | Aggregate::Set | Aggregate::Push => count,
        Aggregate::Map => count.saturating_mul(2),
        Aggregate::Attribute => count.saturating_mul(2).saturating_add(1),
    };
    if frames > ELEMENTS_MAX {
        return Err(RespError::TooManyElements);
    }
    Ok(Some((Element::Open(kind, frames), next)))
}

/// Reads `?<digits>\r\n` at `at` (the first byte is not looked at).
pub(super) fn number(
    input: &[u8],
    at: usize,
    bad: RespError,
) -> Result<Option<(i64, usize)>, RespError> {
    let digits = &input[at + 1..];
    let window = &digits[..digits.len().min(NUMBER_BYTES_MAX)];
    match window.iter().position(|&byte| byte == b'\r') {
        Some(end) => match digits.get(end + 1) {
            None => Ok(None),
            Some(b'\n') => {
                let value = parse_i64(&digits[..end]).ok_or(bad)?;
                Ok(Some((value, at + 1 + end + 2)))
            }
            Some(_) => Err(RespError::MissingCrlf),
        },
        None if window.len() == NUMBER_BYTES_MAX => Err(bad),
        None => Ok(None),
    }
}

/// The line that begins at `from`, without its CR LF, and where the next one begins.
fn line(
    input: &[u8],
    from: usize,
    searched: &mut usize,
) -> Result<Option<(Range<usize>, usize)>, RespError> {
    let start = from.max(*searched);
    let Some(offset) = input.get(start..).unwrap_or_default().iter().position(|&b| b == b'\r')
    else {
        *searched = input.len();
        return if input.len() > from + LINE_BYTES_MAX {
            Err(RespError::LineTooLong)
        } else {
            Ok(None)
        };
    };
    let end = start + offset;
    if end - from > LINE_BYTES_MAX {
        return Err(RespError::LineTooLong);
    }
    match input.get(end + 1) {
        None => {
            *searched = end;
            Ok(None)
        }
        Some(b'\n') => {
            *searched = 0;
            Ok(Some((from..end, end + 2)))
        }
        Some(_) => Err(RespError::MissingCrlf),
    }
}

/// Finds where a frame ends, over any number of calls, looking at each byte about once.
///
/// ```
/// use looplab::protocol::resp::Scanner;
/// let mut scanner = Scanner::default();
/// assert_eq!(scanner.scan(b"*2\r\n:1\r\n$3\r\nab"), Ok(None));
/// assert_eq!(scanner.scan(b"*2\r\n:1\r\n$3\r\nabc\r\n+OK"), Ok(Some(17)));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Scanner {
    at: usize,
    searched: usize,
    total: usize,
    /// For each open aggregate, how many frames are still to come.
    open: Vec<usize>,
}

impl Scanner {
    /// The length of the frame at the beginning of `input`, or `None` if it is not all there.
    ///
    /// After `None` the next call must be given the same bytes and more; after a length the
    /// scanner is ready for the next frame.
    ///
    /// # Errors
    /// [`RespError`] if this is no frame, or passes a limit.
    pub fn scan(&mut self, input: &[u8]) -> Result<Option<usize>, RespError> {
        loop {
            let Some((element, next)) = element(input, self.at, &mut self.searched)? else {
                if input.len() > FRAME_BYTES_MAX {
                    return Err(RespError::FrameTooLong);
                }
                return Ok(None);
            };
            self.at = next;
            self.total += 1;
            if self.at > FRAME_BYTES_MAX {
                return Err(RespError::FrameTooLong);
            }
            match element {
                Element::Open(_, frames) if frames > 0 => {
                    if self.open.len() == DEPTH_MAX {
                        return Err(RespError::TooDeep);
                    }
                    self.open.push(frames);
                }
                _ => self.close(),
            }
            if self.open.is_empty() {
                let length = self.at;
                (self.at, self.searched, self.total) = (0, 0, 0);
                return Ok(Some(length));
            }
            if self.total > ELEMENTS_MAX {
                return Err(RespError::TooManyElements);
            }
        }
    }

    /// One frame is whole; so may be those around it.
    fn close(&mut self) {
        while let Some(remaining) = self.open.last_mut() {
            *remaining -= 1;
            if *remaining > 0 {
                return;
            }
            self.open.pop();
        }
    }
}
