//! `collection:`, resources in memory.
//!
//! ```text
//! P        GET list (?field=value filters), POST creates: 201 and Location
//! P/{id}   GET, PUT replaces or creates, PATCH merges (RFC 7396), DELETE: 204
//! ```
//!
//! Ids count on from the highest number so far, beginning with 1; an item may also bring its own, text
//! or a number. The list is in the order in which items were made. Whatever is wrong with a request leaves the
//! collection as it was.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::limits::{ITEMS_BYTES_MAX, ITEMS_MAX, JSON_MAX};
use super::reply::Reply;
use super::request::Request;
use super::text::{encode, query_pairs};
use crate::base::{Diagnostic, Span, Value};

/// Numbers from here on are ids like text: nothing is counted on from them.
const ID_MAX: u64 = 1 << 53;

type Map = serde_json::Map<String, Value>;

/// The items of one collection.
pub(super) struct Store {
    name: String,
    /// By the order in which they were made.
    items: BTreeMap<u64, Item>,
    /// The place in that order, by the id as text.
    places: BTreeMap<String, u64>,
    next_place: u64,
    next_id: u64,
    bytes: usize,
}

struct Item {
    /// A mapping with an `id`.
    value: Value,
    /// Its length as JSON.
    bytes: usize,
}

/// An answer that says why something cannot be done.
type Refused = Box<Reply>;

impl Store {
    pub(super) fn new(name: &str) -> Store {
        Store {
            name: name.to_owned(),
            items: BTreeMap::new(),
            places: BTreeMap::new(),
            next_place: 0,
            next_id: 1,
            bytes: 0,
        }
    }

    /// Takes out all that it holds.
    pub(super) fn take(&mut self) -> Store {
        let empty = Store::new(&self.name);
        std::mem::replace(self, empty)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Adds an item that is there from the start and stands at `span`.
    pub(super) fn seed(&mut self, item: Value, span: Span) -> Result<(), Diagnostic> {
        let Value::Object(item) = item else {
            return Err(Diagnostic::new("an item of a collection is a mapping", span));
        };
        let given = item.get("id").map(Value::to_string);
        let created = self.create(item);
        created.map(drop).map_err(|refused| {
            let id = given.unwrap_or_default();
            let why = match refused.status {
                409 => format!("the id {id} is given twice in `{}`", self.name),
                507 => format!("`{}` holds more than a collection may", self.name),
                _ => "an id is text or a number".to_owned(),
            };
            Diagnostic::new(why, span)
        })
    }

    /// Does what the request asks of the collection itself, or of the item `id`.
    pub(super) fn answer(&mut self, id: Option<&str>, request: &Request<'_>) -> Reply {
        let done = match (request.head.method(), id) {
            ("GET" | "HEAD", None) => Ok(self.list(request.head.query())),
            ("POST", None) => self.post(request),
            ("GET" | "HEAD", Some(id)) => self.get(id),
            ("PUT", Some(id)) => self.put(id, request.body),
            ("PATCH", Some(id)) => self.patch(id, request.body),
            ("DELETE", Some(id)) => self.delete(id),
            ("OPTIONS", _) => Ok(Reply::empty(204).header("Allow", allow(id))),
            (method, _) => {
                let why = format!("{} answers {}, not {method}", request.head.path(), allow(id));
                Ok(Reply::error(405, why).header("Allow", allow(id)))
            }
        };
        done.unwrap_or_else(|refused| *refused)
    }

    /// The items of which each field that the query names has the value that it gives.
    fn list(&self, query: &str) -> Reply {
        let wanted: Vec<(Cow<'_, str>, Cow<'_, str>)> = query_pairs(query).collect();
        let fits = |item: &&Item| {
            wanted.iter().all(|(field, wanted)| match item.value.get(field.as_ref()) {
                Some(Value::String(text)) => text == wanted,
                Some(other) => other.to_string() == *wanted,
                None => false,
            })
        };
        Reply::json_list(self.items.values().filter(fits).map(|item| &item.value))
    }

    fn post(&mut self, request: &Request<'_>) -> Result<Reply, Refused> {
        let item = self.create(object(request.body)?)?;
        let location = match item.get("id").and_then(key) {
            Some(id) => format!("{}/{}", request.head.path().trim_end_matches('/'), encode(&id)),
            None => String::new(),
        };
        Ok(Reply::json(201, item).header("Location", &location))
    }

    fn get(&self, id: &str) -> Result<Reply, Refused> {
        Ok(Reply::json(200, &self.item(id)?.value))
    }

    fn put(&mut self, id: &str, body: &[u8]) -> Result<Reply, Refused> {
        let mut item = object(body)?;
        if let Some(place) = self.places.get(id).copied() {
            self.keep_id(id, &mut item)?;
            return Ok(Reply::json(200, self.replace(place, item)?));
        }
        match item.get("id") {
            Some(given) if key(given).as_deref() != Some(id) => return Err(other_id(id, given)),
            Some(_) => {}
            None => {
                let number = id.parse::<u64>().ok().filter(|n| n.to_string() == id);
                item.insert("id".into(), number.map_or_else(|| Value::from(id), Value::from));
            }
        }
        Ok(Reply::json(201, self.create(item)?))
    }

    fn patch(&mut self, id: &str, body: &[u8]) -> Result<Reply, Refused> {
        let patch = object(body)?;
        let place = self.place(id)?;
        let mut item = match &self.item(id)?.value {
            Value::Object(item) => item.clone(),
            _ => Map::new(),
        };
        merge(&mut item, patch);
        self.keep_id(id, &mut item)?;
        Ok(Reply::json(200, self.replace(place, item)?))
    }

    fn delete(&mut self, id: &str) -> Result<Reply, Refused> {
        let place = self.place(id)?;
        self.places.remove(id);
        if let Some(item) = self.items.remove(&place) {
            self.bytes -= item.bytes;
        }
        Ok(Reply::empty(204))
    }

    /// Adds an item, under its own id or the next one.
    fn create(&mut self, mut item: Map) -> Result<&Value, Refused> {
        let id = match item.shift_remove("id") {
            Some(id) => id,
            None => {
                while self.places.contains_key(&self.next_id.to_string()) {
                    self.next_id += 1;
                }
                Value::from(self.next_id)
            }
        };
        let Some(key) = key(&id) else {
            return Err(Reply::error(400, "an id is text or a number").into());
        };
        if self.places.contains_key(&key) {
            let why = format!("`{}` has an item {key} already", self.name);
            return Err(Reply::error(409, why).into());
        }
        if self.items.len() >= ITEMS_MAX {
            let why = format!("`{}` holds {ITEMS_MAX} items, which is all it may", self.name);
            return Err(Reply::error(507, why).into());
        }
        let number = id.as_u64().filter(|n| *n < ID_MAX);
        let item = self.weigh(with_id(id, item), 0)?;
        self.bytes += item.bytes;
        self.next_id = self.next_id.max(number.map_or(0, |n| n + 1));
        self.places.insert(key, self.next_place);
        let place = self.next_place;
        self.next_place += 1;
        Ok(&self.items.entry(place).or_insert(item).value)
    }

    fn replace(&mut self, place: u64, item: Map) -> Result<&Value, Refused> {
        let old = self.items.get(&place).map_or(0, |item| item.bytes);
        let item = self.weigh(Value::Object(item), old)?;
        self.bytes = self.bytes - old + item.bytes;
        self.items.insert(place, item);
        Ok(&self.items[&place].value)
    }

    /// An item that fits into the collection when `freed` bytes of it are gone.
    fn weigh(&self, value: Value, freed: usize) -> Result<Item, Refused> {
        let bytes = value.to_string().len();
        if self.bytes - freed + bytes > ITEMS_BYTES_MAX {
            let why = format!("`{}` would be larger than 64 MiB", self.name);
            return Err(Reply::error(507, why).into());
        }
        Ok(Item { value, bytes })
    }

    fn place(&self, id: &str) -> Result<u64, Refused> {
        self.places
            .get(id)
            .copied()
            .ok_or_else(|| Reply::error(404, format!("`{}` has no item {id}", self.name)).into())
    }

    fn item(&self, id: &str) -> Result<&Item, Refused> {
        Ok(&self.items[&self.place(id)?])
    }

    /// Puts the id that the stored item has into the one that takes its place.
    fn keep_id(&self, id: &str, item: &mut Map) -> Result<(), Refused> {
        if let Some(given) = item.shift_remove("id")
            && key(&given).as_deref() != Some(id)
        {
            return Err(other_id(id, &given));
        }
        let stored = self.item(id)?.value["id"].clone();
        if let Value::Object(whole) = with_id(stored, std::mem::take(item)) {
            *item = whole;
        }
        Ok(())
    }
}

fn allow(id: Option<&str>) -> &'static str {
    match id {
        None => "GET, HEAD, POST, OPTIONS",
        Some(_) => "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
    }
}

/// An id as it stands in a path.
fn key(id: &Value) -> Option<String> {
    match id {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The item with its id in front.
fn with_id(id: Value, item: Map) -> Value {
    let mut whole = Map::new();
    whole.insert("id".into(), id);
    whole.extend(item);
    Value::Object(whole)
}

fn other_id(id: &str, given: &Value) -> Refused {
    Reply::error(409, format!("the item at this path has the id {id}, not {given}")).into()
}

/// The mapping that a body holds.
fn object(body: &[u8]) -> Result<Map, Refused> {
    if body.len() > JSON_MAX {
        return Err(Reply::error(413, "an item is at most 4 MiB of JSON").into());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(item)) => Ok(item),
        Ok(_) => Err(Reply::error(400, "an item is a JSON object: {\"name\": \"...\"}").into()),
        Err(error) => Err(Reply::error(400, format!("the body is not JSON: {error}")).into()),
    }
}

/// Merges as RFC 7396 says: null removes, objects merge, all else replaces.
fn merge(item: &mut Map, patch: Map) {
    for (name, value) in patch {
        match (value, item.get_mut(&name)) {
            (Value::Null, _) => {
                item.shift_remove(&name);
            }
            (Value::Object(patch), Some(Value::Object(inner))) => merge(inner, patch),
            (Value::Object(patch), _) => {
                let mut inner = Map::new();
                merge(&mut inner, patch);
                item.insert(name, Value::Object(inner));
            }
            (value, _) => {
                item.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The examples of RFC 7396, appendix A, whose target and patch are objects.
    #[test]
    fn patches_merge_as_the_standard_says() {
        for (target, patch, merged) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let (Value::Object(mut item), Value::Object(patch)) = (target, patch) else {
                panic!("not objects");
            };
            merge(&mut item, patch);
            assert_eq!(Value::Object(item), merged);
        }
    }

    #[test]
    fn ids_are_never_given_twice() {
        let mut store = Store::new("items");
        let nowhere = Span::default();
        store.seed(json!({"id": 2}), nowhere).unwrap();
        store.seed(json!({"id": u64::MAX}), nowhere).unwrap();
        assert_eq!(store.create(Map::new()).unwrap()["id"], 3);
        assert!(store.delete("3").is_ok());
        assert_eq!(store.create(Map::new()).unwrap()["id"], 4);
        assert!(store.seed(json!({"id": 4}), nowhere).unwrap_err().message.contains("twice"));
        assert!(store.seed(json!({"id": []}), nowhere).unwrap_err().message.contains("an id is"));
    }
}
