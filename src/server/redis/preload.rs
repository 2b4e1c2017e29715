//! What a server holds when it starts.

use super::data::{End, Hash, List, Value as Held};
use super::engine::Engine;
use crate::base::{Value, ValueKind};

/// Why something cannot be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadData {
    /// The key.
    pub key: String,
    /// What is wrong with its value.
    pub why: String,
}

impl std::fmt::Display for BadData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the key `{}` cannot hold {}", self.key, self.why)
    }
}

impl std::error::Error for BadData {}

impl Engine {
    /// Puts `data` into database 0: a text, a number or a boolean as a string, a list as a list, a
    /// mapping as a hash. An empty list or mapping is no key, as in Redis.
    ///
    /// # Errors
    /// [`BadData`] for `null`, and for lists and mappings within others.
    pub fn preload<'a>(
        &mut self,
        data: impl IntoIterator<Item = (&'a str, &'a Value)>,
    ) -> Result<(), BadData> {
        for (key, value) in data {
            let bad = |why: String| BadData { key: key.to_owned(), why };
            let held = match value {
                Value::Array(items) => {
                    let mut list = List::default();
                    for item in items {
                        list.push(End::Right, text(item).map_err(bad)?.as_bytes());
                    }
                    Held::List(list)
                }
                Value::Object(fields) => {
                    let mut hash = Hash::default();
                    for (field, item) in fields {
                        hash.set(field.as_bytes(), text(item).map_err(bad)?.as_bytes());
                    }
                    Held::Hash(hash)
                }
                scalar => Held::Text(text(scalar).map_err(bad)?.into_bytes()),
            };
            let empty = match &held {
                Held::List(list) => list.len() == 0,
                Held::Hash(hash) => hash.len() == 0,
                _ => false,
            };
            if !empty {
                self.dbs[0].put(key.as_bytes(), held, None);
            }
        }
        Ok(())
    }
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        other => Err(match ValueKind::of(other) {
            ValueKind("null") => "null".to_owned(),
            ValueKind(kind) => format!("an {kind} within a list or a mapping"),
        }),
    }
}
