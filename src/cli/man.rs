//! `looplab man`: the manual, made from the same declaration as the help.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::args::{Cli, ManArgs};
use super::exit::{Exit, Failure};
use super::screen;

/// Runs the command.
pub(super) fn run(args: &ManArgs) -> Result<Exit, Failure> {
    let command = Cli::command();
    match &args.out {
        None => {
            screen::print_bytes(&page(command).map_err(|error| screen::output_failure(&error))?)?
        }
        Some(folder) => {
            write_all(command, folder).map_err(|error| Failure::io("write to", folder, &error))?;
        }
    }
    Ok(Exit::Ok)
}

fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}

fn write_all(mut command: clap::Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    command.build();
    let subcommands: Vec<clap::Command> = command.get_subcommands().cloned().collect();
    fs::write(folder.join("looplab.1"), page(command)?)?;
    for subcommand in subcommands.into_iter().filter(|command| command.get_name() != "help") {
        let name = format!("looplab-{}", subcommand.get_name());
        let file = folder.join(format!("{name}.1"));
        fs::write(file, page(subcommand)?)?;
    }
    Ok(())
}
