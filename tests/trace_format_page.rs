//! `docs/trace-format.md` is true: its examples are a trace, its tables name every field, its commands
//! run and print what it says.

#[path = "docs/console.rs"]
mod console;

use std::fs;
use std::path::Path;
use std::process::Command;

use looplab::base::Value;
use looplab::render::{Format, export};
use looplab::trace::{Event, EventKind, Header, Reader, write_event, write_header};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/trace-format.md");
    fs::read_to_string(path).expect("the page is there")
}

/// All example lines: one trace.
fn example(page: &str) -> String {
    console::texts(page, "json").concat()
}

fn read(trace: &str) -> (Header, Vec<Event>) {
    let mut reader = Reader::new(trace.as_bytes()).expect("the first line is a header");
    let events = reader.by_ref().collect::<Result<_, _>>().expect("every line is an event");
    (reader.header().clone(), events)
}

/// The sections of the page by the event that they are about: ``## `step`: ...``.
fn section<'a>(page: &'a str, event: &str) -> &'a str {
    let start =
        page.find(&format!("\n## `{event}`: ")).unwrap_or_else(|| panic!("no section on {event}"));
    let rest = &page[start + 1..];
    rest[1..].find("\n## ").map_or(rest, |end| &rest[..=end])
}

#[test]
fn the_examples_are_a_trace_as_the_program_writes_it() {
    let trace = example(&page());
    let (header, events) = read(&trace);
    let names: Vec<String> = header.nodes.iter().map(|node| node.name.clone()).collect();
    let joined = events.iter().filter_map(|event| match &event.kind {
        EventKind::Node(node) => Some(node.name.clone()),
        _ => None,
    });
    let names: Vec<String> = names.into_iter().chain(joined).collect();
    let mut again = Vec::new();
    write_header(&header, &mut again);
    events.iter().for_each(|event| write_event(event, &names, &mut again));
    assert_eq!(String::from_utf8(again).unwrap(), trace);
    assert!(events.is_sorted_by_key(|event| event.at));
}

#[test]
fn every_field_of_an_example_is_in_the_table_beneath_it() {
    let page = page();
    let shared = ["at", "event"];
    let mut seen = 0;
    for line in example(&page).lines().skip(1) {
        let line: Value = serde_json::from_str(line).unwrap();
        let event = line["event"].as_str().unwrap();
        let section = section(&page, event);
        assert!(
            section.contains(&format!("\"event\":\"{event}\"")),
            "the example of {event} stands elsewhere"
        );
        for key in line.as_object().unwrap().keys().filter(|key| !shared.contains(&key.as_str())) {
            assert!(section.contains(&format!("| `{key}` |")), "{event}: no word on {key}");
        }
        seen += 1;
    }
    assert!(seen >= 14);
    let header: Value = serde_json::from_str(example(&page).lines().next().unwrap()).unwrap();
    for key in header.as_object().unwrap().keys() {
        assert!(page.contains(&format!("| `{key}` |")), "no word on {key}");
    }
}

#[test]
fn every_event_and_every_field_that_the_program_writes_is_on_the_page() {
    let page = page();
    let source =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/trace/write.rs"))
            .expect("the writer is there");
    let mut events = 0;
    for (call, shape) in [
        ("self.event(\"", "\n## `{}`: "),
        ("self.number(\"", "| `{}` |"),
        ("self.text(\"", "| `{}` |"),
        ("self.node(\"", "| `{}` |"),
        ("self.span(\"", "| `{}` |"),
        ("self.key(\"", "| `{}` |"),
    ] {
        for word in source.split(call).skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(page.contains(&shape.replace("{}", word)), "{word} is not on the page");
            events += usize::from(call.starts_with("self.event"));
        }
    }
    assert_eq!(events, 21, "an event more or less: tell this test");
}

#[test]
fn every_fate_is_explained() {
    let page = page();
    for (_, word) in looplab::trace::Fate::ALL {
        assert!(page.contains(&format!("| `{word}` |")), "{word}");
    }
}

#[test]
fn the_document_has_the_keys_that_the_page_names_and_no_others() {
    let page = page();
    let (header, events) = read(&example(&page));
    let mut out = Vec::new();
    export(Format::Json, &header, events.into_iter(), &mut out).unwrap();
    let document: Value = serde_json::from_slice(&out).unwrap();
    let chapter = page.split("## As one document").nth(1).unwrap();
    let mut told = Vec::new();
    for row in chapter.lines().filter(|line| line.starts_with("| `")) {
        let first = row.split('|').nth(1).unwrap();
        told.extend(first.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    told.sort();
    let mut keys: Vec<String> = document.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(told, keys);
    for connection in document["connections"].as_array().unwrap() {
        for key in connection.as_object().unwrap().keys() {
            assert!(chapter.contains(&format!("`{key}`")), "{key}");
        }
    }
}

/// Where jq is not installed there is nothing to try; the gate installs it.
#[test]
fn the_commands_print_what_the_page_says() {
    if Command::new("jq").arg("--version").output().is_err() {
        return;
    }
    let page = page();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("trace.jsonl"), example(&page)).unwrap();
    let (commands, outputs) = (console::texts(&page, "sh"), console::texts(&page, "text"));
    assert!(commands.len() >= 6);
    assert_eq!(commands.len(), outputs.len());
    for (command, output) in commands.iter().zip(outputs) {
        let ran =
            Command::new("sh").args(["-c", command]).current_dir(folder.path()).output().unwrap();
        assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
        let printed = String::from_utf8(ran.stdout).unwrap();
        assert_eq!(printed.trim_end_matches('\n'), output.trim_end_matches('\n'), "{command}");
    }
}
