//! `links:`.

use serde_json::json;

use super::super::form::{
    Book, Entry, Fields, Form, NAME, Reading, Record, Shape, name_of, one_or_many,
};
use super::super::model::Link;
use super::super::outline::Role;
use super::super::tree::Node;
use super::distribution::DISTRIBUTION;
use crate::base::Located;

const FAULT: &str = "faults come with a later version";

impl Record for Link {
    const ENTRY: Entry = Entry {
        name: "link",
        doc: "How messages travel between nodes. Of the links that fit a pair, the last one in the \
              file counts.",
        example: "links:\n  - { from: \"*\", to: app, latency: 5ms }\n  \
                  - { from: app, to: [db, cache], latency: { dist: lognormal, median: 2ms, sigma: 0.4 } }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Link> {
        let doc = "The clients or servers that connect; all by default.";
        let from = f.or("from", doc, NodesForm(Role::Node), "\"*\"", Vec::new());
        let to = f.or(
            "to",
            "The servers that are connected to; all by default.",
            NodesForm(Role::Server),
            "\"*\"",
            Vec::new(),
        );
        let doc = "One way, for each piece that is sent; drawn for each direction by itself.";
        let latency = f.optional("latency", doc, DISTRIBUTION);
        f.reserved(&[
            ("drop", FAULT),
            ("duplicate", FAULT),
            ("reorder", FAULT),
            ("corrupt", FAULT),
            ("truncate", FAULT),
            ("bandwidth", FAULT),
            ("jitter", "jitter is a distribution: `latency: { dist: normal, mean: 5ms, sd: 1ms }`"),
            ("loss", FAULT),
            ("fault", FAULT),
            ("faults", FAULT),
        ]);
        Some(Link { span: f.lead(), from, to, latency, faults: Vec::new() })
    }
}

/// Names of nodes of some kind; empty is all.
struct NodesForm(Role);

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
