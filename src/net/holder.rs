//! Who holds a port: read from `/proc`, as `ss -ltnp` does. On other systems nobody is found.

use std::fs;
use std::path::Path;

/// The process behind a listening port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The port.
    pub port: u16,
    /// Its id; `None` if it belongs to somebody else and cannot be seen.
    pub pid: Option<u32>,
    /// Its command, as the kernel names it.
    pub command: Option<String>,
}

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// Who listens at `port` on loopback or on all addresses, if anybody does.
#[must_use]
pub fn holder_of_port(port: u16) -> Option<Holder> {
    let (_, inode) = listening().into_iter().find(|(listening, _)| *listening == port)?;
    let pid = pids().into_iter().find(|pid| sockets_of(*pid).contains(&inode));
    Some(Holder { port, pid, command: pid.and_then(command_of) })
}

/// The ports at which the process `pid` listens, in order.
#[must_use]
pub fn listening_ports(pid: u32) -> Vec<u16> {
    let sockets = sockets_of(pid);
    let mut ports: Vec<u16> = listening()
        .into_iter()
        .filter(|(_, inode)| sockets.contains(inode))
        .map(|(port, _)| port)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// All listening sockets: port and inode.
fn listening() -> Vec<(u16, u64)> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|table| table.lines().skip(1).filter_map(listening_line).collect::<Vec<_>>())
        .collect()
}

fn listening_line(line: &str) -> Option<(u16, u64)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if *fields.get(3)? != LISTEN {
        return None;
    }
    let (_, port) = fields.get(1)?.rsplit_once(':')?;
    Some((u16::from_str_radix(port, 16).ok()?, fields.get(9)?.parse().ok()?))
}

fn pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The inodes of a process's sockets; empty if it may not be looked at.
fn sockets_of(pid: u32) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let target = fs::read_link(entry.ok()?.path()).ok()?;
            target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        })
        .collect()
}

fn command_of(pid: u32) -> Option<String> {
    let name = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("comm")).ok()?;
    Some(name.trim_end().to_owned())
}
