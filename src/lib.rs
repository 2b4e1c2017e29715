//! looplab: a client-server laboratory on one machine.

pub mod base;
pub mod check;
pub mod client;
pub mod link;
pub mod net;
pub mod plan;
pub mod protocol;
pub mod render;
pub mod run;
pub mod scenario;
pub mod server;
pub mod trace;
