//! The workbench of these tests: a folder of its own, scenarios in it, the program and its output.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A scenario of which everything holds.
pub(crate) const GOOD: &str = r#"looplab: 1
name: good
about: A greeting. And more of it.
servers:
  greeter:
    type: http
    routes:
      - { on: GET /hello, respond: { json: { msg: hi } } }
clients:
  alice:
    steps:
      - get: greeter/hello
        expect: { status: 200, $.msg: hi }
checks:
  - calls: { to: greeter, count: 1 }
"#;

/// One of whose steps and checks fail.
pub(crate) const BAD: &str = r#"looplab: 1
name: bad
servers:
  greeter:
    type: http
    routes:
      - { on: GET /hello, respond: { json: { msg: hi } } }
clients:
  alice:
    steps:
      - get: greeter/hello
        expect: { status: 404 }
checks:
  - calls: { to: greeter, count: 7 }
"#;

/// One that takes as long as it is let.
pub(crate) const LONG: &str = r#"looplab: 1
name: long
timeout: 1h
servers:
  greeter:
    type: http
    routes:
      - { on: GET /hello, respond: { json: { msg: hi } } }
clients:
  alice:
    steps:
      - get: greeter/hello
      - wait: 30m
"#;

/// A folder for one test.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// A folder with these files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Bench {
        let bench = Bench { folder: tempfile::tempdir().unwrap() };
        for (name, text) in files {
            std::fs::write(bench.path(name), text).unwrap();
        }
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program in that folder, with an environment that says nothing.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_looplab"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end; the command line is split at blanks.
    pub(crate) fn looplab(&self, line: &str) -> Ran {
        Ran::new(line, self.command(line.split_whitespace()).output().unwrap())
    }

    /// Starts the program and reads its output up to the first line that holds `mark`.
    pub(crate) fn start(&self, line: &str, mark: &str) -> Running {
        let mut running = self.spawn(line);
        running.until(mark);
        running
    }

    /// Starts the program.
    pub(crate) fn spawn(&self, line: &str) -> Running {
        let mut command = self.command(line.split_whitespace());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::of(command.spawn().unwrap())
    }
}

/// A program that has ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    line: String,
}

impl Ran {
    fn new(line: &str, output: Output) -> Ran {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Ran {
            code: output.status.code().expect("it ended by itself"),
            out: text(output.stdout),
            err: text(output.stderr),
            line: line.to_owned(),
        }
    }

    /// Fails unless it exited with `code`.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ran {
        let Ran { out, err, line, .. } = &self;
        assert_eq!(self.code, code, "looplab {line}\n--- stdout\n{out}\n--- stderr\n{err}");
        self
    }

    /// Fails unless its standard output holds all of these.
    #[track_caller]
    pub(crate) fn says(self, all: &[&str]) -> Ran {
        for text in all {
            assert!(self.out.contains(text), "{text:?} is not in\n{}", self.out);
        }
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

    /// Fails if it said anything on standard error.
    #[track_caller]
    pub(crate) fn without_complaint(self) -> Ran {
        assert_eq!(self.err, "");
        self
    }
}

/// A program that is still there; killed if the test forgets it.
pub(crate) struct Running {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    /// What it has said so far.
    pub(crate) said: String,
}

impl Running {
    /// A child whose outputs are pipes.
    pub(crate) fn of(mut child: Child) -> Running {
        let out = BufReader::new(child.stdout.take().unwrap());
        Running { child, out, said: String::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Reads on until a line holds `mark`.
    pub(crate) fn until(&mut self, mark: &str) {
        let from = self.said.len();
        while !self.said[from..].contains(mark) {
            assert_ne!(self.out.read_line(&mut self.said).unwrap(), 0, "no {mark}:\n{}", self.said);
        }
    }

    /// Closes the end of the pipe that this test reads.
    pub(crate) fn stop_reading(self) -> Unread {
        Unread(self.child)
    }

    /// Waits until it was killed.
    pub(crate) fn gone(mut self) {
        self.child.wait().unwrap();
    }

    /// Waits for its end; all that it said is there.
    pub(crate) fn end(mut self) -> Ran {
        self.out.read_to_string(&mut self.said).unwrap();
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let status = self.child.wait().unwrap();
        Ran {
            code: status.code().expect("it ended by itself"),
            out: std::mem::take(&mut self.said),
            err,
            line: String::new(),
        }
    }
}

/// A program whose output nobody reads any more.
pub(crate) struct Unread(Child);

impl Unread {
    /// Waits for its end: the exit code, and what it complained of.
    pub(crate) fn end(self) -> (i32, String) {
        let output = self.0.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        (output.status.code().expect("it ended by itself"), err)
    }
}

/// The ports of a table of addresses.
pub(crate) fn ports_in(text: &str) -> Vec<u16> {
    text.lines().filter_map(|line| line.rsplit_once("  127.0.0.1:")?.1.parse().ok()).collect()
}

/// A file of the repository.
pub(crate) fn shipped(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}
