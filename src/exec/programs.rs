//! The programs of a run, by the nodes that they are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Output, Program, Spec, StartError};
use crate::base::NodeId;
use crate::net::Clock;

/// Starts programs on behalf of nodes, and knows those that run. Cheap to clone.
#[derive(Clone)]
pub struct Programs {
    guard: Option<Arc<PathBuf>>,
    clock: Clock,
    running: Arc<Mutex<BTreeMap<NodeId, Program>>>,
    /// Those that are being started: also when nobody waits for them any more.
    starting: TaskTracker,
    /// None is started any more.
    over: CancellationToken,
}

impl Programs {
    /// No programs yet. `guard` is looplab's own program; without one nothing can be started.
    #[must_use]
    pub fn new(guard: Option<PathBuf>, clock: Clock) -> Programs {
        let (starting, over) = (TaskTracker::new(), CancellationToken::new());
        Programs { guard: guard.map(Arc::new), clock, running: Arc::default(), starting, over }
    }

    /// Starts the program that `node` is. `spec.guard` does not matter. Who does not wait for it until it
    /// runs leaves it to [`Programs::end`].
    ///
    /// # Errors
    /// [`StartError`]; also if there is no guard, or when all have been ended.
    ///
    /// # Panics
    /// Outside a tokio runtime with its drivers.
    pub async fn start(
        &self,
        node: NodeId,
        spec: Spec,
        lines: impl FnMut(Output, String) + Send + 'static,
    ) -> Result<Program, StartError> {
        let guard = self.guard.as_ref().ok_or(StartError::NoGuard)?;
        let spec = Spec { guard: guard.as_ref().clone(), ..spec };
        let programs = self.clone();
        let starting = self.starting.spawn(async move {
            if programs.over.is_cancelled() {
                return Err(StartError::Over);
            }
            let program = Program::start(spec, programs.clock.clone(), lines).await?;
            programs.lock().insert(node, program.clone());
            Ok(program)
        });
        starting.await.unwrap_or(Err(StartError::Over))
    }

    /// The program that `node` is, if it was started and has not ended.
    #[must_use]
    pub fn of(&self, node: NodeId) -> Option<Program> {
        self.lock().get(&node).filter(|program| program.exit().is_none()).cloned()
    }

    /// Kills all that are still there, and completes when they are gone, or when `limit` has passed.
    /// None is started any more.
    pub async fn end(&self, limit: Duration) {
        self.over.cancel();
        self.starting.close();
        let ended = async {
            self.starting.wait().await;
            let running = std::mem::take(&mut *self.lock());
            running.values().for_each(Program::kill);
            for program in running.values() {
                program.exited().await;
            }
        };
        let _ = self.clock.timeout(limit, ended).await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Program>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
