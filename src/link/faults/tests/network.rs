//! Cuts through the network, and nodes that crash.

use std::io::ErrorKind;

use super::super::NodeState;
use super::*;
use crate::plan::fault::Cut;
use crate::scenario::model::{Flap, NodeHarm};

/// A cut between the client (1) and the server (0).
fn cut(ways: &[(u32, u32)], lose: bool, flap: Option<Flap>) -> Arc<Fault> {
    let mut blocked: Vec<_> = ways.iter().map(|(a, b)| (NodeId(*a), NodeId(*b))).collect();
    blocked.sort_unstable();
    of_kind("cut", FaultKind::Cut(Arc::new(Cut { blocked, lose, flap })))
}

const BOTH: &[(u32, u32)] = &[(0, 1), (1, 0)];

#[test]
fn a_cut_holds_what_is_sent_until_it_is_healed() {
    in_both(
        LINES,
        |mut bench| async move {
            let (mut near, mut far) = bench.connect().await;
            let both = cut(BOTH, false, None);
            bench.start(&both);
            send(&mut near, b"there\n").await;
            send(&mut far, b"back\n").await;
            expect_nothing(&bench.clock, &mut far).await;
            expect_nothing(&bench.clock, &mut near).await;
            bench.faults.end("cut");
            expect(&mut far, b"there\n").await;
            expect(&mut near, b"back\n").await;
            bench.start(&both);
            send(&mut near, b"too late\n").await;
            expect_nothing(&bench.clock, &mut far).await;
        },
        |outcome| {
            let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
            assert_eq!(fates, [Fate::Delayed, Fate::Delayed, Fate::Held]);
            assert!(outcome.fates().iter().all(|one| one.2 == "cut"));
            assert_eq!(outcome.touched("cut"), 3);
        },
    );
}

#[test]
fn a_cut_can_lose_what_is_sent() {
    in_both(
        LINES,
        |mut bench| async move {
            let (mut near, mut far) = bench.connect().await;
            bench.start(&cut(BOTH, true, None));
            send(&mut near, b"lost\n").await;
            bench.faults.end("cut");
            send(&mut near, b"found\n").await;
            expect(&mut far, b"found\n").await;
        },
        |outcome| {
            let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
            assert_eq!(fates, [Fate::Dropped, Fate::Delivered]);
            assert_eq!(outcome.touched("cut"), 1);
        },
    );
}

#[test]
fn a_one_way_cut_leaves_the_way_back_open() {
    in_both(
        LINES,
        |mut bench| async move {
            let (mut near, mut far) = bench.connect().await;
            bench.start(&cut(&[(1, 0)], false, None));
            send(&mut near, b"there\n").await;
            send(&mut far, b"back\n").await;
            expect(&mut near, b"back\n").await;
            expect_nothing(&bench.clock, &mut far).await;
            bench.faults.end("cut");
            expect(&mut far, b"there\n").await;
        },
        |outcome| assert_eq!(outcome.touched("cut"), 1),
    );
}

#[test]
fn connecting_hangs_while_either_way_is_cut() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&cut(&[(0, 1)], false, None));
            let dialling = bench.links.dial(bench.client, bench.server);
            assert!(bench.clock.timeout(30 * MS, dialling).await.is_err());
            let (faults, clock) = (bench.faults.clone(), bench.clock.clone());
            tokio::spawn(async move {
                clock.sleep(20 * MS).await;
                faults.end("cut");
            });
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"healed\n").await;
            expect(&mut far, b"healed\n").await;
        },
        |outcome| assert_eq!(outcome.touched("cut"), 2),
    );
}

#[test]
fn a_flapping_cut_lets_through_in_the_open_part_of_each_round() {
    let outcome = in_one(World::Virtual, LINES, |mut bench| async move {
        let (mut near, mut far) = bench.connect().await;
        let flap = Flap { every: 100 * MS, open: 0.25 };
        bench.start(&cut(BOTH, false, Some(flap)));
        for wait in [10, 70, 30] {
            send(&mut near, b"x\n").await;
            expect(&mut far, b"x\n").await;
            bench.clock.sleep(wait * MS).await;
        }
    });
    // Sent at 0, 85 and 155; open from 75 to 100 and from 175.
    assert_eq!(outcome.latencies(), [75 * MS, Duration::ZERO, 20 * MS]);
    assert_eq!(outcome.touched("cut"), 2);
}

fn crash() -> Arc<Fault> {
    of_kind("crash", FaultKind::Node { nodes: vec![NodeId(0)], harm: NodeHarm::Crash })
}

#[test]
fn what_a_crashed_node_has_sent_still_arrives_and_then_a_reset() {
    in_both(
        LINES,
        |mut bench| async move {
            let (mut near, mut far) = bench.connect().await;
            send(&mut far, b"last words\n").await;
            bench.start(&crash());
            bench.faults.node(bench.server, NodeState::Crashed);
            send(&mut near, b"nobody there\n").await;
            drop(far);
            expect(&mut near, b"last words\n").await;
            let error = rest(&mut near).await.expect_err("a reset");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            let refused = bench.links.dial(bench.client, bench.server).await.err();
            assert_eq!(refused.map(|error| error.kind()), Some(ErrorKind::ConnectionRefused));
            bench.faults.node(bench.server, NodeState::Up);
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"again\n").await;
            expect(&mut far, b"again\n").await;
        },
        |outcome| {
            let fates = outcome.fates();
            assert_eq!(fates[0].1, Fate::Delivered);
            assert_eq!(fates[1], ("\"nobody there\"".into(), Fate::Lost, "crash".into()));
            assert_eq!(fates[2].1, Fate::Delivered);
            assert_eq!(outcome.count(|kind| matches!(kind, EventKind::Reset { .. })), 1);
        },
    );
}
