//! `looplab completions SHELL`.

use clap::CommandFactory as _;

use super::args::{Cli, CompletionsArgs};
use super::exit::{Exit, Failure};
use super::screen;

/// Runs the command.
pub(super) fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "looplab", &mut script);
    screen::print_bytes(&script)?;
    Ok(Exit::Ok)
}
