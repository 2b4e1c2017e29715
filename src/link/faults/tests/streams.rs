//! Faults on bytes and on open connections.

use std::io::ErrorKind;

use tokio::io::AsyncReadExt;

use super::*;
use crate::base::Distribution;
use crate::scenario::model::Corruption;

fn latency(by: Duration) -> Harm {
    Harm::Latency { by: Distribution::Constant(by), jitter: Duration::ZERO }
}

#[test]
fn latency_delays_and_counts_each_message() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&fault(latency(30 * MS)));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"one\ntwo\n").await;
            expect(&mut far, b"one\ntwo\n").await;
            send(&mut far, b"back\n").await;
            expect(&mut near, b"back\n").await;
        },
        |outcome| {
            let fates = outcome.fates();
            assert_eq!(fates[0], ("\"one\"".into(), Fate::Delayed, "x".into()));
            assert_eq!(fates[1], ("\"two\"".into(), Fate::Delayed, "x".into()));
            assert_eq!(fates[2], ("\"back\"".into(), Fate::Delivered, String::new()));
            assert_eq!(outcome.touched("x"), 2);
            assert!(outcome.latencies()[0] >= 30 * MS);
            if outcome.world == World::Virtual {
                assert_eq!(outcome.latencies()[0], 30 * MS);
            }
        },
    );
}

#[test]
fn a_latency_that_is_taken_off_holds_nothing_up_any_more() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&fault(latency(HOUR)));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"one\n").await;
            expect_nothing(&bench.clock, &mut far).await;
            assert!(bench.faults.end("x"));
            assert!(!bench.faults.end("x"));
            expect(&mut far, b"one\n").await;
            send(&mut near, b"two\n").await;
            expect(&mut far, b"two\n").await;
        },
        |outcome| {
            let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
            assert_eq!(fates, [Fate::Delayed, Fate::Delivered]);
            assert_eq!(outcome.touched("x"), 1);
            assert_eq!(outcome.ends_of("x"), 1);
        },
    );
}

#[test]
fn what_was_sent_before_a_fault_does_not_meet_it() {
    let outcome = in_one(World::Virtual, LINES, |mut bench| async move {
        bench.start(&named("base", latency(10 * MS), |_| {}));
        let (mut near, mut far) = bench.connect().await;
        send(&mut near, b"before\n").await;
        bench.start(&fault(latency(HOUR)));
        send(&mut near, b"after\n").await;
        expect(&mut far, b"before\n").await;
        expect_nothing(&bench.clock, &mut far).await;
        bench.faults.end("x");
        expect(&mut far, b"after\n").await;
    });
    assert_eq!(outcome.latencies()[0], 10 * MS);
    assert_eq!(outcome.touched("x"), 1);
}

#[test]
fn a_slow_line_takes_its_time_and_a_stalled_one_goes_on_when_it_is_healed() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&fault(Harm::Bandwidth { bytes_per_s: 10_000.0 }));
            let (mut near, mut far) = bench.connect().await;
            let line = [&[b'a'; 399][..], b"\n"].concat();
            send(&mut near, &line).await;
            expect(&mut far, &line).await;
            bench.start(&fault(Harm::Bandwidth { bytes_per_s: 0.0 }));
            send(&mut near, b"stalled\n").await;
            expect_nothing(&bench.clock, &mut far).await;
            bench.faults.end("x");
            expect(&mut far, b"stalled\n").await;
        },
        |outcome| {
            let least = 40 * MS;
            assert!(outcome.latencies()[0] >= least, "{:?}", outcome.latencies());
            assert_eq!(outcome.fates()[0].1, Fate::Delayed);
            assert_eq!(outcome.fates()[1].1, Fate::Delayed);
            assert_eq!(outcome.touched("x"), 2);
        },
    );
}

#[test]
fn a_big_piece_trickles_over_a_slow_line() {
    let outcome = in_one(World::Virtual, RAW, |mut bench| async move {
        bench.start(&fault(Harm::Bandwidth { bytes_per_s: 1000.0 }));
        let (mut near, mut far) = bench.connect().await;
        send(&mut near, &[b'a'; 1000]).await;
        let mut times = Vec::new();
        let mut left = 1000;
        while left > 0 {
            let n = far.read(&mut [0; 1000]).await.expect("bytes");
            times.push((n, bench.clock.now().as_millis()));
            left -= n;
        }
        let wanted: Vec<(usize, u64)> = (1..=10).map(|n| (100, n * 100)).collect();
        assert_eq!(times, wanted);
    });
    assert_eq!(outcome.latencies(), [1000 * MS]);
}

#[test]
fn slices_arrive_one_by_one() {
    in_both(
        RAW,
        |mut bench| async move {
            bench.start(&fault(Harm::Slice { size: 4, variation: 0, delay: 5 * MS }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"abcdefghij").await;
            expect(&mut far, b"abcdefghij").await;
        },
        |outcome| {
            assert_eq!(outcome.fates()[0].1, Fate::Delayed);
            assert!(outcome.latencies()[0] >= 10 * MS);
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}

#[test]
fn corrupt_flips_bits_and_the_trace_has_what_arrived() {
    in_both(
        RAW,
        |mut bench| async move {
            let at = Corruption::At { offset: 1, bits: 0x20 };
            bench.start(&fault(Harm::Corrupt(at)));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"abc").await;
            expect(&mut far, b"aBc").await;
            send(&mut near, b"abc").await;
            expect(&mut far, b"abc").await;
            bench.start(&fault(Harm::Corrupt(Corruption::Rate(1.0))));
            send(&mut near, b"\x00\x0f").await;
            let mut got = [0; 2];
            far.read_exact(&mut got).await.expect("bytes");
            assert_eq!(got, [0xff, 0xf0]);
        },
        |outcome| {
            let messages = outcome.messages();
            assert_eq!(messages[0].fate, Fate::Corrupted);
            assert_eq!(&messages[0].bytes[..], b"abc");
            let arrived = messages[0].arrived.as_ref().expect("what arrived");
            assert_eq!((&arrived.bytes[..], arrived.length), (&b"aBc"[..], 3));
            assert_eq!(arrived.summary, "3 bytes \"aBc\"");
            assert_eq!(messages[1].fate, Fate::Delivered);
            assert_eq!(messages[2].fate, Fate::Corrupted);
            assert_eq!(outcome.touched("x"), 2);
        },
    );
}

#[test]
fn a_limit_lets_so_much_through_and_closes_the_connection() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&fault(Harm::Limit { bytes: 6 }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"one\n").await;
            expect(&mut far, b"one\n").await;
            send(&mut near, b"two\nthree\n").await;
            assert_eq!(rest(&mut far).await.expect("an end"), b"tw");
            assert_eq!(rest(&mut near).await.expect("an end"), b"");
        },
        |outcome| {
            let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
            assert_eq!(fates, [Fate::Delivered, Fate::Truncated, Fate::Dropped]);
            let two = outcome.messages()[1];
            assert_eq!(two.arrived.as_ref().map(|arrived| arrived.length), Some(2));
            assert_eq!(outcome.touched("x"), 2);
            assert_eq!(outcome.count(|kind| matches!(kind, EventKind::Close { .. })), 2);
        },
    );
}

#[test]
fn an_end_comes_later_over_a_slow_close() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&fault(Harm::SlowClose { by: 30 * MS }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"bye\n").await;
            drop(near);
            expect(&mut far, b"bye\n").await;
            let before = bench.clock.now();
            assert_eq!(rest(&mut far).await.expect("an end"), b"");
            assert!(bench.clock.now().since(before) >= 20 * MS);
        },
        |outcome| {
            assert_eq!(outcome.fates()[0].1, Fate::Delivered);
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}

#[test]
fn a_reset_breaks_an_idle_connection_for_both_sides_at_once() {
    in_both(
        LINES,
        |mut bench| async move {
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"hello\n").await;
            expect(&mut far, b"hello\n").await;
            bench.start(&fault(Harm::Reset { after: Duration::ZERO }));
            for stream in [&mut near, &mut far] {
                let error = stream.read(&mut [0]).await.expect_err("a reset");
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            }
        },
        |outcome| {
            assert_eq!(outcome.touched("x"), 1);
            assert_eq!(outcome.count(|kind| matches!(kind, EventKind::Reset { .. })), 2);
        },
    );
}

#[test]
fn a_reset_comes_after_its_time_unless_it_is_healed_before() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&fault(Harm::Reset { after: 30 * MS }));
            let (mut near, _far) = bench.connect().await;
            let began = bench.clock.now();
            let error = near.read(&mut [0]).await.expect_err("a reset");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            assert!(bench.clock.now().since(began) >= 25 * MS);
            let (mut near, mut far) = bench.connect().await;
            bench.faults.end("x");
            bench.clock.sleep(40 * MS).await;
            send(&mut near, b"alive\n").await;
            expect(&mut far, b"alive\n").await;
        },
        |outcome| assert_eq!(outcome.touched("x"), 1),
    );
}

#[test]
fn what_is_under_way_when_the_connection_is_reset_is_lost() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&named("slow", latency(HOUR), |_| {}));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"lost\n").await;
            bench.start(&fault(Harm::Reset { after: Duration::ZERO }));
            let error = far.read(&mut [0]).await.expect_err("a reset");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            drop(near);
        },
        |outcome| {
            assert_eq!(outcome.fates(), [("\"lost\"".into(), Fate::Lost, "x".into())]);
        },
    );
}

#[test]
fn nothing_comes_through_a_blackhole_until_it_is_healed() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&fault(Harm::Blackhole { close_after: None }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"gone\n").await;
            expect_nothing(&bench.clock, &mut far).await;
            bench.faults.end("x");
            send(&mut near, b"here\n").await;
            expect(&mut far, b"here\n").await;
            send(&mut far, b"back\n").await;
            expect(&mut near, b"back\n").await;
        },
        |outcome| {
            let mut messages = outcome.messages();
            messages.sort_by_key(|message| message.seq);
            let fates: Vec<_> = messages.iter().map(|one| one.fate).collect();
            assert_eq!(fates, [Fate::Dropped, Fate::Delivered, Fate::Delivered]);
            assert_eq!(messages[2].cause, Some(messages[1].seq));
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}

#[test]
fn a_blackhole_closes_the_connection_after_a_silence() {
    in_both(
        LINES,
        |mut bench| async move {
            let after = Some(30 * MS);
            bench.start(&fault(Harm::Blackhole { close_after: after }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"gone\n").await;
            assert_eq!(rest(&mut far).await.expect("an end"), b"");
            assert_eq!(rest(&mut near).await.expect("an end"), b"");
        },
        |outcome| {
            assert_eq!(outcome.fates()[0].1, Fate::Dropped);
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}

#[test]
fn a_half_closed_direction_ends_and_the_other_goes_on() {
    in_both(
        LINES,
        |mut bench| async move {
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"one\n").await;
            expect(&mut far, b"one\n").await;
            bench.start(&fault(Harm::HalfClose));
            assert_eq!(rest(&mut far).await.expect("an end"), b"");
            send(&mut near, b"nobody hears this\n").await;
            send(&mut far, b"reply\n").await;
            expect(&mut near, b"reply\n").await;
        },
        |outcome| {
            let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
            assert_eq!(fates, [Fate::Delivered, Fate::Dropped, Fate::Delivered]);
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}

#[test]
fn faults_on_bytes_act_in_the_order_in_which_they_were_let_loose() {
    let outcome = in_one(World::Virtual, RAW, |mut bench| async move {
        bench.start(&named("slow", latency(10 * MS), |_| {}));
        bench.start(&named("slice", Harm::Slice { size: 5, variation: 0, delay: 7 * MS }, |_| {}));
        bench.start(&named("later", latency(100 * MS), |_| {}));
        let (mut near, mut far) = bench.connect().await;
        send(&mut near, b"0123456789").await;
        expect(&mut far, b"01234").await;
        assert_eq!(bench.clock.now().as_millis(), 110);
        expect(&mut far, b"56789").await;
        assert_eq!(bench.clock.now().as_millis(), 117);
    });
    assert_eq!(outcome.fates()[0].2, "later");
    for name in ["slow", "slice", "later"] {
        assert_eq!(outcome.touched(name), 1, "{name}");
    }
}

#[test]
fn a_connection_is_chosen_once() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&with(latency(HOUR), |rule| rule.choice.nth = Some(2)));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"first\n").await;
            expect(&mut far, b"first\n").await;
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"second\n").await;
            expect_nothing(&bench.clock, &mut far).await;
        },
        |outcome| {
            let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
            assert_eq!(fates, [Fate::Delivered, Fate::Held]);
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}

#[test]
fn a_byte_by_byte_sender_is_stopped_by_the_window() {
    let outcome = in_one(World::Virtual, RAW, |mut bench| async move {
        bench.start(&fault(Harm::Bandwidth { bytes_per_s: 0.0 }));
        let (mut near, _far) = bench.connect().await;
        let mut sent = 0;
        while bench.clock.timeout(MS, send(&mut near, b"x")).await.is_ok() {
            sent += 1;
            assert!(sent < 10_000, "it never stops");
        }
        assert!(sent > 100);
    });
    assert!(outcome.fates().iter().all(|one| one.1 == Fate::Held));
}

#[test]
fn connections_can_be_closed_by_hand() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&fault(Harm::Blackhole { close_after: None }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"gone\n").await;
            expect_nothing(&bench.clock, &mut far).await;
            bench.faults.close_chosen("x");
            assert_eq!(rest(&mut far).await.expect("an end"), b"");
            assert_eq!(rest(&mut near).await.expect("an end"), b"");
            bench.faults.end("x");
            let (mut near, mut far) = bench.connect().await;
            bench.faults.close_between(bench.client, bench.server, "closed");
            assert_eq!(rest(&mut far).await.expect("an end"), b"");
            assert_eq!(rest(&mut near).await.expect("an end"), b"");
            // Who writes all the same is told.
            while near.write_all(b"x\n").await.is_ok() {
                bench.clock.sleep(MS).await;
            }
        },
        |outcome| assert_eq!(outcome.fates()[0].1, Fate::Dropped),
    );
}

/// A fault on bytes that chooses messages by their summary.
fn on(summary: &str, name: &str, harm: Harm) -> Arc<Fault> {
    let summary = summary.to_owned();
    named(name, harm, |rule| {
        rule.unit = Unit::Message;
        rule.choice.looks.summary = Some(summary);
    })
}

#[test]
fn faults_on_bytes_can_choose_messages() {
    in_both(
        LINES,
        |mut bench| async move {
            let by = Distribution::Constant(30 * MS);
            let at = Corruption::At { offset: 0, bits: 0x20 };
            bench.start(&on("*slow*", "slow", Harm::Latency { by, jitter: Duration::ZERO }));
            bench.start(&on("*flip*", "flip", Harm::Corrupt(at)));
            bench.start(&on("*gone*", "gone", Harm::Blackhole { close_after: None }));
            bench.start(&on("*last*", "last", Harm::HalfClose));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"quick\nslow\nflip\nquick\ngone\nlast\nmore\n").await;
            let got = rest(&mut far).await.expect("an end");
            assert_eq!(String::from_utf8_lossy(&got), "quick\nslow\nFlip\nquick\nlast\n");
        },
        |outcome| {
            let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
            assert_eq!(fates[..3], [Fate::Delivered, Fate::Delayed, Fate::Corrupted]);
            assert_eq!(fates[4..], [Fate::Dropped, Fate::Delivered, Fate::Dropped]);
            for name in ["slow", "flip", "gone", "last"] {
                assert_eq!(outcome.touched(name), 1, "{name}");
            }
        },
    );
}

#[test]
fn a_reset_comes_when_such_a_message_is_sent() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&on("*bad*", "x", Harm::Reset { after: Duration::ZERO }));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"good\n").await;
            expect(&mut far, b"good\n").await;
            send(&mut near, b"bad\n").await;
            assert!(rest(&mut far).await.is_err());
            assert!(rest(&mut near).await.is_err());
        },
        |outcome| {
            assert_eq!(outcome.fates()[1], ("\"bad\"".into(), Fate::Lost, "x".into()));
            assert_eq!(outcome.touched("x"), 1);
        },
    );
}
