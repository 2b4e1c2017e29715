//! Links: where messages are seen, and where they come to harm.
//!
//! ```text
//! dial -> wire: one connection, its number, its tap, two pipes
//!           pipe (one direction): bytes in -> tap -> messages -> latency -> bytes out at a time
//!           lane (the same, while faults may meet it): verdicts, waits, stages, outlet
//! ```
//!
//! A pipe is a [`Conduit`](crate::net::Conduit): a state machine without I/O, first in, first out. The
//! sender's side carries it, so that the connection in netstat is the one in the diagram; a connection
//! from outside has no such side, and the server's end carries both. A message is recorded when its
//! last byte is handed over to the network of the receiver.

mod doors;
mod faults;
mod fronts;
mod links;
mod pace;
mod pipe;
#[cfg(test)]
mod tests;
mod wire;

pub use faults::{FIRINGS_MAX, Faults, Fired, MESSAGE_BYTES_MAX, NodeState, Status};
pub use fronts::Front;
pub use links::Links;
pub use pace::{Pace, Scheduled, Sending, Steering, seed_of};
