//! What an HTTP message says of itself, as far as the trace kept it.
//!
//! Nothing here refuses a message: what is missing, cut off or no HTTP at all is left out.

use std::borrow::Cow;

use crate::render::excerpt::dechunk;

/// A message, read.
pub(super) struct Read<'a> {
    /// The three parts of its first line.
    pub(super) start: [&'a str; 3],
    pub(super) headers: Vec<(&'a str, &'a str)>,
    /// How many bytes its head has; `None` if it is not there to its end.
    pub(super) head: Option<usize>,
    /// The body as it was on the wire, as much as was kept.
    raw: &'a [u8],
}

/// A body as people mean it.
pub(super) struct Body<'a> {
    /// Its bytes, without the chunks' sizes.
    pub(super) bytes: Cow<'a, [u8]>,
    /// Whether that is all of it.
    pub(super) is_whole: bool,
}

impl<'a> Read<'a> {
    /// Reads what was kept of a message.
    pub(super) fn new(bytes: &'a [u8]) -> Read<'a> {
        let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let end = head_end(&bytes[blank..]).map(|length| blank + length);
        // The last line of a head that was cut off may lack its end.
        let head = match end {
            Some(end) => &bytes[blank..end],
            None => {
                let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                &bytes[blank.min(whole)..whole]
            }
        };
        let mut lines = head.split(|byte| *byte == b'\n').map(text);
        let mut start = lines.next().unwrap_or_default().splitn(3, ' ');
        let start = [(); 3].map(|()| start.next().unwrap_or_default());
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.trim(), value.trim())).collect();
        Read { start, headers, head: end, raw: &bytes[end.unwrap_or(bytes.len())..] }
    }

    /// The value of the first header of that name.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The values of all headers of that name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| *value)
    }

    /// The body of a message of `length` bytes, of which those were kept that were read.
    pub(super) fn body(&self, length: u64) -> Body<'a> {
        let kept = self.head.unwrap_or(0) + self.raw.len();
        let all_kept = self.head.is_some() && kept as u64 >= length;
        let chunked = self
            .header("transfer-encoding")
            .is_some_and(|value| value.to_ascii_lowercase().contains("chunked"));
        if chunked {
            let (bytes, ended) = dechunk(self.raw, usize::MAX);
            return Body { bytes: bytes.into(), is_whole: ended };
        }
        Body { bytes: self.raw.into(), is_whole: all_kept }
    }
}

/// How long a head is, with the empty line that ends it.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let is_empty = |at: &usize| bytes[..*at].ends_with(b"\n") || bytes[..*at].ends_with(b"\n\r");
    ends.into_iter().find(is_empty).map(|at| at + 1)
}

/// A line of a head; of one that is no text, its beginning that is.
fn text(line: &[u8]) -> &str {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&line[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// What stands behind the `?` of a target: names and values, decoded.
pub(super) fn query(target: &str) -> Vec<(String, String)> {
    let target = target.split('#').next().unwrap_or_default();
    let Some((_, query)) = target.split_once('?') else { return Vec::new() };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

/// Without `%xx` and `+`; what is no text then stays as it was.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let hex = others.first_chunk::<2>().filter(|_| *first == b'%');
        let hex = hex.and_then(|two| std::str::from_utf8(two).ok());
        let hex = hex.filter(|two| two.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = others;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_far_as_it_was_kept() {
        let wire = b"POST /a HTTP/1.1\r\nHost: x:1\r\nContent-Length: 5\r\n\r\nhello";
        for kept in 0..=wire.len() {
            let read = Read::new(&wire[..kept]);
            let body = read.body(wire.len() as u64);
            assert_eq!(body.is_whole, kept == wire.len(), "{kept}");
            if kept >= 18 {
                assert_eq!(read.start, ["POST", "/a", "HTTP/1.1"]);
            }
            assert_eq!(read.header("host"), (kept >= 29).then_some("x:1"), "{kept}");
            assert_eq!(read.head, (kept >= 50).then_some(50), "{kept}");
            let expected: &[u8] = if kept >= 50 { &wire[50..kept] } else { b"" };
            assert_eq!(&body.bytes[..], expected, "{kept}");
        }
    }

    #[test]
    fn chunks_are_put_together() {
        let wire = b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let body = Read::new(wire).body(wire.len() as u64);
        assert_eq!((&body.bytes[..], body.is_whole), (&b"abcde"[..], true));
        let cut = &wire[..wire.len() - 8];
        let body = Read::new(cut).body(wire.len() as u64);
        assert_eq!((&body.bytes[..], body.is_whole), (&b"abcd"[..], false));
    }

    #[test]
    fn what_is_no_http_does_no_harm() {
        for bytes in
            [&b""[..], b"\xff\xfe", b"\r\n\r\n", b"\n", b"a\n\nb", b"GET\r\n\xff: y\r\n\r\n"]
        {
            let read = Read::new(bytes);
            let _ = read.body(u64::MAX);
        }
    }

    #[test]
    fn a_query_is_decoded() {
        let pairs = |target: &str| -> Vec<(String, String)> { query(target) };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs("/a"), []);
        assert_eq!(pairs("/a?"), []);
        assert_eq!(
            pairs("/a?x=1&y&&z=%C3%A9+b#frag?q=1"),
            [pair("x", "1"), pair("y", ""), pair("z", "é b")]
        );
        assert_eq!(
            pairs("/?a=%zz&b=%ff&c=%4"),
            [pair("a", "%zz"), pair("b", "%ff"), pair("c", "%4")]
        );
    }
}
