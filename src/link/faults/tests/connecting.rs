//! Faults on connecting.

use std::io::ErrorKind;

use super::*;
use crate::base::Distribution;

#[test]
fn connecting_is_refused_and_each_attempt_counts() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&with(Harm::Refuse, |rule| rule.choice.first = Some(2)));
            for _ in 0..2 {
                let error = bench.links.dial(bench.client, bench.server).await.err();
                assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::ConnectionRefused));
            }
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"third\n").await;
            expect(&mut far, b"third\n").await;
        },
        |outcome| {
            assert_eq!(outcome.touched("x"), 2);
            assert_eq!(outcome.count(|kind| matches!(kind, EventKind::Refused { .. })), 2);
        },
    );
}

#[test]
fn connecting_takes_longer_until_the_fault_is_over() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&fault(Harm::SlowConnect(Distribution::Constant(30 * MS))));
            let began = bench.clock.now();
            let _first = bench.connect().await;
            assert!(bench.clock.now().since(began) >= 30 * MS);
            bench.start(&fault(Harm::SlowConnect(Distribution::Constant(HOUR))));
            let (faults, clock) = (bench.faults.clone(), bench.clock.clone());
            tokio::spawn(async move {
                clock.sleep(20 * MS).await;
                faults.end("x");
            });
            let _second = bench.connect().await;
        },
        |outcome| assert_eq!(outcome.touched("x"), 2),
    );
}
