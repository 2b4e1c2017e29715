//! Messages a second into the trace's file, on one core, beside serde_json on the same lines.
//!
//! Typical messages: HTTP requests and replies of about 150 bytes, through a recorder into a file. The peer is
//! what one would write first: a derived `Serialize` for the same fields, `serde_json::to_writer`, and a
//! `BufWriter` of the same size. Both make their messages anew each time, as a run does. They run in
//! turn, and the best of each is told, for whatever else the machine does only ever takes time away.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml --bin trace_write [FOLDER]`

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use looplab::base::{ConnId, Direction, NodeId, Seq, Time};
use looplab::trace::{EventKind, Fate, Header, HeaderNode, Message, Recorder, Writer};
use serde::Serialize;

const MESSAGES: u64 = 2_000_000;
const ROUNDS: usize = 5;

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let file = folder.join(format!("looplab-bench-{}.jsonl", std::process::id()));
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(time(|| looplab_file(&file))?);
        let size = std::fs::metadata(&file)?.len();
        peers.push(time(|| peer_file(&file))?);
        let peer_size = std::fs::metadata(&file)?.len();
        assert_eq!(size / MESSAGES, peer_size / MESSAGES, "both write the same lines");
    }
    let size = std::fs::metadata(&file)?.len();
    std::fs::remove_file(&file)?;
    let best = |times: Vec<Duration>| times.into_iter().min().unwrap_or_default();
    let (ours, peer) = (best(ours), best(peers));
    println!("{MESSAGES} messages, {} bytes a line", size / MESSAGES);
    println!("looplab     {:>10.0} messages/s", rate(ours));
    println!("serde_json  {:>10.0} messages/s", rate(peer));
    println!("ratio       {:>10.2}", rate(ours) / rate(peer));
    Ok(())
}

fn time(mut run: impl FnMut() -> io::Result<()>) -> io::Result<Duration> {
    let start = Instant::now();
    run()?;
    Ok(start.elapsed())
}

fn rate(time: Duration) -> f64 {
    MESSAGES as f64 / time.as_secs_f64()
}

const REQUEST: &[u8] =
    b"GET /items/42 HTTP/1.1\r\nhost: 127.0.0.1:40123\r\nuser-agent: looplab/0.1\r\n\
    accept: */*\r\nx-request-id: 7f3c1a9e-52d0-4b1f-a1c5-3e8a90d2f6b4\r\n\r\n";
const REPLY: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 61\r\n\r\n\
    {\"id\":42,\"name\":\"a small brass gear\",\"qty\":9,\"price\":\"12.50\"}";

/// The message with that number, and when it came.
fn message(n: u64) -> (Time, Message) {
    let sent = Time::from_nanos(n * 87_654);
    let is_reply = n.is_multiple_of(2);
    let (client, app) = (NodeId(1), NodeId(0));
    let message = Message {
        seq: Seq(n),
        sent,
        conn: ConnId(u32::try_from(n % 50).unwrap_or(0)),
        direction: if is_reply { Direction::Response } else { Direction::Request },
        from: if is_reply { app } else { client },
        to: if is_reply { client } else { app },
        protocol: "http".into(),
        summary: if is_reply { "200 OK".into() } else { "GET /items/42".into() },
        fate: Fate::Delivered,
        fault: None,
        arrived: None,
        cause: is_reply.then(|| Seq(n - 1)),
        length: if is_reply { REPLY.len() } else { REQUEST.len() } as u64,
        bytes: Bytes::from_static(if is_reply { REPLY } else { REQUEST }),
    };
    (sent + Duration::from_nanos(150_250), message)
}

fn looplab_file(path: &Path) -> io::Result<()> {
    let node = |name: &str, kind: &str| HeaderNode { name: name.into(), kind: kind.into() };
    let header = Header {
        scenario: "bench".into(),
        clock: "virtual".into(),
        seed: 1,
        program: "looplab".into(),
        nodes: vec![node("app", "http"), node("alice", "client")],
        file: "bench.yaml".into(),
        text: String::new(),
        scripts: Vec::new(),
    };
    let writer = Writer::new(&header, File::create(path)?);
    let failure = writer.failure();
    let recorder = Recorder::new(vec![Box::new(writer)]);
    for n in 1..=MESSAGES {
        let (at, message) = message(n);
        recorder.record(at, EventKind::Message(Box::new(message)));
    }
    recorder.flush();
    assert!(failure.get().is_none());
    Ok(())
}

#[derive(Serialize)]
struct Line<'a> {
    at: f64,
    event: &'static str,
    seq: u64,
    sent: f64,
    conn: u32,
    direction: &'static str,
    from: &'a str,
    to: &'a str,
    protocol: &'a str,
    summary: &'a str,
    fate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<u64>,
    length: u64,
    text: &'a str,
}

fn peer_file(path: &Path) -> io::Result<()> {
    let names = ["app", "alice"];
    let mut out = BufWriter::with_capacity(256 * 1024, File::create(path)?);
    for n in 1..=MESSAGES {
        let (at, message) = message(n);
        let message = Box::new(message);
        let line = Line {
            at: at.as_nanos() as f64 / 1e3,
            event: "message",
            seq: message.seq.0,
            sent: message.sent.as_nanos() as f64 / 1e3,
            conn: message.conn.0,
            direction: message.direction.as_str(),
            from: names[message.from.index()],
            to: names[message.to.index()],
            protocol: &message.protocol,
            summary: &message.summary,
            fate: message.fate.as_str(),
            cause: message.cause.map(|seq| seq.0),
            length: message.length,
            text: std::str::from_utf8(&message.bytes).unwrap_or_default(),
        };
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
