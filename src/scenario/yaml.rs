//! Bytes to a located tree, in bounded memory.
//!
//! ```text
//! bytes (<= FILE_MAX) -> UTF-8 -> events of the YAML parser -> Node
//! ```
//!
//! One document, no tags, no directives, no merge keys; anchors and aliases within a budget. A
//! mistake in YAML's own grammar ends the reading at its place; what is wrong besides (a key given
//! twice, a tag) is collected and the reading goes on.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle};

use super::form::MERGE;
use super::scalar::{self, BadScalar};
use super::syntax;
use super::tree::{Content, Node, Scalar, shortened};
use crate::base::units::grouped;
use crate::base::{Diagnostic, Located, Source, Span, Value};

/// The largest scenario file, in bytes.
pub const FILE_MAX: usize = 1024 * 1024;

/// The most values of a scenario, each alias counted with all it stands for.
pub const NODES_MAX: usize = 100_000;

/// The most bytes of text of a scenario, each alias counted with all it stands for.
pub const TEXT_MAX: usize = 4 * FILE_MAX;

/// How deep lists and mappings may be nested, aliases followed.
pub const DEPTH_MAX: usize = 64;

/// A source and its tree; without a tree if the text is not YAML.
pub(crate) struct Document {
    pub(crate) source: Source,
    pub(crate) root: Option<Node>,
    pub(crate) found: Vec<Diagnostic>,
}

/// Reads the one document of `bytes`.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Document {
    if bytes.len() > FILE_MAX {
        let what = format!("the scenario is larger than {} MiB", FILE_MAX / 1024 / 1024);
        let error =
            Diagnostic::whole(what).help("large bodies can be kept apart: `file: body.json`");
        return Document { source: Source::new(name, ""), root: None, found: vec![error] };
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return not_text(name, bytes, error.valid_up_to()),
    };
    let source = Source::new(name, text);
    let mut builder = Builder::new(&source);
    let root = builder.run();
    let found = builder.found;
    Document { source, root, found }
}

/// The error for bytes that are not UTF-8, shown at the end of what is.
fn not_text(name: &str, bytes: &[u8], valid: usize) -> Document {
    let text = String::from_utf8_lossy(&bytes[..valid]).into_owned();
    let byte = bytes.get(valid).copied().unwrap_or_default();
    let error = Diagnostic::new(
        format!("the file is not text: byte {valid} is 0x{byte:02x}, which is not UTF-8"),
        Span::new(valid, valid),
    )
    .help("a scenario is YAML in UTF-8; save the file in that encoding");
    Document { source: Source::new(name, text), root: None, found: vec![error] }
}

/// How much a subtree amounts to with its aliases followed.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    text: usize,
    height: usize,
}

/// A list or mapping that is still open.
struct Open {
    start: usize,
    flow: bool,
    anchor: usize,
    weight: Weight,
    kind: OpenKind,
}

enum OpenKind {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<(Located<String>, Node)>,
        places: BTreeMap<String, Span>,
        /// Keys that were refused.
        refused: Vec<String>,
        /// The key whose value comes next; `Some(None)` if that key was refused.
        key: Option<Option<Located<String>>>,
    },
}

struct Builder<'a> {
    source: &'a Source,
    found: Vec<Diagnostic>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, Weight)>,
    total: Weight,
    root: Option<Node>,
    /// One past the last byte of the last node.
    end: usize,
}

/// The reading cannot go on; the reason has been recorded.
struct Stop;

impl<'a> Builder<'a> {
    fn new(source: &'a Source) -> Builder<'a> {
        Builder {
            source,
            found: Vec::new(),
            open: Vec::new(),
            anchors: BTreeMap::new(),
            total: Weight::default(),
            root: None,
            end: 0,
        }
    }

    fn run(&mut self) -> Option<Node> {
        let mut options = granit_parser::options! {
            disallow_directives: true,
            flow_nesting_limit: DEPTH_MAX,
            block_nesting_limit: DEPTH_MAX,
            emit_unresolved_aliases: true,
        };
        options.set_emit_comments(false);
        let source = self.source.clone();
        let mut documents = 0;
        for event in Parser::new_from_str_with_options(source.text(), options) {
            let (event, place) = match event {
                Ok(next) => next,
                Err(error) => {
                    self.found.push(syntax::explain(&error, &source, self.bracket()));
                    return None;
                }
            };
            let range = place.byte_range().unwrap_or(0..0);
            let span = Span::new(range.start, range.end);
            if matches!(event, Event::DocumentStart(..)) {
                documents += 1;
            }
            if documents > 1 {
                self.found.push(
                    Diagnostic::new("a second document begins here", span)
                        .help("a scenario is one YAML document; remove the `---`"),
                );
                return None;
            }
            if event.tag().is_some() {
                let range = place.tag_span().and_then(|tag| tag.byte_range());
                self.tagged(range.map_or(span, |range| Span::new(range.start, range.end)));
            }
            if self.event(event, span).is_err() {
                return None;
            }
        }
        let empty = |node: &Node| node.scalar().is_some_and(|scalar| scalar.text.is_empty());
        match self.root.take() {
            Some(node) if !empty(&node) => Some(node),
            _ => {
                if self.found.is_empty() {
                    self.found.push(
                        Diagnostic::whole("the scenario is empty")
                            .help("`looplab new NAME` writes one to start from"),
                    );
                }
                None
            }
        }
    }

    /// Where the innermost open bracket stands. A mapping of one pair, `[a: 1]`, has none of its own.
    fn bracket(&self) -> Option<usize> {
        let text = self.source.text().as_bytes();
        let mut starts = self.open.iter().rev().filter(|open| open.flow).map(|open| open.start);
        starts.find(|start| matches!(text.get(*start), Some(b'[' | b'{')))
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, _) => self.scalar(&text, style, anchor, span),
            Event::SequenceStart(style, anchor, _) => {
                let flow = style == granit_parser::StructureStyle::Flow;
                self.begin(OpenKind::Sequence(Vec::new()), flow, anchor, span)
            }
            Event::MappingStart(style, anchor, _) => {
                let flow = style == granit_parser::StructureStyle::Flow;
                let (entries, places) = (Vec::new(), BTreeMap::new());
                let kind = OpenKind::Mapping { entries, places, refused: Vec::new(), key: None };
                self.begin(kind, flow, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.finish(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::UnresolvedAlias(name) => {
                let what = format!("no anchor `&{}` stands before this alias", shortened(&name));
                self.found.push(
                    Diagnostic::new(what, span)
                        .help("text that begins with `*` needs quotes: \"*\""),
                );
                self.end = self.end.max(span.end as usize);
                self.put(Node::new(span, Content::Broken), Weight::default())
            }
            _ => Ok(()),
        }
    }

    fn tagged(&mut self, span: Span) {
        self.found.push(
            Diagnostic::new("tags such as `!name` are not part of the language", span)
                .help("remove the tag; quotes make text of anything: \"42\""),
        );
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        span: Span,
    ) -> Result<(), Stop> {
        let content = if style == ScalarStyle::Plain && !self.expects_key() {
            match scalar::plain(text) {
                Ok(value) => Content::Scalar(Scalar { value, text: text.to_owned() }),
                Err(why) => {
                    self.found.push(bad_scalar(&why, text, span));
                    Content::Broken
                }
            }
        } else {
            let text = text.to_owned();
            Content::Scalar(Scalar { value: Value::String(text.clone()), text })
        };
        let weight = Weight { nodes: 1, text: text.len(), height: 0 };
        self.charge(weight, span)?;
        let node = Node::new(span, content);
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        self.end = self.end.max(span.end as usize);
        self.put(node, weight)
    }

    fn begin(&mut self, kind: OpenKind, flow: bool, anchor: usize, span: Span) -> Result<(), Stop> {
        let weight = Weight { nodes: 1, text: 0, height: 1 };
        self.charge(weight, span)?;
        if self.open.len() >= DEPTH_MAX {
            return Err(self.too_deep(span));
        }
        self.open.push(Open { start: span.start as usize, flow, anchor, weight, kind });
        Ok(())
    }

    fn finish(&mut self, span: Span) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        if open.flow {
            self.end = self.end.max(span.end as usize);
        }
        let content = match open.kind {
            OpenKind::Sequence(items) => Content::Sequence(items),
            OpenKind::Mapping { entries, refused, .. } => Content::Mapping { entries, refused },
        };
        let node = Node::new(Span::new(open.start, self.end.max(open.start)), content);
        if open.anchor != 0 {
            self.anchors.insert(open.anchor, (node.clone(), open.weight));
        }
        self.put(node, open.weight)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Stop> {
        let Some((node, weight)) = self.anchors.get(&anchor).map(|(n, w)| (n.clone(), *w)) else {
            self.found.push(Diagnostic::new("this alias stands inside of what it names", span));
            return Err(Stop);
        };
        self.charge(weight, span)?;
        if self.open.len() + weight.height > DEPTH_MAX {
            return Err(self.too_deep(span));
        }
        self.end = self.end.max(span.end as usize);
        self.put(node, weight)
    }

    /// Whether the next node is the key of a mapping.
    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { kind: OpenKind::Mapping { key: None, .. }, .. }))
    }

    /// Puts a finished node where it belongs: the root, a list, a key or its value.
    fn put(&mut self, node: Node, weight: Weight) -> Result<(), Stop> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.weight.nodes += weight.nodes;
        open.weight.text += weight.text;
        open.weight.height = open.weight.height.max(weight.height + 1);
        match &mut open.kind {
            OpenKind::Sequence(items) => items.push(node),
            OpenKind::Mapping { entries, places, refused, key } => match key.take() {
                Some(None) => {}
                Some(Some(name)) => entries.push((name, node)),
                None if is_merge(&node) => {
                    *key = Some(Some(Located::new(MERGE.to_owned(), node.span)));
                    self.found.push(
                        Diagnostic::new("merge keys (`<<`) are not part of YAML 1.2", node.span).help(
                            "repeat the keys; share steps through `flows:`, values through `vars:`",
                        ),
                    );
                }
                None => match key_of(&node, places) {
                    Ok(name) => *key = Some(Some(name)),
                    Err(error) => {
                        *key = Some(None);
                        refused
                            .push(node.scalar().map_or_else(String::new, |key| key.text.clone()));
                        self.found.push(error);
                    }
                },
            },
        }
        Ok(())
    }

    /// Counts `weight` against the limits of the whole tree.
    fn charge(&mut self, weight: Weight, span: Span) -> Result<(), Stop> {
        self.total.nodes += weight.nodes;
        self.total.text += weight.text;
        let error = if self.total.nodes > NODES_MAX {
            let limit = grouped(NODES_MAX as u64);
            format!("the scenario has more than {limit} values, with its aliases followed")
        } else if self.total.text > TEXT_MAX {
            let limit = TEXT_MAX / 1024 / 1024;
            format!("the scenario has more than {limit} MiB of text, with its aliases followed")
        } else {
            return Ok(());
        };
        self.found.push(Diagnostic::new(error, span).label("this one is too many"));
        Err(Stop)
    }

    fn too_deep(&mut self, span: Span) -> Stop {
        let what = format!("lists and mappings are nested more than {DEPTH_MAX} deep");
        self.found.push(Diagnostic::new(what, span));
        Stop
    }
}

fn is_merge(node: &Node) -> bool {
    node.scalar().is_some_and(|scalar| scalar.text == MERGE)
}

/// Reads a node as a key that is not yet among `places`.
fn key_of(node: &Node, places: &mut BTreeMap<String, Span>) -> Result<Located<String>, Diagnostic> {
    let Some(scalar) = node.scalar() else {
        return Err(Diagnostic::new(format!("a key is text, not {}", node.described()), node.span));
    };
    if let Some(first) = places.get(&scalar.text) {
        let what = format!("the key `{}` is given twice", shortened(&scalar.text));
        return Err(Diagnostic::new(what, node.span)
            .label("again here")
            .related(*first, "first here"));
    }
    places.insert(scalar.text.clone(), node.span);
    Ok(Located::new(scalar.text.clone(), node.span))
}

fn bad_scalar(why: &BadScalar, text: &str, span: Span) -> Diagnostic {
    let text = shortened(text);
    match why {
        BadScalar::TooLarge => Diagnostic::new(format!("`{text}` does not fit into 64 bits"), span)
            .help("in quotes it is text and keeps all its digits"),
        BadScalar::NotFinite => {
            Diagnostic::new(format!("`{text}` is a number that JSON cannot hold"), span)
                .help("in quotes it is text")
        }
    }
}
