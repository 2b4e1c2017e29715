//! One command on its way through a handler.

use super::db::Db;
use super::engine::Engine;
use super::refusal::Refusal;
use super::session::Session;
use crate::base::Time;
use crate::protocol::resp::{Words, Writer, parse_i64};

/// Everything that a handler sees.
pub(super) struct Call<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) session: &'a mut Session,
    /// The command's words; its name is number 0.
    pub(super) words: Words<'a>,
    pub(super) reply: Writer<'a>,
    pub(super) now: Time,
    /// The command's full name, for errors that say it.
    pub(super) name: &'static str,
}

impl Call<'_> {
    /// The database that the session has selected.
    pub(super) fn db(&mut self) -> &mut Db {
        &mut self.engine.dbs[self.session.db]
    }

    /// `:1` or `:0`.
    pub(super) fn flag(&mut self, value: bool) {
        self.reply.integer(i64::from(value));
    }
}

/// True if `word` is the option `name` (given in upper case).
pub(super) fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

/// Word number `index`, which must be there.
pub(super) fn word<'a>(words: Words<'a>, index: usize) -> Result<&'a [u8], Refusal> {
    words.get(index).ok_or(Refusal::SYNTAX)
}

/// The integer that a word is.
pub(super) fn integer(word: &[u8]) -> Result<i64, Refusal> {
    parse_i64(word).ok_or(Refusal::NOT_INTEGER)
}

/// The integer from 0 on that a word is.
pub(super) fn positive(word: &[u8]) -> Result<usize, Refusal> {
    parse_i64(word).and_then(|n| usize::try_from(n).ok()).ok_or(Refusal::NOT_POSITIVE)
}

/// The double that a word is, as `strtod` would read it; never NaN.
pub(super) fn float(word: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(word).ok()?;
    let digits = text.trim_start_matches(['-', '+']);
    if text.len() - digits.len() > 1 {
        return None;
    }
    let value: f64 = match digits.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => f64::INFINITY,
        lower if lower.starts_with("0x") => hexadecimal(&lower[2..])?,
        lower if lower.starts_with(|c: char| c == '.' || c.is_ascii_digit()) => {
            // A number too large for a double is refused; `parse` makes it infinite.
            lower.parse().ok().filter(|value: &f64| value.is_finite())?
        }
        _ => return None,
    };
    Some(if text.starts_with('-') { -value } else { value })
}

fn hexadecimal(digits: &str) -> Option<f64> {
    let value = u64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
    #[expect(clippy::cast_precision_loss, reason = "rounded as strtod rounds it")]
    Some(value as f64)
}

/// The places `[start, end)` of `len` that two indexes, inclusive and from the end if negative, name.
pub(super) fn slice(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    let len_signed = i64::try_from(len).unwrap_or(i64::MAX);
    let from_end = |index: i64| if index < 0 { index.saturating_add(len_signed) } else { index };
    let start = from_end(start).max(0);
    let end = from_end(stop).saturating_add(1).min(len_signed);
    let place = |index: i64| usize::try_from(index).unwrap_or(0);
    if start >= end { 0..0 } else { place(start)..place(end) }
}

/// The same within a string, where an end before the first byte is the first byte.
pub(super) fn text_slice(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    if start < 0 && stop < 0 && start > stop {
        return 0..0;
    }
    let len_signed = i64::try_from(len).unwrap_or(i64::MAX);
    let stop = if stop < 0 { stop.saturating_add(len_signed).max(0) } else { stop };
    slice(start, stop, len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_count_from_both_ends() {
        for (start, stop, range) in [
            (0, -1, 0..5),
            (0, 0, 0..1),
            (-2, -1, 3..5),
            (-100, 1, 0..2),
            (3, 100, 3..5),
            (3, 1, 0..0),
            (5, 9, 0..0),
            (i64::MIN, i64::MAX, 0..5),
            (0, i64::MIN, 0..0),
        ] {
            assert_eq!(slice(start, stop, 5), range, "{start} {stop}");
        }
        assert_eq!(slice(0, -1, 0), 0..0);
    }

    #[test]
    fn slices_of_strings_end_at_the_first_byte_at_least() {
        for (start, stop, range) in
            [(-100, -100, 0..1), (-100, -101, 0..0), (-2, -1, 3..5), (0, -9, 0..1), (3, -9, 0..0)]
        {
            assert_eq!(text_slice(start, stop, 5), range, "{start} {stop}");
        }
        assert_eq!(text_slice(-1, -1, 0), 0..0);
    }

    #[test]
    fn floats_are_read_as_strtod_reads_them() {
        for (word, value) in [
            ("1.5", Some(1.5)),
            ("-.5", Some(-0.5)),
            ("+3e2", Some(300.0)),
            ("inf", Some(f64::INFINITY)),
            ("-INF", Some(f64::NEG_INFINITY)),
            ("0x10", Some(16.0)),
            ("nan", None),
            ("", None),
            ("1 ", None),
            (" 1", None),
            ("1e400", None),
            ("--1", None),
            ("abc", None),
        ] {
            assert_eq!(float(word.as_bytes()), value, "{word:?}");
        }
    }
}
