//! `${x}`: how texts and values with variables are resolved.

use super::model::{Dynamic, DynamicKind, Text, TextPart};
use crate::base::{Diagnostic, Located, Span, Value};

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
            match part {
                TextPart::Literal(text) => out.push_str(text),
                TextPart::Var(name) => match get(scope, name)? {
                    Value::String(text) => out.push_str(&text),
                    other => out.push_str(&other.to_string()),
                },
            }
        }
        Ok(out)
    }
}

impl Dynamic {
    /// The value with all variables filled in.
    ///
    /// # Errors
    /// A diagnostic if a variable has no value.
    pub fn resolve(&self, scope: &dyn Lookup) -> Result<Value, Diagnostic> {
        Ok(match &self.kind {
            DynamicKind::Scalar(value) => value.clone(),
            DynamicKind::Text(text) => text.resolve(scope)?,
            DynamicKind::Array(items) => Value::Array(
                items.iter().map(|item| item.resolve(scope)).collect::<Result<_, _>>()?,
            ),
            DynamicKind::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(key, value)| Ok((key.value.clone(), value.resolve(scope)?)))
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

fn get(scope: &dyn Lookup, name: &Located<String>) -> Result<Value, Diagnostic> {
    scope
        .lookup(name)
        .ok_or_else(|| Diagnostic::new(format!("`{}` has no value here", name.value), name.span))
}
