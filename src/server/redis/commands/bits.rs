//! Single bits of a string.

use super::prelude::*;
use crate::protocol::resp::Words;
use crate::server::redis::limits::TEXT_BYTES_MAX;

pub(super) const COMMANDS: &[Command] = &[
    Command::new("setbit", 4, GROW, ONE_KEY, "2.2.0", setbit, "Sets a bit, returns the old one."),
    Command::new("getbit", 3, READ.and(FAST), ONE_KEY, "2.2.0", getbit, "Returns a bit."),
    Command::new("bitcount", -2, READ, ONE_KEY, "2.6.0", bitcount, "Counts the bits that are set."),
];

/// The byte and the bit in it (128 for the first) that a word names.
fn place(word: &[u8]) -> Result<(usize, u8), Refusal> {
    let refused = Refusal::new("ERR bit offset is not an integer or out of range");
    let Ok(offset) = positive(word) else { return Err(refused) };
    if offset / 8 >= TEXT_BYTES_MAX {
        return Err(refused);
    }
    Ok((offset / 8, 128 >> (offset % 8)))
}

fn setbit(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let (byte, mask) = place(&words[2])?;
    let on = match &words[3] {
        b"0" => false,
        b"1" => true,
        _ => return Err(Refusal::new("ERR bit is not an integer or out of range")),
    };
    let old = call.db().update::<Vec<u8>, _>(&words[1], true, |text| {
        text.resize(text.len().max(byte + 1), 0);
        let old = text[byte] & mask != 0;
        if on {
            text[byte] |= mask;
        } else {
            text[byte] &= !mask;
        }
        (old, true)
    })?;
    call.flag(old.unwrap_or(false));
    Ok(())
}

fn getbit(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let (byte, mask) = place(&words[2])?;
    let text = call.db().get::<Vec<u8>>(&words[1])?;
    let on = text.and_then(|text| text.get(byte)).is_some_and(|byte| byte & mask != 0);
    call.flag(on);
    Ok(())
}

fn bitcount(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    // A key that is not there has no bits, whatever else was said.
    let text = call.engine.dbs[call.session.db].get::<Vec<u8>>(&words[1])?;
    let count = text.map_or(Ok(0), |text| count_bits(text, words))?;
    call.reply.count(count);
    Ok(())
}

fn count_bits(text: &[u8], words: Words<'_>) -> Result<usize, Refusal> {
    let ones = |byte: &u8| byte.count_ones() as usize;
    if words.len() == 2 {
        return Ok(text.iter().map(ones).sum());
    }
    if words.len() > 5 || words.len() == 3 {
        return Err(Refusal::SYNTAX);
    }
    let (start, end) = (integer(&words[2])?, integer(&words[3])?);
    if start < 0 && end < 0 && start > end {
        return Ok(0);
    }
    let in_bits = match words.get(4) {
        Some(unit) if is(unit, "BIT") => true,
        Some(unit) if !is(unit, "BYTE") => return Err(Refusal::SYNTAX),
        _ => false,
    };
    Ok(if in_bits {
        let range = text_slice(start, end, text.len() * 8);
        range.filter(|bit| text[bit / 8] >> (7 - bit % 8) & 1 == 1).count()
    } else {
        text[text_slice(start, end, text.len())].iter().map(ones).sum()
    })
}
