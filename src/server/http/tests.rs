//! Heads and bodies, exhaustively: every cut, and bytes that mean nothing.

use bytes::{Buf, BytesMut};
use proptest::prelude::*;

use super::body::{Framing, Incoming, Piece};
use super::head::{Head, Refusal};

/// Reads a whole body that comes in `pieces`; what is left over stays in the second part.
fn read_body(framing: Framing, pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<u8>, bool), Refusal> {
    let (mut input, mut body) = (BytesMut::new(), Vec::new());
    let mut incoming = Incoming::new(framing);
    let mut ended = false;
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match incoming.next(&mut input)? {
                Piece::Data(n) => {
                    assert!(n > 0 && n <= input.len(), "{n} bytes of {}", input.len());
                    body.extend_from_slice(&input[..n]);
                    input.advance(n);
                }
                Piece::More => break,
                Piece::End => {
                    ended = true;
                    break;
                }
            }
        }
    }
    assert_eq!(incoming.is_done(), ended);
    Ok((body, input.to_vec(), ended))
}

const CHUNKED: &[u8] =
    b"5\r\nhello\r\n1;a=b\r\n,\r\n00C\r\n how are you\r\n0\r\nX-Sum: 1\r\n\r\nGET /";

#[test]
fn every_cut_of_a_chunked_body_gives_the_same_bytes() {
    for first in 0..=CHUNKED.len() {
        for second in first..=CHUNKED.len() {
            let pieces = [&CHUNKED[..first], &CHUNKED[first..second], &CHUNKED[second..]];
            let (body, rest, ended) = read_body(Framing::Chunked, &pieces).unwrap();
            assert_eq!(body, b"hello, how are you", "cut at {first} and {second}");
            assert_eq!(rest, b"GET /");
            assert!(ended);
        }
    }
}

#[test]
fn every_truncation_of_a_chunked_body_waits_for_more() {
    let whole = CHUNKED.len() - "GET /".len();
    for end in 0..whole {
        let (_, _, ended) = read_body(Framing::Chunked, &[&CHUNKED[..end]]).unwrap();
        assert!(!ended, "ended after {end} bytes");
    }
}

#[test]
fn a_measured_body_leaves_what_follows() {
    let read = read_body(Framing::Length(5), &[b"he", b"lloGET /"]);
    assert_eq!(read, Ok((b"hello".to_vec(), b"GET /".to_vec(), true)));
    assert_eq!(read_body(Framing::None, &[b"x"]), Ok((vec![], b"x".to_vec(), true)));
    assert_eq!(read_body(Framing::Length(0), &[b"x"]), Ok((vec![], b"x".to_vec(), true)));
}

#[test]
fn what_is_not_the_size_of_a_chunk_is_refused() {
    for line in ["", ";", "g", "-1", "+1", "0x5", "11112222333344445", "5 5"] {
        let text = format!("{line}\r\n");
        let refused = read_body(Framing::Chunked, &[text.as_bytes()]).unwrap_err();
        assert_eq!(refused.status, 400, "{line:?}");
    }
    let endless = [b'1'; 300];
    assert_eq!(read_body(Framing::Chunked, &[&endless]).unwrap_err().status, 400);
    let trailers = [b"0\r\n".as_slice(), &b"A: b\r\n".repeat(2000)].concat();
    assert_eq!(read_body(Framing::Chunked, &[&trailers]).unwrap_err().status, 431);
}

const REQUEST: &[u8] = b"\r\nPUT /a%20b/c?x=1&y HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a:  2 \r\n\
                         Content-Length: 3\r\nConnection: Close, x\r\n\r\nabc";

#[test]
fn every_cut_of_a_head_gives_the_same_request() {
    let whole = REQUEST.len() - "abc".len();
    for cut in 0..whole {
        let mut head = Head::default();
        let mut input = BytesMut::from(&REQUEST[..cut]);
        assert_eq!(head.parse(&mut input), Ok(false), "complete after {cut} bytes");
        assert_eq!(input.len(), cut);
        input.extend_from_slice(&REQUEST[cut..]);
        assert_eq!(head.parse(&mut input), Ok(true));
        assert_eq!(input, "abc");
        assert_eq!((head.method(), head.path(), head.query()), ("PUT", "/a%20b/c", "x=1&y"));
        assert_eq!(head.header("x-A").as_deref(), Some("1, 2"));
        assert_eq!(head.framing, Framing::Length(3));
        assert!(!head.keep_alive && !head.old && !head.expects_continue);
    }
}

#[test]
fn a_head_is_reused_without_a_trace_of_the_one_before() {
    let mut head = Head::default();
    let mut input = BytesMut::from(REQUEST);
    assert_eq!(head.parse(&mut input), Ok(true));
    let mut input = BytesMut::from("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(head.parse(&mut input), Ok(true));
    assert_eq!((head.method(), head.path(), head.query()), ("GET", "/", ""));
    assert_eq!(head.header("x-a"), None);
    assert_eq!(head.framing, Framing::None);
    assert!(head.keep_alive);
}

proptest! {
    #[test]
    fn no_bytes_make_a_head_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut head = Head::default();
        let _ = head.parse(&mut BytesMut::from(&bytes[..]));
    }

    #[test]
    fn no_head_makes_it_panic(
        line in "(GET|POST|P R I) [/*a-z?#:]{0,12} HTTP/1\\.[0-9]",
        headers in prop::collection::vec(
            "(Host|Connection|Content-Length|Transfer-Encoding|Expect): [a-z0-9,\\- ]{0,12}", 0..6),
    ) {
        let text = format!("{line}\r\n{}\r\n\r\n", headers.join("\r\n"));
        let mut head = Head::default();
        if head.parse(&mut BytesMut::from(text.as_bytes())) == Ok(true) {
            prop_assert!(head.path().starts_with(['/', '*']));
        }
    }

    #[test]
    fn no_bytes_make_a_chunked_body_panic(
        bytes in prop::collection::vec(prop::sample::select(b"0123aF;\r\n x".to_vec()), 0..80),
        cut in 0..80_usize,
    ) {
        let cut = cut.min(bytes.len());
        let whole = read_body(Framing::Chunked, &[&bytes]);
        let pieces = read_body(Framing::Chunked, &[&bytes[..cut], &bytes[cut..]]);
        prop_assert_eq!(whole.is_ok(), pieces.is_ok());
        if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
            prop_assert_eq!(whole.0, pieces.0);
        }
    }
}
