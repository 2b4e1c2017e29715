//! Routes: which one a request is for.

use std::borrow::Cow;

use super::proxy::Target;
use super::redis::Call;
use super::reply::Prepared;
use super::request::Scope;
use super::text::decode;
use crate::base::{Distribution, Value};
use crate::scenario::Mismatch;
use crate::scenario::model::{
    Dynamic, DynamicKind, Expectation, Field, Pattern, Predicate, Segment, Test,
};

/// A route, ready to be matched.
pub(super) struct Route {
    /// The method; `None` is any.
    method: Option<String>,
    segments: Vec<Segment>,
    pub(super) when: Vec<When>,
    pub(super) delay: Option<Distribution>,
    pub(super) set: Vec<(String, Dynamic)>,
    pub(super) add: Vec<(String, i64)>,
    pub(super) action: Action,
    /// Whether matching or answering looks into the body.
    pub(super) needs_body: bool,
}

/// What a route does.
pub(super) enum Action {
    /// Answers.
    Respond(Prepared),
    /// Answers in turn: how often, and what. The index of its counter.
    Sequence(usize, Vec<(u64, Prepared)>),
    /// The index of a collection.
    Collection(usize),
    /// Hands on.
    Proxy(Target),
    /// Asks a redis server.
    Redis(Box<Call>),
    /// Calls a handler of the script: its number, from 1.
    Script(usize),
}

/// A line of `when:`.
pub(super) struct When {
    field: Field,
    predicate: Predicate,
    /// The field is text, but the predicate speaks of numbers: text that reads as one is one.
    numeric: bool,
}

/// How a path fits a route.
pub(super) enum PathFit<'a> {
    /// As the route says.
    Whole,
    /// With one more segment: the id of an item of its collection.
    Item(Cow<'a, str>),
}

impl Route {
    pub(super) fn new(on: &Pattern, when: &[Expectation], action: Action) -> Route {
        let segments = match on.segments.as_slice() {
            [Segment::Literal(text)] if text.is_empty() => Vec::new(),
            segments => segments.to_vec(),
        };
        Route {
            method: on.method.clone(),
            segments,
            when: when.iter().map(When::new).collect(),
            delay: None,
            set: Vec::new(),
            add: Vec::new(),
            action,
            needs_body: false,
        }
    }

    /// A route of a script, of which the handler has that number.
    pub(super) fn scripted(on: &Pattern, at: usize) -> Route {
        Route { needs_body: true, ..Route::new(on, &[], Action::Script(at)) }
    }

    /// Whether it answers `method` where its path fits.
    pub(super) fn takes(&self, method: &str) -> bool {
        self.method.as_deref().is_none_or(|taken| taken == method)
    }

    /// The methods it answers on a path that fits; empty is any.
    pub(super) fn methods(&self, fit: &PathFit<'_>) -> Vec<&str> {
        match (&self.method, &self.action, fit) {
            (Some(method), ..) => vec![method],
            (None, Action::Collection(_), PathFit::Whole) => vec!["GET", "POST"],
            (None, Action::Collection(_), PathFit::Item(_)) => {
                vec!["GET", "PUT", "PATCH", "DELETE"]
            }
            (None, ..) => Vec::new(),
        }
    }

    /// Whether and how `path` fits; the parameters found in it are put into `params`.
    pub(super) fn fit<'a>(
        &'a self,
        path: &'a str,
        params: &mut Vec<(&'a str, Cow<'a, str>)>,
    ) -> Option<PathFit<'a>> {
        params.clear();
        let mut rest = Some(path.strip_prefix('/')?).filter(|rest| !rest.is_empty());
        for segment in &self.segments {
            if let Segment::Rest(name) = segment {
                params.push((name, decode(rest.unwrap_or(""))));
                return Some(PathFit::Whole);
            }
            let (part, after) = match rest?.split_once('/') {
                Some((part, after)) => (part, Some(after)),
                None => (rest?, None),
            };
            match segment {
                Segment::Literal(text) if part == text || decode(part) == text.as_str() => {}
                Segment::Param(name) if !part.is_empty() => params.push((name, decode(part))),
                _ => return None,
            }
            rest = after;
        }
        match (rest, &self.action) {
            (None, _) => Some(PathFit::Whole),
            (Some(id), Action::Collection(_)) if !id.is_empty() && !id.contains('/') => {
                Some(PathFit::Item(decode(id)))
            }
            _ => None,
        }
    }

    /// Whether its `when:` holds.
    pub(super) fn holds(&self, scope: &Scope<'_>) -> bool {
        self.when.iter().all(|when| when.holds(scope))
    }

    /// As it is written: `GET /items/{id}`.
    pub(super) fn show(&self) -> String {
        let mut out = self.method.clone().unwrap_or_else(|| "*".into());
        out.push(' ');
        for segment in &self.segments {
            out.push('/');
            match segment {
                Segment::Literal(text) => out.push_str(text),
                Segment::Param(name) => out.push_str(&format!("{{{name}}}")),
                Segment::Rest(name) => out.push_str(&format!("{{{name}...}}")),
            }
        }
        if self.segments.is_empty() {
            out.push('/');
        }
        out
    }
}

impl When {
    fn new(expectation: &Expectation) -> When {
        When {
            field: expectation.field.value.clone(),
            predicate: expectation.predicate.clone(),
            numeric: matches!(expectation.field.value, Field::Named(_) | Field::Header(_))
                && speaks_of_numbers(&expectation.predicate),
        }
    }

    /// Whether it looks into the body.
    pub(super) fn needs_body(&self) -> bool {
        match &self.field {
            Field::Json(_) => true,
            Field::Named(name) => name == "body",
            Field::Header(_) | Field::Var(_) => false,
        }
    }

    /// A variable without a value is a test that does not hold.
    fn holds(&self, scope: &Scope<'_>) -> bool {
        let mut value = scope.field(&self.field);
        if self.numeric
            && let Some(Value::String(text)) = &value
            && let Ok(number) = text.parse::<serde_json::Number>()
        {
            value = Some(Value::Number(number));
        }
        let tested: Result<(), Mismatch> = self.predicate.test(value.as_ref(), scope);
        tested.is_ok()
    }
}

/// Whether a predicate compares with numbers: then a query's `2` is one, too.
fn speaks_of_numbers(predicate: &Predicate) -> bool {
    let number = |value: &Dynamic| matches!(value.kind, DynamicKind::Scalar(Value::Number(_)));
    predicate.tests.iter().any(|test| match test {
        Test::Equals(value)
        | Test::Gt(value)
        | Test::Gte(value)
        | Test::Lt(value)
        | Test::Lte(value) => number(value),
        Test::In(values) => values.iter().any(number),
        Test::Not(inner) => speaks_of_numbers(inner),
        _ => false,
    })
}
