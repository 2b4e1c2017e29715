//! Logs, trace events and tables, held to the rules of those who read them.

use std::collections::{BTreeMap, BTreeSet};

use looplab::render::Format;
use looplab::scenario::model::World;
use looplab::trace::{Event, EventKind, Header, Message};
use regex::Regex;
use serde_json::Value;

use super::common::{run_file, scenarios};
use super::{exported, stored};

fn each_trace(what: impl Fn(&Header, &[Event])) {
    for path in scenarios() {
        for world in [World::Virtual, World::Real] {
            let (header, events) = stored(&run_file(&path, world, 1).trace);
            what(&header, &events);
        }
    }
}

fn messages(events: &[Event]) -> Vec<&Message> {
    let messages = events.iter().filter_map(|event| match &event.kind {
        EventKind::Message(message) => Some(message.as_ref()),
        _ => None,
    });
    messages.collect()
}

// ---- ShiViz -------------------------------------------------------------------------------

/// The pattern of a log's first line, as the regular expressions of JavaScript mean it: there a dot stands
/// for anything but the ends of lines, of which there are four.
fn pattern(line: &str) -> Regex {
    let dot = r"[^\n\r\u{2028}\u{2029}]";
    let pattern = line.replace("{.*}", r"\{.*\}").replace(".*", &format!("{dot}*"));
    Regex::new(&format!("(?m){pattern}")).unwrap()
}

/// Reads a log as ShiViz does, fails where ShiViz would, and returns how many entries it has.
pub(crate) fn read_shiviz(log: &str) -> usize {
    let mut lines = log.splitn(3, '\n');
    let (first, delimiter) = (lines.next().unwrap(), lines.next().unwrap());
    assert_eq!(first, r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})");
    assert_eq!(delimiter, "", "there is one run");
    let log = lines.next().unwrap();
    let (mut at, mut entries) = (0, Vec::new());
    for found in pattern(first).captures_iter(log) {
        let whole = found.get(0).unwrap();
        assert_eq!(
            log[at..whole.start()].trim_start_matches('\n'),
            "",
            "nothing is between entries"
        );
        at = whole.end();
        let clock: BTreeMap<String, u64> = serde_json::from_str(&found["clock"]).unwrap();
        entries.push((found["host"].to_owned(), clock));
    }
    assert_eq!(log[at..].trim_end(), "", "nothing is left over");
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (host, clock) in &entries {
        let count = counts.entry(host).or_default();
        *count += 1;
        assert_eq!(clock.get(host), Some(&*count), "the own time begins at 1 and rises by 1");
    }
    for (host, clock) in &entries {
        for (other, time) in clock {
            let there = counts.get(other.as_str()).copied().unwrap_or(0);
            assert!(
                *time >= 1 && *time <= there,
                "{host} knows {time} of {other}, which has {there}"
            );
        }
    }
    entries.len()
}

#[test]
fn shiviz_reads_every_run() {
    each_trace(|header, events| {
        let log = String::from_utf8(exported(Format::Shiviz, header, events)).unwrap();
        let messages = messages(events);
        let came = messages.iter().filter(|message| message.fate.came()).count();
        assert_eq!(read_shiviz(&log), messages.len() + came);
    });
}

// ---- trace events -------------------------------------------------------------------------

/// Reads trace events, fails where they are not well-formed, and returns them.
pub(crate) fn read_trace_events(document: &[u8]) -> Vec<Value> {
    let document: Value = serde_json::from_slice(document).unwrap();
    let events = document["traceEvents"].as_array().unwrap();
    let mut threads: BTreeMap<(u64, u64), Vec<(u64, u64)>> = BTreeMap::new();
    let mut flows: BTreeMap<u64, Vec<(String, u64, u64, u64)>> = BTreeMap::new();
    let mut names = BTreeSet::new();
    let nanos = |value: &Value| -> u64 {
        let micros = value.as_f64().expect("a time is a number");
        assert!(micros >= 0.0);
        looplab::base::Time::from_micros_f64(micros).unwrap().as_nanos()
    };
    for event in events {
        let whose = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
        assert!(event["name"].is_string(), "{event}");
        let at = nanos(&event["ts"]);
        match event["ph"].as_str().unwrap() {
            "X" => {
                let until = at + nanos(&event["dur"]);
                assert!(until > at, "a slice lasts: {event}");
                threads.entry(whose).or_default().push((at, until));
            }
            phase @ ("s" | "f") => {
                let flow = flows.entry(event["id"].as_u64().unwrap()).or_default();
                flow.push((phase.to_owned(), whose.0, whose.1, at));
                assert!(phase == "s" || event["bp"] == "e", "{event}");
            }
            "i" => assert!(["g", "p", "t"].contains(&event["s"].as_str().unwrap()), "{event}"),
            "M" => {
                names.insert((whose, event["name"].as_str().unwrap().to_owned()));
            }
            other => panic!("a phase {other}"),
        }
    }
    for ((pid, tid), slices) in &mut threads {
        assert!(names.contains(&((*pid, 0), "process_name".into())));
        assert!(names.contains(&((*pid, *tid), "thread_name".into())));
        slices.sort_unstable();
        let apart = slices.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        assert!(apart, "slices of a thread do not cross: {slices:?}");
    }
    for (id, flow) in &flows {
        assert_eq!(flow.len(), 2, "a flow has two ends: {id}");
        assert_eq!((flow[0].0.as_str(), flow[1].0.as_str()), ("s", "f"), "{id}");
        for (_, pid, tid, at) in flow {
            let within = threads[&(*pid, *tid)].iter().any(|(from, to)| from <= at && at < to);
            assert!(within, "a flow begins and ends in a slice: {id}");
        }
    }
    events.clone()
}

#[test]
fn trace_events_of_every_run_are_well_formed_and_complete() {
    each_trace(|header, events| {
        let read = read_trace_events(&exported(Format::Perfetto, header, events));
        let count = |phase: &str| read.iter().filter(|event| event["ph"] == phase).count();
        let messages = messages(events);
        let came = messages.iter().filter(|message| message.fate.came()).count();
        assert_eq!(count("f"), came, "every message that came is a flow");
        let steps = events.iter().filter(|event| matches!(event.kind, EventKind::Step(_))).count();
        let drawn = read.iter().filter(|event| event["cat"] == "step").count();
        assert_eq!(drawn, steps);
        // A reply may be there before the last byte of its request, if that came in pieces.
        let (mut came, mut answered) = (BTreeSet::new(), BTreeSet::new());
        for message in messages.iter().filter(|message| message.fate.came()) {
            came.insert(message.seq.0);
            answered.extend(message.cause.map(|cause| cause.0).filter(|seq| came.contains(seq)));
        }
        for seq in answered {
            let told = read.iter().filter(|event| {
                event["args"]["seq"] == seq && event["args"]["reply_seq"].is_number()
            });
            let place = "is told at the caller and at the server";
            assert_eq!(told.count(), 2, "{}, {}: #{seq} {place}", header.scenario, header.clock);
        }
    });
}

// ---- comma-separated values ---------------------------------------------------------------

/// Reads a table as RFC 4180 has it.
fn read_table(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
            '"' if quoted => quoted = false,
            '"' => {
                assert_eq!(field, "", "a quote begins a field");
                quoted = true;
            }
            c if quoted => field.push(c),
            ',' => row.push(std::mem::take(&mut field)),
            '\r' => {
                assert_eq!(chars.next(), Some('\n'), "a line ends in CR LF");
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            c => {
                assert!(c != '\n', "a line ends in CR LF");
                field.push(c);
            }
        }
    }
    assert!(!quoted && row.is_empty() && field.is_empty(), "the last line is whole");
    rows
}

/// What a field said before it was guarded.
fn unguarded(field: &str) -> &str {
    assert!(!field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "a formula: {field}");
    field.strip_prefix('\'').unwrap_or(field)
}

/// Reads the table of a trace and compares it with the trace.
pub(crate) fn compare_table(table: &[u8], header: &Header, events: &[Event]) {
    let rows = read_table(std::str::from_utf8(table).unwrap());
    let column = |name: &str| rows[0].iter().position(|column| column == name).unwrap();
    let messages = messages(events);
    assert_eq!(rows.len(), 1 + messages.len());
    for (row, message) in rows[1..].iter().zip(messages) {
        assert_eq!(row.len(), rows[0].len());
        let text = |name: &str| unguarded(&row[column(name)]);
        assert_eq!(text("summary"), message.summary);
        assert_eq!(text("protocol"), message.protocol);
        assert_eq!(text("from"), header.node_name(message.from));
        assert_eq!(text("to"), header.node_name(message.to));
        assert_eq!(text("fate"), message.fate.as_str());
        assert_eq!(text("fault"), message.fault.as_deref().unwrap_or_default());
        assert_eq!(text("seq"), message.seq.0.to_string());
        assert_eq!(text("length"), message.length.to_string());
        assert_eq!(text("sent"), message.sent.to_micros_string());
        let cause = message.cause.map(|cause| cause.0.to_string()).unwrap_or_default();
        assert_eq!(text("cause"), cause);
        let arrived = message.arrived.as_ref().map_or("", |arrived| &arrived.summary);
        assert_eq!(text("arrived"), arrived);
    }
}

#[test]
fn the_table_of_every_run_has_its_messages() {
    each_trace(|header, events| {
        compare_table(&exported(Format::Csv, header, events), header, events);
    });
}
