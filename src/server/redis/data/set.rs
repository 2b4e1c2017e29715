//! A set: integers in order, a few members in the order in which they came, or a table.

use super::{ELEMENT_OVERHEAD, SMALL_ELEMENT_BYTES, Table, index_below};
use crate::base::Rng;
use crate::protocol::resp::parse_i64;

/// A set of integers with more members than this is a table.
const INTEGERS: usize = 512;
/// A set of anything with more members than this is a table.
const SMALL_MEMBERS: usize = 128;

/// Members, each once.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    members: Members,
    text_bytes: usize,
}

#[derive(Debug, Clone)]
enum Members {
    Integers(Vec<i64>),
    Small(Vec<Box<[u8]>>),
    Large(Table<()>),
}

impl Default for Set {
    fn default() -> Set {
        Set { members: Members::Integers(Vec::new()), text_bytes: 0 }
    }
}

fn text(integer: i64) -> Box<[u8]> {
    itoa::Buffer::new().format(integer).as_bytes().into()
}

impl Set {
    pub(crate) fn len(&self) -> usize {
        match &self.members {
            Members::Integers(integers) => integers.len(),
            Members::Small(members) => members.len(),
            Members::Large(table) => table.len(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.text_bytes + self.len() * ELEMENT_OVERHEAD
    }

    pub(crate) fn encoding(&self) -> &'static str {
        match &self.members {
            Members::Integers(_) => "intset",
            Members::Small(_) => "listpack",
            Members::Large(_) => "hashtable",
        }
    }

    pub(crate) fn contains(&self, member: &[u8]) -> bool {
        match &self.members {
            Members::Integers(integers) => {
                parse_i64(member).is_some_and(|n| integers.binary_search(&n).is_ok())
            }
            Members::Small(members) => members.iter().any(|m| **m == *member),
            Members::Large(table) => table.contains(member),
        }
    }

    /// Adds a member; true if it is new.
    pub(crate) fn insert(&mut self, member: &[u8]) -> bool {
        if self.contains(member) {
            return false;
        }
        self.text_bytes += member.len();
        if let Members::Integers(integers) = &mut self.members {
            match parse_i64(member) {
                Some(integer) if integers.len() < INTEGERS => {
                    let at = integers.partition_point(|&n| n < integer);
                    integers.insert(at, integer);
                    return true;
                }
                Some(_) => self.grow(),
                None => self.members = Members::Small(integers.iter().map(|&n| text(n)).collect()),
            }
        }
        if let Members::Small(members) = &mut self.members
            && (members.len() >= SMALL_MEMBERS || member.len() > SMALL_ELEMENT_BYTES)
        {
            self.grow();
        }
        match &mut self.members {
            Members::Small(members) => members.push(member.into()),
            Members::Large(table) => {
                table.insert(member, ());
            }
            Members::Integers(_) => {}
        }
        true
    }

    fn grow(&mut self) {
        let mut table = Table::default();
        for member in self.iter() {
            table.insert(&member, ());
        }
        self.members = Members::Large(table);
    }

    /// Removes a member; true if it was there.
    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        let removed = match &mut self.members {
            Members::Integers(integers) => {
                let at = parse_i64(member).and_then(|n| integers.binary_search(&n).ok());
                at.map(|at| integers.remove(at)).is_some()
            }
            Members::Small(members) => {
                let at = members.iter().position(|m| **m == *member);
                at.map(|at| members.remove(at)).is_some()
            }
            Members::Large(table) => table.remove(member).is_some(),
        };
        self.text_bytes -= if removed { member.len() } else { 0 };
        removed
    }

    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = std::borrow::Cow<'_, [u8]>> + '_> {
        match &self.members {
            Members::Integers(integers) => {
                Box::new(integers.iter().map(|&n| text(n).into_vec().into()))
            }
            Members::Small(members) => Box::new(members.iter().map(|m| (&**m).into())),
            Members::Large(table) => Box::new(table.iter().map(|(m, ())| m.into())),
        }
    }

    /// See [`Table::scan`]; a small set is returned at once.
    pub(crate) fn scan(&self, cursor: u32, count: usize, mut each: impl FnMut(&[u8])) -> u32 {
        if let Members::Large(table) = &self.members {
            return table.scan(cursor, count, |member, ()| each(member));
        }
        self.iter().for_each(|member| each(&member));
        0
    }

    /// A member by chance.
    pub(crate) fn random(&self, rng: &mut Rng) -> Option<Box<[u8]>> {
        match &self.members {
            Members::Integers(integers) => {
                integers.get(index_below(rng, integers.len())).map(|&n| text(n))
            }
            Members::Small(members) => members.get(index_below(rng, members.len())).cloned(),
            Members::Large(table) => table.random(rng).map(|(member, ())| member.into()),
        }
    }
}
