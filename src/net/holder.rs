//! Who holds a port: read from `/proc`, as `ss -ltnp` does. On other systems nobody is found.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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

/// The loopback addresses at which somebody listens at `port`, those of IPv4 first; `None` if the system
/// does not tell. Nobody notices the question, as they would a connection.
#[must_use]
pub fn listeners_at(port: u16) -> Option<Vec<IpAddr>> {
    let mut found: Vec<IpAddr> = sockets()?
        .into_iter()
        .filter(|(address, _)| address.port() == port)
        .filter_map(|(address, _)| match address.ip() {
            ip if ip.is_loopback() => Some(ip),
            // Whoever listens at all addresses is reached at those of loopback.
            IpAddr::V4(ip) if ip.is_unspecified() => Some(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => Some(Ipv6Addr::LOCALHOST.into()),
            _ => None,
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    Some(found)
}

/// All listening sockets: port and inode.
fn listening() -> Vec<(u16, u64)> {
    let sockets = sockets().unwrap_or_default();
    sockets.into_iter().map(|(address, inode)| (address.port(), inode)).collect()
}

/// All listening sockets: address and inode; `None` where there is no `/proc`.
fn sockets() -> Option<Vec<(SocketAddr, u64)>> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let tables: Vec<String> =
        tables.iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
    if tables.is_empty() {
        return None;
    }
    Some(tables.iter().flat_map(|table| table.lines().skip(1).filter_map(listening_line)).collect())
}

fn listening_line(line: &str) -> Option<(SocketAddr, u64)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if *fields.get(3)? != LISTEN {
        return None;
    }
    let (ip, port) = fields.get(1)?.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some((SocketAddr::new(address_of(ip)?, port), fields.get(9)?.parse().ok()?))
}

/// An address as the kernel writes it: words of 32 bits in hex, each in the machine's own order.
fn address_of(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let word = u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_kernels_table_is_read_as_it_is_meant() {
        let line = |local: &str, state: &str| {
            format!(
                "   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 4242 1"
            )
        };
        for (local, address) in [
            ("0100007F:1F90", SocketAddr::from(([127, 0, 0, 1], 8080))),
            ("00000000:0050", SocketAddr::from(([0; 4], 80))),
            (
                "00000000000000000000000001000000:1538",
                SocketAddr::from((Ipv6Addr::LOCALHOST, 5432)),
            ),
            ("00000000000000000000000000000000:0001", SocketAddr::from(([0_u16; 8], 1))),
        ] {
            let expected = Some((address, 4242));
            assert_eq!(listening_line(&line(local, "0A")), expected, "{local}");
            assert_eq!(listening_line(&line(local, "01")), None);
        }
        for bad in ["x", "01:1", "0100007F", "ü0000000:1", "0100007F:12345"] {
            assert_eq!(listening_line(&line(bad, "0A")), None, "{bad}");
        }
    }
}
