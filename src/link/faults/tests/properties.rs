//! However the bytes are cut: what faults leave alone arrives as it was sent, and what they take is
//! missing as a whole.

use proptest::prelude::*;

use super::*;
use crate::base::{Distribution, Rng};

/// A conversation's requests, as messages.
fn messages(server: &str) -> Vec<Vec<u8>> {
    let texts: &[&str] = if server == HTTP {
        &[
            "GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
            "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n",
            "HEAD /d HTTP/1.1\r\n\r\n",
            "PUT /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        ]
    } else {
        &[
            "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na b\r\n",
            "PING\r\n",
            "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
            "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n",
        ]
    };
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// What arrives of a conversation that is sent in pieces of these sizes, with such faults, which come and
/// go as said: `(before which piece, the fault, whether it begins)`.
fn arrives(
    server: &'static str,
    picks: &[usize],
    sizes: &[usize],
    changes: Vec<(usize, Arc<Fault>, bool)>,
) -> (Vec<u8>, Vec<Vec<u8>>) {
    let all = messages(server);
    let sent: Vec<Vec<u8>> = picks.iter().map(|pick| all[pick % all.len()].clone()).collect();
    let wire = sent.concat();
    let mut pieces = Vec::new();
    let mut rest_of = &wire[..];
    for size in sizes.iter().cycle() {
        if rest_of.is_empty() {
            break;
        }
        let (piece, more) = rest_of.split_at((*size).clamp(1, rest_of.len()));
        pieces.push(piece.to_vec());
        rest_of = more;
    }
    let got = Arc::new(std::sync::Mutex::new(Vec::new()));
    let into = got.clone();
    run_pieces(server, pieces, changes, into);
    let got = got.lock().expect("no panic").clone();
    (got, sent)
}

type Got = Arc<std::sync::Mutex<Vec<u8>>>;

fn run_pieces(
    server: &str,
    pieces: Vec<Vec<u8>>,
    changes: Vec<(usize, Arc<Fault>, bool)>,
    into: Got,
) {
    let text = format!(
        "looplab: 1\nservers: {{ s: {server} }}\nclients: {{ c: {{ steps: [ {{ wait: 1ms }} ] }} }}\n"
    );
    let scenario = Scenario::parse("t.yaml", text.as_bytes(), None).expect("a good scenario");
    let overrides = Overrides { clock: Some(World::Virtual), ..Overrides::default() };
    let plan = Arc::new(Plan::new(scenario, overrides).expect("a good plan"));
    let main = move |net: Net, clock: Clock| async move {
        let links = Links::new(plan.clone(), net, clock.clone(), Recorder::new(Vec::new()));
        let mut listener = links.listen(plan.nodes[0].id).expect("a port");
        let dialling = links.dial(plan.nodes[1].id, plan.nodes[0].id);
        let (near, far) = tokio::join!(dialling, listener.accept());
        let (mut near, mut far) = (near.expect("connected"), far.expect("accepted"));
        let reading = tokio::spawn(async move { rest(&mut far).await.expect("an end") });
        for (number, piece) in pieces.iter().enumerate() {
            for (_, fault, begins) in changes.iter().filter(|(at, _, _)| *at == number) {
                if *begins {
                    links.faults().start(fault);
                } else {
                    links.faults().end(&fault.name);
                }
            }
            send(&mut near, piece).await;
            clock.sleep(MS).await;
        }
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut near).await;
        *into.lock().expect("no panic") = reading.await.expect("no panic");
        links.faults().finish();
    };
    block_on_virtual(Rng::new(1), main).expect("no deadlock");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn faults_that_fit_nothing_change_nothing(
        http in any::<bool>(),
        picks in prop::collection::vec(0usize..20, 1..12),
        sizes in prop::collection::vec(1usize..60, 1..6),
        turns in prop::collection::vec((0usize..40, any::<bool>()), 0..8),
    ) {
        let server = if http { HTTP } else { REDIS };
        let never = with(Harm::Drop, |rule| rule.choice.looks.summary = Some("never".into()));
        let changes = turns.into_iter().map(|(at, begins)| (at, never.clone(), begins)).collect();
        let (got, sent) = arrives(server, &picks, &sizes, changes);
        prop_assert_eq!(got, sent.concat());
    }

    #[test]
    fn what_is_dropped_is_missing_as_a_whole(
        http in any::<bool>(),
        picks in prop::collection::vec(0usize..20, 1..12),
        sizes in prop::collection::vec(1usize..60, 1..6),
        every in 1u64..4,
    ) {
        let server = if http { HTTP } else { REDIS };
        let drop = with(Harm::Drop, |rule| rule.choice.every = Some(every));
        let (got, sent) = arrives(server, &picks, &sizes, vec![(0, drop, true)]);
        let kept: Vec<Vec<u8>> = (1..)
            .zip(sent)
            .filter(|(number, _)| !u64::is_multiple_of(*number, every))
            .map(|(_, message)| message)
            .collect();
        prop_assert_eq!(got, kept.concat());
    }

    #[test]
    fn delays_slices_and_slow_lines_that_come_and_go_lose_and_reorder_nothing(
        http in any::<bool>(),
        picks in prop::collection::vec(0usize..20, 1..12),
        sizes in prop::collection::vec(1usize..60, 1..6),
        turns in prop::collection::vec((0usize..40, 0usize..6, any::<bool>()), 0..16),
    ) {
        let server = if http { HTTP } else { REDIS };
        let by = Distribution::Uniform { min: MS, max: 9 * MS };
        let faults = [
            named("delay", Harm::Delay(by), |rule| rule.choice.every = Some(2)),
            named("latency", Harm::Latency { by, jitter: 5 * MS }, |_| {}),
            named("slice", Harm::Slice { size: 3, variation: 2, delay: MS }, |_| {}),
            named("slow", Harm::Bandwidth { bytes_per_s: 3000.0 }, |_| {}),
            named("close", Harm::SlowClose { by: 9 * MS }, |_| {}),
            named("late", Harm::Latency { by, jitter: MS }, |rule| {
                rule.unit = Unit::Message;
                rule.choice.probability = Some(0.5);
            }),
        ];
        let changes =
            turns.into_iter().map(|(at, n, begins)| (at, faults[n].clone(), begins)).collect();
        let (got, sent) = arrives(server, &picks, &sizes, changes);
        prop_assert_eq!(got, sent.concat());
    }

    #[test]
    fn all_faults_at_once_never_panic(
        http in any::<bool>(),
        picks in prop::collection::vec(0usize..20, 1..12),
        sizes in prop::collection::vec(1usize..60, 1..6),
        turns in prop::collection::vec((0usize..40, 0usize..12, any::<bool>()), 0..24),
    ) {
        let server = if http { HTTP } else { REDIS };
        let faults = [
            named("drop", Harm::Drop, |rule| rule.choice.every = Some(3)),
            named("twice", Harm::Duplicate { times: 2, replies: false }, |_| {}),
            named("swap", Harm::Reorder { behind: 1, within: 3 * MS }, |_| {}),
            named("hang", Harm::Truncate { bytes: 9, close: false }, |_| {}),
            named("slice", Harm::Slice { size: 3, variation: 2, delay: MS }, |_| {}),
            named("flip", Harm::Corrupt(crate::scenario::model::Corruption::Rate(0.01)), |_| {}),
            named("hole", Harm::Blackhole { close_after: Some(20 * MS) }, |_| {}),
            named("limit", Harm::Limit { bytes: 300 }, |_| {}),
            named("slow", Harm::Bandwidth { bytes_per_s: 9000.0 }, |_| {}),
            named("half", Harm::HalfClose, |rule| rule.choice.probability = Some(0.2)),
            named("short", Harm::Truncate { bytes: 9, close: true }, |rule| {
                rule.choice.nth = Some(5);
            }),
            named("byte", Harm::Corrupt(crate::scenario::model::Corruption::At {
                offset: 3, bits: 1
            }), |rule| rule.unit = Unit::Message),
        ];
        let changes =
            turns.into_iter().map(|(at, n, begins)| (at, faults[n].clone(), begins)).collect();
        arrives_or_ends(server, &picks, &sizes, changes);
    }
}

/// Faults may close the connection or keep things back: then there is nothing to compare.
fn arrives_or_ends(
    server: &'static str,
    picks: &[usize],
    sizes: &[usize],
    changes: Vec<(usize, Arc<Fault>, bool)>,
) {
    let all = messages(server);
    let wire: Vec<u8> = picks.iter().flat_map(|pick| all[pick % all.len()].clone()).collect();
    let size = sizes.iter().copied().max().unwrap_or(1).max(1);
    let text = format!(
        "looplab: 1\nservers: {{ s: {server} }}\nclients: {{ c: {{ steps: [ {{ wait: 1ms }} ] }} }}\n"
    );
    let scenario = Scenario::parse("t.yaml", text.as_bytes(), None).expect("a good scenario");
    let overrides = Overrides { clock: Some(World::Virtual), ..Overrides::default() };
    let plan = Arc::new(Plan::new(scenario, overrides).expect("a good plan"));
    let main = move |net: Net, clock: Clock| async move {
        let links = Links::new(plan.clone(), net, clock.clone(), Recorder::new(Vec::new()));
        let mut listener = links.listen(plan.nodes[0].id).expect("a port");
        let dialling = links.dial(plan.nodes[1].id, plan.nodes[0].id);
        let (near, far) = tokio::join!(dialling, listener.accept());
        let (mut near, mut far) = (near.expect("connected"), far.expect("accepted"));
        let reading = tokio::spawn(async move { rest(&mut far).await });
        for (number, piece) in wire.chunks(size).enumerate() {
            for (_, fault, begins) in changes.iter().filter(|(at, _, _)| *at == number) {
                if *begins {
                    links.faults().start(fault);
                } else {
                    links.faults().end(&fault.name);
                }
            }
            let writing = near.write_all(piece);
            if !matches!(clock.timeout(MS, writing).await, Ok(Ok(()))) {
                break;
            }
            clock.sleep(MS).await;
        }
        drop(near);
        let _ = clock.timeout(HOUR, reading).await;
        links.faults().finish();
    };
    block_on_virtual(Rng::new(1), main).expect("no deadlock");
}
