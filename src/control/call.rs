//! The other end of the control API: how a command reaches a run that is up.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http_body_util::{BodyExt as _, Full, Limited};

use super::api;
use crate::base::{Diagnostics, Value};
use crate::net::{Conduits, HyperIo, Net, block_on_real};

pub use http::Method;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// Where a control API is, and what opens it.
#[derive(Clone)]
pub struct Access {
    /// Its address.
    pub address: SocketAddr,
    /// Its token.
    pub token: String,
}

impl fmt::Debug for Access {
    /// Without the token, which is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access({})", self.address)
    }
}

/// Why a call did not come to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// The run could not be reached, or did not answer.
    Io(io::Error),
    /// It said no, in a sentence.
    Refused(String),
    /// It found errors in the text of a fault.
    Fault(Diagnostics),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Io(error) => write!(f, "the run does not answer: {error}"),
            CallError::Refused(text) => f.write_str(text),
            CallError::Fault(diagnostics) => diagnostics.fmt(f),
        }
    }
}

impl std::error::Error for CallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CallError::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// Asks a run that is up, and waits for its answer. `fault` is the text that errors have places in.
///
/// # Errors
/// [`CallError`].
pub fn call(
    access: &Access,
    method: &Method,
    path: &[&str],
    body: Option<&Value>,
    fault: &str,
) -> Result<Value, CallError> {
    let target: String = path.iter().map(|part| format!("/{}", encoded(part))).collect();
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header(HOST, access.address.to_string())
        .header(AUTHORIZATION, format!("Bearer {}", access.token))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::<Bytes>::from(body))
        .map_err(|error| CallError::Io(io::Error::other(error)))?;
    let address = access.address;
    let answered = block_on_real(1, |net, clock| async move {
        clock.timeout(PATIENCE, ask(&net, address, request)).await
    });
    let answered = answered.map_err(CallError::Io)?;
    let (ok, value) = answered
        .map_err(|_| CallError::Io(io::ErrorKind::TimedOut.into()))?
        .map_err(CallError::Io)?;
    if ok {
        return Ok(value);
    }
    let told: Vec<api::Told> =
        serde_json::from_value(value["diagnostics"].clone()).unwrap_or_default();
    if told.is_empty() {
        let text = value["error"].as_str().unwrap_or("the run said no and did not say why");
        return Err(CallError::Refused(text.to_owned()));
    }
    Err(CallError::Fault(api::diagnostics(fault, told)))
}

/// One request, one answer: whether it is a good one, and what it holds.
async fn ask(
    net: &Net,
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> io::Result<(bool, Value)> {
    let stream = net.dial()?.connect(address, Conduits::direct()).await?;
    let io = HyperIo::new(stream, Arc::default());
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(io).await.map_err(io::Error::other)?;
    let exchange = async {
        let reply = sender.send_request(request).await.map_err(io::Error::other)?;
        let ok = reply.status().is_success();
        let body = Limited::new(reply.into_body(), ANSWER_MAX).collect().await;
        let body = body.map_err(io::Error::other)?.to_bytes();
        let value = serde_json::from_slice(&body).map_err(io::Error::other)?;
        Ok((ok, value))
    };
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        biased;
        answered = &mut exchange => answered,
        // Whatever ends the connection is told to the exchange.
        _ = connection => exchange.await,
    }
}

/// A part of a path, with everything that could end it or mean something else behind a percent sign.
fn encoded(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
