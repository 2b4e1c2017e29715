//! A small run to draw in tests: a put through an app into a database, whose invalidation is lost.

use bytes::Bytes;

use crate::base::{ConnId, Direction, NodeId, Seq, Span, Time};
use crate::trace::{
    Event, EventKind, Fate, Header, HeaderNode, Level, Message, Outcome, StepEvent,
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
        self.event(at, EventKind::Connect { conn: ConnId(conn), from, to, port: 50_000 });
        self.event(at + 20, EventKind::Accept { conn: ConnId(conn), node: to });
    }
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
    run.event(103_970, EventKind::Reset { conn: ConnId(4), by: BOB });
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
    let mut out = Vec::new();
    super::export(format, &header(), events.into_iter(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}
