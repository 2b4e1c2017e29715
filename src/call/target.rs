//! Request targets and form bodies: what is written in a scenario, as it must stand on the wire.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The path with its query, in which characters that cannot stand in a request line are
/// percent-encoded. What is encoded already, and what has a meaning (`/ ? & = %`), stays: a variable
/// in a path is inserted as it is; `query:` is the place for text that must be encoded.
#[must_use]
pub fn escape_target(path: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}#"#.contains(&byte);
    if path.bytes().all(plain) {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len() + 16);
    for byte in path.bytes() {
        if plain(byte) { out.push(char::from(byte)) } else { push_percent(byte, &mut out) }
    }
    Cow::Owned(out)
}

/// Adds `name=value` to a target, after `?` or `&`, both encoded.
pub fn push_query(target: &mut String, name: &str, value: &str) {
    target.push(if target.contains('?') { '&' } else { '?' });
    encode(name, "%20", target);
    target.push('=');
    encode(value, "%20", target);
}

/// Adds `name=value` to a body of the type `application/x-www-form-urlencoded`.
pub fn push_form(body: &mut String, name: &str, value: &str) {
    if !body.is_empty() {
        body.push('&');
    }
    encode(name, "+", body);
    body.push('=');
    encode(value, "+", body);
}

/// Everything but the unreserved characters of RFC 3986 is encoded.
fn encode(text: &str, space: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push_str(space),
            other => push_percent(other, out),
        }
    }
}

fn push_percent(byte: u8, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(out, "%{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_meaning_and_loses_what_a_request_line_cannot_hold() {
        assert_eq!(escape_target("/a/b?c=d&e=%20"), "/a/b?c=d&e=%20");
        assert_eq!(escape_target("/a b\r\n"), "/a%20b%0D%0A");
        assert_eq!(escape_target("/größe#x"), "/gr%C3%B6%C3%9Fe%23x");
    }

    #[test]
    fn a_query_is_encoded_and_added_to_the_one_that_is_there() {
        let mut target = "/search".to_owned();
        push_query(&mut target, "q", "a&b=c d");
        push_query(&mut target, "p q", "1");
        assert_eq!(target, "/search?q=a%26b%3Dc%20d&p%20q=1");
    }

    #[test]
    fn a_form_writes_a_space_as_a_plus() {
        let mut body = String::new();
        push_form(&mut body, "name", "Ada Lovelace");
        push_form(&mut body, "+", "ü");
        assert_eq!(body, "name=Ada+Lovelace&%2B=%C3%BC");
    }
}
