//! `links:`.

use serde_json::json;

use super::super::form::{
    Book, Entry, Fields, Form, NAME, Reading, Record, Shape, kept, name_of, one_or_many,
};
use super::super::model::{FaultKind, Link, LinkMoment};
use super::super::outline::Role;
use super::super::tree::Node;
use super::distribution::DISTRIBUTION;
use super::fault::{OWN_FAULT, add};
use crate::base::{Diagnostic, Located};

impl Record for Link {
    const ENTRY: Entry = Entry {
        name: "link",
        doc: "How messages travel between nodes. Of the links that fit a pair, the last one in the \
              file counts.",
        example: "links:\n  - { from: \"*\", to: app, latency: 5ms }\n  \
                  - { from: app, to: [db, cache], latency: { dist: lognormal, median: 2ms, sigma: 0.4 } }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Link> {
        let doc = "The clients or servers that connect; all by default. `outside` is whoever comes from \
                   outside.";
        let from = f.or("from", doc, NodesForm(Role::Caller), "\"*\"", Vec::new());
        let to = f.or(
            "to",
            "The servers that are connected to; all by default.",
            NodesForm(Role::Server),
            "\"*\"",
            Vec::new(),
        );
        let doc = "One way, for each piece that is sent; drawn for each direction by itself.";
        let latency = f.optional("latency", doc, DISTRIBUTION);
        let doc = "What goes wrong on it, from the start of the run, or between `start` and `end`.";
        let faults = f.optional("faults", doc, kept(OWN_FAULT)).unwrap_or_default();
        misplaced(f);
        let faults = faults.into_iter().map(|fault| own(f, fault, &from, &to)).collect();
        Some(Link { span: f.lead(), from, to, latency, faults })
    }
}

/// The fault with the nodes of its link.
fn own(
    f: &Fields<'_, '_>,
    mut moment: LinkMoment,
    from: &[Located<String>],
    to: &[Located<String>],
) -> LinkMoment {
    let FaultKind::Link(link) = &mut moment.fault.kind else { return moment };
    (link.from, link.to) = (from.to_vec(), to.to_vec());
    let said = [("from", from), ("to", to)].into_iter().filter(|(_, names)| !names.is_empty());
    let keys: Vec<&'static str> = said.map(|(key, _)| key).collect();
    let ends = f.written(&keys, &[]).into_iter().take(keys.len()).collect::<Vec<String>>();
    add(&mut moment.fault.text, &ends);
    moment
}

/// Reports a fault's verb that stands where only `faults:` can.
fn misplaced(f: &mut Fields<'_, '_>) {
    let verbs =
        ["drop", "duplicate", "reorder", "corrupt", "truncate", "bandwidth", "loss", "fault"];
    for verb in verbs {
        if !f.has(verb) {
            continue;
        }
        let meant = if matches!(verb, "loss" | "fault") { "drop" } else { verb };
        let what = format!("unknown key `{verb}` in a link");
        f.wrong(
            verb,
            Diagnostic::new(what, f.key(verb))
                .help(format!("faults of a link stand in `faults: [{{ {meant}: … }}]`")),
        );
    }
    if f.has("jitter") {
        let error = Diagnostic::new("unknown key `jitter` in a link", f.key("jitter"));
        let help = "jitter is a distribution: `latency: { dist: normal, mean: 5ms, sd: 1ms }`";
        f.wrong("jitter", error.help(help));
    }
}

/// Names of nodes of some kind; empty is all.
pub(super) struct NodesForm(pub(super) Role);

const NODES_ENTRY: Entry = Entry {
    name: "nodes",
    doc: "Names of servers or clients: one, a list of several, or `\"*\"` for all (with quotes: \
          YAML takes a bare `*` for something else). A client with a `count` is meant with all its \
          instances.",
    example: "from: [alice, bob]\nto: \"*\"",
};

impl Form for NodesForm {
    type Value = Vec<Located<String>>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Vec<Located<String>>> {
        if node.string() == Some("*") {
            return Some(Vec::new());
        }
        one_or_many(name_of(self.0)).read(node, reading)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(NODES_ENTRY, |book| {
            let name = NAME.shape(book).schema;
            json!({ "anyOf": [{ "const": "*" }, name, { "type": "array", "items": name }] })
        })
    }
}
