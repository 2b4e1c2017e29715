//! The scenario language: what a YAML file says, typed and with every place remembered.
//!
//! ```text
//! bytes -> tree (located YAML, bounded) -> lower (typed; all errors at once) -> model::Scenario
//! ```
//!
//! This layer knows the language and nothing of what runs it. Names are not bound here: whether a
//! step's server exists is for the plan to say.

mod form;
mod lower;
pub mod model;
mod predicate;
mod read;
mod scalar;
mod syntax;
mod template;
mod tree;
mod yaml;

pub use predicate::Mismatch;
pub use read::ReadError;
pub use template::{Lookup, RESOLVED_MAX};
pub use yaml::{DEPTH_MAX, FILE_MAX, NODES_MAX, TEXT_MAX};
