//! The states a search has been in: a set of short lists of words, in two flat tables.
//!
//! ```text
//! slots    | . | 2 | . | 0 | 1 | . |        open addressing: the number of an entry, or none
//! hashes   | h0 | h1 | h2 |                 compared before the words are
//! ends     | 3  | 7  | 9  |                 where each entry's words end
//! words    | w w w | w w w w | w w |        the entries themselves: equal means equal, not alike
//! ```

use super::budget::MEMORY_MAX;

/// What came of remembering a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Insert {
    /// It is new.
    New,
    /// It was known.
    Known,
    /// It is new, and there is no room for it.
    Full,
}

/// A set of lists of words.
#[derive(Debug)]
pub(super) struct Seen {
    slots: Vec<u32>,
    hashes: Vec<u64>,
    ends: Vec<usize>,
    words: Vec<u64>,
}

const FREE: u32 = u32::MAX;

impl Seen {
    pub(super) fn new() -> Seen {
        Seen { slots: vec![FREE; 1024], hashes: Vec::new(), ends: Vec::new(), words: Vec::new() }
    }

    /// Remembers `key`.
    pub(super) fn insert(&mut self, key: &[u64]) -> Insert {
        let hash = hash(key);
        let mask = self.slots.len() - 1;
        let mut slot = index(hash) & mask;
        while self.slots[slot] != FREE {
            let entry = self.slots[slot] as usize;
            if self.hashes[entry] == hash && self.entry(entry) == key {
                return Insert::Known;
            }
            slot = (slot + 1) & mask;
        }
        // Each entry takes its words, and about three more in the other tables.
        if self.words.len() + key.len() + 3 * (self.hashes.len() + 1) > MEMORY_MAX {
            return Insert::Full;
        }
        self.slots[slot] = u32::try_from(self.hashes.len()).unwrap_or(FREE - 1);
        self.hashes.push(hash);
        self.words.extend_from_slice(key);
        self.ends.push(self.words.len());
        if self.hashes.len() * 2 > self.slots.len() {
            self.grow();
        }
        Insert::New
    }

    fn entry(&self, entry: usize) -> &[u64] {
        let start = entry.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.words[start..self.ends[entry]]
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 4;
        self.slots.clear();
        self.slots.resize(size, FREE);
        for (entry, hash) in (0u32..).zip(&self.hashes) {
            let mut slot = index(*hash) & (size - 1);
            while self.slots[slot] != FREE {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = entry;
        }
    }
}

fn index(hash: u64) -> usize {
    usize::try_from(hash >> 32).unwrap_or(0)
}

/// A hash of words, by multiplying and folding.
pub(super) fn hash(words: &[u64]) -> u64 {
    let mut hash = 0x9e37_79b9_7f4a_7c15_u64 ^ words.len() as u64;
    for word in words {
        hash = fold(hash ^ word, 0xd6e8_feb8_6659_fd93) ^ hash.rotate_left(29);
    }
    fold(hash, 0xa076_1d64_78bd_642f)
}

/// Both halves of a product, one over the other.
#[inline]
fn fold(one: u64, other: u64) -> u64 {
    let wide = u128::from(one) * u128::from(other);
    #[expect(clippy::cast_possible_truncation, reason = "each is one half of it")]
    let (low, high) = (wide as u64, (wide >> 64) as u64);
    low ^ high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_known_only_if_it_was_met() {
        let mut seen = Seen::new();
        for n in 0..20_000u64 {
            assert_eq!(seen.insert(&[n, n % 7]), Insert::New);
            assert_eq!(seen.insert(&[n]), Insert::New);
        }
        for n in 0..20_000u64 {
            assert_eq!(seen.insert(&[n, n % 7]), Insert::Known);
        }
        assert_eq!(seen.insert(&[]), Insert::New);
        assert_eq!(seen.insert(&[]), Insert::Known);
        assert_eq!(seen.insert(&[0, 0, 0]), Insert::New);
    }

    #[test]
    fn what_has_no_room_is_said_to_have_none() {
        let mut seen = Seen::new();
        let large = vec![1; MEMORY_MAX / 4];
        let mut inserted = 0;
        for n in 0..8 {
            let mut key = large.clone();
            key[0] = n;
            inserted += usize::from(seen.insert(&key) == Insert::New);
        }
        assert_eq!(inserted, 3);
    }
}
