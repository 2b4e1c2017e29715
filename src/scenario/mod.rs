//! The scenario language: what a YAML file says, typed and with every place remembered.
//!
//! ```text
//! bytes -> tree (located YAML, bounded) -> lower (typed; all errors at once) -> model::Scenario
//!                                            \-> outline (its names; also of a file with errors)
//! ```
//!
//! The language is declared once, in `lower/` with the forms of `form/`: the same declarations read a
//! file, print its JSON Schema ([`schema`]) and write its reference ([`reference()`]).
//!
//! This layer knows the language and nothing of what runs it. Names are not bound here: whether a
//! step's server exists is for the plan to say.

mod document;
mod flow;
mod form;
mod invocation;
mod lower;
pub mod model;
mod outline;
mod predicate;
mod read;
mod reference;
mod scalar;
mod schema;
#[cfg(test)]
mod schema_tests;
mod shorthand;
mod syntax;
mod template;
mod tree;
mod yaml;

pub use document::Tree;
pub(crate) use form::Beside;
pub(crate) use outline::{Mention, Outline, Role, Section, each_step};
pub use predicate::Mismatch;
pub use read::ReadError;
pub(crate) use read::{contents, doing, entries, fault, in_yaml, mapping, moment, parse};
pub use reference::reference;
pub use schema::schema;
pub use shorthand::Shorthand;
pub(crate) use template::part;
pub use template::{Lookup, RESOLVED_MAX};
pub use yaml::{DEPTH_MAX, FILE_MAX, NODES_MAX, TEXT_MAX};
