//! What goes wrong, as Toxiproxy's clients know it.

use std::io;

use http::StatusCode;
use serde_json::{Value, json};

/// A status and a text: `{"error": ..., "status": ...}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

impl ApiError {
    fn new(status: StatusCode, text: impl Into<String>) -> ApiError {
        ApiError { status, text: text.into() }
    }

    /// The body is not what it has to be.
    pub(super) fn bad_body(why: impl std::fmt::Display) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, format!("bad request body: {why}"))
    }

    /// `name`, `upstream`, or these `at proxy 2`.
    pub(super) fn missing(field: impl std::fmt::Display) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, format!("missing required field: {field}"))
    }

    pub(super) fn invalid_type() -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid toxic type")
    }

    pub(super) fn invalid_stream() -> ApiError {
        let text = "stream was invalid, can be either upstream or downstream";
        ApiError::new(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn no_proxy() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "proxy not found")
    }

    pub(super) fn no_toxic() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "toxic not found")
    }

    pub(super) fn proxy_exists() -> ApiError {
        ApiError::new(StatusCode::CONFLICT, "proxy already exists")
    }

    pub(super) fn toxic_exists() -> ApiError {
        ApiError::new(StatusCode::CONFLICT, "toxic already exists")
    }

    /// Anything that has no status of its own.
    pub(super) fn other(text: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    }

    /// A port could not be opened.
    pub(super) fn listen(address: &str, error: &io::Error) -> ApiError {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => "bind: address already in use".to_owned(),
            io::ErrorKind::PermissionDenied => "bind: permission denied".to_owned(),
            _ => error.to_string(),
        };
        ApiError::other(format!("listen tcp {address}: {why}"))
    }

    /// The body that tells it.
    pub(super) fn body(&self) -> Value {
        json!({ "error": self.text, "status": self.status.as_u16() })
    }
}
