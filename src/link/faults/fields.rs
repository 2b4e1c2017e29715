//! The fields of a message under way, as `when:` of an edit looks at them: those of `expect:`, and
//! `method` and `path` of a request.

use std::cell::OnceCell;

use super::edit::Message;
use crate::base::{Direction, Value};
use crate::protocol::resp::RespDecoder;
use crate::protocol::{Envelope, Protocol, asked, http_body, http_header, http_status};
use crate::scenario::Lookup;
use crate::scenario::model::{Field, PathPart};

/// The fields of a message.
pub(super) struct Fields<'m> {
    message: &'m Message<'m>,
    json: OnceCell<Option<Value>>,
}

impl<'m> Fields<'m> {
    pub(super) fn of(message: &'m Message<'m>) -> Fields<'m> {
        Fields { message, json: OnceCell::new() }
    }

    /// The value of a field, if there is one.
    pub(super) fn get(&self, field: &Field, scope: &dyn Lookup) -> Option<Value> {
        match field {
            Field::Named(name) => self.named(name),
            Field::Header(name) => {
                let value = http_header(self.message.bytes, name)?;
                Some(Value::String(String::from_utf8_lossy(&value).into_owned()))
            }
            Field::Json(path) => walk(self.json()?, path).cloned(),
            Field::Var(name) => scope.lookup(name),
        }
    }

    fn named(&self, name: &str) -> Option<Value> {
        let Message { protocol, direction, seen, bytes } = self.message;
        let is_request = *direction == Direction::Request;
        match name {
            "method" if is_request => Some(asked(*protocol, &seen.summary, bytes)?.method.into()),
            "path" if is_request => Some(asked(*protocol, &seen.summary, bytes)?.path.into()),
            "status" => http_status(&seen.summary).map(Value::from),
            "reason" => {
                http_status(&seen.summary)?;
                Some(seen.summary.split_once(' ').map_or("", |(_, reason)| reason).into())
            }
            "reply" => self.json().cloned(),
            "body" | "text" => Some(String::from_utf8_lossy(&self.body()).into_owned().into()),
            "bytes" => Some(self.body().len().into()),
            _ => None,
        }
    }

    /// What an HTTP message carries, or all of another.
    fn body(&self) -> Vec<u8> {
        match self.message.protocol {
            Protocol::Http => http_body(self.message.bytes).unwrap_or_default(),
            Protocol::Json => {
                let line = self.message.bytes.trim_ascii();
                Envelope::parse(line).map_or(line, |envelope| envelope.body).to_vec()
            }
            Protocol::Redis | Protocol::Line | Protocol::Raw => self.message.bytes.to_vec(),
        }
    }

    /// The body as JSON, or a reply of Redis as such.
    fn json(&self) -> Option<&Value> {
        self.json
            .get_or_init(|| match self.message.protocol {
                Protocol::Redis => {
                    let mut input = bytes::BytesMut::from(&self.message.bytes[..]);
                    let frame = RespDecoder::default().decode(&mut input).ok().flatten()?;
                    Some(frame.to_value())
                }
                _ => serde_json::from_slice(&self.body()).ok(),
            })
            .as_ref()
    }
}

/// Follows a path; a negative index counts from the end.
fn walk<'a>(value: &'a Value, path: &[PathPart]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, part| match part {
        PathPart::Key(key) => value.get(key),
        PathPart::Index(index) => {
            let items = value.as_array()?;
            let at = usize::try_from(index.unsigned_abs()).ok()?;
            items.get(if *index < 0 { items.len().checked_sub(at)? } else { at })
        }
    })
}
