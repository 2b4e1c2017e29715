//! A folder with a scenario and programs, and what is left of a run in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::bench::{Bench, Running};
use crate::tools::answers;
pub(crate) use crate::tools::have;

/// A folder of its own.
pub(crate) struct Lab {
    pub(crate) bench: Bench,
}

/// A run that has ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) events: Vec<Value>,
}

impl Lab {
    /// A folder with `lab.yaml`.
    pub(crate) fn new(scenario: &str) -> Lab {
        Lab { bench: Bench::new(&[("lab.yaml", &format!("looplab: 1\nname: lab\n{scenario}"))]) }
    }

    /// With one more file.
    pub(crate) fn with(self, name: &str, text: &str) -> Lab {
        std::fs::write(self.bench.path(name), text).unwrap();
        self
    }

    /// A folder with everything that lies in `from`, a folder of the repository.
    pub(crate) fn of(from: &str) -> Lab {
        fn copy(from: &Path, to: &Path) {
            std::fs::create_dir_all(to).unwrap();
            for entry in from.read_dir().unwrap().map(Result::unwrap) {
                let target = to.join(entry.file_name());
                match entry.path().is_dir() {
                    true => copy(&entry.path(), &target),
                    false => drop(std::fs::copy(entry.path(), target).unwrap()),
                }
            }
        }
        let lab = Lab { bench: Bench::new(&[]) };
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(from), &lab.bench.path("."));
        lab
    }

    /// looplab in this folder, with a path on which programs are found.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = self.bench.command(line.split_whitespace());
        for name in ["PATH", "HOME", "PYENV_VERSION"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs `lab.yaml` to its end.
    pub(crate) fn run(&self, more: &str) -> Ran {
        self.run_file("lab.yaml", more)
    }

    /// Runs a scenario to its end.
    pub(crate) fn run_file(&self, file: &str, more: &str) -> Ran {
        let output = self.command(&format!("run {file} --out out {more}")).output().unwrap();
        self.ran(output)
    }

    /// Starts looplab and reads its output up to the first line that holds `mark`.
    pub(crate) fn start(&self, line: &str, mark: &str) -> Running {
        let mut command = self.command(line);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Running::of(command.spawn().unwrap());
        running.until(mark);
        running
    }

    fn ran(&self, output: Output) -> Ran {
        let trace = std::fs::read_to_string(self.bench.path("out/trace.jsonl")).unwrap_or_default();
        let events = trace.lines().map(|line| serde_json::from_str(line).expect("a whole line"));
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            events: events.collect(),
        }
    }

    /// The events of a run that was started, now that it is over.
    pub(crate) fn events(&self) -> Vec<Value> {
        let trace = self.bench.read("out/trace.jsonl");
        trace.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect()
    }
}

impl Ran {
    /// Fails unless it exited with `code`.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    /// Fails unless its standard error holds all of these.
    #[track_caller]
    pub(crate) fn complains(self, all: &[&str]) -> Ran {
        for text in all {
            assert!(self.err.contains(text), "{text:?} is not in\n{}", self.err);
        }
        self
    }

    /// The lines that a node has written.
    pub(crate) fn lines(&self, node: &str) -> Vec<String> {
        lines(&self.events, node)
    }

    /// The summaries of the messages from `from` to `to`.
    pub(crate) fn messages(&self, from: &str, to: &str) -> Vec<String> {
        let messages = self.events.iter().filter(|event| event["event"] == "message");
        messages
            .filter(|message| message["from"] == from && message["to"] == to)
            .map(|message| message["summary"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The events of a kind.
    pub(crate) fn kind(&self, kind: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["event"] == kind).collect()
    }
}

/// The lines that a node has written.
pub(crate) fn lines(events: &[Value], node: &str) -> Vec<String> {
    let logs = events.iter().filter(|event| event["event"] == "log" && event["node"] == node);
    logs.map(|log| log["text"].as_str().unwrap().to_owned()).collect()
}

/// The ports of servers that are up, by their names.
pub(crate) fn ports(lab: &Lab) -> BTreeMap<String, u16> {
    let json: Value = serde_json::from_str(&lab.bench.read("out/endpoints.json")).unwrap();
    let endpoints = json["endpoints"].as_array().unwrap().iter();
    endpoints
        .map(|endpoint| {
            let port = endpoint["port"].as_u64().and_then(|port| u16::try_from(port).ok());
            (endpoint["name"].as_str().unwrap().to_owned(), port.unwrap())
        })
        .collect()
}

/// Whether Python has a module of that name.
pub(crate) fn have_module(module: &str) -> bool {
    answers(module, Command::new("python3").args(["-c", &format!("import {module}")]))
}

/// The processes whose command line holds `mark`: everything that descends from a program that was
/// given it.
pub(crate) fn processes_with(mark: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().map(Result::unwrap);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(mark)
    })
    .collect()
}
