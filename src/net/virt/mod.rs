//! The virtual world: a heap of events ordered by (time, sequence), and connections in memory.

mod core;
mod flow;
mod host;

pub(super) use self::core::{Core, Timer};
pub use self::flow::WINDOW_BYTES;
pub(super) use self::flow::{VirtualNudge, VirtualStream};
pub(super) use self::host::{VirtualDialling, VirtualListener, VirtualNet};
