//! Events in, lines of text out.

use super::connections::Connections;
use super::describe::{Known, Scene};
use super::exchanges::{Asked, Exchanges};
use super::fold::{Bundle, Fold};
use super::kinds::{self, Kinds};
use super::moment::took;
use super::picture::Picture;
use super::standing::Standings;
use super::style::{BAD, PLAIN, Style};
use super::tally::Tally;
use super::text::thousands;
use crate::base::{Direction, NodeId, Source, Time};
use crate::trace::{Event, EventKind, Header, Outcome};

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
    /// Whether each message's number stands before it.
    pub numbers: bool,
}

impl Telling {
    /// Of all nodes, without numbers.
    #[must_use]
    pub fn new(style: Style, form: Form, folding: Folding) -> Telling {
        Telling { style, form, folding, shown: None, numbers: false }
    }
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
    telling: Telling,
    picture: Picture,
    connections: Connections,
    exchanges: Exchanges,
    standings: Standings,
    fold: Fold,
    tally: Tally,
}

/// How many bundles are told in a line each; the rest in one.
const BUNDLES_SHOWN: usize = 8;

impl Teller {
    /// One that has been told nothing. `source` is what the places of steps and checks refer to.
    #[must_use]
    pub fn new(header: Header, source: Source, telling: Telling) -> Teller {
        Teller {
            tally: Tally::new(&header),
            fold: Fold::new(telling.folding),
            picture: Picture::new(source, &telling),
            header,
            telling,
            connections: Connections::default(),
            exchanges: Exchanges::default(),
            standings: Standings::default(),
        }
    }

    /// The counts so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// With which characters and colours it tells.
    #[must_use]
    pub fn style(&self) -> Style {
        self.telling.style
    }

    /// Whether each message's number stands before it.
    #[must_use]
    pub fn has_numbers(&self) -> bool {
        self.telling.numbers
    }

    /// The scenario's text.
    #[must_use]
    pub fn source(&self) -> &Source {
        self.picture.source()
    }

    /// What is being told.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Somebody takes part of whom the header did not know.
    fn join(&mut self, event: &Event) {
        if let EventKind::Node(node) = &event.kind
            && !self.header.nodes.iter().any(|known| known.name == node.name)
        {
            let id = NodeId(u32::try_from(self.header.nodes.len()).unwrap_or(u32::MAX));
            self.header.nodes.push((**node).clone());
            self.tally.groups.join(node);
            self.picture.join(id);
        }
    }

    /// Appends what is to be told of an event: nothing, or whole lines.
    pub fn event(&mut self, event: &Event, out: &mut String) {
        self.join(event);
        let asked = match &event.kind {
            EventKind::Message(message) => self.exchanges.answered_by(message),
            _ => None,
        };
        self.tally.event(event, asked);
        if let EventKind::Listen { node, address } = &event.kind {
            self.picture.listens(*node, *address);
        }
        let told = match self.telling.form {
            Form::Summary => false,
            Form::Failures => is_failure(event),
            Form::Diagram | Form::List { .. } => true,
        };
        let shape = if told { self.kinds().shape(event) } else { None };
        let draws = shape.is_some_and(|shape| self.draws(event, shape, asked));
        if let EventKind::Message(message) = &event.kind {
            self.exchanges.ask(message, shape.unwrap_or(0), !draws);
        }
        match shape {
            Some(_) if draws => self.draw(event, asked, out),
            Some(shape) => self.count(event, shape, asked),
            None => {}
        }
        if self.fold.due(event.at) {
            self.tell_folded(event.at, false, out);
        }
        self.connections.event(event);
        self.stand(event);
    }

    /// Lifelines tell from now on what has become of their nodes.
    fn stand(&mut self, event: &Event) {
        if self.standings.event(event) {
            self.picture.stand(&self.standings);
        }
    }

    /// Takes note of an event that is not to be told: what is told later may refer to it.
    pub fn pass(&mut self, event: &Event) {
        self.join(event);
        match &event.kind {
            EventKind::Listen { node, address } => self.picture.listens(*node, *address),
            EventKind::Message(message) => {
                self.exchanges.answered_by(message);
                self.exchanges.ask(message, 0, false);
            }
            EventKind::Fault(fault) => self.tally.faults.event(fault, false),
            _ => {}
        }
        self.connections.event(event);
        self.stand(event);
    }

    /// From now on something else is done about repetition.
    pub fn fold(&mut self, folding: Folding) {
        self.fold = Fold::new(folding);
    }

    /// Appends a line across the picture that says what has gone wrong at `at`.
    pub fn mark(&mut self, at: Time, words: &str, out: &mut String) {
        self.tell_folded(at, true, out);
        let cross = self.telling.style.glyphs().cross;
        self.picture.across(&self.header, at, (&format!("{cross} {words}"), BAD), true, out);
    }

    /// Appends what is still untold; for the end.
    pub fn finish(&mut self, out: &mut String) {
        self.tell_folded(self.tally.last, true, out);
    }

    fn everything(&self) -> bool {
        matches!(self.telling.form, Form::List { .. })
    }

    fn kinds(&self) -> Kinds<'_> {
        Kinds {
            header: &self.header,
            groups: &self.tally.groups,
            style: self.telling.style,
            everything: self.everything(),
        }
    }

    fn draws(&mut self, event: &Event, shape: u64, asked: Option<Asked>) -> bool {
        match asked {
            _ if kinds::is_wire(event) && self.fold.is_folding() => false,
            Some(asked) if asked.folded => self.fold.draws_novel(shape),
            Some(_) => {
                self.fold.draws(event.at, shape);
                true
            }
            None => self.fold.draws(event.at, shape),
        }
    }

    fn draw(&mut self, event: &Event, asked: Option<Asked>, out: &mut String) {
        if let EventKind::Connect { .. } = event.kind {
            self.connections.event(event);
        }
        let Some(told) = self.scene().describe(event, asked) else { return };
        if let Some(asked) = asked.filter(|asked| asked.folded) {
            self.fold.settle(asked.shape);
        }
        self.tell_folded(event.at, false, out);
        // Not `self.scene()`: that would borrow the picture, too.
        let Teller { header, telling, connections, picture, tally, standings, .. } = self;
        let known = Known { connections, faults: &tally.faults, standings };
        let scene = Scene::new(header, telling, known, picture.has_tags());
        picture.draw(&scene, event, told, out);
    }

    fn scene(&self) -> Scene<'_> {
        let Teller { connections, standings, tally, .. } = self;
        let known = Known { connections, faults: &tally.faults, standings };
        Scene::new(&self.header, &self.telling, known, self.picture.has_tags())
    }

    fn count(&mut self, event: &Event, shape: u64, asked: Option<Asked>) {
        let kinds = Kinds {
            header: &self.header,
            groups: &self.tally.groups,
            style: self.telling.style,
            everything: false,
        };
        match (&event.kind, asked) {
            (EventKind::Message(message), Some(asked)) => {
                let gist = |request: &str| kinds.answer(message, request);
                self.fold.answer((asked.shape, shape), event.at.since(asked.sent), gist);
            }
            (EventKind::Message(message), None) => {
                let waiting = message.direction == Direction::Request;
                self.fold.count((shape, 0), waiting, || kinds.gist(event).unwrap_or_default());
            }
            // Connections that come and go are in the summary.
            _ if kinds::is_wire(event) => {}
            _ => self.fold.count((shape, 0), false, || kinds.gist(event).unwrap_or_default()),
        }
    }

    fn tell_folded(&mut self, at: Time, end: bool, out: &mut String) {
        let bundles = self.fold.take(at, end);
        let (shown, rest) = bundles.split_at(bundles.len().min(BUNDLES_SHOWN));
        for bundle in shown {
            let words = self.bundle_words(bundle);
            self.picture.across(&self.header, at, (&words, PLAIN), false, out);
        }
        if !rest.is_empty() {
            let count: u64 = rest.iter().map(|bundle| bundle.count).sum();
            let more = self.telling.style.glyphs().more;
            let words = format!("{more} {} more, of {} other kinds", thousands(count), rest.len());
            self.picture.across(&self.header, at, (&words, PLAIN), false, out);
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
}

/// True for what went wrong in a client or a server.
fn is_failure(event: &Event) -> bool {
    match &event.kind {
        EventKind::Step(step) => step.verdict() == Outcome::Failed,
        EventKind::Crash { fault, .. } => fault.is_none(),
        _ => false,
    }
}
