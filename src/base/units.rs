//! Durations, sizes and rates as people write them: always with their unit.

use std::time::Duration;

/// Why a quantity could not be read; the text is a clause for a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadUnit(pub String);

const DURATIONS: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

const SIZES: [(&str, f64); 7] = [
    ("B", 1.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];

const RATES: [(&str, f64); 3] = [("/s", 1.0), ("/m", 1.0 / 60.0), ("/h", 1.0 / 3600.0)];

/// Reads `5ms`, `1.5s`, `200us`, `2m`, `1h`; a bare `0` is allowed. At most 365 days.
///
/// # Errors
/// [`BadUnit`] if the unit is missing or unknown, or the number is negative or too large.
///
/// ```
/// use looplab::base::units::duration;
/// use std::time::Duration;
/// assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
/// assert!(duration("5").is_err());
/// ```
pub fn duration(text: &str) -> Result<Duration, BadUnit> {
    let nanos = quantity(text, &DURATIONS, "a duration", "5ms, 1.5s, 2m")?;
    if nanos > 365.0 * 24.0 * 3600e9 {
        return Err(BadUnit("a duration is at most 365 days (8760h)".into()));
    }
    Ok(Duration::from_nanos(round(nanos)))
}

/// Reads `64KiB`, `1MB`, `512B`; a bare `0` is allowed. In bytes, at most 1 TB.
///
/// # Errors
/// [`BadUnit`] as for [`duration`].
pub fn size(text: &str) -> Result<u64, BadUnit> {
    let bytes = quantity(text, &SIZES, "a size", "512B, 64KiB, 1MB")?;
    if bytes > 1e12 {
        return Err(BadUnit("a size is at most 1000GB".into()));
    }
    Ok(round(bytes))
}

/// Reads `500/s`, `30/m`, `10/h` as events a second, more than zero and at most 10 million.
///
/// # Errors
/// [`BadUnit`] as for [`duration`].
pub fn rate(text: &str) -> Result<f64, BadUnit> {
    let per_second = quantity(text, &RATES, "a rate", "500/s, 30/m")?;
    if per_second <= 0.0 || per_second > 1e7 {
        return Err(BadUnit("a rate is more than 0/s and at most 10000000/s".into()));
    }
    Ok(per_second)
}

fn quantity(text: &str, units: &[(&str, f64)], what: &str, example: &str) -> Result<f64, BadUnit> {
    let text = text.trim();
    let split =
        text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let unit = unit.trim_start();
    let expected = || BadUnit(format!("{what} is a number with its unit: {example}"));
    let number: f64 = digits.replace('_', "").parse().map_err(|_| expected())?;
    if unit.is_empty() {
        return if number == 0.0 { Ok(0.0) } else { Err(expected()) };
    }
    match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => Ok(number * factor),
        None => {
            let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
            Err(BadUnit(format!("`{unit}` is not a unit of {what}: use {}", names.join(", "))))
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "callers bound the range"
)]
fn round(number: f64) -> u64 {
    number.round() as u64
}

/// Writes a duration for people: three significant digits and the fitting unit (`1.50ms`).
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let (one, unit): (u64, &str) = match nanos {
        0 => return "0".into(),
        1..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        1_000_000_000..120_000_000_000 => (1_000_000_000, "s"),
        120_000_000_000..7_200_000_000_000 => (60_000_000_000, "m"),
        _ => (3_600_000_000_000, "h"),
    };
    // Most durations that a scenario names are whole, and digits are dear in a simulation's inner loop.
    if nanos.is_multiple_of(u128::from(one)) {
        let mut text = (nanos / u128::from(one)).to_string();
        text.push_str(unit);
        return text;
    }
    #[expect(clippy::cast_precision_loss, reason = "for people, three digits")]
    let value = nanos as f64 / one as f64;
    let digits = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    let short =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{short}{unit}")
}

/// Writes a count for people, with a comma every three digits (`10,000`).
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes a number of bytes for people (`1.5 KB`, decimal units).
#[must_use]
pub fn show_bytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people, three digits")]
    let float = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} KB", float / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", float / 1e6),
        _ => format!("{:.1} GB", float / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_with_their_units() {
        assert_eq!(duration("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(size("64KiB"), Ok(65536));
        assert_eq!(rate("30/m"), Ok(0.5));
    }

    #[test]
    fn a_missing_or_wrong_unit_is_named() {
        assert!(duration("5").unwrap_err().0.contains("with its unit"));
        assert!(duration("5 parsecs").unwrap_err().0.contains("`parsecs` is not a unit"));
        assert!(duration("").is_err());
        assert!(duration("-5ms").is_err());
        assert!(size("2ms").is_err());
        assert!(rate("0/s").is_err());
    }

    #[test]
    fn counts_are_shown_in_groups_of_three_digits() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn durations_are_shown_with_three_digits() {
        for (nanos, text) in [
            (0, "0"),
            (999, "999ns"),
            (1_500, "1.5us"),
            (2_000_000, "2ms"),
            (12_345_678, "12.3ms"),
            (1_000_000_000, "1s"),
            (100_000_000, "100ms"),
            (99_960_000, "100ms"),
            (61_000_000_000, "61s"),
            (150_000_000_000, "2.5m"),
        ] {
            assert_eq!(show_duration(Duration::from_nanos(nanos)), text);
        }
    }
}
