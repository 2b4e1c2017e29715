//! The `redis` server: RESP2 and RESP3 over an engine of our own.
//!
//! ```text
//! connection (serve.rs) -> words -> Engine::execute (dispatch.rs) -> a row of the table (command.rs)
//!                                     |                               -> its handler (commands/)
//!                                     |-> Db (db.rs) -> Value (data/)
//!                                     `-> mailboxes of other clients: messages, awaited elements
//! ```
//!
//! The engine does no I/O and asks no clock: a command is executed at the time it is given, and
//! draws from the server's own seed. So everything that Redis leaves open (the order of keys, what
//! `SPOP` takes, who is served first) is the same in every run with the same seed.
//!
//! A new command is a row in its family's table in `commands/` and a handler beneath it.

mod blocking;
mod call;
mod command;
mod commands;
mod config;
mod data;
mod db;
mod dispatch;
mod engine;
mod extended;
pub mod limits;
mod preload;
mod pubsub;
mod refusal;
mod script_calls;
mod scripted;
mod serve;
mod session;
mod stats;
#[cfg(test)]
mod tests;

pub use engine::{DATABASES, EPOCH_MS, Engine, Kept, Next, Settings};
pub use preload::BadData;
pub(super) use serve::Redis;
pub use session::ClientId;
