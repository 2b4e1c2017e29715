//! The JSON Schema of the language, from the declarations that also read it.
//!
//! It says what a file may look like: keys, types, ranges, which keys exclude one another. What needs
//! the whole file to be known (names that lead somewhere, variables with a value, the order of steps)
//! only the program itself can say.

use serde_json::{Map, json};

use super::form::{Book, Chapter, Content, FieldDoc, Form, record};
use super::model::Scenario;
use crate::base::Value;

/// The JSON Schema (draft 2020-12) of a scenario file.
///
/// ```
/// let schema = looplab::scenario::schema();
/// assert_eq!(schema["$defs"]["scenario"]["required"][0], "looplab");
/// ```
#[must_use]
pub fn schema() -> Value {
    let mut book = Book::default();
    let root = record::<Scenario>().shape(&mut book);
    let mut defs = Map::new();
    for chapter in &book.chapters {
        let anchor = anchor(chapter.entry().name);
        match chapter {
            Chapter::Begun(_) => {}
            Chapter::Plain(entry, schema) => {
                defs.insert(anchor, described(schema.clone(), entry.doc));
            }
            Chapter::Record(entry, content) => {
                defs.insert(anchor, object(entry.doc, content));
            }
            Chapter::Variants(entry, _, variants) => {
                let refs = variants.iter().map(|variant| {
                    json!({ "$ref": format!("#/$defs/{}", self::anchor(variant.entry.name)) })
                });
                let choice = json!({ "type": "object", "oneOf": refs.collect::<Vec<_>>() });
                defs.insert(anchor, described(choice, entry.doc));
                for variant in variants {
                    let schema = object(variant.entry.doc, &variant.content);
                    defs.insert(self::anchor(variant.entry.name), schema);
                }
            }
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "looplab scenario",
        "$ref": root.schema["$ref"],
        "$defs": defs,
    })
}

/// The key of a form among the definitions, and its place in the reference.
pub(super) fn anchor(name: &str) -> String {
    name.replace(' ', "-")
}

fn object(doc: &str, content: &Content) -> Value {
    let mut properties = Map::new();
    for field in &content.fields {
        properties.insert(field.key.to_owned(), property(field));
    }
    let required: Vec<&str> =
        content.fields.iter().filter(|field| field.required).map(|field| field.key).collect();
    let mut schema = described(json!({ "type": "object" }), doc);
    schema["properties"] = Value::Object(properties);
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema["additionalProperties"] = false.into();
    let rules = rules(content);
    if !rules.is_empty() {
        schema["allOf"] = rules.into();
    }
    schema
}

/// Which keys exclude one another, and of which one at least is needed.
fn rules(content: &Content) -> Vec<Value> {
    let present = |key: &&str| json!({ "required": [key] });
    let mut rules = Vec::new();
    for (keys, needed) in &content.exclusive {
        let mut choices: Vec<Value> = keys.iter().map(present).collect();
        if !needed {
            choices.push(json!({ "not": { "anyOf": choices } }));
        }
        rules.push(json!({ "oneOf": choices }));
    }
    for keys in &content.needed {
        rules.push(json!({ "anyOf": keys.iter().map(present).collect::<Vec<_>>() }));
    }
    rules
}

fn property(field: &FieldDoc) -> Value {
    let mut schema = described(field.shape.schema.clone(), field.doc);
    if let Some(default) = field.default {
        let value = serde_json::from_str(default).unwrap_or_else(|_| Value::from(default));
        schema["default"] = value;
    }
    schema
}

/// A schema with a description in plain text.
fn described(schema: Value, doc: &str) -> Value {
    let mut described = match schema {
        Value::Object(fields) => Value::Object(fields),
        _ => json!({}),
    };
    described["description"] = plain(doc).into();
    described
}

/// Markdown without the addresses of its links.
fn plain(doc: &str) -> String {
    let mut out = String::new();
    let mut rest = doc;
    while let Some((before, behind)) = rest.split_once("](#") {
        let (head, label) = before.rsplit_once('[').unwrap_or((before, ""));
        out.push_str(head);
        out.push_str(label);
        rest = behind.split_once(')').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_taken_out_of_descriptions() {
        assert_eq!(plain("a [duration](#duration), or `[x]`"), "a duration, or `[x]`");
        assert_eq!(plain("[a](#b) and [`c`](#d)"), "a and `c`");
        assert_eq!(plain("nothing"), "nothing");
    }

    #[test]
    fn every_reference_in_the_schema_leads_to_a_definition() {
        fn check(value: &Value, defs: &Value) {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(address)) = fields.get("$ref") {
                        let name = address.strip_prefix("#/$defs/").expect("a local reference");
                        assert!(defs.get(name).is_some(), "{address}");
                    }
                    fields.values().for_each(|value| check(value, defs));
                }
                Value::Array(items) => items.iter().for_each(|item| check(item, defs)),
                _ => {}
            }
        }
        let schema = schema();
        check(&schema, &schema["$defs"]);
    }
}
