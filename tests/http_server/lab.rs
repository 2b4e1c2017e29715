//! A laboratory without a scenario file: servers in either world, and raw bytes to talk to them.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use looplab::base::{NodeId, Rng, Value};
use looplab::net::{
    Clock, Conduits, Dial, DialFuture, Listener, Net, Stream, Tasks, block_on_real,
    block_on_virtual,
};
use looplab::plan::{Overrides, Plan};
use looplab::scenario::model::{Scenario, Server, ServerKind};
use looplab::server::{self, Context};
use looplab::trace::{Collector, EventKind, Recorder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) const HELLO: &str = "
  app:
    type: http
    routes:
      - { on: GET /hello, respond: { text: hi } }
      - { on: GET /other, respond: { text: ho } }
      - { on: POST /length, respond: { text: \"${body}\" } }
      - { on: PUT /dropped, respond: { status: 204 } }
";

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Servers that run, and what is known about them.
#[derive(Clone)]
pub(crate) struct Lab {
    pub(crate) net: Net,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) collector: Collector,
    addresses: Arc<Vec<(String, SocketAddr)>>,
    dialled: Arc<AtomicUsize>,
}

/// Dials servers by their place in the list.
struct Straight {
    net: Net,
    addresses: Arc<Vec<(String, SocketAddr)>>,
    dialled: Arc<AtomicUsize>,
}

impl Dial for Straight {
    fn dial(&self, _from: NodeId, to: NodeId) -> DialFuture {
        let (net, address) = (self.net.clone(), self.addresses[to.index()].1);
        self.dialled.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { net.dial()?.connect(address, Conduits::direct()).await })
    }
}

/// Runs `body` against `servers` in the virtual world.
pub(crate) fn in_virtual<F, Fut>(servers: &str, body: F) -> Fut::Output
where
    F: FnOnce(Lab) -> Fut + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Send + 'static,
{
    let plan = Arc::new(plan(servers));
    let run = |net: Net, clock: Clock| async move {
        let lab = Lab::start(&net, &clock, &plan).expect("the servers start");
        let output = body(lab.clone()).await;
        lab.tasks.abort().await;
        assert_eq!(lab.tasks.panicked(), []);
        output
    };
    block_on_virtual(Rng::new(1), run).expect("something is left to happen")
}

/// Runs `body` against `servers` on real sockets.
pub(crate) fn in_real<F, Fut>(servers: &str, body: F) -> Fut::Output
where
    F: FnOnce(Lab) -> Fut,
    Fut: Future,
{
    let plan = Arc::new(plan(servers));
    let run = |net: Net, clock: Clock| async move {
        let lab = Lab::start(&net, &clock, &plan).expect("the servers start");
        let output = body(lab.clone()).await;
        lab.tasks.abort().await;
        assert_eq!(lab.tasks.panicked(), []);
        output
    };
    block_on_real(1, run).expect("the system has a thread to give")
}

/// Runs `body` in both worlds.
pub(crate) fn in_both<F, Fut>(servers: &str, body: F)
where
    F: FnOnce(Lab) -> Fut + Copy + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    in_virtual(servers, body);
    in_real(servers, body);
}

/// A request without a body.
pub(crate) fn get(path: &str) -> String {
    request("GET", path, "")
}

/// A request; a body is measured.
pub(crate) fn request(method: &str, path: &str, body: &str) -> String {
    let measure = match body.len() {
        0 => String::new(),
        length => format!("Content-Length: {length}\r\n"),
    };
    format!("{method} {path} HTTP/1.1\r\nHost: app\r\n{measure}\r\n{body}")
}

/// An answer with a text.
pub(crate) fn text(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// An answer in JSON; `headers` are those besides the type and the length, each with its line end.
pub(crate) fn json(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

impl Lab {
    fn start(net: &Net, clock: &Clock, plan: &Arc<Plan>) -> io::Result<Lab> {
        let listen = |server: &Server| -> io::Result<(Listener, (String, SocketAddr))> {
            let outside = Arc::new(|_, _| Conduits::direct());
            let listener = match server.kind {
                ServerKind::Closed => net.closed_port(None)?,
                _ => net.listen(None, outside)?,
            };
            let address = listener.local_addr();
            Ok((listener, (server.name.value.clone(), address)))
        };
        let listening = plan.servers.iter().map(listen).collect::<io::Result<Vec<_>>>()?;
        let (listeners, addresses): (Vec<_>, Vec<_>) = listening.into_iter().unzip();
        let lab = Lab {
            net: net.clone(),
            clock: clock.clone(),
            tasks: Tasks::default(),
            collector: Collector::new(),
            addresses: Arc::new(addresses),
            dialled: Arc::default(),
        };
        let recorder = Recorder::new(vec![Box::new(lab.collector.clone())]);
        for (index, listener) in listeners.into_iter().enumerate() {
            let server = &plan.servers[index];
            let addresses = lab.addresses.clone();
            let context = Context {
                node: plan.nodes[index].id,
                name: server.name.value.as_str().into(),
                clock: clock.clone(),
                disk: server::Disk::default(),
                rng: Rng::new(1).fork(&server.name.value),
                recorder: recorder.clone(),
                exposed: server::Exposed::default(),
                tasks: lab.tasks.clone(),
                dial: Arc::new(Straight {
                    net: net.clone(),
                    addresses: addresses.clone(),
                    dialled: lab.dialled.clone(),
                }),
                vars: Arc::new(move |name: &str| {
                    let (server, part) = name.split_once('.')?;
                    let (_, address) = addresses.iter().find(|(name, _)| name == server)?;
                    (part == "address").then(|| Value::from(address.to_string()))
                }),
            };
            let handler =
                server::handler(server, plan, &context, None).expect("the server is made");
            let connections = server::connections_max(server);
            let (node, serving) = (context.node, context.clone());
            let task = server::accept_loop(listener, handler, serving, connections);
            context.tasks.spawn(node, task);
        }
        Ok(lab)
    }

    /// How many connections servers have made to servers.
    pub(crate) fn dialled(&self) -> usize {
        self.dialled.load(Ordering::Relaxed)
    }

    /// Where a server listens.
    pub(crate) fn address(&self, server: &str) -> SocketAddr {
        self.addresses.iter().find(|(name, _)| name == server).expect(server).1
    }

    /// Connects to a server as a stranger.
    pub(crate) async fn connect(&self, server: &str) -> Wire {
        let dialling = self.net.dial().expect("a port is free");
        let connected = dialling.connect(self.address(server), Conduits::direct()).await;
        let stream = connected.expect("the server takes the connection");
        Wire { stream, clock: self.clock.clone(), unread: Vec::new() }
    }

    /// Sends `request` on a connection of its own and checks that this is the answer.
    pub(crate) async fn ask(&self, request: impl AsRef<[u8]>, answer: &str) {
        let mut wire = self.connect("app").await;
        wire.send(request).await;
        wire.expect(answer).await;
    }

    /// Sends `request` on a connection of its own and returns all that comes until the end.
    pub(crate) async fn exchange(&self, server: &str, request: impl AsRef<[u8]>) -> String {
        let mut wire = self.connect(server).await;
        wire.send(request).await;
        wire.rest().await
    }

    /// The lines of all logs.
    pub(crate) fn log(&self) -> Vec<String> {
        let events = self.collector.take().into_iter();
        let text = events.filter_map(|event| match event.kind {
            EventKind::Log { text, .. } => Some(text),
            _ => None,
        });
        text.collect()
    }
}

/// A plan of the servers that `yaml` declares.
fn plan(yaml: &str) -> Plan {
    let text = format!("looplab: 1\nservers:\n{yaml}");
    let read = Scenario::parse("test.yaml", text.as_bytes(), None);
    let scenario = read.unwrap_or_else(|wrong| panic!("{wrong}"));
    Plan::new(scenario, Overrides::default()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// A connection that speaks bytes.
pub(crate) struct Wire {
    pub(crate) stream: Stream,
    clock: Clock,
    unread: Vec<u8>,
}

/// How long a test waits for what must come: on the real clock only a failure takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

impl Wire {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the server reads");
    }

    /// Ends the sending direction.
    pub(crate) async fn end(&mut self) {
        self.stream.shutdown().await.expect("the connection can be ended");
    }

    /// Reads until `wanted` was read, and checks that it is what was read.
    pub(crate) async fn expect(&mut self, wanted: &str) {
        while self.unread.len() < wanted.len() {
            let n = self.more().await.expect("the connection lives");
            assert!(n > 0, "ended after {:?}, before {wanted:?}", self.text());
        }
        let rest = self.unread.split_off(wanted.len());
        let got = std::mem::replace(&mut self.unread, rest);
        assert_eq!(String::from_utf8_lossy(&got), wanted);
    }

    /// All that comes until the end.
    pub(crate) async fn rest(&mut self) -> String {
        while self.more().await.expect("the connection lives") > 0 {}
        let text = self.text();
        self.unread.clear();
        text
    }

    /// What the next read says: how many bytes, or an error.
    pub(crate) async fn more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 65536];
        let read = self.clock.timeout(PATIENCE, self.stream.read(&mut buffer)).await;
        let n = read.expect("something comes")?;
        self.unread.extend_from_slice(&buffer[..n]);
        Ok(n)
    }

    /// True if nothing comes for `duration`.
    pub(crate) async fn is_silent(&mut self, duration: Duration) -> bool {
        let mut buffer = [0; 1];
        self.clock.timeout(duration, self.stream.read(&mut buffer)).await.is_err()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.unread).into_owned()
    }
}
