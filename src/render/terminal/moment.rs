//! Times for people, in columns that line up at the decimal point.

use std::time::Duration;

use crate::base::Time;
use crate::base::units::show_duration;

/// The number of columns that [`moment`] takes.
pub(super) const WIDTH: usize = 10;

/// A moment of the run: `  0.214 ms`, ` 12.300 s `, `0:16:40   ` (hours, minutes, seconds).
pub(super) fn moment(at: Time) -> String {
    let micros = at.as_nanos() / 1_000;
    let (seconds, millis) = (micros / 1_000_000, micros / 1_000);
    match seconds {
        0 => format!("{millis:3}.{:03} ms", micros % 1_000),
        1..1_000 => format!("{seconds:3}.{:03} s ", millis % 1_000),
        _ => {
            let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
            let clock = format!("{hours}:{minutes:02}:{seconds:02}");
            format!("{clock:>7} h ")
        }
    }
}

/// How long something took, in at most eight columns: `680us`, `12.3ms`.
pub(super) fn took(duration: Duration) -> String {
    show_duration(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_line_up_at_the_decimal_point() {
        let shown = |nanos| moment(Time::from_nanos(nanos));
        assert_eq!(shown(0), "  0.000 ms");
        assert_eq!(shown(214_999), "  0.214 ms");
        assert_eq!(shown(999_999_999), "999.999 ms");
        assert_eq!(shown(1_000_000_000), "  1.000 s ");
        assert_eq!(shown(62_345_678_901), " 62.345 s ");
        assert_eq!(shown(1_000_000_000_000), "0:16:40 h ");
        assert_eq!(shown(90_061_000_000_000), "25:01:01 h ".trim_start());
        for nanos in [0, 1_000_000, 1_000_000_000, 999_999_999_999, 3_600_000_000_000] {
            assert_eq!(shown(nanos).len(), WIDTH, "{nanos}");
        }
    }
}
