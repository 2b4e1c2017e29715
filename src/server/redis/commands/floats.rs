//! Counters with a fraction.

use super::prelude::*;
use crate::server::redis::extended::Extended;

pub(super) const COMMANDS: &[Command] = &[Command::new(
    "incrbyfloat",
    3,
    GROW.and(FAST),
    ONE_KEY,
    "2.6.0",
    incrbyfloat,
    "Adds a number with a fraction.",
)];

/// The sum of a stored text (nothing is 0) and a given number, as text.
pub(super) fn sum(
    stored: Option<&[u8]>,
    by: &[u8],
    not_a_float: &Refusal,
) -> Result<String, Refusal> {
    // The stored text is looked at first: its refusal comes before that of the increment.
    let old = match stored {
        Some(text) => Extended::parse(text).ok_or_else(|| not_a_float.clone())?,
        None => Extended::ZERO,
    };
    if float(by).is_some_and(f64::is_infinite) {
        return Err(Refusal::NAN_OR_INFINITY);
    }
    let by = Extended::parse(by).ok_or(Refusal::NOT_FLOAT)?;
    Ok(old.add(by).ok_or(Refusal::NAN_OR_INFINITY)?.to_text())
}

fn incrbyfloat(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let db = call.db();
    let stored = db.get::<Vec<u8>>(&words[1])?;
    let sum = sum(stored.map(|text| &**text), &words[2], &Refusal::NOT_FLOAT)?;
    db.update::<Vec<u8>, _>(&words[1], true, |text| {
        text.clear();
        text.extend_from_slice(sum.as_bytes());
        ((), true)
    })?;
    call.reply.bulk(sum);
    Ok(())
}
