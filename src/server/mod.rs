//! Servers: each kind is a file or a folder of its own, written against [`Stream`] and never against a
//! socket, so that it runs alike in both worlds.
//!
//! ```text
//! Listener -> accept loop (here: connection limit, graceful stop) -> one Handler a server
//!                                                 echo | http | silent | ...
//! ```
//!
//! A new kind of server is a [`Handler`] and an arm in [`handler`]. A handler is made once a server,
//! when the addresses of all servers are known, and serves all its connections.

mod context;
mod disk;
mod echo;
mod exposed;
mod http;
mod idle;
mod input;
mod node;
pub mod process;
pub mod redis;
mod redis_way;
mod script;
mod silent;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

pub use context::Context;
pub use disk::Disk;
pub use exposed::Exposed;

use crate::base::Diagnostic;
use crate::base::units::show_duration;
use crate::net::{Listener, Stream};
use crate::plan::Plan;
use crate::scenario::model::{Server, ServerKind};
use crate::script::Datum;
use crate::trace::Level;

/// The future of one connection.
pub type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a kind of server does with a connection. One value serves all connections of a server.
pub trait Handler: Send + Sync {
    /// Serves one connection to its end. When `context.stopping()` completes, it finishes what it is
    /// answering and returns.
    fn serve(self: Arc<Self>, stream: Stream, context: Context) -> Serving;

    /// True if its access log has a line for each request; otherwise it gets one for each connection.
    fn logs_requests(&self) -> bool {
        false
    }

    /// Takes out what a crash leaves, when none of its tasks is polled any more: `durable:` data.
    fn keep(&self) -> Option<Kept> {
        None
    }
}

/// What a crash leaves of a server, for the one that comes back in its place.
#[derive(Default)]
pub struct Kept {
    http: Option<http::Kept>,
    redis: Option<redis::Kept>,
    /// What its script kept as `ctx.durable`.
    script: Option<Datum>,
}

/// A server that is a program of its own, which looplab starts and stops. Nothing here waits for anything
/// but the kernel, except where a future says so.
pub trait Program: Send + Sync {
    /// Starts it, also after it was killed. The future completes when it is ready, with the address at
    /// which it really listens.
    fn start(self: Arc<Self>) -> Starting;

    /// Kills it at once, with all that it started (SIGKILL to its group).
    fn kill(&self);

    /// It stands still (SIGSTOP).
    fn pause(&self);

    /// It goes on (SIGCONT).
    fn resume(&self);
}

/// The future of a program that starts: its address, or why it never became ready, as a clause.
pub type Starting = Pin<Box<dyn Future<Output = Result<SocketAddr, String>> + Send>>;

/// Makes what serves the connections of `server`. Call it when `context.vars` knows the addresses of
/// all servers: values of `state:` and `data:` may use them. A server that comes back after a crash is
/// given what was `kept` of it.
///
/// # Errors
/// A variable in what the server holds at the start that has no value.
pub fn handler(
    server: &Server,
    plan: &Arc<Plan>,
    context: &Context,
    kept: Option<Kept>,
) -> Result<Arc<dyn Handler>, Diagnostic> {
    let Kept { http: kept_http, redis: kept_redis, script } = kept.unwrap_or_default();
    let site = Site { server, plan, context, script: script.as_ref() };
    Ok(match &server.kind {
        ServerKind::Echo(echo) => Arc::new(echo::Echo::new(echo, context)),
        ServerKind::Http(http) => Arc::new(http::Http::new(http, &site, kept_http)?),
        ServerKind::Redis(redis) => Arc::new(redis::Redis::new(redis, &site, kept_redis)?),
        ServerKind::Node(_) => Arc::new(node::Node::new(&site)?),
        ServerKind::Silent | ServerKind::Closed => Arc::new(silent::Silent),
        // What comes to them goes on to the program, and no handler ever sees it.
        ServerKind::Process(_) | ServerKind::External(_) => Arc::new(silent::Silent),
    })
}

/// A server that is being made: where it stands, and what a crash has left of its script.
struct Site<'s> {
    server: &'s Server,
    plan: &'s Arc<Plan>,
    context: &'s Context,
    script: Option<&'s Datum>,
}

/// How many connections [`accept_loop`] serves at once for `server`.
#[must_use]
pub fn connections_max(server: &Server) -> u32 {
    match &server.kind {
        ServerKind::Echo(echo) if echo.serial => 1,
        _ => server.connections_max,
    }
}

/// Accepts connections until the server is told to stop, at most `connections_max` at once; others
/// wait in the backlog.
pub async fn accept_loop(
    mut listener: Listener,
    handler: Arc<dyn Handler>,
    context: Context,
    connections_max: u32,
) {
    let places = Arc::new(Semaphore::new(connections_max as usize));
    let mut failing = false;
    loop {
        let place = tokio::select! {
            biased;
            () = context.stopping() => return,
            place = places.clone().acquire_owned() => place.ok(),
        };
        let accepted = tokio::select! {
            biased;
            () = context.stopping() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(stream) => {
                failing = false;
                let (peer, began) = (stream.peer_addr().port(), context.clock.now());
                let serving = handler.clone().serve(stream, context.clone());
                let logged = (!handler.logs_requests()).then(|| context.clone());
                context.tasks.spawn(context.node, async move {
                    serving.await;
                    drop(place);
                    if let Some(context) = logged {
                        let took = show_duration(context.clock.now().since(began));
                        let text = format!("the connection from :{peer} ended after {took}");
                        context.log(Level::Info, text);
                    }
                });
            }
            // Too many open files, or a connection that was gone before it was taken: say so once,
            // give others a chance to close, and go on.
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    let text = format!("connections cannot be accepted: {error}");
                    context.log(Level::Warn, text);
                }
                context.clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// How long a server waits after a connection could not be accepted.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);
