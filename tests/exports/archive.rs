//! HTTP archives, held to the schema of HAR 1.2 beside this file.

use std::collections::BTreeSet;

use boon::{Compiler, SchemaIndex, Schemas};
use looplab::base::Direction;
use looplab::render::Format;
use looplab::scenario::model::World;
use looplab::trace::EventKind;
use serde_json::Value;

use super::common::{run_file, run_text, scenarios};
use super::{exported, stored};

/// The fields that the specification of HAR 1.2 names, and no others.
const SCHEMA: &str = include_str!("har-1.2.schema.json");

/// The schema, ready to be asked.
pub(crate) struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    pub(crate) fn new() -> Schema {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("har.json", serde_json::from_str(SCHEMA).unwrap()).unwrap();
        let index = compiler.compile("har.json", &mut schemas).unwrap();
        Schema { schemas, index }
    }

    /// Reads an archive and fails if it is not one.
    #[track_caller]
    pub(crate) fn read(&self, archive: &[u8]) -> Value {
        let value: Value = serde_json::from_slice(archive).expect("JSON");
        if let Err(error) = self.schemas.validate(&value, self.index) {
            panic!("{error:#}\n{}", String::from_utf8_lossy(archive));
        }
        let sum = |timings: &Value| -> f64 {
            ["send", "wait", "receive"].iter().map(|phase| timings[phase].as_f64().unwrap()).sum()
        };
        for entry in value["log"]["entries"].as_array().unwrap() {
            let difference = entry["time"].as_f64().unwrap() - sum(&entry["timings"]);
            assert!(difference.abs() < 1e-3, "the phases make up the whole: {entry}");
        }
        value
    }
}

#[test]
fn every_scenario_is_a_valid_archive_of_its_requests() {
    let schema = Schema::new();
    let mut total = 0;
    for path in scenarios() {
        for world in [World::Virtual, World::Real] {
            let (header, events) = stored(&run_file(&path, world, 1).trace);
            let archive = schema.read(&exported(Format::Har, &header, &events));
            let entries = archive["log"]["entries"].as_array().unwrap();
            let asked: Vec<String> = entries
                .iter()
                .map(|entry| {
                    let (method, url) = (&entry["request"]["method"], &entry["request"]["url"]);
                    let path = url.as_str().unwrap().splitn(4, '/').nth(3).unwrap();
                    format!("{} /{path}", method.as_str().unwrap())
                })
                .collect();
            let mut messages: Vec<_> = events
                .iter()
                .filter_map(|event| match &event.kind {
                    EventKind::Message(message) => Some(message),
                    _ => None,
                })
                .filter(|message| message.protocol == "http" && !message.summary.contains(" bytes"))
                .collect();
            messages.sort_by_key(|message| message.seq);
            let requests: Vec<&str> = messages
                .iter()
                .filter(|message| message.direction == Direction::Request)
                .map(|message| message.summary.as_str())
                .collect();
            assert_eq!(asked, requests, "{}", path.display());
            let answered: BTreeSet<u64> = messages
                .iter()
                .filter(|message| message.fate.came())
                .filter_map(|message| Some(message.cause?.0))
                .collect();
            let with_status = entries.iter().filter(|entry| entry["response"]["status"] != 0);
            assert_eq!(with_status.count(), answered.len(), "{}", path.display());
            total += entries.len();
        }
    }
    assert!(total > 50, "there are requests in the scenarios");
}

#[test]
fn bodies_are_in_the_archive_as_their_readers_mean_them() {
    let scenario = r#"looplab: 1
name: bodies
servers:
  web:
    type: http
    routes:
      - { on: POST /json, respond: { json: { got: true } } }
      - { on: GET /gone, respond: { status: 302, headers: { location: /json } } }
clients:
  alice:
    steps:
      - post: web/json?a=1&b=x%20y
        json: { qty: 9 }
      - get: web/gone
"#;
    let (header, events) = stored(&run_text(scenario, World::Virtual, 1).trace);
    let archive = Schema::new().read(&exported(Format::Har, &header, &events));
    let entries = &archive["log"]["entries"];
    assert_eq!(entries[0]["request"]["postData"]["text"], "{\"qty\":9}");
    assert_eq!(entries[0]["request"]["queryString"][1]["value"], "x y");
    assert_eq!(entries[0]["response"]["content"]["text"], "{\"got\":true}");
    assert_eq!(entries[1]["response"]["redirectURL"], "/json");
}
