//! The line that says how far a search is, on a terminal; elsewhere only what it came to.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use super::screen;
use crate::base::units::{grouped, show_duration};
use crate::explore::Findings;
use crate::net::Stopwatch;
use crate::render::terminal::plural;

/// How often the line is drawn, and how often one is written where there is no terminal.
const EVERY: Duration = Duration::from_millis(150);
const EVERY_PLAIN: Duration = Duration::from_secs(10);

/// The progress of a search, on standard error.
pub(super) struct Progress {
    watch: Stopwatch,
    drawn: Duration,
    /// How many runs there will be, if that is known.
    runs: Option<u64>,
    terminal: bool,
    /// What it came to.
    last: String,
}

impl Progress {
    /// Begins a search: whoever waits for it is told that it goes on.
    pub(super) fn searching(runs: Option<u64>, jobs: usize) -> Progress {
        let progress = Progress::begin(runs);
        let at_once = plural(jobs as u64, "run", "runs");
        if !progress.terminal {
            screen::complain(&format!("searching, {at_once} at once\n"));
        }
        progress
    }

    pub(super) fn begin(runs: Option<u64>) -> Progress {
        let terminal = io::stderr().is_terminal();
        Progress {
            watch: Stopwatch::start(),
            drawn: Duration::ZERO,
            runs,
            terminal,
            last: String::new(),
        }
    }

    /// A run more.
    pub(super) fn search(&mut self, findings: &Findings) {
        let now = self.watch.elapsed();
        let is_last = self.runs == Some(findings.runs);
        self.last = format!(
            "{} in {}, {} runs a second",
            plural(findings.runs, "run", "runs"),
            show_duration(now),
            grouped(per_second(findings.runs, now))
        );
        let every = if self.terminal { EVERY } else { EVERY_PLAIN };
        if now < self.drawn + every && !(is_last && self.terminal) {
            return;
        }
        self.drawn = now;
        let of = self.runs.map_or_else(String::new, |runs| format!(" of {}", grouped(runs)));
        let best = findings.groups.iter().min_by_key(|group| group.messages);
        let best = best.map_or_else(
            || "nothing failed".to_owned(),
            |best| {
                let what = &best.failure.what;
                format!(
                    "{} failed, best: {what} in {} messages",
                    grouped(findings.failed),
                    best.messages
                )
            },
        );
        self.draw(&format!(
            "{}{of} runs, {}/s, {} interleavings, {} faults bit, {best}",
            grouped(findings.runs),
            grouped(per_second(findings.runs, now)),
            grouped(findings.interleavings.len() as u64),
            grouped(findings.bit),
        ));
    }

    /// So many failures were made small. Where lines stay, only that it begins is told.
    pub(super) fn shrink(&mut self, done: usize, of: usize) {
        if self.terminal || done == 0 {
            let failures = plural(of as u64, "failure", "failures");
            let how_far = if done == 0 { String::new() } else { format!(": {done} done") };
            self.draw(&format!("making {failures} small{how_far}"));
        }
    }

    /// A word on anything else.
    pub(super) fn say(&mut self, text: &str) {
        if self.terminal {
            self.draw(text);
        }
    }

    fn draw(&self, text: &str) {
        match self.terminal {
            true => screen::complain(&format!("\r\x1b[2K{text}")),
            false => screen::complain(&format!("{text}\n")),
        }
    }

    /// Takes the line away; what a search came to stays.
    pub(super) fn end(self) {
        if self.terminal {
            screen::complain("\r\x1b[2K");
        }
        if !self.last.is_empty() {
            screen::complain(&format!("{}\n", self.last));
        }
    }
}

fn per_second(runs: u64, took: Duration) -> u64 {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    runs.saturating_mul(1_000) / millis
}
