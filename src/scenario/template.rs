//! `${x}`: how texts and values with variables are resolved.

use super::model::{Dynamic, DynamicKind, Text, TextPart};
use crate::base::{Diagnostic, Located, Span, Value};

/// The most that a text or a value may amount to when its variables are filled in, in bytes.
///
/// Variables can hold variables: without a bound a few lines of a scenario double a text until the
/// memory is full.
pub const RESOLVED_MAX: usize = 16 * 1024 * 1024;

/// How deep a variable's value may be nested to become a part of another value.
const LEVELS_MAX: usize = 128;

/// The part of a value that a name behind a dot means: of an object the field, of a list the element of that
/// number, from 0.
pub(crate) fn part(value: Value, name: &str) -> Option<Value> {
    match value {
        Value::Object(mut fields) => fields.remove(name),
        Value::Array(mut items) => {
            let index: usize = name.parse().ok()?;
            (index < items.len()).then(|| items.swap_remove(index))
        }
        _ => None,
    }
}

/// Where variables come from.
pub trait Lookup {
    /// The value of `name` (which may have dots), if there is one.
    fn lookup(&self, name: &str) -> Option<Value>;
}

impl<F: Fn(&str) -> Option<Value>> Lookup for F {
    fn lookup(&self, name: &str) -> Option<Value> {
        self(name)
    }
}

impl Text {
    /// A text without variables.
    #[must_use]
    pub fn literal(text: impl Into<String>, span: Span) -> Text {
        let text = text.into();
        let parts = if text.is_empty() { Vec::new() } else { vec![TextPart::Literal(text)] };
        Text { parts, span }
    }

    /// Reads `${name}` out of `raw`; `$${` stands for a plain `${`. `place` maps a range of bytes of
    /// `raw` to its place in the source.
    ///
    /// # Errors
    /// A diagnostic for an unclosed or empty `${`.
    pub fn parse(
        raw: &str,
        span: Span,
        place: impl Fn(usize, usize) -> Span,
    ) -> Result<Text, Diagnostic> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = 0;
        while let Some(found) = raw[rest..].find("${").map(|n| rest + n) {
            if raw[..found].ends_with('$') && found > rest {
                literal.push_str(&raw[rest..found - 1]);
                literal.push_str("${");
                rest = found + 2;
                continue;
            }
            literal.push_str(&raw[rest..found]);
            let Some(close) = raw[found..].find('}').map(|n| found + n) else {
                return Err(Diagnostic::new("this `${` is never closed", place(found, raw.len()))
                    .help("write `${name}`, or `$${` for a plain `${`"));
            };
            let name = raw[found + 2..close].trim();
            if name.is_empty() {
                return Err(Diagnostic::new("`${}` names no variable", place(found, close + 1)));
            }
            if !literal.is_empty() {
                parts.push(TextPart::Literal(std::mem::take(&mut literal)));
            }
            parts.push(TextPart::Var(Located::new(name.to_owned(), place(found, close + 1))));
            rest = close + 1;
        }
        literal.push_str(&raw[rest..]);
        if !literal.is_empty() {
            parts.push(TextPart::Literal(literal));
        }
        Ok(Text { parts, span })
    }

    /// The text, if it has no variables.
    #[must_use]
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [TextPart::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The variables it names.
    pub fn vars(&self) -> impl Iterator<Item = &Located<String>> {
        self.parts.iter().filter_map(|part| match part {
            TextPart::Var(name) => Some(name),
            TextPart::Literal(_) => None,
        })
    }

    /// The value: a lone `${x}` keeps its type, anything else is text.
    ///
    /// # Errors
    /// A diagnostic if a variable has no value.
    pub fn resolve(&self, scope: &dyn Lookup) -> Result<Value, Diagnostic> {
        if let [TextPart::Var(name)] = self.parts.as_slice() {
            return get(scope, name);
        }
        self.resolve_string(scope).map(Value::String)
    }

    /// The value as text: strings as they are, everything else as JSON.
    ///
    /// # Errors
    /// A diagnostic if a variable has no value.
    pub fn resolve_string(&self, scope: &dyn Lookup) -> Result<String, Diagnostic> {
        let mut out = String::new();
        for part in &self.parts {
            if out.len() > RESOLVED_MAX {
                return Err(too_large(self.span));
            }
            match part {
                TextPart::Literal(text) => out.push_str(text),
                TextPart::Var(name) => match get(scope, name)? {
                    Value::String(text) => out.push_str(&text),
                    other => out.push_str(&other.to_string()),
                },
            }
        }
        if out.len() > RESOLVED_MAX { Err(too_large(self.span)) } else { Ok(out) }
    }
}

impl Dynamic {
    /// The value with all variables filled in.
    ///
    /// # Errors
    /// A diagnostic if a variable has no value.
    pub fn resolve(&self, scope: &dyn Lookup) -> Result<Value, Diagnostic> {
        match &self.kind {
            DynamicKind::Scalar(value) => Ok(value.clone()),
            DynamicKind::Text(text) => text.resolve(scope),
            _ => self.resolve_within(scope, &mut { RESOLVED_MAX }),
        }
    }

    /// Resolves a list or a mapping, whose texts take their size from `left`.
    fn resolve_within(&self, scope: &dyn Lookup, left: &mut usize) -> Result<Value, Diagnostic> {
        Ok(match &self.kind {
            DynamicKind::Scalar(value) => value.clone(),
            DynamicKind::Text(text) => {
                let value = text.resolve(scope)?;
                let size = size_of(&value, LEVELS_MAX).ok_or_else(|| too_deep(text.span))?;
                *left = left.checked_sub(size).ok_or_else(|| too_large(text.span))?;
                value
            }
            DynamicKind::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| item.resolve_within(scope, left))
                    .collect::<Result<_, _>>()?,
            ),
            DynamicKind::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(key, value)| Ok((key.value.clone(), value.resolve_within(scope, left)?)))
                    .collect::<Result<_, Diagnostic>>()?,
            ),
        })
    }

    /// The variables it names, wherever they stand in it.
    pub fn each_var<'a>(&'a self, visit: &mut dyn FnMut(&'a Located<String>)) {
        match &self.kind {
            DynamicKind::Scalar(_) => {}
            DynamicKind::Text(text) => text.vars().for_each(visit),
            DynamicKind::Array(items) => items.iter().for_each(|item| item.each_var(visit)),
            DynamicKind::Object(fields) => fields.iter().for_each(|(_, v)| v.each_var(visit)),
        }
    }
}

fn too_deep(span: Span) -> Diagnostic {
    let what = format!("this value is nested more than {LEVELS_MAX} deep");
    Diagnostic::new(what, span)
}

fn too_large(span: Span) -> Diagnostic {
    let limit = RESOLVED_MAX / 1024 / 1024;
    Diagnostic::new(format!("with its variables this is larger than {limit} MiB"), span)
}

/// About how many bytes of memory a value takes; `None` if it is nested deeper than `levels`.
fn size_of(value: &Value, levels: usize) -> Option<usize> {
    const ONE: usize = std::mem::size_of::<Value>();
    let levels = levels.checked_sub(1)?;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(ONE),
        Value::String(text) => Some(ONE + text.len()),
        Value::Array(items) => {
            items.iter().try_fold(ONE, |size, item| Some(size + size_of(item, levels)?))
        }
        Value::Object(fields) => fields.iter().try_fold(ONE, |size, (key, value)| {
            Some(size + key.len() + ONE + size_of(value, levels)?)
        }),
    }
}

fn get(scope: &dyn Lookup, name: &Located<String>) -> Result<Value, Diagnostic> {
    scope
        .lookup(name)
        .or_else(|| inside(scope, name))
        .ok_or_else(|| Diagnostic::new(format!("`{}` has no value here", name.value), name.span))
}

/// `user.name` where only `user` is a variable: the part of its value of that name.
fn inside(scope: &dyn Lookup, name: &str) -> Option<Value> {
    let (first, rest) = name.split_once('.')?;
    let mut value = scope.lookup(first)?;
    for key in rest.split('.') {
        value = match value {
            Value::Object(mut fields) => fields.remove(key)?,
            Value::Array(mut items) => {
                let at: usize = key.parse().ok()?;
                if at >= items.len() {
                    return None;
                }
                items.swap_remove(at)
            }
            _ => return None,
        };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lone(name: &str) -> Dynamic {
        let part = TextPart::Var(Located::new(name.to_owned(), Span::default()));
        let text = Text { parts: vec![part], span: Span::default() };
        Dynamic { kind: DynamicKind::Text(text), span: Span::default() }
    }

    fn list(items: Vec<Dynamic>) -> Dynamic {
        Dynamic { kind: DynamicKind::Array(items), span: Span::default() }
    }

    #[test]
    fn a_dotted_name_leads_into_a_variable() {
        let scope = |name: &str| (name == "user").then(|| json!({ "tags": ["a", { "b": 7 }] }));
        assert_eq!(lone("user.tags.1.b").resolve(&scope), Ok(json!(7)));
        for missing in ["user.name", "user.tags.2", "user.tags.x", "user.tags.0.b", "other.x"] {
            assert!(lone(missing).resolve(&scope).is_err(), "{missing}");
        }
    }

    #[test]
    fn doubling_ends_in_an_error_and_not_in_the_end_of_memory() {
        let mut value = json!("0123456789abcdef");
        let doubled = list(vec![lone("x"), lone("x")]);
        let refused = (0..40).find_map(|_| {
            let scope = |_: &str| Some(value.clone());
            match doubled.resolve(&scope) {
                Ok(next) => {
                    value = next;
                    None
                }
                Err(error) => Some(error.message),
            }
        });
        assert_eq!(refused.as_deref(), Some("with its variables this is larger than 16 MiB"));
    }

    #[test]
    fn nesting_ends_in_an_error_and_not_in_the_end_of_the_stack() {
        let mut value = json!(0);
        let nested = list(vec![lone("x")]);
        let refused = (0..1000).find_map(|_| {
            let scope = |_: &str| Some(value.clone());
            match nested.resolve(&scope) {
                Ok(next) => {
                    value = next;
                    None
                }
                Err(error) => Some(error.message),
            }
        });
        assert_eq!(refused.as_deref(), Some("this value is nested more than 128 deep"));
    }
}
