//! Whatever a trace says, what is made of it can be read.

use std::collections::BTreeMap;

use bytes::Bytes;
use looplab::base::{ConnId, Direction, NodeId, Seq, Span, Time};
use looplab::render::Format;
use looplab::trace::{
    Arrived, Event, EventKind, Fate, FaultEvent, FaultPhase, Header, HeaderNode, Message, Outcome,
    StepEvent,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::archive::Schema;
use super::exported;
use super::logs::{compare_table, read_shiviz, read_trace_events};
use super::pcapng::{FIN, File, Packet, RST, SYN};
use super::tshark::Capture;

const NODES: u32 = 4;

/// Of a message longer than this a capture may leave packets out.
const LONG: u64 = 1_000_000_000;

fn header() -> impl Strategy<Value = Header> {
    vec(text(), NODES as usize).prop_map(|names| {
        let kinds = ["http", "redis", "raw", "client"];
        let nodes = names
            .iter()
            .zip(kinds)
            .enumerate()
            .map(|(n, (name, kind))| HeaderNode { name: format!("{n}{name}"), kind: kind.into() });
        Header {
            scenario: names[0].clone(),
            clock: names[1].clone(),
            seed: u64::MAX,
            program: "0.1.0".into(),
            nodes: nodes.collect(),
            file: String::new(),
            text: String::new(),
            scripts: Vec::new(),
        }
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        any::<String>(),
        "[\u{0}-\u{1f}\"\\\\\u{7f}\u{2028}\u{feff}é𝄞=+@', {}-]{0,9}"
    ]
}

fn node() -> impl Strategy<Value = NodeId> {
    prop_oneof![6 => (0..NODES).prop_map(NodeId), 1 => Just(NodeId::OUTSIDE)]
}

fn conn() -> impl Strategy<Value = ConnId> {
    (1..5_u32).prop_map(ConnId)
}

/// Bytes as a link carries them, or anything.
fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..40).prop_map(Bytes::from),
        4 => Just(Bytes::from_static(b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\n\r\n")),
        4 => Just(Bytes::from_static(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )),
        4 => Just(Bytes::from_static(
            b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\n\xff\xff"
        )),
        4 => Just(Bytes::from_static(b"*1\r\n$4\r\nPING\r\n")),
        1 => (0..200_000_usize).prop_map(|length| vec![b'x'; length].into()),
    ]
}

fn length() -> impl Strategy<Value = u64> {
    prop_oneof![60 => 0..100_u64, 10 => 0..300_000_u64, 1 => any::<u64>()]
}

fn message() -> impl Strategy<Value = EventKind> {
    let summaries = prop_oneof![
        Just("GET /a".to_owned()),
        Just("200 OK".to_owned()),
        Just("100 Continue".to_owned()),
        Just("+OK".to_owned()),
        text()
    ];
    let arrived = (text(), length(), bytes())
        .prop_map(|(summary, length, bytes)| Box::new(Arrived { summary, length, bytes }));
    let who = (0..1_000_000_000_u64, conn(), any::<bool>(), node(), node());
    let what = (summaries, 0..Fate::ALL.len(), option::of(text()), option::of(1..40_u64));
    (who, what, length(), bytes(), option::weighted(0.2, arrived), any::<bool>()).prop_map(
        |(who, what, length, bytes, arrived, http)| {
            let (sent, conn, is_reply, from, to) = who;
            let (summary, fate, fault, cause) = what;
            EventKind::Message(Box::new(Message {
                seq: Seq(0),
                sent: Time::from_nanos(sent),
                conn,
                direction: if is_reply { Direction::Response } else { Direction::Request },
                from,
                to,
                protocol: if http { "http".into() } else { "redis".into() },
                summary,
                fate: Fate::ALL[fate].0,
                fault,
                cause: cause.map(Seq),
                length,
                bytes,
                arrived,
            }))
        },
    )
}

/// The first of the ports, which tshark does not take for a protocol's.
const PORT: u16 = 50_000;

fn kind() -> impl Strategy<Value = EventKind> {
    let address = (0..5_u16, any::<bool>()).prop_map(|(port, v6)| match v6 {
        true => (std::net::Ipv6Addr::LOCALHOST, PORT + port).into(),
        false => ([127, 0, 0, 1], PORT + port).into(),
    });
    prop_oneof![
        1 => (node(), address).prop_map(|(node, address)| EventKind::Listen { node, address }),
        3 => (conn(), node(), node(), PORT..PORT + 6, option::of(text())).prop_map(
            |(conn, from, to, port, fault)| EventKind::Connect { conn, from, to, port, fault }
        ),
        2 => (conn(), node()).prop_map(|(conn, node)| EventKind::Accept { conn, node }),
        1 => (conn(), node(), node(), text()).prop_map(|(conn, from, to, reason)| {
            EventKind::Refused { conn, from, to, reason: format!("{reason}refused").into() }
        }),
        12 => message(),
        2 => (conn(), node()).prop_map(|(conn, by)| EventKind::Close { conn, by }),
        1 => (conn(), node(), option::of(text()))
            .prop_map(|(conn, by, fault)| EventKind::Reset { conn, by, fault }),
        1 => (node(), text()).prop_map(|(node, text)| {
            EventKind::Crash { node, text, fault: None }
        }),
        1 => node().prop_map(|node| EventKind::Pause { node }),
        1 => (text(), text(), any::<bool>()).prop_map(|(name, text, over)| {
            let phase = if over { FaultPhase::End } else { FaultPhase::Start };
            EventKind::Fault(Box::new(FaultEvent { name, phase, text, span: None, touched: 1 }))
        }),
        2 => (node(), text(), 0..1_000_000_000_u64).prop_map(|(client, summary, began)| {
            EventKind::Step(Box::new(StepEvent {
                client,
                name: None,
                span: Span::new(0, 1),
                summary,
                began: Time::from_nanos(began),
                attempts: 1,
                outcome: Outcome::Ok,
                forgiven: false,
                error: None,
                failures: Vec::new(),
            }))
        }),
    ]
}

/// Events in the order of time, with messages numbered; nothing else about them makes sense.
fn events() -> impl Strategy<Value = Vec<Event>> {
    vec((0..1_000_000_u64, kind()), 0..40).prop_map(|steps| {
        let (mut now, mut seq) = (0, 0);
        let event = |(step, mut kind): (u64, EventKind)| {
            now += step;
            if let EventKind::Message(message) = &mut kind {
                seq += 1;
                message.seq = Seq(seq);
                message.sent = message.sent.min(Time::from_nanos(now));
            }
            Event { at: Time::from_nanos(now), kind }
        };
        steps.into_iter().map(event).collect()
    })
}

/// What of a message is in a capture: as often, and these bytes first.
fn carried(message: &Message) -> (usize, &[u8], u64) {
    let (bytes, length) = match message.arrived.as_deref().filter(|_| message.fate.came()) {
        Some(arrived) => (&arrived.bytes, arrived.length),
        None => (&message.bytes, message.length),
    };
    let times = match message.fate {
        Fate::Duplicated => 2,
        fate => usize::from(fate.came()),
    };
    (times, bytes, length.max(bytes.len() as u64))
}

/// Follows the sequence numbers of a capture as a kernel would: every segment begins where the one before
/// it ended, and acknowledges all that has come.
fn follow(file: &File) -> Result<(), TestCaseError> {
    let mut next: BTreeMap<_, u32> = BTreeMap::new();
    let mut nanos = 0;
    for packet in &file.packets {
        prop_assert!(packet.nanos >= nanos, "time goes on");
        nanos = packet.nanos;
        let [one, other] = [(packet.from, packet.to), (packet.to, packet.from)];
        if packet.flags & SYN != 0 {
            next.insert(one, packet.seq);
        }
        if packet.flags == SYN {
            next.remove(&other);
        }
        let expected = next.entry(one).or_insert(packet.seq);
        // A refusal comes from a side that has sent nothing yet.
        if packet.flags & RST == 0 {
            prop_assert_eq!(*expected, packet.seq, "{:?}", packet);
        }
        let counted = u32::from(packet.flags & (SYN | FIN) != 0);
        *expected =
            expected.wrapping_add(u32::try_from(packet.length).unwrap()).wrapping_add(counted);
        if packet.flags & 16 != 0
            && let Some(other) = next.get(&other)
        {
            prop_assert_eq!(*other, packet.ack, "{:?}", packet);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_trace_is_a_sound_capture(header in header(), events in events()) {
        let file = File::read(&exported(Format::Pcapng, &header, &events));
        let file = file.map_err(TestCaseError::fail)?;
        let mut is_gapless = true;
        for event in &events {
            let EventKind::Message(message) = &event.kind else { continue };
            let (times, bytes, length) = carried(message);
            is_gapless &= length < LONG;
            let start = format!("#{} ", message.seq.0);
            let found: Vec<usize> = (0..file.packets.len())
                .filter(|n| file.packets[*n].comment.starts_with(&start))
                .collect();
            prop_assert_eq!(found.len(), times.max(1), "{:?}", message);
            for first in found {
                let head = &file.packets[first];
                let of_it: Vec<&Packet> = file.packets[first..]
                    .iter()
                    .filter(|packet| packet.from == head.from && packet.to == head.to)
                    .collect();
                let (mut data, mut counted) = (Vec::new(), 0);
                // The next that has something beside it begins something else.
                let commented = |packet: &&Packet| !packet.comment.is_empty();
                let end = 1 + of_it[1..].iter().position(commented).unwrap_or(of_it.len() - 1);
                for packet in of_it[..end].iter().filter(|_| times > 0) {
                    data.extend_from_slice(&packet.data);
                    counted += packet.length as u64;
                }
                prop_assert_eq!(&data, if times == 0 { &[] } else { bytes });
                let expected = if times == 0 { 0 } else { length };
                prop_assert!(counted == expected || length > LONG);
            }
        }
        if is_gapless {
            follow(&file)?;
        }
    }

    #[test]
    fn any_trace_is_a_valid_archive(header in header(), events in events()) {
        Schema::new().read(&exported(Format::Har, &header, &events));
    }

    #[test]
    fn any_trace_is_a_log_a_table_and_well_formed_trace_events(
        header in header(),
        events in events(),
    ) {
        read_shiviz(&String::from_utf8(exported(Format::Shiviz, &header, &events)).unwrap());
        read_trace_events(&exported(Format::Perfetto, &header, &events));
        compare_table(&exported(Format::Csv, &header, &events), &header, &events);
    }
}

#[test]
fn tshark_reads_whatever_a_trace_says() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    for _ in 0..4 {
        let header = header().new_tree(&mut runner).unwrap().current();
        let events = events().new_tree(&mut runner).unwrap().current();
        let bytes = exported(Format::Pcapng, &header, &events);
        let packets = File::read(&bytes).unwrap().packets.len();
        let capture = Capture::new(&bytes, &header, &[]);
        let bad = "ip.checksum.status == Bad || tcp.checksum.status == Bad || _ws.malformed";
        let tcp = ["--disable-heuristic", "http_tcp", "-Y", "tcp"];
        assert_eq!(capture.read(&tcp).lines().count(), packets);
        assert_eq!(capture.fields(bad, &["frame.number"]), Vec::<Vec<String>>::new());
    }
}
