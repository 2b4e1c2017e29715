//! The commands, a family a file: each begins with its rows of the table, and the handlers follow.

mod bits;
mod blocking;
mod client;
mod connection;
mod expiry;
mod floats;
mod hashes;
mod introspection;
mod keys;
mod lists;
mod pubsub;
mod scan;
mod server;
mod set_algebra;
mod sets;
mod strings;
mod transactions;
mod zset_ranges;
mod zset_stores;
mod zsets;

pub(super) use lists::{move_one, pop_many, pop_one, reply_many};

use super::command::Command;

/// What nearly every family needs.
mod prelude {
    pub(super) use super::super::call::{
        Call, float, integer, is, positive, slice, text_slice, word,
    };
    pub(super) use super::super::command::{ALL_KEYS, Command, Flags, NO_KEYS, ONE_KEY};
    pub(super) use super::super::data::{End, Hash, List, Set, Value, ZSet, index_below};
    pub(super) use super::super::refusal::{Outcome, Refusal};
    /// Changes data and may need memory.
    pub(super) const GROW: Flags = Flags::WRITE.and(Flags::GROWS);
    /// Changes data.
    pub(super) const WRITE: Flags = Flags::WRITE;
    /// Reads data.
    pub(super) const READ: Flags = Flags::READ;
    /// Takes constant or logarithmic time.
    pub(super) const FAST: Flags = Flags::FAST;
}

/// All commands, with the names of their groups as `COMMAND DOCS` has them.
pub(super) const FAMILIES: &[(&str, &[Command])] = &[
    ("string", strings::COMMANDS),
    ("string", floats::COMMANDS),
    ("bitmap", bits::COMMANDS),
    ("generic", keys::COMMANDS),
    ("generic", expiry::COMMANDS),
    ("generic", scan::OF_KEYS),
    ("hash", hashes::COMMANDS),
    ("hash", scan::OF_HASHES),
    ("list", lists::COMMANDS),
    ("list", blocking::COMMANDS),
    ("set", sets::COMMANDS),
    ("set", set_algebra::COMMANDS),
    ("set", scan::OF_SETS),
    ("sorted-set", zsets::COMMANDS),
    ("sorted-set", zset_ranges::COMMANDS),
    ("sorted-set", zset_stores::COMMANDS),
    ("sorted-set", scan::OF_ZSETS),
    ("transactions", transactions::COMMANDS),
    ("pubsub", pubsub::COMMANDS),
    ("connection", connection::COMMANDS),
    ("connection", client::COMMANDS),
    ("server", server::COMMANDS),
    ("server", introspection::COMMANDS),
    ("server", keys::WHOLE),
];
