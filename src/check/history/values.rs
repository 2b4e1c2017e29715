//! Values as small numbers, so that comparing two of them is comparing two integers.
//!
//! Values are the same if their texts are: `9` and `"9"` are one value, for a server that knows only texts
//! (Redis) answers `"9"` to whoever wrote `9`. Null is a value of its own, which no text is.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::base::Value;

/// A value of a history.
pub(super) type ValueId = u32;

/// Null.
pub(super) const NULL: ValueId = 0;

/// All values that were met, each once.
#[derive(Debug)]
pub(super) struct Values {
    ids: BTreeMap<Box<str>, ValueId>,
    texts: Vec<Box<str>>,
}

impl Values {
    pub(super) fn new() -> Values {
        Values { ids: BTreeMap::new(), texts: vec!["null".into()] }
    }

    /// The number of `value`.
    pub(super) fn id(&mut self, value: &Value) -> ValueId {
        if value.is_null() {
            return NULL;
        }
        let text = text(value);
        if let Some(id) = self.ids.get(text.as_ref()) {
            return *id;
        }
        let id = ValueId::try_from(self.texts.len()).unwrap_or(ValueId::MAX);
        let text: Box<str> = text.into();
        self.ids.insert(text.clone(), id);
        self.texts.push(text);
        id
    }

    /// The text of a value.
    pub(super) fn text(&self, id: ValueId) -> &str {
        self.texts.get(id as usize).map_or("", |text| text)
    }
}

/// A value's text: what a server that knows only texts would make of it.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Number(number) => Cow::Owned(match number.as_f64() {
            // 9.0 is 9, as far as fractions can be told.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                format!("{float:.0}")
            }
            _ => number.to_string(),
        }),
        other => Cow::Owned(other.to_string()),
    }
}

/// A whole number, also one that stands in a text.
pub(super) fn integer(value: &Value) -> Option<i64> {
    text(value).parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_and_its_text_are_one_value_and_null_is_no_text() {
        let mut values = Values::new();
        let nine = values.id(&json!(9));
        assert_eq!(values.id(&json!("9")), nine);
        assert_eq!(values.id(&json!(9.0)), nine);
        assert_ne!(values.id(&json!(9.5)), nine);
        assert_eq!(values.id(&Value::Null), NULL);
        assert_ne!(values.id(&json!("null")), NULL);
        assert_eq!(values.text(nine), "9");
        assert_eq!(integer(&json!("-3")), Some(-3));
        assert_eq!(integer(&json!([1])), None);
    }
}
