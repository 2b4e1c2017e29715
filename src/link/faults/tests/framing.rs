//! Whoever reads finds the next message where it begins, whatever was done to the one before.

use bytes::Bytes;

use super::*;
use crate::base::{Located, Span};
use crate::plan::fault::Change;
use crate::scenario::model::Edit;

const HEAD: &[u8] = b"HEAD /a HTTP/1.1\r\nHost: s\r\n\r\n";
const GET: &[u8] = b"GET /b HTTP/1.1\r\nHost: s\r\n\r\n";

fn to_method(method: &str) -> Harm {
    let method = Some(Located::new(method.to_owned(), Span::new(0, 1)));
    Harm::Change(Change::Edit(Arc::new(Edit { method, ..Edit::default() })))
}

fn replaced(by: &'static [u8]) -> Harm {
    Harm::Change(Change::Bytes(Bytes::from_static(by)))
}

#[test]
fn a_request_for_a_head_stays_one_because_its_reply_has_no_body() {
    in_both(
        HTTP,
        |mut bench| async move {
            bench.start(&with(to_method("POST"), |rule| rule.choice.nth = Some(1)));
            let other = replaced(b"GET /other HTTP/1.1\r\nHost: s\r\n\r\n");
            bench.start(&named("y", other, |rule| rule.choice.nth = Some(2)));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, &[HEAD, HEAD, GET].concat()).await;
            expect(&mut far, &[HEAD, HEAD, GET].concat()).await;
        },
        |outcome| {
            assert_eq!((outcome.touched("x"), outcome.touched("y")), (0, 0));
            assert_eq!(outcome.count(|kind| matches!(kind, EventKind::Log { .. })), 2);
        },
    );
}

#[test]
fn no_other_request_becomes_one_for_a_head() {
    in_both(
        HTTP,
        |mut bench| async move {
            bench.start(&fault(replaced(HEAD)));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, GET).await;
            expect(&mut far, GET).await;
        },
        |outcome| {
            assert_eq!(outcome.touched("x"), 0);
            assert_eq!(outcome.count(|kind| matches!(kind, EventKind::Log { .. })), 1);
        },
    );
}

#[test]
fn of_what_replaces_the_reply_to_a_head_the_head_arrives() {
    in_both(
        HTTP,
        |mut bench| async move {
            let other = replaced(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc");
            bench.start(&with(other, |rule| {
                (rule.request, rule.response) = (false, true);
                rule.choice.nth = Some(1);
            }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, &[HEAD, GET].concat()).await;
            expect(&mut far, &[HEAD, GET].concat()).await;
            let second = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nB";
            let first = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n";
            send(&mut far, &[&first[..], second].concat()).await;
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
            expect(&mut near, &[&head[..], second].concat()).await;
        },
        |outcome| assert_eq!(outcome.touched("x"), 1),
    );
}

#[test]
fn as_many_replies_are_taken_as_there_are_copies() {
    in_both(
        REDIS,
        |mut bench| async move {
            for name in ["x", "y"] {
                let harm = Harm::Duplicate { times: 800, replies: false };
                bench.start(&named(name, harm, |rule| rule.choice.nth = Some(1)));
            }
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"INCR n\r\nGET n\r\n").await;
            expect(&mut far, &[&b"INCR n\r\n".repeat(1001)[..], b"GET n\r\n"].concat()).await;
            send(&mut far, &[&b":1\r\n".repeat(1001)[..], b"+mine\r\n"].concat()).await;
            expect(&mut near, b":1\r\n+mine\r\n").await;
        },
        |outcome| assert_eq!((outcome.touched("x"), outcome.touched("y")), (1, 1)),
    );
}
