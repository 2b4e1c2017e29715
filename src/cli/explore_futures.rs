//! `looplab explore REPRO --from N` and `--point-of-no-return`: was it lost already?

use std::sync::Arc;

use serde_json::json;

use super::args_explore::ExploreArgs;
use super::exit::{Exit, Failure};
use super::explore_progress::Progress;
use super::signals::Stop;
use super::{run, screen};
use crate::base::Time;
use crate::base::units::{grouped, show_duration};
use crate::explore::{Asked, Futures, futures, point_of_no_return};
use crate::plan::Plan;
use crate::render::terminal::{BAD, GOOD, Style, escape};
use crate::run::{self as runs, Hooks, RunError};
use crate::trace::{Collector, EventKind, Message, Recorder};

/// How many futures are made if nobody says: of one message, and of each that is asked about on the way to the
/// point of no return.
const RUNS: u64 = 1_000;
const RUNS_EACH: u64 = 200;

/// Runs the command.
pub(super) fn run(
    args: &ExploreArgs,
    plan: &Arc<Plan>,
    stop: &Stop,
    jobs: usize,
) -> Result<Exit, Failure> {
    if plan.schedule.is_none() {
        let what = "this scenario has no `schedule:`, so nothing is decided up to any message";
        return Err(Failure::wrong(what).help("`looplab explore` writes repros, which have one"));
    }
    let failed = |error: RunError| run::machine_said_no(&error, plan);
    let each = if args.from.is_some() { RUNS } else { RUNS_EACH };
    let asked = Asked {
        runs: args.runs.unwrap_or(each),
        jobs,
        seed: args.seed.unwrap_or(1),
        stop: stop.token(),
    };
    let messages = messages(plan).map_err(failed)?;
    let last = messages.len() as u64;
    let style = screen::style(args.look);
    let mut progress = Progress::begin(None);
    let mut tell = |found: &Futures| {
        if found.runs.is_multiple_of(20) {
            let Futures { from, runs, failed } = found;
            progress.say(&format!("message {from}: {failed} of {runs} futures fail"));
        }
    };
    match args.from {
        Some(from) if from > last => {
            Err(Failure::wrong(format!("the run has {last} messages and no number {from}")))
        }
        Some(from) => {
            let found = futures(plan, from, &asked, &mut tell).map_err(failed)?;
            progress.end();
            one(args, stop, &found, style)
        }
        None => {
            let found = point_of_no_return(plan, last, &asked, &mut tell).map_err(failed)?;
            progress.end();
            point(args, stop, plan, &messages, found, style)
        }
    }
}

/// The messages of the repro's own run, in the order of sending.
fn messages(plan: &Arc<Plan>) -> Result<Vec<Message>, RunError> {
    let collector = Collector::new();
    let recorder = Recorder::new(vec![Box::new(collector.clone())]);
    runs::run(plan, &recorder, Hooks::default())?;
    let messages = collector.take().into_iter().filter_map(|event| match event.kind {
        EventKind::Message(message) => Some(*message),
        _ => None,
    });
    let mut messages: Vec<Message> = messages.collect();
    messages.sort_by_key(|message| message.seq);
    Ok(messages)
}

/// What came of the futures of one message.
fn one(args: &ExploreArgs, stop: &Stop, found: &Futures, style: Style) -> Result<Exit, Failure> {
    if args.json {
        screen::print(&format!("{:#}\n", figures(found)))?;
    } else {
        let (word, ink) = match (found.is_lost(), found.failed) {
            (true, _) => ("it was lost by then", BAD),
            (_, 0) => ("nothing was lost yet", GOOD),
            _ => ("it was not lost yet", GOOD),
        };
        screen::print(&format!("{}: {}\n", told(found), style.paint(word, ink)))?;
    }
    if stop.is_asked() {
        return Ok(stop.exit());
    }
    Ok(if (found.failed == 0) == args.expect_failure { Exit::Failed } else { Exit::Ok })
}

fn figures(found: &Futures) -> serde_json::Value {
    let Futures { from, runs, failed } = found;
    json!({ "from": from, "runs": runs, "failed": failed, "lost": found.is_lost() })
}

fn told(found: &Futures) -> String {
    let from = match found.from {
        0 => "the beginning".to_owned(),
        number => format!("message {number}"),
    };
    format!("of {} futures from {from}, {} fail", grouped(found.runs), grouped(found.failed))
}

/// The message after which nothing helped.
fn point(
    args: &ExploreArgs,
    stop: &Stop,
    plan: &Plan,
    messages: &[Message],
    found: Option<(Futures, Option<Futures>)>,
    style: Style,
) -> Result<Exit, Failure> {
    if stop.is_asked() {
        return Ok(stop.exit());
    }
    let Some((lost, before)) = found else {
        if args.json {
            screen::print("{ \"point_of_no_return\": null }\n")?;
        } else {
            screen::print(
                "there is no point of no return: even after the last message some futures hold\n",
            )?;
        }
        return Ok(if args.expect_failure { Exit::Failed } else { Exit::Ok });
    };
    let at = lost.from.checked_sub(1).and_then(|at| messages.get(usize::try_from(at).ok()?));
    if args.json {
        let report = json!({
            "point_of_no_return": lost.from,
            "message": at.map(|message| &message.summary),
            "futures": figures(&lost),
            "before": before.as_ref().map(figures),
        });
        screen::print(&format!("{report:#}\n"))?;
        return Ok(Exit::Ok);
    }
    let mut text = match at {
        Some(message) => format!(
            "{} message {}: {} from {} to {}, sent {}\n",
            style.paint("the point of no return is", BAD),
            lost.from,
            escape(&message.summary, style.ascii),
            escape(plan.node_name(message.from), style.ascii),
            escape(plan.node_name(message.to), style.ascii),
            show_duration(message.sent.since(Time::ZERO))
        ),
        None => {
            format!("{}: every future fails\n", style.paint("it is lost from the beginning", BAD))
        }
    };
    text.push_str(&before.map_or_else(String::new, |before| format!("  {}\n", told(&before))));
    text.push_str(&format!("  {}\n", told(&lost)));
    screen::print(&text)?;
    Ok(Exit::Ok)
}
