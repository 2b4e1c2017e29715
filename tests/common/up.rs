//! `looplab up` for tests: servers that are there until they are stopped, and what remains of them.

#[path = "../cli/bench.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
pub mod bench;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::Signal;

use bench::{Bench, Ran, Running};

/// A connection as a stranger makes it.
#[expect(clippy::disallowed_types, reason = "these tests are the strangers from outside")]
pub type Tcp = std::net::TcpStream;

/// How long anything may take that should take no time, on a machine that does much else.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Servers that are up; killed if the test forgets them.
pub struct Up {
    pub bench: Bench,
    ports: BTreeMap<String, u16>,
    running: Option<Running>,
}

impl Up {
    /// Starts the servers of `scenario` and waits until they can be reached. `more` goes to the command
    /// line.
    pub fn new(scenario: &str, more: &str) -> Up {
        Up::started_by(&format!("up up.yaml --out out {more}"), scenario)
    }

    /// Waits until the servers of a command line can be reached, for which `up.yaml` is there.
    pub fn started_by(line: &str, scenario: &str) -> Up {
        let bench = Bench::new(&[("up.yaml", scenario)]);
        let running = bench.start(line, "Ctrl-C stops");
        let json: serde_json::Value =
            serde_json::from_str(&bench.read("out/endpoints.json")).unwrap();
        let ports = json["endpoints"].as_array().unwrap().iter().map(|endpoint| {
            let port = endpoint["port"].as_u64().unwrap();
            (endpoint["name"].as_str().unwrap().to_owned(), u16::try_from(port).unwrap())
        });
        Up { ports: ports.collect(), bench, running: Some(running) }
    }

    pub fn port(&self, server: &str) -> u16 {
        self.ports[server]
    }

    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("it is up").pid()
    }

    /// Connects; whoever then waits for longer than [`PATIENCE`] gets an error.
    pub fn connect(&self, server: &str) -> Tcp {
        connect(self.port(server)).unwrap_or_else(|error| panic!("{server}: {error}"))
    }

    /// Stops the servers with Ctrl-C and sees that nothing but the trace is left of them.
    pub fn stop(mut self) -> Stopped {
        let running = self.running.take().expect("it is up");
        running.signal(Signal::INT);
        let ran = running.end().exits(0).without_complaint();
        for (server, port) in &self.ports {
            let error = connect(*port).expect_err(server).kind();
            assert_eq!(error, io::ErrorKind::ConnectionRefused, "the port of {server} is free");
        }
        assert_eq!(files(&self.bench, "out"), ["trace.jsonl"], "nothing else is left");
        assert_eq!(files(&self.bench, "looplab"), [""; 0], "nobody is told of it any more");
        self.bench.looplab("show out --as summary").exits(0).without_complaint();
        Stopped { trace: self.bench.read("out/trace.jsonl"), ran }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.signal(Signal::KILL);
            running.gone();
        }
    }
}

/// What is left of servers that were stopped.
pub struct Stopped {
    pub ran: Ran,
    pub trace: String,
}

impl Stopped {
    /// The summaries of the messages between people from outside and `server`, in their order.
    pub fn messages(&self, server: &str) -> Vec<String> {
        let lines = self.trace.lines().map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("every line is whole")
        });
        lines
            .filter(|line| line["event"] == "message")
            .filter(|line| {
                let ends = [line["from"].as_str(), line["to"].as_str()];
                ends.contains(&Some("outside")) && ends.contains(&Some(server))
            })
            .map(|line| line["summary"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Connects to a port of this machine.
pub fn connect(port: u16) -> io::Result<Tcp> {
    let stream = Tcp::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The names of the files in a folder of the bench.
pub fn files(bench: &Bench, folder: &str) -> Vec<String> {
    let Ok(entries) = bench.path(folder).read_dir() else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
