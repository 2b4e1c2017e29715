//! Plain scalars typed by YAML 1.2's core schema.
//!
//! `null`, `~` and nothing at all are null; `true` and `false` are the only booleans (`yes`, `on`
//! and `off` are text); numbers are decimal, `0x` or `0o` integers, or floats.

use crate::base::Value;

/// Why a plain scalar has no value in JSON's terms; a clause for a diagnostic.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadScalar {
    /// An integer outside of 64 bits.
    TooLarge,
    /// `.inf` or `.nan`.
    NotFinite,
}

/// The value of a plain (unquoted) scalar.
pub(crate) fn plain(text: &str) -> Result<Value, BadScalar> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err(BadScalar::NotFinite),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err(BadScalar::NotFinite);
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|digit| digit.is_digit(radix))
        {
            let number = u64::from_str_radix(digits, radix);
            return number.map(Value::from).map_err(|_| BadScalar::TooLarge);
        }
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let text = text.strip_prefix('+').unwrap_or(text);
        return match (text.parse::<u64>(), text.parse::<i64>()) {
            (Ok(number), _) => Ok(Value::from(number)),
            (_, Ok(number)) => Ok(Value::from(number)),
            _ => Err(BadScalar::TooLarge),
        };
    }
    if is_float(unsigned) {
        let number: f64 = text.parse().map_err(|_| BadScalar::NotFinite)?;
        return serde_json::Number::from_f64(number).map(Value::Number).ok_or(BadScalar::NotFinite);
    }
    Ok(Value::String(text.to_owned()))
}

/// `\. [0-9]+ | [0-9]+ (\. [0-9]*)?` with an exponent allowed behind.
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = match mantissa.split_once('.') {
        Some((whole, part)) => {
            digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    fits && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_have_the_types_of_the_core_schema() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("true", json!(true)),
            ("yes", json!("yes")),
            ("on", json!("on")),
            ("0", json!(0)),
            ("-7", json!(-7)),
            ("+7", json!(7)),
            ("007", json!(7)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("1_000", json!("1_000")),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1.", json!(1.0)),
            ("1e3", json!(1000.0)),
            ("e3", json!("e3")),
            (".", json!(".")),
            ("-", json!("-")),
            ("1.2.3", json!("1.2.3")),
            ("12:30", json!("12:30")),
            ("2024-01-01", json!("2024-01-01")),
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
        ] {
            assert_eq!(plain(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn numbers_that_json_cannot_hold_are_refused_rather_than_rounded() {
        assert_eq!(plain("18446744073709551616"), Err(BadScalar::TooLarge));
        assert_eq!(plain("-9223372036854775809"), Err(BadScalar::TooLarge));
        assert_eq!(plain("0xFFFFFFFFFFFFFFFFF"), Err(BadScalar::TooLarge));
        assert_eq!(plain(".inf"), Err(BadScalar::NotFinite));
        assert_eq!(plain("-.Inf"), Err(BadScalar::NotFinite));
        assert_eq!(plain("1e999"), Err(BadScalar::NotFinite));
    }
}
