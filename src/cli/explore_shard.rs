//! What a part of a search found, in a file, and the parts put together.
//!
//! ```text
//! NAME.shard-3-of-8.json   { looplab: "shard", version, file, digest of its text, seed, runs, shard, findings }
//! ```
//!
//! Parts fit together if they are of one search: the same text, seed, strategies and number of runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::atomic;
use super::exit::Failure;
use super::explore_report::group_json;
use crate::base::Value;
use crate::explore::{Failure as Failed, Findings, Group, Options, Over, Shard, Strategy, Weight};
use crate::plan::Plan;

/// The version of the file.
const VERSION: u64 = 1;

/// The largest file of a shard that is read, in bytes.
const FILE_MAX: u64 = 256 * 1024 * 1024;

/// What a shard is of.
pub(super) struct Made<'a> {
    pub(super) file: &'a Path,
    pub(super) plan: &'a Plan,
    pub(super) options: &'a Options,
    pub(super) shard: Shard,
}

/// Parts put together.
pub(super) struct Merged {
    pub(super) file: String,
    pub(super) seed: u64,
    pub(super) strategies: Vec<Strategy>,
    pub(super) runs: Option<u64>,
    pub(super) findings: Findings,
    pub(super) over: Over,
    digest: String,
}

/// Writes what a shard found into a folder.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write(folder: &Path, made: &Made<'_>, findings: &Findings) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::io("make the folder", folder, &error))?;
    let Made { file, plan, options, shard } = made;
    let number = if shard.index == 0 { shard.count.get() } else { shard.index };
    let path = folder.join(format!("{}.shard-{number}-of-{}.json", plan.name, shard.count));
    let ways: serde_json::Map<String, Value> = findings
        .by_strategy
        .iter()
        .map(|(strategy, counts)| (strategy.as_str().to_owned(), json!([counts.0, counts.1])))
        .collect();
    let strategies: Vec<&str> = options.strategies.iter().map(|one| one.as_str()).collect();
    let interleavings = findings.interleavings.iter().map(|hash| format!("{hash:x}"));
    let told = json!({
        "looplab": "shard",
        "version": VERSION,
        "file": file.to_string_lossy(),
        "digest": digest(plan),
        "seed": plan.seed,
        "of": options.runs,
        "strategies": strategies,
        "check": options.only.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "shard": [shard.index, shard.count],
        "runs": findings.runs,
        "failed": findings.failed,
        "messages": findings.messages,
        "bit": findings.bit,
        "ways": ways,
        "groups": findings.groups.iter().map(group_json).collect::<Vec<_>>(),
        "more_groups": findings.more_groups,
        "interleavings": interleavings.collect::<Vec<_>>(),
    });
    let text = format!("{told}\n");
    atomic::write(&path, text.as_bytes()).map_err(|error| Failure::io("write", &path, &error))
}

/// A digest of the scenario's text, by which parts are known to be of one.
fn digest(plan: &Plan) -> String {
    let scripts = plan.scripts().iter().map(|(_, text)| text);
    let bytes = std::iter::once(plan.source.text()).chain(scripts).flat_map(str::bytes);
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Refuses parts of another text than that of the scenario.
pub(super) fn is_of(merged: &Merged, plan: &Plan, file: &Path) -> Result<(), Failure> {
    if merged.digest == digest(plan) {
        return Ok(());
    }
    let what = format!("{} is not what these shards were made of", file.display());
    Err(Failure::wrong(what)
        .help("it has changed since, or is another scenario; name the right one before --merge"))
}

/// Reads shards, files or folders of them, and puts them together.
///
/// # Errors
/// If one cannot be read, is none, or is of another search than the first.
pub(super) fn read(paths: &[PathBuf]) -> Result<Merged, Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).map_err(|error| Failure::io("read", path, &error))?;
        let entries = entries.filter_map(|entry| Some(entry.ok()?.path()));
        files.extend(entries.filter(|path| path.to_string_lossy().contains(".shard-")));
    }
    files.sort();
    files.dedup();
    let mut merged: Option<(Merged, Value, BTreeSet<u64>)> = None;
    for path in &files {
        let told = value(path)?;
        let part = part(&told).ok_or_else(|| {
            let what = format!("{} is not the result of a shard", path.display());
            Failure::wrong(what).help("`looplab explore FILE --shard I/N --out DIR` writes them")
        })?;
        let (index, key) = (told["shard"][0].as_u64().unwrap_or(0), key(&told));
        match &mut merged {
            None => merged = Some((part, key, BTreeSet::from([index]))),
            Some((all, known, seen)) => {
                if *known != key {
                    let what = format!("{} is a part of another search", path.display());
                    return Err(Failure::wrong(what)
                        .help("file, seed, runs, strategies and checks must be the same"));
                }
                if !seen.insert(index) {
                    let what = format!("{} is there twice", path.display());
                    return Err(Failure::wrong(what));
                }
                all.findings.merge(part.findings);
            }
        }
    }
    let Some((merged, key, seen)) = merged else {
        return Err(Failure::wrong("there are no results of shards here")
            .help("`looplab explore FILE --shard I/N --out DIR` writes them"));
    };
    let count = key["count"].as_u64().unwrap_or(1);
    if (seen.len() as u64) < count {
        let missing: Vec<String> = (0..count)
            .filter(|index| !seen.contains(index))
            .take(10)
            .map(|index| format!("{}/{count}", if index == 0 { count } else { index }))
            .collect();
        return Err(Failure::wrong(format!("parts are missing: {}", missing.join(", ")))
            .help("make them, too; each `--shard I/N` leaves a file"));
    }
    Ok(merged)
}

fn value(path: &Path) -> Result<Value, Failure> {
    let failed = |error: std::io::Error| Failure::io("read", path, &error);
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > FILE_MAX {
        return Err(Failure::wrong(format!("{} is too large for a shard", path.display())));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// What must be the same of all parts.
fn key(told: &Value) -> Value {
    json!({
        "digest": told["digest"], "seed": told["seed"], "of": told["of"], "check": told["check"],
        "strategies": told["strategies"], "count": told["shard"][1],
    })
}

fn part(told: &Value) -> Option<Merged> {
    if told["looplab"] != "shard" || told["version"].as_u64()? != VERSION {
        return None;
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let group = |value: &Value| {
        Some(Group {
            failure: Failed {
                what: text(&value["what"])?,
                cause: text(&value["cause"])?,
                says: text(&value["says"])?,
                operations: value["operations"]
                    .as_array()?
                    .iter()
                    .filter_map(Value::as_u64)
                    .collect(),
                check: value["check"].as_u64().and_then(|check| usize::try_from(check).ok()),
                weight: Weight::ALL.iter().find(|(_, word)| value["weight"] == *word)?.0,
            },
            first: value["first"].as_u64()?,
            run: value["run"].as_u64()?,
            strategy: value["way"].as_str().and_then(Strategy::named),
            messages: value["messages"].as_u64()?,
            count: value["count"].as_u64()?,
        })
    };
    let ways: Option<BTreeMap<Strategy, (u64, u64)>> = told["ways"]
        .as_object()?
        .iter()
        .map(|(word, counts)| {
            Some((Strategy::named(word)?, (counts[0].as_u64()?, counts[1].as_u64()?)))
        })
        .collect();
    let hashes = told["interleavings"].as_array()?.iter();
    let hashes = hashes.map(|hash| u64::from_str_radix(hash.as_str()?, 16).ok());
    let strategies = told["strategies"].as_array()?.iter();
    NonZeroU64::new(told["shard"][1].as_u64()?)?;
    Some(Merged {
        file: text(&told["file"])?,
        seed: told["seed"].as_u64()?,
        strategies: strategies
            .map(|word| Strategy::named(word.as_str()?))
            .collect::<Option<_>>()?,
        runs: told["of"].as_u64(),
        digest: text(&told["digest"])?,
        over: Over::Done,
        findings: Findings {
            runs: told["runs"].as_u64()?,
            failed: told["failed"].as_u64()?,
            messages: told["messages"].as_u64()?,
            bit: told["bit"].as_u64()?,
            by_strategy: ways?,
            interleavings: hashes.collect::<Option<_>>()?,
            groups: told["groups"].as_array()?.iter().map(group).collect::<Option<_>>()?,
            more_groups: told["more_groups"].as_bool()?,
        },
    })
}
