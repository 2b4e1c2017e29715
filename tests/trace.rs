//! The trace's file: what is written is read, whatever it holds and wherever it was cut.

use std::io::{self, Write};
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use looplab::base::{ConnId, Direction, NodeId, Seq, Span, Time, Value};
use looplab::trace::{
    Arrived, Event, EventKind, Fate, FaultEvent, FaultPhase, Header, HeaderNode, Level, LoadEvent,
    LoadLatency, Message, OpEvent, OpPhase, Outcome, ReadError, Reader, Recorder, StepEvent,
    Writer, write_event, write_header,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Times with a fraction of a microsecond are read exactly up to 100 days, in nanoseconds.
const TIME_MAX: u64 = 100 * 24 * 3_600 * 1_000_000_000;

const NODES: u32 = 4;

// ---- any header, any event ----------------------------------------------------------------

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9 :/*_-]{0,30}",
        "[\u{0}-\u{1f}\"\\\\\u{7f}\u{2028}\u{feff}é𝄞]{0,8}",
    ]
}

fn node() -> impl Strategy<Value = NodeId> {
    prop_oneof![4 => (0..NODES).prop_map(NodeId), 1 => Just(NodeId::OUTSIDE)]
}

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![0..TIME_MAX, 0..10_000u64, (0..u64::MAX / 1000).prop_map(|us| us * 1000)]
        .prop_map(Time::from_nanos)
}

fn span() -> impl Strategy<Value = Span> {
    (any::<u32>(), any::<u32>()).prop_map(|(start, end)| Span { start, end })
}

fn conn() -> impl Strategy<Value = ConnId> {
    any::<u32>().prop_map(ConnId)
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Outcome::Ok), Just(Outcome::Failed), Just(Outcome::Unknown)]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has only finite numbers", |n| n.is_finite())
            .prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

fn message() -> impl Strategy<Value = EventKind> {
    let who = (any::<u64>(), time(), conn(), any::<bool>(), node(), node());
    let what = (text(), text(), 0..Fate::ALL.len(), option::of(text()), option::of(any::<u64>()));
    let bytes = || prop_oneof![vec(any::<u8>(), 0..40), text().prop_map(String::into_bytes)];
    let arrived = (text(), any::<u64>(), bytes()).prop_map(|(summary, length, bytes)| {
        Box::new(Arrived { summary, length, bytes: bytes.into() })
    });
    let body = (any::<u64>(), bytes(), option::of(arrived));
    (who, what, body).prop_map(|(who, what, (length, bytes, arrived))| {
        let (seq, sent, conn, is_reply, from, to) = who;
        let (protocol, summary, fate, fault, cause) = what;
        EventKind::Message(Box::new(Message {
            seq: Seq(seq),
            sent,
            conn,
            direction: if is_reply { Direction::Response } else { Direction::Request },
            from,
            to,
            protocol: protocol.into(),
            summary,
            fate: Fate::ALL[fate].0,
            fault,
            cause: cause.map(Seq),
            length,
            bytes: bytes.into(),
            arrived,
        }))
    })
}

fn fault() -> impl Strategy<Value = EventKind> {
    let what = (text(), any::<bool>(), text(), option::of(span()), any::<u64>());
    what.prop_map(|(name, over, text, span, touched)| {
        let phase = if over { FaultPhase::End } else { FaultPhase::Start };
        EventKind::Fault(Box::new(FaultEvent { name, phase, text, span, touched }))
    })
}

fn step() -> impl Strategy<Value = EventKind> {
    let who = (node(), option::of(text()), span(), text(), time(), any::<u32>());
    let how = (outcome(), any::<bool>(), option::of(text()), vec((span(), text()), 0..3));
    (who, how).prop_map(
        |((client, name, span, summary, began, attempts), (outcome, forgiven, error, failures))| {
            EventKind::Step(Box::new(StepEvent {
                client,
                name,
                span,
                summary,
                began,
                attempts,
                outcome,
                forgiven,
                error,
                failures,
            }))
        },
    )
}

fn op() -> impl Strategy<Value = EventKind> {
    let phases = [OpPhase::Invoke, OpPhase::Ok, OpPhase::Fail, OpPhase::Unknown];
    (node(), any::<u64>(), 0..phases.len(), text(), value(), value()).prop_map(
        move |(client, id, phase, f, key, value)| {
            let phase = phases[phase];
            EventKind::Op(Box::new(OpEvent { client, id, phase, f, key, value }))
        },
    )
}

fn load() -> impl Strategy<Value = EventKind> {
    let latency = [(); 8].map(|()| (0..TIME_MAX).prop_map(Duration::from_nanos)).prop_map(
        |[min, mean, p50, p90, p95, p99, p999, max]| LoadLatency {
            min,
            mean,
            p50,
            p90,
            p95,
            p99,
            p999,
            max,
        },
    );
    let counts = [(); 5].map(|()| any::<u64>());
    (node(), span(), time(), counts, option::of(latency)).prop_map(
        |(client, span, began, [started, done, failed, forgiven, shed], latency)| {
            EventKind::Load(Box::new(LoadEvent {
                client,
                span,
                began,
                started,
                done,
                failed,
                forgiven,
                shed,
                latency,
            }))
        },
    )
}

fn address() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        (any::<[u8; 4]>(), any::<u16>()).prop_map(SocketAddr::from),
        (any::<[u16; 8]>(), any::<u16>()).prop_map(|(ip, port)| (Ipv6Addr::from(ip), port).into()),
    ]
}

fn kind() -> impl Strategy<Value = EventKind> {
    let levels = [Level::Info, Level::Warn, Level::Error];
    prop_oneof![
        // Not one of the header's names.
        (text(), text()).prop_map(|(name, kind)| {
            EventKind::Node(Box::new(HeaderNode { name: format!("+{name}"), kind }))
        }),
        (node(), address()).prop_map(|(node, address)| EventKind::Listen { node, address }),
        (conn(), node(), node(), any::<u16>(), option::of(text())).prop_map(
            |(conn, from, to, port, fault)| EventKind::Connect { conn, from, to, port, fault }
        ),
        (conn(), node()).prop_map(|(conn, node)| EventKind::Accept { conn, node }),
        (conn(), node(), node(), text()).prop_map(|(conn, from, to, reason)| {
            EventKind::Refused { conn, from, to, reason: reason.into() }
        }),
        message(),
        (conn(), node()).prop_map(|(conn, by)| EventKind::Close { conn, by }),
        (conn(), node(), option::of(text())).prop_map(|(conn, by, fault)| EventKind::Reset {
            conn,
            by,
            fault
        }),
        (node(), text(), option::of(text())).prop_map(|(node, text, fault)| EventKind::Crash {
            node,
            text,
            fault
        }),
        node().prop_map(|node| EventKind::Restart { node }),
        node().prop_map(|node| EventKind::Pause { node }),
        node().prop_map(|node| EventKind::Resume { node }),
        (node(), text(), value()).prop_map(|(node, name, value)| EventKind::State {
            node,
            name,
            value
        }),
        fault(),
        step(),
        op(),
        load(),
        (option::of(node()), 0..levels.len(), text()).prop_map(move |(node, level, text)| {
            EventKind::Log { node, level: levels[level], text }
        }),
        (node(), text(), any::<u32>(), text())
            .prop_map(|(node, script, line, text)| EventKind::Error { node, script, line, text }),
        (
            text(),
            span(),
            outcome(),
            text(),
            any::<bool>(),
            proptest::collection::vec(any::<u64>(), 0..3),
            text(),
            proptest::option::of(time())
        )
            .prop_map(|(check, span, outcome, text, violated, ops, cause, broke)| {
                let check = check.into();
                EventKind::Check { check, span, outcome, text, violated, ops, cause, broke }
            }),
        (outcome(), text()).prop_map(|(outcome, text)| EventKind::End { outcome, text }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    (time(), kind()).prop_map(|(at, kind)| Event { at, kind })
}

fn header() -> impl Strategy<Value = Header> {
    let words = (text(), text(), any::<u64>(), text(), text(), text());
    let scripts = vec(text(), 0..3);
    (words, vec((text(), text()), NODES as usize), scripts).prop_map(|(words, nodes, scripts)| {
        let (scenario, clock, seed, program, file, text) = words;
        // A plan's names are different from one another, and none of them is `outside`.
        let node = |(n, (name, kind)): (usize, (String, String))| HeaderNode {
            name: format!("{n}{name}"),
            kind,
        };
        let nodes = nodes.into_iter().enumerate().map(node).collect();
        let script = |(n, text): (usize, String)| (format!("{n}.lua"), text);
        let scripts = scripts.into_iter().enumerate().map(script).collect();
        Header { scenario, clock, seed, program, nodes, file, text, scripts }
    })
}

// ---- written and read ---------------------------------------------------------------------

/// The file of a trace.
fn file(header: &Header, events: &[Event]) -> Vec<u8> {
    let names: Vec<String> = header.nodes.iter().map(|node| node.name.clone()).collect();
    let mut out = Vec::new();
    write_header(header, &mut out);
    events.iter().for_each(|event| write_event(event, &names, &mut out));
    out
}

fn read(file: &[u8]) -> Result<(Header, Vec<Event>, bool), ReadError> {
    let mut reader = Reader::new(file)?;
    let events = reader.by_ref().collect::<Result<_, _>>()?;
    Ok((reader.header().clone(), events, reader.cut_short()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_read(header in header(), events in vec(event(), 0..8)) {
        let file = file(&header, &events);
        prop_assert_eq!(file.iter().filter(|&&byte| byte == b'\n').count(), 1 + events.len());
        let (read_header, read_events, cut_short) = read(&file).unwrap();
        prop_assert_eq!(read_header, header);
        prop_assert_eq!(read_events, events);
        prop_assert!(!cut_short);
    }

    #[test]
    fn whatever_is_read_is_an_event_or_an_error_with_its_line(
        header in header(),
        events in vec(event(), 0..3),
        garbage in prop_oneof![
            vec(any::<u8>(), 1..60),
            text().prop_map(String::into_bytes),
            value().prop_map(|value| value.to_string().into_bytes()),
        ],
    ) {
        let garbage: Vec<u8> = garbage.into_iter().filter(|byte| *byte != b'\n').collect();
        let mut file = file(&header, &events);
        file.extend_from_slice(&garbage);
        file.push(b'\n');
        let mut reader = Reader::new(file.as_slice()).unwrap();
        for event in &events {
            prop_assert_eq!(&reader.next().unwrap().unwrap(), event);
        }
        match reader.next() {
            Some(Err(ReadError::BadLine { line, why })) => {
                prop_assert_eq!(line, events.len() as u64 + 2);
                prop_assert!(!why.is_empty());
            }
            other => prop_assert!(false, "{:?}", other),
        }
        prop_assert!(reader.next().is_none(), "an error ends the events");
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }
}

fn op_of(client: NodeId) -> OpEvent {
    let (f, key, value) = ("write".into(), Value::from("x"), Value::Null);
    OpEvent { client, id: 1, phase: OpPhase::Invoke, f, key, value }
}

/// A check of a history that did not hold.
fn violation(span: Span, text: String) -> EventKind {
    EventKind::Check {
        check: "history".into(),
        span,
        outcome: Outcome::Ok,
        text: text.clone(),
        violated: true,
        ops: vec![3, 1, 2],
        cause: text,
        broke: Some(Time::from_nanos(1_250)),
    }
}

/// A trace with an event of each kind, in letters of more than one byte.
fn sample() -> (Header, Vec<Event>) {
    let header = Header {
        scenario: "größe".into(),
        clock: "virtual".into(),
        seed: u64::MAX,
        program: "looplab".into(),
        nodes: vec![
            HeaderNode { name: "app".into(), kind: "http".into() },
            HeaderNode { name: "alice".into(), kind: "client".into() },
        ],
        file: "größe.yaml".into(),
        text: "looplab: 1\n# \"größe\"\n".into(),
        scripts: vec![("größe.lua".into(), "-- ß\n".into())],
    };
    let (app, alice, conn, span) = (NodeId(0), NodeId(1), ConnId(1), Span::new(3, 9));
    let text = || "größe".to_owned();
    let message = Message {
        seq: Seq(1),
        sent: Time::from_nanos(1_500),
        conn,
        direction: Direction::Request,
        from: alice,
        to: app,
        protocol: "http".into(),
        summary: text(),
        fate: Fate::Delivered,
        fault: Some(text()),
        cause: Some(Seq(7)),
        length: 9,
        bytes: Bytes::from_static(b"\xff\x00\n"),
        arrived: Some(Box::new(Arrived {
            summary: text(),
            length: 2,
            bytes: Bytes::from_static(b"\xfe"),
        })),
    };
    let fault = FaultEvent {
        name: text(),
        phase: FaultPhase::End,
        text: "{ drop: request }".into(),
        span: Some(span),
        touched: 2,
    };
    let step = StepEvent {
        client: alice,
        name: Some(text()),
        span,
        summary: text(),
        began: Time::ZERO,
        attempts: 2,
        outcome: Outcome::Failed,
        forgiven: true,
        error: Some("timeout".into()),
        failures: vec![(span, text())],
    };
    let op = op_of(alice);
    let us = Duration::from_micros(1);
    let latency =
        LoadLatency { min: us, mean: us, p50: us, p90: us, p95: us, p99: us, p999: us, max: us };
    let load = LoadEvent {
        client: alice,
        span,
        began: Time::ZERO,
        started: 1,
        done: 1,
        failed: 0,
        forgiven: 3,
        shed: 0,
        latency: Some(latency),
    };
    let kinds = [
        EventKind::Listen { node: app, address: ([127, 0, 0, 1], 8080).into() },
        EventKind::Connect { conn, from: alice, to: app, port: 50_000, fault: None },
        EventKind::Accept { conn, node: app },
        EventKind::Refused { conn, from: alice, to: app, reason: "refused".into() },
        EventKind::Message(Box::new(message)),
        EventKind::Close { conn, by: alice },
        EventKind::Reset { conn, by: app, fault: None },
        EventKind::Crash { node: app, text: text(), fault: Some(text()) },
        EventKind::Restart { node: app },
        EventKind::Pause { node: app },
        EventKind::Resume { node: app },
        EventKind::State { node: app, name: text(), value: Value::from(vec![Value::Null]) },
        EventKind::Fault(Box::new(fault)),
        EventKind::Step(Box::new(step)),
        EventKind::Op(Box::new(op)),
        EventKind::Load(Box::new(load)),
        EventKind::Log { node: Some(app), level: Level::Warn, text: text() },
        violation(span, text()),
        EventKind::End { outcome: Outcome::Failed, text: text() },
    ];
    let events = (1u64..)
        .zip(kinds)
        .map(|(n, kind)| Event { at: Time::from_nanos(n * 1_234_567), kind })
        .collect();
    (header, events)
}

#[test]
fn a_trace_that_is_cut_anywhere_loads_up_to_its_last_whole_line() {
    let (header, events) = sample();
    let file = file(&header, &events);
    let header_end = file.iter().position(|&byte| byte == b'\n').unwrap();
    for cut in 0..=file.len() {
        let part = &file[..cut];
        if cut < header_end {
            assert!(matches!(read(part), Err(ReadError::NotATrace)), "cut {cut}");
            continue;
        }
        let (read_header, read_events, cut_short) = read(part).unwrap();
        let whole = part.iter().filter(|&&byte| byte == b'\n').count().saturating_sub(1);
        assert_eq!(read_header, header, "cut {cut}");
        assert_eq!(read_events, events[..whole], "cut {cut}");
        assert_eq!(cut_short, cut > header_end && part.last() != Some(&b'\n'), "cut {cut}");
    }
}

#[test]
fn a_field_that_is_missing_or_of_another_type_is_named() {
    let (header, events) = sample();
    let mut first = Vec::new();
    write_header(&header, &mut first);
    for event in &events {
        let whole = file(&header, std::slice::from_ref(event));
        let line: Value = serde_json::from_slice(&whole[first.len()..]).unwrap();
        for key in line.as_object().unwrap().keys() {
            let mut without = line.clone();
            without.as_object_mut().unwrap().shift_remove(key);
            let mut wrong = line.clone();
            wrong[key] = serde_json::json!({});
            for (change, changed) in [("without", without), ("with a wrong", wrong)] {
                let mut file = first.clone();
                file.extend_from_slice(format!("{changed}\n").as_bytes());
                let told = match read(&file) {
                    Err(error) => error.to_string(),
                    // Some fields may be absent, and an operation's key and value may be anything.
                    Ok(_) => continue,
                };
                assert!(told.starts_with("line 2 is not an event: `"), "{change} {key}: {told}");
                let alternative = key == "base64" && told.contains("`base64`");
                assert!(
                    alternative || told.contains(&format!("`{key}`")),
                    "{change} {key}: {told}"
                );
            }
        }
    }
}

#[test]
fn what_is_no_trace_or_a_later_one_is_told() {
    for file in ["", "\n", "{}\n", "[]\n", "{\"looplab\":\"trace\"}\n", "hello\n", "\u{feff}{}"] {
        assert!(matches!(read(file.as_bytes()), Err(ReadError::NotATrace)), "{file:?}");
    }
    let later = "{\"looplab\":\"trace\",\"version\":2}\n";
    let error = read(later.as_bytes()).unwrap_err();
    assert!(matches!(error, ReadError::TooNew { version: 2 }));
    assert_eq!(error.to_string(), "the trace has format 2, and this looplab reads formats up to 1");
}

#[test]
fn deep_nesting_is_a_bad_line() {
    let (header, _) = sample();
    let mut file = file(&header, &[]);
    file.extend_from_slice("[".repeat(1_000_000).as_bytes());
    file.push(b'\n');
    assert!(matches!(read(&file), Err(ReadError::BadLine { line: 2, .. })));
}

// ---- while the run goes on ----------------------------------------------------------------

/// A file that only remembers how it was written to.
#[derive(Clone, Default)]
struct Gauge(Arc<Mutex<Gauged>>);

#[derive(Default)]
struct Gauged {
    bytes: usize,
    largest: usize,
    flushes: usize,
}

impl Write for Gauge {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        let mut gauged = self.0.lock().expect("no test panicked with it");
        gauged.bytes += part.len();
        gauged.largest = gauged.largest.max(part.len());
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().expect("no test panicked with it").flushes += 1;
        Ok(())
    }
}

#[test]
fn a_long_run_is_written_in_pieces_of_bounded_size() {
    let (header, events) = sample();
    let gauge = Gauge::default();
    let writer = Writer::new(&header, gauge.clone());
    let recorder = Recorder::new(vec![Box::new(writer)]);
    let rounds = 20_000;
    for _ in 0..rounds {
        events.iter().for_each(|event| recorder.record(event.at, event.kind.clone()));
    }
    let before = gauge.0.lock().unwrap().bytes;
    recorder.flush();
    let gauged = gauge.0.lock().unwrap();
    assert!(gauged.bytes > 80 * rounds * events.len(), "{}", gauged.bytes);
    // What is not in the file yet is never more than one piece.
    assert!(gauged.bytes - before <= 512 * 1024);
    assert!(gauged.largest <= 512 * 1024, "{}", gauged.largest);
    assert_eq!(gauged.flushes, 1);
}

#[test]
fn events_are_written_in_the_order_of_their_times_even_if_they_come_late() {
    let (header, _) = sample();
    let out = SharedFile::default();
    let recorder = Recorder::new(vec![Box::new(Writer::new(&header, out.clone()))]);
    for micros in [10, 30, 20, 30, 40] {
        let log = EventKind::Log { node: None, level: Level::Info, text: micros.to_string() };
        recorder.record(Time::from_nanos(micros * 1000), log);
    }
    recorder.flush();
    let (_, events, _) = read(&out.0.lock().unwrap()).unwrap();
    let times: Vec<u64> = events.iter().map(|event| event.at.as_nanos() / 1000).collect();
    assert_eq!(times, [10, 30, 30, 30, 40]);
}

#[derive(Clone, Default)]
struct SharedFile(Arc<Mutex<Vec<u8>>>);

impl Write for SharedFile {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panicked with it").write(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A disk that is full.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_does_not_stop_a_run_and_is_not_passed_over() {
    let (header, events) = sample();
    let writer = Writer::new(&header, Full);
    let failure = writer.failure();
    let recorder = Recorder::new(vec![Box::new(writer)]);
    events.into_iter().for_each(|event| recorder.record(event.at, event.kind));
    recorder.flush();
    assert_eq!(failure.get().map(io::Error::kind), Some(io::ErrorKind::StorageFull));
}
