//! What a command is: one row of a table that feeds dispatch, arity errors, `COMMAND` and its kin.

use std::sync::LazyLock;

use super::call::Call;
use super::commands::FAMILIES;
use super::refusal::Outcome;

/// What a command does and may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags(u16);

impl Flags {
    /// May change data.
    pub(super) const WRITE: Flags = Flags(1);
    /// Reads data only.
    pub(super) const READ: Flags = Flags(2);
    /// Refused when memory is short.
    pub(super) const GROWS: Flags = Flags(4);
    /// For administrators.
    pub(super) const ADMIN: Flags = Flags(8);
    /// Has to do with channels.
    pub(super) const PUBSUB: Flags = Flags(16);
    /// May wait.
    pub(super) const BLOCKING: Flags = Flags(32);
    /// Takes constant or logarithmic time.
    pub(super) const FAST: Flags = Flags(64);
    /// Allowed before the password was given.
    pub(super) const NO_AUTH: Flags = Flags(128);
    /// Allowed to a subscriber of RESP2.
    pub(super) const SUBSCRIBER: Flags = Flags(256);
    /// Executed at once within `MULTI`.
    pub(super) const UNQUEUED: Flags = Flags(512);
    /// Nothing special.
    pub(super) const NONE: Flags = Flags(0);

    /// Both.
    pub(super) const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    pub(super) const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags as `COMMAND INFO` names them.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: [(Flags, &str); 8] = [
            (Flags::WRITE, "write"),
            (Flags::READ, "readonly"),
            (Flags::GROWS, "denyoom"),
            (Flags::ADMIN, "admin"),
            (Flags::PUBSUB, "pubsub"),
            (Flags::BLOCKING, "blocking"),
            (Flags::FAST, "fast"),
            (Flags::NO_AUTH, "no_auth"),
        ];
        NAMES.into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
    }
}

/// Which words are keys: the first, the last (negative from the end), and the step.
pub(super) type Keys = (i8, i8, i8);

/// No word is a key.
pub(super) const NO_KEYS: Keys = (0, 0, 0);
/// The first word after the name is the key.
pub(super) const ONE_KEY: Keys = (1, 1, 1);
/// All words after the name are keys.
pub(super) const ALL_KEYS: Keys = (1, -1, 1);

/// What is called.
#[derive(Clone, Copy)]
pub(super) enum Body {
    Handler(fn(&mut Call<'_>) -> Outcome),
    /// The second word says which of these.
    Subcommands(&'static [Command]),
    /// The same, but there is something to do without a second word too.
    Either(fn(&mut Call<'_>) -> Outcome, &'static [Command]),
}

/// One command, or subcommand.
pub(super) struct Command {
    /// In lower case; of a subcommand with its parent: `client|id`.
    pub(super) name: &'static str,
    /// How many words, the name included; negative: at least so many.
    pub(super) arity: i32,
    pub(super) flags: Flags,
    pub(super) keys: Keys,
    /// The version of Redis that brought it.
    pub(super) since: &'static str,
    pub(super) body: Body,
    /// What it does, in a line.
    pub(super) summary: &'static str,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Command {
    /// A row of the table.
    pub(super) const fn new(
        name: &'static str,
        arity: i32,
        flags: Flags,
        keys: Keys,
        since: &'static str,
        handler: fn(&mut Call<'_>) -> Outcome,
        summary: &'static str,
    ) -> Command {
        Command { name, arity, flags, keys, since, body: Body::Handler(handler), summary }
    }

    /// The same row under another name.
    pub(super) const fn named(self, name: &'static str) -> Command {
        Command { name, ..self }
    }

    /// A row for a command that consists of subcommands.
    pub(super) const fn container(
        name: &'static str,
        since: &'static str,
        subcommands: &'static [Command],
        summary: &'static str,
    ) -> Command {
        let body = Body::Subcommands(subcommands);
        Command { name, arity: -2, flags: Flags::NONE, keys: NO_KEYS, since, body, summary }
    }

    /// True if the command may have so many words.
    pub(super) fn takes(&self, words: usize) -> bool {
        let words = i64::try_from(words).unwrap_or(i64::MAX);
        let arity = i64::from(self.arity);
        if arity < 0 { words >= -arity } else { words == arity }
    }

    /// Its subcommands, if it consists of such.
    pub(super) fn subcommands(&self) -> &'static [Command] {
        match self.body {
            Body::Handler(_) => &[],
            Body::Subcommands(subcommands) | Body::Either(_, subcommands) => subcommands,
        }
    }

    /// The last part of its name.
    pub(super) fn short_name(&self) -> &'static str {
        self.name.split_once('|').map_or(self.name, |(_, short)| short)
    }

    /// Its subcommand of that name.
    pub(super) fn subcommand(&self, name: &[u8]) -> Option<&'static Command> {
        self.subcommands()
            .iter()
            .find(|command| command.short_name().as_bytes().eq_ignore_ascii_case(name))
    }
}

/// A command and the group it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    pub(super) command: &'static Command,
    pub(super) group: &'static str,
}

/// All commands in order of their names.
pub(super) static INDEX: LazyLock<Vec<Listed>> = LazyLock::new(|| {
    let mut index: Vec<Listed> = FAMILIES
        .iter()
        .flat_map(|(group, commands)| commands.iter().map(|command| Listed { command, group }))
        .collect();
    index.sort_by_key(|listed| listed.command.name);
    index
});

/// The longest name of a command.
const NAME_BYTES: usize = 16;
/// Places of the lookup table: a power of two, several times the number of commands.
const SLOTS: usize = 1024;

/// Where each command is found: its packed name and its place in [`INDEX`], in the slot that the name
/// hashes to or one of the next.
static LOOKUP: LazyLock<Vec<(u128, Option<Listed>)>> = LazyLock::new(|| {
    let mut slots = vec![(0, None); SLOTS];
    for listed in &*INDEX {
        let name = pack(listed.command.name.as_bytes()).unwrap_or(0);
        let mut slot = slot(name);
        while slots[slot].1.is_some() {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot] = (name, Some(*listed));
    }
    slots
});

/// A name as a number, the same in upper and lower case; `None` if no command has one so long.
///
/// A byte becomes a small letter by this `|` only if it is a letter, and names are nothing else.
fn pack(name: &[u8]) -> Option<u128> {
    let mut bytes = [0; NAME_BYTES];
    for (byte, from) in bytes.get_mut(..name.len())?.iter_mut().zip(name) {
        *byte = from | 0x20;
    }
    Some(u128::from_le_bytes(bytes))
}

fn slot(name: u128) -> usize {
    let folded = (name ^ (name >> 57)) & u128::from(u64::MAX);
    let mixed = u64::try_from(folded).unwrap_or(0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 32).unwrap_or(0) % SLOTS
}

/// The command of that name, in upper or lower case.
pub(super) fn find(name: &[u8]) -> Option<Listed> {
    let name = pack(name)?;
    let lookup = &*LOOKUP;
    let mut slot = slot(name);
    loop {
        let (other, listed) = &lookup[slot];
        if listed.is_none() || *other == name {
            return *listed;
        }
        slot = (slot + 1) % SLOTS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = &'static Command> {
        INDEX.iter().flat_map(|l| std::iter::once(l.command).chain(l.command.subcommands()))
    }

    #[test]
    fn names_are_unique_lower_case_and_short() {
        for pair in INDEX.windows(2) {
            assert!(pair[0].command.name < pair[1].command.name, "{:?}", pair[1].command);
        }
        for listed in &*INDEX {
            assert!(listed.command.name.len() <= NAME_BYTES);
            assert!(listed.command.name.bytes().all(|byte| byte.is_ascii_lowercase()));
        }
    }

    #[test]
    fn every_command_says_what_it_does() {
        for command in all() {
            assert!(command.summary.ends_with('.'), "{command:?}");
            assert!(command.since.split('.').count() == 3, "{command:?}");
        }
    }

    #[test]
    fn a_command_either_reads_or_writes_the_keys_it_names() {
        for command in all().filter(|command| command.keys != NO_KEYS) {
            let (reads, writes) = (command.flags.has(Flags::READ), command.flags.has(Flags::WRITE));
            assert!(reads != writes || command.name == "watch", "{command:?}");
        }
    }

    #[test]
    fn every_name_is_found_in_any_case_and_nothing_else_is() {
        for listed in &*INDEX {
            let name = listed.command.name;
            let found = |name: &[u8]| find(name).map(|listed| listed.command.name);
            assert_eq!(found(name.as_bytes()), Some(name));
            assert_eq!(found(name.to_uppercase().as_bytes()), Some(name));
            assert_eq!(found(&name.as_bytes()[1..]), find_slowly(&name[1..]));
            assert_eq!(found(format!("{name}x").as_bytes()), find_slowly(&format!("{name}x")));
            assert_eq!(found(format!("{name}\0").as_bytes()), None);
        }
        assert!(find(&[b'a'; 1000]).is_none());
        assert!(find(b"").is_none());
        assert!(find(b"g\x05t").is_none());
    }

    fn find_slowly(name: &str) -> Option<&'static str> {
        INDEX.iter().map(|listed| listed.command.name).find(|other| *other == name)
    }

    #[test]
    fn most_names_are_found_at_once() {
        let at_once = |listed: &&Listed| {
            let name = pack(listed.command.name.as_bytes()).expect("short");
            LOOKUP[slot(name)].0 == name
        };
        assert!(INDEX.iter().filter(at_once).count() * 10 > INDEX.len() * 8);
    }
}
