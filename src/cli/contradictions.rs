//! What stands beneath a verdict: of a history, a picture of the operations that contradict each other and the
//! messages between them; of a predicate, the last of what happened before it broke.
//!
//! Both are known when a run is over, so its trace is read again for them: a picture needs no memory while the run
//! goes on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use super::show;
use crate::base::NodeId;
use crate::render::terminal::{
    BENEATH, Break, Contradiction, Folding, Form, Style, Teller, Telling, Wanted,
};
use crate::trace::EventKind;

/// The most verdicts of either kind that have a picture.
const PICTURES_MAX: usize = 4;

/// How much of what happened before a check broke is drawn.
const MOMENTS: usize = 8;

/// What stands beneath each verdict of a run that was told. A trace that cannot be read again (a pipe) has no
/// pictures.
pub(super) fn beneath(teller: &Teller, trace: &Path, brief: bool) -> BTreeMap<usize, String> {
    let contradictions = teller.tally().contradictions(brief);
    let breaks = if brief { Vec::new() } else { teller.tally().breaks() };
    if contradictions.is_empty() && breaks.is_empty() || !trace.is_file() {
        return BTreeMap::new();
    }
    let contradictions = contradictions.into_iter().take(PICTURES_MAX);
    let breaks = breaks.into_iter().take(PICTURES_MAX);
    contradictions
        .filter_map(|(number, ops)| Some((number, picture(teller, trace, &ops, brief)?)))
        .chain(breaks.filter_map(|(number, at)| Some((number, last_moments(teller, trace, &at)?))))
        .collect()
}

fn picture(teller: &Teller, trace: &Path, ops: &[u64], brief: bool) -> Option<String> {
    let mut found = Contradiction::new(ops);
    show::open(trace).ok()?.map_while(Result::ok).for_each(|event| found.event(&event));
    let style = teller.style();
    let mut out = String::new();
    found.draw(teller.header(), style, BENEATH, &mut out);
    if !brief {
        out.push_str(&messages(teller, trace, &mut found)?);
    }
    Some(out)
}

/// The part of the sequence diagram that matters.
fn messages(teller: &Teller, trace: &Path, found: &mut Contradiction) -> Option<String> {
    let mut wanted = BTreeSet::new();
    let mut others = BTreeSet::new();
    let concerns = Wanted::default();
    for (number, event) in (0..).zip(show::open(trace).ok()?.map_while(Result::ok)) {
        if found.wants(&event) {
            wanted.insert(number);
            others.extend(concerns.concerned(&event, teller.header()));
        }
    }
    if wanted.is_empty() {
        return Some(String::new());
    }
    let drawn = part(teller, trace, &wanted, found.nodes(&others), None)?;
    Some(format!("\n{drawn}"))
}

/// The last of what happened before a check broke, and a line that says so.
fn last_moments(teller: &Teller, trace: &Path, broke: &Break) -> Option<String> {
    let mut last: VecDeque<(u64, Vec<NodeId>)> = VecDeque::new();
    let concerns = Wanted::default();
    for (number, event) in (0..).zip(show::open(trace).ok()?.map_while(Result::ok)) {
        if event.at > broke.at {
            break;
        }
        if tells(&event.kind) {
            last.push_back((number, concerns.concerned(&event, teller.header())));
        }
        if last.len() > MOMENTS {
            last.pop_front();
        }
    }
    if last.is_empty() {
        return None;
    }
    let nodes: BTreeSet<NodeId> = last.iter().flat_map(|(_, nodes)| nodes.clone()).collect();
    let wanted = last.iter().map(|(number, _)| *number).collect();
    part(teller, trace, &wanted, nodes.into_iter().collect(), Some(broke))
}

/// What a diagram of the last moments is made of. A message or an operation that broke a check may be followed by more
/// that happened at the same time.
fn tells(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Message(_) | EventKind::State { .. }) || kind.is_trouble()
}

/// The events with these numbers between these nodes, as a diagram that ends with what broke.
fn part(
    teller: &Teller,
    trace: &Path,
    wanted: &BTreeSet<u64>,
    nodes: Vec<NodeId>,
    broke: Option<&Break>,
) -> Option<String> {
    let style = teller.style();
    let width = style.width.saturating_sub(BENEATH);
    let telling = Telling {
        style: Style { width, ..style },
        form: Form::Diagram,
        folding: Folding::Bounded,
        shown: Some(nodes),
        numbers: teller.has_numbers(),
    };
    let mut part = Teller::new(teller.header().clone(), teller.source().clone(), telling);
    let (mut text, mut out) = (String::new(), String::new());
    for (number, event) in (0..).zip(show::open(trace).ok()?.map_while(Result::ok)) {
        if wanted.contains(&number) { part.event(&event, &mut text) } else { part.pass(&event) }
    }
    match broke {
        Some(broke) => part.mark(broke.at, &broke.words, &mut text),
        None => part.finish(&mut text),
    }
    for line in text.lines() {
        out.push_str(format!("{}{line}", " ".repeat(BENEATH)).trim_end());
        out.push('\n');
    }
    Some(out)
}
