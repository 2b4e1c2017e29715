//! Programs that looplab did not write, on the links of a run: they are reached as any server is, and
//! reach others through doors of their own. The peers here are plain sockets of the standard library.
#![expect(clippy::disallowed_types, reason = "the peers are programs that looplab did not write")]

#[path = "../common/mod.rs"]
mod common;
mod lab;
mod ways;
