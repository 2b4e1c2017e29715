//! The network and the clock: real sockets on loopback, or the same thing in memory on a clock that
//! jumps.
//!
//! ```text
//!   writer -> Stream -> Conduit (what stands in one direction: latency, faults, the trace)
//!                          | real: at its time into the socket
//!                          | virtual: an event in the heap, at its time into the reader's inbox
//!                       Stream -> reader
//! ```
//!
//! Servers and clients know [`Stream`], [`Listener`] and [`Clock`] and cannot tell the worlds apart.
//! `real/` is the only folder that may open a socket, and it binds to loopback only; `clock.rs` is the
//! only one that may read the wall clock. In the virtual world the heap of `virt/core.rs` is all the
//! chance there is about order: (time, sequence), each event settled before the next.

mod clock;
mod conduit;
mod gate;
mod holder;
mod hyper_io;
mod kick;
mod listener;
mod node_time;
mod nudge;
#[cfg(target_os = "linux")]
mod precise;
#[cfg(not(target_os = "linux"))]
#[path = "precise_elsewhere.rs"]
mod precise;
mod real;
mod stream;
mod tasks;
#[cfg(test)]
mod tests;
mod virt;
mod world;

pub use clock::{Clock, Elapsed, Sleep, Stopwatch, Stuck};
pub use conduit::{Conduit, Conduits, Direct, Parcel};
pub use gate::{Gate, Guarded};
pub use holder::{Holder, holder_of_port, listeners_at, listening_ports};
pub use hyper_io::{Counts, HyperIo};
pub use listener::{Caller, Callers, Listener, Outside, Ports, Shutter, Way};
pub use node_time::{NodeTime, Touch};
pub use nudge::Nudge;
pub use real::Relay;
pub use stream::{Dial, DialFuture, Stream};
pub use tasks::{Panicked, Tasks};
pub use virt::WINDOW_BYTES;
pub use world::{Deadlock, Dialling, Net, block_on_real, block_on_virtual};
