//! The tasks of a run: none outlives it, and a panic in one is known by the name of its node.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::base::NodeId;

/// Spawns tasks, and ends them. Cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    /// Cancelled when servers are to stop in order.
    stop: CancellationToken,
    /// Cancelled when tasks that are still there are to be dropped.
    abort: CancellationToken,
    panicked: Arc<Mutex<Vec<Panicked>>>,
    alarm: CancellationToken,
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
            abort: CancellationToken::new(),
            panicked: Arc::default(),
            alarm: CancellationToken::new(),
        }
    }
}

impl Tasks {
    /// Runs `task` on behalf of `node`. A panic in it is kept for [`Tasks::panicked`].
    pub fn spawn(&self, node: NodeId, task: impl Future<Output = ()> + Send + 'static) {
        let (abort, panicked, alarm) =
            (self.abort.clone(), self.panicked.clone(), self.alarm.clone());
        self.tracker.spawn(async move {
            let caught = tokio::select! {
                biased;
                () = abort.cancelled() => return,
                caught = CatchPanic(Box::pin(task)) => caught,
            };
            if let Err(panic) = caught {
                let text = panic_text(&*panic);
                panicked
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(Panicked { node, text });
                alarm.cancel();
            }
        });
    }

    /// Completes as soon as a task has panicked.
    pub async fn any_panicked(&self) {
        self.alarm.cancelled().await;
    }

    /// Takes what is known of tasks that panicked.
    #[must_use]
    pub fn panicked(&self) -> Vec<Panicked> {
        std::mem::take(&mut *self.panicked.lock().unwrap_or_else(PoisonError::into_inner))
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
        self.finished().await;
    }

    /// Drops the tasks that are still there, and completes when they are gone.
    pub async fn abort(&self) {
        self.abort.cancel();
        self.stop().await;
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
struct CatchPanic(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Future for CatchPanic {
    type Output = Result<(), Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
