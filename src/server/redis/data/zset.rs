//! A sorted set: the score of each member, and the order of all.

use super::ranked::Ranked;
use super::{ELEMENT_OVERHEAD, SMALL_ELEMENT_BYTES, Scored, Table};

/// A sorted set with more members than this is what Redis calls a skiplist.
const SMALL_MEMBERS: usize = 128;

/// Members with scores.
#[derive(Debug, Clone, Default)]
pub(crate) struct ZSet {
    scores: Table<f64>,
    order: Ranked,
    text_bytes: usize,
    /// Once large, always large, as in Redis.
    large: bool,
}

impl ZSet {
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        2 * self.text_bytes + self.len() * 3 * ELEMENT_OVERHEAD
    }

    pub(crate) fn encoding(&self) -> &'static str {
        if self.large { "skiplist" } else { "listpack" }
    }

    pub(crate) fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).copied()
    }

    /// Sets a member's score; returns the one it had.
    pub(crate) fn set(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let old = self.scores.insert(member, score);
        match old {
            #[expect(clippy::float_cmp, reason = "the very same score keeps its place")]
            Some(old) if old == score => return Some(old),
            Some(old) => self.order.remove(old, member),
            None => self.text_bytes += member.len(),
        }
        self.order.insert(score, member);
        self.large |= self.len() > SMALL_MEMBERS || member.len() > SMALL_ELEMENT_BYTES;
        old
    }

    /// Removes a member; true if it was there.
    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        let Some(score) = self.scores.remove(member) else { return false };
        self.order.remove(score, member);
        self.text_bytes -= member.len();
        true
    }

    /// Removes and returns the members of these ranks.
    pub(crate) fn drain(&mut self, start: usize, end: usize) -> Vec<Scored> {
        let taken = self.order.drain(start, end);
        for scored in &taken {
            self.scores.remove(&scored.member);
            self.text_bytes -= scored.member.len();
        }
        taken
    }

    pub(crate) fn rank(&self, member: &[u8]) -> Option<usize> {
        self.score(member).map(|score| self.order.rank(score, member))
    }

    /// How many of the first members fulfil `holds`, which must hold for a beginning of the order.
    pub(crate) fn partition(&self, holds: impl Fn(&Scored) -> bool) -> usize {
        self.order.partition(holds)
    }

    /// The members of these ranks.
    pub(crate) fn range(
        &self,
        start: usize,
        end: usize,
    ) -> impl DoubleEndedIterator<Item = &Scored> {
        self.order.range(start, end)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Scored> {
        self.order.range(0, usize::MAX)
    }

    /// See [`Table::scan`]; a small sorted set is returned at once, in order.
    pub(crate) fn scan(&self, cursor: u32, count: usize, mut each: impl FnMut(&[u8], f64)) -> u32 {
        if self.large {
            return self.scores.scan(cursor, count, |member, score| each(member, *score));
        }
        self.iter().for_each(|scored| each(&scored.member, scored.score));
        0
    }
}
