//! Scripts: Lua 5.4 in a sandbox, as a machine without I/O.
//!
//! ```text
//! Scripts (texts, by name) -> Machine: a state of Lua, the functions that its script declares
//!   entry (a message, a timer, a task)  -> coroutine -> Step::Wait(request)  | Step::Done | Step::Failed
//!   what came of the request (Answer)   -> resumed   -> Step::...
//!   what needs no waiting (send, log, arm a timer)   -> Host, at once
//! ```
//!
//! A handler is written straight through; where it waits, its coroutine yields a [`Request`] and whoever
//! drives the machine resumes it with an [`Answer`]. So the machine knows no network, no clock and no task,
//! runs alike in both worlds, and is tested without any of them.
//!
//! # What makes it repeatable
//! Every source of time and chance is the [`Host`]'s. Tables are walked in the order of their keys, nothing
//! shows an address, nothing depends on when memory is collected, logarithms and the like come from `libm`.
//!
//! # What makes it safe
//! No files, no processes, no bytecode, no `load`, no `debug`. Memory and the instructions between two waits
//! are bounded ([`Limits`]), in patterns and for long texts too; who has used them up is suspended for ever, so
//! that nothing can catch it. An error names script and line, ends its own coroutine and nothing else.

mod bind;
#[cfg(test)]
mod bounds_tests;
mod datum;
mod error;
mod host;
mod json;
mod library;
mod machine;
mod meter;
mod pattern;
mod predicate;
mod request;
mod sandbox;
mod scribe;
mod scripts;
#[cfg(test)]
mod server_tests;
mod strings;
#[cfg(test)]
mod tests;

pub use datum::Datum;
pub use error::ScriptError;
pub use host::{Facts, Host};
pub use machine::{Machine, Running, Step};
pub use predicate::{Holds, PredicateId, Predicates};
pub use request::{Answer, Entry, HttpRequest, HttpResponse, Output, Request};
pub use scripts::{SCRIPT_MAX, SCRIPTS_MAX, Script, Scripts};

/// What a script may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most memory of one state of Lua, in bytes.
    pub memory_bytes: usize,
    /// The most instructions of one coroutine between two waits. What a script does to the world, and what its
    /// library does for long texts, is charged as the instructions that would take as long.
    pub instructions: u64,
    /// The longest message to another node, in bytes of JSON without its envelope.
    pub message_bytes: usize,
    /// The longest part of its state that a node exposes, in bytes of JSON.
    pub exposed_bytes: usize,
    /// The longest line of a log, in bytes; the rest of it is cut.
    pub log_bytes: usize,
}

impl Default for Limits {
    /// 64 MiB, and 20,000,000 instructions, about a second; messages of 4 MiB, parts of 1 MiB, lines of 64 KiB.
    fn default() -> Limits {
        Limits {
            memory_bytes: 64 * 1024 * 1024,
            instructions: 20_000_000,
            message_bytes: 4 * 1024 * 1024,
            exposed_bytes: 1024 * 1024,
            log_bytes: 64 * 1024,
        }
    }
}
