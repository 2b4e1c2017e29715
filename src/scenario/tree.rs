//! The located tree: what a YAML document holds, every node with its place.
//!
//! ```text
//! Node = span + scalar (typed by YAML 1.2's core schema, its text kept)
//!             | sequence of nodes
//!             | mapping of (key, node), keys unique, in the order of the file
//! ```
//!
//! Nodes are shared, not copied, where an alias repeats them; how much a tree amounts to with all
//! its aliases followed is bounded by the reader in [`super::yaml`].

use std::rc::Rc;

use crate::base::{Located, Span, Value};

/// A value of the document and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The whole of it, quotes and brackets included.
    pub(crate) span: Span,
    content: Rc<Content>,
}

/// What a [`Node`] is.
#[derive(Debug)]
pub(crate) enum Content {
    /// A scalar.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping; no key twice.
    Mapping {
        /// Its entries, in the order of the file.
        entries: Vec<(Located<String>, Node)>,
        /// Keys that were reported and left out with their values: those given twice, and empty ones
        /// in the place of keys that are not text.
        refused: Vec<String>,
    },
    /// Something that was reported and cannot be read.
    Broken,
}

/// A scalar: typed, and as it was written.
#[derive(Debug)]
pub(crate) struct Scalar {
    /// By the core schema: null, a boolean, a number or a string.
    pub(crate) value: Value,
    /// Its text after escapes and folding.
    pub(crate) text: String,
}

impl Node {
    pub(crate) fn new(span: Span, content: Content) -> Node {
        Node { span, content: Rc::new(content) }
    }

    pub(crate) fn content(&self) -> &Content {
        &self.content
    }

    /// The entries, if it is a mapping.
    pub(crate) fn entries(&self) -> Option<&[(Located<String>, Node)]> {
        match self.content() {
            Content::Mapping { entries, .. } => Some(entries),
            _ => None,
        }
    }

    /// The keys of a mapping that were left out, with their values.
    pub(crate) fn refused(&self) -> &[String] {
        match self.content() {
            Content::Mapping { refused, .. } => refused,
            _ => &[],
        }
    }

    /// The scalar, if it is one.
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match self.content() {
            Content::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text, if it is a string (not a number or a boolean).
    pub(crate) fn string(&self) -> Option<&str> {
        self.scalar().filter(|scalar| scalar.value.is_string()).map(|scalar| scalar.text.as_str())
    }

    /// The value under `key`, if it is a mapping that has one.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|(name, _)| name.value == key).map(|(_, value)| value)
    }

    /// What it is, for a message: `a list`, `the number 5`.
    pub(crate) fn described(&self) -> String {
        match self.content() {
            Content::Sequence(_) => "a list".into(),
            Content::Mapping { .. } => "a mapping".into(),
            Content::Broken => "something else".into(),
            Content::Scalar(scalar) => match &scalar.value {
                Value::Null => "nothing".into(),
                Value::Bool(value) => format!("`{value}`"),
                Value::Number(_) => format!("the number {}", shortened(&scalar.text)),
                _ => format!("the text `{}`", shortened(&scalar.text)),
            },
        }
    }

    /// The tree as a JSON value, for validating it against the schema.
    #[cfg(test)]
    pub(crate) fn to_value(&self) -> Value {
        match self.content() {
            Content::Broken => Value::Null,
            Content::Scalar(scalar) => scalar.value.clone(),
            Content::Sequence(items) => items.iter().map(Node::to_value).collect(),
            Content::Mapping { entries, .. } => Value::Object(
                entries.iter().map(|(key, value)| (key.value.clone(), value.to_value())).collect(),
            ),
        }
    }
}

/// The most characters of somebody's text that a message repeats.
const SHOWN_MAX: usize = 48;

/// `text` on one line and not too long, for a message.
pub(crate) fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let cut = line.char_indices().nth(SHOWN_MAX).map(|(at, _)| at);
    match cut {
        Some(at) => format!("{}…", &line[..at]),
        None if line.len() < text.trim_end_matches('\n').len() => format!("{line}…"),
        None => line.to_owned(),
    }
}
