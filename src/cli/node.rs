//! `looplab node crash|restart|pause|resume`: what becomes of the servers of a run that is up.

use super::args_remote::{NodeArgs, NodeCommand};
use super::exit::{Exit, Failure};
use super::remote::Remote;
use super::screen;

/// Runs the command.
pub(super) fn run(args: &NodeArgs) -> Result<Exit, Failure> {
    let (verb, args) = match &args.command {
        NodeCommand::Crash(args) => ("crash", args),
        NodeCommand::Restart(args) => ("restart", args),
        NodeCommand::Pause(args) => ("pause", args),
        NodeCommand::Resume(args) => ("resume", args),
    };
    let remote = Remote::find(&args.which)?;
    for name in &args.names {
        let answer = remote.post(&["nodes", name, verb], &serde_json::json!({}))?;
        let state = answer["state"].as_str().unwrap_or_default();
        screen::print(&format!("{name} is {state}\n"))?;
    }
    Ok(Exit::Ok)
}
