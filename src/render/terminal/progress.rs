//! The one line that shows that a long run goes on.

use std::time::Duration;

use super::moment::took;
use super::style::{BAD, DIM, Style};
use super::tally::per_second;
use super::text;
use crate::base::Time;

/// How far a run has come, as seen from outside.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Messages so far.
    pub messages: u64,
    /// Steps and servers that failed so far.
    pub failures: u64,
    /// How long the run has taken, by the clock on the wall.
    pub elapsed: Duration,
    /// The messages of the last moments, and how long these were.
    pub lately: (u64, Duration),
    /// Where the run's own clock stands, if it is not the one on the wall.
    pub virtual_time: Option<Time>,
}

impl Progress {
    /// `  12,345 messages  4,100/s  3.0s`, never wider than the screen.
    #[must_use]
    pub fn line(&self, style: Style) -> String {
        let mut parts = vec![text::plural(self.messages, "message", "messages")];
        if let Some(rate) = per_second(self.lately.0, self.lately.1) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a positive rate"
            )]
            let rate = rate.round() as u64;
            parts.push(format!("{}/s", text::thousands(rate)));
        }
        parts.push(seconds(self.elapsed));
        if let Some(at) = self.virtual_time {
            parts.push(format!("virtual time {}", took(at.since(Time::ZERO))));
        }
        let line = format!("  {}", parts.join("   "));
        let line = text::cut(&line, style.width.saturating_sub(1), style.glyphs().ellipsis);
        let failed = format!("   {} failed", text::thousands(self.failures));
        let failed = match self.failures {
            0 => "",
            _ if text::width(&line) + failed.len() < style.width => &failed,
            _ => "",
        };
        format!("{}{}", style.paint(&line, DIM), style.paint(failed, BAD))
    }
}

/// `3.0s`, `2m05s`.
fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    match whole {
        0..60 => format!("{whole}.{}s", duration.subsec_millis() / 100),
        _ => format!("{}m{:02}s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_one_line_that_fits() {
        let progress = Progress {
            messages: 12_345,
            failures: 2,
            elapsed: Duration::from_millis(65_040),
            lately: (410, Duration::from_millis(100)),
            virtual_time: Some(Time::from_nanos(3_720_000_000_000)),
        };
        let shown = progress.line(Style::PLAIN);
        assert_eq!(shown, "  12,345 messages   4,100/s   1m05s   virtual time 62m   2 failed");
        for width in 0..80 {
            let line = progress.line(Style { width, ..Style::PLAIN });
            assert!(text::width(&line) <= width, "{width}: {line}");
        }
    }
}
