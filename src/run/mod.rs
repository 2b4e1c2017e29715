//! A run: spawns what the plan names, drives the clients, stops everything.
//!
//! ```text
//! plan -> listen (all servers) -> ready -> clients, all at once -> last messages -> stop -> ended
//!                                   |  \--> director: the timeline, faults on links and nodes
//!                                   \-----> services: whoever takes part from outside (Control)
//! ```
//!
//! A run returns nothing but how it ended: what happened is in the trace, through the recorder that the
//! caller brought. Whatever happens (a failed step, a panic, an interrupt, the run's timeout) it ends
//! with every port free and every task gone.

mod control;
mod director;
mod fleet;
mod nodes;
#[cfg(test)]
mod tests;
mod world;

pub use crate::link::{Pace, Sending, Steering};
pub use control::{Control, LinkInfo, Service};

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use crate::base::{Diagnostic, NodeId, Rng, Span, Time, Value};
use crate::link::seed_of;
use crate::net::{Holder, block_on_real, block_on_virtual};
use crate::plan::{Plan, PlanNode};
use crate::scenario::model::{Server, ServerKind, Speaks, World};
use crate::trace::{Header, HeaderNode, Recorder};

/// A server's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The server.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Its type: `http`, `redis`, ...
    pub kind: &'static str,
    /// How its URL begins: `http`, `redis` or `tcp`.
    pub scheme: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Endpoint {
    /// The endpoint of a server that is reached at `address`.
    fn new(node: NodeId, server: &Server, address: SocketAddr) -> Endpoint {
        let scheme = match &server.kind {
            ServerKind::Http(_) => "http",
            ServerKind::Redis(_) => "redis",
            ServerKind::Node(_) => "tcp",
            kind => match kind.foreign() {
                Some(Speaks::Http) => "http",
                Some(Speaks::Redis) => "redis",
                _ => "tcp",
            },
        };
        let (name, kind) = (server.name.value.clone(), server.kind.as_str());
        Endpoint { node, name, kind, scheme, address }
    }

    /// The address as a URL: `http://127.0.0.1:40123`, `redis://...`, `tcp://...`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// What texts know of it, by the name behind the dot.
    fn parts(&self) -> [(&'static str, Value); 4] {
        [
            ("url", self.url().into()),
            ("address", self.address.to_string().into()),
            ("host", self.address.ip().to_string().into()),
            ("port", self.address.port().into()),
        ]
    }
}

/// Whether clients are driven, or servers only kept up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Servers start, clients are driven, and when they are done it ends.
    #[default]
    Run,
    /// Servers start and stay until the interrupt; clients do nothing.
    Up,
}

/// A future that completes when the run is to stop early.
pub type Interrupt = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is called, once, with the addresses of all servers.
pub type Ready = Box<dyn FnOnce(&[Endpoint]) + Send>;

/// What the caller of a run brings besides the plan.
#[derive(Default)]
pub struct Hooks {
    /// Run or up.
    pub mode: Mode,
    /// Called once, when the addresses are known, and before any fault.
    pub listening: Option<Ready>,
    /// Called once, when all servers can be reached, and the faults of the beginning are loose.
    pub ready: Option<Ready>,
    /// Completes when the run is to stop early, in order. Polled on the run's own runtime.
    pub interrupt: Option<Interrupt>,
    /// looplab's own program, of which a process guards each of the user's programs; see
    /// [`exec`](crate::exec). Without it a scenario with programs does not begin.
    pub guard: Option<PathBuf>,
    /// What runs beside the run and takes part in it.
    pub services: Vec<Service>,
    /// Who decides in place of chance; by default the plan's own schedule, if it has one.
    pub steering: Steering,
    /// In the virtual world, how many events there may be while clients are driven: messages that arrive,
    /// pauses that are over. With more the run has failed.
    pub events_max: Option<u64>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// When, on the run's clock.
    pub at: Time,
    /// Why the run itself failed: its timeout, a deadlock, a panic in a server. Failed steps are not
    /// meant: they are in the trace.
    pub failure: Option<String>,
    /// It was stopped early.
    pub interrupted: bool,
}

/// The machine said no.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// A server's port could not be opened.
    Listen {
        /// The server.
        server: String,
        /// The place of its `port:`, or of its name.
        span: Span,
        /// The port that was asked for; `None` for any.
        port: Option<u16>,
        /// What the kernel said.
        error: io::Error,
        /// Who has the port.
        holder: Option<Holder>,
    },
    /// What a server is to hold at the start could not be made out.
    Server(Diagnostic),
    /// A program of the user's could not be started, has ended before its time, or was not ready in time;
    /// or a server that runs already is not there.
    Program(Diagnostic),
    /// The threads of the run could not be started.
    Runtime(io::Error),
}

impl RunError {
    /// The error at its place in the scenario, if it has one.
    #[must_use]
    pub fn diagnostic(&self) -> Option<Diagnostic> {
        let (span, port, error, holder) = match self {
            RunError::Listen { span, port, error, holder, .. } => (span, port, error, holder),
            RunError::Server(diagnostic) | RunError::Program(diagnostic) => {
                return Some(diagnostic.clone());
            }
            RunError::Runtime(_) => return None,
        };
        let diagnostic = Diagnostic::new(self.to_string(), *span).label(reason(error));
        let held = match (holder, port) {
            (Some(Holder { pid: Some(pid), command: Some(command), .. }), Some(port)) => {
                format!(
                    "port {port} is held by {command} (process {pid}); stop it, or leave `port:` out"
                )
            }
            (Some(_), Some(port)) => {
                format!("port {port} is held by a process of another user; leave `port:` out")
            }
            _ => "leave `port:` out, and any free port is taken".to_owned(),
        };
        Some(diagnostic.help(held))
    }
}

/// What the kernel said, without its number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is taken".into(),
        io::ErrorKind::PermissionDenied => "the port is not allowed to this user".into(),
        _ => error.to_string(),
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Listen { server, port: Some(port), .. } => {
                write!(f, "server `{server}` cannot listen at port {port}")
            }
            RunError::Listen { server, .. } => write!(f, "server `{server}` cannot listen"),
            RunError::Server(diagnostic) | RunError::Program(diagnostic) => {
                f.write_str(&diagnostic.message)
            }
            RunError::Runtime(_) => f.write_str("the run's threads could not be started"),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RunError::Listen { error, .. } | RunError::Runtime(error) => Some(error),
            RunError::Server(_) | RunError::Program(_) => None,
        }
    }
}

/// The header of the trace of a plan's run.
#[must_use]
pub fn header(plan: &Plan) -> Header {
    let node = |node: &PlanNode| HeaderNode { name: node.name.clone(), kind: node.kind.to_owned() };
    let path = std::path::Path::new(plan.source.name());
    let file = path.file_name().map_or(plan.source.name().into(), std::ffi::OsStr::to_string_lossy);
    Header {
        scenario: plan.name.clone(),
        clock: plan.clock.as_str().to_owned(),
        seed: plan.seed,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        nodes: plan.nodes.iter().map(node).collect(),
        file: file.into_owned(),
        text: plan.source.text().to_owned(),
        scripts: plan.scripts().iter().map(|(name, text)| (name.into(), text.into())).collect(),
    }
}

/// Runs a plan to its end on this thread, in the world that it names.
///
/// Every event goes to `recorder`; the trace's `check` and `end` lines are the business of whoever
/// judges it.
///
/// # Errors
/// [`RunError`] if the machine does not give what the plan asks for. A run that goes wrong is not an
/// error: it is an [`Ended`] and a trace.
pub fn run(plan: &Arc<Plan>, recorder: &Recorder, mut hooks: Hooks) -> Result<Ended, RunError> {
    let steering = std::mem::take(&mut hooks.steering).of(plan);
    let (plan, recorder) = (plan.clone(), recorder.clone());
    match plan.clock {
        World::Virtual => {
            let ports = Rng::new(seed_of(&plan)).fork("ports");
            let ended = block_on_virtual(ports, move |net, clock| {
                world::World::new(plan, recorder, net, clock, &steering).run(hooks)
            });
            ended.unwrap_or_else(|deadlock| {
                let failure = Some(format!("the run came to a stop: {deadlock:?}"));
                Ok(Ended { at: Time::ZERO, failure, interrupted: false })
            })
        }
        World::Real => {
            let threads = std::thread::available_parallelism().map_or(2, usize::from);
            block_on_real(threads, move |net, clock| {
                world::World::new(plan, recorder, net, clock, &steering).run(hooks)
            })
            .map_err(RunError::Runtime)?
        }
    }
}
