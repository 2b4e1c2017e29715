//! The lab of these tests: a scenario that is up with the API, and raw requests to it.

use std::io::{Read as _, Write as _};

use serde_json::Value;

use super::up::{Tcp, Up, connect};

/// Servers of every kind that the tests need; `app` asks `db`.
pub(crate) const SERVERS: &str = r#"looplab: 1
name: toxic
servers:
  db: { type: redis, data: { "item:1": ten } }
  app:
    type: http
    routes:
      - { on: GET /item, redis: { call: db GET item:1, respond: { text: "${reply}" } } }
  echo: { type: echo }
"#;

/// A scenario that is up, and its API.
pub(crate) struct Lab {
    pub(crate) up: Up,
    pub(crate) api: u16,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Fails unless it has this status and this error.
    #[track_caller]
    pub(crate) fn fails(&self, status: u16, error: &str) {
        let expected = serde_json::json!({ "error": error, "status": status });
        assert_eq!((self.status, self.json()), (status, expected));
        assert!(self.body.ends_with("}\n"), "{self:?}");
        assert_eq!(self.header("content-type"), "text/plain; charset=utf-8");
    }

    /// Fails unless it has this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
            .unwrap_or("")
    }
}

impl Lab {
    pub(crate) fn new() -> Lab {
        let up = Up::new(SERVERS, "--toxiproxy 0");
        let json: Value = serde_json::from_str(&up.bench.read("out/endpoints.json")).unwrap();
        let address = json["toxiproxy"].as_str().unwrap();
        let api = address.strip_prefix("127.0.0.1:").unwrap().parse().unwrap();
        Lab { up, api }
    }

    /// One request over a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        self.ask_with(method, path, body, "")
    }

    /// The same with more headers, each with its end of line.
    pub(crate) fn ask_with(&self, method: &str, path: &str, body: &str, headers: &str) -> Answer {
        let (api, length) = (self.api, body.len());
        let host = if headers.contains("Host:") {
            String::new()
        } else {
            format!("Host: localhost:{api}\r\n")
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\n{host}{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        let mut stream = connect(api).unwrap();
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) =
            text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Makes a proxy in front of a server of the run, and returns its port.
    pub(crate) fn proxy(&self, name: &str, server: &str) -> u16 {
        let port = self.up.port(server);
        let body =
            format!(r#"{{"name":"{name}","listen":"127.0.0.1:0","upstream":"localhost:{port}"}}"#);
        port_of(&self.ask("POST", "/proxies", &body).is(201).json())
    }

    /// Adds a toxic; the text is its fields without braces.
    pub(crate) fn toxic(&self, proxy: &str, fields: &str) -> Value {
        let path = format!("/proxies/{proxy}/toxics");
        self.ask("POST", &path, &format!("{{{fields}}}")).is(200).json()
    }
}

/// Where a proxy listens.
#[track_caller]
pub(crate) fn port_of(proxy: &Value) -> u16 {
    proxy["listen"].as_str().unwrap().strip_prefix("127.0.0.1:").unwrap().parse().unwrap()
}

/// What an echo server at a port says to a word.
pub(crate) fn echoed(port: u16, word: &str) -> std::io::Result<String> {
    echo_over(&mut connect(port)?, word)
}

/// The same over a connection that stands.
pub(crate) fn echo_over(stream: &mut Tcp, word: &str) -> std::io::Result<String> {
    stream.write_all(word.as_bytes())?;
    let mut back = vec![0; word.len()];
    stream.read_exact(&mut back)?;
    Ok(String::from_utf8(back).unwrap())
}
