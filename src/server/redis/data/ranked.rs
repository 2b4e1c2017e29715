//! Members in order of score, each found by its rank: a list of short sorted lists.
//!
//! Everything that a sorted set can be asked is a range of ranks `[start, end)`, and a bound on
//! scores or members is turned into a rank by [`Ranked::partition`].

use std::cmp::Ordering;

/// A list is cut in two when it grows beyond this.
const CHUNK: usize = 512;

/// A member and its score, ordered by score and then by the bytes of the member.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scored {
    pub(crate) score: f64,
    pub(crate) member: Box<[u8]>,
}

impl Scored {
    fn order(&self, score: f64, member: &[u8]) -> Ordering {
        // No score is NaN: such are refused where they come in.
        let by_score = self.score.partial_cmp(&score).unwrap_or(Ordering::Equal);
        by_score.then_with(|| (*self.member).cmp(member))
    }
}

/// The order of a sorted set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranked {
    /// None of them empty.
    chunks: Vec<Vec<Scored>>,
    len: usize,
}

impl Ranked {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many of the first members fulfil `holds`, which must hold for a beginning of the order.
    pub(crate) fn partition(&self, holds: impl Fn(&Scored) -> bool) -> usize {
        let whole = self.chunks.partition_point(|chunk| chunk.last().is_some_and(&holds));
        let before: usize = self.chunks[..whole].iter().map(Vec::len).sum();
        before + self.chunks.get(whole).map_or(0, |chunk| chunk.partition_point(&holds))
    }

    /// The rank of a member of the set, or the one that it would have.
    pub(crate) fn rank(&self, score: f64, member: &[u8]) -> usize {
        self.partition(|scored| scored.order(score, member).is_lt())
    }

    /// The list and the place in it that hold `rank`, or follow the last.
    fn place(&self, rank: usize) -> (usize, usize) {
        let mut rest = rank;
        for (index, chunk) in self.chunks.iter().enumerate() {
            if rest < chunk.len() {
                return (index, rest);
            }
            rest -= chunk.len();
        }
        (self.chunks.len(), 0)
    }

    /// Adds a member that is not there yet.
    pub(crate) fn insert(&mut self, score: f64, member: &[u8]) {
        let before = |scored: &Scored| scored.order(score, member).is_lt();
        let last = self.chunks.len().saturating_sub(1);
        let index = self.chunks.partition_point(|chunk| chunk.last().is_some_and(before)).min(last);
        if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
        }
        let chunk = &mut self.chunks[index];
        let at = chunk.partition_point(before);
        chunk.insert(at, Scored { score, member: member.into() });
        self.len += 1;
        if chunk.len() > CHUNK {
            let second = chunk.split_off(CHUNK / 2);
            self.chunks.insert(index + 1, second);
        }
    }

    /// Removes a member that is there.
    pub(crate) fn remove(&mut self, score: f64, member: &[u8]) {
        let rank = self.rank(score, member);
        self.drain(rank, rank + 1);
    }

    /// Removes and returns the members of these ranks.
    pub(crate) fn drain(&mut self, start: usize, end: usize) -> Vec<Scored> {
        let count = end.min(self.len).saturating_sub(start);
        let mut taken = Vec::with_capacity(count);
        let (mut index, mut at) = self.place(start);
        while taken.len() < count {
            let chunk = &mut self.chunks[index];
            let stop = chunk.len().min(at + count - taken.len());
            taken.extend(chunk.drain(at..stop));
            if chunk.is_empty() {
                self.chunks.remove(index);
            } else {
                index += 1;
            }
            at = 0;
        }
        self.len -= count;
        taken
    }

    /// The members of these ranks.
    pub(crate) fn range(
        &self,
        start: usize,
        end: usize,
    ) -> impl DoubleEndedIterator<Item = &Scored> {
        let mut rest = end.min(self.len).saturating_sub(start);
        let (index, mut at) = self.place(start);
        let mut pieces = Vec::new();
        for chunk in &self.chunks[index..] {
            if rest == 0 {
                break;
            }
            let stop = chunk.len().min(at + rest);
            pieces.push(&chunk[at..stop]);
            rest -= stop - at;
            at = 0;
        }
        pieces.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;

    #[test]
    fn the_order_is_that_of_a_sorted_list() {
        let mut rng = Rng::new(9);
        let mut ranked = Ranked::default();
        let mut model: Vec<(i32, Vec<u8>)> = Vec::new();
        let small = |rng: &mut Rng, bound| i32::try_from(rng.below(bound)).expect("small");
        for _ in 0..6000 {
            let entry = (small(&mut rng, 50), small(&mut rng, 300).to_string().into_bytes());
            match model.binary_search(&entry) {
                Ok(at) => {
                    assert_eq!(ranked.rank(f64::from(entry.0), &entry.1), at);
                    ranked.remove(f64::from(entry.0), &entry.1);
                    model.remove(at);
                }
                Err(at) => {
                    ranked.insert(f64::from(entry.0), &entry.1);
                    model.insert(at, entry);
                }
            }
            assert_eq!(ranked.len(), model.len());
        }
        let list = |scored: &Scored| (scored.score, scored.member.to_vec());
        let expected: Vec<_> = model.iter().map(|(s, m)| (f64::from(*s), m.clone())).collect();
        for (start, end) in [(0, usize::MAX), (5, 700), (1000, 1001), (3, 3), (9999, 10_000)] {
            let wanted = &expected[start.min(expected.len())..end.min(expected.len())];
            let forwards: Vec<_> = ranked.range(start, end).map(list).collect();
            assert_eq!(forwards, wanted);
            let mut backwards: Vec<_> = ranked.range(start, end).rev().map(list).collect();
            backwards.reverse();
            assert_eq!(backwards, wanted);
        }
        let taken: Vec<_> = ranked.drain(100, 1500).iter().map(list).collect();
        assert_eq!(taken, expected[100..1500]);
        assert_eq!(ranked.len(), expected.len() - 1400);
        assert_eq!(ranked.range(100, 101).map(list).next().as_ref(), expected.get(1500));
    }
}
