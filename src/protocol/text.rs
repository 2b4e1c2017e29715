//! Bytes for people: one line, quoted and escaped, cut where it gets long; and the two protocols that
//! are nothing but text.

use super::tap::{Cut, Cutter, Whole};

/// A summary is cut to about this many characters.
pub const SUMMARY_CHARS_MAX: usize = 120;

/// The longest line that is waited for; a longer one is cut into messages of this length.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// `bytes` as a quoted string with escapes, cut after `chars_max` characters.
///
/// ```
/// use looplab::protocol::excerpt;
/// assert_eq!(excerpt(b"hi\n\x00", 80), r#""hi\n\x00""#);
/// assert_eq!(excerpt(b"abcdef", 3), r#""abc"…"#);
/// ```
#[must_use]
pub fn excerpt(bytes: &[u8], chars_max: usize) -> String {
    // A character has four bytes at most, and nobody looks at those behind the cut.
    let bytes = &bytes[..bytes.len().min(4 * (chars_max + 1))];
    let mut out = String::with_capacity(bytes.len().min(chars_max) + 2);
    out.push('"');
    let mut chars = 0;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if chars == chars_max {
                out.push_str("\"…");
                return out;
            }
            chars += 1;
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            if chars == chars_max {
                out.push_str("\"…");
                return out;
            }
            chars += 1;
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

/// What was written at once is a message.
pub(super) struct Raw {
    /// What these bytes should have been, if another protocol was expected.
    pub(super) instead_of: Option<&'static str>,
}

impl Cutter for Raw {
    fn cut(&mut self, input: &[u8], _whole: Whole<'_>) -> Cut {
        if input.is_empty() {
            return Cut::more(0);
        }
        let noun = if input.len() == 1 { "byte" } else { "bytes" };
        let text = excerpt(input, SUMMARY_CHARS_MAX / 2);
        let summary = match self.instead_of {
            None => format!("{} {noun} {text}", input.len()),
            Some(protocol) => format!("not {protocol}: {} {noun} {text}", input.len()),
        };
        Cut::message(input.len(), summary)
    }
}

/// Lines that end in `\n`.
#[derive(Default)]
pub(super) struct Line {
    searched: usize,
}

impl Cutter for Line {
    fn cut(&mut self, input: &[u8], _whole: Whole<'_>) -> Cut {
        let end = input[self.searched..].iter().position(|&b| b == b'\n');
        let length = match end {
            Some(n) => self.searched + n + 1,
            None if input.len() >= LINE_BYTES_MAX => input.len(),
            None => {
                self.searched = input.len();
                return Cut::more(0);
            }
        };
        self.searched = 0;
        let line = input[..length].strip_suffix(b"\n").unwrap_or(&input[..length]);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Cut::message(length, excerpt(line, SUMMARY_CHARS_MAX))
    }
}
