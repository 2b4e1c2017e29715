//! Links on real sockets, with foreign programs at their ends.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use looplab::base::NodeId;
use looplab::link::Links;
use looplab::net::{Clock, Listener, block_on_real};
use looplab::plan::Plan;
use looplab::scenario::model::World;
use looplab::trace::{Collector, Event, EventKind, Fate, Recorder};

use crate::common;

/// No peer of these tests waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// The links of a plan.
#[derive(Clone)]
pub(crate) struct Lab {
    plan: Arc<Plan>,
    pub(crate) links: Links,
}

impl Lab {
    pub(crate) fn node(&self, name: &str) -> NodeId {
        self.plan.nodes.iter().find(|node| node.name == name).expect("a node").id
    }

    /// Opens the front port of the foreign server `name`, which really listens at `address`.
    pub(crate) fn front(&self, name: &str, address: SocketAddr) -> Listener {
        self.links.foreign(self.node(name), address).expect("a loopback address");
        self.links.listen(self.node(name)).expect("a free port")
    }

    /// The end of a run: no connection is left.
    pub(crate) async fn end(&self) {
        self.links.all_gone().await;
    }
}

/// What a lab has recorded.
pub(crate) struct Ran<T> {
    plan: Arc<Plan>,
    pub(crate) events: Vec<Event>,
    /// What its body returned.
    pub(crate) value: T,
}

/// Runs `body` with the links of `text`.
pub(crate) fn lab<Fut: Future>(text: &str, body: impl FnOnce(Lab) -> Fut) -> Ran<Fut::Output> {
    let plan = common::plan_of(text, World::Real, 1);
    let collector = Collector::new();
    let recorder = Recorder::new(vec![Box::new(collector.clone())]);
    let value = block_on_real(2, |net, clock: Clock| {
        let links = Links::new(plan.clone(), net, clock, recorder);
        body(Lab { plan: plan.clone(), links })
    });
    Ran { plan, events: collector.take(), value: value.expect("a runtime") }
}

/// A program that accepts one connection after the other and does `serve` with each.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
}

impl Program {
    /// Accepts `count` connections, each served by a thread of its own.
    pub(crate) fn serving(count: usize, serve: fn(TcpStream) -> io::Result<()>) -> Program {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for _ in 0..count {
                let Ok((stream, _)) = listener.accept() else { return };
                std::thread::spawn(move || patient(stream).and_then(serve));
            }
        });
        Program { address }
    }
}

/// Sends back what comes, until it ends.
pub(crate) fn echo(mut stream: TcpStream) -> io::Result<()> {
    io::copy(&mut stream.try_clone()?, &mut stream)?;
    stream.shutdown(Shutdown::Write)
}

pub(crate) fn patient(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("somebody listens");
    patient(stream).expect("timeouts can be set")
}

/// What a thread that may block gives, awaited.
pub(crate) async fn elsewhere<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, awaited) = tokio::sync::oneshot::channel();
    let thread: JoinHandle<()> = std::thread::spawn(move || {
        let _ = done.send(body());
    });
    match awaited.await {
        Ok(value) => value,
        Err(_) => std::panic::resume_unwind(thread.join().expect_err("it panicked")),
    }
}

/// Sends `text`, ends, and returns all that comes back.
pub(crate) fn ask(address: SocketAddr, text: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = connect(address);
    stream.write_all(text)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

impl<T> Ran<T> {
    /// What happened to the connections, a line each.
    pub(crate) fn told(&self) -> Vec<String> {
        self.events.iter().filter_map(|event| self.line(&event.kind)).collect()
    }

    fn line(&self, kind: &EventKind) -> Option<String> {
        let name = |node: NodeId| self.plan.node_name(node);
        Some(match kind {
            EventKind::Connect { from, to, .. } => {
                format!("{} connects {}", name(*from), name(*to))
            }
            EventKind::Accept { node, .. } => format!("{} accepts", name(*node)),
            EventKind::Refused { from, reason, .. } => format!("{} is {reason}", name(*from)),
            EventKind::Close { by, .. } => format!("{} closes", name(*by)),
            EventKind::Reset { by, .. } => format!("{} resets", name(*by)),
            EventKind::Message(message) => {
                assert_eq!(message.fate, Fate::Delivered);
                let text = message.summary.trim_matches('"');
                format!("{} -> {}: {text}", name(message.from), name(message.to))
            }
            _ => return None,
        })
    }
}
