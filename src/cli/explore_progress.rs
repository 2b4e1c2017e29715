//! The line that says how far a search is, on a terminal; elsewhere only what it came to.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use super::screen;
use crate::base::units::{grouped, show_duration};
use crate::explore::Findings;
use crate::net::Stopwatch;

/// How often the line is drawn.
const EVERY: Duration = Duration::from_millis(150);

/// The progress of a search, on standard error.
pub(super) struct Progress {
    watch: Stopwatch,
    drawn: Option<Duration>,
    /// How many runs there will be, if that is known.
    runs: Option<u64>,
    terminal: bool,
    /// What it came to.
    last: String,
}

impl Progress {
    pub(super) fn begin(runs: Option<u64>) -> Progress {
        let terminal = io::stderr().is_terminal();
        Progress { watch: Stopwatch::start(), drawn: None, runs, terminal, last: String::new() }
    }

    /// A run more.
    pub(super) fn search(&mut self, findings: &Findings) {
        let now = self.watch.elapsed();
        let is_time = self.drawn.is_none_or(|drawn| now >= drawn + EVERY);
        if !is_time && self.runs != Some(findings.runs) {
            return;
        }
        self.drawn = Some(now);
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
        self.last = format!(
            "{} runs in {}, {} runs a second",
            grouped(findings.runs),
            show_duration(now),
            grouped(per_second(findings.runs, now))
        );
    }

    /// A failure more was made small.
    pub(super) fn shrink(&mut self, done: usize, of: usize) {
        self.draw(&format!("made {done} of {of} failures small"));
    }

    /// A word on anything else.
    pub(super) fn say(&mut self, text: &str) {
        self.draw(text);
    }

    fn draw(&self, text: &str) {
        if self.terminal {
            screen::complain(&format!("\r\x1b[2K{text}"));
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
