//! The command lines of `looplab explore`, `looplab replay` and `looplab diff`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::args::{LogArgs, LookArgs};
use crate::explore::{Shard, Strategy};

/// `looplab explore`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:
  looplab explore shop.yaml                          # 1,000 runs on all cores
  looplab explore shop.yaml --time 60s --until-found
  looplab explore shop.yaml --strategy races,crash --check never
  looplab explore shop.yaml --runs 100000 --shard 3/8 --out shards
  looplab explore --merge shards                     # what all shards found
  looplab explore shop.repro-1.yaml --from 9 --runs 1000
  looplab explore shop.repro-1.yaml --point-of-no-return",
    after_long_help = "\
Examples:
  looplab explore shop.yaml                          # 1,000 runs on all cores
  looplab explore shop.yaml --time 60s --until-found
  looplab explore shop.yaml --strategy races,crash --check never
  looplab explore shop.yaml --runs 100000 --shard 3/8 --out shards
  looplab explore --merge shards                     # what all shards found
  looplab explore shop.repro-1.yaml --from 9 --runs 1000
  looplab explore shop.repro-1.yaml --point-of-no-return

Strategies (--strategy; by default all, turn by turn):
  random      latencies are drawn, some far beyond what is typical
  races       messages that race in the first run overtake each other
  pct         chains of messages have priorities, some of which change
  crash       a server crashes or stands still after a message of each kind
  partitions  nodes are cut off one after the other, and come back in another order
  skew        a server's clock is wrong

What fails: a check that is violated, whatever the scenario expects of it; a step that nothing forgives; a node \
that crashes by itself; a run that does not end. Failures of one cause are told once. The first of each is made \
small, and written as a file that `looplab replay` runs: NAME.repro-1.yaml beside the scenario, or in the folder \
of --out.

The same file, seed and number of runs find the same, whatever the number of jobs or shards.

Ctrl-C ends the search; what was found until then is told and written. A second one stops at once.

Exit codes: 0 nothing failed, 1 something did (with --expect-failure the other way round), 2 the scenario or the \
command line is wrong, 3 the machine said no, 130 stopped by Ctrl-C (143 by SIGTERM)."
)]
pub struct ExploreArgs {
    /// The scenario, or a repro
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "merge")]
    pub file: Option<PathBuf>,
    /// How many runs; 1000 if neither this, --time nor --until-found is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: Option<u64>,
    /// How long to search, such as 60s; with --runs, whichever is over first
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub time: Option<Duration>,
    /// How many runs at once; by default as many as there are cores
    #[arg(long, short, value_name = "J", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// The seed of the search; by default what the scenario says, else 1
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// End with the first failure; without --runs and --time, go on until there is one
    #[arg(long)]
    pub until_found: bool,
    /// Exit with 0 if something fails, and with 1 if nothing does
    #[arg(long)]
    pub expect_failure: bool,
    /// Vary runs in these ways only; several are divided by commas
    #[arg(long, value_name = "WAY", value_delimiter = ',', value_parser = strategy)]
    pub strategy: Vec<Strategy>,
    /// Look only for failures of this: a kind of check (`never`), its number in the file (`2`), `check`, `step`,
    /// `run` or `crash`
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub check: Vec<String>,
    /// Write repros, and the results of a shard, into this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Make so many failures small and write them; 0 for none
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub repros: usize,
    /// Make only a part of the runs, such as 2/8, and write what was found into --out (or `.`)
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub shard: Option<Shard>,
    /// Put the results of shards together: files, or folders of them
    #[arg(long, value_name = "DIR", num_args = 1.., value_hint = ValueHint::AnyPath,
          conflicts_with_all = ["runs", "time", "until_found", "strategy", "check", "seed", "shard", "from", "point_of_no_return"])]
    pub merge: Vec<PathBuf>,
    /// Of a repro: keep what it decides up to message N and let chance decide what comes after
    #[arg(long, value_name = "N", conflicts_with_all = ["strategy", "shard", "until_found"])]
    pub from: Option<u64>,
    /// Of a repro: find the message after which every future fails
    #[arg(long, conflicts_with_all = ["from", "strategy", "shard", "until_found", "time"])]
    pub point_of_no_return: bool,
    /// Report as JSON
    #[arg(long)]
    pub json: bool,
    /// How it looks.
    #[command(flatten)]
    pub look: LookArgs,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
}

/// `looplab replay`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  looplab replay shop.repro-1.yaml
  looplab replay shop.repro-1.yaml --step            # one message at a time
  looplab replay shop.repro-1.yaml --until 9         # and what is still under way then

A repro fails by design; its replay succeeds if it fails as it says.

Exit codes: 0 it shows what it says (byte for byte, or at least the same failure), 1 it does not, 2 the file or \
the command line is wrong, 3 the machine said no, 130 stopped by Ctrl-C.")]
pub struct ReplayArgs {
    /// The repro
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Where the trace goes; by default runs/NAME
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Show one message at a time and wait for a key
    #[arg(long, conflicts_with = "quiet")]
    pub step: bool,
    /// Show what happens until message N is sent, and what is under way then
    #[arg(long, value_name = "N", conflicts_with_all = ["step", "quiet"])]
    pub until: Option<u64>,
    /// Say only what is not as it says
    #[arg(long, short)]
    pub quiet: bool,
    /// How it looks.
    #[command(flatten)]
    pub look: LookArgs,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
}

/// `looplab diff`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  looplab diff runs/good runs/bad
  looplab diff good/trace.jsonl bad/trace.jsonl --lines 100

Two traces side by side from their first difference: `|` between events that differ, `~` between those that only \
come at another time, `<` and `>` beside what only one of them has.

Exit codes: 0 they are the same, 1 they differ, 2 a file is no trace or not there, 3 the machine said no.")]
pub struct DiffArgs {
    /// The one trace, or the folder it lies in
    #[arg(value_name = "A", value_hint = ValueHint::AnyPath)]
    pub one: PathBuf,
    /// The other one
    #[arg(value_name = "B", value_hint = ValueHint::AnyPath)]
    pub other: PathBuf,
    /// How many lines to show from the first difference on
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    pub lines: u32,
    /// How it looks.
    #[command(flatten)]
    pub look: LookArgs,
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::base::units::duration(text).map_err(|bad| bad.0)
}

fn strategy(text: &str) -> Result<Strategy, String> {
    Strategy::named(text).ok_or_else(|| {
        let known: Vec<&str> = Strategy::ALL.iter().map(|(_, word)| *word).collect();
        format!("it is one of {}", known.join(", "))
    })
}

/// `2/8`, counted from 1; `0/8` is the same as `8/8`, for schedulers that count from 0.
fn shard(text: &str) -> Result<Shard, String> {
    let wrong = || "it is written I/N, such as 2/8: part 2 of 8".to_owned();
    let (index, count) = text.split_once('/').ok_or_else(wrong)?;
    let index: u64 = index.parse().map_err(|_| wrong())?;
    let count: std::num::NonZeroU64 = count.parse().map_err(|_| wrong())?;
    if index > count.get() {
        return Err(format!("there is no part {index} of {count}"));
    }
    Ok(Shard { index: index % count.get(), count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_one_and_may_be_from_zero() {
        for (text, index, count) in [("1/8", 1, 8), ("8/8", 0, 8), ("0/8", 0, 8), ("1/1", 0, 1)] {
            let shard = shard(text).unwrap();
            assert_eq!((shard.index, shard.count.get()), (index, count), "{text}");
        }
        for text in ["", "3", "9/8", "1/0", "a/b", "-1/2"] {
            assert!(shard(text).is_err(), "{text}");
        }
    }
}
