//! The faults of a run as a plain timeline, to be let loose again: chance drawn, events come.
//!
//! ```yaml
//! timeline:
//!   - at: 1153ms
//!     fault: { name: chaos.1, partition: [db, app], for: 300ms }
//!   - on: { message: { from: app, to: cache, match: DEL x, nth: 2 } }
//!     fault: { name: drop.1, drop: request }
//!   - at: 2s
//!     heal: slow-db
//! ```
//!
//! What was let loose at a time, or by an event, stands at its time. A fault that was about the message
//! that let it loose stands at that message, counted among those that look alike. What ended before the
//! last thing was done ends again, unless its `for` says so.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use crate::base::{NodeId, Seq, Time};
use crate::plan::{self, Overrides, Plan, Told};
use crate::trace::{Event, EventKind, FaultEvent, FaultPhase, Header, Message};

/// Writes it, and returns what there is to say about it.
pub(super) fn write(
    header: &Header,
    events: impl Iterator<Item = Event>,
    out: &mut dyn Write,
) -> io::Result<Vec<String>> {
    let mut log = Log::new(header);
    events.for_each(|event| log.event(event));
    let (moments, notes) = log.moments();
    if moments.is_empty() {
        writeln!(out, "timeline: []")?;
        return Ok(notes);
    }
    writeln!(out, "timeline:")?;
    for moment in moments {
        writeln!(out, "  - {}", moment.when)?;
        writeln!(out, "    {}", moment.what)?;
    }
    Ok(notes)
}

/// An entry of the timeline.
struct Moment {
    when: String,
    what: String,
}

/// Messages that look alike: from, to, summary.
type Looks = (String, String, String);

/// What a run tells that matters here.
struct Log<'h> {
    header: &'h Header,
    /// The faults that are about the messages that let them loose.
    caused: BTreeSet<String>,
    /// When the servers could be reached; times count from then.
    begin: Time,
    begun: bool,
    /// What was done, in order.
    deeds: Vec<(Time, Deed)>,
    /// When the last thing was done that a fault could meet.
    last: Time,
    /// The messages so far, if any fault is about one.
    seen: BTreeMap<Looks, Vec<Seq>>,
    /// Those that such faults touched.
    touched: Vec<(String, Seq, Looks, Time)>,
    /// The texts of faults.
    texts: BTreeMap<String, String>,
    /// Which fault took a node down.
    down: BTreeMap<NodeId, String>,
}

enum Deed {
    Start(String),
    End(String),
    Restart(NodeId, Option<String>),
    Resume(NodeId),
}

impl<'h> Log<'h> {
    fn new(header: &'h Header) -> Log<'h> {
        Log {
            header,
            caused: caused(header),
            begin: Time::ZERO,
            begun: false,
            deeds: Vec::new(),
            last: Time::ZERO,
            seen: BTreeMap::new(),
            touched: Vec::new(),
            texts: BTreeMap::new(),
            down: BTreeMap::new(),
        }
    }

    fn event(&mut self, event: Event) {
        let at = event.at;
        let listens = matches!(event.kind, EventKind::Listen { .. });
        match event.kind {
            EventKind::Listen { .. } if !self.begun => self.begin = at,
            EventKind::Message(message) => {
                self.last = self.last.max(message.sent);
                self.message(&message);
            }
            EventKind::Connect { .. } | EventKind::Step(_) => self.last = self.last.max(at),
            EventKind::Fault(fault) => self.fault(at, *fault),
            EventKind::Crash { node, fault: Some(fault), .. } => {
                self.down.insert(node, fault);
            }
            EventKind::Restart { node } => {
                let fault = self.down.remove(&node);
                self.deeds.push((at, Deed::Restart(node, fault)));
            }
            EventKind::Resume { node } => self.deeds.push((at, Deed::Resume(node))),
            _ => {}
        }
        self.begun |= !listens;
    }

    fn message(&mut self, message: &Message) {
        if self.caused.is_empty() {
            return;
        }
        let declared = |node: NodeId| self.declared(node);
        let looks = (declared(message.from), declared(message.to), message.summary.clone());
        if let Some(fault) = message.fault.as_ref().filter(|fault| self.caused.contains(*fault)) {
            self.touched.push((fault.clone(), message.seq, looks.clone(), message.sent));
        }
        self.seen.entry(looks).or_default().push(message.seq);
    }

    fn fault(&mut self, at: Time, fault: FaultEvent) {
        self.texts.entry(fault.name.clone()).or_insert_with(|| fault.text.clone());
        if self.caused.contains(&fault.name) {
            return;
        }
        let deed = match fault.phase {
            FaultPhase::Start => {
                self.last = self.last.max(at);
                Deed::Start(fault.name)
            }
            FaultPhase::End => Deed::End(fault.name),
        };
        self.deeds.push((at, deed));
    }

    /// The name under which the scenario declares a node; empty for whoever came from outside.
    fn declared(&self, node: NodeId) -> String {
        let declared = self.header.nodes.get(node.index());
        let name = declared.and_then(|node| node.name.split('.').next());
        name.unwrap_or_default().to_owned()
    }

    /// The entries in their order, and what there is to say about them.
    fn moments(&self) -> (Vec<Moment>, Vec<String>) {
        let mut notes = Vec::new();
        let mut moments: Vec<(Time, Moment)> = Vec::new();
        let told = self.told(&mut notes);
        for (name, starts) in self.starts() {
            let Some(fault) = told.get(name) else { continue };
            let times: Vec<String> = starts.iter().map(|at| self.time(*at)).collect();
            let when = match times.as_slice() {
                [time] => format!("at: {time}"),
                times => format!("at: [{}]", times.join(", ")),
            };
            let what = format!("fault: {}", fault.text);
            moments.push((starts[0], Moment { when, what }));
        }
        moments.extend(self.by_messages(&told));
        moments.extend(self.ends(&told));
        moments.sort_by_key(|(at, _)| *at);
        let moments: Vec<Moment> = moments.into_iter().map(|(_, moment)| moment).collect();
        if !moments.is_empty() {
            let note = "put it in the place of the scenario's own timeline, and take the faults of links \
                        and steps out";
            notes.push(note.to_owned());
        }
        (moments, notes)
    }

    /// The faults that were let loose, in words that a scenario can hold.
    fn told(&self, notes: &mut Vec<String>) -> BTreeMap<String, Told> {
        let mut told = BTreeMap::new();
        for (name, text) in &self.texts {
            match plan::tell(name, text) {
                Some(fault) => drop(told.insert(name.clone(), fault)),
                None => notes.push(format!("the fault {name} cannot be told in words")),
            }
        }
        told
    }

    /// When each fault was let loose, in the order in which they first were.
    fn starts(&self) -> Vec<(&str, Vec<Time>)> {
        let mut starts: Vec<(&str, Vec<Time>)> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, deed) in &self.deeds {
            let Deed::Start(name) = deed else { continue };
            let place = *places.entry(name).or_insert_with(|| {
                starts.push((name, Vec::new()));
                starts.len() - 1
            });
            starts[place].1.push(*at);
        }
        starts
    }

    /// The faults that are about a message, at that message.
    fn by_messages(&self, told: &BTreeMap<String, Told>) -> Vec<(Time, Moment)> {
        let mut first = BTreeSet::new();
        let mut touched: Vec<_> = self.touched.iter().collect();
        touched.sort_by_key(|(_, seq, ..)| *seq);
        let moment = |(name, seq, looks, sent): &(String, Seq, Looks, Time)| {
            let fault = told.get(name)?;
            let alike = self.seen.get(looks)?;
            let nth = alike.iter().filter(|other| **other <= *seq).count();
            let (from, to, summary) = looks;
            let ends =
                [("from", from), ("to", to)].into_iter().filter(|(_, name)| !name.is_empty());
            let mut parts: Vec<String> = ends.map(|(key, name)| format!("{key}: {name}")).collect();
            parts.push(format!("match: {}", plan::in_yaml(&literally(summary))));
            parts.push(format!("nth: {nth}"));
            let when = format!("on: {{ message: {{ {} }} }}", parts.join(", "));
            // Of several, only one can have the name.
            let text = if first.insert(name.clone()) { &fault.text } else { &fault.unnamed };
            Some((*sent, Moment { when, what: format!("fault: {text}") }))
        };
        touched.into_iter().filter_map(moment).collect()
    }

    /// What ended before all was done, and by itself would not.
    fn ends(&self, told: &BTreeMap<String, Told>) -> Vec<(Time, Moment)> {
        let mut since: BTreeMap<&str, Time> = BTreeMap::new();
        let mut moments = Vec::new();
        let over = |name: &str, since: &BTreeMap<&str, Time>, at: Time| {
            let lasts = told.get(name).and_then(|fault| fault.lasts);
            lasts.is_some_and(|lasts| since.get(name).is_some_and(|since| *since + lasts == at))
        };
        for (at, deed) in &self.deeds {
            let what = match deed {
                Deed::Start(name) => {
                    since.insert(name, *at);
                    continue;
                }
                Deed::End(name) => {
                    let verb = told.get(name).map_or("", |fault| fault.verb);
                    let started = since.contains_key(name.as_str());
                    if !started || matches!(verb, "crash" | "pause") || over(name, &since, *at) {
                        continue;
                    }
                    format!("heal: {name}")
                }
                Deed::Restart(node, Some(fault)) if !over(fault, &since, *at) => {
                    format!("restart: {}", self.declared(*node))
                }
                Deed::Resume(node) => {
                    let mut pauses = told.iter().filter(|(_, fault)| fault.verb == "pause");
                    if pauses.any(|(name, _)| over(name, &since, *at)) {
                        continue;
                    }
                    format!("resume: {}", self.declared(*node))
                }
                Deed::Restart(..) => continue,
            };
            if *at < self.last {
                moments.push((*at, Moment { when: format!("at: {}", self.time(*at)), what }));
            }
        }
        moments
    }

    /// A time as it counts in the timeline.
    fn time(&self, at: Time) -> String {
        plan::exact(at.since(self.begin))
    }
}

/// The faults of the scenario that are about the messages that let them loose.
fn caused(header: &Header) -> BTreeSet<String> {
    let overrides = Overrides { seed: Some(header.seed), ..Overrides::default() };
    match Plan::parse_kept(&header.file, header.text.as_bytes(), &header.scripts, overrides) {
        Ok(plan) => plan.faults_about_their_cause().map(str::to_owned).collect(),
        Err(_) => BTreeSet::new(),
    }
}

/// A pattern that only this text fits.
fn literally(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '*' | '?' | '[' | '\\' => out.extend(['\\', letter]),
            // `${` would be a variable.
            '{' if out.ends_with('$') => out.push_str("\\{"),
            _ => out.push(letter),
        }
    }
    out
}
