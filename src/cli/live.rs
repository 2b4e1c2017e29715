//! A run told while it happens.
//!
//! ```text
//! recorder -> Live (under its lock: words, counts) -> queue -> a thread that prints -> stdout
//!                                                              and keeps the progress line
//! ```
//!
//! A terminal may be slow, or stopped with Ctrl-S, or a pager that nobody scrolls: none of that may hold
//! up the run, which has timeouts of its own. So lines go through a queue of at most [`QUEUE_MAX`]
//! pieces; what finds it full is counted, and its count printed. Folding keeps what is told of a run far
//! below that.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::exit::Failure;
use super::screen;
use super::signals::Stop;
use crate::base::Time;
use crate::net::Stopwatch;
use crate::render::terminal::{Progress, Style, Teller};
use crate::trace::{Event, Observer};

/// The most pieces of text that wait to be printed.
const QUEUE_MAX: usize = 4_096;

/// How often the progress line is drawn.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// How long what is told waits for the addresses of servers: programs may take a while to start, and what
/// they write then is worth reading.
const OPENS_WITHIN: Duration = Duration::from_secs(1);

/// How long a run must take before it has one.
const PROGRESS_AFTER: Duration = Duration::from_millis(600);

/// Tells a run to a screen; an observer of its recorder. Cheap to clone.
#[derive(Clone)]
pub(super) struct Live {
    shared: Arc<Shared>,
    queue: SyncSender<Say>,
    buffer: String,
    direct: bool,
}

/// The thread that prints.
pub(super) struct Printer {
    thread: JoinHandle<()>,
    queue: SyncSender<Say>,
    shared: Arc<Shared>,
}

enum Say {
    Text(String),
    End,
}

struct Shared {
    teller: Mutex<Teller>,
    messages: AtomicU64,
    failures: AtomicU64,
    at_nanos: AtomicU64,
    unprinted: AtomicU64,
    broken: AtomicBool,
    failed: Mutex<Option<Failure>>,
    /// What was told before [`Live::open`]; `None` afterwards, or if it took too long.
    early: Mutex<Option<String>>,
}

/// What the printing thread is to do besides printing.
pub(super) struct Printing {
    /// How the progress line looks; `None` for none.
    pub(super) progress: Option<Style>,
    /// Whether the run's clock is another than the one on the wall.
    pub(super) virtual_time: bool,
    /// Asked to stop if nobody reads any more; `None` lets the run go on unread.
    pub(super) stop: Option<Stop>,
    /// Whether what is told waits for [`Live::open`], for a while.
    pub(super) opens: bool,
    /// Whether [`Live::say`] prints by itself, because another thread prints what happens.
    pub(super) direct: bool,
}

/// Begins to tell a run.
pub(super) fn tell(teller: Teller, printing: Printing) -> (Live, Printer) {
    let (queue, said) = sync_channel(QUEUE_MAX);
    let shared = Arc::new(Shared::new(teller, printing.opens && !printing.direct));
    let (prints, direct) = (shared.clone(), printing.direct);
    let thread = std::thread::spawn(move || print_all(&prints, &said, &printing));
    let live = Live { shared: shared.clone(), queue: queue.clone(), buffer: String::new(), direct };
    (live, Printer { thread, queue, shared })
}

impl Shared {
    fn new(teller: Teller, opens: bool) -> Shared {
        Shared {
            teller: Mutex::new(teller),
            messages: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            at_nanos: AtomicU64::new(0),
            unprinted: AtomicU64::new(0),
            broken: AtomicBool::new(false),
            failed: Mutex::new(None),
            early: Mutex::new(opens.then(String::new)),
        }
    }

    fn teller(&self) -> MutexGuard<'_, Teller> {
        self.teller.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn early(&self) -> MutexGuard<'_, Option<String>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Prints a text between what is told of events.
    pub(super) fn say(&self, text: String) {
        if self.direct {
            let _ = screen::print(&text);
        } else {
            let _ = self.queue.send(Say::Text(text));
        }
    }

    /// Prints what stands above all that is told of events: where the servers are. Programs that start may
    /// have written before; that comes behind it, unless it has waited for too long.
    pub(super) fn open(&self, text: String) {
        let early = self.shared.early().take();
        self.say(text + &early.unwrap_or_default());
    }
}

impl Observer for Live {
    fn event(&mut self, event: &Event) {
        let mut teller = self.shared.teller();
        teller.event(event, &mut self.buffer);
        self.shared.messages.store(teller.tally().messages(), Ordering::Relaxed);
        self.shared.failures.store(teller.tally().failures(), Ordering::Relaxed);
        self.shared.at_nanos.store(event.at.as_nanos(), Ordering::Relaxed);
        drop(teller);
        if self.buffer.is_empty() {
            return;
        }
        if let Some(early) = self.shared.early().as_mut() {
            early.push_str(&std::mem::take(&mut self.buffer));
            return;
        }
        let lines = self.buffer.lines().count() as u64;
        if self.queue.try_send(Say::Text(std::mem::take(&mut self.buffer))).is_err() {
            self.shared.unprinted.fetch_add(lines, Ordering::Relaxed);
        }
    }
}

impl Printer {
    /// Prints what is left, and then what `closing` makes of the teller.
    ///
    /// # Errors
    /// If standard output could not be written; that nobody reads it is no error here.
    pub(super) fn end(self, closing: impl FnOnce(&Teller, &mut String)) -> Result<(), Failure> {
        let mut text = self.shared.early().take().unwrap_or_default();
        let mut teller = self.shared.teller();
        teller.finish(&mut text);
        closing(&teller, &mut text);
        drop(teller);
        let _ = self.queue.send(Say::Text(text));
        let _ = self.queue.send(Say::End);
        let _ = self.thread.join();
        let failed = self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed.map_or(Ok(()), Err)
    }
}

/// The loop of the printing thread.
fn print_all(shared: &Shared, said: &Receiver<Say>, printing: &Printing) {
    let mut progress = Ticker::new(printing);
    loop {
        match said.recv_timeout(PROGRESS_EVERY) {
            Ok(Say::Text(text)) => {
                let erased = progress.erased();
                let missed = match shared.unprinted.swap(0, Ordering::Relaxed) {
                    0 => String::new(),
                    lines => format!("  ({lines} lines came too fast to be printed)\n"),
                };
                write(shared, printing, &format!("{erased}{text}{missed}"));
            }
            Ok(Say::End) | Err(RecvTimeoutError::Disconnected) => {
                write(shared, printing, progress.erased());
                return;
            }
            Err(RecvTimeoutError::Timeout) => {
                if printing.stop.is_some() && nobody_reads() {
                    give_up(shared, printing);
                }
                if progress.watch.elapsed() > OPENS_WITHIN
                    && let Some(early) = shared.early().take()
                {
                    write(shared, printing, &format!("{}{early}", progress.erased()));
                }
                if let Some(line) = progress.tick(shared, printing) {
                    write(shared, printing, &line);
                }
            }
        }
    }
}

fn write(shared: &Shared, printing: &Printing, text: &str) {
    if text.is_empty() || shared.broken.load(Ordering::Relaxed) {
        return;
    }
    let mut out = io::stdout().lock();
    let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) else { return };
    give_up(shared, printing);
    match screen::output_failure(&error) {
        Failure::BrokenPipe => {}
        failure => {
            *shared.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        }
    }
}

/// Prints no more.
fn give_up(shared: &Shared, printing: &Printing) {
    shared.broken.store(true, Ordering::Relaxed);
    if let Some(stop) = &printing.stop {
        stop.ask();
    }
}

/// Whether standard output is a pipe that nobody holds the other end of. The last line may have gone
/// into it while somebody still did, and there may never be another one to find it out by.
fn nobody_reads() -> bool {
    let out = io::stdout();
    let mut fds = [PollFd::new(&out, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&at_once)).is_ok() && fds[0].revents().contains(PollFlags::ERR)
}

/// Draws the progress line, and takes it away before anything else is printed.
struct Ticker {
    drawn: bool,
    watch: Stopwatch,
    /// When it was last drawn, and how many messages there were.
    last: (Duration, u64),
    enabled: bool,
}

impl Ticker {
    fn new(printing: &Printing) -> Ticker {
        let enabled = printing.progress.is_some() && io::stdout().is_terminal();
        Ticker { drawn: false, watch: Stopwatch::start(), last: (Duration::ZERO, 0), enabled }
    }

    fn erased(&mut self) -> &'static str {
        if std::mem::take(&mut self.drawn) { "\r\x1b[K" } else { "" }
    }

    fn tick(&mut self, shared: &Shared, printing: &Printing) -> Option<String> {
        let style = printing.progress.filter(|_| self.enabled)?;
        let elapsed = self.watch.elapsed();
        if elapsed < PROGRESS_AFTER {
            return None;
        }
        let messages = shared.messages.load(Ordering::Relaxed);
        let lately = (messages.saturating_sub(self.last.1), elapsed.saturating_sub(self.last.0));
        self.last = (elapsed, messages);
        let at = Time::from_nanos(shared.at_nanos.load(Ordering::Relaxed));
        let progress = Progress {
            messages,
            failures: shared.failures.load(Ordering::Relaxed),
            elapsed,
            lately,
            virtual_time: printing.virtual_time.then_some(at),
        };
        self.drawn = true;
        Some(format!("\r{}\x1b[K", progress.line(style)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, Plan};
    use crate::render::terminal::{Folding, Form, Telling};
    use crate::trace::{EventKind, Level};

    /// What is told goes into the queue, and nobody prints it.
    fn unprinted() -> (Live, Receiver<Say>) {
        let text = "looplab: 1\nservers: { app: { type: echo } }\n";
        let plan = Plan::parse("a.yaml", text.as_bytes(), None, Overrides::default()).unwrap();
        let style = Style { color: false, ascii: true, width: 80 };
        let telling = Telling::new(style, Form::Diagram, Folding::Bounded);
        let teller = super::super::run::teller(&plan, telling);
        let (queue, said) = sync_channel(QUEUE_MAX);
        let shared = Arc::new(Shared::new(teller, true));
        (Live { shared, queue, buffer: String::new(), direct: false }, said)
    }

    fn writes(live: &mut Live, text: &str) {
        let kind = EventKind::Log { node: None, level: Level::Warn, text: text.into() };
        live.event(&Event { at: Time::ZERO, kind });
    }

    fn printed(said: &Receiver<Say>) -> String {
        let text = |say| match say {
            Say::Text(text) => text,
            Say::End => String::new(),
        };
        said.try_iter().map(text).collect()
    }

    #[test]
    fn what_programs_write_while_they_start_stands_behind_the_addresses() {
        let (mut live, said) = unprinted();
        writes(&mut live, "starting");
        assert_eq!(printed(&said), "");
        live.open("the addresses\n".into());
        writes(&mut live, "started");
        let all = printed(&said);
        let at = |text: &str| all.find(text).unwrap_or_else(|| panic!("no {text}: {all}"));
        assert!(at("the addresses") < at("starting") && at("starting") < at("started"));
    }
}
