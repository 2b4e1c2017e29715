//! Captures of whole runs, read by tshark.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;

use looplab::base::{ConnId, Direction};
use looplab::render::Format;
use looplab::scenario::model::World;
use looplab::trace::{Event, EventKind, Fate, Header, Message};

use super::common::{run_file, run_text, scenarios};
use super::shipped_scenario;
use super::tshark::Capture;
use super::{exported, pcapng, stored};

/// A run as a capture.
struct Run {
    header: Header,
    events: Vec<Event>,
    bytes: Vec<u8>,
}

impl Run {
    fn new(trace: &str) -> Run {
        let (header, events) = stored(trace);
        let bytes = exported(Format::Pcapng, &header, &events);
        Run { header, events, bytes }
    }

    fn capture(&self) -> Capture {
        Capture::new(&self.bytes, &self.header, &self.events)
    }

    /// The messages of a protocol that arrived, in the order of their arrival.
    fn messages(&self, protocol: &str) -> Vec<&Message> {
        let of_it = |message: &&Message| message.protocol == protocol && message.fate.came();
        self.all().filter(of_it).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Message> {
        self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Message(message) => Some(message.as_ref()),
            _ => None,
        })
    }
}

/// Looks at the runs of all scenarios that are shipped, in both worlds.
fn each_run(mut what: impl FnMut(&str, &Run)) {
    static RUNS: OnceLock<Vec<(String, Run)>> = OnceLock::new();
    let runs = RUNS.get_or_init(|| {
        let both = |path| [World::Virtual, World::Real].map(|world| (path, world));
        let paths = scenarios();
        let runs = paths.iter().flat_map(both).map(|(path, world)| {
            let name = format!("{} {world:?}", path.file_stem().unwrap().display());
            (name, Run::new(&run_file(path, world, 1).trace))
        });
        runs.collect()
    });
    runs.iter().for_each(|(name, run)| what(name, run));
}

/// A scenario with HTTP and Redis.
fn chain() -> PathBuf {
    shipped_scenario("microservice-chain")
}

#[test]
fn tshark_reads_the_requests_and_replies_of_the_trace() {
    each_run(|name, run| {
        let expected: Vec<Vec<String>> = run
            .messages("http")
            .iter()
            // What was cut off, and what is no HTTP, is told by its length.
            .filter(|message| !message.summary.contains(" bytes"))
            .map(|message| {
                let (first, second) = message.summary.split_once(' ').unwrap();
                match message.direction {
                    Direction::Request => vec![first.into(), second.into(), String::new()],
                    Direction::Response => vec![String::new(), String::new(), first.into()],
                }
            })
            .collect();
        let fields = ["http.request.method", "http.request.uri", "http.response.code"];
        let read = run.capture().fields("http", &fields);
        assert_eq!(read, expected, "{name}");
    });
}

#[test]
fn tshark_reads_the_commands_and_replies_of_redis() {
    let (mut commands, mut replies) = (0, 0);
    each_run(|name, run| {
        let expected: Vec<&Message> = run.messages("redis");
        let read = run.capture().fields("resp", &["_ws.col.Info", "resp.array.length"]);
        assert_eq!(read.len(), expected.len(), "{name}");
        for (message, fields) in expected.iter().zip(read) {
            match message.direction {
                Direction::Request => {
                    // What has blanks is in quotes in the trace, and not in Wireshark.
                    let words = message.summary.replace('"', "");
                    assert_eq!(fields[0], format!("Request: {words}"), "{name}");
                    let first = message.bytes.split(|byte| *byte == b'\r').next().unwrap();
                    assert_eq!(format!("*{}", fields[1]).as_bytes(), first, "{name}");
                    commands += 1;
                }
                Direction::Response => {
                    assert!(fields[0].starts_with("Response:"), "{name} {fields:?}");
                    replies += 1;
                }
            }
        }
    });
    assert!(commands >= 4 && replies >= 4, "a scenario has a redis server");
}

#[test]
fn there_is_nothing_to_remark_but_what_the_trace_tells_too() {
    each_run(|name, run| {
        let broken = run.events.iter().filter_map(|event| match &event.kind {
            EventKind::Reset { conn, .. } => Some(*conn),
            EventKind::Refused { conn, reason, .. } if reason.contains("refused") => Some(*conn),
            _ => None,
        });
        // Both sides may break a connection off, and the first of them does.
        let broken = broken.collect::<BTreeSet<ConnId>>().len();
        let remarks = run.capture().remarks();
        let grave = |remark: &&String| remark.starts_with("Errors") || remark.starts_with("Warns");
        let grave: Vec<&String> = remarks.iter().filter(grave).collect();
        let expected = format!("Warns: {broken} Sequence TCP Connection reset (RST)");
        let expected: Vec<&String> = [&expected].into_iter().filter(|_| broken > 0).collect();
        assert_eq!(grave, expected, "{name}");
        let all = remarks.join("\n").to_lowercase();
        for word in
            ["retransmission", "out-of-order", "duplicate", "not captured", "unseen", "reused"]
        {
            assert!(!all.contains(word), "{name}: {all}");
        }
    });
}

#[test]
fn every_stream_is_what_its_sides_said() {
    each_run(|name, run| {
        // tshark numbers streams in the order of their first packets.
        let (mut conns, mut expected): (Vec<ConnId>, Vec<[String; 2]>) = Default::default();
        for event in &run.events {
            match &event.kind {
                EventKind::Connect { conn, .. } => {
                    conns.push(*conn);
                    expected.push(Default::default());
                }
                EventKind::Message(message) if message.fate.came() => {
                    let hex: String =
                        message.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                    let stream = conns.iter().position(|conn| *conn == message.conn).unwrap();
                    let side = usize::from(message.direction == Direction::Response);
                    expected[stream][side].push_str(&hex);
                }
                _ => {}
            }
        }
        assert_eq!(run.capture().streams(expected.len()), expected, "{name}");
    });
}

#[test]
fn every_packet_is_sound_and_has_a_place_on_its_link() {
    each_run(|name, run| {
        let file = pcapng::File::read(&run.bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
        for message in run.messages("http") {
            let start = format!("#{} ", message.seq.0);
            let found: Vec<_> =
                file.packets.iter().filter(|packet| packet.comment.starts_with(&start)).collect();
            assert_eq!(found.len(), 1, "{name} {start}");
            let [from, to] = [message.from, message.to].map(|node| run.header.node_name(node));
            assert!(found[0].comment.contains(&format!("{from} -> {to}: {}", message.summary)));
            let link = match message.direction {
                Direction::Request => format!("{from} -> {to}"),
                Direction::Response => format!("{to} -> {from}"),
            };
            assert_eq!(file.interfaces[found[0].interface], link);
        }
    });
}

#[test]
fn a_text_can_be_followed_and_a_link_filtered() {
    let run = Run::new(&run_file(&chain(), World::Virtual, 1).trace);
    let text = run.capture().read(&["-q", "-z", "follow,tcp,ascii,0"]);
    assert!(text.contains("\nGET /api/items/42 HTTP/1.1\r\n"), "{text}");
    assert!(text.contains("\t77\nHTTP/1.1 200 OK\r\n"), "{text}");
    let flow = run.capture().read(&["-N", "n", "-q", "-z", "flow,any,standard"]);
    let head: Vec<&str> = flow.lines().take(2).flat_map(|line| line.split('|')).collect();
    for name in ["browser", "gateway", "api", "db"] {
        let columns = head.iter().filter(|column| column.trim() == name).count();
        assert_eq!(columns, 1, "{name} has a column of its own:\n{flow}");
    }
    assert!(flow.contains("GET /api/items/42 HT"), "{flow}");
    let filter = "frame.interface_name == \"api -> db\" && resp";
    let read = run.capture().fields(filter, &["frame.comment"]);
    assert_eq!(read[0], ["#5 api -> db: GET item:42; sent at 0.108000000"]);
    assert_eq!(read.len(), 4);
}

#[test]
fn the_same_run_gives_the_same_capture() {
    let capture = || {
        let run = Run::new(&run_file(&chain(), World::Virtual, 1).trace);
        run.bytes
    };
    assert_eq!(capture(), capture());
}

/// A body that takes several packets, and one that the trace does not keep to its end.
#[test]
fn long_messages_are_put_together_again_and_what_was_not_kept_is_told() {
    for (kept, whole) in [("1MiB", true), ("1KiB", false)] {
        let scenario = format!(
            "looplab: 1
name: long
trace: {{ bytes: {kept} }}
servers:
  web:
    type: http
    routes:
      - {{ on: GET /long, respond: {{ text: {} }} }}
clients:
  alice:
    steps:
      - get: web/long
      - get: web/long
",
            "x".repeat(200_000)
        );
        let run = Run::new(&run_text(&scenario, World::Virtual, 1).trace);
        let file = pcapng::File::read(&run.bytes).unwrap();
        let carried: usize = file.packets.iter().map(|packet| packet.length).sum();
        let lengths: u64 = run.messages("http").iter().map(|message| message.length).sum();
        assert_eq!(carried as u64, lengths, "all of it is counted");
        let kept: usize = file.packets.iter().map(|packet| packet.data.len()).sum();
        assert_eq!(kept == carried, whole);
        assert!(run.bytes.len() < if whole { 420_000 } else { 10_000 });
        let read =
            run.capture().fields("http.response", &["http.response.code", "http.content_length"]);
        assert_eq!(read, vec![["200", "200000"]; 2], "kept {kept}");
        let remarks = run.capture().remarks().join("\n");
        assert!(!remarks.contains("Errors") && !remarks.contains("Warns"), "{remarks}");
        let comments = file.packets.iter().filter(|packet| !packet.comment.is_empty()).count();
        assert_eq!(comments, 5, "the connection, and the first packet of each message");
    }
}

/// Faults of each kind that a link has, on HTTP and on Redis.
const FAULTY: &str = r#"looplab: 1
name: faulty
servers:
  app:
    type: http
    routes:
      - { on: GET /a, respond: { text: hi } }
  other:
    type: http
    routes:
      - { on: GET /a, respond: { text: "0123456789" } }
  db: { type: redis }
  gone: { type: http, routes: [{ on: GET /a, respond: { text: hi } }] }
links:
  - from: alice
    to: app
    latency: 1ms
    faults:
      - { duplicate: request, nth: 1 }
      - { drop: request, nth: 3 }
      - { delay: 20ms, nth: 4 }
      - { edit: { status: 503 }, direction: response, nth: 4 }
  - from: alice
    to: other
    faults:
      - { truncate: 60, then: close, direction: response, nth: 1 }
  - from: alice
    to: db
    faults:
      - { corrupt: { offset: 5, bits: 0xff }, match: "SET *" }
  - from: alice
    to: gone
    faults:
      - { refuse: true }
clients:
  alice:
    steps:
      - { get: app/a, timeout: 1s }
      - { get: app/a, timeout: 1s }
      - { get: app/a, timeout: 100ms, expect: { error: timeout } }
      - { get: app/a, timeout: 1s }
      - { get: app/a, timeout: 1s, expect: { status: 503 } }
      - { get: other/a, timeout: 1s, expect: { error: { exists: true } } }
      - { redis: db GET a }
      - { redis: db SET a 1, timeout: 100ms, expect: { error: { exists: true } } }
      - { get: gone/a, timeout: 1s, expect: { error: refused } }
"#;

#[test]
fn runs_with_faults_are_as_sound_as_those_without() {
    for world in [World::Virtual, World::Real] {
        let ran = run_text(FAULTY, world, 1);
        let run = Run::new(&ran.trace);
        let fates: BTreeSet<Fate> = run.all().map(|message| message.fate).collect();
        for fate in [Fate::Duplicated, Fate::Dropped, Fate::Delayed, Fate::Edited, Fate::Truncated]
        {
            assert!(fates.contains(&fate), "{fate:?} is not among {fates:?}\n{}", ran.trace);
        }
        pcapng::File::read(&run.bytes).unwrap();
        let remarks = run.capture().remarks();
        let grave = |remark: &&String| remark.starts_with("Errors") || remark.starts_with("Warns");
        for remark in remarks.iter().filter(grave) {
            // What was cut short or garbled is what a dissector makes of it; TCP is as it should be.
            let sound = remark.contains("Connection reset (RST)") || !remark.contains(" TCP ");
            assert!(sound, "{world:?} {remarks:#?}");
        }
        let replies: Vec<String> = run
            .all()
            .filter(|message| message.fate.came() && message.fate != Fate::Truncated)
            .filter(|message| {
                message.protocol == "http" && message.direction == Direction::Response
            })
            .map(|message| {
                let arrived = message.arrived.as_ref().map(|arrived| &arrived.summary);
                arrived.unwrap_or(&message.summary).split(' ').next().unwrap().to_owned()
            })
            .collect();
        let filter = "http.response && !(http.content_length == 10)";
        let read = run.capture().fields(filter, &["http.response.code"]).concat();
        assert_eq!(read, replies, "{world:?}");
        assert!(replies.contains(&"503".to_owned()), "{replies:?}");
        let comments =
            run.capture().fields("frame.comment", &["frame.comment"]).concat().join("\n");
        for told in ["[dropped by drop.1]", "[duplicated by duplicate.1]", "fault refuse.1 begins"]
        {
            assert!(comments.contains(told), "{told}: {comments}");
        }
    }
}
