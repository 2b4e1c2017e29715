//! What the system allows the process.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the number of files and sockets that may be open to the most that is allowed: a scenario may
/// have thousands of connections, and the usual limit is 1,024. If it cannot be raised it stays.
pub(super) fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
