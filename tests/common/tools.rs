//! Programs that tests drive and that may not be installed here.

use std::process::Command;

/// Whether a program of that name can be had; if not, the test is over.
pub fn have(tool: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).any(|folder| folder.join(tool).is_file());
    found || missing(tool)
}

/// Whether a program ends well with these arguments: that it has a library, say. If not, the test is over.
pub fn answers(what: &str, command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success()) || missing(what)
}

/// Says that a test is skipped. In the gate nothing is.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
fn missing(what: &str) -> bool {
    assert!(
        std::env::var_os("CI").is_none(),
        "{what} is not installed, and the gate skips nothing"
    );
    eprintln!("SKIPPED: {what} is not installed");
    false
}
