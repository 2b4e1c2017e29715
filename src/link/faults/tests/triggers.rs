//! Triggers, conditions, and faults that are about one message only.

use super::super::{Fired, NodeState};
use super::*;
use crate::plan::fault::{Condition, Looks, Trigger, TriggerEvent};

fn message(summary: &str) -> Trigger {
    let looks = Looks { summary: Some(summary.to_owned()), ..Looks::default() };
    let event = TriggerEvent::Message {
        from: Nodes::default(),
        to: Nodes::default(),
        client: Nodes::default(),
        looks,
    };
    Trigger { event, nth: None, every: None }
}

fn event(event: TriggerEvent) -> Trigger {
    Trigger { event, nth: None, every: None }
}

#[test]
fn the_message_that_lets_a_fault_loose_meets_it() {
    in_both(
        LINES,
        |mut bench| async move {
            let trigger = Trigger { nth: Some(2), ..message("*bad*") };
            bench.faults.arm(7, &trigger, Some(&fault(Harm::Drop)));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"bad 1\ngood\nbad 2\ngood\n").await;
            expect(&mut far, b"bad 1\ngood\n").await;
            expect_nothing(&bench.clock, &mut far).await;
            assert_eq!(bench.faults.fired().await.number, 7);
        },
        |outcome| {
            let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
            let (good, took) = (Fate::Delivered, Fate::Dropped);
            assert_eq!(fates, [good, good, took, took]);
            assert_eq!(outcome.touched("x"), 2);
        },
    );
}

#[test]
fn a_fault_that_is_about_its_cause_meets_nothing_else_and_ends() {
    in_both(
        LINES,
        |mut bench| async move {
            let only = with(Harm::Drop, |rule| rule.only_cause = true);
            bench.faults.arm(0, &message("*bad*"), Some(&only));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"bad\ngood\nbad\ngood\n").await;
            expect(&mut far, b"good\ngood\n").await;
            assert!(bench.faults.status()[0].since.is_none());
        },
        |outcome| assert_eq!((outcome.touched("x"), outcome.ends_of("x")), (2, 2)),
    );
}

#[test]
fn a_fault_on_responses_meets_the_reply_to_its_cause() {
    in_both(
        LINES,
        |mut bench| async move {
            let delay = Harm::Delay(crate::base::Distribution::Constant(30 * MS));
            let only = with(delay, |rule| {
                (rule.request, rule.response, rule.only_cause) = (false, true, true);
            });
            bench.faults.arm(0, &message("*slow*"), Some(&only));
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"quick\nslow\n").await;
            expect(&mut far, b"quick\nslow\n").await;
            send(&mut far, b"1\n").await;
            send(&mut far, b"2\n").await;
            expect(&mut near, b"1\n2\n").await;
            send(&mut far, b"3\n").await;
            expect(&mut near, b"3\n").await;
        },
        |outcome| {
            let fates: Vec<_> = outcome.fates().into_iter().map(|one| one.1).collect();
            let good = Fate::Delivered;
            assert_eq!(fates, [good, good, good, Fate::Delayed, good]);
            assert!(outcome.latencies()[3] >= 30 * MS);
            assert_eq!((outcome.touched("x"), outcome.ends_of("x")), (1, 1));
        },
    );
}

#[test]
fn a_reset_on_the_very_message_loses_it() {
    in_both(
        LINES,
        |mut bench| async move {
            let reset = fault(Harm::Reset { after: Duration::ZERO });
            bench.faults.arm(0, &message("*bad*"), Some(&reset));
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

#[test]
fn all_that_happens_fires_its_triggers_in_order() {
    in_both(
        LINES,
        |mut bench| async move {
            let faults = bench.faults.clone();
            let (client, server) = (bench.client, bench.server);
            let alice = |step: Option<&str>| TriggerEvent::Step {
                clients: vec![client],
                step: step.map(str::to_owned),
            };
            let triggers = [
                TriggerEvent::Connect { from: Nodes(vec![client]), to: Nodes::default() },
                TriggerEvent::Crash(server),
                TriggerEvent::Restart(server),
                TriggerEvent::Pause(server),
                TriggerEvent::Resume(server),
                alice(Some("wrote")),
                alice(None),
                TriggerEvent::Fault("x".into()),
            ];
            for (number, one) in triggers.into_iter().enumerate() {
                faults.arm(number, &event(one), None);
            }
            let _streams = bench.connect().await;
            for state in
                [NodeState::Crashed, NodeState::Up, NodeState::Up, NodeState::Paused, NodeState::Up]
            {
                faults.node(server, state);
            }
            faults.step_done(client, Some("read"));
            faults.step_done(client, Some("wrote"));
            faults.step_done(client, None);
            faults.start(&fault(Harm::HalfClose));
            for number in 0..8 {
                let Fired { number: fired, .. } = faults.fired().await;
                assert_eq!(fired, number);
            }
        },
        |_| {},
    );
}

#[test]
fn two_faults_that_wait_for_each_other_come_to_an_end() {
    let outcome = in_one(World::Virtual, LINES, |bench| async move {
        for (number, [one, other]) in [["a", "b"], ["b", "a"]].into_iter().enumerate() {
            let trigger = event(TriggerEvent::Fault(one.into()));
            bench.faults.arm(number, &trigger, Some(&named(other, Harm::Drop, |_| {})));
        }
        bench.start(&named("a", Harm::Drop, |_| {}));
    });
    assert!(outcome.count_starts("a") > 1);
}

#[test]
fn after_and_while_are_looked_at_as_they_change() {
    in_both(
        LINES,
        |mut bench| async move {
            bench.start(&named("after", Harm::Drop, |rule| {
                rule.choice.looks.summary = Some("*a*".into());
                rule.choice.after = Some(message("*start a*"));
            }));
            bench.start(&named("while", Harm::Drop, |rule| {
                rule.choice.looks.summary = Some("*b*".into());
                rule.choice.during = Some(Condition::Fault("other".into()));
            }));
            let other = named("other", Harm::SlowClose { by: MS }, |_| {});
            let (mut near, mut far) = bench.connect().await;
            send(&mut near, b"a\nstart a\na\nb\nc\n").await;
            expect(&mut far, b"a\nstart a\nb\nc\n").await;
            bench.start(&other);
            send(&mut near, b"a\nb\nc\n").await;
            expect(&mut far, b"c\n").await;
            bench.faults.end("other");
            send(&mut near, b"b\nc\n").await;
            expect(&mut far, b"b\nc\n").await;
        },
        |outcome| {
            assert_eq!((outcome.touched("after"), outcome.touched("while")), (2, 1));
        },
    );
}

#[test]
fn a_probability_is_drawn_from_the_seed() {
    let run = || {
        in_one(World::Virtual, LINES, |mut bench| async move {
            bench.start(&with(Harm::Drop, |rule| rule.choice.probability = Some(0.5)));
            let (mut near, mut far) = bench.connect().await;
            for n in 0..200 {
                send(&mut near, format!("{n}\n").as_bytes()).await;
            }
            drop(near);
            rest(&mut far).await.expect("an end");
        })
    };
    let (one, other) = (run(), run());
    assert_eq!(one.fates(), other.fates());
    let dropped = one.touched("x");
    assert!((60..140).contains(&dropped), "{dropped}");
}

#[test]
fn a_fault_that_begins_anew_counts_anew_and_its_count_goes_on() {
    in_both(
        LINES,
        |mut bench| async move {
            let first = with(Harm::Drop, |rule| rule.choice.first = Some(1));
            let (mut near, mut far) = bench.connect().await;
            for _ in 0..2 {
                bench.start(&first);
                send(&mut near, b"one\ntwo\n").await;
                expect(&mut far, b"two\n").await;
            }
        },
        |outcome| {
            assert_eq!(outcome.touched("x"), 2);
            assert_eq!((outcome.count_starts("x"), outcome.ends_of("x")), (2, 1));
        },
    );
}

#[test]
fn a_fault_that_never_began_is_told_at_the_end() {
    in_both(
        LINES,
        |bench| async move { bench.faults.know(&fault(Harm::Drop)) },
        |outcome| assert_eq!((outcome.count_starts("x"), outcome.ends_of("x")), (0, 1)),
    );
}
