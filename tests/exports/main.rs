//! What a trace is exported to, held to those who read it: tshark for captures, the schema of HTTP
//! archives, the rules of ShiViz, of trace events and of comma-separated values.
#![expect(clippy::unwrap_used, reason = "a panic is how a test says no")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/up.rs"]
#[allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
mod up;

mod archive;
mod capture;
mod live;
mod logs;
mod pcapng;
mod random;
mod stories;
mod tshark;

use std::path::PathBuf;

use looplab::render::{Format, export};
use looplab::trace::{Event, Header, Reader};

/// A document made of events.
fn exported(format: Format, header: &Header, events: &[Event]) -> Vec<u8> {
    let mut out = Vec::new();
    export(format, header, events.iter().cloned(), &mut out).expect("memory takes all");
    out
}

/// A stored trace, read again.
fn stored(trace: &str) -> (Header, Vec<Event>) {
    let mut reader = Reader::new(trace.as_bytes()).expect("a trace");
    let events = reader.by_ref().collect::<Result<_, _>>().expect("whole lines");
    (reader.header().clone(), events)
}

/// The file of a scenario that is shipped, whatever its number.
fn shipped_scenario(name: &str) -> PathBuf {
    let is_it = |path: &PathBuf| path.file_stem().unwrap().display().to_string().ends_with(name);
    common::scenarios().into_iter().find(is_it).expect("it is shipped")
}
