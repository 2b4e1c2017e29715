//! The search for the failing schedule, and what is made of it.
//!
//! ```text
//! scenario -> first run -> survey (kinds, races)
//!                             |
//!          number of a run -> strategy -> variation: a seed, a pace, more of a timeline
//!                                             |
//!          workers: run -> trial (failures, interleaving) -> findings, in order of the numbers
//! ```
//!
//! A run of a search differs from the scenario by its *variation* alone, and that follows from its number: the
//! findings are a function of the file, the seed and the number of runs, whatever the number of threads or
//! machines. A run is kept as figures; what failed is run again when it is wanted.

mod digest;
mod failure;
mod futures;
mod kind;
mod pace;
mod replay;
mod repro;
mod search;
mod shrink;
mod sought;
mod strategy;
mod survey;
mod trial;
mod workers;

pub use digest::Digest;
pub use failure::{Failure, Weight};
pub use futures::{Asked, Futures, futures, point_of_no_return};
pub use replay::{Replayed, replay};
pub use repro::{ReproError, repro};
pub use search::{Findings, GROUPS_MAX, Group, INTERLEAVINGS_MAX, Options, Over, Search, Shard};
pub use shrink::{CANDIDATES_MAX, Origin, Shrunk};
pub use sought::Sought;
pub use strategy::Strategy;
pub use trial::{EVENTS_MAX, Trial};
