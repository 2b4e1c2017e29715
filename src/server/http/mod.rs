//! `http`: HTTP/1.1 as a scenario scripts it, lies included.
//!
//! ```text
//! Stream -> Connection (head, body, order, time) -> Service (routes, state) -> Reply -> Stream
//!                                       |                \-> proxy -> another server
//!                                       \-> a handler in Lua
//! ```
//!
//! Between a connection and its bytes stands no library: a server that teaches what a wrong
//! `Content-Length`, a reset in place of an answer or a hanging peer does must send exactly what the
//! scenario says, and a well-behaved HTTP library exists to prevent that. Heads are parsed by
//! `httparse`. Towards the server behind a proxy nothing is ever scripted, so there `hyper` speaks.
//!
//! Nothing here is random, and no answer carries a date.

mod body;
mod build;
mod collection;
mod connection;
mod head;
mod limits;
mod proxy;
mod receive;
mod redis;
mod reply;
mod request;
mod route;
mod scripted;
mod service;
mod state;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

pub(super) use self::state::Kept;
use super::{Context, Handler, Serving, Site};
use crate::base::Diagnostic;
use crate::net::Stream;
use crate::scenario::model::HttpServer;

/// An http server.
pub(super) struct Http {
    service: service::Service,
}

impl Http {
    pub(super) fn new(
        server: &HttpServer,
        site: &Site<'_>,
        kept: Option<Kept>,
    ) -> Result<Http, Diagnostic> {
        Ok(Http { service: service::Service::new(server, site, kept)? })
    }
}

impl Handler for Http {
    fn logs_requests(&self) -> bool {
        true
    }

    fn keep(&self) -> Option<super::Kept> {
        let (http, script) = self.service.keep();
        (http.is_some() || script.is_some()).then(|| super::Kept {
            http,
            script,
            ..super::Kept::default()
        })
    }

    fn serve(self: Arc<Self>, stream: Stream, context: Context) -> Serving {
        Box::pin(async move {
            connection::Connection::new(&self.service, &context, stream).run().await;
        })
    }
}
