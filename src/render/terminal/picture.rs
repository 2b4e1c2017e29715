//! Lines on the screen: a diagram if it fits, a list if not.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anstyle::Style as Ink;

use super::columns::{Columns, LEFT};
use super::describe::{Scene, Told};
use super::diagram::{Diagram, End};
use super::failure::{self, Indent};
use super::kinds;
use super::label::Label;
use super::list::{Line, List};
use super::standing::Standings;
use super::style::{BAD, DIM, Style};
use super::teller::{Form, Telling};
use super::text::escape;
use super::wanted::Wanted;
use crate::base::{NodeId, Source, Time};
use crate::trace::{Event, Header, StepEvent};

/// What is drawn, and what is remembered for drawing more.
pub(super) struct Picture {
    style: Style,
    form: Form,
    shown: Option<Vec<NodeId>>,
    source: Source,
    lines: Lines,
    addresses: BTreeMap<NodeId, SocketAddr>,
    outside: bool,
    /// The head is to be drawn again, apart from what was drawn before.
    is_redrawn: bool,
    standings: Standings,
    failures: BTreeMap<u64, u32>,
}

/// What lines are drawn with.
enum Lines {
    /// Nothing was drawn yet.
    Blank,
    Diagram(Box<Diagram>),
    List(List),
}

/// How often a failure is shown with its place before it is told in one line.
const FAILURES_IN_FULL: u32 = 2;

/// How many kinds of failure are told apart for that.
const FAILURES_MAX: usize = 64;

/// How many failures of one step are shown.
const FAILURES_A_STEP: usize = 8;

impl Picture {
    pub(super) fn new(source: Source, telling: &Telling) -> Picture {
        Picture {
            style: telling.style,
            form: telling.form,
            shown: telling.shown.clone(),
            source,
            lines: Lines::Blank,
            addresses: BTreeMap::new(),
            outside: false,
            is_redrawn: false,
            standings: Standings::default(),
            failures: BTreeMap::new(),
        }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Remembers where a server listens, for the head of its lifeline.
    pub(super) fn listens(&mut self, node: NodeId, address: SocketAddr) {
        self.addresses.insert(node, address);
    }

    /// Makes room for a node that comes later, when something is told next. A list has room.
    pub(super) fn join(&mut self, node: NodeId) {
        if let Some(shown) = &mut self.shown {
            shown.push(node);
        }
        if matches!(self.lines, Lines::Diagram(_)) {
            self.lines = Lines::Blank;
            self.is_redrawn = true;
        }
    }

    /// Lifelines show from now on that their nodes stand like this.
    pub(super) fn stand(&mut self, standings: &Standings) {
        self.standings.clone_from(standings);
        if let Lines::Diagram(diagram) = &mut self.lines {
            diagram.stand(standings);
        }
    }

    /// True if a connection's number stands before its messages, rather than in a column of its own.
    pub(super) fn has_tags(&self) -> bool {
        match self.lines {
            Lines::Blank => self.form == Form::Diagram,
            Lines::Diagram(_) => true,
            Lines::List(_) => false,
        }
    }

    /// Words across the picture, in a line of their own or, `ruled`, in one that is drawn across it.
    pub(super) fn across(
        &mut self,
        header: &Header,
        at: Time,
        (words, ink): (&str, Ink),
        ruled: bool,
        out: &mut String,
    ) {
        self.begin(header, out);
        match &self.lines {
            Lines::Diagram(diagram) if ruled => diagram.rule(at, words, ink, out),
            Lines::Diagram(diagram) => diagram.band(at, words, ink, out),
            Lines::List(list) => {
                let label = Label::new(words.to_owned(), ink);
                list.line(at, &Line { label, ..Line::default() }, out);
            }
            Lines::Blank => {}
        }
    }

    /// What is told of an event.
    pub(super) fn draw(
        &mut self,
        scene: &Scene<'_>,
        event: &Event,
        told: Told<'_>,
        out: &mut String,
    ) {
        self.welcome(scene, event);
        self.begin(scene.header, out);
        let at = event.at;
        match (&self.lines, told) {
            (_, Told::Failure(step)) => self.failure(scene, at, step, out),
            (Lines::List(list), told) => list.line(at, &self.line(scene, told), out),
            (Lines::Diagram(diagram), Told::Arrow { mut arrow, .. }) => {
                for node in [arrow.from, arrow.to] {
                    if let Some(member) = scene.member(node).filter(|_| diagram.is_shared(node)) {
                        arrow.label.words.insert_str(0, &member);
                    }
                }
                diagram.arrow(at, &arrow, out);
            }
            (Lines::Diagram(diagram), Told::Note { node, words, ink }) => {
                let member = scene.member(node).filter(|_| diagram.is_shared(node));
                let words = format!("{}{words}", member.unwrap_or_default());
                diagram.note(at, node, &words, ink, out);
            }
            (Lines::Diagram(diagram), Told::Band { words, ink }) => {
                diagram.band(at, &words, ink, out);
            }
            (Lines::Diagram(diagram), Told::Rule { words, ink }) => {
                diagram.rule(at, &words, ink, out);
            }
            (Lines::Blank, _) => {}
        }
    }

    /// The same for a list.
    fn line(&self, scene: &Scene<'_>, told: Told<'_>) -> Line {
        let glyphs = self.style.glyphs();
        match told {
            Told::Arrow { mut arrow, conn, back } => {
                let (left, sign, right) = if back {
                    (arrow.to, glyphs.back, arrow.from)
                } else {
                    (arrow.from, glyphs.to, arrow.to)
                };
                if let End::Cross | End::Midway = arrow.end {
                    arrow.label.words.insert_str(0, &format!("{} ", glyphs.cross));
                }
                Line {
                    conn: Some(conn),
                    who: format!("{} {sign} {}", scene.name(left), scene.name(right)),
                    ink: arrow.ink,
                    label: arrow.label,
                    aside: arrow.aside,
                }
            }
            Told::Note { node, words, ink } => {
                let label = Label::new(words, ink);
                Line { who: scene.name(node), label, ..Line::default() }
            }
            Told::Band { words, ink } | Told::Rule { words, ink } => {
                Line { label: Label::new(words, ink), ..Line::default() }
            }
            Told::Failure(_) => Line::default(),
        }
    }

    // ---- the head --------------------------------------------------------------------------

    /// Lays out the picture, if that has not been done, and draws its head.
    fn begin(&mut self, header: &Header, out: &mut String) {
        if !matches!(self.lines, Lines::Blank) {
            return;
        }
        if std::mem::take(&mut self.is_redrawn) {
            out.push('\n');
        }
        let list = |cut| Lines::List(List::new(header, self.style, cut));
        self.lines = match self.form {
            Form::List { cut } => list(cut),
            Form::Failures | Form::Summary => list(true),
            Form::Diagram => {
                let shown = self.lifelines(header);
                match Columns::new(&header.nodes, &shown, self.style.width) {
                    Some(columns) => Lines::Diagram(Box::new(Diagram::new(columns, self.style))),
                    // Nobody to be shown takes part in what is told.
                    None if shown.is_empty() => list(true),
                    None => {
                        let words = format!(
                            "{} lifelines do not fit in {} columns: this is a list instead",
                            shown.len(),
                            self.style.width
                        );
                        out.push_str(&self.style.paint(&words, DIM));
                        out.push_str("\n\n");
                        list(true)
                    }
                }
            }
        };
        if let Lines::Diagram(diagram) = &mut self.lines {
            diagram.stand(&self.standings);
            let under = |node: NodeId| {
                let kind = header.nodes.get(node.index()).map_or("", |node| &node.kind);
                match self.addresses.get(&node) {
                    Some(address) => format!("{kind} :{}", address.port()),
                    None => kind.to_owned(),
                }
            };
            diagram.head(&under, out);
        }
    }

    /// The nodes that have a lifeline.
    fn lifelines(&self, header: &Header) -> Vec<NodeId> {
        let all = || (0..).map(NodeId).take(header.nodes.len()).collect();
        let mut shown: Vec<NodeId> = self.shown.clone().unwrap_or_else(all);
        if self.outside && !shown.contains(&NodeId::OUTSIDE) {
            shown.push(NodeId::OUTSIDE);
        }
        shown
    }

    /// Makes room for strangers when the first one comes.
    fn welcome(&mut self, scene: &Scene<'_>, event: &Event) {
        if self.outside
            || !Wanted::nodes_of(scene.known.connections, event).contains(&NodeId::OUTSIDE)
        {
            return;
        }
        self.outside = true;
        if matches!(&self.lines, Lines::Diagram(diagram) if !diagram.has(NodeId::OUTSIDE)) {
            self.lines = Lines::Blank;
            self.is_redrawn = true;
        }
    }

    // ---- failures --------------------------------------------------------------------------

    /// A failed step: with its place the first times, in one line after that.
    fn failure(&mut self, scene: &Scene<'_>, at: Time, step: &StepEvent, out: &mut String) {
        let style = self.style;
        let cross = style.glyphs().cross;
        let attempts = match step.attempts {
            0 | 1 => String::new(),
            attempts => format!(", after {attempts} attempts"),
        };
        let title = format!("{}: {}{attempts}", scene.name(step.client), step.summary);
        if self.times_shown(step) > FAILURES_IN_FULL {
            let why = step.failures.first().map_or("", |(_, why)| why.as_str());
            let words = format!("{cross} {title}: {why}");
            let words = escape(words.trim_end_matches(": "), style.ascii);
            return self.across(scene.header, at, (&words, BAD), false, out);
        }
        failure::title(cross, BAD, &title, Indent { columns: LEFT, style }, out);
        let indent = Indent { columns: LEFT + 2, style };
        if step.failures.is_empty() {
            let why = step.error.as_deref().unwrap_or("it failed");
            failure::place(&self.source, step.span, why, indent, out);
        }
        for (span, why) in step.failures.iter().take(FAILURES_A_STEP) {
            failure::place(&self.source, *span, why, indent, out);
        }
        if let Lines::Diagram(diagram) = &self.lines {
            diagram.rest(out);
        }
    }

    /// How often failures like this one were shown, with this one.
    fn times_shown(&mut self, step: &StepEvent) -> u32 {
        let full = self.failures.len() >= FAILURES_MAX;
        let shape = kinds::of_failure(step);
        match self.failures.get_mut(&shape) {
            Some(shown) => {
                *shown = shown.saturating_add(1);
                *shown
            }
            None if full => u32::MAX,
            None => {
                self.failures.insert(shape, 1);
                1
            }
        }
    }
}
