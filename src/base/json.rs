//! JSON values: the one dynamic type that steps, predicates, captures and servers share.

/// A JSON value; objects keep the order in which they were written.
pub type Value = serde_json::Value;

/// The name of a JSON type, as the `type:` predicate and error messages write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueKind(pub &'static str);

impl ValueKind {
    /// The kind of `value`: `null boolean number string array object`.
    #[must_use]
    pub fn of(value: &Value) -> ValueKind {
        ValueKind(match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        })
    }
}

/// Appends `text` to `out` as a JSON string with its quotes.
///
/// Only what JSON demands is escaped: the quote, the backslash and the control characters.
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some((plain, byte, after)) = split_at_escape(rest) {
        out.extend_from_slice(plain);
        write_escape(byte, out);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// What stands before the first byte that must be escaped, that byte, and what stands behind it.
#[inline]
fn split_at_escape(bytes: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    /// The high bit of the first byte of `word` that is less than `limit`, and perhaps of later ones.
    const fn less(word: u64, limit: u64) -> u64 {
        word.wrapping_sub(ONES * limit) & !word & HIGHS
    }
    // Eight bytes at a time, for most texts have few such bytes or none.
    let (words, _) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let found = less(word, 0x20)
            | less(word ^ (ONES * b'"' as u64), 1)
            | less(word ^ (ONES * b'\\' as u64), 1);
        if found != 0 {
            at += found.trailing_zeros() as usize / 8;
            return Some((&bytes[..at], bytes[at], &bytes[at + 1..]));
        }
        at += 8;
    }
    let must = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    at += bytes[at..].iter().position(must)?;
    Some((&bytes[..at], bytes[at], &bytes[at + 1..]))
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'\n' => b"\\n",
        b'\r' => b"\\r",
        b'"' => b"\\\"",
        b'\\' => b"\\\\",
        b'\t' => b"\\t",
        other => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(other >> 4)]);
            out.push(HEX[usize::from(other & 15)]);
            return;
        }
    };
    out.extend_from_slice(short);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_byte_at_any_place_is_escaped_as_json_demands() {
        for c in (0..=0x17f).filter_map(char::from_u32) {
            for length in 0..20 {
                for at in 0..=length {
                    let text = format!("{}{c}{}", "é".repeat(at / 2), "x".repeat(length - at));
                    let mut out = Vec::new();
                    write_json_string(&text, &mut out);
                    assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
                    let escapes = out.iter().filter(|byte| **byte == b'\\').count();
                    let expected = usize::from(c < ' ') + if matches!(c, '"') { 1 } else { 0 };
                    assert_eq!(escapes, if c == '\\' { 2 } else { expected }, "{text:?}");
                }
            }
        }
    }
}
