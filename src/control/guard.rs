//! Who may ask: programs of this machine, and no web page.
//!
//! ```text
//! a page elsewhere  -> Origin, Sec-Fetch-Site      a page that rebinds a name -> Host
//! a browser at all  -> User-Agent: Mozilla/...     another user's program     -> the token
//! ```
//!
//! Listening on loopback keeps other machines out. It does not keep out a page that a browser of
//! this machine shows: that page can send requests here, and is stopped by what it cannot hide.

use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN, USER_AGENT};
use http::uri::Uri;

/// Decides about requests.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// The port that is listened at; a `Host` must name it.
    pub(super) port: u16,
    /// What `Authorization: Bearer` must hold, if anything.
    pub(super) token: Option<String>,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// The user agent is a browser.
    Browser,
    /// A web page sent it.
    Page,
    /// It was meant for another host, or for a name that only seems to be this one.
    Host,
    /// The token is missing or wrong.
    Token,
}

impl Denied {
    /// A sentence without its full stop.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Denied::Browser => "User agent not allowed",
            Denied::Page => "requests of web pages are not answered",
            Denied::Host => {
                "the Host must be localhost or an address of loopback, with the port of this server"
            }
            Denied::Token => "the token is missing or wrong",
        }
    }
}

/// What a browser says of the page that sends a request.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl Guard {
    /// Whether a request is to be answered.
    pub(super) fn admits(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Denied> {
        let agent = headers.get(USER_AGENT).map_or(&b""[..], |agent| agent.as_bytes());
        if agent.starts_with(b"Mozilla/") {
            return Err(Denied::Browser);
        }
        if headers.contains_key(ORIGIN) || headers.contains_key(SEC_FETCH_SITE) {
            return Err(Denied::Page);
        }
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
        let is_one = hosts.next().is_none();
        let named = uri.authority().is_none_or(|authority| self.is_here(authority.as_str()));
        if !is_one || !named || !self.is_here(host) {
            return Err(Denied::Host);
        }
        match &self.token {
            Some(token) if !bears(headers, token) => Err(Denied::Token),
            _ => Ok(()),
        }
    }

    /// True for `localhost:PORT` and the like. A name that is resolved to loopback is not enough: a
    /// page's own name can be.
    fn is_here(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
            _ => (host, Some(80)),
        };
        let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let is_loopback = name.eq_ignore_ascii_case("localhost")
            || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        is_loopback && port == Some(self.port)
    }
}

/// True if the request bears `token`. How long this takes tells nothing about where it differs.
fn bears(headers: &HeaderMap, token: &str) -> bool {
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    let differing = given.bytes().zip(token.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    given.len() == token.len() && differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUARD: Guard = Guard { port: 8474, token: None };

    fn admits(guard: &Guard, target: &str, headers: &[(&str, &str)]) -> Result<(), Denied> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        guard.admits(&target.parse().unwrap(), &map)
    }

    #[test]
    fn programs_of_this_machine_are_admitted() {
        for host in
            ["localhost:8474", "LOCALHOST:8474", "127.0.0.1:8474", "127.8.8.8:8474", "[::1]:8474"]
        {
            assert_eq!(admits(&GUARD, "/proxies", &[("host", host)]), Ok(()), "{host}");
        }
        let headers = [("host", "localhost:8474"), ("user-agent", "python-requests/2.32")];
        assert_eq!(admits(&GUARD, "/proxies", &headers), Ok(()));
        assert_eq!(admits(&GUARD, "http://localhost:8474/proxies", &headers), Ok(()));
        let at_80 = Guard { port: 80, token: None };
        assert_eq!(admits(&at_80, "/", &[("host", "localhost")]), Ok(()));
    }

    #[test]
    fn hosts_that_only_lead_here_are_not() {
        let hosts = [
            "",
            "localhost",
            "localhost:80",
            "localhost:84740",
            "evil.example:8474",
            "localhost.evil.example:8474",
            "127.0.0.1.nip.io:8474",
            "192.168.1.2:8474",
            "[::1]",
            "localhost:",
            "localhost:8474:8474",
            "user@localhost:8474",
        ];
        for host in hosts {
            assert_eq!(admits(&GUARD, "/", &[("host", host)]), Err(Denied::Host), "{host}");
        }
        assert_eq!(admits(&GUARD, "/", &[]), Err(Denied::Host), "none");
        let two = [("host", "localhost:8474"), ("host", "localhost:8474")];
        assert_eq!(admits(&GUARD, "/", &two), Err(Denied::Host), "two");
        let one = [("host", "localhost:8474")];
        assert_eq!(admits(&GUARD, "http://evil.example/", &one), Err(Denied::Host), "target");
    }

    #[test]
    fn pages_and_browsers_are_not() {
        let here = ("host", "localhost:8474");
        for (header, why) in [
            (("origin", "http://localhost:8474"), Denied::Page),
            (("origin", "null"), Denied::Page),
            (("sec-fetch-site", "same-origin"), Denied::Page),
            (("user-agent", "Mozilla/5.0 (X11)"), Denied::Browser),
        ] {
            assert_eq!(admits(&GUARD, "/", &[here, header]), Err(why), "{header:?}");
        }
    }

    #[test]
    fn nothing_but_the_whole_token_will_do() {
        let guard = Guard { port: 8474, token: Some("secret".into()) };
        let here = ("host", "localhost:8474");
        assert_eq!(admits(&guard, "/", &[here, ("authorization", "Bearer secret")]), Ok(()));
        assert_eq!(admits(&guard, "/", &[here]), Err(Denied::Token));
        for given in
            ["secret", "Bearer secre", "Bearer secrets", "Bearer Secret", "Basic secret", "Bearer "]
        {
            assert_eq!(
                admits(&guard, "/", &[here, ("authorization", given)]),
                Err(Denied::Token),
                "{given}"
            );
        }
    }
}
