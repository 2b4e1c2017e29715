//! Clients against tiny servers of the tests' own, without links.

mod chance;
mod flow;
mod http;
mod load;
mod may_fail;
mod raw;
mod real;
mod redis;
mod steps;
mod waiting;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::{ClientEnd, Context, Progress, drive};
use crate::base::{NodeId, Rng, Time, Value};
use crate::net::{
    Clock, Conduits, Dial, DialFuture, Listener, Net, Stream, block_on_real, block_on_virtual,
};
use crate::plan::{Overrides, Plan};
use crate::scenario::model::Scenario;
use crate::trace::{Collector, Event, EventKind, Level, Outcome, Recorder, StepEvent};

const MS: Duration = Duration::from_millis(1);

type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server: what it does with each connection.
#[derive(Clone)]
struct Server(Arc<dyn Fn(Stream, Clock) -> Serving + Send + Sync>);

/// What a scripted server does with a message.
enum Answer {
    Send(String),
    /// After a pause.
    Later(Duration, String),
    SendAndClose(String),
    Close,
    Reset,
    Hang,
}

impl Server {
    fn new<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(Stream, Clock) -> F + Send + Sync + 'static,
    ) -> Server {
        Server(Arc::new(move |stream, clock| Box::pin(serve(stream, clock))))
    }

    /// Answers each HTTP request; `answer` is given its number on this server, from 1, and its text.
    fn http(answer: impl Fn(u64, &str) -> Answer + Send + Sync + 'static) -> Server {
        Server::scripted(http_length, answer)
    }

    /// Answers whatever one read gives.
    fn chunks(answer: impl Fn(u64, &str) -> Answer + Send + Sync + 'static) -> Server {
        Server::scripted(|bytes| (!bytes.is_empty()).then_some(bytes.len()), answer)
    }

    fn scripted(
        length: fn(&[u8]) -> Option<usize>,
        answer: impl Fn(u64, &str) -> Answer + Send + Sync + 'static,
    ) -> Server {
        let answer = Arc::new(answer);
        let count = Arc::new(Mutex::new(0));
        Server::new(move |stream, clock| {
            converse(stream, clock, length, answer.clone(), count.clone())
        })
    }
}

async fn converse(
    mut stream: Stream,
    clock: Clock,
    length: fn(&[u8]) -> Option<usize>,
    answer: Arc<impl Fn(u64, &str) -> Answer>,
    count: Arc<Mutex<u64>>,
) {
    let mut input = Vec::new();
    loop {
        let Some(length) = length(&input) else {
            match stream.read_buf(&mut input).await {
                Ok(1..) => continue,
                _ => return,
            }
        };
        let message: Vec<u8> = input.drain(..length).collect();
        let number = {
            let mut count = count.lock().unwrap();
            *count += 1;
            *count
        };
        let text = match answer(number, &String::from_utf8_lossy(&message)) {
            Answer::Send(text) => text,
            Answer::Later(pause, text) => {
                clock.sleep(pause).await;
                text
            }
            Answer::SendAndClose(text) => {
                let _ = stream.write_all(text.as_bytes()).await;
                return;
            }
            Answer::Close => return,
            Answer::Reset => return stream.reset(),
            Answer::Hang => std::future::pending().await,
        };
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The length of a whole request.
fn http_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let length = head + body.unwrap_or(0);
    (bytes.len() >= length).then_some(length)
}

/// A response with a body.
fn response(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn ok(body: &str) -> Answer {
    Answer::Send(response("200 OK", body))
}

/// What a run of all clients has left.
struct Ran {
    events: Vec<Event>,
    ends: Vec<ClientEnd>,
    plan: Arc<Plan>,
}

/// Runs the clients of a scenario in the virtual world. Servers that are not given are closed.
fn run<const N: usize>(yaml: &str, servers: [(&str, Server); N]) -> Ran {
    let plan = plan(yaml);
    let servers: Vec<_> = servers.map(|(name, server)| (name.to_owned(), server)).into();
    block_on_virtual(Rng::new(1), |net, clock| play(plan, servers, net, clock))
        .expect("something is left to happen")
}

/// The same on real sockets.
fn run_real<const N: usize>(yaml: &str, servers: [(&str, Server); N]) -> Ran {
    let plan = plan(yaml);
    let servers: Vec<_> = servers.map(|(name, server)| (name.to_owned(), server)).into();
    block_on_real(1, |net, clock| play(plan, servers, net, clock)).expect("a thread")
}

fn plan(yaml: &str) -> Arc<Plan> {
    let text = format!("looplab: 1\n{yaml}");
    let scenario = Scenario::parse("test.yaml", text.as_bytes(), None);
    let scenario = scenario.unwrap_or_else(|wrong| panic!("{wrong}"));
    let plan = Plan::new(scenario, Overrides::default());
    Arc::new(plan.unwrap_or_else(|wrong| panic!("{wrong}")))
}

async fn play(plan: Arc<Plan>, servers: Vec<(String, Server)>, net: Net, clock: Clock) -> Ran {
    let mut tasks = JoinSet::new();
    let mut closed = Vec::new();
    let mut addresses = BTreeMap::new();
    for server in plan.servers.iter() {
        let name = &server.name.value;
        let id = plan.server_named(name).unwrap();
        match servers.iter().find(|(given, _)| given == name) {
            Some((_, serve)) => {
                let listener = net.listen(None, Arc::new(|_, _| Conduits::direct())).unwrap();
                addresses.insert(id, listener.local_addr());
                tasks.spawn(listen(listener, serve.clone(), clock.clone()));
            }
            None => {
                let listener = net.closed_port(None).unwrap();
                addresses.insert(id, listener.local_addr());
                closed.push(listener);
            }
        }
    }
    let collector = Collector::new();
    let recorder = Recorder::new(vec![Box::new(collector.clone())]);
    let progress = Arc::new(Progress::new(&plan));
    let direct = Arc::new(Straight { net, clock: clock.clone(), addresses });
    let mut clients = JoinSet::new();
    for (index, instance) in plan.instances.iter().enumerate() {
        let name: Arc<str> = plan.node_name(instance.node).into();
        let (named, dial) = (plan.clone(), direct.clone());
        let context = Context {
            node: instance.node,
            name: name.clone(),
            number: instance.number,
            clock: clock.clone(),
            gate: crate::net::Gate::default(),
            rng: crate::plan::chance::of_client(plan.seed, &name),
            recorder: recorder.clone(),
            dial: direct.clone(),
            vars: Arc::new(move |name: &str| variable(&named, &dial, name)),
            stage: Arc::new(crate::plan::fault::NoStage),
            programs: crate::exec::Programs::new(None, clock.clone()),
            progress: progress.clone(),
        };
        let driving = drive(plan.clone(), index, context);
        clients.spawn(async move { (index, driving.await) });
    }
    let mut ends = clients.join_all().await;
    ends.sort_by_key(|(index, _)| *index);
    let ends = ends.into_iter().map(|(_, end)| end).collect();
    Ran { events: collector.take(), ends, plan }
}

async fn listen(mut listener: Listener, server: Server, clock: Clock) {
    let mut connections = JoinSet::new();
    while let Ok(stream) = listener.accept().await {
        connections.spawn(server.0(stream, clock.clone()));
    }
}

fn variable(plan: &Plan, dial: &Straight, name: &str) -> Option<Value> {
    if let Some(server) = name.strip_suffix(".address") {
        let id = plan.server_named(server)?;
        return Some(Value::from(dial.addresses[&id].to_string()));
    }
    let (_, value) = plan.vars.iter().find(|(var, _)| var == name)?;
    value.resolve(&|name: &str| variable(plan, dial, name)).ok()
}

/// How long connecting takes, on the virtual clock.
const DIAL: Duration = MS;

struct Straight {
    net: Net,
    clock: Clock,
    addresses: BTreeMap<NodeId, SocketAddr>,
}

impl Dial for Straight {
    fn dial(&self, _from: NodeId, to: NodeId) -> DialFuture {
        let (net, clock, address) = (self.net.clone(), self.clock.clone(), self.addresses[&to]);
        Box::pin(async move {
            clock.sleep(DIAL).await;
            net.dial()?.connect(address, Conduits::direct()).await
        })
    }
}

impl Ran {
    fn steps(&self) -> impl Iterator<Item = (Time, &StepEvent)> {
        self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Step(step) => Some((event.at, &**step)),
            _ => None,
        })
    }

    /// `client: summary`, with `!` before it if the step failed and `~` if it was forgiven, in the order of the trace.
    fn told(&self) -> Vec<String> {
        let tell = |step: &StepEvent| {
            let bang = match (step.outcome, step.forgiven) {
                (Outcome::Failed, false) => "! ",
                (Outcome::Failed, true) => "~ ",
                _ => "",
            };
            format!("{bang}{}: {}", self.plan.node_name(step.client), step.summary)
        };
        self.steps().map(|(_, step)| tell(step)).collect()
    }

    /// `place: why` of all failures; the place is the scenario's text.
    fn failures(&self) -> Vec<String> {
        let failures = self.steps().flat_map(|(_, step)| &step.failures);
        let text = self.plan.source.text();
        let place = |start, end| text.get(start as usize..end as usize).unwrap_or("?");
        failures.map(|(span, why)| format!("{}: {why}", place(span.start, span.end))).collect()
    }

    /// `f=value phase` of all operations.
    fn ops(&self) -> Vec<String> {
        let ops = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Op(op) => Some(format!("{}={} {}", op.f, op.value, op.phase.as_str())),
            _ => None,
        });
        ops.collect()
    }

    fn logs(&self) -> Vec<(Level, &str)> {
        let logs = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Log { level, text, .. } => Some((*level, text.as_str())),
            _ => None,
        });
        logs.collect()
    }

    /// Panics unless all clients got through their steps.
    #[track_caller]
    fn went_well(&self) {
        assert_eq!(self.failures(), Vec::<String>::new());
        assert!(self.ends.iter().all(|end| end.outcome == Outcome::Ok));
    }
}
