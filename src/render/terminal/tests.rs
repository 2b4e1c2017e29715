//! Whole pictures, compared with files that people have read.
//!
//! `golden/NAME.txt` is what must be drawn; `LOOPLAB_UPDATE=1 cargo test` writes the files anew, to be
//! read before they are kept.

use std::path::PathBuf;

use bytes::Bytes;

use super::*;
use crate::base::{ConnId, Direction, NodeId, Seq, Source, Span, Time};
use crate::render::sample;
use crate::trace::{
    Event, EventKind, Fate, Header, HeaderNode, Level, Message, Outcome, StepEvent,
};

mod contradictions;
mod faults;

/// A request from node 1 to node 0.
pub(in crate::render) fn message(seq: u64, summary: &str) -> Message {
    Message {
        seq: Seq(seq),
        sent: Time::ZERO,
        conn: ConnId(1),
        direction: Direction::Request,
        from: NodeId(1),
        to: NodeId(0),
        protocol: "raw".into(),
        summary: summary.to_owned(),
        fate: Fate::Delivered,
        fault: None,
        cause: None,
        length: 10,
        bytes: Bytes::new(),
        arrived: None,
    }
}

/// Compares `drawn` with the file of that name.
fn golden(name: &str, drawn: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/render/terminal/golden")
        .join(format!("{name}.txt"));
    if std::env::var_os("LOOPLAB_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        return std::fs::write(&path, drawn).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == drawn, "{} is not what is drawn now:\n{drawn}", path.display());
}

fn told(header: Header, events: &[Event], telling: &Telling) -> String {
    let source = Source::new(header.file.as_str(), header.text.as_str());
    let mut teller = Teller::new(header, source, telling.clone());
    let mut out = String::new();
    for event in events {
        teller.event(event, &mut out);
    }
    teller.finish(&mut out);
    out.push('\n');
    closing(&teller).write(&mut out);
    out
}

fn closing(teller: &Teller) -> Closing<'_> {
    Closing {
        style: teller.style(),
        header: teller.header(),
        source: teller.source(),
        tally: teller.tally(),
        outcome: teller.tally().outcome(),
        pointers: vec![("trace", "runs/stale-cache/trace.jsonl".into())],
        brief: false,
        warns_unused: true,
        beneath: std::collections::BTreeMap::new(),
    }
}

fn telling(width: usize, form: Form) -> Telling {
    let style = Style { width, ..Style::PLAIN };
    Telling::new(style, form, Folding::Bounded)
}

#[test]
fn the_sample_is_drawn() {
    for width in [80, 120] {
        let drawn = told(sample::header(), &sample::events(), &telling(width, Form::Diagram));
        golden(&format!("sample-{width}"), &drawn);
    }
}

#[test]
fn without_unicode_the_same_is_drawn_in_ascii() {
    let telling = Telling {
        style: Style { ascii: true, width: 100, color: false },
        ..telling(100, Form::Diagram)
    };
    let drawn = told(sample::header(), &strange(), &telling);
    assert!(drawn.is_ascii(), "{drawn}");
    golden("strange-ascii", &drawn);
}

#[test]
fn bodies_wide_letters_and_control_characters_keep_their_columns() {
    let drawn = told(sample::header(), &strange(), &telling(100, Form::Diagram));
    golden("strange", &drawn);
    for line in drawn.lines().filter(|line| line.contains('│')) {
        let bars = line.char_indices().filter(|(_, c)| *c == '│').map(|(at, _)| &line[..at]);
        for before in bars {
            assert!(LIFELINES_AT.contains(&text::width(before)), "{line}");
        }
    }
}

#[test]
fn colours_are_those_of_the_connections_and_red_is_for_what_goes_wrong() {
    let telling = Telling {
        style: Style { color: true, ascii: false, width: 100 },
        ..telling(100, Form::Diagram)
    };
    let drawn = told(sample::header(), &sample::events(), &telling);
    golden("sample-colour", &drawn.replace('\u{1b}', "ESC"));
    let plain = strip(&drawn);
    assert_eq!(plain, told(sample::header(), &sample::events(), &telling_plain()), "only colours");
}

#[test]
fn a_load_is_told_in_a_few_lines() {
    let (header, events) = load(20_000);
    let drawn = told(header, &events, &telling(100, Form::Diagram));
    assert!(drawn.lines().count() < 300);
    golden("load", &drawn);
}

#[test]
fn what_is_folded_and_what_is_drawn_make_up_the_whole() {
    let (header, events) = load(500);
    let drawn = told(header, &events, &telling(100, Form::Diagram));
    let folded: u64 = drawn
        .lines()
        .filter(|line| line.contains("GET /items"))
        .filter_map(|line| {
            line.split_once("⋮ ")?.1.split_once(" more")?.0.replace(',', "").parse::<u64>().ok()
        })
        .sum::<u64>();
    let requests =
        drawn.lines().filter(|line| line.contains("GET /items") && line.contains('►')).count();
    let alone = drawn.lines().filter(|line| line.contains("◄─ .20 500")).count();
    assert_eq!(folded + requests as u64, 500 - alone as u64, "{drawn}");
}

#[test]
fn strangers_get_a_lifeline_when_they_come() {
    let mut events = sample::events();
    let mut run = sample::Run::default();
    let end = events.last().unwrap().at.as_nanos() / 1000;
    events.truncate(8);
    run.connect(end, 9, NodeId::OUTSIDE, sample::APP);
    run.message((end, end + 100), 9, (NodeId::OUTSIDE, sample::APP), "GET /", None);
    events.append(&mut run.events);
    golden("outside", &told(sample::header(), &events, &telling(100, Form::Diagram)));
}

#[test]
fn instances_of_a_client_share_a_lifeline_and_say_who_they_are() {
    let (header, events) = load(12);
    golden("shared", &told(header, &events, &telling(70, Form::Diagram)));
}

#[test]
fn too_many_lifelines_become_a_list() {
    let mut header = sample::header();
    let more = (0..40).map(|n| HeaderNode { name: format!("server-{n}"), kind: "http".into() });
    header.nodes.extend(more);
    golden("too-many", &told(header, &sample::events(), &telling(100, Form::Diagram)));
}

#[test]
fn no_width_breaks_the_picture() {
    let (header, events) = load(30);
    for width in 20..160 {
        let runs = [
            (header.clone(), events.clone()),
            (sample::header(), strange()),
            (sample::faulty_header(), sample::faulty()),
        ];
        for (header, events) in runs {
            for form in [Form::Diagram, Form::List { cut: true }] {
                let drawn = told(header.clone(), &events, &telling(width, form));
                if width >= 80 {
                    let long = drawn.lines().find(|line| text::width(line) > width + 20);
                    assert_eq!(long, None, "{width}");
                }
            }
        }
    }
}

#[test]
fn a_choice_of_events_is_by_node_link_time_and_text() {
    let count = |choice: Choice| {
        let mut wanted = Wanted::new(choice);
        let header = sample::header();
        sample::events().iter().filter(|event| wanted.wants(event, &header)).count()
    };
    let node = |name: &str| Choice { nodes: vec![name.into()], ..Choice::default() };
    let link = |from: &str, to: &str| Choice {
        links: vec![(from.into(), to.into())],
        ..Choice::default()
    };
    let micros = |us: u64| Some(Time::from_nanos(us * 1000));
    assert_eq!(count(Choice::default()), sample::events().len());
    assert_eq!(count(node("cache")), 6, "listen, connect, accept, three messages");
    assert_eq!(count(node("no*")), 0);
    assert_eq!(count(link("app", "db")), 4, "connect, accept, two messages");
    assert_eq!(count(link("db", "app")), 0, "nobody asked in that direction");
    assert_eq!(count(Choice { grep: Some("ITEM:42".into()), ..Choice::default() }), 4);
    let span = Choice { from: micros(1610), to: micros(2800), ..Choice::default() };
    assert_eq!(count(span), 2);
}

/// The columns of the five lifelines of the sample at a width of 100.
const LIFELINES_AT: [usize; 5] = [14, 32, 50, 68, 86];

fn telling_plain() -> Telling {
    telling(100, Form::Diagram)
}

/// The text without its colours.
fn strip(text: &str) -> String {
    let mut out = String::new();
    let mut pieces = text.split('\u{1b}');
    out.push_str(pieces.next().unwrap());
    for piece in pieces {
        out.push_str(piece.split_once('m').unwrap().1);
    }
    out
}

/// Messages with bodies, in letters of all kinds.
fn strange() -> Vec<Event> {
    let mut run = sample::Run::default();
    let (alice, app) = (sample::ALICE, sample::APP);
    run.connect(100, 1, alice, app);
    run.message((200, 400), 1, (alice, app), "GET /café/日本", None);
    let body = "HTTP/1.1 200 OK\r\n\r\n{\n  \"stadt\": \"東京都\",\n  \"e\u{301}\": 1\n}";
    run.message((500, 700), 1, (app, alice), "200 OK", Some(1)).bytes = body.into();
    run.message((800, 900), 1, (alice, app), "GET /\u{1b}[2J\u{202e}/x", None);
    let body = format!("HTTP/1.1 200 OK\r\n\r\n{}", "long ".repeat(50));
    run.message((950, 990), 1, (app, alice), "200 OK", Some(3)).bytes = body.into();
    for (at, fate) in [(1000, Fate::Lost), (1100, Fate::Duplicated), (1200, Fate::Truncated)] {
        run.message((at, at + 50), 1, (alice, app), "GET /x", None).fate = fate;
        run.message((at, at + 60), 1, (app, alice), "200 OK", None).fate = fate;
    }
    run.connect(1300, 2, alice, app);
    run.message((1300, 1400), 1, (alice, app), "GET /one", None);
    run.message((1300, 1500), 2, (alice, app), "GET /other", None);
    let refused =
        EventKind::Refused { conn: ConnId(7), from: alice, to: app, reason: "refused".into() };
    run.event(
        1600,
        EventKind::Connect { conn: ConnId(7), from: alice, to: app, port: 50_001, fault: None },
    );
    run.event(1700, refused);
    for (node, level) in [
        (Some(alice), Level::Info),
        (Some(app), Level::Info),
        (Some(app), Level::Warn),
        (None, Level::Error),
    ] {
        let text = "a line\nfrom elsewhere, long enough to be cut on the right-hand side".into();
        run.event(1800, EventKind::Log { node, level, text });
    }
    for (name, error, attempts) in
        [(Some("bought"), None, 1), (None, Some("timeout"), 1), (None, None, 3), (None, None, 1)]
    {
        let step = StepEvent {
            client: alice,
            name: name.map(str::to_owned),
            span: Span::new(0, 7),
            summary: "get app/x".into(),
            began: Time::ZERO,
            attempts,
            outcome: Outcome::Ok,
            forgiven: false,
            error: error.map(str::to_owned),
            failures: Vec::new(),
        };
        run.event(1900, EventKind::Step(Box::new(step)));
    }
    run.events
}

/// Twenty readers that ask for items, one of a hundred answers an error, and every tenth step fails.
fn load(requests: u64) -> (Header, Vec<Event>) {
    let mut header = sample::header();
    header.nodes.truncate(1);
    header.nodes.extend(
        (1..=20).map(|n| HeaderNode { name: format!("reader.{n}"), kind: "client".into() }),
    );
    let mut run = sample::Run::default();
    let app = sample::APP;
    let reader = |n: u64| NodeId(1 + u32::try_from(n % 20).unwrap());
    for n in 0..requests.min(20) {
        run.connect(n, u32::try_from(n).unwrap() + 1, reader(n), app);
    }
    for n in 0..requests {
        let (at, conn) = (1000 + n * 100, u32::try_from(n % 20).unwrap() + 1);
        run.message((at, at + 40), conn, (reader(n), app), &format!("GET /items/{n}"), None)
            .protocol = "http".into();
        let reply = if n % 100 == 99 { "500 Internal Server Error" } else { "200 OK" };
        run.message((at + 50, at + 90), conn, (app, reader(n)), reply, Some(2 * n + 1)).protocol =
            "http".into();
        if n % 10 == 9 {
            let step = StepEvent {
                client: reader(n),
                name: None,
                span: Span::new(0, 7),
                summary: format!("get app/items/{n}"),
                began: Time::ZERO,
                attempts: 1,
                outcome: Outcome::Failed,
                forgiven: false,
                error: None,
                failures: vec![(Span::new(9, 10), "$.qty: expected 9, got 10".into())],
            };
            run.event(at + 95, EventKind::Step(Box::new(step)));
        }
    }
    (header, run.events)
}

#[test]
fn the_sample_is_listed() {
    let drawn = told(sample::header(), &sample::events(), &telling(100, Form::List { cut: true }));
    golden("sample-list", &drawn);
}
