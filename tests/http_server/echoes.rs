//! The servers that speak no protocol: `echo`, `silent` and `closed`.

use std::io::ErrorKind;

use looplab::net::Conduits;

use super::lab::{Lab, in_both, in_virtual, ms};

#[test]
fn an_echo_sends_back_every_byte() {
    in_both("\n  app: { type: echo }\n", |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        for part in ["hello", "\0\r\n", &"x".repeat(100_000)] {
            wire.send(part).await;
            wire.expect(part).await;
        }
        wire.send("bye").await;
        wire.end().await;
        assert_eq!(wire.rest().await, "bye");
    });
}

#[test]
fn a_line_echo_answers_whole_lines_only() {
    in_both("\n  app: { type: echo, mode: line }\n", |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send("one\ntwo\r\nthr").await;
        wire.expect("one\ntwo\r\n").await;
        wire.send("ee\nrest").await;
        wire.expect("three\n").await;
        wire.end().await;
        assert_eq!(wire.rest().await, "");
    });
}

#[test]
fn a_line_without_end_is_cut_off_at_the_limit() {
    in_virtual("\n  app: { type: echo, mode: line }\n", |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send("x".repeat(65_000)).await;
        assert!(wire.is_silent(ms(1)).await);
        wire.send("x".repeat(1_000)).await;
        assert_eq!(wire.rest().await, "");
        assert_eq!(lab.log()[0], "a line is longer than 65536 bytes: closed");
    });
}

#[test]
fn an_echo_that_reads_once_takes_a_part_for_the_whole() {
    in_both("\n  app: { type: echo, bug: one_read }\n", |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send("hel").await;
        wire.expect("hel").await;
        assert_eq!(wire.rest().await, "");
    });
}

#[test]
fn an_echo_waits_as_long_as_it_is_told() {
    in_virtual("\n  app: { type: echo, delay: 30ms }\n", |lab: Lab| async move {
        let start = lab.clock.now();
        let mut wire = lab.connect("app").await;
        wire.send("hello").await;
        wire.expect("hello").await;
        assert_eq!(lab.clock.now().since(start), ms(30));
    });
}

#[test]
fn a_serial_echo_serves_one_connection_at_a_time() {
    in_both("\n  app: { type: echo, serial: true }\n", |lab: Lab| async move {
        let mut first = lab.connect("app").await;
        first.send("a").await;
        first.expect("a").await;
        let mut second = lab.connect("app").await;
        second.send("b").await;
        assert!(second.is_silent(ms(30)).await);
        drop(first);
        second.expect("b").await;
    });
}

#[test]
fn an_echo_whose_client_never_reads_stops_reading() {
    in_virtual("\n  app: { type: echo }\n", |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        let mut sent = 0;
        let sending = async {
            loop {
                wire.send([b'x'; 10_000]).await;
                sent += 10_000;
            }
        };
        assert!(lab.clock.timeout(ms(1000), sending).await.is_err());
        assert!(sent < 2 * looplab::net::WINDOW_BYTES + 100_000, "{sent} bytes were taken");
    });
}

#[test]
fn a_silent_server_reads_and_never_answers() {
    in_both("\n  app: { type: silent }\n", |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send("x".repeat(2_000_000)).await;
        assert!(wire.is_silent(ms(50)).await);
        wire.end().await;
        assert_eq!(wire.rest().await, "");
    });
}

#[test]
fn a_closed_address_refuses() {
    in_both("\n  app: { type: closed }\n", |lab: Lab| async move {
        let dialling = lab.net.dial().expect("a port is free");
        let connected = dialling.connect(lab.address("app"), Conduits::direct()).await;
        assert_eq!(connected.err().map(|error| error.kind()), Some(ErrorKind::ConnectionRefused));
    });
}

#[test]
fn a_stop_ends_connections_that_wait() {
    let servers = "\n  app: { type: echo }\n  deaf: { type: silent }\n";
    in_both(servers, |lab: Lab| async move {
        let mut wires = [lab.connect("app").await, lab.connect("deaf").await];
        lab.clock.sleep(ms(20)).await;
        lab.tasks.stop().await;
        for wire in &mut wires {
            assert_eq!(wire.rest().await, "");
        }
    });
}
