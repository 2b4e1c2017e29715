//! `SCAN` and its kin: a walk through what may change meanwhile.

use bytes::BytesMut;

use super::prelude::*;
use crate::base::glob;
use crate::protocol::resp::{Version, Writer, format_double};
use crate::server::redis::data::Kind;

pub(super) const OF_KEYS: &[Command] =
    &[Command::new("scan", -2, READ, NO_KEYS, "2.8.0", scan, "Walks through the keys.")];
pub(super) const OF_HASHES: &[Command] =
    &[Command::new("hscan", -3, READ, ONE_KEY, "2.8.0", hscan, "Walks through a hash.")];
pub(super) const OF_SETS: &[Command] =
    &[Command::new("sscan", -3, READ, ONE_KEY, "2.8.0", sscan, "Walks through a set.")];
pub(super) const OF_ZSETS: &[Command] =
    &[Command::new("zscan", -3, READ, ONE_KEY, "2.8.0", zscan, "Walks through a sorted set.")];

/// What stands behind the cursor.
struct Options<'a> {
    cursor: u32,
    count: usize,
    pattern: Option<&'a [u8]>,
    of_type: Option<&'a [u8]>,
}

/// Reads the cursor at `index`.
fn cursor(call: &Call<'_>, index: usize) -> Result<u32, Refusal> {
    let text = word(call.words, index)?;
    let cursor: u64 = std::str::from_utf8(text)
        .ok()
        .filter(|text| !text.starts_with('+'))
        .and_then(|text| text.parse().ok())
        .ok_or(Refusal::CURSOR)?;
    // No cursor of ours is larger, so one that is can only be somebody's invention: little follows.
    Ok(u32::try_from(cursor).unwrap_or(u32::MAX))
}

/// Reads the options behind the cursor at `index`.
fn options<'a>(call: &Call<'a>, index: usize, cursor: u32) -> Result<Options<'a>, Refusal> {
    let mut options = Options { cursor, count: 10, pattern: None, of_type: None };
    let mut rest = call.words.from(index + 1);
    while let Some(option) = rest.get(0) {
        let value = word(rest, 1)?;
        if is(option, "COUNT") {
            let count = integer(value)?;
            if count < 1 {
                return Err(Refusal::SYNTAX);
            }
            options.count = usize::try_from(count).unwrap_or(usize::MAX);
        } else if is(option, "MATCH") {
            options.pattern = Some(value);
        } else if is(option, "TYPE") && index == 1 {
            options.of_type = Some(value);
        } else {
            return Err(Refusal::SYNTAX);
        }
        rest = rest.from(2);
    }
    Ok(options)
}

/// The options of a walk through what a key holds; `None` if there is no such key, and then the
/// options do not matter.
fn options_within<'a, T: Kind>(call: &mut Call<'a>) -> Result<Option<Options<'a>>, Refusal> {
    let words = call.words;
    let cursor = cursor(call, 2)?;
    if call.db().get::<T>(&words[1])?.is_none() {
        call.reply.array(2);
        call.reply.bulk("0");
        call.reply.array(0);
        return Ok(None);
    }
    options(call, 2, cursor).map(Some)
}

/// Collects what a walk comes by.
struct Found<'a> {
    pattern: Option<&'a [u8]>,
    bulk: BytesMut,
    count: usize,
}

impl Found<'_> {
    fn add(&mut self, name: &[u8], value: Option<&[u8]>) {
        if self.pattern.is_some_and(|pattern| !glob(pattern, name)) {
            return;
        }
        let mut writer = Writer::new(&mut self.bulk, Version::Resp2);
        writer.bulk(name);
        self.count += 1;
        if let Some(value) = value {
            writer.bulk(value);
            self.count += 1;
        }
    }

    fn reply(self, call: &mut Call<'_>, cursor: u32) {
        call.reply.array(2);
        call.reply.bulk(itoa::Buffer::new().format(cursor));
        call.reply.array(self.count);
        call.reply.raw(&self.bulk);
    }
}

fn found<'a>(options: &Options<'a>) -> Found<'a> {
    Found { pattern: options.pattern, bulk: BytesMut::new(), count: 0 }
}

fn scan(call: &mut Call<'_>) -> Outcome {
    let cursor = cursor(call, 1)?;
    let options = options(call, 1, cursor)?;
    let mut found = found(&options);
    let db = &call.engine.dbs[call.session.db];
    let cursor = db.scan(options.cursor, options.count, |key, entry| {
        let fits = |name: &[u8]| is(name, &entry.value.type_name().to_ascii_uppercase());
        if options.of_type.is_none_or(fits) {
            found.add(key, None);
        }
    });
    found.reply(call, cursor);
    Ok(())
}

fn hscan(call: &mut Call<'_>) -> Outcome {
    let Some(options) = options_within::<Hash>(call)? else { return Ok(()) };
    let mut found = found(&options);
    let words = call.words;
    let hash = call.db().get::<Hash>(&words[1])?;
    let cursor = hash.map_or(0, |hash| {
        hash.scan(options.cursor, options.count, |field, value| found.add(field, Some(value)))
    });
    found.reply(call, cursor);
    Ok(())
}

fn sscan(call: &mut Call<'_>) -> Outcome {
    let Some(options) = options_within::<Set>(call)? else { return Ok(()) };
    let mut found = found(&options);
    let words = call.words;
    let set = call.db().get::<Set>(&words[1])?;
    let cursor = set
        .map_or(0, |set| set.scan(options.cursor, options.count, |member| found.add(member, None)));
    found.reply(call, cursor);
    Ok(())
}

fn zscan(call: &mut Call<'_>) -> Outcome {
    let Some(options) = options_within::<ZSet>(call)? else { return Ok(()) };
    let mut found = found(&options);
    let words = call.words;
    let zset = call.db().get::<ZSet>(&words[1])?;
    let cursor = zset.map_or(0, |zset| {
        zset.scan(options.cursor, options.count, |member, score| {
            let mut text = Vec::new();
            format_double(score, &mut text);
            found.add(member, Some(&text));
        })
    });
    found.reply(call, cursor);
    Ok(())
}
