//! Taps see the same messages however the bytes are cut.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Protocol, Seen, Tap};
use crate::base::{Direction, Seq};

const REQUEST: Direction = Direction::Request;
const RESPONSE: Direction = Direction::Response;

/// A tap with a counter, and what it saw.
struct Bench {
    tap: Tap,
    next: std::cell::Cell<u64>,
    seen: Vec<(Direction, Seen)>,
}

impl Bench {
    fn new(protocol: Protocol) -> Bench {
        Bench { tap: Tap::new(protocol, 1024), next: std::cell::Cell::new(1), seen: Vec::new() }
    }

    fn push(&mut self, direction: Direction, bytes: &[u8]) {
        let next = &self.next;
        let next_seq = || {
            next.set(next.get() + 1);
            Seq(next.get() - 1)
        };
        let seen = &mut self.seen;
        self.tap.push(direction, &Bytes::copy_from_slice(bytes), &next_seq, &mut |one| {
            // Where a message ends in what was pushed depends on how the bytes are cut.
            seen.push((direction, Seen { end: 0, ..one }));
        });
    }

    fn end(&mut self, direction: Direction) {
        let next = &self.next;
        let seen = &mut self.seen;
        self.tap.end(direction, &|| Seq(next.get()), &mut |one| seen.push((direction, one)));
    }

    fn summaries(&self) -> Vec<&str> {
        self.seen.iter().map(|(_, seen)| seen.summary.as_str()).collect()
    }

    fn causes(&self) -> Vec<Option<u64>> {
        self.seen.iter().map(|(_, seen)| seen.cause.map(|seq| seq.0)).collect()
    }
}

const HTTP_REQUESTS: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n\
    HEAD /b HTTP/1.1\r\nHost: x\r\n\r\n\
    POST /c?q=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello\
    PUT /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n\
    GET /e HTTP/1.1\r\n\r\n";

const HTTP_RESPONSES: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi\
    HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\
    HTTP/1.1 100 Continue\r\n\r\n\
    HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n\
    HTTP/1.1 204 No Content\r\n\r\n\
    HTTP/1.0 404 Not Found\r\n\r\nuntil the end";

#[test]
fn http_messages_pair_through_head_continue_and_chunks() {
    let mut bench = Bench::new(Protocol::Http);
    bench.push(REQUEST, HTTP_REQUESTS);
    bench.push(RESPONSE, HTTP_RESPONSES);
    bench.end(RESPONSE);
    assert_eq!(
        bench.summaries(),
        [
            "GET /a",
            "HEAD /b",
            "POST /c?q=1",
            "PUT /d",
            "GET /e",
            "200 OK",
            "200 OK",
            "100 Continue",
            "201 Created",
            "204 No Content",
            "404 Not Found"
        ]
    );
    assert_eq!(bench.causes()[5..], [Some(1), Some(2), Some(3), Some(3), Some(4), Some(5)]);
    let total: u64 = bench.seen[..5].iter().map(|(_, seen)| seen.length).sum();
    assert_eq!(total, HTTP_REQUESTS.len() as u64);
    assert!(bench.seen[2].1.bytes.ends_with(b"hello"));
    assert!(bench.seen[10].1.bytes.ends_with(b"until the end"));
}

const REDIS_REQUESTS: &[u8] =
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na b\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\
    *3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n$4\r\nPING\r\n";

const REDIS_REPLIES: &[u8] = b"+OK\r\n$3\r\na b\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n\
    *3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n\
    *2\r\n$4\r\npong\r\n$0\r\n\r\n";

#[test]
fn redis_replies_pair_and_pushed_messages_answer_nothing() {
    let mut bench = Bench::new(Protocol::Redis);
    bench.push(REQUEST, REDIS_REQUESTS);
    bench.push(RESPONSE, REDIS_REPLIES);
    assert_eq!(bench.summaries()[..2], ["SET k \"a b\"", "GET k"]);
    assert_eq!(bench.causes()[4..], [Some(1), Some(2), Some(3), Some(3), None, Some(4)]);
}

#[test]
fn lines_pair_one_by_one_and_raw_answers_what_was_sent_last() {
    let mut line = Bench::new(Protocol::Line);
    line.push(REQUEST, b"one\ntwo\r\n");
    line.push(RESPONSE, b"one\ntw");
    line.push(RESPONSE, b"o\n");
    assert_eq!(line.summaries(), ["\"one\"", "\"two\"", "\"one\"", "\"two\""]);
    assert_eq!(line.causes(), [None, None, Some(1), Some(2)]);

    let mut raw = Bench::new(Protocol::Raw);
    raw.push(REQUEST, b"ab");
    raw.push(REQUEST, b"c");
    raw.push(RESPONSE, b"ab");
    raw.push(RESPONSE, b"c");
    assert_eq!(raw.causes(), [None, None, Some(2), Some(2)]);
}

#[test]
fn what_is_not_the_protocol_is_shown_and_never_held_back() {
    let mut bench = Bench::new(Protocol::Http);
    bench.push(REQUEST, b"\x16\x03\x01 a TLS hello");
    bench.push(REQUEST, b"more");
    assert_eq!(bench.seen.len(), 2);
    assert!(bench.summaries()[0].starts_with("not http: 15 bytes"), "{:?}", bench.summaries());
}

#[test]
fn a_message_cut_short_is_told_at_the_end() {
    let mut bench = Bench::new(Protocol::Http);
    bench.push(REQUEST, b"POST / HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\nonly this");
    assert_eq!(bench.seen.len(), 0);
    bench.end(REQUEST);
    assert!(bench.summaries()[0].contains("cut short"), "{:?}", bench.summaries());
    assert!(bench.seen[0].1.bytes.ends_with(b"only this"));
}

/// The messages of both directions, the requests sent in two pieces and then the replies.
fn in_two(protocol: Protocol, wires: [&[u8]; 2], cuts: [usize; 2]) -> Vec<(Direction, Seen)> {
    let mut bench = Bench::new(protocol);
    for (direction, (wire, cut)) in [REQUEST, RESPONSE].into_iter().zip(wires.into_iter().zip(cuts))
    {
        for piece in [&wire[..cut], &wire[cut..]] {
            if !piece.is_empty() {
                bench.push(direction, piece);
            }
        }
    }
    bench.end(RESPONSE);
    bench.seen
}

#[test]
fn every_split_gives_the_same_messages() {
    for (protocol, wires) in [
        (Protocol::Http, [HTTP_REQUESTS, HTTP_RESPONSES]),
        (Protocol::Redis, [REDIS_REQUESTS, REDIS_REPLIES]),
    ] {
        let whole = in_two(protocol, wires, [0, 0]);
        for cut in 0..=wires[0].len() {
            assert_eq!(in_two(protocol, wires, [cut, 0]), whole, "request cut {cut}");
        }
        for cut in 0..=wires[1].len() {
            assert_eq!(in_two(protocol, wires, [0, cut]), whole, "response cut {cut}");
        }
    }
}

#[test]
fn byte_by_byte_gives_the_same_messages() {
    let mut bench = Bench::new(Protocol::Http);
    HTTP_REQUESTS.chunks(1).for_each(|byte| bench.push(REQUEST, byte));
    HTTP_RESPONSES.chunks(1).for_each(|byte| bench.push(RESPONSE, byte));
    bench.end(RESPONSE);
    assert_eq!(bench.seen, in_two(Protocol::Http, [HTTP_REQUESTS, HTTP_RESPONSES], [0, 0]));
}

proptest! {
    #[test]
    fn random_bytes_never_panic_and_every_byte_is_counted_once(
        pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 1..40)), 0..30),
        protocol in prop::sample::select(vec![
            Protocol::Raw, Protocol::Line, Protocol::Http, Protocol::Redis,
        ]),
    ) {
        let mut bench = Bench::new(protocol);
        let mut sent = [0u64; 2];
        for (up, bytes) in &pieces {
            let direction = if *up { REQUEST } else { RESPONSE };
            bench.push(direction, bytes);
            sent[usize::from(*up)] += bytes.len() as u64;
        }
        bench.end(REQUEST);
        bench.end(RESPONSE);
        for (up, direction) in [(1, REQUEST), (0, RESPONSE)] {
            let counted: u64 = bench
                .seen
                .iter()
                .filter(|(one, _)| *one == direction)
                .map(|(_, seen)| seen.length)
                .sum();
            // Empty commands between messages of Redis belong to the message that follows them.
            prop_assert_eq!(counted, sent[up]);
        }
    }
}
