//! `docs/redis-server.md` is true: it names every command and every limit, and no others.

use std::collections::BTreeMap;

use crate::base::units::grouped;
use crate::protocol::resp;
use crate::server::redis::command::INDEX;
use crate::server::redis::{DATABASES, limits};

fn page() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/redis-server.md");
    std::fs::read_to_string(path).expect("the page is there")
}

/// The rows of the table beneath a heading, as cells.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let section = page.split(&format!("## {heading}\n")).nth(1).expect(heading);
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |row: &str| row.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect();
    rows.map(cells).collect()
}

/// A number of bytes in the largest unit of which it is a multiple.
fn binary(bytes: usize) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")];
    let (unit, name) = units.into_iter().find(|(unit, _)| bytes.is_multiple_of(*unit)).expect("1");
    format!("{} {name}", bytes / unit)
}

#[test]
fn the_page_names_the_commands_there_are() {
    let mut families: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for listed in &*INDEX {
        let name = listed.command.name.to_uppercase();
        families.entry(listed.group).or_default().push(name);
    }
    let told: BTreeMap<String, Vec<String>> = table(&page(), "Commands")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].split(' ').map(str::to_owned).collect()))
        .collect();
    let rows = families.iter().map(|(group, names)| format!("| {group} | {} |\n", names.join(" ")));
    let expected: BTreeMap<String, Vec<String>> =
        families.iter().map(|(group, names)| ((*group).to_owned(), names.clone())).collect();
    assert_eq!(told, expected, "the table should be\n{}", rows.collect::<String>());
}

#[test]
fn the_page_names_the_limits_there_are() {
    let bytes = binary;
    let count = |n: usize| grouped(n as u64);
    let expected = [
        ("databases", count(DATABASES)),
        ("all databases together", bytes(limits::MEMORY_BYTES_MAX)),
        ("one word of a command, one string", bytes(resp::BULK_BYTES_MAX)),
        ("one command", bytes(resp::FRAME_BYTES_MAX)),
        ("words of one command", count(resp::ELEMENTS_MAX)),
        ("a command typed as a line", bytes(resp::LINE_BYTES_MAX)),
        ("one reply", bytes(limits::REPLY_BYTES_MAX)),
        ("what lies ready for a subscriber that does not read", bytes(limits::MAILBOX_BYTES_MAX)),
        ("commands between `MULTI` and `EXEC`", bytes(limits::QUEUED_BYTES_MAX)),
        ("channels, patterns and watched keys of one client", count(limits::SUBSCRIPTIONS_MAX)),
        ("their names together", bytes(limits::NAMES_BYTES_MAX)),
        ("a client's name", bytes(limits::CLIENT_NAME_BYTES_MAX)),
        ("draws with repetition", grouped(limits::DRAWS_MAX)),
    ];
    let expected: Vec<Vec<String>> =
        expected.into_iter().map(|(what, limit)| vec![what.to_owned(), limit]).collect();
    let told: Vec<Vec<String>> =
        table(&page(), "Limits").into_iter().map(|row| row[..2].to_vec()).collect();
    assert_eq!(told, expected);
}
