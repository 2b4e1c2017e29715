//! The processes that descend from one, as `/proc` tells them; nothing where there is no `/proc`.

use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A process that is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: Pid,
    parent: i32,
    /// It stands still.
    pub(super) stopped: bool,
}

/// All processes that are alive and descend from `root`, itself left out, at one moment or about it.
pub(super) fn descendants(root: Pid) -> Vec<Process> {
    let all = all();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![root.as_raw_nonzero().get()];
    while let Some(parent) = parents.pop() {
        for (process, alive) in all.iter().filter(|(process, _)| process.parent == parent) {
            parents.push(process.pid.as_raw_nonzero().get());
            if *alive {
                found.push(*process);
            }
        }
    }
    found
}

/// The processes whose parent is this one, at this very moment, if the system says so.
pub(super) fn own_children() -> Vec<Pid> {
    let pid = std::process::id();
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let pid = |word: &str| word.parse().ok().and_then(Pid::from_raw);
    list.split_ascii_whitespace().filter_map(pid).collect()
}

/// Every process, and whether it is alive: a dead one whose parent has not asked for it may still be
/// on the way to others.
fn all() -> Vec<(Process, bool)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
    entries.filter_map(Result::ok).filter_map(pid).filter_map(look).collect()
}

fn look(pid: i32) -> Option<(Process, bool)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (state, parent) = state_and_parent(&stat)?;
    let stopped = matches!(state, 'T' | 't');
    let process = Process { pid: Pid::from_raw(pid)?, parent, stopped };
    Some((process, !matches!(state, 'Z' | 'X' | 'x')))
}

/// What a line of `/proc/PID/stat` says behind the program's name, which may hold anything.
fn state_and_parent(stat: &str) -> Option<(char, i32)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

/// Sends a signal to a process group, and to all that descend from `root`. Returns how many of those
/// there are, and how many of them may not be sent anything.
pub(super) fn signal(group: Option<Pid>, root: Pid, signal: Signal) -> (usize, usize) {
    if let Some(group) = group {
        let _ = kill_process_group(group, signal);
    }
    let living = descendants(root);
    let denied = living.iter().filter(|process| {
        kill_process(process.pid, signal).is_err_and(|error| error == Errno::PERM)
    });
    (living.len(), denied.count())
}

/// The most rounds in which processes are looked for that were started while others were stopped.
const ROUNDS: usize = 50;

/// Stops a process group and all that descends from `root`, until nobody is found who was not told.
/// One that waits for a child it has just made, in the middle of `vfork`, stands still without being
/// stopped.
pub(super) fn freeze(group: Option<Pid>, root: Pid) {
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::STOP);
    }
    let mut told: Vec<Pid> = Vec::new();
    for _ in 0..ROUNDS {
        let known = told.len();
        for process in descendants(root) {
            if !process.stopped && kill_process(process.pid, Signal::STOP).is_ok() {
                told.push(process.pid);
            }
        }
        let (before, now) = told.split_at(known);
        if now.iter().all(|pid| before.contains(pid)) {
            return;
        }
    }
}

/// True if no thread of a process can run: each is stopped, or waits in the kernel for something that it
/// cannot be stopped in; or the process is gone.
pub(super) fn stands_still(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.filter_map(Result::ok).all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        state_and_parent(&stat).is_none_or(|(state, _)| !matches!(state, 'R' | 'S'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_anything_in_it_hides_nothing() {
        for (line, expected) in [
            ("12 (sh) S 7 12 12 0", Some(('S', 7))),
            ("12 (a) Z 1 (b) R 9 12 0", Some(('R', 9))),
            ("12 ()))) T 3 1", Some(('T', 3))),
            ("12 (sh", None),
            ("12 (sh) S", None),
            ("", None),
        ] {
            assert_eq!(state_and_parent(line), expected, "{line}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_descends_from_its_parent() {
        let parent = rustix::process::getppid().unwrap();
        let pid = rustix::process::getpid();
        assert!(descendants(parent).iter().any(|process| process.pid == pid));
    }
}
