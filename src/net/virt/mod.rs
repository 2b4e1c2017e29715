//! The virtual world: a heap of events ordered by (time, sequence), and connections in memory.

mod core;
mod flow;
mod host;

pub(super) use self::core::{Core, Timer};
pub(super) use self::flow::VirtualStream;
pub use self::flow::WINDOW_BYTES;
pub(super) use self::host::{VirtualDialling, VirtualListener, VirtualNet};
