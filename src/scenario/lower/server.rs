//! `servers:` of every kind but http.

use super::super::form::{
    BOOLEAN, DYNAMIC, Entry, Fields, Keys, PROSE, STRING, Select, Variant, Variants, integer,
    located, pairs, word,
};
use super::super::model::{Durable, EchoServer, RedisServer, Scripted, Server, ServerKind};
use super::distribution::DISTRIBUTION;
use super::http::http;
use super::process;
use super::script::{node, scripted};
use crate::base::{Located, Span};

/// How many connections a server serves at once unless it says otherwise.
pub(super) const CONNECTIONS_DEFAULT: u32 = 20_000;

const DATABASE: &str = "databases other than redis come with a later version";

impl Variants for Server {
    const ENTRY: Entry = Entry {
        name: "server",
        doc: "Something that listens on a loopback port. Its address is known as `${NAME.url}`, \
              `${NAME.host}`, `${NAME.port}` and `${NAME.address}`.",
        example: "",
    };
    const SELECT: Select = Select::Word("type");

    fn variants() -> &'static [Variant<Server>] {
        &SERVERS
    }

    fn reserved() -> &'static [(&'static str, &'static str)] {
        &[("postgres", DATABASE), ("mysql", DATABASE), ("mongodb", DATABASE)]
    }
}

static SERVERS: [Variant<Server>; 8] = [
    Variant {
        keys: &["echo"],
        last: false,
        entry: Entry {
            name: "echo server",
            doc: "Sends back what it gets.",
            example: "servers:\n  echo: { type: echo, mode: line }",
        },
        fields: echo,
    },
    Variant {
        keys: &["http"],
        last: false,
        entry: Entry {
            name: "http server",
            doc: "Answers HTTP/1.1 requests by the routes of its script, then by its own. A request that fits none gets 404, one \
                  that fits only with another method 405.",
            example: "servers:\n  app:\n    type: http\n    state: { hits: 0 }\n    routes:\n      \
                      - { on: GET /hits, add: { hits: 1 }, respond: { json: { hits: \"${hits}\" } } }\n      \
                      - { on: \"* /items\", collection: items }",
        },
        fields: |f, _| {
            let script = scripted(f, false);
            finish(f, script, |f| http(f).map(ServerKind::Http))
        },
    },
    Variant {
        keys: &["redis"],
        last: false,
        entry: Entry {
            name: "redis server",
            doc: "Speaks RESP2 and RESP3 and answers as Redis does, and to the commands of its script as that does. \
                  Expiry goes by the run's clock.",
            example: "servers:\n  cache:\n    type: redis\n    data: { \"item:42\": 10, tags: [a, b], \
                      user: { name: Ann } }",
        },
        fields: redis,
    },
    Variant {
        keys: &["node"],
        last: false,
        entry: Entry {
            name: "node",
            doc: "Nothing but its script: it speaks JSON messages, a line each, in Maelstrom's envelope.",
            example: "servers:\n  n1: &node { type: node, script: gossip.lua, env: { fanout: 2 } }\n  \
                      n2: *node\nscripts:\n  gossip.lua: |\n    function on.ping() return { type = \"pong\" } end",
        },
        fields: |f, _| {
            let script = scripted(f, true);
            let server = finish(f, script, node)?;
            server.script.is_some().then_some(server)
        },
    },
    Variant {
        keys: &["closed"],
        last: false,
        entry: Entry {
            name: "closed server",
            doc: "An address at which nothing listens: connecting to it is refused.",
            example: "servers:\n  nobody: { type: closed }",
        },
        fields: |f, _| finish(f, None, |_| Some(ServerKind::Closed)),
    },
    Variant {
        keys: &["silent"],
        last: false,
        entry: Entry {
            name: "silent server",
            doc: "Accepts connections, reads, and never answers.",
            example: "servers:\n  blackhole: { type: silent }",
        },
        fields: |f, _| finish(f, None, |_| Some(ServerKind::Silent)),
    },
    Variant {
        keys: &["process"],
        last: false,
        entry: Entry {
            name: "process server",
            doc: "A program of yours: looplab starts it, waits until it is ready, sees every message to \
                  it and from it, and stops it with all that it started. What it writes is in the trace, \
                  under its name. Real clock only.",
            example: "servers:\n  db: { type: redis }\n  app:\n    type: process\n    \
                      command: [python3, app.py]\n    env: { REDIS_URL: \"${db.url}\" }\n    \
                      ready: { http: /health }",
        },
        fields: |f, _| foreign(f, process::process),
    },
    Variant {
        keys: &["external"],
        last: false,
        entry: Entry {
            name: "external server",
            doc: "A server that runs already on this machine. looplab neither starts nor stops it, and sees \
                  what goes to it through looplab. Real clock only.",
            example: "servers:\n  db: { type: external, address: \"127.0.0.1:5432\", protocol: raw }",
        },
        fields: |f, _| foreign(f, process::external),
    },
];

/// The keys of a server that looplab did not write, and those of its kind.
fn foreign(
    f: &mut Fields<'_, '_>,
    kind: fn(&mut Fields<'_, '_>) -> Option<ServerKind>,
) -> Option<Server> {
    let (about, port) = common(f);
    let kind = kind(f);
    let name = Located::new(String::new(), Span::default());
    let connections_max = CONNECTIONS_DEFAULT;
    Some(Server { name, about, port, connections_max, script: None, kind: kind? })
}

/// The keys of all servers.
fn common(f: &mut Fields<'_, '_>) -> (Option<String>, Option<Located<u16>>) {
    let about = f.optional("about", "What it is there for.", PROSE);
    let doc = "A fixed port at which others reach it; by default any that is free.";
    let port = f.optional("port", doc, located(integer(1..=u16::MAX)));
    f.note(|outline| outline.ports.extend(port));
    (about, port)
}

/// The keys of every server of looplab's own, and those of its kind.
fn finish(
    f: &mut Fields<'_, '_>,
    script: Option<Scripted>,
    kind: impl FnOnce(&mut Fields<'_, '_>) -> Option<ServerKind>,
) -> Option<Server> {
    let (about, port) = common(f);
    let doc = "How many connections it serves at once; more wait to be accepted.";
    let limit = integer(1..=1_000_000_u32);
    let connections_max = f.or("connections", doc, limit, "20000", CONNECTIONS_DEFAULT);
    let kind = kind(f);
    let name = Located::new(String::new(), Span::default());
    Some(Server { name, about, port, connections_max, script, kind: kind? })
}

fn echo(f: &mut Fields<'_, '_>, _: &'static str) -> Option<Server> {
    finish(f, None, |f| {
        let doc = "`stream` sends back bytes as they come, `line` whole lines only.";
        let line = f.or("mode", doc, word(&[("stream", false), ("line", true)]), "stream", false);
        let delay = f.optional("delay", "The pause before each answer.", DISTRIBUTION);
        let doc = "`one_read` takes what its first read returns for the whole message, answers \
                   that and closes: the mistake of forgetting that TCP is a stream.";
        let one_read = f.optional("bug", doc, word(&[("one_read", true)])).unwrap_or(false);
        let doc = "Serves one connection at a time; others wait.";
        let serial = f.or("serial", doc, BOOLEAN, "false", false);
        Some(ServerKind::Echo(EchoServer { line, delay, one_read, serial }))
    })
}

fn redis(f: &mut Fields<'_, '_>, _: &'static str) -> Option<Server> {
    let script = scripted(f, false);
    finish(f, script, |f| {
        let doc = "What it holds at the start: text and numbers as strings, lists as lists, \
                   mappings as hashes.";
        let data = f.optional("data", doc, pairs(Keys::Any, DYNAMIC)).unwrap_or_default();
        let password = f.optional("password", "What AUTH must give.", STRING);
        let delay = f.optional("delay", "The pause before each reply.", DISTRIBUTION);
        let doc = "Keeps its data when it crashes; otherwise it begins again with `data`.";
        let durable = f.or("durable", doc, BOOLEAN, "false", false);
        let durable = if durable { Durable::All } else { Durable::No };
        Some(ServerKind::Redis(RedisServer { data, password, delay, durable }))
    })
}
