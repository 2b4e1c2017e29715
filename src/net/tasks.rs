//! The tasks of a run: none outlives it, and a panic in one is known by the name of its node.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Gate;
use crate::base::NodeId;

/// Spawns tasks, and ends them. Cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    /// Cancelled when servers are to stop in order.
    stop: CancellationToken,
    state: Arc<Mutex<State>>,
    /// Cancelled by the first panic.
    alarm: CancellationToken,
}

#[derive(Default)]
struct State {
    /// The tasks that are still there, by their number, and whose they are.
    running: BTreeMap<u64, Running>,
    next: u64,
    /// Where the tasks of a node wait while it stands still.
    gates: BTreeMap<NodeId, Gate>,
    aborted: bool,
    panicked: Vec<Panicked>,
}

/// A task that is still there.
struct Running {
    node: NodeId,
    task: AbortHandle,
    /// It would not end by itself.
    endless: bool,
}

/// A task that panicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panicked {
    /// Whose task it was.
    pub node: NodeId,
    /// What it said.
    pub text: String,
}

impl Default for Tasks {
    fn default() -> Tasks {
        Tasks {
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            state: Arc::default(),
            alarm: CancellationToken::new(),
        }
    }
}

impl Tasks {
    /// Runs `task` on behalf of `node`. A panic in it is kept for [`Tasks::panicked`].
    pub fn spawn(&self, node: NodeId, task: impl Future<Output = ()> + Send + 'static) {
        self.start(node, false, task);
    }

    /// The same for a task that nobody waits for: it is dropped when all are asked to [stop](Tasks::stop).
    pub fn spawn_endless(&self, node: NodeId, task: impl Future<Output = ()> + Send + 'static) {
        self.start(node, true, task);
    }

    fn start(&self, node: NodeId, endless: bool, task: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.lock();
        if state.aborted || endless && self.stop.is_cancelled() {
            return;
        }
        let number = state.next;
        state.next += 1;
        let task = state.gates.entry(node).or_default().guard(task);
        let tasks = self.clone();
        // The lock is held until the handle is kept, so that a task cannot leave before it came.
        let task = self.tracker.spawn(async move {
            let caught = CatchPanic(task).await;
            let mut state = tasks.lock();
            state.running.remove(&number);
            if let Err(panic) = caught {
                let text = panic_text(&*panic);
                state.panicked.push(Panicked { node, text });
                drop(state);
                tasks.alarm.cancel();
            }
        });
        state.running.insert(number, Running { node, task: task.abort_handle(), endless });
    }

    /// Where the tasks of `node` wait while it stands still.
    #[must_use]
    pub fn gate(&self, node: NodeId) -> Gate {
        self.lock().gates.entry(node).or_default().clone()
    }

    /// Drops the tasks of `node`, as soon as each can be: none is polled again. Others may be spawned for
    /// it afterwards.
    pub fn abort_node(&self, node: NodeId) {
        let mut state = self.lock();
        let of_node = state.running.extract_if(.., |_, running| running.node == node);
        let aborted: Vec<AbortHandle> = of_node.map(|(_, running)| running.task).collect();
        drop(state);
        aborted.into_iter().for_each(|task| task.abort());
    }

    /// Completes as soon as a task has panicked.
    pub async fn any_panicked(&self) {
        self.alarm.cancelled().await;
    }

    /// Takes what is known of tasks that panicked.
    #[must_use]
    pub fn panicked(&self) -> Vec<Panicked> {
        std::mem::take(&mut self.lock().panicked)
    }

    /// The token that says to servers: finish what you are doing and stop.
    #[must_use]
    pub fn stop_token(&self) -> &CancellationToken {
        &self.stop
    }

    /// Completes when all tasks are done; none may be spawned after.
    pub async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Asks all tasks to stop, and completes when they have.
    pub async fn stop(&self) {
        self.stop.cancel();
        let endless: Vec<AbortHandle> = {
            let mut state = self.lock();
            let endless = state.running.extract_if(.., |_, running| running.endless);
            endless.map(|(_, running)| running.task).collect()
        };
        endless.into_iter().for_each(|task| task.abort());
        self.finished().await;
    }

    /// Drops the tasks that are still there, and completes when they are gone.
    pub async fn abort(&self) {
        let running = {
            let mut state = self.lock();
            state.aborted = true;
            std::mem::take(&mut state.running)
        };
        running.into_values().for_each(|running| running.task.abort());
        self.stop().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a panic said, if it said something.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without a message".to_owned(),
    }
}

/// Polls a future and catches its panic.
struct CatchPanic<F>(F);

impl<F: Future<Output = ()> + Unpin> Future for CatchPanic<F> {
    type Output = Result<(), Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.0).poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
