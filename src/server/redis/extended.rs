//! The 80-bit numbers in which Redis adds for `INCRBYFLOAT`, so that sums have the same digits here.
//!
//! ```text
//! value = mantissa * 2^exponent, the mantissa's highest of 64 bits set (or the value is zero)
//! ```
//!
//! Source: the double-extended format of IEEE 754-1985, round half to even.

/// A number is read from at most this many characters, as in Redis.
const TEXT_BYTES_MAX: usize = 5 * 1024;
/// Beyond 2^16384 lies infinity.
const EXPONENT_MAX: i64 = 16_384 - 64;
/// Powers of ten beyond this are infinite or zero whatever they are multiplied with.
const POWER_MAX: i64 = 12_000;

/// A finite extended number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extended {
    negative: bool,
    mantissa: u64,
    exponent: i64,
}

/// A whole number of any size, the lowest 32 bits first, without leading zeros.
struct Big(Vec<u32>);

impl Big {
    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.0 {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = low(carry);
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(low(carry));
        }
    }

    fn times_power_of_ten(&mut self, power: i64) {
        for _ in 0..power / 9 {
            self.multiply_add(1_000_000_000, 0);
        }
        for _ in 0..power % 9 {
            self.multiply_add(10, 0);
        }
    }

    fn bits(&self) -> i64 {
        let top = self.0.last().map_or(0, |limb| 32 - i64::from(limb.leading_zeros()));
        top + 32 * (i64::try_from(self.0.len()).unwrap_or(0) - 1).max(0)
    }

    fn shift_left(&mut self, bits: i64) {
        for _ in 0..bits % 32 {
            self.multiply_add(2, 0);
        }
        let limbs = usize::try_from(bits / 32).unwrap_or(0);
        self.0.splice(0..0, std::iter::repeat_n(0, limbs));
    }

    fn is_less(&self, other: &Big) -> bool {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev())).is_lt()
    }

    /// Takes away a number that is not larger.
    fn subtract(&mut self, other: &Big) {
        let mut borrow = 0;
        for (index, limb) in self.0.iter_mut().enumerate() {
            let taken = i64::from(other.0.get(index).copied().unwrap_or(0)) + borrow;
            let rest = i64::from(*limb) - taken;
            borrow = i64::from(rest < 0);
            *limb = low(rest.rem_euclid(1 << 32).unsigned_abs());
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// Divides by a small number and returns the rest.
    fn divide(&mut self, divisor: u32) -> u32 {
        let mut rest = 0_u64;
        for limb in self.0.iter_mut().rev() {
            let value = (rest << 32) | u64::from(*limb);
            *limb = low(value / u64::from(divisor));
            rest = value % u64::from(divisor);
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        low(rest)
    }

    fn into_decimal(mut self) -> String {
        let mut groups = Vec::new();
        while !self.0.is_empty() {
            groups.push(self.divide(1_000_000_000));
        }
        let Some(first) = groups.pop() else { return "0".to_owned() };
        groups.iter().rev().fold(first.to_string(), |text, group| format!("{text}{group:09}"))
    }
}

fn low(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or(0)
}

impl Extended {
    pub(super) const ZERO: Extended = Extended { negative: false, mantissa: 0, exponent: 0 };

    /// The number nearest to a decimal text; `None` if it is none, or not finite.
    pub(super) fn parse(text: &[u8]) -> Option<Extended> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (digits, power) = decimal(text)?;
        let magnitude = nearest(digits, power)?;
        Some(Extended { negative, ..magnitude })
    }

    /// The sum; `None` if it is infinite.
    pub(super) fn add(self, other: Extended) -> Option<Extended> {
        let (large, small) =
            if (self.mantissa != 0 && self.exponent >= other.exponent) || other.mantissa == 0 {
                (self, other)
            } else {
                (other, self)
            };
        // 64 bits below the larger one's last hold what is shifted out of the smaller one; what is
        // shifted out of those too is kept as one sticky bit.
        let distance = u32::try_from(large.exponent - small.exponent).unwrap_or(u32::MAX);
        let wide_large = u128::from(large.mantissa) << 62;
        let wide_small = u128::from(small.mantissa) << 62;
        let shifted = wide_small.checked_shr(distance).unwrap_or(0);
        let lost = shifted.checked_shl(distance).unwrap_or(0) != wide_small;
        let shifted = shifted | u128::from(lost && small.mantissa != 0);
        let exponent = large.exponent - 62;
        let (negative, sum) = if large.negative == small.negative {
            (large.negative, wide_large + shifted)
        } else if wide_large >= shifted {
            (large.negative, wide_large - shifted)
        } else {
            (small.negative, shifted - wide_large)
        };
        let rounded = round(sum, exponent, false)?;
        Some(Extended { negative: negative && rounded.mantissa != 0, ..rounded })
    }

    /// The digits with at most 17 behind the point, and no zeros at their end.
    pub(super) fn to_text(self) -> String {
        let (whole, fraction) = if self.exponent >= 0 {
            let mut big = Big(vec![low(self.mantissa), low(self.mantissa >> 32)]);
            big.shift_left(self.exponent);
            while big.0.last() == Some(&0) {
                big.0.pop();
            }
            (big.into_decimal(), 0)
        } else {
            let (whole, fraction) = split(self.mantissa, self.exponent.unsigned_abs());
            (whole.to_string(), fraction)
        };
        let text = format!("{whole}.{fraction:017}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        if self.negative && text != "0" { format!("-{text}") } else { text.to_owned() }
    }
}

/// The whole part of `mantissa / 2^bits`, and the rest in units of 10^-17, rounded half to even.
fn split(mantissa: u64, bits: u64) -> (u64, u64) {
    const UNIT: u64 = 100_000_000_000_000_000;
    let bits = u32::try_from(bits).unwrap_or(u32::MAX);
    if bits >= 127 {
        return (0, 0);
    }
    let whole = mantissa.checked_shr(bits).unwrap_or(0);
    let mask = (1_u128 << bits) - 1;
    let scaled = (u128::from(mantissa) & mask) * u128::from(UNIT);
    let (quotient, rest, half) = (scaled >> bits, scaled & mask, 1_u128 << bits >> 1);
    let up = rest > half || (rest == half && quotient % 2 == 1);
    let fraction = u64::try_from(quotient).unwrap_or(0) + u64::from(up);
    if fraction == UNIT { (whole + 1, 0) } else { (whole, fraction) }
}

/// The digits of a decimal text as a whole number, and the power of ten they are multiplied with.
fn decimal(text: &[u8]) -> Option<(Big, i64)> {
    let (mut digits, mut power, mut seen, mut point) = (Big(Vec::new()), 0_i64, false, false);
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                seen = true;
                digits.multiply_add(10, u32::from(byte - b'0'));
                power -= i64::from(point);
            }
            b'.' if !point => point = true,
            b'e' | b'E' if seen => {
                let written: i64 = std::str::from_utf8(&text[at + 1..]).ok()?.parse().ok()?;
                return Some((digits, power.saturating_add(written)));
            }
            _ => return None,
        }
    }
    seen.then_some((digits, power))
}

/// The number nearest to `digits * 10^power`; `None` if it is infinite.
fn nearest(mut digits: Big, power: i64) -> Option<Extended> {
    if digits.0.is_empty() || power < -POWER_MAX {
        return Some(Extended::ZERO);
    }
    if power > POWER_MAX {
        return None;
    }
    let mut divisor = Big(vec![1]);
    digits.times_power_of_ten(power.max(0));
    divisor.times_power_of_ten((-power).max(0));
    // Scaled so that the quotient has 66 or 67 bits: 64 to keep, and at least two to round by.
    let shift = 66 - (digits.bits() - divisor.bits());
    if shift > 0 {
        digits.shift_left(shift)
    } else {
        divisor.shift_left(-shift)
    }
    divisor.shift_left(67);
    let mut quotient = 0_u128;
    for _ in 0..68 {
        quotient <<= 1;
        if !digits.is_less(&divisor) {
            digits.subtract(&divisor);
            quotient |= 1;
        }
        digits.multiply_add(2, 0);
    }
    round(quotient, -shift, !digits.0.is_empty())
}

/// `value * 2^exponent` in 64 bits, half to even; `sticky` says that a little more was there.
fn round(value: u128, exponent: i64, sticky: bool) -> Option<Extended> {
    if value == 0 {
        return Some(Extended::ZERO);
    }
    let extra = i64::from(64_u32) - i64::from(value.leading_zeros());
    let (mut mantissa, mut exponent) = if extra <= 0 {
        (value << extra.unsigned_abs(), exponent + extra)
    } else {
        let (kept, rest) = (value >> extra, value & ((1 << extra) - 1));
        let half = 1_u128 << (extra - 1);
        let up = rest > half || (rest == half && (sticky || kept % 2 == 1));
        (kept + u128::from(up), exponent + extra)
    };
    if mantissa >> 64 != 0 {
        mantissa >>= 1;
        exponent += 1;
    }
    let mantissa = u64::try_from(mantissa).ok()?;
    (exponent < EXPONENT_MAX).then_some(Extended { negative: false, mantissa, exponent })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(left: &str, right: &str) -> String {
        let parse = |text: &str| Extended::parse(text.as_bytes()).expect(text);
        parse(left).add(parse(right)).expect("finite").to_text()
    }

    #[test]
    fn sums_have_the_digits_that_redis_gives_them() {
        // Each was asked of redis-server 7.0.15.
        for (left, right, expected) in [
            ("0.1", "0.2", "0.3"),
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("3.0", "-3", "0"),
            ("1000.1", "0", "1000.09999999999999998"),
            ("1234567.1", "0.3", "1234567.39999999999997726"),
            ("1e30", "1234567.39999999999997726", "1000000000000000000024696061952"),
            ("0.00000000000000001", "0", "0.00000000000000001"),
            ("0.000000000000000001", "0", "0"),
            ("-1.5", "1", "-0.5"),
            ("9223372036854775807", "1", "9223372036854775808"),
        ] {
            assert_eq!(sum(left, right), expected, "{left} + {right}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", ".", "-", "1e", "1 ", " 1", "abc", "0x1", "inf", "nan", "1e99999", "1.2.3"]
        {
            assert_eq!(Extended::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn doubles_survive() {
        // Every double is an extended number, so reading its digits and adding nothing is exact.
        let mut rng = crate::base::Rng::new(8);
        for _ in 0..2000 {
            let value = (rng.unit() - 0.5) * 2000.0;
            let text = format!("{value:?}");
            let read: f64 = sum(&text, "0").parse().expect("a number");
            assert!((read - value).abs() < 1e-16 + value.abs() * 1e-16, "{text} {read}");
        }
    }
}
