//! A moment of a run: nanoseconds since its start, on the run's own clock.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment of a run, in nanoseconds since the run started (at most 584 years).
///
/// ```
/// use looplab::base::Time;
/// use std::time::Duration;
/// let t = Time::ZERO + Duration::from_micros(1500);
/// assert_eq!(t.to_micros_string(), "1500");
/// assert_eq!(Time::from_nanos(1_234_500).to_micros_string(), "1234.5");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The start of the run.
    pub const ZERO: Time = Time(0);
    /// Later than anything that can be scheduled.
    pub const MAX: Time = Time(u64::MAX);

    /// The moment `nanos` nanoseconds after the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Time {
        Time(nanos)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the start, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// How long after `earlier` this is; zero if it is not later.
    #[must_use]
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Microseconds since the start, with a fraction only where there is one: the trace's form.
    #[must_use]
    pub fn to_micros_string(self) -> String {
        let mut out = Vec::with_capacity(16);
        self.write_micros(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Appends what [`Time::to_micros_string`] returns, without allocating.
    pub fn write_micros(self, out: &mut Vec<u8>) {
        let mut buffer = itoa::Buffer::new();
        out.extend_from_slice(buffer.format(self.0 / 1000).as_bytes());
        let mut fraction = self.0 % 1000;
        if fraction != 0 {
            let mut digits = 3;
            while fraction.is_multiple_of(10) {
                fraction /= 10;
                digits -= 1;
            }
            out.push(b'.');
            let text = buffer.format(fraction);
            out.extend(std::iter::repeat_n(b'0', digits - text.len()));
            out.extend_from_slice(text.as_bytes());
        }
    }

    /// The moment that a number of microseconds, whole or fractional, names; `None` if it is
    /// negative, not finite or beyond the range. Exact to the nanosecond up to 100 days.
    #[must_use]
    pub fn from_micros_f64(micros: f64) -> Option<Time> {
        // The fraction by itself, for the product of the whole would have to be rounded.
        let whole = micros.trunc();
        let nanos = ((micros - whole) * 1000.0).round();
        if (0.0..1.8e16).contains(&micros) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range was checked"
            )]
            Some(Time(whole as u64 * 1000 + nanos as u64))
        } else {
            None
        }
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, later: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(later.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Time> for Time {
    type Output = Duration;
    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}
