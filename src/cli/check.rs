//! `looplab check FILE...`: everything that is wrong, and nothing is run.

use super::args::CheckArgs;
use super::exit::{Exit, Failure};
use super::folder;
use super::screen;
use crate::plan::{Overrides, Plan};
use crate::render::terminal::{GOOD, escape};

/// Runs the command.
pub(super) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let style = screen::style(args.look);
    let mut worst = Exit::Ok;
    for file in &args.files {
        match folder::read_plan(file, Overrides::default()) {
            Ok(plan) => {
                let name = file.display().to_string();
                let line = format!("{}: {}\n", escape(&name, style.ascii), inventory(&plan));
                screen::print(&format!("{} {line}", style.paint("ok", GOOD)))?;
            }
            Err(failure) => {
                let exit = failure.tell();
                if worst.code() < exit.code() {
                    worst = exit;
                }
            }
        }
    }
    Ok(worst)
}

/// What a plan holds, in a few words.
fn inventory(plan: &Plan) -> String {
    let count = |number: usize, one: &str, many: &str| {
        format!("{number} {}", if number == 1 { one } else { many })
    };
    [
        count(plan.servers.len(), "server", "servers"),
        count(plan.instances.len(), "client", "clients"),
        count(plan.checks.len(), "check", "checks"),
    ]
    .join(", ")
}
