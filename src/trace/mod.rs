//! The trace: what happened in a run, event by event, and the only thing a run produces.
//!
//! ```text
//! links, servers, clients -> Recorder -> observers: the file, the live picture, the checks
//!                                            trace.jsonl -> read -> the same events again
//! ```
//!
//! A [`Recorder`] keeps nothing: it numbers, hands every event on and forgets it, so that a run of
//! ten million messages takes no more memory than one of ten. Event lines are ordered by `at`;
//! a message is recorded when its fate is settled, and says when it was sent. `docs/trace-format.md`
//! describes the file for people who read it with `jq`.

mod clocks;
mod event;
mod fault;
mod read;
mod recorder;
mod tell;
mod write;

pub use clocks::{Clocks, Stamp, Stamps, VECTOR_ENTRIES_MAX};
pub use event::{
    Arrived, Event, EventKind, Fate, FaultEvent, FaultPhase, Header, HeaderNode, Level, LoadEvent,
    LoadLatency, Message, OpEvent, OpPhase, Outcome, StepEvent, placed,
};
pub use fault::FaultUnit;
pub use read::{ReadError, Reader, joining};
pub use recorder::{Collector, Observer, Recorder};
pub use write::{FORMAT_VERSION, Writer, write_event, write_header};
