//! Registers whose writes can be told apart are judged without a search.
//!
//! ```text
//! write 1  |----|                        all that concerns the value 1: it must have been there from the
//! read 1        .   |--|                 first end to the last beginning, and nothing else in between:
//! zone          [---]                    a zone
//! ```
//!
//! If no value is written twice, the operations on one value form a cluster. If one of them ends before
//! another begins, the register held the value in between: a *forward zone*. If all of them overlap, there is
//! one moment in that overlap at which all of them can have taken effect at once: a *backward zone*. An
//! order exists if and only if no two forward zones overlap and no backward zone lies within a forward one.
//!
//! # Source
//! Gibbons and Korach, "Testing Shared Memories" (1997), theorem 4.2; the words are those of Golab, Li and
//! Shah, "Analyzing Consistency Properties for Fun and Profit" (2011).

use std::collections::BTreeMap;

use super::history::OPEN;
use super::models::{Entry, RegisterAct};
use super::values::ValueId;

type Act = RegisterAct;

/// What the zones tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Zones {
    /// There is an order.
    Fit,
    /// There is none even of these entries.
    Clash(Vec<usize>),
    /// A value was written twice: the zones tell nothing.
    Ambiguous,
}

/// The operations on one value.
#[derive(Debug, Clone, Copy)]
struct Cluster {
    /// Its write; none for the initial value.
    write: Option<usize>,
    /// The entry that ends first, if any does.
    first_end: Option<usize>,
    /// The entry that begins last.
    last_call: Option<usize>,
    /// When the first one has ended. The initial value was written before everything.
    end: u32,
    /// When the last one begins.
    call: u32,
}

impl Cluster {
    fn of(write: Option<usize>, call: u32, end: u32) -> Cluster {
        Cluster { write, first_end: write, last_call: write, end, call }
    }

    fn add(&mut self, place: usize, entry: &Entry<Act>) {
        if entry.back < self.end {
            (self.end, self.first_end) = (entry.back, Some(place));
        }
        if entry.call > self.call {
            (self.call, self.last_call) = (entry.call, Some(place));
        }
    }

    /// The entries that make its zone, with its write.
    fn makers(&self) -> impl Iterator<Item = usize> {
        self.write.into_iter().chain(self.first_end).chain(self.last_call)
    }
}

/// Judges reads and writes of a register that holds `initial` at first.
pub(super) fn zones(entries: &[Entry<Act>], initial: ValueId) -> Zones {
    let mut clusters = BTreeMap::from([(initial, Cluster::of(None, 0, 0))]);
    let mut is_ambiguous = false;
    for (place, entry) in entries.iter().enumerate() {
        let Act::Write(value) = entry.act else { continue };
        // The first one in the order of calls stays.
        clusters
            .entry(value)
            .and_modify(|_| is_ambiguous = true)
            .or_insert_with(|| Cluster::of(Some(place), entry.call, entry.back));
    }
    for (place, entry) in entries.iter().enumerate() {
        let Act::Read(value) = entry.act else { continue };
        let cluster = clusters
            .get_mut(&value)
            .filter(|cluster| cluster.write.is_none_or(|write| entries[write].call < entry.back));
        // Nobody has written that, or not before this read had ended.
        let Some(cluster) = cluster else { return Zones::Clash(vec![place]) };
        cluster.add(place, entry);
    }
    if is_ambiguous {
        return Zones::Ambiguous;
    }
    match clash(clusters.values()) {
        None => Zones::Fit,
        Some((one, other)) => {
            let mut places: Vec<usize> = one.makers().chain(other.makers()).collect();
            places.sort_unstable();
            places.dedup();
            Zones::Clash(places)
        }
    }
}

/// Two clusters that cannot both be.
fn clash<'a>(clusters: impl Iterator<Item = &'a Cluster>) -> Option<(&'a Cluster, &'a Cluster)> {
    let is_forward = |cluster: &&Cluster| cluster.end < cluster.call;
    let (mut forward, backward): (Vec<&Cluster>, Vec<&Cluster>) = clusters.partition(is_forward);
    forward.sort_unstable_by_key(|cluster| cluster.end);
    // Sorted by where they begin, one that overlaps any overlaps one that reaches furthest so far.
    let mut reaching: Option<&Cluster> = None;
    for cluster in &forward {
        if let Some(before) = reaching.filter(|before| cluster.end < before.call) {
            return Some((before, cluster));
        }
        if reaching.is_none_or(|before| before.call < cluster.call) {
            reaching = Some(cluster);
        }
    }
    // A backward zone is from its last beginning to its first end.
    for cluster in backward {
        let behind = forward.partition_point(|zone| zone.end < cluster.call);
        let around = behind.checked_sub(1).map(|at| forward[at]);
        if let Some(zone) = around.filter(|zone| cluster.end != OPEN && cluster.end < zone.call) {
            return Some((zone, cluster));
        }
    }
    None
}
