//! Captures of what goes wrong: written by hand event by event, and read by tshark.

use bytes::Bytes;
use looplab::base::{ConnId, Direction, NodeId, Seq, Time};
use looplab::render::Format;
use looplab::trace::{
    Arrived, Event, EventKind, Fate, FaultEvent, FaultPhase, Header, HeaderNode, Message,
};

use super::exported;
use super::pcapng::{File, RST, SYN};
use super::tshark::Capture;

const APP: NodeId = NodeId(0);
const DB: NodeId = NodeId(1);
const ALICE: NodeId = NodeId(2);

/// A trace that is told event by event.
struct Story {
    header: Header,
    events: Vec<Event>,
    now: u64,
    seq: u64,
}

impl Story {
    fn new() -> Story {
        let node = |name: &str, kind: &str| HeaderNode { name: name.into(), kind: kind.into() };
        let header = Header {
            scenario: "story".into(),
            clock: "virtual".into(),
            seed: 1,
            program: "0.1.0".into(),
            nodes: vec![node("app", "http"), node("db", "redis"), node("alice", "client")],
            file: "story.yaml".into(),
            text: String::new(),
            scripts: Vec::new(),
        };
        let mut story = Story { header, events: Vec::new(), now: 0, seq: 0 };
        for (node, port) in [(APP, 40_001), (DB, 40_002)] {
            let address = ([127, 0, 0, 1], port).into();
            story.tell(EventKind::Listen { node, address });
        }
        story
    }

    fn tell(&mut self, kind: EventKind) {
        self.now += 1_000_000;
        self.events.push(Event { at: Time::from_nanos(self.now), kind });
    }

    /// A connection from alice, from that port.
    fn connect(&mut self, conn: u32, to: NodeId, port: u16) {
        let conn = ConnId(conn);
        self.tell(EventKind::Connect { conn, from: ALICE, to, port, fault: None });
        self.tell(EventKind::Accept { conn, node: to });
    }

    fn say(&mut self, conn: u32, to: NodeId, direction: Direction, bytes: &str) -> &mut Message {
        self.seq += 1;
        let (from, to) = match direction {
            Direction::Request => (ALICE, to),
            Direction::Response => (to, ALICE),
        };
        let protocol = if [from, to].contains(&DB) { "redis" } else { "http" };
        self.tell(EventKind::Message(Box::new(Message {
            seq: Seq(self.seq),
            sent: Time::from_nanos(self.now),
            conn: ConnId(conn),
            direction,
            from,
            to,
            protocol: protocol.into(),
            summary: bytes.lines().next().unwrap_or_default().replace("HTTP/1.1", "").trim().into(),
            fate: Fate::Delivered,
            fault: None,
            cause: None,
            length: bytes.len() as u64,
            bytes: Bytes::from(bytes.to_owned()),
            arrived: None,
        })));
        match self.events.last_mut().map(|event| &mut event.kind) {
            Some(EventKind::Message(message)) => message,
            _ => unreachable!("it was told above"),
        }
    }

    /// A request to the app that meets that fate.
    fn get(&mut self, path: &str, fate: Fate) -> &mut Message {
        let request = format!("GET {path} HTTP/1.1\r\nhost: app\r\n\r\n");
        let message = self.say(1, APP, Direction::Request, &request);
        message.fate = fate;
        message.fault = (fate != Fate::Delivered).then(|| "storm".to_owned());
        message
    }

    fn reply(&mut self) -> &mut Message {
        self.say(1, APP, Direction::Response, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
    }

    fn close(&mut self, conn: u32, to: NodeId) {
        for by in [ALICE, to] {
            self.tell(EventKind::Close { conn: ConnId(conn), by });
        }
    }

    fn file(&self) -> File {
        File::read(&exported(Format::Pcapng, &self.header, &self.events)).unwrap()
    }

    fn capture(&self) -> Capture {
        let bytes = exported(Format::Pcapng, &self.header, &self.events);
        Capture::new(&bytes, &self.header, &self.events)
    }

    /// The requests and replies that tshark sees.
    fn seen(&self) -> Vec<String> {
        let fields = ["http.request.uri", "http.response.code"];
        let rows = self.capture().fields("http", &fields);
        rows.into_iter().map(|row| row.join("")).collect()
    }

    /// Nothing is wrong with the packets, whatever is wrong with the run.
    #[track_caller]
    fn is_sound(&self) {
        let remarks = self.capture().remarks();
        let sound = remarks.iter().all(|remark| {
            let grave = remark.starts_with("Errors") || remark.starts_with("Warns");
            !grave || remark.contains("Connection reset (RST)")
        });
        assert!(sound, "{remarks:#?}");
        for word in ["etransmission", "uplicate", "ut-of-order", "Keep-Alive"] {
            let ours = |remark: &&String| !remark.starts_with("Comments");
            assert!(!remarks.iter().filter(ours).any(|r| r.contains(word)), "{remarks:#?}");
        }
    }
}

#[test]
fn what_did_not_arrive_is_not_in_the_stream_and_is_told_beside_it() {
    for fate in [Fate::Dropped, Fate::Held, Fate::Lost] {
        let mut story = Story::new();
        story.connect(1, APP, 50_001);
        story.get("/a", Fate::Delivered);
        story.reply();
        story.get("/lost", fate);
        story.get("/lost-too", fate);
        story.get("/b", Fate::Delivered);
        story.reply();
        story.close(1, APP);
        assert_eq!(story.seen(), ["/a", "200", "/b", "200"], "{fate:?}");
        story.is_sound();
        let comments =
            story.capture().fields("frame.comment contains \"lost\"", &["frame.comment"]);
        let by = if fate == Fate::Lost { "to" } else { "by" };
        let told = format!(
            "#3 alice -> app: GET /lost [{} {by} storm]; sent at 0.006000000; its 33 bytes are not in the stream",
            fate.as_str()
        );
        assert_eq!(comments[0], [told]);
        assert_eq!(comments.len(), 2);
        let remarks = story.capture().remarks().join("\n");
        assert!(
            remarks.contains("Comments: 1 Comment Frame #3 alice -> app: GET /lost"),
            "{remarks}"
        );
    }
}

#[test]
fn what_arrived_is_in_the_stream_and_not_what_was_sent() {
    let mut story = Story::new();
    story.connect(1, APP, 50_001);
    let bytes = Bytes::from_static(b"GET /other HTTP/1.1\r\nhost: app\r\n\r\n");
    let (summary, length) = ("GET /other".to_owned(), bytes.len() as u64);
    story.get("/a", Fate::Edited).arrived = Some(Box::new(Arrived { summary, length, bytes }));
    story.reply();
    story.close(1, APP);
    assert_eq!(story.seen(), ["/other", "200"]);
    story.is_sound();
    let comment = story.file().packets[3].comment.clone();
    let expected = "#1 alice -> app: GET /a [edited by storm], as GET /other; sent at 0.004000000";
    assert_eq!(comment, expected);
}

#[test]
fn what_arrived_twice_is_twice_in_the_stream() {
    let mut story = Story::new();
    story.connect(1, APP, 50_001);
    story.get("/a", Fate::Duplicated);
    story.reply();
    story.reply();
    story.close(1, APP);
    assert_eq!(story.seen(), ["/a", "/a", "200", "200"]);
    story.is_sound();
}

#[test]
fn what_was_cut_short_is_short() {
    let mut story = Story::new();
    story.connect(1, DB, 50_001);
    let message = story.say(1, DB, Direction::Request, "*1\r\n$4\r\nPING\r\n");
    message.fate = Fate::Truncated;
    let bytes = Bytes::from_static(b"*1\r\n$4\r\nPI");
    let (summary, length) = ("10 bytes".to_owned(), bytes.len() as u64);
    message.arrived = Some(Box::new(Arrived { summary, length, bytes }));
    story.close(1, DB);
    story.is_sound();
    assert_eq!(story.capture().streams(1)[0][0], "2a310d0a24340d0a5049");

    let mut nothing = Story::new();
    nothing.connect(1, APP, 50_001);
    let (summary, bytes) = ("0 bytes".to_owned(), Bytes::new());
    let arrived = Arrived { summary, length: 0, bytes };
    nothing.get("/a", Fate::Truncated).arrived = Some(Box::new(arrived));
    nothing.is_sound();
    assert_eq!(nothing.seen(), [""; 0]);
}

#[test]
fn refusals_resets_and_silence_are_those_of_tcp() {
    let mut story = Story::new();
    let (from, to) = (ALICE, APP);
    story.tell(EventKind::Connect { conn: ConnId(1), from, to, port: 50_001, fault: None });
    let reason = "refused".into();
    story.tell(EventKind::Refused { conn: ConnId(1), from, to, reason });
    story.tell(EventKind::Connect { conn: ConnId(2), from, to, port: 50_002, fault: None });
    let reason = "timed out".into();
    story.tell(EventKind::Refused { conn: ConnId(2), from, to, reason });
    story.connect(3, APP, 50_003);
    story.tell(EventKind::Reset { conn: ConnId(3), by: APP, fault: None });
    story.connect(4, APP, 50_004);
    let reason = "refused".into();
    story.tell(EventKind::Refused { conn: ConnId(4), from, to, reason });
    story.is_sound();
    let unreached = "at 0.006000000: c2 does not reach app: timed out";
    let filter = format!("frame.comment == \"{unreached}\" && tcp.srcport == 50003");
    assert_eq!(story.capture().fields(&filter, &["tcp.flags.syn"]), [["1"]]);
    let flags: Vec<(u16, u8)> =
        story.file().packets.iter().map(|packet| (packet.from.port(), packet.flags)).collect();
    let (syn_ack, rst_ack, ack) = (SYN | 16, RST | 16, 16);
    assert_eq!(
        flags,
        [
            (50_001, SYN),
            (40_001, rst_ack),
            (50_002, SYN),
            (50_003, SYN),
            (40_001, syn_ack),
            (50_003, ack),
            (40_001, rst_ack),
            (50_004, SYN),
            (40_001, syn_ack),
            (50_004, ack),
            (40_001, rst_ack),
        ]
    );
}

#[test]
fn what_was_under_way_when_a_connection_ended_is_told_after_its_end() {
    let mut story = Story::new();
    story.connect(1, APP, 50_001);
    story.get("/a", Fate::Delivered);
    story.tell(EventKind::Reset { conn: ConnId(1), by: ALICE, fault: None });
    story.reply().fate = Fate::Lost;
    story.is_sound();
    let last = story.file().packets.last().unwrap().comment.clone();
    assert!(last.starts_with("#2 app -> alice: 200 OK [lost]"), "{last}");
}

#[test]
fn what_happens_to_nodes_and_links_stands_beside_the_next_packet() {
    let mut story = Story::new();
    story.connect(1, APP, 50_001);
    story.tell(EventKind::Fault(Box::new(FaultEvent {
        name: "storm".into(),
        phase: FaultPhase::Start,
        text: "{ crash: db }".into(),
        span: None,
        touched: 0,
    })));
    story.tell(EventKind::Crash { node: DB, text: "by fault".into(), fault: Some("storm".into()) });
    story.get("/a", Fate::Delivered);
    story.tell(EventKind::Restart { node: DB });
    story.close(1, APP);
    story.is_sound();
    let comments = story.capture().fields("frame.comment contains \"at 0\"", &["frame.comment"]);
    let told = "#1 alice -> app: GET /a; sent at 0.006000000,\
                at 0.005000000: fault storm begins: { crash: db },\
                at 0.006000000: db crashes: by fault";
    assert_eq!(comments, [[told], ["at 0.008000000: db is back"]]);
}

#[test]
fn a_trace_may_begin_anywhere_and_end_anywhere() {
    let mut story = Story::new();
    story.connect(1, APP, 50_001);
    story.connect(2, DB, 50_002);
    for _ in 0..2 {
        story.get("/a", Fate::Delivered);
        story.reply();
        story.say(2, DB, Direction::Request, "*1\r\n$4\r\nPING\r\n");
        story.say(2, DB, Direction::Response, "+PONG\r\n");
    }
    story.close(1, APP);
    story.close(2, DB);
    let whole = story.events.clone();
    for first in 0..whole.len() {
        for end in first..=whole.len() {
            story.events = whole[first..end].to_vec();
            let messages =
                story.events.iter().filter(|event| matches!(event.kind, EventKind::Message(_)));
            let told = story.file().packets.iter().filter(|p| p.comment.starts_with('#')).count();
            assert_eq!(told, messages.count(), "{first}..{end}");
        }
    }
    // Without the ports of the servers, HTTP is still found by its looks.
    story.events = whole[4..whole.len() - 3].to_vec();
    assert_eq!(story.seen(), ["/a", "200", "/a", "200"]);
    story.is_sound();
}

#[test]
fn ports_that_two_connections_share_are_told_apart() {
    let mut story = Story::new();
    // One after the other: the same port again, as with any kernel.
    for conn in [1, 2] {
        story.connect(conn, APP, 50_001);
        let request = "GET /a HTTP/1.1\r\nhost: app\r\n\r\n";
        story.say(conn, APP, Direction::Request, request);
        story.close(conn, APP);
    }
    // Both at once, which only ports that are drawn can do.
    story.connect(3, APP, 50_007);
    story.connect(4, APP, 50_007);
    for conn in [3, 4] {
        story.say(conn, APP, Direction::Request, "GET /b HTTP/1.1\r\nhost: app\r\n\r\n");
        story.close(conn, APP);
    }
    story.is_sound();
    let streams = story.capture().fields("http", &["tcp.stream", "tcp.srcport"]);
    let expected = [["0", "50001"], ["1", "50001"], ["2", "50007"], ["3", "50008"]];
    assert_eq!(streams, expected);
    let comments = story.file().packets.into_iter().map(|packet| packet.comment);
    let moved = "c4: alice -> app, from port 50007, which another connection has";
    assert_eq!(comments.filter(|comment| comment == moved).count(), 1);
}

#[test]
fn every_node_has_an_address_that_is_called_as_it_is() {
    let mut story = Story::new();
    story.tell(EventKind::Listen { node: APP, address: "[::1]:40001".parse().unwrap() });
    story.connect(1, APP, 50_001);
    story.get(&format!("/{}", "a".repeat(100_000)), Fate::Delivered);
    story.reply();
    story.close(1, APP);
    story.is_sound();
    let file = story.file();
    let hosts = story.capture().fields("http.response", &["ip.src", "ip.dst", "tcp.srcport"]);
    let called = |host: &str| file.names[&host.parse().unwrap()].as_str();
    let [host, to, port] = hosts[0].as_slice() else { panic!("{hosts:?}") };
    assert_eq!([called(host), called(to), port], ["app", "alice", "40001"]);
    assert_eq!(called("127.255.255.254"), "outside");
}

#[test]
fn a_message_before_its_accept_makes_up_for_the_handshake() {
    let mut story = Story::new();
    let (conn, from, to) = (ConnId(1), ALICE, APP);
    story.tell(EventKind::Connect { conn, from, to, port: 50_001, fault: None });
    story.get("/a", Fate::Delivered);
    story.tell(EventKind::Accept { conn, node: APP });
    story.reply();
    story.close(1, APP);
    assert_eq!(story.seen(), ["/a", "200"]);
    story.is_sound();
    let syns = story.file().packets.iter().filter(|packet| packet.flags & SYN != 0).count();
    assert_eq!(syns, 2);
}

/// Of a message of more than 4 GiB of which a few bytes were kept, the capture is small.
#[test]
fn no_length_makes_a_large_capture() {
    for length in [1 << 20, 1 << 31, 5 << 30, u64::MAX] {
        let mut story = Story::new();
        story.connect(1, APP, 50_001);
        story.get("/a", Fate::Delivered).length = length;
        story.reply();
        let bytes = exported(Format::Pcapng, &story.header, &story.events);
        assert!(bytes.len() < 2_000_000, "{length}: {}", bytes.len());
        let packets = File::read(&bytes).unwrap().packets;
        let first = packets.iter().find(|packet| packet.comment.starts_with("#1 ")).unwrap();
        let answer = packets.iter().find(|packet| packet.comment.starts_with("#2 ")).unwrap();
        let counted = answer.ack.wrapping_sub(first.seq);
        assert_eq!(u64::from(counted), length & u64::from(u32::MAX), "{length}");
    }
}
