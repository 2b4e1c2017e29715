//! The errors of scripts in the summary: the first few, each in the script's own text with a caret beneath.

use super::failure;
use super::style::{BAD, DIM};
use super::summary::{Closing, NAME};
use super::text::{self, plural};
use crate::base::{NodeId, Source};

/// The most errors that are told apart.
const KNOWN_MAX: usize = 1_000;

/// The most of them that are drawn.
const DRAWN_MAX: usize = 5;

/// The errors of scripts so far.
#[derive(Debug, Default)]
pub(super) struct ScriptErrors {
    pub(super) count: u64,
    known: Vec<Known>,
}

/// One place that went wrong, and how often.
#[derive(Debug)]
struct Known {
    node: NodeId,
    script: String,
    line: u32,
    text: String,
    count: u64,
}

impl ScriptErrors {
    /// One more.
    pub(super) fn add(&mut self, node: NodeId, script: &str, line: u32, text: &str) {
        self.count += 1;
        let same =
            |known: &&mut Known| known.script == script && known.line == line && known.text == text;
        if let Some(known) = self.known.iter_mut().find(same) {
            known.count += 1;
        } else if self.known.len() < KNOWN_MAX {
            let (script, text) = (script.to_owned(), text.to_owned());
            self.known.push(Known { node, script, line, text, count: 1 });
        }
    }
}

impl Closing<'_> {
    /// Tells the errors of scripts.
    pub(super) fn scripts(&self, out: &mut String) {
        let errors = &self.tally.scripts;
        if errors.count == 0 {
            return;
        }
        let name = self.style.paint(&text::pad("scripts", NAME), DIM);
        let count = self.style.paint(&plural(errors.count, "error", "errors"), BAD);
        out.push_str(&format!("  {name}{count}\n"));
        let cross = self.style.glyphs().cross;
        for known in errors.known.iter().take(DRAWN_MAX) {
            let node = self.header.nodes.get(known.node.index()).map_or("", |node| &node.name);
            let mut title = format!("{node}: {}", known.text);
            if known.count > 1 {
                title.push_str(&format!(" ({} times)", known.count));
            }
            failure::title(cross, BAD, &title, self.indent(2 + NAME), out);
            let given = self.header.scripts.iter().find(|(name, _)| *name == known.script);
            let source = given.map(|(name, text)| Source::new(name.as_str(), text.as_str()));
            let place = source.and_then(|source| Some((source.line(known.line)?, source)));
            if let Some((span, source)) = place {
                failure::place(&source, span, "", self.indent(4 + NAME), out);
            }
        }
        let hidden = errors.known.len().saturating_sub(DRAWN_MAX) as u64;
        if hidden > 0 {
            let words = format!("and {}", plural(hidden, "more place", "more places"));
            out.push_str(&format!("{}{}\n", " ".repeat(2 + NAME), self.style.paint(&words, DIM)));
        }
    }
}
