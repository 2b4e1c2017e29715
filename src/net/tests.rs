//! One body, both worlds: what a program may expect of a connection.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use bytes::Bytes;

use super::{
    Clock, Conduit, Conduits, Listener, Net, Nudge, Parcel, Stream, Stuck, block_on_real,
    block_on_virtual,
};
use crate::base::{Rng, Time};

const MS: Duration = Duration::from_millis(1);

/// Runs the same body on real sockets and in virtual time.
fn in_both_worlds<Fut>(body: fn(Net, Clock) -> Fut)
where
    Fut: Future<Output = ()> + Send + 'static,
{
    block_on_virtual(Rng::new(1), body).expect("no deadlock");
    block_on_real(2, |net, clock| async move {
        tokio::spawn(body(net, clock)).await.expect("no panic");
    })
    .expect("a runtime");
}

fn listen(net: &Net) -> Listener {
    net.listen(None, Arc::new(|_, _| Conduits::direct())).expect("a port")
}

async fn connected(net: &Net) -> (Stream, Stream) {
    let mut listener = listen(net);
    let dialling = net.dial().expect("a port");
    let from = dialling.local_addr();
    let client =
        dialling.connect(listener.local_addr(), Conduits::direct()).await.expect("connected");
    let server = listener.accept().await.expect("accepted");
    assert_eq!(server.peer_addr(), from);
    (client, server)
}

#[test]
fn bytes_arrive_in_order_and_an_end_ends_one_direction() {
    in_both_worlds(|net, _| async move {
        let (mut client, mut server) = connected(&net).await;
        client.write_all(b"hello ").await.unwrap();
        client.write_all(b"world").await.unwrap();
        client.shutdown().await.unwrap();
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"hello world");
        server.write_all(b"still open").await.unwrap();
        drop(server);
        let mut back = Vec::new();
        client.read_to_end(&mut back).await.unwrap();
        assert_eq!(back, b"still open");
    });
}

#[test]
fn a_reset_is_an_error_for_the_other_side() {
    in_both_worlds(|net, _| async move {
        let (client, mut server) = connected(&net).await;
        client.reset();
        let error = server.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_closed_port_refuses() {
    in_both_worlds(|net, _| async move {
        let closed = net.closed_port(None).expect("a port");
        let dialling = net.dial().unwrap();
        let refused = dialling.connect(closed.local_addr(), Conduits::direct()).await;
        assert_eq!(refused.err().map(|e| e.kind()), Some(ErrorKind::ConnectionRefused));
        let listener = listen(&net);
        let address = listener.local_addr();
        drop(listener);
        let refused = net.dial().unwrap().connect(address, Conduits::direct()).await;
        assert_eq!(refused.err().map(|e| e.kind()), Some(ErrorKind::ConnectionRefused));
    });
}

#[test]
fn a_writer_whose_reader_does_not_read_waits_and_a_megabyte_arrives_whole() {
    in_both_worlds(|net, clock| async move {
        let (mut client, mut server) = connected(&net).await;
        let sent: Vec<u8> = (0u32..32_000_000).map(|n| n.to_le_bytes()[0]).collect();
        let expected = sent.clone();
        let stuck = clock.timeout(50 * MS, client.write_all(&sent)).await;
        assert!(stuck.is_err(), "nobody reads, so the window must fill");
        drop(client);
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap();
        assert!(got.len() < expected.len() && expected.starts_with(&got), "{}", got.len());
    });
}

#[test]
fn a_timeout_leaves_a_fast_future_alone_and_ends_a_slow_one() {
    in_both_worlds(|_, clock| async move {
        let began = clock.now();
        assert_eq!(clock.timeout(60_000 * MS, async { 7 }).await, Ok(7));
        assert!(clock.timeout(5 * MS, std::future::pending::<()>()).await.is_err());
        assert!(clock.now().since(began) >= 5 * MS);
    });
}

#[test]
fn virtual_time_jumps_and_has_nanoseconds() {
    let slept = block_on_virtual(Rng::new(1), |_, clock| async move {
        clock.sleep(Duration::from_nanos(3)).await;
        clock.sleep(Duration::from_secs(3600)).await;
        clock.now().as_nanos()
    });
    assert_eq!(slept, Ok(3_600_000_000_003));
}

#[test]
fn timers_of_the_same_moment_fire_in_the_order_in_which_they_were_set() {
    let order = block_on_virtual(Rng::new(1), |_, clock| async move {
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = [3u64, 1, 2, 1, 3]
            .into_iter()
            .enumerate()
            .map(|(n, ms)| {
                let (clock, order) = (clock.clone(), order.clone());
                tokio::spawn(async move {
                    clock.sleep(Duration::from_millis(ms)).await;
                    order.lock().unwrap().push(n);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        Arc::into_inner(order).expect("all tasks are done").into_inner().unwrap()
    });
    assert_eq!(order, Ok(vec![1, 3, 2, 0, 4]));
}

#[test]
fn a_world_in_which_nothing_can_happen_is_a_deadlock() {
    let main = |_: Net, _: Clock| std::future::pending::<()>();
    assert!(block_on_virtual(Rng::new(1), main).is_err());
    let stuck = block_on_virtual(Rng::new(1), |_, clock| async move {
        let deadlock = clock.horizon(1000 * MS, std::future::pending::<()>()).await;
        let at = clock.now();
        let timeout = clock.horizon(10 * MS, clock.sleep(20 * MS)).await;
        (deadlock, at.as_nanos(), timeout, clock.now().as_millis())
    });
    assert_eq!(stuck, Ok((Err(Stuck::Deadlock), 0, Err(Stuck::Timeout), 10)));
}

#[test]
fn cancelled_timers_neither_move_the_clock_nor_pile_up() {
    let at = block_on_virtual(Rng::new(1), |_, clock| async move {
        for _ in 0..10_000 {
            let pause = clock.sleep(MS);
            clock.timeout(3_600_000 * MS, pause).await.unwrap();
        }
        clock.now().as_millis()
    });
    assert_eq!(at, Ok(10_000));
}

#[test]
fn ports_come_from_the_seed() {
    let ports = |seed| {
        block_on_virtual(Rng::new(seed), |net, _| async move {
            let listeners: Vec<_> = (0..50).map(|_| listen(&net)).collect();
            listeners.iter().map(|one| one.local_addr().port()).collect::<Vec<_>>()
        })
        .unwrap()
    };
    assert_eq!(ports(1), ports(1));
    assert_ne!(ports(1), ports(2));
    let mut distinct = ports(1);
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 50);
    assert!(distinct.iter().all(|port| *port >= 49152));
}

#[test]
fn a_real_port_that_is_taken_names_its_holder() {
    let port = block_on_real(1, |net, _| async move {
        let listener = listen(&net);
        let port = listener.local_addr().port();
        let again = net.listen(Some(port), Arc::new(|_, _| Conduits::direct()));
        assert_eq!(again.err().map(|e| e.kind()), Some(ErrorKind::AddrInUse));
        let holder = super::holder_of_port(port).expect("we hold it");
        assert_eq!(holder.pid, Some(std::process::id()));
        assert!(super::listening_ports(std::process::id()).contains(&port));
        port
    });
    assert!(port.unwrap() > 0);
}

/// Keeps everything back until it is told otherwise.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<GateState>>);

#[derive(Default)]
struct GateState {
    kept: std::collections::VecDeque<Parcel>,
    open: bool,
    nudge: Nudge,
}

impl Gate {
    fn state(&self) -> std::sync::MutexGuard<'_, GateState> {
        self.0.lock().unwrap()
    }

    /// Lets everything go, and `last` after it.
    fn open(&self, last: Option<Parcel>) {
        let nudge = {
            let mut state = self.state();
            state.open = true;
            state.kept.extend(last);
            state.nudge.clone()
        };
        nudge.nudge();
    }
}

impl Conduit for Gate {
    fn push(&mut self, _now: Time, bytes: Bytes) {
        self.state().kept.push_back(Parcel::Bytes(bytes));
    }
    fn end(&mut self, _now: Time, _reset: bool) {}
    fn next(&mut self, _now: Time) -> Option<Parcel> {
        let mut state = self.state();
        if state.open { state.kept.pop_front() } else { None }
    }
    fn deadline(&self) -> Option<Time> {
        let state = self.state();
        (state.open && !state.kept.is_empty()).then_some(Time::ZERO)
    }
    fn in_flight(&self) -> usize {
        0
    }
    fn attach(&mut self, nudge: Nudge) {
        self.state().nudge = nudge;
    }
}

/// A connection with a gate in each direction.
async fn gated(net: &Net) -> (Stream, Stream, [Gate; 2]) {
    let gates = [Gate::default(), Gate::default()];
    let mut listener = listen(net);
    let conduits =
        Conduits { request: Box::new(gates[0].clone()), response: Box::new(gates[1].clone()) };
    let dialling = net.dial().expect("a port");
    let client = dialling.connect(listener.local_addr(), conduits).await.expect("connected");
    let server = listener.accept().await.expect("accepted");
    (client, server, gates)
}

#[test]
fn a_nudge_has_a_conduit_looked_at_again() {
    in_both_worlds(|net, _| async move {
        let (mut client, mut server, gates) = gated(&net).await;
        client.write_all(b"there").await.unwrap();
        server.write_all(b"back!").await.unwrap();
        for (stream, gate, wanted) in
            [(&mut server, &gates[0], b"there"), (&mut client, &gates[1], b"back!")]
        {
            gate.open(None);
            let mut got = [0; 5];
            stream.read_exact(&mut got).await.unwrap();
            assert_eq!(&got, wanted);
        }
    });
}

#[test]
fn a_reset_from_within_breaks_both_sides_of_an_idle_connection() {
    in_both_worlds(|net, _| async move {
        let (mut client, mut server, gates) = gated(&net).await;
        for gate in &gates {
            gate.open(Some(Parcel::Reset));
        }
        for stream in [&mut client, &mut server] {
            let error = stream.read(&mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        for stream in [&mut client, &mut server] {
            // The first may have been on its way.
            let writes = [stream.write_all(b"x").await, stream.write_all(b"x").await];
            assert!(writes[1].is_err());
        }
    });
}
