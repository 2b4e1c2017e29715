//! The server behind a proxy, and the connections to it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1::{self, SendRequest};

use super::upload::Upload;
use crate::base::NodeId;
use crate::net::{HyperIo, Stream};
use crate::scenario::model::{self, Text};
use crate::server::Context;
use crate::server::http::limits::{HEAD_MAX, UPSTREAM_BUFFER};
use crate::server::idle::Idle;

/// Where a route hands on to.
pub(in crate::server::http) struct Target {
    node: NodeId,
    pub(super) name: String,
    /// The path asked for there; by default the same.
    pub(in crate::server::http) path: Option<Text>,
    pub(super) timeout: Duration,
    idle: Arc<Idle<SendRequest<Upload>>>,
}

/// A connection to the server behind.
pub(super) struct Upstream {
    pub(super) sender: SendRequest<Upload>,
    /// It has served a request before.
    pub(super) used: bool,
}

impl Target {
    pub(in crate::server::http) fn new(proxy: &model::Proxy, node: NodeId) -> Target {
        Target {
            node,
            name: proxy.to.value.clone(),
            path: proxy.path.clone(),
            timeout: proxy.timeout,
            idle: Arc::default(),
        }
    }

    /// A connection that can take a request now.
    pub(super) async fn connect(&self, context: &Context, fresh: bool) -> io::Result<Upstream> {
        while !fresh && let Some(mut sender) = self.idle.take() {
            if sender.ready().await.is_ok() {
                return Ok(Upstream { sender, used: true });
            }
        }
        let stream = context.connect(self.node).await?;
        let mut sender = self.shake_hands(stream, context).await.map_err(io::Error::other)?;
        sender.ready().await.map_err(io::Error::other)?;
        Ok(Upstream { sender, used: false })
    }

    async fn shake_hands(
        &self,
        stream: Stream,
        context: &Context,
    ) -> hyper::Result<SendRequest<Upload>> {
        let (sender, connection) = http1::Builder::new()
            .title_case_headers(true)
            .max_buf_size(UPSTREAM_BUFFER)
            .max_header_size(HEAD_MAX)
            .handshake(HyperIo::new(stream, Arc::default()))
            .await?;
        let (idle, stopping) = (self.idle.clone(), context.clone());
        context.tasks.spawn(context.node, async move {
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                biased;
                // An error is told to whoever waits for an answer.
                _ = &mut connection => return,
                () = stopping.stopping() => {}
            }
            // Those that are idle end with their senders; one that is answering is let finish.
            idle.retain(|_| false);
            let _ = connection.await;
        });
        Ok(sender)
    }

    /// Keeps a connection whose answer has been read for the next request.
    pub(super) fn keep(&self, upstream: Upstream, context: &Context) {
        self.idle.retain(|sender| !sender.is_closed());
        self.idle.keep(upstream.sender, context);
    }
}
