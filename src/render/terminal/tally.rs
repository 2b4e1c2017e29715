//! What a run comes to: everything the summary says, counted event by event.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::columns::base;
use super::exchanges::Asked;
use super::faults::Faults;
use super::latencies::Latencies;
use super::scripts::ScriptErrors;
use crate::base::{ConnId, Direction, NodeId, Span, Time};
use crate::trace::{Event, EventKind, Header, HeaderNode, LoadEvent, Message, Outcome};

/// The most links that are counted apart; the rest is one line.
const LINKS_MAX: usize = 256;

/// The most verdicts of checks that are kept.
const VERDICTS_MAX: usize = 1_000;

/// The most loads that are kept.
const LOADS_MAX: usize = 200;

/// The most connections of which it is remembered that one side has broken them off.
const RESETS_MAX: usize = 10_000;

/// Counts of everything that has happened so far. Its memory does not grow with the run.
#[derive(Debug)]
pub struct Tally {
    pub(super) groups: Groups,
    pub(super) links: BTreeMap<(usize, usize), LinkTally>,
    pub(super) others: LinkTally,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) astray: u64,
    /// Messages that came, but not as they were sent.
    pub(super) changed: u64,
    pub(super) connections: u64,
    pub(super) refused: u64,
    pub(super) resets: u64,
    /// Those of which one side has told it.
    reset_once: BTreeSet<ConnId>,
    /// Those that nobody wanted.
    pub(super) crashes: u64,
    pub(super) faults: Faults,
    pub(super) scripts: ScriptErrors,
    pub(super) steps: Outcomes,
    pub(super) checks: Outcomes,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) loads: Vec<(Time, LoadEvent)>,
    pub(super) end: Option<(Outcome, String)>,
    pub(super) last: Time,
}

/// What passed between two nodes, or two groups of alike ones.
#[derive(Debug, Default)]
pub(super) struct LinkTally {
    /// Its place in the order in which links were first used.
    pub(super) order: usize,
    pub(super) requests: u64,
    pub(super) replies: u64,
    pub(super) bytes: u64,
    pub(super) astray: u64,
    pub(super) refused: u64,
    pub(super) latencies: Latencies,
}

/// How often each verdict was reached.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcomes {
    pub(super) ok: u64,
    pub(super) failed: u64,
    /// Of steps, those that failed and may.
    pub(super) forgiven: u64,
    pub(super) unknown: u64,
}

/// A check and its verdict.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) check: String,
    pub(super) span: Span,
    pub(super) outcome: Outcome,
    pub(super) text: String,
    /// The operations that contradict each other.
    pub(super) ops: Vec<u64>,
    /// When it came to that.
    pub(super) broke: Option<Time>,
}

/// When something that a check is about came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// When.
    pub at: Time,
    /// What, in a few words.
    pub words: String,
}

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub fn new(header: &Header) -> Tally {
        Tally {
            groups: Groups::new(&header.nodes),
            links: BTreeMap::new(),
            others: LinkTally::default(),
            messages: 0,
            bytes: 0,
            astray: 0,
            changed: 0,
            connections: 0,
            refused: 0,
            resets: 0,
            reset_once: BTreeSet::new(),
            crashes: 0,
            faults: Faults::default(),
            scripts: ScriptErrors::default(),
            steps: Outcomes::default(),
            checks: Outcomes::default(),
            verdicts: Vec::new(),
            loads: Vec::new(),
            end: None,
            last: Time::ZERO,
        }
    }

    /// How many messages there were.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// How many steps, checks, scripts and, by themselves, servers failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.steps.failed + self.checks.failed + self.scripts.count + self.crashes
    }

    /// The verdicts for which operations contradict each other: their numbers, and the operations' ids.
    /// What is only told of failures is told of those that failed.
    #[must_use]
    pub fn contradictions(&self, brief: bool) -> Vec<(usize, Vec<u64>)> {
        let told = |verdict: &Verdict| !brief || verdict.outcome != Outcome::Ok;
        let all = self.verdicts.iter().enumerate();
        all.filter(|(_, verdict)| !verdict.ops.is_empty() && told(verdict))
            .map(|(number, verdict)| (number, verdict.ops.clone()))
            .collect()
    }

    /// The verdicts that came to be at one moment: their numbers, and when that was, with words for a picture.
    #[must_use]
    pub fn breaks(&self) -> Vec<(usize, Break)> {
        let broke = |verdict: &Verdict| {
            let what =
                if verdict.check == "always" { "not so any more" } else { "it came to this" };
            Some(Break { at: verdict.broke?, words: format!("{}: {what}", verdict.check) })
        };
        let all = self.verdicts.iter().enumerate();
        all.filter_map(|(number, verdict)| Some((number, broke(verdict)?))).collect()
    }

    /// When the last event happened.
    #[must_use]
    pub fn last(&self) -> Time {
        self.last
    }

    /// The verdict of the trace's last line, if there was one.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.end.as_ref().map(|(outcome, _)| *outcome)
    }

    /// Counts a connection that is broken off, once though both sides may tell it.
    fn reset(&mut self, conn: ConnId) {
        if !self.reset_once.remove(&conn) {
            self.resets += 1;
            self.reset_once.insert(conn);
        }
        if self.reset_once.len() > RESETS_MAX {
            self.reset_once.pop_first();
        }
    }

    /// Counts an event; `asked` is the request that it answers.
    pub(super) fn event(&mut self, event: &Event, asked: Option<Asked>) {
        self.last = event.at;
        match &event.kind {
            EventKind::Connect { .. } => self.connections += 1,
            EventKind::Refused { from, to, .. } => {
                self.refused += 1;
                self.link(*from, *to).refused += 1;
            }
            EventKind::Message(message) => self.message(event.at, message, asked),
            EventKind::Reset { conn, .. } => self.reset(*conn),
            EventKind::Crash { fault: None, .. } => self.crashes += 1,
            EventKind::Error { node, script, line, text } => {
                self.scripts.add(*node, script, *line, text);
            }
            EventKind::Fault(fault) => self.faults.event(fault, true),
            EventKind::Step(step) if step.forgiven => self.steps.forgiven += 1,
            EventKind::Step(step) => self.steps.add(step.outcome),
            EventKind::Load(load) if self.loads.len() < LOADS_MAX => {
                self.loads.push((event.at, load.as_ref().clone()));
            }
            EventKind::Check { check, span, outcome, text, ops, broke, .. } => {
                self.checks.add(*outcome);
                if self.verdicts.len() < VERDICTS_MAX {
                    let (check, text) = (check.to_string(), text.clone());
                    let (span, outcome, ops, broke) = (*span, *outcome, ops.clone(), *broke);
                    self.verdicts.push(Verdict { check, span, outcome, text, ops, broke });
                }
            }
            EventKind::End { outcome, text } => self.end = Some((*outcome, text.clone())),
            _ => {}
        }
    }

    fn message(&mut self, at: Time, message: &Message, asked: Option<Asked>) {
        self.messages += 1;
        self.bytes += message.length;
        let came = message.fate.came();
        self.astray += u64::from(!came);
        self.changed += u64::from(came && !message.fate.arrived());
        let request = message.direction == Direction::Request;
        let link = if request {
            self.link(message.from, message.to)
        } else {
            self.link(message.to, message.from)
        };
        link.bytes += message.length;
        link.astray += u64::from(!came);
        link.requests += u64::from(request);
        link.replies += u64::from(!request);
        if let (Some(asked), true) = (asked, came) {
            link.latencies.add(at.since(asked.sent));
        }
    }

    fn link(&mut self, from: NodeId, to: NodeId) -> &mut LinkTally {
        let pair = (self.groups.of(from), self.groups.of(to));
        if self.links.len() >= LINKS_MAX && !self.links.contains_key(&pair) {
            return &mut self.others;
        }
        let order = self.links.len();
        self.links.entry(pair).or_insert_with(|| LinkTally { order, ..LinkTally::default() })
    }
}

impl Outcomes {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Ok => self.ok += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Unknown => self.unknown += 1,
        }
    }

    pub(super) fn total(self) -> u64 {
        self.ok + self.failed + self.forgiven + self.unknown
    }
}

/// Nodes that count as one: the instances of a client.
#[derive(Debug)]
pub(super) struct Groups {
    of_node: Vec<usize>,
    names: Vec<String>,
    /// The group of strangers.
    outside: usize,
}

impl Groups {
    pub(super) fn new(nodes: &[HeaderNode]) -> Groups {
        let mut of_node = Vec::with_capacity(nodes.len());
        let mut names: Vec<String> = Vec::new();
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        for node in nodes {
            let group = base(node).and_then(|base| known.get(base).copied());
            of_node.push(group.unwrap_or(names.len()));
            if group.is_none() {
                if let Some(base) = base(node) {
                    known.insert(base, names.len());
                }
                names.push(base(node).unwrap_or(&node.name).to_owned());
            }
        }
        let outside = names.len();
        names.push("outside".to_owned());
        Groups { of_node, names, outside }
    }

    /// A node that comes later is a group of its own.
    pub(super) fn join(&mut self, node: &HeaderNode) {
        self.of_node.push(self.names.len());
        self.names.push(node.name.clone());
    }

    /// The group of a node.
    pub(super) fn of(&self, node: NodeId) -> usize {
        self.of_node.get(node.index()).copied().unwrap_or(self.outside)
    }

    /// What a group is called.
    pub(super) fn name(&self, group: usize) -> &str {
        self.names.get(group).map_or("", String::as_str)
    }
}

/// A number of events in a time, a second.
pub(super) fn per_second(count: u64, time: Duration) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "for people, three digits")]
    let count = count as f64;
    (time >= Duration::from_millis(1)).then(|| count / time.as_secs_f64())
}
