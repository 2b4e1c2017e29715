//! Ctrl-C and its kin, in both worlds: a thread of its own waits for them, so that a virtual world
//! without an I/O driver can be stopped as well as a real one.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::tty;
use crate::run::Interrupt;

/// Says when the program is to stop. Cheap to clone.
#[derive(Clone)]
pub(super) struct Stop {
    token: CancellationToken,
    signal: Arc<AtomicU8>,
    /// Disconnected once signals are listened for.
    listening: Arc<Mutex<Receiver<()>>>,
}

const SIGHUP: u8 = 1;
const SIGINT: u8 = 2;
const SIGTERM: u8 = 15;

/// Whether the process ignores a signal, because whoever started it wished so. Known on Linux.
fn is_ignored(signal: u8) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

impl Stop {
    /// Listens for SIGINT, SIGTERM and SIGHUP from now on. The first asks everything to end in order; a
    /// second ends the process at once. A SIGHUP that is ignored, as under nohup, stays so.
    pub(super) fn on_signals() -> Stop {
        let (ready, listening) = channel();
        let stop = Stop {
            token: CancellationToken::new(),
            signal: Arc::default(),
            listening: Arc::new(Mutex::new(listening)),
        };
        let told = stop.clone();
        // Without the thread signals do what they do to any program: they end it.
        let _ = std::thread::Builder::new()
            .name("looplab-signals".into())
            .spawn(move || told.listen(ready));
        stop
    }

    fn listen(&self, ready: Sender<()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let Ok(runtime) = runtime else { return };
        // To be asked before there is a handler.
        let heeds_hangup = !is_ignored(SIGHUP);
        runtime.block_on(async {
            let [Ok(mut hangup), Ok(mut interrupt), Ok(mut terminate)] =
                [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()]
                    .map(signal)
            else {
                return;
            };
            drop(ready);
            loop {
                let number = tokio::select! {
                    biased;
                    _ = interrupt.recv() => SIGINT,
                    _ = terminate.recv() => SIGTERM,
                    _ = hangup.recv(), if heeds_hangup => SIGHUP,
                };
                if self.token.is_cancelled() {
                    tty::restore();
                    std::process::exit(i32::from(Exit::Signal(number).code()));
                }
                self.signal.store(number, Ordering::Relaxed);
                self.token.cancel();
            }
        });
    }

    /// Asks everything to end, as a signal would.
    pub(super) fn ask(&self) {
        self.token.cancel();
    }

    /// True once it was asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Cancelled once it is asked for.
    pub(super) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Waits until signals are listened for: before the first file is written that one of them could
    /// leave behind half.
    pub(super) fn listens(&self) {
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = listening.recv();
    }

    /// Completes when it is asked for. From here on signals are listened for.
    pub(super) fn interrupt(&self) -> Interrupt {
        self.listens();
        Box::pin(self.token.clone().cancelled_owned())
    }

    /// How a run that was stopped exits.
    pub(super) fn exit(&self) -> Exit {
        match self.signal.load(Ordering::Relaxed) {
            0 | SIGINT => Exit::Interrupted,
            number => Exit::Signal(number),
        }
    }
}
