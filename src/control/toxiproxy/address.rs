//! Addresses as Toxiproxy's clients write them: `localhost:26379`, `:0`, nothing at all.

use std::net::{Ipv4Addr, SocketAddr};

use super::error::ApiError;

/// The port at which a proxy is to listen; `None` for any.
///
/// Nothing but loopback is ever listened at: an address that means every interface is refused, so that
/// nobody believes that others can reach it.
pub(super) fn listen(text: &str) -> Result<Option<u16>, ApiError> {
    let refused = |why: &str| ApiError::other(format!("listen tcp {text}: {why}"));
    if text.is_empty() {
        return Ok(None);
    }
    let (host, port) = split(text).ok_or_else(|| refused("missing port in address"))?;
    let is_ours = host.is_empty()
        || host.eq_ignore_ascii_case("localhost")
        || host.parse() == Ok(Ipv4Addr::LOCALHOST);
    if !is_ours {
        return Err(refused("looplab listens at 127.0.0.1 only"));
    }
    match port.parse() {
        Ok(0) => Ok(None),
        Ok(port) => Ok(Some(port)),
        Err(_) => Err(refused("unknown port")),
    }
}

/// Where a proxy leads to.
pub(super) fn upstream(text: &str) -> Result<SocketAddr, ApiError> {
    let refused = |why: &str| ApiError::bad_body(format!("upstream {text}: {why}"));
    let (host, port) = split(text).ok_or_else(|| refused("missing port in address"))?;
    let address = match host {
        host if host.eq_ignore_ascii_case("localhost") => Ipv4Addr::LOCALHOST.into(),
        host => host
            .parse::<std::net::IpAddr>()
            .ok()
            .filter(std::net::IpAddr::is_loopback)
            .ok_or_else(|| refused("looplab leads to this machine only"))?,
    };
    match port.parse() {
        Ok(0) | Err(_) => Err(refused("unknown port")),
        Ok(port) => Ok(SocketAddr::new(address, port)),
    }
}

/// True if both mean the same place, however they are written.
pub(super) fn same(one: &str, other: &str) -> bool {
    let resolved = |text| upstream(text).ok();
    one == other || resolved(one).is_some_and(|one| resolved(other) == Some(one))
}

/// The host without its brackets, and the port.
fn split(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => Some((host, port)),
        None if host.contains(':') => None,
        None => Some((host, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_listened_at() {
        for (text, port) in [
            ("", None),
            (":0", None),
            ("localhost:0", None),
            (":26379", Some(26379)),
            ("localhost:26379", Some(26379)),
            ("127.0.0.1:26379", Some(26379)),
        ] {
            assert_eq!(listen(text), Ok(port), "{text}");
        }
        let everywhere = format!("{}:26379", Ipv4Addr::from_bits(0));
        for text in [&everywhere, "192.168.1.2:1", "[::1]:1", "example.com:1"] {
            let error = listen(text).unwrap_err();
            assert_eq!(error.text, format!("listen tcp {text}: looplab listens at 127.0.0.1 only"));
        }
        for text in ["localhost", "localhost:x", "localhost:70000", "::1:80"] {
            assert!(listen(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_loopback_is_led_to() {
        assert_eq!(upstream("localhost:80"), Ok(([127, 0, 0, 1], 80).into()));
        assert_eq!(upstream("127.0.0.2:80"), Ok(([127, 0, 0, 2], 80).into()));
        assert_eq!(upstream("[::1]:80").unwrap().to_string(), "[::1]:80");
        for text in ["", "example.com:80", "10.0.0.1:80", "localhost", "localhost:0"] {
            assert!(upstream(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_place_may_be_written_in_two_ways() {
        assert!(same("localhost:80", "127.0.0.1:80") && same("x", "x"));
        assert!(!same("localhost:80", "localhost:81") && !same("x", "y"));
    }
}
