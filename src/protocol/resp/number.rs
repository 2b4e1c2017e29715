//! Numbers as Redis reads and writes them.

/// The integer that `text` is, by Redis's strict rules: no `+`, no leading zero, no space, no `-0`.
///
/// ```
/// use looplab::protocol::resp::parse_i64;
/// assert_eq!(parse_i64(b"-9223372036854775808"), Some(i64::MIN));
/// assert_eq!(parse_i64(b"01"), None);
/// assert_eq!(parse_i64(b""), None);
/// ```
#[must_use]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [] => return None,
        [b'0'] => return (!negative).then_some(0),
        [b'0', ..] => return None,
        _ if digits.len() > 19 => return None,
        _ => {}
    }
    let mut value: i64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Counted downwards, because the negative side reaches one further.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// The double that a line of RESP3 holds: `1`, `-1.5e3`, `inf`, `-inf`, `nan`.
pub(super) fn parse_double(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    match text {
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        "nan" => Some(f64::NAN),
        _ if text.starts_with(|c: char| c == '-' || c == '.' || c.is_ascii_digit()) => {
            text.parse().ok().filter(|value: &f64| value.is_finite())
        }
        _ => None,
    }
}

/// Whole numbers below 2^62 are written in full.
const WHOLE_MAX: f64 = 4_611_686_018_427_387_904.0;

/// Appends the shortest digits that read back as `value`, laid out as Redis (7.2 and later) does:
/// plain for moderate exponents, `1e+21` beyond, `inf`, `-inf`, `nan`.
///
/// ```
/// use looplab::protocol::resp::format_double;
/// let text = |value| { let mut out = Vec::new(); format_double(value, &mut out); String::from_utf8(out).unwrap() };
/// assert_eq!(text(1.1), "1.1");
/// assert_eq!(text(-3.0), "-3");
/// assert_eq!(text(1e300), "1e+300");
/// assert_eq!(text(0.00001), "0.00001");
/// ```
pub fn format_double(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        out.extend_from_slice(b"nan");
        return;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let value = value.abs();
    if value.is_infinite() {
        out.extend_from_slice(b"inf");
        return;
    }
    if value < WHOLE_MAX && value.fract() == 0.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number below 2^62"
        )]
        let whole = value as u64;
        out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
        return;
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    lay_out(&digits, exponent.parse().unwrap_or(0), out);
}

/// Lays out `d.ddd * 10^exponent`.
fn lay_out(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    // The power of ten of the last digit.
    let last = exponent + 1 - count;
    if last >= 0 && exponent.abs() < count + 7 {
        out.extend_from_slice(digits);
        out.extend((0..last).map(|_| b'0'));
    } else if last < 0 && (last > -7 || exponent.abs() < 4) {
        match usize::try_from(exponent + 1) {
            Ok(whole) if whole > 0 => {
                out.extend_from_slice(&digits[..whole]);
                out.push(b'.');
                out.extend_from_slice(&digits[whole..]);
            }
            _ => {
                out.extend_from_slice(b"0.");
                out.extend((exponent + 1..0).map(|_| b'0'));
                out.extend_from_slice(digits);
            }
        }
    } else {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.push(b'e');
        out.push(if exponent < 0 { b'-' } else { b'+' });
        out.extend_from_slice(itoa::Buffer::new().format(exponent.unsigned_abs()).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_strictly_as_redis_reads_them() {
        for (text, value) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("99999999999999999999", None),
            ("-0", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("-", None),
            ("1a", None),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), value, "{text}");
        }
    }

    #[test]
    fn doubles_read_back_as_themselves() {
        let mut rng = crate::base::Rng::new(3);
        for _ in 0..10_000 {
            let value = f64::from_bits(rng.next_u64());
            if value.is_nan() {
                continue;
            }
            let mut out = Vec::new();
            format_double(value, &mut out);
            assert_eq!(parse_double(&out), Some(value), "{}", String::from_utf8_lossy(&out));
        }
    }
}
