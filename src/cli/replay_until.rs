//! `looplab replay FILE --until N`: what happened until message N + 1 was sent, and what was under way then.

use std::sync::Arc;

use super::args_explore::ReplayArgs;
use super::exit::{Exit, Failure};
use super::run::{self, Trace};
use super::{folder, screen};
use crate::base::Time;
use crate::base::units::show_duration;
use crate::plan::Plan;
use crate::render::terminal::{BOLD, DIM, Folding, Form, Telling, escape};
use crate::run::{self as runs, Hooks};
use crate::trace::{Collector, Event, EventKind, Message, Observer, Recorder};

/// Runs the command.
pub(super) fn run(args: &ReplayArgs, plan: &Arc<Plan>, until: u64) -> Result<Exit, Failure> {
    let style = screen::style(args.look);
    let collector = Collector::new();
    let recorder = Recorder::new(vec![Box::new(collector.clone())]);
    runs::run(plan, &recorder, Hooks::default())
        .map_err(|error| run::machine_said_no(&error, plan))?;
    let events = collector.take();
    let cut = Cut::new(&events, until);
    if cut.messages < until {
        let what = format!("the run has {} messages and no number {until}", cut.messages);
        return Err(Failure::wrong(what));
    }
    let out = folder::folder(args.out.as_deref(), plan)?;
    let mut trace = Trace::create(&out, plan)?;
    let telling = Telling { numbers: true, ..Telling::new(style, Form::Diagram, Folding::Bounded) };
    let mut teller = run::teller(plan, telling);
    let mut text = run::title(plan, style);
    for event in events.iter().filter(|event| cut.has(event)) {
        trace.writer.event(event);
        teller.event(event, &mut text);
    }
    trace.writer.flush();
    if let Some(error) = trace.failure.get() {
        return Err(Failure::io("write", &trace.path, error));
    }
    teller.finish(&mut text);
    let name = |node| escape(plan.node_name(node), style.ascii).into_owned();
    let what = match cut.at {
        Some(at) => format!("until message {until}, {}", show_duration(at.since(Time::ZERO))),
        None => format!("until message {until}, the last one"),
    };
    text.push_str(&format!("\n  {}\n", style.paint(&what, BOLD)));
    let under_way: Vec<(&Event, &Message)> = cut.under_way(&events).collect();
    if under_way.is_empty() {
        text.push_str("  nothing is under way\n");
    }
    for (event, message) in under_way {
        let arrives = match message.fate.came() {
            true => format!("arrives {}", show_duration(event.at.since(Time::ZERO))),
            false => format!("never arrives ({})", message.fate.as_str()),
        };
        let times = format!("sent {}, {arrives}", show_duration(message.sent.since(Time::ZERO)));
        text.push_str(&format!(
            "  under way  #{} {} from {} to {}  {}\n",
            message.seq.0,
            escape(&message.summary, style.ascii),
            name(message.from),
            name(message.to),
            style.paint(&times, DIM)
        ));
    }
    text.push_str(&format!(
        "  trace      {}\n",
        escape(&trace.path.display().to_string(), style.ascii)
    ));
    screen::print(&text)?;
    Ok(Exit::Ok)
}

/// The moment at which the message behind the last one is sent.
struct Cut {
    until: u64,
    /// How many messages there are in all.
    messages: u64,
    /// `None` if there is no message behind the last one.
    at: Option<Time>,
}

impl Cut {
    fn new(events: &[Event], until: u64) -> Cut {
        let messages = || events.iter().filter_map(message);
        let at = messages().find(|(_, message)| message.seq.0 == until + 1);
        let last = messages().map(|(_, message)| message.seq.0).max();
        Cut { until, messages: last.unwrap_or(0), at: at.map(|(_, message)| message.sent) }
    }

    /// True if it has happened by then.
    fn has(&self, event: &Event) -> bool {
        let is_in_time = self.at.is_none_or(|at| event.at <= at);
        is_in_time && message(event).is_none_or(|(_, message)| message.seq.0 <= self.until)
    }

    /// What was sent and has not come.
    fn under_way<'e>(
        &'e self,
        events: &'e [Event],
    ) -> impl Iterator<Item = (&'e Event, &'e Message)> {
        let messages = events.iter().filter_map(message);
        messages.filter(|(event, message)| message.seq.0 <= self.until && !self.has(event))
    }
}

fn message(event: &Event) -> Option<(&Event, &Message)> {
    match &event.kind {
        EventKind::Message(message) => Some((event, message)),
        _ => None,
    }
}
