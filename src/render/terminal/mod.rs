//! What a run looks like in a terminal: lifelines and arrows, a list, a summary.
//!
//! ```text
//! Event -> Teller -> connections, exchanges   who speaks with whom, which answer belongs to what
//!                 -> faults, standing         what is let loose, who is down
//!                 -> tally                    what the summary counts
//!                 -> fold                     is this worth a line, or one more of the same?
//!                 -> picture                  lines of text: a diagram, or a list
//! ```
//!
//! Beneath a check of a history that failed stands a [`Contradiction`].
//!
//! A [`Teller`] is told events in the order of the run and appends finished lines to a `String`; it never
//! looks ahead, so that the same code draws a run as it happens and a stored trace. Its memory is bounded
//! however long the run is: every table in it has a stated limit, after which it counts instead of keeps.

mod columns;
mod connections;
mod contradiction;
mod describe;
mod diagram;
mod exchanges;
mod failure;
mod faults;
mod fold;
mod kinds;
mod label;
mod latencies;
mod list;
mod moment;
mod picture;
mod progress;
mod row;
mod scripts;
mod shape;
mod standing;
mod style;
mod summary;
mod tally;
mod teller;
mod text;
mod wanted;

pub use contradiction::Contradiction;
pub use progress::Progress;
pub use style::{BAD, BOLD, DIM, GOOD, Style, WARN};
pub use summary::{BENEATH, Closing};
pub use tally::{Break, Tally};
pub use teller::{Folding, Form, Teller, Telling};
pub use text::{cut, escape, plural};
pub use wanted::{Choice, Wanted};

#[cfg(test)]
pub(super) mod tests;
