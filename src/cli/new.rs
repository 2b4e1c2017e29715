//! `looplab new NAME`: a commented scenario to start from.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use super::args::NewArgs;
use super::exit::{Exit, Failure};
use super::screen;

/// What is written; `NAME` stands for the scenario's name.
const TEMPLATE: &str = include_str!("new.yaml");

/// Runs the command.
pub(super) fn run(args: &NewArgs) -> Result<Exit, Failure> {
    let mut path: PathBuf = args.name.clone();
    if !path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
        path.as_mut_os_string().push(".yaml");
    }
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(Failure::wrong(format!("`{name}` is not a name for a scenario"))
            .help("use letters, digits, `-` and `_`"));
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)
            .map_err(|error| Failure::io("make the folder", folder, &error))?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(|error| Failure::io("write", &path, &error))?;
    let text = TEMPLATE.replace("NAME", &name);
    file.write_all(text.as_bytes()).map_err(|error| Failure::io("write", &path, &error))?;
    screen::print(&format!("wrote {0}; now: looplab run {0}\n", path.display()))?;
    Ok(Exit::Ok)
}
