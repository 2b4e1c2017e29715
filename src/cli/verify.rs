//! `looplab run --verify-determinism`: the same run once more, its trace compared with the first one byte by
//! byte, while it is made.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::exit::Failure;
use super::signals::Stop;
use crate::check::Checker;
use crate::plan::Plan;
use crate::run::{self, Hooks};
use crate::trace::{Observer, Recorder, Writer};

/// How a second run compared with the first.
pub(super) enum Verified {
    /// So many lines, all of them the same.
    Same(u64),
    /// They part.
    Differs(Difference),
    /// It was interrupted.
    Interrupted,
}

/// The first line that two runs do not share. A run that ends first has none there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) line: u64,
    pub(super) first: Option<String>,
    pub(super) second: Option<String>,
}

/// Runs the plan again and compares its trace with the one at `path`.
///
/// # Errors
/// If that cannot be read, or the run cannot begin.
pub(super) fn again(plan: &Arc<Plan>, path: &Path, stop: &Stop) -> Result<Verified, Failure> {
    let file = File::open(path).map_err(|error| Failure::io("read", path, &error))?;
    let compared = Arc::new(Mutex::new(Compared::new(BufReader::new(file))));
    let checker = Checker::new(plan);
    let writer = Writer::new(&run::header(plan), Against(compared.clone()));
    let failure = writer.failure();
    let observers: Vec<Box<dyn Observer>> = vec![Box::new(writer), Box::new(checker.clone())];
    let recorder = Recorder::new(observers);
    let hooks = Hooks { interrupt: Some(stop.interrupt()), ..Hooks::default() };
    let ended = run::run(plan, &recorder, hooks)
        .map_err(|error| super::run::machine_said_no(&error, plan))?;
    if ended.interrupted {
        return Ok(Verified::Interrupted);
    }
    checker.conclude(plan, ended.at, &recorder, ended.failure.clone());
    recorder.flush();
    drop(recorder);
    if let Some(error) = failure.get() {
        return Err(Failure::io("read", path, error));
    }
    let mut compared = compared.lock().unwrap_or_else(PoisonError::into_inner);
    let difference = compared.end().map_err(|error| Failure::io("read", path, &error))?;
    Ok(match difference {
        None => Verified::Same(compared.lines),
        Some(difference) => Verified::Differs(difference),
    })
}

/// A trace that is compared with another one while it is written.
struct Compared<R> {
    first: BufReader<R>,
    /// The lines that are the same.
    lines: u64,
    /// What is written of a line that has not ended.
    pending: Vec<u8>,
    difference: Option<Difference>,
}

impl<R: Read> Compared<R> {
    fn new(first: BufReader<R>) -> Compared<R> {
        Compared { first, lines: 0, pending: Vec::new(), difference: None }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.difference.is_some() {
            return Ok(());
        }
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        for second in pending.split_inclusive(|byte| *byte == b'\n') {
            if !second.ends_with(b"\n") {
                self.pending = second.to_vec();
                break;
            }
            let first = self.line()?;
            if first.as_deref() != Some(second) {
                self.parts(first, Some(second.to_vec()));
                break;
            }
            self.lines += 1;
        }
        Ok(())
    }

    /// The second one has ended, and the first one must have, too.
    fn end(&mut self) -> io::Result<Option<Difference>> {
        if self.difference.is_none()
            && let Some(first) = self.line()?
        {
            self.parts(Some(first), None);
        }
        Ok(self.difference.clone())
    }

    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        Ok((self.first.read_until(b'\n', &mut line)? > 0).then_some(line))
    }

    fn parts(&mut self, first: Option<Vec<u8>>, second: Option<Vec<u8>>) {
        let text = |line: Vec<u8>| String::from_utf8_lossy(&line).trim_end().to_owned();
        let (first, second) = (first.map(text), second.map(text));
        self.difference = Some(Difference { line: self.lines + 1, first, second });
    }
}

/// What a writer of traces writes into.
struct Against(Arc<Mutex<Compared<File>>>);

impl Write for Against {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(first: &str, second: &[&str]) -> (u64, Option<Difference>) {
        let mut compared = Compared::new(BufReader::new(first.as_bytes()));
        second.iter().for_each(|piece| compared.write(piece.as_bytes()).unwrap());
        let difference = compared.end().unwrap();
        (compared.lines, difference)
    }

    fn parts(line: u64, first: Option<&str>, second: Option<&str>) -> Option<Difference> {
        let owned = |text: &str| text.to_owned();
        Some(Difference { line, first: first.map(owned), second: second.map(owned) })
    }

    #[test]
    fn the_first_line_that_differs_is_found_in_whatever_pieces_it_comes() {
        assert_eq!(compared("a\nb\n", &["a\nb\n"]), (2, None));
        assert_eq!(compared("a\nb\n", &["a", "\nb", "\n"]), (2, None));
        assert_eq!(compared("a\nb\nc\n", &["a\nx\n", "c\n"]), (1, parts(2, Some("b"), Some("x"))));
    }

    #[test]
    fn one_that_ends_first_differs() {
        assert_eq!(compared("a\nb\n", &["a\n"]), (1, parts(2, Some("b"), None)));
        assert_eq!(compared("a\n", &["a\nb\n"]), (1, parts(2, None, Some("b"))));
        assert_eq!(compared("", &[]), (0, None));
    }
}
