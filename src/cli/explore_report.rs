//! What a search says when it is over: what it covered, what it found. A function of what was found alone: times
//! are told elsewhere.

use std::path::PathBuf;

use serde_json::json;

use crate::base::Value;
use crate::base::units::grouped;
use crate::explore::{Findings, Group, INTERLEAVINGS_MAX, Options, Over, Shrunk, Strategy};
use crate::plan::Plan;
use crate::render::terminal::{BAD, BOLD, DIM, GOOD, Style, escape};

/// The most of a failure's sentence that is shown, in characters.
const SAYS_MAX: usize = 300;

/// A repro that was written.
pub(super) struct Written {
    pub(super) path: PathBuf,
    pub(super) shrunk: Shrunk,
}

/// A search that is over.
pub(super) struct Report<'a> {
    pub(super) plan: &'a Plan,
    pub(super) options: &'a Options,
    pub(super) findings: &'a Findings,
    pub(super) over: Over,
}

impl Report<'_> {
    /// What was covered.
    pub(super) fn head(&self, style: Style) -> String {
        let Findings { runs, failed, messages, bit, .. } = self.findings;
        let name = style.paint(&escape(&self.plan.name, style.ascii), BOLD);
        let mut text = format!("{name}: {}, seed {}", counted(*runs, "run"), self.plan.seed);
        match self.over {
            Over::Stopped => text.push_str(", stopped before its end"),
            Over::Time => text.push_str(", until the time was over"),
            Over::Done => {}
        }
        let shard = self.options.shard;
        if shard.count.get() > 1 {
            let number = if shard.index == 0 { shard.count.get() } else { shard.index };
            text.push_str(&format!(", part {number} of {}", shard.count));
        }
        text.push('\n');
        let mut line = |name: &str, what: String| {
            let name = style.paint(&format!("  {name:<14}"), DIM);
            text.push_str(&format!("{name}{what}\n"));
        };
        let each = messages.checked_div(*runs).unwrap_or(0);
        line("messages", format!("{}, {} a run", grouped(*messages), grouped(each)));
        line("interleavings", self.interleavings());
        line("faults", format!("{} touched something", grouped(*bit)));
        line("ways", self.ways());
        line("failed", format!("{} of {}", grouped(*failed), counted(*runs, "run")));
        text
    }

    fn interleavings(&self) -> String {
        let different = grouped(self.findings.interleavings.len() as u64);
        if self.findings.is_capped() {
            return format!("{} different ones, or more", grouped(INTERLEAVINGS_MAX as u64));
        }
        format!("{different} different ones")
    }

    fn ways(&self) -> String {
        let ways: Vec<String> = Strategy::ALL
            .iter()
            .filter_map(|(strategy, word)| {
                let (runs, failed) = self.findings.by_strategy.get(strategy)?;
                let failed = match failed {
                    0 => String::new(),
                    failed => format!(" ({} failed)", grouped(*failed)),
                };
                Some(format!("{word} {}{failed}", grouped(*runs)))
            })
            .collect();
        if ways.is_empty() { "the scenario as it is".to_owned() } else { ways.join(", ") }
    }

    /// What was found.
    pub(super) fn found(&self, written: &[Option<Written>], style: Style) -> String {
        let groups = &self.findings.groups;
        if groups.is_empty() {
            let what = match self.options.only.as_slice() {
                [] => "nothing failed".to_owned(),
                only => {
                    let only: Vec<String> = only.iter().map(ToString::to_string).collect();
                    format!("nothing failed of what was looked for ({})", only.join(", "))
                }
            };
            return format!("\n{}\n", style.paint(&what, GOOD));
        }
        let count = grouped(groups.len() as u64);
        let more = if self.findings.more_groups { ", and more" } else { "" };
        let failures = if groups.len() == 1 { "failure" } else { "different failures" };
        let mut text = format!("\n{}\n", style.paint(&format!("{count} {failures}{more}"), BAD));
        for (at, group) in groups.iter().enumerate() {
            self.group(&mut text, at, group, written.get(at), style);
        }
        text
    }

    fn group(
        &self,
        text: &mut String,
        at: usize,
        group: &Group,
        written: Option<&Option<Written>>,
        style: Style,
    ) {
        let what = style.paint(&escape(&group.failure.what, style.ascii), BOLD);
        let says = shortened(&group.failure.says);
        text.push_str(&format!("\n{:>3}. {what}: {}\n", at + 1, escape(&says, style.ascii)));
        if !group.failure.cause.is_empty() {
            let cause = shortened(&group.failure.cause);
            text.push_str(&format!("     cause: {}\n", escape(&cause, style.ascii)));
        }
        let way = match group.strategy {
            Some(strategy) => format!("{}, run {}", strategy.as_str(), grouped(group.run)),
            None => "run 0: the scenario as it is".to_owned(),
        };
        let runs = match group.count {
            1 => "in 1 run".to_owned(),
            many => format!(
                "in {}, first in run {}; the shortest",
                counted(many, "run"),
                grouped(group.first)
            ),
        };
        let messages = counted(group.messages, "message");
        text.push_str(&format!("     {runs} by {way}, {messages}\n"));
        match written {
            None => {}
            Some(None) => {
                let why = "     it could not be had again from its decisions alone: this is a mistake of looplab\n";
                text.push_str(why);
            }
            Some(Some(Written { path, shrunk })) => {
                let (now, before) = shrunk.messages;
                let decisions = match shrunk.decisions {
                    0 => "nothing but what is typical".to_owned(),
                    1 => "1 decision".to_owned(),
                    many => format!("{} decisions", grouped(many as u64)),
                };
                let cut = if shrunk.cut_short { ", not to the end" } else { "" };
                text.push_str(&format!(
                    "     {} -> {}, {decisions} ({}{cut})\n     looplab replay {}\n",
                    counted(before, "message"),
                    grouped(now),
                    counted(shrunk.candidates, "run"),
                    escape(&path.display().to_string(), style.ascii),
                ));
            }
        }
    }

    /// The same for scripts.
    pub(super) fn json(&self, written: &[Option<Written>]) -> String {
        let findings = self.findings;
        let ways: serde_json::Map<String, Value> = findings
            .by_strategy
            .iter()
            .map(|(strategy, (runs, failed))| {
                (strategy.as_str().to_owned(), json!({ "runs": runs, "failed": failed }))
            })
            .collect();
        let groups = findings.groups.iter().enumerate().map(|(at, group)| {
            let mut told = group_json(group);
            if let Some(Some(Written { path, shrunk })) = written.get(at) {
                told["repro"] = json!({
                    "file": path.display().to_string(),
                    "messages": shrunk.messages.0,
                    "messages_before": shrunk.messages.1,
                    "decisions": shrunk.decisions,
                    "runs": shrunk.candidates,
                });
            }
            told
        });
        let over = match self.over {
            Over::Done => "done",
            Over::Time => "time",
            Over::Stopped => "stopped",
        };
        let report = json!({
            "scenario": self.plan.name,
            "seed": self.plan.seed,
            "over": over,
            "runs": findings.runs,
            "failed": findings.failed,
            "messages": findings.messages,
            "interleavings": findings.interleavings.len(),
            "interleavings_capped": findings.is_capped(),
            "faults_bit": findings.bit,
            "ways": ways,
            "failures": groups.collect::<Vec<_>>(),
            "more_failures": findings.more_groups,
        });
        format!("{report:#}\n")
    }
}

/// A group of failures for scripts, and for shards.
pub(super) fn group_json(group: &Group) -> Value {
    json!({
        "what": group.failure.what,
        "cause": group.failure.cause,
        "says": group.failure.says,
        "operations": group.failure.operations,
        "check": group.failure.check,
        "weight": group.failure.weight.as_str(),
        "first": group.first,
        "run": group.run,
        "way": group.strategy.map(Strategy::as_str),
        "messages": group.messages,
        "count": group.count,
    })
}

fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(number), if number == 1 { "" } else { "s" })
}

fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(SAYS_MAX) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}
