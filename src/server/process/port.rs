//! The port at which a program is to listen.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::Rng;
use crate::net::{Holder, Listener, Net, holder_of_port, listeners_at};
use crate::scenario::model::ProcessServer;

/// The lowest port that is handed over to a program.
const LOWEST: u16 = 10_000;

/// Where the kernel begins to take the ports of outgoing connections from, if it does not say.
const EPHEMERAL: u16 = 32_768;

/// How many ports are tried before the kernel is asked for one.
const TRIES: u32 = 100;

/// A port for a program.
pub(super) struct Port {
    number: u16,
    /// Keeps others of this program away from it.
    _kept: Option<Listener>,
}

impl Port {
    /// The port that the scenario says, one that is free, or 0 if the program chooses one itself.
    ///
    /// A free one is none of those that the kernel gives away: between the moment at which looplab lets
    /// go of it and the moment at which the program takes it, nobody gets it by chance.
    pub(super) fn of(server: &ProcessServer, net: &Net) -> Result<Port, String> {
        if server.announces_port() {
            return Ok(Port { number: 0, _kept: None });
        }
        if let Some(listen) = server.listen {
            return match holder_of_port(listen.value) {
                Some(holder) => Err(taken(listen.value, &holder)),
                None => Ok(Port { number: listen.value, _kept: None }),
            };
        }
        let free = |port: u16| listeners_at(port).is_none_or(|listeners| listeners.is_empty());
        let mut rng = Rng::new(draw());
        let end = first_ephemeral();
        let candidates = (0..TRIES).filter(|_| end > LOWEST).map(|_| {
            let offset = rng.below(u64::from(end - LOWEST));
            LOWEST + u16::try_from(offset).unwrap_or(0)
        });
        for candidate in candidates {
            if free(candidate)
                && let Ok(kept) = net.closed_port(Some(candidate))
            {
                return Ok(Port { number: candidate, _kept: Some(kept) });
            }
        }
        let kept = net.closed_port(None).map_err(|error| format!("no port is free: {error}"))?;
        Ok(Port { number: kept.local_addr().port(), _kept: Some(kept) })
    }

    /// Its number.
    pub(super) fn number(&self) -> u16 {
        self.number
    }
}

/// That somebody else has a port.
pub(super) fn taken(port: u16, holder: &Holder) -> String {
    match (holder.pid, &holder.command) {
        (Some(pid), Some(command)) => {
            format!("port {port} is held by {command} (process {pid})")
        }
        _ => format!("port {port} is held by somebody else"),
    }
}

/// Another number each time, and in every process. Which port a program gets is no part of a run that
/// could be told again.
fn draw() -> u64 {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let count = DRAWN.fetch_add(1, Ordering::Relaxed);
    u64::from(std::process::id()) << 32 | count
}

/// The first port that the kernel gives to outgoing connections.
fn first_ephemeral() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let first = range.ok().and_then(|range| range.split_whitespace().next()?.parse().ok());
    first.unwrap_or(EPHEMERAL)
}
