//! Circles of dependencies, told apart by what they are made of.

use std::collections::{BTreeMap, VecDeque};

use crate::scenario::model::{Anomaly, ModelKind, TxnOrder};

use super::super::case::Case;
use super::super::cycle::{Edge, Graph};
use super::super::history::Operation;
use super::super::values::ValueId;
use super::order::ended_before;
use super::txn::Txns;
use super::{Found, name};

/// Why one transaction comes before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DepKind {
    /// It wrote a version, the other a younger one.
    Ww,
    /// It wrote what the other read.
    Wr,
    /// It read a version, the other wrote a younger one.
    Rw,
    /// Its client did the other afterwards.
    Session,
    /// It had ended when the other began.
    Realtime,
}

impl DepKind {
    fn word(self) -> &'static str {
        match self {
            DepKind::Ww => "ww",
            DepKind::Wr => "wr",
            DepKind::Rw => "rw",
            DepKind::Session => "session",
            DepKind::Realtime => "realtime",
        }
    }
}

/// A dependency of one transaction on another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dep {
    pub(super) kind: DepKind,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) key: ValueId,
    /// The older version; none if that is what was there at first.
    pub(super) value: Option<ValueId>,
    /// The younger one.
    pub(super) then: ValueId,
    /// That it is younger follows only from what others saw before.
    pub(super) inferred: bool,
}

/// All dependencies.
#[derive(Debug, Default)]
pub(super) struct Deps {
    all: Vec<Dep>,
    /// Whether there may be more, which it took too long to find.
    pub(super) cut: bool,
}

impl Deps {
    /// None yet. `cut` says whether some cannot be found.
    pub(super) fn new(cut: bool) -> Deps {
        Deps { all: Vec::new(), cut }
    }

    pub(super) fn add(&mut self, dep: Dep) {
        if dep.from != dep.to {
            self.all.push(dep);
        }
    }
}

/// What was found.
pub(super) struct Circles<'a> {
    pub(super) found: Vec<Found<'a>>,
    /// Whether all was looked at.
    pub(super) decided: bool,
}

struct Look<'c, 'a> {
    case: &'c Case<'a>,
    txns: &'c Txns<'a>,
    deps: Vec<Dep>,
    graph: Graph,
    left: u64,
}

/// Looks for circles of the prohibited kinds.
pub(super) fn look<'a>(
    case: &Case<'a>,
    txns: &Txns<'a>,
    deps: &Deps,
    is_prohibited: &dyn Fn(Anomaly) -> bool,
) -> Circles<'a> {
    let mut deps = deps.all.clone();
    match case.question.isolation.order {
        TxnOrder::Data => {}
        TxnOrder::Session => by_end(txns, DepKind::Session, &mut deps),
        TxnOrder::Realtime => by_end(txns, DepKind::Realtime, &mut deps),
    }
    let mut graph = Graph::new(txns.all.len());
    for (number, dep) in deps.iter().enumerate() {
        graph.add(dep.from, dep.to, number);
    }
    let mut look = Look { case, txns, deps, graph, left: case.question.budget };
    let mut found = Vec::new();
    let kind = |look: &Look<'_, '_>, number: usize| look.deps[number].kind;
    let is_write = |kind: DepKind| !matches!(kind, DepKind::Wr | DepKind::Rw);
    let g0 = look.graph.circle(&|number| is_write(kind(&look, number)));
    let has_g0 = g0.is_some();
    if is_prohibited(Anomaly::G0) {
        found.extend(g0.map(|circle| look.found(Anomaly::G0, &circle)));
    }
    let g1c =
        if has_g0 { None } else { look.graph.circle(&|number| kind(&look, number) != DepKind::Rw) };
    let has_g1c = has_g0 || g1c.is_some();
    if is_prohibited(Anomaly::G1c) {
        found.extend(g1c.map(|circle| look.found(Anomaly::G1c, &circle)));
    }
    // Where there are circles of writes and reads already, the others tell little more.
    if has_g1c {
        return Circles { found, decided: true };
    }
    let parts = look.graph.parts(&|_| true);
    let rws: Vec<usize> = (0..look.deps.len())
        .filter(|number| {
            let dep = &look.deps[*number];
            dep.kind == DepKind::Rw && parts[dep.from] == parts[dep.to]
        })
        .collect();
    let mut decided = true;
    for (anomaly, adjacent) in
        [(Anomaly::GSingle, None), (Anomaly::GNonadjacent, Some(false)), (Anomaly::G2, Some(true))]
    {
        if !is_prohibited(anomaly) || !found.is_empty() {
            continue;
        }
        let mut best: Option<Vec<Edge>> = None;
        for rw in &rws {
            if look.left == 0 {
                decided = best.is_some();
                break;
            }
            if let Some(circle) = look.through(*rw, adjacent, &parts)
                && best.as_ref().is_none_or(|best| circle.len() < best.len())
            {
                best = Some(circle);
            }
            if best.as_ref().is_some_and(|best| best.len() <= 2) {
                break;
            }
        }
        found.extend(best.map(|circle| look.found(anomaly, &circle)));
    }
    Circles { found, decided }
}

/// Who had ended when another began, of all transactions or of one client's.
fn by_end(txns: &Txns<'_>, kind: DepKind, deps: &mut Vec<Dep>) {
    let whose = |number: usize| {
        let own = (kind == DepKind::Session).then_some(txns.all[number].op.client);
        vec![own]
    };
    deps.extend(ended_before(txns, &whose).into_iter().map(|(from, to, _)| Dep {
        kind,
        from,
        to,
        key: 0,
        value: None,
        then: 0,
        inferred: false,
    }));
}

impl<'a> Look<'_, 'a> {
    /// The shortest circle through an rw edge: with no other (`None`), with others of which no two are
    /// neighbours (`Some(false)`), or with any others.
    fn through(&mut self, rw: usize, adjacent: Option<bool>, parts: &[usize]) -> Option<Vec<Edge>> {
        let first = self.deps[rw];
        // A place is a transaction, and whether an rw edge led there.
        let start = (first.to, true);
        let mut came: BTreeMap<(usize, bool), ((usize, bool), Edge)> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(place) = queue.pop_front() {
            let (node, by_rw) = place;
            for (to, what) in self.graph.from(node).iter().copied() {
                self.left = self.left.saturating_sub(1);
                let is_rw = self.deps[what].kind == DepKind::Rw;
                let allowed = match adjacent {
                    None => !is_rw,
                    Some(false) => !(is_rw && (by_rw || to == first.from)),
                    Some(true) => true,
                };
                let next = (to, is_rw && adjacent == Some(false));
                if !allowed || parts[to] != parts[node] || came.contains_key(&next) {
                    continue;
                }
                came.insert(next, (place, Edge { from: node, to, what }));
                if to != first.from {
                    queue.push_back(next);
                    continue;
                }
                let mut path = Vec::new();
                let mut at = next;
                while at != start
                    && let Some((before, edge)) = came.get(&at)
                {
                    path.push(*edge);
                    at = *before;
                }
                path.push(Edge { from: first.from, to: first.to, what: rw });
                path.reverse();
                return Some(path);
            }
        }
        None
    }

    fn found(&self, anomaly: Anomaly, circle: &[Edge]) -> Found<'a> {
        let ops: Vec<&'a Operation> =
            circle.iter().map(|edge| self.txns.all[edge.from].op).collect();
        let culprit = ops.iter().copied().max_by_key(|op| op.call).unwrap_or(self.txns.all[0].op);
        let who: Vec<String> = ops
            .iter()
            .map(|op| {
                format!(
                    "{} is of {} ({})",
                    name(op),
                    self.case.tell.who(op),
                    self.case.tell.times(op)
                )
            })
            .collect();
        let why: Vec<String> = circle.iter().map(|edge| self.why(&self.deps[edge.what])).collect();
        let text = format!("{}; {}", why.join("; "), who.join(", "));
        // A circle has no beginning: the least of its turns stands for all.
        let words: Vec<&str> = circle.iter().map(|edge| self.deps[edge.what].kind.word()).collect();
        let turns = (0..words.len()).map(|n| [&words[n..], &words[..n]].concat().join(" "));
        let kind = turns.min().unwrap_or_default();
        Found { anomaly, text, kind, culprit, others: ops }
    }

    /// `T2 appended 5 to x after T1 had read [1 2] of it`.
    fn why(&self, dep: &Dep) -> String {
        let [from, to] = [dep.from, dep.to].map(|number| self.txns.all[number].op);
        let (one, other) = (name(from), name(to));
        let (key, then) = (self.txns.text(dep.key), self.txns.text(dep.then));
        let lists = self.case.question.model == ModelKind::ListAppend;
        let value = dep.value.map(|value| self.txns.text(value));
        match (dep.kind, value) {
            (DepKind::Session, _) => format!("{one} had ended when its client began {other}"),
            (DepKind::Realtime, _) => format!("{one} had ended when {other} began"),
            (DepKind::Wr, _) if lists => {
                format!("{other} read {key} with the {then} of {one} at its end")
            }
            (DepKind::Wr, _) => format!("{other} read {key} as {then}, which {one} wrote"),
            (DepKind::Ww, Some(value)) if lists => {
                format!("{other} appended {then} to {key} behind the {value} of {one}")
            }
            (DepKind::Ww, Some(value)) if dep.inferred => format!(
                "{other} wrote {then} to {key} and {one} {value}, and {value} was seen or written there \
                 before somebody began who saw or wrote {then}"
            ),
            (DepKind::Rw, Some(value)) if dep.inferred => format!(
                "{one} read {key} as {value} and {other} wrote {then}, and {value} was seen or written there \
                 before somebody began who saw or wrote {then}"
            ),
            (DepKind::Ww, value) => format!(
                "{other} wrote {then} to {key} over the {} of {one}",
                value.unwrap_or_default()
            ),
            (DepKind::Rw, Some(value)) if lists => {
                format!("{one} read {key} up to {value}, without the {then} that {other} appended")
            }
            (DepKind::Rw, None) if lists => {
                format!("{one} read {key} as empty, without the {then} that {other} appended")
            }
            (DepKind::Rw, value) => format!(
                "{one} read {key} as {}, which {other} overwrote with {then}",
                value.unwrap_or_default()
            ),
        }
    }
}
