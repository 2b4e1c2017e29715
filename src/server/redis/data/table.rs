//! A hash table whose order is the order of its hashes: the same in every process, and the same
//! before and after it grows, which is what lets a cursor be a number and nothing else.
//!
//! ```text
//! bucket = the top `bits` bits of a 32-bit hash; within a bucket nodes stand in order of their hash
//! cursor = the smallest hash that has not been returned yet; 0 begins, and 0 ends
//! ```
//!
//! So a scan returns whatever is in the table from its first call to its last exactly once, whatever
//! comes and goes meanwhile: the promise of Redis's `SCAN`, and a little more.

use crate::base::Rng;

/// Fewest buckets of a table that holds anything: 4.
const BITS_MIN: u32 = 2;
/// Most buckets: 16 million.
const BITS_MAX: u32 = 24;

#[derive(Debug, Clone)]
struct Node<V> {
    hash: u32,
    key: Box<[u8]>,
    value: V,
}

/// Bytes to `V`.
#[derive(Debug, Clone)]
pub(crate) struct Table<V> {
    /// None at all until something is inserted, then a power of two.
    buckets: Vec<Vec<Node<V>>>,
    bits: u32,
    len: usize,
}

impl<V> Default for Table<V> {
    fn default() -> Table<V> {
        Table { buckets: Vec::new(), bits: 0, len: 0 }
    }
}

impl<V> Table<V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn bucket(&self, hash: u32) -> usize {
        (hash >> (32 - self.bits)) as usize
    }

    /// Where `key` is.
    fn find(&self, key: &[u8]) -> Option<(usize, usize)> {
        if self.len == 0 {
            return None;
        }
        let hash = hash(key);
        let bucket = self.bucket(hash);
        let at =
            self.buckets[bucket].iter().position(|node| node.hash == hash && *node.key == *key)?;
        Some((bucket, at))
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.find(key).is_some()
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&V> {
        self.find(key).map(|(bucket, at)| &self.buckets[bucket][at].value)
    }

    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        self.find(key).map(|(bucket, at)| &mut self.buckets[bucket][at].value)
    }

    /// Puts `value` at `key`; returns what was there.
    pub(crate) fn insert(&mut self, key: &[u8], value: V) -> Option<V> {
        if let Some(slot) = self.get_mut(key) {
            return Some(std::mem::replace(slot, value));
        }
        if self.len >= self.buckets.len() {
            self.resize((self.bits + 1).clamp(BITS_MIN, BITS_MAX));
        }
        self.len += 1;
        let hash = hash(key);
        let bucket = self.bucket(hash);
        let nodes = &mut self.buckets[bucket];
        let at = nodes.partition_point(|node| node.hash <= hash);
        nodes.insert(at, Node { hash, key: key.into(), value });
        None
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<V> {
        let (bucket, at) = self.find(key)?;
        let node = self.buckets[bucket].remove(at);
        self.len -= 1;
        if self.len == 0 {
            *self = Table::default();
        } else if self.bits > BITS_MIN && self.len < self.buckets.len() / 8 {
            self.resize(self.bits - 2);
        }
        Some(node.value)
    }

    fn resize(&mut self, bits: u32) {
        if bits == self.bits {
            return;
        }
        let old = std::mem::take(&mut self.buckets);
        self.bits = bits;
        self.buckets.resize_with(1 << bits, Vec::new);
        for node in old.into_iter().flatten() {
            // The old order is the order of the hashes, so each new bucket fills in that order too.
            let bucket = self.bucket(node.hash);
            self.buckets[bucket].push(node);
        }
    }

    /// All of it, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        self.buckets.iter().flatten().map(|node| (&*node.key, &node.value))
    }

    /// At least `count` entries from `cursor` on (fewer only at the end; more where hashes are the
    /// same), handed to `each`; returns the cursor that goes on from there, 0 at the end.
    pub(crate) fn scan(&self, cursor: u32, count: usize, mut each: impl FnMut(&[u8], &V)) -> u32 {
        if self.len == 0 {
            return 0;
        }
        let mut last = cursor;
        let nodes = self.buckets[self.bucket(cursor)..].iter().flatten();
        for (seen, node) in nodes.filter(|node| node.hash >= cursor).enumerate() {
            if seen >= count && node.hash != last {
                return node.hash;
            }
            each(&node.key, &node.value);
            last = node.hash;
        }
        0
    }

    /// An entry by chance.
    pub(crate) fn random(&self, rng: &mut Rng) -> Option<(&[u8], &V)> {
        if self.len == 0 {
            return None;
        }
        loop {
            // At least one bucket in eight or so holds something, so this ends soon.
            let nodes = &self.buckets[index_below(rng, self.buckets.len())];
            if !nodes.is_empty() {
                let node = &nodes[index_below(rng, nodes.len())];
                return Some((&node.key, &node.value));
            }
        }
    }
}

/// An index below `bound`.
pub(crate) fn index_below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).unwrap_or(0)
}

/// 32 bits that depend on all of `key`; frozen, because the order of replies depends on it.
fn hash(key: &[u8]) -> u32 {
    const FACTOR: u64 = 0xff51_afd7_ed55_8ccd;
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ (key.len() as u64);
    let mut chunks = key.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = (state ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
        state ^= state >> 32;
    }
    let mut word = [0; 8];
    word[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    state = (state ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    state = (state ^ (state >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    u32::try_from(state >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn a_table_is_a_map() {
        let mut rng = Rng::new(1);
        let mut table = Table::default();
        let mut model = BTreeMap::new();
        for step in 0..20_000_u32 {
            let key = rng.below(600).to_string().into_bytes();
            if rng.chance(if step % 4000 < 2000 { 0.8 } else { 0.2 }) {
                assert_eq!(table.insert(&key, step), model.insert(key, step));
            } else {
                assert_eq!(table.remove(&key), model.remove(&key));
            }
            assert_eq!(table.len(), model.len());
        }
        let all: BTreeMap<Vec<u8>, u32> = table.iter().map(|(k, v)| (k.to_vec(), *v)).collect();
        assert_eq!(all, model);
        assert!(model.iter().all(|(key, value)| table.get(key) == Some(value)));
    }

    #[test]
    fn a_scan_returns_what_stays_exactly_once_whatever_comes_and_goes() {
        for count in [1, 3, 10, 1000] {
            let mut rng = Rng::new(count as u64);
            let mut table = Table::default();
            for n in 0..500 {
                table.insert(format!("stays:{n}").as_bytes(), ());
            }
            let mut seen = Vec::new();
            let mut cursor = 0;
            loop {
                cursor = table.scan(cursor, count, |key, ()| {
                    if key.starts_with(b"stays") {
                        seen.push(key.to_vec());
                    }
                });
                if cursor == 0 {
                    break;
                }
                // The table grows and shrinks in between.
                for _ in 0..200 {
                    let key = format!("passes:{}", rng.below(5000));
                    if rng.chance(0.5) {
                        table.insert(key.as_bytes(), ());
                    } else {
                        table.remove(key.as_bytes());
                    }
                }
            }
            let distinct: BTreeSet<_> = seen.iter().collect();
            assert_eq!((seen.len(), distinct.len()), (500, 500), "count {count}");
        }
    }

    #[test]
    fn the_order_depends_on_the_keys_alone() {
        let keys: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let mut forwards = Table::default();
        for key in &keys {
            forwards.insert(key.as_bytes(), ());
        }
        let mut backwards = Table::default();
        let passing: Vec<String> = (0..5000).map(|n| format!("x{n}")).collect();
        for key in passing.iter().chain(keys.iter().rev()) {
            backwards.insert(key.as_bytes(), ());
        }
        for key in &passing {
            backwards.remove(key.as_bytes());
        }
        let order = |table: &Table<()>| -> Vec<Vec<u8>> {
            table.iter().map(|(key, ())| key.to_vec()).collect()
        };
        assert_eq!(order(&forwards), order(&backwards));
    }

    #[test]
    fn chance_reaches_every_entry() {
        let mut rng = Rng::new(5);
        let mut table = Table::default();
        for n in 0..20_u32 {
            table.insert(n.to_string().as_bytes(), n);
        }
        let drawn: BTreeSet<u32> =
            (0..2000).filter_map(|_| table.random(&mut rng).map(|(_, n)| *n)).collect();
        assert_eq!(drawn.len(), 20);
    }
}
