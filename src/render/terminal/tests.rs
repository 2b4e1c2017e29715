//! Whole pictures, compared with files that people have read.
//!
//! `golden/NAME.txt` is what must be drawn; `LOOPLAB_UPDATE=1 cargo test` writes the files anew, to be
//! read before they are kept.

use std::path::PathBuf;

use bytes::Bytes;

use super::*;
use crate::base::{ConnId, Direction, NodeId, Seq, Source, Time};
use crate::render::sample;
use crate::trace::{Event, Fate, Header, Message};

/// A request from node 1 to node 0.
pub(super) fn message(seq: u64, summary: &str) -> Message {
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
    Closing {
        style: telling.style,
        header: teller.header(),
        source: teller.source(),
        tally: teller.tally(),
        outcome: teller.tally().outcome(),
        pointers: vec![("trace", "runs/stale-cache/trace.jsonl".into())],
        brief: false,
    }
    .write(&mut out);
    out
}

fn telling(width: usize, form: Form) -> Telling {
    let style = Style { width, ..Style::PLAIN };
    Telling { style, form, folding: Folding::Bounded, shown: None }
}

#[test]
fn the_sample_is_drawn() {
    for width in [80, 120] {
        let drawn = told(sample::header(), &sample::events(), &telling(width, Form::Diagram));
        golden(&format!("sample-{width}"), &drawn);
    }
}

#[test]
fn the_sample_is_listed() {
    let drawn = told(sample::header(), &sample::events(), &telling(100, Form::List { cut: true }));
    golden("sample-list", &drawn);
}
