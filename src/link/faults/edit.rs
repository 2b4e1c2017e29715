//! Another message in the place of one.

use bytes::{Bytes, BytesMut};

use super::fields::Fields;
use crate::base::{Direction, Value};
use crate::plan::fault::{Change, Scope};
use crate::protocol::resp::{Frame, Version, command_bytes};
use crate::protocol::{HttpEdit, Protocol, Seen, edit_http};
use crate::scenario::Lookup;
use crate::scenario::model::{Body, Edit, EditValue};

/// A message that is to be changed.
pub(super) struct Message<'m> {
    pub(super) protocol: Protocol,
    pub(super) direction: Direction,
    pub(super) seen: &'m Seen,
    /// All of it.
    pub(super) bytes: &'m Bytes,
}

/// What the message becomes; `None` if it is to stay as it is.
///
/// # Errors
/// A clause that says why it cannot become that.
pub(super) fn apply(
    change: &Change,
    message: &Message<'_>,
    scope: Option<&Scope>,
) -> Result<Option<Bytes>, String> {
    let nothing = |_: &str| None;
    let scope: &dyn Lookup = match scope {
        Some(scope) => &**scope,
        None => &nothing,
    };
    let changed = match change {
        Change::Bytes(bytes) if message.seen.bodiless => without_body(bytes),
        Change::Bytes(bytes) => bytes.clone(),
        Change::Edit(edit) if !holds(edit, message, scope) => return Ok(None),
        Change::Edit(edit) => match &edit.value {
            Some(value) => new_value(value, message, scope)?,
            None => new_http(edit, message, scope)?,
        },
    };
    if message.protocol == Protocol::Http && message.direction == Direction::Request {
        is_answered_alike(message.bytes, &changed)?;
    }
    Ok((changed != *message.bytes).then_some(changed))
}

/// The head of a message of HTTP.
fn without_body(message: &Bytes) -> Bytes {
    const END: &[u8] = b"\r\n\r\n";
    let end = message.windows(END.len()).position(|window| window == END);
    end.map_or_else(|| message.clone(), |end| message.slice(..end + END.len()))
}

/// The method of a request decides where its reply ends: whoever has asked for one thing cannot read the
/// reply to the other.
fn is_answered_alike(asked: &[u8], changed: &[u8]) -> Result<(), String> {
    for method in ["HEAD", "CONNECT"] {
        let is_it = |request: &[u8]| {
            request.strip_prefix(method.as_bytes()).is_some_and(|rest| rest.starts_with(b" "))
        };
        if is_it(asked) != is_it(changed) {
            return Err(format!(
                "the reply to {method} ends elsewhere than that to another method"
            ));
        }
    }
    Ok(())
}

/// True if the message is as `when:` asks for.
fn holds(edit: &Edit, message: &Message<'_>, scope: &dyn Lookup) -> bool {
    if edit.when.is_empty() {
        return true;
    }
    let fields = Fields::of(message);
    edit.when.iter().all(|wish| {
        let actual = fields.get(&wish.field.value, scope);
        wish.predicate.test(actual.as_ref(), scope).is_ok()
    })
}

fn new_http(edit: &Edit, message: &Message<'_>, scope: &dyn Lookup) -> Result<Bytes, String> {
    if message.protocol != Protocol::Http {
        return Err(format!("it is no message of HTTP but of {}", message.protocol.as_str()));
    }
    let text = |text: &crate::scenario::model::Text| {
        text.resolve_string(scope).map_err(|diagnostic| diagnostic.message)
    };
    let mut headers = Vec::with_capacity(edit.headers.len());
    for (name, value) in &edit.headers {
        headers.push((name.value.clone(), value.as_ref().map(text).transpose()?));
    }
    // Of an interim reply, the status says that another reply follows.
    let status = edit.status.map(|status| status.value).filter(|_| !message.seen.interim);
    let http = HttpEdit {
        method: edit.method.as_ref().map(|method| method.value.clone()),
        path: edit.path.as_ref().map(text).transpose()?,
        status,
        headers,
        body: edit.body.as_ref().map(|body| new_body(body, scope)).transpose()?,
    };
    edit_http(message.direction, message.bytes, message.seen.bodiless, &http)
        .ok_or_else(|| "it would not be a message of HTTP any more".to_owned())
}

fn new_body(body: &Body, scope: &dyn Lookup) -> Result<(Bytes, Option<&'static str>), String> {
    let why = |diagnostic: crate::base::Diagnostic| diagnostic.message;
    Ok(match body {
        Body::Empty => (Bytes::new(), None),
        Body::Text(text) => {
            (text.resolve_string(scope).map_err(why)?.into(), Some("text/plain; charset=utf-8"))
        }
        Body::Json(json) => {
            (json.resolve(scope).map_err(why)?.to_string().into(), Some("application/json"))
        }
        Body::Form(fields) => {
            let mut form = String::new();
            for (name, value) in fields {
                let value = value.resolve_string(scope).map_err(why)?;
                if !form.is_empty() {
                    form.push('&');
                }
                form_encode(&name.value, &mut form);
                form.push('=');
                form_encode(&value, &mut form);
            }
            (form.into(), Some("application/x-www-form-urlencoded"))
        }
        Body::Bytes(bytes) => (bytes.clone(), None),
    })
}

/// `text` as in a form: letters and digits as they are, blanks as `+`, the rest as `%41`.
fn form_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
}

fn new_value(
    value: &EditValue,
    message: &Message<'_>,
    scope: &dyn Lookup,
) -> Result<Bytes, String> {
    let why = |diagnostic: crate::base::Diagnostic| diagnostic.message;
    match (value, message.protocol, message.direction) {
        (EditValue::Reply(value), Protocol::Redis, Direction::Response) => {
            let mut out = BytesMut::new();
            frame(&value.resolve(scope).map_err(why)?).encode(&mut out, Version::Resp2);
            Ok(out.freeze())
        }
        (EditValue::Words(words), Protocol::Redis, Direction::Request) => {
            let words: Result<Vec<String>, String> =
                words.iter().map(|word| word.resolve_string(scope).map_err(why)).collect();
            let words = words?;
            if words.is_empty() {
                return Err("a command has at least one word".to_owned());
            }
            Ok(command_bytes(&words))
        }
        (EditValue::Line(text), Protocol::Line, _) => {
            let text = text.resolve_string(scope).map_err(why)?;
            if text.contains('\n') {
                return Err("it would be more than one line".to_owned());
            }
            let end = if message.bytes.ends_with(b"\r\n") { "\r\n" } else { "\n" };
            Ok(format!("{text}{end}").into())
        }
        (EditValue::Reply(_), _, _) => Err("it is no reply of Redis".to_owned()),
        (EditValue::Words(_), _, _) => Err("it is no command of Redis".to_owned()),
        (EditValue::Line(_), _, _) => Err("it is no line".to_owned()),
    }
}

/// A value as a reply: text is a bulk string, a list an array, a mapping an array of keys and values.
fn frame(value: &Value) -> Frame {
    match value {
        Value::Null => Frame::Null,
        Value::Bool(truth) => Frame::Boolean(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Frame::Integer(integer),
            (None, Some(double)) => Frame::Double(double),
            (None, None) => Frame::bulk(number.to_string()),
        },
        Value::String(text) => Frame::bulk(text),
        Value::Array(items) => Frame::Array(items.iter().map(frame).collect()),
        Value::Object(fields) => {
            Frame::Map(fields.iter().map(|(key, value)| (Frame::bulk(key), frame(value))).collect())
        }
    }
}
