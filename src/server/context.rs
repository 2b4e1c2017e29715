//! What a server sees of the world.

use std::io;
use std::sync::Arc;

use super::{Disk, Exposed};
use crate::base::{NodeId, Rng, Value};
use crate::net::{Clock, Dial, Stream, Tasks};
use crate::scenario::Lookup;
use crate::trace::{EventKind, Level, Recorder};

/// What a server sees of the world: its clock, its chance, its name, and the ways to others. Cheap to
/// clone.
#[derive(Clone)]
pub struct Context {
    /// The server's id.
    pub node: NodeId,
    /// Its name.
    pub name: Arc<str>,
    /// The clock as the server's node has it.
    pub clock: Clock,
    /// The disk of its node.
    pub disk: Disk,
    /// The root of its draws; fork it by purpose, never draw from it.
    pub rng: Rng,
    /// Where its log goes.
    pub recorder: Recorder,
    /// What it has exposed since it was started.
    pub exposed: Exposed,
    /// Where its tasks run.
    pub tasks: Tasks,
    /// The way to other servers.
    pub dial: Arc<dyn Dial>,
    /// The scenario's variables and the servers' addresses (`db.url`).
    pub vars: Arc<dyn Lookup + Send + Sync>,
}

impl Context {
    /// Completes when the server is to finish what it is doing and stop.
    pub async fn stopping(&self) {
        self.tasks.stop_token().cancelled().await;
    }

    /// Writes a line to the trace under the server's name.
    pub fn log(&self, level: Level, text: String) {
        let kind = EventKind::Log { node: Some(self.node), level, text };
        self.recorder.record(self.clock.run_now(), kind);
    }

    /// Exposes a part of the server's state, for predicates and pictures: the trace is told, unless the
    /// part has this value already.
    pub fn expose(&self, name: &str, value: Value) {
        if self.exposed.set(name, &value) {
            let kind = EventKind::State { node: self.node, name: name.to_owned(), value };
            self.recorder.record(self.clock.run_now(), kind);
        }
    }

    /// Connects to another server, over the link that the scenario declares.
    ///
    /// # Errors
    /// Refused, or whatever else befell it.
    pub async fn connect(&self, to: NodeId) -> io::Result<Stream> {
        self.dial.dial(self.node, to).await
    }
}
