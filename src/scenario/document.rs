//! A scenario as a tree that can be changed and written down again.
//!
//! ```text
//! text -> Tree -> changed -> text that is read as the same tree
//! ```
//!
//! Comments and the way of writing are lost, texts and numbers are not. What is small stands on one line, and
//! texts of several lines stand as they are.

use super::flow;
use super::form::{Beside, Reading};
use super::tree::{Content, Node};
use super::yaml;
use crate::base::Diagnostics;

/// A value of a scenario file, whatever it means.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// Text.
    Text(String),
    /// Anything else on one line, as it is written: a number, `true`, `null`.
    Plain(String),
    /// A list.
    List(Vec<Tree>),
    /// A mapping, in the order of the file.
    Map(Vec<(String, Tree)>),
}

/// How wide a line may be for a value to stand on it.
const WIDTH: usize = 96;

impl Tree {
    /// Reads a file's bytes as they are, aliases written out.
    ///
    /// # Errors
    /// What is wrong with it as YAML; what its words mean is not asked.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Tree, Diagnostics> {
        let document = yaml::read(name, bytes);
        let source = document.source.clone();
        let (found, _) = Reading::new(&source, Beside::default(), document.found).finish();
        match document.root {
            Some(root) if found.is_empty() => Ok(Tree::of(&root)),
            _ => Err(Diagnostics::new(source, found)),
        }
    }

    /// Reads a value on one line, such as `{ at: 1s, heal: all }`.
    #[must_use]
    pub fn line(text: &str) -> Option<Tree> {
        Tree::parse("line", text.as_bytes()).ok()
    }

    fn of(node: &Node) -> Tree {
        match node.content() {
            Content::Scalar(scalar) if scalar.value.is_string() => Tree::Text(scalar.text.clone()),
            Content::Scalar(scalar) if scalar.value.is_null() => Tree::null(),
            Content::Scalar(scalar) => Tree::Plain(scalar.text.clone()),
            Content::Sequence(items) => Tree::List(items.iter().map(Tree::of).collect()),
            Content::Mapping { entries, .. } => {
                let entry = |(key, value): &(crate::base::Located<String>, Node)| {
                    (key.value.clone(), Tree::of(value))
                };
                Tree::Map(entries.iter().map(entry).collect())
            }
            Content::Broken => Tree::null(),
        }
    }

    /// Nothing.
    #[must_use]
    pub fn null() -> Tree {
        Tree::Plain("null".to_owned())
    }

    /// A whole number.
    #[must_use]
    pub fn number(number: u64) -> Tree {
        Tree::Plain(number.to_string())
    }

    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Tree {
        Tree::Text(text.into())
    }

    /// The value under `key`, if it is a mapping that has one.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Tree> {
        match self {
            Tree::Map(entries) => {
                entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Tree> {
        match self {
            Tree::Map(entries) => {
                entries.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The entries of a mapping.
    #[must_use]
    pub fn entries(&self) -> &[(String, Tree)] {
        match self {
            Tree::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list.
    #[must_use]
    pub fn items(&self) -> &[Tree] {
        match self {
            Tree::List(items) => items,
            _ => &[],
        }
    }

    /// A scalar as it is written, without quotes.
    #[must_use]
    pub fn scalar(&self) -> Option<&str> {
        match self {
            Tree::Text(text) | Tree::Plain(text) => Some(text),
            _ => None,
        }
    }

    /// Puts `value` under `key` in a mapping: in the place of the one before, or at the end.
    pub fn set(&mut self, key: &str, value: Tree) {
        if let Some(place) = self.get_mut(key) {
            *place = value;
        } else if let Tree::Map(entries) = self {
            entries.push((key.to_owned(), value));
        }
    }

    /// Takes `key` out of a mapping.
    pub fn remove(&mut self, key: &str) -> Option<Tree> {
        let Tree::Map(entries) = self else { return None };
        let at = entries.iter().position(|(name, _)| name == key)?;
        Some(entries.remove(at).1)
    }

    /// On one line.
    #[must_use]
    pub fn flow(&self) -> String {
        match self {
            Tree::Text(text) => flow::text(text),
            Tree::Plain(text) => text.clone(),
            Tree::List(items) => {
                let items: Vec<String> = items.iter().map(Tree::flow).collect();
                format!("[{}]", items.join(", "))
            }
            Tree::Map(entries) => {
                flow::mapping(entries.iter().map(|(key, value)| flow::pair(key, &value.flow())))
            }
        }
    }

    /// As a file, its parts in blocks.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut out = String::new();
        match self {
            Tree::Map(entries) if !entries.is_empty() => {
                for (at, (key, value)) in entries.iter().enumerate() {
                    let stands_alone = at > 0 && value.is_in_blocks();
                    if stands_alone {
                        out.push('\n');
                    }
                    entry(&mut out, key, value, 0, Place::Section);
                }
            }
            other => {
                out.push_str(&other.flow());
                out.push('\n');
            }
        }
        out
    }

    /// True for what is more than a scalar.
    fn is_in_blocks(&self) -> bool {
        !self.entries().is_empty() || !self.items().is_empty()
    }

    /// True if it has texts of several lines, which are better left so.
    fn has_lines(&self) -> bool {
        match self {
            Tree::Text(text) => literal(text).is_some(),
            Tree::Plain(_) => false,
            Tree::List(items) => items.iter().any(Tree::has_lines),
            Tree::Map(entries) => entries.iter().any(|(_, value)| value.has_lines()),
        }
    }
}

/// What stands where, as far as it decides how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Directly in the file: in blocks.
    Section,
    /// A client, a step, a list of steps: in blocks.
    Block,
    /// Anything: on one line if it fits.
    Any,
}

/// The keys whose values stand in blocks wherever they are.
const BLOCKS: [&str; 3] = ["steps", "delays", "connects"];

fn entry(out: &mut String, key: &str, value: &Tree, indent: usize, place: Place) {
    let name = flow::text(key);
    out.push_str(&" ".repeat(indent));
    out.push_str(&name);
    out.push(':');
    let inner = match (place, key) {
        (Place::Section, "clients" | "flows") => Place::Block,
        (_, key) if BLOCKS.contains(&key) => Place::Block,
        _ => Place::Any,
    };
    let in_blocks = place == Place::Section || BLOCKS.contains(&key);
    put(out, value, indent, name.len() + 2, in_blocks, inner);
}

/// Writes what stands behind `key:` or `-`: on the same line, or on the next ones, farther in. `used` is how much
/// of the line is taken behind the indentation.
fn put(out: &mut String, value: &Tree, indent: usize, used: usize, in_blocks: bool, inner: Place) {
    if let Tree::Text(text) = value
        && let Some((mark, lines)) = literal(text)
    {
        out.push_str(&format!(" {mark}\n"));
        for line in lines {
            if !line.is_empty() {
                out.push_str(&" ".repeat(indent + 2));
                out.push_str(line);
            }
            out.push('\n');
        }
        return;
    }
    let line = value.flow();
    let fits = indent + used + line.chars().count() <= WIDTH;
    let small = (!in_blocks && fits && !value.has_lines()) || !value.is_in_blocks();
    if small {
        out.push_str(&format!(" {line}\n"));
        return;
    }
    out.push('\n');
    block(out, value, indent + 2, inner);
}

fn block(out: &mut String, value: &Tree, indent: usize, place: Place) {
    match value {
        Tree::Map(entries) => {
            for (key, value) in entries {
                match place {
                    // A client: its parts in blocks, each of them on one line if it fits.
                    Place::Block => named(out, key, value, indent),
                    _ => entry(out, key, value, indent, Place::Any),
                }
            }
        }
        Tree::List(items) => {
            items.iter().for_each(|item_value| item(out, item_value, indent, place))
        }
        other => out.push_str(&format!("{}{}\n", " ".repeat(indent), other.flow())),
    }
}

fn named(out: &mut String, key: &str, value: &Tree, indent: usize) {
    let name = flow::text(key);
    out.push_str(&format!("{}{name}:", " ".repeat(indent)));
    // A flow is a list of steps.
    put(out, value, indent, name.len() + 2, value.is_in_blocks(), Place::Any);
}

fn item(out: &mut String, value: &Tree, indent: usize, place: Place) {
    let dash = " ".repeat(indent);
    let line = value.flow();
    let fits = indent + 2 + line.chars().count() <= WIDTH && !value.has_lines();
    match value {
        // A step reads better with its words below one another, but for a short one.
        Tree::Map(entries)
            if !entries.is_empty() && (!fits || (place == Place::Block && is_step(entries))) =>
        {
            let mut inner = String::new();
            entries
                .iter()
                .for_each(|(key, value)| entry(&mut inner, key, value, indent + 2, Place::Any));
            out.push_str(&dash);
            out.push_str("- ");
            out.push_str(&inner[indent + 2..]);
        }
        Tree::List(items) if !items.is_empty() && !fits => {
            out.push_str(&format!("{dash}-\n"));
            block(out, value, indent + 2, place);
        }
        Tree::Text(text) if literal(text).is_some() => {
            out.push_str(&dash);
            out.push('-');
            put(out, value, indent, 2, false, Place::Any);
        }
        _ => out.push_str(&format!("{dash}- {line}\n")),
    }
}

/// True for what is no mere list of numbers and names.
fn is_step(entries: &[(String, Tree)]) -> bool {
    !entries.iter().any(|(key, _)| key == "nth" || key == "at" || key == "on")
}

/// A text of several lines as YAML's literal block, if it can be one: its mark, and the lines.
fn literal(text: &str) -> Option<(&'static str, Vec<&str>)> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    if !body.contains('\n') && body.len() == text.len() {
        return None;
    }
    let plain = |letter: char| letter == '\n' || (!letter.is_control() && !is_break(letter));
    let lines: Vec<&str> = body.split('\n').collect();
    let sound = |line: &&str| line.is_empty() || !line.trim().is_empty();
    let begins = lines.first().is_some_and(|first| !first.is_empty() && !first.starts_with(' '));
    let ends = lines.last().is_some_and(|last| !last.is_empty());
    if !text.chars().all(plain) || !lines.iter().all(sound) || !begins || !ends {
        return None;
    }
    Some((if body.len() == text.len() { "|-" } else { "|" }, lines))
}

/// Letters that some readers take for the end of a line, or that mean nothing at the beginning of a file.
fn is_break(letter: char) -> bool {
    matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}') || (letter as u32) > 0xfffd
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reread(tree: &Tree) -> Tree {
        let text = tree.to_yaml();
        Tree::parse("x.yaml", text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn every_shipped_scenario_is_written_as_the_same_tree() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut count = 0;
        for folder in ["scenarios", "docs/examples", "docs/examples/faults", "tests/language"] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|end| end != "yaml") {
                    continue;
                }
                let Ok(tree) = Tree::parse("x.yaml", &std::fs::read(&path).unwrap()) else {
                    continue;
                };
                assert_eq!(reread(&tree), tree, "{}", path.display());
                count += 1;
            }
        }
        assert!(count > 40, "{count}");
    }

    #[test]
    fn a_file_is_written_so_that_a_person_reads_it() {
        let text = "\
looplab: 1
about: |
  Two lines
  of words.

servers:
  db: { type: redis, data: { x: 1 } }

clients:
  alice:
    steps:
      - redis: db GET x
        expect: { reply: \"1\" }
      - wait: 5ms

schedule:
  delays:
    - { from: alice, to: db, nth: 2, delay: 12ms }
";
        let tree = Tree::parse("x.yaml", text.as_bytes()).unwrap();
        assert_eq!(tree.to_yaml(), text);
    }

    fn trees() -> impl Strategy<Value = Tree> {
        let words = prop_oneof![
            any::<String>(),
            "[a-z \n\t#:-]{0,12}",
            "[a-z]{1,3}(\n[a-z ]{0,4}){1,3}\n?",
            "(true|null|1|0x1f|1.5|~|-|\\*|&a|'|\")",
        ];
        let plain = prop_oneof![
            "[1-9][0-9]{0,5}",
            Just("true".to_owned()),
            Just("null".to_owned()),
            Just("1.50".to_owned())
        ];
        let leaf = prop_oneof![words.prop_map(Tree::Text), plain.prop_map(Tree::Plain)];
        leaf.prop_recursive(5, 40, 5, |inner| {
            let keys = prop_oneof![
                "[a-z]{1,8}",
                Just("steps".to_owned()),
                Just("clients".to_owned()),
                any::<String>()
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
                prop::collection::vec((keys, inner), 0..4).prop_map(|entries| {
                    let mut map = Tree::Map(Vec::new());
                    entries
                        .into_iter()
                        .filter(|(key, _)| !key.is_empty() && key != "<<")
                        .for_each(|(key, value)| map.set(&key, value));
                    map
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_a_tree_holds_it_is_written_as_the_same_tree(tree in trees()) {
            let mut root = Tree::Map(Vec::new());
            root.set("looplab", Tree::number(1));
            root.set("clients", tree.clone());
            root.set("x", tree);
            prop_assert_eq!(reread(&root), root);
        }
    }
}
