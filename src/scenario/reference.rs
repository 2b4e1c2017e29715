//! The reference of the language in Markdown, from the declarations that also read it.

use std::fmt::Write;

use super::form::{Book, Chapter, Content, Entry, FieldDoc, Form, Select, VariantDoc, a, record};
use super::lower::field_tables;
use super::model::Scenario;

/// The parts of the reference, with the chapters that each begins with; a chapter that no part names
/// stands in the part of the one before it.
const PARTS: [(&str, &str, &[&str]); 8] = [
    ("The file", "", &["scenario", "trace"]),
    (
        "Servers",
        "`servers:` is a mapping of names to servers. `type` says which kind each is.",
        &[
            "server",
            "route",
            "pattern",
            "response",
            "sequence item",
            "redis call of a route",
            "headers",
            "command",
            "environment",
            "readiness",
            "stop",
            "address",
            "script",
        ],
    ),
    ("Links", "`links:` is a list.", &["link", "nodes"]),
    (
        "Clients and steps",
        "`clients:` is a mapping of names to clients; `flows:` one of names to lists of steps.",
        &[
            "client",
            "step",
            "target",
            "redis command",
            "payload",
            "amount",
            "exact amount",
            "after",
            "retry",
            "alternative",
            "draw",
            "range",
            "op",
            "load",
        ],
    ),
    (
        "Faults",
        "A link's `faults:` are in force from the start, `timeline:` is a list of moments, and a client's \
         steps can let faults loose as well.",
        &[
            "fault",
            "fault name",
            "slice",
            "flipped bits",
            "blackhole",
            "replacement",
            "edit",
            "edited headers",
            "sides",
            "one way",
            "flap",
            "condition",
            "event",
            "sent message",
            "asked connection",
            "moment",
            "times",
            "time range",
            "chaos",
        ],
    ),
    (
        "Checks",
        "`checks:` is a list.",
        &[
            "check",
            "call count",
            "latency bound",
            "message filter",
            "state predicate",
            "metric",
            "operation latency bound",
            "size predicate",
            "size tests",
        ],
    ),
    (
        "Values",
        "",
        &[
            "field",
            "predicate",
            "tests",
            "duration predicate",
            "duration tests",
            "value",
            "text",
            "name",
            "duration",
            "size",
            "rate",
            "bandwidth",
            "share",
            "delay",
            "distribution",
            "file",
            "hex",
        ],
    ),
    (
        "Repros",
        "What `looplab explore` adds to a scenario, so that one run happens again.",
        &["schedule", "listed delay", "listed connect", "expected"],
    ),
];

const INTRODUCTION: &str = "\
# Scenario reference

Every word of the scenario language. This page is written by the program from the same declarations
that read a file and that make up `looplab schema`, so the three agree.

A scenario is one YAML document in UTF-8. YAML's types are those of its core schema: `true` and `false`
are the only booleans (`yes`, `on` and `off` are text), `null`, `~` and nothing at all are null. A key
that is unknown or given twice is an error. All errors of a file are told at once, but for those that
may be gone when another one is mended. Anchors and aliases work; tags, merge keys (`<<`) and several
documents in one file do not.

";

const VARIABLES: &str = "\
## Variables

`${name}` stands for a variable's value wherever a [text](#text) or a [value](#value) is allowed.
Whether it has one is known before anything runs. What there is depends on the place:

| where | what |
|---|---|
| everywhere | the scenario's `vars`; of every server `${NAME.url}` (such as `http://127.0.0.1:49152`), `${NAME.host}`, `${NAME.port}`, `${NAME.address}` (host and port) |
| in a client | its own `vars`; `${client}`, its name; `${index}`, its number among those of one `count`, from 1; what earlier steps captured, drew or set |
| inside `repeat`, `for_each` and a `load` | `${iteration}`, from 1; the variable of the `for_each` |
| inside a flow | what `with` gives it, and what the client has |
| in a program's `command` and `env` | of a server `${port}`, the port at which it is to listen; of a client what any client has. `${NAME.url}` and the like lead to that server over the link from the program |
| in a route | `${params.NAME}`, `${query.NAME}`, `${headers.NAME}`, `${method}`, `${path}`, `${body}`, `${$.path}` (into the JSON body), the server's `state`; behind a `redis` call `${reply}` |

`${user.name}` leads into a variable that holds a mapping, `${items.0}` into a list.

";

const LATER: &str = "
## Not in this version

Some words are reserved and refused with a message of their own: `script`, databases other than redis,
and the checks `history`, `always`, `eventually` and `metric`.
";

/// The reference of the scenario language, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut book = Book::default();
    record::<Scenario>().shape(&mut book);
    let mut out = String::from(INTRODUCTION);
    contents(&mut out);
    for (title, words, chapters) in PARTS {
        let _ = write!(out, "## {title}\n\n");
        if !words.is_empty() {
            let _ = write!(out, "{words}\n\n");
        }
        for name in chapters {
            let found = book.chapters.iter().find(|chapter| chapter.entry().name == *name);
            if let Some(chapter) = found {
                write_chapter(&mut out, chapter);
            }
        }
        if title == "Values" {
            out.push_str(VARIABLES);
        }
    }
    limits(&mut out);
    out.push_str(LATER);
    out
}

fn contents(out: &mut String) {
    for (title, ..) in PARTS {
        let _ = writeln!(out, "- [{title}](#{})", title.to_lowercase().replace(' ', "-"));
    }
    out.push_str("- [Variables](#variables)\n- [Limits](#limits)\n- [Not in this version](#not-in-this-version)\n\n");
}

fn limits(out: &mut String) {
    use super::yaml::{DEPTH_MAX, FILE_MAX, NODES_MAX};
    use crate::base::units::grouped;
    let nodes = grouped(NODES_MAX as u64);
    let _ = write!(
        out,
        "## Limits\n\nA file has at most {} MiB and {nodes} values, its aliases followed, nested at most \
         {DEPTH_MAX} deep. A text or a value has at most {} MiB once its variables are filled in.\n",
        FILE_MAX / 1024 / 1024,
        super::RESOLVED_MAX / 1024 / 1024,
    );
}

fn write_chapter(out: &mut String, chapter: &Chapter) {
    heading(out, "###", chapter.entry());
    match chapter {
        Chapter::Begun(_) | Chapter::Plain(..) => example(out, chapter.entry()),
        Chapter::Record(entry, content) => {
            table(out, &content.fields.iter().collect::<Vec<_>>(), &[]);
            notes(out, content, &[]);
            example(out, entry);
        }
        Chapter::Variants(entry, select, variants) => {
            example(out, entry);
            write_variants(out, entry, *select, variants);
        }
    }
    if chapter.entry().name == "field" {
        for (of, fields) in field_tables() {
            let _ = write!(out, "The fields of {}:\n\n| field | what it is |\n|---|---|\n", a(of));
            for (field, what) in fields {
                let _ = writeln!(out, "| `{field}` | {} |", cell(&what));
            }
            out.push('\n');
        }
    }
}

/// In how many kinds a key must mean the same to be told once for all of them.
const SHARED_MIN: usize = 4;

fn write_variants(out: &mut String, entry: &Entry, select: Select, variants: &[VariantDoc]) {
    let same = |a: &FieldDoc, b: &FieldDoc| {
        (a.key, a.required, a.default, &a.shape.label, a.doc)
            == (b.key, b.required, b.default, &b.shape.label, b.doc)
    };
    let selects = |variant: &VariantDoc, key: &str| match select {
        Select::Key => variant.keys.contains(&key),
        Select::Word(under) => key == under,
    };
    // How many kinds have this very field.
    let kinds = |field: &FieldDoc| {
        let with = |variant: &&VariantDoc| {
            !selects(variant, field.key) && variant.content.fields.iter().any(|f| same(f, field))
        };
        variants.iter().filter(with).count()
    };
    let everywhere = |field: &FieldDoc| kinds(field) == variants.len();
    let shared = |field: &FieldDoc| !everywhere(field) && kinds(field) >= SHARED_MIN;
    let fields = || variants.iter().flat_map(|variant| &variant.content.fields);
    let mut told: Vec<&FieldDoc> = Vec::new();
    for field in fields().filter(|field| everywhere(field) || shared(field)) {
        if !told.iter().any(|known| same(known, field)) {
            told.push(field);
        }
    }
    let (all, some): (Vec<&FieldDoc>, Vec<&FieldDoc>) =
        told.into_iter().partition(|field| everywhere(field));
    if !all.is_empty() {
        let _ = write!(out, "Every {} has these keys:\n\n", entry.name);
        table(out, &all, &[]);
    }
    if !some.is_empty() {
        out.push_str("Several kinds share these:\n\n");
        table(out, &some, &[]);
    }
    for variant in variants {
        heading(out, "####", &variant.entry);
        if let Select::Word(under) = select {
            let words: Vec<String> =
                variant.keys.iter().map(|word| format!("`{under}: {word}`")).collect();
            let _ = write!(out, "{}\n\n", words.join(", "));
        }
        let together = if select == Select::Key { variant.keys } else { &[] };
        let (also, own): (Vec<&FieldDoc>, Vec<&FieldDoc>) = variant
            .content
            .fields
            .iter()
            .filter(|field| {
                !everywhere(field) && !matches!(select, Select::Word(under) if under == field.key)
            })
            .partition(|field| shared(field) && !selects(variant, field.key));
        table(out, &own, together);
        if !also.is_empty() {
            let also: Vec<&str> = also.iter().map(|field| field.key).collect();
            let _ = write!(out, "And {}, as above.\n\n", listed(&also));
        }
        notes(out, &variant.content, together);
        example(out, &variant.entry);
    }
}

fn heading(out: &mut String, level: &str, entry: &Entry) {
    let _ = write!(out, "{level} {}\n\n{}\n\n", title(entry.name), entry.doc);
}

/// A name as a heading; the address that a renderer gives it must stay that of the name.
fn title(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("http") {
        return format!("HTTP{rest}");
    }
    let first = name.split(' ').next().unwrap_or_default();
    let mut letters = name.chars();
    match letters.next() {
        Some(letter) if !first.contains('_') => {
            letter.to_uppercase().collect::<String>() + letters.as_str()
        }
        _ => name.to_owned(),
    }
}

/// Writes a row for each key; the keys `together`, of which there is exactly one, share one.
fn table(out: &mut String, fields: &[&FieldDoc], together: &[&str]) {
    if fields.is_empty() {
        return;
    }
    out.push_str("| key | value | default | what it is |\n|---|---|---|---|\n");
    for field in fields {
        let one_of = together.len() > 1 && together.contains(&field.key);
        if one_of && field.key != together[0] {
            continue;
        }
        let default = match (field.required, field.default) {
            _ if one_of => "*one of them*".to_owned(),
            (true, _) => "*required*".to_owned(),
            (false, Some(default)) => format!("`{default}`"),
            (false, None) => String::new(),
        };
        let (label, doc) = (cell(&field.shape.label), cell(field.doc));
        let keys = if one_of { together } else { &[field.key] };
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        let _ = writeln!(out, "| {} | {label} | {default} | {doc} |", keys.join(" "));
    }
    out.push('\n');
}

fn notes(out: &mut String, content: &Content, together: &[&str]) {
    for (keys, needed) in content.exclusive.iter().filter(|(keys, _)| keys != together) {
        let how = if *needed { "Exactly one" } else { "At most one" };
        let _ = write!(out, "{how} of {}.\n\n", listed(keys));
    }
    for keys in &content.needed {
        let _ = write!(out, "At least one of {}.\n\n", listed(keys));
    }
}

/// Keys in backticks, with commas.
fn listed(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

fn example(out: &mut String, entry: &Entry) {
    if !entry.example.is_empty() {
        let _ = write!(out, "```yaml\n{}\n```\n\n", entry.example);
    }
}

/// Text that cannot end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chapter_has_its_place_in_a_part() {
        let mut book = Book::default();
        record::<Scenario>().shape(&mut book);
        let placed: Vec<&str> =
            PARTS.iter().flat_map(|(_, _, chapters)| chapters.iter().copied()).collect();
        for chapter in &book.chapters {
            assert!(placed.contains(&chapter.entry().name), "{}", chapter.entry().name);
        }
        for name in placed {
            assert!(book.chapters.iter().any(|chapter| chapter.entry().name == name), "{name}");
        }
    }

    #[test]
    fn every_link_leads_to_a_heading() {
        let text = reference();
        let slug = |heading: &str| heading.to_lowercase().replace(' ', "-");
        let headings: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .map(|line| slug(line.trim_start_matches('#').trim()))
            .collect();
        for (at, _) in text.match_indices("](#") {
            let address = text[at + 3..].split(')').next().expect("a closing bracket");
            assert!(headings.iter().any(|heading| heading == address), "{address}");
        }
    }

    /// Whether the example is read without an error in one of the places where it could stand.
    fn is_read(example: &str) -> bool {
        let indented = |by: usize| {
            let pad = " ".repeat(by);
            example.lines().map(|line| format!("{pad}{line}\n")).collect::<String>()
        };
        let client = "looplab: 1\nclients:\n  ann:\n";
        let server = "looplab: 1\nservers:\n  app:\n    type: http\n    routes:\n";
        let program = "looplab: 1\nservers:\n  app:\n    type: process\n";
        let places = [
            example.to_owned(),
            format!("looplab: 1\n{example}"),
            format!("{client}    steps:\n{}", indented(6)),
            format!("{client}    steps:\n      - get: app\n{}", indented(8)),
            format!("{client}    steps:\n      - connect: app\n      - \n{}", indented(8)),
            format!("{client}{}", indented(4)),
            format!("{client}    steps: []\n{}", indented(4)),
            format!("{server}{}", indented(6)),
            format!("{server}      - on: GET /\n{}", indented(8)),
            format!("{server}      - respond: {{}}\n{}", indented(8)),
            format!("{server}      - on: GET /\n        respond: {{}}\n{}", indented(8)),
            format!(
                "{client}    steps: []\n    load:\n      users: 1\n      for: 1s\n{}",
                indented(6)
            ),
            format!("{server}      - on: GET /\n        respond:\n{}", indented(10)),
            format!("looplab: 1\nlinks:\n  -\n{}", indented(4)),
            format!("{program}{}", indented(4)),
            format!("{program}    command: x\n{}", indented(4)),
            format!("looplab: 1\nservers:\n  db:\n    type: external\n{}", indented(4)),
            format!("looplab: 1\ntimeline:\n  - heal: all\n{}", indented(4)),
        ];
        places.iter().any(|text| Scenario::parse("x.yaml", text.as_bytes(), None).is_ok())
    }

    #[test]
    fn every_example_is_read_without_an_error() {
        let mut book = Book::default();
        record::<Scenario>().shape(&mut book);
        let mut entries: Vec<Entry> = Vec::new();
        for chapter in &book.chapters {
            entries.push(*chapter.entry());
            if let Chapter::Variants(_, _, variants) = chapter {
                entries.extend(variants.iter().map(|variant| variant.entry));
            }
        }
        let mut wrong = Vec::new();
        for entry in entries.iter().filter(|entry| !entry.example.is_empty()) {
            // A file's example names a file that is not there.
            if entry.name == "file" {
                continue;
            }
            let alone = entry.example.lines().all(is_read);
            if !alone && !is_read(entry.example) {
                wrong.push(format!("{}:\n{}", entry.name, entry.example));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
