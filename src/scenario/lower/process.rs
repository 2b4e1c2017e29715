//! Programs that looplab did not write: servers of `type: process` and `type: external`, clients of
//! `type: process`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::super::form::{
    Book, DURATION, Entry, Fields, Form, Keys, Reading, Record, Shape, TEXT, integer, list,
    located, pairs, plain_text, record, word,
};
use super::super::model::{
    Action, Command, ExternalServer, Invocation, ProcessServer, Ready, ServerKind, Sign, Speaks,
    Step, Text, TextPart,
};
use super::super::tree::{Node, shortened};
use super::field::PROGRAM;
use super::predicate::{ExpectationsForm, REGEX};
use crate::base::{Diagnostic, Located};

/// How long a program may take to become ready unless the scenario says otherwise.
const WITHIN_DEFAULT: Duration = Duration::from_secs(10);

/// How long it may take to reach a server that is said to run already.
const RUNNING_WITHIN: Duration = Duration::from_secs(1);

/// The longest that a program may be given to become ready.
const WITHIN_MAX: Duration = Duration::from_secs(3600);

/// The time between SIGTERM and SIGKILL unless the scenario says otherwise.
const GRACE_DEFAULT: Duration = Duration::from_secs(2);

/// The longest time between SIGTERM and SIGKILL.
const GRACE_MAX: Duration = Duration::from_secs(60);

const PROTOCOLS: &[(&str, Speaks)] = &[
    ("http", Speaks::Http),
    ("redis", Speaks::Redis),
    ("line", Speaks::Line),
    ("raw", Speaks::Raw),
];

fn protocol(f: &mut Fields<'_, '_>) -> Speaks {
    let doc = "What it speaks: how the messages to it and from it are told.";
    f.or("protocol", doc, word(PROTOCOLS), "http", Speaks::Http)
}

/// The keys of a program that is started.
fn invocation(f: &mut Fields<'_, '_>, required: bool) -> Option<Invocation> {
    let doc = "The program and its arguments.";
    let command = match required {
        true => f.required("command", doc, COMMAND),
        false => f.optional("command", doc, COMMAND),
    };
    let doc = "The folder it is started in, relative to the scenario's; by default that one.";
    let dir = f.optional("dir", doc, DIR);
    let doc = "Variables of its environment, beside those that looplab itself was given.";
    let env = f.optional("env", doc, ENVIRONMENT).unwrap_or_default();
    let dir = match dir {
        Some(dir) => dir,
        None => f.folder(),
    };
    Some(Invocation { span: f.value("command"), command: command?, dir, env })
}

/// The keys of a server of `type: process`.
pub(super) fn process(f: &mut Fields<'_, '_>) -> Option<ServerKind> {
    let run = invocation(f, true);
    let protocol = protocol(f);
    let doc = "The port at which the program itself listens, if it cannot be told one. By default \
               one that is free is handed over, as `${port}` in `command` and `env` and as the \
               variable `PORT` of its environment.";
    let listen = f.optional("listen", doc, located(integer(1..=u16::MAX)));
    let front = f.node("port").and_then(Node::scalar).and_then(|port| port.value.as_u64());
    match listen {
        Some(listen) if front == Some(u64::from(listen.value)) => {
            let what = "looplab itself listens at `port`: the program needs another one";
            let error = Diagnostic::new(what, listen.span).related(f.value("port"), "taken here");
            f.error(error.help("others reach the program through `port`, and looplab sees it all"));
        }
        listen => f.note(|outline| outline.ports.extend(listen)),
    }
    let doc = "How it is known that it can be reached; by default something listens at its port \
               within 10s.";
    let ready = f.optional("ready", doc, record::<Ready>());
    let ready = ready.unwrap_or_else(|| by_default(f, "command", WITHIN_DEFAULT));
    if let (Sign::Line(line), Some(listen)) = (&ready.sign, listen)
        && line.captures_len() > 1
    {
        let what = "the program cannot both have this port and name one itself";
        let error = Diagnostic::new(what, listen.span);
        f.error(error.related(ready.span, "the group in this line is the port"));
    }
    let doc = "How it is stopped: SIGTERM first, SIGKILL after a grace.";
    let stop = f.optional("stop", doc, record::<Stop>());
    let grace = stop.map_or(GRACE_DEFAULT, |stop| stop.0);
    let run = run?;
    Some(ServerKind::Process(Box::new(ProcessServer { run, protocol, listen, ready, grace })))
}

/// The keys of a server of `type: external`.
pub(super) fn external(f: &mut Fields<'_, '_>) -> Option<ServerKind> {
    let address = f.required("address", "Where it listens, on loopback.", ADDRESS);
    let protocol = protocol(f);
    let doc = "How it is known that it can be reached; by default something listens at its \
               address within 1s.";
    let ready = f.optional("ready", doc, record::<Ready>());
    let ready = ready.unwrap_or_else(|| by_default(f, "address", RUNNING_WITHIN));
    if matches!(ready.sign, Sign::Line(_)) {
        let what = "looplab does not see what this server writes";
        f.error(Diagnostic::new(what, ready.span).help("write `http` or `port`"));
    }
    Some(ServerKind::External(Box::new(ExternalServer { address: address?, protocol, ready })))
}

fn by_default(f: &Fields<'_, '_>, key: &str, within: Duration) -> Ready {
    Ready { span: f.value(key), sign: Sign::Port, within }
}

/// The keys of a client of `type: process`, and the one step that it has; `is_process` says whether
/// the client is one, if that is known.
pub(super) fn client(f: &mut Fields<'_, '_>, is_process: Option<bool>) -> Option<Step> {
    let run = invocation(f, false);
    let doc = "What must hold of the program's end and of what it wrote. Unless it speaks of \
               `exit`, the exit code must be 0.";
    let expect = f.optional("expect", doc, ExpectationsForm(&PROGRAM)).unwrap_or_default();
    if !is_process? {
        for key in ["command", "dir", "env", "expect"] {
            if !f.has(key) {
                continue;
            }
            let what = format!("`{key}` belongs to a client of `type: process`");
            let error = Diagnostic::new(what, f.key(key));
            f.error(match key {
                "expect" => error.help("what a step must come to stands beside the step"),
                _ => error.help("a client that runs a program says so: `type: process`"),
            });
        }
        return None;
    }
    for key in ["steps", "load"] {
        if f.has(key) {
            let error = Diagnostic::new(format!("a program has no `{key}`"), f.key(key));
            f.error(error.help("its `command` is all that a client of `type: process` does"));
        }
    }
    if !f.has("command") {
        let error = Diagnostic::new("a client of `type: process` needs `command`", f.value("type"));
        f.error(error.help("`command` is the program and its arguments"));
    }
    let span = f.entry("command");
    Some(Step {
        span,
        name: None,
        action: Action::Run(Box::new(run?)),
        after: Vec::new(),
        may_fail: None,
        timeout: None,
        expect,
        capture: Vec::new(),
        retry: None,
        op: None,
    })
}

impl Record for Ready {
    const ENTRY: Entry = Entry {
        name: "readiness",
        doc: "How it is known that a program can be reached. Clients begin, and programs that are \
              given its address are started, when it is. If it is not in time, the run ends with an \
              error that shows the last lines that the program wrote.",
        example: "ready: { http: /health, status: 200, within: 20s }\nready: { port: open }\n\
                  ready: { line: \"Listening on port (\\\\d+)\" }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Ready> {
        let doc = "Something listens at its port. Nobody connects for that.";
        f.optional("port", doc, word(&[("open", ())]));
        let doc = "A GET of this path is answered, and not through looplab: it is in no trace.";
        let path = f.optional("http", doc, PATH);
        let doc = "The status of that answer; 200 by default.";
        let status = f.optional("status", doc, integer(100..=599_u16));
        let doc = "It writes a line, on either output, in which this regular expression finds \
                   something. If the expression has a group, what that finds is the port at which \
                   the program listens: it chose one itself, and is handed over port 0.";
        let line = f.optional("line", doc, REGEX);
        let doc = "How long it may take.";
        let within = f.or("within", doc, DURATION, "10s", WITHIN_DEFAULT);
        f.at_most_one(&["http", "line", "port"]);
        if f.has("status") && !f.has("http") {
            let error = Diagnostic::new("`status` is of an answer to `http`", f.key("status"));
            f.error(error.help("as in `ready: { http: /health, status: 204 }`"));
        }
        if within.is_zero() || within > WITHIN_MAX {
            let what = "a program has more than 0 and at most 1h to become ready";
            f.error(Diagnostic::new(what, f.value("within")));
        }
        let sign = match (path, line) {
            (Some(path), _) => Sign::Http { path, status: status.unwrap_or(200) },
            (None, Some(line)) => Sign::Line(line),
            (None, None) => Sign::Port,
        };
        Some(Ready { span: f.lead(), sign, within })
    }
}

/// `stop:`.
struct Stop(Duration);

impl Record for Stop {
    const ENTRY: Entry = Entry {
        name: "stop",
        doc: "How a program is stopped: all its processes get SIGTERM; those that are left after \
              the grace get SIGKILL.",
        example: "stop: { grace: 5s }",
    };

    fn fields(f: &mut Fields<'_, '_>) -> Option<Stop> {
        let grace =
            f.or("grace", "The time between them; at most 1m.", DURATION, "2s", GRACE_DEFAULT);
        if grace > GRACE_MAX {
            f.error(Diagnostic::new("the grace is at most 1m", f.value("grace")));
        }
        Some(Stop(grace))
    }
}

/// A program and its arguments.
struct CommandForm;
const COMMAND: CommandForm = CommandForm;

const COMMAND_ENTRY: Entry = Entry {
    name: "command",
    doc: "A program and its arguments. A list is taken as it is, a text is given to `/bin/sh -c`. \
          `${port}` is the port at which a server is to listen, and `${db.url}`, `${db.host}`, \
          `${db.port}` and `${db.address}` lead to the server `db` over the link between the two, so \
          that the calls are seen. A shell's own `${x}` is written `$${x}`.",
    example: "command: [python3, app.py, --port, \"${port}\"]\n\
              command: \"psql -h ${db.host} -p ${db.port} -c 'select 1' | grep 1\"",
};

impl Form for CommandForm {
    type Value = Command;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Command> {
        if node.scalar().is_some() {
            let line = TEXT.read(node, reading)?;
            let is_blank = line.as_literal().is_some_and(|line| line.trim().is_empty());
            if is_blank {
                return reading.expected("a program and its arguments", node);
            }
            return no_zero(&line, reading).then_some(Command::Shell(line));
        }
        let words = list(TEXT).read(node, reading)?;
        if words.first().is_none_or(|program| program.parts.is_empty()) {
            return reading.expected("a program and its arguments", node);
        }
        words.iter().all(|word| no_zero(word, reading)).then_some(Command::Words(words))
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(COMMAND_ENTRY, |book| {
            let text = TEXT.shape(book).schema;
            json!({ "anyOf": [
                { "type": "string", "pattern": "\\S" },
                { "type": "array", "items": text, "minItems": 1 },
            ] })
        })
    }
}

/// A program cannot be given text with a zero byte.
fn no_zero(text: &Text, reading: &mut Reading<'_>) -> bool {
    let has_zero = |part: &TextPart| matches!(part, TextPart::Literal(text) if text.contains('\0'));
    let sound = !text.parts.iter().any(has_zero);
    if !sound {
        let what = "a program cannot be given text with a zero byte";
        reading.error(Diagnostic::new(what, text.span));
    }
    sound
}

/// Variables of an environment.
struct EnvironmentForm;
const ENVIRONMENT: EnvironmentForm = EnvironmentForm;

const ENVIRONMENT_ENTRY: Entry = Entry {
    name: "environment",
    doc: "Variables of a program's environment. It has those that looplab itself was given, then \
          `LOOPLAB=1`, for a server `PORT`, and then these.",
    example: "env: { APP_PORT: \"${port}\", DATABASE_URL: \"${db.url}\", DEBUG: 1 }",
};

impl Form for EnvironmentForm {
    type Value = Vec<(Located<String>, Text)>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Self::Value> {
        let read = pairs(Keys::Any, TEXT).read(node, reading)?;
        let mut sound = true;
        for (name, value) in &read {
            if name.value.is_empty() || name.value.contains(['=', '\0']) {
                let what = format!("`{}` cannot be a variable's name", shortened(&name.value));
                reading.error(Diagnostic::new(what, reading.head(name.span)));
                sound = false;
            }
            sound &= no_zero(value, reading);
        }
        sound.then_some(read)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(ENVIRONMENT_ENTRY, |book| {
            let value = TEXT.shape(book).schema;
            json!({
                "type": "object",
                "propertyNames": { "pattern": "^[^=]+$" },
                "additionalProperties": value,
            })
        })
    }
}

/// A folder, relative to that of the scenario.
struct DirForm;
const DIR: DirForm = DirForm;

impl Form for DirForm {
    type Value = PathBuf;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<PathBuf> {
        let text = plain_text(node, reading)?;
        let dir = reading.folder.unwrap_or(Path::new("")).join(&text);
        // A scenario that is no file has no place from which to look.
        if reading.folder.is_some() && !dir.is_dir() {
            let what = format!("there is no folder `{}`", shortened(&text));
            let error = Diagnostic::new(what, reading.head(node.span));
            reading.error(error.help("it is looked for in the scenario's folder"));
            return None;
        }
        Some(dir)
    }

    fn shape(&self, _: &mut Book) -> Shape {
        Shape::new(json!({ "type": "string" }), "the path of a folder")
    }
}

/// The path of a request.
struct PathForm;
const PATH: PathForm = PathForm;

impl Form for PathForm {
    type Value = String;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<String> {
        let text = plain_text(node, reading)?;
        let is_path = text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic());
        if !is_path {
            return reading.expected("a path that begins with `/`", node);
        }
        Some(text)
    }

    fn shape(&self, _: &mut Book) -> Shape {
        Shape::new(json!({ "type": "string", "pattern": "^/[!-~]*$" }), "a path, such as `/health`")
    }
}

/// An address on loopback.
struct AddressForm;
const ADDRESS: AddressForm = AddressForm;

const ADDRESS_ENTRY: Entry = Entry {
    name: "address",
    doc: "A host and a port on this machine: `127.0.0.1:5432`, `localhost:5432` or `[::1]:5432`. \
          looplab reaches nothing beyond loopback.",
    example: "address: 127.0.0.1:5432",
};

impl Form for AddressForm {
    type Value = Located<SocketAddr>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Located<SocketAddr>> {
        let text = plain_text(node, reading)?;
        let span = reading.head(node.span);
        let port = text.rsplit_once(':').and_then(|(host, port)| {
            let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
            (!host.is_empty()).then_some((host, port))
        });
        let Some((host, port)) = port else {
            return reading.expected("a host and a port, such as `127.0.0.1:5432`", node);
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let ip = match bare {
            "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            _ => bare.parse::<IpAddr>().ok(),
        };
        match ip {
            Some(ip) if ip.is_loopback() => Some(Located::new(SocketAddr::new(ip, port), span)),
            _ => {
                let what = format!("`{}` is not on this machine", shortened(host));
                let error = Diagnostic::new(what, span).label("looplab stays on loopback");
                reading.error(error.help("write `127.0.0.1`, `localhost` or `[::1]`"));
                None
            }
        }
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let pattern = "^(localhost|127\\.[0-9.]+|\\[?::1\\]?):[0-9]+$";
        book.plain(ADDRESS_ENTRY, |_| json!({ "type": "string", "pattern": pattern }))
    }
}
