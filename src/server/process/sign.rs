//! Waiting for the sign that a program is ready.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

use crate::net::{Clock, Conduits, Net, Stream, listeners_at};
use crate::scenario::model::Sign;

/// The pause between two looks: at first, and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// How long an answer to a look may take.
const ANSWER: Duration = Duration::from_secs(2);

/// The most of an answer that is read for its status.
const HEAD_MAX: u64 = 4 * 1024;

/// Where a program is looked for.
#[derive(Clone, Copy)]
enum Place {
    /// At this port of loopback; 0 if it says itself at which.
    Port(u16),
    /// There.
    Address(SocketAddr),
}

/// Looks for the sign of one start of a program.
pub(super) struct Looking {
    net: Net,
    clock: Clock,
    sign: Sign,
    place: Place,
    /// Completes with the line that is waited for, and the port in it.
    heard: Option<oneshot::Receiver<Option<u16>>>,
    /// What there was not, the last time that anybody looked.
    missing: String,
}

/// The port in a line that is the sign; `None` if the line is not.
pub(super) fn found(sign: &regex::Regex, line: &str) -> Option<Option<u16>> {
    let captures = sign.captures(line)?;
    match captures.get(1) {
        // Something like a port, but none: this is not the line.
        Some(group) => group.as_str().parse::<u16>().ok().filter(|port| *port > 0).map(Some),
        None => Some(None),
    }
}

impl Looking {
    /// Looks for a program that was handed `port`.
    pub(super) fn new(
        net: &Net,
        clock: &Clock,
        sign: &Sign,
        port: u16,
        heard: Option<oneshot::Receiver<Option<u16>>>,
    ) -> Looking {
        let (net, clock, sign) = (net.clone(), clock.clone(), sign.clone());
        Looking { net, clock, sign, place: Place::Port(port), heard, missing: String::new() }
    }

    /// Looks for a server that listens at `address`.
    pub(super) fn at(net: &Net, clock: &Clock, sign: &Sign, address: SocketAddr) -> Looking {
        let looking = Looking::new(net, clock, sign, 0, None);
        Looking { place: Place::Address(address), ..looking }
    }

    /// What there was not when anybody looked last.
    pub(super) fn missing(&self) -> &str {
        &self.missing
    }

    /// The port at which the program is looked for, if that is known.
    pub(super) fn port(&self) -> Option<u16> {
        match self.place {
            Place::Port(port) => Some(port).filter(|port| *port > 0),
            Place::Address(address) => Some(address.port()),
        }
    }

    /// Completes when the sign is there, with the address at which the program listens.
    pub(super) async fn appears(&mut self) -> SocketAddr {
        if let Sign::Line(line) = &self.sign {
            self.missing = format!("no line in which `{line}` finds anything");
            match self.heard.take() {
                Some(heard) => match heard.await {
                    Ok(Some(port)) => self.place = Place::Port(port),
                    Ok(None) => {}
                    Err(_) => std::future::pending().await,
                },
                None => std::future::pending().await,
            }
        }
        // Many a program says that it listens before it does.
        let mut pause = LOOK_AGAIN.0;
        loop {
            match self.look().await {
                Ok(address) => return address,
                Err(missing) => self.missing = missing,
            }
            self.clock.sleep(pause).await;
            pause = (pause * 3 / 2).min(LOOK_AGAIN.1);
        }
    }

    async fn look(&self) -> Result<SocketAddr, String> {
        let address = match self.place {
            Place::Port(port) => self.listener(port).await,
            Place::Address(address) => self.connects(address).await.then_some(address),
        };
        let address = address.ok_or_else(|| match self.place {
            Place::Port(port) => format!("nothing listens at port {port}"),
            Place::Address(address) => format!("nothing listens at {address}"),
        })?;
        let Sign::Http { path, status } = &self.sign else { return Ok(address) };
        let asked = self.clock.timeout(ANSWER, self.get(address, path)).await;
        match asked {
            Ok(Ok(answered)) if answered == *status => Ok(address),
            Ok(Ok(answered)) => {
                Err(format!("GET {path} is answered with {answered}, not {status}"))
            }
            Ok(Err(error)) => Err(format!("GET {path} fails: {error}")),
            Err(_) => Err(format!("GET {path} is not answered")),
        }
    }

    /// Where somebody listens at `port`. Nobody connects for that, if the system tells without.
    async fn listener(&self, port: u16) -> Option<SocketAddr> {
        if let Some(listeners) = listeners_at(port) {
            return listeners.first().map(|ip| SocketAddr::new(*ip, port));
        }
        let (v4, v6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
        for address in [SocketAddr::new(v4, port), SocketAddr::new(v6, port)] {
            if self.connects(address).await {
                return Some(address);
            }
        }
        None
    }

    async fn connects(&self, address: SocketAddr) -> bool {
        let connected = self.clock.timeout(ANSWER, self.connect(address)).await;
        matches!(connected, Ok(Ok(_)))
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<Stream> {
        self.net.dial_foreign(address)?.connect(address, Conduits::direct()).await
    }

    /// The status with which a GET is answered.
    async fn get(&self, address: SocketAddr, path: &str) -> io::Result<u16> {
        let mut stream = self.connect(address).await?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: looplab\r\nAccept: */*\r\n\
             Connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        let mut from = stream.take(HEAD_MAX);
        while !head.contains(&b'\n') {
            if from.read_buf(&mut head).await? == 0 {
                break;
            }
        }
        status(&head).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "that is no HTTP"))
    }
}

/// The status in the first line of an answer.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    line.split(' ').nth(1)?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_a_line_and_if_it_has_a_group_one_with_a_port() {
        let plain = regex::Regex::new("Listening").unwrap();
        assert_eq!(found(&plain, "server: Listening on 80"), Some(None));
        assert_eq!(found(&plain, "not yet"), None);
        let port = regex::Regex::new(r"port (\d+)").unwrap();
        assert_eq!(found(&port, "on port 8080."), Some(Some(8080)));
        for none in ["on port 0", "on port 65536", "on port x", "port"] {
            assert_eq!(found(&port, none), None, "{none}");
        }
    }

    #[test]
    fn the_status_is_that_of_the_first_line() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\nX: HTTP/1.1 500\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503\r\n"), Some(503));
        for none in [&b"SSH-2.0-OpenSSH\r\n"[..], b"", b"HTTP/2 200\n", b"HTTP/1.1\n", b"\xff\n"] {
            assert_eq!(status(none), None, "{none:?}");
        }
    }
}
