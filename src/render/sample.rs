//! Small runs to draw in tests: a put through an app into a database, whose invalidation is lost; and one
//! with every kind of fault.

use bytes::Bytes;
use serde_json::json;

use crate::base::{ConnId, Direction, NodeId, Seq, Span, Time};
use crate::trace::{
    Arrived, Event, EventKind, Fate, FaultEvent, FaultPhase, Header, HeaderNode, Level, Message,
    Outcome, StepEvent,
};

pub(super) const APP: NodeId = NodeId(0);
pub(super) const DB: NodeId = NodeId(1);
pub(super) const CACHE: NodeId = NodeId(2);
pub(super) const ALICE: NodeId = NodeId(3);
pub(super) const BOB: NodeId = NodeId(4);

pub(super) fn header() -> Header {
    let node = |name: &str, kind: &str| HeaderNode { name: name.into(), kind: kind.into() };
    Header {
        scenario: "stale-cache".into(),
        clock: "virtual".into(),
        seed: 7,
        program: "looplab 0.1.0".into(),
        nodes: vec![
            node("app", "http"),
            node("db", "redis"),
            node("cache", "redis"),
            node("alice", "client"),
            node("bob", "client"),
        ],
        file: "stale-cache.yaml".into(),
        text: "looplab: 1\n".into(),
        scripts: Vec::new(),
    }
}

/// A run that is written down message by message; times are in microseconds.
#[derive(Default)]
pub(super) struct Run {
    pub(super) events: Vec<Event>,
    seq: u64,
}

impl Run {
    pub(super) fn event(&mut self, at: u64, kind: EventKind) {
        self.events.push(Event { at: Time::from_nanos(at * 1000), kind });
    }

    /// A message on the connection with that number; a reply if it has a cause.
    pub(super) fn message(
        &mut self,
        (sent, at): (u64, u64),
        conn: u32,
        (from, to): (NodeId, NodeId),
        summary: &str,
        cause: Option<u64>,
    ) -> &mut Message {
        self.seq += 1;
        let protocol =
            if [DB, CACHE].iter().any(|node| [from, to].contains(node)) { "redis" } else { "http" };
        let message = Message {
            seq: Seq(self.seq),
            sent: Time::from_nanos(sent * 1000),
            conn: ConnId(conn),
            direction: if cause.is_some() { Direction::Response } else { Direction::Request },
            from,
            to,
            protocol: protocol.into(),
            summary: summary.into(),
            fate: Fate::Delivered,
            fault: None,
            cause: cause.map(Seq),
            length: 150,
            bytes: Bytes::from(format!("{summary}\r\n")),
            arrived: None,
        };
        self.event(at, EventKind::Message(Box::new(message)));
        match self.events.last_mut().map(|event| &mut event.kind) {
            Some(EventKind::Message(message)) => message,
            _ => unreachable!("it was pushed above"),
        }
    }

    pub(super) fn connect(&mut self, at: u64, conn: u32, from: NodeId, to: NodeId) {
        self.event(
            at,
            EventKind::Connect { conn: ConnId(conn), from, to, port: 50_000, fault: None },
        );
        self.event(at + 20, EventKind::Accept { conn: ConnId(conn), node: to });
    }
}

/// The faults of the second run, one a line.
const FAULTS: [(&str, &str); 9] = [
    ("lost-del", "{ name: lost-del, drop: request, from: app, to: cache, match: \"DEL *\" }"),
    ("twice", "{ name: twice, duplicate: request, from: alice, to: app, first: 1 }"),
    ("drop.1", "{ drop: response, from: app, to: db, nth: 9 }"),
    ("other-item", "{ name: other-item, edit: { status: 503, json: { error: late } }, to: app }"),
    ("corrupt.1", "{ corrupt: { offset: 5, bits: 0xff }, from: app, to: db, match: \"SET *\" }"),
    ("short", "{ name: short, truncate: 40, direction: response, from: bob, to: app, nth: 2 }"),
    ("partition.1", "{ partition: [[app], [cache]], for: 30ms }"),
    ("power-cut", "{ name: power-cut, crash: db, for: 20ms }"),
    ("gc", "{ name: gc, pause: cache, for: 15ms }"),
];

/// The header of the second run, with a text that its spans refer to.
pub(super) fn faulty_header() -> Header {
    let lines: String = FAULTS.iter().map(|(_, text)| format!("  - fault: {text}\n")).collect();
    let text = format!("looplab: 1\ntimeline:\n{lines}");
    Header { scenario: "bad-day".into(), file: "bad-day.yaml".into(), text, ..header() }
}

impl Run {
    /// One end of the life of the fault of that name.
    fn fault(&mut self, at: u64, name: &str, phase: FaultPhase, touched: u64) {
        let (_, text) = FAULTS.iter().find(|(known, _)| *known == name).unwrap();
        let start = faulty_header().text.find(text).unwrap();
        let (name, text, span) =
            (name.to_owned(), (*text).to_owned(), Span::new(start, start + text.len()));
        let fault = FaultEvent { name, phase, text, span: Some(span), touched };
        self.event(at, EventKind::Fault(Box::new(fault)));
    }
}

fn harmed<'a>(message: &'a mut Message, fate: Fate, fault: &str) -> &'a mut Message {
    message.fate = fate;
    message.fault = Some(fault.to_owned());
    message
}

fn arrives(message: &mut Message, summary: &str, bytes: &'static str) {
    let bytes = Bytes::from_static(bytes.as_bytes());
    let arrived = Arrived { summary: summary.into(), length: bytes.len() as u64, bytes };
    message.arrived = Some(Box::new(arrived));
}

/// The second run: every event that faults bring, every fate, a step that was forgiven, and a state, in the order of a trace.
pub(super) fn faulty() -> Vec<Event> {
    let mut run = Run::default();
    for (node, port) in [(APP, 40_001), (DB, 40_002), (CACHE, 40_003)] {
        run.event(0, EventKind::Listen { node, address: ([127, 0, 0, 1], port).into() });
    }
    for name in ["lost-del", "twice"] {
        run.fault(0, name, FaultPhase::Start, 0);
    }
    run.connect(100, 1, ALICE, APP);
    run.connect(150, 2, APP, DB);
    run.connect(150, 3, APP, CACHE);
    let put = run.message((200, 420), 1, (ALICE, APP), "PUT /items/42", None);
    harmed(put, Fate::Duplicated, "twice");
    run.fault(500, "corrupt.1", FaultPhase::Start, 0);
    let set = run.message((520, 900), 2, (APP, DB), "SET item:42 9", None);
    arrives(
        harmed(set, Fate::Corrupted, "corrupt.1"),
        "SET item:42 \\xc6",
        "SET item:42 \\xc6\r\n",
    );
    run.message((950, 1_300), 2, (DB, APP), "+OK", Some(2));
    let del = run.message((1_310, 1_500), 3, (APP, CACHE), "DEL item:42", None);
    harmed(del, Fate::Dropped, "lost-del");
    run.fault(1_600, "other-item", FaultPhase::Start, 0);
    let ok = run.message((1_650, 2_000), 1, (APP, ALICE), "200 OK", Some(1));
    ok.bytes = "HTTP/1.1 200 OK\r\n\r\n{\"qty\": 9}".into();
    let late = "HTTP/1.1 503 Service Unavailable\r\n\r\n{\"error\": \"late\"}";
    arrives(harmed(ok, Fate::Edited, "other-item"), "503 Service Unavailable", late);
    run.fault(2_100, "other-item", FaultPhase::End, 1);
    cut_off(&mut run);
    down_and_still(&mut run);
    for (name, touched) in [("lost-del", 1), ("twice", 1), ("drop.1", 0), ("corrupt.1", 1)] {
        run.fault(61_000, name, FaultPhase::End, touched);
    }
    run.event(61_000, EventKind::End { outcome: Outcome::Ok, text: String::new() });
    run.events
}

/// A partition: what is held, what comes late, what is lost.
fn cut_off(run: &mut Run) {
    run.fault(3_000, "partition.1", FaultPhase::Start, 0);
    run.connect(3_050, 4, BOB, APP);
    run.message((3_100, 3_300), 4, (BOB, APP), "GET /items/42", None);
    run.message((3_000, 3_350), 1, (ALICE, APP), "GET /items/7", None);
    run.fault(3_400, "short", FaultPhase::Start, 0);
    let whole = "HTTP/1.1 200 OK\r\n\r\n{\"name\": \"a rather long name\", \"qty\": 10}";
    let cut = run.message((3_450, 3_800), 4, (APP, BOB), "200 OK", Some(5));
    cut.bytes = whole.into();
    cut.length = whole.len() as u64;
    arrives(harmed(cut, Fate::Truncated, "short"), "200 OK", &whole[..40]);
    run.fault(3_900, "short", FaultPhase::End, 1);
    let get = run.message((3_400, 33_100), 3, (APP, CACHE), "GET item:7", None);
    harmed(get, Fate::Delayed, "partition.1");
    run.fault(33_100, "partition.1", FaultPhase::End, 1);
    run.message((33_200, 33_400), 3, (CACHE, APP), "\"10\"", Some(8));
}

/// A crash and a pause at the same time.
fn down_and_still(run: &mut Run) {
    run.fault(34_000, "power-cut", FaultPhase::Start, 0);
    let (node, fault) = (DB, Some("power-cut".to_owned()));
    run.event(34_000, EventKind::Crash { node, text: String::new(), fault });
    run.event(34_010, EventKind::Reset { conn: ConnId(2), by: DB, fault: None });
    let lost = run.message((34_005, 34_020), 2, (APP, DB), "GET item:7", None);
    harmed(lost, Fate::Lost, "power-cut");
    run.fault(35_000, "gc", FaultPhase::Start, 0);
    run.event(35_000, EventKind::Pause { node: CACHE });
    run.message((35_100, 35_200), 1, (ALICE, APP), "GET /items/8", None);
    let refused =
        EventKind::Refused { conn: ConnId(5), from: APP, to: DB, reason: "refused".into() };
    run.event(36_000, refused);
    run.message((35_300, 36_500), 1, (APP, ALICE), "502 Bad Gateway", Some(11));
    run.event(
        36_500,
        EventKind::Step(Box::new(StepEvent {
            client: ALICE,
            name: None,
            span: Span::new(0, 10),
            summary: "get app/items/8".into(),
            began: Time::from_nanos(35_100_000),
            attempts: 1,
            outcome: Outcome::Failed,
            forgiven: true,
            error: None,
            failures: vec![(Span::new(0, 10), "status: expected 200, got 502".into())],
        })),
    );
    run.event(50_000, EventKind::Resume { node: CACHE });
    run.fault(50_000, "gc", FaultPhase::End, 1);
    run.event(54_000, EventKind::Restart { node: DB });
    run.fault(54_000, "power-cut", FaultPhase::End, 1);
    for (name, value) in [("role", json!("leader")), ("peers", json!(["app", "cache"]))] {
        run.event(54_500, EventKind::State { node: DB, name: name.into(), value });
    }
    run.connect(55_000, 6, APP, DB);
    run.message((55_100, 55_300), 6, (APP, DB), "SET item:8 1", None);
    let held = run.message((55_300, 60_000), 3, (APP, CACHE), "DEL item:8", None);
    harmed(held, Fate::Held, "hold.1");
}

/// The run, in the order of a trace.
pub(super) fn events() -> Vec<Event> {
    let mut run = Run::default();
    for (node, port) in [(APP, 40_001), (DB, 40_002), (CACHE, 40_003)] {
        let address = ([127, 0, 0, 1], port).into();
        run.event(0, EventKind::Listen { node, address });
    }
    run.connect(100, 1, ALICE, APP);
    run.message((200, 420), 1, (ALICE, APP), "PUT /items/42", None);
    run.connect(450, 2, APP, DB);
    run.connect(450, 3, APP, CACHE);
    run.message((500, 1610), 2, (APP, DB), "SET item:42 9", None);
    run.message((1700, 2800), 2, (DB, APP), "+OK", Some(2));
    let lost = run.message((2800, 3000), 3, (APP, CACHE), "DEL item:42", None);
    lost.fate = Fate::Dropped;
    lost.fault = Some("drop request".into());
    run.message((2850, 3050), 1, (APP, ALICE), "200 OK", Some(1));
    run.connect(102_900, 4, BOB, APP);
    run.message((103_000, 103_220), 4, (BOB, APP), "GET /items/42?q=<a&b>;#\"x\"", None);
    run.message((103_220, 103_400), 3, (APP, CACHE), "GET item:42", None);
    // The second request overtakes the first one's reply.
    run.message((103_300, 103_520), 4, (BOB, APP), "GET /items/43", None);
    run.message((103_400, 103_600), 3, (CACHE, APP), "\"10\"", Some(7)).fate = Fate::Delayed;
    run.message((103_650, 103_850), 4, (APP, BOB), "200 OK", Some(6));
    run.message((103_700, 103_900), 4, (APP, BOB), "404 Not Found", Some(8));
    run.event(
        103_900,
        EventKind::Step(Box::new(StepEvent {
            client: BOB,
            name: None,
            span: Span::new(0, 1),
            summary: "get app/items/42".into(),
            began: Time::from_nanos(102_900_000),
            attempts: 1,
            outcome: Outcome::Failed,
            forgiven: false,
            error: None,
            failures: vec![(Span::new(0, 1), "$.qty: expected 9, got 10".into())],
        })),
    );
    let refused =
        EventKind::Refused { conn: ConnId(5), from: BOB, to: DB, reason: "refused".into() };
    run.event(103_950, refused);
    let log =
        EventKind::Log { node: Some(APP), level: Level::Info, text: "PUT /items/42 200".into() };
    run.event(103_960, log);
    run.event(103_970, EventKind::Reset { conn: ConnId(4), by: BOB, fault: None });
    run.event(103_980, EventKind::Close { conn: ConnId(1), by: ALICE });
    run.event(103_990, EventKind::Crash { node: DB, text: "out of cheese".into(), fault: None });
    for (outcome, text) in [
        (Outcome::Ok, "1 call to db matches \"SET *\""),
        (
            Outcome::Failed,
            "no call to cache matches \"DEL *\", expected 1; 1 did not arrive (#4 DEL item:42 [dropped])",
        ),
    ] {
        let check = EventKind::Check {
            check: "calls".into(),
            span: Span::new(0, 1),
            outcome,
            text: text.into(),
            violated: outcome == Outcome::Failed,
            ops: Vec::new(),
            cause: String::new(),
            broke: None,
        };
        run.event(104_000, check);
    }
    run.event(
        104_000,
        EventKind::End { outcome: Outcome::Failed, text: "db crashed: out of cheese".into() },
    );
    run.events
}

/// The run as one document.
pub(super) fn exported(format: super::Format) -> String {
    export_of(format, events())
}

/// These events as one document.
pub(super) fn export_of(format: super::Format, events: Vec<Event>) -> String {
    export_with(format, &header(), events)
}

/// The run with every kind of fault as one document.
pub(super) fn exported_faulty(format: super::Format) -> String {
    export_with(format, &faulty_header(), faulty())
}

fn export_with(format: super::Format, header: &Header, events: Vec<Event>) -> String {
    let mut out = Vec::new();
    super::export(format, header, events.into_iter(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}
