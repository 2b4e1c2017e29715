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

/// Longer than the name of any command.
const NAME_BYTES: usize = 32;

/// The command of that name, in upper or lower case.
pub(super) fn find(name: &[u8]) -> Option<Listed> {
    let mut buffer = [0; NAME_BYTES];
    let lower = buffer.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let lower = &*lower;
    let index = &*INDEX;
    index
        .binary_search_by(|listed| listed.command.name.as_bytes().cmp(lower))
        .ok()
        .map(|at| index[at])
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
        for command in all() {
            assert!(command.name.len() < NAME_BYTES);
            assert_eq!(command.name, command.name.to_ascii_lowercase());
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
    fn names_are_found_in_any_case() {
        assert_eq!(find(b"GeT").map(|l| l.command.name), Some("get"));
        assert!(find(b"nothing").is_none());
        assert!(find(&[b'a'; 1000]).is_none());
        assert!(find(b"").is_none());
    }
}
