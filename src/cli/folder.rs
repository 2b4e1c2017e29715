//! From a file to a plan, and from a plan to the folder of its run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::exit::Failure;
use crate::plan::{Overrides, Plan};

/// Reads and binds the scenario in a file.
///
/// # Errors
/// All that is wrong with it, drawn; or why it could not be read.
pub(super) fn read_plan(file: &Path, overrides: Overrides) -> Result<Arc<Plan>, Failure> {
    Ok(Arc::new(Plan::read(file, overrides)?))
}

/// The folder of a run: `out`, or `runs/NAME`. It is there afterwards.
///
/// # Errors
/// If it cannot be made.
pub(super) fn folder(out: Option<&Path>, plan: &Plan) -> Result<PathBuf, Failure> {
    let folder = match out {
        Some(out) => out.to_owned(),
        None => Path::new("runs").join(file_name(&plan.name)),
    };
    fs::create_dir_all(&folder).map_err(|error| Failure::io("make the folder", &folder, &error))?;
    Ok(folder)
}

/// A scenario's name as that of a file: letters, digits, `-`, `_` and `.`, none of the latter in front.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(safe).take(100).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() { "scenario".to_owned() } else { name.to_owned() }
}

/// The trace of a run: the file itself, or the one in the folder of that name.
pub(super) fn trace_path(given: &Path) -> PathBuf {
    if given.is_dir() { given.join(TRACE) } else { given.to_owned() }
}

/// The name of the trace in the folder of a run.
pub(super) const TRACE: &str = "trace.jsonl";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder_of_runs() {
        for (name, file) in [
            ("stale-cache", "stale-cache"),
            ("../../etc/passwd", "-..-etc-passwd"),
            ("..", "scenario"),
            ("", "scenario"),
            ("a b/c", "a-b-c"),
        ] {
            assert_eq!(file_name(name), file);
        }
    }
}
