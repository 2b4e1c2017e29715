//! What every layer shares: ids, places in a source text, diagnostics, units, the seeded generator.
//!
//! Nothing here knows of a socket, a scenario or a file. An import only ever points up the table in
//! `ARCHITECTURE.md`, and this is its top row.

pub mod diagnostic;
mod dist;
mod glob;
mod ids;
mod json;
mod located;
mod rng;
pub mod tape;
mod time;
pub mod units;

pub use diagnostic::{Diagnostic, Diagnostics, Source, Span};
pub use dist::Distribution;
pub use glob::glob;
pub use ids::{ConnId, Direction, NodeId, Seq};
pub use json::{Value, ValueKind, write_json_string};
pub use located::Located;
pub use rng::Rng;
pub use tape::Tape;
pub use time::Time;
