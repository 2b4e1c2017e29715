//! Files that are there whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes `bytes` beside `path` and then puts them in its place.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_by(path, |out| out.write_all(bytes))
}

/// The same with what `write` writes, bit by bit.
pub(super) fn write_by<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> io::Result<T> {
    write_with(path, OpenOptions::new().write(true).create(true).truncate(true), write)
}

/// The same for what nobody else may read.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that is there already may be open to others, or somebody else's.
    let options = &mut OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    write_with(path, options, |out| out.write_all(bytes))
}

fn write_with<T>(
    path: &Path,
    options: &OpenOptions,
    write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> io::Result<T> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = Path::new(&beside);
    let written = options.open(beside).and_then(|file| {
        let mut out = BufWriter::new(file);
        let written = write(&mut out)?;
        out.flush()?;
        Ok(written)
    });
    let placed = written.and_then(|written| fs::rename(beside, path).map(|()| written));
    if placed.is_err() {
        let _ = fs::remove_file(beside);
    }
    placed
}
