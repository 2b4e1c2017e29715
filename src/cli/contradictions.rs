//! What stands beneath a history's verdict: a picture of the operations that contradict each other, and the
//! messages between them.
//!
//! The operations are named when a run is over, so its trace is read again for them: a picture needs no
//! memory while the run goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::show;
use crate::render::terminal::{
    BENEATH, Contradiction, Folding, Form, Style, Teller, Telling, Wanted,
};

/// The most verdicts that have a picture.
const PICTURES_MAX: usize = 4;

/// What stands beneath each verdict of a run that was told. A trace that cannot be read again (a pipe) has no
/// pictures.
pub(super) fn beneath(teller: &Teller, trace: &Path, brief: bool) -> BTreeMap<usize, String> {
    let contradictions = teller.tally().contradictions(brief);
    if contradictions.is_empty() || !trace.is_file() {
        return BTreeMap::new();
    }
    let drawn = contradictions.into_iter().take(PICTURES_MAX);
    drawn.filter_map(|(number, ops)| Some((number, picture(teller, trace, &ops, brief)?))).collect()
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
    let names = Wanted::default();
    let mut others = BTreeSet::new();
    let mut any = false;
    for event in show::open(trace).ok()?.map_while(Result::ok) {
        if found.wants(&event) {
            any = true;
            others.extend(names.concerned(&event, teller.header()));
        }
    }
    if !any {
        return Some(String::new());
    }
    let style = teller.style();
    let width = style.width.saturating_sub(BENEATH);
    let shown = Some(found.nodes(&others));
    let telling = Telling {
        style: Style { width, ..style },
        form: Form::Diagram,
        folding: Folding::Bounded,
        shown,
    };
    let mut part = Teller::new(teller.header().clone(), teller.source().clone(), telling);
    let (mut text, mut out) = (String::new(), String::new());
    for event in show::open(trace).ok()?.map_while(Result::ok) {
        if found.wants(&event) { part.event(&event, &mut text) } else { part.pass(&event) }
    }
    part.finish(&mut text);
    for line in text.lines() {
        out.push_str(format!("{}{line}", " ".repeat(BENEATH)).trim_end());
        out.push('\n');
    }
    Some(format!("\n{out}"))
}
