//! Events in, lines of text out.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::columns::{CLIENT, Columns};
use super::connections::Connections;
use super::describe::{Scene, Told};
use super::diagram::{Diagram, End};
use super::exchanges::{Asked, Exchanges};
use super::failure::{self, Indent};
use super::fold::{Bundle, Fold};
use super::list::{Line, List};
use super::moment::took;
use super::shape;
use super::style::{BAD, DIM, PLAIN, Style};
use super::tally::Tally;
use super::text::{escape, thousands};
use super::wanted::Wanted;
use crate::base::{Direction, NodeId, Source, Time};
use crate::trace::{Event, EventKind, Header, Level, Message, Outcome, StepEvent};

/// How a run is told.
#[derive(Debug, Clone)]
pub struct Telling {
    /// With which characters and colours.
    pub style: Style,
    /// In which form.
    pub form: Form,
    /// Whether repetition is told in full.
    pub folding: Folding,
    /// The nodes that are shown; by default all of the plan.
    pub shown: Option<Vec<NodeId>>,
}

/// The forms of a run's story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lifelines and arrows; a list, if there are more lifelines than fit.
    Diagram,
    /// A line an event.
    List {
        /// Whether lines are cut to the width of the screen.
        cut: bool,
    },
    /// Only what fails.
    Failures,
    /// Nothing but the figures at the end.
    Summary,
}

/// What is done about repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folding {
    /// Everything is drawn.
    Never,
    /// The first lines are drawn, then only what is new; the rest is counted.
    Bounded,
    /// The same, but lines are given back as time goes by: for sessions without an end.
    Renewing,
}

/// Tells a run event by event.
pub struct Teller {
    header: Header,
    source: Source,
    telling: Telling,
    picture: Picture,
    connections: Connections,
    exchanges: Exchanges,
    fold: Fold,
    tally: Tally,
    addresses: BTreeMap<NodeId, SocketAddr>,
    outside: bool,
    failures_shown: BTreeMap<u64, u32>,
}

/// What lines are drawn with.
enum Picture {
    /// Nothing was drawn yet.
    Blank,
    Diagram(Box<Diagram>),
    List(List),
}

/// How often a failure is shown with its place before it is told in one line.
const FAILURES_IN_FULL: u32 = 2;

/// How many kinds of failure are told apart for that.
const FAILURES_MAX: usize = 64;

/// Kinds of lines, so that their shapes differ.
const NOTE: u8 = 2;
const WIRE: u8 = 3;
const FAILURE: u8 = 4;

impl Teller {
    /// One that has been told nothing. `source` is what the places of steps and checks refer to.
    #[must_use]
    pub fn new(header: Header, source: Source, telling: Telling) -> Teller {
        Teller {
            tally: Tally::new(&header),
            fold: Fold::new(telling.folding),
            header,
            source,
            telling,
            picture: Picture::Blank,
            connections: Connections::default(),
            exchanges: Exchanges::default(),
            addresses: BTreeMap::new(),
            outside: false,
            failures_shown: BTreeMap::new(),
        }
    }

    /// The counts so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The scenario's text.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What is being told.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Appends what is to be told of an event: nothing, or whole lines.
    pub fn event(&mut self, event: &Event, out: &mut String) {
        let asked = match &event.kind {
            EventKind::Message(message) => self.exchanges.answered_by(message),
            _ => None,
        };
        self.tally.event(event, asked);
        if let EventKind::Listen { node, address } = &event.kind {
            self.addresses.insert(*node, *address);
        }
        if matches!(self.telling.form, Form::Summary | Form::Failures) {
            if let EventKind::Message(message) = &event.kind {
                self.exchanges.ask(message, 0, true);
            }
            if self.telling.form == Form::Failures {
                self.tell_failure(event, out);
            }
            return;
        }
        if let Some(shape) = self.shape(event) {
            let draws = self.draws(event, shape, asked);
            if let EventKind::Message(message) = &event.kind {
                self.exchanges.ask(message, shape, !draws);
            }
            if draws {
                if let Some(asked) = asked.filter(|asked| asked.folded) {
                    self.fold.settle(asked.shape);
                }
                self.tell_folded(event.at, false, out);
                self.draw(event, asked, out);
            } else {
                self.count(event, shape, asked);
            }
        }
        if self.fold.due(event.at) {
            self.tell_folded(event.at, false, out);
        }
        self.connections.event(event);
    }

    /// Takes note of an event that is not to be told: what is told later may refer to it.
    pub fn pass(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Listen { node, address } => {
                self.addresses.insert(*node, *address);
            }
            EventKind::Message(message) => {
                self.exchanges.answered_by(message);
                self.exchanges.ask(message, 0, false);
            }
            _ => {}
        }
        self.connections.event(event);
    }

    /// From now on something else is done about repetition.
    pub fn fold(&mut self, folding: Folding) {
        self.fold = Fold::new(folding);
    }

    /// Tells a failure, and nothing else.
    fn tell_failure(&mut self, event: &Event, out: &mut String) {
        let fails = match &event.kind {
            EventKind::Step(step) => step.outcome == Outcome::Failed,
            EventKind::Crash { .. } => true,
            _ => false,
        };
        let Some(shape) = self.shape(event).filter(|_| fails) else { return };
        if self.fold.draws(event.at, shape) {
            self.tell_folded(event.at, false, out);
            self.draw(event, None, out);
        } else {
            self.count(event, shape, None);
        }
    }

    /// Appends what is still untold; for the end.
    pub fn finish(&mut self, out: &mut String) {
        self.tell_folded(self.tally.last, true, out);
    }

    fn draws(&mut self, event: &Event, shape: u64, asked: Option<Asked>) -> bool {
        match asked {
            Some(asked) if asked.folded => self.fold.draws_novel(shape),
            Some(_) => {
                self.fold.draws(event.at, shape);
                true
            }
            None => self.fold.draws(event.at, shape),
        }
    }

    /// The number that alike lines share; `None` if the event is not told.
    fn shape(&self, event: &Event) -> Option<u64> {
        let group = |node: NodeId| self.tally.groups.of(node);
        let everything = self.everything();
        Some(match &event.kind {
            EventKind::Message(message) => {
                shape::of_message(message, group(message.from), group(message.to))
            }
            EventKind::Connect { from, to, .. } => {
                shape::of_text(WIRE, group(*from), &format!("connect {}", group(*to)))
            }
            EventKind::Refused { from, reason, .. } => shape::of_text(NOTE, group(*from), reason),
            EventKind::Close { by, .. } => shape::of_text(WIRE, group(*by), "close"),
            EventKind::Reset { by, .. } => shape::of_text(NOTE, group(*by), "reset"),
            EventKind::Crash { node, .. } => shape::of_text(NOTE, group(*node), "crash"),
            EventKind::Step(step) => match step.outcome {
                Outcome::Failed => self.failure_shape(step),
                Outcome::Ok
                    if step.error.is_none()
                        && step.attempts < 2
                        && step.name.is_none()
                        && !everything =>
                {
                    return None;
                }
                _ => shape::of_text(NOTE, group(step.client), &step.summary),
            },
            EventKind::Load(load) => shape::of_text(NOTE, load.client.index(), "load"),
            EventKind::Log { node, level, text } => {
                let node = node.unwrap_or(NodeId::OUTSIDE);
                let server = self.header.nodes.get(node.index()).is_some_and(|n| n.kind != CLIENT);
                if server && *level == Level::Info && !everything {
                    return None;
                }
                shape::of_text(NOTE, group(node), text)
            }
            _ if everything => shape::of_text(NOTE, 0, "other"),
            _ => return None,
        })
    }

    fn everything(&self) -> bool {
        matches!(self.telling.form, Form::List { .. })
    }

    fn failure_shape(&self, step: &StepEvent) -> u64 {
        let place = step.failures.first().map_or(step.span, |(span, _)| *span);
        shape::of_text(FAILURE, place.start as usize, "")
    }

    // ---- what is not drawn -----------------------------------------------------------------

    fn count(&mut self, event: &Event, shape: u64, asked: Option<Asked>) {
        let to = self.telling.style.glyphs().to;
        let ascii = self.telling.style.ascii;
        let who = |node: NodeId| {
            escape(self.tally.groups.name(self.tally.groups.of(node)), ascii).into_owned()
        };
        match &event.kind {
            EventKind::Message(message) => {
                let what = |message: &Message| escape(&shape::pattern(message), ascii).into_owned();
                match asked {
                    Some(asked) => {
                        let gist = |request: &str| match request {
                            "" => format!(
                                "{} {to} {}  {}",
                                who(message.from),
                                who(message.to),
                                what(message)
                            ),
                            request => format!("{request} {to} {}", what(message)),
                        };
                        self.fold.answer((asked.shape, shape), event.at.since(asked.sent), gist);
                    }
                    None => {
                        let gist = || {
                            format!(
                                "{} {to} {}  {}",
                                who(message.from),
                                who(message.to),
                                what(message)
                            )
                        };
                        let waiting = message.direction == Direction::Request;
                        self.fold.count((shape, 0), waiting, gist);
                    }
                }
            }
            EventKind::Step(step) => {
                let why = step.failures.first().map_or("", |(_, why)| why.as_str());
                let words = format!("{}: {}: {why}", who(step.client), step.summary);
                self.fold.count((shape, 0), false, || {
                    escape(words.trim_end_matches(": "), ascii).into_owned()
                });
            }
            EventKind::Refused { from, to: whom, reason, .. } => {
                let gist =
                    || format!("{} {to} {}  {}", who(*from), who(*whom), escape(reason, ascii));
                self.fold.count((shape, 0), false, gist);
            }
            EventKind::Reset { by, .. } => {
                self.fold.count((shape, 0), false, || format!("{}: reset", who(*by)));
            }
            EventKind::Log { node, text, .. } => {
                let node = node.unwrap_or(NodeId::OUTSIDE);
                self.fold
                    .count((shape, 0), false, || format!("{}: {}", who(node), escape(text, ascii)));
            }
            // Connections that come and go are in the summary.
            _ => {}
        }
    }

    fn tell_folded(&mut self, at: Time, end: bool, out: &mut String) {
        let bundles = self.fold.take(at, end);
        for bundle in bundles.iter().take(BUNDLES_SHOWN) {
            let words = self.bundle_words(bundle);
            self.band(at, &words, out);
        }
        let rest = bundles.get(BUNDLES_SHOWN..).unwrap_or_default();
        if !rest.is_empty() {
            let count: u64 = rest.iter().map(|bundle| bundle.count).sum();
            let words = format!(
                "{} {} more, of {} other kinds",
                self.telling.style.glyphs().more,
                thousands(count),
                rest.len()
            );
            self.band(at, &words, out);
        }
    }

    fn bundle_words(&self, bundle: &Bundle) -> String {
        let more = self.telling.style.glyphs().more;
        let mut words =
            format!("{more} {} more like this: {}", thousands(bundle.count), bundle.gist);
        if let (Some(p50), Some(max)) = (bundle.latencies.percentile(50.0), bundle.latencies.max())
        {
            words.push_str(&match bundle.latencies.len() {
                1 => format!("  {}", took(max)),
                2..100 => format!("  p50 {}  max {}", took(p50), took(max)),
                _ => {
                    let p99 = bundle.latencies.percentile(99.0).unwrap_or(max);
                    format!("  p50 {}  p99 {}", took(p50), took(p99))
                }
            });
        }
        words
    }

    fn band(&mut self, at: Time, words: &str, out: &mut String) {
        self.begin(out);
        match &self.picture {
            Picture::Diagram(diagram) => diagram.band(at, words, PLAIN, out),
            Picture::List(list) => {
                let line = Line { words: words.to_owned(), ..Line::default() };
                list.line(at, &line, out);
            }
            Picture::Blank => {}
        }
    }

    // ---- what is drawn ---------------------------------------------------------------------

    /// Lays out the picture, if that has not been done, and draws its head.
    fn begin(&mut self, out: &mut String) {
        if !matches!(self.picture, Picture::Blank) {
            return;
        }
        let style = self.telling.style;
        self.picture = match self.telling.form {
            Form::List { cut } => Picture::List(List::new(&self.header, style, cut)),
            Form::Failures | Form::Summary => Picture::List(List::new(&self.header, style, true)),
            Form::Diagram => match self.lay() {
                Some(columns) => Picture::Diagram(Box::new(Diagram::new(columns, style))),
                None => {
                    let count = self.shown().len();
                    let words = format!(
                        "{count} lifelines do not fit in {} columns: this is a list instead",
                        style.width
                    );
                    out.push_str(&style.paint(&words, DIM));
                    out.push_str("\n\n");
                    Picture::List(List::new(&self.header, style, true))
                }
            },
        };
        if let Picture::Diagram(diagram) = &self.picture {
            let under = |node: NodeId| {
                let kind = self.header.nodes.get(node.index()).map_or("", |node| &node.kind);
                match self.addresses.get(&node) {
                    Some(address) => format!("{kind} :{}", address.port()),
                    None => kind.to_owned(),
                }
            };
            diagram.head(&under, out);
        }
    }

    fn shown(&self) -> Vec<NodeId> {
        let all = || (0..).map(NodeId).take(self.header.nodes.len()).collect();
        let mut shown: Vec<NodeId> = self.telling.shown.clone().unwrap_or_else(all);
        if self.outside && !shown.contains(&NodeId::OUTSIDE) {
            shown.push(NodeId::OUTSIDE);
        }
        shown
    }

    fn lay(&self) -> Option<Columns> {
        Columns::new(&self.header.nodes, &self.shown(), self.telling.style.width)
    }

    /// Makes room for strangers when the first one comes.
    fn welcome(&mut self, event: &Event, out: &mut String) {
        if !self.outside && Wanted::nodes_of(&self.connections, event).contains(&NodeId::OUTSIDE) {
            self.outside = true;
            let drawn = matches!(&self.picture, Picture::Diagram(d) if !d.has(NodeId::OUTSIDE));
            if drawn {
                self.picture = Picture::Blank;
                out.push('\n');
            }
        }
        self.begin(out);
    }

    fn draw(&mut self, event: &Event, asked: Option<Asked>, out: &mut String) {
        if let EventKind::Connect { .. } = event.kind {
            self.connections.event(event);
        }
        let scene = Scene {
            header: &self.header,
            style: self.telling.style,
            connections: &self.connections,
            everything: self.everything(),
            tags: matches!(self.picture, Picture::Diagram(_) | Picture::Blank)
                && !self.everything(),
        };
        let Some(told) = scene.describe(event, asked) else { return };
        let scene_names = |node: NodeId| scene.name(node);
        let line = match &told {
            Told::Arrow { arrow, conn, back } => {
                let glyphs = self.telling.style.glyphs();
                let who = if *back {
                    format!("{} {} {}", scene_names(arrow.to), glyphs.back, scene_names(arrow.from))
                } else {
                    format!("{} {} {}", scene_names(arrow.from), glyphs.to, scene_names(arrow.to))
                };
                let cross = match arrow.end {
                    End::Head | End::Faint => String::new(),
                    End::Cross | End::Midway => format!("{} ", glyphs.cross),
                };
                Line {
                    conn: Some(*conn),
                    who,
                    ink: arrow.ink,
                    words: format!("{cross}{}", arrow.label),
                    words_ink: arrow.label_ink,
                    excerpt: arrow.excerpt.clone(),
                    aside: arrow.aside.clone(),
                }
            }
            Told::Note { node, words, ink } => Line {
                who: scene_names(*node),
                words: words.clone(),
                words_ink: *ink,
                ..Line::default()
            },
            Told::Band { words, ink } => {
                Line { words: words.clone(), words_ink: *ink, ..Line::default() }
            }
            Told::Failure(step) => {
                self.welcome(event, out);
                return self.failure(event.at, step, out);
            }
        };
        let members = match &told {
            Told::Arrow { arrow, .. } => [scene.member(arrow.from), scene.member(arrow.to)],
            Told::Note { node, .. } => [scene.member(*node), None],
            _ => [None, None],
        };
        self.welcome(event, out);
        match (&self.picture, told) {
            (Picture::List(list), _) => list.line(event.at, &line, out),
            (Picture::Diagram(diagram), Told::Arrow { mut arrow, .. }) => {
                for (node, member) in [arrow.from, arrow.to].into_iter().zip(members) {
                    if let Some(member) = member.filter(|_| diagram.is_shared(node)) {
                        arrow.label.insert_str(0, &member);
                    }
                }
                diagram.arrow(event.at, &arrow, out);
            }
            (Picture::Diagram(diagram), Told::Note { node, words, ink }) => {
                let [member, _] = members;
                let member = member.filter(|_| diagram.is_shared(node)).unwrap_or_default();
                diagram.note(event.at, node, &format!("{member}{words}"), ink, out);
            }
            (Picture::Diagram(diagram), Told::Band { words, ink }) => {
                diagram.band(event.at, &words, ink, out);
            }
            (Picture::Diagram(_), Told::Failure(_)) | (Picture::Blank, _) => {}
        }
    }

    /// A failed step: with its place the first times, in one line after that.
    fn failure(&mut self, at: Time, step: &StepEvent, out: &mut String) {
        let shape = self.failure_shape(step);
        let style = self.telling.style;
        let cross = style.glyphs().cross;
        let full = self.failures_shown.len() >= FAILURES_MAX;
        let shown = match self.failures_shown.get_mut(&shape) {
            Some(shown) => {
                *shown += 1;
                *shown
            }
            None if full => FAILURES_IN_FULL + 1,
            None => {
                self.failures_shown.insert(shape, 1);
                1
            }
        };
        let who = self.header.nodes.get(step.client.index()).map_or("outside", |node| &node.name);
        let attempts = match step.attempts {
            0 | 1 => String::new(),
            attempts => format!(", after {attempts} attempts"),
        };
        let title = format!("{who}: {}{attempts}", step.summary);
        if shown > FAILURES_IN_FULL {
            let why = step.failures.first().map_or("", |(_, why)| why.as_str());
            let words = format!("{cross} {title}: {why}");
            let words = escape(words.trim_end_matches(": "), style.ascii).into_owned();
            match &self.picture {
                Picture::Diagram(diagram) => diagram.band(at, &words, BAD, out),
                Picture::List(list) => {
                    list.line(at, &Line { words, words_ink: BAD, ..Line::default() }, out);
                }
                Picture::Blank => {}
            }
            return;
        }
        let indent = Indent { columns: super::columns::LEFT, style };
        failure::title(cross, BAD, &title, indent, out);
        let indent = Indent { columns: super::columns::LEFT + 2, style };
        if step.failures.is_empty() {
            let why = step.error.as_deref().unwrap_or("it failed");
            failure::place(&self.source, step.span, why, indent, out);
        }
        for (span, why) in step.failures.iter().take(FAILURES_A_STEP) {
            failure::place(&self.source, *span, why, indent, out);
        }
        if let Picture::Diagram(diagram) = &self.picture {
            diagram.rest(out);
        }
    }
}

/// How many bundles are told in a line each; the rest in one.
const BUNDLES_SHOWN: usize = 8;

/// How many failures of one step are shown.
const FAILURES_A_STEP: usize = 8;
