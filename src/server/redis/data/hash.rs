//! A hash: fields and their values.

use super::{ELEMENT_OVERHEAD, SMALL_ELEMENT_BYTES, Table, index_below};
use crate::base::Rng;

/// A hash with more fields than this is a table.
const SMALL_FIELDS: usize = 512;

/// Fields and their values; while it is small, in the order in which they came.
#[derive(Debug, Clone)]
pub(crate) struct Hash {
    fields: Fields,
    text_bytes: usize,
}

/// A field and its value.
type Pair = (Box<[u8]>, Box<[u8]>);

#[derive(Debug, Clone)]
enum Fields {
    Small(Vec<Pair>),
    Large(Table<Box<[u8]>>),
}

impl Default for Hash {
    fn default() -> Hash {
        Hash { fields: Fields::Small(Vec::new()), text_bytes: 0 }
    }
}

impl Hash {
    pub(crate) fn len(&self) -> usize {
        match &self.fields {
            Fields::Small(pairs) => pairs.len(),
            Fields::Large(table) => table.len(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.text_bytes + self.len() * 2 * ELEMENT_OVERHEAD
    }

    pub(crate) fn encoding(&self) -> &'static str {
        match &self.fields {
            Fields::Small(_) => "listpack",
            Fields::Large(_) => "hashtable",
        }
    }

    pub(crate) fn get(&self, field: &[u8]) -> Option<&[u8]> {
        match &self.fields {
            Fields::Small(pairs) => {
                pairs.iter().find(|(name, _)| **name == *field).map(|(_, value)| &**value)
            }
            Fields::Large(table) => table.get(field).map(|value| &**value),
        }
    }

    /// Sets a field; true if it is new.
    pub(crate) fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        if field.len() > SMALL_ELEMENT_BYTES || value.len() > SMALL_ELEMENT_BYTES {
            self.grow();
        }
        let replaced = match &mut self.fields {
            Fields::Small(pairs) => {
                let slot = pairs.iter_mut().find(|(name, _)| **name == *field);
                if let Some((_, old)) = slot {
                    Some(std::mem::replace(old, value.into()))
                } else {
                    pairs.push((field.into(), value.into()));
                    None
                }
            }
            Fields::Large(table) => table.insert(field, value.into()),
        };
        self.text_bytes += value.len();
        match &replaced {
            Some(old) => self.text_bytes -= old.len(),
            None => self.text_bytes += field.len(),
        }
        if self.len() > SMALL_FIELDS {
            self.grow();
        }
        replaced.is_none()
    }

    fn grow(&mut self) {
        if let Fields::Small(pairs) = &mut self.fields {
            let mut table = Table::default();
            for (field, value) in std::mem::take(pairs) {
                table.insert(&field, value);
            }
            self.fields = Fields::Large(table);
        }
    }

    /// Removes a field; true if it was there.
    pub(crate) fn remove(&mut self, field: &[u8]) -> bool {
        let removed = match &mut self.fields {
            Fields::Small(pairs) => {
                let at = pairs.iter().position(|(name, _)| **name == *field);
                at.map(|at| pairs.remove(at).1)
            }
            Fields::Large(table) => table.remove(field),
        };
        self.text_bytes -= removed.as_ref().map_or(0, |value| value.len() + field.len());
        removed.is_some()
    }

    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = (&[u8], &[u8])> + '_> {
        match &self.fields {
            Fields::Small(pairs) => Box::new(pairs.iter().map(|(f, v)| (&**f, &**v))),
            Fields::Large(table) => Box::new(table.iter().map(|(f, v)| (f, &**v))),
        }
    }

    /// See [`Table::scan`]; a small hash is returned at once.
    pub(crate) fn scan(
        &self,
        cursor: u32,
        count: usize,
        mut each: impl FnMut(&[u8], &[u8]),
    ) -> u32 {
        match &self.fields {
            Fields::Small(pairs) => {
                pairs.iter().for_each(|(field, value)| each(field, value));
                0
            }
            Fields::Large(table) => table.scan(cursor, count, |field, value| each(field, value)),
        }
    }

    /// A field by chance.
    pub(crate) fn random(&self, rng: &mut Rng) -> Option<(&[u8], &[u8])> {
        match &self.fields {
            Fields::Small(pairs) => {
                pairs.get(index_below(rng, pairs.len())).map(|(f, v)| (&**f, &**v))
            }
            Fields::Large(table) => table.random(rng).map(|(f, v)| (f, &**v)),
        }
    }
}
