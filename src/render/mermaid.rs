//! The trace as a Mermaid `sequenceDiagram`, for Markdown pages that draw it themselves.
//!
//! Arrows stand in the order in which messages came to their end. A message that did not arrive ends
//! in a cross. Failed steps and checks, and what becomes of nodes, are notes; where a fault is let loose and
//! where it is over, notes over all lifelines. Mermaid refuses texts of more than 50,000
//! characters, so that a longer diagram is cut and says so in a last note.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::{harm, words};
use crate::base::{Direction, NodeId};
use crate::trace::{Event, EventKind, Fate, FaultEvent, FaultPhase, Header, Message, Outcome};

/// The most characters of a diagram's arrows and notes. With the names of the nodes and the closing
/// note, the text stays below Mermaid's default limit of 50,000.
const BODY_CHARS_MAX: usize = 40_000;

/// What a note over all lifelines has besides its text: `    Note over n4294967295,n4294967295: ` and the
/// end of the line.
const OVER_ALL_CHARS_MAX: usize = 42;

/// The most characters that the names of the nodes may take.
const NAMES_CHARS_MAX: usize = 8_000;

/// The most faults that are told apart; of further ones it is not known whether they were let loose.
const FAULTS_MAX: usize = 1_000;

/// The most characters of what was sent, and of what arrived, where the two differ.
const SIDE_CHARS_MAX: usize = 48;

/// The most characters of one label.
const LABEL_CHARS_MAX: usize = 120;

pub(super) fn write(
    header: &Header,
    events: impl Iterator<Item = Event>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut diagram = Diagram::new(header);
    events.for_each(|event| diagram.add(&event));
    diagram.write(out)
}

struct Diagram<'a> {
    header: &'a Header,
    body: Vec<Line>,
    chars: usize,
    names_chars: usize,
    nodes: BTreeSet<NodeId>,
    /// The faults that were let loose.
    faults: BTreeSet<String>,
    left_out: u64,
}

/// A line of the diagram.
enum Line {
    Whole(String),
    /// A note over all lifelines, those among them that begin later.
    OverAll(String),
}

impl<'a> Diagram<'a> {
    fn new(header: &'a Header) -> Diagram<'a> {
        Diagram {
            header,
            body: Vec::new(),
            chars: 0,
            names_chars: 0,
            nodes: BTreeSet::new(),
            faults: BTreeSet::new(),
            left_out: 0,
        }
    }

    fn add(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Message(message) => self.message(message),
            EventKind::Connect { from, to, fault: Some(fault), .. } => {
                self.arrow(*from, *to, "-x", &format!("connect [{}]", harm::held_by(fault)));
            }
            EventKind::Refused { from, to, reason, .. } => {
                let label = format!("connect [{reason}]");
                self.arrow(*from, *to, "-x", &label);
            }
            EventKind::Reset { conn, by, fault } => {
                self.note(*by, &harm::resets(&conn.to_string(), fault.as_deref()));
            }
            EventKind::Crash { node, text, fault } => {
                let by = fault.as_ref().map_or(String::new(), |fault| format!(" by {fault}"));
                let why = if text.is_empty() { String::new() } else { format!(": {text}") };
                self.note(*node, &format!("crashed{by}{why}"));
            }
            EventKind::Restart { node } => self.note(*node, "restarted"),
            EventKind::Pause { node } => self.note(*node, "paused"),
            EventKind::Resume { node } => self.note(*node, "resumed"),
            EventKind::State { node, name, value } => self.note(*node, &words::state(name, value)),
            EventKind::Fault(fault) => self.fault(fault),
            EventKind::Step(step) if step.outcome != Outcome::Ok => {
                let why: Vec<&str> = step.failures.iter().map(|(_, why)| why.as_str()).collect();
                let outcome = if step.forgiven { "forgiven" } else { step.outcome.as_str() };
                self.note(step.client, &format!("{} {outcome}: {}", step.summary, why.join("; ")));
            }
            EventKind::Check { check, outcome, text, .. } if *outcome != Outcome::Ok => {
                self.note_over_all(&format!("{check} {}: {text}", outcome.as_str()));
            }
            _ => {}
        }
    }

    fn message(&mut self, message: &Message) {
        let came = message.fate.came();
        let arrow = match (message.direction, came) {
            (Direction::Request, true) => "->>",
            (Direction::Response, true) => "-->>",
            (Direction::Request, false) => "-x",
            (Direction::Response, false) => "--x",
        };
        let said = harm::said(message, "…");
        let mut label = match said.arrived {
            Some(arrived) => {
                format!("{} → {}", cut(&said.sent, SIDE_CHARS_MAX), cut(&arrived, SIDE_CHARS_MAX))
            }
            None => said.sent,
        };
        if message.fate == Fate::Duplicated {
            label.push_str(" ×2");
        }
        if let Some(fate) = harm::fate(message) {
            let _ = write!(label, " [{fate}]");
        }
        self.arrow(message.from, message.to, arrow, &label);
    }

    fn fault(&mut self, event: &FaultEvent) {
        let FaultEvent { name, phase, touched, .. } = event;
        match phase {
            FaultPhase::Start => {
                if self.faults.len() < FAULTS_MAX {
                    self.faults.insert(name.clone());
                }
                self.note_over_all(&format!("{name} let loose: {}", event.deed()));
            }
            FaultPhase::End if self.faults.len() < FAULTS_MAX && !self.faults.contains(name) => {
                self.note_over_all(&format!("{name} was never let loose: {}", event.deed()));
            }
            FaultPhase::End => {
                let touched = harm::touched(*touched, event.unit());
                self.note_over_all(&format!("{name} over, {touched}"));
            }
        }
    }

    fn arrow(&mut self, from: NodeId, to: NodeId, arrow: &str, label: &str) {
        let line = format!("    {}{arrow}{}: {}\n", alias(from), alias(to), escape(label));
        self.line(Line::Whole(line), &[from, to]);
    }

    fn note(&mut self, node: NodeId, text: &str) {
        let line = format!("    Note over {}: {}\n", alias(node), escape(text));
        self.line(Line::Whole(line), &[node]);
    }

    fn note_over_all(&mut self, text: &str) {
        self.line(Line::OverAll(escape(text)), &[]);
    }

    /// A note over all lifelines; nothing if there are none.
    fn note_line(&self, escaped: &str) -> String {
        let columns = self.columns();
        let over = match columns.as_slice() {
            [] => return String::new(),
            [only] => alias(*only),
            [first, .., last] => format!("{},{}", alias(*first), alias(*last)),
        };
        format!("    Note over {over}: {escaped}\n")
    }

    /// Clients first, so that time and causes run from left to right.
    fn columns(&self) -> Vec<NodeId> {
        let mut columns: Vec<NodeId> = self.nodes.iter().copied().collect();
        columns.sort_by_key(|node| (self.is_server(*node), node.0));
        columns
    }

    fn is_server(&self, node: NodeId) -> bool {
        self.header.nodes.get(node.index()).is_some_and(|node| node.kind != "client")
    }

    fn line(&mut self, line: Line, nodes: &[NodeId]) {
        let new = nodes.iter().filter(|node| !self.nodes.contains(node));
        let names: usize = new.map(|node| self.header.node_name(*node).len() + 32).sum();
        let chars = match &line {
            Line::Whole(line) => line.chars().count(),
            Line::OverAll(text) => text.chars().count() + OVER_ALL_CHARS_MAX,
        };
        let full = self.left_out > 0
            || self.chars + chars > BODY_CHARS_MAX
            || self.names_chars + names > NAMES_CHARS_MAX;
        if full {
            self.left_out += 1;
            return;
        }
        self.chars += chars;
        self.names_chars += names;
        self.nodes.extend(nodes);
        self.body.push(line);
    }

    fn write(self, out: &mut dyn Write) -> io::Result<()> {
        let Header { scenario, clock, seed, .. } = self.header;
        writeln!(out, "---\ntitle: \"{}\"\n---", title(scenario))?;
        writeln!(out, "sequenceDiagram\n    %% clock {}, seed {seed}", title(clock))?;
        for node in self.columns() {
            let word = if self.is_server(node) { "participant" } else { "actor" };
            let name = escape(self.header.node_name(node));
            writeln!(out, "    {word} {} as {name}", alias(node))?;
        }
        for line in &self.body {
            match line {
                Line::Whole(line) => out.write_all(line.as_bytes())?,
                Line::OverAll(text) => out.write_all(self.note_line(text).as_bytes())?,
            }
        }
        if self.left_out > 0 {
            let text = format!("… and {} more, which do not fit into a diagram", self.left_out);
            out.write_all(self.note_line(&escape(&text)).as_bytes())?;
        }
        Ok(())
    }
}

/// What a node is called within the diagram: names may have characters that Mermaid takes for its own.
fn alias(node: NodeId) -> String {
    if node == NodeId::OUTSIDE { "outside".into() } else { format!("n{}", node.0) }
}

/// Text between the quotes of the title.
fn title(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect()
}

/// At most so many characters of a text, the last of which is `…` if it had more.
fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max - 1).chain(['…']).collect()
}

/// A label: cut, and without anything that Mermaid or the page around it would take for its own.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, c) in text.chars().enumerate() {
        if n == LABEL_CHARS_MAX {
            out.push('…');
            break;
        }
        match c {
            '#' | ';' | '<' | '>' | '&' | '%' | '`' | '"' | '\\' | '$' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::sample::{self, ALICE, APP, Run, export_of, exported, exported_faulty};
    use super::*;

    #[test]
    fn a_run_reads_as_a_sequence_diagram() {
        let expected = "\
---
title: \"stale-cache\"
---
sequenceDiagram
    %% clock virtual, seed 7
    actor n3 as alice
    actor n4 as bob
    participant n0 as app
    participant n1 as db
    participant n2 as cache
    n3->>n0: PUT /items/42
    n0->>n1: SET item:42 9
    n1-->>n0: +OK
    n0-xn2: DEL item:42 [dropped by drop request]
    n0-->>n3: 200 OK
    n4->>n0: GET /items/42?q=#60;a#38;b#62;#59;#35;#34;x#34;
    n0->>n2: GET item:42
    n4->>n0: GET /items/43
    n2-->>n0: #34;10#34; [delayed]
    n0-->>n4: 200 OK
    n0-->>n4: 404 Not Found
    Note over n4: get app/items/42 failed: #36;.qty: expected 9, got 10
    n4-xn1: connect [refused]
    Note over n4: resets c4
    Note over n1: crashed: out of cheese
    Note over n3,n2: calls failed: no call to cache matches #34;DEL *#34;, expected 1#59; 1 did not arrive (#35;4 DEL item:42 [dropped])
";
        assert_eq!(exported(Format::Mermaid), expected);
    }

    #[test]
    fn every_fault_is_told_from_its_beginning_to_its_end() {
        let text = exported_faulty(Format::Mermaid);
        let mut rest = text.as_str();
        for line in [
            "Note over n3,n2: lost-del let loose: { drop: request, from: app, to: cache, match: #34;DEL *#34; }",
            "n3->>n0: PUT /items/42 ×2 [duplicated by twice]",
            "n0->>n1: SET item:42 9 → SET item:42 #92;xc6 [corrupted by corrupt.1]",
            "n0-xn2: DEL item:42 [dropped by lost-del]",
            "n0-->>n3: 200 OK → 503 Service Unavailable [edited by other-item]",
            "Note over n3,n2: other-item over, 1 message touched",
            "[truncated by short: 40 of 60 bytes]",
            "n0->>n2: GET item:7 [delayed by partition.1]",
            "Note over n1: crashed by power-cut",
            "n0-xn1: GET item:7 [lost to power-cut]",
            "Note over n2: paused",
            "Note over n3: get app/items/8 forgiven: status: expected 200, got 502",
            "Note over n2: resumed",
            "Note over n3,n2: gc over, 1 node touched",
            "Note over n1: restarted",
            "Note over n1: role = leader",
            "Note over n1: peers = [#34;app#34;,#34;cache#34;]",
            "n0-xn2: DEL item:8 [held by hold.1]",
            "Note over n3,n2: drop.1 was never let loose: { drop: response, from: app, to: db, nth: 9 }",
        ] {
            let at =
                rest.find(line).unwrap_or_else(|| panic!("{line} is not in its place in {text}"));
            rest = &rest[at + line.len()..];
        }
    }

    #[test]
    fn a_long_run_is_cut_below_what_mermaid_takes_and_says_so() {
        let mut run = Run::default();
        for n in 0..10_000 {
            run.message((n, n), 1, (ALICE, APP), &"é".repeat(200), None);
        }
        let text = export_of(Format::Mermaid, run.events);
        assert!(text.chars().count() < 50_000);
        let last = text.lines().last().unwrap();
        let left_out = 10_000 - text.matches("->>").count();
        assert_eq!(
            last,
            format!("    Note over n3,n0: … and {left_out} more, which do not fit into a diagram")
        );
    }

    #[test]
    fn a_run_of_many_nodes_is_cut_as_well() {
        let mut header = sample::header();
        let node =
            |n: u32| crate::trace::HeaderNode { name: format!("c{n}"), kind: "client".into() };
        header.nodes.extend((5..5000).map(node));
        let mut run = Run::default();
        for n in 5..5000 {
            run.message((0, 0), n, (NodeId(n), APP), "GET /", None);
        }
        let mut out = Vec::new();
        write(&header, run.events.into_iter(), &mut out).unwrap();
        assert!(out.len() < 50_000);
    }

    #[test]
    fn a_run_without_messages_is_still_a_diagram() {
        let text = export_of(Format::Mermaid, Vec::new());
        assert!(text.contains("sequenceDiagram\n"), "{text}");
    }
}
