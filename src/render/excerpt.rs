//! A few words of a message's body, beside its summary.

use std::borrow::Cow;

/// The most characters of a body that are shown.
const SHOWN_MAX: usize = 80;

/// How much of a body is looked at, in bytes.
const READ_MAX: usize = 512;

/// The beginning of an HTTP message's body in one line, unescaped; `None` if it has none or none to be
/// read. The summaries of other protocols hold what they carry.
pub(super) fn excerpt_of(protocol: &str, bytes: &[u8]) -> Option<String> {
    if protocol != "http" {
        return None;
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    if header(head, "content-encoding").is_some() {
        return None;
    }
    let body = &bytes[end + 4..];
    let chunked = header(head, "transfer-encoding").is_some_and(|value| value.contains("chunked"));
    let body = if chunked { dechunk(body, READ_MAX).0.into() } else { Cow::Borrowed(body) };
    let whole = body.len() <= READ_MAX;
    let text = match std::str::from_utf8(&body[..body.len().min(READ_MAX)]) {
        Ok(text) => text,
        // A character that is cut in two by the bound is no reason to show nothing.
        Err(error) if !whole && error.error_len().is_none() => {
            std::str::from_utf8(&body[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(SHOWN_MAX).collect();
    (!line.is_empty()).then_some(line)
}

/// The value of a header in a message's head, in lower case.
fn header(head: &str, name: &str) -> Option<String> {
    head.split("\r\n").skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
    })
}

/// The data of as many chunks as are there, until they are `enough` bytes, and whether the last chunk is
/// among them.
pub(super) fn dechunk(mut bytes: &[u8], enough: usize) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    while out.len() < enough {
        let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else { break };
        let size = std::str::from_utf8(&bytes[..end])
            .ok()
            .and_then(|line| line.split(';').next())
            .and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let Some(size) = size else { break };
        if size == 0 {
            return (out, true);
        }
        let rest = &bytes[end + 2..];
        out.extend_from_slice(&rest[..size.min(rest.len())]);
        let Some(next) = rest.get(size.saturating_add(2)..) else { break };
        bytes = next;
    }
    (out, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> Option<String> {
        excerpt_of("http", bytes)
    }

    #[test]
    fn a_body_is_shown_in_one_line() {
        let plain = b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\n  \"msg\": \"hi\"\n}";
        assert_eq!(shown(plain).as_deref(), Some("{ \"msg\": \"hi\" }"));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(shown(chunked).as_deref(), Some("abcde"));
    }

    #[test]
    fn no_body_and_no_text_are_not_shown() {
        assert_eq!(shown(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"), None);
        assert_eq!(shown(b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe"), None);
        assert_eq!(shown(b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\n\r\nabc"), None);
        assert_eq!(shown(b"half a he"), None);
    }

    #[test]
    fn a_lie_about_a_chunk_does_no_harm() {
        let lie = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nabc";
        assert_eq!(shown(lie).as_deref(), Some("abc"));
    }

    #[test]
    fn a_long_body_is_cut_at_a_whole_character() {
        let mut long = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        long.extend_from_slice("é".repeat(1000).as_bytes());
        assert_eq!(shown(&long).map(|text| text.chars().count()), Some(SHOWN_MAX));
        let mut odd = b"HTTP/1.1 200 OK\r\n\r\nx".to_vec();
        odd.extend_from_slice("é".repeat(1000).as_bytes());
        assert_eq!(shown(&odd).map(|text| text.chars().count()), Some(SHOWN_MAX));
    }
}
