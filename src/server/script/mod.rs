//! What stands between a script and the world: it drives the script's coroutines.
//!
//! ```text
//! a message, a timer, a task -> Engine::enter -> Machine (Lua) -> Done: what is answered
//!                                   |                          -> Wait: a task drives it on:
//!                                   |                                   sleep | call a node | redis | http | wait
//!                                   \-> Failed: an error with its place in the trace, and a failed request
//! ```
//!
//! All of a node's coroutines run under one lock, one at a time, each up to its next wait: a script has the
//! node for itself between two waits. The engine belongs to its tasks; a crash drops them, and with them
//! the state of Lua.

mod acts;
mod declared;
mod engine;
mod outgoing;
mod peer;
mod reply;
mod timers;
mod waits;

pub(super) use engine::{Data, Engine};
pub(super) use reply::of_frame;
