//! The tree written on one line, in the flow style of YAML: `{ drop: request, from: app }`.
//!
//! What is written is read as the same tree again: texts stand without quotes only where YAML takes them
//! as they are, and aliases are written out.

use super::scalar;
use super::tree::{Content, Node, Scalar};

/// A value on one line.
pub(super) fn flow(node: &Node) -> String {
    match node.content() {
        Content::Scalar(scalar) => value(scalar),
        Content::Sequence(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Content::Mapping { entries, .. } => {
            mapping(entries.iter().map(|(key, value)| pair(&key.value, &flow(value))))
        }
        Content::Broken => "null".to_owned(),
    }
}

/// An entry of a mapping; `value` is written already.
pub(super) fn pair(key: &str, value: &str) -> String {
    format!("{}: {value}", text(key))
}

/// A mapping of entries that are written already.
pub(super) fn mapping(entries: impl Iterator<Item = String>) -> String {
    let entries: Vec<String> = entries.collect();
    if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
}

/// A text, in quotes if it needs them.
pub(super) fn text(text: &str) -> String {
    let value = crate::base::Value::from(text);
    if is_plain(text) && scalar::plain(text) == Ok(value) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(letter),
            _ if letter.is_alphanumeric() => out.push(letter),
            _ if u32::from(letter) <= 0xffff => {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            _ => out.push_str(&format!("\\U{:08x}", u32::from(letter))),
        }
    }
    out.push('"');
    out
}

fn value(scalar: &Scalar) -> String {
    if scalar.value.is_string() {
        return text(&scalar.text);
    }
    // Numbers as they were written: `0xff`, `1_000`; but nothing at all is null.
    if scalar.value.is_null() { "null".to_owned() } else { scalar.text.clone() }
}

/// True for text that YAML takes for one plain scalar wherever it stands.
pub(super) fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./$*+=()<>;~%@!?^- ".contains(byte);
    bytes.first().is_some_and(|first| first.is_ascii_alphanumeric() || b"/.$".contains(first))
        && bytes.iter().all(inner)
        && bytes.last() != Some(&b' ')
        && !text.contains("  ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::yaml;
    use super::*;

    fn reread(text: &str) -> crate::base::Value {
        let document = yaml::read("x.yaml", text.as_bytes());
        assert!(document.found.is_empty(), "{text}: {:?}", document.found);
        document.root.expect("a tree").to_value()
    }

    #[test]
    fn a_tree_is_written_on_one_line_as_it_is_meant() {
        for (written, line) in [
            ("drop: request\nfrom: app\n", "{ drop: request, from: app }"),
            ("match: \"SET *\"", "{ match: SET * }"),
            ("match: \"* x\"", "{ match: \"* x\" }"),
            (
                "a: [1, 0x1F, 1.50, true, null, ~, '5', '', 'true']",
                "{ a: [1, 0x1F, 1.50, true, null, null, \"5\", \"\", \"true\"] }",
            ),
            ("to: &a [x, y]\nof: *a", "{ to: [x, y], of: [x, y] }"),
            ("text: |\n  two\n  lines", "{ text: \"two\\nlines\\n\" }"),
            ("\"item:42\": é", "{ \"item:42\": \"é\" }"),
            ("a: {}\nb: []", "{ a: {}, b: [] }"),
        ] {
            let document = yaml::read("x.yaml", written.as_bytes());
            assert_eq!(flow(&document.root.expect("a tree")), line);
        }
    }

    proptest! {
        #[test]
        fn a_text_is_read_as_it_was_written(words in proptest::collection::vec(any::<String>(), 1..4)) {
            let entries = words.iter().map(|word| pair("k", &text(word)));
            let line = format!("[{}]", entries.map(|entry| format!("{{ {entry} }}")).collect::<Vec<_>>().join(", "));
            prop_assert!(!line.contains('\n'));
            let document = yaml::read("x.yaml", line.as_bytes());
            let read = document.root.expect("a tree").to_value();
            for (word, entry) in words.iter().zip(read.as_array().expect("a list")) {
                prop_assert_eq!(&entry["k"], word);
            }
        }

        #[test]
        fn words_of_the_language_are_read_as_they_were_written(word in "[A-Za-z0-9 ,:#*&!|>'\"%@`{}\\[\\]$./?~=-]{0,12}") {
            let read = reread(&format!("{{ k: {} }}", text(&word)));
            prop_assert_eq!(read["k"].as_str(), Some(&*word));
        }
    }
}
