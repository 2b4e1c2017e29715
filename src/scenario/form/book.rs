//! What a description of the language gathers: one chapter a named form.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Fields, Record, Select, Shape, Variants};
use crate::base::Value;

/// What is said about a form that has a name of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Its name as it stands in sentences: `route`, `http server`.
    pub(crate) name: &'static str,
    /// Sentences about it, in Markdown.
    pub(crate) doc: &'static str,
    /// YAML that shows it; may be empty.
    pub(crate) example: &'static str,
}

/// One key of a mapping, described.
#[derive(Debug, Clone)]
pub(crate) struct FieldDoc {
    pub(crate) key: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    pub(crate) default: Option<&'static str>,
    pub(crate) doc: &'static str,
}

/// One alternative, described.
#[derive(Debug, Clone)]
pub(crate) struct VariantDoc {
    pub(crate) keys: &'static [&'static str],
    pub(crate) entry: Entry,
    pub(crate) content: Content,
}

/// What a mapping holds: its keys, and which of them exclude one another.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    pub(crate) fields: Vec<FieldDoc>,
    /// Of each of these groups a mapping has at most one key; exactly one if the flag is set.
    pub(crate) exclusive: Vec<(Vec<&'static str>, bool)>,
    /// Of each of these groups a mapping has at least one key.
    pub(crate) needed: Vec<Vec<&'static str>>,
}

/// A chapter of the book.
#[derive(Debug, Clone)]
pub(crate) enum Chapter {
    /// Not yet written: its form is being described.
    Begun(Entry),
    /// A mapping.
    Record(Entry, Content),
    /// A mapping that comes in several kinds.
    Variants(Entry, Select, Vec<VariantDoc>),
    /// Anything else, by its schema.
    Plain(Entry, Value),
}

impl Chapter {
    pub(crate) fn entry(&self) -> &Entry {
        match self {
            Chapter::Begun(entry)
            | Chapter::Record(entry, _)
            | Chapter::Variants(entry, ..)
            | Chapter::Plain(entry, _) => entry,
        }
    }
}

/// All chapters, in the order in which they were first named.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) chapters: Vec<Chapter>,
    index: BTreeMap<&'static str, usize>,
}

impl Book {
    /// Describes a record, once.
    pub(crate) fn record<T: Record>(&mut self) -> Shape {
        self.chapter(T::ENTRY, |book| {
            let mut fields = Fields::describing(book);
            T::fields(&mut fields);
            let content = fields.described();
            Chapter::Record(T::ENTRY, content)
        })
    }

    /// Describes alternatives, once.
    pub(crate) fn variants<T: Variants>(&mut self) -> Shape {
        self.chapter(T::ENTRY, |book| {
            let mut docs = Vec::new();
            for variant in T::variants() {
                let mut fields = Fields::describing(book);
                if let Select::Word(under) = T::SELECT {
                    fields.select(under, variant.keys);
                }
                for key in variant.keys {
                    (variant.fields)(&mut fields, key);
                }
                let mut content = fields.described();
                if let Select::Key = T::SELECT
                    && variant.keys.len() > 1
                {
                    for field in &mut content.fields {
                        field.required &= !variant.keys.contains(&field.key);
                    }
                    content.exclusive.push((variant.keys.to_vec(), true));
                }
                docs.push(VariantDoc { keys: variant.keys, entry: variant.entry, content });
            }
            Chapter::Variants(T::ENTRY, T::SELECT, docs)
        })
    }

    /// Describes any other named form, once.
    pub(crate) fn plain(&mut self, entry: Entry, schema: impl FnOnce(&mut Book) -> Value) -> Shape {
        self.chapter(entry, |book| {
            let schema = schema(book);
            Chapter::Plain(entry, schema)
        })
    }

    fn chapter(&mut self, entry: Entry, write: impl FnOnce(&mut Book) -> Chapter) -> Shape {
        if !self.index.contains_key(entry.name) {
            let at = self.chapters.len();
            self.index.insert(entry.name, at);
            self.chapters.push(Chapter::Begun(entry));
            self.chapters[at] = write(self);
        }
        let anchor = entry.name.replace(' ', "-");
        Shape::new(
            json!({ "$ref": format!("#/$defs/{anchor}") }),
            format!("[{}](#{anchor})", entry.name),
        )
    }
}
