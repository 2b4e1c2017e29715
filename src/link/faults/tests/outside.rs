//! Connections from outside: the server's side carries both directions.
#![expect(clippy::disallowed_types, reason = "a stranger has a socket of his own")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::*;
use crate::base::Distribution;

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
    let outcome = in_one(World::Real, LINES, |mut bench| async move {
        let by = Distribution::Constant(30 * MS);
        bench.start(&with(Harm::Delay(by), |rule| rule.response = true));
        let (mut stranger, mut far) = from_outside(&mut bench).await;
        stranger.write_all(b"there\n").expect("sent");
        expect(&mut far, b"there\n").await;
        send(&mut far, b"back\n").await;
        let (_stranger, got) = read(stranger, 5).await;
        assert_eq!(got.expect("bytes"), b"back\n");
    });
    assert!(outcome.latencies().iter().all(|latency| *latency >= 30 * MS));
    assert_eq!(outcome.touched("x"), 2);
}

#[test]
fn what_holds_a_stranger_up_is_taken_off_at_once() {
    let outcome = in_one(World::Real, LINES, |mut bench| async move {
        bench.start(&with(Harm::Hold, |rule| rule.response = true));
        let (mut stranger, mut far) = from_outside(&mut bench).await;
        stranger.write_all(b"there\n").expect("sent");
        expect_nothing(&bench.clock, &mut far).await;
        bench.faults.release("x");
        expect(&mut far, b"there\n").await;
        send(&mut far, b"back\n").await;
        bench.faults.end("x");
        let (_stranger, got) = read(stranger, 5).await;
        assert_eq!(got.expect("bytes"), b"back\n");
    });
    assert_eq!(outcome.touched("x"), 2);
}

#[test]
fn a_reset_reaches_a_stranger_and_the_server() {
    in_one(World::Real, LINES, |mut bench| async move {
        let (stranger, mut far) = from_outside(&mut bench).await;
        bench.start(&fault(Harm::Reset { after: Duration::ZERO }));
        let (_stranger, got) = read(stranger, 1).await;
        assert_eq!(got.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
        assert!(far.read(&mut [0]).await.is_err());
    });
}

#[test]
fn a_stranger_that_is_refused_is_broken_off_at_once() {
    let outcome = in_one(World::Real, LINES, |mut bench| async move {
        bench.start(&fault(Harm::Refuse));
        let (stranger, _far) = from_outside(&mut bench).await;
        let (_stranger, got) = read(stranger, 1).await;
        assert_eq!(got.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    });
    assert_eq!(outcome.touched("x"), 1);
}

#[test]
fn a_limit_closes_a_strangers_connection() {
    in_one(World::Real, LINES, |mut bench| async move {
        bench.start(&with(Harm::Limit { bytes: 3 }, |rule| {
            (rule.request, rule.response) = (false, true);
        }));
        let (stranger, mut far) = from_outside(&mut bench).await;
        send(&mut far, b"limited\n").await;
        let (stranger, got) = read(stranger, 3).await;
        assert_eq!(got.expect("bytes"), b"lim");
        let (_stranger, got) = read(stranger, 1).await;
        assert_eq!(got.expect_err("an end").kind(), ErrorKind::UnexpectedEof);
        assert_eq!(rest(&mut far).await.expect("an end"), b"");
    });
}
