//! The program: one file a command, and the only place that prints.
//!
//! ```text
//! main -> Cli (clap) -> run | explore | replay | check | show | diff | export | schema | new | ports | completions | man
//!                       up <- control API - fault | node | partition | isolate | heal
//!                       screen: width, colours, broken pipes      live: events told while they happen
//!                       tty: keys, restored on every way out      signals: Ctrl-C, in both worlds
//! ```
//!
//! A command returns how the program is to exit, or why it could not do what it was asked to; nothing
//! here ends the process by itself but a second Ctrl-C.

mod args;
mod args_explore;
mod args_proxy;
mod args_remote;
mod atomic;
mod check;
mod completions;
mod contradictions;
mod diff;
mod exit;
mod explore;
mod explore_futures;
mod explore_progress;
mod explore_report;
mod explore_shard;
mod export;
mod fault;
mod folder;
mod limits;
mod live;
mod logging;
mod man;
mod new;
mod node;
mod pcap;
mod ports;
mod proxy;
mod registry;
mod remote;
mod replay;
mod replay_until;
mod run;
mod schema;
mod screen;
mod show;
mod signals;
mod step;
mod table;
mod tty;
mod up;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;

use crate::exec;

pub use args::{Cli, Command};
pub use exit::{Exit, Failure};

/// Does what the command line says and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == exec::GUARD) {
        return guard();
    }
    tty::restore_on_panic();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for; everything else is wrong. clap knows which.
            let _ = error.print();
            return if error.use_stderr() { Exit::Wrong.into() } else { Exit::Ok.into() };
        }
    };
    limits::raise_open_files();
    match cli.command.run() {
        Ok(exit) => exit.into(),
        Err(failure) => failure.tell().into(),
    }
}

/// Guards a program of a run, if it is a run that has started this.
fn guard() -> ExitCode {
    match exec::guard() {
        Ok(()) => Exit::Ok.into(),
        Err(_) => Failure::wrong("only looplab itself starts a guard").tell().into(),
    }
}

/// This program itself, for the guards of a run's programs: also if its file was replaced meanwhile.
fn guard_path() -> Option<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Some(running) } else { std::env::current_exe().ok() }
}

impl Command {
    fn run(self) -> Result<Exit, Failure> {
        match self {
            Command::Run(args) => run::run(&args),
            Command::Up(args) => up::run(&args),
            Command::Proxy(args) => proxy::run(&args),
            Command::Fault(args) => fault::run(&args),
            Command::Node(args) => node::run(&args),
            Command::Partition(args) => fault::partition(&args),
            Command::Isolate(args) => fault::isolate(&args),
            Command::Heal(args) => fault::heal(&args),
            Command::Explore(args) => explore::run(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Diff(args) => diff::run(&args),
            Command::Check(args) => check::run(&args),
            Command::Show(args) => show::run(&args),
            Command::Export(args) => export::run(&args),
            Command::Schema => schema::run(),
            Command::New(args) => new::run(&args),
            Command::Ports(args) => ports::run(&args),
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
        }
    }
}
