//! `proxy_to:`.

/// Where a route hands on to.
pub(super) struct Target {}
