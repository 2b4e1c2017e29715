//! `--step`, on a terminal of its own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::bench::{Bench, GOOD};

/// The program on a terminal.
struct Terminal {
    master: File,
    slave: OwnedFd,
    child: Child,
    said: String,
}

impl Terminal {
    fn new(bench: &Bench, line: &str) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let size = Winsize { ws_row: 40, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).unwrap();
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        let mut command = bench.command(line.split_whitespace());
        let child = command
            .env("TERM", "xterm")
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .unwrap();
        Terminal { master: File::from(master), slave, child, said: String::new() }
    }

    /// Reads until `mark` is on the screen, counted from the last time.
    ///
    /// # Panics
    /// If the program ends without it.
    fn until(&mut self, mark: &str) {
        let from = self.said.len();
        let mut bytes = [0; 4096];
        let ended = pidfd_open(Pid::from_child(&self.child), PidfdFlags::empty()).unwrap();
        while !self.said[from..].contains(mark) {
            let mut ready =
                [PollFd::new(&self.master, PollFlags::IN), PollFd::new(&ended, PollFlags::IN)];
            poll(&mut ready, None).unwrap();
            let is_readable = ready[0].revents().contains(PollFlags::IN);
            assert!(is_readable, "it ended without {mark:?}: {}", self.said);
            let count = self.master.read(&mut bytes).unwrap();
            self.said.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }

    fn press(&mut self, key: &str) {
        self.master.write_all(key.as_bytes()).unwrap();
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.slave).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    fn exit_code(&mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}

const PROMPT: &str = "space: next";

#[test]
fn one_message_is_shown_for_each_key() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    for command in
        ["run good.yaml --clock virtual --step", "run good.yaml --step", "show runs/good --step"]
    {
        let mut terminal = Terminal::new(&bench, command);
        terminal.until(PROMPT);
        assert!(terminal.is_raw());
        assert!(
            terminal.said.contains("GET /hello") && !terminal.said.contains("200 OK"),
            "{command}"
        );
        terminal.press(" ");
        terminal.until(PROMPT);
        assert!(terminal.said.contains("200 OK"), "{command}");
        terminal.press("x\r");
        if command.starts_with("run") {
            terminal.until("all holds");
        }
        assert_eq!(terminal.exit_code(), 0, "{}", terminal.said);
        assert!(!terminal.is_raw(), "the terminal is as it was");
    }
}

#[test]
fn the_rest_comes_at_once_or_not_at_all() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let mut terminal = Terminal::new(&bench, "run good.yaml --clock virtual --step");
    terminal.until(PROMPT);
    terminal.press("c");
    terminal.until("all holds");
    assert_eq!(terminal.exit_code(), 0);
    assert_eq!(terminal.said.matches(PROMPT).count(), 1);
    assert!(!terminal.is_raw());
    let mut terminal = Terminal::new(&bench, "run good.yaml --clock virtual --step");
    terminal.until(PROMPT);
    terminal.press("q");
    terminal.until("all holds");
    assert_eq!(terminal.exit_code(), 0, "a virtual run has a verdict, told or not");
    assert!(!terminal.said.contains("200 OK"), "{}", terminal.said);
    assert!(!terminal.is_raw());
}

#[test]
fn quitting_ends_a_run_that_goes_on() {
    let bench = Bench::new(&[("long.yaml", super::bench::LONG)]);
    let mut terminal = Terminal::new(&bench, "run long.yaml --step");
    terminal.until(PROMPT);
    terminal.press("q");
    terminal.until("cut short");
    assert_eq!(terminal.exit_code(), 130);
    assert!(!terminal.is_raw());
}

#[test]
fn quitting_in_virtual_time_leaves_the_run_its_verdict() {
    let busy = super::bench::LONG
        .replace("wait: 30m", "repeat: 2000\n        steps: [{ get: greeter/hello }]");
    let bench = Bench::new(&[("long.yaml", &busy)]);
    let mut terminal = Terminal::new(&bench, "run long.yaml --clock virtual --step");
    terminal.until(PROMPT);
    terminal.press("q");
    terminal.until("all holds");
    assert_eq!(terminal.exit_code(), 0);
    assert!(!terminal.said.contains("200 OK"), "{}", terminal.said);
}

#[test]
fn ctrl_c_while_waiting_for_a_key_puts_the_terminal_back() {
    let bench = Bench::new(&[("long.yaml", super::bench::LONG)]);
    let mut terminal = Terminal::new(&bench, "run long.yaml --step");
    terminal.until(PROMPT);
    kill_process(Pid::from_child(&terminal.child), Signal::INT).unwrap();
    terminal.until("cut short");
    assert_eq!(terminal.exit_code(), 130);
    assert!(!terminal.is_raw());
}

#[test]
fn without_a_terminal_it_is_refused() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    for command in ["run good.yaml --step", "show good.yaml --step"] {
        let ran = bench.looplab(command).exits(2);
        ran.complains(&["--step needs a terminal, and standard input is not one"]);
    }
}

#[test]
fn a_terminal_gets_colours_unless_it_is_told_not_to() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let mut terminal = Terminal::new(&bench, "run good.yaml --clock virtual");
    terminal.until("again");
    assert_eq!(terminal.exit_code(), 0);
    assert!(terminal.said.contains("\u{1b}[1mall") || terminal.said.contains("\u{1b}["));
    let mut terminal = Terminal::new(&bench, "run good.yaml --clock virtual --color never");
    terminal.until("again");
    assert_eq!(terminal.exit_code(), 0);
    assert!(!terminal.said.contains('\u{1b}'), "{}", terminal.said);
}

#[test]
fn a_repro_is_walked_through_and_then_compared() {
    let file = super::bench::shipped("docs/examples/explore/stale-price.repro-1.yaml");
    let bench = Bench::new(&[]);
    let mut terminal = Terminal::new(&bench, &format!("replay {file} --step"));
    terminal.until(PROMPT);
    assert!(terminal.said.contains("GET price:1") && !terminal.said.contains("DEL price:1"));
    terminal.press(" ");
    terminal.until(PROMPT);
    terminal.press("c");
    terminal.until("byte for byte");
    assert_eq!(terminal.exit_code(), 0, "{}", terminal.said);
    assert!(terminal.said.contains("DEL price:1"));
    assert!(!terminal.is_raw());
}

#[test]
fn a_search_has_a_line_that_is_drawn_anew_on_a_terminal() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let line = "explore good.yaml --runs 50 --strategy random --color never";
    let mut terminal = Terminal::new(&bench, line);
    terminal.until("failed        0 of");
    assert_eq!(terminal.exit_code(), 0, "{}", terminal.said);
    assert!(terminal.said.contains("\r\u{1b}[2K50 of 50 runs, "), "{}", terminal.said);
    assert!(terminal.said.contains("50 runs in "), "{}", terminal.said);
}
