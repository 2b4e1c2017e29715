//! Lists, and mappings whose keys are names of the user's own.

use serde_json::json;

use super::super::outline::Role;
use super::super::tree::{Content, Node, shortened};
use super::scalars::{NAME_PATTERN, bad_name};
use super::{Book, Form, MERGE, Reading, Shape};
use crate::base::{Diagnostic, Located};

/// A list of a form.
pub(crate) struct List<F> {
    form: F,
    /// A value that is not a list stands for a list of one.
    one: bool,
    /// Elements that could not be read are left out.
    kept: bool,
}

/// A list of `form`.
pub(crate) fn list<F: Form>(form: F) -> List<F> {
    List { form, one: false, kept: false }
}

/// A list of `form`, or one of it.
pub(crate) fn one_or_many<F: Form>(form: F) -> List<F> {
    List { form, one: true, kept: false }
}

/// A list of `form` of which those are kept that could be read.
pub(crate) fn kept<F: Form>(form: F) -> List<F> {
    List { form, one: false, kept: true }
}

impl<F: Form> Form for List<F> {
    type Value = Vec<F::Value>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Vec<F::Value>> {
        match node.content() {
            Content::Sequence(items) => {
                let read: Vec<_> = items.iter().map(|item| self.form.read(item, reading)).collect();
                if self.kept {
                    return Some(read.into_iter().flatten().collect());
                }
                read.into_iter().collect()
            }
            _ if self.one => self.form.read(node, reading).map(|value| vec![value]),
            _ => reading.expected(&of("a list", "of", self.form.noun()), node),
        }
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let inner = self.form.shape(book);
        let many = json!({ "type": "array", "items": inner.schema });
        if self.one {
            let schema = json!({ "anyOf": [inner.schema, many] });
            return Shape::new(schema, format!("{}, or a list", inner.label));
        }
        Shape::new(many, format!("list of {}", plural(&inner.label)))
    }
}

/// Which keys a mapping of the user's own may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Names: things that other places refer to.
    Names,
    /// The names of things that the file declares elsewhere.
    Of(Role),
    /// Any text.
    Any,
}

/// A mapping from the user's own keys to a form.
pub(crate) struct Pairs<F> {
    keys: Keys,
    form: F,
}

/// A mapping from the user's own keys to `form`.
pub(crate) fn pairs<F: Form>(keys: Keys, form: F) -> Pairs<F> {
    Pairs { keys, form }
}

/// The entries of a mapping, by their keys.
type Entries<T> = Vec<(Located<String>, T)>;

impl<F: Form> Pairs<F> {
    /// The entries that could be read, and whether these are all.
    fn entries(&self, node: &Node, reading: &mut Reading<'_>) -> Option<(Entries<F::Value>, bool)> {
        let Some(entries) = node.entries() else {
            return reading.expected(&of("a mapping", "of names to", self.form.noun()), node);
        };
        let (mut read, mut whole) = (Vec::new(), node.refused().is_empty());
        for (key, value) in entries {
            if key.value == MERGE {
                // Reported before; what it would have brought along is not known.
                whole = false;
                continue;
            }
            let sound = self.keys == Keys::Any || check_name(key, reading);
            if let Keys::Of(role) = self.keys
                && sound
            {
                reading.outline.mention(role, key);
            }
            match self.form.read(value, reading) {
                Some(value) if sound => read.push((key.clone(), value)),
                _ => whole = false,
            }
        }
        Some((read, whole))
    }
}

impl<F: Form> Form for Pairs<F> {
    type Value = Entries<F::Value>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Self::Value> {
        let (read, whole) = self.entries(node, reading)?;
        whole.then_some(read)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let inner = self.form.shape(book);
        let mut schema = json!({ "type": "object", "additionalProperties": inner.schema });
        if self.keys != Keys::Any {
            schema["propertyNames"] = json!({ "pattern": NAME_PATTERN });
        }
        let keys = if self.keys == Keys::Any { "keys" } else { "names" };
        Shape::new(schema, format!("mapping of {keys} to {}", plural(&inner.label)))
    }
}

/// `a list of steps`, or only `a list` if there is no noun.
fn of(what: &str, of: &str, noun: &str) -> String {
    if noun.is_empty() { what.to_owned() } else { format!("{what} {of} {noun}s") }
}

/// The plural of a label: of the word of a link, or of `list of …`.
fn plural(label: &str) -> String {
    if let Some(rest) = label.strip_prefix("list of ") {
        return format!("lists of {rest}");
    }
    match label.strip_prefix('[').and_then(|rest| rest.split_once("](")) {
        Some((word, address)) if !word.ends_with('s') && address.ends_with(')') => {
            format!("[{word}s]({address}")
        }
        _ => label.to_owned(),
    }
}

fn check_name(key: &Located<String>, reading: &mut Reading<'_>) -> bool {
    let Some(rule) = bad_name(&key.value) else { return true };
    let what = format!("`{}` is not a name", shortened(&key.value));
    reading.error(Diagnostic::new(what, reading.head(key.span)).help(rule));
    false
}

/// A mapping whose keys are the names of what their values describe.
pub(crate) struct Named<F, T, G> {
    form: F,
    put: G,
    result: std::marker::PhantomData<T>,
}

/// A mapping from names to `form`, of which those are kept that could be read; `put` gives each value
/// its name.
pub(crate) fn named<F: Form, T, G: Fn(Located<String>, F::Value) -> T>(
    form: F,
    put: G,
) -> Named<F, T, G> {
    Named { form, put, result: std::marker::PhantomData }
}

impl<F: Form, T, G: Fn(Located<String>, F::Value) -> T> Form for Named<F, T, G> {
    type Value = Vec<T>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Vec<T>> {
        let pairs = Pairs { keys: Keys::Names, form: &self.form };
        let (read, _) = pairs.entries(node, reading)?;
        Some(read.into_iter().map(|(name, value)| (self.put)(name, value)).collect())
    }

    fn shape(&self, book: &mut Book) -> Shape {
        Pairs { keys: Keys::Names, form: &self.form }.shape(book)
    }
}

impl<F: Form> Form for &F {
    type Value = F::Value;

    fn noun(&self) -> &'static str {
        (**self).noun()
    }

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<F::Value> {
        (**self).read(node, reading)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        (**self).shape(book)
    }
}
