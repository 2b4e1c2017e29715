//! What others may do to a run that is up, over HTTP: another terminal, and Toxiproxy's clients.
//!
//! ```text
//! looplab fault add ... -> call -> api (JSON, a token)  \
//!                                                        -> run::Control -> faults, nodes
//! a Toxiproxy client    -> toxiproxy (its API, no token) /
//!          both: serve (bounds) -> guard (no browsers)
//! ```
//!
//! Both listen on loopback only and refuse web pages. What is asked for has happened before the answer
//! is sent, and no answer waits for what travels on a link.

mod api;
mod call;
mod guard;
mod serve;
mod toxiproxy;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

pub use call::{Access, CallError, Method, call};

use crate::net::{Clock, Conduits, Listener, Net};
use crate::run::{Control, Endpoint, Service};
use guard::Guard;

/// What is to be served beside a run.
pub struct Settings {
    /// What the control API's callers must know.
    pub token: String,
    /// The port of Toxiproxy's API, if it is wanted; 0 for any.
    pub toxiproxy: Option<u16>,
    /// Called once, with what is listened at or why it cannot be.
    pub opened: Opened,
}

/// What is called when everything is listened at.
pub type Opened = Box<dyn FnOnce(Result<Listening, Closed>) + Send>;

/// Where the interfaces of a run are.
#[derive(Debug, Clone)]
pub struct Listening {
    /// The control API.
    pub control: SocketAddr,
    /// Toxiproxy's, if it is wanted.
    pub toxiproxy: Option<SocketAddr>,
    /// The run's servers.
    pub endpoints: Vec<Endpoint>,
}

/// A port that could not be opened.
#[derive(Debug)]
pub struct Closed {
    /// The port; `None` for any.
    pub port: Option<u16>,
    /// Why.
    pub error: io::Error,
}

/// The interfaces as something that runs beside a run.
#[must_use]
pub fn service(settings: Settings) -> Service {
    Box::new(move |control, net, clock| Box::pin(run(settings, control, net, clock)))
}

async fn run(settings: Settings, control: Control, net: Net, clock: Clock) {
    let opened = open(&net, None).and_then(|api| {
        let toxiproxy = match settings.toxiproxy {
            Some(0) => Some(open(&net, None)?),
            Some(port) => Some(open(&net, Some(port))?),
            None => None,
        };
        Ok((api, toxiproxy))
    });
    let (api, toxiproxy) = match opened {
        Ok(opened) => opened,
        Err(closed) => return (settings.opened)(Err(closed)),
    };
    (settings.opened)(Ok(Listening {
        control: api.local_addr(),
        toxiproxy: toxiproxy.as_ref().map(Listener::local_addr),
        endpoints: control.endpoints().to_vec(),
    }));
    let guard = Guard { port: api.local_addr().port(), token: Some(settings.token) };
    let answering = Arc::new(api::ControlApi::new(control.clone(), clock.clone()));
    let control_api = serve::serve(api, answering, guard, clock.clone());
    let Some(listener) = toxiproxy else { return control_api.await };
    let guard = Guard { port: listener.local_addr().port(), token: None };
    let answering = Arc::new(toxiproxy::ToxiproxyApi::new(control));
    let toxiproxy = serve::serve(listener, answering, guard, clock);
    tokio::join!(control_api, toxiproxy);
}

/// A port whose connections are no part of the run.
fn open(net: &Net, port: Option<u16>) -> Result<Listener, Closed> {
    let direct = Arc::new(|_, _: SocketAddr| Conduits::direct());
    net.listen(port, direct).map_err(|error| Closed { port, error })
}
