//! What this machine's looplab processes serve: a small file each while they run.
//!
//! ```text
//! $XDG_RUNTIME_DIR/looplab/PID.json, or looplab-UID/PID.json in the folder for temporary files
//! { "pid": 4711, "started": 123456, "command": "run", "scenario": "hello", "file": "hello.yaml",
//!   "endpoints": [ { "name": "greeter", "kind": "http", "address": "127.0.0.1:40123" } ],
//!   "control": { "address": "127.0.0.1:40124", "token": "..." } }
//! ```
//!
//! `control` is where a scenario that is up can be changed, and what opens it: nobody but this user can
//! read the file.
//!
//! The file goes with the process; one that a killed process has left is removed by whoever finds it.
//! `started` is the kernel's, so that another process of the same number is not taken for it. That
//! nothing can be written here is no reason for a run to fail.

use std::fs::{self, DirBuilder};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::atomic;
use crate::control::Access;
use crate::plan::Plan;
use crate::run::Endpoint;

/// The longest file that is read here, in bytes.
const FILE_MAX: u64 = 4 * 1024 * 1024;

/// This process's file; removed when this is dropped.
#[derive(Debug)]
pub(super) struct Registration {
    path: Option<PathBuf>,
}

/// A process of looplab that serves something.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) pid: u32,
    started: Option<u64>,
    pub(super) command: String,
    pub(super) scenario: String,
    pub(super) file: String,
    pub(super) endpoints: Vec<Served>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    control: Option<Control>,
}

/// Where its control API is.
#[derive(Serialize, Deserialize)]
struct Control {
    address: SocketAddr,
    token: String,
}

impl std::fmt::Debug for Control {
    /// Without the token, which is nobody's business.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Control({})", self.address)
    }
}

impl Process {
    /// How it can be reached, if it can be changed.
    pub(super) fn access(&self) -> Option<Access> {
        let Control { address, token } = self.control.as_ref()?;
        Some(Access { address: *address, token: token.clone() })
    }

    /// One that serves nothing.
    #[cfg(test)]
    pub(super) fn sample(pid: u32, scenario: &str) -> Process {
        Process {
            pid,
            started: None,
            command: "up".into(),
            scenario: scenario.into(),
            file: format!("{scenario}.yaml"),
            endpoints: Vec::new(),
            control: None,
        }
    }
}

/// One server of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Served {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) address: String,
}

impl Registration {
    /// Tells others that this process serves `endpoints`, and how it can be changed.
    pub(super) fn new(
        command: &str,
        plan: &Plan,
        endpoints: &[Endpoint],
        access: Option<&Access>,
    ) -> Registration {
        let served = |endpoint: &Endpoint| Served {
            name: endpoint.name.clone(),
            kind: endpoint.kind.to_owned(),
            address: endpoint.address.to_string(),
        };
        let pid = std::process::id();
        let process = Process {
            pid,
            started: started(pid),
            command: command.to_owned(),
            scenario: plan.name.clone(),
            file: plan.source.name().to_owned(),
            endpoints: endpoints.iter().map(served).collect(),
            control: access.map(|Access { address, token }| Control {
                address: *address,
                token: token.clone(),
            }),
        };
        let path = folder(true).map(|folder| folder.join(format!("{pid}.json")));
        let written = path.filter(|path| {
            let json = serde_json::to_vec(&process).unwrap_or_default();
            atomic::write_private(path, &json).is_ok()
        });
        Registration { path: written }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// The processes that are there, by number; what others have left behind is removed.
pub(super) fn processes() -> Vec<Process> {
    let Some(entries) = folder(false).and_then(|folder| fs::read_dir(folder).ok()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if !entry.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= FILE_MAX) {
            continue;
        }
        let process = fs::read(&path).ok().and_then(|json| parse(&json));
        match process {
            Some(process) if is_alive(&process) => found.push(process),
            _ if is_ours(&path) => drop(fs::remove_file(&path)),
            _ => {}
        }
    }
    found.sort_by_key(|process| process.pid);
    found
}

fn parse(json: &[u8]) -> Option<Process> {
    serde_json::from_slice(json).ok()
}

/// True for the files that this module writes: nothing else is ever removed. A file that is being
/// written has another ending.
fn is_ours(path: &Path) -> bool {
    let number = path.file_stem().and_then(|stem| stem.to_str());
    path.extension().is_some_and(|ending| ending == "json")
        && number.is_some_and(|number| number.parse::<u32>().is_ok())
}

fn is_alive(process: &Process) -> bool {
    match process.started {
        Some(started_then) => started(process.pid) == Some(started_then),
        None => i32::try_from(process.pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok()),
    }
}

/// When a process began, in the kernel's ticks; `None` where the kernel does not say.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command stands in parentheses and may itself hold some; the 20th field after it is ours.
    let (_, after) = stat.rsplit_once(") ")?;
    after.split(' ').nth(19)?.parse().ok()
}

/// The folder of these files, if it can be had and belongs to this user alone.
fn folder(make: bool) -> Option<PathBuf> {
    let uid = rustix::process::getuid().as_raw();
    let folder =
        match std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| Path::new(dir).is_absolute()) {
            Some(dir) => Path::new(&dir).join("looplab"),
            None => std::env::temp_dir().join(format!("looplab-{uid}")),
        };
    if make {
        let _ = DirBuilder::new().mode(0o700).create(&folder);
    }
    let meta = fs::symlink_metadata(&folder).ok()?;
    (meta.is_dir() && meta.uid() == uid && meta.mode() & 0o022 == 0).then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_alive_only_if_it_is_the_same_one() {
        let pid = std::process::id();
        let process = |started| Process { started, ..Process::sample(pid, "x") };
        assert!(started(pid).is_some());
        assert!(is_alive(&process(started(pid))));
        assert!(is_alive(&process(None)));
        assert!(!is_alive(&process(Some(1))));
    }

    #[test]
    fn only_files_of_this_module_are_removed() {
        assert!(is_ours(Path::new("/run/user/1/looplab/4711.json")));
        for other in ["4711.json.99.tmp", "notes.json", "4711", "4711.txt"] {
            assert!(!is_ours(Path::new(other)), "{other}");
        }
    }
}
