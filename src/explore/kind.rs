//! What kind a message is: its first words, without numbers.
//!
//! `SET item:42 9` and `SET item:7 1` are of one kind, `SET item:#`; so are all `200 OK`. Interleavings are
//! told apart by kinds, and crash points are found by them.

/// How many words of a summary make its kind.
const WORDS: usize = 2;

/// The longest kind, in bytes.
const BYTES_MAX: usize = 64;

/// The kind of a message by its summary.
pub(super) fn kind(summary: &str) -> String {
    let mut kind = String::new();
    each(summary, |letter| kind.push(letter));
    kind
}

/// A hash of the kind, for which no text is made.
pub(super) fn hash(summary: &str, into: u64) -> u64 {
    let mut hash = into;
    each(summary, |letter| hash = fold(hash, u64::from(u32::from(letter))));
    hash
}

/// One step of a hash that is the same on any machine (FNV-1a, a number at a time).
pub(super) fn fold(hash: u64, next: u64) -> u64 {
    (hash ^ next).wrapping_mul(0x0000_0100_0000_01b3)
}

/// Where hashes begin.
pub(super) const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// A glob that fits all messages of a kind.
pub(super) fn pattern(kind: &str) -> String {
    let mut pattern = String::new();
    for letter in kind.chars() {
        match letter {
            '#' => pattern.push('*'),
            '*' | '?' | '[' | ']' | '\\' => {
                pattern.push('\\');
                pattern.push(letter);
            }
            _ => pattern.push(letter),
        }
    }
    if !pattern.ends_with('*') {
        pattern.push('*');
    }
    pattern
}

/// A text in which every number is the same.
pub(super) fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '0'..='9' if out.ends_with('#') => {}
            '0'..='9' => out.push('#'),
            _ => out.push(letter),
        }
    }
    out
}

fn each(summary: &str, mut push: impl FnMut(char)) {
    let (mut words, mut bytes, mut number) = (0, 0, false);
    for letter in summary.chars() {
        let letter = if letter.is_ascii_digit() { '#' } else { letter };
        if letter == ' ' {
            words += 1;
        }
        if words == WORDS || bytes >= BYTES_MAX {
            return;
        }
        if letter != '#' || !number {
            push(letter);
            bytes += letter.len_utf8();
        }
        number = letter == '#';
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::glob;

    #[test]
    fn a_kind_is_the_first_words_without_numbers() {
        for (summary, expected) in [
            ("SET item:42 9", "SET item:#"),
            ("GET /items/42?page=17", "GET /items/#?page=#"),
            ("200 OK", "# OK"),
            ("PING", "PING"),
            ("", ""),
        ] {
            assert_eq!(kind(summary), expected);
            assert!(glob(pattern(expected).as_bytes(), summary.as_bytes()), "{summary}");
        }
        assert_eq!(hash("SET item:42 9", BASIS), hash("SET item:7 123", BASIS));
        assert_ne!(hash("SET item:42 9", BASIS), hash("GET item:42 9", BASIS));
    }
}
