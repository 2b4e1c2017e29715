//! Forms: how a word of the language is written, declared once.
//!
//! ```text
//!              ┌─ read:  a node of the tree -> a typed value, or diagnostics
//! a Form  ─────┤
//!              └─ shape: a piece of the JSON Schema and a phrase for the reference
//! ```
//!
//! A mapping is a [`Record`]: one function that asks [`Fields`] for each of its keys. The same
//! function runs over a mapping of the file, where `Fields` reads, and over nothing at all, where
//! `Fields` writes down what it is asked for. So the reader, the schema and the reference cannot
//! say different things.

mod book;
mod collections;
mod fields;
mod places;
mod quantity;
mod reading;
mod scalars;
mod variants;

pub(crate) use book::{Book, Chapter, Content, Entry, FieldDoc, VariantDoc};
pub(crate) use collections::{Keys, kept, list, named, one_or_many, pairs};
pub(crate) use fields::{Fields, MERGE, Record, record};
pub(crate) use places::Places;
pub(crate) use quantity::{BANDWIDTH, DURATION, RATE, SHARE, SIZE, bytes};
pub(crate) use reading::{Beside, Reading};
pub(crate) use scalars::{
    BOOLEAN, DYNAMIC, NAME, PROSE, STRING, TEXT, bad_name, decimal, integer, located, name_of,
    plain_text, read_text, setting, word,
};
pub(crate) use variants::{Select, Variant, Variants, variants};

use super::tree::Node;
use crate::base::Value;

/// How a value of type [`Form::Value`] is written.
pub(crate) trait Form {
    /// What reading it gives.
    type Value;

    /// Reads `node`. `None` means that at least one diagnostic has been recorded, and a value that
    /// nothing is wrong with it; but for [`named`] and [`kept`], which give what they could read.
    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Self::Value>;

    /// What one of it is called, if it has a name that makes a plural: `step`.
    fn noun(&self) -> &'static str {
        ""
    }

    /// How it is written, for the schema and the reference.
    fn shape(&self, book: &mut Book) -> Shape;
}

/// A form as the schema and the reference show it.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// Its JSON Schema.
    pub(crate) schema: Value,
    /// A phrase in Markdown: `a [duration](#duration)`.
    pub(crate) label: String,
}

impl Shape {
    pub(crate) fn new(schema: Value, label: impl Into<String>) -> Shape {
        Shape { schema, label: label.into() }
    }
}

/// `name` with its article.
pub(crate) fn a(name: &str) -> String {
    let vowel = name.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O']);
    let spelt = name.starts_with("http") || name.starts_with("HTTP");
    let article = if (vowel || spelt) && !name.starts_with("use") { "an" } else { "a" };
    format!("{article} {name}")
}
