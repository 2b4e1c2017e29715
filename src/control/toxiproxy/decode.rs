//! Bodies of requests, read as leniently as Toxiproxy reads them: the first JSON value counts, fields
//! that nobody knows are passed over, names of fields may be written in capitals, null means absent.

use serde_json::{Map, Value};

use super::error::ApiError;
use crate::base::ValueKind;

/// The first JSON value of a body.
pub(super) fn first(body: &[u8]) -> Result<Value, ApiError> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    match values.next() {
        None => Err(ApiError::bad_body("EOF")),
        Some(value) => value.map_err(ApiError::bad_body),
    }
}

/// The fields of an object. A value that is null has none.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    /// The fields of `value`, which `what` names.
    pub(super) fn of(value: &'a Value, what: &str) -> Result<Fields<'a>, ApiError> {
        match value {
            Value::Null => Ok(Fields(None)),
            Value::Object(map) => Ok(Fields(Some(map))),
            other => Err(wrong(what, "an object", other)),
        }
    }

    /// A field, unless it is absent or null.
    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        let map = self.0?;
        let exact = map.get(key);
        let found = exact.or_else(|| {
            map.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
        });
        found.filter(|value| !value.is_null())
    }

    pub(super) fn text(self, key: &str) -> Result<Option<String>, ApiError> {
        let text = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            other => Err(wrong(key, "a string", other)),
        };
        self.get(key).map(text).transpose()
    }

    pub(super) fn flag(self, key: &str) -> Result<Option<bool>, ApiError> {
        let flag = |value: &Value| value.as_bool().ok_or_else(|| wrong(key, "a boolean", value));
        self.get(key).map(flag).transpose()
    }

    pub(super) fn number(self, key: &str) -> Result<Option<f64>, ApiError> {
        let number = |value: &Value| value.as_f64().ok_or_else(|| wrong(key, "a number", value));
        self.get(key).map(number).transpose()
    }

    /// A whole number that is not negative.
    pub(super) fn whole(self, key: &str) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let whole = value.as_u64().or_else(|| exact(value.as_f64()?));
        whole.map(Some).ok_or_else(|| wrong(key, "a whole number, not negative", value))
    }

    pub(super) fn list(self, key: &str) -> Result<Option<&'a [Value]>, ApiError> {
        let list = |value: &'a Value| {
            value.as_array().map(Vec::as_slice).ok_or_else(|| wrong(key, "an array", value))
        };
        self.get(key).map(list).transpose()
    }
}

/// `1000.0`, which some languages write for 1000.
fn exact(number: f64) -> Option<u64> {
    /// From here on not every whole number is a float.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.fract() == 0.0 && (0.0..EXACT_MAX).contains(&number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "just checked")]
    let whole = number as u64;
    is_whole.then_some(whole)
}

fn wrong(key: &str, expected: &str, value: &Value) -> ApiError {
    ApiError::bad_body(format!("{key} must be {expected}, not {}", ValueKind::of(value).0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_first_value_is_passed_over() {
        assert_eq!(first(b" {} trailing").unwrap(), serde_json::json!({}));
        assert_eq!(first(b"").unwrap_err().text, "bad request body: EOF");
        assert!(first(b"{").unwrap_err().text.starts_with("bad request body: EOF while parsing"));
        assert!(first(&b"[".repeat(100_000)).is_err(), "depth");
    }

    #[test]
    fn fields_are_found_in_capitals_and_null_is_absent() {
        let value = serde_json::json!({ "Name": "a", "enabled": null, "rate": 7.0, "neg": -1, "half": 0.5 });
        let fields = Fields::of(&value, "the body").unwrap();
        assert_eq!(fields.text("name").unwrap().as_deref(), Some("a"));
        assert_eq!(fields.flag("enabled").unwrap(), None);
        assert_eq!(fields.whole("rate").unwrap(), Some(7));
        assert!(fields.whole("neg").is_err() && fields.whole("half").is_err());
        let wrong = fields.flag("name").unwrap_err();
        assert_eq!(wrong.text, "bad request body: name must be a boolean, not string");
    }
}
