//! Harm to decoded messages.

use std::time::Duration;

use super::super::super::form::{DURATION, Entry, Fields, Record, bytes, integer, record, word};
use super::super::super::model::{Body, Directions, Edit, Harm};
use super::super::body::body;
use super::super::distribution::DISTRIBUTION;
use super::Stated;
use super::edit;
use super::links::{WAYS, link};
use crate::base::Diagnostic;

/// How long a reordered message waits for the next ones unless it is said.
const WITHIN_DEFAULT: Duration = Duration::from_millis(100);

/// The most copies of a message, and the most that overtake one.
const MESSAGES_MAX: u32 = 1_000;

const WAY: &str = "`true`, or which way: that of `direction`.";

fn way(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Option<Directions>> {
    f.required(key, WAY, word(WAYS))
}

pub(super) fn drop(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let way = way(f, key);
    link(f, key, way.flatten(), way.map(|_| Harm::Drop))
}

pub(super) fn duplicate(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let way = way(f, key);
    let times = f.or("times", "How often it arrives besides.", integer(1..=MESSAGES_MAX), "1", 1);
    let doc = "`first`: only the reply to the first comes through. `all`: those to the copies too.";
    let replies = f.or("replies", doc, word(&[("first", false), ("all", true)]), "first", false);
    link(f, key, way.flatten(), way.map(|_| Harm::Duplicate { times, replies }))
}

pub(super) fn delay(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let by = f.required(key, "How much later.", DISTRIBUTION);
    link(f, key, None, by.map(Harm::Delay))
}

pub(super) fn reorder(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let behind = f.required(key, "How many overtake it.", integer(1..=MESSAGES_MAX));
    let doc = "How long it waits for them.";
    let within = f.or("within", doc, DURATION, "100ms", WITHIN_DEFAULT);
    link(f, key, None, behind.map(|behind| Harm::Reorder { behind, within }))
}

pub(super) fn truncate(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let bytes = f.required(key, "How many bytes of it arrive.", bytes(u64::MAX));
    let doc = "`close` closes the connection behind it; with `hang` it stays open, and what is sent \
               later follows.";
    let close = f.or("then", doc, word(&[("close", true), ("hang", false)]), "close", true);
    link(f, key, None, bytes.map(|bytes| Harm::Truncate { bytes, close }))
}

pub(super) fn replace(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let body = f.required(key, "The bytes.", record::<Replacement>());
    link(f, key, None, body.map(|body| Harm::Replace(Box::new(body.0))))
}

pub(super) fn edit(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let edit = f.required(key, "What of it is another.", record::<Edit>());
    link(f, key, None, edit.map(|edit| Harm::Edit(Box::new(edit))))
}

pub(super) fn hold(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Stated> {
    let way = way(f, key);
    link(f, key, way.flatten(), way.map(|_| Harm::Hold))
}

/// The bytes of a `replace`.
struct Replacement(Body);

impl Record for Replacement {
    const ENTRY: Entry = Entry {
        name: "replacement",
        doc: "One whole message of the link's protocol: of HTTP with its head, of redis as it is on the \
              wire, of a line server with the `\\n` at its end. It holds no variables.",
        example: "",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Replacement> {
        let body = body(f, false);
        f.exactly_one(&["text", "json", "file", "hex"]);
        if !edit::variables(&body).is_empty() {
            let error =
                Diagnostic::new("a replacement holds no variables", edit::variables(&body)[0]);
            f.error(error.help("an `edit` may"));
        }
        Some(Replacement(body))
    }
}
