//! A request as routes and templates see it.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::head::Head;
use super::limits::JSON_MAX;
use super::text::{decode, follow, follow_text, query_pairs};
use crate::base::{Diagnostic, Value};
use crate::scenario::Lookup;
use crate::scenario::model::{Dynamic, Field, Text};

use super::reply::Resolve;

/// A request whose route is being looked for or whose answer is being made.
pub(super) struct Request<'a> {
    pub(super) head: &'a Head,
    pub(super) body: &'a [u8],
    /// The parameters that the route found in the path.
    pub(super) params: Vec<(&'a str, Cow<'a, str>)>,
    json: OnceCell<Option<Value>>,
}

impl<'a> Request<'a> {
    pub(super) fn new(head: &'a Head, body: &'a [u8]) -> Request<'a> {
        Request { head, body, params: Vec::new(), json: OnceCell::new() }
    }

    /// The body as JSON, if it is that.
    pub(super) fn json(&self) -> Option<&Value> {
        let read = || {
            if self.body.len() > JSON_MAX {
                return None;
            }
            serde_json::from_slice(self.body).ok()
        };
        self.json.get_or_init(read).as_ref()
    }

    /// One of the parts that have a name: `method`, `path`, `body`, `query.x`, `params.x`,
    /// `headers.x`. The outer `None` says that there is no part of such a name.
    fn part(&self, name: &str) -> Option<Option<Value>> {
        let text = |text: &str| Some(Value::String(text.to_owned()));
        Some(match name.split_once('.') {
            None => match name {
                "method" => text(self.head.method()),
                "path" => text(&decode(self.head.path())),
                "body" => text(&String::from_utf8_lossy(self.body)),
                _ => return None,
            },
            Some(("query", name)) => {
                let mut pairs = query_pairs(self.head.query());
                pairs.find(|(given, _)| given == name).and_then(|(_, value)| text(&value))
            }
            Some(("params", name)) => {
                let mut params = self.params.iter();
                params.find(|(given, _)| *given == name).and_then(|(_, value)| text(value))
            }
            Some(("headers", name)) => self.head.header(name).map(Value::String),
            Some(_) => return None,
        })
    }
}

/// A server's state: variables by name, in the order of the file.
pub(super) type Vars = Vec<(String, Value)>;

/// The beginnings of names that look into the body.
pub(super) const BODY_NAMES: [&str; 3] = ["body", "$", "json"];

/// What `${}` means in a route: a part of the request, the reply of a redis server, the server's
/// state, or a variable of the scenario, in this order.
pub(super) struct Scope<'a> {
    request: &'a Request<'a>,
    state: &'a Vars,
    scenario: &'a (dyn Lookup + Send + Sync),
    pub(super) reply: Option<&'a Value>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        request: &'a Request<'a>,
        state: &'a Vars,
        scenario: &'a (dyn Lookup + Send + Sync),
    ) -> Scope<'a> {
        Scope { request, state, scenario, reply: None }
    }

    /// The value of a field of `when:`.
    pub(super) fn field(&self, field: &Field) -> Option<Value> {
        match field {
            Field::Named(name) => self.request.part(name).flatten(),
            Field::Header(name) => self.request.head.header(name).map(Value::String),
            Field::Json(path) => follow(self.request.json()?, path).cloned(),
            Field::Var(name) => self.state(name),
        }
    }

    fn state(&self, name: &str) -> Option<Value> {
        self.state.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone())
    }
}

/// Parts that a request may have but this one has not, such as `query.page`, are null.
impl Lookup for Scope<'_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        let json = |path: &str| {
            let found = self.request.json().and_then(|json| follow_text(json, path));
            Some(found.cloned().unwrap_or_default())
        };
        if let Some(path) = name.strip_prefix('$') {
            return json(path);
        }
        if let Some(path) = name.strip_prefix("json")
            && (path.is_empty() || path.starts_with(['.', '[']))
        {
            return json(path);
        }
        if let Some(value) = self.request.part(name) {
            return Some(value.unwrap_or_default());
        }
        if let Some(reply) = self.reply
            && let Some(path) = name.strip_prefix("reply")
            && (path.is_empty() || path.starts_with(['.', '[']))
        {
            return Some(follow_text(reply, path).cloned().unwrap_or_default());
        }
        let state = self.state(name.strip_prefix("vars.").unwrap_or(name));
        state.or_else(|| self.scenario.lookup(name))
    }
}

impl Resolve for Scope<'_> {
    /// Parts that the request does not have are empty.
    fn text(&self, text: &Text) -> Result<String, Diagnostic> {
        text.resolve_string(&|name: &str| match self.lookup(name) {
            Some(Value::Null) => Some(Value::String(String::new())),
            other => other,
        })
    }

    fn value(&self, value: &Dynamic) -> Result<Value, Diagnostic> {
        value.resolve(self)
    }
}
