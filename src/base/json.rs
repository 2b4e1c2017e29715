//! JSON values: the one dynamic type that steps, predicates, captures and servers share.

/// A JSON value; objects keep the order in which they were written.
pub type Value = serde_json::Value;

/// The name of a JSON type, as the `type:` predicate and error messages write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueKind(pub &'static str);

impl ValueKind {
    /// The kind of `value`: `null boolean number string array object`.
    #[must_use]
    pub fn of(value: &Value) -> ValueKind {
        ValueKind(match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        })
    }
}

/// Appends `text` to `out` as a JSON string with its quotes.
///
/// Only what JSON demands is escaped: the quote, the backslash and the control characters.
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..at]);
        start = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(other >> 4)]);
                out.push(HEX[usize::from(other & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}
