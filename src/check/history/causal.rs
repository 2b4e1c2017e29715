//! Causal consistency: who sees a write sees all that may have led to it.
//!
//! ```text
//! ann  write x 1 . write x 2                     before: in one client's own order, or from a write to
//! bob                        read x 2 . write y 3         whoever read it, and whatever follows from these
//! cid                                             read y 3 . read x 1    (2 had come before all that)
//! ```
//!
//! Where every write can be told from the others, a history is causally consistent unless it has one of four
//! patterns: something comes before itself (*CyclicCO*), a read saw what nobody wrote (*ThinAirRead*), or what
//! was there at first though a write comes before the read (*WriteCOInitRead*), or a write that another one
//! on its key has come after, and that one before the read (*WriteCORead*). All are looked for with vector
//! clocks, in time proportional to operations times clients.
//!
//! # Source
//! Bouajjani, Enea, Guerraoui and Hamza, "On Verifying Causal Consistency" (2017), theorem 3.

use super::super::words::show;
use super::case::{Case, Judgement};
use super::cycle::Graph;
use super::facts::{Fact, Facts, Kind};

/// The most entries of all vector clocks together: 128 MiB.
const CLOCKS_MAX: usize = 32 * 1024 * 1024;

/// The most steps of a chain that a sentence tells.
const CHAIN_MAX: usize = 8;

pub(super) fn judge(case: &Case<'_>) -> Judgement {
    let facts = match Facts::of(case) {
        Ok(facts) => facts,
        Err(judgement) => return judgement,
    };
    if facts.all.len().saturating_mul(facts.lanes.len()) > CLOCKS_MAX {
        return Judgement::unknown(format!(
            "{} operations of {} clients are more than causal consistency is judged of: \
             `client:` or `key:` in the check makes them fewer",
            facts.all.len(),
            facts.lanes.len(),
        ));
    }
    let Some(clocks) = Clocks::of(&facts) else { return circle(case, &facts) };
    for read in 0..facts.all.len() {
        if let Some(source) = facts.source(read)
            && let Some(write) = clocks.overwritten(&facts, read, source)
        {
            return overwritten(case, &facts, read, source, write);
        }
    }
    Judgement::holds(format!("{} reads and writes keep to causal order", facts.all.len()))
}

/// The graph of what comes right before what.
fn graph(facts: &Facts<'_>) -> Graph {
    let mut graph = Graph::new(facts.all.len());
    for (number, fact) in facts.all.iter().enumerate() {
        fact.before.iter().for_each(|before| graph.add(*before, number, 0));
        if let Kind::Read(Some(write)) = fact.kind {
            graph.add(write, number, 1);
        }
    }
    graph
}

/// Of each fact, how many facts of each lane come before it, itself included in its own.
struct Clocks {
    lanes: usize,
    entries: Vec<u32>,
    /// The writes of each lane on each key, by their places.
    writes: std::collections::BTreeMap<(usize, usize), Vec<usize>>,
}

impl Clocks {
    /// None if something comes before itself.
    fn of(facts: &Facts<'_>) -> Option<Clocks> {
        let count = facts.all.len();
        let lanes = facts.lanes.len();
        let mut writes: std::collections::BTreeMap<(usize, usize), Vec<usize>> = Default::default();
        for fact in facts.all.iter().filter(|fact| fact.kind == Kind::Write) {
            writes.entry((fact.lane, fact.key)).or_default().push(fact.place);
        }
        let mut clocks = Clocks { lanes, entries: vec![0; count * lanes], writes };
        let graph = graph(facts);
        let mut waits = vec![0_u32; count];
        for node in 0..count {
            graph.from(node).iter().for_each(|(to, _)| waits[*to] += 1);
        }
        let mut ready: Vec<usize> = (0..count).filter(|node| waits[*node] == 0).collect();
        let mut done = 0;
        while let Some(node) = ready.pop() {
            done += 1;
            let Fact { lane, place, .. } = facts.all[node];
            clocks.entries[node * lanes + lane] = u32::try_from(place + 1).unwrap_or(u32::MAX);
            for (to, _) in graph.from(node).iter().copied() {
                for lane in 0..lanes {
                    let known = clocks.entries[node * lanes + lane];
                    let entry = &mut clocks.entries[to * lanes + lane];
                    *entry = (*entry).max(known);
                }
                waits[to] -= 1;
                if waits[to] == 0 {
                    ready.push(to);
                }
            }
        }
        (done == count).then_some(clocks)
    }

    /// How many facts of a lane come before `node`.
    fn known(&self, node: usize, lane: usize) -> usize {
        self.entries[node * self.lanes + lane] as usize
    }

    /// A write that comes before `read`, on its key, and after what it saw.
    fn overwritten(&self, facts: &Facts<'_>, read: usize, source: Option<usize>) -> Option<usize> {
        let key = facts.all[read].key;
        (0..self.lanes).find_map(|lane| {
            let places = self.writes.get(&(lane, key))?;
            let count = places.partition_point(|place| *place < self.known(read, lane));
            let write = facts.lanes[lane][places[count.checked_sub(1)?]];
            let newer = match source {
                None => true,
                Some(source) => {
                    let Fact { lane, place, .. } = facts.all[source];
                    write != source && self.known(write, lane) > place
                }
            };
            newer.then_some(write)
        })
    }
}

/// Something comes before itself.
fn circle(case: &Case<'_>, facts: &Facts<'_>) -> Judgement {
    let circle = graph(facts).circle(&|_| true).unwrap_or_default();
    let ops: Vec<_> = circle.iter().map(|edge| facts.all[edge.from].op).collect();
    let Some(first) = ops.first().copied() else {
        return Judgement::unknown("a circle of nothing");
    };
    let told: Vec<String> =
        circle.iter().take(CHAIN_MAX).map(|edge| deed(case, &facts.all[edge.from])).collect();
    let text = format!("a circle, in which each had to come before the next: {}", told.join(" → "));
    let cause = "causal: an operation comes before itself (CyclicCO)";
    Judgement::violated(text, cause, first, ops.iter().copied())
}

fn overwritten(
    case: &Case<'_>,
    facts: &Facts<'_>,
    read: usize,
    source: Option<usize>,
    write: usize,
) -> Judgement {
    let graph = graph(facts);
    let way = |from: usize, to: usize| -> Vec<usize> {
        let path = graph.path(from, to, &|_| true, &|_| true).unwrap_or_default();
        path.iter().map(|edge| edge.to).collect()
    };
    let mut chain: Vec<usize> = Vec::new();
    if let Some(source) = source {
        chain.push(source);
        chain.extend(way(source, write));
    } else {
        chain.push(write);
    }
    chain.extend(way(write, read));
    let op = facts.all[read].op;
    let chain_told = if chain.len() > CHAIN_MAX {
        let ends = chain[..CHAIN_MAX - 1].iter().chain(chain.last());
        let told: Vec<String> = ends.map(|one| deed(case, &facts.all[*one])).collect();
        let (last, first) = told.split_last().map_or(("", &[][..]), |(l, f)| (l.as_str(), f));
        format!("{} → … → {last}", first.join(" → "))
    } else {
        let told: Vec<String> = chain.iter().map(|one| deed(case, &facts.all[*one])).collect();
        told.join(" → ")
    };
    let (what, name) = match source {
        Some(_) => ("which had been overwritten", "WriteCORead"),
        None => ("which is what was there at first", "WriteCOInitRead"),
    };
    let text = format!(
        "{} read {}{} ({}), {what} before, as far as its own past goes: {chain_told}",
        case.tell.who(op),
        show(op.value()),
        case.tell.object(&op.key),
        case.tell.times(op),
    );
    let cause = match source {
        Some(_) => "a read saw a value that a write in its past had overwritten",
        None => "a read saw the initial value though a write is in its past",
    };
    let others = chain.iter().map(|one| facts.all[*one].op);
    Judgement::violated(text, format!("causal: {cause} ({name})"), op, others)
}

/// `ann wrote 1 on x`.
fn deed(case: &Case<'_>, fact: &Fact<'_>) -> String {
    format!("{}{}", case.tell.deed(fact.op), case.tell.object(&fact.op.key))
}
