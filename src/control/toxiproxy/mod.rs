//! Toxiproxy's HTTP API (2.12), for its client libraries: every link of the run is a proxy.
//!
//! ```text
//! GET  POST              /proxies                  PROXY: {name, listen, upstream, enabled, toxics}
//! POST                   /populate                 a list of PROXY, their toxics included
//! GET  POST PATCH DELETE /proxies/NAME
//! GET  POST              /proxies/NAME/toxics      TOXIC: {name, type, stream, toxicity, attributes}
//! GET  POST PATCH DELETE /proxies/NAME/toxics/NAME
//! POST /reset    GET /version
//! ```
//!
//! Nothing here waits: toxics are faults, which end at once. `docs/up-and-faults.md` says where this
//! differs from the original, and why.

mod address;
mod decode;
mod error;
mod proxies;
mod proxy;
mod toxic;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use http::header::HeaderValue;
use serde_json::Value;

use super::serve::{Answering, Api, Asked, Refused, Reply, empty, reply};
use crate::run::Control;
use error::ApiError;
use proxies::{Half, Proxies};

/// The version that clients are told: that of the API which is spoken here.
const VERSION: &str = "2.12.0";

/// The header with a request's number.
const REQUEST_ID: &str = "x-toxiproxy-request-id";

/// Answers for one run.
pub(super) struct ToxiproxyApi {
    control: Control,
    proxies: Mutex<Proxies>,
    requests: AtomicU64,
}

/// A place of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    Proxies,
    Populate,
    Proxy(&'a str),
    Toxics(&'a str),
    Toxic(&'a str, &'a str),
    Reset,
    Version,
}

impl ToxiproxyApi {
    pub(super) fn new(control: Control) -> ToxiproxyApi {
        let proxies = Mutex::new(Proxies::of(control.clone()));
        ToxiproxyApi { control, proxies, requests: AtomicU64::new(0) }
    }

    fn route(&self, asked: &Asked) -> Reply {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        let Some(place) = place(&path) else {
            let text = "404 page not found\n";
            return reply(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", text);
        };
        let verb = match (asked.method.as_str(), place) {
            ("PATCH", Place::Proxy(_) | Place::Toxic(..)) => "POST",
            ("PATCH", _) => "",
            (verb, _) => verb,
        };
        let mut answer = match self.answer_at(verb, place, &asked.body) {
            None => return empty(StatusCode::METHOD_NOT_ALLOWED),
            Some(Ok(answer)) => answer,
            Some(Err(error)) => failed(&error),
        };
        self.number(&mut answer);
        answer
    }

    /// Does what is asked; `None` if nothing of the kind is done there.
    fn answer_at(
        &self,
        verb: &str,
        place: Place<'_>,
        body: &[u8],
    ) -> Option<Result<Reply, ApiError>> {
        let mut proxies = self.lock();
        let none = || empty(StatusCode::NO_CONTENT);
        let ok = |value: Value| told(StatusCode::OK, &value);
        let created = |value: Value| told(StatusCode::CREATED, &value);
        Some(match (verb, place) {
            ("GET", Place::Proxies) => Ok(ok(proxies.json())),
            ("POST", Place::Proxies) => proxies.create(body).map(created),
            ("POST", Place::Populate) => match proxies.populate(body) {
                Ok(value) => Ok(created(value)),
                Err(half) => Ok(half_done(half)),
            },
            ("GET", Place::Proxy(name)) => proxies.get(name).map(|proxy| ok(proxy.json())),
            ("POST", Place::Proxy(name)) => proxies.update(name, body).map(ok),
            ("DELETE", Place::Proxy(name)) => proxies.delete(name).map(|()| none()),
            ("GET", Place::Toxics(name)) => proxies.get(name).map(|proxy| ok(proxy.toxics_json())),
            ("POST", Place::Toxics(name)) => proxies.add_toxic(name, body).map(ok),
            ("GET", Place::Toxic(name, toxic)) => {
                let found = proxies.get(name).and_then(|proxy| proxy.toxic(toxic));
                found.map(|toxic| ok(toxic.json()))
            }
            ("POST", Place::Toxic(name, toxic)) => proxies.update_toxic(name, toxic, body).map(ok),
            ("DELETE", Place::Toxic(name, toxic)) => {
                proxies.remove_toxic(name, toxic).map(|()| none())
            }
            ("POST", Place::Reset) => proxies.reset().map(|()| none()),
            ("GET", Place::Version) => {
                let text = format!("{{\"version\": \"{VERSION}\"}}\n");
                Ok(reply(StatusCode::OK, "application/json;charset=utf-8", text))
            }
            _ => return None,
        })
    }

    /// Says which request it was.
    fn number(&self, answer: &mut Reply) {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        if let Ok(value) = HeaderValue::try_from(format!("{number:020}")) {
            answer.headers_mut().insert(REQUEST_ID, value);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Proxies> {
        self.proxies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place<'a>(path: &[&'a str]) -> Option<Place<'a>> {
    Some(match *path {
        ["proxies"] => Place::Proxies,
        ["populate"] => Place::Populate,
        ["proxies", name] if !name.is_empty() => Place::Proxy(name),
        ["proxies", name, "toxics"] if !name.is_empty() => Place::Toxics(name),
        ["proxies", name, "toxics", toxic] if !name.is_empty() && !toxic.is_empty() => {
            Place::Toxic(name, toxic)
        }
        ["reset"] => Place::Reset,
        ["version"] => Place::Version,
        _ => return None,
    })
}

fn told(status: StatusCode, value: &Value) -> Reply {
    reply(status, "application/json", value.to_string())
}

fn failed(error: &ApiError) -> Reply {
    reply(error.status, "text/plain; charset=utf-8", format!("{}\n", error.body()))
}

/// What was done of a populate, beside why the rest was not.
fn half_done(half: Half) -> Reply {
    let mut body = half.error.body();
    body["proxies"] = half.proxies;
    told(half.error.status, &body)
}

impl Api for ToxiproxyApi {
    fn answer(self: Arc<Self>, asked: Asked) -> Answering {
        Box::pin(async move {
            let answer = self.route(&asked);
            self.control.closed().await;
            answer
        })
    }

    fn refuse(&self, why: Refused) -> Reply {
        let plain = "text/plain; charset=utf-8";
        let mut answer = match why {
            Refused::Denied(denied) => {
                reply(StatusCode::FORBIDDEN, plain, format!("{}\n", denied.as_str()))
            }
            Refused::TooLong => failed(&ApiError::bad_body("it is too long")),
            Refused::Broken => failed(&ApiError::bad_body("unexpected EOF")),
            Refused::Timeout => {
                let page =
                    "<html><head><title>Timeout</title></head><body><h1>Timeout</h1></body></html>";
                reply(StatusCode::SERVICE_UNAVAILABLE, "text/html; charset=utf-8", page)
            }
        };
        self.number(&mut answer);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_whole_paths() {
        assert_eq!(place(&["proxies", "db", "toxics", "lag"]), Some(Place::Toxic("db", "lag")));
        let nowhere: [&[&str]; 8] = [
            &[""],
            &["metrics"],
            &["proxies", ""],
            &["proxies", "", "toxics"],
            &["proxies", "db", "toxics", ""],
            &["proxies", "db", "toxics", "lag", "x"],
            &["proxies", "db", "other"],
            &["version", ""],
        ];
        for path in nowhere {
            assert_eq!(place(path), None, "{path:?}");
        }
    }
}
