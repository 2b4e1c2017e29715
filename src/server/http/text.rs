//! Percent-encoding and JSON paths, as requests write them.

use std::borrow::Cow;

use crate::base::Value;
use crate::scenario::model::PathPart;

/// Undoes percent-encoding. What is not a valid escape stays as it is; what is not UTF-8 becomes the
/// replacement character.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('%') { Cow::Owned(decode_always(text, false)) } else { Cow::Borrowed(text) }
}

/// Undoes the encoding of queries, in which `+` is a blank.
pub(super) fn decode_query(text: &str) -> Cow<'_, str> {
    if text.contains(['%', '+']) {
        Cow::Owned(decode_always(text, true))
    } else {
        Cow::Borrowed(text)
    }
}

fn decode_always(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).and_then(|digits| {
            let high = char::from(digits[0]).to_digit(16)?;
            let low = char::from(digits[1]).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()
        });
        match (bytes[at], escape) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) if plus => out.push(b' '),
            (other, _) => out.push(other),
        }
        at += 1;
    }
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into())
}

/// Percent-encodes a segment of a path.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The names and values of a query, in order.
pub(super) fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode_query(name), decode_query(value))
    })
}

/// Follows a path into a value.
pub(super) fn follow<'a>(value: &'a Value, path: &[PathPart]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, part| match part {
        PathPart::Key(key) => value.get(key.as_str()),
        PathPart::Index(index) => at_index(value, *index),
    })
}

/// Follows a path as `${}` writes it: `.a.b[0]`, behind `$` or `json`.
pub(super) fn follow_text<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let (mut value, mut rest) = (value, path);
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (inside, after) = inner.split_once(']')?;
            let quoted = inside.trim_matches(['\'', '"']);
            value = match inside.parse() {
                Ok(index) => at_index(value, index)?,
                Err(_) => value.get(quoted)?,
            };
            rest = after;
        } else {
            let name = rest.strip_prefix('.')?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            value = value.get(&name[..end])?;
            rest = &name[end..];
        }
    }
    Some(value)
}

/// An element of a list; a negative index counts from the end.
fn at_index(value: &Value, index: i64) -> Option<&Value> {
    let items = value.as_array()?;
    let from_end = || items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?);
    let index = if index < 0 { from_end()? } else { usize::try_from(index).ok()? };
    items.get(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_again() {
        for text in ["", "a b", "50%", "ä/?&=+", "plain-1.2_3~"] {
            assert_eq!(decode(&encode(text)), text);
        }
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode_query("a+b%2Bc"), "a b+c");
    }

    #[test]
    fn paths_lead_into_objects_and_lists() {
        let value = serde_json::json!({ "a": [{ "b c": 1 }, 2] });
        assert_eq!(follow_text(&value, ".a[0]['b c']"), Some(&Value::from(1)));
        assert_eq!(follow_text(&value, ".a[-1]"), Some(&Value::from(2)));
        assert_eq!(follow_text(&value, ".a[-3]"), None);
        assert_eq!(follow_text(&value, ".a[2]"), None);
        assert_eq!(follow_text(&value, ""), Some(&value));
        assert_eq!(
            follow(&value, &[PathPart::Key("a".into()), PathPart::Index(1)]),
            Some(&Value::from(2))
        );
    }
}
