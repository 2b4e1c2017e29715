//! Session guarantees: what one client may rely on, whatever others see.
//!
//! A key has versions, one a write, in an order that is the same for everybody: the first value is the oldest,
//! and the writes of one client stand in the order in which it made them. What else is known of that order
//! follows from the guarantee itself, if it holds. If two versions would have to be older than each other, it
//! does not.
//!
//! | guarantee | a client that ... | ... reads afterwards |
//! |---|---|---|
//! | read your writes | wrote a version | that one or a newer one |
//! | monotonic reads | read a version | that one or a newer one |
//! | monotonic writes | read a write of somebody | no version older than that client's earlier writes |
//! | writes follow reads | read a write of somebody | no version older than what that client had read before |
//!
//! # Source
//! Terry, Demers, Petersen, Spreitzer, Theimer and Welch, "Session Guarantees for Weakly Consistent
//! Replicated Data" (1994).

use std::collections::BTreeMap;

use crate::scenario::model::Criterion;

use super::case::{Case, Judgement};
use super::cycle::{Edge, Graph};
use super::facts::{Fact, Facts};
use super::tell::counted;

/// Why one version is older than another (or the same).
#[derive(Debug, Clone)]
struct Older {
    /// What tells it, in the words of a sentence.
    kind: Why,
    /// The operations that show it.
    shown_by: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// A client wrote one after the other.
    OwnWrites,
    /// A client wrote one and then read the other.
    ReadAfterWrite,
    /// A client read one and then the other.
    ReadAfterRead,
    /// A client read one and then wrote the other.
    WriteAfterRead,
    /// A client saw a write, then the other version; the writer had written the one before.
    SeenAfterWrites,
    /// A client saw a write, then the other version; the writer had read the one before.
    SeenAfterReads,
    /// It is one of those that a client had read.
    Among,
}

impl Why {
    fn words(self) -> &'static str {
        match self {
            Why::OwnWrites => "write after write",
            Why::ReadAfterWrite => "read after own write",
            Why::ReadAfterRead => "read after read",
            Why::WriteAfterRead => "write after read",
            Why::SeenAfterWrites => "read after a write that followed a write",
            Why::SeenAfterReads => "read after a write that followed a read",
            Why::Among => "",
        }
    }
}

pub(super) fn judge(case: &Case<'_>) -> Judgement {
    let facts = match Facts::of(case) {
        Ok(facts) => facts,
        Err(judgement) => return judgement,
    };
    let criterion = case.question.criterion;
    let mut order = Order::new(criterion, &facts);
    if [Criterion::MonotonicWrites, Criterion::WritesFollowReads].contains(&criterion) {
        if facts.all.len().saturating_mul(facts.lanes.len()) > SEEN_MAX {
            return Judgement::unknown(format!(
                "{} operations of {} clients are more than this is judged of: \
                 `client:` or `key:` in the check makes them fewer",
                facts.all.len(),
                facts.lanes.len(),
            ));
        }
        order.look_around();
    }
    if criterion == Criterion::WritesFollowReads {
        order.note_newest();
    }
    order.fill();
    let Order { graph, why, count, .. } = &order;
    match graph.circle_of_two(facts.all.len() + facts.keys) {
        None => Judgement::holds(format!(
            "{} reads and writes keep to it, by {}",
            facts.all.len(),
            counted(*count as u64, "comparison", "comparisons")
        )),
        Some(circle) => violated(case, &facts, &circle, why),
    }
}

/// The order of versions, as far as it is known: a node for each fact (of which writes are used), and one
/// for what each key held at first.
struct Order<'f, 'a> {
    criterion: Criterion,
    facts: &'f Facts<'a>,
    graph: Graph,
    why: Vec<Older>,
    /// How many reads and writes the guarantee is about.
    count: usize,
    /// The writes, and the reads, of each lane on each key, by their places.
    writes: BTreeMap<(usize, usize), Vec<usize>>,
    reads: BTreeMap<(usize, usize), Vec<usize>>,
    /// What the client of each fact had seen of the writes of each lane when the fact was over: the latest,
    /// and by which read.
    seen: Vec<Vec<(usize, usize)>>,
    /// The node that stands for all that the lane of a read had read when it was over.
    newest: Vec<usize>,
}

impl<'f, 'a> Order<'f, 'a> {
    fn new(criterion: Criterion, facts: &'f Facts<'a>) -> Order<'f, 'a> {
        let graph = Graph::new(facts.all.len() + facts.keys);
        let (mut writes, mut reads) = (BTreeMap::new(), BTreeMap::new());
        for (number, fact) in facts.all.iter().enumerate() {
            let into = if facts.is_write(number) { &mut writes } else { &mut reads };
            let places: &mut Vec<usize> = into.entry((fact.lane, fact.key)).or_default();
            places.push(fact.place);
        }
        let (why, seen, newest) = (Vec::new(), Vec::new(), Vec::new());
        Order { criterion, facts, graph, why, count: 0, writes, reads, seen, newest }
    }

    /// The node of the version that a read saw, or a write made.
    fn version(&self, number: usize) -> usize {
        match self.facts.source(number) {
            None => number,
            Some(Some(write)) => write,
            Some(None) => self.facts.all.len() + self.facts.all[number].key,
        }
    }

    fn older(&mut self, one: usize, other: usize, kind: Why, shown_by: Vec<usize>) {
        if one != other {
            self.graph.add(one, other, self.why.len());
            self.why.push(Older { kind, shown_by });
        }
    }

    /// The last of `places` in the lane that are before `end`.
    fn last(&self, places: Option<&Vec<usize>>, lane: usize, end: usize) -> Option<usize> {
        let places = places?;
        let count = places.partition_point(|place| *place < end);
        Some(self.facts.lanes[lane][places[count.checked_sub(1)?]])
    }

    /// Of each lane of a fact's client, the last write (or read) on `key` before it.
    fn own(&self, number: usize, key: usize, writes: bool) -> Vec<usize> {
        let fact = &self.facts.all[number];
        let of = if writes { &self.writes } else { &self.reads };
        let lanes = fact.before.iter().map(|before| &self.facts.all[*before]);
        lanes
            .filter_map(|before| {
                self.last(of.get(&(before.lane, key)), before.lane, before.place + 1)
            })
            .collect()
    }

    fn fill(&mut self) {
        for number in 0..self.facts.all.len() {
            let Fact { key, .. } = self.facts.all[number];
            if self.facts.is_write(number) {
                let first = self.facts.all.len() + key;
                self.older(first, number, Why::OwnWrites, Vec::new());
                for before in self.own(number, key, true) {
                    self.older(before, number, Why::OwnWrites, vec![before, number]);
                }
                if self.criterion == Criterion::WritesFollowReads {
                    for before in self.own(number, key, false) {
                        let newest = self.newest[before];
                        self.older(newest, number, Why::WriteAfterRead, vec![number]);
                        self.count += 1;
                    }
                }
                continue;
            }
            let version = self.version(number);
            match self.criterion {
                Criterion::ReadYourWrites => {
                    for before in self.own(number, key, true) {
                        self.older(before, version, Why::ReadAfterWrite, vec![before, number]);
                        self.count += 1;
                    }
                }
                Criterion::MonotonicReads => {
                    for before in self.own(number, key, false) {
                        let seen = self.version(before);
                        self.older(seen, version, Why::ReadAfterRead, vec![before, number]);
                        self.count += 1;
                    }
                }
                _ => self.seen_before(number),
            }
        }
    }

    /// What the writers of what a client has seen before had written, or read, before they wrote that.
    fn seen_before(&mut self, number: usize) {
        let (key, version) = (self.facts.all[number].key, self.version(number));
        let writes = self.criterion == Criterion::MonotonicWrites;
        for (seen, write) in self.latest_seen(number) {
            for before in self.own(write, key, writes) {
                match writes {
                    true => {
                        let shown_by = vec![before, write, seen, number];
                        self.older(before, version, Why::SeenAfterWrites, shown_by);
                    }
                    false => {
                        let (newest, shown_by) = (self.newest[before], vec![write, seen, number]);
                        self.older(newest, version, Why::SeenAfterReads, shown_by);
                    }
                }
                self.count += 1;
            }
        }
    }

    /// Of each lane, the latest write that the client of a read had seen before it, and the read that saw
    /// it.
    fn latest_seen(&self, number: usize) -> Vec<(usize, usize)> {
        let before = self.facts.all[number].before.iter();
        let mut latest: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for (seen, write) in before.flat_map(|before| self.seen[*before].iter().copied()) {
            self.keep_latest(&mut latest, seen, write);
        }
        latest.into_values().collect()
    }

    fn keep_latest(&self, latest: &mut BTreeMap<usize, (usize, usize)>, seen: usize, write: usize) {
        let Fact { lane, place, .. } = self.facts.all[write];
        let entry = latest.entry(lane).or_insert((seen, write));
        if self.facts.all[entry.1].place < place {
            *entry = (seen, write);
        }
    }

    /// Makes a node for each read: the newest of the versions that its lane had read when it was over.
    fn note_newest(&mut self) {
        self.newest = vec![0; self.facts.all.len()];
        let mut last: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for (number, fact) in self.facts.all.iter().enumerate() {
            if self.facts.is_write(number) {
                continue;
            }
            let node = self.graph.node();
            self.newest[number] = node;
            self.older(self.version(number), node, Why::Among, vec![number]);
            if let Some(before) = last.insert((fact.lane, fact.key), node) {
                self.older(before, node, Why::Among, Vec::new());
            }
        }
    }

    /// Notes for each fact what its client had seen when it was over.
    fn look_around(&mut self) {
        for number in 0..self.facts.all.len() {
            let mut latest = BTreeMap::new();
            for (seen, write) in self.latest_seen(number) {
                self.keep_latest(&mut latest, seen, write);
            }
            if let Some(Some(write)) = self.facts.source(number) {
                self.keep_latest(&mut latest, number, write);
            }
            self.seen.push(latest.into_values().collect());
        }
    }
}

/// The most that clients can have seen of each other, all of it together: 256 MiB.
const SEEN_MAX: usize = 16 * 1024 * 1024;

/// Why one version of a circle is older than the next, with all operations that show it.
struct Hop {
    kind: Why,
    shown_by: Vec<usize>,
}

fn violated(case: &Case<'_>, facts: &Facts<'_>, circle: &[Edge], why: &[Older]) -> Judgement {
    let mut hops: Vec<Hop> = Vec::new();
    let mut shown_by = Vec::new();
    for edge in circle {
        let Older { kind, shown_by: more } = &why[edge.what];
        shown_by.extend_from_slice(more);
        if *kind != Why::Among {
            hops.push(Hop { kind: *kind, shown_by: std::mem::take(&mut shown_by) });
        }
    }
    // What the guarantee asks for comes first, what was known anyway behind it.
    hops.sort_by_key(|hop| hop.kind == Why::OwnWrites);
    let shown = || hops.iter().flat_map(|hop| &hop.shown_by).copied();
    let last = shown().max_by_key(|one| (!facts.is_write(*one), facts.all[*one].op.back));
    let Some(last) = last.map(|one| facts.all[one].op) else {
        return Judgement::unknown("a circle of nothing");
    };
    let of_first = hops.iter().any(|hop| hop.shown_by.is_empty());
    let told: Vec<String> = hops.iter().filter_map(|hop| told(case, facts, hop)).collect();
    let mut text = told.join(", but ");
    let mut kinds: Vec<&str> = hops.iter().map(|hop| hop.kind.words()).collect();
    kinds.dedup();
    let mut cause = format!("{}: {}", case.question.criterion.as_str(), kinds.join(", "));
    if of_first {
        text += ", and that is what was there at first";
        cause += ", of the initial value";
    }
    Judgement::violated(text, cause, last, shown().map(|one| facts.all[one].op))
}

/// `ann wrote 2 on x (1ms to 2ms), and then ann read 1 on x (3ms to 4ms)`.
fn told(case: &Case<'_>, facts: &Facts<'_>, hop: &Hop) -> Option<String> {
    let whole = |number: &usize| {
        let op = facts.all[*number].op;
        let object = case.tell.object(&op.key);
        format!("{}{object} ({})", case.tell.deed(op), case.tell.times(op))
    };
    let told: Vec<String> = hop.shown_by.iter().map(whole).collect();
    match told.as_slice() {
        [] => None,
        // What the writer did, and what the other one saw of it.
        [one, two, three, four] => Some(format!("{one}, and then {two}; {three}, and then {four}")),
        told => Some(told.join(", and then ")),
    }
}
