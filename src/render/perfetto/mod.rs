//! The trace as Chrome trace events, for Perfetto and `chrome://tracing`.
//!
//! ```text
//! process   a node                         thread   its steps, or one of its connections
//! X         a step; a request until its reply, at the caller and at the server; another message
//! s -> f    a message, from where it was sent to where it arrived
//! i         a fault, a crash, a reset, a refusal, a message that did not arrive
//! M         names
//! ```
//!
//! Times are microseconds. What overlaps on one thread is moved to another of the same name, for a thread
//! draws only what lies beside or within. It is written as the events come: in memory are requests
//! without a reply, open connections, and the threads.

mod tracks;

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use self::tracks::{Group, Tracks};
use super::{harm, words};
use crate::base::{ConnId, Direction, NodeId, Seq, Time};
use crate::trace::{Event, EventKind, Fate, FaultPhase, Header, Message, StepEvent};

/// The most requests that wait for their reply; the oldest is then told without one.
const WAITING_MAX: usize = 65_536;

/// The longest text of an argument or a name, in characters.
const TEXT_MAX: usize = 300;

pub(super) fn write(
    header: &Header,
    events: impl Iterator<Item = Event>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut document = Document::new(header, out);
    document.begin()?;
    for event in events {
        document.event(event)?;
    }
    document.end()
}

struct Document<'a> {
    header: &'a Header,
    out: &'a mut dyn Write,
    tracks: Tracks,
    /// Requests that have arrived and not been answered.
    waiting: BTreeMap<(ConnId, Seq), (Time, Message)>,
    /// The time of the last event.
    now: Time,
    is_first: bool,
}

/// A stretch of time on a thread.
struct Slice<'a> {
    node: NodeId,
    group: Group,
    from: Time,
    to: Time,
    name: &'a str,
    category: &'a str,
    args: Value,
}

/// An end of a message's way.
#[derive(Clone, Copy)]
struct Point {
    node: NodeId,
    thread: u64,
    at: Time,
}

impl<'a> Document<'a> {
    fn new(header: &'a Header, out: &'a mut dyn Write) -> Document<'a> {
        let (tracks, waiting) = (Tracks::default(), BTreeMap::new());
        Document { header, out, tracks, waiting, now: Time::ZERO, is_first: true }
    }

    fn begin(&mut self) -> io::Result<()> {
        let Header { scenario, clock, seed, program, .. } = self.header;
        let about = json!({
            "scenario": scenario, "clock": clock, "seed": seed.to_string(), "looplab": program,
        });
        write!(self.out, "{{\"displayTimeUnit\":\"ns\",\"otherData\":{about},\"traceEvents\":[")
    }

    fn end(&mut self) -> io::Result<()> {
        while let Some((_, (at, request))) = self.waiting.pop_first() {
            self.unanswered(at, &request)?;
        }
        self.out.write_all(b"\n]}\n")
    }

    fn event(&mut self, event: Event) -> io::Result<()> {
        let at = event.at;
        self.now = at;
        match event.kind {
            EventKind::Message(message) => self.message(at, *message),
            EventKind::Step(step) => self.step(at, &step),
            EventKind::Load(load) => {
                let args = json!({
                    "started": load.started, "done": load.done, "failed": load.failed, "shed": load.shed,
                });
                let (node, group, from) = (load.client, Group::Steps, load.began);
                let (name, category) = ("load", "load");
                self.slice(&Slice { node, group, from, to: at, name, category, args }).map(drop)
            }
            EventKind::Fault(fault) => {
                let name = match fault.phase {
                    FaultPhase::Start => format!("fault {}", fault.name),
                    FaultPhase::End => format!("fault {} is over", fault.name),
                };
                let args = json!({ "what": cut(&fault.text), "touched": fault.touched });
                self.instant(at, None, &name, "fault", &args)
            }
            EventKind::Crash { node, text, fault } => {
                let args = json!({ "text": cut(&text), "fault": fault });
                self.instant(at, Some(node), "crash", "node", &args)
            }
            EventKind::Restart { node } => self.node_instant(at, node, "restart"),
            EventKind::Pause { node } => self.node_instant(at, node, "pause"),
            EventKind::Resume { node } => self.node_instant(at, node, "resume"),
            EventKind::State { node, name, value } => {
                let told = words::state(&name, &value);
                let args = json!({ "name": cut(&name), "value": cut(&value.to_string()) });
                self.instant(at, Some(node), &told, "state", &args)
            }
            EventKind::Refused { conn, from, to, reason } => {
                let args = json!({ "conn": conn.0, "by": self.name(to), "reason": cut(&reason) });
                self.instant(at, Some(from), &format!("{conn} refused"), "connection", &args)
            }
            EventKind::Reset { conn, by, fault } => {
                self.over(conn, true)?;
                let args = json!({ "conn": conn.0, "fault": fault });
                let told = harm::resets(&conn.to_string(), fault.as_deref());
                self.instant(at, Some(by), &told, "connection", &args)
            }
            EventKind::Close { conn, .. } => self.over(conn, false),
            _ => Ok(()),
        }
    }

    fn node_instant(&mut self, at: Time, node: NodeId, name: &str) -> io::Result<()> {
        self.instant(at, Some(node), name, "node", &json!({}))
    }

    fn step(&mut self, at: Time, step: &StepEvent) -> io::Result<()> {
        let mut args = json!({ "outcome": step.outcome.as_str(), "attempts": step.attempts });
        if step.forgiven {
            args["forgiven"] = json!(true);
        }
        if let Some(error) = &step.error {
            args["error"] = json!(cut(error));
        }
        if !step.failures.is_empty() {
            let texts: Vec<String> =
                step.failures.iter().take(10).map(|(_, text)| cut(text)).collect();
            args["failures"] = json!(texts);
        }
        let (node, group, from) = (step.client, Group::Steps, step.began);
        let name = step
            .name
            .as_ref()
            .map_or(step.summary.clone(), |name| format!("{name}: {}", step.summary));
        let (name, category) = (name.as_str(), "step");
        self.slice(&Slice { node, group, from, to: at, name, category, args }).map(drop)
    }

    fn message(&mut self, at: Time, message: Message) -> io::Result<()> {
        match (message.direction, message.cause) {
            (Direction::Request, _) if message.fate.came() => {
                let key = (message.conn, message.seq);
                let former = self.waiting.insert(key, (at, message));
                let many = self.waiting.len() > WAITING_MAX;
                let oldest = if many { self.waiting.pop_first().map(|(_, one)| one) } else { None };
                for (at, request) in former.into_iter().chain(oldest) {
                    self.unanswered(at, &request)?;
                }
                Ok(())
            }
            (Direction::Response, Some(cause)) => match self.answered(&message, cause) {
                Some((asked_at, request)) => self.exchange((asked_at, &request), (at, &message)),
                None => self.alone(at, &message),
            },
            _ => self.alone(at, &message),
        }
    }

    /// The request that a reply answers. The reply to a copy that is taken away is not the one that the
    /// request waits for.
    fn answered(&mut self, reply: &Message, cause: Seq) -> Option<(Time, Message)> {
        let key = (reply.conn, cause);
        let (_, request) = self.waiting.get(&key)?;
        if request.fate == Fate::Duplicated && !reply.fate.came() {
            return None;
        }
        self.waiting.remove(&key)
    }

    /// A side has ended a connection, or broken it off. After both sides have, no reply will come.
    fn over(&mut self, conn: ConnId, broken_off: bool) -> io::Result<()> {
        if !self.tracks.ends(conn, broken_off) {
            return Ok(());
        }
        let of_it = (conn, Seq(0))..=(conn, Seq(u64::MAX));
        let waiting = self.waiting.extract_if(of_it, |_, _| true);
        for (_, (at, request)) in waiting.collect::<Vec<_>>() {
            self.unanswered(at, &request)?;
        }
        self.tracks.forget(conn);
        Ok(())
    }

    /// A request that waited until now, and for nothing.
    fn unanswered(&mut self, at: Time, request: &Message) -> io::Result<()> {
        let mut args = self.args(request, None);
        args["reply"] = Value::Null;
        let (name, group, category) =
            (request.summary.as_str(), Group::Connection(request.conn), "request");
        let (node, from, to) = (request.from, request.sent, self.now);
        let caller = Slice { node, group, from, to, name, category, args: args.clone() };
        let caller = self.slice(&caller)?;
        let (node, from) = (request.to, at);
        let server = self.slice(&Slice { node, group, from, to, name, category, args })?;
        self.flow(request, caller, server)?;
        self.told(at, request)
    }

    /// A request and its reply: how long the caller waited, and how long the server took for it.
    fn exchange(
        &mut self,
        (asked_at, request): (Time, &Message),
        (at, reply): (Time, &Message),
    ) -> io::Result<()> {
        let args = self.args(request, Some(reply));
        let (name, category) = (request.summary.as_str(), "request");
        let (from, group) = (request.sent, Group::Connection(request.conn));
        let answered = reply.sent.max(asked_at);
        let caller =
            Slice { node: request.from, group, from, to: at, name, category, args: args.clone() };
        let caller = self.slice(&caller)?;
        let (node, from, to) = (request.to, asked_at, answered);
        let server = self.slice(&Slice { node, group, from, to, name, category, args })?;
        self.flow(request, caller, server)?;
        if request.fate == Fate::Duplicated {
            self.told(asked_at, request)?;
        }
        if reply.fate.came() {
            self.flow(reply, inside(server, answered), inside(caller, at))?;
        }
        self.told(at, reply)
    }

    /// A message that has no reply, or is one that nobody waits for: on its way, and arrived.
    fn alone(&mut self, at: Time, message: &Message) -> io::Result<()> {
        let args = self.args(message, None);
        let (name, group, category) =
            (message.summary.as_str(), Group::Connection(message.conn), "message");
        let (node, from) = (message.from, message.sent);
        let sent = Slice { node, group, from, to: at, name, category, args: args.clone() };
        let sent = self.slice(&sent)?;
        if message.fate.came() {
            let node = message.to;
            let came = Slice { node, group, from: at, to: at, name, category, args };
            let came = self.slice(&came)?;
            self.flow(message, sent, came)?;
        }
        self.told(at, message)
    }

    /// What became of a message, if it did not just arrive.
    fn told(&mut self, at: Time, message: &Message) -> io::Result<()> {
        if message.fate == Fate::Delivered {
            return Ok(());
        }
        let fate = words::fate(message);
        let name = format!("#{} {}{fate}", message.seq.0, message.summary);
        let node = if message.fate.came() { message.to } else { message.from };
        self.instant(at, Some(node), &name, "fault", &json!({}))
    }

    fn args(&self, message: &Message, reply: Option<&Message>) -> Value {
        let mut args = json!({
            "seq": message.seq.0,
            "from": self.name(message.from),
            "to": self.name(message.to),
            "conn": message.conn.0,
            "protocol": cut(&message.protocol),
            "length": message.length,
            "fate": message.fate.as_str(),
        });
        if let Some(fault) = &message.fault {
            args["fault"] = json!(cut(fault));
        }
        if let Some(arrived) = &message.arrived {
            args["arrived"] = json!(cut(&arrived.summary));
        }
        if let Some(reply) = reply {
            args["reply"] = json!(cut(&reply.summary));
            args["reply_seq"] = json!(reply.seq.0);
            args["reply_fate"] = json!(reply.fate.as_str());
        }
        args
    }

    fn name(&self, node: NodeId) -> String {
        cut(self.header.node_name(node))
    }

    /// Writes a slice; returns the point at its beginning. A slice lasts a nanosecond at least, so that a
    /// flow can end in it.
    fn slice(&mut self, slice: &Slice<'_>) -> io::Result<Point> {
        let Slice { node, group, from, to, name, category, args } = slice;
        let nanos = to.since(*from).max(NANOSECOND);
        let until = *from + nanos;
        let found = self.tracks.place(*node, *group, *from, until);
        if found.is_new_process {
            self.name_process(*node)?;
        }
        if found.is_new_thread {
            let title = match group {
                Group::Steps => "steps".to_owned(),
                Group::Connection(conn) => conn.to_string(),
            };
            let pid = self.process(Some(*node));
            self.metadata(pid, found.thread, "thread_name", &json!({ "name": title }))?;
        }
        let event = json!({
            "ph": "X", "name": cut(name), "cat": category,
            "ts": micros(*from), "dur": micros(Time::ZERO + nanos),
            "pid": self.process(Some(*node)), "tid": found.thread, "args": args,
        });
        self.line(&event)?;
        Ok(Point { node: *node, thread: found.thread, at: *from })
    }

    /// Writes a message's way from a point within a slice to one within another.
    fn flow(&mut self, message: &Message, from: Point, to: Point) -> io::Result<()> {
        for (phase, point) in [("s", from), ("f", to)] {
            let mut event = json!({
                "ph": phase, "name": "message", "cat": "message", "id": message.seq.0,
                "ts": micros(point.at), "pid": self.process(Some(point.node)), "tid": point.thread,
            });
            if phase == "f" {
                // In the slice around it, not in the next one.
                event["bp"] = json!("e");
            }
            self.line(&event)?;
        }
        Ok(())
    }

    /// Writes what happened at one moment, to a node or to all.
    fn instant(
        &mut self,
        at: Time,
        node: Option<NodeId>,
        name: &str,
        category: &str,
        args: &Value,
    ) -> io::Result<()> {
        if let Some(node) = node
            && self.tracks.is_new_process(node)
        {
            self.name_process(node)?;
        }
        let event = json!({
            "ph": "i", "name": cut(name), "cat": category, "ts": micros(at),
            "s": if node.is_some() { "p" } else { "g" },
            "pid": self.process(node), "tid": 0, "args": args,
        });
        self.line(&event)
    }

    /// The number of a node's process, from 1; strangers come after all, and the run itself last.
    fn process(&self, node: Option<NodeId>) -> usize {
        let count = self.header.nodes.len();
        node.map_or(count + 2, |node| node.index().min(count) + 1)
    }

    /// Writes the name of a node's process, and that those of clients stand above the others.
    fn name_process(&mut self, node: NodeId) -> io::Result<()> {
        let pid = self.process(Some(node));
        let is_server =
            self.header.nodes.get(node.index()).is_some_and(|node| node.kind != "client");
        let place = if is_server { pid + self.header.nodes.len() } else { pid };
        self.metadata(pid, 0, "process_name", &json!({ "name": self.name(node) }))?;
        self.metadata(pid, 0, "process_sort_index", &json!({ "sort_index": place }))
    }

    fn metadata(&mut self, pid: usize, thread: u64, what: &str, args: &Value) -> io::Result<()> {
        let event =
            json!({ "ph": "M", "name": what, "pid": pid, "tid": thread, "ts": 0, "args": args });
        self.line(&event)
    }

    fn line(&mut self, event: &Value) -> io::Result<()> {
        let before: &[u8] = if std::mem::take(&mut self.is_first) { b"\n" } else { b",\n" };
        self.out.write_all(before)?;
        self.out.write_all(event.to_string().as_bytes())
    }
}

const NANOSECOND: std::time::Duration = std::time::Duration::from_nanos(1);

/// The last nanosecond before `at` of a slice that begins at `start`: a flow that ends with a slice has
/// to be within it.
fn inside(start: Point, at: Time) -> Point {
    let last = Time::from_nanos(at.as_nanos().saturating_sub(1));
    Point { at: last.max(start.at), ..start }
}

/// Microseconds, exact to the nanosecond.
fn micros(time: Time) -> Value {
    time.to_micros_string().parse().map_or(Value::Null, Value::Number)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
