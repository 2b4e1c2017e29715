//! `always:`, `eventually:` and `never:` with a predicate in Lua.

use std::time::Duration;

use crate::base::Located;

/// A predicate over what nodes have exposed, or over what happens.
#[derive(Debug, Clone)]
pub struct StateCheck {
    /// When it must hold.
    pub quantifier: Quantifier,
    /// `lua:`.
    pub lua: Located<String>,
    /// `about:`, what it says in words.
    pub about: Option<String>,
    /// `on:`, what it is asked after.
    pub on: Asked,
    /// `within:`, of `eventually`.
    pub within: Option<Duration>,
}

/// When a predicate must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// Each time it is asked.
    Always,
    /// At least once.
    Eventually,
    /// Not once.
    Never,
}

impl Quantifier {
    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Quantifier::Always => "always",
            Quantifier::Eventually => "eventually",
            Quantifier::Never => "never",
        }
    }
}

/// What a predicate is asked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Asked {
    /// When nodes have exposed something, crashed or come back; what happens at one time is taken together.
    #[default]
    State,
    /// Each message.
    Message,
    /// Each beginning and end of an operation.
    Operation,
    /// All of these.
    Everything,
}
