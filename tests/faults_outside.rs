//! Faults on connections from outside: there the server's side carries both directions.
#![expect(clippy::disallowed_types, reason = "a stranger has a socket of his own")]
#![expect(clippy::disallowed_methods, reason = "he reads on a thread of his own")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use looplab::base::{Distribution, NodeId};
use looplab::link::{Faults, Links, Status};
use looplab::net::{Clock, Listener, Net, Stream, block_on_real};
use looplab::plan::fault::{Fault, FaultKind, Harm, Rule};
use looplab::plan::{Overrides, Plan};
use looplab::scenario::model::{Scenario, World};
use looplab::trace::{Collector, EventKind, Recorder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MS: Duration = Duration::from_millis(1);
/// Longer than anything on loopback takes, shorter than anybody waits.
const PATIENCE: Duration = Duration::from_secs(20);

const TEXT: &str = "
looplab: 1
servers: { s: { type: echo, mode: line } }
clients: { c: { steps: [ { wait: 1ms } ] } }
";

/// What a body has to work with.
struct Bench {
    clock: Clock,
    links: Links,
    faults: Faults,
    listener: Listener,
    server: NodeId,
}

/// What came of it: how long each message was under way, and the faults.
struct Outcome {
    latencies: Vec<Duration>,
    status: Vec<Status>,
}

fn in_the_real_world<Fut>(body: fn(Bench) -> Fut) -> Outcome
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let scenario = Scenario::parse("t.yaml", TEXT.as_bytes(), None).expect("a good scenario");
    let overrides = Overrides { clock: Some(World::Real), ..Overrides::default() };
    let plan = Arc::new(Plan::new(scenario, overrides).expect("a good plan"));
    let collector = Collector::new();
    let recorder = Recorder::new(vec![Box::new(collector.clone())]);
    let main = move |net: Net, clock: Clock| async move {
        let links = Links::new(plan.clone(), net, clock.clone(), recorder);
        let faults = links.faults().clone();
        let server = plan.nodes[0].id;
        let listener = links.listen(server).expect("a port");
        let (of_body, of_links) = (clock.clone(), links.clone());
        let bench =
            Bench { clock: of_body, links: of_links, faults: faults.clone(), listener, server };
        clock.timeout(PATIENCE, tokio::spawn(body(bench))).await.expect("in time").unwrap();
        faults.finish();
        clock.timeout(PATIENCE, links.all_gone()).await.expect("gone in time");
        faults.status()
    };
    let status = block_on_real(2, main).expect("a runtime");
    let latency = |event: &looplab::trace::Event| match &event.kind {
        EventKind::Message(message) => Some(message.latency(event.at)),
        _ => None,
    };
    Outcome { latencies: collector.take().iter().filter_map(latency).collect(), status }
}

/// A fault on requests, with parts changed.
fn with(harm: Harm, change: impl FnOnce(&mut Rule)) -> Arc<Fault> {
    let mut rule = Rule::new(harm);
    change(&mut rule);
    let kind = FaultKind::Link(Arc::new(rule));
    Arc::new(Fault { name: "x".into(), span: None, text: "{ x }".into(), kind, lasts: None })
}

async fn send(stream: &mut Stream, bytes: &[u8]) {
    stream.write_all(bytes).await.expect("sent");
}

async fn expect(stream: &mut Stream, wanted: &[u8]) {
    let mut got = vec![0; wanted.len()];
    stream.read_exact(&mut got).await.expect("bytes");
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(wanted));
}

/// A stranger at a real socket, and the server's side.
async fn from_outside(bench: &mut Bench) -> (TcpStream, Stream) {
    let address: SocketAddr = bench.links.address(bench.server).expect("an address");
    let stranger = TcpStream::connect(address).expect("connected");
    stranger.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    (stranger, bench.listener.accept().await.expect("accepted"))
}

/// Reads on a thread of its own.
async fn read(mut stranger: TcpStream, bytes: usize) -> (TcpStream, std::io::Result<Vec<u8>>) {
    let reading = tokio::task::spawn_blocking(move || {
        let mut got = vec![0; bytes];
        let result = stranger.read_exact(&mut got).map(|()| got);
        (stranger, result)
    });
    reading.await.expect("no panic")
}

#[test]
fn a_stranger_meets_faults_in_both_directions() {
    let outcome = in_the_real_world(|mut bench| async move {
        let by = Distribution::Constant(30 * MS);
        bench.faults.start(&with(Harm::Delay(by), |rule| rule.response = true));
        let (mut stranger, mut far) = from_outside(&mut bench).await;
        stranger.write_all(b"there\n").expect("sent");
        expect(&mut far, b"there\n").await;
        send(&mut far, b"back\n").await;
        let (_stranger, got) = read(stranger, 5).await;
        assert_eq!(got.expect("bytes"), b"back\n");
    });
    assert!(outcome.latencies.iter().all(|latency| *latency >= 30 * MS));
    assert_eq!(outcome.status[0].touched, 2);
}

#[test]
fn what_holds_a_stranger_up_is_taken_off_at_once() {
    let outcome = in_the_real_world(|mut bench| async move {
        bench.faults.start(&with(Harm::Hold, |rule| rule.response = true));
        let (mut stranger, mut far) = from_outside(&mut bench).await;
        stranger.write_all(b"there\n").expect("sent");
        let early = bench.clock.timeout(20 * MS, far.read(&mut [0])).await;
        assert!(early.is_err(), "something came: {early:?}");
        bench.faults.release("x");
        expect(&mut far, b"there\n").await;
        send(&mut far, b"back\n").await;
        bench.faults.end("x");
        let (_stranger, got) = read(stranger, 5).await;
        assert_eq!(got.expect("bytes"), b"back\n");
    });
    assert_eq!(outcome.status[0].touched, 2);
}

#[test]
fn a_reset_reaches_a_stranger_and_the_server() {
    in_the_real_world(|mut bench| async move {
        let (stranger, mut far) = from_outside(&mut bench).await;
        bench.faults.start(&with(Harm::Reset { after: Duration::ZERO }, |_| {}));
        let (_stranger, got) = read(stranger, 1).await;
        assert_eq!(got.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
        assert!(far.read(&mut [0]).await.is_err());
    });
}

#[test]
fn a_stranger_that_is_refused_is_broken_off_at_once() {
    let outcome = in_the_real_world(|mut bench| async move {
        bench.faults.start(&with(Harm::Refuse, |_| {}));
        let (stranger, _far) = from_outside(&mut bench).await;
        let (_stranger, got) = read(stranger, 1).await;
        assert_eq!(got.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    });
    assert_eq!(outcome.status[0].touched, 1);
}

#[test]
fn a_limit_closes_a_strangers_connection() {
    in_the_real_world(|mut bench| async move {
        bench.faults.start(&with(Harm::Limit { bytes: 3 }, |rule| {
            (rule.request, rule.response) = (false, true);
        }));
        let (stranger, mut far) = from_outside(&mut bench).await;
        send(&mut far, b"limited\n").await;
        let (stranger, got) = read(stranger, 3).await;
        assert_eq!(got.expect("bytes"), b"lim");
        let (_stranger, got) = read(stranger, 1).await;
        assert_eq!(got.expect_err("an end").kind(), ErrorKind::UnexpectedEof);
        assert_eq!(far.read(&mut [0]).await.expect("an end"), 0);
    });
}
