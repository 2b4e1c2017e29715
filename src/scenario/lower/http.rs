//! Routes of `type: http`.

use std::time::Duration;

use serde_json::json;

use super::super::form::{
    BOOLEAN, Book, DURATION, DYNAMIC, Entry, Fields, Form, Keys, NAME, Reading, Record, Select,
    Shape, TEXT, Variant, Variants, integer, list, name_of, pairs, record, variants, word,
};
use super::super::model::{
    Collection, Durable, HttpServer, Proxy, RedisRoute, Respond, Route, RouteAction, SequenceItem,
    Then,
};
use super::super::outline::Role;
use super::super::tree::{Content, Node};
use super::body::{HEADERS, body};
use super::distribution::DISTRIBUTION;
use super::field::REQUEST;
use super::pattern::PATTERN;
use super::predicate::ExpectationsForm;
use super::redis::COMMAND;
use crate::base::Diagnostic;

/// How long a `proxy_to:` waits unless it says otherwise.
const PROXY_TIMEOUT: Duration = Duration::from_secs(30);

/// The keys of an http server.
pub(super) fn http(f: &mut Fields<'_, '_>) -> Option<HttpServer> {
    let doc = "Variables that routes read as `${name}` and change with `set` and `add`.";
    let state = f.optional("state", doc, pairs(Keys::Names, DYNAMIC)).unwrap_or_default();
    let doc = "What it answers; the first route that fits counts.";
    let routes = f.optional("routes", doc, list(variants::<Route>())).unwrap_or_default();
    let doc = "Handles one request at a time, over all connections.";
    let serial = f.or("serial", doc, BOOLEAN, "false", false);
    let doc = "What of its state and its collections it keeps when it crashes: `true` for all, or \
               their names. The rest begins again as the file says.";
    let durable = f.or("durable", doc, DURABLE, "false", Durable::No);
    Some(HttpServer { state, routes, serial, durable })
}

/// `durable:` of an http server.
struct DurableForm;
const DURABLE: DurableForm = DurableForm;

impl Form for DurableForm {
    type Value = Durable;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Durable> {
        match node.content() {
            Content::Sequence(_) => list(NAME).read(node, reading).map(Durable::Some),
            Content::Scalar(scalar) if scalar.value.is_boolean() => {
                Some(if scalar.value == true { Durable::All } else { Durable::No })
            }
            _ => reading.expected("`true`, `false` or a list of names", node),
        }
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let names = list(NAME).shape(book);
        let schema = json!({ "anyOf": [{ "type": "boolean" }, names.schema] });
        Shape::new(schema, format!("`true`, `false` or a {}", names.label))
    }
}

impl Variants for Route {
    const ENTRY: Entry = Entry {
        name: "route",
        doc: "Which requests are meant, and what is done with them. Texts of a route may hold \
              `${params.NAME}`, `${query.NAME}`, `${headers.NAME}`, `${method}`, `${path}`, `${body}`, \
              `${$.path}` (into the JSON body), the server's state, the scenario's variables and \
              the addresses of servers.",
        example: "",
    };
    const SELECT: Select = Select::Key;

    fn variants() -> &'static [Variant<Route>] {
        &[
            Variant {
                keys: &["respond"],
                last: false,
                entry: Entry {
                    name: "respond route",
                    doc: "Answers.",
                    example: "- on: GET /items/{id}\n  when: { query.full: \"1\" }\n  delay: 5ms\n  \
                              respond: { status: 200, json: { id: \"${params.id}\" } }",
                },
                fields: |f, key| {
                    let respond = f.required(key, "The answer.", record::<Respond>());
                    route(f, respond.map(RouteAction::Respond))
                },
            },
            Variant {
                keys: &["sequence"],
                last: false,
                entry: Entry {
                    name: "sequence route",
                    doc: "Gives one answer after another, each as often as it says; the last one \
                          stays.",
                    example: "- on: GET /flaky\n  sequence:\n    - { times: 2, respond: { status: 503 } }\n    \
                              - { respond: { status: 200 } }",
                },
                fields: sequence,
            },
            Variant {
                keys: &["collection"],
                last: false,
                entry: Entry {
                    name: "collection route",
                    doc: "Keeps resources in memory: `GET` and `POST` on the route's path, `GET`, \
                          `PUT`, `PATCH` and `DELETE` on the path with `/{id}` behind it.",
                    example: "- { on: \"* /items\", collection: items, data: [{ id: 1, qty: 9 }] }",
                },
                fields: collection,
            },
            Variant {
                keys: &["proxy_to"],
                last: false,
                entry: Entry {
                    name: "proxy route",
                    doc: "Passes the request on to another http server and its answer back.",
                    example: "- { on: \"* /api/{rest...}\", proxy_to: api, path: \"/${params.rest}\" }",
                },
                fields: proxy,
            },
            Variant {
                keys: &["redis"],
                last: false,
                entry: Entry {
                    name: "redis route",
                    doc: "Asks a redis server and answers with what it says.",
                    example: "- on: GET /items/{id}\n  redis:\n    call: db GET item:${params.id}\n    \
                              respond: { json: { price: \"${reply}\" } }\n    if_null: { status: 404 }",
                },
                fields: |f, key| {
                    let redis =
                        f.required(key, "The call and the answers.", record::<RedisRoute>());
                    route(f, redis.map(|redis| RouteAction::Redis(Box::new(redis))))
                },
            },
        ]
    }
}

/// The keys that every route has.
fn route(f: &mut Fields<'_, '_>, action: Option<RouteAction>) -> Option<Route> {
    let on = f.required("on", "Method and path.", PATTERN);
    let doc = "What must hold of the request besides.";
    let when = f.optional("when", doc, ExpectationsForm(&REQUEST)).unwrap_or_default();
    let delay = f.optional("delay", "The pause before the answer.", DISTRIBUTION);
    let doc = "Parts of the state that are set before the answer is made.";
    let set = f.optional("set", doc, pairs(Keys::Names, DYNAMIC)).unwrap_or_default();
    let doc = "Numbers of the state that are added to before the answer is made.";
    let add = f.optional("add", doc, pairs(Keys::Names, integer(i64::MIN..=i64::MAX)));
    let span = f.entry("on");
    Some(Route { span, on: on?, when, delay, set, add: add.unwrap_or_default(), action: action? })
}

fn sequence(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Route> {
    let items = f.required(key, "The answers.", list(record::<SequenceItem>()));
    if items.as_ref().is_some_and(Vec::is_empty) {
        f.error(Diagnostic::new("a sequence holds at least one answer", f.value(key)));
    }
    route(f, items.map(RouteAction::Sequence))
}

fn collection(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Route> {
    let doc = "The collection's name; routes that name the same share it.";
    let name = f.required(key, doc, NAME);
    let doc = "What it holds at the start: mappings, those without an `id` get one.";
    let data = f.optional("data", doc, list(DYNAMIC)).unwrap_or_default();
    for item in &data {
        if !matches!(item.kind, super::super::model::DynamicKind::Object(_)) {
            f.error(Diagnostic::new("an item of a collection is a mapping", item.span));
        }
    }
    route(f, name.map(|name| RouteAction::Collection(Collection { name, data })))
}

fn proxy(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Route> {
    let to = f.required(key, "The server behind.", name_of(Role::Server));
    let doc = "The path asked for there; by default the same, with its query.";
    let path = f.optional("path", doc, TEXT);
    let doc = "How long that may take; then 504 is answered.";
    let timeout = f.or("timeout", doc, DURATION, "30s", PROXY_TIMEOUT);
    route(f, to.map(|to| RouteAction::Proxy(Proxy { to, path, timeout })))
}

impl Record for RedisRoute {
    const ENTRY: Entry = Entry {
        name: "redis call of a route",
        doc: "A call, and what is made of its reply.",
        example: "",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<RedisRoute> {
        let doc = "The server and the command, as after a client's `redis:`.";
        let call = f.required("call", doc, COMMAND);
        let doc = "The answer; its texts read the reply as `${reply}`. A reply that is an error is \
                   answered with 502.";
        let respond = f.required("respond", doc, record::<Respond>());
        let doc = "The answer when the reply is null.";
        let if_null = f.optional("if_null", doc, record::<Respond>());
        let doc = "How long the call may take; then 504 is answered.";
        let timeout = f.or("timeout", doc, DURATION, "30s", PROXY_TIMEOUT);
        Some(RedisRoute { call: call?, respond: respond?, if_null, timeout })
    }
}

impl Record for SequenceItem {
    const ENTRY: Entry =
        Entry { name: "sequence item", doc: "One answer of a sequence.", example: "" };

    fn fields(f: &mut Fields<'_, '_>) -> Option<SequenceItem> {
        let doc = "How many requests it answers.";
        let times = f.or("times", doc, integer(1..=u64::MAX), "1", 1);
        let respond = f.required("respond", "The answer.", record::<Respond>());
        Some(SequenceItem { times, respond: respond? })
    }
}

impl Record for Respond {
    const ENTRY: Entry = Entry {
        name: "response",
        doc: "An answer.",
        example: "respond: { status: 201, headers: { location: \"/items/7\" }, json: { id: 7 } }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Respond> {
        let status = f.or("status", "The status.", integer(200..=599_u16), "200", 200);
        let headers = f.optional("headers", "Headers.", HEADERS).unwrap_or_default();
        let body = body(f, false);
        let doc = "A lie about the body's length, to show what it does.";
        let content_length = f.optional("content_length", doc, integer(0..=u64::MAX));
        let doc = "Sends the body with `Transfer-Encoding: chunked`.";
        let chunked = f.or("chunked", doc, BOOLEAN, "false", false);
        let words = word(&[
            ("keep", Then::Keep),
            ("close", Then::Close),
            ("reset", Then::Reset),
            ("hang", Then::Hang),
        ]);
        let doc = "What happens to the connection: `keep` it, `close` it behind the answer, \
                   `reset` it or `hang` without any answer.";
        let then = f.or("then", doc, words, "keep", Then::Keep);
        if content_length.is_some() && chunked {
            let error = Diagnostic::new(
                "an answer has a `content_length` or is `chunked`, not both",
                f.entry("chunked"),
            );
            f.error(error.related(f.entry("content_length"), "the other one"));
        }
        Some(Respond { status, headers, body, content_length, chunked, then })
    }
}
