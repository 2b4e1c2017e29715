//! Text from elsewhere, made fit for a terminal: escaped, measured, cut.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

/// `text` without anything that a terminal would obey: control characters, and characters that
/// reorder or hide others, become escapes (`\n`, `\x1b`, `\u{202e}`); in `ascii` all others that are
/// not ASCII do, too.
///
/// ```
/// use looplab::render::terminal::escape;
/// assert_eq!(escape("a\r\n\x1b[2J", false), r"a\r\n\x1b[2J");
/// assert_eq!(escape("né", true), r"n\u{e9}");
/// ```
#[must_use]
pub fn escape(text: &str, ascii: bool) -> Cow<'_, str> {
    let plain = |c: char| {
        let printable = (' '..='~').contains(&c);
        printable || (!ascii && !c.is_ascii() && !c.is_control() && !hides(c))
    };
    let Some(first) = text.find(|c| !plain(c)) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        match c {
            c if plain(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x100 && c.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    Cow::Owned(out)
}

/// True for characters that are not seen themselves and change how others are: marks of direction,
/// joiners, line separators, the byte order mark, tags.
fn hides(c: char) -> bool {
    matches!(u32::from(c),
        0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff
        | 0xfff9..=0xfffb | 0xe0000..=0xe0fff)
}

/// The number of columns that `text` takes, once it is escaped.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// `text`, or as much of it as fits in `columns` together with `ellipsis`.
///
/// ```
/// use looplab::render::terminal::cut;
/// assert_eq!(cut("GET /items", 10, "…"), "GET /items");
/// assert_eq!(cut("GET /items/42", 10, "…"), "GET /item…");
/// ```
#[must_use]
pub fn cut<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(width(ellipsis));
    let mut used = 0;
    let end = text.char_indices().find_map(|(at, c)| {
        used += c.width().unwrap_or(0);
        (used > room).then_some(at)
    });
    let kept = &text[..end.unwrap_or(text.len())];
    if columns < width(ellipsis) {
        return Cow::Owned(ellipsis.chars().take(columns).collect());
    }
    Cow::Owned(format!("{kept}{ellipsis}"))
}

/// `text` followed by as many spaces as fill `columns`.
pub(super) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// As many spaces as fill `columns`, followed by `text`.
pub(super) fn pad_left(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// `1 message`, `1,204 messages`.
#[must_use]
pub fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

/// A number with a comma between thousands.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wide_characters_count_for_two_columns_and_are_never_halved() {
        assert_eq!(width("日本"), 4);
        assert_eq!(cut("日本語", 4, "…"), "日…");
        assert_eq!(cut("日本語", 5, "…"), "日本…");
    }

    #[test]
    fn thousands_have_commas() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(number), shown);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_escaped_is_harmless_and_what_is_cut_fits(text in any::<String>(), columns in 0usize..40) {
            for ascii in [false, true] {
                let escaped = escape(&text, ascii);
                prop_assert!(!escaped.chars().any(char::is_control));
                prop_assert!(!ascii || escaped.is_ascii());
                for ellipsis in ["…", "..."] {
                    prop_assert!(width(&cut(&escaped, columns, ellipsis)) <= columns);
                }
            }
        }
    }
}
