//! Routes of a script: what a handler is given, and what becomes of what it returns.

use std::collections::BTreeMap;
use std::io;

use super::connection::Connection;
use super::reply::Reply;
use super::request::Request;
use super::text::{decode, query_pairs};
use crate::script::{Datum, Entry, Output, Step};

impl Connection<'_> {
    /// The answer of the handler with that number. Others are served while it waits; what was answered
    /// before on this connection is sent.
    pub(super) async fn scripted(&mut self, at: usize, request: Datum) -> io::Result<Reply> {
        let Some(script) = &self.service.script else { return Ok(Reply::empty(500)) };
        script.breathe().await;
        let step = script.enter(Entry::Route(at, request));
        if matches!(step, Step::Wait(..)) {
            self.flush().await?;
        }
        Ok(match script.drive(step).await {
            Ok(Output::Response(response)) => Reply::scripted(*response),
            Ok(_) => Reply::empty(204),
            Err(error) => {
                script.report(&error);
                Reply::error(500, error.to_string())
            }
        })
    }
}

/// A request as a handler sees it. Of a header that comes several times the values are one list; of a
/// name in the query the first value counts.
pub(super) fn request(request: &Request<'_>) -> Datum {
    let head = request.head;
    let mut headers: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, value) in head.headers() {
        let given = headers.entry(name.to_ascii_lowercase()).or_default();
        if !given.is_empty() {
            given.extend_from_slice(b", ");
        }
        given.extend_from_slice(value);
    }
    let mut query: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, value) in query_pairs(head.query()) {
        query.entry(name.into_owned()).or_insert_with(|| value.into_owned().into_bytes());
    }
    let params = request.params.iter().map(|(name, value)| (*name, value.as_bytes().to_vec()));
    Datum::Table(vec![
        (text("method"), text(head.method())),
        (text("path"), text(&decode(head.path()))),
        (text("query"), named(query.into_iter())),
        (text("headers"), named(headers.into_iter())),
        (text("params"), named(params)),
        (text("text"), Datum::Text(request.body.to_vec())),
    ])
}

fn named<N: AsRef<str>>(pairs: impl Iterator<Item = (N, Vec<u8>)>) -> Datum {
    Datum::Table(pairs.map(|(name, value)| (text(name.as_ref()), Datum::Text(value))).collect())
}

fn text(text: &str) -> Datum {
    Datum::Text(text.as_bytes().to_vec())
}
