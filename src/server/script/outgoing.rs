//! What a script asks redis and http servers.
//!
//! A connection carries one call at a time and is kept for the next one. A call is never sent twice: whether
//! a kept connection still lives is looked at before, not tried, and what breaks under a request has failed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ::http::{Method, Request as Http, Uri};
use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use tokio::sync::Semaphore;

use super::acts::duration;
use super::engine::{CALL_TIMEOUT, Engine, lock};
use super::reply::{list, of_frame, response};
use crate::base::NodeId;
use crate::base::diagnostic::nearest;
use crate::base::units::show_duration;
use crate::call::http::{self, Stale};
use crate::call::{Failure, FailureKind, target};
use crate::protocol::resp::{Frame, encode_command};
use crate::scenario::model::ServerKind;
use crate::script::{Answer, HttpRequest};
use crate::server::idle::Idle;
use crate::server::redis_way::{NoReply, RedisWay};

/// The most connections of one script to one server at once; further calls wait for one.
const OPEN_MAX: usize = 1_000;

/// The longest body of a response and the longest reply of a redis server, in bytes: 16 MiB.
const REPLY_BYTES_MAX: usize = 16 << 20;

/// The ways to all servers that were asked so far.
#[derive(Default)]
pub(super) struct Outgoing {
    ways: Mutex<BTreeMap<NodeId, Arc<Way>>>,
}

/// The way to one server.
struct Way {
    node: NodeId,
    name: String,
    /// Its address, as HTTP wants it.
    host: HeaderValue,
    places: Semaphore,
    redis: RedisWay,
    http: Idle<http::Connection>,
}

/// Why there is no answer.
pub(super) struct No {
    kind: &'static str,
    text: String,
}

impl No {
    pub(super) fn unreachable(text: impl Into<String>) -> No {
        No { kind: "unreachable", text: text.into() }
    }

    fn malformed(text: impl Into<String>) -> No {
        No { kind: "malformed", text: text.into() }
    }

    fn said(error: &[u8]) -> No {
        No { kind: "error", text: String::from_utf8_lossy(error).into_owned() }
    }
}

impl From<Failure> for No {
    fn from(failure: Failure) -> No {
        let kind = match failure.kind {
            // To a script it is all the same how a connection broke.
            FailureKind::Closed => FailureKind::Reset,
            kind => kind,
        };
        No { kind: kind.as_str(), text: failure.message }
    }
}

impl From<NoReply> for No {
    fn from(why: NoReply) -> No {
        match why {
            NoReply::Unconnected(failure) | NoReply::Broken(failure) => failure.into(),
            NoReply::Unauthorized(error) => No::said(&error),
        }
    }
}

impl From<No> for Answer {
    fn from(no: No) -> Answer {
        Answer::Failed { kind: no.kind, text: no.text, code: None }
    }
}

impl Engine {
    /// Sends one command to a redis server.
    pub(super) async fn ask_redis(
        &self,
        server: &str,
        words: &[Vec<u8>],
        timeout_ms: Option<f64>,
    ) -> Answer {
        let asked = async {
            let way = self.way_to(server)?;
            let _place = way.places.acquire().await;
            let frame = way.redis.call(words, &self.context).await?;
            match frame.error() {
                Some(error) => Err(No::said(error)),
                None => Ok(Answer::Datum(of_frame(&frame, words))),
            }
        };
        self.within(timeout_ms, asked).await
    }

    /// Sends several commands to a redis server, of which either all are executed, at once, or none.
    pub(super) async fn ask_transaction(
        &self,
        server: &str,
        commands: &[Vec<Vec<u8>>],
        timeout_ms: Option<f64>,
    ) -> Answer {
        let mut out = BytesMut::new();
        encode_command(&["MULTI"], &mut out);
        commands.iter().for_each(|words| encode_command(words, &mut out));
        encode_command(&["EXEC"], &mut out);
        let asked = async {
            let way = self.way_to(server)?;
            let _place = way.places.acquire().await;
            let mut frames = way.redis.ask(&out, commands.len() + 2, &self.context).await?;
            let executed = frames.pop().unwrap_or(Frame::Null);
            // What was refused before says why; EXEC says only that something was.
            let refused = frames.iter().chain([&executed]).find_map(Frame::error);
            match (refused, &executed) {
                (Some(error), _) => Err(No::said(error)),
                (None, Frame::Array(items)) => Ok(Answer::Datum(Some(list(items, commands)))),
                (None, _) => Ok(Answer::Datum(None)),
            }
        };
        self.within(timeout_ms, asked).await
    }

    /// Sends an HTTP request.
    pub(super) async fn ask_http(&self, request: HttpRequest) -> Answer {
        let timeout_ms = request.timeout_ms;
        self.within(timeout_ms, self.http(request)).await
    }

    /// Gives up when the time is over.
    pub(super) async fn within(
        &self,
        timeout_ms: Option<f64>,
        asked: impl Future<Output = Result<Answer, No>>,
    ) -> Answer {
        let limit = timeout_ms.map_or(CALL_TIMEOUT, duration);
        if limit == Duration::MAX {
            return asked.await.unwrap_or_else(Answer::from);
        }
        let answer = self.context.clock.timeout(limit, asked).await;
        let late = |_| {
            let text = format!("no reply within {}", show_duration(limit));
            Err(No { kind: "timeout", text })
        };
        answer.unwrap_or_else(late).unwrap_or_else(Answer::from)
    }

    async fn http(&self, asked: HttpRequest) -> Result<Answer, No> {
        let (way, path) = match &asked.server {
            Some(server) => (self.way_to(server)?, asked.url.as_str()),
            None => self.way_of(&asked.url)?,
        };
        let request = request(&way, path, &asked)?;
        let _place = way.places.acquire().await;
        let mut connection = match way.kept_http().await {
            Some(connection) => connection,
            None => self.connect_http(&way).await?,
        };
        let exchanged = match connection.exchange(request.clone()).await {
            // Not a byte of it has left.
            Err(broken) if broken.stale == Stale::Certainly => {
                connection = self.connect_http(&way).await?;
                connection.exchange(request).await
            }
            exchanged => exchanged,
        };
        let (parts, body) = exchanged.map_err(|broken| broken.error)?;
        if connection.settle() == http::Idle::Usable {
            way.http.keep(connection, &self.context);
        }
        Ok(Answer::Datum(Some(response(parts.status.as_u16(), &parts.headers, &body))))
    }

    async fn connect_http(&self, way: &Way) -> Result<http::Connection, No> {
        let stream = self.context.connect(way.node).await;
        let stream = stream.map_err(|error| Failure::dialling(&error))?;
        Ok(http::Connection::new(stream, REPLY_BYTES_MAX).await?)
    }

    /// The way to the server of that name.
    fn way_to(&self, name: &str) -> Result<Arc<Way>, No> {
        let node = self.plan.server_named(name);
        let node = node.ok_or_else(|| No::unreachable(format!("no server is called `{name}`")))?;
        let mut ways = lock(&self.outgoing.ways);
        if let Some(way) = ways.get(&node) {
            return Ok(way.clone());
        }
        let address = self.context.vars.lookup(&format!("{name}.address"));
        let address = address.as_ref().and_then(|address| address.as_str()).unwrap_or(name);
        let host = HeaderValue::from_str(address)
            .map_err(|_| No::unreachable(format!("`{address}` is no address")))?;
        let password = match self.plan.server(node).map(|server| &server.kind) {
            Some(ServerKind::Redis(redis)) => redis.password.clone(),
            _ => None,
        };
        let way = Arc::new(Way {
            node,
            name: name.to_owned(),
            host,
            places: Semaphore::new(OPEN_MAX),
            redis: RedisWay::new(node, password, REPLY_BYTES_MAX),
            http: Idle::default(),
        });
        ways.insert(node, way.clone());
        Ok(way)
    }

    /// The way to the server that a URL names, and what to ask for there.
    fn way_of<'u>(&self, url: &'u str) -> Result<(Arc<Way>, &'u str), No> {
        let Some(rest) = url.strip_prefix("http://") else {
            let scheme = url.split("://").next().unwrap_or_default();
            let what = "only servers of the scenario can be reached, by `http://`";
            return Err(No::unreachable(format!("{what}, not `{scheme}://`")));
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let name = self.named_by(host)?;
        let way = self.way_to(name)?;
        match self.plan.server(way.node).map(|server| &server.kind) {
            Some(ServerKind::Closed | ServerKind::Silent) => {}
            Some(kind) => {
                let speaks = crate::plan::protocol_of(kind).as_str();
                if speaks != "http" {
                    let name = &way.name;
                    return Err(No::unreachable(format!("`{name}` speaks {speaks}, not http")));
                }
            }
            None => {}
        }
        Ok((way, path))
    }

    /// The name of the server at `host`, which is that name or its address.
    fn named_by(&self, host: &str) -> Result<&str, No> {
        let servers = || self.plan.servers.iter().map(|server| server.name.value.as_str());
        let port = host.strip_prefix("localhost:");
        let local = port.map(|port| format!("127.0.0.1:{port}"));
        let at = |name: &&str| {
            let address = self.context.vars.lookup(&format!("{name}.address"));
            address.as_ref().and_then(|address| address.as_str())
                == Some(local.as_deref().unwrap_or(host))
        };
        let found = servers().find(|name| *name == host).or_else(|| servers().find(at));
        found.ok_or_else(|| {
            let what = format!("only servers of the scenario can be reached, and `{host}` is none");
            No::unreachable(match nearest(host, servers()) {
                Some(near) => format!("{what}; did you mean `http://{near}`?"),
                None => what,
            })
        })
    }
}

impl Way {
    /// A kept connection on which nothing has happened since.
    async fn kept_http(&self) -> Option<http::Connection> {
        loop {
            let mut connection = self.http.take()?;
            if connection.idle().await == http::Idle::Usable {
                return Some(connection);
            }
        }
    }
}

/// The request as it is sent.
fn request(way: &Way, path: &str, asked: &HttpRequest) -> Result<Http<Full<Bytes>>, No> {
    let method = Method::from_bytes(asked.method.as_bytes())
        .map_err(|_| No::malformed(format!("`{}` is no method", asked.method)))?;
    let path = path.split('#').next().unwrap_or_default();
    let path = match path.as_bytes().first() {
        Some(b'/') => path.to_owned(),
        _ => format!("/{path}"),
    };
    let mut path = target::escape_target(&path).into_owned();
    for (name, value) in &asked.query {
        target::push_query(&mut path, name, value);
    }
    let uri = Uri::try_from(path).map_err(|error| No::malformed(error.to_string()))?;
    let body = asked.body.clone().map(Bytes::from).unwrap_or_default();
    let mut request = http::request(method, uri, way.host.clone(), (body, None));
    if let Some(kind) = asked.kind {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    add_headers(&asked.headers, request.headers_mut())?;
    Ok(request)
}

fn add_headers(given: &[(String, String)], headers: &mut HeaderMap) -> Result<(), No> {
    for (name, value) in given {
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| No::malformed(format!("`{name}` is no name of a header")))?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            let what = "a header holds neither line breaks nor control bytes";
            No::malformed(format!("{what}: `{name}`"))
        })?;
        headers.insert(header, value);
    }
    Ok(())
}
