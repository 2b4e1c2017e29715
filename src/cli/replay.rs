//! `looplab replay FILE`: a repro run again, told as any run is, and compared with what it says.

use std::sync::Arc;

use super::args::RunArgs;
use super::args_explore::ReplayArgs;
use super::exit::{Exit, Failure};
use super::replay_until;
use super::{explore, run, screen, tty};
use crate::explore::{Replayed, replay};
use crate::plan::Plan;
use crate::render::terminal::{BAD, GOOD, Style, WARN, escape};
use crate::scenario::model::Expected;

/// Runs the command.
pub(super) fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    if let Some(side) = tty::missing().filter(|_| args.step) {
        return Err(run::no_terminal(side));
    }
    let plan = explore::read(&args.file, None)?;
    let Some(expected) = plan.expected.clone() else {
        let what = format!("{} is no repro: it has no `expected:`", args.file.display());
        return Err(Failure::wrong(what).help(format!(
            "`looplab run {file} --clock virtual` runs it; `looplab explore {file}` makes repros of it",
            file = args.file.display()
        )));
    };
    if let Some(until) = args.until {
        return replay_until::run(args, &plan, until);
    }
    let told = RunArgs {
        file: args.file.clone(),
        clock: None,
        seed: None,
        out: args.out.clone(),
        no_exec: true,
        pcap: None,
        verify_determinism: false,
        step: args.step,
        quiet: args.quiet,
        look: args.look,
        log: args.log.clone(),
    };
    // That a repro fails is what it is for: only how the run itself came to its end counts here.
    match if args.quiet { Exit::Ok } else { run::told(&told, &plan, run::Again::Replay)? } {
        Exit::Ok | Exit::Failed => {}
        stopped => return Ok(stopped),
    }
    let replayed = replay(&plan, &expected).map_err(|error| run::machine_said_no(&error, &plan))?;
    verdict(args, &plan, &expected, &replayed)
}

/// Says how the replay compares.
fn verdict(
    args: &ReplayArgs,
    plan: &Arc<Plan>,
    expected: &Expected,
    replayed: &Replayed,
) -> Result<Exit, Failure> {
    let style = screen::style(args.look);
    let (text, exit) = match replayed {
        Replayed::Identical => {
            let text = format!(
                "{}: the same as when it was found, byte for byte ({} messages, digest {})",
                style.paint("replayed", GOOD),
                expected.messages,
                expected.digest
            );
            (text, Exit::Ok)
        }
        Replayed::SameFailure { messages, digest, says } => {
            (same_failure(expected, style, *messages, digest, says), Exit::Ok)
        }
        Replayed::Other { failures } => {
            let mut text = format!(
                "{}: {} is not what fails now\n  it says  {}",
                style.paint("not replayed", BAD),
                expected.fails,
                escape(&expected.says, style.ascii)
            );
            match failures.as_slice() {
                [] => text.push_str("\n  now      everything holds"),
                some => some.iter().take(5).for_each(|failure| {
                    text.push_str(&format!("\n  now      {}", escape(failure, style.ascii)));
                }),
            }
            (text, Exit::Failed)
        }
    };
    if !args.quiet || exit != Exit::Ok {
        let name = if args.quiet { format!("{}: ", plan.name) } else { String::new() };
        screen::print(&format!("{name}{text}\n"))?;
    }
    Ok(exit)
}

fn same_failure(
    expected: &Expected,
    style: Style,
    messages: u64,
    digest: &str,
    says: &str,
) -> String {
    let mut text = format!(
        "{}: the same fails ({}), but not byte for byte",
        style.paint("replayed", WARN),
        expected.fails
    );
    let by = match expected.looplab == env!("CARGO_PKG_VERSION") {
        true => "the file was changed since it was written, or what it takes from other files"
            .to_owned(),
        false => format!(
            "looplab {} wrote it, and this is looplab {}",
            escape(&expected.looplab, style.ascii),
            env!("CARGO_PKG_VERSION")
        ),
    };
    text.push_str(&format!(
        "\n  {by}\n  it says  {} messages, digest {}\n  now      {messages} messages, digest {digest}",
        expected.messages,
        escape(&expected.digest, style.ascii)
    ));
    if says != expected.says {
        text.push_str(&format!("\n           {}", escape(says, style.ascii)));
    }
    text
}
