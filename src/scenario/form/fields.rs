//! Mappings with known keys.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::flow::{flow, pair};
use super::super::outline::Outline;
use super::super::tree::{Node, shortened};
use super::{Book, Content, Entry, FieldDoc, Form, Reading, Shape, a};
use crate::base::{Diagnostic, Located, Span, diagnostic::nearest};

/// A type that is written as a mapping with known keys.
pub(crate) trait Record: Sized {
    /// What the reference says about it.
    const ENTRY: Entry;

    /// Asks for every key, and only then puts the value together: while the language is being
    /// described every answer is `None`.
    fn fields(fields: &mut Fields<'_, '_>) -> Option<Self>;
}

/// The form of a [`Record`].
pub(crate) struct RecordForm<T>(PhantomData<T>);

/// The form of a [`Record`].
pub(crate) const fn record<T: Record>() -> RecordForm<T> {
    RecordForm(PhantomData)
}

impl<T: Record> Form for RecordForm<T> {
    type Value = T;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<T> {
        if node.entries().is_none() {
            return reading.expected(&a(T::ENTRY.name), node);
        }
        let mut fields = Fields::reading(node, T::ENTRY.name, reading);
        let value = T::fields(&mut fields);
        if fields.finish() { value } else { None }
    }

    fn noun(&self) -> &'static str {
        T::ENTRY.name
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.record::<T>()
    }
}

/// The keys of one mapping: read from a node, or written down for the book.
pub(crate) struct Fields<'f, 'a> {
    mode: Mode<'f, 'a>,
}

enum Mode<'f, 'a> {
    Read {
        node: &'f Node,
        /// What the mapping is called in messages.
        name: &'static str,
        reading: &'f mut Reading<'a>,
        /// Keys that were asked for.
        known: Vec<&'static str>,
        /// Keys whose absence is an error, with what they are for.
        missing: Vec<(&'static str, &'static str)>,
        /// Groups of keys of which one at least must be there, with advice.
        groups: Vec<(Vec<&'static str>, &'static str)>,
        sound: bool,
    },
    Describe {
        book: &'f mut Book,
        content: Content,
    },
}

impl<'f, 'a> Fields<'f, 'a> {
    pub(crate) fn reading(
        node: &'f Node,
        name: &'static str,
        reading: &'f mut Reading<'a>,
    ) -> Fields<'f, 'a> {
        let (known, missing, groups) = (Vec::new(), Vec::new(), Vec::new());
        let sound = node.refused().is_empty();
        Fields { mode: Mode::Read { node, name, reading, known, missing, groups, sound } }
    }

    pub(super) fn describing(book: &'f mut Book) -> Fields<'f, 'a> {
        Fields { mode: Mode::Describe { book, content: Content::default() } }
    }

    /// A key that must be there.
    pub(crate) fn required<F: Form>(
        &mut self,
        key: &'static str,
        doc: &'static str,
        form: F,
    ) -> Option<F::Value> {
        if let Mode::Read { node, missing, .. } = &mut self.mode
            && node.get(key).is_none()
        {
            missing.push((key, doc));
        }
        self.field(key, doc, true, None, &form)
    }

    /// A key that may be left out.
    pub(crate) fn optional<F: Form>(
        &mut self,
        key: &'static str,
        doc: &'static str,
        form: F,
    ) -> Option<F::Value> {
        self.field(key, doc, false, None, &form)
    }

    /// A key that may be left out, and what then counts; `shown` is that for the reference.
    pub(crate) fn or<F: Form>(
        &mut self,
        key: &'static str,
        doc: &'static str,
        form: F,
        shown: &'static str,
        default: F::Value,
    ) -> F::Value {
        self.field(key, doc, false, Some(shown), &form).unwrap_or(default)
    }

    fn field<F: Form>(
        &mut self,
        key: &'static str,
        doc: &'static str,
        required: bool,
        default: Option<&'static str>,
        form: &F,
    ) -> Option<F::Value> {
        match &mut self.mode {
            Mode::Read { node, reading, known, sound, .. } => {
                known.push(key);
                let value = form.read(node.get(key)?, reading);
                *sound &= value.is_some();
                value
            }
            Mode::Describe { book, content } => {
                if content.fields.iter().all(|field| field.key != key) {
                    let shape = form.shape(book);
                    content.fields.push(FieldDoc { key, shape, required, default, doc });
                }
                None
            }
        }
    }

    /// The key whose word told which kind of mapping this is.
    pub(super) fn select(&mut self, key: &'static str, words: &'static [&'static str]) {
        match &mut self.mode {
            Mode::Read { known, .. } => known.push(key),
            Mode::Describe { content, .. } => {
                let shape = Shape::new(json!({ "enum": words }), or_list(words));
                let doc = "Says which kind it is.";
                content.fields.push(FieldDoc { key, shape, required: true, default: None, doc });
            }
        }
    }

    /// Words that have no meaning in this version: an error each, with its own explanation.
    pub(crate) fn reserved(&mut self, words: &[(&'static str, &'static str)]) {
        let Mode::Read { node, reading, known, sound, .. } = &mut self.mode else { return };
        for (key, _) in node.entries().unwrap_or_default() {
            if let Some((word, why)) = words.iter().find(|(word, _)| *word == key.value)
                && !known.contains(word)
            {
                known.push(word);
                reading.error(not_yet(word, why, key.span));
                *sound = false;
            }
        }
    }

    /// Of `keys` there is at most one.
    pub(crate) fn at_most_one(&mut self, keys: &[&'static str]) {
        self.exclusive(keys, false);
    }

    /// Of `keys` there is exactly one.
    pub(crate) fn exactly_one(&mut self, keys: &[&'static str]) {
        self.exclusive(keys, true);
    }

    /// Of `keys` there is at least one; `help` says why or how.
    pub(crate) fn at_least_one(&mut self, keys: &[&'static str], help: &'static str) {
        match &mut self.mode {
            Mode::Describe { content, .. } => {
                if !content.needed.iter().any(|group| group == keys) {
                    content.needed.push(keys.to_vec());
                }
            }
            Mode::Read { node, groups, .. } => {
                if !keys.iter().any(|key| node.get(key).is_some()) {
                    groups.push((keys.to_vec(), help));
                }
            }
        }
    }

    fn exclusive(&mut self, keys: &[&'static str], needed: bool) {
        match &mut self.mode {
            Mode::Describe { content, .. } => {
                match content.exclusive.iter_mut().find(|(group, _)| group == keys) {
                    Some((_, known)) => *known |= needed,
                    None => content.exclusive.push((keys.to_vec(), needed)),
                }
            }
            Mode::Read { node, name, reading, sound, .. } => {
                let entries = node.entries().unwrap_or_default();
                let mut present =
                    entries.iter().map(|(key, _)| key).filter(|key| keys.contains(&&*key.value));
                match (present.next(), present.next()) {
                    (Some(first), Some(second)) => {
                        reading.error(both(name, first, second, keys));
                        *sound = false;
                    }
                    (None, _) if needed => {
                        let what = format!("{} needs one of {}", a(name), or_list(keys));
                        let place = lead(node, reading);
                        reading.error(Diagnostic::new(what, place));
                        *sound = false;
                    }
                    _ => {}
                }
            }
        }
    }

    /// The node under `key`, while reading.
    pub(crate) fn node(&self, key: &str) -> Option<&'f Node> {
        match &self.mode {
            Mode::Read { node, .. } => node.get(key),
            Mode::Describe { .. } => None,
        }
    }

    /// The scenario's folder; empty if it is no file.
    pub(crate) fn folder(&self) -> PathBuf {
        match &self.mode {
            Mode::Read { reading, .. } => reading.folder.map(Path::to_owned).unwrap_or_default(),
            Mode::Describe { .. } => PathBuf::new(),
        }
    }

    /// True if the file has `key` here.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.node(key).is_some()
    }

    /// The place of the key `key`; of the mapping's beginning if it is not there.
    pub(crate) fn key(&self, key: &str) -> Span {
        let Mode::Read { node, reading, .. } = &self.mode else { return Span::default() };
        let entries = node.entries().unwrap_or_default();
        let found = entries.iter().find(|(name, _)| name.value == key);
        found.map_or_else(|| lead(node, reading), |(name, _)| name.span)
    }

    /// `key: value` if on one line, else `key`.
    pub(crate) fn entry(&self, key: &str) -> Span {
        match &self.mode {
            Mode::Read { node, reading, .. } => match node.get(key) {
                Some(value) => reading.entry(self.key(key), value.span),
                None => lead(node, reading),
            },
            Mode::Describe { .. } => Span::default(),
        }
    }

    /// Where the mapping begins: all of it if it stands on one line.
    pub(crate) fn lead(&self) -> Span {
        match &self.mode {
            Mode::Read { node, reading, .. } => reading.head(node.span),
            Mode::Describe { .. } => Span::default(),
        }
    }

    /// The value under `key`, or the key if the value takes several lines.
    pub(crate) fn value(&self, key: &str) -> Span {
        match &self.mode {
            Mode::Read { node, reading, .. } => match node.get(key) {
                Some(value) if reading.head(value.span) == value.span => value.span,
                _ => self.key(key),
            },
            Mode::Describe { .. } => Span::default(),
        }
    }

    /// The entries of the mapping, each written on one line; those under `keys` first, and in their order.
    pub(crate) fn written(&self, keys: &[&str], without: &[&str]) -> Vec<String> {
        let Mode::Read { node, .. } = &self.mode else { return Vec::new() };
        let entries = node.entries().unwrap_or_default();
        let named = |key: &str| entries.iter().find(|(name, _)| name.value == key);
        let first = keys.iter().filter_map(|key| named(key));
        let rest = entries.iter().filter(|(name, _)| !keys.contains(&&*name.value));
        let kept = first.chain(rest).filter(|(name, _)| !without.contains(&&*name.value));
        kept.map(|(name, value)| pair(&name.value, &flow(value))).collect()
    }

    /// Notes something in the file's outline; nothing while describing.
    pub(crate) fn note(&mut self, note: impl FnOnce(&mut Outline)) {
        if let Mode::Read { reading, .. } = &mut self.mode {
            note(&mut reading.outline);
        }
    }

    /// The scripts that the file names, as `gather` finds them.
    pub(crate) fn scripts<T: Default>(&mut self, gather: impl FnOnce(&mut Reading<'_>) -> T) -> T {
        match &mut self.mode {
            Mode::Read { reading, .. } => gather(reading),
            Mode::Describe { .. } => T::default(),
        }
    }

    /// True if more may have been meant for `key` than stands there: it is given twice, or it is not
    /// there and some other key may be meant for it. To be asked when all keys have been.
    pub(crate) fn is_doubtful(&self, key: &str) -> bool {
        let Mode::Read { node, known, .. } = &self.mode else { return false };
        let there = node.get(key).is_some();
        if node.refused().iter().any(|refused| refused == key || !there && refused.is_empty()) {
            return true;
        }
        let absent = || known.iter().copied().filter(|word| node.get(word).is_none());
        let mut strays = node.entries().unwrap_or_default().iter().map(|(stray, _)| &*stray.value);
        let meant = |stray: &str| nearest(stray, absent()).is_none_or(|meant| meant == key);
        !there && strays.any(|stray| !known.contains(&stray) && meant(stray))
    }

    /// Records an error in what was read; nothing while describing.
    pub(crate) fn error(&mut self, diagnostic: Diagnostic) {
        if let Mode::Read { reading, sound, .. } = &mut self.mode {
            reading.error(diagnostic);
            *sound = false;
        }
    }

    /// Records an error about a key, of which no more is said; nothing while describing.
    pub(crate) fn wrong(&mut self, key: &'static str, diagnostic: Diagnostic) {
        if let Mode::Read { known, .. } = &mut self.mode {
            known.push(key);
            self.error(diagnostic);
        }
    }

    /// Reports unknown and missing keys; false if anything at all was wrong with the mapping.
    pub(crate) fn finish(self) -> bool {
        let Mode::Read { node, name, reading, known, mut missing, mut groups, mut sound } =
            self.mode
        else {
            return false;
        };
        for (key, value) in node.entries().unwrap_or_default() {
            if known.contains(&key.value.as_str()) {
                continue;
            }
            sound = false;
            reading.outline.strays.insert(key.value.clone());
            reading.pass_over(value);
            if key.value == MERGE {
                // Reported before; what it would have brought along cannot be said to be missing.
                missing.clear();
                groups.clear();
                continue;
            }
            let absent = known.iter().copied().filter(|word| node.get(word).is_none());
            if let Some(meant) = nearest(&key.value, absent) {
                missing.retain(|(word, _)| *word != meant);
                groups.retain(|(keys, _)| !keys.contains(&meant));
            }
            reading.error(unknown(name, key, &known));
        }
        for (key, doc) in missing {
            sound = false;
            let what = format!("{} needs `{key}`", a(name));
            let error = Diagnostic::new(what, lead(node, reading));
            reading.error(error.help(format!("`{key}`: {doc}")));
        }
        for (keys, help) in groups {
            sound = false;
            let what = format!("{} needs {}", a(name), or_list(&keys));
            reading.error(Diagnostic::new(what, lead(node, reading)).help(help));
        }
        sound
    }

    pub(super) fn described(self) -> Content {
        match self.mode {
            Mode::Describe { content, .. } => content,
            Mode::Read { .. } => Content::default(),
        }
    }
}

/// YAML 1.1's key for merging mappings: refused by the reader of the tree, and left in it.
pub(crate) const MERGE: &str = "<<";

/// The place to point at for a mapping as a whole: its first key, or all of it on one line.
pub(super) fn lead(node: &Node, reading: &Reading<'_>) -> Span {
    let head = reading.head(node.span);
    match node.entries().and_then(<[_]>::first) {
        Some((key, _)) if head != node.span => key.span,
        _ => head,
    }
}

pub(super) fn not_yet(word: &str, why: &str, span: Span) -> Diagnostic {
    Diagnostic::new(format!("`{word}` is not in this version"), span).label(why)
}

pub(super) fn unknown(name: &str, key: &Located<String>, known: &[&'static str]) -> Diagnostic {
    let what = format!("unknown key `{}` in {}", shortened(&key.value), a(name));
    let error = Diagnostic::new(what, key.span).nearest(&key.value, known.iter().copied());
    if error.label.is_some() || known.is_empty() {
        return error;
    }
    let mut keys = known.to_vec();
    keys.dedup();
    error.help(format!("{} has the keys {}", a(name), keys.join(", ")))
}

pub(super) fn both(
    name: &str,
    first: &Located<String>,
    second: &Located<String>,
    keys: &[&'static str],
) -> Diagnostic {
    let what = format!("{} has both `{}` and `{}`", a(name), first.value, second.value);
    Diagnostic::new(what, second.span)
        .related(first.span, "the other one")
        .help(format!("it can have only one of {}", keys.join(", ")))
}

/// `a`, `a or b`, `a, b or c`, each in backticks.
pub(crate) fn or_list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}
