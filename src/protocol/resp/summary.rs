//! One line for one message, as the people of Redis would write it.
//!
//! ```text
//! SET item:42 9          SET note "two words"      EVAL "return 1" 0
//! +OK   :1   "abc"   (nil)   -ERR no such key   *3 [a, b, :7]   %1 {proto: :3}
//! ```
//!
//! Written from the bytes, without a tree, and no more of them is looked at than is shown.

use super::Words;
use super::scan::{Aggregate, Bulk, Element, element};

/// A summary is cut to this many characters, the last of which then is `…`.
pub const SUMMARY_CHARS_MAX: usize = 120;

/// Text that stops growing.
struct Line {
    text: String,
    chars: usize,
}

impl Line {
    fn new() -> Line {
        Line { text: String::with_capacity(32), chars: 0 }
    }

    fn is_full(&self) -> bool {
        self.chars > SUMMARY_CHARS_MAX
    }

    fn push(&mut self, c: char) {
        if self.chars < SUMMARY_CHARS_MAX {
            self.text.push(c);
        }
        self.chars += 1;
    }

    fn push_str(&mut self, text: &str) {
        for c in text.chars() {
            self.push(c);
            if self.is_full() {
                return;
            }
        }
    }

    fn finish(mut self) -> String {
        if self.is_full() {
            self.text.pop();
            self.text.push('…');
        }
        self.text
    }

    /// Bytes as they are where they can be read, escaped where not.
    fn escaped(&mut self, bytes: &[u8]) {
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' | '\\' => {
                        self.push('\\');
                        self.push(c);
                    }
                    '\n' => self.push_str("\\n"),
                    '\r' => self.push_str("\\r"),
                    '\t' => self.push_str("\\t"),
                    c if c.is_control() => self.push_str(&format!("\\x{:02x}", u32::from(c))),
                    c => self.push(c),
                }
                if self.is_full() {
                    return;
                }
            }
            for byte in chunk.invalid() {
                self.push_str(&format!("\\x{byte:02x}"));
            }
        }
    }

    fn quoted(&mut self, bytes: &[u8]) {
        self.push('"');
        // No character has more than 4 bytes, so more than this cannot be shown.
        self.escaped(&bytes[..bytes.len().min(4 * (SUMMARY_CHARS_MAX + 1))]);
        self.push('"');
    }

    /// A word, quoted if it must be.
    fn word(&mut self, bytes: &[u8]) {
        let plain = |&byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
        let shown = &bytes[..bytes.len().min(4 * (SUMMARY_CHARS_MAX + 1))];
        if !shown.is_empty() && shown.iter().all(plain) {
            for &byte in shown {
                self.push(char::from(byte));
            }
        } else {
            self.quoted(bytes);
        }
    }
}

/// `SET item:42 9`: the words, quoted where they must be, cut at [`SUMMARY_CHARS_MAX`].
#[must_use]
pub fn summarize_command(words: Words<'_>) -> String {
    let mut line = Line::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        line.word(word);
        if line.is_full() {
            break;
        }
    }
    line.finish()
}

/// A reply in one line, from the bytes of one frame, cut at [`SUMMARY_CHARS_MAX`].
///
/// Bytes that are no frame, or not a whole one, are told as far as they can be, then `…`.
///
/// ```
/// use looplab::protocol::resp::summarize_frame;
/// assert_eq!(summarize_frame(b"*3\r\n$1\r\na\r\n:7\r\n_\r\n"), "*3 [a, :7, (nil)]");
/// assert_eq!(summarize_frame(b"$9\r\ntwo words\r\n"), "\"two words\"");
/// ```
#[must_use]
pub fn summarize_frame(raw: &[u8]) -> String {
    let mut line = Line::new();
    if frame(raw, &mut 0, true, &mut line).is_none() && !line.is_full() {
        line.push('…');
    }
    line.finish()
}

/// Tells the frame at `at`; `None` if it is not whole or the line is full.
fn frame(raw: &[u8], at: &mut usize, top: bool, line: &mut Line) -> Option<()> {
    if line.is_full() {
        return None;
    }
    let (element, next) = element(raw, *at, &mut 0).ok().flatten()?;
    *at = next;
    match element {
        Element::Simple(range) => {
            line.push('+');
            line.escaped(&raw[range]);
        }
        Element::Error(range) | Element::Bulk(Bulk::Error, range) => {
            line.push('-');
            line.escaped(&raw[range]);
        }
        Element::Bulk(Bulk::Plain, range) if top => line.quoted(&raw[range]),
        Element::Bulk(Bulk::Plain, range) => line.word(&raw[range]),
        Element::Bulk(Bulk::Verbatim, range) => line.quoted(&raw[range.start + 4..range.end]),
        Element::BigNumber(range) => {
            line.push('(');
            line.escaped(&raw[range]);
        }
        Element::Integer(value) => {
            line.push(':');
            line.push_str(itoa::Buffer::new().format(value));
        }
        Element::Double(value) => {
            let mut text = Vec::new();
            super::format_double(value, &mut text);
            line.push(',');
            line.escaped(&text);
        }
        Element::Boolean(value) => line.push_str(if value { "#t" } else { "#f" }),
        Element::Null | Element::NullArray => line.push_str("(nil)"),
        Element::Open(kind, frames) => return aggregate(raw, at, (kind, frames), line),
    }
    (!line.is_full()).then_some(())
}

fn aggregate(
    raw: &[u8],
    at: &mut usize,
    (kind, frames): (Aggregate, usize),
    line: &mut Line,
) -> Option<()> {
    let (sign, count, open, close) = match kind {
        Aggregate::Array => ('*', frames, " [", "]"),
        Aggregate::Set => ('~', frames, " [", "]"),
        Aggregate::Push => ('>', frames, " [", "]"),
        Aggregate::Map => ('%', frames / 2, " {", "}"),
        Aggregate::Attribute => ('|', frames / 2, " {", "}"),
    };
    line.push(sign);
    line.push_str(itoa::Buffer::new().format(count));
    if count > 0 {
        line.push_str(open);
        for index in 0..count {
            if index > 0 {
                line.push_str(", ");
            }
            frame(raw, at, false, line)?;
            if close == "}" {
                line.push_str(": ");
                frame(raw, at, false, line)?;
            }
        }
        line.push_str(close);
    }
    if kind == Aggregate::Attribute {
        line.push(' ');
        return frame(raw, at, true, line);
    }
    (!line.is_full()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::resp::OwnedWords;

    fn command(words: &[&str]) -> String {
        summarize_command(words.iter().collect::<OwnedWords>().as_words())
    }

    #[test]
    fn a_command_reads_as_it_would_be_typed() {
        assert_eq!(command(&["SET", "item:42", "9"]), "SET item:42 9");
        assert_eq!(command(&["SET", "a b", ""]), r#"SET "a b" """#);
        assert_eq!(command(&["SET", "k", "it's"]), r#"SET k "it's""#);
        assert_eq!(command(&["SET", "k", "a\"b\n"]), r#"SET k "a\"b\n""#);
        assert_eq!(command(&["SET", "k", "größe"]), r#"SET k "größe""#);
    }

    #[test]
    fn bytes_that_are_no_text_are_escaped() {
        let words: OwnedWords = [&b"SET"[..], b"k", b"\xff\x00a"].iter().collect();
        assert_eq!(summarize_command(words.as_words()), r#"SET k "\xff\x00a""#);
    }

    #[test]
    fn a_long_command_is_cut_to_the_limit() {
        let long = "x".repeat(1000);
        for words in [vec!["SET", "k", &long], vec!["DEL"; 500]] {
            let text = command(&words);
            assert_eq!(text.chars().count(), SUMMARY_CHARS_MAX);
            assert!(text.ends_with('…'));
        }
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_not_cut() {
        let word = "x".repeat(SUMMARY_CHARS_MAX);
        assert_eq!(command(&[&word]), word);
        let word = "x".repeat(SUMMARY_CHARS_MAX - 2);
        assert_eq!(summarize_frame(format!("${}\r\n{word}\r\n", word.len()).as_bytes()).len(), 120);
    }

    #[test]
    fn replies_read_as_in_redis_cli() {
        for (raw, text) in [
            ("+OK\r\n", "+OK"),
            ("-ERR syntax error\r\n", "-ERR syntax error"),
            (":-1\r\n", ":-1"),
            ("$3\r\nabc\r\n", "\"abc\""),
            ("$-1\r\n", "(nil)"),
            ("*-1\r\n", "(nil)"),
            ("*0\r\n", "*0"),
            ("*2\r\n*1\r\n:1\r\n$3\r\na b\r\n", "*2 [*1 [:1], \"a b\"]"),
            ("%1\r\n+proto\r\n:3\r\n", "%1 {+proto: :3}"),
            (">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n", ">3 [message, c, hi]"),
            (",1.5\r\n", ",1.5"),
            ("#t\r\n", "#t"),
            ("(123\r\n", "(123"),
            ("=7\r\ntxt:abc\r\n", "\"abc\""),
            ("!5\r\nERR x\r\n", "-ERR x"),
            ("|1\r\n+ttl\r\n:9\r\n:1\r\n", "|1 {+ttl: :9} :1"),
        ] {
            assert_eq!(summarize_frame(raw.as_bytes()), text);
        }
    }

    #[test]
    fn a_part_of_a_frame_is_told_as_far_as_it_goes() {
        assert_eq!(summarize_frame(b"*3\r\n:1\r\n:2\r\n"), "*3 [:1, :2, …");
        assert_eq!(summarize_frame(b"what"), "…");
    }

    #[test]
    fn endless_nesting_ends_with_the_line() {
        for level in ["*1\r\n", "|0\r\n"] {
            assert!(summarize_frame(level.repeat(100_000).as_bytes()).ends_with('…'));
        }
    }

    #[test]
    fn a_long_array_is_cut() {
        let raw = format!("*1000\r\n{}", ":1\r\n".repeat(1000));
        let text = summarize_frame(raw.as_bytes());
        assert_eq!(text.chars().count(), SUMMARY_CHARS_MAX);
        assert!(text.starts_with("*1000 [:1, :1, "));
    }
}
