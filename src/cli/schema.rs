//! `looplab schema`.

use super::exit::{Exit, Failure};
use super::screen;
use crate::scenario;

/// Runs the command.
pub(super) fn run() -> Result<Exit, Failure> {
    screen::print(&format!("{:#}\n", scenario::schema()))?;
    Ok(Exit::Ok)
}
