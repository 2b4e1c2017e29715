//! Faults on decoded messages.

use bytes::Bytes;

use super::*;
use crate::base::{Distribution, Located, Span, Value};
use crate::plan::fault::Change;
use crate::scenario::model::{
    Body, Dynamic, DynamicKind, Edit, EditValue, Expectation, Field, Predicate, Test, Text,
};

fn span() -> Span {
    Span::new(0, 1)
}

fn text(text: &str) -> Text {
    Text::literal(text, span())
}

fn equals(value: Value) -> Predicate {
    let kind = match value {
        Value::String(string) => DynamicKind::Text(text(&string)),
        other => DynamicKind::Scalar(other),
    };
    Predicate { tests: vec![Test::Equals(Dynamic { kind, span: span() })], span: span() }
}

fn edit(edit: Edit) -> Harm {
    Harm::Change(Change::Edit(Arc::new(edit)))
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: s\r\n\r\n").into_bytes()
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[test]
fn a_dropped_request_is_missing_as_a_whole_and_replies_pair_with_the_others() {
    in_both(
        HTTP,
        |mut bench| async move {
            bench.start(&with(Harm::Drop, |rule| {
                rule.choice.looks.path = Some(equals("/b".into()));
            }));
            let (mut near, mut far) = bench.connect().await;
            let all = [get("/a"), get("/b"), get("/c")].concat();
            // In pieces that know nothing of borders.
            for piece in all.chunks(7) {
                send(&mut near, piece).await;
            }
            expect(&mut far, &[get("/a"), get("/c")].concat()).await;
            send(&mut far, &[ok("A"), ok("C")].concat()).await;
            expect(&mut near, &[ok("A"), ok("C")].concat()).await;
        },
        |outcome| {
            let mut messages = outcome.messages();
            messages.sort_by_key(|message| message.seq);
            let causes: Vec<_> = messages[3..].iter().map(|one| one.cause).collect();
            assert_eq!(causes, [Some(messages[0].seq), Some(messages[2].seq)]);
            assert_eq!(messages[1].fate, Fate::Dropped);
            assert_eq!(messages[1].fault.as_deref(), Some("x"));
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}

#[test]
fn a_dropped_reply_is_missing_as_a_whole() {
    in_both(
        REDIS,
        |mut bench| async move {
            bench.start(&with(Harm::Drop, |rule| {
                (rule.request, rule.response) = (false, true);
                rule.choice.looks.method = Some(equals("GET".into()));
            }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"PING\r\nget k\r\nPING\r\n").await;
            expect(&mut far, b"PING\r\nget k\r\nPING\r\n").await;
            send(&mut far, b"+PONG\r\n$1\r\nv\r\n+PONG2\r\n").await;
            expect(&mut near, b"+PONG\r\n+PONG2\r\n").await;
        },
        |outcome| {
            assert_eq!(outcome.fates()[4], ("\"v\"".into(), Fate::Dropped, "x".into()));
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}

#[test]
fn a_reply_fits_what_its_request_looks_like() {
    in_both(
        REDIS,
        |mut bench| async move {
            bench.start(&with(Harm::Drop, |rule| {
                (rule.request, rule.response) = (false, true);
                rule.choice.looks.summary = Some("GET *".into());
                rule.choice.nth = Some(2);
            }));
            let (mut near, mut far) = bench.connect().await;
            let all = b"GET a\r\nSET a 1\r\nGET b\r\nGET c\r\n";
            send(&mut near, all).await;
            expect(&mut far, all).await;
            send(&mut far, b":1\r\n+OK\r\n:2\r\n:3\r\n").await;
            expect(&mut near, b":1\r\n+OK\r\n:3\r\n").await;
        },
        |outcome| {
            assert_eq!(outcome.fates()[6], (":2".into(), Fate::Dropped, "x".into()));
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}

#[test]
fn the_link_takes_the_replies_to_copies() {
    in_both(
        HTTP,
        |mut bench| async move {
            let harm = Harm::Duplicate { times: 2, replies: false };
            bench.start(&with(harm, |rule| rule.choice.nth = Some(1)));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, &[get("/a"), get("/b")].concat()).await;
            expect(&mut far, &[get("/a"), get("/a"), get("/a"), get("/b")].concat()).await;
            send(&mut far, &[ok("1"), ok("2"), ok("3"), ok("4")].concat()).await;
            expect(&mut near, &[ok("1"), ok("4")].concat()).await;
        },
        |outcome| {
            let mut messages = outcome.messages();
            messages.sort_by_key(|message| message.seq);
            let fates: Vec<_> = messages.iter().map(|one| one.fate).collect();
            let (good, took) = (Fate::Delivered, Fate::Dropped);
            assert_eq!(fates, [Fate::Duplicated, good, good, took, took, good]);
            let causes: Vec<_> = messages[2..].iter().map(|one| one.cause).collect();
            let (a, b) = (Some(messages[0].seq), Some(messages[1].seq));
            assert_eq!(causes, [a, a, a, b]);
            assert_eq!(messages[3].fault.as_deref(), Some("x"));
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}

#[test]
fn replies_to_copies_reach_the_client_if_they_are_to() {
    in_both(
        REDIS,
        |mut bench| async move {
            bench.start(&fault(Harm::Duplicate { times: 1, replies: true }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"INCR n\r\n").await;
            expect(&mut far, b"INCR n\r\nINCR n\r\n").await;
            send(&mut far, b":1\r\n:2\r\n").await;
            expect(&mut near, b":1\r\n:2\r\n").await;
        },
        |outcome| {
            let messages = outcome.messages();
            assert_eq!(messages[0].fate, Fate::Duplicated);
            assert_eq!(messages[1].cause, messages[2].cause);
            assert_eq!(messages[2].cause, Some(messages[0].seq));
        },
    );
}

#[test]
fn a_reply_can_come_twice() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&with(Harm::Duplicate { times: 1, replies: false }, |rule| {
                (rule.request, rule.response) = (false, true);
            }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut far, b"tick\n").await;
            expect(&mut near, b"tick\ntick\n").await;
        },
        |outcome| assert_eq!(outcome.fates(), [("\"tick\"".into(), Fate::Duplicated, "x".into())]),
    );
}

#[test]
fn a_delayed_message_holds_up_what_stands_behind_it() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&with(Harm::Delay(Distribution::Constant(30 * MS)), |rule| {
                rule.choice.looks.summary = Some("*one*".into());
            }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"one\ntwo\n").await;
            expect(&mut far, b"one\ntwo\n").await;
        },
        |outcome| {
            assert!(outcome.latencies().iter().all(|latency| *latency >= 30 * MS));
            let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
            assert_eq!(fates, [Fate::Delayed, Fate::Delayed]);
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}

#[test]
fn delays_run_side_by_side() {
    let outcome = in_one(World::Virtual, LINES, |mut bench| async move {
        bench.start(&fault(Harm::Delay(Distribution::Constant(50 * MS))));
        let (mut near, mut far) = bench.connect().await;
        send(&mut near, b"one\n").await;
        bench.clock.sleep(10 * MS).await;
        send(&mut near, b"two\n").await;
        expect(&mut far, b"one\ntwo\n").await;
        assert_eq!(bench.clock.now().as_millis(), 60);
    });
    assert_eq!(outcome.latencies(), [50 * MS, 50 * MS]);
}

#[test]
fn held_messages_go_on_when_they_are_released_and_the_fault_holds_the_next() {
    in_both(
        LINES,
        |mut bench| async move {
            let hold = fault(Harm::Hold);
            bench.start(&hold);
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"one\n").await;
            expect_nothing(&bench.clock, &mut far).await;
            bench.faults.release("x");
            expect(&mut far, b"one\n").await;
            send(&mut near, b"two\n").await;
            expect_nothing(&bench.clock, &mut far).await;
            bench.faults.end("x");
            expect(&mut far, b"two\n").await;
            bench.start(&hold);
            send(&mut near, b"three\n").await;
            expect_nothing(&bench.clock, &mut far).await;
        },
        |outcome| {
            let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
            assert_eq!(fates, [Fate::Delayed, Fate::Delayed, Fate::Held]);
            assert_eq!(outcome.fates()[2].2, "x");
            assert_eq!(outcome.touched("x"), 3);
        },
    );
}

#[test]
fn a_held_message_outlives_its_sender() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&fault(Harm::Hold));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"last words\n").await;
            drop(near);
            expect_nothing(&bench.clock, &mut far).await;
            bench.faults.release("x");
            assert_eq!(rest(&mut far).await.expect("an end"), b"last words\n");
        },
        |outcome| assert_eq!(outcome.fates()[0].1, Fate::Delayed),
    );
}

#[test]
fn a_reordered_message_lets_the_next_ones_by() {
    in_both(
        LINES,
        |mut bench| async move {
            let harm = Harm::Reorder { behind: 2, within: HOUR };
            bench.start(&with(harm, |rule| rule.choice.nth = Some(1)));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"1\n2\n3\n4\n").await;
            expect(&mut far, b"2\n3\n1\n4\n").await;
        },
        |outcome| {
            assert_eq!(outcome.fates()[0].1, Fate::Delayed);
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}

#[test]
fn a_reordered_message_that_nobody_overtakes_comes_in_time() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&fault(Harm::Reorder { behind: 2, within: 30 * MS }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"1\n").await;
            expect(&mut far, b"1\n").await;
            send(&mut near, b"2\n").await;
            drop(near);
            assert_eq!(rest(&mut far).await.expect("an end"), b"2\n");
        },
        |outcome| assert!(outcome.latencies()[0] >= 30 * MS),
    );
}

#[test]
fn a_truncated_message_is_cut_and_the_connection_closed() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&fault(Harm::Truncate { bytes: 3, close: true }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"truncated\n").await;
            assert_eq!(rest(&mut far).await.expect("an end"), b"tru");
            assert_eq!(rest(&mut near).await.expect("an end"), b"");
        },
        |outcome| {
            assert_eq!(outcome.fates()[0].1, Fate::Truncated);
            let arrived = outcome.messages()[0].arrived.clone().expect("what arrived");
            assert_eq!((&arrived.bytes[..], arrived.length), (&b"tru"[..], 3));
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}

#[test]
fn a_truncated_message_can_leave_the_connection_open() {
    in_both(
        LINES,
        |mut bench| async move {
            let harm = Harm::Truncate { bytes: 3, close: false };
            bench.start(&with(harm, |rule| rule.choice.first = Some(1)));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"truncated\nnext\n").await;
            expect(&mut far, b"trunext\n").await;
        },
        |outcome| {
            let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
            assert_eq!(fates, [Fate::Truncated, Fate::Delivered]);
        },
    );
}

#[test]
fn a_message_is_replaced() {
    in_both(
        REDIS,
        |mut bench| async move {
            let other = Bytes::from_static(b"-ERR no\r\n");
            bench.start(&with(Harm::Change(Change::Bytes(other)), |rule| {
                (rule.request, rule.response) = (false, true);
                rule.choice.every = Some(2);
            }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut far, b"+1\r\n+2\r\n+3\r\n+4\r\n").await;
            expect(&mut near, b"+1\r\n-ERR no\r\n+3\r\n-ERR no\r\n").await;
        },
        |outcome| {
            let messages = outcome.messages();
            assert_eq!(messages[1].fate, Fate::Edited);
            let arrived = messages[1].arrived.as_ref().expect("what arrived");
            assert_eq!(arrived.summary, "-ERR no");
            assert_eq!(outcome.touched("x"), 2);
        },
    );
}

#[test]
fn http_messages_are_edited_on_a_connection_that_is_kept() {
    in_both(
        HTTP,
        |mut bench| async move {
            bench.start(&with(
                edit(Edit { path: Some(text("/other")), ..Edit::default() }),
                |rule| rule.choice.first = Some(1),
            ));
            let status = Edit {
                status: Some(Located::new(503, span())),
                headers: vec![(Located::new("retry-after".into(), span()), Some(text("1")))],
                body: Some(Body::Text(text("busy"))),
                when: vec![Expectation {
                    field: Located::new(Field::Named("body".into()), span()),
                    predicate: equals("B".into()),
                }],
                ..Edit::default()
            };
            bench.start(&named("busy", edit(status), |rule| {
                (rule.request, rule.response) = (false, true);
            }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, &[get("/a"), get("/b")].concat()).await;
            expect(&mut far, &[get("/other"), get("/b")].concat()).await;
            let chunked =
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nB\r\n0\r\n\r\n";
            send(&mut far, &[&ok("A")[..], chunked.as_bytes()].concat()).await;
            let busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\
                        retry-after: 1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nbusy";
            let mut got = vec![0; ok("A").len() + busy.len()];
            near.read_exact(&mut got).await.expect("replies");
            assert!(got.starts_with(&ok("A")));
            assert!(got.ends_with(b"busy"), "{}", String::from_utf8_lossy(&got));
        },
        |outcome| {
            let fates = outcome.fates();
            assert_eq!(fates[0], ("GET /a".into(), Fate::Edited, "x".into()));
            assert_eq!(fates[2].1, Fate::Delivered);
            assert_eq!(fates[3], ("200 OK".into(), Fate::Edited, "busy".into()));
            let messages = outcome.messages();
            let arrived = messages[3].arrived.as_ref().expect("what arrived");
            assert_eq!(arrived.summary, "503 Service Unavailable");
            assert_eq!((outcome.touched("x"), outcome.touched("busy")), (1, 1));
        },
    );
}

#[test]
fn words_values_and_lines_are_edited() {
    in_both(
        REDIS,
        |mut bench| async move {
            let words = EditValue::Words(vec![text("GET"), text("other")]);
            bench.start(&fault(edit(Edit { value: Some(words), ..Edit::default() })));
            let list = DynamicKind::Array(vec![
                Dynamic { kind: DynamicKind::Scalar(1.into()), span: span() },
                Dynamic { kind: DynamicKind::Scalar(Value::Null), span: span() },
            ]);
            let value = EditValue::Reply(Dynamic { kind: list, span: span() });
            let change = edit(Edit { value: Some(value), ..Edit::default() });
            bench.start(&named("reply", change, |rule| {
                (rule.request, rule.response) = (false, true);
            }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"GET k\r\n").await;
            expect(&mut far, b"*2\r\n$3\r\nGET\r\n$5\r\nother\r\n").await;
            send(&mut far, b"$1\r\nv\r\n").await;
            expect(&mut near, b"*2\r\n:1\r\n$-1\r\n").await;
        },
        |outcome| {
            let messages = outcome.messages();
            let arrived: Vec<_> =
                messages.iter().flat_map(|one| &one.arrived).map(|one| &one.summary).collect();
            assert_eq!(arrived, ["GET other", "*2 [:1, (nil)]"]);
        },
    );
    in_both(
        LINES,
        |mut bench| async move {
            let line = EditValue::Line(text("other"));
            bench.start(&fault(edit(Edit { value: Some(line), ..Edit::default() })));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"one\r\ntwo\n").await;
            expect(&mut far, b"other\r\nother\n").await;
        },
        |outcome| assert_eq!(outcome.touched("x"), 2),
    );
}

#[test]
fn an_edit_that_cannot_be_leaves_the_message_and_says_so_once() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&fault(edit(Edit { path: Some(text("/x")), ..Edit::default() })));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"one\ntwo\n").await;
            expect(&mut far, b"one\ntwo\n").await;
        },
        |outcome| {
            assert_eq!(outcome.touched("x"), 0);
            assert!(outcome.fates().iter().all(|one| one.1 == Fate::Delivered));
            assert_eq!(outcome.count(|kind| matches!(kind, EventKind::Log { .. })), 1);
        },
    );
}

#[test]
fn who_waits_for_a_word_before_the_body_gets_it_from_the_link() {
    in_both(
        HTTP,
        |mut bench| async move {
            bench.start(&fault(Harm::Delay(Distribution::Constant(10 * MS))));
            let (mut near, mut far) = bench.connect().await;
            let head = b"PUT /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
            send(&mut near, head).await;
            expect(&mut near, b"HTTP/1.1 100 Continue\r\n\r\n").await;
            send(&mut near, b"body").await;
            expect(&mut far, &[&head[..], b"body"].concat()).await;
            send(&mut far, &[&b"HTTP/1.1 100 Continue\r\n\r\n"[..], &ok("")].concat()).await;
            expect(&mut near, &[&b"HTTP/1.1 100 Continue\r\n\r\n"[..], &ok("")].concat()).await;
        },
        |outcome| {
            assert_eq!(outcome.fates()[0].1, Fate::Delayed);
            assert_eq!(outcome.messages().len(), 3);
        },
    );
}

#[test]
fn a_body_that_ends_with_the_connection_is_whole_at_its_end() {
    in_both(
        HTTP,
        |mut bench| async move {
            bench.start(&with(
                edit(Edit { body: Some(Body::Text(text("new"))), ..Edit::default() }),
                |rule| (rule.request, rule.response) = (false, true),
            ));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, &get("/")).await;
            expect(&mut far, &get("/")).await;
            send(&mut far, b"HTTP/1.0 200 OK\r\nContent-Type: a/b\r\n\r\nuntil ").await;
            send(&mut far, b"the end").await;
            drop(far);
            let wanted = "HTTP/1.0 200 OK\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nnew";
            let got = rest(&mut near).await.expect("an end");
            assert_eq!(String::from_utf8_lossy(&got), wanted);
        },
        |outcome| assert_eq!(outcome.fates()[1].1, Fate::Edited),
    );
}

#[test]
fn a_message_that_is_too_long_to_wait_for_passes_and_the_trace_says_so() {
    let outcome = in_one(World::Virtual, HTTP, |mut bench| async move {
        bench.start(&fault(Harm::Drop));
        let (mut near, mut far) = bench.connect().await;
        let length = super::super::MESSAGE_BYTES_MAX + 100_000;
        let head = format!("PUT /x HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        let sending = tokio::spawn(async move {
            send(&mut near, head.as_bytes()).await;
            send(&mut near, &vec![b'a'; length]).await;
            send(&mut near, &get("/dropped")).await;
            near
        });
        let mut got = 0;
        let mut buffer = vec![0; 1 << 16];
        while got < length {
            got += far.read(&mut buffer).await.expect("bytes");
        }
        let _near = sending.await.expect("sent");
        expect_nothing(&bench.clock, &mut far).await;
    });
    let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
    assert_eq!(fates, [Fate::Delivered, Fate::Dropped]);
    assert_eq!(outcome.count(|kind| matches!(kind, EventKind::Log { .. })), 1);
}

#[test]
fn who_drops_a_message_has_the_last_word_and_who_comes_later_never_sees_it() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&named("twice", Harm::Duplicate { times: 1, replies: false }, |_| {}));
            bench.start(&named("drop", Harm::Drop, |rule| rule.choice.every = Some(2)));
            bench.start(&named("late", Harm::Delay(Distribution::Constant(MS)), |_| {}));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"1\n2\n").await;
            expect(&mut far, b"1\n1\n").await;
        },
        |outcome| {
            let fates = outcome.fates();
            assert_eq!(fates[0], ("\"1\"".into(), Fate::Duplicated, "twice".into()));
            assert_eq!(fates[1], ("\"2\"".into(), Fate::Dropped, "drop".into()));
            let touched = ["twice", "drop", "late"].map(|name| outcome.touched(name));
            assert_eq!(touched, [2, 1, 1]);
        },
    );
}

#[test]
fn a_fault_that_comes_in_the_middle_of_a_message_begins_with_the_next() {
    in_both(
        LINES,
        |mut bench| async move {
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"begun ").await;
            expect(&mut far, b"begun ").await;
            bench.start(&fault(Harm::Drop));
            send(&mut near, b"before\nafter\n").await;
            expect(&mut far, b"before\n").await;
            bench.faults.end("x");
            send(&mut near, b"again\n").await;
            expect(&mut far, b"again\n").await;
        },
        |outcome| {
            let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
            assert_eq!(fates, [Fate::Delivered, Fate::Dropped, Fate::Delivered]);
        },
    );
}
