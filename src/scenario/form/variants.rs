//! Mappings that come in several kinds, told apart by a key or by the word under a key.

use std::marker::PhantomData;

use super::super::tree::{Node, shortened};
use super::fields::{MERGE, both, lead, not_yet, or_list};
use super::{Book, Entry, Fields, Form, Reading, Shape, a};
use crate::base::{Diagnostic, diagnostic::nearest};

/// How the kind of a mapping is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Select {
    /// By which of the kinds' keys is there: `get: …`, `redis: …`.
    Key,
    /// By the word under this key: `type: http`.
    Word(&'static str),
}

/// One kind.
pub(crate) struct Variant<T> {
    /// The keys, or the words, that select it.
    pub(crate) keys: &'static [&'static str],
    /// True if another kind's key takes precedence over this one's.
    pub(crate) last: bool,
    /// What the reference says about it.
    pub(crate) entry: Entry,
    /// Asks for its keys; the word that selected it is given.
    pub(crate) fields: fn(&mut Fields<'_, '_>, &'static str) -> Option<T>,
}

/// A type that is written as a mapping of one of several kinds.
pub(crate) trait Variants: Sized + 'static {
    /// What the reference says about it.
    const ENTRY: Entry;
    /// How the kind is told.
    const SELECT: Select;

    /// The kinds.
    fn variants() -> &'static [Variant<Self>];

    /// What to do about a word that selects nothing, if it has a meaning elsewhere.
    fn elsewhere(_word: &str) -> Option<String> {
        None
    }

    /// Selecting words that have no meaning in this version.
    fn reserved() -> &'static [(&'static str, &'static str)] {
        &[]
    }
}

/// The form of [`Variants`].
pub(crate) struct VariantsForm<T>(PhantomData<T>);

/// The form of [`Variants`].
pub(crate) const fn variants<T: Variants>() -> VariantsForm<T> {
    VariantsForm(PhantomData)
}

impl<T: Variants> Form for VariantsForm<T> {
    type Value = T;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<T> {
        if node.entries().is_none() {
            return reading.expected(&a(T::ENTRY.name), node);
        }
        let chosen = match T::SELECT {
            Select::Key => by_key::<T>(node, reading),
            Select::Word(under) => by_word::<T>(under, node, reading),
        };
        let Some((variant, key)) = chosen else {
            reading.pass_over(node);
            return None;
        };
        let mut fields = Fields::reading(node, variant.entry.name, reading);
        if let Select::Word(under) = T::SELECT {
            fields.select(under, variant.keys);
        }
        let value = (variant.fields)(&mut fields, key);
        if T::SELECT == Select::Key {
            fields.reserved(T::reserved());
        }
        if fields.finish() { value } else { None }
    }

    fn noun(&self) -> &'static str {
        T::ENTRY.name
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.variants::<T>()
    }
}

type Chosen<T> = (&'static Variant<T>, &'static str);

fn by_key<T: Variants>(node: &Node, reading: &mut Reading<'_>) -> Option<Chosen<T>> {
    let entries = node.entries().unwrap_or_default();
    let find = |word: &str, last: bool| -> Option<Chosen<T>> {
        T::variants().iter().filter(|variant| variant.last == last).find_map(|variant| {
            variant.keys.iter().find(|key| **key == word).map(|key| (variant, *key))
        })
    };
    let mut present = entries.iter().filter(|(key, _)| find(&key.value, false).is_some());
    let words = || {
        let firm = T::variants().iter().filter(|variant| !variant.last);
        firm.flat_map(|variant| variant.keys).copied()
    };
    match (present.next(), present.next()) {
        (Some((first, _)), None) => return find(&first.value, false),
        (Some((first, _)), Some((second, _))) => {
            let all: Vec<&'static str> = words().collect();
            reading.error(both(T::ENTRY.name, first, second, &all));
            return None;
        }
        (None, _) => {}
    }
    for (key, _) in entries {
        if let Some((word, why)) = T::reserved().iter().find(|(word, _)| *word == key.value) {
            reading.error(not_yet(word, why, key.span));
            return None;
        }
    }
    if node.get(MERGE).is_some() {
        return None;
    }
    for (key, _) in entries {
        if let Some(help) = T::elsewhere(&key.value) {
            let what = format!("unknown key `{}` in {}", shortened(&key.value), a(T::ENTRY.name));
            reading.error(Diagnostic::new(what, key.span).help(help));
            return None;
        }
    }
    for (key, _) in entries {
        if let Some(chosen) = find(&key.value, true) {
            return Some(chosen);
        }
    }
    for (key, _) in entries {
        if let Some(word) = nearest(&key.value, words()) {
            let what = format!("unknown key `{}` in {}", shortened(&key.value), a(T::ENTRY.name));
            let error = Diagnostic::new(what, key.span).label(format!("did you mean `{word}`?"));
            reading.error(error);
            return None;
        }
    }
    let all: Vec<&str> = words().collect();
    let place = lead(node, reading);
    reading.error(if all.len() <= 6 {
        Diagnostic::new(format!("{} needs {}", a(T::ENTRY.name), or_list(&all)), place)
    } else {
        let what = format!("{} needs a key that says what it is", a(T::ENTRY.name));
        Diagnostic::new(what, place).help(format!("one of {}", all.join(", ")))
    });
    None
}

fn by_word<T: Variants>(
    under: &'static str,
    node: &Node,
    reading: &mut Reading<'_>,
) -> Option<Chosen<T>> {
    let words: Vec<&'static str> =
        T::variants().iter().flat_map(|variant| variant.keys).copied().collect();
    let Some(value) = node.get(under) else {
        if node.get(MERGE).is_some() {
            return None;
        }
        let what = format!("{} needs `{under}`", a(T::ENTRY.name));
        let error = Diagnostic::new(what, lead(node, reading));
        reading.error(error.help(format!("`{under}` is {}", or_list(&words))));
        return None;
    };
    let Some(word) = value.string() else {
        return reading.expected(&or_list(&words), value);
    };
    if let Some((word, why)) = T::reserved().iter().find(|(reserved, _)| *reserved == word) {
        reading.error(not_yet(word, why, value.span));
        return None;
    }
    let chosen = T::variants().iter().find_map(|variant| {
        variant.keys.iter().find(|key| **key == word).map(|key| (variant, *key))
    });
    if chosen.is_none() {
        let what = format!("unknown {under} `{}` of {}", shortened(word), a(T::ENTRY.name));
        let error = Diagnostic::new(what, reading.head(value.span)).nearest(word, words.clone());
        reading.error(match error.label {
            Some(_) => error,
            None => error.help(format!("`{under}` is {}", or_list(&words))),
        });
    }
    chosen
}
