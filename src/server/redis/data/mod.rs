//! What a key can hold, and the structures it is held in.
//!
//! As in Redis, small hashes and sets keep the order in which they were filled and grow into tables
//! beyond the same sizes, so that what a learner sees here is what they will see there.
//! Every structure knows its size in bytes at any time: that is what the memory limit goes by.

mod hash;
mod list;
mod ranked;
mod set;
mod table;
mod zset;

pub(crate) use hash::Hash;
pub(crate) use list::{End, List};
pub(crate) use ranked::Scored;
pub(crate) use set::Set;
pub(crate) use table::{Table, index_below};
pub(crate) use zset::ZSet;

use crate::protocol::resp::parse_i64;

/// An element longer than this makes a small structure a large one.
const SMALL_ELEMENT_BYTES: usize = 64;
/// What an element is taken to cost beyond its bytes.
const ELEMENT_OVERHEAD: usize = 32;

/// What a key holds.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(Vec<u8>),
    List(List),
    Hash(Hash),
    Set(Set),
    ZSet(ZSet),
}

impl Value {
    /// The name of the type, as `TYPE` says it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Value::Text(_) => "string",
            Value::List(_) => "list",
            Value::Hash(_) => "hash",
            Value::Set(_) => "set",
            Value::ZSet(_) => "zset",
        }
    }

    /// What Redis would keep it as, as `OBJECT ENCODING` says it.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            Value::Text(text) if parse_i64(text).is_some() => "int",
            Value::Text(text) if text.len() <= 44 => "embstr",
            Value::Text(_) => "raw",
            Value::List(list) => list.encoding(),
            Value::Hash(hash) => hash.encoding(),
            Value::Set(set) => set.encoding(),
            Value::ZSet(zset) => zset.encoding(),
        }
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::List(list) => list.bytes(),
            Value::Hash(hash) => hash.bytes(),
            Value::Set(set) => set.bytes(),
            Value::ZSet(zset) => zset.bytes(),
        }
    }
}

/// A type that a key can hold, for what is the same with all of them.
pub(crate) trait Kind: Default {
    fn of(value: &Value) -> Option<&Self>;
    fn of_mut(value: &mut Value) -> Option<&mut Self>;
    fn wrap(self) -> Value;
    /// An empty structure is no value: its key goes.
    fn is_empty(&self) -> bool;
    fn bytes(&self) -> usize;
}

macro_rules! kind {
    ($type:ty, $variant:ident) => {
        impl Kind for $type {
            fn of(value: &Value) -> Option<&Self> {
                if let Value::$variant(inner) = value { Some(inner) } else { None }
            }
            fn of_mut(value: &mut Value) -> Option<&mut Self> {
                if let Value::$variant(inner) = value { Some(inner) } else { None }
            }
            fn wrap(self) -> Value {
                Value::$variant(self)
            }
            fn is_empty(&self) -> bool {
                self.len() == 0
            }
            fn bytes(&self) -> usize {
                <$type>::bytes(self)
            }
        }
    };
}

kind!(List, List);
kind!(Hash, Hash);
kind!(Set, Set);
kind!(ZSet, ZSet);

impl Kind for Vec<u8> {
    fn of(value: &Value) -> Option<&Self> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
    fn of_mut(value: &mut Value) -> Option<&mut Self> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
    fn wrap(self) -> Value {
        Value::Text(self)
    }
    fn is_empty(&self) -> bool {
        false
    }
    fn bytes(&self) -> usize {
        self.len()
    }
}
