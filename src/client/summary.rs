//! A step in one line, as a person would write it: `get greeter/hello`, `redis cache SET item 9`,
//! `send 5 bytes`, `wait 20ms`.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::scope::Scope;
use crate::base::units::show_duration;
use crate::base::{Located, Value};
use crate::scenario::model::{
    Action, Body, Command, Draw, Expectation, Field, HttpCall, NodeCall, PathPart, RedisCall,
    Setting, Step, Text, TextPart, Until,
};

/// The longest summary, in characters; a longer one is cut, and ends with `…`.
const CHARS_MAX: usize = 120;

/// The summary of a step. Variables show their values; those without one, their names.
pub(super) fn summarize(step: &Step, scope: &Scope) -> String {
    let text = match &step.action {
        Action::Http(call) => http(call, scope),
        Action::Redis(call) => redis(call, scope),
        Action::Call(call) => node(call, scope),
        Action::Run(run) => program(&run.command, scope),
        Action::Connect(connect) => {
            named(format!("connect {}", connect.server.value), " as ", &connect.name)
        }
        Action::Send(send) => named(format!("send {}", bytes(&send.body, scope)), " on ", &send.on),
        Action::Receive(receive) => {
            named(format!("receive {}", until(&receive.until)), " on ", &receive.on)
        }
        Action::Close(close) => {
            let what = match (close.reset, close.write_only) {
                (true, _) => "close reset",
                (_, true) => "close write",
                _ => "close",
            };
            named(what.to_owned(), " on ", &close.on)
        }
        Action::Wait(Setting::Fixed(duration)) => format!("wait {}", show_duration(*duration)),
        Action::Wait(Setting::Text(duration)) => format!("wait {}", text(duration, scope)),
        Action::Set(vars) => names("set", vars),
        Action::Draw(vars) => names("draw", vars),
        Action::Log(line) => format!("log {}", text(line, scope)),
        Action::Fault(doing) => super::fault::summary(doing),
        Action::Check => expect(&step.expect),
        Action::Repeat(..) => "repeat".into(),
        Action::ForEach { var, .. } => format!("for each {}", var.value),
        Action::Parallel(_) => "parallel".into(),
        Action::Choose(_) => "choose".into(),
        Action::Use { flow, .. } => format!("use {}", flow.value),
    };
    cut(text)
}

/// The same of variables that have been drawn, with their values: `draw key = x, id = 3`.
pub(super) fn drawn(vars: &[(Located<String>, Draw)], scope: &Scope) -> String {
    let mut out = "draw ".to_owned();
    for (n, (name, _)) in vars.iter().enumerate() {
        if n > 0 {
            out.push_str(", ");
        }
        out.push_str(name);
        // Writing to a string cannot fail.
        let _ = match scope.get(name) {
            Some(Value::String(text)) => write!(out, " = {text}"),
            Some(value) => write!(out, " = {value}"),
            None => Ok(()),
        };
        if out.len() > 4 * CHARS_MAX {
            break;
        }
    }
    cut(out)
}

fn names<T>(verb: &str, vars: &[(Located<String>, T)]) -> String {
    let names: Vec<&str> = vars.iter().map(|(name, _)| name.as_str()).collect();
    format!("{verb} {}", names.join(", "))
}

fn http(call: &HttpCall, scope: &Scope) -> String {
    let method = call.method.to_ascii_lowercase();
    match super::http::request_target(call, scope) {
        Ok(target) => format!("{method} {}{target}", call.server.value),
        Err(_) => format!("{method} {}{}", call.server.value, text(&call.path, scope)),
    }
}

fn redis(call: &RedisCall, scope: &Scope) -> String {
    let mut out = format!("redis {}", call.server.value);
    words(&mut out, &call.words, scope);
    out
}

fn node(call: &NodeCall, scope: &Scope) -> String {
    let names: Vec<&str> = call.nodes.iter().map(|node| node.value.as_str()).collect();
    let mut out = format!("call {}", names.join("|"));
    let value = call.message.resolve(scope).unwrap_or_default();
    let Some(fields) = value.as_object() else { return out };
    if let Some(kind) = fields.get("type").and_then(|kind| kind.as_str()) {
        out.push(' ');
        out.push_str(kind);
    }
    for (name, value) in fields.iter().filter(|(name, _)| *name != "type") {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        out.push_str(&format!(" {name}={text}"));
    }
    out
}

fn program(command: &Command, scope: &Scope) -> String {
    let mut out = "run".to_owned();
    match command {
        Command::Shell(line) => {
            out.push(' ');
            let line = text(line, scope);
            out.push_str(line.lines().next().unwrap_or_default());
            if line.lines().nth(1).is_some() {
                out.push_str(" …");
            }
        }
        Command::Words(parts) => words(&mut out, parts, scope),
    }
    out
}

/// Adds words to a line, those in quotes that would not be one word otherwise.
fn words(out: &mut String, words: &[Text], scope: &Scope) {
    for word in words {
        let word = text(word, scope);
        let plain = !word.is_empty()
            && word.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != '"');
        out.push(' ');
        if plain {
            out.push_str(&word);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "{word:?}");
        }
        if out.len() > 4 * CHARS_MAX {
            break;
        }
    }
}

fn bytes(body: &Body, scope: &Scope) -> String {
    match super::http::body_bytes(body, scope) {
        Ok((bytes, _)) if bytes.len() == 1 => "1 byte".into(),
        Ok((bytes, _)) => format!("{} bytes", bytes.len()),
        Err(_) => "bytes".into(),
    }
}

fn until(until: &Until) -> String {
    match until {
        Until::Bytes(1) => "1 byte".into(),
        Until::Bytes(count) => format!("{count} bytes"),
        Until::Delimiter(delimiter) if delimiter == b"\n" => "line".into(),
        Until::Delimiter(delimiter) => format!("until \"{}\"", delimiter.escape_ascii()),
        Until::Some => "some".into(),
        Until::End => "to the end".into(),
    }
}

fn expect(expectations: &[Expectation]) -> String {
    let fields: Vec<String> = expectations.iter().map(|one| field(&one.field)).collect();
    format!("expect {}", fields.join(", "))
}

/// A field as it is written.
pub(super) fn field(field: &Field) -> String {
    match field {
        Field::Named(name) => name.clone(),
        Field::Header(name) => format!("headers.{name}"),
        Field::Var(name) => format!("vars.{name}"),
        Field::Json(path) => {
            let mut out = "$".to_owned();
            for part in path {
                let plain = |key: &str| !key.is_empty() && !key.contains(['.', '[', ']', '\'']);
                // Writing to a string cannot fail.
                let _ = match part {
                    PathPart::Key(key) if plain(key) => write!(out, ".{key}"),
                    PathPart::Key(key) => write!(out, "['{key}']"),
                    PathPart::Index(index) => write!(out, "[{index}]"),
                };
            }
            out
        }
    }
}

fn text<'a>(text: &'a Text, scope: &Scope) -> Cow<'a, str> {
    super::http::resolve(text, scope).unwrap_or_else(|_| {
        let part = |part: &TextPart| match part {
            TextPart::Literal(text) => text.clone(),
            TextPart::Var(name) => format!("${{{}}}", name.value),
        };
        text.parts.iter().map(part).collect()
    })
}

fn named(mut text: String, word: &str, name: &str) -> String {
    if !name.is_empty() {
        text.push_str(word);
        text.push_str(name);
    }
    text
}

fn cut(mut text: String) -> String {
    if text.len() > CHARS_MAX
        && let Some((end, _)) = text.char_indices().nth(CHARS_MAX)
    {
        text.truncate(end);
        text.pop();
        text.push('…');
    }
    text
}
