//! Servers: each kind is a file or a folder of its own, written against [`Stream`] and never against a
//! socket, so that it runs alike in both worlds.
//!
//! ```text
//! Listener -> accept loop (here: connection limit, graceful stop, panics) -> one Handler a server
//! ```
//!
//! A new kind of server is a [`Handler`] and an arm in [`handler`].

mod context;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

pub use context::Context;

use crate::net::{Listener, Stream};
use crate::trace::Level;

/// The future of one connection.
pub type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a kind of server does with a connection. One value serves all connections of a server.
pub trait Handler: Send + Sync {
    /// Serves one connection to its end. When `context.stopping()` completes, it finishes what it is
    /// answering and returns.
    fn serve(self: Arc<Self>, stream: Stream, context: Context) -> Serving;
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
                let serving = handler.clone().serve(stream, context.clone());
                context.tasks.spawn(context.node, async move {
                    serving.await;
                    drop(place);
                });
            }
            // Too many open files, or a connection that was gone before it was taken: say so, give
            // others a chance to close, and go on.
            Err(error) => {
                context.log(Level::Warn, format!("a connection could not be accepted: {error}"));
                context.clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// How long a server waits after a connection could not be accepted.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);
