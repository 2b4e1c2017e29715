//! Calls over connections of one's own: what clients and servers share that ask a server.
//!
//! ```text
//! net::Stream -> http::Connection   one HTTP/1.1 exchange after the other, replies whole and bounded
//!             -> redis::Connection  one command after the other, or several in one write
//!             -> node::Connection   one message after the other, each reply back by its number
//! ```
//!
//! Who calls brings the connection, the time that he has and what becomes of the connection afterwards; a
//! call never connects, never waits for the clock and never sends anything twice. What goes wrong is a
//! [`Failure`]: one word and a clause.

mod failure;
pub mod http;
mod intake;
pub mod node;
pub mod redis;
pub mod target;

pub use failure::{Failure, FailureKind};
