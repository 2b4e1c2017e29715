//! One set of predicates for matching, `expect` and `checks`.

use std::cmp::Ordering;

use super::Lookup;
use super::model::{Predicate, Test};
use crate::base::{Diagnostic, Value, ValueKind};

/// Why a value is not what was expected.
#[derive(Debug, Clone, PartialEq)]
pub enum Mismatch {
    /// The value differs: a clause such as `expected 200, got 404`.
    Differs(String),
    /// The predicate itself could not be resolved.
    Unresolved(Diagnostic),
}

impl From<Diagnostic> for Mismatch {
    fn from(diagnostic: Diagnostic) -> Mismatch {
        Mismatch::Unresolved(diagnostic)
    }
}

/// The longest value that is shown in a message, in characters.
const SHOWN_MAX: usize = 200;

impl Predicate {
    /// Tests `actual`, which is `None` where there is no such field.
    ///
    /// # Errors
    /// The first test that does not hold, or a variable without a value.
    pub fn test(&self, actual: Option<&Value>, scope: &dyn Lookup) -> Result<(), Mismatch> {
        self.tests.iter().try_for_each(|test| test.test(actual, scope))
    }
}

impl Test {
    fn test(&self, actual: Option<&Value>, scope: &dyn Lookup) -> Result<(), Mismatch> {
        if let Test::Exists(wanted) = self {
            return match (actual, wanted) {
                (Some(value), false) => differs(format!("expected nothing, got {}", show(value))),
                (None, true) => differs("expected a value, but there is none".into()),
                _ => Ok(()),
            };
        }
        if let Test::Not(inner) = self {
            return match inner.test(actual, scope) {
                Err(Mismatch::Differs(_)) => Ok(()),
                Err(unresolved) => Err(unresolved),
                Ok(()) => differs(format!("got {}, which must not be", show_or_none(actual))),
            };
        }
        let Some(value) = actual else {
            return differs(format!("{}, but there is no value", self.wish(scope)?));
        };
        let holds = match self {
            Test::Equals(wanted) => equal(value, &wanted.resolve(scope)?),
            Test::Contains(part) => contains(value, &part.resolve(scope)?),
            Test::StartsWith(prefix) => match (value, prefix.resolve(scope)?) {
                (Value::String(text), Value::String(prefix)) => text.starts_with(&prefix),
                _ => false,
            },
            Test::Matches(regex) => match value {
                Value::String(text) => regex.is_match(text),
                other => regex.is_match(&other.to_string()),
            },
            Test::Gt(bound) => order(value, &bound.resolve(scope)?) == Some(Ordering::Greater),
            Test::Gte(bound) => {
                matches!(
                    order(value, &bound.resolve(scope)?),
                    Some(Ordering::Greater | Ordering::Equal)
                )
            }
            Test::Lt(bound) => order(value, &bound.resolve(scope)?) == Some(Ordering::Less),
            Test::Lte(bound) => {
                matches!(
                    order(value, &bound.resolve(scope)?),
                    Some(Ordering::Less | Ordering::Equal)
                )
            }
            Test::In(options) => {
                let mut found = false;
                for option in options {
                    found |= equal(value, &option.resolve(scope)?);
                }
                found
            }
            Test::Length(inner) => {
                let length = match value {
                    Value::String(text) => text.chars().count(),
                    Value::Array(items) => items.len(),
                    Value::Object(fields) => fields.len(),
                    other => return differs(format!("expected a length, got {}", show(other))),
                };
                return inner.test(Some(&Value::from(length)), scope).map_err(|why| match why {
                    Mismatch::Differs(text) => Mismatch::Differs(format!("length: {text}")),
                    unresolved @ Mismatch::Unresolved(_) => unresolved,
                });
            }
            Test::Type(kind) => ValueKind::of(value).0 == *kind,
            Test::Exists(_) | Test::Not(_) => true,
        };
        if holds { Ok(()) } else { differs(format!("{}, got {}", self.wish(scope)?, show(value))) }
    }

    /// The expectation as a clause: `expected 200`, `expected less than 5`.
    fn wish(&self, scope: &dyn Lookup) -> Result<String, Diagnostic> {
        Ok(match self {
            Test::Equals(wanted) => format!("expected {}", show(&wanted.resolve(scope)?)),
            Test::Contains(part) => format!("expected to contain {}", show(&part.resolve(scope)?)),
            Test::StartsWith(prefix) => {
                format!("expected to start with {}", show(&prefix.resolve(scope)?))
            }
            Test::Matches(regex) => format!("expected to match /{regex}/"),
            Test::Gt(bound) => format!("expected more than {}", show(&bound.resolve(scope)?)),
            Test::Gte(bound) => format!("expected at least {}", show(&bound.resolve(scope)?)),
            Test::Lt(bound) => format!("expected less than {}", show(&bound.resolve(scope)?)),
            Test::Lte(bound) => format!("expected at most {}", show(&bound.resolve(scope)?)),
            Test::In(options) => {
                let options: Vec<Value> =
                    options.iter().map(|option| option.resolve(scope)).collect::<Result<_, _>>()?;
                format!("expected one of {}", show(&Value::Array(options)))
            }
            Test::Length(_) => "expected a length".into(),
            Test::Type(kind) => format!("expected the type {kind}"),
            Test::Exists(_) => "expected a value".into(),
            Test::Not(_) => "expected another value".into(),
        })
    }
}

fn differs(text: String) -> Result<(), Mismatch> {
    Err(Mismatch::Differs(text))
}

fn show_or_none(value: Option<&Value>) -> String {
    value.map_or_else(|| "no value".into(), show)
}

/// A value for a message: JSON, cut after [`SHOWN_MAX`] characters.
fn show(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

/// JSON equality, numbers by value: `1` and `1.0` are equal.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => order(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| equal(value, other)))
        }
        _ => a == b,
    }
}

fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Array(items), part) => items.iter().any(|item| equal(item, part)),
        (Value::Object(fields), Value::String(key)) => fields.contains_key(key),
        _ => false,
    }
}

/// Numbers by value, strings by their characters; anything else has no order.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => Some(x.cmp(&y)),
            _ => match (x.as_u64(), y.as_u64()) {
                (Some(x), Some(y)) => Some(x.cmp(&y)),
                _ => x.as_f64()?.partial_cmp(&y.as_f64()?),
            },
        },
        (Value::String(x), Value::String(y)) => Some(x.cmp(y)),
        _ => None,
    }
}
