//! The programs of a run, by the nodes that they are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Output, Program, Spec, StartError};
use crate::base::NodeId;
use crate::net::Clock;

/// Starts programs on behalf of nodes, and knows those that run. Cheap to clone.
#[derive(Clone)]
pub struct Programs {
    guard: Option<Arc<PathBuf>>,
    clock: Clock,
    running: Arc<Mutex<BTreeMap<NodeId, Program>>>,
}

impl Programs {
    /// No programs yet. `guard` is looplab's own program; without one nothing can be started.
    #[must_use]
    pub fn new(guard: Option<PathBuf>, clock: Clock) -> Programs {
        Programs { guard: guard.map(Arc::new), clock, running: Arc::default() }
    }

    /// Starts the program that `node` is. `spec.guard` does not matter.
    ///
    /// # Errors
    /// [`StartError`]; also if there is no guard.
    pub async fn start(
        &self,
        node: NodeId,
        spec: Spec,
        lines: impl FnMut(Output, String) + Send + 'static,
    ) -> Result<Program, StartError> {
        let guard = self.guard.as_ref().ok_or(StartError::NoGuard)?;
        let spec = Spec { guard: guard.as_ref().clone(), ..spec };
        let program = Program::start(spec, self.clock.clone(), lines).await?;
        self.lock().insert(node, program.clone());
        Ok(program)
    }

    /// The program that `node` is, if it was started and has not ended.
    #[must_use]
    pub fn of(&self, node: NodeId) -> Option<Program> {
        self.lock().get(&node).filter(|program| program.exit().is_none()).cloned()
    }

    /// Kills all that are still there, and completes when they are gone, or when `limit` has passed.
    pub async fn end(&self, limit: Duration) {
        let running = std::mem::take(&mut *self.lock());
        running.values().for_each(Program::kill);
        let _ = self
            .clock
            .timeout(limit, async {
                for program in running.values() {
                    program.exited().await;
                }
            })
            .await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Program>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
