//! Each fault, in both worlds on the same body: its effect on a message, and its count.

mod connecting;
mod framing;
mod messages;
mod network;
mod properties;
mod streams;
mod triggers;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Faults, Status};
use crate::base::{NodeId, Rng};
use crate::link::Links;
use crate::net::{Clock, Dial, Listener, Net, Stream, block_on_real, block_on_virtual};
use crate::plan::fault::{Fault, FaultKind, Harm, Nodes, Rule, Unit};
use crate::plan::{Overrides, Plan};
use crate::scenario::model::{Scenario, World};
use crate::trace::{Collector, Event, EventKind, Fate, FaultPhase, Message, Recorder};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);
/// Longer than anything on loopback takes, shorter than anybody waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a body has to work with.
struct Bench {
    clock: Clock,
    links: Links,
    faults: Faults,
    listener: Listener,
    client: NodeId,
    server: NodeId,
}

impl Bench {
    /// A connection: the client's side, and the server's.
    async fn connect(&mut self) -> (Stream, Stream) {
        let dialling = self.links.dial(self.client, self.server);
        let (near, far) = tokio::join!(dialling, self.listener.accept());
        (near.expect("connected"), far.expect("accepted"))
    }

    fn start(&self, fault: &Arc<Fault>) {
        self.faults.start(fault);
    }
}

/// What came of it.
struct Outcome {
    world: World,
    events: Vec<Event>,
    status: Vec<Status>,
}

impl Outcome {
    fn messages(&self) -> Vec<&Message> {
        self.events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Message(message) => Some(&**message),
                _ => None,
            })
            .collect()
    }

    /// Summary, fate and fault of each message, in the order of sending.
    fn fates(&self) -> Vec<(String, Fate, String)> {
        let mut messages = self.messages();
        messages.sort_by_key(|message| message.seq);
        messages
            .into_iter()
            .map(|one| (one.summary.clone(), one.fate, one.fault.clone().unwrap_or_default()))
            .collect()
    }

    fn touched(&self, name: &str) -> u64 {
        let fault = self.status.iter().find(|fault| fault.name == name);
        fault.unwrap_or_else(|| panic!("{name} is not known")).touched
    }

    /// How long each message was under way, in the order of sending.
    fn latencies(&self) -> Vec<Duration> {
        let mut all: Vec<_> = self
            .events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Message(message) => Some((message.seq, message.latency(event.at))),
                _ => None,
            })
            .collect();
        all.sort();
        all.into_iter().map(|(_, latency)| latency).collect()
    }

    fn count(&self, wanted: fn(&EventKind) -> bool) -> usize {
        self.events.iter().filter(|event| wanted(&event.kind)).count()
    }

    fn ends_of(&self, name: &str) -> usize {
        let is_end = |event: &&Event| {
            matches!(&event.kind, EventKind::Fault(fault)
                if fault.name == name && fault.phase == FaultPhase::End)
        };
        self.events.iter().filter(is_end).count()
    }
}

/// Runs a body over links to a server of that kind, in both worlds. Every fault that was known has
/// exactly one end after its last start.
fn in_both<Fut>(server: &str, body: fn(Bench) -> Fut, judge: fn(Outcome))
where
    Fut: Future<Output = ()> + Send + 'static,
{
    for world in [World::Virtual, World::Real] {
        judge(in_one(world, server, body));
    }
}

fn in_one<Fut>(world: World, server: &str, body: fn(Bench) -> Fut) -> Outcome
where
    Fut: Future<Output = ()> + Send + 'static,
{
    let text = format!(
        "looplab: 1\nservers: {{ s: {server} }}\nlinks: [ {{ from: c, to: s, latency: 0ms }} ]\nclients: {{ c: {{ steps: [ {{ wait: 1ms }} ] }} }}\n"
    );
    let scenario = Scenario::parse("t.yaml", text.as_bytes(), None).expect("a good scenario");
    let overrides = Overrides { clock: Some(world), ..Overrides::default() };
    let plan = Arc::new(Plan::new(scenario, overrides).expect("a good plan"));
    let collector = Collector::new();
    let recorder = Recorder::new(vec![Box::new(collector.clone())]);
    let main = move |net: Net, clock: Clock| async move {
        let links = Links::new(plan.clone(), net, clock.clone(), recorder);
        let faults = links.faults().clone();
        let (server, client) = (plan.nodes[0].id, plan.nodes[1].id);
        let listener = links.listen(server).expect("a port");
        let bench = Bench {
            clock: clock.clone(),
            links: links.clone(),
            faults: faults.clone(),
            listener,
            client,
            server,
        };
        tokio::spawn(async move {
            clock.timeout(PATIENCE, body(bench)).await.expect("done in time");
            faults.finish();
            clock.timeout(PATIENCE, links.all_gone()).await.expect("gone in time");
            faults.status()
        })
        .await
        .expect("no panic")
    };
    let status = match world {
        World::Virtual => block_on_virtual(Rng::new(1), main).expect("no deadlock"),
        World::Real => block_on_real(2, main).expect("a runtime"),
    };
    let outcome = Outcome { world, events: collector.take(), status };
    for fault in &outcome.status {
        let starts = outcome.count_starts(&fault.name);
        assert!(outcome.ends_of(&fault.name) >= 1, "{} has no end", fault.name);
        assert!(outcome.ends_of(&fault.name) <= starts.max(1), "{} ends too often", fault.name);
    }
    outcome
}

impl Outcome {
    fn count_starts(&self, name: &str) -> usize {
        let is_start = |event: &&Event| {
            matches!(&event.kind, EventKind::Fault(fault)
                if fault.name == name && fault.phase == FaultPhase::Start)
        };
        self.events.iter().filter(is_start).count()
    }
}

/// A fault on requests of everybody, called `x` unless it says otherwise.
fn fault(harm: Harm) -> Arc<Fault> {
    named("x", harm, |_| {})
}

/// A fault on requests, with parts changed.
fn with(harm: Harm, change: impl FnOnce(&mut Rule)) -> Arc<Fault> {
    named("x", harm, change)
}

fn named(name: &str, harm: Harm, change: impl FnOnce(&mut Rule)) -> Arc<Fault> {
    let mut rule = Rule::new(harm);
    change(&mut rule);
    of_kind(name, FaultKind::Link(Arc::new(rule)))
}

fn of_kind(name: &str, kind: FaultKind) -> Arc<Fault> {
    let text = format!("{{ {name} }}");
    Arc::new(Fault { name: name.to_owned(), span: None, text, kind, lasts: None })
}

const RAW: &str = "{ type: echo }";
const LINES: &str = "{ type: echo, mode: line }";
const HTTP: &str = "{ type: http }";
const REDIS: &str = "{ type: redis }";

async fn send(stream: &mut Stream, bytes: &[u8]) {
    stream.write_all(bytes).await.expect("sent");
}

/// Reads exactly these bytes.
async fn expect(stream: &mut Stream, wanted: &[u8]) {
    let mut got = vec![0; wanted.len()];
    stream.read_exact(&mut got).await.expect("bytes");
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(wanted));
}

/// Reads everything up to the end.
async fn rest(stream: &mut Stream) -> std::io::Result<Vec<u8>> {
    let mut got = Vec::new();
    stream.read_to_end(&mut got).await.map(|_| got)
}

/// Nothing comes within a while.
async fn expect_nothing(clock: &Clock, stream: &mut Stream) {
    let got = clock.timeout(20 * MS, stream.read(&mut [0])).await;
    assert!(got.is_err(), "something came: {got:?}");
}
