//! Forms that are written as one scalar.

use std::ops::RangeInclusive;

use serde_json::json;

use super::super::model::{Dynamic, DynamicKind, Setting, Text};
use super::super::outline::Role;
use super::super::tree::{Content, Node, Scalar, shortened};
use super::fields::or_list;
use super::{Book, Entry, Form, Reading, Shape};
use crate::base::units;
use crate::base::{Diagnostic, Located, Value};

/// Text that may hold `${x}`; a number or a boolean counts as it is written.
pub(crate) struct TextForm;
/// The form [`TextForm`].
pub(crate) const TEXT: TextForm = TextForm;

const TEXT_ENTRY: Entry = Entry {
    name: "text",
    doc: "Text in which `${name}` stands for the value of a variable and `$${` for a plain `${`. \
          A number or a boolean counts as it is written. Inside `{ }` and `[ ]`, YAML wants quotes \
          around text that holds `${…}`.",
    example: "put: app/items/${item}\ntext: \"item ${item} of ${count}\"",
};

impl Form for TextForm {
    type Value = Text;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Text> {
        match node.scalar() {
            Some(scalar) if !scalar.value.is_null() => read_text(node, scalar, 0, reading),
            _ => reading.expected("text", node),
        }
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(TEXT_ENTRY, |_| json!({ "type": ["string", "number", "boolean"] }))
    }
}

/// Reads the text of `scalar` from byte `from` on, with every `${}` at its place.
pub(crate) fn read_text(
    node: &Node,
    scalar: &Scalar,
    from: usize,
    reading: &mut Reading<'_>,
) -> Option<Text> {
    let span = reading.head(node.span);
    let places = reading.places(node, scalar);
    match Text::parse(&scalar.text[from..], span, |start, end| places.at(from + start, from + end))
    {
        Ok(text) => Some(text),
        Err(error) => {
            reading.error(error);
            None
        }
    }
}

/// Text without variables: a `${` in it is an error if `strict`.
pub(crate) struct StringForm {
    strict: bool,
}
/// Text in which `${` has no meaning and is refused.
pub(crate) const STRING: StringForm = StringForm { strict: true };
/// Text for people.
pub(crate) const PROSE: StringForm = StringForm { strict: false };

impl Form for StringForm {
    type Value = String;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<String> {
        let text = plain_text(node, reading)?;
        match text.find("${") {
            Some(at) if self.strict => {
                let scalar = node.scalar()?;
                let end = text[at..].find('}').map_or(text.len(), |n| at + n + 1);
                let span = reading.place(node, scalar, at, end);
                let what = format!("`{}` cannot stand here", shortened(&text[at..end]));
                reading.error(Diagnostic::new(what, span).label("this text is taken as it is"));
                None
            }
            _ => Some(text),
        }
    }

    fn shape(&self, _: &mut Book) -> Shape {
        if !self.strict {
            return Shape::new(json!({ "type": ["string", "number", "boolean"] }), "text");
        }
        let schema = json!({ "anyOf": [
            { "type": "string", "not": { "pattern": "\\$\\{" } },
            { "type": ["number", "boolean"] },
        ] });
        Shape::new(schema, "text without variables")
    }
}

/// The text of a scalar as it is written.
pub(crate) fn plain_text(node: &Node, reading: &mut Reading<'_>) -> Option<String> {
    match node.scalar() {
        Some(scalar) if !scalar.value.is_null() => Some(scalar.text.clone()),
        _ => reading.expected("text", node),
    }
}

/// A name: a letter, then letters, digits, `_` and `-`.
pub(crate) struct NameForm;
/// The form [`NameForm`].
pub(crate) const NAME: NameForm = NameForm;

/// The longest name, in bytes.
pub(crate) const NAME_MAX: usize = 64;

const NAME_ENTRY: Entry = Entry {
    name: "name",
    doc: "A letter, then letters, digits, `_` and `-`; at most 64 characters.",
    example: "",
};

/// The pattern of a name, as the schema writes it.
pub(crate) const NAME_PATTERN: &str = "^[A-Za-z][A-Za-z0-9_-]{0,63}$";

/// What is wrong with `text` as a name, if anything.
pub(crate) fn bad_name(text: &str) -> Option<&'static str> {
    let mut letters = text.chars();
    if text.len() > NAME_MAX {
        return Some("a name has at most 64 characters");
    }
    let fits = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    (!fits).then_some("a name is a letter, then letters, digits, `_` and `-`")
}

impl Form for NameForm {
    type Value = Located<String>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Located<String>> {
        let Some(text) = node.string() else { return reading.expected("a name", node) };
        let span = reading.head(node.span);
        if let Some(rule) = bad_name(text) {
            let what = format!("`{}` is not a name", shortened(text));
            reading.error(Diagnostic::new(what, span).help(rule));
            return None;
        }
        Some(Located::new(text.to_owned(), span))
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(NAME_ENTRY, |_| json!({ "type": "string", "pattern": NAME_PATTERN }))
    }
}

/// The name of something that the file declares elsewhere.
pub(crate) struct NameOf(Role);

/// The name of something that the file declares elsewhere.
pub(crate) const fn name_of(role: Role) -> NameOf {
    NameOf(role)
}

impl Form for NameOf {
    type Value = Located<String>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Located<String>> {
        let name = NAME.read(node, reading)?;
        reading.outline.mention(self.0, &name);
        Some(name)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        NAME.shape(book)
    }
}

/// `true` or `false`.
pub(crate) struct BooleanForm;
/// The form [`BooleanForm`].
pub(crate) const BOOLEAN: BooleanForm = BooleanForm;

impl Form for BooleanForm {
    type Value = bool;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<bool> {
        match node.scalar().and_then(|scalar| scalar.value.as_bool()) {
            Some(value) => Some(value),
            None => reading.expected("`true` or `false`", node),
        }
    }

    fn shape(&self, _: &mut Book) -> Shape {
        Shape::new(json!({ "type": "boolean" }), "`true` or `false`")
    }
}

/// A whole number within a range.
#[derive(Debug, Clone)]
pub(crate) struct Integer<T> {
    range: RangeInclusive<T>,
}

/// A whole number within `range`.
pub(crate) fn integer<T>(range: RangeInclusive<T>) -> Integer<T> {
    Integer { range }
}

impl<T: Copy + PartialOrd + TryFrom<i128> + Into<i128>> Integer<T> {
    fn phrase(&self) -> String {
        let (low, high): (i128, i128) = ((*self.range.start()).into(), (*self.range.end()).into());
        if high >= i128::from(u32::MAX) {
            return match low {
                0 => "a whole number, 0 or more".into(),
                1 => "a whole number, 1 or more".into(),
                _ => "a whole number".into(),
            };
        }
        format!("a whole number from {low} to {}", high_shown(high))
    }
}

impl<T: Copy + PartialOrd + TryFrom<i128> + Into<i128>> Form for Integer<T> {
    type Value = T;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<T> {
        let number = node.scalar().and_then(|scalar| match &scalar.value {
            Value::Number(number) => {
                number.as_u64().map(i128::from).or(number.as_i64().map(i128::from))
            }
            _ => None,
        });
        let value = number.and_then(|number| T::try_from(number).ok());
        match value.filter(|value| self.range.contains(value)) {
            Some(value) => Some(value),
            None => reading.expected(&self.phrase(), node),
        }
    }

    fn shape(&self, _: &mut Book) -> Shape {
        let (low, high): (i128, i128) = ((*self.range.start()).into(), (*self.range.end()).into());
        let mut schema = json!({ "type": "integer" });
        if let Ok(low) = i64::try_from(low) {
            schema["minimum"] = low.into();
        }
        if let Ok(high) = u64::try_from(high) {
            schema["maximum"] = high.into();
        }
        Shape::new(schema, self.phrase())
    }
}

/// The upper end of a range, readable.
fn high_shown(high: i128) -> String {
    u64::try_from(high).map_or_else(|_| high.to_string(), units::grouped)
}

/// A number within a range.
pub(crate) struct Decimal {
    range: RangeInclusive<f64>,
}

/// A number within `range`.
pub(crate) fn decimal(range: RangeInclusive<f64>) -> Decimal {
    Decimal { range }
}

impl Decimal {
    fn phrase(&self) -> String {
        format!("a number from {} to {}", self.range.start(), self.range.end())
    }
}

impl Form for Decimal {
    type Value = f64;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<f64> {
        let number = node.scalar().and_then(|scalar| scalar.value.as_f64());
        match number.filter(|number| self.range.contains(number)) {
            Some(number) => Some(number),
            None => reading.expected(&self.phrase(), node),
        }
    }

    fn shape(&self, _: &mut Book) -> Shape {
        let (low, high) = (*self.range.start(), *self.range.end());
        let schema = json!({ "type": "number", "minimum": low, "maximum": high });
        Shape::new(schema, self.phrase())
    }
}

/// A form that may instead be given by a variable.
pub(crate) struct SettingForm<F>(F);

/// `form`, or text with a `${x}` that gives it when it is used.
pub(crate) fn setting<F: Form>(form: F) -> SettingForm<F> {
    SettingForm(form)
}

impl<F: Form> Form for SettingForm<F> {
    type Value = Setting<F::Value>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Setting<F::Value>> {
        match node.scalar() {
            Some(scalar) if scalar.text.contains("${") => {
                read_text(node, scalar, 0, reading).map(Setting::Text)
            }
            _ => self.0.read(node, reading).map(Setting::Fixed),
        }
    }

    fn shape(&self, book: &mut Book) -> Shape {
        let inner = self.0.shape(book);
        let var = json!({ "type": "string", "pattern": "\\$\\{[^}]+\\}" });
        Shape::new(json!({ "anyOf": [inner.schema, var] }), format!("{}, or `${{x}}`", inner.label))
    }
}

/// A form whose place is kept.
pub(crate) struct LocatedForm<F>(F);

/// `form`, with its place.
pub(crate) fn located<F: Form>(form: F) -> LocatedForm<F> {
    LocatedForm(form)
}

impl<F: Form> Form for LocatedForm<F> {
    type Value = Located<F::Value>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Located<F::Value>> {
        let value = self.0.read(node, reading)?;
        Some(Located::new(value, reading.head(node.span)))
    }

    fn shape(&self, book: &mut Book) -> Shape {
        self.0.shape(book)
    }
}

/// One of some words.
pub(crate) struct Word<T: 'static> {
    words: &'static [(&'static str, T)],
}

/// One of `words`, each with what it stands for.
pub(crate) fn word<T>(words: &'static [(&'static str, T)]) -> Word<T> {
    Word { words }
}

impl<T: Copy> Form for Word<T> {
    type Value = T;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<T> {
        let words: Vec<&str> = self.words.iter().map(|(word, _)| *word).collect();
        let Some(scalar) = node.scalar().filter(|scalar| !scalar.value.is_null()) else {
            return reading.expected(&or_list(&words), node);
        };
        let found = self.words.iter().find(|(word, _)| *word == scalar.text);
        if found.is_none() {
            let what = format!("expected {}, got {}", or_list(&words), node.described());
            let error = Diagnostic::new(what, reading.head(node.span));
            reading.error(error.nearest(&scalar.text, words));
        }
        found.map(|(_, value)| *value)
    }

    fn shape(&self, _: &mut Book) -> Shape {
        let words: Vec<&str> = self.words.iter().map(|(word, _)| *word).collect();
        let mut values: Vec<Value> = words.iter().map(|word| Value::from(*word)).collect();
        if words.contains(&"true") {
            values.push(Value::Bool(true));
        }
        Shape::new(json!({ "enum": values }), or_list(&words))
    }
}

/// Any JSON value whose strings may hold `${x}`.
pub(crate) struct DynamicForm;
/// The form [`DynamicForm`].
pub(crate) const DYNAMIC: DynamicForm = DynamicForm;

const DYNAMIC_ENTRY: Entry = Entry {
    name: "value",
    doc: "Any value: null, a boolean, a number, text, a list or a mapping. Texts in it may hold \
          `${name}`; one that is nothing but `${name}` takes over the variable's type.",
    example: "json: { qty: 9, tags: [new, \"${tag}\"], price: \"${price}\" }",
};

impl Form for DynamicForm {
    type Value = Dynamic;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Dynamic> {
        let span = reading.head(node.span);
        let kind = match node.content() {
            Content::Broken => return None,
            Content::Scalar(scalar) if scalar.value.is_string() => {
                DynamicKind::Text(read_text(node, scalar, 0, reading)?)
            }
            Content::Scalar(scalar) => DynamicKind::Scalar(scalar.value.clone()),
            Content::Sequence(items) => {
                let read: Vec<_> = items.iter().map(|item| self.read(item, reading)).collect();
                DynamicKind::Array(read.into_iter().collect::<Option<_>>()?)
            }
            Content::Mapping { entries, .. } => {
                let read = entries.iter().map(|(key, value)| {
                    self.read(value, reading).map(|value| (key.clone(), value))
                });
                let read: Vec<_> = read.collect();
                DynamicKind::Object(read.into_iter().collect::<Option<_>>()?)
            }
        };
        Some(Dynamic { kind, span })
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(DYNAMIC_ENTRY, |_| json!(true))
    }
}
