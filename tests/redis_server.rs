//! The redis server on its connections, in both worlds: bytes in, bytes out.

mod common;
#[allow(dead_code, reason = "made for http, of which this is a part")]
#[path = "http_server/lab.rs"]
mod lab;

use looplab::scenario::model::World;

use common::{complaint, run_text};
use lab::{Lab, Wire, in_both, in_real, in_virtual, ms};
use tokio::io::AsyncWriteExt;

const DB: &str = "  db: { type: redis, data: { \"item:42\": 10 } }\n";

/// Sends a line and checks the reply.
async fn ask(wire: &mut Wire, line: &str, reply: &str) {
    wire.send(format!("{line}\r\n")).await;
    wire.expect(reply).await;
}

#[test]
fn commands_are_answered_in_order_however_they_arrive() {
    in_both(DB, |lab: Lab| async move {
        let mut wire = lab.connect("db").await;
        let pipelined = "*2\r\n$3\r\nGET\r\n$7\r\nitem:42\r\nINCR item:42\r\n*1\r\n$4\r\nPING\r\n";
        let replies = "$2\r\n10\r\n:11\r\n+PONG\r\n";
        wire.send(pipelined).await;
        wire.expect(replies).await;
        ask(&mut wire, "SET item:42 10", "+OK\r\n").await;
        for byte in pipelined.as_bytes().chunks(1) {
            wire.send(byte).await;
        }
        wire.expect(replies).await;
    });
}

#[test]
fn what_is_no_command_is_told_so_and_the_connection_ends() {
    for (bytes, error) in [
        ("*x\r\n", "invalid multibulk length"),
        ("*1\r\n$99999999999\r\n", "invalid bulk length"),
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
        ("SET k \"open\r\n", "unbalanced quotes in request"),
    ] {
        in_both(DB, move |lab: Lab| async move {
            let mut other = lab.connect("db").await;
            let mut wire = lab.connect("db").await;
            wire.send(bytes).await;
            assert_eq!(wire.rest().await, format!("-ERR Protocol error: {error}\r\n"));
            ask(&mut other, "PING", "+PONG\r\n").await;
        });
    }
}

#[test]
fn quit_is_answered_and_what_follows_it_is_not() {
    in_both(DB, |lab: Lab| async move {
        assert_eq!(lab.exchange("db", "PING\r\nQUIT\r\nPING\r\n").await, "+PONG\r\n+OK\r\n");
    });
}

#[test]
fn half_a_command_and_an_end_is_no_command() {
    in_both(DB, |lab: Lab| async move {
        let mut wire = lab.connect("db").await;
        wire.send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nab").await;
        wire.end().await;
        assert_eq!(wire.rest().await, "");
        let mut wire = lab.connect("db").await;
        ask(&mut wire, "EXISTS k", ":0\r\n").await;
    });
}

#[test]
fn a_waiting_client_is_woken_by_another_and_then_goes_on() {
    in_both(DB, |lab: Lab| async move {
        let (mut waiter, mut pusher) = (lab.connect("db").await, lab.connect("db").await);
        waiter.send("BLPOP jobs 0\r\nPING\r\n").await;
        assert!(waiter.is_silent(ms(20)).await, "it waits, and what follows waits with it");
        ask(&mut pusher, "RPUSH jobs one", ":1\r\n").await;
        waiter.expect("*2\r\n$4\r\njobs\r\n$3\r\none\r\n+PONG\r\n").await;
    });
}

#[test]
fn patience_is_measured_on_the_clock_of_the_run() {
    in_virtual(DB, |lab: Lab| async move {
        let mut wire = lab.connect("db").await;
        let before = lab.clock.now();
        ask(&mut wire, "BLPOP jobs 30.5", "*-1\r\n").await;
        let took = lab.clock.now().since(before);
        assert!(took >= ms(30_500) && took < ms(30_510), "{took:?}");
    });
    in_real(DB, |lab: Lab| async move {
        let mut wire = lab.connect("db").await;
        ask(&mut wire, "BLPOP jobs 0.01", "*-1\r\n").await;
    });
}

#[test]
fn a_waiting_client_that_goes_takes_nothing() {
    in_both(DB, |lab: Lab| async move {
        let mut waiter = lab.connect("db").await;
        waiter.send("BLPOP jobs 0\r\n").await;
        assert!(waiter.is_silent(ms(20)).await);
        drop(waiter);
        let mut wire = lab.connect("db").await;
        lab.clock.sleep(ms(20)).await;
        ask(&mut wire, "RPUSH jobs one", ":1\r\n").await;
        ask(&mut wire, "LLEN jobs", ":1\r\n").await;
    });
}

#[test]
fn messages_reach_subscribers_that_say_nothing() {
    in_both(DB, |lab: Lab| async move {
        let (mut listener, mut speaker) = (lab.connect("db").await, lab.connect("db").await);
        ask(&mut listener, "SUBSCRIBE news", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n").await;
        for _ in 0..3 {
            ask(&mut speaker, "PUBLISH news hi", ":1\r\n").await;
        }
        let message = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n";
        listener.expect(&message.repeat(3)).await;
        drop(listener);
        lab.clock.sleep(ms(20)).await;
        ask(&mut speaker, "PUBLISH news hi", ":0\r\n").await;
    });
}

#[test]
fn a_killed_client_is_closed_while_it_waits() {
    in_both(DB, |lab: Lab| async move {
        let mut victim = lab.connect("db").await;
        ask(&mut victim, "CLIENT ID", ":1\r\n").await;
        victim.send("BLPOP jobs 0\r\n").await;
        assert!(victim.is_silent(ms(20)).await);
        let mut wire = lab.connect("db").await;
        ask(&mut wire, "CLIENT KILL ID 1", ":1\r\n").await;
        assert_eq!(victim.rest().await, "");
    });
}

#[test]
fn a_delay_comes_before_each_reply() {
    in_virtual("  db: { type: redis, delay: 50ms }\n", |lab: Lab| async move {
        let mut wire = lab.connect("db").await;
        let before = lab.clock.now();
        wire.send("PING\r\nPING\r\n").await;
        wire.expect("+PONG\r\n").await;
        let first = lab.clock.now().since(before);
        wire.expect("+PONG\r\n").await;
        let both = lab.clock.now().since(before);
        assert!(first >= ms(50) && first < ms(60), "{first:?}");
        assert!(both >= ms(100) && both < ms(110), "{both:?}");
    });
}

#[test]
fn who_has_not_given_the_password_may_announce_little() {
    in_both("  db: { type: redis, password: secret }\n", |lab: Lab| async move {
        let error = "-ERR Protocol error: unauthenticated multibulk length\r\n";
        assert_eq!(lab.exchange("db", "*11\r\n").await, error);
        let mut wire = lab.connect("db").await;
        wire.send("AUTH secret\r\n*11\r\n$3\r\nDEL\r\n").await;
        wire.expect("+OK\r\n").await;
        for _ in 0..10 {
            wire.send("$1\r\nk\r\n").await;
        }
        wire.expect(":0\r\n").await;
    });
}

#[test]
fn a_client_that_never_reads_is_not_read_from_and_others_do_not_notice() {
    in_both(DB, |lab: Lab| async move {
        let (mut greedy, mut other) = (lab.connect("db").await, lab.connect("db").await);
        let value = "x".repeat(100_000);
        ask(&mut other, &format!("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$100000\r\n{value}"), "+OK\r\n")
            .await;
        // Asks for a terabyte in the end: if the server went on executing, that would lie in its memory.
        let requests = "GET big\r\n".repeat(10_000);
        let mut sent = 0;
        while sent < 1000 {
            let write = greedy.stream.write_all(requests.as_bytes());
            if lab.clock.timeout(ms(300), write).await.is_err() {
                break;
            }
            sent += 1;
        }
        assert!(sent < 1000, "the server must stop reading");
        ask(&mut other, "PING", "+PONG\r\n").await;
    });
}

#[test]
fn a_server_that_stops_lets_go_of_idle_and_waiting_clients() {
    in_both(DB, |lab: Lab| async move {
        let (mut idle, mut waiting) = (lab.connect("db").await, lab.connect("db").await);
        ask(&mut idle, "PING", "+PONG\r\n").await;
        waiting.send("BLPOP jobs 0\r\n").await;
        assert!(waiting.is_silent(ms(20)).await);
        lab.tasks.stop().await;
        assert_eq!((idle.rest().await, waiting.rest().await), (String::new(), String::new()));
    });
}

#[test]
fn info_knows_the_connections() {
    in_both(DB, |lab: Lab| async move {
        let mut first = lab.connect("db").await;
        ask(&mut first, "PING", "+PONG\r\n").await;
        let text = lab.exchange("db", "INFO clients\r\nQUIT\r\n").await;
        assert!(text.contains("connected_clients:2\r\n"), "{text}");
        lab.clock.sleep(ms(20)).await;
        let text = lab.exchange("db", "INFO clients\r\nQUIT\r\n").await;
        assert!(text.contains("connected_clients:2\r\n"), "the second has gone: {text}");
    });
}

/// Clients that wait for, draw from and listen to one server at once.
const CROWD: &str = r#"
looplab: 1
servers:
  db: { type: redis }
clients:
  worker:
    count: 3
    steps:
      - repeat: 4
        steps:
          - redis: db BLPOP jobs 5
          - redis: db RPUSH done x
            expect: { reply: { gt: 0 } }
  producer:
    steps:
      - repeat: 12
        steps:
          - redis: db RPUSH jobs ${iteration}
          - redis: db PUBLISH news ${iteration}
  listener:
    steps:
      - connect: db
      - send: "SUBSCRIBE news\r\n"
      - receive: { until: ":1\r\n" }
  chance:
    steps:
      - redis: db SADD s a b c d e f g h
      - repeat: 4
        steps:
          - redis: db SPOP s
          - redis: db RANDOMKEY
"#;

#[test]
fn the_same_seed_gives_the_same_trace_and_another_one_another() {
    let run = |seed| run_text(CROWD, World::Virtual, seed);
    let first = run(1);
    assert_eq!(complaint(&first), "");
    assert_eq!(first.trace, run(1).trace);
    assert_ne!(first.trace, run(2).trace);
}
