//! looplab: a client-server laboratory on one machine.
//!
//! One YAML file, a *scenario*, names servers, the links between them, the clients and what they do,
//! and what must hold. It runs on real sockets on loopback, or in virtual time, where the same seed
//! gives the same trace, byte for byte. The program is `looplab`; this is the same as a library:
//!
//! ```
//! use std::sync::Arc;
//! use looplab::check::Checker;
//! use looplab::plan::{Overrides, Plan};
//! use looplab::run::{self, Hooks};
//! use looplab::trace::{Collector, EventKind, Outcome, Recorder};
//!
//! let text = "
//! looplab: 1
//! clock: virtual
//! servers:
//!   greeter:
//!     type: http
//!     routes:
//!       - { on: GET /hello, respond: { json: { msg: hi } } }
//! clients:
//!   alice:
//!     steps:
//!       - get: greeter/hello
//!         expect: { status: 200, $.msg: hi }
//! ";
//! let plan = Plan::parse("greeter.yaml", text.as_bytes(), None, Overrides::default())?;
//! let plan = Arc::new(plan);
//!
//! let (events, checker) = (Collector::new(), Checker::new(&plan));
//! let recorder = Recorder::new(vec![Box::new(events.clone()), Box::new(checker.clone())]);
//! let ended = run::run(&plan, &recorder, Hooks::default())?;
//! assert_eq!(checker.conclude(&plan, ended.at, &recorder, ended.failure), Outcome::Ok);
//!
//! let messages = events.take().into_iter().filter_map(|event| match event.kind {
//!     EventKind::Message(message) => Some(message.summary),
//!     _ => None,
//! });
//! assert_eq!(messages.collect::<Vec<_>>(), ["GET /hello", "200 OK"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each message and each change of state is also a [`tracing`] event, inside spans for the run, the
//! node, the connection and the step; the targets are `looplab::run`, `looplab::node`,
//! `looplab::connection`, `looplab::message` and `looplab::step`. When nobody listens they cost nothing.
//!
//! `ARCHITECTURE.md` says how the modules stand to each other.

pub mod base;
pub mod call;
pub mod check;
pub mod cli;
pub mod client;
pub mod control;
pub mod exec;
pub mod explore;
pub mod link;
pub mod net;
pub mod plan;
pub mod protocol;
pub mod render;
pub mod run;
pub mod scenario;
pub mod script;
pub mod server;
pub mod trace;
