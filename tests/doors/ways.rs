//! Every way to a server and from a program: who is who in the trace, and how connections end.

use std::io::{ErrorKind, Read, Write};

use looplab::net::Dial;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::lab::{Program, ask, connect, echo, elsewhere, lab};
use looplab::trace::EventKind;

const TEXT: &str = r"
looplab: 1
servers:
  db: { type: external, address: 127.0.0.1:1, protocol: line }
  app: { type: external, address: 127.0.0.1:1, protocol: line }
  own: { type: echo, mode: line }
clients: { c: { steps: [ { wait: 1ms } ] } }
";

#[test]
fn our_own_client_reaches_a_program_without_a_second_hop() {
    let ran = lab(TEXT, |lab| async move {
        let program = Program::serving(1, |mut stream| {
            let mut got = [0; 6];
            stream.read_exact(&mut got)?;
            // Nobody stands between: this is the port that the trace names.
            writeln!(stream, "{}", stream.peer_addr()?.port())
        });
        lab.links.foreign(lab.node("db"), program.address).expect("loopback");
        let mut stream = lab.links.dial(lab.node("c"), lab.node("db")).await.expect("connected");
        stream.write_all(b"hello\n").await.expect("written");
        stream.shutdown().await.expect("ended");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("read");
        drop(stream);
        lab.end().await;
        answer
    });
    let port = ran.events.iter().find_map(|event| match &event.kind {
        EventKind::Connect { port, .. } => Some(port.to_string()),
        _ => None,
    });
    let port = port.expect("a connection");
    assert_eq!(ran.value.trim(), port);
    assert_eq!(
        ran.told(),
        [
            "c connects db".to_owned(),
            "db accepts".to_owned(),
            "c -> db: hello".to_owned(),
            "c closes".to_owned(),
            format!("db -> c: {port}"),
            "db closes".to_owned(),
        ]
    );
}

#[test]
fn a_stranger_reaches_a_program_by_its_front_port() {
    let ran = lab(TEXT, |lab| async move {
        let front = lab.front("db", Program::serving(1, echo).address);
        let address = front.local_addr();
        let answer = elsewhere(move || ask(address, b"hello\n")).await.expect("an answer");
        assert_eq!(answer, b"hello\n");
        lab.end().await;
    });
    let told = ran.told();
    let mut sorted = told.clone();
    sorted.sort();
    assert_eq!(told[..3], ["outside connects db", "db accepts", "outside -> db: hello"]);
    assert_eq!(
        sorted,
        [
            "db -> outside: hello",
            "db accepts",
            "db closes",
            "outside -> db: hello",
            "outside closes",
            "outside connects db",
        ]
    );
}

#[test]
fn a_program_reaches_others_through_doors_that_tell_who_it_is() {
    let ran = lab(TEXT, |lab| async move {
        let (app, db, own) = (lab.node("app"), lab.node("db"), lab.node("own"));
        let early = lab.links.door(app, own).expect("a port");
        let refused = elsewhere(move || std::net::TcpStream::connect(early)).await;
        assert_eq!(refused.expect_err("nobody listens yet").kind(), ErrorKind::ConnectionRefused);

        let front = lab.front("db", Program::serving(1, echo).address);
        let mut listener = lab.links.listen(own).expect("a port");
        assert_ne!(listener.local_addr(), early);
        assert_eq!(lab.links.door(app, own).expect("a port"), early);
        let serving = tokio::spawn(async move {
            let mut stream = listener.accept().await.expect("accepted");
            let mut got = [0; 4];
            stream.read_exact(&mut got).await.expect("read");
            stream.write_all(b"here\n").await.expect("written");
        });
        let answer = elsewhere(move || {
            let mut stream = connect(early);
            stream.write_all(b"you\n").expect("written");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("read");
            answer
        });
        assert_eq!(answer.await, "here\n");
        serving.await.expect("no panic");

        let door = lab.links.door(app, db).expect("a port");
        let answer = elsewhere(move || ask(door, b"me\n")).await.expect("an answer");
        assert_eq!(answer, b"me\n");
        lab.end().await;
        drop(front);
    });
    let told = ran.told();
    assert_eq!(told[..3], ["app connects own", "own accepts", "app -> own: you"]);
    assert!(told.contains(&"own -> app: here".to_owned()), "{told:?}");
    assert!(told.contains(&"app connects db".to_owned()), "{told:?}");
    assert!(told.contains(&"app -> db: me".to_owned()), "{told:?}");
    assert!(told.contains(&"db -> app: me".to_owned()), "{told:?}");
}

#[test]
fn a_program_that_does_not_listen_refuses_and_the_caller_is_reset() {
    let ran = lab(TEXT, |lab| async move {
        let nobody = lab.links.listen(lab.node("own")).expect("a port");
        let address = nobody.local_addr();
        drop(nobody);
        let front = lab.front("db", address);
        let at = front.local_addr();
        let error = elsewhere(move || connect(at).read(&mut [0]).expect_err("a reset")).await;
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let dialled = lab.links.dial(lab.node("c"), lab.node("db")).await;
        assert_eq!(dialled.err().map(|e| e.kind()), Some(ErrorKind::ConnectionRefused));
        lab.end().await;
    });
    let told = ran.told();
    assert_eq!(
        told,
        ["outside connects db", "outside is refused", "c connects db", "c is refused"]
    );
}

#[test]
fn a_server_that_comes_back_is_where_it_was_and_so_are_its_doors() {
    lab(TEXT, |lab| async move {
        for name in ["own", "db"] {
            let node = lab.node(name);
            let door = lab.links.door(lab.node("app"), node).expect("a port");
            let first = lab.links.listen(node).expect("a port");
            let address = first.local_addr();
            drop(first);
            for port in [address, door] {
                let refused = elsewhere(move || std::net::TcpStream::connect(port)).await;
                let error = refused.expect_err("nobody listens");
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{name}");
            }
            let again = lab.links.listen(node).expect("the same port");
            assert_eq!(again.local_addr(), address, "{name}");
            for port in [address, door] {
                elsewhere(move || connect(port)).await;
            }
        }
    });
}

#[test]
fn a_program_that_is_not_on_loopback_is_not_talked_to() {
    lab(TEXT, |lab| async move {
        let error = lab.links.foreign(lab.node("db"), "192.0.2.1:80".parse().expect("an address"));
        let error = error.expect_err("elsewhere");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("192.0.2.1:80 is not on loopback"), "{error}");
    });
}
