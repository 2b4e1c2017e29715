//! `--step`: one message at a time, and then a key.
//!
//! ```text
//! run -> trace.jsonl -> Tail (waits where the file ends and the run does not) -> Teller -> screen, key
//! ```
//!
//! What is told waits for the person; the run does not. It goes on at its own pace and writes its trace,
//! and what is told is read from there. So no timeout strikes because somebody explains something, times
//! are what they were, and memory is bounded however far the telling is behind.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::exit::Failure;
use super::screen;
use super::signals::Stop;
use super::tty::{Key, Keys};
use crate::plan::Plan;
use crate::render::terminal::{DIM, Folding, Form, Style, Teller, Telling, Wanted};
use crate::scenario::model::World;
use crate::trace::{Event, EventKind, Reader, Recorder};

/// How long a wait is before it is looked whether the run was stopped, or has written more.
const PATIENCE: Duration = Duration::from_millis(50);

const PROMPT: &str = "  space: next   c: all the rest   q: quit";

/// A run that is being told step by step.
pub(super) struct Stepping {
    over: Sender<()>,
    thread: JoinHandle<Result<(), Failure>>,
}

/// Begins to tell the run whose trace is written at `path`.
///
/// # Errors
/// If the trace cannot be read, or there is no keyboard.
pub(super) fn begin(
    path: &Path,
    plan: &Plan,
    telling: Telling,
    recorder: &Recorder,
    stop: &Stop,
) -> Result<Stepping, Failure> {
    let file = File::open(path).map_err(|error| Failure::io("read", path, &error))?;
    let keys = keys()?;
    let (over, is_over) = channel();
    let tail = Tail { file, recorder: recorder.clone(), is_over, ended: false };
    let style = telling.style;
    let telling = Telling { form: Form::Diagram, folding: Folding::Never, ..telling };
    let teller = super::run::teller(plan, telling);
    let stop = stop.clone();
    let takes_its_time = plan.clock == World::Real;
    let thread = std::thread::spawn(move || {
        let mut steps = Steps { keys, style, stop, free: false };
        let reader = match Reader::new(BufReader::new(tail)) {
            Ok(reader) => reader,
            // Stopped before it began: there is nothing to tell.
            Err(_) => return Ok(()),
        };
        let quit = steps.tell(reader.map_while(Result::ok), teller, &mut Wanted::default())?;
        // In virtual time a run is over at once: were it cut short here, its verdict would depend on who is
        // faster, the machine or the person. Ctrl-C ends either.
        if quit && takes_its_time {
            steps.stop.ask();
        }
        Ok(())
    });
    Ok(Stepping { over, thread })
}

/// The keyboard.
///
/// # Errors
/// If there is none.
pub(super) fn keys() -> Result<Keys, Failure> {
    Keys::new().map_err(|error| Failure::Machine(format!("cannot read single keys: {error}")))
}

impl Stepping {
    /// The run is over: waits until all of it was told.
    ///
    /// # Errors
    /// If it could not be printed.
    pub(super) fn end(self) -> Result<(), Failure> {
        drop(self.over);
        self.thread.join().unwrap_or(Ok(()))
    }
}

/// Tells events one by one.
pub(super) struct Steps {
    pub(super) keys: Keys,
    pub(super) style: Style,
    pub(super) stop: Stop,
    /// Whether the rest is told without waiting.
    pub(super) free: bool,
}

impl Steps {
    /// Tells all events that are wanted; true if the person has had enough.
    ///
    /// # Errors
    /// If they cannot be printed.
    pub(super) fn tell(
        &mut self,
        events: impl Iterator<Item = Event>,
        mut teller: Teller,
        wanted: &mut Wanted,
    ) -> Result<bool, Failure> {
        let mut text = String::new();
        let mut paused = None;
        for event in events {
            if !wanted.wants(&event, teller.header()) {
                teller.pass(&event);
                continue;
            }
            teller.event(&event, &mut text);
            if text.is_empty() {
                continue;
            }
            screen::print(&text)?;
            text.clear();
            // What a node exposes is told with the message that changed it; if nothing else happened, by itself.
            let is_more = matches!(event.kind, EventKind::State { .. }) && paused == Some(event.at);
            if self.free || !pauses(&event) || is_more {
                continue;
            }
            paused = Some(event.at);
            match self.wait()? {
                Key::Quit => return Ok(true),
                Key::Continue => {
                    self.free = true;
                    teller.fold(Folding::Bounded);
                }
                _ => {}
            }
        }
        teller.finish(&mut text);
        screen::print(&text)?;
        Ok(false)
    }

    /// Waits for a key that means something.
    fn wait(&mut self) -> Result<Key, Failure> {
        screen::print(&self.style.paint(PROMPT, DIM))?;
        let key = loop {
            if self.stop.is_asked() {
                break Key::Quit;
            }
            match self.keys.next(PATIENCE) {
                Ok(None | Some(Key::Other)) => {}
                Ok(Some(key)) => break key,
                Err(_) => break Key::Quit,
            }
        };
        screen::print("\r\x1b[K")?;
        Ok(key)
    }
}

/// True for what a person wants to look at by itself: messages, what nodes expose, and what goes wrong.
fn pauses(event: &Event) -> bool {
    matches!(
        event.kind,
        EventKind::Message(_)
            | EventKind::Refused { .. }
            | EventKind::Reset { .. }
            | EventKind::State { .. }
            | EventKind::Step(_)
    ) || event.kind.is_trouble()
}

/// A file that somebody still writes: its end is reached only when the run is over.
struct Tail {
    file: File,
    recorder: Recorder,
    is_over: Receiver<()>,
    ended: bool,
}

impl Read for Tail {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.file.read(into)?;
            if count > 0 || self.ended {
                return Ok(count);
            }
            // What the writer holds back may be all there is to see.
            self.recorder.flush();
            let count = self.file.read(into)?;
            if count > 0 {
                return Ok(count);
            }
            if let Err(RecvTimeoutError::Disconnected) = self.is_over.recv_timeout(PATIENCE) {
                self.ended = true;
            }
        }
    }
}
