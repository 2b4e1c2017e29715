//! Many links, many connections.

/// Not there yet.
pub fn run() {}

/// Not there yet.
pub fn links() {}
